from typing import Any

import numpy as np
import pytest
from PySide6.QtCore import QEvent, QPoint, Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QHBoxLayout, QLabel, QWidget

from imgfind.core.records import Listing, Section
from imgfind.gui.results_model import ResultsModel
from imgfind.gui.scrubber import Scrubber
from imgfind.gui.tasks import TaskRunner
from imgfind.gui.thumb_grid import ThumbGrid
from tests.gui.test_thumb_grid import StillLoader

MONTHS = tuple(Section(f"{2021 - n // 12}-{12 - n % 12:02}", n * 50) for n in range(36))


class Page(QWidget):
    """A grid with its scale, as in the window."""

    def __init__(self, runner: TaskRunner) -> None:
        super().__init__()
        self.model = ResultsModel(StillLoader(runner, self), self)
        self.grid = ThumbGrid(self.model)
        self.scrubber = Scrubber(self.grid, self.model)
        layout = QHBoxLayout(self)
        layout.addWidget(self.grid)
        layout.addWidget(self.scrubber)
        self.resize(900, 600)


@pytest.fixture
def page(runner: TaskRunner, qtbot: Any) -> Page:
    """Return a page that is shown."""
    made = Page(runner)
    qtbot.addWidget(made)
    made.show()
    qtbot.waitExposed(made)
    return made


def test_a_timeline_has_a_scale_in_place_of_its_scroll_bar(page: Page) -> None:
    page.model.set_listing(Listing(np.arange(1800), MONTHS))
    assert page.scrubber.isVisible()
    assert not page.grid.verticalScrollBar().isVisible()


def test_ranked_results_have_none(page: Page) -> None:
    page.model.set_listing(Listing(np.arange(1800), MONTHS))
    page.model.set_listing(Listing(np.arange(1800), (Section("strong", 0), Section("weaker", 40))))
    assert not page.scrubber.isVisible()
    assert page.grid.verticalScrollBar().isVisible()


def test_what_fits_the_window_needs_none(page: Page) -> None:
    page.model.set_listing(Listing(np.arange(3), MONTHS[:1]))
    assert not page.scrubber.isVisible()


def test_dragging_jumps_to_the_month_it_names(page: Page) -> None:
    page.model.set_listing(Listing(np.arange(1800), MONTHS))
    middle = QPoint(10, page.scrubber.height() // 2)
    QTest.mousePress(page.scrubber, Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier, middle)
    bubble = page.scrubber.findChild(QLabel)
    assert isinstance(bubble, QLabel)
    assert bubble.isVisible()
    top = page.grid.visible_rows().start
    assert 700 < top < 1100
    assert bubble.text() == page.model.section_title(page.grid.grid_layout.section_of(top))
    QTest.mouseMove(page.scrubber, QPoint(10, page.scrubber.height() - 1))
    QTest.mouseRelease(page.scrubber, Qt.MouseButton.LeftButton)
    assert 1799 in page.grid.visible_rows()
    QApplication.sendEvent(page.scrubber, QEvent(QEvent.Type.Leave))
    assert not bubble.isVisible()


def test_scrolling_the_grid_moves_the_mark(page: Page) -> None:
    page.model.set_listing(Listing(np.arange(1800), MONTHS))
    before = page.scrubber.grab().toImage()
    page.grid.verticalScrollBar().setValue(page.grid.verticalScrollBar().maximum())
    assert page.scrubber.grab().toImage() != before
