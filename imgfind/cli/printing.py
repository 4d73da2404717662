"""How results look: tables for people, one JSON document for programs."""

import dataclasses
import json
import sys
from collections.abc import Iterable, Sequence
from typing import Any

from imgfind.core import paths


def prepare_streams() -> None:
    """Make stdout and stderr take any file name, whatever the locale says."""
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")


def to_stderr(text: str) -> None:
    """Print for the person at the terminal, not for the results."""
    print(text, file=sys.stderr)


def complain(message: str) -> None:
    """Print an error."""
    to_stderr(f"imgfind: {message}")


def document(value: Any) -> None:
    r"""Print one UTF-8 JSON document; bytes of a path that are not UTF-8 become ``\udcNN``, which is valid JSON."""
    text = json.dumps(value, ensure_ascii=False, indent=2)
    data = text.encode("utf-8", "backslashreplace") + b"\n"
    sys.stdout.flush()
    sys.stdout.buffer.write(data)


def table(rows: Sequence[Sequence[str]], header: Sequence[str], right: frozenset[int] = frozenset()) -> None:
    """Print rows in columns under a header; columns in ``right`` are aligned to the right, the last is as it is."""
    widths = [max(len(row[column]) for row in (header, *rows)) for column in range(len(header) - 1)]
    for row in (header, *rows):
        cells = [
            cell.rjust(width) if column in right else cell.ljust(width)
            for column, (cell, width) in enumerate(zip(row, widths, strict=False))
        ]
        print("  ".join([*cells, row[-1]]))


def facts(pairs: Iterable[tuple[str, str]]) -> None:
    """Print named values, one a line."""
    pairs = list(pairs)
    width = max(len(name) for name, _ in pairs) + 1
    for name, value in pairs:
        print(f"{name + ':':<{width}} {value}")


def located(path: str) -> dict[str, str]:
    """Return a path as JSON carries it: as text, and as a URI that is exact for every file name."""
    return {"path": path, "uri": paths.uri(path)}


def plain(record: Any) -> dict[str, Any]:
    """Return a dataclass or named tuple as a dictionary."""
    if dataclasses.is_dataclass(record) and not isinstance(record, type):
        return dataclasses.asdict(record)
    fields: dict[str, Any] = record._asdict()
    return fields


def size(size_bytes: int) -> str:
    """Return a size for people."""
    value = float(size_bytes)
    for unit in ("bytes", "KB", "MB", "GB"):
        if value < 1000:
            return f"{value:,.0f} {unit}" if unit == "bytes" else f"{value:,.1f} {unit}"
        value /= 1000
    return f"{value:,.1f} TB"
