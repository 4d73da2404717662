"""The libraries that ``screenshots.py`` shows: photographs of scikit-image in the home of somebody who uses imgfind.

Everything is made once below one folder and found again. Leaves out the motorcycles, whose licence nobody states. One
thread.
"""

import datetime as dt
import os
import random
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import samples
from PIL import Image, ImageEnhance, ImageFilter, ImageOps

from imgfind.core import Library

MANY = 10_000
GROWING = "growing"
_LEFT_OUT = ("motorcycle_left.png", "motorcycle_right.png")
_NEWEST_FIRST = ("chelsea", "rocket", "coffee", "astronaut", "retina", "coins", "ihc", "camera", "moon")
"""By their names; what shows more grey than anything else was taken earlier."""
_NEWEST = dt.datetime(2025, 8, 24, 15, 40)  # noqa: DTZ001 - local time, as cameras write it
_YEARS = 12
_MANY_PX = (480, 360)


@dataclass(frozen=True, slots=True)
class Home:
    """A home folder with photos and libraries."""

    folder: Path

    @property
    def pictures(self) -> Path:
        """Where the photos are."""
        return self.folder / "Pictures"

    @property
    def many(self) -> Path:
        """Where very many photos are."""
        return self.folder / "Archive"

    @property
    def copies(self) -> Path:
        """Where copies of photos are, in all their kinds."""
        return self.folder / "Camera roll"

    @property
    def disk(self) -> Path:
        """Where the photos of a disk were that is away."""
        return self.folder / "media" / "Old disk"

    def library(self, name: str) -> Path:
        """Return the folder of a library, which :data:`LIBRARIES` fills."""
        return self.folder / "libraries" / name


def provide(home: Home, name: str) -> Path:
    """Return the folder of the library of this name, filled the first time; :data:`GROWING` is new each time."""
    folder = home.library(name)
    done = folder.with_suffix(".done")
    if not done.exists() or name == GROWING:
        shutil.rmtree(folder, ignore_errors=True)
        LIBRARIES[name](home, folder)
        folder.mkdir(parents=True, exist_ok=True)
        done.touch()
    return folder


def _fill_with_some(home: Home, folder: Path) -> None:
    """Index photos in folders, copies, files that are no photos, a disk that is away; mark favourites, save queries."""
    _lay_out_some(home)
    with Library(folder) as library:
        library.index([str(home.pictures), str(home.disk)])
        home.disk.rename(home.disk.with_name("in the drawer"))
        library.index()
        names = ("astronaut.png", "chelsea.png", "rocket.jpg")
        favourites = [str(path) for name in names for path in home.pictures.rglob(name)]
        library.photos.set_favourite(library.photos.ids_of_paths(favourites), on=True)
        library.photos.save_search("The night sky", "stars and galaxies")
        library.photos.save_search("Portraits", "a portrait of a person -is:raw")


def _lay_out_some(home: Home) -> None:
    shutil.rmtree(home.pictures, ignore_errors=True)
    shutil.rmtree(home.disk.parent, ignore_errors=True)
    samples.lay_out(samples.load(), home.pictures)
    for folder in sorted(home.pictures.iterdir()):
        folder.rename(folder.with_name(folder.name.capitalize()))
    for name in _LEFT_OUT:
        next(home.pictures.rglob(name)).unlink()
    ranks = {name: rank for rank, name in enumerate(_NEWEST_FIRST)}
    photos = sorted(home.pictures.rglob("*.*"), key=lambda photo: (ranks.get(photo.stem, len(ranks)), photo.name))
    for number, photo in enumerate(photos):
        _date(photo, _NEWEST - dt.timedelta(days=3 * number))
        days = 3 * number + 62
        if photo.stem in _NEWEST_FIRST:
            _write_detail(photo, home.pictures / "Details" / f"{photo.stem} 1.jpg", 0.25, days)
            _write_detail(photo, home.pictures / "Details" / f"{photo.stem} 2.jpg", 0.0, days)
        else:
            _write_detail(photo, home.disk / f"{photo.stem}.jpg", 0.25, 400 + 20 * number)
    copies = home.pictures / "For grandmother"
    copies.mkdir()
    for photo in [*home.pictures.rglob("moon.png"), *home.pictures.rglob("text.png")]:
        shutil.copy2(photo, copies / photo.name)
    for name in ("half a download.jpg", "scan 12.png"):
        (home.pictures / "Writing" / name).write_bytes(b"\x89PNG\r\n\x1a\nno picture")


def _write_detail(photo: Path, file: Path, corner: float, days: int) -> None:
    """Write three quarters of a photo, from ``corner`` on, as if taken so many days before the newest."""
    file.parent.mkdir(parents=True, exist_ok=True)
    with Image.open(photo) as opened:
        left, top, width, height = (round(part * edge) for part in (corner, 0.75) for edge in opened.size)
        opened.convert("RGB").crop((left, top, left + width, top + height)).save(file, quality=90)
    _date(file, _NEWEST - dt.timedelta(days=days))


def _fill_with_many(home: Home, folder: Path) -> None:
    _lay_out_many(home)
    with Library(folder) as library:
        library.index([str(home.many)])


def _fill_growing(home: Home, folder: Path) -> None:
    """Add very many photos without indexing them: the window does that."""
    provide(home, "many")
    with Library(folder) as library:
        library.add_roots([str(home.many)])


def _lay_out_many(home: Home) -> None:
    """Make very many photos of a few: sections of them in other colours, spread over years."""
    choose = random.Random(4)  # the same ones each time
    sources = _photos_of([name for name in samples.load().names if name not in _LEFT_OUT])
    for number in range(MANY):
        source = choose.choice(sources)
        width, height = (round(edge * choose.uniform(0.45, 1)) for edge in source.size)
        left, top = choose.randint(0, source.width - width), choose.randint(0, source.height - height)
        photo = source.crop((left, top, left + width, top + height))
        photo.thumbnail(_MANY_PX)
        photo = ImageEnhance.Color(photo).enhance(choose.uniform(0.3, 1.6))
        photo = ImageEnhance.Brightness(photo).enhance(choose.uniform(0.8, 1.15))
        taken = _NEWEST - dt.timedelta(days=_YEARS * 365 * choose.random() ** 1.5)
        file = home.many / f"{taken:%Y}" / f"IMG_{number:05}.jpg"
        file.parent.mkdir(parents=True, exist_ok=True)
        photo.save(file, quality=80)
        _date(file, taken)


def _fill_with_copies(home: Home, folder: Path) -> None:
    """Index photos and copies of them as people have them, and compare them all."""
    shutil.rmtree(home.copies, ignore_errors=True)
    places = [home.copies / name for name in ("2025", "2025/Best", "Sent", "From the phone")]
    for place in places:
        place.mkdir(parents=True, exist_ok=True)
    first, best, sent, phone = places
    names = [name for name in samples.load().names if name not in _LEFT_OUT]
    for number, photo in enumerate(_photos_of(names)):
        name = names[number].rpartition(".")[0]
        own = first / f"{name}.jpg"
        photo.save(own, quality=95)
        _date(own, _NEWEST - dt.timedelta(days=3 * number))
        made = (
            lambda photo: photo.resize((photo.width * 2 // 3, photo.height * 2 // 3)),
            lambda photo: ImageEnhance.Color(ImageEnhance.Contrast(photo).enhance(1.25)).enhance(0.2),
            ImageOps.mirror,
            lambda photo: photo.crop((0, 0, photo.width * 3 // 4, photo.height * 4 // 5)),
            lambda photo: ImageOps.expand(photo, photo.width // 25, "white"),
            lambda photo: photo.transpose(Image.Transpose.ROTATE_90),
        )[number % 6](photo)
        made.save(sent / f"{name} sent.jpg", quality=80)
        if number % 2 == 0:
            photo.filter(ImageFilter.SMOOTH).save(phone / f"IMG_{4100 + number}.jpg", quality=70)
        if number % 3 == 0:
            shutil.copy2(own, best / own.name)
    with Library(folder) as library:
        library.index([str(home.copies)])
        library.duplicates.update()


def _photos_of(names: list[str]) -> list[Image.Image]:
    """Return photos of scikit-image."""
    import skimage  # noqa: PLC0415 - a development package

    return [Image.open(Path(skimage.__file__).parent / "data" / name).convert("RGB") for name in names]


def _date(photo: Path, taken: dt.datetime) -> None:
    os.utime(photo, (taken.timestamp(), taken.timestamp()))


def _fill_with_test_data(_home: Home, folder: Path) -> None:
    """Index the photos of the test data, which cameras have made, where they are."""
    photos = samples.photos_of_test_data()
    if photos is not None:
        with Library(folder) as library:
            library.index([str(photos)])


LIBRARIES: dict[str, Callable[[Home, Path], None]] = {
    "empty": lambda _home, _folder: None,
    "some": _fill_with_some,
    "copies": _fill_with_copies,
    "test-data": _fill_with_test_data,
    "many": _fill_with_many,
    GROWING: _fill_growing,
}
