"""One picture file, read once: its bytes give content hash, model input, perceptual hash and preview.

Used by indexing for photos, by searching for image queries and by the window for the picture itself. Touches no
database. Safe on any thread; what runs in parallel is bounded by the callers.
"""

import atexit
import io
import os
from collections import Counter
from collections.abc import Container
from dataclasses import asdict, dataclass, field
from typing import Any, BinaryIO

from imgfind.core import content, decode, formats, hashes, isolation
from imgfind.core.content import DecodedContent, Picture
from imgfind.core.errors import UnreadablePhotoError
from imgfind.core.query import Region
from imgfind.core.records import Preprocess

IN_MEMORY_BYTES = 64 * 1024 * 1024
"""Larger files are hashed in chunks and decoded from the disk, so that the bytes in flight stay bounded; their second
read comes from the system's cache."""

SMALLEST = Preprocess(1, 1, "bilinear", "squash", (0.0, 0.0, 0.0), (1.0, 1.0, 1.0))
"""A model input that costs nothing, where only the preview is wanted."""

_workers = isolation.Workers()
atexit.register(_workers.close)


@dataclass(frozen=True, slots=True)
class ReadPhoto:
    """A file that was read; ``content`` is None where its bytes were known before.

    ``size_bytes`` and ``mtime_ns`` are of the very bytes that were read. ``core_s`` says how long which step kept a
    core busy.
    """

    content_hash: bytes
    size_bytes: int
    mtime_ns: int
    content: DecodedContent | None
    core_s: Counter[str] = field(default_factory=Counter)


def read_photo(
    path: str,
    preprocess: Preprocess,
    known: Container[bytes] = frozenset(),
    *,
    isolate: bool = False,
    region: Region | None = None,
    describe: bool = False,
) -> ReadPhoto:
    """Read the file at ``path``, or a region of it; where its content hash is ``known`` nothing is decoded.

    What may crash is decoded in a process of its own, with ``isolate`` everything is. With ``describe`` the content has
    a descriptor too.

    Raises :class:`UnreadablePhotoError` for every file that is no readable picture.
    """
    suffix = os.path.splitext(path)[1]
    core_s: Counter[str] = Counter()
    try:
        with open(path, "rb") as file:
            before = os.fstat(file.fileno())
            # Before anything is read that could not be decoded.
            formats.check_readable(formats.kind_of(file.read(formats.HEAD_BYTES), suffix))
            file.seek(0)
            with content.timed(core_s, "read and hash"):
                source, content_hash = _hashed(file, before.st_size)
            fresh = None
            if content_hash not in known:
                fresh = _decoded(
                    source, before.st_size, preprocess, suffix, isolate=isolate, region=region, describe=describe
                )
            after = os.fstat(file.fileno())
    except OSError as error:
        raise UnreadablePhotoError(_reason(error), transient=True) from error
    if (before.st_size, before.st_mtime_ns) != (after.st_size, after.st_mtime_ns):
        raise UnreadablePhotoError("the file changed while it was read", transient=True)
    core_s.update(fresh.core_s if fresh else ())
    return ReadPhoto(content_hash, before.st_size, before.st_mtime_ns, fresh, core_s)


def read_bytes(data: bytes, preprocess: Preprocess, region: Region | None = None) -> ReadPhoto:
    """Read a picture, or a region of it, that is no file: pasted, or from standard input."""
    fresh = _decoded(io.BytesIO(data), len(data), preprocess, "", region=region)
    return ReadPhoto(hashes.content_hash(data), len(data), 0, fresh, fresh.core_s)


def made_preview(path: str) -> bytes | None:
    """Return the preview of the picture at ``path``, or None where it cannot be read."""
    try:
        with open(path, "rb") as file:
            size_bytes = os.fstat(file.fileno()).st_size
            return _decoded(file, size_bytes, SMALLEST, os.path.splitext(path)[1]).preview
    except (OSError, UnreadablePhotoError):
        return None


def full_picture(path: str, edge_px: int) -> Picture:
    """Decode the photo at ``path`` to be looked at, its short edge at least ``edge_px`` where the file has as much.

    With less than all pixels it is much faster. Raises :class:`UnreadablePhotoError` where it cannot be shown.
    """
    suffix = os.path.splitext(path)[1]
    try:
        with open(path, "rb") as file:
            size_bytes = os.fstat(file.fileno()).st_size
            if not _isolated(file, suffix):
                return content.picture(file, edge_px, suffix)
            return content.picture_from_message(*_asked({"edge_px": edge_px, "suffix": suffix}, file, size_bytes))
    except OSError as error:
        raise UnreadablePhotoError(_reason(error), transient=True) from error


def rounding_step(path: str) -> float | None:
    """Return the step that a JPEG file rounds the mean luma of its blocks to, eightfold; None for what is no such file.

    It is 3 at quality 90, 8 at 75 and 16 at 50.
    """
    try:
        with open(path, "rb") as file:
            return decode.rounding_step(file)
    except OSError:
        return None


def end_workers() -> None:
    """End the processes that decode, and forget that one failed; the next picture that needs one starts it again."""
    _workers.close()


def _hashed(file: BinaryIO, size_bytes: int) -> tuple[BinaryIO, bytes]:
    if size_bytes <= IN_MEMORY_BYTES:
        data = file.read()
        return io.BytesIO(data), hashes.content_hash(data)
    content_hash = hashes.content_hash_of_stream(file)
    file.seek(0)
    return file, content_hash


def _decoded(
    source: BinaryIO,
    size_bytes: int,
    preprocess: Preprocess,
    suffix: str,
    *,
    isolate: bool = False,
    region: Region | None = None,
    describe: bool = False,
) -> DecodedContent:
    if not isolate and not _isolated(source, suffix):
        return content.decoded(source, preprocess, suffix, region, describe=describe)
    source.seek(0)
    request = {"preprocess": asdict(preprocess), "suffix": suffix, "region": region, "describe": describe}
    return content.from_message(*_asked(request, source, size_bytes))


def _isolated(source: BinaryIO, suffix: str) -> bool:
    """Tell what to decode in another process; what Pillow reads is decoded here, which is fastest, until one failed."""
    source.seek(0)
    kind = formats.kind_of(source.read(formats.HEAD_BYTES), suffix)
    source.seek(0)
    return kind in formats.RISKY or _workers.failed


def _asked(request: dict[str, Any], source: BinaryIO, size_bytes: int) -> tuple[dict[str, Any], bytes]:
    answer, data = _workers.ask(request, source, size_bytes)
    if "bug" in answer:
        raise RuntimeError(answer["bug"])
    if "problem" in answer:
        raise UnreadablePhotoError(answer["problem"], transient=answer["transient"])
    return answer, data


def _reason(error: OSError) -> str:
    match error:
        case FileNotFoundError():
            return "the file went away while it was to be read"
        case PermissionError():
            return "no permission to read the file"
        case _:
            return f"the disk could not read the file ({error.strerror or error})"
