"""Writes what the library knows in forms other programs read: CSV, JSON lines, NumPy arrays. Reads only.

Paths in CSV are shown as everywhere (bytes that are no text and control characters escaped); the column ``uri`` is
exact for any name. Text from photos that a spreadsheet would take for a formula (``=``, ``+``, ``-``, ``@`` first; a
camera name can be anything) gets an apostrophe in front, as OWASP's "CSV Injection" advises; JSON has it as it is.
"""

import csv
import datetime as dt
import io
import json
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from imgfind.core import paths
from imgfind.core.care.files import swapped_in
from imgfind.core.job import Job, Progress
from imgfind.core.store import Model, Store
from imgfind.core.store.exporting import ExportedPhoto, exported_photos, exported_vectors

FORMATS = ("csv", "jsonl")

_FIRST_COLUMNS = ("path", "uri", "size_bytes", "mtime", "mtime_ns")
COLUMNS = (*_FIRST_COLUMNS, *(name for name in ExportedPhoto._fields if name not in _FIRST_COLUMNS))
"""The columns of CSV and the names of JSON."""

_FORMULA_STARTS = ("=", "+", "-", "@")
_EPOCH = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)


def photo_lines(store: Store, form: str) -> Iterator[bytes]:
    """Yield the photos of a library as UTF-8 lines of CSV (a header first) or of JSON."""
    records = (_record(photo) for photo in exported_photos(store.database))
    if form == "jsonl":
        yield from (_json_line(record) for record in records)
    else:
        yield _csv_line(COLUMNS)
        yield from (_csv_line([_cell(value) for value in record.values()]) for record in records)


def save_photos(store: Store, file: Path, form: str, job: Job, *, force: bool) -> int:
    """Write :func:`photo_lines` to a file that is there whole or not at all; return the number of photos."""
    written = 0
    with swapped_in(file, force=force) as unfinished, open(unfinished, "wb") as stream:
        for line in photo_lines(store, form):
            if written % 1000 == 0:
                job.report(Progress("exporting photos", written))
            stream.write(line)
            written += 1
    return written - (form == "csv")


def save_vectors(store: Store, model: Model, file: Path, job: Job, *, force: bool) -> int:
    """Write the vectors of all photos as float32 unit rows ``[n, dim]`` in NumPy's format; return ``n``.

    Beside it, in the same order, ``<name>.jsonl`` says for each row its content hash and the photos that show it.
    """
    sidecar = file.with_suffix(".jsonl")
    with (
        swapped_in(sidecar, force=force) as unfinished_sidecar,
        swapped_in(file, force=force) as unfinished,
        open(unfinished, "wb") as rows,
        open(unfinished_sidecar, "wb") as lines,
    ):
        count = 0
        header_bytes = _write_header(rows, 0, model.dim)
        for part in exported_vectors(store.database, model.model_id, model.dim):
            job.report(Progress("exporting vectors", count))
            rows.write(part.rows.tobytes())
            for content_hash, shown in zip(part.hashes, part.paths, strict=True):
                located = [{"path": path, "uri": paths.uri(path)} for path in shown]
                lines.write(_json_line({"row": count, "content_hash": content_hash, "photos": located}))
                count += 1
        rows.seek(0)
        # NumPy leaves room in its header for any number of rows (numpy.lib.format, GROWTH_AXIS_MAX_DIGITS).
        assert _write_header(rows, count, model.dim) == header_bytes, "the header may not grow into the rows"
    return count


def _write_header(stream: BinaryIO, count: int, dim: int) -> int:
    description = {"descr": "<f4", "fortran_order": False, "shape": (count, dim)}
    np.lib.format.write_array_header_1_0(stream, description)
    return stream.tell()


def _record(photo: ExportedPhoto) -> dict[str, Any]:
    values = photo._asdict() | {"uri": paths.uri(photo.path), "mtime": _moment(photo.mtime_ns)}
    return {name: values[name] for name in COLUMNS}


def _moment(mtime_ns: int) -> str | None:
    """Return a file time as ISO 8601 in UTC, None where it is beyond any calendar."""
    try:
        return (_EPOCH + dt.timedelta(microseconds=mtime_ns // 1000)).isoformat(timespec="seconds")
    except OverflowError:
        return None


def _json_line(record: dict[str, Any]) -> bytes:
    # Bytes of a path that are no text are lone surrogates, which become \udcNN: valid JSON.
    return json.dumps(record, ensure_ascii=False).encode("utf-8", "backslashreplace") + b"\n"


def _csv_line(values: Iterable[Any]) -> bytes:
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerow(values)
    return text.getvalue().encode("utf-8")


def _cell(value: Any) -> Any:
    if isinstance(value, bool):
        return int(value)
    if isinstance(value, str):
        shown = value if value.isprintable() else paths.displayed(value)  # most are
        return "'" + shown if shown.startswith(_FORMULA_STARTS) else shown
    return value
