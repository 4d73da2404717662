import sys
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from PySide6.QtCore import QPoint, QPointF, Qt
from PySide6.QtGui import QColor, QDrag, QGuiApplication, QPalette, QWheelEvent
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication

from imgfind.core.records import Card, Listing, PhotoId, Section
from imgfind.gui.results_model import ResultsModel
from imgfind.gui.tasks import TaskRunner
from imgfind.gui.thumb_grid import ThumbGrid
from imgfind.gui.thumb_loader import ThumbLoader

NO_MODIFIER = Qt.KeyboardModifier.NoModifier
SHIFT = Qt.KeyboardModifier.ShiftModifier
CTRL = Qt.KeyboardModifier.ControlModifier
LEFT = Qt.MouseButton.LeftButton

Made = Callable[..., ThumbGrid]


class StillLoader(ThumbLoader):
    """Loads nothing; knows the cards it was given."""

    wanted: tuple[PhotoId, ...] = ()

    def want(self, photo_ids: Any) -> None:
        """Note what is wanted."""
        self.wanted = tuple(photo_ids)


@pytest.fixture
def loader(runner: TaskRunner) -> StillLoader:
    """Return a loader that leaves the library alone."""
    return StillLoader(runner)


@pytest.fixture
def make_grid(loader: StillLoader, qtbot: Any) -> Made:
    """Return what makes a grid of five columns, shown, with the focus."""

    def make(count: int, sections: tuple[Section, ...] = (), *, complete: bool = True) -> ThumbGrid:
        model = ResultsModel(loader)
        grid = ThumbGrid(model)
        qtbot.addWidget(grid)
        model.setParent(grid)
        grid.resize(1000, 600)
        grid.set_thumb_px(170)
        grid.show()
        model.set_listing(Listing(np.arange(1, count + 1), sections, complete=complete))
        qtbot.waitExposed(grid)
        grid.setFocus()
        assert grid.grid_layout.columns == 5
        return grid

    return make


def model_of(grid: ThumbGrid) -> ResultsModel:
    """Return the grid's model as what it is."""
    model = grid.model()
    assert isinstance(model, ResultsModel)
    return model


def centre(grid: ThumbGrid, row: int) -> QPoint:
    """Return the centre of a row's cell in the viewport."""
    return grid.visualRect(grid.model().index(row, 0)).center()


def click(grid: ThumbGrid, row: int, modifiers: Qt.KeyboardModifier = NO_MODIFIER) -> None:
    """Click a photo."""
    QTest.mouseClick(grid.viewport(), LEFT, modifiers, centre(grid, row))


def press(grid: ThumbGrid, *keys: Qt.Key, modifiers: Qt.KeyboardModifier = NO_MODIFIER) -> None:
    """Press keys one after the other."""
    for key in keys:
        QTest.keyClick(grid, key, modifiers)


def drag_mouse(grid: ThumbGrid, start: QPoint, *way: QPoint, release: bool = True) -> None:
    """Press the mouse, move it, let go."""
    QTest.mousePress(grid.viewport(), LEFT, NO_MODIFIER, start)
    for point in way:
        QTest.mouseMove(grid.viewport(), point)
    if release:
        QTest.mouseRelease(grid.viewport(), LEFT, NO_MODIFIER, way[-1])


def turn_wheel(grid: ThumbGrid, notches: float, at: QPoint, modifiers: Qt.KeyboardModifier) -> None:
    """Turn the wheel over a point of the viewport."""
    event = QWheelEvent(
        QPointF(at),
        QPointF(grid.viewport().mapToGlobal(at)),
        QPoint(),
        QPoint(0, round(120 * notches)),
        Qt.MouseButton.NoButton,
        modifiers,
        Qt.ScrollPhase.NoScrollPhase,
        False,
    )
    QApplication.sendEvent(grid.viewport(), event)


def test_arrows_walk_the_grid_and_stop_at_its_ends(make_grid: Made) -> None:
    grid = make_grid(12)
    press(grid, Qt.Key.Key_Right)
    assert grid.current_row() == 0, "the first key begins at what is in sight"
    press(grid, Qt.Key.Key_Right, Qt.Key.Key_Down)
    assert grid.current_row() == 6
    press(grid, Qt.Key.Key_Down, Qt.Key.Key_Down)
    assert grid.current_row() == 11
    press(grid, Qt.Key.Key_Right)
    assert grid.current_row() == 11
    press(grid, Qt.Key.Key_Home)
    assert grid.current_row() == 0
    press(grid, Qt.Key.Key_Left, Qt.Key.Key_Up)
    assert grid.current_row() == 0
    press(grid, Qt.Key.Key_End)
    assert grid.current_row() == 11
    assert grid.selected_ids() == [12]


def test_page_keys_scroll_by_what_is_in_sight(make_grid: Made) -> None:
    grid = make_grid(200)
    click(grid, 1)
    lines = grid.viewport().height() // grid.grid_layout.line_px
    press(grid, Qt.Key.Key_PageDown)
    assert grid.current_row() == 1 + 5 * lines
    assert grid.current_row() in grid.visible_rows()
    press(grid, Qt.Key.Key_PageUp)
    assert grid.current_row() == 1


def test_shift_selects_ranges_and_ctrl_single_photos(make_grid: Made) -> None:
    grid = make_grid(15)
    click(grid, 1)
    click(grid, 7, SHIFT)
    assert grid.selected_rows() == [range(1, 8)]
    click(grid, 3, CTRL)
    assert [row for part in grid.selected_rows() for row in part] == [1, 2, 4, 5, 6, 7]
    click(grid, 10)
    assert grid.selected_rows() == [range(10, 11)]
    press(grid, Qt.Key.Key_Up, modifiers=SHIFT)
    assert [row for part in grid.selected_rows() for row in part] == [5, 6, 7, 8, 9, 10]
    press(grid, Qt.Key.Key_A, modifiers=CTRL)
    assert grid.selected_rows() == [range(15)]


def test_a_range_goes_on_over_what_is_out_of_sight(make_grid: Made) -> None:
    grid = make_grid(10_000)
    click(grid, 0)
    press(grid, Qt.Key.Key_End, modifiers=SHIFT)
    assert grid.selected_rows() == [range(10_000)]


def test_a_rubber_band_selects_what_it_touches(make_grid: Made) -> None:
    grid = make_grid(20)
    cell = grid.visualRect(grid.model().index(7, 0))
    start = cell.topLeft() - QPoint(4, 4)
    end = cell.bottomRight() + QPoint(20, 30)
    drag_mouse(grid, start, start + QPoint(20, 20), end)
    assert [row for part in grid.selected_rows() for row in part] == [7, 8, 12, 13]
    # Back again, from the other corner: between two lines of photos.
    end = grid.visualRect(grid.model().index(13, 0)).bottomRight() + QPoint(4, 4)
    drag_mouse(grid, end, end - QPoint(20, 20), start)
    assert [row for part in grid.selected_rows() for row in part] == [7, 8, 12, 13]
    QTest.mouseClick(grid.viewport(), LEFT, NO_MODIFIER, start)
    assert grid.selected_ids() == []


def test_a_band_with_ctrl_adds_and_takes_back_only_its_own(make_grid: Made) -> None:
    grid = make_grid(20)
    click(grid, 0)
    cell = grid.visualRect(grid.model().index(7, 0))
    start = cell.topLeft() - QPoint(4, 4)
    QTest.mousePress(grid.viewport(), LEFT, CTRL, start)
    QTest.mouseMove(grid.viewport(), cell.bottomRight() + QPoint(30, 0))
    assert grid.selected_ids() == [1, 8, 9]
    QTest.mouseMove(grid.viewport(), cell.center())
    QTest.mouseRelease(grid.viewport(), LEFT, CTRL, cell.center())
    assert grid.selected_ids() == [1, 8]


def test_a_band_pulled_out_of_the_window_scrolls_on(make_grid: Made, qtbot: Any) -> None:
    grid = make_grid(5000)
    start = QPoint(2, 2)
    drag_mouse(grid, start, QPoint(300, 300), QPoint(400, grid.viewport().height() + 90), release=False)
    qtbot.waitUntil(lambda: len(grid.selected_ids()) > 30)
    QTest.mouseRelease(grid.viewport(), LEFT)
    assert grid.verticalOffset() > 0
    assert {(photo_id - 1) % 5 for photo_id in grid.selected_ids()} == {0, 1}


def test_space_shows_and_enter_opens(make_grid: Made, qtbot: Any) -> None:
    grid = make_grid(5)
    click(grid, 3)
    with qtbot.waitSignal(grid.viewer_requested) as viewer:
        press(grid, Qt.Key.Key_Space)
    with qtbot.waitSignal(grid.open_requested) as opened:
        press(grid, Qt.Key.Key_Return)
    with qtbot.waitSignal(grid.viewer_requested) as double:
        QTest.mouseDClick(grid.viewport(), LEFT, NO_MODIFIER, centre(grid, 2))
    assert [viewer.args, opened.args, double.args] == [[3], [3], [2]]


def test_the_current_photo_is_announced(make_grid: Made, qtbot: Any) -> None:
    grid = make_grid(5)
    with qtbot.waitSignal(grid.current_changed) as changed:
        click(grid, 4)
    assert changed.args == [4]


def test_the_context_menu_is_asked_for_where_the_photo_is(make_grid: Made, qtbot: Any) -> None:
    grid = make_grid(5)
    click(grid, 1)
    with qtbot.waitSignal(grid.context_requested):
        QTest.mouseClick(grid.viewport(), Qt.MouseButton.RightButton, NO_MODIFIER, centre(grid, 3))
        QApplication.sendEvent(
            grid.viewport(), _context_event(centre(grid, 3), grid.viewport().mapToGlobal(centre(grid, 3)))
        )
    assert grid.selected_ids() == [4], "the right button chooses as well"


def _context_event(at: QPoint, on_screen: QPoint) -> Any:
    from PySide6.QtGui import QContextMenuEvent

    return QContextMenuEvent(QContextMenuEvent.Reason.Mouse, at, on_screen)


def test_ctrl_and_wheel_zoom_about_the_pointer(make_grid: Made, qtbot: Any) -> None:
    grid = make_grid(2000)
    grid.verticalScrollBar().setValue(20_000)
    at = QPoint(500, 300)
    before = grid.indexAt(at).row()
    assert before >= 0
    with qtbot.waitSignal(grid.zoomed) as zoomed:
        turn_wheel(grid, -2, at, CTRL)
    assert grid.grid_layout.columns >= 7, "every notch is seen"
    assert zoomed.args == [grid.thumb_px()]
    assert before in grid.visible_rows()
    under = grid.grid_layout.row_near(at + QPoint(0, grid.verticalOffset()))
    turn_wheel(grid, 99, at, CTRL)
    assert grid.grid_layout.columns == 1
    assert grid.indexAt(at).row() == under


def test_the_wheel_alone_scrolls_by_pixels(make_grid: Made) -> None:
    grid = make_grid(2000)
    turn_wheel(grid, -1, QPoint(500, 300), NO_MODIFIER)
    assert 0 < grid.verticalOffset() < grid.grid_layout.line_px


def test_resizing_to_and_fro_comes_back_to_the_same_place(make_grid: Made) -> None:
    grid = make_grid(5000)
    grid.verticalScrollBar().setValue(30_000)
    first = grid.visible_rows().start
    for width in (700, 420, 900, 1000):
        grid.resize(width, 600)
        assert first in grid.visible_rows()
    assert grid.visible_rows().start == first


def test_the_same_library_with_more_photos_keeps_choice_and_place(make_grid: Made) -> None:
    grid = make_grid(5000)
    grid.verticalScrollBar().setValue(30_000)
    row = grid.visible_rows().start + 7
    click(grid, row)
    click(grid, row + 2, CTRL)
    chosen, y = grid.selected_ids(), centre(grid, row + 2).y()
    model = model_of(grid)
    new = np.concatenate((np.arange(9001, 9014), np.delete(np.arange(1, 5001), [2, 4000])))
    model.set_listing(Listing(new), keep=True)
    assert grid.selected_ids() == chosen
    assert grid.current_row() == row + 2 + 13 - 1
    assert abs(centre(grid, grid.current_row()).y() - y) <= grid.grid_layout.line_px


def test_the_next_photo_is_chosen_where_the_chosen_ones_went(make_grid: Made) -> None:
    grid = make_grid(20)
    click(grid, 5)
    click(grid, 7, SHIFT)
    model_of(grid).set_listing(Listing(np.delete(np.arange(1, 21), [5, 6, 7])), keep=True)
    assert grid.current_row() == 5
    assert grid.selected_ids() == [9]
    press(grid, Qt.Key.Key_Right)
    assert grid.selected_ids() == [10]


def test_another_listing_begins_at_its_top_with_nothing_chosen(make_grid: Made) -> None:
    grid = make_grid(5000)
    grid.verticalScrollBar().setValue(30_000)
    click(grid, grid.visible_rows().start + 7)
    model_of(grid).set_listing(Listing(np.arange(4000)))
    assert grid.verticalOffset() == 0
    assert grid.selected_ids() == []
    assert grid.current_row() == -1


def test_more_results_are_asked_for_at_the_end(make_grid: Made, qtbot: Any) -> None:
    grid = make_grid(200, complete=False)
    with qtbot.assertNotEmitted(grid.end_reached, wait=50):
        grid.verticalScrollBar().setValue(100)
    with qtbot.waitSignal(grid.end_reached):
        press(grid, Qt.Key.Key_End, Qt.Key.Key_End)
    model_of(grid).set_listing(Listing(np.arange(1, 301)), keep=True)
    with qtbot.assertNotEmitted(grid.end_reached, wait=50):
        press(grid, Qt.Key.Key_End)
    assert grid.current_row() == 299


def test_what_is_in_sight_is_loaded_first(make_grid: Made, loader: StillLoader, qtbot: Any) -> None:
    grid = make_grid(5000)
    grid.verticalScrollBar().setValue(30_000)
    rows = grid.visible_rows()
    qtbot.waitUntil(lambda: loader.wanted[: len(rows)] == tuple(row + 1 for row in rows))
    assert len(loader.wanted) < 100


def test_photos_are_dragged_out_as_files(
    make_grid: Made, loader: StillLoader, qtbot: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    dragged: list[list[str]] = []
    monkeypatch.setattr(
        QDrag, "exec", lambda drag, _actions: dragged.append([url.toLocalFile() for url in drag.mimeData().urls()])
    )
    monkeypatch.setattr(QGuiApplication, "mouseButtons", lambda: LEFT)
    grid = make_grid(6)
    click(grid, 0)
    click(grid, 2, SHIFT)
    start = centre(grid, 1)
    drag_mouse(grid, start, start + QPoint(5, 5), start + QPoint(60, 60))
    qtbot.waitUntil(lambda: bool(dragged))  # the cards are not known: the paths are looked up
    assert [path.rpartition("/")[2] for path in dragged[0]] == ["blue.png", "green.png", "navy.png"]
    assert grid.selected_ids() == [1, 2, 3]


def test_only_what_needs_it_has_a_scroll_bar(make_grid: Made) -> None:
    few, many = make_grid(3), make_grid(3000)
    assert not few.verticalScrollBar().isVisible()
    assert many.verticalScrollBar().isVisible()


def test_typing_is_left_to_the_search_bar(make_grid: Made) -> None:
    grid = make_grid(5)
    press(grid, Qt.Key.Key_R)
    assert grid.current_row() == -1


def test_a_million_photos_scroll_and_select_at_once(make_grid: Made) -> None:
    sections = tuple(Section(f"{2020 - n // 12}-{12 - n % 12:02}", n * 10_000) for n in range(100))
    grid = make_grid(1_000_000, sections)
    press(grid, Qt.Key.Key_End)
    assert grid.current_row() == 999_999
    assert 999_999 in grid.visible_rows()
    grid.selectAll()
    assert grid.selected_rows() == [range(1_000_000)]
    assert not grid.grab().isNull()


def _card(photo_id: int, **changes: Any) -> Card:
    card = Card(PhotoId(photo_id), f"/p/{photo_id}.jpg", bytes([photo_id]), 800, 600, "2021-05-01", False, False)
    return replace(card, **changes)


def test_cells_show_badges_captions_and_selection(make_grid: Made, loader: StillLoader) -> None:
    for photo_id in range(1, 6):
        loader._cards[PhotoId(photo_id)] = _card(photo_id, favourite=photo_id == 2, offline=photo_id == 3)
    grid = make_grid(5)
    plain = grid.grab().toImage()
    grid.set_captions(frozenset({"name", "date", "score"}))
    assert grid.visualRect(grid.model().index(0, 0)).height() > grid.grid_layout.edge_px
    assert grid.grab().toImage() != plain
    grid.set_captions(frozenset())
    assert grid.grab().toImage() == plain
    ratio = plain.devicePixelRatio()

    def cut(image: Any, row: int) -> Any:
        rect = grid.visualRect(grid.model().index(row, 0))
        return image.copy(round(rect.x() * ratio), round(rect.y() * ratio), 170, 170)

    assert cut(plain, 0) == cut(plain, 3)
    assert cut(plain, 1) != cut(plain, 0), "a heart"
    assert cut(plain, 2) != cut(plain, 0), "a plug"
    click(grid, 3)
    assert cut(grid.grab().toImage(), 3) != cut(plain, 3)


def test_colours_are_those_of_the_palette(make_grid: Made) -> None:
    grid = make_grid(5)
    palette = QPalette(grid.palette())
    palette.setColor(QPalette.ColorRole.Base, QColor(20, 20, 20))
    grid.setPalette(palette)
    assert grid.grab().toImage().pixelColor(2, 2) == QColor(20, 20, 20)


def test_painting_and_asking_loses_no_reference(make_grid: Made, loader: StillLoader) -> None:
    """PySide6 6.12 on Python 3.11 lost one of None, True or False on every override that returned it."""
    for photo_id in range(1, 21):
        loader._cards[PhotoId(photo_id)] = _card(photo_id)
    grid = make_grid(40)
    grid.set_captions(frozenset({"name", "score"}))
    model = grid.model()
    missing = model.index(39, 0)

    def use() -> None:
        for _ in range(50):
            grid.viewport().repaint()
            missing.data(Qt.ItemDataRole.DecorationRole)
            missing.data(Qt.ItemDataRole.FontRole)
            grid.indexAt(QPoint(30, 30))
            grid.isIndexHidden(missing)

    use()
    before = [sys.getrefcount(value) for value in (None, True, False)]
    use()
    after = [sys.getrefcount(value) for value in (None, True, False)]
    assert all(abs(new - old) < 25 for old, new in zip(before, after, strict=True)), (before, after)
