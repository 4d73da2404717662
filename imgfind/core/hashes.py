"""What identifies a file's bytes, and what a picture looks like, as short strings of bits.

Owns the content hash (equal bytes) and the perceptual hash (equal looks). Knows nothing of files on disk, of formats or
of groups. Pure functions without state, safe on every thread.
"""

from typing import BinaryIO

import blake3
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from imgfind.core.records import PerceptualHash

HASH_VERSION = 1
"""Goes up whenever :func:`perceptual_hash` gives other bits for the same picture."""

_CHUNK_BYTES = 1 << 20
_GRID_PX = 64
_FREQUENCIES = 16


def content_hash(data: bytes) -> bytes:
    """Return the 32 byte BLAKE3 hash of ``data``."""
    return blake3.blake3(data).digest()


def content_hash_of_stream(file: BinaryIO, chunk_bytes: int = _CHUNK_BYTES) -> bytes:
    """Return the same hash as :func:`content_hash` for all that is left in ``file``, holding one chunk at a time.

    Raises whatever ``file.read`` raises (:class:`OSError`).
    """
    hasher = blake3.blake3()
    while chunk := file.read(chunk_bytes):
        hasher.update(chunk)
    return hasher.digest()


def perceptual_hash(image: Image.Image) -> PerceptualHash:
    """Hash the looks of ``image``: 256 bits that move little when it is resized, re-encoded or slightly retouched.

    The method is PDQ (Meta's ThreatExchange, "The TMK+PDQF Video-Hashing Algorithm and the PDQ Image-Hashing
    Algorithm", 2019; https://github.com/facebook/ThreatExchange/tree/main/pdq): luma on a 64 x 64 grid, its 16 x 16
    lowest frequencies without the constant ones, one bit each for above the median. One step differs: PDQ blurs with
    two box passes and picks samples, here Pillow's tent filter (what two box passes add up to, but twice as wide) does
    both at once, so the bits are *not* exchangeable with other PDQ programs. Measured on 182 photos against copies at a
    third of the size and JPEG quality 60: a box filter gives 8.0 differing bits on average, the tent 2.6.

    The 16 x 16 bits lie row by row, the first in the highest bit of the first byte. A picture without any structure
    gives all zeros and quality 0.
    """
    luma = image.convert("L").convert("F").resize((_GRID_PX, _GRID_PX), Image.Resampling.BILINEAR)
    grid = np.asarray(luma, dtype=np.float64)
    # Rounding keeps the noise of the last bits, which differs between machines, from deciding about a flat picture.
    frequencies = np.round(_DCT @ grid @ _DCT.T, 3)
    lower_median = np.partition(frequencies, frequencies.size // 2 - 1, axis=None)[frequencies.size // 2 - 1]
    return PerceptualHash(np.packbits(frequencies > lower_median).tobytes(), _quality(grid))


def hamming(a: bytes, b: bytes) -> int:
    """Return how many bits differ between two hashes of the same length; PDQ calls up to 31 of 256 the same picture."""
    if len(a) != len(b):
        raise ValueError(f"hashes of {len(a)} and {len(b)} bytes cannot be compared")
    return (int.from_bytes(a, "big") ^ int.from_bytes(b, "big")).bit_count()


def _quality(grid: NDArray[np.float64]) -> int:
    """Return PDQ's quality: how much neighbouring cells of the grid differ, 0-100; PDQ trusts hashes from 50 on."""
    steps = [np.abs(np.diff(grid, axis=axis)) * (100 / 255) for axis in (0, 1)]
    return min(100, int(sum(np.floor(step).sum() for step in steps) / 90))


def _dct_rows() -> NDArray[np.float64]:
    """Return rows 1 to 16 of the orthonormal DCT-II of 64 samples ``[16, 64]``; row 0 is only the mean."""
    frequency = np.arange(1, _FREQUENCIES + 1)[:, np.newaxis]
    sample = np.arange(_GRID_PX)[np.newaxis, :]
    rows: NDArray[np.float64] = np.sqrt(2 / _GRID_PX) * np.cos(np.pi / (2 * _GRID_PX) * frequency * (2 * sample + 1))
    return rows


_DCT = _dct_rows()
