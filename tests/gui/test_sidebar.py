"""The sidebar on real libraries, with real clicks and keys."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from PySide6.QtCore import QModelIndex, Qt
from PySide6.QtGui import QContextMenuEvent
from PySide6.QtWidgets import QApplication, QMenu
from pytestqt.qtbot import QtBot

from imgfind.core.library import Library
from imgfind.core.records import PhotoId
from imgfind.gui.places import ALL_PHOTOS, DUPLICATES, FAVOURITES, HIDDEN, PROBLEMS, Place, PlaceKind
from imgfind.gui.sidebar import Sidebar
from imgfind.gui.sidebar_model import Entry, EntryRole
from imgfind.gui.tasks import TaskRunner
from tests.fake_encoder import FakeEncoder
from tests.pictures import paint

ODD = os.fsdecode(b"new\nline\xff")


@pytest.fixture
def library(tmp_path: Path) -> Iterator[Library]:
    """Return a library with two roots, ``deep`` with folders and ``stick``."""
    for name in ("2021/05/a-20210506.png", "2021/05/b-20210507.png", f"2021/{ODD}/c-20200101.png", "d-20191231.png"):
        paint(tmp_path / "deep" / name)
    paint(tmp_path / "stick" / "e-20190101.png")
    with Library(tmp_path / "library", load_encoder=FakeEncoder) as made:
        made.index([str(tmp_path / "deep"), str(tmp_path / "stick")])
        yield made


@pytest.fixture
def sidebar(qtbot: QtBot, library: Library, tmp_path: Path) -> Iterator[Sidebar]:
    runner = TaskRunner(lambda: Library(tmp_path / "library", load_encoder=FakeEncoder))
    made = Sidebar(runner)
    qtbot.addWidget(made)
    made.resize(240, 700)
    made.show()
    refresh(qtbot, made)
    yield made
    runner.close()


def refresh(qtbot: QtBot, sidebar: Sidebar) -> None:
    sidebar.refresh()
    qtbot.waitUntil(lambda: not sidebar._runner.is_busy((sidebar, "content")))


def rows(sidebar: Sidebar, parent: QModelIndex | None = None) -> list[str]:
    """Return what is on screen, indented."""
    model, below = sidebar._model, parent or QModelIndex()
    shown = []
    for row in range(model.rowCount(below)):
        index = model.index(row, 0, below)
        shown.append(str(index.data()))
        if sidebar._tree.isExpanded(index):
            shown += [f"  {text}" for text in rows(sidebar, index)]
    return shown


def index_of(sidebar: Sidebar, place: Place) -> QModelIndex:
    index = sidebar._model.index_of(place)
    assert index.isValid()
    return index


def entry_of(sidebar: Sidebar, place: Place) -> Entry:
    entry: Entry = index_of(sidebar, place).data(EntryRole)
    return entry


def click(qtbot: QtBot, sidebar: Sidebar, place: Place) -> None:
    at = sidebar._tree.visualRect(index_of(sidebar, place)).center()
    qtbot.mouseClick(sidebar._tree.viewport(), Qt.MouseButton.LeftButton, pos=at)


def folder(path: Path | str) -> Place:
    return Place(PlaceKind.FOLDER, str(path))


def menu_at(qtbot: QtBot, sidebar: Sidebar, place: Place) -> dict[str, QMenu]:
    """Open the context menu of a row; return its actions by their text."""
    viewport = sidebar._tree.viewport()
    at = sidebar._tree.visualRect(index_of(sidebar, place)).center()
    event = QContextMenuEvent(QContextMenuEvent.Reason.Mouse, at, viewport.mapToGlobal(at))
    QApplication.sendEvent(viewport, event)
    menu = sidebar.findChildren(QMenu)[-1]
    return {action.text(): action for action in menu.actions()}


def test_what_there_is_stands_in_order(sidebar: Sidebar) -> None:
    assert rows(sidebar) == ["All photos", "Favourites", "Folders", "  deep", "  stick", "Review", "  Duplicates"]
    assert entry_of(sidebar, ALL_PHOTOS).count == 5
    assert entry_of(sidebar, FAVOURITES).count is None


def test_all_photos_open_into_years_and_months(sidebar: Sidebar) -> None:
    sidebar._tree.expandRecursively(index_of(sidebar, ALL_PHOTOS))
    assert rows(sidebar)[:8] == [
        "All photos",
        "  2021",
        "    May",
        "  2020",
        "    January",
        "  2019",
        "    December",
        "    January",
    ]
    assert entry_of(sidebar, Place(PlaceKind.MONTH, "2019")).count == 2


def test_a_click_tells_the_place_once(qtbot: QtBot, sidebar: Sidebar, tmp_path: Path) -> None:
    chosen: list[Place] = []
    sidebar.place_chosen.connect(chosen.append)
    click(qtbot, sidebar, folder(tmp_path / "stick"))
    click(qtbot, sidebar, DUPLICATES)
    qtbot.keyClick(sidebar._tree, Qt.Key.Key_Home)
    assert chosen == [folder(tmp_path / "stick"), DUPLICATES, ALL_PHOTOS]


def test_selecting_and_refreshing_tell_nothing(qtbot: QtBot, sidebar: Sidebar, tmp_path: Path) -> None:
    with qtbot.assertNotEmitted(sidebar.place_chosen):
        sidebar.select(FAVOURITES)
        assert sidebar._tree.selectionModel().isSelected(index_of(sidebar, FAVOURITES))
        sidebar.select_query(f"in:{tmp_path / 'stick'}")
        assert sidebar._tree.currentIndex() == index_of(sidebar, folder(tmp_path / "stick"))
        refresh(qtbot, sidebar)
        sidebar.select_query("a dog")
        assert not sidebar._tree.selectionModel().hasSelection()


def test_folders_are_read_when_they_are_opened(qtbot: QtBot, sidebar: Sidebar, tmp_path: Path) -> None:
    year = folder(tmp_path / "deep" / "2021")
    sidebar._tree.expand(index_of(sidebar, folder(tmp_path / "deep")))
    month = folder(tmp_path / "deep" / "2021" / "05")
    assert not sidebar._model.index_of(month).isValid()
    sidebar._tree.expand(index_of(sidebar, year))
    qtbot.waitUntil(lambda: sidebar._model.index_of(month).isValid())
    assert rows(sidebar)[4:7] == ["    2021", "      05", "      new\\x0aline\\xff"]
    assert entry_of(sidebar, year).count == 3


def test_a_folder_that_was_closed_is_read_again_when_it_is_opened(
    qtbot: QtBot, sidebar: Sidebar, library: Library, tmp_path: Path
) -> None:
    deep = index_of(sidebar, folder(tmp_path / "deep"))
    paint(tmp_path / "deep" / "2022" / "f.png")
    library.index()
    refresh(qtbot, sidebar)
    assert sidebar._model.rowCount(deep) == 1
    sidebar._tree.expand(deep)
    qtbot.waitUntil(lambda: sidebar._model.rowCount(deep) == 2)


def test_a_folder_deep_down_is_shown_when_it_is_selected(qtbot: QtBot, sidebar: Sidebar, tmp_path: Path) -> None:
    odd = folder(tmp_path / "deep" / "2021" / ODD)
    query = odd.query()
    assert query is not None
    sidebar.select_query(query)
    qtbot.waitUntil(lambda: sidebar._model.index_of(odd).isValid())
    assert sidebar._tree.currentIndex() == index_of(sidebar, odd)
    assert sidebar._tree.isExpanded(index_of(sidebar, folder(tmp_path / "deep" / "2021")))


def test_a_folder_nobody_knows_selects_nothing(sidebar: Sidebar, tmp_path: Path) -> None:
    sidebar.select(folder(tmp_path / "deep" / "nowhere"))
    sidebar.select(folder("/elsewhere"))
    assert not sidebar._tree.selectionModel().hasSelection()


def test_what_is_open_and_selected_stays_when_the_library_changes(
    qtbot: QtBot, sidebar: Sidebar, library: Library, tmp_path: Path
) -> None:
    month = folder(tmp_path / "deep" / "2021" / "05")
    sidebar.select(month)
    qtbot.waitUntil(lambda: sidebar._model.index_of(month).isValid())
    (tmp_path / "deep" / "broken.jpg").write_bytes(b"\xff\xd8 no picture")
    paint(tmp_path / "deep" / "2021" / "04" / "f-20220101.png")
    library.index()
    ids = [PhotoId(int(photo_id)) for photo_id in library.photos.timeline().photo_ids]
    library.photos.set_favourite(ids[:2], on=True)
    library.photos.set_hidden(ids[2:3], on=True)
    library.photos.save_search("Dogs", "dog -cat")
    with qtbot.assertNotEmitted(sidebar.place_chosen):
        refresh(qtbot, sidebar)
    assert sidebar._tree.currentIndex() == index_of(sidebar, month)
    assert "      04" in rows(sidebar)
    assert rows(sidebar)[-6:] == ["Saved searches", "  Dogs", "Review", "  Duplicates", "  Problems", "  Hidden"]
    assert entry_of(sidebar, FAVOURITES).count == 2
    assert entry_of(sidebar, PROBLEMS).count == 1
    assert entry_of(sidebar, HIDDEN).count == 1
    sidebar.select_query("dog -cat")
    assert sidebar._tree.currentIndex().data() == "Dogs"


def test_a_selected_row_that_goes_leaves_nothing_selected(qtbot: QtBot, sidebar: Sidebar, library: Library) -> None:
    library.photos.save_search("Dogs", "dog")
    refresh(qtbot, sidebar)
    sidebar.select_query("dog")
    library.photos.remove_search("Dogs")
    with qtbot.assertNotEmitted(sidebar.place_chosen):
        refresh(qtbot, sidebar)
    assert not sidebar._tree.selectionModel().hasSelection()


def test_a_refresh_during_a_refresh_is_not_lost(qtbot: QtBot, sidebar: Sidebar, library: Library) -> None:
    sidebar.refresh()
    library.photos.save_search("Dogs", "dog")
    for _ in range(5):
        sidebar.refresh()
    qtbot.waitUntil(lambda: "  Dogs" in rows(sidebar))


def test_an_offline_folder_says_what_to_do(qtbot: QtBot, sidebar: Sidebar, library: Library, tmp_path: Path) -> None:
    stick = folder(tmp_path / "stick")
    (tmp_path / "stick").rename(tmp_path / "away")
    library.index()
    refresh(qtbot, sidebar)
    entry = entry_of(sidebar, stick)
    assert entry.offline
    assert "Connect its drive" in entry.hint
    actions = menu_at(qtbot, sidebar, stick)
    assert list(actions) == ["Find its new place…", "Forget offline photos…", "Remove from the library…"]
    with qtbot.waitSignal(sidebar.relocate_requested) as asked:
        actions["Find its new place…"].trigger()
    assert asked.args == [str(tmp_path / "stick")]


def test_folders_show_that_they_are_being_indexed(sidebar: Sidebar, tmp_path: Path) -> None:
    deep = folder(tmp_path / "deep")
    assert "up to date" in entry_of(sidebar, deep).hint
    sidebar.set_indexing(True)
    assert entry_of(sidebar, deep).badge
    sidebar.set_indexing(False)
    assert not entry_of(sidebar, deep).badge


def test_a_folder_with_an_odd_name_is_asked_for_by_its_exact_path(
    qtbot: QtBot, sidebar: Sidebar, tmp_path: Path
) -> None:
    odd = folder(tmp_path / "deep" / "2021" / ODD)
    sidebar.select(odd)
    qtbot.waitUntil(lambda: sidebar._model.index_of(odd).isValid())
    actions = menu_at(qtbot, sidebar, odd)
    assert list(actions) == ["Show in file manager", "Look for changes now"]
    with qtbot.waitSignal(sidebar.show_folder_requested) as asked:
        actions["Show in file manager"].trigger()
    assert asked.args == [odd.value]


def test_keys_remove_and_rename(qtbot: QtBot, sidebar: Sidebar, library: Library, tmp_path: Path) -> None:
    library.photos.save_search("Dogs", "dog")
    refresh(qtbot, sidebar)
    sidebar.select_query("dog")
    with qtbot.waitSignal(sidebar.rename_search_requested) as asked:
        qtbot.keyClick(sidebar._tree, Qt.Key.Key_F2)
    assert asked.args == ["Dogs"]
    with qtbot.waitSignal(sidebar.remove_search_requested) as asked:
        qtbot.keyClick(sidebar._tree, Qt.Key.Key_Delete)
    assert asked.args == ["Dogs"]
    sidebar.select(folder(tmp_path / "deep"))
    with qtbot.waitSignal(sidebar.remove_folder_requested) as asked:
        qtbot.keyClick(sidebar._tree, Qt.Key.Key_Delete)
    assert asked.args == [str(tmp_path / "deep")]


def test_the_button_adds_a_folder(qtbot: QtBot, sidebar: Sidebar) -> None:
    with qtbot.waitSignal(sidebar.add_folder_requested):
        qtbot.mouseClick(sidebar._add, Qt.MouseButton.LeftButton)


def test_a_library_that_does_not_exist_has_nothing(qtbot: QtBot, tmp_path: Path) -> None:
    runner = TaskRunner(lambda: Library(tmp_path / "none", load_encoder=FakeEncoder))
    sidebar = Sidebar(runner)
    qtbot.addWidget(sidebar)
    with qtbot.assertNotEmitted(runner.failed):
        refresh(qtbot, sidebar)
    assert rows(sidebar) == ["All photos", "Favourites"]
    runner.close()


def test_two_folders_of_one_name_can_be_told_apart(
    qtbot: QtBot, sidebar: Sidebar, library: Library, tmp_path: Path
) -> None:
    paint(tmp_path / "other" / "deep" / "x.png")
    library.index([str(tmp_path / "other" / "deep")])
    refresh(qtbot, sidebar)
    names = {entry_of(sidebar, folder(path)).text for path in (tmp_path / "deep", tmp_path / "other" / "deep")}
    assert names == {f"deep ({tmp_path})", f"deep ({tmp_path / 'other'})"}


def test_a_row_with_the_focus_on_a_heading_stays_there(qtbot: QtBot, sidebar: Sidebar) -> None:
    sidebar.select(FAVOURITES)
    qtbot.keyClick(sidebar._tree, Qt.Key.Key_Down)
    assert sidebar._tree.currentIndex().data() == "Folders"
    refresh(qtbot, sidebar)
    assert sidebar._tree.currentIndex().data() == "Folders"


def test_of_two_saved_searches_that_are_equal_the_chosen_one_stays(
    qtbot: QtBot, sidebar: Sidebar, library: Library
) -> None:
    library.photos.save_search("Cats", "dog")
    library.photos.save_search("Dogs", "dog")
    refresh(qtbot, sidebar)
    sidebar.select_query("dog")
    qtbot.keyClick(sidebar._tree, Qt.Key.Key_Down)
    assert sidebar._tree.currentIndex().data() == "Dogs"
    sidebar.select_query("dog")
    assert sidebar._tree.currentIndex().data() == "Dogs"


def test_the_selected_row_is_painted_as_such(qtbot: QtBot, sidebar: Sidebar) -> None:
    sidebar.select(FAVOURITES)
    rect = sidebar._tree.visualRect(index_of(sidebar, FAVOURITES))
    picture = sidebar._tree.viewport().grab().toImage()
    heights = (rect.center().y(), rect.center().y() - rect.height())
    selected, other = (picture.pixelColor(sidebar.width() - 60, y) for y in heights)
    assert selected != other
