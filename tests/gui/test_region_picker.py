"""The rectangle on a query picture: mouse, keys, arithmetic."""

from pathlib import Path

import pytest
from PySide6.QtCore import QPoint, QPointF, QRectF, Qt
from PySide6.QtWidgets import QDialog, QDialogButtonBox, QLabel
from pytestqt.qtbot import QtBot

from imgfind.core.query import ImageTerm, Region
from imgfind.gui.region_picker import SMALLEST_PERCENT, RegionCanvas, RegionPicker, moved
from imgfind.gui.tasks import TaskRunner

LEFT = Qt.MouseButton.LeftButton


@pytest.fixture
def picker(qtbot: QtBot, runner: TaskRunner, photos: Path) -> RegionPicker:
    return shown(qtbot, runner, ImageTerm(str(photos / "red.png")))


def shown(qtbot: QtBot, runner: TaskRunner, term: ImageTerm) -> RegionPicker:
    made = RegionPicker(runner, term)
    qtbot.addWidget(made)
    made.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose, False)
    made.show()
    qtbot.waitExposed(made)
    canvas = made.findChild(RegionCanvas)
    qtbot.waitUntil(lambda: canvas.has_picture)
    return made


def drag(qtbot: QtBot, canvas: RegionCanvas, begin: tuple[float, float], end: tuple[float, float]) -> None:
    """Drag between two points given in per cent of the picture."""
    points = [at(canvas, *point) for point in (begin, ((begin[0] + end[0]) / 2, (begin[1] + end[1]) / 2), end)]
    qtbot.mousePress(canvas, LEFT, pos=points[0])
    for point in points[1:]:
        qtbot.mouseMove(canvas, point)
    qtbot.mouseRelease(canvas, LEFT, pos=points[-1])


def at(canvas: RegionCanvas, x: float, y: float) -> QPoint:
    whole = canvas.picture_rect()
    return QPointF(whole.left() + whole.width() * x / 100, whole.top() + whole.height() * y / 100).toPoint()


def test_a_dragged_rectangle_is_the_region(qtbot: QtBot, picker: RegionPicker) -> None:
    drag(qtbot, picker.findChild(RegionCanvas), (20, 30), (60, 80))
    assert picker.region() == pytest.approx(Region(20, 30, 60, 80), abs=0.5)


def test_a_rectangle_can_be_drawn_backwards_and_past_the_edge(qtbot: QtBot, picker: RegionPicker) -> None:
    drag(qtbot, picker.findChild(RegionCanvas), (50, 60), (-10, -10))
    assert picker.region() == pytest.approx(Region(0, 0, 50, 60), abs=0.5)


def test_the_rectangle_can_be_moved_and_stretched(qtbot: QtBot, picker: RegionPicker) -> None:
    canvas = picker.findChild(RegionCanvas)
    canvas.set_region(Region(20, 20, 60, 60))
    drag(qtbot, canvas, (40, 40), (50, 45))
    assert picker.region() == pytest.approx(Region(30, 25, 70, 65), abs=0.5)
    drag(qtbot, canvas, (70, 65), (90, 95))
    assert picker.region() == pytest.approx(Region(30, 25, 90, 95), abs=0.5)
    drag(qtbot, canvas, (30, 60), (10, 60))
    assert picker.region() == pytest.approx(Region(10, 25, 90, 95), abs=0.5)


def test_a_mere_click_changes_nothing(qtbot: QtBot, picker: RegionPicker) -> None:
    canvas = picker.findChild(RegionCanvas)
    canvas.set_region(Region(20, 20, 60, 60))
    qtbot.mouseClick(canvas, LEFT, pos=at(canvas, 90, 90))
    assert picker.region() == Region(20, 20, 60, 60)


def test_arrow_keys_move_and_resize_it(qtbot: QtBot, picker: RegionPicker) -> None:
    canvas = picker.findChild(RegionCanvas)
    canvas.set_region(Region(20, 20, 60, 60))
    qtbot.keyClick(canvas, Qt.Key.Key_Right)
    qtbot.keyClick(canvas, Qt.Key.Key_Up)
    assert picker.region() == Region(21, 19, 61, 59)
    qtbot.keyClick(canvas, Qt.Key.Key_Right, Qt.KeyboardModifier.ShiftModifier)
    qtbot.keyClick(canvas, Qt.Key.Key_Up, Qt.KeyboardModifier.ShiftModifier)
    assert picker.region() == Region(21, 19, 62, 58)


def test_enter_takes_the_region_and_escape_does_not(qtbot: QtBot, picker: RegionPicker) -> None:
    canvas = picker.findChild(RegionCanvas)
    with qtbot.waitSignal(picker.accepted):
        qtbot.keyClick(canvas, Qt.Key.Key_Return)
    picker.show()
    with qtbot.waitSignal(picker.rejected):
        qtbot.keyClick(canvas, Qt.Key.Key_Escape)


def test_all_of_the_picture_is_no_region(picker: RegionPicker) -> None:
    assert picker.region() is None


def test_it_begins_at_the_region_that_is_searched_by(qtbot: QtBot, runner: TaskRunner, photos: Path) -> None:
    region = Region(10, 20, 30.5, 40)
    assert shown(qtbot, runner, ImageTerm(str(photos / "red.png"), 1.0, region)).region() == region


def test_a_picture_that_cannot_be_read_cannot_be_searched_by(qtbot: QtBot, runner: TaskRunner) -> None:
    picker = RegionPicker(runner, ImageTerm("/gone/away.jpg"))
    qtbot.addWidget(picker)
    qtbot.waitUntil(lambda: "cannot be read" in picker.findChild(QLabel).text())
    assert not picker.findChild(QDialogButtonBox).button(QDialogButtonBox.StandardButton.Ok).isEnabled()
    qtbot.keyClick(picker.findChild(RegionCanvas), Qt.Key.Key_Return)
    assert picker.result() != QDialog.DialogCode.Accepted


@pytest.mark.parametrize("grip", [(x, y) for x in (-1, 0, 1) for y in (-1, 0, 1)])
@pytest.mark.parametrize("by", [QPointF(500, 500), QPointF(-500, -500), QPointF(0, 0)])
def test_no_drag_leaves_the_picture_or_makes_it_too_small(grip: tuple[int, int], by: QPointF) -> None:
    after = moved(QRectF(20, 30, 40, 50), grip, by)
    assert QRectF(0, 0, 100, 100).contains(after)
    assert min(after.width(), after.height()) >= SMALLEST_PERCENT - 1e-9
    if grip == (0, 0):
        assert (after.width(), after.height()) == pytest.approx((40, 50))
