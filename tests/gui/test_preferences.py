"""What the window remembers, also where somebody has edited the file."""

from pathlib import Path

import pytest
from PySide6.QtCore import QByteArray

from imgfind.gui.preferences import Preferences


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "settings" / "window.ini"


def test_everything_is_there_again_at_the_next_start(file: Path) -> None:
    first = Preferences(file)
    first.geometry = QByteArray(b"\x00\x01\xff")
    first.theme = "dark"
    first.thumb_px = 256
    first.paused = True
    first.captions = frozenset({"name", "date"})
    first.save()
    second = Preferences(file)
    assert bytes(second.geometry.data()) == b"\x00\x01\xff"
    assert (second.theme, second.thumb_px, second.paused) == ("dark", 256, True)
    assert second.captions == {"name", "date"}


@pytest.mark.parametrize("captions", [frozenset(), frozenset({"score"}), frozenset({"name", "date", "score"})])
def test_captions_may_be_none_or_one(file: Path, captions: frozenset[str]) -> None:
    first = Preferences(file)
    first.captions = frozenset({"date"})
    first.captions = captions
    first.save()
    assert Preferences(file).captions == captions


def test_what_makes_no_sense_counts_as_absent(file: Path) -> None:
    file.parent.mkdir()
    file.write_text(
        "[window]\ngeometry=wide\nsidebar=perhaps\n[look]\ntheme=neon\nthumb_px=huge\ncaptions=name, size\n"
        "[library]\npreviews_cap_gb=-4\n"
    )
    preferences = Preferences(file)
    assert preferences.geometry.isEmpty()
    assert (preferences.theme, preferences.thumb_px, preferences.captions) == ("system", 192, {"name"})
    assert preferences.previews_cap_gb == 1


def test_a_file_that_is_rubbish_does_no_harm(file: Path) -> None:
    file.parent.mkdir()
    file.write_bytes(bytes(range(256)))
    assert Preferences(file).theme == "system"
