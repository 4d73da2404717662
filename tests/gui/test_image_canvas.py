"""The picture that can be zoomed and moved: what stays where, and which version is drawn."""

import sys

import pytest
from PySide6.QtCore import QPoint, QPointF, QSize, Qt
from PySide6.QtGui import QColor, QImage, QWheelEvent
from PySide6.QtWidgets import QApplication
from pytestqt.qtbot import QtBot

from imgfind.gui.image_canvas import ImageCanvas


def plain(width: int, height: int, colour: str = "red") -> QImage:
    image = QImage(width, height, QImage.Format.Format_RGB32)
    image.fill(QColor(colour))
    return image


@pytest.fixture
def canvas(qtbot: QtBot) -> ImageCanvas:
    made = ImageCanvas()
    qtbot.addWidget(made)
    made.resize(400, 300)
    made.show()
    return made


def turn_wheel(canvas: ImageCanvas, at: QPointF, notches: int) -> None:
    event = QWheelEvent(
        at,
        canvas.mapToGlobal(at),
        QPoint(),
        QPoint(0, 120 * notches),
        Qt.MouseButton.NoButton,
        Qt.KeyboardModifier.NoModifier,
        Qt.ScrollPhase.NoScrollPhase,
        False,
    )
    QApplication.sendEvent(canvas, event)


def colours(canvas: ImageCanvas) -> set[str]:
    image = canvas.grab().toImage()
    return {image.pixelColor(x, y).name() for x in range(0, 400, 20) for y in range(0, 300, 20)}


def test_a_picture_is_fitted_and_follows_the_window(canvas: ImageCanvas) -> None:
    canvas.show_picture(QSize(4000, 1500), plain(4000, 1500))

    assert canvas.zoom == pytest.approx(0.1)
    canvas.resize(200, 300)
    assert canvas.zoom == pytest.approx(0.05)
    assert canvas.is_fitted


def test_small_pictures_are_enlarged_a_little_only(canvas: ImageCanvas) -> None:
    canvas.show_picture(QSize(16, 16), plain(16, 16))

    assert canvas.zoom == 2


def test_the_pixel_under_the_pointer_stays_there_while_zooming(canvas: ImageCanvas) -> None:
    canvas.show_picture(QSize(4000, 3000), plain(4000, 3000))
    at = QPointF(300, 100)
    before = canvas._pixel_at(at)

    turn_wheel(canvas, at, 4)

    after = canvas._pixel_at(at)
    assert canvas.zoom == pytest.approx(0.1 * 1.25**4)
    assert (after.x(), after.y()) == pytest.approx((before.x(), before.y()))


def test_zooming_out_ends_with_the_whole_picture_in_the_middle(canvas: ImageCanvas) -> None:
    canvas.show_picture(QSize(4000, 3000), plain(4000, 3000))
    canvas.set_zoom(2.0, QPointF(10, 10))

    turn_wheel(canvas, QPointF(390, 290), -40)

    assert canvas.zoom == pytest.approx(0.1)
    middle = canvas._pixel_at(QPointF(200, 150))
    assert (middle.x(), middle.y()) == pytest.approx((2000, 1500))


def test_dragging_moves_the_picture_but_never_off_the_window(canvas: ImageCanvas, qtbot: QtBot) -> None:
    canvas.show_picture(QSize(4000, 3000), plain(4000, 3000))
    canvas.set_zoom(1.0)
    before = canvas._pixel_at(QPointF(0, 0))

    qtbot.mousePress(canvas, Qt.MouseButton.LeftButton, pos=QPoint(200, 150))
    qtbot.mouseMove(canvas, QPoint(150, 170))
    qtbot.mouseRelease(canvas, Qt.MouseButton.LeftButton, pos=QPoint(150, 170))
    moved = canvas._pixel_at(QPointF(0, 0)) - before
    canvas.pan(-1000, -1000)
    corner = canvas._pixel_at(QPointF(0, 0))

    assert (moved.x(), moved.y()) == pytest.approx((50, -20))
    assert (corner.x(), corner.y()) == pytest.approx((0, 0))


def test_a_double_click_shows_the_pixels_and_another_one_the_whole(canvas: ImageCanvas, qtbot: QtBot) -> None:
    canvas.show_picture(QSize(4000, 3000), plain(4000, 3000))

    qtbot.mouseDClick(canvas, Qt.MouseButton.LeftButton)
    assert canvas.zoom == 1
    qtbot.mouseDClick(canvas, Qt.MouseButton.LeftButton)
    assert canvas.is_fitted


def test_the_version_that_is_sharp_enough_is_drawn(canvas: ImageCanvas) -> None:
    canvas.show_picture(QSize(4000, 3000), plain(40, 30, "red"))
    assert colours(canvas) == {"#ff0000"}

    canvas.add_version(plain(4000, 3000, "blue"))
    canvas.add_version(plain(800, 600, "lime"))
    assert colours(canvas) == {"#00ff00"}

    canvas.set_zoom(1.0)
    assert colours(canvas) == {"#0000ff"}


def test_more_pixels_are_asked_for_only_when_they_are_needed(canvas: ImageCanvas, qtbot: QtBot) -> None:
    canvas.show_picture(QSize(4000, 3000), plain(800, 600))

    with qtbot.assertNotEmitted(canvas.detail_wanted):
        canvas.set_zoom(0.2)
    with qtbot.waitSignal(canvas.detail_wanted):
        canvas.set_zoom(0.25)


def test_nothing_to_show_can_be_zoomed_and_painted(canvas: ImageCanvas) -> None:
    canvas.show_picture(QSize(), None)

    canvas.zoom_by(3)
    canvas.pan(1, 1)

    assert len(colours(canvas)) == 1


def test_painting_and_zooming_keep_the_references_of_constants(canvas: ImageCanvas) -> None:
    canvas.show_picture(QSize(400, 300), plain(400, 300))
    constants = (None, True, False)
    before = [sys.getrefcount(constant) for constant in constants]

    for _ in range(300):
        canvas.repaint()
        turn_wheel(canvas, QPointF(100, 100), 1)
        turn_wheel(canvas, QPointF(100, 100), -1)

    assert all(sys.getrefcount(constant) > count - 100 for constant, count in zip(constants, before, strict=True))
