"""Camera RAW: generated DNG files, with and without a preview."""

import io
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from PIL.ExifTags import Base

from imgfind.core import decode
from imgfind.core.decode import DecodedPhoto
from imgfind.core.errors import UnreadablePhotoError
from tests.raw_files import write_dng

MIN_EDGE_PX = 256


def jpeg(size: tuple[int, int], **options: Any) -> bytes:
    """Return a JPEG that is blue, and white in its upper left quarter."""
    image = Image.new("RGB", size, "blue")
    image.paste("white", (0, 0, size[0] // 2, size[1] // 2))
    out = io.BytesIO()
    image.save(out, "JPEG", **options)
    return out.getvalue()


def read(path: Path) -> DecodedPhoto:
    with path.open("rb") as file:
        return decode.decode(file, min_edge_px=MIN_EDGE_PX, suffix=path.suffix)


def corners(image: Image.Image) -> str:
    """Return which corner is white: ``top left``, ..."""
    pixels = np.asarray(image, dtype=int).min(axis=2)
    half = (pixels.shape[0] // 2, pixels.shape[1] // 2)
    sums = {
        "top left": pixels[: half[0], : half[1]].mean(),
        "top right": pixels[: half[0], half[1] :].mean(),
        "bottom left": pixels[half[0] :, : half[1]].mean(),
        "bottom right": pixels[half[0] :, half[1] :].mean(),
    }
    return max(sums, key=lambda corner: sums[corner])


def test_a_raw_file_without_preview_is_developed_in_its_colours(tmp_path: Path) -> None:
    photo = read(write_dng(tmp_path / "a.dng", (200, 100, 50), (640, 480)))

    assert (photo.image.mode, photo.image.size) == ("RGB", (640, 480))
    assert (photo.width_px, photo.height_px, photo.format) == (640, 480, "RAW")
    red, green, blue = np.asarray(photo.image).reshape(-1, 3).mean(axis=0)
    assert red > green + 50 > blue + 100


def test_a_large_raw_file_is_developed_at_half_its_size(tmp_path: Path) -> None:
    photo = read(write_dng(tmp_path / "a.dng", size=(800, 2 * MIN_EDGE_PX)))
    assert photo.image.size == (400, MIN_EDGE_PX)
    assert (photo.width_px, photo.height_px) == (800, 2 * MIN_EDGE_PX)

    # One row less would leave too little.
    photo = read(write_dng(tmp_path / "b.dng", size=(800, 2 * MIN_EDGE_PX - 2)))
    assert photo.image.size == (800, 2 * MIN_EDGE_PX - 2)


@pytest.mark.parametrize(("orientation", "size"), [(1, (640, 480)), (3, (640, 480)), (6, (480, 640)), (8, (480, 640))])
def test_a_developed_raw_file_is_upright(tmp_path: Path, orientation: int, size: tuple[int, int]) -> None:
    photo = read(write_dng(tmp_path / "a.dng", orientation=orientation))
    assert photo.image.size == (photo.width_px, photo.height_px) == size


def test_a_preview_that_is_large_enough_is_shown_and_the_size_is_the_sensors(tmp_path: Path) -> None:
    photo = read(write_dng(tmp_path / "a.dng", preview=jpeg((320, MIN_EDGE_PX))))

    assert photo.image.size == (320, MIN_EDGE_PX)
    assert corners(photo.image) == "top left"
    assert (photo.width_px, photo.height_px, photo.format) == (640, 480, "RAW")


def test_a_small_preview_is_passed_over(tmp_path: Path) -> None:
    photo = read(write_dng(tmp_path / "a.dng", preview=jpeg((320, MIN_EDGE_PX - 1))))

    assert photo.image.size == (640, 480)


@pytest.mark.parametrize(
    ("orientation", "corner"), [(1, "top left"), (3, "bottom right"), (6, "top right"), (8, "bottom left")]
)
def test_a_preview_is_turned_as_the_camera_was_held(tmp_path: Path, orientation: int, corner: str) -> None:
    photo = read(write_dng(tmp_path / "a.dng", orientation=orientation, preview=jpeg((400, 300))))

    assert corners(photo.image) == corner
    assert photo.image.size == ((400, 300) if orientation < 5 else (300, 400))


def test_a_preview_that_says_how_it_was_held_is_turned_once(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[Base.Orientation] = 6
    photo = read(write_dng(tmp_path / "a.dng", orientation=6, preview=jpeg((400, 300), exif=exif)))

    assert corners(photo.image) == "top right"
    assert photo.image.size == (300, 400)


def test_a_preview_with_facts_but_no_orientation_is_turned_like_the_sensor(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[Base.Make] = "Imgfind"
    photo = read(write_dng(tmp_path / "a.dng", orientation=6, preview=jpeg((400, 300), exif=exif)))

    assert corners(photo.image) == "top right"
    assert photo.image.size == (300, 400)


@pytest.mark.parametrize("preview", [None, jpeg((400, 300))])
def test_facts_come_from_the_raw_file_itself(tmp_path: Path, preview: bytes | None) -> None:
    facts = read(write_dng(tmp_path / "a.dng", preview=preview)).facts

    assert (facts.taken_at, facts.camera) == ("2021-03-04T05:06:07", "Imgfind Test 1")


def test_a_raw_file_cut_short_is_a_problem(tmp_path: Path) -> None:
    path = write_dng(tmp_path / "a.dng")
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])

    with pytest.raises(UnreadablePhotoError) as caught:
        read(path)

    assert "b'" not in caught.value.reason
    assert not caught.value.transient


def test_garbage_that_is_called_raw_is_a_problem(test_data: Path, tmp_path: Path) -> None:
    garbage = tmp_path / "a.nef"
    garbage.write_bytes(b"Dear diary, " * 100)
    for path in (garbage, test_data / "photos" / "raw" / "unsupported.rw2"):
        with pytest.raises(UnreadablePhotoError, match="not a camera RAW picture"):
            read(path)


def test_too_many_pixels_are_not_developed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(decode, "MAX_PIXELS", 640 * 480 - 1)
    with pytest.raises(UnreadablePhotoError, match="megapixels"):
        read(write_dng(tmp_path / "a.dng"))


def test_a_jpeg_that_is_called_raw_is_a_jpeg(test_data: Path) -> None:
    photo = read(test_data / "photos" / "raw" / "Issue 247-1.nef")
    assert (photo.format, photo.width_px, photo.height_px) == ("JPEG", 2000, 3008)
