"""Near pairs of bit strings, against a comparison of all with all."""

from itertools import combinations

import numpy as np
import pytest
from numpy.typing import NDArray

from imgfind.core import hamming

TABLES = ((0, 1, 2), (2, 3, 4), (5, 6, 7), (0, 3, 6))


def drawn(count: int, words: int, seed: int) -> NDArray[np.uint64]:
    """Draw rows, every second one a copy of the one before with a few other bits."""
    rng = np.random.default_rng(seed)
    rows = rng.integers(0, 2**64, (count, words), np.uint64)
    for number in range(1, count, 2):
        rows[number] = rows[number - 1]
        for bit in rng.integers(0, 64, 3):
            rows[number, rng.integers(0, words)] ^= np.uint64(1 << int(bit))
    return rows


def pairs_of(found: hamming.Pairs) -> list[tuple[int, int]]:
    return [(min(pair), max(pair)) for left, right in found for pair in zip(left.tolist(), right.tolist(), strict=True)]


def with_a_key_in_common(codes: NDArray[np.uint64], bits: int) -> set[tuple[int, int]]:
    found = set()
    for a, b in combinations(range(len(codes)), 2):
        left, right = int(codes[a]).to_bytes(8, "big"), int(codes[b]).to_bytes(8, "big")
        common = any(all(left[place] == right[place] for place in table) for table in TABLES)
        if common and (int(codes[a]) ^ int(codes[b])).bit_count() <= bits:
            found.add((a, b))
    return found


def test_all_near_codes_with_a_key_in_common_are_found_once() -> None:
    codes = drawn(300, 1, 1)[:, 0]
    expected = with_a_key_in_common(codes, 5)
    assert len(expected) > 50
    found = pairs_of(hamming.near_pairs(codes, TABLES, 5, 10))
    assert len(found) == len(set(found))
    assert set(found) == expected


@pytest.mark.parametrize("size", [1, 20, 150])
def test_many_codes_are_compared_in_parts_and_no_pair_is_lost(monkeypatch: pytest.MonkeyPatch, size: int) -> None:
    codes = drawn(400, 1, 4)[:, 0]
    found = set(pairs_of(hamming.near_pairs(codes, TABLES, 5, 10)))
    monkeypatch.setattr(hamming, "_PART", size)
    assert set(pairs_of(hamming.near_pairs(codes, TABLES, 5, 10))) == found == with_a_key_in_common(codes, 5)
    fresh = np.arange(400) % 7 == 0
    fresh_pairs = {pair for pair in found if fresh[list(pair)].any()}
    assert set(pairs_of(hamming.near_pairs(codes, TABLES, 5, 10, fresh))) == fresh_pairs


def test_of_many_with_one_key_those_with_the_next_byte_in_common_are_compared_first() -> None:
    # Equal in the first three bytes, and two by two in the fourth.
    codes = np.array([number % 50 << 32 for number in range(100)], np.uint64)
    found = pairs_of(hamming.near_pairs(codes, TABLES[:1], 0, 1))
    assert set(found) == {(number, number + 50) for number in range(50)}


def test_with_fresh_ones_only_their_pairs_are_found() -> None:
    codes = drawn(300, 1, 2)[:, 0]
    fresh = np.arange(300) % 5 == 0
    found = pairs_of(hamming.near_pairs(codes, TABLES, 5, 10, fresh))
    assert set(found) == {pair for pair in with_a_key_in_common(codes, 5) if fresh[list(pair)].any()}


def test_what_all_have_in_common_makes_few_pairs() -> None:
    codes = np.full(1000, 7, np.uint64)
    found = pairs_of(hamming.near_pairs(codes, TABLES, 5, 10))
    assert len(set(found)) == len(found) == sum(min(10, 999 - place) for place in range(1000))


def test_no_codes_and_one_code_have_no_pairs() -> None:
    for count in (0, 1):
        codes = np.ones(count, np.uint64)
        assert pairs_of(hamming.near_pairs(codes, TABLES, 5, 10)) == []
        assert pairs_of(hamming.near_pairs(codes, TABLES, 5, 10, np.ones(count, np.bool_))) == []


def test_rows_are_found_by_others_near_them_with_the_bits_that_differ() -> None:
    rows = drawn(400, 4, 3)
    found = {
        pair: bits
        for left, right, differing in hamming.near_rows(rows[1::2], rows, 31, 64)
        for pair, bits in zip(zip(left.tolist(), right.tolist(), strict=True), differing.tolist(), strict=True)
    }
    assert {(number, 2 * number) for number in range(200)} <= set(found)
    assert {(number, 2 * number + 1) for number in range(200)} <= set(found)
    assert len(found) == 400
    assert all(bits == np.bitwise_count(rows[2 * a + 1] ^ rows[b]).sum() for (a, b), bits in found.items())
