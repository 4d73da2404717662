"""Shows what imgfind does: indexes photos, asks for some of them, prints the answers and draws them on a sheet.

    .venv/bin/python packaging/demo.py                     sample photographs, and $IMGFIND_TEST_DATA/photos if there
    .venv/bin/python packaging/demo.py --photos ~/Pictures your own

Everything it makes lies in ``demo/``, with a library for each choice of folders. They are kept, so a second run only
looks for what has changed.
Photos are only read, nothing is downloaded, and the answers are shown as they come.
"""

import argparse
import os
import sys
import time
import zlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import contact_sheet
import samples

from imgfind.cli import printing
from imgfind.core import Cancelled, Hit, ImgfindError, IndexSummary, Job, Library, LibraryError, Progress, paths, query
from imgfind.core.records import FileProblem

ROOT = Path(__file__).resolve().parent.parent
DEMO = ROOT / "demo"
SHEET_COLUMNS = 5
OWN_WORDS = ("people", "a building", "the sea")
"""What is asked of photos nobody here has seen."""
CHOSEN = "The questions were chosen because it can answer them{}."
"""Said of the samples; what it does with questions that were not chosen stands in README.md."""
NO_PHOTO = "There is no readable photo in {}; name a folder that holds some, as in: make demo PHOTOS=/folder"


@dataclass(frozen=True, slots=True)
class Question:
    """What to look for: words, the path of a picture, or both."""

    words: str = ""
    picture: str = ""

    @property
    def kind(self) -> str:
        """Name the way of asking."""
        return {(True, False): "words", (False, True): "a picture"}.get(
            (bool(self.words), bool(self.picture)), "a picture and words"
        )

    @property
    def text(self) -> str:
        """Return the question in the language of imgfind."""
        terms: list[query.Term] = []
        if self.picture:
            terms.append(query.ImageTerm(self.picture))
        if self.words:
            terms.append(query.TextTerm(self.words))
        return query.unparse(query.Query(tuple(terms)))


@dataclass(frozen=True, slots=True)
class Show:
    """What one run indexes and asks; ``questions`` are only known after indexing where the photos are one's own."""

    folders: list[str]
    title: str
    questions: list[Question] = field(default_factory=list)
    remark: str = ""


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the demo; exit 1 with a sentence where that is impossible."""
    parser = argparse.ArgumentParser(description="Try imgfind on sample photographs, or on your own.")
    choice = parser.add_mutually_exclusive_group()
    choice.add_argument("--photos", metavar="FOLDER", help="show your own photos instead of the samples")
    choice.add_argument("--skimage-only", action="store_true", help="leave $IMGFIND_TEST_DATA/photos out")
    parser.add_argument("--sheet", metavar="FILE", type=Path, default=DEMO / "contact-sheet.png", help="PNG or JPEG")
    options = parser.parse_args(arguments)
    printing.prepare_streams()
    try:
        with printing.flushed():
            run(
                of_own_photos(options.photos)
                if options.photos
                else of_samples(with_test_data=not options.skimage_only),
                options.sheet,
            )
    except BrokenPipeError:
        printing.discard_output()  # the reader (head, less) has seen enough
    except ImgfindError as error:
        sys.exit(f"demo: {error}")
    except (KeyboardInterrupt, Cancelled):
        print("\ndemo: Stopped; the next run goes on from here.", file=sys.stderr)
        sys.exit(130)


def of_own_photos(folder: str) -> Show:
    """Prepare a run over a folder that the user named."""
    return Show([os.path.abspath(folder)], f"Photos in {paths.displayed(folder)}")


def of_samples(*, with_test_data: bool) -> Show:
    """Lay out the sample photographs and prepare a run over them."""
    sample = samples.load()
    photos = DEMO / "photos"
    try:
        samples.lay_out(sample, photos)
    except OSError as error:
        raise ImgfindError(
            f"The sample photographs cannot be copied to {_short(str(photos))} ({error.strerror or error}); check the"
            " disk, run make setup, or show your own photos: make demo PHOTOS=/folder"
        ) from error
    folders = [str(photos)]
    title, remark = "The sample photographs of scikit-image", CHOSEN.format("")
    more = samples.photos_of_test_data()
    if with_test_data and more is not None:
        folders.append(str(more))
        title, remark = "Sample photographs", CHOSEN.format(" among scikit-image's")
    questions = [Question(words) for words in sample.demo_words]
    questions += [
        Question(picture=str(photos / sample.path(sample.demo_picture))),
        Question(sample.demo_mixed_words, str(photos / sample.path(sample.demo_mixed_picture))),
    ]
    return Show(folders, title, questions, remark)


def library_of(folders: list[str]) -> Path:
    """Return where the library of these folders is kept: apart from others, so that no answer comes from elsewhere."""
    if folders == [str(DEMO / "photos")]:
        return DEMO / "library"
    return DEMO / f"library-{zlib.crc32(os.fsencode(os.pathsep.join(folders))):08x}"


def run(show: Show, sheet_file: Path) -> None:
    """Index, ask, print and draw."""
    with Library(library_of(show.folders)) as library:
        print(f"Indexing {' and '.join(_short(folder) for folder in show.folders)}", flush=True)
        summary = library.index(show.folders, job=Job(_show_progress))
        _print_summary(summary)
        questions = show.questions or _own_questions(library, show.folders[0])
        started = time.monotonic()
        rows = [_answered(library, question, show.folders) for question in questions]
        seconds = time.monotonic() - started
        loading = "" if summary.encoded else ", loading the encoder included"
        print(f"\n{len(questions)} questions answered in {seconds:.2f} s{loading}.")
        sheet = contact_sheet.draw(
            rows,
            title="imgfind",
            subtitle=f"{show.title}, found by words, by a picture and by both",
            footer=f"The {SHEET_COLUMNS} best of {summary.photos:,} photos for each question, as they came, with their"
            f" scores. Encoder: {summary.model}. {show.remark}",
            columns=SHEET_COLUMNS,
        )
    try:
        contact_sheet.save(sheet, sheet_file)
    except (OSError, ValueError) as error:
        raise ImgfindError(
            f"The sheet {paths.displayed(str(sheet_file))} cannot be written ({error}); name a file in .png or .jpg in"
            " a folder you may write to."
        ) from error
    print(f"The answers as a picture: {_short(str(sheet_file.resolve()))}")
    print(f'Ask more: .venv/bin/imgfind --library {_short(str(library.folder))} search "your words"')


def _own_questions(library: Library, folder: str) -> list[Question]:
    picture = _first_photo(library, folder)
    return [*(Question(words) for words in OWN_WORDS), Question(picture=picture), Question(OWN_WORDS[0], picture)]


def _first_photo(library: Library, folder: str) -> str:
    """Return the alphabetically first readable photo of an indexed folder."""
    for place, subfolders, names in os.walk(folder):
        subfolders.sort()
        for name in sorted(names):
            path = os.path.join(place, name)
            try:
                found = library.show(path)
            except LibraryError:  # no picture at all
                continue
            if not isinstance(found, FileProblem):
                return path
    raise ImgfindError(NO_PHOTO.format(paths.displayed(folder)))


def _answered(library: Library, question: Question, folders: list[str]) -> contact_sheet.Row:
    """Ask one question, print its answers and return them as a row of the sheet."""
    if question.picture and not question.words:
        hits = library.similar(question.picture, SHEET_COLUMNS)
    else:
        hits = library.search(question.text, SHEET_COLUMNS)
    asked = " + ".join(part for part in (_named(question.picture, folders), question.words) if part)
    print(f"\n{question.kind.capitalize()}: {asked}")
    for place, hit in enumerate(hits, start=1):
        print(f"{place:>3}  {hit.score:.3f}  {_named(hit.path, folders)}")
    return contact_sheet.Row(
        kind=question.kind,
        words=question.words,
        picture=library.preview(question.picture) if question.picture else None,
        picture_name=_named(question.picture, folders),
        tiles=[_tile(library, hit) for hit in hits],
    )


def _tile(library: Library, hit: Hit) -> contact_sheet.Tile:
    return contact_sheet.Tile(library.preview(hit.path), hit.score, paths.displayed(os.path.basename(hit.path)))


def _named(path: str, folders: list[str]) -> str:
    """Return a photo's path below the folder it was found in."""
    folder = next((folder for folder in folders if path and paths.is_below(path, folder)), None)
    return paths.displayed(os.path.relpath(path, folder) if folder else path)


def _short(path: str) -> str:
    """Return a path as seen from here where that is shorter."""
    return paths.displayed(min(path, os.path.relpath(path), key=len))


def _print_summary(summary: IndexSummary) -> None:
    fresh = summary.encoded + summary.reused + summary.moved
    known = summary.photos - fresh  # not summary.unchanged: that counts unreadable files too
    earlier = f", {known:,} known from an earlier run" if known else ""
    print(f"{summary.photos:,} photos in the library: {fresh:,} new{earlier}; {summary.seconds:.1f} s.")
    if summary.problems:
        print(f"{summary.problems:,} files could not be read.")


def _show_progress(progress: Progress) -> None:
    if sys.stderr.isatty():
        total = f" of {progress.total:,}" if progress.total is not None else ""
        print(f"\r{progress.stage}: {progress.done:,}{total}\033[K\r", end="", file=sys.stderr, flush=True)


if __name__ == "__main__":
    main()
