"""``imgfind compare``: what two picture files are to each other."""

import argparse
import os
from collections.abc import Callable

from imgfind.cli import printing
from imgfind.core import ImgfindError, Library, paths, wording
from imgfind.core.grouping import DUPLICATES
from imgfind.core.records import Label, Verdict

_EPILOG = """\
The pictures need not be in the library.

examples:
  imgfind compare a.jpg b.jpg
  imgfind compare a.jpg b.jpg --save both.png
"""


def add_compare(command: Callable[..., argparse.ArgumentParser]) -> None:
    """Add the command of this module; ``command`` makes its parser."""
    compare = command("compare", "tell whether two pictures are the same, and how they differ", _EPILOG)
    compare.add_argument("a", metavar="A", help="a picture")
    compare.add_argument("b", metavar="B", help="another picture")
    compare.add_argument("--save", metavar="FILE", help="write a PNG of both, side by side; replaces no file")


def run(library: Library, options: argparse.Namespace) -> None:
    """Tell what two pictures are to each other. Raises :class:`ImgfindError` where one cannot be read."""
    found = library.duplicates.compare(options.a, options.b)
    verdict = found.verdict
    if options.save:
        _save(library.duplicates.side_by_side(options.a, options.b), options.save)
    sides = [(found.path, found.size_px), (found.other, found.other_size_px)]
    if options.json:
        a, b = (
            {**printing.located(os.path.abspath(path)), "width_px": size[0], "height_px": size[1]}
            for path, size in sides
        )
        printing.document(
            {
                "a": a,
                "b": b,
                "same": verdict.label in DUPLICATES,
                "label": wording.LABELS[verdict.label] if verdict.label else None,
                "stage": verdict.label,
                "similarity": round(verdict.similarity, 4),
                "orientation": verdict.turn + 1,
                "area": round(verdict.area, 4),
                "reason": verdict.reason,
            }
        )
        return
    printing.line(_answer(verdict))
    for path, size in sides:
        printing.line(f"  {paths.displayed(path)} ({size[0]}x{size[1]})")


def _answer(verdict: Verdict) -> str:
    if verdict.label is None:
        return "Different pictures."
    measure = f"similarity {verdict.similarity:.3f}, {verdict.area:.0%} of the area in common"
    if verdict.label is Label.SAME_SCENE:
        return f"Not the same picture, but the same scene: {verdict.reason} ({measure})."
    stage = f"stage {int(verdict.label)}, {wording.LABELS[verdict.label]}"
    return f"The same picture ({stage}): {verdict.reason} ({measure})."


def _save(data: bytes, name: str) -> None:
    try:
        with open(name, "xb") as file:
            file.write(data)
    except FileExistsError as error:
        raise ImgfindError(f"'{name}' is there already; name another file.") from error
    except OSError as error:
        raise ImgfindError(f"'{name}' cannot be written ({error.strerror or error}).") from error
