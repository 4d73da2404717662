"""Runs core calls off the GUI thread and brings their answers back on it.

Five lanes, each with threads of its own and a :class:`~imgfind.core.Library` for each thread. A task may have a key:
then a newer one of the same key takes its place, whether it waits or runs, and only the newest is answered. Everything
public is called on the GUI thread; so are the answers.
"""

import contextlib
import enum
import itertools
import logging
import sys
import threading
import time
from collections import deque
from collections.abc import Callable, Hashable
from dataclasses import dataclass
from typing import Any, TypeVar

from PySide6.QtCore import QObject, Qt, Signal, Slot
from shiboken6 import isValid

from imgfind.core import ImgfindError, Library

log = logging.getLogger(__name__)

_T = TypeVar("_T")
OpenLibrary = Callable[[], Library]

_LAST_WAIT_S = 2.0
"""How long closing waits for all calls that are under way; the window is gone by then."""


class Lane(enum.Enum):
    """Where a task runs, so that slow work of one kind never holds up another."""

    QUERY = "query"
    """Searches and listings: one thread."""
    READ = "read"
    """Small questions of the sidebar and the inspector: one thread, in order."""
    WRITE = "write"
    """Short changes (favourites, trash, roots): one thread, in order."""
    PICTURES = "pictures"
    """Previews and full pictures: few threads, newest first."""
    PATIENT = "patient"
    """What takes seconds and nobody waits for: one thread, in order."""


_THREADS = {Lane.QUERY: 1, Lane.READ: 1, Lane.WRITE: 1, Lane.PICTURES: 2, Lane.PATIENT: 1}
_NEWEST_FIRST = frozenset({Lane.PICTURES})


@dataclass(eq=False, slots=True)
class _Task:
    number: int
    work: Callable[[Library], Any]
    done: Callable[[Any], None] | None
    failed: Callable[[ImgfindError], None] | None
    key: Hashable
    owner: QObject | None


class TaskRunner(QObject):
    """Lanes of work for one window.

    Signals:
        failed(ImgfindError): a task failed that had no ``failed`` of its own.
    """

    failed = Signal(object)
    _finished = Signal(int, object, object)

    def __init__(self, open_library: OpenLibrary, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._lanes = {lane: _LaneThreads(lane, open_library, self._finished.emit) for lane in Lane}
        self._numbers = itertools.count(1)
        self._waiting: dict[int, _Task] = {}
        self._newest: dict[Hashable, int] = {}
        self._finished.connect(self._on_finished, Qt.ConnectionType.QueuedConnection)

    def run(
        self,
        lane: Lane,
        work: Callable[[Library], _T],
        done: Callable[[_T], None] | None = None,
        *,
        failed: Callable[[ImgfindError], None] | None = None,
        key: Hashable = None,
        owner: QObject | None = None,
    ) -> None:
        """Have ``work`` done in ``lane`` and give its result to ``done``, an :class:`ImgfindError` to ``failed``.

        With a ``key`` an earlier task of that key is dropped. The answer is dropped where ``owner`` is gone by then.
        Any other exception is a bug and is raised here, on the GUI thread.
        """
        task = _Task(next(self._numbers), work, done, failed, key, owner)
        if key is not None:
            superseded = self._newest.get(key)
            self._newest[key] = task.number
            if superseded is not None:
                self._waiting.pop(superseded, None)
                self._lanes[lane].drop(superseded)
        self._waiting[task.number] = task
        self._lanes[lane].put(task)

    def cancel(self, key: Hashable) -> None:
        """Drop the task of this key, if there is one."""
        number = self._newest.pop(key, None)
        if number is not None:
            self._waiting.pop(number, None)
            for lane in self._lanes.values():
                lane.drop(number)

    def is_busy(self, key: Hashable) -> bool:
        """Tell whether the task of this key has not been answered yet."""
        return self._newest.get(key) in self._waiting

    def close(self) -> bool:
        """Answer no more; end the threads behind what they are doing. Tell whether all have ended."""
        self._waiting.clear()
        for lane in self._lanes.values():
            lane.close()
        end = time.monotonic() + _LAST_WAIT_S
        ended = [lane.join(end) for lane in self._lanes.values()]
        return all(ended)

    @Slot(int, object, object)
    def _on_finished(self, number: int, result: object, error: BaseException | None) -> None:
        task = self._waiting.pop(number, None)
        if task is None:
            return
        if self._newest.get(task.key) == number:
            del self._newest[task.key]
        if task.owner is not None and not isValid(task.owner):
            return
        if error is None:
            if task.done is not None:
                task.done(result)
        elif isinstance(error, ImgfindError):
            (task.failed or self.failed.emit)(error)
        else:
            sys.excepthook(type(error), error, error.__traceback__)


class _LaneThreads:
    """The threads of one lane and the tasks that wait for them."""

    def __init__(
        self, lane: Lane, open_library: OpenLibrary, answer: Callable[[int, object, BaseException | None], None]
    ) -> None:
        self._open_library = open_library
        self._answer = answer
        self._newest_first = lane in _NEWEST_FIRST
        self._tasks: deque[_Task] = deque()
        self._changed = threading.Condition()
        self._closed = False
        self._threads = [
            threading.Thread(target=self._work, name=f"imgfind-{lane.value}-{number}", daemon=True)
            for number in range(_THREADS[lane])
        ]
        self._started = False

    def put(self, task: _Task) -> None:
        if not self._started:
            self._started = True
            for thread in self._threads:
                thread.start()
        with self._changed:
            self._tasks.append(task)
            self._changed.notify()

    def drop(self, number: int) -> None:
        with self._changed:
            self._tasks = deque(task for task in self._tasks if task.number != number)

    def close(self) -> None:
        with self._changed:
            self._closed = True
            self._tasks.clear()
            self._changed.notify_all()

    def join(self, end: float) -> bool:
        """Wait for the threads, at most until ``end`` on the monotonic clock; tell whether all have ended."""
        for thread in self._threads:
            if thread.ident is not None:
                thread.join(max(0.0, end - time.monotonic()))
        return not any(thread.is_alive() for thread in self._threads)

    def _next(self) -> _Task | None:
        with self._changed:
            while not self._tasks and not self._closed:
                self._changed.wait()
            if self._closed:
                return None
            return self._tasks.pop() if self._newest_first else self._tasks.popleft()

    def _work(self) -> None:
        library: Library | None = None
        while (task := self._next()) is not None:
            result, error = None, None
            try:
                library = library or self._open_library()
                result = task.work(library)
            except BaseException as raised:  # noqa: BLE001 - raised again on the GUI thread
                error = raised
            if not self._closed:
                with contextlib.suppress(RuntimeError):  # the window went at this very moment
                    self._answer(task.number, result, error)
            del task, result, error
        if library is not None:
            library.close()
