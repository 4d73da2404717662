"""Looking for duplicates in a child: begun when there is something new, never beside an index run, told and stopped."""

import os
import signal
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from pytestqt.qtbot import QtBot

from imgfind.core.library import Library
from imgfind.gui.duplicate_search import DuplicateSearch
from imgfind.gui.indexer import Indexer
from imgfind.gui.preferences import Preferences
from imgfind.gui.tasks import TaskRunner
from tests.command_line import child_command
from tests.fake_encoder import FakeEncoder
from tests.gui.test_indexer import WAIT_MS, StandIn, wait_for, wait_until_working

if os.name != "posix":
    pytest.skip("signals as POSIX has them", allow_module_level=True)

STAND_IN = r"""
import json, os, signal, sys, time
from pathlib import Path

folder = Path(sys.argv[1])
with (folder / "searches").open("a") as file:
    print(json.dumps(sys.argv[2:]), file=file)

def say(stage, **values):
    print(json.dumps({"stage": stage, **values}), file=sys.stderr, flush=True)

signal.signal(signal.SIGTERM, lambda *_: sys.exit(130))
act = (folder / "searching").read_text()
if act == "crash":
    os.kill(os.getpid(), signal.SIGKILL)
if act == "full":
    say("error", error="LibraryError", message="The disk is full.")
    sys.exit(1)
say("comparing", done=1, total=2, problems=0, per_s=4.0, eta_s=0.25)
if act == "slow":
    time.sleep(60)
say("done", compared=2)
"""


class Searching(StandIn):
    """What looks for duplicates as it is told."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.command = [sys.executable, "-c", STAND_IN, str(folder)]
        self.act("work")

    def act(self, *acts: str) -> None:
        (self._folder / "searching").write_text(*acts)

    @property
    def count(self) -> int:
        """Return how often it was begun."""
        file = self._folder / "searches"
        return len(file.read_text().splitlines()) if file.exists() else 0


@pytest.fixture
def stand_in(tmp_path: Path) -> StandIn:
    made = StandIn(tmp_path)
    made.act("slow", "work")
    return made


@pytest.fixture
def searching(tmp_path: Path) -> Searching:
    return Searching(tmp_path)


@pytest.fixture
def indexer(qapp: object, tmp_path: Path, library_folder: Path, stand_in: StandIn) -> Iterator[Indexer]:
    made = Indexer(library_folder, Preferences(tmp_path / "window.ini"), program=stand_in.command)
    yield made
    made.close(10)


@pytest.fixture
def search(
    runner: TaskRunner, indexer: Indexer, library_folder: Path, searching: Searching
) -> Iterator[DuplicateSearch]:
    made = DuplicateSearch(
        library_folder, runner, indexer, program=searching.command, clock=iter(range(0, 999, 9)).__next__
    )
    yield made
    made.close(10)


def test_what_is_new_is_looked_through_and_told(
    qtbot: QtBot, search: DuplicateSearch, searching: Searching, library_folder: Path
) -> None:
    told: list[object] = []
    search.progressed.connect(told.append)
    search.found.connect(lambda: told.append("found"))
    search.state_changed.connect(told.append)
    search.look()
    with qtbot.waitSignal(search.found, timeout=WAIT_MS):
        pass
    qtbot.waitUntil(lambda: search.state == "idle", timeout=WAIT_MS)
    progress = told.pop(1)
    assert (progress.stage, progress.done, progress.total, progress.eta_s) == ("comparing", 1, 2, 0.25)
    assert told == ["running", "found", "idle", "found"]
    options = (library_folder.parent / "searches").read_text()
    assert "duplicates" in options
    assert "--update" in options
    assert "--background" in options


def test_where_nothing_is_new_no_process_is_started(
    qtbot: QtBot, search: DuplicateSearch, searching: Searching, library_folder: Path, runner: TaskRunner
) -> None:
    with Library(library_folder, load_encoder=FakeEncoder) as library:
        library.duplicates.update()
    search.look()
    qtbot.waitUntil(lambda: not runner.is_busy(search), timeout=WAIT_MS)
    assert search.state == "idle"
    assert searching.count == 0


def test_it_waits_for_the_end_of_an_index_run(
    qtbot: QtBot, search: DuplicateSearch, searching: Searching, indexer: Indexer
) -> None:
    indexer.start()
    wait_until_working(qtbot, indexer)
    search.look()
    assert search.state == "waiting"
    assert searching.count == 0
    with qtbot.waitSignal(search.found, timeout=WAIT_MS):
        indexer.cancel()
    qtbot.waitUntil(lambda: search.state == "idle", timeout=WAIT_MS)
    assert searching.count == 1


def test_it_makes_way_for_an_index_run_and_goes_on_behind_it(
    qtbot: QtBot, search: DuplicateSearch, searching: Searching, indexer: Indexer
) -> None:
    searching.act("slow")
    search.look()
    with qtbot.waitSignal(search.progressed, timeout=WAIT_MS):
        pass
    searching.act("work")
    indexer.start()
    qtbot.waitUntil(lambda: search.state == "waiting", timeout=WAIT_MS)
    assert search._child is None
    indexer.cancel()
    qtbot.waitUntil(lambda: search.state == "idle" and searching.count == 2, timeout=WAIT_MS)
    wait_for(qtbot, indexer, "idle")


def test_what_is_cancelled_is_begun_again_only_when_it_is_asked_for(
    qtbot: QtBot, search: DuplicateSearch, searching: Searching
) -> None:
    searching.act("slow")
    search.look()
    with qtbot.waitSignal(search.progressed, timeout=WAIT_MS):
        pass
    with qtbot.assertNotEmitted(search.failed), qtbot.waitSignal(search.found, timeout=WAIT_MS):
        search.cancel()
    assert search.state == "idle"
    assert search.is_cancelled
    searching.act("work")
    with qtbot.waitSignal(search.found, timeout=WAIT_MS):
        search.look()
    qtbot.waitUntil(lambda: search.state == "idle", timeout=WAIT_MS)
    assert not search.is_cancelled
    assert searching.count == 2


@pytest.mark.parametrize(("act", "message"), [("full", "The disk is full."), ("crash", "ended unexpectedly")])
def test_what_went_wrong_is_told(
    qtbot: QtBot, search: DuplicateSearch, searching: Searching, act: str, message: str
) -> None:
    searching.act(act)
    with qtbot.waitSignal(search.failed, timeout=WAIT_MS) as failed:
        search.look()
    assert message in failed.args[0]
    assert search.state == "idle"
    assert searching.count == 1


def test_closing_ends_the_child(qtbot: QtBot, search: DuplicateSearch, searching: Searching) -> None:
    searching.act("slow")
    search.look()
    with qtbot.waitSignal(search.progressed, timeout=WAIT_MS):
        pass
    pid = search._child.pid
    search.close(10)
    with pytest.raises(ProcessLookupError):
        os.kill(pid, signal.SIGCONT)


def test_the_real_command_looks_and_counts(
    qtbot: QtBot, runner: TaskRunner, indexer: Indexer, library_folder: Path, photos: Path
) -> None:
    (photos / "copy.png").write_bytes((photos / "red.png").read_bytes())
    with Library(library_folder, load_encoder=FakeEncoder) as library:
        library.index()
        search = DuplicateSearch(library_folder, runner, indexer, program=child_command())
        with qtbot.assertNotEmitted(search.failed), qtbot.waitSignal(search.found, timeout=WAIT_MS):
            search.look()
        qtbot.waitUntil(lambda: search.state == "idle", timeout=WAIT_MS)
        assert library.photos.counts().duplicates == 1
        assert not library.duplicates.is_due()
