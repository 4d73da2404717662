"""Work off the GUI thread: answers come back on it, the newest wins, and mistakes are not lost."""

import sys
import threading
from pathlib import Path

import pytest
from PySide6.QtCore import QObject
from pytestqt.qtbot import QtBot

from imgfind.core import ImgfindError, Library
from imgfind.gui.tasks import Lane, TaskRunner


def test_an_answer_comes_back_on_the_thread_of_the_window(qtbot: QtBot, runner: TaskRunner) -> None:
    threads: list[threading.Thread] = []
    answers: list[int] = []

    def work(library: Library) -> int:
        threads.append(threading.current_thread())
        return library.photos.counts().photos

    def done(answer: int) -> None:
        threads.append(threading.current_thread())
        answers.append(answer)

    runner.run(Lane.READ, work, done)
    qtbot.waitUntil(lambda: bool(answers))
    assert answers == [6]
    assert threads[0] is not threading.main_thread()
    assert threads[1] is threading.main_thread()


def test_of_many_tasks_with_one_key_only_the_newest_is_answered(qtbot: QtBot, runner: TaskRunner) -> None:
    started, gate = threading.Event(), threading.Event()
    ran: list[int] = []
    answers: list[int] = []

    def work(number: int) -> int:
        started.set()
        gate.wait()
        ran.append(number)
        return number

    for number in range(50):
        runner.run(Lane.QUERY, lambda _, number=number: work(number), answers.append, key="search")
        if number == 0:
            assert started.wait(10)
    gate.set()
    qtbot.waitUntil(lambda: bool(answers))
    assert answers == [49]
    assert ran == [0, 49]  # the first was running, all others were never begun
    assert not runner.is_busy("search")


def test_a_cancelled_task_is_not_answered(qtbot: QtBot, runner: TaskRunner) -> None:
    gate = threading.Event()
    answers: list[str] = []
    runner.run(Lane.READ, lambda _: gate.wait(), lambda _: answers.append("cancelled"), key="one")
    runner.run(Lane.READ, lambda _: None, lambda _: answers.append("kept"))
    runner.cancel("one")
    gate.set()
    qtbot.waitUntil(lambda: bool(answers))
    assert answers == ["kept"]


def test_pictures_are_made_newest_first(qtbot: QtBot, runner: TaskRunner) -> None:
    gate = threading.Event()
    order: list[int] = []
    both_busy = threading.Barrier(3)

    def hold(_: Library) -> None:
        both_busy.wait(10)
        gate.wait()

    for _ in range(2):
        runner.run(Lane.PICTURES, hold)
    both_busy.wait(10)
    answers: list[None] = []
    for number in range(6):
        runner.run(Lane.PICTURES, lambda _, number=number: order.append(number), answers.append)
    gate.set()
    qtbot.waitUntil(lambda: len(answers) == 6)
    # Two threads take them from the same end, so neighbours may change places.
    assert all(abs(place - wanted) <= 1 for place, wanted in zip(order, range(5, -1, -1), strict=True))


def test_an_error_that_can_be_shown_goes_to_whoever_asked_or_to_the_window(qtbot: QtBot, runner: TaskRunner) -> None:
    def fail(_: Library) -> None:
        raise ImgfindError("The disk is away; connect it.")

    own: list[ImgfindError] = []
    runner.run(Lane.WRITE, fail, failed=own.append)
    qtbot.waitUntil(lambda: bool(own))
    with qtbot.waitSignal(runner.failed) as told:
        runner.run(Lane.WRITE, fail)
    assert str(own[0]) == str(told.args[0]) == "The disk is away; connect it."


def test_any_other_exception_is_a_bug_and_reaches_the_hook(
    qtbot: QtBot, runner: TaskRunner, monkeypatch: pytest.MonkeyPatch
) -> None:
    caught: list[BaseException] = []
    monkeypatch.setattr(sys, "excepthook", lambda _kind, error, _trace: caught.append(error))
    runner.run(Lane.READ, lambda _: 1 // 0)
    qtbot.waitUntil(lambda: bool(caught))
    assert isinstance(caught[0], ZeroDivisionError)


def test_nobody_is_answered_who_is_gone(qtbot: QtBot, runner: TaskRunner) -> None:
    import shiboken6

    owner, gate = QObject(), threading.Event()
    answers: list[str] = []
    runner.run(Lane.READ, lambda _: gate.wait(), lambda _: answers.append("gone"), owner=owner)
    runner.run(Lane.READ, lambda _: None, lambda _: answers.append("there"))
    shiboken6.delete(owner)
    gate.set()
    qtbot.waitUntil(lambda: bool(answers))
    assert answers == ["there"]


def test_closing_ends_all_threads_and_answers_nothing(qapp: object, library_folder: Path) -> None:
    runner = TaskRunner(lambda: Library(library_folder))
    for lane in Lane:
        runner.run(lane, lambda _: None, lambda _: pytest.fail("answered"))
    runner.close()
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("imgfind-")]
