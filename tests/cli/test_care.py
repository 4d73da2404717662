"""The commands that take care of a library, as they are typed."""

import json
import shutil
import sqlite3

import pytest

from tests.pictures import paint


@pytest.fixture
def library(tmp_path, imgfind, monkeypatch):
    """Return the folder of the default library, which holds two photos."""
    monkeypatch.setenv("IMGFIND_LIBRARY", str(tmp_path / "library"))
    for colour in ("red", "blue"):
        paint(tmp_path / "photos" / f"{colour}.jpg")
    assert imgfind("index", tmp_path / "photos").code == 0
    return tmp_path / "library"


def test_doctor_prints_a_table_and_ends_well_where_all_is_right(library, imgfind):
    outcome = imgfind("doctor")
    assert (outcome.code, outcome.err) == (0, "")
    assert [line.split()[1] for line in outcome.text.splitlines()[1:4]] == ["ok", "ok", "ok"]
    assert imgfind("doctor", "--json").json["ok"] is True


def test_doctor_names_what_is_broken_with_exit_code_1_and_repairs_it(library, imgfind):
    shutil.rmtree(library / "backups")
    outcome = imgfind("doctor")
    assert outcome.code == 1
    assert "there is no backup of the catalogue yet" in outcome.text
    assert outcome.err == "imgfind: 1 check of 16 found something broken; to mend it: imgfind doctor --repair\n"
    document = json.loads(imgfind("doctor", "--json").out)
    assert [check["name"] for check in document["checks"] if check["state"] == "broken"] == ["backup"]
    mended = imgfind("doctor", "--repair")
    assert (mended.code, mended.err) == (0, "")
    assert mended.text.startswith("repaired: made the backup catalog-")


def test_backup_and_restore_say_what_they_did(library, imgfind, tmp_path):
    assert imgfind("backup", tmp_path / "copy").text == f"The catalogue is copied to {tmp_path / 'copy'}.\n"
    again = imgfind("backup", tmp_path / "copy")
    assert (again.code, "--force" in again.err) == (2, True)
    assert imgfind("backup", "--force", tmp_path / "copy").code == 0
    paint(tmp_path / "photos" / "third.jpg")
    imgfind("index")
    outcome = imgfind("restore", tmp_path / "copy")
    assert (outcome.code, outcome.err) == (0, "")
    assert "It holds 2 photos (2 contents); before it was 3 photos (3 contents)." in outcome.text
    assert imgfind("restore", tmp_path / "copy", "--json").json["after"] == {"photos": 2, "contents": 2}
    assert imgfind("restore", tmp_path / "nothing").code == 1


def test_prune_says_what_goes(library, imgfind):
    assert imgfind("prune").text == "There is nothing to prune.\n"
    connection = sqlite3.connect(library / "catalog.sqlite3", isolation_level=None)
    connection.execute("DELETE FROM photos WHERE photo_id = 1")
    connection.execute("UPDATE contents SET vanished_at = '2020-01-01T00:00:00Z' WHERE content_id = 1")
    connection.close()
    assert imgfind("prune", "--dry-run").text == "Would delete 1 vanished content, 1 vector, 1 preview.\n"
    assert imgfind("prune", "--days", "1", "--json").json["contents"] == 1
    assert imgfind("prune", "--previews-cap", "0").text.startswith("Deleted 1 preview; ")


@pytest.mark.parametrize("size", ["many", "5B", "-1GB"])
def test_a_size_that_is_none_is_a_usage_error(imgfind, size):
    outcome = imgfind("prune", f"--previews-cap={size}")
    assert (outcome.code, "write it as in 500MB" in outcome.err) == (2, True)


def test_photos_are_exported_to_stdout_or_to_a_file(library, imgfind, tmp_path):
    lines = imgfind("export", "photos", "-").text.splitlines()
    assert (lines[0][:9], len(lines)) == ("path,uri,", 3)
    outcome = imgfind("export", "photos", "--format", "jsonl", tmp_path / "photos.jsonl")
    assert (outcome.code, outcome.out) == (0, b"")
    assert outcome.err == f"Wrote 2 photos to {tmp_path / 'photos.jsonl'}.\n"
    assert len((tmp_path / "photos.jsonl").read_text().splitlines()) == 2


def test_vectors_are_exported_to_a_file_only(library, imgfind, tmp_path):
    assert imgfind("export", "vectors", "-").code == 2
    assert imgfind("export", "vectors", tmp_path / "v.npy").err == f"Wrote 2 vectors to {tmp_path / 'v.npy'}.\n"


def test_status_tells_models_sizes_and_versions(library, imgfind):
    text = imgfind("status").text
    for part in ("models:   starter: 2 vectors, searched with, indexed with", "search: exact (2 vectors;", "sqlite"):
        assert part in text
