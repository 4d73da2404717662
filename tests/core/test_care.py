"""Doctor, backups, pruning and export on real libraries, damaged in every way the checks name."""

import contextlib
import csv
import datetime as dt
import io
import json
import os
import shutil
import signal
import sqlite3
import subprocess
import sys
from types import SimpleNamespace

import numpy as np
import pytest

from imgfind.core import Cancelled, Job, Library, LibraryError, UsageError, database, lock
from imgfind.core.care import backups, diagnosis, pruning
from imgfind.core.care.mending import losses
from imgfind.core.care.pruning import PruneOptions
from imgfind.core.database import Database
from imgfind.core.store import CATALOGUE_FILE, ModelVectors
from imgfind.core.thumbs import PREVIEWS_FILE
from imgfind.core.vectors import VectorIndex
from tests.command_line import child_environment
from tests.fake_encoder import FakeEncoder
from tests.pictures import paint

PHOTOS = 50


@pytest.fixture(scope="module")
def indexed(tmp_path_factory, module_home):
    """Return a folder with a library of 50 photos and its graph, to be copied."""
    folder = tmp_path_factory.mktemp("care")
    for number in range(PHOTOS):
        paint(folder / "photos" / f"{number:02}.jpg", colour=(5 * number, 255 - 5 * number, (40 * number) % 255))
    with Library(folder / "library", load_encoder=FakeEncoder) as library:
        library.index([str(folder / "photos")])
    build_graph(folder / "library")
    return folder


@pytest.fixture(scope="module")
def module_home(tmp_path_factory):
    home = str(tmp_path_factory.mktemp("home"))
    with pytest.MonkeyPatch.context() as patch:
        for name in ("HOME", "USERPROFILE", "LOCALAPPDATA", "APPDATA"):
            patch.setenv(name, home)
        patch.delenv("XDG_CONFIG_HOME", raising=False)
        yield


@pytest.fixture
def library(indexed, tmp_path):
    shutil.copytree(indexed / "library", tmp_path / "library")
    with Library(tmp_path / "library", load_encoder=FakeEncoder) as library:
        yield library


def build_graph(folder):
    """Build the graph although the vectors are few."""
    with contextlib.closing(Database(folder / CATALOGUE_FILE, readonly=True)) as database:
        source = ModelVectors(database, 1, 256)
        VectorIndex(folder / "vectors" / "1.hnsw", 256, source, exact_below=10).refresh(Job())


def sql(folder, *statements, name=CATALOGUE_FILE):
    """Change a database behind imgfind's back, with all guards off."""
    with contextlib.closing(sqlite3.connect(folder / name, isolation_level=None)) as connection:
        connection.execute("PRAGMA foreign_keys = OFF")
        return [connection.execute(statement).fetchall() for statement in statements][-1]


def broken(library):
    return [result.name for result in library.care.doctor() if result.state == "broken"]


def repaired(library):
    """Repair, and return what was done; everything has to be right afterwards."""
    repair = library.care.repair()
    assert [result for result in repair.results if result.state != "ok"] == []
    assert broken(library) == []
    return repair.done


def flip(file, at, count=1):
    data = bytearray(file.read_bytes())
    for position in range(at, at + count):
        data[position] ^= 0xFF
    file.write_bytes(data)


def truncate(file, size):
    with open(file, "r+b") as stream:
        stream.truncate(size)


def set_journal_aside(folder):
    """Bring all of the catalogue into its one file."""
    sql(folder, "PRAGMA wal_checkpoint(TRUNCATE)")


def damage_a_table_page(folder):
    """Overwrite a page of the photos' table, not of an index."""
    set_journal_aside(folder)
    page = sql(folder, "SELECT rootpage FROM sqlite_master WHERE name = 'photos'")[0][0]
    flip(folder / CATALOGUE_FILE, (page - 1) * 4096, 4000)


def damage_an_index(folder):
    """Let an index lose its entries."""
    whole, part = "CREATE INDEX photos_by_content ON photos (content_id)", "WHERE photo_id < 10"
    define = "UPDATE sqlite_master SET sql = '{}' WHERE name = 'photos_by_content'"
    sql(folder, "PRAGMA writable_schema = ON", define.format(f"{whole} {part}"))
    sql(folder, "REINDEX photos_by_content", "PRAGMA writable_schema = ON", define.format(whole))


def forge_graph(folder):
    """Write a graph whole and with a fitting manifest, but of other vectors than the catalogue's."""
    with contextlib.closing(Database(folder / CATALOGUE_FILE, readonly=True)) as database:
        honest = ModelVectors(database, 1, 256)

        class Source:
            count = staticmethod(honest.count)
            checkpoint = staticmethod(honest.checkpoint)
            read_ids = staticmethod(honest.read_ids)

            def read(self, after=0):
                for ids, rows in honest.read(after):
                    forged = rows.copy()
                    forged[1] = rows[20]  # the manifest samples 16 of 50: not this one
                    yield ids, forged

        shutil.rmtree(folder / "vectors")
        VectorIndex(folder / "vectors" / "1.hnsw", 256, Source(), exact_below=10).refresh(Job())


def edit_manifest(folder):
    file = folder / "vectors" / "1.hnsw.json"
    file.write_text(json.dumps(json.loads(file.read_text()) | {"count": 49}))


DAMAGES = {
    "an empty catalogue": ("catalogue", lambda f: (f / CATALOGUE_FILE).write_bytes(b"")),
    "a catalogue that is away": ("catalogue", lambda f: (f / CATALOGUE_FILE).unlink()),
    "a catalogue of garbage": ("catalogue", lambda f: (f / CATALOGUE_FILE).write_bytes(os.urandom(50_000))),
    "a table that is missing": ("schema", lambda f: sql(f, "DROP TABLE excludes")),
    "a page of garbage": ("pages", damage_a_table_page),
    "a catalogue cut in half": (
        "catalogue",
        lambda f: (set_journal_aside(f), truncate(f / CATALOGUE_FILE, (f / CATALOGUE_FILE).stat().st_size // 2)),
    ),
    "a value that breaks a rule": (
        "pages",
        lambda f: sql(f, "PRAGMA ignore_check_constraints = ON", "UPDATE photos SET offline = 7 WHERE photo_id = 1"),
    ),
    "an index that lost its entries": ("pages", damage_an_index),
    "a photo without content": ("references", lambda f: sql(f, "DELETE FROM contents WHERE content_id = 7")),
    "a vector without model": ("references", lambda f: sql(f, "UPDATE vectors SET model_id = 99 WHERE vector_id = 7")),
    "photos without folder": ("references", lambda f: sql(f, "DELETE FROM roots")),
    "a content not marked": ("vanished", lambda f: sql(f, "DELETE FROM photos WHERE photo_id = 7")),
    "a content wrongly marked": (
        "vanished",
        lambda f: sql(f, "UPDATE contents SET vanished_at = '2020' WHERE content_id = 7"),
    ),
    "a vector cut short": ("vectors", lambda f: sql(f, "UPDATE vectors SET vector = x'00' WHERE vector_id = 7")),
    "a vector of no numbers": (
        "vectors",
        lambda f: sql(f, f"UPDATE vectors SET vector = x'{'ff' * 512}' WHERE vector_id = 7"),
    ),
    "a vector of zeros": ("vectors", lambda f: sql(f, "UPDATE vectors SET vector = zeroblob(512) WHERE vector_id = 7")),
    "an active model that is not there": (
        "models",
        lambda f: sql(f, "UPDATE settings SET value = '99' WHERE name = 'active_model'"),
    ),
    "a graph cut short": ("graph manifest", lambda f: truncate(f / "vectors" / "1.hnsw", 5000)),
    "a manifest that lies": ("graph manifest", edit_manifest),
    "a manifest of garbage": ("graph manifest", lambda f: (f / "vectors" / "1.hnsw.json").write_bytes(b"\x00{")),
    "a graph without manifest": ("graph manifest", lambda f: (f / "vectors" / "1.hnsw.json").unlink()),
    "a flipped byte in the graph": ("graph bytes", lambda f: flip(f / "vectors" / "1.hnsw", 20_000)),
    "a graph of other vectors": ("graph answers", forge_graph),
    "previews of garbage": ("previews", lambda f: (f / PREVIEWS_FILE).write_bytes(os.urandom(9000))),
    "previews cut in half": (
        "previews",
        lambda f: (
            sql(f, "PRAGMA wal_checkpoint(TRUNCATE)", name=PREVIEWS_FILE),
            truncate(f / PREVIEWS_FILE, (f / PREVIEWS_FILE).stat().st_size // 2 // 4096 * 4096),
        ),
    ),
    "a preview that is no picture": (
        "preview pictures",
        lambda f: sql(f, "UPDATE previews SET jpeg = x'ffd8ff' WHERE rowid = 3", name=PREVIEWS_FILE),
    ),
    "a half backup": ("leftovers", lambda f: (f / "backups" / "x.sqlite3.unfinished").write_bytes(b"half")),
    "a half graph": ("leftovers", lambda f: (f / "vectors" / "1.hnsw.new").write_bytes(b"half")),
    "a graph of no model": ("leftovers", lambda f: (f / "vectors" / "9.hnsw").write_bytes(b"old")),
    "no backup": ("backup", lambda f: shutil.rmtree(f / "backups")),
    "a backup of garbage": ("backup", lambda f: flip(next((f / "backups").iterdir()), 0, 4096)),
    "a backup cut short": ("backup", lambda f: truncate(next((f / "backups").iterdir()), 40_000)),
}


def test_a_healthy_library_is_all_right_and_stays_as_it_is(library):
    before = {file: file.read_bytes() for file in library.folder.rglob("*") if file.is_file()}
    results = library.care.doctor()
    assert {result.state for result in results} == {"ok"}
    assert [result.name for result in results] == [check.name for check in diagnosis.CHECKS]
    assert {file: file.read_bytes() for file in library.folder.rglob("*") if file.is_file()} == before


@pytest.mark.parametrize("damage", list(DAMAGES))
def test_a_damage_is_named_by_its_check_alone_and_mended(library, indexed, damage):
    named, break_it = DAMAGES[damage]
    break_it(library.folder)
    assert broken(library) == [named]
    assert repaired(library)
    library.index([str(indexed / "photos")])
    assert broken(library) == []
    assert library.status().photos >= PHOTOS - 1
    assert len(library.search("red", k=100)) >= PHOTOS - 1


def test_every_check_but_those_of_the_outside_has_a_damage_in_these_tests():
    assert {name for name, _ in DAMAGES.values()} | {"coverage", "space"} == {check.name for check in diagnosis.CHECKS}


def test_what_depends_on_a_broken_thing_is_not_looked_at(library):
    damage_a_table_page(library.folder)
    states = {result.name: result.state for result in library.care.doctor()}
    assert (states["pages"], states["vectors"], states["graph manifest"]) == ("broken", "not checked", "not checked")
    assert states["previews"] == states["backup"] == "ok"


def test_a_full_disk_is_named(library, monkeypatch):
    monkeypatch.setattr(diagnosis.shutil, "disk_usage", lambda _: SimpleNamespace(free=50_000_000))
    assert broken(library) == ["space"]


def test_photos_that_wait_are_a_number_and_no_damage(library):
    sql(library.folder, "DELETE FROM vectors WHERE vector_id = 7")
    shutil.rmtree(library.folder / "vectors")
    (result,) = [result for result in library.care.doctor() if result.name == "coverage"]
    assert (result.state, result.remark) == ("ok", "1 photos wait for the next index run")


def test_previews_of_no_content_are_told(library):
    sql(
        library.folder,
        f"INSERT INTO previews SELECT x'{'00' * 32}', version, jpeg FROM previews LIMIT 1",
        name=PREVIEWS_FILE,
    )
    (result,) = [result for result in library.care.doctor() if result.name == "preview pictures"]
    assert (result.state, result.remark[:40]) == ("ok", "1 of 51 are of no photo in the catalogue")


def test_a_library_without_graph_and_previews_is_all_right(library):
    shutil.rmtree(library.folder / "vectors")
    (library.folder / PREVIEWS_FILE).unlink()
    assert broken(library) == []


def test_work_in_progress_is_no_leftover(library):
    with lock.held(library.folder):
        (library.folder / "vectors" / "1.hnsw.new").write_bytes(b"half")
        assert broken(library) == []


def test_a_folder_without_library_is_neither_checked_nor_made_one(tmp_path):
    for name in ("empty", "missing"):
        folder = tmp_path / name
        if name == "empty":
            folder.mkdir()
        care = Library(folder).care
        for call in (care.doctor, care.repair, care.prune, lambda care=care: care.backup(str(tmp_path / "b"))):
            with pytest.raises(LibraryError, match="There is no imgfind library"):
                call()
        assert not folder.exists() or {file.name for file in folder.iterdir()} <= {lock.LOCK_FILE}


def test_a_library_of_a_newer_imgfind_is_refused_and_not_repaired(library):
    sql(library.folder, "PRAGMA user_version = 99", "PRAGMA wal_checkpoint(TRUNCATE)")
    before = (library.folder / CATALOGUE_FILE).read_bytes()
    for call in (library.care.doctor, library.care.repair):
        with pytest.raises(LibraryError, match="newer imgfind"):
            call()
    assert (library.folder / CATALOGUE_FILE).read_bytes() == before


# Repair


def test_repair_says_what_was_lost_and_keeps_the_damaged_catalogue(library, indexed):
    paint(indexed / "photos" / "later.jpg")
    try:
        library.index()
        damage_a_table_page(library.folder)
        damaged = (library.folder / CATALOGUE_FILE).read_bytes()
        done = "\n".join(library.care.repair().done)
        assert "restored the catalogue from the backup catalog-" in done
        assert "it holds 50 photos (50 contents)" in done
        (kept,) = [file for file, _ in backups.set_aside(library.folder) if "damaged" in file.name]
        assert str(kept) in done
        assert kept.read_bytes() == damaged
        assert library.index().photos == 51
    finally:
        (indexed / "photos" / "later.jpg").unlink()


def test_a_broken_index_costs_nothing(library):
    damage_an_index(library.folder)
    assert library.care.repair().done[0] == "made the indexes of the catalogue again; nothing is lost"
    assert backups.set_aside(library.folder) == []


def test_repair_without_any_backup_says_so_and_leaves_the_damage_alone(library):
    damage_a_table_page(library.folder)
    shutil.rmtree(library.folder / "backups")
    before = (library.folder / CATALOGUE_FILE).read_bytes()
    with pytest.raises(LibraryError, match="no backup that could be restored"):
        library.care.repair()
    assert (library.folder / CATALOGUE_FILE).read_bytes() == before


def test_repair_takes_an_older_backup_where_the_newest_is_damaged(library):
    (good,) = (library.folder / "backups").iterdir()
    (library.folder / "backups" / "catalog-29990101T000000Z.sqlite3").write_bytes(b"garbage" * 1000)
    damage_a_table_page(library.folder)
    assert good.name in library.care.repair().done[0]


def test_repair_waits_for_no_indexer(library):
    with lock.held(library.folder), pytest.raises(LibraryError, match="being indexed by process"):
        library.care.repair()


def test_photos_whose_folder_is_lost_are_named(library, indexed):
    sql(library.folder, "DELETE FROM roots")
    assert f"photos below {indexed / 'photos'} lost their folder: index it again by name" in library.care.repair().done


def test_broken_vectors_are_made_again_by_the_next_run(library):
    sql(library.folder, "UPDATE vectors SET vector = zeroblob(512) WHERE vector_id IN (7, 8)")
    done = library.care.repair().done
    assert done[0] == "deleted 2 broken vectors; 'imgfind index' makes them again"
    assert done[1].startswith("dropped the search graph")
    assert (library.status().waiting, library.index().reused + library.status().vectors >= PHOTOS) == (2, True)
    assert library.status().waiting == 0


# Rolling backups


def rolling(library):
    return [backup.file.name for backup in backups.rolling(library.folder)]


def at(moment, monkeypatch):
    monkeypatch.setattr(backups, "now", lambda: moment)


def change(library, indexed):
    """Let an index run find something to do."""
    sql(library.folder, "DELETE FROM photos WHERE photo_id = (SELECT max(photo_id) FROM photos)")
    library.index()


def test_a_backup_is_made_once_a_day_and_the_last_three_are_kept(library, indexed, monkeypatch):
    (first,) = rolling(library)
    change(library, indexed)
    assert rolling(library) == [first]
    start = dt.datetime.now(dt.UTC)
    for days in range(1, 5):
        at(start + dt.timedelta(days=days, hours=1), monkeypatch)
        change(library, indexed)
    expected = [
        (start + dt.timedelta(days=days, hours=1)).strftime("catalog-%Y%m%dT%H%M%SZ.sqlite3") for days in (4, 3, 2)
    ]
    assert rolling(library) == expected


def test_a_run_that_changed_nothing_makes_no_backup(library, monkeypatch):
    before = rolling(library)
    at(dt.datetime.now(dt.UTC) + dt.timedelta(days=9), monkeypatch)
    library.index()
    assert rolling(library) == before


def test_a_backup_from_the_future_does_not_put_off_the_next(library, indexed, monkeypatch):
    at(dt.datetime.now(dt.UTC) - dt.timedelta(days=9), monkeypatch)
    change(library, indexed)
    assert len(rolling(library)) == 2


def test_a_backup_that_cannot_be_made_is_a_warning(library, monkeypatch, caplog):
    shutil.rmtree(library.folder / "backups")
    (library.folder / "backups").write_text("in the way")
    assert library.index().photos == PHOTOS
    assert "No backup of the catalogue was made" in caplog.text


def test_a_damaged_catalogue_does_not_replace_good_backups(library, monkeypatch, caplog):
    before = rolling(library)
    damage_a_table_page(library.folder)
    with contextlib.closing(Database(library.folder / CATALOGUE_FILE)) as database:
        at(dt.datetime.now(dt.UTC) + dt.timedelta(days=9), monkeypatch)
        backups.keep_rolling(database, library.folder, Job(), changed=True)
    assert rolling(library) == before
    assert "No backup of the catalogue was made" in caplog.text


KILLED_IN_A_COPY = """
import os, signal, sys
from pathlib import Path
from imgfind.core import Job, Library, database
database._PAGES_A_STEP = 5
library = Library(sys.argv[1])
def die(progress):
    if progress.done:
        os.kill(os.getpid(), signal.SIGKILL)
library.care.backup(sys.argv[2], job=Job(die))
"""


def test_a_kill_during_a_backup_leaves_no_half_file(library, tmp_path):
    target = tmp_path / "copy"
    command = [sys.executable, "-c", KILLED_IN_A_COPY, str(library.folder), str(target)]
    done = subprocess.run(command, env=child_environment(), check=False)
    assert done.returncode == -signal.SIGKILL
    assert not target.exists()
    assert broken(library) == []
    library.care.backup(str(target))
    assert [file.name for file in tmp_path.iterdir() if "unfinished" in file.name] == []


# Backup and restore by hand


def test_a_backup_is_one_file_that_holds_all(library, tmp_path):
    library.care.backup(str(tmp_path / "copy"))
    assert backups.problem_of(tmp_path / "copy") is None
    assert {file.name for file in tmp_path.iterdir()} == {"copy", "library"}
    assert sql(tmp_path, "SELECT count(*) FROM vectors", name="copy") == [(PHOTOS,)]


def test_a_backup_is_consistent_while_somebody_writes(library, tmp_path, monkeypatch):
    monkeypatch.setattr(database, "_PAGES_A_STEP", 5)

    def write(progress):
        if progress.done:
            sql(library.folder, "INSERT INTO settings VALUES (hex(randomblob(8)), 'x')")

    before = sql(library.folder, "SELECT count(*) FROM settings")
    library.care.backup(str(tmp_path / "copy"), job=Job(write))
    assert sql(tmp_path, "SELECT count(*) FROM settings", name="copy") == before
    assert sql(library.folder, "SELECT count(*) FROM settings") > before


def test_a_backup_replaces_a_file_only_by_force(library, tmp_path):
    target = tmp_path / "copy"
    target.write_text("mine")
    with pytest.raises(UsageError, match="--force"):
        library.care.backup(str(target))
    assert target.read_text() == "mine"
    library.care.backup(str(target), force=True)
    assert backups.problem_of(target) is None


def test_a_backup_over_the_catalogue_itself_is_refused(library):
    for call in (lambda file: library.care.backup(file, force=True), library.care.restore):
        with pytest.raises(UsageError, match="the catalogue itself"):
            call(str(library.folder / CATALOGUE_FILE))


def test_a_cancelled_backup_leaves_nothing(library, tmp_path):
    job = Job()
    job.cancel()
    with pytest.raises(Cancelled):
        library.care.backup(str(tmp_path / "copy"), job=job)
    assert {file.name for file in tmp_path.iterdir()} == {"library"}


def test_a_backup_to_a_place_that_is_not_there_is_a_sentence(library, tmp_path):
    with pytest.raises(UsageError, match="There is no folder"):
        library.care.backup(str(tmp_path / "nowhere" / "copy"))


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="needs a full device")
def test_a_full_disk_is_a_sentence_and_leaves_nothing(library, tmp_path, monkeypatch):
    real = Database.backup_to

    def full(self, file, progress):
        file.symlink_to("/dev/full")
        real(self, file, progress)

    monkeypatch.setattr(Database, "backup_to", full)
    with pytest.raises(LibraryError, match="Cannot write"):
        library.care.backup(str(tmp_path / "copy"))
    assert {file.name for file in tmp_path.iterdir()} == {"library"}


def test_restore_brings_back_what_was_and_keeps_what_is(library, tmp_path):
    library.care.backup(str(tmp_path / "copy"))
    sql(library.folder, "DELETE FROM photos WHERE photo_id > 30")
    restored = library.care.restore(str(tmp_path / "copy"))
    assert (restored.before["photos"], restored.after["photos"]) == (30, 50)
    assert sql(tmp_path, "SELECT count(*) FROM photos", name=restored.kept.relative_to(tmp_path)) == [(30,)]
    assert "50 photos (50 contents); before it was 30 photos (50 contents)" in "\n".join(losses(restored))
    assert broken(library) == []
    assert library.index().unchanged == PHOTOS


def test_restore_makes_a_library_where_there_was_none(library, tmp_path):
    library.care.backup(str(tmp_path / "copy"))
    with Library(tmp_path / "new", load_encoder=FakeEncoder) as new:
        restored = new.care.restore(str(tmp_path / "copy"))
        assert (restored.before, restored.kept) == (None, None)
        assert len(new.search("red", k=100)) == PHOTOS


@pytest.mark.parametrize("content", [b"", b"garbage" * 999, None])
def test_what_is_no_catalogue_is_not_restored(library, tmp_path, content):
    if content is not None:
        (tmp_path / "copy").write_bytes(content)
    before = (library.folder / CATALOGUE_FILE).read_bytes()
    with pytest.raises(LibraryError, match="cannot be restored"):
        library.care.restore(str(tmp_path / "copy"))
    assert (library.folder / CATALOGUE_FILE).read_bytes() == before


def test_a_database_of_another_program_is_not_restored(library, tmp_path):
    sql(tmp_path, "CREATE TABLE theirs (x)", name="theirs.db")
    with pytest.raises(LibraryError, match="database of another program"):
        library.care.restore(str(tmp_path / "theirs.db"))


def test_a_cancelled_restore_leaves_the_catalogue_as_it_was(library, tmp_path, monkeypatch):
    monkeypatch.setattr(database, "_PAGES_A_STEP", 5)
    library.care.backup(str(tmp_path / "copy"))
    sql(library.folder, "DELETE FROM photos WHERE photo_id > 30")

    def stop(progress):
        if progress.stage == "restoring":
            raise Cancelled

    with pytest.raises(Cancelled):
        library.care.restore(str(tmp_path / "copy"), Job(stop))
    assert library.status().photos == 30


def test_a_reader_sees_the_restored_catalogue_at_its_next_question(library, tmp_path):
    """The reader has graph, rows and connection open, as a window has."""
    library.care.backup(str(tmp_path / "copy"))
    reader = Library(library.folder, load_encoder=FakeEncoder)
    with reader:
        assert len(reader.search("red", k=100)) == PHOTOS
        # As many vectors as before under other ids: only who is told can know.
        sql(
            library.folder,
            "DELETE FROM vectors WHERE vector_id <= 10",
            "DELETE FROM photos WHERE photo_id <= 10",
        )
        assert len(reader.search("red", k=100)) == PHOTOS - 10
        library.care.restore(str(tmp_path / "copy"))
        assert len(reader.search("red", k=100)) == PHOTOS
        assert reader.status().photos == PHOTOS


def test_a_reader_in_the_middle_of_reading_keeps_what_it_began_with(library, tmp_path):
    library.care.backup(str(tmp_path / "copy"))
    sql(library.folder, "DELETE FROM photos WHERE photo_id > 30")
    with contextlib.closing(sqlite3.connect(library.folder / CATALOGUE_FILE, isolation_level=None)) as reader:
        reader.execute("BEGIN")
        assert reader.execute("SELECT count(*) FROM photos").fetchone() == (30,)
        library.care.restore(str(tmp_path / "copy"))
        assert reader.execute("SELECT count(*) FROM photos").fetchone() == (30,)
        reader.execute("COMMIT")
        assert reader.execute("SELECT count(*) FROM photos").fetchone() == (50,)
        assert reader.execute("PRAGMA integrity_check").fetchone() == ("ok",)


# Prune


def make_vanish(library, photo_ids, days):
    ids = ", ".join(map(str, photo_ids))
    sql(
        library.folder,
        f"UPDATE contents SET vanished_at = strftime('%Y-%m-%dT%H:%M:%SZ', 'now', '-{days} days') WHERE content_id IN"
        f" (SELECT content_id FROM photos WHERE photo_id IN ({ids}))",
        f"DELETE FROM photos WHERE photo_id IN ({ids})",
    )


def test_prune_deletes_what_vanished_long_ago_and_nothing_else(library, indexed):
    make_vanish(library, range(1, 11), days=91)
    make_vanish(library, range(11, 16), days=89)
    dry = library.care.prune(PruneOptions(dry_run=True))
    assert (dry.contents, dry.vectors, dry.previews) == (10, 10, 10)
    assert library.status().sizes["graphs"] > 0
    pruned = library.care.prune()
    assert (pruned.contents, pruned.vectors, pruned.previews) == (10, 10, 10)
    assert broken(library) == []
    assert sql(library.folder, "SELECT count(*) FROM contents") == [(40,)]
    assert len(list((indexed / "photos").iterdir())) == PHOTOS
    assert library.care.prune().contents == 0


def test_a_dry_run_changes_nothing(library):
    make_vanish(library, range(1, 11), days=91)
    before = {file: file.read_bytes() for file in library.folder.rglob("*") if file.is_file()}
    library.care.prune(PruneOptions(dry_run=True, previews_cap_bytes=0))
    assert {file: file.read_bytes() for file in library.folder.rglob("*") if file.is_file()} == before


def test_a_content_on_show_is_never_pruned_whatever_its_mark_says(library):
    sql(library.folder, "UPDATE contents SET vanished_at = '2001-01-01T00:00:00Z'")
    assert library.care.prune().contents == 0
    assert library.status().photos == PHOTOS


def test_previews_over_the_cap_go_the_vanished_and_the_oldest_first(library):
    sizes = sql(library.folder, "SELECT hash, length(jpeg) FROM previews ORDER BY rowid", name=PREVIEWS_FILE)
    make_vanish(library, [50], days=1)
    vanished = sql(library.folder, "SELECT hash FROM contents WHERE vanished_at IS NOT NULL")[0][0]
    cap = sum(size for _, size in sizes) - dict(sizes)[vanished] - 1
    assert library.care.prune(PruneOptions(previews_cap_bytes=cap)).previews == 2
    left = {row[0] for row in sql(library.folder, "SELECT hash FROM previews", name=PREVIEWS_FILE)}
    assert {content_hash for content_hash, _ in sizes} - left == {vanished, sizes[0][0]}


def test_old_copies_go_with_their_logs_and_young_ones_stay(library):
    old, young = "damaged-20200101T000000Z", f"replaced-{dt.datetime.now(dt.UTC).strftime('%Y%m%dT%H%M%SZ')}"
    for name in (old, f"{old}-wal", young):
        (library.folder / f"{CATALOGUE_FILE}.{name}").write_bytes(b"x")
    assert library.care.prune().copies == 2
    assert [file.name for file, _ in backups.set_aside(library.folder)] == [f"{CATALOGUE_FILE}.{young}"]


def test_prune_gives_space_back_where_it_is_worth_it(library, monkeypatch):
    make_vanish(library, range(1, 41), days=91)
    set_journal_aside(library.folder)
    before = (library.folder / CATALOGUE_FILE).stat().st_size
    assert library.care.prune().freed_bytes > 0
    assert (library.folder / CATALOGUE_FILE).stat().st_size < before


def test_prune_does_not_compact_on_a_full_disk(library, monkeypatch):
    make_vanish(library, range(1, 41), days=91)
    monkeypatch.setattr(pruning.shutil, "disk_usage", lambda _: SimpleNamespace(free=1000))
    assert library.care.prune().contents == 40
    assert sql(library.folder, "PRAGMA freelist_count")[0][0] > 0


def test_prune_refuses_negative_numbers():
    with pytest.raises(UsageError):
        PruneOptions(days=-1)


# Export


def test_photos_are_exported_as_a_table_and_as_json_with_the_same_values(library):
    table = list(csv.DictReader(io.StringIO(b"".join(library.care.photo_lines("csv")).decode())))
    records = [json.loads(line) for line in library.care.photo_lines("jsonl")]
    assert len(table) == len(records) == PHOTOS
    assert list(table[0]) == list(records[0])
    assert [row["uri"] for row in table] == [record["uri"] for record in records]
    details = library.show(records[3]["path"])
    assert (records[3]["content_hash"], records[3]["width_px"], records[3]["offline"]) == (
        details.content_hash.hex(),
        64,
        False,
    )
    assert records[3]["mtime_ns"] == details.mtime_ns


def test_any_name_and_any_camera_is_exported_safely(library):
    odd = b"/photos/caf\xe9\nnew.jpg"
    with contextlib.closing(sqlite3.connect(library.folder / CATALOGUE_FILE)) as connection, connection:
        connection.execute("UPDATE photos SET path = ? WHERE photo_id = 1", (odd,))
        connection.execute("UPDATE contents SET camera = '=HYPERLINK(1)', latitude = -33.5")
    table = list(csv.DictReader(io.StringIO(b"".join(library.care.photo_lines("csv")).decode())))
    records = [json.loads(line) for line in library.care.photo_lines("jsonl")]
    (row,) = [row for row in table if row["path"] == "/photos/caf\\xe9\\x0anew.jpg"]
    assert row["uri"] == "file:///photos/caf%E9%0Anew.jpg"
    assert (row["camera"], row["latitude"]) == ("'=HYPERLINK(1)", "-33.5")
    assert os.fsdecode(odd) in [record["path"] for record in records]
    assert {record["camera"] for record in records} == {"=HYPERLINK(1)"}


def test_a_file_time_beyond_the_calendar_is_left_out(library):
    sql(library.folder, f"UPDATE photos SET mtime_ns = {2**63 - 1}, path = x'2f61' WHERE photo_id = 1")
    sql(library.folder, f"UPDATE photos SET mtime_ns = {-(2**63)}, path = x'2f62' WHERE photo_id = 2")
    records = [json.loads(line) for line in library.care.photo_lines("jsonl")]
    assert [record["mtime"] for record in records[:2]] == ["2262-04-11T23:47:16+00:00", "1677-09-21T00:12:43+00:00"]


def test_an_export_is_there_whole_or_not_at_all(library, tmp_path):
    target = tmp_path / "photos.csv"
    assert library.care.export_photos(str(target), "csv") == PHOTOS
    whole = target.read_bytes()
    assert whole == b"".join(library.care.photo_lines("csv"))
    with pytest.raises(UsageError, match="--force"):
        library.care.export_photos(str(target), "csv")
    job = Job()
    job.cancel()
    with pytest.raises(Cancelled):
        library.care.export_photos(str(target), "csv", force=True, job=job)
    assert target.read_bytes() == whole


def test_vectors_are_exported_with_what_they_are_of(library, tmp_path, indexed, monkeypatch):
    from imgfind.core.store import exporting

    monkeypatch.setattr(exporting, "IDS_PER_STATEMENT", 7)  # several pages
    make_vanish(library, [50], days=1)
    assert library.care.export_vectors(str(tmp_path / "v.npy")) == 49
    rows = np.load(tmp_path / "v.npy")
    assert (rows.shape, rows.dtype) == ((49, 256), np.float32)
    np.testing.assert_allclose(np.linalg.norm(rows, axis=1), 1, atol=1e-6)
    lines = [json.loads(line) for line in (tmp_path / "v.jsonl").read_text().splitlines()]
    assert [line["row"] for line in lines] == list(range(49))
    best = library.search("red", k=1)[0]
    (row,) = [line["row"] for line in lines if line["photos"][0]["path"] == best.path]
    red = FakeEncoder(SimpleNamespace(dim=256)).encode_texts(["red"])[0]
    assert int(np.argmax(rows @ red)) == row


def test_vectors_go_into_an_npy_file(library, tmp_path):
    with pytest.raises(UsageError, match=r"\.npy"):
        library.care.export_vectors(str(tmp_path / "v.txt"))


# Status


def test_status_tells_sizes_versions_and_what_was_chosen(library):
    status = library.status()
    assert status.sizes["graphs"] > 0 < status.sizes["backups"]
    assert sum(status.sizes.values()) + lock_bytes(library.folder) == status.size_bytes
    assert status.decisions["search"] == "graph (50 vectors)"
    assert {"imgfind", "schema", "sqlite", "hnswlib", "model"} <= status.versions.keys()
    assert status.backup_at is not None
    assert status.indexed_at is not None
    assert [(use.name, use.vectors) for use in status.models] == [("starter", 50)]


def lock_bytes(folder):
    file = folder / lock.LOCK_FILE
    return file.stat().st_size if file.exists() else 0


@pytest.mark.parametrize(
    ("damage", "decision"),
    [
        (lambda f: shutil.rmtree(f / "vectors"), "exact (50 vectors; a graph is built from 50,000 on)"),
        (edit_manifest, "exact (50 vectors; the graph does not agree with the catalogue)"),
    ],
)
def test_status_says_why_searches_are_exact(library, damage, decision):
    damage(library.folder)
    assert library.status().decisions["search"] == decision


def test_status_of_a_reader_takes_no_torch(library):
    code = "import sys; from imgfind.core import Library; Library(sys.argv[1]).status(); print('torch' in sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", code, str(library.folder)], env=child_environment(), capture_output=True, check=True
    )
    assert done.stdout.strip() == b"False"
