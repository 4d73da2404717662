"""What the pixels of one picture give: model input, perceptual hash, preview and facts.

The one place where decoding, hashing and scaling come together, for a picture decoded in this process or in another: it
also turns the result into a message and back. Knows no paths. Safe on every thread.
"""

import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from typing import Any, BinaryIO

import numpy as np

from imgfind.core import decode, hashes
from imgfind.core.records import Facts, PerceptualHash, PixelArray, Preprocess


@dataclass(frozen=True, slots=True)
class DecodedContent:
    """What the pixels of a file gave: facts for the catalogue, ``pixels`` for the encoder, ``preview`` as JPEG.

    ``core_s`` says how long which step kept a core busy.
    """

    width_px: int
    height_px: int
    format: str
    facts: Facts
    pixels: PixelArray
    phash: PerceptualHash
    preview: bytes
    core_s: Counter[str] = field(default_factory=Counter, compare=False)


def decoded(source: BinaryIO, preprocess: Preprocess, suffix: str) -> DecodedContent:
    """Decode one picture for a model. Raises :class:`UnreadablePhotoError` for whatever is wrong with it."""
    min_edge_px = max(preprocess.width_px, preprocess.height_px, decode.PREVIEW_EDGE_PX)
    core_s: Counter[str] = Counter()
    with timed(core_s, "decode"):
        photo = decode.decode(source, min_edge_px=min_edge_px, suffix=suffix)
    with timed(core_s, "model input"):
        pixels = decode.model_input(photo.image, preprocess)
    with timed(core_s, "perceptual hash"):
        phash = hashes.perceptual_hash(photo.image)
    with timed(core_s, "preview"):
        preview = decode.preview(photo.image)
    return DecodedContent(photo.width_px, photo.height_px, photo.format, photo.facts, pixels, phash, preview, core_s)


def to_message(content: DecodedContent) -> tuple[dict[str, Any], bytes]:
    """Return ``content`` as what JSON can hold and the bytes it cannot."""
    header = {
        "width_px": content.width_px,
        "height_px": content.height_px,
        "format": content.format,
        "facts": asdict(content.facts),
        "shape": content.pixels.shape,
        "phash": [content.phash.bits.hex(), content.phash.quality],
        "core_s": content.core_s,
    }
    return header, content.pixels.tobytes() + content.preview


def from_message(header: dict[str, Any], body: bytes) -> DecodedContent:
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
        body[pixels.nbytes :],
        Counter(header["core_s"]),
    )


@contextmanager
def timed(core_s: Counter[str], step: str) -> Iterator[None]:
    """Add the time this thread works within the block to ``step``."""
    started = time.thread_time()
    yield
    core_s.update({step: time.thread_time() - started})
