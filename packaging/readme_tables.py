"""Writes the measured tables of README.md: what the built-in encoder finds, and how well changed copies are found.

    .venv/bin/python packaging/readme_tables.py            writes them between their markers
    .venv/bin/python packaging/readme_tables.py --check    only tells, by exit code 1, whether they are true

Everything is measured on all photographs of the demo, scikit-image's and those of the test data (without the latter
nothing is written), in a library that is thrown away. Scores differ in their last digits from processor to processor,
so they are not shown, and figures in README.md that only differ by the order of photos with equal scores stay as they
are.
"""

import argparse
import io
import math
import os
import re
import statistics
import sys
import tempfile
from collections.abc import Callable, Container, Iterable, Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import samples
from PIL import Image, ImageOps

from imgfind.core import Hit, ImgfindError, IndexOptions, Library, paths
from imgfind.core.decode import decode

README = Path(__file__).resolve().parent.parent / "README.md"
MODEL = "starter"
EQUAL_SCORES = 1e-3
"""Scores that differ by less may change places on another processor (vectors are kept in float16: some 1e-4)."""


@dataclass(frozen=True, slots=True)
class Rank:
    """The place, from 1, of the first right photo; between ``best`` and ``worst`` all scores are equal to its own."""

    place: int
    best: int
    worst: int


ONE_PICTURE = "orientation/"
"""A folder of the test data that holds one picture nine times, each stored in another orientation."""


@dataclass(frozen=True, slots=True)
class Measured:
    """What was found among ``photos`` photos, which show ``pictures`` different pictures.

    For each query how many photos are right and the rank of the first of them; for each kind of change the rank of each
    photo where the copy changed so is the query.
    """

    photos: int
    pictures: int
    right: dict[str, int]
    ranks: dict[str, Rank]
    copies: dict[str, list[Rank]]


def main(arguments: Sequence[str] | None = None) -> None:
    """Bring README.md up to date, or check it."""
    parser = argparse.ArgumentParser(description="Measure what README.md says about the built-in encoder.")
    parser.add_argument("--check", action="store_true", help="change nothing; exit 1 where README.md is not true")
    options = parser.parse_args(arguments)
    text = README.read_text("utf-8")
    sample = samples.load()
    more = samples.photos_of_test_data()
    if more is None:
        sys.exit("readme_tables: The photographs of the test data are missing; set IMGFIND_TEST_DATA to their folder.")
    with tempfile.TemporaryDirectory() as folder:
        try:
            current = brought_up_to_date(text, sample, measure(sample, more, Path(folder)))
        except ImgfindError as error:
            sys.exit(f"readme_tables: {error}")
    if current == text:
        print("The tables in README.md are up to date.")
    elif options.check:
        sys.exit("readme_tables: The tables in README.md are not what was measured; write them with: make readme")
    else:
        README.write_text(current, "utf-8")
        print("The tables in README.md have been written.")


def measure(sample: samples.Samples, more: Path, folder: Path) -> Measured:
    """Index the sample photographs, copied to ``folder``, and those in ``more``; ask for them and find changed copies.

    Raises :class:`ImgfindError` where a photo that is asked for is not among them.
    """
    photos = folder / "photos"
    samples.lay_out(sample, photos)
    with Library(folder / "library") as library:
        library.index([str(photos), str(more)], IndexOptions(model=MODEL, device="cpu"))
        count = library.status().photos

        def named(hits: Sequence[Hit]) -> list[tuple[str, float]]:
            return [(name(hit.path, more), hit.score) for hit in hits]

        found = {words: named(library.search(words, count, copies=True)) for words in sample.expected}
        right = {
            words: sum(is_right(photo, sample.expected[words]) for photo, _ in hits) for words, hits in found.items()
        }
        if lacking := [words for words in right if not right[words]]:
            raise ImgfindError(f"No photo for '{lacking[0]}' is in {more}; set IMGFIND_TEST_DATA to the test data.")
        paths_found = sorted(hit.path for hit in library.search("a photo", count, copies=True))
        originals = {picture(name(path, more)): path for path in paths_found}
        copies: dict[str, list[Rank]] = {change: [] for change in CHANGES}
        for original, path in originals.items():
            for change, copy in changed_copies(path):
                copies[change].append(rank(named(library.similar(copy, count, copies=True)), [original]))
    ranks = {words: rank(hits, sample.expected[words]) for words, hits in found.items()}
    return Measured(count, len(originals), right, ranks, copies)


def name(path: str, more: Path) -> str:
    """Return how ``queries.toml`` names a photo."""
    return Path(path).relative_to(more).as_posix() if paths.is_below(path, str(more)) else os.path.basename(path)


def picture(name: str) -> str:
    """Return the same for the names of photos that show the same picture."""
    return ONE_PICTURE if is_right(name, [ONE_PICTURE]) else name


def is_right(name: str, right: Sequence[str]) -> bool:
    """Tell whether a photo is one of those looked for, which may be whole folders."""
    return any(name == one or (one.endswith("/") and name.startswith(one)) for one in right)


def rank(found: Sequence[tuple[str, float]], right: Sequence[str]) -> Rank:
    """Return the rank of the first right name among names with their scores, best first."""
    place, score = next((place, score) for place, (name, score) in enumerate(found, start=1) if is_right(name, right))
    wrong = [other for name, other in found if not is_right(name, right)]
    best = 1 + sum(other > score + EQUAL_SCORES for other in wrong)
    worst = 1 + sum(other >= score - EQUAL_SCORES for other in wrong)
    return Rank(place, best, worst)


def mean_reciprocal_rank(ranks: Iterable[int]) -> float:
    """Return the mean of 1 / rank (the measure of the TREC-8 question answering track, Voorhees 1999)."""
    return statistics.fmean(1 / place for place in ranks)


def chance(photos: int, right: int) -> float:
    """Return the expected reciprocal rank of the best of ``right`` photos in a random order of ``photos``."""
    # The first right one stands at place r where all others stand behind it.
    orders = math.comb(photos, right)
    places = range(1, photos - right + 2)
    return float(sum(Fraction(math.comb(photos - place, right - 1), place * orders) for place in places))


def mean_chance(measured: Measured, queries: Iterable[str]) -> float:
    """Return what :func:`mean_reciprocal_rank` of the queries comes to on average where photos are drawn blindly."""
    return statistics.fmean(chance(measured.photos, measured.right[words]) for words in queries)


def brought_up_to_date(text: str, sample: samples.Samples, measured: Measured) -> str:
    """Return the text of README.md with what was measured; figures that are true already are left as they are.

    Raises :class:`ImgfindError` where a marker is missing.
    """
    places = {
        words: written_or(text, words, measured.photos, rank.place, range(rank.best, rank.worst + 1))
        for words, rank in measured.ranks.items()
    }
    first = {}
    for change, ranks in measured.copies.items():
        least, found, most = (sum(getattr(rank, key) == 1 for rank in ranks) for key in ("worst", "place", "best"))
        first[change] = written_or(text, change, measured.pictures, found, range(least, most + 1))
    text = between_markers(text, "queries", queries_table(sample, measured, places))
    return between_markers(text, "copies", copies_table(first, measured.pictures))


def written_or(text: str, row: str, total: int, number: int, equal: Container[int]) -> int:
    """Return the number that stands in a row of a table where it is as good as ``number``, else ``number``."""
    found = re.search(rf"^\| {re.escape(row)} \|(?:.*\|)? (\d+) of {total}\b", text, re.MULTILINE)
    written = int(found[1]) if found else None
    return written if written is not None and written in equal else number


def queries_table(sample: samples.Samples, measured: Measured, places: dict[str, int]) -> str:
    """Return the table of the queries with the rank of each, and what they come to."""
    lines = ["| query | photo looked for | rank |", "|---|---|--:|"]
    for words, right in sample.expected.items():
        looked_for = " or ".join(
            f"any of {measured.right[words]} in {one}" if one.endswith("/") else os.path.basename(one) for one in right
        )
        lines.append(f"| {words} | {looked_for} | {places[words]} of {measured.photos} |")
    within = {limit: sum(place <= limit for place in places.values()) for limit in (1, 5, 10)}
    narrow = [words for words, right in sample.expected.items() if not any(one.endswith("/") for one in right)]
    summary = (
        f"Of {len(places)} queries {within[1]} have a right photo first, {within[5]} within the first five and"
        f" {within[10]} within the first ten. The mean reciprocal rank is"
        f" **{mean_reciprocal_rank(places.values()):.2f}**; photos in random order would give"
        f" {mean_chance(measured, places):.2f}, perfect answers 1. Without the queries for whole folders it is"
        f" {mean_reciprocal_rank(places[words] for words in narrow):.2f} against {mean_chance(measured, narrow):.2f}."
    )
    return "\n".join([*lines, "", summary])


def copies_table(first: dict[str, int], pictures: int) -> str:
    """Return the table of the changed copies, and what those with nothing cut off come to."""
    lines = ["| the query is a photo, but | the photo comes first |", "|---|--:|"]
    lines += [f"| {change} | {found} of {pictures} ({found / pictures:.1%}) |" for change, found in first.items()]
    whole = [found for change, found in first.items() if change != CUT]
    share = sum(whole) / (len(whole) * pictures)
    return "\n".join([*lines, "", f"The copies with nothing cut off together: **{share:.1%}**."])


def between_markers(text: str, name: str, table: str) -> str:
    """Return ``text`` with a table between the markers ``name``. Raises :class:`ImgfindError` where one is missing."""
    begin, end = f"<!-- {name}:begin -->", f"<!-- {name}:end -->"
    before, found_begin, rest = text.partition(begin)
    _, found_end, after = rest.partition(end)
    if not (found_begin and found_end):
        raise ImgfindError(f"README.md has no place for the table; put {begin} and {end} where it belongs.")
    return f"{before}{begin}\n{table}\n{end}{after}"


def _half_as_large(image: Image.Image) -> Image.Image:
    return image.resize((max(1, image.width // 2), max(1, image.height // 2)), Image.Resampling.LANCZOS)


def _middle(image: Image.Image) -> Image.Image:
    """Cut out the middle with half of the area."""
    edge = math.sqrt(0.5)
    left, top = round(image.width * (1 - edge) / 2), round(image.height * (1 - edge) / 2)
    return image.crop((left, top, image.width - left, image.height - top))


def _saved(image: Image.Image, image_format: str, **how: int) -> bytes:
    out = io.BytesIO()
    image.save(out, image_format, icc_profile=image.info.get("icc_profile"), **how)
    return out.getvalue()


FULL_SIZE_PX = 1_000_000
"""A short edge that no photo has, so that nothing is scaled down."""
CUT = "cut to the middle half of its area"
CHANGES: dict[str, Callable[[Image.Image], bytes]] = {
    "half as wide and high": lambda image: _saved(_half_as_large(image), "TIFF"),
    "saved again as JPEG of quality 40": lambda image: _saved(image, "JPEG", quality=40),
    "mirrored": lambda image: _saved(ImageOps.mirror(image), "TIFF"),
    CUT: lambda image: _saved(_middle(image), "TIFF"),
}
"""What is done to a photo -> the bytes of the copy; TIFF where the change itself is to be measured and nothing else."""


def changed_copies(path: str) -> Iterator[tuple[str, bytes]]:
    """Yield for each of :data:`CHANGES` its name and the copy of a photo, which is decoded once and set upright."""
    with open(path, "rb") as file:
        upright = decode(file, min_edge_px=FULL_SIZE_PX, suffix=os.path.splitext(path)[1].lower()).image
    for change, copy in CHANGES.items():
        yield change, copy(upright)


if __name__ == "__main__":
    main()
