"""Where the window is: queries, pages, and the ways back and forward."""

import pytest

from imgfind.core.query import Query, TextTerm, parse, unparse
from imgfind.gui.navigation import Navigation
from imgfind.gui.places import FAVOURITES, PROBLEMS, Place, PlaceKind


class FakeFinder:
    """Notes what it was asked for."""

    def __init__(self) -> None:
        self.asked: list[object] = []

    def find(self, query: Query | None) -> None:
        self.asked.append(unparse(query) if query else "")


@pytest.fixture
def finder() -> FakeFinder:
    return FakeFinder()


@pytest.fixture
def navigation(qapp: object, finder: FakeFinder) -> Navigation:
    return Navigation(finder)  # type: ignore[arg-type]


def test_back_and_forward_walk_through_what_was_asked(navigation: Navigation, finder: FakeFinder) -> None:
    for text in ("dog", "cat"):
        navigation.show_text(text)
    navigation.back()
    navigation.back()
    assert not navigation.can_go_back
    navigation.forward()
    assert finder.asked == ["dog", "cat", "dog", "", "dog"]
    assert navigation.can_go_forward


def test_letters_on_the_way_to_a_word_are_one_step(navigation: Navigation, finder: FakeFinder) -> None:
    for text in ("d", "do", "dog"):
        navigation.show_query(parse(text), typing=True)
    navigation.settle()
    navigation.show_query(parse("dog a"), typing=True)
    navigation.back()
    assert finder.asked[-1] == "dog"
    navigation.back()
    assert finder.asked[-1] == ""


def test_the_bar_is_told_of_every_query_but_the_one_typed_into_it(navigation: Navigation) -> None:
    told: list[Query | None] = []
    navigation.query_shown.connect(told.append)
    navigation.show_query(parse("dog"), typing=True)
    assert told == []
    navigation.show_place(FAVOURITES)
    assert [unparse(query) for query in told if query] == ["is:favourite"]


def test_a_row_that_was_left_is_come_back_to(navigation: Navigation) -> None:
    navigation.note_row(420)
    navigation.show_text("dog")
    assert navigation.row == 0
    navigation.back()
    assert navigation.row == 420


def test_a_page_is_left_by_going_back(navigation: Navigation, finder: FakeFinder) -> None:
    navigation.show_text("dog")
    navigation.show_place(PROBLEMS)
    assert navigation.place == PROBLEMS
    navigation.back()
    assert navigation.place is None
    assert finder.asked[-1] == "dog"


def test_a_folder_is_a_query(navigation: Navigation, finder: FakeFinder) -> None:
    navigation.show_place(Place(PlaceKind.FOLDER, "/photos/my holidays"))
    assert finder.asked == ['in:"/photos/my holidays"']


def test_similar_photos_take_the_place_of_the_query(navigation: Navigation, finder: FakeFinder) -> None:
    navigation.show_text("dog")
    navigation.show_like("similar", "/photos/a.jpg")
    assert finder.asked[-1] == "image:/photos/a.jpg"


def test_more_and_less_like_a_photo_are_added_to_the_query(navigation: Navigation, finder: FakeFinder) -> None:
    navigation.show_text("dog date:2021")
    navigation.show_like("more", "/photos/a.jpg")
    assert finder.asked[-1] == "dog + 0.5*image:/photos/a.jpg date:2021"
    navigation.show_like("less", "/photos/a.jpg")
    assert finder.asked[-1] == "dog - 0.5*image:/photos/a.jpg date:2021"


def test_more_like_a_photo_without_any_words_keeps_the_filters(navigation: Navigation, finder: FakeFinder) -> None:
    navigation.show_text("date:2021")
    navigation.show_like("more", "/photos/a.jpg")
    assert finder.asked[-1] == "image:/photos/a.jpg date:2021"


def test_less_like_a_photo_needs_something_to_be_less_of(navigation: Navigation, finder: FakeFinder) -> None:
    told: list[str] = []
    navigation.told.connect(told.append)
    navigation.show_like("less", "/photos/a.jpg")
    assert finder.asked == []
    assert told == ["Search for something first; then say what should be less like this."]


def test_a_saved_search_that_cannot_be_read_any_more_shows_all_photos(
    navigation: Navigation, finder: FakeFinder
) -> None:
    navigation.show_text('"never closed')
    assert finder.asked == [""]


def test_a_query_of_one_picture_only_cannot_become_negative(navigation: Navigation, finder: FakeFinder) -> None:
    navigation.show_query(Query((TextTerm("dog"),)))
    navigation.show_like("less", "/photos/a.jpg")
    navigation.show_like("similar", "/photos/a.jpg")
    navigation.show_like("less", "/photos/a.jpg")
    assert finder.asked[-1] == "image:/photos/a.jpg"
