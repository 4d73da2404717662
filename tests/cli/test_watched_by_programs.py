"""Commands as another program runs them: errors as JSON lines, a reader that goes away, and low priority."""

import json
import os
import sqlite3
import subprocess

import pytest

from tests.command_line import child_command, child_environment, run_child
from tests.pictures import paint


@pytest.fixture
def photos(tmp_path):
    for name in ("red", "green", "blue"):
        paint(tmp_path / "photos" / f"{name}.jpg")
    (tmp_path / "photos" / "bad.jpg").write_text("x")
    return tmp_path / "photos"


def json_lines(text):
    return [json.loads(line) for line in text.splitlines() if line.startswith("{")]


def test_an_error_is_a_json_line_too(tmp_path, imgfind):
    outcome = imgfind("index", tmp_path / "missing", "--progress", "json")
    assert outcome.code == 1
    [told] = json_lines(outcome.err)
    assert told["stage"] == "error"
    assert told["error"] == "ImgfindError"
    assert "does not exist" in told["message"]
    assert outcome.err.splitlines()[-1] == f"imgfind: {told['message']}"


def test_without_json_an_error_is_one_line(tmp_path, imgfind):
    assert len(imgfind("index", tmp_path / "missing").err.splitlines()) == 1


def test_a_library_that_is_being_indexed_is_told_by_the_name_of_the_error(photos, tmp_path, imgfind):
    from imgfind.core import lock

    library = tmp_path / "library"
    assert imgfind("index", photos, "--library", library).code == 0
    with lock.held(library):
        outcome = run_child("index", "--library", library, "--progress", "json")
    assert outcome.code == 1
    assert json_lines(outcome.err)[-1]["error"] == "LibraryBusyError"


def test_a_download_that_fails_is_a_json_line_too(imgfind, own_home):
    outcome = imgfind("models", "download", "no-such-model", "--progress", "json")
    assert outcome.code == 1
    assert [(told["stage"], told["error"]) for told in json_lines(outcome.err)] == [("error", "ModelError")]


@pytest.mark.skipif(os.name != "posix", reason="needs POSIX pipes")
def test_a_reader_that_goes_away_stops_nothing(photos, tmp_path):
    library = tmp_path / "library"
    ours, theirs = os.pipe()
    child = subprocess.Popen(
        child_command("index", photos, "--library", library, "--progress", "json"),
        env=child_environment(),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=theirs,
    )
    os.close(theirs)
    assert os.read(ours, 1)
    os.close(ours)

    assert child.wait(120) == 0
    with sqlite3.connect(library / "catalog.sqlite3") as database:
        assert database.execute("SELECT count(*) FROM photos").fetchone() == (3,)
    database.close()


@pytest.mark.skipif(os.name != "posix", reason="needs POSIX pipes")
def test_an_error_nobody_reads_is_still_an_exit_code(tmp_path):
    ours, theirs = os.pipe()
    os.close(ours)
    outcome = run_child("index", tmp_path / "missing", "--progress", "json", stderr=theirs)
    os.close(theirs)
    assert outcome.code == 1


@pytest.mark.skipif(os.name != "posix", reason="needs nice values")
@pytest.mark.parametrize(("options", "lower"), [([], 0), (["--background"], 10)])
def test_in_the_background_all_other_programs_go_first(photos, options, lower):
    prelude = """
class Encoder(Encoder):
    def encode_images(self, batch):
        print("nice", os.nice(0), file=sys.stderr)
        return super().encode_images(batch)
"""
    outcome = run_child("index", photos, *options, prelude=prelude)
    assert outcome.code == 0
    assert f"nice {min(19, os.nice(0) + lower)}\n" in outcome.err
