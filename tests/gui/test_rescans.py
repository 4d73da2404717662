"""When a library is looked through without being asked."""

from pathlib import Path

import pytest
from PySide6.QtCore import Qt
from PySide6.QtGui import QGuiApplication
from pytestqt.qtbot import QtBot

from imgfind.gui.indexer import Indexer
from imgfind.gui.preferences import Preferences
from imgfind.gui.rescans import ON_RETURN_S, Rescans
from tests.gui.test_indexer import StandIn, wait_for


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def stand_in(tmp_path: Path) -> StandIn:
    made = StandIn(tmp_path)
    made.act("work")
    return made


@pytest.fixture
def indexer(qapp: object, tmp_path: Path, stand_in: StandIn, clock: Clock) -> Indexer:
    preferences = Preferences(tmp_path / "window.ini")
    return Indexer(tmp_path / "library", preferences, program=stand_in.command, clock=clock)


@pytest.fixture
def rescans(qtbot: QtBot, indexer: Indexer, clock: Clock) -> Rescans:
    """Return one that has had its first look."""
    made = Rescans(indexer, clock=clock)
    with qtbot.waitSignal(indexer.finished, timeout=20_000):
        made.begin()
    wait_for(qtbot, indexer, "idle")
    return made


def come_back(qapp: QGuiApplication) -> None:
    qapp.applicationStateChanged.emit(Qt.ApplicationState.ApplicationInactive)
    qapp.applicationStateChanged.emit(Qt.ApplicationState.ApplicationActive)


def test_coming_back_after_a_while_is_a_reason(
    qtbot: QtBot, qapp: QGuiApplication, rescans: Rescans, indexer: Indexer, clock: Clock, stand_in: StandIn
) -> None:
    come_back(qapp)
    assert indexer.state == "idle"
    clock.now += ON_RETURN_S
    with qtbot.waitSignal(indexer.finished, timeout=20_000):
        come_back(qapp)
    wait_for(qtbot, indexer, "idle")
    come_back(qapp)
    assert indexer.state == "idle"
    assert stand_in.runs == [[], []]


def test_the_timer_is_another(qtbot: QtBot, rescans: Rescans, indexer: Indexer, stand_in: StandIn) -> None:
    with qtbot.waitSignal(indexer.finished, timeout=20_000):
        rescans._timer.timeout.emit()
    assert stand_in.runs == [[], []]


def test_neither_is_when_the_user_has_paused(
    qapp: QGuiApplication, rescans: Rescans, indexer: Indexer, clock: Clock, stand_in: StandIn
) -> None:
    indexer.pause()
    clock.now += ON_RETURN_S
    come_back(qapp)
    rescans._timer.timeout.emit()
    assert indexer.state == "paused"
    assert stand_in.runs == [[]]


def test_a_run_by_hand_puts_the_timer_off(qtbot: QtBot, rescans: Rescans, indexer: Indexer) -> None:
    rescans._timer.setInterval(3_600_000)
    rescans._timer.start(1_000_000)
    with qtbot.waitSignal(indexer.finished, timeout=20_000):
        indexer.start()
    wait_for(qtbot, indexer, "idle")
    assert rescans._timer.remainingTime() > 900_000
