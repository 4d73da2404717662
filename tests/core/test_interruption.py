"""An indexer in a process of its own: killed at any moment it leaves a whole library; while it lives it is alone."""

import contextlib
import functools
import json
import os
import random
import shutil
import sqlite3
import subprocess
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import save_file

from imgfind.core import library as library_module
from imgfind.core.errors import LibraryError
from imgfind.core.indexing import IndexOptions, IndexSummary
from imgfind.core.library import Library
from imgfind.core.models import find_model
from imgfind.core.store import CATALOGUE_FILE, Store
from imgfind.core.thumbs import PREVIEWS_FILE
from imgfind.core.vectors import VectorIndex
from tests.command_line import child_command, child_environment
from tests.fake_encoder import FakeEncoder
from tests.pictures import paint
from tests.released import EARLIER_SCHEMAS, as_of_schema

pytestmark = pytest.mark.skipif(os.name != "posix", reason="needs POSIX signals")

PHOTOS = 14
BATCH = 2
THREADS = 1
MOST_UNSTORED = (THREADS + 1) * BATCH
"""What may be encoded and not stored yet: a batch for every thread, and the one that is being stored."""
DIM_OF_ANOTHER = 64
EXACT_BELOW = 4
"""So few that search graphs are made as well."""

WATCHED = f"""
import functools
from imgfind.core import library
from imgfind.core.vectors import VectorIndex
library.VectorIndex = functools.partial(VectorIndex, exact_below={EXACT_BELOW})
class Encoder(Encoder):
    def encode_images(self, batch):
        print("encoding", len(batch), file=sys.stderr, flush=True)
        return super().encode_images(batch)
"""

KILLED_AT_A_STEP = (
    WATCHED
    + """
import atexit, re
from imgfind.core.database import Database
steps = 0
def step(name):
    global steps
    if re.search(os.environ["STEPS"], name):
        steps += 1
        if steps == int(os.environ["KILLED_AT"]):
            os.kill(os.getpid(), signal.SIGKILL)
def stepping(name, function):
    def counted(*arguments, **options):
        step(f"{name} {arguments[1:2]} of {arguments[0].file}" if isinstance(arguments[0], Database) else name)
        return function(*arguments, **options)
    return counted
def opened(database, *arguments, opening=Database.__init__, **options):
    opening(database, *arguments, **options)
    # In the middle of a statement, every so many of SQLite's own instructions.
    database._connection.set_progress_handler(lambda: step(f"within a statement of {database.file}"), 20)
Database.__init__ = opened
for name in ("rows", "execute", "execute_many", "close"):
    setattr(Database, name, stepping(name, getattr(Database, name)))
for name in ("replace", "fsync", "mkdir", "unlink"):
    setattr(os, name, stepping(name, getattr(os, name)))
atexit.register(lambda: print("steps", steps, file=sys.stderr))
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

MOMENTS = [
    # What is interrupted, which of its steps, at how many moments.
    ("a first run", "", 10),
    ("a first run", "within", 6),
    ("a first run", "previews", 5),
    ("more photos", "", 6),
    ("more photos", "replace|fsync|unlink", 6),
    ("another model", "", 7),
    ("another model", "within", 5),
    ("an earlier schema", "ALTER|CREATE INDEX|application_id =|user_version =|checkpoint", 5),
    ("an earlier schema", "", 3),
]


@pytest.fixture(autouse=True)
def graphs_of_few_photos(monkeypatch: pytest.MonkeyPatch) -> None:
    let_graphs_be_made(monkeypatch)


@dataclass(frozen=True)
class Scene:
    """A run to be interrupted: over ``base`` (None: no library yet), for ``model`` (None: the library's own)."""

    photos: Path
    base: Path | None = None
    model: Path | None = None

    def library(self, folder: Path) -> Path:
        """Lay out in ``folder`` the library there is before the run."""
        if self.base is not None:
            shutil.copytree(self.base, folder)
        return folder

    def start(self, library: Path, prelude: str, **environment: str) -> subprocess.Popen[str]:
        """Start an indexer in a process of its own."""
        model = ["--model", self.model] if self.model else []
        command = child_command(
            *("index", self.photos, "--library", library, "--batch-size", str(BATCH), "--jobs", str(THREADS)),
            *("--progress", "json", *model),
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

    def index(self, library: Library) -> IndexSummary:
        """Do in this process what :meth:`start` does."""
        return library.index([str(self.photos)], IndexOptions(model=str(self.model) if self.model else None))

    def kept(self, library: Path) -> "Kept":
        """Return what the catalogue holds for the model that the run works for."""
        # The models are told apart by the length of their vectors: float16, so two bytes for each number.
        dim = DIM_OF_ANOTHER if self.model else find_model("starter").dim
        return Kept(
            photos=count(library, "photos"),
            problems=count(library, "problems"),
            vectors=count(library, "vectors", f"length(vector) = {2 * dim}"),
            finished=count(library, "photos JOIN vectors USING (content_id)", f"length(vector) = {2 * dim}"),
        )


@dataclass(frozen=True)
class Kept:
    """How much there is in a catalogue; ``finished`` photos have their vector."""

    photos: int
    problems: int
    vectors: int
    finished: int


@pytest.fixture(scope="module")
def scenes(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Scene]:
    """Return the runs to be interrupted; their photos are some exact copies, and a file that is none, among them."""
    folder = tmp_path_factory.mktemp("scenes")
    photos, half, whole = folder / "photos", folder / "half", folder / "whole"
    (photos / "late").mkdir(parents=True)
    (photos / "broken.png").write_bytes(b"no picture")
    with pytest.MonkeyPatch.context() as patch:
        let_graphs_be_made(patch)
        for library, part in ((half, photos), (whole, photos / "late")):
            for number in range(PHOTOS // 2 - 1):
                shade = 40 * number + (20 if library == whole else 0)
                paint(part / f"{number}.png", (shade, 255 - shade, 99), (16, 16))
            (part / "copy.png").write_bytes((part / "0.png").read_bytes())
            with Library(library, load_encoder=FakeEncoder) as made:
                made.index([str(photos)])
    earlier = as_of_schema(shutil.copytree(half, folder / "earlier"), EARLIER_SCHEMAS[0])
    return {
        "a first run": Scene(photos),
        "more photos": Scene(photos, half),
        "another model": Scene(photos, whole, write_model(folder / "model")),
        "an earlier schema": Scene(photos, earlier),
    }


def write_model(folder: Path) -> Path:
    """Write the folder of another model, in which there is no network: the fake encoder needs none."""
    folder.mkdir()
    model_cfg = {"embed_dim": DIM_OF_ANOTHER, "vision_cfg": {"image_size": 32}, "text_cfg": {"context_length": 16}}
    (folder / "open_clip_config.json").write_text(json.dumps({"model_cfg": model_cfg}), "utf-8")
    save_file({"weight": np.zeros(8, np.float16)}, folder / "open_clip_model.safetensors")
    return folder


def let_graphs_be_made(patch: pytest.MonkeyPatch) -> None:
    """Let this process make search graphs of as few photos as the children do."""
    patch.setattr(library_module, "VectorIndex", functools.partial(VectorIndex, exact_below=EXACT_BELOW))


def reported(lines: list[str]) -> int:
    """Return how many files the indexer had reported as done."""
    reports = [json.loads(line) for line in lines if line.startswith("{")]
    return max((report["done"] for report in reports if report["stage"] == "indexing"), default=0)


def encoded(lines: list[str]) -> int:
    return sum(int(line.split()[1]) for line in lines if line.startswith("encoding"))


@contextlib.contextmanager
def database(file: Path) -> Iterator[sqlite3.Connection]:
    with contextlib.closing(sqlite3.connect(file)) as opened:
        yield opened


def count(library: Path, table: str, condition: str = "true") -> int:
    if not (library / CATALOGUE_FILE).exists():
        return 0
    with database(library / CATALOGUE_FILE) as catalogue:
        if not catalogue.execute("SELECT 1 FROM sqlite_master WHERE name = 'photos'").fetchone():
            return 0
        number: int = catalogue.execute(f"SELECT count(*) FROM {table} WHERE {condition}").fetchone()[0]
        return number


def check_search(library: Library) -> None:
    """Check that searching finds what comparing with every vector of the catalogue finds."""
    for word in ("red", "sunset"):
        hits = {hit.path: hit.score for hit in library.search(word, 100, copies=True)}
        query = library._ready(1).encoder().encode_texts([word])[0].astype(np.float64)
        with database(library.folder / CATALOGUE_FILE) as catalogue:
            rows = catalogue.execute(
                """SELECT path, vector FROM photos JOIN vectors USING (content_id)
                   WHERE model_id = (SELECT CAST(value AS INTEGER) FROM settings WHERE name = 'active_model')"""
            ).fetchall()
        exact = {os.fsdecode(path): float(np.frombuffer(vector, np.float16) @ query) for path, vector in rows}
        assert list(hits) == sorted(exact, key=lambda path: (-exact[path], path))
        assert hits == pytest.approx(exact, abs=1e-6)


def check_databases(library: Path) -> None:
    for name in (CATALOGUE_FILE, PREVIEWS_FILE):
        with database(library / name) as opened:
            assert opened.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
            assert opened.execute("PRAGMA foreign_key_check").fetchall() == []


def check_what_was_left(scene: Scene, library: Path, before: Kept, lines: list[str]) -> None:
    """Check that a killed indexer lost nothing but its last moment."""
    left = scene.kept(library)
    new_problems = left.problems - before.problems
    assert left.finished + new_problems >= before.finished + reported(lines), "a file was reported and is not there"
    assert left.photos >= before.photos
    assert encoded(lines) - (left.vectors - before.vectors) <= MOST_UNSTORED
    if (library / CATALOGUE_FILE).exists() and Store.exists(library) and not Store.is_outdated(library):
        with Library(library, load_encoder=FakeEncoder) as opened:
            assert opened.status().indexing_pid is None
            assert opened.status().photos == left.photos
            if count(library, "vectors"):
                check_search(opened)
                hits = opened.search("red", PHOTOS, copies=True)
                assert len(hits) >= before.photos, "photos that could be found cannot any more"


def check_that_the_next_run_completes(scene: Scene, library: Path) -> None:
    left = scene.kept(library)
    with Library(library, load_encoder=FakeEncoder) as resumed:
        summary = scene.index(resumed)

        assert (summary.photos, len(resumed.problems())) == (PHOTOS, 1)
        assert summary.encoded == PHOTOS - 2 - left.vectors, "something was encoded twice, or not at all"
        assert scene.kept(library) == Kept(photos=PHOTOS, problems=1, vectors=PHOTOS - 2, finished=PHOTOS)
        check_search(resumed)
        assert list((library / "vectors").glob("*.hnsw")), "searched through a graph"
        again = scene.index(resumed)
        assert (again.encoded, again.reused, again.moved, again.gone) == (0, 0, 0, 0)
        assert all(resumed.preview(hit.path) for hit in resumed.search("red", PHOTOS, copies=True))
    check_databases(library)


def without_preview(library: Path) -> list[tuple[str]]:
    with database(library / CATALOGUE_FILE) as catalogue:
        catalogue.execute("ATTACH ? AS previews", (os.fspath(library / PREVIEWS_FILE),))
        return catalogue.execute(
            "SELECT hex(hash) FROM contents WHERE hash NOT IN (SELECT hash FROM previews)"
        ).fetchall()


@pytest.mark.parametrize("seed", range(6))
def test_killed_from_outside_at_any_moment(scenes: dict[str, Scene], tmp_path: Path, seed: int) -> None:
    scene, library = scenes["a first run"], tmp_path / "library"
    # A whole run says: scanning, loading the model, and twice for each of seven batches.
    lines_to_read = random.Random(seed).randrange(1, 16)

    with scene.start(library, WATCHED) as child:
        assert child.stderr is not None
        lines = [child.stderr.readline() for _ in range(lines_to_read)]
        child.kill()
        lines += child.stderr.readlines()

    assert all(lines), "the indexer ended too early"
    check_what_was_left(scene, library, Kept(0, 0, 0, 0), lines)
    check_that_the_next_run_completes(scene, library)


@pytest.fixture(scope="module")
def steps_of(scenes: dict[str, Scene], tmp_path_factory: pytest.TempPathFactory) -> Callable[[str, str], int]:
    """Return a function that tells how many steps of a kind a whole run takes."""

    @functools.cache
    def steps(name: str, kind: str) -> int:
        library = scenes[name].library(tmp_path_factory.mktemp("whole") / "library")
        with scenes[name].start(library, KILLED_AT_A_STEP, STEPS=kind, KILLED_AT="0") as child:
            _, err = child.communicate()
        assert child.returncode == 0, err
        assert list((library / "vectors").glob("*.hnsw")), "saving a search graph is one of the steps"
        return int(err.splitlines()[-1].removeprefix("steps "))

    return steps


@pytest.mark.parametrize(
    ("name", "kind", "part", "parts"), [(name, kind, part, n) for name, kind, n in MOMENTS for part in range(n)]
)
def test_killed_at_any_step(
    scenes: dict[str, Scene],
    steps_of: Callable[[str, str], int],
    tmp_path: Path,
    name: str,
    kind: str,
    part: int,
    parts: int,
) -> None:
    scene = scenes[name]
    library = scene.library(tmp_path / "library")
    before = scene.kept(library)
    # One moment in each part of the run. Not the very last ones: the order in which threads end is not quite the same
    # in every run, nor is the number of steps.
    share = random.Random(f"{name} {kind} {part}").uniform(part, part + 1) / parts
    step = max(1, int(share * 0.98 * steps_of(name, kind)))

    with scene.start(library, KILLED_AT_A_STEP, STEPS=kind, KILLED_AT=str(step)) as child:
        _, err = child.communicate()

    assert child.returncode == -9, err
    check_what_was_left(scene, library, before, err.splitlines())
    check_that_the_next_run_completes(scene, library)
    assert without_preview(library) == []


def test_an_indexer_is_alone_until_it_ends_and_others_may_search(scenes: dict[str, Scene], tmp_path: Path) -> None:
    with (
        scenes["a first run"].start(tmp_path / "library", HELD) as child,
        Library(tmp_path / "library", load_encoder=FakeEncoder) as here,
    ):
        assert child.stderr is not None
        try:
            while child.stderr.readline() != "held\n":
                pass
            assert here.status().indexing_pid == child.pid
            photos, more = str(scenes["a first run"].photos), str(paint(tmp_path / "more" / "a.png").parent)
            here.care.backup(str(tmp_path / "backup"))
            for writing in (
                here.index,
                here.care.repair,
                here.care.prune,
                lambda: here.care.restore(str(tmp_path / "backup")),
                lambda: here.add_roots([more]),
                lambda: here.remove_root(photos),
                lambda: here.relocate_root(photos, more, force=True),
                lambda: here.use_model(str(scenes["another model"].model)),
            ):
                with pytest.raises(LibraryError, match=f"is being indexed by process {child.pid}; wait until it is "):
                    writing()
            assert [root.path for root in here.roots()] == [photos]
            assert len(here.search("red", 100, copies=True)) == here.status().photos
        finally:
            child.kill()
        child.wait()

        assert (here.folder / "indexer.pid").read_text() == str(child.pid)
        assert here.status().indexing_pid is None
        assert here.index().photos == PHOTOS
