"""Places and the queries they stand for."""

import pytest

from imgfind.gui.places import (
    ALL_PHOTOS,
    DUPLICATES,
    FAVOURITES,
    HIDDEN,
    PROBLEMS,
    UNDATED,
    Place,
    PlaceKind,
    place_of,
)


@pytest.mark.parametrize(
    ("place", "query"),
    [
        (ALL_PHOTOS, ""),
        (FAVOURITES, "is:favourite"),
        (HIDDEN, "is:hidden"),
        (Place(PlaceKind.MONTH, "2021-05"), "date:2021-05"),
        (Place(PlaceKind.MONTH, "2021"), "date:2021"),
        (Place(PlaceKind.MONTH, UNDATED), "-date:0001.."),
        (Place(PlaceKind.FOLDER, "/photos"), "in:/photos"),
        (Place(PlaceKind.FOLDER, "/a b\n\udcff"), 'in:"/a b\n\udcff"'),
        (Place(PlaceKind.FOLDER, '/quo"te\\'), 'in:/quo"te\\'),
    ],
)
def test_a_place_is_a_query_and_the_query_is_that_place(place: Place, query: str) -> None:
    assert place.query() == query
    assert place_of(query) == place


@pytest.mark.parametrize("place", [DUPLICATES, PROBLEMS])
def test_pages_of_their_own_have_no_query(place: Place) -> None:
    assert place.query() is None


def test_a_saved_search_is_its_query() -> None:
    assert Place(PlaceKind.SAVED, "dog -cat").query() == "dog -cat"


@pytest.mark.parametrize(
    "query",
    [
        "dog",
        "dog in:/photos",
        "-in:/photos",
        "in:/a in:/b",
        "date:2021..2022",
        "date:2021-05-06",
        "is:raw",
        "date:",
        '"',
    ],
)
def test_other_queries_are_no_place(query: str) -> None:
    assert place_of(query) is None


def test_spaces_alone_are_all_photos() -> None:
    assert place_of("  ") == ALL_PHOTOS
