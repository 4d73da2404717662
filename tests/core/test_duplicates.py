import io
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import skimage
from PIL import Image, ImageDraw, ImageEnhance, ImageFilter, ImageOps

from imgfind.core import decode, hashes, registration
from imgfind.core.duplicates import Label, PictureView, same_pixels, verify
from imgfind.core.records import Facts

PHOTOS = Path(skimage.__file__).parent / "data"
TURNS = [
    None,
    Image.Transpose.FLIP_LEFT_RIGHT,
    Image.Transpose.ROTATE_180,
    Image.Transpose.FLIP_TOP_BOTTOM,
    Image.Transpose.TRANSPOSE,
    Image.Transpose.ROTATE_270,
    Image.Transpose.TRANSVERSE,
    Image.Transpose.ROTATE_90,
]


@pytest.fixture(scope="module")
def photo() -> Image.Image:
    return Image.open(PHOTOS / "coffee.png").convert("RGB")


def view(image: Image.Image, facts: Facts | None = None) -> PictureView:
    preview = np.asarray(Image.open(io.BytesIO(decode.preview(image))).convert("RGB"))
    return PictureView(preview, image.width, image.height, facts or Facts(), hashes.perceptual_hash(image))


def saved(image: Image.Image, quality: int) -> Image.Image:
    file = io.BytesIO()
    image.save(file, "JPEG", quality=quality)
    return Image.open(file)


def test_a_copy_saved_again_is_re_encoded(photo: Image.Image) -> None:
    verdict = verify(view(photo), view(saved(photo, 30)))
    assert verdict.label is Label.RE_ENCODED
    assert verdict.similarity > 0.95
    assert verdict.area == pytest.approx(1, abs=0.01)
    assert verdict.reason == "saved again"


@pytest.mark.parametrize("percent", [25, 50, 150])
def test_a_resized_copy_is_re_encoded(photo: Image.Image, percent: int) -> None:
    copy = photo.resize((photo.width * percent // 100, photo.height * percent // 100), Image.Resampling.LANCZOS)
    verdict = verify(view(photo), view(copy))
    assert verdict.label is Label.RE_ENCODED
    assert verdict.reason == "resized"


def test_a_copy_squashed_into_a_square_is_one(photo: Image.Image) -> None:
    assert verify(view(photo), view(photo.resize((300, 300)))).label is Label.RE_ENCODED


@pytest.mark.parametrize("turn", range(1, 8))
def test_all_orientations_are_found_and_named(photo: Image.Image, turn: int) -> None:
    transpose = TURNS[turn]
    assert transpose is not None
    verdict = verify(view(photo), view(photo.transpose(transpose)))
    assert verdict.label is Label.TURNED
    assert verdict.turn == turn


@pytest.mark.parametrize("turn", range(8))
def test_a_turn_is_what_the_exif_orientation_does(photo: Image.Image, turn: int) -> None:
    stored = photo.copy()
    stored.getexif()[0x0112] = turn + 1
    verdict = verify(view(photo), view(ImageOps.exif_transpose(stored)))
    assert verdict.turn == turn


@pytest.mark.parametrize("share", [0.9, 0.7, 0.56])
def test_a_crop_is_found_and_its_area_told(photo: Image.Image, share: float) -> None:
    width, height = round(photo.width * share), round(photo.height * share)
    left, top = round(photo.width * 0.3 * (1 - share)), round(photo.height * 0.8 * (1 - share))
    verdict = verify(view(photo), view(photo.crop((left, top, left + width, top + height))))
    assert verdict.label is Label.CROPPED
    assert verdict.area == pytest.approx(share**2, abs=0.03)


def test_the_order_of_two_pictures_does_not_matter(photo: Image.Image) -> None:
    crop = view(photo.crop((50, 40, 450, 340)).transpose(Image.Transpose.ROTATE_90))
    there, back = verify(view(photo), crop), verify(crop, view(photo))
    assert there.label is back.label is Label.CROPPED
    assert (there.turn, back.turn) == (7, 5)
    assert there.area == pytest.approx(back.area, abs=0.02)


def test_edits_are_edits(photo: Image.Image) -> None:
    dark = ImageEnhance.Brightness(photo).enhance(0.7)
    grey = photo.convert("L").convert("RGB")
    soft = photo.filter(ImageFilter.GaussianBlur(3))
    framed = ImageOps.expand(photo, 60, "white")
    for copy in (dark, grey, soft, framed):
        assert verify(view(photo), view(copy)).label is Label.EDITED


def test_a_caption_over_a_photo_is_an_edit(photo: Image.Image) -> None:
    captioned = photo.copy()
    pen = ImageDraw.Draw(captioned)
    pen.rectangle((0, 330, photo.width, photo.height), fill="black")
    pen.text((20, 345), "Sunday at home", "white")
    assert verify(view(photo), view(captioned)).label is Label.EDITED


def test_a_screenshot_is_an_edit(photo: Image.Image) -> None:
    screen = Image.new("RGB", (600, 1300), "black")
    screen.paste(photo, (0, 450))
    verdict = verify(view(photo), view(screen))
    assert verdict.label is Label.EDITED
    assert verdict.reason == "with a border or caption"


def test_something_that_moved_makes_it_another_shot(photo: Image.Image) -> None:
    later = photo.copy()
    later.paste(photo.crop((250, 150, 330, 230)), (320, 150))
    assert verify(view(photo), view(later)).label is Label.SAME_SCENE


def test_a_stereo_pair_is_no_pair_of_copies() -> None:
    left, right = (Image.open(PHOTOS / f"motorcycle_{side}.png").convert("RGB") for side in ("left", "right"))
    assert verify(view(left), view(right)).label in (Label.SAME_SCENE, None)


def test_pictures_that_have_nothing_in_common_are_different(photo: Image.Image) -> None:
    other = Image.open(PHOTOS / "chelsea.png").convert("RGB")
    verdict = verify(view(photo), view(other))
    assert verdict.label is None


@pytest.mark.parametrize("level", [0, 128, 255])
def test_blank_pictures_are_never_copies(level: int) -> None:
    draw = np.random.default_rng(level)
    blank = [
        Image.fromarray(np.clip(level + draw.normal(0, 3, (300, 400, 3)), 0, 255).astype(np.uint8)) for _ in range(2)
    ]
    assert verify(view(blank[0]), view(blank[1])).label is None


def test_a_camera_is_the_same_however_a_converter_spells_it(photo: Image.Image) -> None:
    first = view(photo, Facts(taken_at="2010-03-01T21:50:21", camera="NIKON D70s"))
    copy = view(saved(photo, 30), Facts(taken_at="2010-03-01T21:50:21", camera="Nikon D70s"))
    assert verify(first, copy).label is Label.RE_ENCODED


def test_two_moments_of_one_camera_are_two_shots(photo: Image.Image) -> None:
    first = view(photo, Facts(taken_at="2021-05-06T07:08:09", camera="X100"))
    copy = view(saved(photo, 30), Facts(taken_at="2021-05-06T07:08:11", camera="X100"))
    assert verify(first, copy).label is Label.SAME_SCENE


def test_a_clock_set_right_makes_no_other_shot(photo: Image.Image) -> None:
    first = view(photo, Facts(taken_at="2021-05-06T07:08:09", camera="X100"))
    copy = view(saved(photo, 30), Facts(taken_at="2021-05-06T09:08:09+02:00", camera="X100"))
    assert verify(first, copy).label is Label.RE_ENCODED


def test_the_very_same_preview_outweighs_another_date(photo: Image.Image) -> None:
    first = view(photo, Facts(taken_at="2021-05-06T07:08:09", camera="X100"))
    redated = replace(first, facts=Facts(taken_at="2021-05-07T01:00:01", camera="X100"))
    assert verify(first, redated).label is Label.RE_ENCODED


def test_tiny_pictures_are_compared_without_an_error() -> None:
    draw = np.random.default_rng(1)
    for size in ((1, 1), (3, 400), (24, 24)):
        tiny = Image.fromarray(draw.integers(0, 256, (size[1], size[0], 3), np.uint8))
        verify(view(tiny), view(tiny))


def test_same_pixels_are_told_apart_from_nearly_the_same(photo: Image.Image) -> None:
    pixels = np.asarray(photo)
    changed = pixels.copy()
    changed[0, 0, 0] ^= 1
    assert same_pixels(pixels, pixels.copy())
    assert not same_pixels(pixels, changed)
    assert not same_pixels(pixels, pixels[:-1])


def test_a_map_and_its_inverse_lead_back() -> None:
    matrix = np.array([[0.0, -0.5, 100.0], [0.6, 0.1, 3.0]])
    assert registration.composed(registration.inverse(matrix), matrix) == pytest.approx(np.eye(3)[:2])


def test_a_small_tilt_is_told_beside_the_turn() -> None:
    angle = np.radians(95)
    turn, tilt = registration.turn_and_tilt(
        np.array([[np.cos(angle), -np.sin(angle), 0], [np.sin(angle), np.cos(angle), 0]])
    )
    assert turn == 5
    assert tilt == pytest.approx(5)
