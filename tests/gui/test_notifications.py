"""Notices for work that took long, where nobody looks."""

import pytest
from PySide6.QtCore import Qt
from PySide6.QtGui import QGuiApplication, QIcon
from PySide6.QtWidgets import QSystemTrayIcon

from imgfind.gui.notifications import LONG_S, Notifier


class Desktop:
    """A desktop that shows notices; the offscreen one has none."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.notices: list[str] = []
        self.now = 0.0
        self.state = Qt.ApplicationState.ApplicationInactive
        monkeypatch.setattr(QGuiApplication, "applicationState", lambda: self.state)
        monkeypatch.setattr(QSystemTrayIcon, "isSystemTrayAvailable", lambda: True)
        monkeypatch.setattr(QSystemTrayIcon, "supportsMessages", lambda: True)
        monkeypatch.setattr(QSystemTrayIcon, "show", lambda icon: None)
        monkeypatch.setattr(QSystemTrayIcon, "showMessage", lambda icon, title, text, *_: self.notices.append(text))


@pytest.fixture
def desktop(qapp: object, monkeypatch: pytest.MonkeyPatch) -> Desktop:
    return Desktop(monkeypatch)


@pytest.fixture
def notifier(desktop: Desktop) -> Notifier:
    return Notifier(QIcon(), clock=lambda: desktop.now)


def work(desktop: Desktop, notifier: Notifier, seconds: float) -> None:
    notifier.begin()
    desktop.now += seconds
    notifier.end(f"{seconds:g} seconds")


def test_only_what_took_long_is_told(desktop: Desktop, notifier: Notifier) -> None:
    work(desktop, notifier, LONG_S - 1)
    work(desktop, notifier, LONG_S)
    assert desktop.notices == [f"{LONG_S:g} seconds"]


def test_runs_behind_each_other_count_as_one(desktop: Desktop, notifier: Notifier) -> None:
    notifier.begin()
    desktop.now += LONG_S - 1
    work(desktop, notifier, 1)
    assert desktop.notices == ["1 seconds"]


def test_nothing_is_told_of_what_was_stopped(desktop: Desktop, notifier: Notifier) -> None:
    notifier.begin()
    desktop.now += 2 * LONG_S
    notifier.end()
    notifier.end("never begun")
    assert desktop.notices == []


def test_who_looks_is_not_told(desktop: Desktop, notifier: Notifier) -> None:
    desktop.state = Qt.ApplicationState.ApplicationActive
    work(desktop, notifier, LONG_S)
    assert desktop.notices == []


def test_a_desktop_without_notices_is_no_trouble(
    desktop: Desktop, notifier: Notifier, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(QSystemTrayIcon, "isSystemTrayAvailable", lambda: False)
    work(desktop, notifier, LONG_S)
    assert desktop.notices == []
