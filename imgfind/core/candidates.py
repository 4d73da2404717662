"""Which pairs of pictures are worth a look at their pixels: few enough to look at all, with hardly a copy left out.

Proposes and never decides. Three ways complete each other: perceptual hashes (whole pictures, turned or mirrored too),
the places two pictures share (crops, borders, captions, screenshots), and very near vectors (another shot of the same
scene), which the caller brings along; of those by chance so near, many in a large library, hash and places leave few.
Pure functions over arrays, safe on every thread.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from imgfind.core import hamming
from imgfind.core.keypoints import KEYPOINT, MOST, POSITION_STEPS, SCALE_STEPS
from imgfind.core.records import IdArray

CANDIDATES_VERSION = 2
"""Goes up whenever other pairs are proposed for the same pictures."""

TRUSTED_QUALITY = 50
"""Hashes of less quality propose nothing; PDQ's own advice."""
HASH_BITS = 31
"""Hashes that differ in at most so many of their 256 bits; PDQ's own advice. Turning the bits instead of the picture
adds 6.5 on average, 18 in one picture of a hundred (313 photos)."""

_SIDE = 16
_HASH_BUCKET = 64
"""Hashes with the same 16 bits that one is compared with."""
_MOST_PARTNERS = 8
"""A thousand screenshots have the same frame and would make half a million pairs. Whoever is in a group of many copies
needs no pair with each."""

_TABLES = ((0, 1, 2), (0, 3, 6), (0, 5, 7), (1, 3, 4), (0, 2, 4), (1, 2, 5), (0, 1, 5), (0, 1, 7), (2, 3, 7), (2, 3, 6))
"""Each looks at three of the eight bytes of a code, the first of the lowest frequencies, which change least. Chosen one
by one so that most copies of 100 photos share two places in some table: 0.97 of the crops to half, 0.89 of those to
30 % and 0.95 of those tilted by 5 degrees. Twelve tables of 24 random bits find 0.97, 0.87 and 0.92."""
_TABLE_BUCKET = 16
"""Places with the same key that one is compared with. Among 100,000 photos 32 find no more crops, borders, captions or
screenshots, and one of 70 more of those tilted by 5 degrees, for a quarter more time; 8 lose two of these 70 more."""
SAME_PLACE_BITS = 6
"""Two codes that differ in at most so many bits may show the same place; of places that do (crops to 30-65 %) half
differ in 5 or less. Of 1,000 pairs of other pictures 11 have one in common; with 7 bits 23, with 8 bits 42."""
_SHARED = 2
"""Places two pictures must share before they are compared place by place."""

AGREEING = 4
"""Places that must lie alike in both pictures. Share of the copies of 100 photos found, and pairs of 49,218 that do
not show the same (315 photos, half of them clothes before the same backdrop):

| | crop 50 % | crop 30 % | 5 degrees | others |
| 4 places, 12 bits, 6 px (these) | 0.95 | 0.90 | 0.94 | 0 |
| 3 places, 12 bits, 6 px | 0.95 | 0.90 | 0.95 | 5 |
| 4 places, 10 bits, 16 px | 0.95 | 0.85 | 0.94 | 0 |
| 3 places, 10 bits, 16 px | 0.95 | 0.90 | 0.95 | 4 |
"""
_SCENE_BITS, _SCENE_PLACES = 90, 2
"""Pictures with near vectors that differ in more bits of the hash, whichever way one is turned, and have fewer places
that lie alike, are of no scene. None of 57 pairs of shots (76 bits at most) and of 814 of copies was so far apart; all
of 18 pairs of blank pictures were, and of pairs of hashes drawn by chance all but one in 100,000."""

_ALIKE_BITS = 12
_ALIKE_SCALE = 0.5
"""Octaves the sizes may be off."""
_ALIKE_PLACE_PX = 6.0
_COMPARED = 16
"""Places of a pair that are looked at, those most alike."""
_PAIRS_AT_ONCE = 1 << 12
_CHUNK = 64
"""Pairs compared place by place at a time: what is in between, 2 MB, stays in the cache."""

Keypoints = tuple[NDArray[np.void], NDArray[np.int64]]
"""Those of some contents, one content after the other, and how many belong to each."""


@dataclass(frozen=True, slots=True, eq=False)
class Looks:
    """What is known of ``n`` contents, as columns.

    ``hashes`` are uint8 ``[n, 32]``; ``keypoints`` are the records of :func:`imgfind.core.keypoints.describe` of one
    content after the other, ``counts`` says how many belong to each.
    """

    content_ids: IdArray
    hashes: NDArray[np.uint8]
    qualities: NDArray[np.uint8]
    keypoints: NDArray[np.void]
    counts: NDArray[np.int64]


def looks(content_ids: IdArray, hashes: Iterable[bytes], qualities: Sequence[int], keypoints: Keypoints) -> Looks:
    """Make :class:`Looks` of what the catalogue keeps, one entry for each content."""
    return Looks(
        content_ids,
        np.frombuffer(b"".join(hashes), np.uint8).reshape(len(content_ids), 32),
        np.array(qualities, np.uint8),
        *keypoints,
    )


def joined(descriptors: Sequence[bytes]) -> Keypoints:
    """Return the keypoints of some contents, one after the other, and how many belong to each."""
    counts = np.array([len(blob) // KEYPOINT.itemsize for blob in descriptors], np.int64)
    return np.frombuffer(b"".join(descriptors), KEYPOINT), counts


def sieve(fresh: NDArray[np.void]) -> hamming.Sieve:
    """Return what holds back most of the codes that no table compares with those of the ``fresh`` keypoints."""
    return hamming.Sieve(np.ascontiguousarray(fresh["code"]), _TABLES)


def propose(
    known: Looks,
    fresh: hamming.Marks | None = None,
    neighbours: IdArray | None = None,
    whole: Callable[[IdArray], Keypoints] | None = None,
) -> IdArray:
    """Return pairs of content ids ``[p, 2]``, each once, the lower id first, that may show the same picture.

    Content ids are ascending. With ``fresh`` marks (one for each) only pairs with a marked one. ``neighbours`` are
    pairs of content ids whose vectors are near (:meth:`imgfind.core.vectors.VectorIndex.near_pairs`). Where ``known``
    lacks the keypoints that :func:`sieve` holds back, ``whole`` returns all of some contents, as :func:`joined` does.
    """
    alike = sharing(known, fresh)
    near = np.empty((0, 2), np.int64)
    if neighbours is not None:
        there = neighbours[np.isin(neighbours, known.content_ids).all(axis=1)]
        near = np.searchsorted(known.content_ids, there)
    if whole is not None:
        places = np.unique(np.concatenate([alike, near]))
        counts = np.zeros_like(known.counts)
        keypoints, counts[places] = whole(known.content_ids[places])
        known = replace(known, keypoints=keypoints, counts=counts)
    found = [by_hash(known, fresh), lying_alike(known, alike), of_one_scene(known, near)]
    pairs = known.content_ids[np.concatenate(found)].reshape(-1, 2)
    return np.unique(np.sort(pairs, axis=1), axis=0)


def of_one_scene(known: Looks, pairs: IdArray) -> IdArray:
    """Return those of pairs of positions ``[p, 2]`` with near vectors that may be of one scene for all else known."""
    bits = np.empty(len(pairs), np.int64)
    for first in range(0, len(pairs), _PAIRS_AT_ONCE):
        left, right = pairs[first : first + _PAIRS_AT_ONCE].T
        differing = np.bitwise_count(turned_hashes(known.hashes[left]) ^ known.hashes[right])
        bits[first : first + len(left)] = differing.sum(axis=2, dtype=np.int64).min(axis=0)
    likely = bits <= _SCENE_BITS
    likely[~likely] = agreeing(known, pairs[~likely]) >= _SCENE_PLACES
    return pairs[likely]


def by_hash(known: Looks, fresh: hamming.Marks | None = None) -> IdArray:
    """Return pairs of positions ``[p, 2]`` whose hashes are near in one of the eight orientations."""
    trusted = np.flatnonzero(known.qualities >= TRUSTED_QUALITY)
    asking = trusted if fresh is None else trusted[fresh[trusted]]
    if not len(asking):
        return np.empty((0, 2), np.int64)
    upright = np.ascontiguousarray(known.hashes[trusted]).view(np.uint64)
    turned = turned_hashes(known.hashes[asking]).reshape(-1, 32).view(np.uint64)
    found = []
    for left, right, bits in hamming.near_rows(turned, upright, HASH_BITS, _HASH_BUCKET):
        one, other = asking[left % len(asking)], trusted[right]
        apart = one != other
        found.append(np.stack([_packed(one, other, len(known.counts)), bits])[:, apart])
    pairs, bits = np.unique(np.concatenate(found, axis=1), axis=1)
    nearest = np.flatnonzero(np.diff(pairs, prepend=-1))
    return _foremost(_unpacked(pairs[nearest], len(known.counts)), -bits[nearest])


def turned_hashes(hashes: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Return what hashes ``[n, 32]`` would be of the turned pictures ``[8, n, 32]``, nearly; first the hashes as is.

    Mirroring changes the sign of every second frequency, and so its bit; exactly so where the median is 0.
    """
    bits = np.unpackbits(hashes, axis=1).reshape(-1, _SIDE, _SIDE).astype(np.bool_)
    odd = np.arange(_SIDE) % 2 == 0  # the first row and column are of frequency 1
    flips = [bits, bits ^ odd, bits ^ odd ^ odd[:, None], bits ^ odd[:, None]]
    both = [*flips, *(flipped.transpose(0, 2, 1) for flipped in flips)]
    return np.stack([np.packbits(turned.reshape(len(bits), -1), axis=1) for turned in both])


def by_keypoints(known: Looks, fresh: hamming.Marks | None = None) -> IdArray:
    """Return pairs of positions ``[p, 2]`` of pictures with places that look alike and lie alike."""
    return lying_alike(known, sharing(known, fresh))


def lying_alike(known: Looks, pairs: IdArray) -> IdArray:
    """Return those of pairs of positions ``[p, 2]`` whose places lie alike, of one picture the foremost."""
    votes = agreeing(known, pairs)
    return _foremost(pairs[votes >= AGREEING], votes[votes >= AGREEING])


def sharing(known: Looks, fresh: hamming.Marks | None = None) -> IdArray:
    """Return pairs of positions ``[p, 2]`` of pictures with ``_SHARED`` or more places that look alike."""
    codes = np.ascontiguousarray(known.keypoints["code"])
    owners = np.repeat(np.arange(len(known.counts)), known.counts)
    found = [np.empty(0, np.int64)]
    for left, right in hamming.near_pairs(
        codes, _TABLES, SAME_PLACE_BITS, _TABLE_BUCKET, None if fresh is None else fresh[owners]
    ):
        apart = owners[left] != owners[right]
        found.append(_packed(owners[left[apart]], owners[right[apart]], len(known.counts)))
    packed = np.concatenate(found)
    packed.sort()
    enough = packed[_SHARED - 1 :][packed[_SHARED - 1 :] == packed[: len(packed) - _SHARED + 1]]
    return _unpacked(_once(enough), len(known.counts))


def agreeing(known: Looks, pairs: IdArray) -> NDArray[np.int64]:
    """Return for pairs of positions ``[p, 2]`` how many places of the one lie in the other as one of them does."""
    votes = np.zeros(len(pairs), np.int64)
    if not len(known.keypoints):
        return votes
    codes = np.ascontiguousarray(known.keypoints["code"])
    starts = np.cumsum(known.counts) - known.counts
    for first in range(0, len(pairs), _CHUNK):
        left, right = pairs[first : first + _CHUNK].T
        near, partners = _partners(codes, starts, known.counts, left, right)
        promising = np.flatnonzero(np.count_nonzero(near <= _ALIKE_BITS, axis=1) >= AGREEING)
        if not len(promising):
            continue
        near, partners = near[promising], partners[promising]
        best = np.argpartition(near, _COMPARED, axis=1)[:, :_COMPARED]
        alike = np.take_along_axis(near, best, axis=1) <= _ALIKE_BITS
        partners = np.take_along_axis(partners, best, axis=1)
        left = np.where(alike, starts[left[promising], None] + best, 0)
        right = np.where(alike, starts[right[promising], None] + partners, 0)
        votes[first + promising] = _lying_alike(known.keypoints[left], known.keypoints[right], alike)
    return votes


def _partners(
    codes: hamming.Codes, starts: IdArray, counts: IdArray, left: IdArray, right: IdArray
) -> tuple[NDArray[np.uint8], NDArray[np.intp]]:
    """Return for each place of the left pictures ``[n, MOST]`` the bits to the nearest right one, and which that is.

    64 bits where it is not the nearest of its partner, or there is no such place.
    """
    places = np.arange(MOST)
    left_there, right_there = places < counts[left, None], places < counts[right, None]
    left_codes = codes[np.where(left_there, starts[left, None] + places, 0)]
    right_codes = codes[np.where(right_there, starts[right, None] + places, 0)]
    distance = np.bitwise_count(left_codes[:, :, None] ^ right_codes[:, None, :])
    distance |= np.where(left_there, 0, 64).astype(np.uint8)[:, :, None]
    distance |= np.where(right_there, 0, 64).astype(np.uint8)[:, None, :]
    partners = distance.argmin(axis=2)
    near = np.take_along_axis(distance, partners[:, :, None], axis=2)[:, :, 0]
    near[near > np.take_along_axis(distance.min(axis=1), partners, axis=1)] = 64
    return near, partners


def _lying_alike(left: NDArray[np.void], right: NDArray[np.void], alike: hamming.Marks) -> NDArray[np.int64]:
    """Return the most places that one of them, taken as the truth of how the pictures lie, is agreed on by."""
    turn = _BETWEEN[left["turn"], right["turn"]]
    octaves = (right["scale"].astype(np.float32) - left["scale"]) / SCALE_STEPS
    here, there = (
        np.stack([side["x"], side["y"]], axis=-1).astype(np.float32) / POSITION_STEPS for side in (left, right)
    )
    steps = here[:, None, :, :] - here[:, :, None, :]
    turned = np.einsum("pmij,pmnj->pmni", _TURNS[turn], steps) * np.exp2(octaves)[:, :, None, None]
    off = np.abs(there[:, :, None, :] + turned - there[:, None, :, :]).max(axis=-1)
    agrees = (off < _ALIKE_PLACE_PX) & (turn[:, :, None] == turn[:, None, :])
    agrees &= np.abs(octaves[:, :, None] - octaves[:, None, :]) < _ALIKE_SCALE
    agrees &= alike[:, :, None] & alike[:, None, :]
    votes: NDArray[np.int64] = agrees.sum(axis=2).max(axis=1)
    return votes


def _turn_matrices() -> NDArray[np.float32]:
    """Return what each value of a keypoint's ``turn`` does to directions ``[8, 2, 2]``."""
    swap = np.array([[0, 1], [1, 0]], np.float32)
    return np.stack(
        [
            (swap if turn & 4 else np.eye(2)) @ np.diag([-1.0 if turn & 1 else 1.0, -1.0 if turn & 2 else 1.0])
            for turn in range(8)
        ]
    ).astype(np.float32)


_TURNS = _turn_matrices()
_BETWEEN = np.array(
    [[int(np.argmax((b.T @ a == _TURNS).all(axis=(1, 2)))) for b in _TURNS] for a in _TURNS], dtype=np.uint8
)
"""Which turn leads from a picture to another where the same place was turned by the one and by the other."""


def _foremost(pairs: IdArray, weights: NDArray[np.int64]) -> IdArray:
    """Return the pairs that are among the ``_MOST_PARTNERS`` weightiest of either picture."""
    chosen = np.zeros(len(pairs), np.bool_)
    for ends in pairs.T:
        order = np.lexsort((-weights, ends))
        first = np.searchsorted(ends[order], ends[order], "left")
        chosen[order[np.arange(len(order)) - first < _MOST_PARTNERS]] = True
    return pairs[chosen]


def _once(ascending: IdArray) -> IdArray:
    return ascending[np.flatnonzero(np.diff(ascending, prepend=-1))]


def _packed(a: IdArray, b: IdArray, count: int) -> IdArray:
    """Return pairs of positions as ``lower * count + higher``."""
    packed: IdArray = np.minimum(a, b) * count + np.maximum(a, b)
    return packed


def _unpacked(pairs: IdArray, count: int) -> IdArray:
    """Return pairs of positions ``[p, 2]`` that were packed."""
    return np.stack(np.divmod(pairs, max(1, count)), axis=1)
