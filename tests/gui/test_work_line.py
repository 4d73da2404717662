"""The line that tells what is being worked on."""

import pytest
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QToolButton
from pytestqt.qtbot import QtBot

from imgfind.core import Progress
from imgfind.gui.work_line import WorkLine, told


@pytest.fixture
def line(qtbot: QtBot) -> WorkLine:
    widget = WorkLine()
    qtbot.addWidget(widget)
    return widget


def buttons(line: WorkLine) -> dict[str, QToolButton]:
    """Return the visible buttons by their accessible names."""
    return {button.accessibleName(): button for button in line.findChildren(QToolButton) if not button.isHidden()}


@pytest.mark.parametrize(
    ("progress", "in_bytes", "text"),
    [
        (
            Progress("indexing", 12480, 50211, 0, 41.3, 900),
            False,
            "Indexing 12,480 of 50,211 · 41 photos/s · about 15 minutes left",
        ),
        (Progress("indexing", 1, 9, 0, 0.4), False, "Indexing 1 of 9 · 0.4 photos/s"),
        (Progress("scanning", 12480), False, "Looking for photos: 12,480 found"),
        (Progress("loading the model"), False, "Indexing: getting ready"),
        (Progress("looking for candidates"), False, "Indexing: finding what may be alike"),
        (
            Progress("comparing", 1200, 4000, 0, None, 61),
            False,
            "Indexing: 1,200 of 4,000 pairs compared · about 1 minute left",
        ),
        (Progress("something new", 3), False, "Indexing 3"),
        (Progress("something new"), False, "Indexing"),
        (
            Progress("downloading", 123456789, 605 * 10**6, 0, 8.2e6, 61),
            True,
            "Indexing 123.5 MB of 605.0 MB · 8.2 MB/s · about 1 minute left",
        ),
    ],
)
def test_progress_reads_as_a_sentence(progress: Progress, in_bytes: bool, text: str) -> None:
    assert told(progress, "Indexing", in_bytes=in_bytes) == text


@pytest.mark.parametrize(
    ("state", "shown"),
    [("running", {"Pause", "Cancel"}), ("paused", {"Resume", "Cancel"}), ("waiting", set())],
)
def test_every_state_has_the_buttons_that_make_sense(line: WorkLine, state: str, shown: set[str]) -> None:
    line.set_state(state, "Indexing")
    assert not line.isHidden()
    assert line.text
    assert set(buttons(line)) == shown


def test_idle_shows_nothing(line: WorkLine) -> None:
    line.show_progress(Progress("indexing", 1, 2), "Indexing")
    line.set_state("idle")
    assert line.isHidden()


def test_progress_makes_it_run_again(line: WorkLine) -> None:
    line.set_state("paused", "Indexing")
    assert line.text == "Indexing paused"
    line.show_progress(Progress("indexing", 1, 2), "Indexing")
    assert line.state == "running"
    assert line.text == "Indexing 1 of 2"


def test_buttons_ask(qtbot: QtBot, line: WorkLine) -> None:
    line.set_state("running", "Indexing")
    with qtbot.waitSignals([line.pause_requested, line.cancel_requested]):
        for button in buttons(line).values():
            qtbot.mouseClick(button, Qt.MouseButton.LeftButton)
    line.set_state("paused")
    with qtbot.waitSignal(line.resume_requested):
        qtbot.mouseClick(buttons(line)["Resume"], Qt.MouseButton.LeftButton)


def test_a_long_text_does_not_widen_the_window(line: WorkLine) -> None:
    line.set_state("running", "Indexing " * 100)
    assert line.minimumSizeHint().width() < 200
    line.resize(200, line.sizeHint().height())
    line.grab()
