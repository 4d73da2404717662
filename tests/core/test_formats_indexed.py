"""Photos of all formats through a whole index run, and what happens around decoders that fail."""

import importlib.util
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO

import pytest

from imgfind.core import lock, reading
from imgfind.core.isolation import Workers
from imgfind.core.library import Library
from tests.fake_encoder import FakeEncoder
from tests.pictures import paint
from tests.raw_files import write_dng

CRASHING = """
import os, sys
from imgfind.core.isolation import receive, send
send(sys.stdout.buffer, {}, b"")
receive(sys.stdin.buffer)
os.abort()
"""


@pytest.fixture
def library(tmp_path: Path) -> Iterator[Library]:
    with Library(tmp_path / "library", load_encoder=FakeEncoder) as library:
        yield library


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    paint(tmp_path / "photos" / "a.jpg")
    return tmp_path / "photos"


@pytest.fixture
def isolated(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Return a list that grows by the suffix of every picture that is decoded in another process."""
    suffixes: list[str] = []
    original = Workers.ask

    def counting(
        self: Workers, request: dict[str, Any], source: BinaryIO, size_bytes: int
    ) -> tuple[dict[str, Any], bytes]:
        suffixes.append(request["suffix"])
        return original(self, request, source, size_bytes)

    monkeypatch.setattr(Workers, "ask", counting)
    return suffixes


def test_every_format_is_indexed_and_no_process_stays(
    library: Library, photos: Path, test_data: Path, isolated: list[str]
) -> None:
    for folder in ("heic", "jxl", "raw", "orientation"):
        shutil.copytree(test_data / "photos" / folder, photos / folder)
    write_dng(photos / "raw" / "small.dng")

    summary = library.index([str(photos)])

    assert set(isolated) == {".HEIC", ".heic", ".jxl", ".dng", ".rw2"}
    assert reading._workers._idle == []
    assert [Path(problem.path).name for problem in library.problems()] == ["unsupported.rw2"]
    assert summary.photos == 1 + 7 + 6 + 2 + 9
    found = library.show(str(photos / "heic" / "IMG_2927.HEIC"))
    assert (found.width_px, found.height_px, found.format) == (3024, 4032, "HEIF")  # type: ignore[union-attr]  # no problem
    assert (library.preview(str(photos / "jxl" / "splines.jxl")) or b"").startswith(b"\xff\xd8\xff")
    assert len(library.similar(str(photos / "heic" / "IMG_2927.HEIC"), 3)) == 3
    reading.end_workers()


def test_files_whose_plugin_was_missing_are_taken_in_once_it_is_there(
    library: Library, photos: Path, test_data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.copy(test_data / "photos" / "jxl" / "splines.jxl", photos)
    with monkeypatch.context() as patch:
        patch.setattr(importlib.util, "find_spec", lambda name: None)
        assert library.index([str(photos)]).problems == 1
        [problem] = library.problems()
        assert problem.reason.endswith("pip install 'imgfind[jxl]'")
        assert library.index().problems == 1

    assert library.index().encoded == 1
    assert library.problems() == []


def test_a_file_that_crashes_its_decoder_is_a_problem_until_it_changes(
    library: Library, photos: Path, test_data: Path, monkeypatch: pytest.MonkeyPatch, isolated: list[str]
) -> None:
    shutil.copy(test_data / "photos" / "heic" / "example.heic", photos / "b.heic")
    workers = Workers([sys.executable, "-c", CRASHING])
    with monkeypatch.context() as patch:
        patch.setattr(reading, "_workers", workers)
        summary = library.index([str(photos)])
    assert (summary.photos, summary.problems) == (1, 1)
    assert [problem.reason for problem in library.problems()] == ["its decoder crashed"]
    isolated.clear()

    assert library.index().problems == 0
    assert isolated == []

    shutil.copy(test_data / "photos" / "heic" / "cheers_1440x960.heic", photos / "b.heic")
    assert library.index().encoded == 1
    assert library.problems() == []


def test_after_a_run_that_died_every_file_is_decoded_in_another_process_once(
    library: Library, photos: Path, isolated: list[str]
) -> None:
    library.index([str(photos)])
    assert isolated == []
    # What a killed indexer, or one that crashed in a decoder, leaves behind.
    (library.folder / lock.PID_FILE).write_text("4711")
    paint(photos / "b.jpg")
    library.index()
    assert isolated == [".jpg"]
    paint(photos / "c.jpg")
    library.index()
    assert isolated == [".jpg"]
