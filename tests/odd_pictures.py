"""Makes odd picture files: whatever Pillow writes, in all modes and odd sizes; whole, cut off, with bytes changed."""

import contextlib
import io
import random
import warnings

import numpy as np
from PIL import Image

MODES = ("1", "L", "LA", "P", "PA", "RGB", "RGBA", "RGBX", "RGBa", "CMYK", "YCbCr", "LAB", "HSV", "I", "I;16", "F")
SIZES = ((1, 1), (1, 37), (41, 1), (3, 2), (33, 17), (64, 64))
LEFT_OUT = {"PDF", "EPS", "WMF", "BUFR", "GRIB", "HDF5", "PALM", "ICNS", "JXL"}
"""What Pillow writes and reads not at all, or not without other programs; icons, which it scales up to 1024 px; and
what a plug-in writes, where another test has loaded it."""
HEADER_BYTES = 64


def whole() -> dict[str, bytes]:
    """Return name -> bytes of all that Pillow can write, in two sizes each. The names have no suffix."""
    Image.init()
    made = {}
    for file_format in sorted(set(Image.SAVE) - LEFT_OUT):
        for number, mode in enumerate(MODES):
            for size in (SIZES[number % len(SIZES)], SIZES[(number + 2) % len(SIZES)]):
                if data := _saved(file_format, mode, size):
                    made[f"{file_format}-{mode.replace(';', '_')}-{size[0]}x{size[1]}"] = data
    return made


def mangled(files: dict[str, bytes], seed: int) -> dict[str, bytes]:
    """Return each file cut off somewhere, and with some bytes of its header, or of all of it, changed."""
    chance = random.Random(seed)
    made = {}
    for name, data in files.items():
        stem, dot, suffix = name.partition(".")
        made[f"{stem}-cut{dot}{suffix}"] = data[: chance.randrange(len(data))]
        for kind, end in (("header", min(HEADER_BYTES, len(data))), ("data", len(data))):
            changed = bytearray(data)
            for _ in range(chance.choice((1, 2, 8))):
                # Not the first bytes: they tell the format, and changed would make it merely none.
                place = chance.randrange(min(4, end - 1), end)
                changed[place] = chance.choice((0, 1, 0x7F, 0x80, 0xFF, chance.randrange(256)))
            made[f"{stem}-{kind}{dot}{suffix}"] = bytes(changed)
    return made


def _saved(file_format: str, mode: str, size: tuple[int, int]) -> bytes:
    """Return a picture file, or nothing where Pillow cannot write such a one."""
    pixels = np.random.default_rng(0).integers(0, 256, (size[1], size[0], 3), np.uint8)
    out = io.BytesIO()
    with contextlib.suppress(OSError, ValueError, KeyError), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        Image.fromarray(pixels).convert(mode).save(out, file_format)
        return out.getvalue()
    return b""
