"""The offer of the standard model: there where it helps, and silent where it does not."""

from pathlib import Path

import pytest
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QPushButton, QToolButton
from pytestqt.qtbot import QtBot

from imgfind.core import config
from imgfind.core.library import Library
from imgfind.gui.indexer import Indexer
from imgfind.gui.model_fetch import ModelFetch
from imgfind.gui.model_offer import ModelOffer
from imgfind.gui.preferences import Preferences
from imgfind.gui.tasks import TaskRunner
from tests.fake_encoder import FakeEncoder


class Fetch(ModelFetch):
    """Notes what is asked of it."""

    def __init__(self, library: Path, runner: TaskRunner, indexer: Indexer) -> None:
        super().__init__(library, runner, indexer, program=["/nowhere"])
        self.started: list[str] = []

    def start(self, name: str) -> None:
        self.started.append(name)


@pytest.fixture(autouse=True)
def online(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(config, "is_offline", lambda: False)


@pytest.fixture
def preferences(tmp_path: Path) -> Preferences:
    return Preferences(tmp_path / "window.ini")


@pytest.fixture
def offer(qtbot: QtBot, runner: TaskRunner, preferences: Preferences, library_folder: Path) -> ModelOffer:
    indexer = Indexer(library_folder, preferences, program=["/nowhere"])
    made = ModelOffer(runner, preferences, indexer, Fetch(library_folder, runner, indexer))
    qtbot.addWidget(made)
    return made


def settle(qtbot: QtBot, offer: ModelOffer) -> None:
    offer.refresh()
    qtbot.waitUntil(lambda: not offer._runner.is_busy(offer), timeout=20_000)


def test_it_says_what_it_costs_and_starts_the_download(qtbot: QtBot, offer: ModelOffer) -> None:
    settle(qtbot, offer)
    assert offer.isVisible()
    assert "605" in offer._label.text()
    assert "MIT" in offer._label.text()
    qtbot.mouseClick(offer.findChild(QPushButton), Qt.MouseButton.LeftButton)
    assert offer._fetch.started == ["ViT-B-32-256/datacomp_s34b_b86k"]
    assert not offer.isVisible()


def test_not_now_is_remembered(qtbot: QtBot, offer: ModelOffer, preferences: Preferences) -> None:
    settle(qtbot, offer)
    qtbot.mouseClick(offer.findChild(QToolButton), Qt.MouseButton.LeftButton)
    settle(qtbot, offer)
    assert not offer.isVisible()
    assert preferences.offer_dismissed


def test_without_a_network_nothing_is_offered(qtbot: QtBot, offer: ModelOffer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(config, "is_offline", lambda: True)
    settle(qtbot, offer)
    assert not offer.isVisible()


def test_an_empty_library_comes_before_a_better_model(
    qtbot: QtBot, preferences: Preferences, tmp_path: Path, qapp: object
) -> None:
    folder = tmp_path / "not there yet"
    runner = TaskRunner(lambda: Library(folder, load_encoder=FakeEncoder))
    indexer = Indexer(folder, preferences, program=["/nowhere"])
    offer = ModelOffer(runner, preferences, indexer, Fetch(folder, runner, indexer))
    qtbot.addWidget(offer)
    settle(qtbot, offer)
    assert not offer.isVisible()
    assert not folder.exists()
    runner.close()
