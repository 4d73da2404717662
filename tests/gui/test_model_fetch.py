"""Fetching a model in a child: pause, go on, give up, and what follows when it is there."""

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from pytestqt.qtbot import QtBot

from imgfind.core import config
from imgfind.core.presets import find_preset
from imgfind.gui.indexer import Indexer
from imgfind.gui.model_fetch import ModelFetch
from imgfind.gui.preferences import Preferences
from imgfind.gui.tasks import TaskRunner
from tests.command_line import child_command

WAIT_MS = 30_000

STAND_IN = r"""
import json, signal, sys, time
from pathlib import Path

folder, partial = Path(sys.argv[1]), Path(sys.argv[2])

def say(stage, **values):
    print(json.dumps({"stage": stage, **values}), file=sys.stderr, flush=True)

signal.signal(signal.SIGTERM, lambda *_: sys.exit(130))
with (folder / "runs").open("a") as file:
    print(json.dumps(sys.argv[3:]), file=file)
if "index" in sys.argv:
    say("done", photos=1)
    sys.exit(0)
partial.mkdir(parents=True, exist_ok=True)
with (partial / "weights").open("ab") as file:
    file.write(b"x" * 1000)
size = (partial / "weights").stat().st_size
say("downloading", done=size, total=2000, per_s=100.0, eta_s=10.0)
if (folder / "no network").exists():
    say("error", error="ImgfindError", message="There is no network.")
    sys.exit(1)
if size < 2000:
    time.sleep(60)
say("done", name="standard")
"""


@pytest.fixture
def partial() -> Path:
    preset = find_preset("standard")
    assert preset is not None
    return config.models_folder() / f"{preset.name}.partial"


@pytest.fixture
def program(tmp_path: Path, partial: Path) -> list[str]:
    return [sys.executable, "-c", STAND_IN, str(tmp_path), str(partial)]


@pytest.fixture
def indexer(tmp_path: Path, library_folder: Path, program: list[str]) -> Iterator[Indexer]:
    made = Indexer(library_folder, Preferences(tmp_path / "window.ini"), program=program)
    yield made
    made.close(10)


@pytest.fixture
def fetch(library_folder: Path, runner: TaskRunner, indexer: Indexer, program: list[str]) -> Iterator[ModelFetch]:
    made = ModelFetch(library_folder, runner, indexer, program=program)
    yield made
    made.close(10)


def begin(qtbot: QtBot, fetch: ModelFetch) -> None:
    with qtbot.waitSignal(fetch.progressed, timeout=WAIT_MS):
        fetch.start("standard")


def runs(tmp_path: Path) -> str:
    return (tmp_path / "runs").read_text()


def test_a_model_that_has_come_is_what_the_library_is_indexed_with_next(
    qtbot: QtBot, fetch: ModelFetch, indexer: Indexer, tmp_path: Path
) -> None:
    begin(qtbot, fetch)
    fetch.pause()
    assert (fetch.state, fetch.name) == ("paused", "standard")
    with (
        qtbot.waitSignal(indexer.finished, timeout=WAIT_MS),
        qtbot.waitSignal(fetch.finished, timeout=WAIT_MS) as finished,
        qtbot.waitSignal(fetch.progressed, timeout=WAIT_MS) as progressed,
    ):
        fetch.resume()
    assert finished.args == ["standard"]
    assert (progressed.args[0].done, progressed.args[0].total) == (2000, 2000), "it goes on where it was"
    assert (fetch.state, fetch.name) == ("idle", None)
    assert '"--model", "standard"' in runs(tmp_path)


def test_what_is_given_up_is_deleted(qtbot: QtBot, fetch: ModelFetch, partial: Path) -> None:
    begin(qtbot, fetch)
    assert partial.exists()
    fetch.cancel()
    assert (fetch.state, fetch.name) == ("idle", None)
    qtbot.waitUntil(lambda: not partial.exists(), timeout=WAIT_MS)


def test_what_is_given_up_while_it_pauses_is_deleted(qtbot: QtBot, fetch: ModelFetch, partial: Path) -> None:
    begin(qtbot, fetch)
    fetch.pause()
    qtbot.waitUntil(lambda: fetch._child is None, timeout=WAIT_MS)
    assert partial.exists()
    fetch.cancel()
    qtbot.waitUntil(lambda: not partial.exists(), timeout=WAIT_MS)


def test_a_failure_is_told_and_what_has_come_is_kept(
    qtbot: QtBot, fetch: ModelFetch, partial: Path, tmp_path: Path
) -> None:
    (tmp_path / "no network").touch()
    with qtbot.waitSignal(fetch.failed, timeout=WAIT_MS) as failed:
        fetch.start("standard")
    assert failed.args == ["There is no network."]
    assert fetch.state == "idle"
    assert partial.exists()


def test_closing_stops_it_and_keeps_what_has_come(qtbot: QtBot, fetch: ModelFetch, partial: Path) -> None:
    begin(qtbot, fetch)
    child = fetch._child
    assert child is not None
    fetch.close(wait_s=10)
    assert child._process.poll() is not None
    assert partial.exists()


def test_there_is_one_download_at_a_time(qtbot: QtBot, fetch: ModelFetch, tmp_path: Path) -> None:
    begin(qtbot, fetch)
    fetch.start("best")
    assert fetch.name == "standard"


def test_the_real_command_says_why_nothing_is_fetched(
    qtbot: QtBot, library_folder: Path, runner: TaskRunner, indexer: Indexer
) -> None:
    """All tests run with IMGFIND_OFFLINE=1."""
    fetch = ModelFetch(library_folder, runner, indexer, program=child_command())
    with qtbot.waitSignal(fetch.failed, timeout=WAIT_MS) as failed:
        fetch.start("standard")
    assert failed.args[0].startswith("IMGFIND_OFFLINE is set")
