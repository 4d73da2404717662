"""What chips say."""

import pytest

from imgfind.core import config
from imgfind.core.filters import WordFilter
from imgfind.core.query import parse
from imgfind.gui import part_words
from imgfind.gui.query_parts import Part


def part_of(text: str) -> Part:
    query = parse(text, addition=True)
    return (*query.terms, *query.filters)[0]


@pytest.mark.parametrize(
    ("typed", "shown"),
    [
        ("date:2021-05", "May 2021"),
        ("date:2021", "2021"),
        ("date:2021-05-06", "6 May 2021"),
        ("date:2019..2021-06", "2019 – June 2021"),
        ("date:2019..", "Since 2019"),
        ("date:<=2019-02", "Until February 2019"),
        ("in:/home/me/Holidays/", "Holidays"),
        ("in:/", "/"),
        ("is:offline", "Offline"),
        ("is:gps", "With a place"),
        ("type:heic", "HEIC"),
        ("orientation:portrait", "Portrait"),
        ("size:>=2MB", "2.0 MB or more"),
        ("size:1MB..3MB", "1.0 MB – 3.0 MB"),
        ("width:>=4000", "4,000 px or more"),
        ('camera:"Canon EOS"', "Canon EOS"),
        ("-people", "people"),
        ('image:"/tmp/a b.jpg"', "a b.jpg"),
    ],
)
def test_a_part_is_shown_in_words(typed: str, shown: str) -> None:
    assert part_words.words(part_of(typed)) == shown


@pytest.mark.parametrize(
    ("typed", "heard"),
    [
        ("-2*people", "Not: people, counting 2 times"),
        ("in:/home/me/Holidays", "In the folder /home/me/Holidays"),
        ("image[0,0,50,50]:/a.jpg", "Part of the picture /a.jpg"),
        ("-camera:Canon", "Not: Camera: Canon"),
        ("100% {x}", "100% {x}"),
    ],
)
def test_a_part_is_described_in_full(typed: str, heard: str) -> None:
    assert part_words.description(part_of(typed)) == heard


def test_a_strange_name_cannot_break_the_line() -> None:
    assert part_words.words(part_of('image:"/tmp/a\nb.jpg"')) == r"a\x0ab.jpg"
    assert part_words.words(part_of("in:/tmp/caf\udce9")) == r"caf\xe9"


@pytest.mark.parametrize(
    "name", ["in:/a", "date:2021", "camera:x", "lens:x", "type:raw", "size:1", "width:1", "height:1"]
)
def test_every_filter_has_an_icon_that_exists(name: str) -> None:
    icon = part_words.icon_name(part_of(name))
    assert (config.resources_folder() / "icons" / f"{icon}.svg").exists()


@pytest.mark.parametrize("state", ["offline", "online", "raw", "gps", "favourite", "hidden"])
def test_every_state_has_an_icon_and_words(state: str) -> None:
    part = WordFilter("is", state)
    assert (config.resources_folder() / "icons" / f"{part_words.icon_name(part)}.svg").exists()
    assert part_words.words(part) != state
