"""Tests of the content hash and of the perceptual hash."""

import io
from itertools import combinations
from pathlib import Path

import blake3
import numpy as np
import pytest
from PIL import Image, ImageDraw

from imgfind.core.hashes import content_hash, content_hash_of_stream, hamming, perceptual_hash

SAME_PICTURE_BITS = 31
"""The distance up to which PDQ calls two hashes the same picture."""


@pytest.fixture(scope="module")
def photos(skimage_photos: Path) -> list[Image.Image]:
    """Return real photographs, about as large as decoding hands them over."""
    names = ("astronaut.png", "chelsea.png", "coffee.png", "camera.png", "motorcycle_left.png", "ihc.png")
    found = [skimage_photos / name for name in names if (skimage_photos / name).exists()]
    assert len(found) >= 4
    return [Image.open(path).convert("RGB") for path in found]


def reencoded(image: Image.Image, scale: float, quality: int) -> Image.Image:
    out = io.BytesIO()
    size = (round(image.width * scale), round(image.height * scale))
    image.resize(size, Image.Resampling.LANCZOS).save(out, "JPEG", quality=quality)
    return Image.open(out)


def test_the_content_hash_is_blake3_with_32_bytes() -> None:
    # The first 32 bytes for empty input in BLAKE3's own test_vectors.json.
    assert content_hash(b"").hex() == "af1349b9f5f9a1a6a0404dea36dcc9499bcb25c9adc112b7cc9a93cae41f3262"
    assert content_hash(b"photo") == blake3.blake3(b"photo").digest()
    assert content_hash(b"photo") != content_hash(b"photp")


@pytest.mark.parametrize("size_bytes", [0, 1, 7, 8, 9, 1000])
def test_a_stream_hashes_like_its_bytes_whatever_the_chunk(size_bytes: int) -> None:
    data = (bytes(range(256)) * 4)[:size_bytes]
    assert content_hash_of_stream(io.BytesIO(data), chunk_bytes=8) == content_hash(data)
    assert content_hash_of_stream(io.BytesIO(data)) == content_hash(data)


def test_a_stream_is_never_read_in_pieces_larger_than_the_chunk() -> None:
    class Watched(io.BytesIO):
        largest = 0

        def read(self, size: int | None = -1, /) -> bytes:
            assert size is not None
            assert size > 0
            self.largest = max(self.largest, size)
            return super().read(size)

    file = Watched(bytes(1000))
    content_hash_of_stream(file, chunk_bytes=64)
    assert file.largest == 64


def test_a_perceptual_hash_has_256_bits_half_of_them_set(photos: list[Image.Image]) -> None:
    for photo in photos:
        hashed = perceptual_hash(photo)
        assert len(hashed.bits) == 32
        assert int.from_bytes(hashed.bits, "big").bit_count() == 128
        assert perceptual_hash(photo.copy()) == hashed


def test_resized_and_reencoded_photos_stay_within_the_threshold(photos: list[Image.Image]) -> None:
    for photo in photos:
        original = perceptual_hash(photo)
        for scale, quality in ((1.0, 40), (0.5, 75), (0.3, 60), (1.7, 85)):
            assert hamming(original.bits, perceptual_hash(reencoded(photo, scale, quality)).bits) <= SAME_PICTURE_BITS


def test_photos_straight_from_cameras_stay_within_the_threshold(test_data: Path) -> None:
    for path in sorted((test_data / "photos" / "camera").iterdir()):
        with Image.open(path) as file:
            photo = file.convert("RGB")
        copy = reencoded(photo, 0.4, 70)
        assert hamming(perceptual_hash(photo).bits, perceptual_hash(copy).bits) <= SAME_PICTURE_BITS, path.name


def test_different_photos_are_far_apart(photos: list[Image.Image]) -> None:
    hashes = [perceptual_hash(photo).bits for photo in photos]
    assert min(hamming(a, b) for a, b in combinations(hashes, 2)) > 2 * SAME_PICTURE_BITS


def test_grey_and_colour_of_the_same_luma_hash_alike(photos: list[Image.Image]) -> None:
    grey = photos[0].convert("L")
    assert perceptual_hash(grey) == perceptual_hash(grey.convert("RGB"))


def test_the_first_bits_are_the_slowest_waves_row_by_row() -> None:
    rng = np.random.default_rng(3)
    picture = Image.fromarray(rng.integers(0, 256, (64, 64), dtype=np.uint8))
    bits = np.unpackbits(np.frombuffer(perceptual_hash(picture).bits, np.uint8)).reshape(16, 16)
    turned = picture.transpose(Image.Transpose.TRANSPOSE)
    bits_turned = np.unpackbits(np.frombuffer(perceptual_hash(turned).bits, np.uint8)).reshape(16, 16)
    assert np.array_equal(bits.T, bits_turned)
    x = (np.arange(64) + 0.5) / 64
    wave = np.cos(np.pi * x)[:, None] * np.cos(np.pi * 3 * x)[None, :]  # vertical frequency 1, horizontal 3
    pure = Image.fromarray(np.rint(128 + 100 * wave).astype(np.uint8))
    assert perceptual_hash(pure).bits[0] & 0b00100000


@pytest.mark.parametrize("size", [(1, 1), (300, 200), (64, 64)])
@pytest.mark.parametrize("colour", ["black", "white", (10, 200, 30)])
def test_a_flat_picture_has_quality_0_and_no_bits(size: tuple[int, int], colour: str | tuple[int, int, int]) -> None:
    hashed = perceptual_hash(Image.new("RGB", size, colour))
    assert hashed.quality == 0
    assert hashed.bits == bytes(32)


def test_quality_grows_with_structure_and_stays_within_100(photos: list[Image.Image]) -> None:
    almost_flat = Image.new("L", (256, 256), 100)
    ImageDraw.Draw(almost_flat).rectangle((100, 100, 140, 140), fill=140)
    low = perceptual_hash(almost_flat).quality
    assert 0 < low < 50
    assert all(low < perceptual_hash(photo).quality <= 100 for photo in photos)


def test_hamming_counts_differing_bits() -> None:
    assert hamming(b"\x00\xff", b"\x00\xff") == 0
    assert hamming(b"\x00\xff", b"\x81\x0f") == 6
    assert hamming(bytes(32), b"\xff" * 32) == 256


def test_hashes_of_different_length_are_not_compared() -> None:
    with pytest.raises(ValueError, match="2 and 3 bytes"):
        hamming(b"ab", b"abc")
