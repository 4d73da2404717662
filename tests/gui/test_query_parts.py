"""Chips and text of a query, and the query of chips and text."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from imgfind.core import QueryError
from imgfind.core.filters import DateFilter, WordFilter
from imgfind.core.query import ImageTerm, Query, TextTerm, parse
from imgfind.gui import query_parts
from imgfind.gui.query_parts import joined, put_back, same, split

weights = st.sampled_from([1.0, -1.0, 2.0, -0.5])
words = st.text("ab -+*:\"'é\\", min_size=1, max_size=8).filter(str.strip)
terms = st.one_of(st.builds(TextTerm, words, weights), st.builds(ImageTerm, words, weights))
found = st.one_of(
    st.builds(WordFilter, st.just("camera"), words, st.booleans()),
    st.builds(DateFilter, st.just("2021"), st.just("2022-05"), st.booleans()),
)


@given(st.builds(Query, st.lists(terms, max_size=5).map(tuple), st.lists(found, max_size=3).map(tuple)))
def test_chips_and_text_of_any_query_ask_for_the_same(query: Query) -> None:
    if not query.terms and not query.filters:
        return
    if query.terms and all(term.weight < 0 for term in query.terms):
        return
    assert same(joined(*split(query)), query)


def test_the_last_plain_words_stay_text() -> None:
    parts, text = split(parse("dog + sunset - people + 2*beach is:offline"))
    assert text == "sunset"
    assert parts == [TextTerm("dog"), TextTerm("people", -1), TextTerm("beach", 2), WordFilter("is", "offline")]


def test_a_minus_in_the_text_is_a_query_beside_a_picture() -> None:
    assert joined([ImageTerm("/a.jpg")], "- people") == Query((ImageTerm("/a.jpg"), TextTerm("people", -1)))


@pytest.mark.parametrize("text", ["- people", "", "is:offline"])
def test_minus_chips_alone_are_no_query(text: str) -> None:
    with pytest.raises(QueryError, match="Everything has a minus"):
        joined([TextTerm("crowd", -1)], text)


def test_nothing_is_no_query() -> None:
    assert joined([], "  ") is None
    assert split(None) == ([], "")


def test_more_than_a_query_may_hold_is_refused() -> None:
    with pytest.raises(QueryError, match="more than a query can hold"):
        joined([ImageTerm(f"/{number}{'x' * 1000}.jpg") for number in range(11)], "")


@pytest.mark.parametrize(
    ("part", "text", "expected"),
    [
        (TextTerm("beach"), "dog", "beach + dog"),
        (TextTerm("beach"), "", "beach "),
        (TextTerm("people", -1), "dog", "- people + dog"),
        (WordFilter("in", "/my photos"), "dog", 'in:"/my photos" dog'),
        (TextTerm("beach"), "date:2021 dog", "beach + dog date:2021"),
    ],
)
def test_a_chip_that_becomes_text_means_what_it_meant(part: query_parts.Part, text: str, expected: str) -> None:
    assert put_back(part, text) == expected
    picture = ImageTerm("/a.jpg")
    assert same(joined([picture], expected), joined([picture, part], text))


def test_queries_are_the_same_in_any_order() -> None:
    assert same(parse("dog + cat in:/a date:2021"), parse("cat + dog date:2021 in:/a"))
    assert not same(parse("dog + cat"), parse("dog - cat"))
    assert same(None, None)
    assert not same(None, parse("dog"))
