"""The tree of the sidebar as a Qt model."""

from PySide6.QtCore import QPersistentModelIndex, Qt
from pytestqt.modeltest import ModelTester
from pytestqt.qtbot import QtBot

from imgfind.gui.places import ALL_PHOTOS, Place, PlaceKind
from imgfind.gui.sidebar_model import Entry, EntryRole, SidebarModel


def folder(name: str, *children: Entry, count: int = 1) -> Entry:
    return Entry(name, name, "folder", Place(PlaceKind.FOLDER, f"/{name}"), count, children=children)


def unread(name: str) -> Entry:
    return Entry(name, name, "folder", Place(PlaceKind.FOLDER, f"/{name}"), children=None)


def heading(*children: Entry) -> Entry:
    return Entry("folders", "Folders", children=children)


def texts(model: SidebarModel, *rows: int) -> list[str]:
    """Return the names below the row that ``rows`` lead to."""
    index = model.index(-1, 0)
    for row in rows:
        index = model.index(row, 0, index)
    return [str(model.index(row, 0, index).data()) for row in range(model.rowCount(index))]


def test_the_model_passes_qts_own_tests_through_all_changes(qtmodeltester: ModelTester) -> None:
    model = SidebarModel()
    qtmodeltester.check(model)
    for entries in (
        [Entry("all", "All photos", "images", ALL_PHOTOS, 7), heading(folder("b"), folder("c"), unread("d"))],
        [Entry("all", "All photos", "images", ALL_PHOTOS, 9), heading(folder("a"), folder("c", folder("x")))],
        [heading(folder("c", folder("y"), folder("x")), folder("a"))],
        [],
    ):
        model.show(entries)
        qtmodeltester.check(model)


def test_a_new_tree_takes_the_place_of_the_old_one() -> None:
    model = SidebarModel()
    model.show([heading(folder("b"), folder("c"), folder("d"))])
    model.show([Entry("all", "All photos"), heading(folder("a"), folder("d"), folder("c", folder("x")))])
    assert texts(model) == ["All photos", "Folders"]
    assert texts(model, 1) == ["a", "d", "c"]
    assert texts(model, 1, 2) == ["x"]


def test_rows_that_stay_keep_their_index_and_tell_what_changed(qtbot: QtBot) -> None:
    model = SidebarModel()
    model.show([heading(folder("b"), folder("c", folder("x")))])
    kept = QPersistentModelIndex(model.index_of(Place(PlaceKind.FOLDER, "/x")))
    with qtbot.waitSignal(model.dataChanged) as changed:
        model.show([heading(folder("a"), folder("c", folder("x", count=5)))])
    assert kept.isValid()
    assert changed.args[0] == kept
    assert kept.data(EntryRole).count == 5


def test_an_equal_tree_changes_nothing(qtbot: QtBot) -> None:
    model = SidebarModel()
    model.show([heading(folder("b", folder("x")))])
    with (
        qtbot.assertNotEmitted(model.dataChanged),
        qtbot.assertNotEmitted(model.rowsInserted),
        qtbot.assertNotEmitted(model.rowsRemoved),
    ):
        model.show([heading(folder("b", folder("x")))])


def test_children_nobody_has_read_are_asked_for(qtbot: QtBot) -> None:
    model = SidebarModel()
    model.show([unread("d\udcff")])
    index = model.index(0, 0)
    assert model.hasChildren(index)
    assert model.rowCount(index) == 0
    assert model.canFetchMore(index)
    with qtbot.waitSignal(model.wanted) as wanted:
        model.fetchMore(index)
    assert wanted.args == ["d\udcff"]
    model.show([folder("d\udcff", folder("x"))])
    assert not model.canFetchMore(model.index(0, 0))
    assert model.rowCount(model.index(0, 0)) == 1


def test_headings_cannot_be_selected_and_rows_say_their_count_aloud() -> None:
    model = SidebarModel()
    model.show([heading(folder("b", count=12480))])
    top = model.index(0, 0)
    assert not top.flags() & Qt.ItemFlag.ItemIsSelectable
    row = model.index(0, 0, top)
    assert row.flags() & Qt.ItemFlag.ItemIsSelectable
    assert row.data(Qt.ItemDataRole.AccessibleTextRole) == "b, 12,480"
