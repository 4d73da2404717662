"""Tests of which pairs are proposed, on real photographs."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image, ImageOps

from imgfind.core import candidates, hashes, keypoints
from imgfind.core.candidates import Looks

Transpose = Image.Transpose

NAMES = ("astronaut.png", "chelsea.png", "coffee.png", "rocket.jpg", "motorcycle_left.png", "brick.png", "page.png")


@pytest.fixture(scope="module")
def photos(skimage_photos: Path) -> list[Image.Image]:
    found = [skimage_photos / name for name in NAMES if (skimage_photos / name).exists()]
    assert len(found) >= 5
    return [Image.open(path).convert("RGB") for path in found]


def looks_of(images: list[Image.Image], first_id: int = 10) -> Looks:
    looked = [hashes.perceptual_hash(image) for image in images]
    return candidates.looks(
        first_id + np.arange(len(images)),
        [look.bits for look in looked],
        [look.quality for look in looked],
        candidates.joined([keypoints.describe(image) for image in images]),
    )


def pairs_of(found: np.ndarray) -> set[tuple[int, int]]:
    return {tuple(pair) for pair in found.tolist()}


def cropped(image: Image.Image, share: float) -> Image.Image:
    """Cut ``share`` of the area out, off the middle."""
    side = share**0.5
    width, height = int(image.width * side), int(image.height * side)
    left, top = (image.width - width) // 3, (image.height - height) * 2 // 3
    return image.crop((left, top, left + width, top + height))


def in_a_frame(image: Image.Image) -> Image.Image:
    return ImageOps.expand(image, image.width // 8, (20, 20, 20))


COPIES: dict[str, Callable[[Image.Image], Image.Image]] = {
    "smaller": lambda image: image.resize((image.width // 3, image.height // 3)),
    "crop to two thirds": lambda image: cropped(image, 0.65),
    "crop to half": lambda image: cropped(image, 0.5),
    "frame": in_a_frame,
    "mirrored crop": lambda image: ImageOps.mirror(cropped(image, 0.6)),
    "grey": lambda image: image.convert("L").convert("RGB"),
    **{turn.name: lambda image, turn=turn: image.transpose(turn) for turn in Transpose},
}


@pytest.mark.parametrize("name", COPIES)
def test_copies_are_proposed_and_hardly_anything_else(photos: list[Image.Image], name: str) -> None:
    count = len(photos)
    known = looks_of([*photos, *(COPIES[name](photo) for photo in photos)])
    found = pairs_of(candidates.propose(known))
    copies = {(10 + number, 10 + number + count) for number in range(count)}
    assert len(copies - found) <= 1
    assert len(found - copies) <= 1


@pytest.mark.parametrize("turn", list(Transpose))
def test_hashes_alone_find_turned_pictures(photos: list[Image.Image], turn: Transpose) -> None:
    known = looks_of([photos[0], photos[1], photos[0].transpose(turn)])
    assert (0, 2) in pairs_of(candidates.by_hash(known))
    assert (0, 1) not in pairs_of(candidates.by_hash(known))


def test_turning_the_bits_is_nearly_turning_the_picture(photos: list[Image.Image]) -> None:
    for photo in photos:
        bits = np.frombuffer(hashes.perceptual_hash(photo).bits, np.uint8)[np.newaxis]
        turned = candidates.turned_hashes(bits)[:, 0]
        assert (turned[0] == bits).all()
        for turn in Transpose:
            wanted = np.frombuffer(hashes.perceptual_hash(photo.transpose(turn)).bits, np.uint8)
            assert min(np.bitwise_count(turned ^ wanted).sum(axis=1)) <= 24


def test_only_pairs_with_a_fresh_content_are_proposed(photos: list[Image.Image]) -> None:
    known = looks_of([*photos, photos[0], cropped(photos[1], 0.7)])
    fresh = np.zeros(len(photos) + 2, np.bool_)
    fresh[-1] = True
    assert pairs_of(candidates.propose(known, fresh)) == {(11, 10 + len(photos) + 1)}
    assert (10, 10 + len(photos)) in pairs_of(candidates.propose(known))


@pytest.mark.parametrize("new", [0, 1, 3])
def test_what_the_sieve_holds_back_makes_no_pair(photos: list[Image.Image], new: int) -> None:
    images = [*photos, moved(photos[0]), cropped(photos[1], 0.5), in_a_frame(photos[2])]
    known = looks_of(images)
    fresh = np.arange(len(images)) >= len(images) - new
    all_pairs = np.stack(np.triu_indices(len(images), 1), axis=1) + 10
    expected = candidates.propose(known, fresh, all_pairs)

    owners = np.repeat(np.arange(len(images)), known.counts)
    passing = candidates.sieve(known.keypoints[fresh[owners]]).passing(np.ascontiguousarray(known.keypoints["code"]))
    assert passing[fresh[owners]].all()
    assert np.count_nonzero(passing[~fresh[owners]]) < len(owners) / 4
    counts = np.bincount(owners[passing], minlength=len(images))
    few = replace(known, keypoints=known.keypoints[passing], counts=counts)

    def whole(content_ids: NDArray[np.int64]) -> candidates.Keypoints:
        wanted = np.isin(known.content_ids, content_ids)
        return known.keypoints[wanted[owners]], known.counts[wanted]

    assert pairs_of(candidates.propose(few, fresh, all_pairs, whole)) == pairs_of(expected)


def test_flat_pictures_propose_nothing() -> None:
    blank = [Image.new("RGB", (300, 200), (shade, shade, shade)) for shade in (0, 1, 254, 255)]
    assert len(candidates.propose(looks_of(blank))) == 0


def moved(image: Image.Image) -> Image.Image:
    """Stretch a picture unevenly, as a step aside does, so that the hash says nothing and too few places agree."""
    slanted = (1, 0.3, 0, 0.1, 1, 0, 0.0003, 0.0008)
    return image.resize((400, 300)).transform((400, 300), Image.Transform.PERSPECTIVE, slanted).crop((0, 0, 330, 240))


def test_near_vectors_are_proposed_once_with_the_lower_id_first(photos: list[Image.Image]) -> None:
    known = looks_of([*photos, moved(photos[0])])
    pair = (10, 10 + len(photos))
    assert pair not in pairs_of(candidates.propose(known))
    found = candidates.propose(known, neighbours=np.array([pair, pair[::-1]]))
    assert pair in pairs_of(found)
    assert len(pairs_of(found)) == len(found)
    assert (found[:, 0] < found[:, 1]).all()


def test_near_vectors_of_pictures_that_share_nothing_else_are_not_proposed(photos: list[Image.Image]) -> None:
    known = looks_of([*photos, Image.new("RGB", (300, 200), (255, 255, 255))])
    count = len(photos)
    all_pairs = np.stack(np.triu_indices(count + 1, 1), axis=1) + 10
    assert len(candidates.propose(known, neighbours=all_pairs)) <= 1
    unknown = np.array([[10, 900], [901, 902]])
    assert len(candidates.propose(known, neighbours=unknown)) == 0


def test_near_vectors_of_pictures_without_places_go_by_the_hash() -> None:
    bits = np.random.default_rng(0).integers(0, 256, (3, 32), np.uint8)
    bits[1] = bits[0] ^ np.packbits(np.arange(256) < 60)
    known = candidates.looks(np.arange(1, 4), [row.tobytes() for row in bits], [100] * 3, candidates.joined([b""] * 3))
    assert pairs_of(candidates.propose(known, neighbours=np.array([[1, 2], [1, 3], [2, 3]]))) == {(1, 2)}


def test_no_and_one_content_have_no_pairs(photos: list[Image.Image]) -> None:
    assert candidates.propose(looks_of([])).shape == (0, 2)
    assert candidates.propose(looks_of(photos[:1])).shape == (0, 2)
    assert candidates.propose(looks_of(photos[:1]), np.ones(1, np.bool_)).shape == (0, 2)


def test_many_pictures_of_one_kind_make_few_pairs(photos: list[Image.Image]) -> None:
    count = 60
    one = looks_of(photos[:1])
    known = Looks(
        np.arange(count),
        np.repeat(one.hashes, count, axis=0),
        np.repeat(one.qualities, count),
        np.tile(one.keypoints, count),
        np.repeat(one.counts, count),
    )
    found = candidates.propose(known)
    assert len(found) < count * 20
    assert set(found.ravel().tolist()) == set(range(count))
