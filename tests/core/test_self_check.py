"""When photos are encoded in 8 bits: the check, what it goes by, and how a library keeps what it came to."""

import logging
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from imgfind.core import Library, encode
from imgfind.core.encode import CheckedEncoder, OnnxEncoder, PrecisionCheck, load_encoder, self_check
from imgfind.core.encode.self_check import PHOTOS, judged
from imgfind.core.models import find_model
from imgfind.core.records import FloatArray, PixelArray
from tests.command_line import CommandLine
from tests.fake_encoder import FakeEncoder
from tests.pictures import paint


def unit(rows: FloatArray) -> FloatArray:
    return (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)


def drawn(count: int = PHOTOS) -> FloatArray:
    return unit(np.random.default_rng(0).standard_normal((count, 32)).astype(np.float32))


def disturbed(rows: FloatArray, noise: float) -> FloatArray:
    return unit(rows + noise * unit(np.random.default_rng(1).standard_normal(rows.shape).astype(np.float32)))


@pytest.mark.parametrize(
    ("noise", "speedup", "precision"),
    [(0.01, 3.0, "int8"), (0.01, 1.05, "float32"), (0.09, 3.0, "float32"), (0.2, 3.0, "float32")],
)
def test_int8_is_taken_where_it_agrees_and_is_faster(noise: float, speedup: float, precision: str) -> None:
    outcome = judged(drawn(), disturbed(drawn(), noise), speedup, "key")

    assert outcome.precision == precision
    assert outcome.photos == PHOTOS
    assert (outcome.cosine < 0.995) == (noise == 0.2)


def test_the_same_vectors_agree_entirely() -> None:
    outcome = judged(drawn(), drawn(), 2.0, "key")
    assert (outcome.cosine, outcome.agreement) == (pytest.approx(1, abs=1e-6), 1.0)


class Light:
    """An encoder that has a faster kind of itself, which disturbs its vectors."""

    dim, device, key = 48, "cpu", "model and versions"

    def __init__(self, noise: float = 0.0) -> None:
        self.noise = noise
        self.pictures = 0
        self.lighter = self

    def encode_images(self, batch: PixelArray) -> FloatArray:
        self.pictures += len(batch)
        rows = batch.reshape(len(batch), -1)[:, :48].astype(np.float32) - 127
        return disturbed(unit(rows), self.noise)

    def encode_texts(self, texts: list[str]) -> FloatArray:
        raise NotImplementedError

    def quantized(self, _quantize: object) -> "Light":
        return self.lighter


def noise_pictures(count: int) -> PixelArray:
    return np.random.default_rng(count).integers(0, 256, (count, 4, 4, 3), np.uint8)


@pytest.fixture
def faster(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let 8 bits always be fast enough: what the clock says is no business of a test."""
    monkeypatch.setattr(self_check, "LEAST_SPEEDUP", 0.0)


def checked(encoder: Light, known: PrecisionCheck | None = None) -> CheckedEncoder:
    stand_in: Any = encoder
    return CheckedEncoder(stand_in, known)


@pytest.mark.usefixtures("faster")
def test_after_the_first_photos_a_good_check_lets_the_rest_be_encoded_in_8_bits() -> None:
    exact = Light()
    exact.lighter = Light(noise=0.01)
    encoder = checked(exact)
    pixels = noise_pictures(16)

    for _ in range(4):
        np.testing.assert_array_equal(encoder.encode_images(pixels), Light().encode_images(pixels))
    assert encoder.outcome is not None
    assert encoder.outcome.precision == "int8"
    before = exact.pictures, exact.lighter.pictures
    encoder.encode_images(noise_pictures(30))

    assert (exact.pictures, exact.lighter.pictures) == (before[0], before[1] + 30)


@pytest.mark.usefixtures("faster")
def test_a_bad_check_keeps_float32() -> None:
    exact = Light()
    exact.lighter = Light(noise=0.5)
    encoder = checked(exact)

    for _ in range(4):
        encoder.encode_images(noise_pictures(16))
    assert encoder.outcome is not None
    assert encoder.outcome.precision == "float32"
    before = exact.pictures, exact.lighter.pictures
    encoder.encode_images(noise_pictures(30))

    assert (exact.pictures, exact.lighter.pictures) == (before[0] + 30, before[1])


@pytest.mark.usefixtures("faster")
def test_threads_that_encode_at_the_same_time_make_one_check() -> None:
    exact = Light()
    exact.lighter = Light(noise=0.01)
    encoder = checked(exact)

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda _: encoder.encode_images(noise_pictures(4)), range(100)))

    assert encoder.outcome is not None
    assert encoder.outcome.photos == PHOTOS


def test_what_is_known_is_not_checked_again_unless_the_versions_changed() -> None:
    exact = Light()
    exact.lighter = Light(noise=0.01)
    known = PrecisionCheck("int8", 0.999, 0.99, 3.0, PHOTOS, "model and versions")

    encoder = checked(exact, known)
    encoder.encode_images(noise_pictures(100))
    assert (exact.pictures, exact.lighter.pictures) == (0, 100)

    assert checked(exact, PrecisionCheck("int8", 0.999, 0.99, 3.0, PHOTOS, "older")).outcome is None


def test_an_encoder_that_cannot_be_quantized_goes_on_in_float32(caplog: pytest.LogCaptureFixture) -> None:
    class Unfit(Light):
        def quantized(self, _quantize: object) -> Light:
            raise ValueError("no matrices")

    encoder = checked(Unfit())
    with caplog.at_level(logging.INFO, "imgfind"):
        encoder.encode_images(noise_pictures(100))
        encoder.encode_images(noise_pictures(100))

    assert encoder.outcome is None
    assert [record.getMessage() for record in caplog.records] == [
        "encoding in float32: the model cannot be quantized (no matrices)"
    ]


def test_only_what_was_converted_has_8_bits() -> None:
    assert encode.checked(FakeEncoder(find_model("starter")), None) is None


def test_a_vision_transformer_in_8_bits_gives_nearly_the_same_vectors(random_vit_folder: Path) -> None:
    encoder = load_encoder(find_model(str(random_vit_folder)), device="cpu")
    assert isinstance(encoder, OnnxEncoder)
    pixels = np.random.default_rng(0).integers(0, 256, (2, 256, 256, 3), np.uint8)

    light = encoder.quantized(self_check.quantize)

    cosines = (light.encode_images(pixels) * encoder.encode_images(pixels)).sum(axis=1)
    assert cosines.min() > 0.99
    assert not np.array_equal(light.encode_images(pixels), encoder.encode_images(pixels))


@pytest.mark.usefixtures("faster")
def test_a_library_keeps_what_its_check_came_to_and_status_shows_it(tmp_path: Path, imgfind: CommandLine) -> None:
    for number in range(PHOTOS + 6):
        colours = np.random.default_rng(number).integers(0, 256, 3)
        paint(tmp_path / "photos" / f"{number}.png", tuple(int(value) for value in colours))
    with Library(tmp_path / "library") as library:
        library.index([str(tmp_path / "photos")])
        check = library.status().precision

    assert check is not None
    assert check.photos >= PHOTOS
    assert check.precision in ("int8", "float32")
    document = imgfind("status", "--library", str(tmp_path / "library"), "--json").json
    assert document["precision"]["cosine"] == pytest.approx(check.cosine)
    assert document["decisions"]["precision"].startswith(f"{check.precision} (int8 on {check.photos} of your photos")


@pytest.mark.parametrize("text", [None, "", "no JSON", "[1]", '{"precision": "int8"}'])
def test_anything_else_in_the_place_of_an_outcome_is_none(text: str | None) -> None:
    assert PrecisionCheck.parse(text) is None
