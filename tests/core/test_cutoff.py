"""The line between strong matches and weaker ones, from scores alone."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from imgfind.core import cutoff
from imgfind.core.cutoff import Background
from imgfind.core.records import Section

NOISE = np.random.default_rng(0).normal(0.2, 0.03, 1_000).astype(np.float32)


def test_the_background_is_the_middle_of_the_scores_whatever_stands_out() -> None:
    plain = cutoff.background(NOISE)
    with_matches = cutoff.background(np.concatenate([NOISE, np.full(50, 0.9, np.float32)]))

    assert plain is not None
    assert with_matches is not None
    assert plain.median == pytest.approx(0.2, abs=0.01)
    assert plain.spread == pytest.approx(0.03, abs=0.003)
    assert with_matches.least_strong == pytest.approx(plain.least_strong, abs=0.01)


def test_what_stands_out_is_strong_and_the_rest_is_weaker() -> None:
    scores = np.array([0.9, 0.5, 0.21, 0.2, 0.1], np.float32)

    assert cutoff.sections(scores, cutoff.background(NOISE)) == (Section("strong", 0), Section("weaker", 2))


@pytest.mark.parametrize(("scores", "key"), [([0.9, 0.8], "strong"), ([0.2, 0.1], "weaker")])
def test_where_all_are_alike_there_is_one_section(scores: list[float], key: str) -> None:
    assert cutoff.sections(np.array(scores, np.float32), cutoff.background(NOISE)) == (Section(key, 0),)


def test_no_photos_have_no_sections() -> None:
    assert cutoff.sections(np.empty(0, np.float32), cutoff.background(NOISE)) == ()


def test_a_library_that_is_seen_at_a_glance_has_no_sections() -> None:
    few = NOISE[: cutoff.LEAST_SAMPLE - 1]

    assert cutoff.background(few) is None
    assert cutoff.sections(np.sort(few)[::-1], None) == ()


def test_photos_that_are_all_alike_are_told_from_one_that_is_not() -> None:
    behind = cutoff.background(np.full(100, 0.5, np.float32))

    assert behind is not None
    assert cutoff.sections(np.array([0.9, 0.5, 0.5], np.float32), behind) == (
        Section("strong", 0),
        Section("weaker", 1),
    )


def test_strength_is_nothing_in_the_middle_and_a_half_where_strong_begins() -> None:
    behind = Background(0.2, 0.05)

    assert behind.strength(0.1) == 0
    assert behind.strength(0.2) == 0
    assert behind.strength(behind.least_strong) == pytest.approx(0.5)
    assert behind.strength(1.0) == 1


@given(st.lists(st.floats(-1, 1, width=32), min_size=1, max_size=200))
def test_sections_begin_at_the_first_row_and_ascend(scores: list[float]) -> None:
    ranked = np.sort(np.array(scores, np.float32))[::-1]
    found = cutoff.sections(ranked, cutoff.background(ranked))

    firsts = [section.first for section in found]
    assert firsts[:1] in ([], [0])
    assert firsts == sorted(set(firsts))
    assert all(first < len(ranked) for first in firsts)
