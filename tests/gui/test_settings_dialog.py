"""The settings: what they show is so, and what is changed holds at once."""

import contextlib
from collections.abc import Iterator
from pathlib import Path

import pytest
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QCheckBox, QComboBox, QPlainTextEdit, QPushButton, QRadioButton, QSpinBox, QTreeWidget
from pytestqt.qtbot import QtBot

from imgfind.core import config, lock, remote_encoder
from imgfind.core.config import Config
from imgfind.core.library import Library
from imgfind.core.thumbs import PREVIEWS_FILE, Previews
from imgfind.gui import theme
from imgfind.gui.indexer import Indexer
from imgfind.gui.model_fetch import ModelFetch
from imgfind.gui.preferences import Preferences
from imgfind.gui.previews_cap import PreviewsCap, _reduce
from imgfind.gui.settings_dialog import SettingsDialog
from imgfind.gui.settings_page import SettingsPage
from imgfind.gui.tasks import TaskRunner
from tests.fake_encoder import FakeEncoder
from tests.gui.test_indexer import StandIn

WAIT_MS = 30_000


@pytest.fixture
def preferences(tmp_path: Path) -> Preferences:
    return Preferences(tmp_path / "window.ini")


@pytest.fixture
def stand_in(tmp_path: Path) -> StandIn:
    made = StandIn(tmp_path)
    made.act("work")
    return made


@pytest.fixture
def devices(monkeypatch: pytest.MonkeyPatch) -> None:
    """Take the place of the process that knows torch."""
    monkeypatch.setattr(remote_encoder, "devices", lambda: ["cuda", "cpu"])
    monkeypatch.setattr(
        remote_encoder,
        "measure",
        lambda model, *, device, threads, seconds: {("cpu", 0): 40.0, ("cuda", 3): 900.0}[device, threads],
    )


@pytest.fixture
def dialog(
    qtbot: QtBot, runner: TaskRunner, library_folder: Path, preferences: Preferences, stand_in: StandIn, devices: None
) -> Iterator[SettingsDialog]:
    indexer = Indexer(library_folder, preferences, program=stand_in.command)
    fetch = ModelFetch(library_folder, runner, indexer, program=stand_in.command)
    made = SettingsDialog(runner, preferences, indexer, fetch)
    made.indexer = indexer
    qtbot.addWidget(made)
    made.show()
    yield made
    indexer.close(10)
    theme.apply("system")


def page(dialog: SettingsDialog, name: str) -> SettingsPage:
    dialog.choose(name)
    shown = dialog._pages.currentWidget()
    assert isinstance(shown, SettingsPage)
    return shown


def button(parent: SettingsPage, text: str) -> QPushButton:
    return next(found for found in parent.findChildren(QPushButton) if found.text().replace("&", "").startswith(text))


def click(qtbot: QtBot, parent: SettingsPage, text: str) -> None:
    qtbot.mouseClick(button(parent, text), Qt.MouseButton.LeftButton)


def test_the_folders_are_listed_and_can_be_taken_out(qtbot: QtBot, dialog: SettingsDialog, photos: Path) -> None:
    folders = page(dialog, "Folders")
    tree = folders.findChild(QTreeWidget)
    qtbot.waitUntil(lambda: tree.topLevelItemCount() == 1, timeout=WAIT_MS)
    item = tree.topLevelItem(0)
    assert [item.text(column) for column in range(3)] == [str(photos), "6", "online"]
    assert not button(folders, "Take out").isEnabled()
    tree.setCurrentItem(item)
    with qtbot.waitSignal(dialog.remove_folder_requested) as requested:
        click(qtbot, folders, "Take out")
    assert requested.args == [str(photos)]
    with qtbot.waitSignal(dialog.add_folder_requested):
        click(qtbot, folders, "Add folder")


def test_what_is_left_out_is_saved_and_indexing_follows(
    qtbot: QtBot, dialog: SettingsDialog, library_folder: Path
) -> None:
    folders = page(dialog, "Folders")
    edit = folders.findChild(QPlainTextEdit)
    qtbot.waitUntil(lambda: folders.findChild(QTreeWidget).topLevelItemCount() == 1, timeout=WAIT_MS)
    assert not button(folders, "Save").isEnabled()
    for line in ("*_thumb*", "", "  private  "):
        qtbot.keyClicks(edit, line)
        qtbot.keyClick(edit, Qt.Key.Key_Return)
    with qtbot.waitSignal(dialog.indexer.finished, timeout=WAIT_MS):
        click(qtbot, folders, "Save")
    assert not button(folders, "Save").isEnabled()
    with Library(library_folder) as library:
        assert library.photos.excludes() == ["*_thumb*", "private"]


def test_the_models_say_what_they_are_and_which_is_used(qtbot: QtBot, dialog: SettingsDialog) -> None:
    models = page(dialog, "Model")
    qtbot.waitUntil(lambda: models._boxes.count() >= 3, timeout=WAIT_MS)
    starter, standard = models._boxes.itemAt(0).widget(), models._boxes.itemAt(1).widget()
    assert starter._state(None) == "in use"
    assert starter._actions(None) == []
    assert "605.0 MB · MIT" in standard._facts()
    assert [text for text, _ in standard._actions(None)] == ["Download and use"]
    assert [text for text, _ in standard._actions("another one")] == [], "one download at a time"


def test_device_and_threads_are_what_the_next_start_finds(qtbot: QtBot, dialog: SettingsDialog) -> None:
    device = page(dialog, "Device")
    box, threads = device.findChild(QComboBox), device.findChild(QSpinBox)
    qtbot.waitUntil(lambda: box.findData("cuda") >= 0, timeout=WAIT_MS)
    assert [box.itemData(row) for row in range(box.count())] == ["auto", "cuda", "cpu"]
    box.setCurrentIndex(box.findData("cuda"))
    box.activated.emit(box.currentIndex())
    threads.setFocus()
    threads.setValue(3)
    threads.editingFinished.emit()
    qtbot.waitUntil(lambda: config.load_config() == Config("cuda", 3), timeout=WAIT_MS)
    click(qtbot, device, "Measure")
    qtbot.waitUntil(lambda: device._measured.text() == "900 pictures a second with starter", timeout=WAIT_MS)


def test_a_configuration_that_is_broken_is_told(qtbot: QtBot, dialog: SettingsDialog) -> None:
    config.config_file().parent.mkdir(parents=True, exist_ok=True)
    config.config_file().write_text("device = 3")
    page(dialog, "Device")
    qtbot.waitUntil(dialog._trouble.isVisible, timeout=WAIT_MS)
    assert "device must be one of" in dialog._trouble.text()
    page(dialog, "Storage")
    assert not dialog._trouble.isVisible()


def test_previews_can_be_deleted_and_the_disk_says_so(
    qtbot: QtBot, dialog: SettingsDialog, library_folder: Path
) -> None:
    storage = page(dialog, "Storage")
    qtbot.waitUntil(lambda: storage._rows["previews"].text() not in ("–", "0 bytes"), timeout=WAIT_MS)
    click(qtbot, storage, "Delete previews")
    qtbot.waitUntil(lambda: storage._rows["previews"].text() == "0 bytes", timeout=WAIT_MS)
    assert not (library_folder / PREVIEWS_FILE).exists()
    assert not button(storage, "Delete previews").isEnabled()


def test_a_library_in_use_is_a_sentence_and_not_a_crash(
    qtbot: QtBot, dialog: SettingsDialog, library_folder: Path
) -> None:
    storage = page(dialog, "Storage")
    qtbot.waitUntil(lambda: storage._rows["previews"].text() not in ("–", "0 bytes"), timeout=WAIT_MS)
    with lock.held(library_folder):
        click(qtbot, storage, "Delete previews")
        qtbot.waitUntil(dialog._trouble.isVisible, timeout=WAIT_MS)
    assert "is being indexed" in dialog._trouble.text()
    qtbot.waitUntil(button(storage, "Delete previews").isEnabled, timeout=WAIT_MS)
    assert (library_folder / PREVIEWS_FILE).exists()


def test_the_look_changes_at_once_and_is_remembered(
    qtbot: QtBot, dialog: SettingsDialog, preferences: Preferences
) -> None:
    look = page(dialog, "Appearance")
    next(found for found in look.findChildren(QRadioButton) if found.text() == "Dark").click()
    qtbot.waitUntil(lambda: look.palette().window().color().lightnessF() < 0.3)
    assert preferences.theme == "dark"
    with qtbot.waitSignal(dialog.captions_changed) as changed:
        next(found for found in look.findChildren(QCheckBox) if found.text() == "Date").click()
    assert changed.args == [frozenset({"date"})]
    assert preferences.captions == {"date"}


def test_enter_in_a_field_presses_no_button(qtbot: QtBot, dialog: SettingsDialog) -> None:
    for name in ("Folders", "Model", "Device", "Storage", "Appearance"):
        shown = page(dialog, name)
        qtbot.wait(1)
        assert [found.text() for found in shown.findChildren(QPushButton) if found.autoDefault()] == []


def test_a_library_that_is_not_there_yet_can_be_set_up(
    qtbot: QtBot, preferences: Preferences, tmp_path: Path, devices: None
) -> None:
    folder = tmp_path / "later"
    runner = TaskRunner(lambda: Library(folder))
    failures: list[object] = []
    runner.failed.connect(failures.append)
    indexer = Indexer(folder, preferences, program=["/nowhere"])
    dialog = SettingsDialog(runner, preferences, indexer, ModelFetch(folder, runner, indexer, program=["/nowhere"]))
    qtbot.addWidget(dialog)
    dialog.show()
    for name in ("Folders", "Model", "Device", "Storage"):
        page(dialog, name)
    qtbot.waitUntil(lambda: page(dialog, "Model")._boxes.count() >= 3, timeout=WAIT_MS)
    assert not dialog._trouble.isVisible()
    assert not folder.exists()
    runner.close()


def test_previews_are_kept_within_their_cap(
    qtbot: QtBot, runner: TaskRunner, preferences: Preferences, library_folder: Path
) -> None:
    cap = PreviewsCap(runner, preferences)
    cap.enforce()
    qtbot.waitUntil(lambda: not runner.is_busy(cap), timeout=WAIT_MS)
    with Library(library_folder, load_encoder=FakeEncoder) as library:
        _reduce(library, preferences.previews_cap_gb * 10**9)
        with contextlib.closing(Previews(library_folder, readonly=True)) as previews:
            assert len(previews.sizes()) == 6
        _reduce(library, 0)
        with contextlib.closing(Previews(library_folder, readonly=True)) as previews:
            assert previews.sizes() == []
