"""Near pairs among many short strings of bits, without looking at all pairs.

Strings that differ in few bits are equal in some part of them: each part is a key, and only strings with equal keys are
compared (multi-index hashing, Norouzi et al. 2012). Pure functions over arrays, safe on every thread.
"""

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor

import numpy as np
from numpy.typing import NDArray

from imgfind.core.config import usable_cores
from imgfind.core.records import IdArray

Codes = NDArray[np.uint64]
"""64 bits each."""
Marks = NDArray[np.bool_]
Table = Sequence[int]
"""Which three bytes of a code are the key; 0 is the highest."""
Pairs = Iterator[tuple[IdArray, IdArray]]
"""Positions, chunk by chunk."""

_INDEX_BITS = np.uint64(32)
_INDEX = (np.uint64(1) << _INDEX_BITS) - np.uint64(1)
_BLOCK = 1 << 16
"""Codes worked on at a time, so that what is in between stays in the processor's cache."""
_PART = 1 << 14
"""Codes sorted and compared at a time, on average, for the same reason."""
_MOST_PART_BITS = 8

_THREADS = 4
"""Each takes 130 MB for the codes of 100,000 photos."""
_SIEVE_BITS = 20
"""Codes whose key no fresh one has are left out by a hash of it: a table of a megabyte stays in the cache."""
_SPREAD = np.uint64(0x9E3779B97F4A7C15)
"""Knuth's multiplier: the upper bits of a product with it depend on all bits of a key."""


class Sieve:
    """Holds back most of the codes that have no key in common with any of some ``fresh`` ones: they make no pairs."""

    def __init__(self, fresh: Codes, tables: Sequence[Table]) -> None:
        self._keys = [_mask(table) for table in tables]
        self._wanted = np.zeros((len(tables), 1 << _SIEVE_BITS), np.bool_)
        for key, wanted in zip(self._keys, self._wanted, strict=True):
            wanted[_hashed(fresh, key)] = True

    def passing(self, codes: Codes) -> Marks:
        """Mark the codes with a key in common with a fresh one, and a few others."""
        marks = np.zeros(len(codes), np.bool_)
        for key, wanted in zip(self._keys, self._wanted, strict=True):
            for start in range(0, len(codes), _BLOCK):
                block = slice(start, start + _BLOCK)
                # A quarter faster than wanted[...]: the mode spares a look at the bounds of each.
                marks[block] |= wanted.take(_hashed(codes[block], key), mode="clip")
        return marks


def _hashed(codes: Codes, key: np.uint64) -> IdArray:
    """Return ``_SIEVE_BITS`` of a hash of the key of each code."""
    hashed = codes & key
    hashed *= _SPREAD
    hashed >>= np.uint64(64 - _SIEVE_BITS)
    return hashed.view(np.int64)


def near_pairs(codes: Codes, tables: Sequence[Table], bits: int, most: int, fresh: Marks | None = None) -> Pairs:
    """Yield pairs of positions of codes that differ in at most ``bits``, each once, found by a key they have in common.

    With ``fresh`` marks only pairs with a marked one. Of many codes with the same key each is compared with the
    ``most`` that follow it, those that have the next byte in common first: what everybody has says little.
    """
    with ThreadPoolExecutor(min(_THREADS, usable_cores())) as threads:
        for found in threads.map(lambda number: _found(codes, tables, number, bits, most, fresh), range(len(tables))):
            yield from found


def _found(
    codes: Codes, tables: Sequence[Table], number: int, bits: int, most: int, fresh: Marks | None
) -> list[tuple[IdArray, IdArray]]:
    """Return the pairs that one table finds and none before it."""
    key, earlier = _mask(tables[number]), [_mask(table) for table in tables[:number]]
    found = []
    for positions in _by_key(codes, tables[number], fresh):
        ordered = codes[positions]
        lefts, rights = [], []
        first = np.flatnonzero((ordered[1:] ^ ordered[:-1]) & key == 0)
        for lag in range(1, most + 1):
            if not len(first):
                break
            differing = ordered[first] ^ ordered[first + lag]
            near = np.flatnonzero(np.bitwise_count(differing) <= bits)
            for other in earlier:
                near = near[differing[near] & other != 0]
            lefts.append(positions[first[near]])
            rights.append(positions[first[near] + lag])
            first = first[: np.searchsorted(first, len(ordered) - lag - 1)]
            first = first[(ordered[first] ^ ordered[first + lag + 1]) & key == 0]
        if lefts:
            left, right = np.concatenate(lefts), np.concatenate(rights)
            new = slice(None) if fresh is None else fresh[left] | fresh[right]
            found.append((left[new], right[new]))
    return found


def _by_key(codes: Codes, table: Table, fresh: Marks | None) -> Iterator[IdArray]:
    """Yield the positions of codes in the order of their keys, part by part, no key in two parts.

    Most of those whose key no fresh one has are left out.
    """
    positions = None if fresh is None else np.flatnonzero(Sieve(codes[fresh], [table]).passing(codes))
    among = codes if positions is None else codes[positions]
    # The key, and below it the first byte that is none of it.
    longer = (*table, next(place for place in range(8) if place not in table))
    keys = np.empty(len(among), np.uint32)
    for start in range(0, len(among), _BLOCK):
        keys[start : start + _BLOCK] = _keys(among[start : start + _BLOCK], longer)
    part_bits = min(_MOST_PART_BITS, (len(keys) // _PART).bit_length())
    parts = (keys >> np.uint32(24) >> np.uint32(8 - part_bits)).astype(np.uint8)
    by_part = np.argsort(parts, kind="stable")
    for part in np.split(by_part, np.cumsum(np.bincount(parts, minlength=1 << part_bits))[:-1]):
        packed = keys[part].astype(np.uint64) << _INDEX_BITS | part.astype(np.uint64)
        packed.sort()  # three quarters of the time of np.argsort
        order = (packed & _INDEX).view(np.int64)
        yield order if positions is None else positions[order]


def _keys(codes: Codes, table: Table) -> NDArray[np.uint32]:
    """Return the bytes that make the key of each code, four at most, one after the other."""
    keys = np.zeros(len(codes), np.uint32)
    for place in table:
        keys = keys << np.uint32(8) | (codes >> np.uint64(56 - 8 * place)).astype(np.uint8)
    return keys


def _mask(table: Table) -> np.uint64:
    return np.uint64(sum(0xFF << (56 - 8 * place) for place in table))


def near_rows(
    asking: Codes, among: Codes, bits: int, most: int
) -> Iterator[tuple[IdArray, IdArray, NDArray[np.int64]]]:
    """Yield positions of rows asking ``[n, words]``, of rows ``[m, words]`` near them, and how many bits differ.

    These are at most ``bits``. Found are rows that are equal in some 16 bits; a pair comes again for each such part. Of
    more than ``most`` with the same 16 bits only so many are compared.
    """
    words = np.ascontiguousarray(among[:, 0])
    for part in range(4 * among.shape[1]):
        keys = among.view(np.uint16)[:, part]
        order = np.argsort(keys, kind="stable")
        starts = np.searchsorted(keys[order], np.arange((1 << 16) + 1))
        asked = asking.view(np.uint16)[:, part].astype(np.intp)
        for start in range(0, len(asked), _BLOCK):
            first = starts[asked[start : start + _BLOCK]]
            sizes = np.minimum(starts[asked[start : start + _BLOCK] + 1] - first, most)
            ends = np.cumsum(sizes)
            right = order[np.repeat(first - ends + sizes, sizes) + np.arange(ends[-1])]
            left = np.repeat(np.arange(start, start + len(sizes)), sizes)
            # A first word that differs in most of the bits is no sign of a near row, and the whole takes four times as
            # long to fetch.
            likely = np.flatnonzero(np.bitwise_count(asking[left, 0] ^ words[right]) <= bits * 2 // 3)
            left, right = left[likely], right[likely]
            differing = np.bitwise_count(asking[left] ^ among[right]).sum(axis=1, dtype=np.int64)
            near = differing <= bits
            yield left[near], right[near], differing[near]
