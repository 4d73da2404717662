"""Tests of the places of a picture that crops and turns leave as they are."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageEnhance

from imgfind.core import keypoints
from imgfind.core.keypoints import KEYPOINT

Transpose = Image.Transpose


@pytest.fixture(scope="module")
def photo(skimage_photos: Path) -> Image.Image:
    return Image.open(skimage_photos / "astronaut.png").convert("RGB")


def codes(image: Image.Image) -> set[int]:
    return set(np.frombuffer(keypoints.describe(image), KEYPOINT)["code"].tolist())


def test_a_photo_is_described_within_two_kilobytes(photo: Image.Image) -> None:
    described = np.frombuffer(keypoints.describe(photo), KEYPOINT)
    assert 40 <= len(described) <= keypoints.MOST
    assert described.nbytes <= 2048
    assert described["x"].max() <= 160 * keypoints.POSITION_STEPS


@pytest.mark.parametrize("turn", list(Transpose))
def test_the_codes_are_nearly_the_same_whichever_way_the_picture_is_turned(photo: Image.Image, turn: Transpose) -> None:
    upright, turned = codes(photo), codes(photo.transpose(turn))
    near = [min((code ^ other).bit_count() for other in turned) for code in upright]
    assert np.mean(np.array(near) <= 6) > 0.75


def test_brightness_and_contrast_change_few_codes(photo: Image.Image) -> None:
    dull = codes(ImageEnhance.Contrast(ImageEnhance.Brightness(photo).enhance(0.8)).enhance(0.8))
    near = [min((code ^ other).bit_count() for other in dull) for code in codes(photo)]
    assert np.mean(np.array(near) <= 6) > 0.8


def test_the_same_picture_gives_the_same_bytes(photo: Image.Image) -> None:
    assert keypoints.describe(photo) == keypoints.describe(photo.copy())


@pytest.mark.parametrize("size", [(1, 1), (1, 4000), (4000, 1), (3, 3), (300, 200)])
def test_a_flat_picture_of_any_shape_has_no_places(size: tuple[int, int]) -> None:
    assert keypoints.describe(Image.new("RGB", size, (90, 120, 40))) == b""


def test_noise_of_any_shape_can_be_described() -> None:
    rng = np.random.default_rng(0)
    for shape in ((1, 7), (500, 3), (2, 2), (60, 2000)):
        keypoints.describe(Image.fromarray(rng.integers(0, 256, (*shape, 3), np.uint8)))
