"""SQLite underneath: opening, reading without a trace, transactions, and errors a person can act on."""

import os
import sqlite3
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path

import pytest

from imgfind.core import database as module
from imgfind.core.database import DamagedDatabaseError, Database, identity
from imgfind.core.errors import LibraryError
from tests.catalogue import bytes_in

REPOSITORY = Path(__file__).parent.parent.parent
POSIX = pytest.mark.skipif(os.name != "posix", reason="needs POSIX permissions and processes")

AS_NOBODY = """
import os
if os.geteuid() == 0:
    os.setgroups([])
    os.setgid(65534)
    os.setuid(65534)
"""
"""Root's permissions bind nobody, so children give them up."""


def run_child(code: str, *arguments: Path, returncode: int = 0) -> str:
    """Run Python code in a process of its own and return what it printed."""
    command = [sys.executable, "-c", code, *map(str, arguments)]
    child = subprocess.run(command, cwd=REPOSITORY, capture_output=True, check=False, text=True)
    assert (child.stderr, child.returncode) == ("", returncode)
    return child.stdout


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """Return a database with one table ``t`` of one row."""
    file = tmp_path / "a.sqlite3"
    make(file)
    return file


@pytest.fixture
def database(file: Path) -> Iterator[Database]:
    """Open that database for writing."""
    with closing(Database(file)) as database:
        yield database


def make(file: Path) -> None:
    with closing(Database(file)) as database:
        database.execute("CREATE TABLE t (n INTEGER UNIQUE, data BLOB) STRICT")
        database.execute("INSERT INTO t VALUES (1, NULL)")


def numbers(file: Path) -> list[int]:
    with closing(Database(file, readonly=True)) as database:
        return [n for (n,) in database.rows("SELECT n FROM t ORDER BY n")]


def test_statements_answer_with_rows_values_or_nothing(database: Database) -> None:
    database.execute_many("INSERT INTO t (n) VALUES (?)", [(2,), (3,)])
    assert database.rows("SELECT n FROM t WHERE n > ? ORDER BY n", (1,)) == [(2,), (3,)]
    assert database.one("SELECT n, data FROM t ORDER BY n") == (1, None)
    assert database.one("SELECT n FROM t WHERE n = 9") is None
    assert database.value("SELECT count(*) FROM t") == 3
    assert database.value("SELECT n FROM t WHERE n = 9") is None
    assert database.execute("UPDATE t SET data = x'00' WHERE n > 1") == 2


def test_closing_twice_does_nothing(file: Path) -> None:
    database = Database(file)
    database.close()
    database.close()


def test_the_writer_lets_people_read_meanwhile(database: Database, file: Path) -> None:
    assert database.value("PRAGMA journal_mode") == "wal"
    with database.transaction():
        database.execute("INSERT INTO t (n) VALUES (2)")
        assert numbers(file) == [1]
    assert numbers(file) == [1, 2]


def test_references_are_enforced(database: Database) -> None:
    database.execute("CREATE TABLE parent (id INTEGER PRIMARY KEY)")
    database.execute("CREATE TABLE child (id INTEGER REFERENCES parent)")
    with pytest.raises(sqlite3.IntegrityError):
        database.execute("INSERT INTO child VALUES (1)")


@pytest.mark.parametrize("stop", [ValueError, KeyboardInterrupt])
def test_a_transaction_that_raises_leaves_nothing(database: Database, stop: type[BaseException]) -> None:
    def insert_and_stop() -> None:
        with database.transaction():
            database.execute("INSERT INTO t (n) VALUES (2)")
            raise stop

    with pytest.raises(stop):
        insert_and_stop()
    assert database.value("SELECT count(*) FROM t") == 1
    with database.transaction():
        database.execute("INSERT INTO t (n) VALUES (3)")
    assert database.value("SELECT max(n) FROM t") == 3


def test_a_revision_differs_after_a_write_of_this_or_another_connection(database: Database, file: Path) -> None:
    revisions = [database.revision()]
    database.execute("INSERT INTO t (n) VALUES (2)")
    revisions.append(database.revision())
    with closing(Database(file)) as other:
        other.execute("INSERT INTO t (n) VALUES (3)")
    revisions.append(database.revision())
    assert len(set(revisions)) == 3
    assert database.revision() == revisions[-1]


# Reading


def test_a_reader_makes_no_database(tmp_path: Path) -> None:
    with pytest.raises(LibraryError, match="cannot be opened or written to"):
        Database(tmp_path / "a.sqlite3", readonly=True)
    assert bytes_in(tmp_path) == {}


def test_a_reader_cannot_write(file: Path) -> None:
    with closing(Database(file, readonly=True)) as reader:
        with pytest.raises(LibraryError, match="check its permissions"):
            reader.execute("INSERT INTO t (n) VALUES (2)")
        with pytest.raises(LibraryError, match="check its permissions"):
            reader.execute("CREATE TABLE more (n INTEGER)")
    assert numbers(file) == [1]


def test_a_reader_leaves_the_folder_as_it_was(file: Path) -> None:
    before = bytes_in(file.parent)
    assert numbers(file) == [1]
    assert bytes_in(file.parent) == before
    assert list(before) == [file.name]


def test_a_reader_that_closes_does_not_disturb_the_writer(database: Database, file: Path) -> None:
    database.execute("INSERT INTO t (n) VALUES (2)")
    assert numbers(file) == [1, 2]
    database.execute("INSERT INTO t (n) VALUES (3)")
    assert numbers(file) == [1, 2, 3]


@pytest.mark.parametrize("name", ["a#b?c%20.sqlite3", "with space.sqlite3", "\udcff\n.sqlite3"])
@POSIX
def test_any_file_name_will_do(tmp_path: Path, name: str) -> None:
    make(tmp_path / name)
    assert numbers(tmp_path / name) == [1]
    assert identity(tmp_path / name) == (0, 0, True)
    assert os.listdir(tmp_path) == [name]


READ_AS_NOBODY = f"""
import sys
from pathlib import Path
from imgfind.core.database import Database
from imgfind.core.errors import LibraryError
{AS_NOBODY}
reader = Database(Path(sys.argv[1]), readonly=True)
print(reader.rows("SELECT n FROM t ORDER BY n"))
try:
    Database(Path(sys.argv[1])).execute("DELETE FROM t")
except LibraryError as error:
    print(error)
"""


@POSIX
@pytest.mark.parametrize("writing", [False, True], ids=["at rest", "while another writes"])
def test_a_database_in_a_folder_that_cannot_be_written_to_can_be_read(writing: bool) -> None:
    # Not tmp_path: its parents are closed to anyone but the user.
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "a.sqlite3"
        make(file)
        with closing(Database(file)) as writer:
            if writing:
                writer.execute("INSERT INTO t (n) VALUES (2)")
            else:
                writer.close()
            before = bytes_in(Path(folder))
            os.chmod(folder, 0o555)
            try:
                rows, refusal = run_child(READ_AS_NOBODY, file).splitlines()
            finally:
                os.chmod(folder, 0o755)
            assert set(bytes_in(Path(folder))) == set(before)
        assert rows == ("[(1,), (2,)]" if writing else "[(1,)]")
        assert refusal == (
            f"The library in {folder} cannot be opened or written to; check its permissions, or name another with"
            " --library."
        )


# Killed writers

KILLED = """
import os, signal, sys
from pathlib import Path
from imgfind.core.database import Database
database = Database(Path(sys.argv[1]))
database.execute(f"PRAGMA journal_mode = {sys.argv[2]}")
database.execute("PRAGMA cache_size = 1")  # spills pages of an unfinished transaction into the file
database.execute("INSERT INTO t (n) VALUES (2)")
database.execute("BEGIN IMMEDIATE")
database.execute_many("INSERT INTO t VALUES (?, zeroblob(5000))", ((n,) for n in range(3, 100)))
os.kill(os.getpid(), signal.SIGKILL)
"""


@POSIX
@pytest.mark.parametrize("journal", ["WAL", "DELETE"])
def test_what_a_killed_writer_finished_is_there_and_the_rest_is_not(file: Path, journal: str) -> None:
    run_child(KILLED, file, Path(journal), returncode=-9)
    assert len(os.listdir(file.parent)) > 1, "it died too early"
    assert numbers(file) == [1, 2]
    assert os.listdir(file.parent) == [file.name]
    with closing(Database(file)) as database:
        assert database.value("PRAGMA integrity_check") == "ok"


@POSIX
def test_identity_looks_at_a_killed_database_without_touching_it(file: Path) -> None:
    run_child(KILLED, file, Path("WAL"), returncode=-9)
    before = bytes_in(file.parent)
    assert identity(file) == (0, 0, True)
    assert bytes_in(file.parent) == before


def test_identity_tells_whether_a_database_was_ever_used(tmp_path: Path) -> None:
    Database(tmp_path / "new.sqlite3").close()
    assert identity(tmp_path / "new.sqlite3") == (0, 0, False)
    with closing(sqlite3.connect(tmp_path / "new.sqlite3")) as connection:
        connection.execute("PRAGMA application_id = 7")
        connection.execute("PRAGMA user_version = 8")
    assert identity(tmp_path / "new.sqlite3")[:2] == (7, 8)


@POSIX
def test_identity_leaves_the_locks_of_this_process_alone(database: Database, file: Path) -> None:
    with database.transaction():
        identity(file)
        busy = """
import sqlite3, sys
connection = sqlite3.connect(sys.argv[1], timeout=0)
try:
    connection.execute("PRAGMA locking_mode = EXCLUSIVE")
    connection.execute("PRAGMA journal_mode = DELETE")
except sqlite3.OperationalError as error:
    print(error)
connection.close()
"""
        assert run_child(busy, file) == "database is locked\n"


# Errors


def test_a_file_that_is_no_database_is_told(tmp_path: Path) -> None:
    file = tmp_path / "a.sqlite3"
    file.write_bytes(b"not a database" * 1000)
    for attempt in (lambda: Database(file), lambda: Database(file, readonly=True), lambda: identity(file)):
        with pytest.raises(DamagedDatabaseError) as caught:
            attempt()
        assert str(caught.value) == (
            f"{file} is damaged or no imgfind library (file is not a database); restore it from a backup, or name"
            " another folder with --library."
        )
    assert file.read_bytes() == b"not a database" * 1000


def test_a_damaged_page_is_told(tmp_path: Path) -> None:
    file = tmp_path / "a.sqlite3"
    with closing(Database(file)) as database:
        database.execute("CREATE TABLE t (n INTEGER PRIMARY KEY, data BLOB)")
        database.execute_many("INSERT INTO t VALUES (?, zeroblob(3000))", ((n,) for n in range(50)))
    content = bytearray(file.read_bytes())
    content[8192:] = b"\xff" * (len(content) - 8192)
    file.write_bytes(content)
    with closing(Database(file, readonly=True)) as reader, pytest.raises(DamagedDatabaseError, match="damaged"):
        reader.rows("SELECT * FROM t")


def test_a_folder_that_does_not_exist_is_told(tmp_path: Path) -> None:
    with pytest.raises(LibraryError, match="cannot be opened or written to; check its permissions"):
        Database(tmp_path / "no" / "a.sqlite3")


def test_a_second_writer_is_told_that_the_library_is_busy(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "BUSY_TIMEOUT_S", 0.01)
    with closing(Database(file)) as first, closing(Database(file)) as second:
        with first.transaction():
            with pytest.raises(LibraryError) as caught:
                second.execute("INSERT INTO t (n) VALUES (2)")
            assert str(caught.value) == (
                f"The library in {file.parent} is busy with another program; try again in a moment."
            )
            with pytest.raises(LibraryError, match="busy"), second.transaction():
                pytest.fail("the transaction must not begin")
        second.execute("INSERT INTO t (n) VALUES (2)")
    assert numbers(file) == [1, 2]


def test_a_second_writer_waits_its_turn(file: Path) -> None:
    waiting = threading.Event()

    def write() -> None:
        with closing(Database(file)) as second:
            waiting.set()
            second.execute("INSERT INTO t (n) VALUES (2)")

    with closing(Database(file)) as first:
        with first.transaction():
            thread = threading.Thread(target=write)
            thread.start()
            waiting.wait()
        thread.join()
    assert numbers(file) == [1, 2]


def test_a_database_locked_as_a_whole_is_not_read_behind_the_writers_back(
    file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "BUSY_TIMEOUT_S", 0.01)
    with closing(sqlite3.connect(file, isolation_level=None)) as writer:
        writer.execute("PRAGMA journal_mode = DELETE")
        writer.execute("BEGIN EXCLUSIVE")
        with pytest.raises(LibraryError, match="busy"):
            Database(file, readonly=True)


def test_a_full_database_is_told_and_keeps_what_it_had(database: Database, file: Path) -> None:
    database.execute("PRAGMA max_page_count = 20")
    with pytest.raises(LibraryError) as caught, database.transaction():
        database.execute_many("INSERT INTO t VALUES (?, zeroblob(3000))", ((n,) for n in range(2, 1000)))
    assert str(caught.value) == (
        f"The disk of the library in {file.parent} is full or failing (database or disk is full); free some space or"
        " check the disk, then run the command again."
    )
    database.execute("INSERT INTO t (n) VALUES (2)")
    assert numbers(file) == [1, 2]


FULL_DISK = """
import resource, sys
from pathlib import Path
from imgfind.core.database import Database
from imgfind.core.errors import LibraryError
database = Database(Path(sys.argv[1]))
resource.setrlimit(resource.RLIMIT_FSIZE, (200_000, 200_000))
n = 1
try:
    while True:
        with database.transaction():
            for n in range(n + 1, n + 4):
                database.execute("INSERT INTO t VALUES (?, zeroblob(3000))", (n,))
except LibraryError as error:
    print(n - 3, error)
"""


@POSIX
def test_a_disk_that_fills_up_takes_only_the_last_transaction(file: Path) -> None:
    last, message = run_child(FULL_DISK, file).split(maxsplit=1)
    assert message.startswith(f"The disk of the library in {file.parent} is full or failing (")
    assert numbers(file) == list(range(1, int(last) + 1))
    assert int(last) > 4


@pytest.mark.parametrize("statement", ["INSERT INTO t (n) VALUES (1)", "INSERT INTO t (n) VALUES (?)"])
def test_mistakes_of_imgfind_are_not_blamed_on_the_disk(database: Database, statement: str) -> None:
    with pytest.raises((sqlite3.IntegrityError, sqlite3.ProgrammingError)):
        database.execute(statement)


def test_an_sqlite_that_is_too_old_is_told(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module.sqlite3, "sqlite_version_info", (3, 34, 1))
    monkeypatch.setattr(module.sqlite3, "sqlite_version", "3.34.1")
    with pytest.raises(LibraryError, match=r"^imgfind needs SQLite 3\.37 or newer and this Python has 3\.34\.1;"):
        Database(file)


# Threads


def test_a_shared_database_answers_on_any_thread(file: Path) -> None:
    with closing(Database(file)) as writer:
        writer.execute_many("INSERT INTO t (n) VALUES (?)", ((n,) for n in range(2, 101)))
    with closing(Database(file, readonly=True, shared=True)) as shared, ThreadPoolExecutor(8) as threads:
        answers = list(threads.map(lambda n: shared.value("SELECT n FROM t WHERE n = ?", (n,)), range(200)))
    assert answers == [n if 1 <= n <= 100 else None for n in range(200)]


def test_a_database_of_one_thread_is_refused_to_others(database: Database) -> None:
    with ThreadPoolExecutor(1) as threads, pytest.raises(sqlite3.ProgrammingError):
        threads.submit(database.value, "SELECT 1").result()
