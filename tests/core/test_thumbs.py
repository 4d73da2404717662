"""The preview cache: kept, read, and thrown away where it is no good."""

import os
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from imgfind.core import database
from imgfind.core.errors import LibraryError
from imgfind.core.thumbs import PREVIEWS_FILE, Previews
from tests.catalogue import bytes_in, hash_of


@pytest.fixture
def writer(tmp_path: Path) -> Iterator[Previews]:
    """Open the cache as the indexer does."""
    with closing(Previews(tmp_path, readonly=False)) as previews:
        yield previews


def kept(folder: Path, label: str) -> bytes | None:
    """Return what a reader finds."""
    with closing(Previews(folder, readonly=True)) as previews:
        return previews.get(hash_of(label))


def fill(folder: Path, count: int = 1) -> None:
    """Make a cache of ``count`` previews of 3,000 bytes."""
    with closing(Previews(folder, readonly=False)) as previews:
        previews.add([(hash_of(str(number)), 1, bytes([number % 256]) * 3000) for number in range(count)])


def test_a_preview_comes_back_as_it_was(writer: Previews, tmp_path: Path) -> None:
    writer.add([(hash_of("a"), 1, b"one"), (hash_of("b"), 1, b"two")])
    assert writer.get(hash_of("a")) == b"one"
    assert kept(tmp_path, "b") == b"two"
    assert kept(tmp_path, "c") is None


def test_the_newest_preview_of_a_content_counts(writer: Previews) -> None:
    writer.add([(hash_of("a"), 1, b"old")])
    writer.add([(hash_of("a"), 2, b"new")])
    assert writer.get(hash_of("a")) == b"new"


def test_a_reader_without_a_cache_finds_nothing_and_makes_none(tmp_path: Path) -> None:
    assert kept(tmp_path, "0") is None
    assert bytes_in(tmp_path) == {}


def test_a_reader_leaves_the_cache_as_it_was(tmp_path: Path) -> None:
    fill(tmp_path)
    before = bytes_in(tmp_path)
    assert kept(tmp_path, "0") == bytes(3000)
    assert bytes_in(tmp_path) == before


def test_adding_nothing_writes_nothing(tmp_path: Path) -> None:
    fill(tmp_path)
    before = bytes_in(tmp_path)
    with closing(Previews(tmp_path, readonly=False)) as previews:
        previews.add([])
    assert bytes_in(tmp_path) == before


@pytest.mark.parametrize("content", [b"", b"no database at all" * 1000], ids=["empty", "garbage"])
def test_a_cache_that_is_none_is_begun_again_by_the_writer(tmp_path: Path, content: bytes) -> None:
    file = tmp_path / PREVIEWS_FILE
    file.write_bytes(content)
    assert kept(tmp_path, "0") is None
    assert file.read_bytes() == content
    fill(tmp_path)
    assert kept(tmp_path, "0") == bytes(3000)


def test_a_cut_cache_is_begun_again(tmp_path: Path) -> None:
    fill(tmp_path, 200)
    os.truncate(tmp_path / PREVIEWS_FILE, 5000)
    assert kept(tmp_path, "0") is None
    fill(tmp_path)
    assert kept(tmp_path, "0") == bytes(3000)


def test_a_cache_found_damaged_in_the_middle_of_a_run_is_begun_again(tmp_path: Path) -> None:
    fill(tmp_path, 200)
    file = tmp_path / PREVIEWS_FILE
    with closing(sqlite3.connect(file)) as connection:
        page_bytes = connection.execute("PRAGMA page_size").fetchone()[0]
        lowest = connection.execute("SELECT min(hash) FROM previews").fetchone()[0]
    content = bytearray(file.read_bytes())
    leaf = content.index(lowest) // page_bytes * page_bytes
    content[leaf : leaf + page_bytes] = b"\xff" * page_bytes
    file.write_bytes(content)
    with closing(Previews(tmp_path, readonly=False)) as previews:
        still_there = [previews.get(hash_of(str(number))) is not None for number in range(200)]
        assert any(still_there), "the damage must not show when the cache is opened, or nothing is tested"
        assert not all(still_there)
        previews.add([(hash_of(str(number)), 1, b"new") for number in range(200)])
        assert all(previews.get(hash_of(str(number))) == b"new" for number in range(200))


def test_a_cache_of_another_version_is_begun_again_by_the_writer_and_ignored_by_readers(tmp_path: Path) -> None:
    fill(tmp_path)
    with closing(sqlite3.connect(tmp_path / PREVIEWS_FILE)) as connection:
        connection.execute("PRAGMA user_version = 99")
    assert kept(tmp_path, "0") is None
    with closing(Previews(tmp_path, readonly=False)) as previews:
        assert previews.get(hash_of("0")) is None
        previews.add([(hash_of("a"), 1, b"new")])
    assert kept(tmp_path, "a") == b"new"


def test_a_busy_cache_is_not_thrown_away(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fill(tmp_path)
    monkeypatch.setattr(database, "BUSY_TIMEOUT_S", 0.01)
    with closing(sqlite3.connect(tmp_path / PREVIEWS_FILE, isolation_level=None)) as connection:
        connection.execute("BEGIN IMMEDIATE")
        with closing(Previews(tmp_path, readonly=False)) as previews, pytest.raises(LibraryError, match="busy"):
            previews.add([(hash_of("a"), 1, b"new")])
        connection.execute("ROLLBACK")
        connection.execute("PRAGMA journal_mode = DELETE")
        connection.execute("BEGIN EXCLUSIVE")
        with pytest.raises(LibraryError, match="busy"):
            Previews(tmp_path, readonly=False)
        connection.execute("ROLLBACK")
    assert kept(tmp_path, "0") == bytes(3000)


def test_a_batch_of_previews_is_kept_whole_or_not_at_all(writer: Previews, tmp_path: Path) -> None:
    with pytest.raises(sqlite3.IntegrityError):
        writer.add([(hash_of("a"), 1, b"one"), (hash_of("b"), 1, None)])  # type: ignore[list-item]  # the mistake
    assert kept(tmp_path, "a") is None
    writer.add([(hash_of("a"), 1, b"one")])
    assert kept(tmp_path, "a") == b"one"
