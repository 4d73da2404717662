"""The photographs duplicates are measured on: those of the test data and scikit-image's, with the copies known in them.

The test data are in ``$IMGFIND_TEST_DATA``, or else in ``shared`` beside the repository.
"""

import io
import os
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import attacks
import numpy as np
import skimage

from imgfind.core import hashes
from imgfind.core.duplicates import Label

TEST_DATA = Path(os.environ.get("IMGFIND_TEST_DATA", Path(__file__).resolve().parent.parent.parent / "shared"))
SCIKIT_IMAGE = Path(skimage.__file__).parent / "data"
SCIKIT_PHOTOS = ("astronaut.png", "camera.png", "chelsea.png", "coffee.png", "rocket.jpg", "motorcycle_left.png")
SCIKIT_SURFACES = ("brick.png", "grass.png", "gravel.png", "retina.jpg", "hubble_deep_field.jpg", "page.png")
PHOTO_EDGE_PX = 1400
"""Larger photos are scaled down first; the attacks on them take most of the time."""


class KnownGroup(NamedTuple):
    """Files that show one picture, and as which copies of each other they should be found."""

    kind: str
    label: Label
    files: list[Path]


def originals(folder: Path | None, count: int, seed: int, *, nth_cloth: int = 5) -> Iterator[tuple[str, bytes]]:
    """Draw ``count`` photos as (name, JPEG), no two of one picture; without ``folder`` of every so many clothes one."""
    files = distinct(nth_cloth) if folder is None else sorted(file for file in folder.rglob("*") if file.is_file())
    taken = 0
    for file in (files[place] for place in np.random.default_rng(seed).permutation(len(files))):
        if taken == count:
            return
        try:
            image = attacks.upright(file.read_bytes())
        except (OSError, ValueError, SyntaxError):
            continue
        if min(image.size) < attacks.SMALLEST_EDGE_PX:
            continue
        image.thumbnail((PHOTO_EDGE_PX, PHOTO_EDGE_PX))
        out = io.BytesIO()
        image.save(out, "JPEG", quality=92)
        taken += 1
        yield file.name, out.getvalue()


def distinct(nth_cloth: int = 1) -> list[Path]:
    """Return photos that show different pictures; half of them clothes, often before the same backdrop."""
    files = sorted((TEST_DATA / "photos" / "clothing").glob("*/*.jpg"))[::nth_cloth]
    files += sorted((TEST_DATA / "photos" / "camera").glob("*"))
    files += sorted((TEST_DATA / "duplicates" / "imagededup" / "base_images").glob("*"))
    return files + [SCIKIT_IMAGE / name for name in (*SCIKIT_PHOTOS, *SCIKIT_SURFACES)]


def known_groups() -> list[KnownGroup]:
    """Return the copies known in ``duplicates`` of the test data."""
    return [*resized_groups(), *_named_groups()]


def resized_groups() -> list[KnownGroup]:
    """Return the 17 pictures of ``duplicates/resized``.

    Found by perceptual hash and looked at: the files of a group differ in at most 40 bits, groups in 60 and more.
    """
    folder = TEST_DATA / "duplicates" / "resized"
    groups: list[tuple[bytes, list[Path]]] = []
    for file in sorted(folder.iterdir()) if folder.is_dir() else []:
        bits = hashes.perceptual_hash(attacks.upright(file.read_bytes())).bits
        for known, files in groups:
            if hashes.hamming(bits, known) <= 50:
                files.append(file)
                break
        else:
            groups.append((bits, [file]))
    return [KnownGroup("duplicates/resized", Label.RE_ENCODED, files) for _, files in groups]


def _named_groups() -> Iterator[KnownGroup]:
    folder = TEST_DATA / "duplicates"
    for kind, label, patterns in (
        ("variants", Label.EDITED, ("imagededup/mixed_images/ukbench00120*", "imagededup/ukbench00120_gray.jpg")),
        ("formats", Label.RE_ENCODED, ("imagededup/formats_images/ukbench09380*",)),
        ("turns and modes", Label.TURNED, ("pdq/reg-test-input/dih/*", "pdq/misc-images/modes/*")),
    ):
        files = [file for pattern in patterns for file in sorted(folder.glob(pattern))]
        if files:
            yield KnownGroup(f"duplicates/*, {kind}", label, files)
