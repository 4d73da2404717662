"""Wording that several widgets share."""

import os
from pathlib import Path

import pytest
from PySide6.QtGui import Qt, QTextDocument

from imgfind.gui import texts


@pytest.mark.parametrize(("value", "text"), [(0, "0 photos"), (1, "1 photo"), (12480, "12,480 photos")])
def test_numbers_have_separators_and_nouns_their_plural(value: int, text: str) -> None:
    assert texts.photos(value) == text


@pytest.mark.parametrize(
    ("key", "text", "below_its_year"),
    [("2021-05", "May 2021", "May"), ("2021", "2021", "2021"), ("undated", "No date", "No date")],
)
def test_months_have_names(key: str, text: str, below_its_year: str) -> None:
    assert texts.month(key) == text
    assert texts.month_alone(key) == below_its_year


@pytest.mark.parametrize(
    ("taken_at", "text"),
    [
        ("2021-05-06T07:08:09+02:00", "6 May 2021, 07:08"),
        ("2021-05-06", "6 May 2021"),
        ("2021", "2021"),
    ],
)
def test_moments_are_shown_to_the_minute(taken_at: str, text: str) -> None:
    assert texts.moment(taken_at) == text


@pytest.mark.parametrize(
    ("eta_s", "text"),
    [
        (3, "less than a minute left"),
        (70, "about 1 minute left"),
        (900, "about 15 minutes left"),
        (3590, "about 1 hour left"),
        (3600 * 5.2, "about 5 hours left"),
    ],
)
def test_time_left_is_no_more_exact_than_it_is_known(eta_s: float, text: str) -> None:
    assert texts.time_left(eta_s) == text


def test_a_path_begins_with_a_tilde_at_home(own_home: Path) -> None:
    assert texts.path(str(own_home / "Pictures" / "a\nb")) == os.path.join("~", "Pictures", "a\\x0ab")
    assert texts.path(str(own_home)) == "~"
    assert texts.path(f"{own_home}work") == f"{own_home}work"


def test_a_tool_tip_shows_file_names_letter_by_letter() -> None:
    assert texts.tip("/photos/a & b.jpg\nnot a picture") == "/photos/a & b.jpg\nnot a picture"
    shown = QTextDocument()
    for name in ("/photos/<b>bold</b>.jpg", "/photos/a&lt;b.jpg"):
        shown.setHtml(texts.tip(name))
        assert shown.toPlainText() == name
        assert Qt.mightBeRichText(texts.tip(name))
