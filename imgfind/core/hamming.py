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
_BLOCK = 1 << 16
"""Codes worked on at a time, so that what is in between stays in the processor's cache."""

_THREADS = 4
"""Each takes 150 MB for the codes of 100,000 photos."""
_SIEVE = (1 << 20) - 1
"""The bits of a key by which those that no fresh code has are left out: a table of a megabyte stays in the cache."""


def near_pairs(codes: Codes, tables: Sequence[Table], bits: int, most: int, fresh: Marks | None = None) -> Pairs:
    """Yield pairs of positions of codes that differ in at most ``bits``, each once, found by a key they have in common.

    With ``fresh`` marks only pairs with a marked one. Of many codes with the same key each is compared with the
    ``most`` that follow it: what everybody has says little.
    """
    with ThreadPoolExecutor(min(_THREADS, usable_cores())) as threads:
        for found in threads.map(lambda number: _found(codes, tables, number, bits, most, fresh), range(len(tables))):
            yield from found


def _found(
    codes: Codes, tables: Sequence[Table], number: int, bits: int, most: int, fresh: Marks | None
) -> list[tuple[IdArray, IdArray]]:
    """Return the pairs that one table finds and none before it."""
    key, earlier = _mask(tables[number]), [_mask(table) for table in tables[:number]]
    positions = _by_key(codes, tables[number], fresh)
    ordered = codes[positions]
    first = np.flatnonzero((ordered[1:] ^ ordered[:-1]) & key == 0)
    found = []
    for lag in range(1, most + 1):
        differing = ordered[first] ^ ordered[first + lag]
        near = np.flatnonzero(np.bitwise_count(differing) <= bits)
        for other in earlier:
            near = near[differing[near] & other != 0]
        left, right = positions[first[near]], positions[first[near] + lag]
        new = slice(None) if fresh is None else fresh[left] | fresh[right]
        found.append((left[new], right[new]))
        first = first[: np.searchsorted(first, len(ordered) - lag - 1)]
        first = first[(ordered[first] ^ ordered[first + lag + 1]) & key == 0]
    return found


def _by_key(codes: Codes, table: Table, fresh: Marks | None) -> IdArray:
    """Return the positions of codes in the order of their keys, without most of those whose key no fresh one has."""
    wanted = None
    if fresh is not None:
        wanted = np.zeros(_SIEVE + 1, np.bool_)
        wanted[_keys(codes[fresh], table) & np.uint64(_SIEVE)] = True
    packed = []
    for start in range(0, len(codes), _BLOCK):
        keys = _keys(codes[start : start + _BLOCK], table)
        positions = np.arange(len(keys)) if wanted is None else np.flatnonzero(wanted[keys & np.uint64(_SIEVE)])
        packed.append(keys[positions] << _INDEX_BITS | (positions + start).astype(np.uint64))
    order = np.concatenate([np.empty(0, np.uint64), *packed])
    order.sort()
    order &= (np.uint64(1) << _INDEX_BITS) - np.uint64(1)
    return order.view(np.int64)


def _keys(codes: Codes, table: Table) -> Codes:
    keys = np.zeros(len(codes), np.uint64)
    for place in table:
        keys = keys << np.uint64(8) | codes >> np.uint64(56 - 8 * place) & np.uint64(0xFF)
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
