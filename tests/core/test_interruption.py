"""An indexer in a process of its own: killed at any moment it leaves a whole library; while it lives it is alone."""

import contextlib
import json
import os
import random
import sqlite3
import subprocess
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from imgfind.core.errors import LibraryError
from imgfind.core.library import Library
from tests.command_line import child_command, child_environment
from tests.fake_encoder import FakeEncoder
from tests.pictures import paint

pytestmark = pytest.mark.skipif(os.name != "posix", reason="needs POSIX signals")

PHOTOS = 14
BATCH = 2
THREADS = 1
MOST_UNSTORED = (THREADS + 1) * BATCH
"""What may be encoded and not stored yet: a batch for every thread, and the one that is being stored."""

WATCHED = """
import functools
from imgfind.core import library
from imgfind.core.vectors import VectorIndex
library.VectorIndex = functools.partial(VectorIndex, exact_below=4)  # so that a search graph is made as well
class Encoder(Encoder):
    def encode_images(self, batch):
        print("encoding", len(batch), file=sys.stderr, flush=True)
        return super().encode_images(batch)
"""

KILLED_AT_A_STEP = (
    WATCHED
    + """
from imgfind.core.database import Database
steps_left = int(os.environ["STEPS_LEFT"])
def counted(function):
    def step(*arguments, **options):
        global steps_left
        steps_left -= 1
        if steps_left == 0:
            os.kill(os.getpid(), signal.SIGKILL)
        return function(*arguments, **options)
    return step
for name in ("rows", "execute", "execute_many", "close"):
    setattr(Database, name, counted(getattr(Database, name)))
for name in ("replace", "fsync", "mkdir"):
    setattr(os, name, counted(getattr(os, name)))
import atexit
atexit.register(lambda: print("steps", -steps_left, file=sys.stderr))
"""
)

HELD = """
class Encoder(Encoder):
    def encode_images(self, batch):
        if self.encoded == 4:
            print("held", file=sys.stderr, flush=True)
            sys.stdin.readline()
        return super().encode_images(batch)
"""


@pytest.fixture(scope="module")
def photos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder of photos, some of them exact copies, and a file that is none."""
    folder = tmp_path_factory.mktemp("photos")
    for number in range(PHOTOS - 2):
        paint(folder / f"{number:02}.png", (20 * number, 255 - 20 * number, 99), (16, 16))
    for number in (0, 1):
        (folder / f"copy{number}.png").write_bytes((folder / f"{number:02}.png").read_bytes())
    (folder / "broken.png").write_bytes(b"no picture")
    return folder


def start(photos: Path, library: Path, prelude: str, **environment: str) -> subprocess.Popen[str]:
    command = child_command(
        *("index", photos, "--library", library, "--batch-size", str(BATCH), "--jobs", str(THREADS)),
        *("--progress", "json"),
        prelude=prelude,
    )
    return subprocess.Popen(
        command,
        env=child_environment(**environment),
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )


def stored(lines: list[str]) -> int:
    """Return how many files the indexer had reported as done."""
    reports = [json.loads(line) for line in lines if line.startswith("{")]
    return max((report["done"] for report in reports if report["stage"] == "indexing"), default=0)


def encoded(lines: list[str]) -> int:
    return sum(int(line.split()[1]) for line in lines if line.startswith("encoding"))


@contextlib.contextmanager
def catalogue(library: Path) -> Iterator[sqlite3.Connection]:
    with contextlib.closing(sqlite3.connect(library / "catalog.sqlite3")) as database:
        yield database


def count(library: Path, table: str) -> int:
    if not (library / "catalog.sqlite3").exists():
        return 0
    with catalogue(library) as database:
        if not database.execute("SELECT 1 FROM sqlite_master WHERE name = ?", (table,)).fetchone():
            return 0
        number: int = database.execute(f"SELECT count(*) FROM {table}").fetchone()[0]
        return number


def brute_force(library: Path, word: str) -> list[tuple[str, float]]:
    """Return every photo with its score, best first, straight from the catalogue."""
    with Library(library, load_encoder=FakeEncoder) as opened:
        query = opened._ready(1).encoder().encode_texts([word])[0]
    with catalogue(library) as database:
        rows = database.execute("SELECT path, vector FROM photos JOIN vectors USING (content_id)").fetchall()
    scores = [
        (float(np.frombuffer(vector, np.float16).astype(np.float64) @ query.astype(np.float64)), path)
        for path, vector in rows
    ]
    return [(os.fsdecode(path), score) for score, path in sorted(scores, key=lambda item: (-item[0], item[1]))]


def check_that_nothing_but_the_last_moment_is_lost(photos: Path, library: Path, lines: list[str]) -> None:
    """Check what a killed indexer left, and that the next run completes it."""
    photos_kept, vectors_kept = count(library, "photos"), count(library, "vectors")
    assert photos_kept + count(library, "problems") >= stored(lines), "a batch was reported and is not there"
    assert encoded(lines) - vectors_kept <= MOST_UNSTORED
    if vectors_kept:
        with Library(library, load_encoder=FakeEncoder) as left:
            assert left.status().indexing_pid is None
            assert len(left.search("red", 100)) == photos_kept

    with Library(library, load_encoder=FakeEncoder) as resumed:
        summary = resumed.index([str(photos)])

        assert (summary.photos, len(resumed.problems())) == (PHOTOS, 1)
        assert summary.encoded == PHOTOS - 2 - vectors_kept, "something was encoded twice, or not at all"
        for word in ("red", "sunset"):
            hits = [(hit.path, hit.score) for hit in resumed.search(word, 100)]
            expected = brute_force(library, word)
            assert [path for path, _ in hits] == [path for path, _ in expected]
            assert [score for _, score in hits] == pytest.approx([score for _, score in expected], abs=1e-6)
        assert resumed.index().encoded == 0
    with catalogue(library) as database:
        assert database.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        assert database.execute("PRAGMA foreign_key_check").fetchall() == []


@pytest.mark.parametrize("seed", range(6))
def test_killed_from_outside_at_any_moment(photos: Path, tmp_path: Path, seed: int) -> None:
    # A whole run says: scanning, loading the model, and twice for each of seven batches.
    lines_to_read = random.Random(seed).randrange(1, 16)

    with start(photos, tmp_path / "library", WATCHED) as child:
        assert child.stderr is not None
        lines = [child.stderr.readline() for _ in range(lines_to_read)]
        child.kill()
        lines += child.stderr.readlines()

    assert all(lines), "the indexer ended too early"
    check_that_nothing_but_the_last_moment_is_lost(photos, tmp_path / "library", lines)


@pytest.fixture(scope="module")
def steps_of_a_run(photos: Path, tmp_path_factory: pytest.TempPathFactory) -> int:
    """Return how often a whole run turns to the catalogue or to the disk."""
    library = tmp_path_factory.mktemp("whole") / "library"
    with start(photos, library, KILLED_AT_A_STEP, STEPS_LEFT="0") as child:
        _, err = child.communicate()
    assert child.returncode == 0, err
    assert list((library / "vectors").glob("*.hnsw")), "saving a search graph is one of the steps"
    return int(err.splitlines()[-1].removeprefix("steps "))


@pytest.mark.parametrize("share", [0.05, 0.15, 0.3, 0.45, 0.6, 0.75, 0.9, 0.98])
def test_killed_at_any_step(photos: Path, tmp_path: Path, steps_of_a_run: int, share: float) -> None:
    step = max(1, round(steps_of_a_run * (share + random.Random(share).uniform(-0.05, 0.02))))

    with start(photos, tmp_path / "library", KILLED_AT_A_STEP, STEPS_LEFT=str(step)) as child:
        _, err = child.communicate()

    assert child.returncode == -9, err
    check_that_nothing_but_the_last_moment_is_lost(photos, tmp_path / "library", err.splitlines())


def test_an_indexer_is_alone_until_it_ends_and_others_may_search(photos: Path, tmp_path: Path) -> None:
    with (
        start(photos, tmp_path / "library", HELD) as child,
        Library(tmp_path / "library", load_encoder=FakeEncoder) as here,
    ):
        assert child.stderr is not None
        try:
            while child.stderr.readline() != "held\n":
                pass
            assert here.status().indexing_pid == child.pid
            with pytest.raises(LibraryError, match=f"is being indexed by process {child.pid}; wait until it is done"):
                here.index()
            assert len(here.search("red", 100)) == here.status().photos
        finally:
            child.kill()
        child.wait()

        assert (here.folder / "indexer.pid").read_text() == str(child.pid)
        assert here.status().indexing_pid is None
        assert here.index().photos == PHOTOS
