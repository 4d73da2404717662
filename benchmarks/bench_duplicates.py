"""How well duplicates are found from files to groups, stage by stage, and beside imagededup's perceptual hash.

    python benchmarks/bench_duplicates.py [--copies 24] [--folder DIR] [--seed 1] [--no-peers] [--readme]

Libraries of real files are indexed with the built-in encoder and asked for their groups, as the window does. In each
there are photos that show different pictures, look-alikes that must not be taken for copies (:mod:`lookalikes`), and
for every ten of all these one attacked copy of a photo (:mod:`attacks`); each attack comes so many times. A pair counts
as found where the photo and its copy are in one group and either is the kept one. *Proposed* are the pairs that were
compared, *verified* those whose pixels were found to agree; the groups are what people see.

imagededup's ``PHash`` gets the same files in the same run: pairs at its default threshold, and at the one with the best
F1. Figures go to ``benchmarks/results/duplicates.json``, with plots of them where the peers can be had (see peers.py),
and table and plots to ``README.md`` and ``docs/`` where asked for.
"""

import argparse
import functools
import itertools
import json
import shutil
import sqlite3
import tempfile
import time
from collections.abc import Iterator
from contextlib import closing
from dataclasses import asdict, dataclass, field
from pathlib import Path

import attacks
import duplicates_report
import lookalikes
import numpy as np
import peers
import photo_sets
from PIL import Image

from imgfind.core import IndexOptions, Library, encode
from imgfind.core.duplicates import VERDICT_VERSION, Label
from imgfind.core.library import EncoderLoader
from imgfind.core.records import Encoder, ModelFiles

RESULTS = Path(__file__).resolve().parent / "results"
LOOKALIKES_A_KIND = 8
"""Pairs of look-alikes of each kind that every library holds."""
PHOTOS_A_COPY = 10


@dataclass(slots=True)
class Copied:
    """One attacked copy and what became of it; labels as :class:`Label` numbers them, None where there was none."""

    attack: str
    made: str
    photo: str
    path: str
    round: int
    wanted: int
    proposed: bool = False
    verified: int | None = None
    found: int | None = None
    similarity: float = 0.0
    kept_copy: bool = False


@dataclass(slots=True)
class Run:
    """All that was measured. ``false`` are pairs of a group that show different pictures, with their label."""

    photos: int = 0
    pictures: int = 0
    rounds: int = 0
    seconds: float = 0.0
    copies: list[Copied] = field(default_factory=list)
    false: list[tuple[int, str, str, int, float]] = field(default_factory=list)
    sources: dict[str, str] = field(default_factory=dict)
    peer: dict[str, str | None] = field(default_factory=dict)
    known: dict[str, list[int]] = field(default_factory=dict)


def main() -> None:
    """Measure, print a table and keep it."""
    parser = argparse.ArgumentParser(description="Measure how duplicates are found.")
    parser.add_argument("--copies", type=int, default=24, help="copies of each attack")
    parser.add_argument("--photos", type=int, default=1000, help="photos at most")
    parser.add_argument("--folder", type=Path, help="take the photos from here; no two may show the same")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--no-peers", action="store_true", help="neither imagededup nor plots")
    parser.add_argument("--readme", action="store_true", help="write the table into README.md")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        run = measured(Path(folder), options)
        if not options.no_peers:
            run.peer = peers.perceptual_hashes(Path(folder) / "files")
    RESULTS.mkdir(exist_ok=True)
    summary = duplicates_report.summary(asdict(run))
    figures = {"summary": summary, "run": asdict(run)}
    (RESULTS / "duplicates.json").write_text(json.dumps(summary, indent=1), "utf-8")
    (RESULTS / "duplicates-pairs.json").write_text(json.dumps(figures, indent=1), "utf-8")
    table = duplicates_report.table(summary)
    print(table)
    for name, *pair in run.false:
        print("false pair in round", name, *pair)
    if not options.no_peers:
        peers.plot(RESULTS / "duplicates.json", RESULTS / "duplicates.png")
    if options.readme:
        duplicates_report.write_into_readme(table)
        for file in ("duplicates.json",) if options.no_peers else ("duplicates.json", "duplicates.png"):
            shutil.copyfile(RESULTS / file, duplicates_report.README.parent / "docs" / file)


def measured(folder: Path, options: argparse.Namespace) -> Run:
    """Make the libraries and look at their groups."""
    started = time.monotonic()
    files = folder / "files"
    draw = np.random.default_rng(options.seed)
    run = Run(sources=_laid_out(files / "photos", options, draw))
    run.photos, run.pictures = len(run.sources), len(set(run.sources.values()))
    with Library(folder / "base", load_encoder=_load_once()) as library:
        library.index([str(files / "photos")], IndexOptions(model="starter", device="cpu"))
        library.duplicates.update()
    attacked = sorted(path for path in run.sources if Path(path).parent.name == "real")
    deck = [name for name in attacks.NAMES for _ in range(options.copies)]
    draw.shuffle(deck)
    a_round = min(max(1, run.photos // PHOTOS_A_COPY), len(attacked))
    for first in range(0, len(deck), a_round):
        names = deck[first : first + a_round]
        originals = draw.permutation(attacked)[: len(names)].tolist()
        copies = list(_copied(files / f"round-{run.rounds}", run, originals, names, options.seed + first))
        shutil.copytree(folder / "base", folder / "library")
        with Library(folder / "library", load_encoder=_load_once()) as library:
            library.index([str(files / f"round-{run.rounds}")])
            library.duplicates.update()
            _look_at(library, copies, run)
        shutil.rmtree(folder / "library")
        run.copies += copies
        run.rounds += 1
        print(f"\r{len(run.copies)} of {len(deck)} copies, {time.monotonic() - started:.0f} s", end="", flush=True)
    print()
    if options.folder is None:
        _look_at_known(folder / "known", run)
    run.seconds = time.monotonic() - started
    return run


@functools.cache
def _load_once() -> EncoderLoader:
    """Return a loader that loads each encoder once, however many libraries there are."""
    loaded: dict[str, Encoder] = {}

    def load(model: ModelFiles, *, device: str, threads: int) -> Encoder:
        if model.name not in loaded:
            loaded[model.name] = encode.load_encoder(model, device=device, threads=threads)
        return loaded[model.name]

    return load


def _laid_out(folder: Path, options: argparse.Namespace, draw: attacks.Draw) -> dict[str, str]:
    """Write photos and look-alikes; return what each file shows. Who served for a look-alike is no photo as well."""
    files = photo_sets.distinct() if options.folder is None else sorted(options.folder.rglob("*"))
    readable = [file for file in (files[place] for place in draw.permutation(len(files))) if _is_photo(file)]
    readable = readable[: options.photos]
    served = readable[: min(len(readable) // 5, LOOKALIKES_A_KIND * len(lookalikes.NAMES))]
    sources = {}
    for number, file in enumerate(readable[len(served) :]):
        path = folder / "real" / f"{number:05}{file.suffix.lower()}"
        path.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(file, path)
        sources[str(path)] = f"{duplicates_report.PHOTO}{number}"
    pairs = itertools.product(lookalikes.NAMES, range(LOOKALIKES_A_KIND if served else 0))
    for number, (kind, seed) in enumerate(pairs):
        photo, other = (served[place % len(served)].read_bytes() for place in (number, number + 1))
        for side, data in enumerate(lookalikes.lookalikes(photo, other, kind, options.seed + seed)):
            path = folder / kind / f"{seed}-{side}.jpg"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(data)
            sources[str(path)] = f"{kind} {seed}, {side}"
    return sources


def _is_photo(file: Path) -> bool:
    try:
        return file.is_file() and min(Image.open(file).size) >= attacks.SMALLEST_EDGE_PX
    except (OSError, ValueError, SyntaxError):
        return False


def _copied(folder: Path, run: Run, originals: list[str], names: list[str], seed: int) -> Iterator[Copied]:
    """Write a copy of each photo."""
    folder.mkdir()
    for number, (photo, name) in enumerate(zip(originals, names, strict=True)):
        copy = attacks.attacked(Path(photo).read_bytes(), name, seed + number)
        path = folder / f"{number:04}{copy.suffix}"
        path.write_bytes(copy.data)
        run.sources[str(path)] = run.sources[photo]
        yield Copied(name, copy.made, photo, str(path), run.rounds, int(copy.label))


def _look_at(library: Library, copies: list[Copied], run: Run) -> None:
    """Note what became of the copies, and pairs that show different pictures."""
    verdicts = _verdicts(library)
    together: dict[frozenset[str], tuple[int, float, str]] = {}
    for group in library.duplicates.groups():
        for member in group.members:
            pair = frozenset((group.kept.path, member.photo.path))
            together[pair] = (int(member.label), member.similarity, group.kept.path)
            if len({run.sources[path] for path in pair}) > 1:
                named = sorted(run.sources[path] for path in pair)
                run.false.append((run.rounds, *named, int(member.label), member.similarity))
    for copy in copies:
        pair = frozenset((copy.photo, copy.path))
        copy.proposed = pair in verdicts
        verified = verdicts.get(pair)
        copy.verified = None if verified == Label.SAME_SCENE else verified
        if pair in together:
            copy.found, copy.similarity, kept = together[pair]
            copy.kept_copy = kept == copy.path


def _verdicts(library: Library) -> dict[frozenset[str], int | None]:
    """Return the labels of all pairs of files that were compared."""
    with closing(sqlite3.connect(library.folder / "catalog.sqlite3")) as database:
        paths: dict[int, list[str]] = {}
        for content, path in database.execute("SELECT content_id, path FROM photos"):
            paths.setdefault(content, []).append(path.decode())
        rows = database.execute(
            "SELECT content_a, content_b, label FROM verdicts WHERE version = ?", (VERDICT_VERSION,)
        ).fetchall()
    return {
        frozenset(pair): label for a, b, label in rows for pair in itertools.product(paths.get(a, ()), paths.get(b, ()))
    }


def _look_at_known(folder: Path, run: Run) -> None:
    """Note how many copies in ``duplicates`` of the test data are beside the kept one, and how many there are."""
    sources: dict[str, tuple[str, str]] = {}
    wanted: dict[str, int] = {}
    for number, group in enumerate(photo_sets.known_groups()):
        wanted[group.kind] = wanted.get(group.kind, 0) + len(group.files) - 1
        for place, file in enumerate(group.files):
            path = folder / "files" / f"{number}-{place}{file.suffix}"
            path.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(file, path)
            sources[str(path)] = (group.kind, str(number))
    if not sources:
        return
    with Library(folder / "library", load_encoder=_load_once()) as library:
        library.index([str(folder / "files")], IndexOptions(model="starter", device="cpu"))
        library.duplicates.update()
        pairs = [(g.kept.path, m.photo.path, m) for g in library.duplicates.groups() for m in g.members]
    run.known = {kind: [0, count] for kind, count in wanted.items()}
    for kept, path, member in pairs:
        if sources[kept] == sources[path]:
            run.known[sources[path][0]][0] += 1
        else:
            run.false.append((-1, kept, path, int(member.label), member.similarity))


if __name__ == "__main__":
    main()
