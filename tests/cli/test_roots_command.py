"""The commands about folders, and the index that stays."""

import json
import os
import signal
import subprocess

import pytest

from imgfind.cli import commands
from imgfind.core import IndexSummary
from tests.command_line import child_command, child_environment
from tests.pictures import paint


@pytest.fixture
def photos(tmp_path):
    """Return a folder of three photos, one of them in a folder of its own."""
    for name in ("a.jpg", "b.jpg", "sub/c.jpg"):
        paint(tmp_path / "photos" / name)
    return tmp_path / "photos"


@pytest.fixture
def indexed(photos, imgfind):
    assert imgfind("index", photos).code == 0
    return photos


def test_roots_and_roots_list_are_the_same(indexed, imgfind):
    assert imgfind("roots").text == imgfind("roots", "list").text
    document = imgfind("roots", "--json").json
    assert document == imgfind("roots", "list", "--json").json == imgfind("roots", "--json", "list").json
    (root,) = document["roots"]
    assert (root["path"], root["uri"], root["photos"], root["state"]) == (str(indexed), indexed.as_uri(), 3, "online")
    assert "volume" in root


def test_folders_are_added_and_then_indexed(photos, imgfind):
    added = imgfind("roots", "add", photos)
    assert (added.code, added.text, added.err) == (0, f"Added {photos}.\n", "Read the photos with: imgfind index\n")
    again = imgfind("roots", "add", photos / "sub")
    assert (again.code, again.text) == (0, "")
    assert again.err == "Nothing to add: that is part of the library already; see: imgfind roots\n"
    assert imgfind("index").text.startswith("3 photos in the library: 3 encoded, in ")


def test_folders_are_removed_and_what_was_forgotten_is_told(indexed, imgfind):
    other = paint(indexed.parent / "other" / "x.jpg").parent
    imgfind("index", other)
    removed = imgfind("roots", "remove", indexed, other)
    assert (removed.code, removed.err) == (0, "")
    assert removed.text == f"Forgot {indexed} with 3 photos.\nForgot {other} with 1 photo.\n"
    assert imgfind("roots").err == "No folder yet; add one with: imgfind index FOLDER\n"
    assert imgfind("index", indexed).text.startswith("3 photos in the library: 3 known already, in ")


def test_a_folder_is_relocated(indexed, imgfind):
    new = indexed.rename(indexed.with_name("new"))
    moved = imgfind("roots", "relocate", indexed, new)
    assert (moved.code, moved.text) == (0, "3 photos relocated.\n")
    assert moved.err == "What has changed meanwhile is found by: imgfind index\n"
    assert imgfind("index").text.startswith("3 photos in the library: 3 files unchanged, in ")


def test_a_wrong_place_is_refused_unless_forced(indexed, imgfind, tmp_path):
    wrong = paint(tmp_path / "wrong" / "a.jpg").parent
    refused = imgfind("roots", "relocate", indexed, wrong)
    assert (refused.code, refused.text) == (1, "")
    assert refused.err.startswith(f"imgfind: Of 3 photos of {indexed} that were looked for, 0 are in {wrong} ")
    assert imgfind("roots", "relocate", "--force", indexed, wrong).code == 0


def test_lost_photos_are_forgotten_and_the_folder_stays(indexed, imgfind):
    indexed.rename(indexed.with_name("away"))
    imgfind("index")
    assert imgfind("roots", "forget", indexed / "sub").text == "Forgot 1 photo.\n"
    (root,) = imgfind("roots", "--json").json["roots"]
    assert (root["photos"], root["offline"], root["state"]) == (2, 2, "missing")


@pytest.mark.parametrize(
    "arguments",
    [
        ("add",),
        ("remove",),
        ("relocate", "a"),
        ("forget",),
        ("nonsense",),
        ("forget", "a", "b"),
        ("add", "a", "--json"),
    ],
)
def test_what_makes_no_sense_is_a_usage_error(imgfind, arguments):
    assert imgfind("roots", *arguments).code == 2


def test_a_drive_that_seems_to_be_elsewhere_is_told_with_the_command(indexed, imgfind, monkeypatch):
    found = IndexSummary("starter", offline=3, elsewhere=[("/old place", "/new place")])
    monkeypatch.setattr(commands.Library.func, "index", lambda *_: found)
    outcome = imgfind("index")
    assert outcome.err.splitlines()[0] == (
        "The drive of /old place seems to be at /new place now; if so, run:"
        " imgfind roots relocate '/old place' '/new place'"
    )
    document = json.loads(imgfind("index", "--progress", "json").err)
    assert document["elsewhere"] == [["/old place", "/new place"]]


# index --watch


@pytest.fixture
def watch(photos):
    """Return a function that starts ``imgfind index --watch`` as a child, which is ended in any case."""
    children = []

    def start(*options):
        child = subprocess.Popen(
            child_command("index", photos, "--watch", *options),
            env=child_environment(),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        children.append(child)
        return child

    yield start
    for child in children:
        child.kill()
        child.communicate()


@pytest.mark.skipif(os.name != "posix", reason="needs POSIX signals")
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_watch_tells_of_each_change_until_it_is_ended(photos, watch, imgfind, number):
    child = watch()
    assert child.stdout.readline().startswith("3 photos in the library: 3 encoded, in ")
    paint(photos / "new" / "d.jpg")
    assert child.stdout.readline().startswith("4 photos in the library: 1 encoded, ")
    (photos / "note.txt").write_text("no photo")
    (photos / "a.jpg").unlink()
    assert child.stdout.readline().startswith("3 photos in the library: 1 gone, ")
    # In between the library is anybody's.
    assert imgfind("index").text.startswith("3 photos in the library: 3 files unchanged, in ")
    child.send_signal(number)
    assert child.communicate() == ("", "")
    assert child.returncode == 0


@pytest.mark.skipif(os.name != "posix", reason="needs POSIX signals")
def test_a_watch_tells_programs_with_the_same_objects(photos, watch):
    child = watch("--progress", "json", "--watch-interval", "1")
    for expected in (3, 4):
        for line in child.stderr:
            record = json.loads(line)
            if record["stage"] == "done":
                break
        assert record["photos"] == expected
        paint(photos / "d.jpg")
    child.send_signal(signal.SIGTERM)
    child.communicate()
    assert child.returncode == 0
