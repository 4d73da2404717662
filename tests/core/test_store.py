"""The catalogue: what may be opened, how a schema grows, and what a batch leaves behind."""

import hashlib
import os
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from imgfind.core import database as database_module
from imgfind.core.errors import LibraryError
from imgfind.core.filters import WordFilter
from imgfind.core.records import Facts, FileProblem, Label, ModelId, RootId, Verdict
from imgfind.core.store import CATALOGUE_FILE, KnownContents, Model, ModelVectors, Store, checks, opening, schema
from imgfind.core.store import duplicates as noted
from tests.catalogue import DIM, bytes_in, file_at, hash_of, indexed, vanished, vector_of

REPOSITORY = Path(__file__).parent.parent.parent
POSIX = pytest.mark.skipif(os.name != "posix", reason="needs POSIX processes and file names of bytes")

RELEASED = {
    1: "38d59b9667f3b14192ce0a5b42946830e560aedc51b14c7f5a18685f9194f05d",
    2: "05d6207b992e1d1d0fdc8bfb7332f88ef2246543e8086b3bc4dd9974792b8a3e",
    3: "1ecead54af38da077dfeabb6936e81838a901819aea7568c7cf7a8376466f5f7",
    4: "8ca4e07f3036002e8f0d65bfaae73feb8a60886f6d03cd201e4f2fb95c0d86ab",
    5: "5165c9d41fc79df5ded6e52c980f6886e25de89bfc5eef76fbe7a6e370ba2bde",
}
"""Schema -> SHA-256 of its migration's text."""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Return the folder of a library with an empty catalogue."""
    folder = tmp_path / "library"
    folder.mkdir()
    Store.create(folder).close()
    return folder


@pytest.fixture
def store(folder: Path) -> Iterator[Store]:
    """Open that catalogue for writing."""
    with closing(Store.create(folder)) as store:
        yield store


@pytest.fixture
def root(store: Store) -> RootId:
    """Add the root ``/p``."""
    return store.add_root("/p", volume=None)


@pytest.fixture
def model(store: Store) -> ModelId:
    """Add a model."""
    return store.add_model("m", fingerprint="f", encoder_version=1, dim=DIM)


def save(store: Store, model: ModelId, root: RootId, labels: dict[str, str], *, mtime: int = 1) -> None:
    """Save photos given as path -> content."""
    photos = [indexed(root, file_at(path, mtime=mtime), label) for path, label in labels.items()]
    store.save_batch(model, photos, [], decode_version=1)


def shown(store: Store) -> dict[str, bytes]:
    """Return path -> content hash of all photos."""
    rows = store.database.rows("SELECT path, hash FROM photos JOIN contents USING (content_id) ORDER BY path")
    return {os.fsdecode(path): content_hash for path, content_hash in rows}


def dump(folder: Path) -> list[str]:
    """Return the catalogue as SQL."""
    with closing(sqlite3.connect(folder / CATALOGUE_FILE)) as connection:
        return list(connection.iterdump())


def below(folder: str) -> list[WordFilter]:
    """Return the filter for photos below ``folder``."""
    return [WordFilter("in", folder)]


def label_ids(store: Store, model: ModelId) -> dict[str, int]:
    """Return path -> id of the vector of the model."""
    rows = store.database.rows(
        "SELECT path, vector_id FROM photos JOIN vectors USING (content_id) WHERE model_id = ?", (model,)
    )
    return {os.fsdecode(path): vector_id for path, vector_id in rows}


# Opening


@pytest.mark.parametrize("made", [False, True], ids=["no folder", "empty folder"])
def test_where_there_is_no_library_none_is_opened_or_made(tmp_path: Path, made: bool) -> None:
    folder = tmp_path / "library"
    if made:
        folder.mkdir()
    assert not Store.exists(folder)
    for readonly in (True, False):
        with pytest.raises(LibraryError) as caught:
            Store.open(folder, readonly=readonly)
        assert str(caught.value) == f"There is no imgfind library in {folder}; make one with: imgfind index FOLDER"
    assert folder.exists() == made
    assert not made or bytes_in(folder) == {}


def test_a_file_is_no_library_folder(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"mine")
    for attempt in (Store.exists, Store.create, lambda folder: Store.open(folder, readonly=True)):
        with pytest.raises(LibraryError, match=r"file is a file, not a library folder; name a folder with --library\."):
            attempt(tmp_path / "file")
    assert (tmp_path / "file").read_bytes() == b"mine"


def test_a_created_catalogue_can_be_opened_again(folder: Path) -> None:
    assert Store.exists(folder)
    Store.open(folder, readonly=True).close()
    Store.open(folder, readonly=False).close()
    assert os.listdir(folder) == [CATALOGUE_FILE]


def test_opening_for_reading_changes_nothing(folder: Path) -> None:
    before = bytes_in(folder)
    with closing(Store.open(folder, readonly=True)) as store:
        assert store.counts() == {"photos": 0, "offline": 0, "contents": 0, "problems": 0, "roots": 0}
        with pytest.raises(LibraryError):
            store.set_setting("a", "b")
    assert bytes_in(folder) == before


def test_creating_twice_is_creating_once(folder: Path) -> None:
    before = dump(folder)
    Store.create(folder).close()
    assert dump(folder) == before


def test_two_new_catalogues_are_equal(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "other").mkdir()
    Store.create(tmp_path / "other").close()
    assert dump(tmp_path / "other") == dump(folder)


@pytest.mark.parametrize("size_bytes", [0, None], ids=["empty file", "empty database"])
def test_a_catalogue_killed_at_its_creation_counts_as_none_and_is_made_anew(
    folder: Path, tmp_path: Path, size_bytes: int | None
) -> None:
    young = tmp_path / "young"
    young.mkdir()
    if size_bytes == 0:
        (young / CATALOGUE_FILE).touch()
    else:
        database_module.Database(young / CATALOGUE_FILE).close()
        assert (young / CATALOGUE_FILE).stat().st_size > 0
    assert not Store.exists(young)
    with pytest.raises(LibraryError, match="There is no imgfind library"):
        Store.open(young, readonly=True)
    Store.create(young).close()
    assert dump(young) == dump(folder)


DIES_WHILE_CREATING = """
import os, signal, sys
from pathlib import Path
from imgfind.core.database import Database
from imgfind.core.store import Store
steps = 0
def dying(method):
    def run(self, sql, *parameters):
        global steps
        steps += sql.startswith(("BEGIN", "CREATE", "PRAGMA application_id =", "PRAGMA user_version =", "PRAGMA wal"))
        if steps > int(sys.argv[2]):
            os.kill(os.getpid(), signal.SIGKILL)
        return method(self, sql, *parameters)
    return run
Database.execute, Database.rows = dying(Database.execute), dying(Database.rows)
Store.create(Path(sys.argv[1]))
"""


@POSIX
@pytest.mark.parametrize("steps", [0, 1, 6, 13, 14, 15])
def test_a_creation_killed_at_any_step_can_be_begun_again(folder: Path, tmp_path: Path, steps: int) -> None:
    young = tmp_path / "young"
    young.mkdir()
    command = [sys.executable, "-c", DIES_WHILE_CREATING, str(young), str(steps)]
    assert subprocess.run(command, cwd=REPOSITORY, check=False).returncode == -9
    assert not Store.exists(young)
    with pytest.raises(LibraryError, match="There is no imgfind library"):
        Store.open(young, readonly=True)
    with closing(Store.create(young)):
        assert Store.exists(young), "readers must see it at once, not when it is closed"
    assert dump(young) == dump(folder)


def other_program(folder: Path, *statements: str) -> None:
    """Make a database of another program where the catalogue would be."""
    folder.mkdir(exist_ok=True)
    with closing(sqlite3.connect(folder / CATALOGUE_FILE, isolation_level=None)) as connection:
        for statement in statements:
            connection.execute(statement)


@pytest.mark.parametrize(
    "statement",
    ["CREATE TABLE songs (title TEXT)", "PRAGMA user_version = 1", "PRAGMA application_id = 42"],
    ids=["tables", "version", "application"],
)
@pytest.mark.parametrize("journal", ["WAL", "DELETE"])
def test_a_database_of_another_program_is_refused_untouched(tmp_path: Path, statement: str, journal: str) -> None:
    folder = tmp_path / "music"
    other_program(folder, f"PRAGMA journal_mode = {journal}", statement)
    assert_refused_untouched(folder, "is a database of another program; name another folder with --library.")


@pytest.mark.parametrize("logged", [False, True], ids=["at rest", "with a write-ahead log"])
def test_a_library_of_a_newer_program_is_refused_untouched(folder: Path, tmp_path: Path, logged: bool) -> None:
    newer = schema.SCHEMA_VERSION + 1
    with closing(sqlite3.connect(folder / CATALOGUE_FILE, isolation_level=None)) as connection:
        connection.execute(f"PRAGMA user_version = {newer}")
    with closing(sqlite3.connect(folder / CATALOGUE_FILE, isolation_level=None)) as connection:
        if logged:
            connection.execute("CREATE TABLE later (a)")
        killed = tmp_path / "killed"
        shutil.copytree(folder, killed)  # with -wal and -shm, as a killed program leaves them
    assert (len(os.listdir(killed)) > 1) == logged
    assert_refused_untouched(
        killed,
        f"The library in {killed} was written by a newer imgfind (schema {newer}, this one knows"
        f" {schema.SCHEMA_VERSION}); update imgfind to open it.",
    )


@pytest.mark.parametrize("content", [b"too short", b"hello" * 5000], ids=["short", "long"])
def test_a_file_that_is_no_database_is_refused_untouched(tmp_path: Path, content: bytes) -> None:
    (tmp_path / CATALOGUE_FILE).write_bytes(content)
    assert_refused_untouched(tmp_path, "is damaged or no imgfind library (file is not a database); restore it from a")


def assert_refused_untouched(folder: Path, message: str) -> None:
    before = bytes_in(folder)
    for attempt in (
        Store.exists,
        Store.create,
        lambda folder: Store.open(folder, readonly=True),
        lambda folder: Store.open(folder, readonly=False),
    ):
        with pytest.raises(LibraryError) as caught:
            attempt(folder)
        assert message in str(caught.value)
    assert bytes_in(folder) == before


@pytest.mark.parametrize(
    ("statement", "message"),
    [
        (f"PRAGMA user_version = {schema.SCHEMA_VERSION + 1}", "was written by a newer imgfind"),
        ("PRAGMA application_id = 42", "is a database of another program"),
    ],
)
def test_what_only_the_write_ahead_log_of_a_killed_program_tells_counts(
    folder: Path, tmp_path: Path, statement: str, message: str
) -> None:
    with closing(sqlite3.connect(folder / CATALOGUE_FILE, isolation_level=None)) as connection:
        connection.execute(statement)
        for name in ("reader", "writer"):
            shutil.copytree(folder, tmp_path / name)
    with pytest.raises(LibraryError, match=message):
        Store.open(tmp_path / "reader", readonly=True)
    with pytest.raises(LibraryError, match=message):
        Store.create(tmp_path / "writer")


def test_a_damaged_catalogue_is_told(store: Store, folder: Path, model: ModelId, root: RootId) -> None:
    save(store, model, root, {f"/p/{n}.jpg": str(n) for n in range(50)})
    store.close()
    content = bytearray((folder / CATALOGUE_FILE).read_bytes())
    content[4096:] = b"\xff" * (len(content) - 4096)
    (folder / CATALOGUE_FILE).write_bytes(content)
    with (
        pytest.raises(LibraryError, match="is damaged or no imgfind library") as caught,
        closing(Store.open(folder, readonly=True)) as damaged,
    ):
        damaged.counts()
    assert str(folder / CATALOGUE_FILE) in str(caught.value)


LOOKS_INTO_A_LOCKED_FOLDER = """
import os, sys
from pathlib import Path
from imgfind.core.errors import LibraryError
from imgfind.core.store import Store
if os.geteuid() == 0:
    os.setgroups([])
    os.setgid(65534)
    os.setuid(65534)
for folder in (Path(sys.argv[1]), Path(sys.argv[1]) / "deeper"):
    try:
        Store.open(folder, readonly=True)
    except LibraryError as error:
        print(error)
"""


@POSIX
def test_a_folder_one_may_not_look_into_is_told(tmp_path: Path) -> None:
    locked = tmp_path / "locked"
    locked.mkdir(mode=0o000)
    command = [sys.executable, "-c", LOOKS_INTO_A_LOCKED_FOLDER, str(locked)]
    child = subprocess.run(command, cwd=REPOSITORY, capture_output=True, check=False, text=True)
    assert child.stderr == ""
    assert child.stdout.splitlines() == [
        f"Cannot look into {folder} (Permission denied); check its permissions."
        for folder in (locked, locked / "deeper")
    ]


# Schemas


def test_a_released_schema_never_changes() -> None:
    digests = {
        number: hashlib.sha256("\n;\n".join(schema.statements(text)).encode()).hexdigest()
        for number, text in enumerate(schema.MIGRATIONS, start=1)
    }
    assert digests == RELEASED, (
        "A released migration must stay as it is, or libraries out there differ from new ones. Undo the change and"
        " append a new migration to schema.MIGRATIONS; then add its digest to RELEASED here."
    )


def release(monkeypatch: pytest.MonkeyPatch, migration: str) -> None:
    """Make this a program whose schema is one step further."""
    monkeypatch.setattr(schema, "MIGRATIONS", (*schema.MIGRATIONS, migration))
    monkeypatch.setattr(schema, "SCHEMA_VERSION", schema.SCHEMA_VERSION + 1)


@pytest.mark.parametrize("how", [Store.create, lambda folder: Store.open(folder, readonly=False)])
def test_an_older_library_is_updated_with_all_it_holds(
    store: Store, folder: Path, model: ModelId, root: RootId, monkeypatch: pytest.MonkeyPatch, how: type
) -> None:
    save(store, model, root, {"/p/a.jpg": "a"})
    store.close()
    release(monkeypatch, "ALTER TABLE photos ADD COLUMN stars INTEGER; CREATE TABLE extra (a INTEGER)")
    with closing(how(folder)) as updated:
        assert updated.database.value("SELECT stars FROM photos WHERE path = ?", (b"/p/a.jpg",)) is None
        assert shown(updated) == {"/p/a.jpg": hash_of("a")}
    assert opening.checked_version(folder) == schema.SCHEMA_VERSION


def test_a_reader_does_not_update_an_older_library(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = bytes_in(folder)
    release(monkeypatch, "CREATE TABLE extra (a INTEGER)")
    assert Store.exists(folder)
    with pytest.raises(LibraryError) as caught:
        Store.open(folder, readonly=True)
    assert str(caught.value) == (
        f"The library in {folder} is from an older imgfind; run 'imgfind index' once to update it."
    )
    assert bytes_in(folder) == before


def test_an_update_that_fails_half_way_leaves_the_old_library(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = dump(folder)
    with monkeypatch.context() as newer:
        release(newer, "CREATE TABLE extra (a INTEGER); INSERT INTO nowhere VALUES (1)")
        with pytest.raises(LibraryError):
            Store.create(folder)
    assert dump(folder) == before
    Store.open(folder, readonly=True).close()


# Settings, roots, models


def test_settings_are_kept_and_replaced(store: Store) -> None:
    assert store.setting("a") is None
    store.set_setting("a", "1")
    store.set_setting("a", "2")
    assert store.setting("a") == "2"


def test_excludes_are_kept_once(store: Store) -> None:
    store.add_excludes(["raw", "*.tmp.jpg"])
    store.add_excludes(["raw"])
    assert store.excludes() == ["*.tmp.jpg", "raw"]


def test_roots_come_by_path_with_their_photos_counted(store: Store, model: ModelId) -> None:
    second, first = store.add_root("/q", volume="abc"), store.add_root("/p", volume=None)
    save(store, model, second, {"/q/a.jpg": "a", "/q/b.jpg": "b"})
    store.database.execute("UPDATE photos SET offline = 1 WHERE path = ?", (b"/q/b.jpg",))
    roots = store.roots()
    assert [(r.root_id, r.path, r.state, r.photos, r.offline) for r in roots] == [
        (first, "/p", "online", 0, 0),
        (second, "/q", "online", 2, 1),
    ]
    assert roots[0].added_at.endswith("Z")
    assert store.database.value("SELECT volume FROM roots WHERE root_id = ?", (second,)) == "abc"


def test_a_new_root_takes_in_the_roots_below_it_and_no_others(store: Store, model: ModelId) -> None:
    child, sibling = store.add_root("/p/a", volume=None), store.add_root("/p-old", volume=None)
    save(store, model, child, {"/p/a/1.jpg": "1"})
    save(store, model, sibling, {"/p-old/2.jpg": "2"})
    broken = FileProblem("/p/a/x.jpg", "no picture")
    store.save_batch(model, [], [(child, file_at("/p/a/x.jpg"), broken)], decode_version=1)
    parent = store.add_root("/p", volume=None)
    assert [(r.root_id, r.path, r.state, r.photos) for r in store.roots()] == [
        (parent, "/p", "online", 1),
        (sibling, "/p-old", "online", 1),
    ]
    assert store.database.value("SELECT root_id FROM problems") == parent


def test_a_new_root_inherits_that_a_root_below_it_is_not_whole(store: Store) -> None:
    child = store.add_root("/p/a", volume=None)
    store.database.execute("UPDATE roots SET state = 'missing' WHERE root_id = ?", (child,))
    store.add_root("/p", volume=None)
    assert [root.state for root in store.roots()] == ["vanished"]


def test_a_model_is_noted_once_and_others_beside_it(store: Store) -> None:
    first = store.add_model("m", fingerprint="f", encoder_version=1, dim=DIM)
    assert store.add_model("m", fingerprint="f", encoder_version=1, dim=DIM) == first
    others = {
        store.add_model("m", fingerprint="g", encoder_version=1, dim=DIM),
        store.add_model("m", fingerprint="f", encoder_version=2, dim=DIM),
        store.add_model("n", fingerprint="f", encoder_version=1, dim=DIM),
    }
    assert len(others - {first}) == 3
    assert store.model("active_model") is None
    store.set_setting("active_model", str(first))
    assert store.model("active_model") == Model(first, "m", "f", DIM)


# Batches


def test_a_saved_photo_comes_back_with_all_that_is_known(store: Store, model: ModelId, root: RootId) -> None:
    photo = indexed(root, file_at("/p/\udcff\n.jpg", size=123, mtime=-5, inode=2**64 - 1, device=2**63), "a")
    assert photo.content is not None
    facts = Facts("2021-03-04T05:06:07+01:00", "Leica", "Summicron", -33.8, 151.2, 0.004, 2.8, 400, 50.0)
    photo = replace(photo, content=replace(photo.content, facts=facts))
    store.save_batch(model, [photo, indexed(root, file_at("/p/copy.jpg"), "a", known=True)], [], decode_version=1)
    details = store.photo("/p/\udcff\n.jpg")
    assert details is not None
    assert (details.path, details.root, details.size_bytes, details.mtime_ns) == ("/p/\udcff\n.jpg", "/p", 123, -5)
    assert (details.content_hash, details.width_px, details.height_px) == (hash_of("a"), 640, 480)
    assert (details.format, details.facts, details.phash_quality, details.offline) == ("JPEG", facts, 80, False)
    assert details.copies == ("/p/copy.jpg",)
    assert store.photo("/p/none.jpg") is None


def test_a_time_beyond_the_reach_of_sqlite_is_kept_as_its_end(store: Store, model: ModelId, root: RootId) -> None:
    far = file_at("/p/far.jpg", mtime=2**63 + 5)
    broken = file_at("/p/long-ago.jpg", mtime=-(2**64))
    problem = (root, broken, FileProblem(broken.path, "no picture"))
    store.save_batch(model, [indexed(root, far, "a")], [problem], decode_version=1)
    details = store.photo("/p/far.jpg")
    assert details is not None
    assert details.mtime_ns == 2**63 - 1
    assert store.database.value("SELECT mtime_ns FROM problems") == -(2**63)


def test_a_batch_is_kept_whole_or_not_at_all(store: Store, model: ModelId, root: RootId) -> None:
    save(store, model, root, {"/p/a.jpg": "old"})
    bad = replace(indexed(root, file_at("/p/c.jpg"), "c"), root_id=RootId(99))
    good = [indexed(root, file_at("/p/a.jpg", mtime=2), "new"), indexed(root, file_at("/p/b.jpg"), "b")]
    with pytest.raises(sqlite3.IntegrityError):
        store.save_batch(model, [*good, bad], [], decode_version=1)
    assert shown(store) == {"/p/a.jpg": hash_of("old")}
    assert store.database.value("SELECT count(*) FROM contents") == 1
    assert store.database.value("SELECT count(*) FROM vectors") == 1


def test_a_full_disk_takes_the_batch_and_nothing_else(store: Store, model: ModelId, root: RootId) -> None:
    save(store, model, root, {"/p/a.jpg": "a"})
    pages = store.database.value("PRAGMA page_count")
    store.database.execute(f"PRAGMA max_page_count = {pages + 2}")
    with pytest.raises(LibraryError, match="is full or failing"):
        save(store, model, root, {f"/p/{n}.jpg": str(n) for n in range(1000)})
    assert shown(store) == {"/p/a.jpg": hash_of("a")}


def test_a_changed_photo_shows_its_new_content_and_the_old_one_is_noted_as_vanished(
    store: Store, model: ModelId, root: RootId
) -> None:
    save(store, model, root, {"/p/a.jpg": "old"})
    save(store, model, root, {"/p/a.jpg": "new"}, mtime=2)
    assert shown(store) == {"/p/a.jpg": hash_of("new")}
    assert store.database.rows("SELECT hash FROM contents WHERE vanished_at IS NOT NULL") == [(hash_of("old"),)]
    assert store.counts()["contents"] == 1
    vector = store.vector_of_hash(model, hash_of("old"))
    assert vector is not None
    np.testing.assert_array_equal(vector, vector_of("old"))


def test_a_content_that_is_still_shown_elsewhere_has_not_vanished(store: Store, model: ModelId, root: RootId) -> None:
    save(store, model, root, {"/p/a.jpg": "old", "/p/b.jpg": "old"})
    save(store, model, root, {"/p/a.jpg": "new"}, mtime=2)
    assert vanished(store) == 0


@pytest.mark.parametrize("known", [True, False], ids=["its vector was kept", "it was encoded again"])
def test_a_content_that_comes_back_has_not_vanished_any_more(
    store: Store, model: ModelId, root: RootId, known: bool
) -> None:
    save(store, model, root, {"/p/a.jpg": "old"})
    save(store, model, root, {"/p/a.jpg": "new"}, mtime=2)
    assert vanished(store) == 1
    store.save_batch(model, [indexed(root, file_at("/p/b.jpg"), "old", known=known)], [], decode_version=1)
    assert vanished(store) == 0
    assert shown(store) == {"/p/a.jpg": hash_of("new"), "/p/b.jpg": hash_of("old")}
    assert ModelVectors(store.database, model, DIM).count() == 2


def test_a_photo_that_is_saved_again_is_online_and_has_no_problem(store: Store, model: ModelId, root: RootId) -> None:
    save(store, model, root, {"/p/a.jpg": "a"})
    problem = FileProblem("/p/a.jpg", "no permission", transient=True)
    store.save_batch(model, [], [(root, file_at("/p/a.jpg"), problem)], decode_version=1)
    store.database.execute("UPDATE photos SET offline = 1")
    save(store, model, root, {"/p/a.jpg": "a"}, mtime=2)
    assert store.counts() == {"photos": 1, "offline": 0, "contents": 1, "problems": 0, "roots": 1}


@pytest.mark.parametrize("transient", [False, True])
def test_a_problem_replaces_the_photo_only_if_it_is_there_to_stay(
    store: Store, model: ModelId, root: RootId, transient: bool
) -> None:
    save(store, model, root, {"/p/a.jpg": "a"})
    problem = FileProblem("/p/a.jpg", "broken", transient)
    store.save_batch(model, [], [(root, file_at("/p/a.jpg", mtime=2), problem)], decode_version=1)
    assert shown(store) == ({"/p/a.jpg": hash_of("a")} if transient else {})
    assert vanished(store) == (0 if transient else 1)
    assert store.problem("/p/a.jpg") == problem
    assert store.problem("/p/b.jpg") is None


def test_problems_come_by_path_and_the_latest_counts(store: Store, model: ModelId, root: RootId) -> None:
    for path, reason in (("/p/b.jpg", "cut"), ("/p/a.jpg", "cut"), ("/p/b.jpg", "empty")):
        store.save_batch(model, [], [(root, file_at(path), FileProblem(path, reason))], decode_version=1)
    assert store.problems() == [FileProblem("/p/a.jpg", "cut"), FileProblem("/p/b.jpg", "empty")]


# Vectors


def test_a_content_has_one_vector_of_a_model(store: Store, model: ModelId, root: RootId) -> None:
    save(store, model, root, {"/p/a.jpg": "a", "/p/b.jpg": "a"})
    before = label_ids(store, model)
    save(store, model, root, {"/p/c.jpg": "a"})
    assert set(label_ids(store, model).values()) == set(before.values())
    assert ModelVectors(store.database, model, DIM).count() == 1


def test_two_models_live_side_by_side(store: Store, model: ModelId, root: RootId) -> None:
    save(store, model, root, {"/p/a.jpg": "a", "/p/b.jpg": "b"})
    other = store.add_model("other", fingerprint="g", encoder_version=1, dim=DIM)
    assert store.lacks_vectors(other)
    assert not store.lacks_vectors(model)
    save(store, other, root, {"/p/a.jpg": "a"})
    assert store.lacks_vectors(other)
    assert ModelVectors(store.database, model, DIM).count() == 2
    assert ModelVectors(store.database, other, DIM).count() == 1
    assert store.vector_of_hash(other, hash_of("b")) is None
    assert store.vector_ids(other, below("/p")).tolist() == [label_ids(store, other)["/p/a.jpg"]]
    assert store.hits(other, {label_ids(store, model)["/p/a.jpg"]: 1.0}) == []
    save(store, other, root, {"/p/b.jpg": "b"})
    assert not store.lacks_vectors(other)


@pytest.mark.parametrize("reason", ["offline", "problem"])
def test_what_cannot_be_reached_or_read_is_not_waited_for(
    store: Store, model: ModelId, root: RootId, reason: str
) -> None:
    save(store, model, root, {"/p/a.jpg": "a"})
    other = store.add_model("other", fingerprint="g", encoder_version=1, dim=DIM)
    assert store.lacks_vectors(other)
    if reason == "offline":
        store.database.execute("UPDATE photos SET offline = 1")
    else:
        problem = FileProblem("/p/a.jpg", "no permission", transient=True)
        store.save_batch(other, [], [(root, file_at("/p/a.jpg"), problem)], decode_version=1)
    assert not store.lacks_vectors(other)


def test_an_empty_library_lacks_nothing(store: Store, model: ModelId) -> None:
    assert not store.lacks_vectors(model)


def test_hits_are_all_photos_that_show_the_contents(store: Store, model: ModelId, root: RootId) -> None:
    save(store, model, root, {"/p/a.jpg": "a", "/p/copy.jpg": "a", "/p/b.jpg": "b", "/p/c.jpg": "c"})
    store.database.execute("UPDATE photos SET offline = 1 WHERE path = ?", (b"/p/b.jpg",))
    ids = label_ids(store, model)
    hits = store.hits(model, {ids["/p/a.jpg"]: 0.5, ids["/p/b.jpg"]: -0.25, 10**9: 1.0})
    assert {(hit.path, hit.score, hit.width_px, hit.height_px, hit.offline) for hit in hits} == {
        ("/p/a.jpg", 0.5, 640, 480, False),
        ("/p/copy.jpg", 0.5, 640, 480, False),
        ("/p/b.jpg", -0.25, 640, 480, True),
    }
    assert len({hit.photo_id for hit in hits}) == 3
    assert len({hit.content_id for hit in hits}) == 2


def test_more_hits_than_fit_into_one_statement_all_come(
    store: Store, model: ModelId, root: RootId, monkeypatch: pytest.MonkeyPatch
) -> None:
    save(store, model, root, {f"/p/{n}.jpg": str(n) for n in range(7)})
    monkeypatch.setattr("imgfind.core.store.finding.IDS_PER_STATEMENT", 3)
    monkeypatch.setattr("imgfind.core.store.sources.IDS_PER_STATEMENT", 3)
    ids = label_ids(store, model)
    assert {hit.path for hit in store.hits(model, dict.fromkeys(ids.values(), 1.0))} == set(ids)
    chunks = list(ModelVectors(store.database, model, DIM).read_ids(np.array(sorted(ids.values()))))
    assert [len(chunk_ids) for chunk_ids, _ in chunks] == [3, 3, 1]


@POSIX
@pytest.mark.parametrize("name", ["b", "%", "_", "a b", "new\nline", "\udcff", "\udcff\udcff", "ä", "[x]", "*", "'\""])
def test_a_folder_is_exactly_what_is_below_it(store: Store, model: ModelId, root: RootId, name: str) -> None:
    inside = [f"/p/{name}/1.jpg", f"/p/{name}/deep/2.jpg", f"/p/{name}/\udcff.jpg"]
    outside = [f"/p/{name}c/3.jpg", f"/p/{name}.jpg", f"/p/{name}-/4.jpg", f"/p/{name}0.jpg", "/p/xyz/5.jpg", "/p/x"]
    save(store, model, root, {path: path.encode("utf-8", "surrogateescape").hex() for path in inside + outside})
    ids = label_ids(store, model)
    for folder in (f"/p/{name}", f"/p/{name}/"):
        assert store.vector_ids(model, below(folder)).tolist() == sorted(ids[path] for path in inside)


def test_ids_below_a_folder_are_whole_numbers_each_once(store: Store, model: ModelId, root: RootId) -> None:
    save(store, model, root, {"/p/a/1.jpg": "a", "/p/a/2.jpg": "a"})
    assert len(store.vector_ids(model, below("/p/a"))) == 1
    nothing = store.vector_ids(model, below("/q"))
    assert (nothing.dtype, nothing.shape) == (np.int64, (0,))


def test_vectors_are_read_in_chunks_after_an_id(store: Store, model: ModelId, root: RootId) -> None:
    save(store, model, root, {f"/p/{n}.jpg": str(n) for n in range(5)})
    vectors = ModelVectors(store.database, model, DIM)
    ids = [label_ids(store, model)[f"/p/{n}.jpg"] for n in range(5)]
    chunks = list(vectors.read(chunk=2))
    assert [chunk_ids.tolist() for chunk_ids, _ in chunks] == [ids[:2], ids[2:4], ids[4:]]
    assert all((matrix.dtype, matrix.shape[1]) == (np.float16, DIM) for _, matrix in chunks)
    np.testing.assert_array_equal(
        np.concatenate([matrix for _, matrix in chunks]), np.stack([vector_of(str(n)) for n in range(5)])
    )
    assert [chunk_ids.tolist() for chunk_ids, _ in vectors.read(after=ids[2])] == [ids[3:]]
    assert list(vectors.read(after=ids[-1])) == []
    assert [vectors.checkpoint(up_to) for up_to in (0, ids[1], ids[-1], 10**12)] == [0, 2, 5, 5]
    assert vectors.count() == 5


def test_vectors_are_read_by_id_ascending_and_unknown_ones_left_out(store: Store, model: ModelId, root: RootId) -> None:
    save(store, model, root, {"/p/a.jpg": "a", "/p/b.jpg": "b"})
    vectors = ModelVectors(store.database, model, DIM)
    first, second = sorted(label_ids(store, model).values())
    ((ids, matrix),) = vectors.read_ids(np.array([second, 10**9, first]))
    assert ids.tolist() == [first, second]
    np.testing.assert_array_equal(matrix, np.stack([vector_of("a"), vector_of("b")]))
    assert list(vectors.read_ids(np.array([10**9]))) == []


def test_the_revision_of_the_vectors_follows_writes_of_another_connection(
    store: Store, folder: Path, model: ModelId, root: RootId
) -> None:
    with closing(Store.open(folder, readonly=True)) as reader:
        vectors = ModelVectors(reader.database, model, DIM)
        before = vectors.revision()
        assert vectors.revision() == before
        save(store, model, root, {"/p/a.jpg": "a"})
        assert vectors.revision() != before
        assert vectors.count() == 1


def test_known_contents_are_those_with_a_vector_of_the_model_asked_on_any_thread(
    store: Store, folder: Path, model: ModelId, root: RootId
) -> None:
    save(store, model, root, {f"/p/{n}.jpg": str(n) for n in range(50)})
    other = store.add_model("other", fingerprint="g", encoder_version=1, dim=DIM)
    labels = [str(n) for n in range(100)]
    with closing(KnownContents(folder, model, decode_version=1)) as known, ThreadPoolExecutor(8) as threads:
        assert list(threads.map(lambda label: hash_of(label) in known, labels)) == [True] * 50 + [False] * 50
        save(store, model, root, {"/p/more.jpg": "99"})
        assert threads.submit(lambda: hash_of("99") in known).result()
    with closing(KnownContents(folder, other, decode_version=1)) as known:
        assert hash_of("1") not in known
        assert not known.has_vector(hash_of("1"))


def test_contents_read_by_an_older_release_are_not_known_but_have_their_vector(
    store: Store, folder: Path, model: ModelId, root: RootId
) -> None:
    save(store, model, root, {"/p/a.jpg": "a"})
    with closing(KnownContents(folder, model, decode_version=2)) as known:
        assert hash_of("a") not in known
        assert known.has_vector(hash_of("a"))


def test_a_second_writer_is_told_to_try_again(
    store: Store, folder: Path, model: ModelId, root: RootId, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(database_module, "BUSY_TIMEOUT_S", 0.01)
    with closing(Store.create(folder)) as second, store.database.transaction():
        with pytest.raises(LibraryError, match="is busy with another program; try again in a moment"):
            save(second, model, root, {"/p/a.jpg": "a"})
        with closing(Store.open(folder, readonly=True)) as reader:
            assert reader.counts()["photos"] == 0


def test_descriptors_and_vectors_of_contents_are_looked_up(
    store: Store, model: ModelId, root: RootId, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(noted, "_DESCRIPTORS_AT_ONCE", 2)
    save(store, model, root, {f"/p/{label}.jpg": label for label in "abc"})
    database = store.database
    noted.save_descriptors(database, 1, {1: b"one", 2: b"two", 3: b"three"})
    assert list(noted.descriptors(database, 1)) == [[(1, b"one"), (2, b"two")], [(3, b"three")]]
    noted.save_descriptors(database, 2, {2: b"2"})
    assert list(noted.descriptors(database, 1)) == [[(1, b"one"), (3, b"three")]]
    assert noted.descriptors_of(database, 1, np.array([1, 2, 99])) == {1: b"one"}

    first, second, third = noted.vectors_of(database, model, np.array([3, 1, 2, 99])).tolist()
    assert first < second < third
    pairs = np.array([[third, first], [99, second]])
    assert noted.contents_of_vectors(database, pairs).tolist() == [[3, 1], [0, 2]]
    assert noted.contents_of_vectors(database, pairs[:0]).shape == (0, 2)


def test_pairs_wait_until_they_are_compared_and_go_with_their_contents(
    store: Store, model: ModelId, root: RootId
) -> None:
    save(store, model, root, {f"/p/{label}.jpg": label for label in "abc"})
    database = store.database
    assert noted.note_proposed(database, np.array([[2, 1], [1, 3], [1, 99], [2, 2]]), "1:3") == 2
    assert noted.note_proposed(database, np.array([[1, 2]]), "1:3") == 0
    assert store.setting(noted.PROPOSED) == "1:3"
    assert noted.waiting(database, 7) == [(1, 2), (1, 3)]

    verdict = Verdict(Label.TURNED, 0.5, 5, 0.25, "turned")
    noted.save_verdicts(database, 7, {(1, 2): verdict, (1, 3): Verdict(None, 0.1, reason="x"), (3, 99): verdict})
    assert (noted.count_waiting(database, 7), noted.count_waiting(database, 8)) == (0, 2)
    assert noted.found(database, 7) == {(1, 2): verdict}
    assert noted.verdicts_of(database, 7, [(1, 2), (1, 3), (2, 3)]) == {(1, 2): verdict, (1, 3): Verdict(None, 0.1)}
    assert noted.verdicts_of(database, 8, [(1, 2)]) == {}

    noted.save_descriptors(database, 1, {1: b"one", 99: b"none"})
    assert noted.contents_without_descriptor(database, 1) == [2, 3]
    assert list(noted.descriptors(database, 1)) == [[(1, b"one")]]
    database.execute("DELETE FROM vectors")
    database.execute("DELETE FROM photos")
    database.execute("DELETE FROM contents WHERE content_id = 1")
    assert database.value("SELECT count(*) FROM verdicts") + database.value("SELECT count(*) FROM descriptors") == 0


def test_what_is_known_of_contents_that_are_lost_is_taken_out(store: Store, model: ModelId, root: RootId) -> None:
    save(store, model, root, {f"/p/{label}.jpg": label for label in "ab"})
    noted.note_proposed(store.database, np.array([[1, 2]]), "1:2")
    noted.save_descriptors(store.database, 1, {2: b"two"})
    store.database.execute("PRAGMA foreign_keys = OFF")
    store.database.execute("DELETE FROM contents WHERE content_id = 2")
    store.database.execute("PRAGMA foreign_keys = ON")
    assert any("verdicts" in finding for finding in checks.reference_findings(store.database))
    told = checks.mend_references(store.database)
    assert "took 1 of the verdicts out of the catalogue" in told
    assert "took 1 of the descriptors out of the catalogue" in told
    assert checks.reference_findings(store.database) == []
