"""What is seen only in the files of two photos that look the same small: noise, sharpness, other words."""

import io
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageDraw, ImageEnhance, ImageFilter, ImageFont

from imgfind.core import decode, hashes, reading, side_by_side
from imgfind.core.duplicates import Original, PictureView, fine_edit, may_be_pages, same_words
from imgfind.core.records import Facts, Label, PixelArray, Verdict

WORDS = ("invoice", "of", "the", "third", "quarter", "for", "all", "goods", "that", "were", "sent", "in", "March")
A4_150_DPI = (1240, 1754)


@pytest.fixture(scope="module")
def photo(skimage_photos: Path) -> Image.Image:
    with Image.open(skimage_photos / "coffee.png") as image:
        return image.convert("RGB")


def noisy(image: Image.Image, sigma: float, seed: int = 1) -> Image.Image:
    pixels = np.asarray(image) + np.random.default_rng(seed).normal(0, sigma, (image.height, image.width, 3))
    return Image.fromarray(np.clip(np.round(pixels), 0, 255).astype(np.uint8))


def page(changed: dict[int, str] | None = None, seed: int = 1) -> Image.Image:
    """Return a scanned page, some of its lines ``changed``."""
    draw = np.random.default_rng(7)
    image = Image.new("RGB", A4_150_DPI, "white")
    pen, font = ImageDraw.Draw(image), ImageFont.load_default(24)
    for line in range(50):
        words = " ".join(draw.choice(WORDS, 10))
        pen.text((140, 240 + 28 * line), (changed or {}).get(line, words), "black", font)
    return noisy(image, 3, seed)


def as_jpeg(image: Image.Image, quality: int) -> tuple[PixelArray, float]:
    file = io.BytesIO()
    image.save(file, "JPEG", quality=quality)
    step = float(Image.open(file).quantization[0][0])
    return np.asarray(Image.open(file).convert("RGB")), step


def saved(image: Image.Image, path: Path, quality: int = 90) -> str:
    image.save(path, quality=quality)
    return str(path)


def view(image: Image.Image) -> PictureView:
    preview = np.asarray(Image.open(io.BytesIO(decode.preview(image))).convert("RGB"))
    return PictureView(preview, image.width, image.height, Facts(), hashes.perceptual_hash(image))


def compared(tmp_path: Path, one: Image.Image, other: Image.Image, quality: int = 90) -> Verdict:
    """Compare two files, as the library does."""
    a, b = saved(one, tmp_path / "a.jpg"), saved(other, tmp_path / "b.jpg", quality)
    return side_by_side.compare(a, b).verdict


@pytest.mark.parametrize("quality", [10, 30, 60, 95])
def test_what_was_only_saved_again_is_no_edit(tmp_path: Path, photo: Image.Image, quality: int) -> None:
    assert compared(tmp_path, photo, photo, quality).label is Label.RE_ENCODED


@pytest.mark.parametrize("sigma", [10, 15])
def test_added_noise_is_an_edit_although_a_preview_hardly_shows_it(
    tmp_path: Path, photo: Image.Image, sigma: float
) -> None:
    verdict = compared(tmp_path, photo, noisy(photo, sigma))
    assert (verdict.label, verdict.reason) == (Label.EDITED, "more noise in one")


@pytest.mark.parametrize("sigma_px", [1, 2])
def test_a_slight_blur_is_an_edit(tmp_path: Path, photo: Image.Image, sigma_px: float) -> None:
    verdict = compared(tmp_path, photo, photo.filter(ImageFilter.GaussianBlur(sigma_px)))
    assert (verdict.label, verdict.reason) == (Label.EDITED, "other sharpness")


def test_noise_that_saving_again_took_away_is_no_edit(photo: Image.Image) -> None:
    grainy = noisy(photo, 8)
    original, copy = Original(*as_jpeg(grainy, 95)), Original(*as_jpeg(grainy, 30))
    assert fine_edit(original, copy) is None
    assert fine_edit(copy, original) is None


def test_without_knowing_how_a_file_was_saved_its_noise_says_nothing(photo: Image.Image) -> None:
    clean, grainy = np.asarray(photo), np.asarray(noisy(photo, 15))
    assert fine_edit(Original(clean, None), Original(grainy, 3.0)) is None
    assert fine_edit(Original(clean, 0.0), Original(grainy, 3.0)) == "more noise in one"


@pytest.mark.parametrize("factor", [0.7, 1.3])
def test_stronger_or_weaker_colours_are_an_edit(tmp_path: Path, photo: Image.Image, factor: float) -> None:
    verdict = compared(tmp_path, photo, ImageEnhance.Color(photo).enhance(factor))
    assert verdict.label is Label.EDITED


@pytest.mark.parametrize("quality", [10, 90])
def test_a_page_saved_again_is_one(tmp_path: Path, quality: int) -> None:
    assert compared(tmp_path, page(), page(seed=2), quality).label in (Label.RE_ENCODED, Label.EDITED)


def test_a_page_with_another_line_is_another_page(tmp_path: Path) -> None:
    verdict = compared(tmp_path, page(), page({20: "invoice of the second half for no goods at all in May"}, seed=2))
    assert (verdict.label, verdict.reason) == (Label.SAME_SCENE, "other words on the same page")


def test_words_are_compared_between_pages_of_other_sizes() -> None:
    large, other = page(), page({20: "invoice of the second half for no goods at all in May"}, seed=2)
    small, other_small = (image.resize((930, 1316), Image.Resampling.LANCZOS) for image in (page(seed=2), other))
    assert same_words(np.asarray(large), np.asarray(small), edited=False)
    assert not same_words(np.asarray(large), np.asarray(other_small), edited=False)


def test_a_photo_is_no_page(photo: Image.Image) -> None:
    shown, written = view(photo), view(page())
    assert not may_be_pages(Verdict(Label.RE_ENCODED), shown, shown)
    assert may_be_pages(Verdict(Label.RE_ENCODED), written, written)
    assert not may_be_pages(Verdict(Label.CROPPED), written, written)


def test_how_coarsely_a_file_was_saved_is_read_from_its_head(tmp_path: Path, photo: Image.Image) -> None:
    fine, coarse = (saved(photo, tmp_path / f"{quality}.jpg", quality) for quality in (95, 40))
    assert (reading.rounding_step(fine) or 0) < 10 < (reading.rounding_step(coarse) or 0)
    assert reading.rounding_step(saved(photo, tmp_path / "a.png")) is None
    (tmp_path / "no.jpg").write_bytes(b"\xff\xd8\xff nothing")
    assert reading.rounding_step(str(tmp_path / "no.jpg")) is None
    assert reading.rounding_step(str(tmp_path / "gone.jpg")) is None
