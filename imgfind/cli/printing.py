"""How results look: tables for people, one JSON document for programs."""

import contextlib
import dataclasses
import json
import os
import sys
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, TextIO

from imgfind.core import Hit, ImgfindError, paths


def prepare_streams() -> None:
    """Make stdout and stderr take any file name, whatever the locale says; a closed stream becomes an empty one."""
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        if getattr(sys, name) is None:
            setattr(sys, name, os.fdopen(os.open(os.devnull, os.O_RDWR), mode, closefd=False))
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")


def silence_native_libraries() -> None:
    """Send what C code writes to file descriptor 2 nowhere; what Python writes to stderr is still seen.

    libtiff tells of every odd tag there, which no logging can catch; what matters of it becomes a problem of the file.
    """
    try:
        descriptor = sys.stderr.fileno()
    except OSError:  # replaced by something that is no file
        return
    if descriptor == 2:
        sys.stderr = open(os.dup(2), "w", buffering=1, encoding=sys.stderr.encoding, errors="backslashreplace")  # noqa: SIM115 - for the life of the process
        os.dup2(os.open(os.devnull, os.O_WRONLY), 2)


@contextlib.contextmanager
def flushed() -> Iterator[None]:
    """Have all results written at the end of the block, so that a full disk or a closed pipe shows here."""
    try:
        yield
    finally:
        with _writing():
            sys.stdout.flush()


def discard_output() -> None:
    """Send what is still buffered nowhere, so that nothing complains of it when the program ends."""
    _discard(sys.stdout)


def _discard(stream: TextIO) -> None:
    with contextlib.suppress(OSError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())


@contextlib.contextmanager
def _writing() -> Iterator[None]:
    try:
        yield
    except BrokenPipeError:
        raise
    except OSError as error:
        discard_output()
        raise ImgfindError(
            f"The results cannot be written ({error.strerror or error}); send them to a file on another disk."
        ) from error


def line(text: str) -> None:
    """Print one line of results."""
    with _writing():
        print(text)


def to_stderr(text: str) -> None:
    """Print for the person at the terminal, or the program that watches; where it has gone, the work goes on."""
    try:
        print(text, file=sys.stderr, flush=True)
    except OSError:
        _discard(sys.stderr)


def complain(message: str) -> None:
    """Print an error, on one line whatever names it holds."""
    to_stderr(f"imgfind: {paths.displayed(message)}")


def document(value: Any) -> None:
    r"""Print one UTF-8 JSON document; bytes of a path that are not UTF-8 become ``\udcNN``, which is valid JSON."""
    text = json.dumps(value, ensure_ascii=False, indent=2)
    data = text.encode("utf-8", "backslashreplace") + b"\n"
    with _writing():
        sys.stdout.flush()
        sys.stdout.buffer.write(data)


def raw(data: bytes) -> None:
    """Write bytes of results as they are."""
    with _writing():
        sys.stdout.buffer.write(data)


def table(rows: Sequence[Sequence[str]], header: Sequence[str], right: frozenset[int] = frozenset()) -> None:
    """Print rows in columns under a header; columns in ``right`` are aligned to the right, the last is as it is."""
    widths = [max(len(row[column]) for row in (header, *rows)) for column in range(len(header) - 1)]
    for row in (header, *rows):
        cells = [
            cell.rjust(width) if column in right else cell.ljust(width)
            for column, (cell, width) in enumerate(zip(row, widths, strict=False))
        ]
        line("  ".join([*cells, row[-1]]))


def facts(pairs: Iterable[tuple[str, str]]) -> None:
    """Print named values; further lines of one stand below its first."""
    pairs = list(pairs)
    width = max(len(name) for name, _ in pairs) + 1
    for name, value in pairs:
        line(f"{name + ':':<{width}} " + value.replace("\n", "\n" + " " * (width + 1)))


def rank(hit: Hit) -> str:
    """Return why a hit stands where it does: its score, or when the photo was taken where there are no scores."""
    if hit.score is None:
        return (hit.taken_at or "").replace("T", " ")[:16]
    return f"{hit.score:.3f}"


def located(path: str) -> dict[str, str]:
    """Return a path as JSON carries it: as text, and as a URI that is exact for every file name."""
    return {"path": path, "uri": paths.uri(path)}


def plain(record: Any) -> dict[str, Any]:
    """Return a dataclass or named tuple as a dictionary."""
    if dataclasses.is_dataclass(record) and not isinstance(record, type):
        return dataclasses.asdict(record)
    fields: dict[str, Any] = record._asdict()
    return fields
