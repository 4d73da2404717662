"""The page of files that could not be read."""

import os
from pathlib import Path

import pytest
from PySide6.QtCore import QItemSelectionModel, Qt
from PySide6.QtGui import QGuiApplication
from PySide6.QtWidgets import QPushButton
from pytestqt.modeltest import ModelTester
from pytestqt.qtbot import QtBot

from imgfind.core import FileProblem
from imgfind.core.library import Library
from imgfind.gui.problems_page import ProblemRole, ProblemsModel, ProblemsPage
from imgfind.gui.tasks import TaskRunner
from tests.fake_encoder import FakeEncoder

ODD = os.fsdecode(b"new\nline\xff.jpg")


@pytest.fixture
def broken(photos: Path, library_folder: Path) -> list[str]:
    """Return the paths of three files that cannot be read, in the library."""
    files = [str(photos / name) for name in ("broken.jpg", ODD, "sub/B.jpg")]
    (photos / "sub").mkdir()
    for number, file in enumerate(files):
        Path(file).write_bytes(b"\xff\xd8 no picture %d" % number)
    with Library(library_folder, load_encoder=FakeEncoder) as library:
        library.index()
    return files


@pytest.fixture
def page(qtbot: QtBot, runner: TaskRunner, broken: list[str]) -> ProblemsPage:
    made = ProblemsPage(runner)
    qtbot.addWidget(made)
    made.resize(800, 300)
    made.show()
    made.refresh()
    qtbot.waitUntil(lambda: shown(made) != [])
    return made


def shown(page: ProblemsPage) -> list[str]:
    model = page._view.model()
    return [model.index(row, 0).data(ProblemRole).path for row in range(model.rowCount())]


def button(page: ProblemsPage, text: str) -> QPushButton:
    return next(found for found in page.findChildren(QPushButton) if found.text() == text)


def select(page: ProblemsPage, path: str) -> None:
    row = shown(page).index(path)
    flags = QItemSelectionModel.SelectionFlag.ClearAndSelect | QItemSelectionModel.SelectionFlag.Rows
    page._view.selectionModel().setCurrentIndex(page._view.model().index(row, 0), flags)


def test_the_model_passes_qts_own_tests(qtmodeltester: ModelTester) -> None:
    model = ProblemsModel()
    qtmodeltester.check(model)
    model.set_problems([FileProblem(f"/photos/{number}.jpg", "cut off") for number in range(50)])
    qtmodeltester.check(model)


def test_sorting_keeps_the_selection(page: ProblemsPage, broken: list[str]) -> None:
    select(page, broken[2])
    for column, order in ((0, Qt.SortOrder.DescendingOrder), (0, Qt.SortOrder.AscendingOrder)):
        page._view.sortByColumn(column, order)
        assert [problem.path for problem in page._selected()] == [broken[2]]
    assert [os.path.basename(path) for path in shown(page)] == ["B.jpg", "broken.jpg", ODD]


def test_files_are_listed_with_the_reason_and_odd_names_on_one_line(page: ProblemsPage, broken: list[str]) -> None:
    assert sorted(shown(page)) == sorted(broken)
    assert page._title.text() == "3 files could not be read"
    row = shown(page).index(broken[1])
    model = page._view.model()
    assert model.index(row, 0).data() == "new\\x0aline\\xff.jpg"
    assert model.index(row, 2).data()


def test_all_are_tried_again_where_none_is_selected(qtbot: QtBot, page: ProblemsPage, broken: list[str]) -> None:
    with qtbot.waitSignal(page.retry_requested) as asked:
        qtbot.mouseClick(button(page, "Try all again"), Qt.MouseButton.LeftButton)
    assert sorted(asked.args[0]) == sorted(broken)


def test_the_selected_ones_are_tried_again_and_shown(qtbot: QtBot, page: ProblemsPage, broken: list[str]) -> None:
    assert not button(page, "Show in folder").isEnabled()
    select(page, broken[1])
    with qtbot.waitSignal(page.retry_requested) as asked:
        qtbot.mouseClick(button(page, "Try again"), Qt.MouseButton.LeftButton)
    assert asked.args[0] == [broken[1]]
    with qtbot.waitSignal(page.show_in_folder_requested) as asked:
        qtbot.mouseClick(button(page, "Show in folder"), Qt.MouseButton.LeftButton)
    assert asked.args[0] == broken[1]


def test_the_list_can_be_copied_as_text(qtbot: QtBot, page: ProblemsPage, broken: list[str]) -> None:
    select(page, broken[1])
    page._view.setFocus()
    qtbot.keyClick(page._view, Qt.Key.Key_C, Qt.KeyboardModifier.ControlModifier)
    text = QGuiApplication.clipboard().text()
    assert text.count("\n") == 0
    assert "new\\x0aline\\xff.jpg: " in text


def test_a_refresh_without_news_keeps_the_selection(qtbot: QtBot, page: ProblemsPage, broken: list[str]) -> None:
    select(page, broken[2])
    page.refresh()
    qtbot.waitUntil(lambda: not page._runner.is_busy(page))
    assert [problem.path for problem in page._selected()] == [broken[2]]


def test_a_library_without_problems_says_so(qtbot: QtBot, runner: TaskRunner) -> None:
    page = ProblemsPage(runner)
    qtbot.addWidget(page)
    page.show()
    page.refresh()
    qtbot.waitUntil(lambda: not runner.is_busy(page))
    assert page._nothing.isVisible()
    assert not [found for found in page.findChildren(QPushButton) if found.isVisible()]


def test_a_library_that_does_not_exist_has_no_problems(qtbot: QtBot, qapp: object, tmp_path: Path) -> None:
    runner = TaskRunner(lambda: Library(tmp_path / "none", load_encoder=FakeEncoder))
    page = ProblemsPage(runner)
    qtbot.addWidget(page)
    page.refresh()
    with qtbot.assertNotEmitted(runner.failed):
        qtbot.waitUntil(lambda: not runner.is_busy(page))
    runner.close()
