"""Makes the large library the window is measured with: files, catalogue and previews, as if all had been indexed."""

import contextlib
import random
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import skimage
from PIL import Image

from imgfind.core import decode, formats, hashes, models
from imgfind.core.job import Job
from imgfind.core.records import Facts, FloatArray, FoundFile, ModelFiles, PerceptualHash
from imgfind.core.scan import scan
from imgfind.core.store import IndexedPhoto, NewContent, Store
from imgfind.core.thumbs import Previews

PHOTOGRAPHS = ("astronaut.png", "chelsea.png", "coffee.png", "motorcycle_left.png", "rocket.jpg", "retina.jpg")
PHOTO_PX = 1200
CUT_PX = (800, 600)
PREVIEWS = 300
"""So many differ."""
CHUNK = 5000
FIRST_DAY = datetime(2004, 1, 1, tzinfo=UTC)
DAYS = 20 * 365
PLACES = ("Berlin", "Garden", "Grandparents", "Holidays", "Lake", "Office", "Snow", "Wedding")
CAMERAS = ("Canon EOS 80D", "Google Pixel 6", "NIKON D90", "Panasonic DMC-TZ7", "iPhone 12")


def make(library: Path, photos: Path, count: int, previews: int) -> None:
    """Fill ``library`` with ``count`` photos of 20 years, and previews of the newest ``previews``.

    The files in ``photos`` are there, but hold no picture; whoever looks whether they changed finds them unchanged.
    """
    _write_files(photos, count)
    library.mkdir()
    model = models.find_model("starter")
    drawn = random.Random(0)
    vectors = np.random.default_rng(0)
    shown = list(pictures(PREVIEWS))
    with (
        contextlib.closing(Store.create(library)) as store,
        contextlib.closing(Previews(library, readonly=False)) as cache,
    ):
        model_id = store.add_model(
            model.name, fingerprint=models.fingerprint(model), encoder_version=decode.MODEL_INPUT_VERSION, dim=model.dim
        )
        store.set_setting("active_model", str(model_id))
        store.set_setting("target_model", str(model_id))
        root_id = store.add_root(str(photos), volume=None)
        batch: list[IndexedPhoto] = []
        for file in sorted(scan(str(photos), suffixes=formats.suffixes(), job=Job()), key=lambda file: file.path):
            assert isinstance(file, FoundFile), file
            content = _content(Path(file.path), shown[len(batch) % PREVIEWS])
            batch.append(
                IndexedPhoto(root_id, file, drawn.randbytes(32), file.size_bytes, content, _unit_row(vectors, model))
            )
        for start in range(0, len(batch), CHUNK):
            store.save_batch(model_id, batch[start : start + CHUNK], [], decode_version=decode.DECODE_VERSION)
        jpegs = [decode.preview(picture) for picture in shown]
        cache.add(
            [
                (batch[number].content_hash, decode.PREVIEW_VERSION, jpegs[number % PREVIEWS])
                for number in range(max(0, count - previews), count)
            ]
        )


def write_photos(folder: Path, count: int) -> None:
    """Write ``count`` JPEGs of 800 x 600, each another cut."""
    folder.mkdir()
    drawn = random.Random(1)
    shown = list(pictures(100))
    for number in range(count):
        picture = shown[number % len(shown)]
        left, top = (drawn.randrange(max(1, edge - least)) for edge, least in zip(picture.size, CUT_PX, strict=True))
        cut = picture.crop((left, top, left + CUT_PX[0], top + CUT_PX[1]))
        cut.save(folder / f"new {number:05}.jpg", quality=85)


def pictures(count: int) -> Iterator[Image.Image]:
    """Yield ``count`` cuts of photographs, two in three of them landscape."""
    sources = [Image.open(Path(skimage.__file__).parent / "data" / name).convert("RGB") for name in PHOTOGRAPHS]
    drawn = np.random.default_rng(0)
    for number in range(count):
        source = sources[number % len(sources)]
        size = (PHOTO_PX * 3 // 4, PHOTO_PX) if number % 3 == 2 else (PHOTO_PX, PHOTO_PX * 3 // 4)
        shift = drawn.uniform(0, 0.2, 4) * (*source.size, *source.size)
        box = (shift[0], shift[1], source.width - shift[2], source.height - shift[3])
        yield source.resize(size, Image.Resampling.BICUBIC, box=box)


def _write_files(folder: Path, count: int) -> None:
    """Write tiny files into folders like ``2012/2012-07 Lake``; their names tell when they were taken."""
    for number in range(count):
        taken = FIRST_DAY + timedelta(days=DAYS * number / count)
        place = PLACES[taken.toordinal() // 5 % len(PLACES)]
        part = folder / f"{taken:%Y}" / f"{taken:%Y-%m} {place}"
        if number % 10 == 0 or not part.exists():
            part.mkdir(parents=True, exist_ok=True)
        (part / f"{taken:%Y%m%d_%H%M%S}_{number:06}.jpg").write_bytes(b"%d" % number)


def _content(file: Path, picture: Image.Image) -> NewContent:
    taken = datetime.strptime(file.name[:15] + "+0000", "%Y%m%d_%H%M%S%z").replace(tzinfo=None)
    facts = Facts(taken_at=taken.isoformat(), camera=CAMERAS[taken.year % len(CAMERAS)], f_number=2.8, iso=200)
    return NewContent(
        *picture.size, "JPEG", facts, PerceptualHash(bytes(32), 100), hashes.HASH_VERSION, decode.DECODE_VERSION
    )


def _unit_row(drawn: np.random.Generator, model: ModelFiles) -> FloatArray:
    row = drawn.standard_normal(model.dim).astype(np.float32)
    unit: FloatArray = row / np.linalg.norm(row)
    return unit
