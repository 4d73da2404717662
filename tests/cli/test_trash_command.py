"""``imgfind trash``: photos into the trash and back from the command line."""

import os
import signal
import subprocess

import pytest

from imgfind.core import trash
from tests.command_line import child_command, child_environment
from tests.pictures import paint

pytestmark = pytest.mark.skipif(not trash._HAS_NOTES, reason="knows where the trash of freedesktop.org is")


@pytest.fixture
def photos(tmp_path, imgfind):
    """Return an indexed folder of three photos."""
    for name in ("a.jpg", "b.jpg", "no text \udcff.jpg"):
        paint(tmp_path / "photos" / name)
    assert imgfind("index", tmp_path / "photos").code == 0
    return tmp_path / "photos"


def test_photos_go_and_come_back(photos, imgfind):
    moved = imgfind("trash", photos / "a.jpg", photos / "b.jpg")
    assert (moved.code, moved.text) == (0, "Moved 2 photos to the trash.\n")
    assert moved.err == "To put back what was moved: imgfind trash --undo\n"
    assert os.listdir(photos) == ["no text \udcff.jpg"]
    assert imgfind("show", photos / "a.jpg").code == 1

    back = imgfind("trash", "--undo")
    assert (back.code, back.text, back.err) == (0, "Put back 2 photos.\n", "")
    assert (photos / "a.jpg").exists()
    assert imgfind("show", photos / "a.jpg").code == 0

    nothing = imgfind("trash", "--undo")
    assert (nothing.code, nothing.text, nothing.err) == (1, "", "imgfind: There is nothing to put back.\n")


def test_programs_are_told_the_same(photos, imgfind):
    moved = imgfind("trash", "--json", photos / "no text \udcff.jpg").json
    assert (moved["trashed"], moved["failed"]) == (1, [])
    back = imgfind("trash", "--undo", "--json").json
    assert back == {"batch": moved["batch"], "restored": 1, "failed": []}


def test_what_is_left_alone_is_told_and_the_rest_goes(photos, imgfind):
    os.utime(photos / "a.jpg", (1, 1))
    moved = imgfind("trash", photos / "a.jpg", photos / "b.jpg")
    assert (moved.code, moved.text) == (1, "Moved 1 photo to the trash.\n")
    assert moved.err.splitlines()[1:] == [
        f"{photos / 'a.jpg'}: it has changed since it was indexed",
        "imgfind: 1 photo was left alone.",
    ]
    document = imgfind("trash", "--json", photos / "a.jpg")
    assert document.code == 1
    assert b'"batch": null' in document.out
    assert b'"reason": "it has changed since it was indexed"' in document.out


def test_what_is_no_photo_stops_it_before_anything_moves(photos, imgfind, tmp_path):
    refused = imgfind("trash", photos / "a.jpg", tmp_path / "other.jpg")
    assert refused.code == 1
    assert "other.jpg' is not in the library; " in refused.err
    assert (photos / "a.jpg").exists()


@pytest.mark.parametrize("arguments", [(), ("a.jpg", "--undo")])
def test_either_photos_or_undo(imgfind, arguments):
    refused = imgfind("trash", *arguments)
    assert (refused.code, refused.err) == (2, "imgfind: Name photos, or --undo; see: imgfind trash --help\n")


def test_what_a_crash_left_is_told_at_the_next_call(photos, imgfind):
    prelude = """
from imgfind.core.store import removals
removals.note_trashed = lambda *_: os.kill(os.getpid(), signal.SIGKILL)
"""
    command = child_command("trash", photos / "a.jpg", prelude=prelude)
    assert subprocess.run(command, env=child_environment(), check=False).returncode == -signal.SIGKILL

    back = imgfind("trash", "--undo")

    assert (back.code, back.text) == (0, "Put back 1 photo.\n")
    assert back.err == f"'{photos / 'a.jpg'}' went to the trash as imgfind was stopped; that can be undone.\n"


def test_a_signal_ends_it_and_says_how_to_go_back(photos):
    prelude = """
from imgfind.core import trash
def move(path, move=trash.move):
    os.kill(os.getpid(), signal.SIGINT)
    return move(path)
trash.move = move
"""
    command = child_command("trash", photos / "a.jpg", photos / "b.jpg", prelude=prelude)
    done = subprocess.run(command, env=child_environment(), check=False, capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (130, "")
    assert "Stopped. What was moved can be put back with: imgfind trash --undo" in done.stderr
    assert sorted(os.listdir(photos)) == ["b.jpg", "no text \udcff.jpg"]
