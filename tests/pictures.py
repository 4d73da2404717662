"""Makes small real picture files for tests."""

import itertools
import os
from pathlib import Path

import numpy as np
from PIL import Image

_seeds = itertools.count()


def paint(path: Path, colour: tuple[int, int, int] = (255, 0, 0), size: tuple[int, int] = (64, 48)) -> Path:
    """Write a picture of one colour with a little noise of its own, so that no two files have the same bytes."""
    noise = np.random.default_rng(next(_seeds)).integers(-8, 9, (size[1], size[0], 3))
    pixels = np.clip(np.array(colour) + noise, 0, 255).astype(np.uint8)
    path.parent.mkdir(parents=True, exist_ok=True)
    suffix = path.suffix.lower()
    Image.fromarray(pixels).save(path, format={".png": "PNG", ".webp": "WEBP"}.get(suffix, "JPEG"))
    return path


def age(path: Path, seconds: int) -> None:
    """Make a file look modified ``seconds`` ago, so that a later change cannot fall into the same tick of the clock."""
    stat = path.stat()
    os.utime(path, ns=(stat.st_atime_ns, stat.st_mtime_ns - seconds * 10**9))
