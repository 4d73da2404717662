"""One picture file, read once: its bytes give content hash, model input, perceptual hash and preview.

Used by indexing for photos and by searching for image queries. Touches no database. Safe on any thread; what runs in
parallel is bounded by the callers.
"""

import io
import os
import time
from collections import Counter
from collections.abc import Container, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import BinaryIO

from imgfind.core import decode, hashes
from imgfind.core.errors import UnreadablePhotoError
from imgfind.core.records import Facts, PerceptualHash, PixelArray, Preprocess

IN_MEMORY_BYTES = 64 * 1024 * 1024
"""Larger files are hashed in chunks and decoded from the disk, so that the bytes in flight stay bounded; their second
read comes from the system's cache."""


@dataclass(frozen=True, slots=True)
class DecodedContent:
    """What the pixels of a file gave: facts for the catalogue, ``pixels`` for the encoder, ``preview`` as JPEG."""

    width_px: int
    height_px: int
    format: str
    facts: Facts
    pixels: PixelArray
    phash: PerceptualHash
    preview: bytes


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


def read_photo(path: str, preprocess: Preprocess, known: Container[bytes] = frozenset()) -> ReadPhoto:
    """Read the file at ``path``; where its content hash is ``known`` nothing is decoded.

    Raises :class:`UnreadablePhotoError` for every file that is no readable picture.
    """
    if reason := decode.unsupported_reason(os.path.splitext(path)[1].lower()):
        raise UnreadablePhotoError(reason)
    core_s: Counter[str] = Counter()
    try:
        with open(path, "rb") as file:
            before = os.fstat(file.fileno())
            with _timed(core_s, "read and hash"):
                source, content_hash = _hashed(file, before.st_size)
            content = None if content_hash in known else _decoded(source, preprocess, core_s)
            after = os.fstat(file.fileno())
    except OSError as error:
        raise UnreadablePhotoError(_reason(error), transient=True) from error
    if (before.st_size, before.st_mtime_ns) != (after.st_size, after.st_mtime_ns):
        raise UnreadablePhotoError("the file changed while it was read", transient=True)
    return ReadPhoto(content_hash, before.st_size, before.st_mtime_ns, content, core_s)


def read_bytes(data: bytes, preprocess: Preprocess) -> ReadPhoto:
    """Read a picture that is no file: pasted, or from standard input."""
    content = _decoded(io.BytesIO(data), preprocess, Counter())
    return ReadPhoto(hashes.content_hash(data), len(data), 0, content)


def made_preview(path: str) -> bytes | None:
    """Return the preview of the picture at ``path``, or None where it cannot be read."""
    try:
        with open(path, "rb") as file:
            return decode.preview(decode.decode(file, min_edge_px=decode.PREVIEW_EDGE_PX).image)
    except (OSError, UnreadablePhotoError):
        return None


def _hashed(file: BinaryIO, size_bytes: int) -> tuple[BinaryIO, bytes]:
    if size_bytes <= IN_MEMORY_BYTES:
        data = file.read()
        return io.BytesIO(data), hashes.content_hash(data)
    content_hash = hashes.content_hash_of_stream(file)
    file.seek(0)
    return file, content_hash


def _decoded(source: BinaryIO, preprocess: Preprocess, core_s: Counter[str]) -> DecodedContent:
    min_edge_px = max(preprocess.width_px, preprocess.height_px, decode.PREVIEW_EDGE_PX)
    with _timed(core_s, "decode"):
        photo = decode.decode(source, min_edge_px=min_edge_px)
    with _timed(core_s, "model input"):
        pixels = decode.model_input(photo.image, preprocess)
    with _timed(core_s, "perceptual hash"):
        phash = hashes.perceptual_hash(photo.image)
    with _timed(core_s, "preview"):
        preview = decode.preview(photo.image)
    return DecodedContent(photo.width_px, photo.height_px, photo.format, photo.facts, pixels, phash, preview)


@contextmanager
def _timed(core_s: Counter[str], step: str) -> Iterator[None]:
    started = time.thread_time()
    yield
    core_s.update({step: time.thread_time() - started})


def _reason(error: OSError) -> str:
    match error:
        case FileNotFoundError():
            return "the file went away while it was to be read"
        case PermissionError():
            return "no permission to read the file"
        case _:
            return f"the disk could not read the file ({error.strerror or error})"
