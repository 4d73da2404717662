"""What the pixels of one picture give: model input, perceptual hash, preview, facts and places, or the picture itself.

The one place where decoding, hashing and scaling come together, for a picture decoded in this process or in another: it
also turns the results into messages and back. Knows no paths. Safe on every thread.
"""

import math
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from typing import Any, BinaryIO

import numpy as np

from imgfind.core import decode, hashes, keypoints
from imgfind.core.query import Region
from imgfind.core.records import Facts, PerceptualHash, PixelArray, Preprocess


@dataclass(frozen=True, slots=True)
class DecodedContent:
    """What the pixels of a file gave: facts for the catalogue, ``pixels`` for the encoder, ``preview`` as JPEG.

    ``descriptor`` is of :mod:`imgfind.core.keypoints`, None where it was not asked for. ``core_s`` says how long which
    step kept a core busy.
    """

    width_px: int
    height_px: int
    format: str
    facts: Facts
    pixels: PixelArray
    phash: PerceptualHash
    preview: bytes
    descriptor: bytes | None = None
    core_s: Counter[str] = field(default_factory=Counter, compare=False)


@dataclass(frozen=True, slots=True)
class Picture:
    """A picture to look at: upright sRGB ``pixels``, maybe scaled down from the file's ``width_px`` x ``height_px``."""

    width_px: int
    height_px: int
    pixels: PixelArray


def picture(source: BinaryIO, edge_px: int, suffix: str) -> Picture:
    """Decode one picture for the eye, its short edge at least ``edge_px`` where the file has as much.

    Raises :class:`UnreadablePhotoError` for whatever is wrong with it.
    """
    photo = decode.decode(source, min_edge_px=edge_px, suffix=suffix)
    return Picture(photo.width_px, photo.height_px, np.asarray(photo.image, dtype=np.uint8))


def decoded(
    source: BinaryIO, preprocess: Preprocess, suffix: str, region: Region | None = None, *, describe: bool = False
) -> DecodedContent:
    """Decode one picture for a model. Raises :class:`UnreadablePhotoError` for whatever is wrong with it.

    With a ``region`` pixels, hash and preview are of that part of the upright picture; the size is still the whole's.
    With ``describe`` there is a descriptor too.
    """
    min_edge_px = max(preprocess.width_px, preprocess.height_px, decode.PREVIEW_EDGE_PX)
    if region is not None:  # the part has to have the pixels that a whole picture would have
        min_edge_px = math.ceil(min_edge_px * 100 / min(region.right - region.left, region.bottom - region.top))
    core_s: Counter[str] = Counter()
    with timed(core_s, "decode"):
        photo = decode.decode(source, min_edge_px=min_edge_px, suffix=suffix)
        image = photo.image if region is None else photo.image.crop(_box(region, photo.image.size))
    with timed(core_s, "model input"):
        pixels = decode.model_input(image, preprocess)
    with timed(core_s, "perceptual hash"):
        phash = hashes.perceptual_hash(image)
    with timed(core_s, "preview"):
        small = decode.shrunk(image)
        preview = decode.preview(small)
    descriptor = None
    if describe:
        with timed(core_s, "places"):
            descriptor = keypoints.describe(small)
    return DecodedContent(
        photo.width_px, photo.height_px, photo.format, photo.facts, pixels, phash, preview, descriptor, core_s
    )


def _box(region: Region, size: tuple[int, int]) -> tuple[int, int, int, int]:
    """Return the pixels of a region, at least one in each direction."""
    width, height = size
    left, top = math.floor(region.left * width / 100), math.floor(region.top * height / 100)
    return left, top, math.ceil(region.right * width / 100), math.ceil(region.bottom * height / 100)


def to_message(content: DecodedContent) -> tuple[dict[str, Any], bytes]:
    """Return ``content`` as what JSON can hold and the bytes it cannot."""
    header = {
        "width_px": content.width_px,
        "height_px": content.height_px,
        "format": content.format,
        "facts": asdict(content.facts),
        "shape": content.pixels.shape,
        "phash": [content.phash.bits.hex(), content.phash.quality],
        "descriptor": None if content.descriptor is None else content.descriptor.hex(),
        "core_s": content.core_s,
    }
    return header, content.pixels.tobytes() + content.preview


def from_message(header: dict[str, Any], body: bytes | memoryview) -> DecodedContent:
    """Return what :func:`to_message` was given."""
    height, width, channels = header["shape"]
    pixels = np.frombuffer(body, np.uint8, height * width * channels).reshape(height, width, channels)
    bits, quality = header["phash"]
    return DecodedContent(
        header["width_px"],
        header["height_px"],
        header["format"],
        Facts(**header["facts"]),
        pixels,
        PerceptualHash(bytes.fromhex(bits), quality),
        bytes(body[pixels.nbytes :]),
        None if header["descriptor"] is None else bytes.fromhex(header["descriptor"]),
        Counter(header["core_s"]),
    )


def picture_to_message(shown: Picture) -> tuple[dict[str, Any], bytes]:
    """Return ``shown`` as what JSON can hold and the bytes it cannot."""
    header = {"width_px": shown.width_px, "height_px": shown.height_px, "shape": shown.pixels.shape}
    return header, shown.pixels.tobytes()


def picture_from_message(header: dict[str, Any], body: bytes) -> Picture:
    """Return what :func:`picture_to_message` was given."""
    pixels = np.frombuffer(body, np.uint8).reshape(header["shape"])
    return Picture(header["width_px"], header["height_px"], pixels)


@contextmanager
def timed(core_s: Counter[str], step: str) -> Iterator[None]:
    """Add the time this thread works within the block to ``step``."""
    started = time.thread_time()
    yield
    core_s.update({step: time.thread_time() - started})
