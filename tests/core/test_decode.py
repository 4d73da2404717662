"""Tests of decoding: real photographs, generated oddities and hostile files."""

import errno
import io
import os
import struct
import zlib
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any
from unittest.mock import MagicMock

import numpy as np
import pytest
from PIL import Image, ImageChops, ImageCms
from PIL.ExifTags import GPS, IFD, Base

from imgfind.core import formats
from imgfind.core.decode import (
    MAX_PIXELS,
    PREVIEW_EDGE_PX,
    PREVIEW_MAX_LONG_EDGE_PX,
    DecodedPhoto,
    decode,
    model_input,
    preview,
)
from imgfind.core.errors import UnreadablePhotoError
from imgfind.core.records import Facts, Preprocess

pillow_warns = pytest.mark.filterwarnings("ignore:::PIL")
"""Damaged files make Pillow warn; tests turn warnings into errors, which users' runs do not."""


def encoded(image: Image.Image, file_format: str = "PNG", **options: Any) -> bytes:
    out = io.BytesIO()
    image.save(out, file_format, **options)
    return out.getvalue()


def read(data: bytes, min_edge_px: int = 256) -> DecodedPhoto:
    return decode(io.BytesIO(data), min_edge_px=min_edge_px)


def reason_for(data: bytes) -> str:
    with pytest.raises(UnreadablePhotoError) as caught:
        read(data)
    assert not caught.value.transient
    return caught.value.reason


def pixel(photo: DecodedPhoto, x: int, y: int) -> tuple[int, ...]:
    value = photo.image.getpixel((x, y))
    assert isinstance(value, tuple)
    return value


def mean_difference(a: Image.Image, b: Image.Image) -> float:
    assert a.size == b.size
    return float(np.abs(np.asarray(a, dtype=np.int16) - np.asarray(b, dtype=np.int16)).mean())


@pytest.fixture(scope="module")
def photo(skimage_photos: Path) -> Image.Image:
    """Return a real photograph of 451 x 300 pixels."""
    return Image.open(skimage_photos / "chelsea.png").convert("RGB")


# --- formats ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "size", "file_format"),
    [
        ("heic/IMG_2927.HEIC", (3024, 4032), "HEIF"),
        ("heic/exif-at-eof.heic", (3024, 4032), "HEIF"),
        ("heic/cheers_1440x960.heic", (1440, 960), "HEIF"),
        ("heic/example.heic", (1280, 854), "HEIF"),
        ("heic/example.avif", (800, 533), "AVIF"),
        ("heic/32Bit-72dpi-sRGB-800x600.avif", (800, 600), "AVIF"),
        ("heic/Issue 649.avif", (5472, 3648), "AVIF"),
        ("jxl/1x1_exif_xmp.jxl", (1, 1), "JXL"),
        ("jxl/cropped_traffic_light.jxl", (50, 80), "JXL"),
        ("jxl/pq_gradient.jxl", (1088, 64), "JXL"),
        ("jxl/spline_on_first_frame.jxl", (32, 32), "JXL"),
        ("jxl/splines.jxl", (2048, 2048), "JXL"),
        ("jxl/square-extended-size-container.jxl", (8, 8), "JXL"),
    ],
)
def test_phone_and_modern_formats_decode(test_data: Path, name: str, size: tuple[int, int], file_format: str) -> None:
    photo = read((test_data / "photos" / name).read_bytes())
    assert (photo.width_px, photo.height_px, photo.format) == (*size, file_format)
    assert (photo.image.mode, photo.image.info) == ("RGB", {})
    assert photo.image.width * size[1] == pytest.approx(photo.image.height * size[0], rel=0.02)


def test_facts_come_with_a_heic_photo(test_data: Path) -> None:
    facts = read((test_data / "photos/heic/IMG_2927.HEIC").read_bytes()).facts
    assert (facts.taken_at, facts.camera) == ("2020-05-04T18:39:11-04:00", "Apple iPhone 11 Pro")
    assert (facts.lens, facts.iso) == ("iPhone 11 Pro back triple camera 4.25mm f/1.8", 32)


def test_a_heic_photo_is_turned_once(test_data: Path) -> None:
    """The box ``irot`` counts in quarter turns against the clock (ISO/IEC 23008-12, 6.5.10); EXIF is a stale copy."""
    data = bytearray((test_data / "photos/heic/IMG_2927.HEIC").read_bytes())
    upright = read(bytes(data))
    data[data.index(b"irot") + 4] = 1
    tag = data.index(struct.pack(">HHIH", Base.Orientation, 3, 1, 1))
    data[tag : tag + 10] = struct.pack(">HHIH", Base.Orientation, 3, 1, 6)

    turned = read(bytes(data))

    assert (turned.width_px, turned.height_px) == (4032, 3024)
    assert mean_difference(turned.image, upright.image.transpose(Image.Transpose.ROTATE_90)) < 1


def test_a_heic_photo_comes_in_srgb(test_data: Path) -> None:
    """The phone wrote Display P3, in which the red of the sign has smaller numbers than in sRGB."""
    path = test_data / "photos/heic/IMG_2927.HEIC"
    photo = read(path.read_bytes()).image
    with Image.open(path, formats=formats.plugin_formats(formats.Kind.HEIF)) as opened:
        as_it_is = opened.convert("RGB").resize(photo.size)
    redness = [np.asarray(image, dtype=int) @ (2, -1, -1) for image in (photo, as_it_is)]
    assert np.percentile(redness[0], 99) > np.percentile(redness[1], 99) + 5


@pytest.mark.filterwarnings("ignore:Using JPEG reconstruction")
@pytest.mark.parametrize("orientation", range(1, 9))
def test_a_jpeg_inside_jpeg_xl_is_turned_as_it_says(test_data: Path, tmp_path: Path, orientation: int) -> None:
    names = formats.plugin_formats(formats.Kind.JXL)
    original = test_data / "photos/orientation" / f"Landscape_{orientation}.jpg"
    with Image.open(original) as image:
        image.save(tmp_path / "a.jxl", names[0], lossless_jpeg=True)
    packed, plain = read((tmp_path / "a.jxl").read_bytes()), read(original.read_bytes())
    assert (packed.width_px, packed.height_px, packed.format) == (1800, 1200, "JXL")
    assert mean_difference(packed.image.resize(plain.image.size, Image.Resampling.HAMMING), plain.image) < 5


def test_exif_does_not_turn_a_jpeg_xl_picture(photo: Image.Image) -> None:
    """The decoder has done so; what EXIF says is a copy (ISO/IEC 18181-2, 9.5)."""
    exif = Image.Exif()
    exif[Base.Orientation] = 6
    names = formats.plugin_formats(formats.Kind.JXL)
    assert read(encoded(photo, names[0], exif=exif.tobytes())).image.size == photo.size


def test_transparent_jpeg_xl_shows_white() -> None:
    names = formats.plugin_formats(formats.Kind.JXL)
    clear = encoded(Image.new("RGBA", (20, 20), (255, 0, 0, 0)), names[0], lossless=True)
    assert pixel(read(clear), 10, 10) == (255, 255, 255)


def test_what_is_no_picture_is_called_so() -> None:
    noise = np.random.default_rng(1).integers(0, 256, 5000, dtype=np.uint8).tobytes()
    for data in (b"Dear diary,\n" * 100, bytes(5000), noise, b"\xff\xd8\xff", b"%PDF-1.7\n", b"\x89PNG\r\n\x1a\n"):
        assert reason_for(data) == "not a picture imgfind can read, or a damaged one"
    assert reason_for(b"") == "the file is empty"


def test_postscript_is_not_handed_to_other_programs() -> None:
    eps = b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 10 10\n%%EndComments\nshowpage\n"
    assert reason_for(eps).startswith("not a picture")


def test_the_content_decides_not_the_name(tmp_path: Path, photo: Image.Image) -> None:
    lying = tmp_path / "really-a-png.jpg"
    photo.save(lying, "PNG")
    with lying.open("rb") as file:
        assert decode(file, min_edge_px=256).format == "PNG"


# --- real photographs ------------------------------------------------------------------------------------------------


def test_every_real_photograph_decodes(test_data: Path) -> None:
    files = [
        *(test_data / "photos" / "camera").iterdir(),
        *sorted((test_data / "photos" / "clothing").rglob("*0*.jpg")),
    ]
    assert len(files) > 30
    for path in files:
        with path.open("rb") as file:
            photo = decode(file, min_edge_px=256)
            assert not file.closed
        assert photo.image.mode == "RGB"
        assert type(photo.image) is Image.Image  # detached from the file
        assert photo.image.info == {}
        assert min(photo.image.size) >= min(256, photo.width_px, photo.height_px)


def test_facts_come_with_the_photo(test_data: Path) -> None:
    path = test_data / "photos" / "camera" / "Apple iPhone 4.jpg"
    photo = read(path.read_bytes())
    place, exposure = (41.853, 12.488833333333334), (1 / 15, 2.8, 500, 3.85)
    assert photo.facts == Facts("2011-01-13T14:33:39", "Apple iPhone 4", None, *place, *exposure)
    assert (photo.width_px, photo.height_px, photo.format) == (1296, 968, "JPEG")


def test_a_photo_looks_the_same_in_every_orientation(test_data: Path) -> None:
    photos = [read((test_data / "photos/orientation" / f"Landscape_{turn}.jpg").read_bytes()) for turn in range(9)]
    for photo in photos:
        assert (photo.width_px, photo.height_px) == (1800, 1200)
        # The files were encoded one by one; a wrong turn differs by more than 50.
        assert mean_difference(photo.image, photos[1].image) < 4


# --- orientation of generated files ----------------------------------------------------------------------------------


@pytest.mark.parametrize("file_format", ["JPEG", "PNG", "WEBP", "TIFF", "AVIF"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_orientation_is_applied_in_every_format(photo: Image.Image, file_format: str, orientation: int) -> None:
    turn_back = {2: 0, 3: 3, 4: 1, 5: 5, 6: 2, 7: 6, 8: 4}  # Transpose members that undo the tag's turn
    stored = photo if orientation == 1 else photo.transpose(Image.Transpose(turn_back[orientation]))
    tags = Image.Exif()
    tags[Base.Orientation] = orientation
    decoded = read(encoded(stored, file_format, exif=tags))
    assert (decoded.width_px, decoded.height_px) == photo.size
    assert mean_difference(decoded.image, photo) < 6


def test_orientation_behind_the_pixels_of_a_png_is_found(photo: Image.Image) -> None:
    tags = Image.Exif()
    tags[Base.Orientation] = 6
    data = encoded(photo)
    payload = tags.tobytes()[6:]
    chunk = struct.pack(">I", len(payload)) + b"eXIf" + payload + struct.pack(">I", zlib.crc32(b"eXIf" + payload))
    decoded = read(data[:-12] + chunk + data[-12:])
    assert (decoded.width_px, decoded.height_px) == photo.size[::-1]


@pytest.mark.parametrize("orientation", [0, 9, 65535])
def test_a_senseless_orientation_is_ignored(photo: Image.Image, orientation: int) -> None:
    tags = Image.Exif()
    tags[Base.Orientation] = orientation
    assert mean_difference(read(encoded(photo, "JPEG", exif=tags)).image, photo) < 6


# --- scale -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("file_format", ["JPEG", "PNG", "MPO"])
@pytest.mark.parametrize("size", [(2400, 1600), (1600, 2400), (1030, 1030), (511, 900), (255, 3000), (4000, 257)])
def test_large_pictures_are_scaled_down_but_never_below_the_edge(file_format: str, size: tuple[int, int]) -> None:
    decoded = read(encoded(Image.new("RGB", size, "teal"), file_format))
    assert (decoded.width_px, decoded.height_px) == size
    short = min(decoded.image.size)
    assert min(256, *size) <= short <= 512
    assert decoded.image.width / decoded.image.height == pytest.approx(size[0] / size[1], rel=0.01)


def test_scaling_down_keeps_the_picture(photo: Image.Image) -> None:
    large = photo.resize((451 * 3, 300 * 3), Image.Resampling.LANCZOS)
    for file_format in ("JPEG", "PNG"):
        small = read(encoded(large, file_format)).image.resize(photo.size)
        assert mean_difference(small, photo) < 4


# --- modes, colours --------------------------------------------------------------------------------------------------


def test_a_picture_of_one_pixel_decodes() -> None:
    decoded = read(encoded(Image.new("RGB", (1, 1), (9, 8, 7))))
    assert (decoded.width_px, decoded.height_px, pixel(decoded, 0, 0)) == (1, 1, (9, 8, 7))
    assert preview(decoded.image)


@pytest.mark.parametrize(
    ("mode", "colour", "file_format", "expected"),
    [
        ("1", 1, "PNG", (255, 255, 255)),
        ("L", 100, "PNG", (100, 100, 100)),
        ("LA", (100, 255), "PNG", (100, 100, 100)),
        ("LA", (100, 0), "PNG", (255, 255, 255)),
        ("RGBA", (200, 0, 0, 0), "PNG", (255, 255, 255)),
        ("RGBA", (200, 0, 0, 255), "WEBP", (200, 0, 0)),
        ("RGBA", (0, 0, 0, 128), "PNG", (127, 127, 127)),
        ("P", 0, "PNG", (0, 0, 0)),
        ("CMYK", (0, 255, 255, 0), "JPEG", (255, 0, 0)),
        ("CMYK", (0, 255, 255, 0), "TIFF", (255, 0, 0)),
        ("YCbCr", (255, 128, 128), "TIFF", (255, 255, 255)),
        ("I;16", 0, "PNG", (0, 0, 0)),
        ("I;16", 32768, "PNG", (127, 127, 127)),
        ("I;16", 65535, "TIFF", (255, 255, 255)),
        ("I;16B", 32768, "TIFF", (127, 127, 127)),
        ("I", 32768, "TIFF", (127, 127, 127)),
        ("F", 0.5, "TIFF", (128, 128, 128)),
        ("F", float("nan"), "TIFF", (0, 0, 0)),
    ],
)
def test_every_mode_becomes_rgb(mode: str, colour: Any, file_format: str, expected: tuple[int, ...]) -> None:
    options = {"lossless": True} if file_format == "WEBP" else {}
    decoded = read(encoded(Image.new(mode, (40, 30), colour), file_format, **options))
    assert decoded.image.mode == "RGB"
    assert np.abs(np.subtract(pixel(decoded, 20, 15), expected)).max() <= 2


def test_lab_becomes_rgb() -> None:
    decoded = read(encoded(Image.new("LAB", (8, 8), (137, 208, 195)), "TIFF"))
    assert np.abs(np.subtract(pixel(decoded, 0, 0), (255, 0, 0))).max() <= 12  # L 53.7, a 80, b 67: sRGB red


@pytest.mark.parametrize(("mode", "values"), [("F", (-500.0, 1500.0)), ("I", (-500, 100_000)), ("F", (7.0, 7.0))])
def test_samples_beyond_the_usual_range_are_stretched(mode: str, values: tuple[Any, Any]) -> None:
    image = Image.new(mode, (2, 1), values[0])
    image.putpixel((1, 0), values[1])
    decoded = read(encoded(image, "TIFF"))
    assert pixel(decoded, 0, 0) == (0, 0, 0)
    assert pixel(decoded, 1, 0) == ((255, 255, 255) if values[0] != values[1] else (0, 0, 0))


def test_16_bit_gradients_keep_their_steps() -> None:
    ramp = np.linspace(0, 65535, 256).astype(np.uint16).repeat(4).reshape(1, 1024)
    decoded = read(encoded(Image.fromarray(ramp)))
    assert np.array_equal(np.asarray(decoded.image)[0, ::4, 0], np.arange(256))


@pytest.mark.parametrize("transparency", [0, b"\x00\xff"])
def test_a_transparent_palette_entry_shows_white(transparency: int | bytes) -> None:
    image = Image.new("P", (4, 4), 0)
    image.putpalette([10, 20, 30, 40, 50, 60])
    image.putpixel((1, 1), 1)
    decoded = read(encoded(image, transparency=transparency))
    assert pixel(decoded, 0, 0) == (255, 255, 255)
    assert pixel(decoded, 1, 1) == (40, 50, 60)


def test_a_transparent_colour_of_a_plain_png_shows_white() -> None:
    decoded = read(encoded(Image.new("RGB", (4, 4), (1, 2, 3)), transparency=(1, 2, 3)))
    assert pixel(decoded, 0, 0) == (255, 255, 255)


def test_transparency_does_not_bleed_when_scaled_down() -> None:
    image = Image.new("RGBA", (2048, 2048), (255, 0, 0, 0))
    image.paste((0, 0, 255, 255), (0, 0, 2048, 1025))
    decoded = read(encoded(image))
    assert not [value for _, value in decoded.image.getcolors() or [] if value[0] > value[2]]


@pytest.mark.parametrize(
    ("file_format", "options"), [("GIF", {}), ("WEBP", {"lossless": True}), ("TIFF", {}), ("PNG", {})]
)
def test_of_several_frames_the_first_is_taken(file_format: str, options: dict[str, Any]) -> None:
    frames = [Image.new("RGB", (20, 10), colour) for colour in ("red", "lime", "blue")]
    data = encoded(frames[0], file_format, save_all=True, append_images=frames[1:], **options)
    assert getattr(Image.open(io.BytesIO(data)), "n_frames", 1) == 3
    assert pixel(read(data), 5, 5) == (255, 0, 0)


def swapped_profile() -> bytes:
    """Return the ICC profile of a device whose red and blue primaries are sRGB's blue and red."""
    profile = bytearray(ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes())
    red, blue = profile.index(b"rXYZ"), profile.index(b"bXYZ")  # the first hits are in the tag table
    profile[red : red + 4], profile[blue : blue + 4] = b"bXYZ", b"rXYZ"
    return bytes(profile).replace("sRGB".encode("utf-16-be"), "SWAP".encode("utf-16-be"))


@pytest.mark.parametrize("file_format", ["PNG", "TIFF", "WEBP"])
def test_colour_profiles_become_srgb(file_format: str) -> None:
    options = {"lossless": True} if file_format == "WEBP" else {}
    data = encoded(Image.new("RGB", (8, 8), (250, 20, 90)), file_format, icc_profile=swapped_profile(), **options)
    assert np.abs(np.subtract(pixel(read(data), 0, 0), (90, 20, 250))).max() <= 2


def test_a_profile_that_is_srgb_already_changes_nothing(photo: Image.Image) -> None:
    srgb = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    decoded = read(encoded(photo, icc_profile=srgb))
    assert ImageChops.difference(decoded.image, photo).getbbox() is None


@pytest.mark.parametrize("profile", [b"garbage", bytes(200), swapped_profile()[:300]])
def test_a_broken_profile_does_not_lose_the_photo(photo: Image.Image, profile: bytes) -> None:
    decoded = read(encoded(photo, icc_profile=profile))
    assert ImageChops.difference(decoded.image, photo).getbbox() is None


def test_a_profile_for_another_mode_is_ignored() -> None:
    data = encoded(Image.new("L", (8, 8), 77), icc_profile=swapped_profile())
    assert pixel(read(data), 0, 0) == (77, 77, 77)


# --- damage ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("file_format", ["JPEG", "PNG", "WEBP", "GIF", "BMP", "TIFF", "AVIF"])
def test_a_file_cut_in_the_middle_is_a_problem(photo: Image.Image, file_format: str) -> None:
    data = encoded(photo, file_format)
    reason = reason_for(data[: len(data) // 2])
    if file_format not in ("WEBP", "AVIF"):  # their decoders do not say what is wrong
        assert reason == "the file is cut short"


@pillow_warns
@pytest.mark.parametrize("file_format", ["JPEG", "PNG", "WEBP"])
def test_broken_exif_does_not_lose_the_photo(photo: Image.Image, file_format: str) -> None:
    for broken in (b"Exif\0\0MM\0*\0\0\0\x08\xff\xff\x01\x12", b"Exif\0\0nonsense", b"Exif\0\0II*\0\xff\xff\xff\x7f"):
        decoded = read(encoded(photo, file_format, exif=broken))
        assert (decoded.width_px, decoded.height_px) == photo.size
        assert decoded.facts == Facts()


@pillow_warns
def test_one_broken_part_of_exif_leaves_the_others(photo: Image.Image) -> None:
    tags = Image.Exif()
    tags[Base.Make] = "Canon"
    tags.get_ifd(IFD.Exif)[Base.DateTimeOriginal] = "2021:05:06 07:08:09"
    tags.get_ifd(IFD.GPSInfo)[GPS.GPSLatitudeRef] = "N"
    data = bytearray(tags.tobytes())
    entry = data.index(struct.pack(">HHL", IFD.GPSInfo, 4, 1))
    data[entry + 8 : entry + 12] = b"\x7f\xff\xff\xff"  # the directory of positions lies far beyond the end
    facts = read(encoded(photo, "JPEG", exif=bytes(data))).facts
    assert (facts.camera, facts.taken_at, facts.latitude) == ("Canon", "2021-05-06T07:08:09", None)


def png_header(width_px: int, height_px: int) -> bytes:
    header = b"IHDR" + struct.pack(">IIBBBBB", width_px, height_px, 8, 2, 0, 0, 0)
    pixels = struct.pack(">I", 4) + b"IDAT" + bytes(8)
    return b"\x89PNG\r\n\x1a\n" + struct.pack(">I", 13) + header + struct.pack(">I", zlib.crc32(header)) + pixels


def bmp_header(width_px: int, height_px: int) -> bytes:
    return b"BM" + struct.pack("<IIIIiiHHIIIIII", 54, 0, 54, 40, width_px, height_px, 1, 24, 0, 0, 0, 0, 0, 0)


@pytest.mark.parametrize("header", [png_header, bmp_header])
@pytest.mark.filterwarnings("ignore::PIL.Image.DecompressionBombWarning")
@pytest.mark.parametrize(
    ("size", "claimed"), [((13_378, 13_378), "179"), ((15_000, 15_000), "225"), ((100_000, 100_000), "10,000")]
)
def test_enormous_claims_are_refused_before_loading(
    monkeypatch: pytest.MonkeyPatch, header: Callable[[int, int], bytes], size: tuple[int, int], claimed: str
) -> None:
    assert size[0] * size[1] > MAX_PIXELS
    monkeypatch.setattr("PIL.ImageFile.ImageFile.load", lambda self: pytest.fail("pixels were loaded"))
    assert reason_for(header(*size)).startswith(f"claims {claimed} megapixels")


def test_pictures_of_100_megapixels_are_accepted_without_a_warning() -> None:
    # Cut short on purpose: the point is that nothing is said about its size.
    assert reason_for(bmp_header(11_648, 8_736)) == "the file is cut short"


class FailingFile(io.BytesIO):
    """A file on a disk that fails after so many bytes."""

    def __init__(self, data: bytes, good_bytes: int, number: int) -> None:
        super().__init__(data)
        self.good_bytes, self.number = good_bytes, number

    def read(self, size: int | None = -1, /) -> bytes:
        data = super().read(size)
        if self.tell() > self.good_bytes:
            raise OSError(self.number, "the disk says no")
        return data


@pytest.mark.parametrize("file_format", ["JPEG", "PNG", "TIFF", "GIF"])
@pytest.mark.parametrize("good_share", [0.0, 0.5])
def test_a_failing_disk_is_a_transient_problem(photo: Image.Image, file_format: str, good_share: float) -> None:
    data = encoded(photo, file_format)
    with pytest.raises(UnreadablePhotoError) as caught:
        decode(FailingFile(data, int(len(data) * good_share), errno.EIO), min_edge_px=256)
    assert caught.value.transient
    assert caught.value.reason == f"reading failed: {os.strerror(errno.EIO)}"


def test_an_impossible_position_in_a_lying_file_is_not_a_disk_error(photo: Image.Image) -> None:
    data = encoded(photo)
    with pytest.raises(UnreadablePhotoError) as caught:
        decode(FailingFile(data, 100, errno.EINVAL), min_edge_px=256)
    assert not caught.value.transient


@pillow_warns
@pytest.mark.filterwarnings("ignore::PIL.Image.DecompressionBombWarning")
def test_every_hostile_file_ends_as_a_photo_or_as_a_problem_with_a_reason(test_data: Path) -> None:
    """Those that may crash are tested where they are decoded, in another process (test_reading)."""
    files = [path for path in sorted((test_data / "hostile").rglob("*")) if path.is_file()]
    assert len(files) > 300
    files = [path for path in files if formats.kind_of(path.read_bytes()[:64], path.suffix) not in formats.RISKY]
    photos: dict[str, DecodedPhoto] = {}
    problems: dict[str, UnreadablePhotoError] = {}
    for path in files:
        try:
            with path.open("rb") as file:
                photos[path.name] = decode(file, min_edge_px=256)
        except UnreadablePhotoError as error:
            problems[path.name] = error
    assert min(len(photos), len(problems)) > 50
    for name, photo in photos.items():
        assert photo.image.mode == "RGB", name
        assert preview(photo.image).startswith(b"\xff\xd8\xff"), name
    for name, problem in problems.items():
        assert not problem.transient, (name, problem.reason)
        assert problem.reason.isprintable(), name
        assert 5 < len(problem.reason) < 200, name


def test_threads_that_share_a_colour_profile_do_not_disturb_each_other(photo: Image.Image) -> None:
    files = [encoded(photo.rotate(90 * turn), icc_profile=swapped_profile()) for turn in range(4)]
    alone = [read(data).image.tobytes() for data in files]
    with ThreadPoolExecutor(4) as pool:
        together = [decoded.image.tobytes() for decoded in pool.map(read, files * 4)]
    assert together == alone * 4


# --- preview and model input -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("size", "expected"),
    [
        ((800, 600), (341, 256)),
        ((600, 800), (256, 341)),
        ((256, 256), (256, 256)),
        ((100, 50), (100, 50)),
        ((4000, 500), (PREVIEW_MAX_LONG_EDGE_PX, 128)),
        ((1, 9000), (1, PREVIEW_MAX_LONG_EDGE_PX)),
    ],
)
def test_previews_are_small_jpegs_of_the_same_shape(size: tuple[int, int], expected: tuple[int, int]) -> None:
    opened = Image.open(io.BytesIO(preview(Image.new("RGB", size, "teal"))))
    assert (opened.format, opened.mode, opened.size) == ("JPEG", "RGB", expected)


def test_previews_show_the_photo_in_about_15_kilobytes(test_data: Path) -> None:
    sizes = []
    for path in sorted((test_data / "photos" / "camera").iterdir()):
        image = read(path.read_bytes()).image
        data = preview(image)
        shown = Image.open(io.BytesIO(data))
        assert min(shown.size) == PREVIEW_EDGE_PX
        assert mean_difference(shown, image.resize(shown.size, Image.Resampling.HAMMING)) < 6
        sizes.append(len(data))
    assert 11_000 < np.mean(sizes) < 19_000


def wanting(width_px: int, height_px: int, mode: str, interpolation: str = "bicubic", fill: int = 0) -> Preprocess:
    return Preprocess(width_px, height_px, interpolation, mode, (0.5, 0.5, 0.5), (0.5, 0.5, 0.5), fill)


@pytest.mark.parametrize("mode", ["shortest", "longest", "squash"])
@pytest.mark.parametrize("want", [(224, 224), (160, 225)])
@pytest.mark.parametrize("size", [(640, 480), (31, 500), (1, 1), (224, 224)])
def test_model_input_has_the_size_the_model_wants(mode: str, want: tuple[int, int], size: tuple[int, int]) -> None:
    pixels = model_input(Image.new("RGB", size, (9, 8, 7)), wanting(*want, mode, fill=9))
    assert (pixels.shape, pixels.dtype) == ((want[1], want[0], 3), np.uint8)
    assert tuple(pixels[want[1] // 2, want[0] // 2]) == (9, 8, 7)


@pytest.mark.parametrize(
    ("interpolation", "resample"), [("bicubic", Image.Resampling.BICUBIC), ("bilinear", Image.Resampling.BILINEAR)]
)
def test_shortest_scales_the_short_edge_and_cuts_the_centre(
    photo: Image.Image, interpolation: str, resample: Image.Resampling
) -> None:
    # 451 x 300 -> 336.75 x 224; torchvision cuts the fraction off and rounds the margin 56 exactly.
    expected = photo.resize((336, 224), resample).crop((56, 0, 280, 224))
    assert np.array_equal(model_input(photo, wanting(224, 224, "shortest", interpolation)), np.asarray(expected))
    upright = photo.transpose(Image.Transpose.TRANSPOSE)
    expected = upright.resize((224, 336), resample).crop((0, 56, 224, 280))
    assert np.array_equal(model_input(upright, wanting(224, 224, "shortest", interpolation)), np.asarray(expected))


def test_longest_pads_with_the_fill_colour(photo: Image.Image) -> None:
    pixels = model_input(photo, wanting(224, 224, "longest", fill=127))
    expected = photo.resize((224, 149), Image.Resampling.BICUBIC)
    assert np.array_equal(pixels[37 : 37 + 149], np.asarray(expected))
    assert (pixels[:37] == 127).all()
    assert (pixels[37 + 149 :] == 127).all()


def test_squash_ignores_the_shape(photo: Image.Image) -> None:
    expected = photo.resize((64, 96), Image.Resampling.BICUBIC)
    assert np.array_equal(model_input(photo, wanting(64, 96, "squash")), np.asarray(expected))


def test_endless_strips_are_not_scaled_up_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    largest = 0
    resize = Image.Image.resize

    def watched(self: Image.Image, size: tuple[int, int], *args: Any, **options: Any) -> Image.Image:
        nonlocal largest
        largest = max(largest, size[0] * size[1])
        return resize(self, size, *args, **options)

    monkeypatch.setattr(Image.Image, "resize", watched)
    strip = Image.new("RGB", (1, 65_500), "teal")
    for mode in ("shortest", "longest"):
        assert model_input(strip, wanting(224, 224, mode)).shape == (224, 224, 3)
    assert 0 < largest <= 16 * 224 * 224


def test_very_large_pictures_are_decoded_one_at_a_time(monkeypatch: pytest.MonkeyPatch) -> None:
    turn = MagicMock()
    monkeypatch.setattr("imgfind.core.decode.large_pictures", turn)
    monkeypatch.setattr("imgfind.core.decode.LARGE_PIXELS", 100 * 100)
    for edge_px, turns in ((100, 0), (101, 1)):
        decode(io.BytesIO(encoded(Image.new("RGB", (edge_px, edge_px)))), min_edge_px=64)
        assert turn.__enter__.call_count == turn.__exit__.call_count == turns
