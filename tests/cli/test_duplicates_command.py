"""``imgfind duplicates`` and ``imgfind compare``: what they find, say, remove and bring back."""

import os
import shutil
import signal
import subprocess

import pytest
from PIL import Image

from imgfind.core import trash
from tests.command_line import child_command, child_environment
from tests.pictures import age, paint

pytestmark = pytest.mark.skipif(not trash._HAS_NOTES, reason="knows where the trash of freedesktop.org is")


@pytest.fixture
def photos(tmp_path, skimage_photos):
    """Return a folder of a photo, the same bytes, a small one, and a part."""
    folder = tmp_path / "photos"
    folder.mkdir()
    with Image.open(skimage_photos / "astronaut.png") as image:
        picture = image.convert("RGB")
    picture.save(folder / "a.jpg", quality=95)
    shutil.copy2(folder / "a.jpg", folder / "b.jpg")
    picture.resize((256, 256)).save(folder / "small.jpg")
    picture.crop((60, 60, 450, 450)).save(folder / "part.jpg")
    for file in folder.iterdir():
        age(file, 100)
    return folder


@pytest.fixture
def indexed(photos, imgfind):
    assert imgfind("index", photos).code == 0
    return photos


def test_groups_are_listed_with_what_to_keep_and_why(indexed, imgfind):
    listed = imgfind("duplicates")
    assert (listed.code, listed.err) == (0, "")
    heading, keep, first, second, third, empty, total = listed.text.splitlines()
    sizes = {name: f"{(indexed / name).stat().st_size / 1000:.1f} KB" for name in os.listdir(indexed)}
    assert heading.startswith("cropped, similarity 0.9")
    assert heading.endswith(" to gain")
    assert keep.startswith(f"  keep  {indexed / 'a.jpg'} (512x512, {sizes['a.jpg']}): 512x512 against 256x256; ")
    assert first == f"        {indexed / 'b.jpg'} (512x512, {sizes['b.jpg']}): identical, 1.000"
    assert second.startswith(f"        {indexed / 'small.jpg'} (256x256, {sizes['small.jpg']}): re-encoded, 0.9")
    assert third.startswith(f"        {indexed / 'part.jpg'} (390x390, {sizes['part.jpg']}): cropped, 0.9")
    assert empty == ""
    assert total.startswith("1 group, 3 photos beside those to keep: ")


def test_programs_get_one_document(indexed, imgfind):
    (group,) = imgfind("duplicates", "--json").json["groups"]
    assert (group["label"], group["stage"], group["kept"]) == ("cropped", 6, str(indexed / "a.jpg"))
    kept, identical, small, part = group["members"]
    assert (kept["path"], kept["kept"], kept["similarity"]) == (group["kept"], True, 1.0)
    assert (identical["label"], identical["stage"], identical["similarity"]) == ("identical", 1, 1.0)
    assert (small["label"], small["width_px"], small["gain_bytes"]) == ("re-encoded", 256, small["size_bytes"])
    assert (part["stage"], part["orientation"], part["left_alone"]) == (6, 1, None)
    assert part["area"] == pytest.approx((390 / 512) ** 2, abs=0.02)
    assert part["uri"] == (indexed / "part.jpg").as_uri()


@pytest.mark.parametrize(
    ("stages", "names"),
    [
        (["--stage", "1"], {"a.jpg", "b.jpg"}),
        (["--stage", "identical,cropped"], {"a.jpg", "b.jpg", "part.jpg"}),
        (["--stage", "1-3"], {"a.jpg", "b.jpg", "small.jpg"}),
        (["--stage", "1", "--stage", "re-encoded"], {"a.jpg", "b.jpg", "small.jpg"}),
        (["--stage", "same-scene"], set()),
        (["--stage", "all", "--min-similarity", "1"], {"a.jpg", "b.jpg"}),
    ],
)
def test_stages_and_similarity_narrow_the_list(indexed, imgfind, stages, names):
    groups = imgfind("duplicates", "--json", *stages).json["groups"]
    assert {os.path.basename(member["path"]) for group in groups for member in group["members"]} == names


def test_a_folder_narrows_the_list_to_what_is_below_it(indexed, imgfind):
    (indexed / "sub").mkdir()
    (indexed / "part.jpg").rename(indexed / "sub" / "part.jpg")
    shutil.copy2(indexed / "a.jpg", indexed / "sub" / "c.jpg")
    imgfind("index")
    (group,) = imgfind("duplicates", "--json", indexed / "sub").json["groups"]
    assert [os.path.basename(member["path"]) for member in group["members"]] == ["c.jpg", "part.jpg"]


def test_rules_say_what_to_keep(indexed, imgfind, own_home):
    (own_home / "best").mkdir()
    shutil.copy2(indexed / "a.jpg", own_home / "best" / "c.jpg")
    imgfind("index", own_home / "best")
    (group,) = imgfind("duplicates", "--json", "--stage", "1", "--prefer", "in:~/best").json["groups"]
    assert (os.path.basename(group["kept"]), group["reason"].split(";")[0]) == ("c.jpg", "in best")
    (group,) = imgfind("duplicates", "--json", "--stage", "1-3", "--prefer", "smaller").json["groups"]
    assert os.path.basename(group["kept"]) == "small.jpg"
    refused = imgfind("duplicates", "--prefer", "best")
    assert refused.code == 2
    assert "'best' is no rule; name in:FOLDER, type:FORMAT, larger, smaller, oldest, newest." in refused.err


def test_removing_needs_the_word_and_takes_only_safe_stages(indexed, imgfind):
    shown = imgfind("duplicates", "--remove")
    assert (shown.code, shown.err) == (0, "To move them to the trash, add: --yes\n")
    assert shown.text.splitlines()[-1].startswith("2 photos would go, ")
    assert len(os.listdir(indexed)) == 4
    document = imgfind("duplicates", "--remove", "--json").json
    assert (document["dry_run"], len(document["going"]), document["failed"]) == (True, 2, [])

    removed = imgfind("duplicates", "--remove", "--yes")
    assert (removed.code, removed.text) == (0, "Moved 2 photos to the trash.\n")
    assert removed.err == "To put back what was moved: imgfind duplicates --undo\n"
    assert sorted(os.listdir(indexed)) == ["a.jpg", "part.jpg"]
    assert imgfind("duplicates", "--remove", "--yes").text == "Moved 0 photos to the trash.\n"

    back = imgfind("duplicates", "--undo")
    assert (back.code, back.text) == (0, "Put back 2 photos.\n")
    assert len(os.listdir(indexed)) == 4
    assert imgfind("duplicates", "--undo").code == 1


def test_programs_are_told_what_went(indexed, imgfind):
    document = imgfind("duplicates", "--remove", "--yes", "--stage", "1-6", "--json").json
    assert (document["dry_run"], document["trashed"], document["deleted"], document["failed"]) == (False, 3, 0, [])
    assert imgfind("duplicates", "--undo", "--json").json == {"batch": document["batch"], "restored": 3, "failed": []}


def test_what_is_left_alone_is_told(indexed, imgfind):
    (indexed / "small.MOV").write_bytes(b"a film")
    shown = imgfind("duplicates", "--remove")
    assert f"Left alone: {indexed / 'small.jpg'}, for it belongs to the film of a Live Photo" in shown.err
    assert shown.text.splitlines()[-1].startswith("1 photo would go, ")
    pairs = imgfind("duplicates", "--remove", "--pairs", "--json").json
    assert (len(pairs["going"]), pairs["failed"]) == (2, [])
    removed = imgfind("duplicates", "--remove", "--yes", "--json").json
    assert (removed["trashed"], [os.path.basename(stayed["path"]) for stayed in removed["failed"]]) == (
        1,
        ["small.jpg"],
    )


def test_where_a_drive_has_no_trash_it_asks_for_the_word(indexed, imgfind, monkeypatch):
    def move(path):
        raise trash.TrashError("it stays", "there is no trash for its drive")

    monkeypatch.setattr(trash, "move", move)
    refused = imgfind("duplicates", "--remove", "--yes")
    assert (refused.code, refused.text) == (1, "Moved 0 photos to the trash.\n")
    assert refused.err.splitlines()[0] == "What has no trash can be deleted for good: add --permanent"
    assert refused.err.splitlines()[-1] == "imgfind: 2 photos were left alone."
    deleted = imgfind("duplicates", "--remove", "--yes", "--permanent")
    assert (deleted.code, deleted.text) == (0, "Deleted 2 photos for good.\nMoved 0 photos to the trash.\n")
    assert sorted(os.listdir(indexed)) == ["a.jpg", "part.jpg"]


def test_what_has_a_trash_is_not_offered_for_good(indexed, imgfind):
    imgfind("duplicates")
    shutil.copy(indexed / "part.jpg", indexed / "b.jpg")
    changed = imgfind("duplicates", "--remove", "--yes")
    assert changed.code == 1
    assert "it has changed since it was indexed" in changed.err
    assert "--permanent" not in changed.err


@pytest.mark.parametrize(
    "arguments",
    [
        ("--undo", "--remove"),
        ("--undo", "folder"),
        ("--yes",),
        ("--permanent",),
        ("--update", "--remove"),
        ("--remove", "--stage", "all"),
        ("--stage", "8"),
        ("--stage", "3-1", "--min-similarity", "2"),
    ],
)
def test_what_makes_no_sense_is_refused(indexed, imgfind, arguments):
    refused = imgfind("duplicates", *arguments)
    assert (refused.code, refused.text) == (2, "")
    assert len(os.listdir(indexed)) == 4


def test_programs_can_have_it_done_in_the_background_and_watch(indexed, imgfind):
    done = imgfind("duplicates", "--update", "--progress", "json")
    assert done.code == 0
    assert '"stage": "comparing"' in done.err
    assert '"stage": "done"' in done.err.splitlines()[-1]
    assert imgfind("duplicates", "--update", "--json").json["compared"] == 0


def test_where_nothing_is_found_it_says_so(tmp_path, imgfind):
    missing = imgfind("duplicates")
    assert missing.code == 1
    assert "There is no imgfind library" in missing.err
    paint(tmp_path / "photos" / "a.jpg")
    imgfind("index", tmp_path / "photos")
    found = imgfind("duplicates")
    assert (found.code, found.text, found.err) == (0, "", "No duplicates were found.\n")
    below = imgfind("duplicates", tmp_path)
    assert below.err == f"No duplicates were found below {tmp_path}; see: imgfind roots\n"


def test_what_a_crash_left_is_told_at_the_next_call(indexed, imgfind):
    imgfind("duplicates", "--update")
    prelude = """
from imgfind.core.store import removals
removals.note_trashed = lambda *_: os.kill(os.getpid(), signal.SIGKILL)
"""
    command = child_command("duplicates", "--remove", "--yes", prelude=prelude)
    assert subprocess.run(command, env=child_environment(), check=False).returncode == -signal.SIGKILL
    back = imgfind("duplicates", "--undo")
    assert (back.code, back.text) == (0, "Put back 1 photo.\n")
    assert "went to the trash as imgfind was stopped; that can be undone." in back.err


# Compare


def test_two_files_are_compared_wherever_they_are(photos, imgfind):
    same = imgfind("compare", photos / "a.jpg", photos / "b.jpg")
    assert (same.code, same.err) == (0, "")
    assert same.text.splitlines() == [
        "The same picture (stage 1, identical): the same bytes (similarity 1.000, 100% of the area in common).",
        f"  {photos / 'a.jpg'} (512x512)",
        f"  {photos / 'b.jpg'} (512x512)",
    ]
    resized = imgfind("compare", photos / "a.jpg", photos / "small.jpg", "--json").json
    assert (resized["same"], resized["label"], resized["stage"], resized["reason"]) == (
        True,
        "re-encoded",
        3,
        "resized",
    )
    assert (resized["a"]["width_px"], resized["b"]["path"]) == (512, str(photos / "small.jpg"))
    assert imgfind("compare", photos / "a.jpg", photos / "a.jpg", "--json").json["reason"] == "one file"


def test_different_pictures_are_told_apart(photos, imgfind, skimage_photos):
    other = imgfind("compare", photos / "a.jpg", skimage_photos / "coffee.png")
    assert (other.code, other.text.splitlines()[0]) == (0, "Different pictures.")
    document = imgfind("compare", "--json", photos / "a.jpg", skimage_photos / "coffee.png").json
    assert (document["same"], document["label"], document["stage"]) == (False, None, None)


def test_both_can_be_saved_side_by_side(photos, imgfind, tmp_path):
    assert imgfind("compare", photos / "a.jpg", photos / "small.jpg", "--save", tmp_path / "both.png").code == 0
    with Image.open(tmp_path / "both.png") as sheet:
        assert (sheet.format, sheet.size) == ("PNG", (256 + 16 + 256, 256))
    again = imgfind("compare", photos / "a.jpg", photos / "small.jpg", "--save", tmp_path / "both.png")
    assert (again.code, again.text) == (1, "")
    assert "is there already; name another file." in again.err


def test_what_is_no_picture_cannot_be_compared(photos, imgfind, tmp_path):
    (tmp_path / "text.jpg").write_text("no picture")
    refused = imgfind("compare", photos / "a.jpg", tmp_path / "text.jpg")
    assert (refused.code, refused.text) == (1, "")
    assert "text.jpg' cannot be compared: " in refused.err
    gone = imgfind("compare", photos / "a.jpg", tmp_path / "nowhere.jpg")
    assert (gone.code, gone.err) == (
        1,
        f"imgfind: '{tmp_path / 'nowhere.jpg'}' cannot be compared: there is no such file.\n",
    )
    folder = imgfind("compare", photos, photos / "a.jpg")
    assert (folder.code, folder.err) == (1, f"imgfind: '{photos}' cannot be compared: it is no file.\n")
