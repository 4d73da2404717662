"""Indexing in a child: what is asked for is done, in order, whatever happens to the child."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pytest
from pytestqt.qtbot import QtBot

from imgfind.core import lock
from imgfind.core.library import Library
from imgfind.gui.indexer import Indexer
from imgfind.gui.preferences import Preferences
from tests.command_line import child_command, child_environment
from tests.fake_encoder import FakeEncoder
from tests.pictures import paint

WAIT_MS = 30_000

STAND_IN = r"""
import json, os, signal, sys, time
from pathlib import Path

folder = Path(sys.argv[1])
runs = folder / "runs"
number = len(runs.read_text().splitlines()) if runs.exists() else 0
with runs.open("a") as file:
    print(json.dumps(sys.argv[2:]), file=file)

def say(stage, **values):
    print(json.dumps({"stage": stage, **values}), file=sys.stderr, flush=True)

def stop(*_):
    print("Stopped.", file=sys.stderr)
    sys.exit(130)

signal.signal(signal.SIGTERM, stop)
acts = (folder / "acts").read_text().split()
act = acts[min(number, len(acts) - 1)]
say("scanning", done=3)
if act == "crash":
    os.kill(os.getpid(), signal.SIGKILL)
if act == "bug":
    raise ValueError("a bug")
if act == "busy":
    say("error", error="LibraryBusyError", message="somebody else is at it")
    sys.exit(1)
if act == "full":
    say("error", error="LibraryError", message="The disk is full.")
    sys.exit(1)
if act == "usage":
    print("imgfind: There is nothing to index yet", file=sys.stderr)
    sys.exit(2)
say("indexing", done=1, total=2, problems=0, per_s=4.0, eta_s=0.25)
if act == "slow":
    time.sleep(60)
say("done", photos=2)
"""


class StandIn:
    """A program that acts as it is told, run by run; the last act is repeated."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.command = [sys.executable, "-c", STAND_IN, str(folder)]

    def act(self, *acts: str) -> None:
        (self._folder / "acts").write_text(" ".join(acts))

    @property
    def runs(self) -> list[list[str]]:
        """Return the folders each run was given."""
        file = self._folder / "runs"
        lines = file.read_text().splitlines() if file.exists() else []
        return [arguments[arguments.index("--") + 1 :] for arguments in map(json.loads, lines)]

    @property
    def options(self) -> list[str]:
        """Return the options of the last run."""
        arguments = json.loads((self._folder / "runs").read_text().splitlines()[-1])
        return arguments[: arguments.index("--")]


@pytest.fixture
def preferences(tmp_path: Path) -> Preferences:
    return Preferences(tmp_path / "window.ini")


@pytest.fixture
def stand_in(tmp_path: Path) -> StandIn:
    made = StandIn(tmp_path)
    made.act("work")
    return made


MakeIndexer = Callable[..., Indexer]


@pytest.fixture
def make_indexer(qapp: object, tmp_path: Path, preferences: Preferences, stand_in: StandIn) -> Iterator[MakeIndexer]:
    made: list[Indexer] = []

    def make(program: Sequence[str] = tuple(stand_in.command), library: Path = tmp_path / "library") -> Indexer:
        made.append(Indexer(library, preferences, program=program))
        return made[-1]

    yield make
    for indexer in made:
        indexer.close(wait_s=10)


@pytest.fixture
def indexer(make_indexer: MakeIndexer) -> Indexer:
    return make_indexer()


def states(indexer: Indexer) -> list[str]:
    seen: list[str] = []
    indexer.state_changed.connect(seen.append)
    return seen


def wait_for(qtbot: QtBot, indexer: Indexer, state: str) -> None:
    qtbot.waitUntil(lambda: indexer.state == state, timeout=WAIT_MS)


def wait_until_working(qtbot: QtBot, indexer: Indexer) -> None:
    with qtbot.waitSignal(indexer.batch_stored, timeout=WAIT_MS):
        pass


def test_a_run_tells_how_far_it_is_and_what_it_did(qtbot: QtBot, indexer: Indexer) -> None:
    seen, progress = states(indexer), []
    indexer.progressed.connect(progress.append)
    with (
        qtbot.waitSignal(indexer.batch_stored, timeout=WAIT_MS),
        qtbot.waitSignal(indexer.finished, timeout=WAIT_MS) as finished,
    ):
        indexer.start(["/photos"])
    assert finished.args[0]["photos"] == 2
    assert (progress[-1].stage, progress[-1].done, progress[-1].total, progress[-1].eta_s) == ("indexing", 1, 2, 0.25)
    wait_for(qtbot, indexer, "idle")
    assert seen == ["running", "idle"]


def test_what_is_asked_for_meanwhile_is_done_afterwards_and_once(
    qtbot: QtBot, indexer: Indexer, stand_in: StandIn
) -> None:
    indexer.start(["/a", "-b"])
    indexer.start()
    indexer.start()
    indexer.start(["/c"])
    wait_for(qtbot, indexer, "idle")
    assert stand_in.runs == [["/a", "-b"], [], ["/c"]]


def test_the_same_folder_can_be_asked_for_again_while_it_is_indexed(
    qtbot: QtBot, indexer: Indexer, stand_in: StandIn
) -> None:
    """Its photos may have changed behind the scan."""
    indexer.start(["/a"])
    indexer.start(["/a"])
    wait_for(qtbot, indexer, "idle")
    assert stand_in.runs == [["/a"], ["/a"]]


def test_a_pause_holds_until_it_is_ended_even_over_a_new_start(
    qtbot: QtBot, indexer: Indexer, stand_in: StandIn, make_indexer: MakeIndexer
) -> None:
    stand_in.act("slow", "work")
    indexer.start(["/a"])
    wait_until_working(qtbot, indexer)
    indexer.pause()
    assert indexer.state == "paused", "at once: the child ends behind it"
    indexer.rescan()
    later = make_indexer()
    assert later.state == "paused"
    later.rescan()
    assert later.state == "paused"
    qtbot.waitUntil(lambda: indexer._child is None, timeout=WAIT_MS)  # else it goes on too: the choice is one for all
    with qtbot.waitSignal(later.finished, timeout=WAIT_MS):
        later.resume()
    assert stand_in.runs == [["/a"], []]
    assert make_indexer().state == "idle"


def test_going_on_before_the_child_has_stopped_does_all_of_it(
    qtbot: QtBot, indexer: Indexer, stand_in: StandIn
) -> None:
    stand_in.act("slow", "work")
    indexer.start(["/a"])
    wait_until_working(qtbot, indexer)
    seen = states(indexer)
    indexer.pause()
    indexer.resume()
    qtbot.waitUntil(lambda: len(stand_in.runs) == 3, timeout=WAIT_MS)
    wait_for(qtbot, indexer, "idle")
    assert stand_in.runs == [["/a"], ["/a"], []]
    assert seen == ["paused", "running", "idle"]


def test_what_is_cancelled_is_not_begun_again_by_itself(
    qtbot: QtBot, indexer: Indexer, stand_in: StandIn, library_folder: Path
) -> None:
    stand_in.act("slow", "work")
    indexer.start(["/a"])
    indexer.start()
    wait_until_working(qtbot, indexer)
    indexer.cancel()
    wait_for(qtbot, indexer, "idle")
    assert indexer._child is None, "the library is free"
    indexer.rescan()
    assert indexer.state == "idle"
    with qtbot.waitSignal(indexer.finished, timeout=WAIT_MS):
        indexer.start(["/b"])
    assert stand_in.runs == [["/a"], ["/b"]]


def test_a_child_that_is_killed_is_started_once_more(qtbot: QtBot, indexer: Indexer, stand_in: StandIn) -> None:
    stand_in.act("crash", "work")
    failures: list[str] = []
    indexer.failed.connect(failures.append)
    with qtbot.waitSignal(indexer.finished, timeout=WAIT_MS):
        indexer.start(["/a"])
    assert (stand_in.runs, failures) == ([["/a"], ["/a"]], [])


@pytest.mark.parametrize(("act", "why"), [("crash", "twice by the system"), ("bug", "ValueError: a bug")])
def test_one_that_dies_again_is_given_up_with_a_word(
    act: str, why: str, qtbot: QtBot, indexer: Indexer, stand_in: StandIn
) -> None:
    stand_in.act(act)
    with qtbot.waitSignal(indexer.failed, timeout=WAIT_MS) as failed:
        indexer.start(["/a"])
    assert why in failed.args[0]
    wait_for(qtbot, indexer, "idle")
    assert len(stand_in.runs) == 2


def test_an_error_is_passed_on_as_it_is_and_what_waits_is_done(
    qtbot: QtBot, indexer: Indexer, stand_in: StandIn
) -> None:
    stand_in.act("full", "work")
    with (
        qtbot.waitSignal(indexer.finished, timeout=WAIT_MS),
        qtbot.waitSignal(indexer.failed, timeout=WAIT_MS) as failed,
    ):
        indexer.start(["/a"])
        indexer.start(["/b"])
    assert failed.args == ["The disk is full."]
    assert stand_in.runs == [["/a"], ["/b"]]


def test_a_library_that_somebody_else_indexes_is_waited_for(
    qtbot: QtBot, indexer: Indexer, stand_in: StandIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(indexer._retry, "start", lambda: indexer._retry.setInterval(0))
    stand_in.act("busy", "busy", "work")
    seen = states(indexer)
    indexer.start(["/a"])
    wait_for(qtbot, indexer, "waiting")
    for number in (2, 3):
        indexer._retry.timeout.emit()
        qtbot.waitUntil(lambda number=number: len(stand_in.runs) == number, timeout=WAIT_MS)
        qtbot.waitUntil(lambda: indexer.state in ("waiting", "idle") and indexer._child is None, timeout=WAIT_MS)
    assert indexer.state == "idle"
    assert seen == ["running", "waiting", "running", "waiting", "running", "idle"]


def test_a_library_without_folders_is_not_an_error(qtbot: QtBot, indexer: Indexer, stand_in: StandIn) -> None:
    stand_in.act("usage")
    with qtbot.assertNotEmitted(indexer.failed):
        indexer.start()
        wait_for(qtbot, indexer, "idle")


def test_another_model_takes_the_place_of_what_is_running(qtbot: QtBot, indexer: Indexer, stand_in: StandIn) -> None:
    stand_in.act("slow", "work")
    indexer.start(["/a"])
    wait_until_working(qtbot, indexer)
    with qtbot.waitSignal(indexer.finished, timeout=WAIT_MS):
        indexer.use_model("standard")
    assert stand_in.options[-2:] == ["--model", "standard"]
    wait_for(qtbot, indexer, "idle")
    assert stand_in.runs == [["/a"], [], ["/a"]]
    assert "--model" not in stand_in.options


def test_a_program_that_cannot_be_started_is_told(qtbot: QtBot, make_indexer: MakeIndexer) -> None:
    indexer = make_indexer(program=["/nowhere/imgfind"])
    with qtbot.waitSignal(indexer.failed) as failed:
        indexer.start()
    assert "/nowhere" in failed.args[0]
    assert indexer.state == "idle"


# The real command


def test_photos_are_indexed_at_low_priority(qtbot: QtBot, make_indexer: MakeIndexer, tmp_path: Path) -> None:
    name = os.fsdecode(b"\xff\n photos")
    paint(tmp_path / name / "red.png")
    indexer = make_indexer(program=child_command())
    with qtbot.waitSignals([indexer.finished, indexer.batch_stored], timeout=WAIT_MS):
        indexer.start([str(tmp_path / name)])
    with Library(tmp_path / "library", load_encoder=FakeEncoder) as library:
        assert [hit.path for hit in library.search("red")] == [str(tmp_path / name / "red.png")]


def test_a_mistake_of_the_user_is_told_in_the_words_of_the_core(
    qtbot: QtBot, make_indexer: MakeIndexer, tmp_path: Path
) -> None:
    indexer = make_indexer(program=child_command())
    (tmp_path / "empty").mkdir()
    with qtbot.waitSignal(indexer.failed, timeout=WAIT_MS) as failed:
        indexer.start([str(tmp_path / "empty")])
    assert failed.args[0].startswith("There is no picture in")


def test_a_busy_library_is_known_by_its_lock(
    qtbot: QtBot, make_indexer: MakeIndexer, library_folder: Path, photos: Path
) -> None:
    indexer = make_indexer(program=child_command(), library=library_folder)
    with lock.held(library_folder):
        indexer.start([str(photos)])
        wait_for(qtbot, indexer, "waiting")
    with qtbot.waitSignal(indexer.finished, timeout=WAIT_MS):
        indexer._retry.timeout.emit()


SLOW_ENCODER = """
import time
class SlowEncoder(Encoder):
    def encode_images(self, batch):
        time.sleep(0.05 * len(batch))
        return super().encode_images(batch)
Encoder = SlowEncoder
"""


@pytest.fixture
def many_photos(tmp_path: Path) -> Path:
    for number in range(100):
        paint(tmp_path / "many" / f"{number}.png", size=(16, 16))
    return tmp_path / "many"


def indexing(qtbot: QtBot, make_indexer: MakeIndexer, folder: Path) -> tuple[Indexer, int]:
    """Begin to index slowly; return the process number when there is something to be found."""
    indexer = make_indexer(program=child_command(prelude=SLOW_ENCODER))
    indexer.start([str(folder)])
    wait_until_working(qtbot, indexer)
    assert indexer._child is not None
    return indexer, indexer._child.pid


def test_a_child_that_is_killed_midway_goes_on_where_it_was(
    qtbot: QtBot, make_indexer: MakeIndexer, tmp_path: Path, many_photos: Path
) -> None:
    indexer, pid = indexing(qtbot, make_indexer, many_photos)
    os.kill(pid, signal.SIGKILL)
    with qtbot.waitSignal(indexer.finished, timeout=WAIT_MS) as finished:
        pass
    summary = finished.args[0]
    assert summary["photos"] == 100
    assert summary["encoded"] < 100


def test_closing_while_indexing_leaves_no_process_and_keeps_what_was_done(
    qtbot: QtBot, make_indexer: MakeIndexer, tmp_path: Path, many_photos: Path
) -> None:
    indexer, pid = indexing(qtbot, make_indexer, many_photos)
    indexer.close(wait_s=20)
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)
    assert lock.holder(tmp_path / "library") is None
    with Library(tmp_path / "library") as library:
        assert 0 < library.status().vectors < 100
    indexer.close(wait_s=0)


def test_closing_lets_it_go_on_where_the_user_chose_so(
    qtbot: QtBot, make_indexer: MakeIndexer, tmp_path: Path, many_photos: Path, preferences: Preferences
) -> None:
    preferences.keep_indexing = True
    indexer, _pid = indexing(qtbot, make_indexer, many_photos)
    indexer.close(wait_s=0)
    with Library(tmp_path / "library") as library:
        qtbot.waitUntil(lambda: library.status().indexed_at is not None, timeout=WAIT_MS)
        assert library.status().vectors == 100


WINDOW = """
import sys
from pathlib import Path
from PySide6.QtCore import QCoreApplication
from imgfind.gui.indexer import Indexer
from imgfind.gui.preferences import Preferences
app = QCoreApplication([])
preferences = Preferences(Path(sys.argv[1]))
preferences.keep_indexing = True
indexer = Indexer(Path(sys.argv[2]), preferences, program={program!r})
indexer.batch_stored.connect(app.quit)
indexer.failed.connect(lambda why: app.exit(1))
indexer.start([sys.argv[3]])
code = app.exec()
indexer.close(0)
sys.exit(code)
"""


def test_it_goes_on_with_nobody_at_the_other_end_of_its_pipe(qtbot: QtBot, tmp_path: Path, many_photos: Path) -> None:
    script = WINDOW.format(program=child_command(prelude=SLOW_ENCODER))
    arguments = [str(tmp_path / "window.ini"), str(tmp_path / "library"), str(many_photos)]
    subprocess.run([sys.executable, "-c", script, *arguments], check=True, env=child_environment(), timeout=60)
    with Library(tmp_path / "library") as library:
        assert library.status().vectors < 100
        qtbot.waitUntil(lambda: library.status().indexed_at is not None, timeout=WAIT_MS)
        assert library.status().vectors == 100
        qtbot.waitUntil(lambda: lock.holder(tmp_path / "library") is None, timeout=WAIT_MS)


def test_what_the_process_waited_for_adds_is_told_too(qtbot: QtBot, indexer: Indexer, stand_in: StandIn) -> None:
    stand_in.act("busy")
    with qtbot.waitSignal(indexer.batch_stored, timeout=WAIT_MS):
        indexer.start(["/a"])
    wait_for(qtbot, indexer, "waiting")
