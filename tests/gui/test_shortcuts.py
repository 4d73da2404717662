"""Every shortcut is in the README and in the window's own list, and none means two things."""

import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest
from PySide6.QtGui import QAction, QKeySequence
from PySide6.QtWidgets import QLabel
from pytestqt.qtbot import QtBot

from imgfind.core import Library
from imgfind.gui import window_actions
from imgfind.gui.main_window import MainWindow
from imgfind.gui.preferences import Preferences
from tests.fake_encoder import FakeEncoder

README = (Path(__file__).parent.parent.parent / "README.md").read_text("utf-8")


@pytest.fixture
def window(qtbot: QtBot, library_folder: Path, tmp_path: Path) -> Iterator[MainWindow]:
    made = MainWindow(
        library_folder,
        lambda: Library(library_folder, load_encoder=FakeEncoder),
        Preferences(tmp_path / "window.ini"),
    )
    qtbot.addWidget(made)
    yield made
    made.shut_down()


def actions_of(window: MainWindow) -> list[QAction]:
    return [*window.controller.actions.values(), *window.controller.photo_actions.all()]


def keys_of(action: QAction) -> list[str]:
    return [keys.toString(QKeySequence.SequenceFormat.PortableText) for keys in action.shortcuts()]


def keys_of_the_table() -> set[str]:
    """Return all that the table of keys names."""
    return set(re.findall(r"`([^`]+)`", README.partition("### Keys")[2].partition("\n\nIn the viewer")[0]))


def test_every_shortcut_is_in_the_readme(window: MainWindow) -> None:
    missing = {keys for action in actions_of(window) for keys in keys_of(action)} - keys_of_the_table()
    assert missing == set()


def test_every_shortcut_of_the_duplicates_is_in_their_part_of_the_readme(window: MainWindow) -> None:
    part = README.partition("### Duplicates")[2].partition("\n## ")[0]
    keys = [key for action in window.duplicates.on_groups.all() for key in keys_of(action)]
    assert {key for key in keys if f"`{key}`" not in part} <= keys_of_the_table()
    assert len(set(keys)) == len(keys)


def test_no_shortcut_means_two_things(window: MainWindow) -> None:
    counted = Counter(keys for action in actions_of(window) for keys in keys_of(action))
    assert [keys for keys, count in counted.items() if count > 1] == []


def test_the_window_lists_all_its_shortcuts(qtbot: QtBot, window: MainWindow) -> None:
    actions = actions_of(window)
    dialog = window_actions.shortcuts_dialog(window, actions)
    qtbot.addWidget(dialog)
    told = {label.text() for label in dialog.findChildren(QLabel)}
    assert {window_actions.shown(action) for action in actions if action.shortcuts()} <= told


def test_every_action_has_a_name_to_be_read_out(window: MainWindow) -> None:
    assert [action.text() for action in actions_of(window) if not action.text().strip()] == []
