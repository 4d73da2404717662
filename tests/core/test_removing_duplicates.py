"""Duplicates into the trash: nothing goes unless the photo to keep is there, and whatever went can come back."""

import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from imgfind.core import trash
from imgfind.core.deduplicating import VERDICT_VERSION
from imgfind.core.errors import LibraryBusyError, TrashError
from imgfind.core.grouping import Group
from imgfind.core.indexing import IndexOptions
from imgfind.core.library import Library
from imgfind.core.lock import removing
from imgfind.core.records import Label, Verdict
from imgfind.core.removing import Removal
from imgfind.core.store import duplicates as noted
from tests.command_line import child_environment
from tests.fake_encoder import FakeEncoder
from tests.pictures import age, paint

pytestmark = pytest.mark.skipif(not trash._HAS_NOTES, reason="knows where the trash of freedesktop.org is")

NAMES = ("a.jpg", "b.jpg", "c.jpg")


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    """Return a folder with a photo and two copies of it."""
    original = paint(tmp_path / "photos" / "a.jpg")
    age(original, 100)
    for name in NAMES[1:]:
        shutil.copy2(original, tmp_path / "photos" / name)
    return tmp_path / "photos"


@pytest.fixture
def library(tmp_path: Path, photos: Path) -> Iterator[Library]:
    with Library(tmp_path / "library", load_encoder=FakeEncoder) as opened:
        opened.index([str(photos)])
        yield opened


def remove(library: Library, groups: list[Group] | None = None, **options: bool) -> Removal:
    return library.duplicates.remove(library.duplicates.groups() if groups is None else groups, **options)


def rows(library: Library, table: str = "photos") -> list[tuple]:
    return library._store().database.rows(f"SELECT * FROM {table} ORDER BY 1")


def states(library: Library) -> list[str]:
    return [state for (state,) in library._store().database.rows("SELECT state FROM removals ORDER BY removal_id")]


def reasons(problems: list) -> dict[str, str]:
    return {os.path.basename(problem.path): problem.reason for problem in problems}


def say(library: Library, verdicts: dict) -> None:
    """Note verdicts on pairs of contents."""
    with library._access.noting() as store:
        noted.save_verdicts(store.database, VERDICT_VERSION, verdicts)


def test_all_but_the_kept_one_go_and_come_back_even_after_a_restart(library: Library, photos: Path) -> None:
    before = rows(library)
    (group,) = library.duplicates.groups()
    plan = library.duplicates.plan([group])
    assert plan.gain_bytes == group.gain_bytes == 2 * group.kept.size_bytes
    assert (len(plan.going), plan.left_alone) == (2, [])

    removal = remove(library, [group])

    assert (removal.trashed, removal.deleted, removal.failed) == (2, 0, [])
    assert os.listdir(photos) == ["a.jpg"]
    assert library.duplicates.groups() == []
    library.close()
    with Library(library.folder, load_encoder=FakeEncoder) as later:
        assert later.removing.undo(later.removing.last_batch()).restored == 2
        assert rows(later) == before
        assert later.duplicates.groups() == [group]


def test_ten_thousand_identical_files_are_one_group_of_which_any_number_can_go(library: Library, photos: Path) -> None:
    for number in range(9_997):
        shutil.copy2(photos / "a.jpg", photos / f"a ({number}).jpg")
    library.index()
    (group,) = library.duplicates.groups()
    assert os.path.basename(group.kept.path) == "a.jpg"
    assert len(group.members) == 9_999
    assert group.gain_bytes == 9_999 * group.kept.size_bytes

    removal = remove(library, [replace(group, members=group.members[:2_000])])

    assert (removal.trashed, removal.failed) == (2_000, [])
    assert len(os.listdir(photos)) == 8_000
    assert len(library.duplicates.groups()[0].members) == 7_999


@pytest.mark.parametrize("changed", ["bytes", "stamp", "gone"])
def test_a_kept_photo_that_is_not_as_indexed_protects_all_others(library: Library, photos: Path, changed: str) -> None:
    (group,) = library.duplicates.groups()
    kept = Path(group.kept.path)
    stat = kept.stat()
    if changed == "bytes":
        kept.write_bytes(kept.read_bytes()[:-1] + b"x")
        os.utime(kept, ns=(stat.st_atime_ns, stat.st_mtime_ns))
    elif changed == "stamp":
        os.utime(kept)
    else:
        kept.unlink()
    removal = remove(library, [group])
    assert removal.trashed == 0
    first, second = removal.failed
    assert first.reason.startswith("of the photo to keep, ")
    assert second.reason == "the photo to keep cannot be relied on"
    assert states(library) == []


def test_a_member_that_has_changed_since_stays_and_the_others_go(library: Library, photos: Path) -> None:
    (group,) = library.duplicates.groups()
    paint(photos / "b.jpg", (0, 0, 255))
    removal = remove(library, [group])
    assert (removal.trashed, reasons(removal.failed)) == (1, {"b.jpg": "it has changed since it was indexed"})
    assert sorted(os.listdir(photos)) == ["a.jpg", "b.jpg"]


def test_what_was_indexed_anew_is_no_longer_of_the_group(library: Library, photos: Path) -> None:
    (group,) = library.duplicates.groups()
    paint(photos / "b.jpg", (0, 0, 255))
    library.index()
    plan = library.duplicates.plan([group])
    assert reasons(plan.left_alone) == {"b.jpg": "it has changed since it was compared"}
    (photos / "c.jpg").unlink()
    paint(photos / "a.jpg", (0, 255, 0))
    library.index()
    plan = library.duplicates.plan([group])
    assert (plan.going, len(plan.left_alone)) == ([], 2)


def test_one_file_that_two_roots_lead_to_is_never_removed(library: Library, photos: Path, tmp_path: Path) -> None:
    shutil.copytree(photos, tmp_path / "mirror", copy_function=shutil.copy2)
    library.index([str(tmp_path / "mirror")])
    (group,) = library.duplicates.groups()
    assert len(group.members) == 5
    shutil.rmtree(tmp_path / "mirror")
    (tmp_path / "mirror").symlink_to(photos)  # what was a copy is now the same folder

    removal = remove(library, [group])

    kept = Path(group.kept.path)
    assert kept.exists()
    assert reasons(removal.failed)[kept.name] == "it is the photo to keep, reached another way"
    assert removal.trashed == 2, "the other two names, once each"
    library.removing.undo(removal.batch)
    assert sorted(os.listdir(photos)) == list(NAMES)


def test_what_takes_the_kept_photo_along_comes_back_at_once_and_nothing_more_goes(
    library: Library, photos: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As where one folder is mounted at two places, which only shows behind the removal."""
    (group,) = library.duplicates.groups()
    kept = Path(group.kept.path)
    away = kept.with_name(".away")

    def move(path: str, move=trash.move) -> str:
        kept.rename(away)
        return move(path)

    def put_back(trashed_to: str, path: str, put_back=trash.put_back) -> None:
        away.rename(kept)
        put_back(trashed_to, path)

    before = rows(library)
    monkeypatch.setattr(trash, "move", move)
    monkeypatch.setattr(trash, "put_back", put_back)
    removal = remove(library, [group])
    assert (removal.trashed, states(library)) == (0, ["failed"])
    first, second = removal.failed
    assert first.reason == "the photo to keep was gone behind it, so it was put back"
    assert second.reason == "the photo to keep cannot be relied on"
    assert sorted(os.listdir(photos)) == list(NAMES)
    assert rows(library) == before


def test_what_cannot_be_put_back_at_once_can_be_undone_later(
    library: Library, photos: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (group,) = library.duplicates.groups()

    def move(path: str, move=trash.move) -> str:
        Path(group.kept.path).unlink(missing_ok=True)
        return move(path)

    def put_back(trashed_to: str, path: str) -> None:
        raise TrashError("not now", "not now")

    with monkeypatch.context() as patch:
        patch.setattr(trash, "move", move)
        patch.setattr(trash, "put_back", put_back)
        removal = remove(library, [group])
    assert removal.failed[0].reason == "the photo to keep was gone behind it, and putting it back failed: not now"
    assert library.removing.undo(library.removing.last_batch()).restored == 1


def test_hard_links_may_go_and_gain_nothing(library: Library, photos: Path) -> None:
    (photos / "b.jpg").unlink()
    os.link(photos / "a.jpg", photos / "b.jpg")
    (group,) = library.duplicates.groups()
    gains = {os.path.basename(member.photo.path): member.gain_bytes for member in group.members}
    assert gains == {"b.jpg": 0, "c.jpg": group.kept.size_bytes}
    assert remove(library, [group]).trashed == 2
    assert (photos / "a.jpg").exists()


def test_a_link_to_the_kept_photo_may_go_but_not_what_a_kept_link_leads_to(library: Library, photos: Path) -> None:
    (photos / "b.jpg").unlink()
    (photos / "b.jpg").symlink_to("a.jpg")
    (group,) = library.duplicates.groups()
    link = next(member for member in group.members if member.photo.path.endswith("b.jpg"))
    file = next(member for member in group.members if member.photo.path.endswith("c.jpg"))
    target = Group(link.photo, (), (replace(link, photo=group.kept), file))
    removal = remove(library, [target])
    assert reasons(removal.failed) == {"a.jpg": "it is the photo to keep, reached another way"}
    assert remove(library, [replace(group, members=(link,))]).trashed == 1
    assert (photos / "a.jpg").exists()


def test_a_photo_that_is_kept_in_one_group_does_not_go_in_another(library: Library, photos: Path) -> None:
    paint(photos / "d.jpg", (9, 9, 9), (48, 36))
    paint(photos / "e.jpg", (90, 9, 9), (32, 24))
    for name in NAMES[1:]:
        (photos / name).unlink()
    library.index(options=IndexOptions(confirm_missing=True))
    a, d, e = (content for (content,) in library._store().database.rows("SELECT content_id FROM photos ORDER BY path"))
    say(library, {(a, d): Verdict(Label.CROPPED), (d, e): Verdict(Label.CROPPED), (a, e): Verdict(None)})
    groups = library.duplicates.groups()
    assert len(groups) == 2
    kept = {os.path.basename(group.kept.path) for group in groups}
    (shared,) = kept & {os.path.basename(m.photo.path) for group in groups for m in group.members}
    assert shared == "d.jpg"

    removal = remove(library, groups)

    assert removal.trashed == 1
    assert reasons(library.duplicates.plan(groups).left_alone)["d.jpg"] == "it is kept in another group"
    assert {*kept, shared} <= set(os.listdir(photos))
    assert library.removing.undo(removal.batch).restored == 1


def test_what_two_groups_would_remove_goes_once(library: Library, photos: Path) -> None:
    (group,) = library.duplicates.groups()
    removal = remove(library, [group, group])
    assert (removal.trashed, removal.failed) == (2, [])


def test_nothing_goes_that_was_not_found_to_be_alike(library: Library, photos: Path) -> None:
    paint(photos / "d.jpg", (0, 255, 0))
    library.index()
    (group,) = library.duplicates.groups()
    content = library._store().database.value("SELECT max(content_id) FROM contents")
    photo_id = library._store().database.value("SELECT photo_id FROM photos WHERE content_id = ?", (content,))
    stranger = replace(group.members[0].photo, content_id=content, photo_id=photo_id, path=str(photos / "d.jpg"))
    made_up = replace(group, members=(replace(group.members[0], photo=stranger),))
    assert remove(library, [made_up]).trashed == 0
    assert reasons(library.duplicates.plan([made_up]).left_alone) == {
        "d.jpg": "it was not found to be like the photo to keep"
    }


def test_offline_photos_stay(library: Library, photos: Path, tmp_path: Path) -> None:
    shutil.copytree(photos, tmp_path / "drive", copy_function=shutil.copy2)
    library.index([str(tmp_path / "drive")])
    (tmp_path / "drive").rename(tmp_path / "away")
    library.index()
    (group,) = library.duplicates.groups()
    assert group.kept.path.startswith(str(photos))
    assert [str(member.left_alone) for member in group.members].count("it is offline") == 3
    assert remove(library, [group]).trashed == 2


def test_one_process_removes_at_a_time(library: Library) -> None:
    groups = library.duplicates.groups()
    with removing(library.folder), pytest.raises(LibraryBusyError):
        remove(library, groups)


# Drives without a trash


@pytest.fixture
def no_trash(monkeypatch: pytest.MonkeyPatch) -> None:
    def move(path: str) -> str:
        raise TrashError("it stays", "there is no trash for its drive")

    monkeypatch.setattr(trash, "move", move)


@pytest.mark.usefixtures("no_trash")
def test_where_there_is_no_trash_nothing_goes_without_the_word(library: Library, photos: Path) -> None:
    removal = remove(library)
    assert reasons(removal.failed) == dict.fromkeys(("b.jpg", "c.jpg"), "there is no trash for its drive")
    assert sorted(os.listdir(photos)) == list(NAMES)

    removal = remove(library, permanent=True)

    assert (removal.trashed, removal.deleted, removal.failed) == (0, 2, [])
    assert os.listdir(photos) == ["a.jpg"]
    assert len(rows(library)) == 1
    assert library.removing.last_batch() is None, "there is nothing to undo"
    assert library.removing.recover() == []


def test_where_there_is_a_trash_nothing_is_deleted_for_good(library: Library) -> None:
    removal = remove(library, permanent=True)
    assert (removal.trashed, removal.deleted) == (2, 0)
    assert library.removing.undo(removal.batch).restored == 2


@pytest.mark.usefixtures("no_trash")
def test_a_file_is_only_deleted_when_the_kept_one_is_still_there_without_it(
    library: Library, photos: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (group,) = library.duplicates.groups()
    kept = Path(group.kept.path)

    def rename(source: str, target: str, rename=os.rename) -> None:
        rename(source, target)
        if ".imgfind-" in os.fspath(target):
            kept.unlink()

    monkeypatch.setattr(os, "rename", rename)
    removal = remove(library, [group], permanent=True)
    assert (removal.deleted, len(removal.failed)) == (0, 2)
    assert sorted(os.listdir(photos)) == ["b.jpg", "c.jpg"]


@pytest.mark.usefixtures("no_trash")
def test_a_file_that_cannot_be_deleted_stays(library: Library, photos: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def unlink(path: str, unlink=os.unlink) -> None:
        if ".imgfind-" in os.fspath(path) and not path.endswith("jpg"):
            monkeypatch.setattr(os, "unlink", unlink)
            raise PermissionError(1, "Operation not permitted")
        unlink(path)

    monkeypatch.setattr(os, "unlink", unlink)
    removal = remove(library, permanent=True)
    assert reasons(removal.failed) == {"b.jpg": "it cannot be deleted (Operation not permitted)"}
    assert sorted(os.listdir(photos)) == ["a.jpg", "b.jpg"]
    assert len(rows(library)) == 2


# Crashes

KILLED = """
import os, signal, sys
from imgfind.core import removing, trash
from imgfind.core.errors import TrashError
from imgfind.core.library import Library
from imgfind.core.store import removals
from tests.fake_encoder import FakeEncoder
folder, moment, how = sys.argv[1:]
def before(call):
    return lambda *arguments, **options: os.kill(os.getpid(), signal.SIGKILL)
def after(call):
    def wrapped(*arguments, **options):
        call(*arguments, **options)
        os.kill(os.getpid(), signal.SIGKILL)
    return wrapped
def no_trash(path):
    raise TrashError("it stays", "there is no trash for its drive")
if how == "permanent":
    trash.move = no_trash
when, place, name = moment.split()
owner = {"os": os, "trash": trash, "removals": removals, "removing": removing}[place]
with Library(folder, load_encoder=FakeEncoder) as library:
    groups = library.duplicates.groups()
    setattr(owner, name, {"before": before, "after": after}[when](getattr(owner, name)))
    library.duplicates.remove(groups, permanent=how == "permanent")
"""


def killed(library: Library, moment: str, how: str = "trash") -> None:
    """Remove the duplicates in a process that is killed at that moment."""
    library.close()
    command = [sys.executable, "-c", KILLED, library.folder, moment, how]
    done = subprocess.run(command, env=child_environment(), check=False, capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (-signal.SIGKILL, "")


@pytest.mark.parametrize("kept", ["there", "gone"])
@pytest.mark.parametrize(
    ("moment", "went"),
    [
        ("before trash move", False),
        ("after trash move", True),
        ("before removing _is_there", True),
        ("before removals note_trashed", True),
    ],
)
def test_a_removal_that_is_killed_is_finished_only_if_the_kept_photo_is_there(
    library: Library, photos: Path, moment: str, kept: str, *, went: bool
) -> None:
    (group,) = library.duplicates.groups()
    before, first = rows(library), Path(group.members[0].photo.path)
    data = first.read_bytes()

    killed(library, moment)
    assert first.exists() != went
    if kept == "gone":
        Path(group.kept.path).unlink()
    told = library.removing.recover()

    assert "planned" not in states(library)
    if not went:
        assert (told, rows(library)) == ([], before)
    elif kept == "there":
        assert "went to the trash as imgfind was stopped" in told[0]
        assert library.removing.undo(library.removing.last_batch()).restored == 1
    else:
        assert "the photo to keep was gone behind it, so it was put back" in told[0]
    assert first.read_bytes() == data
    assert rows(library) == before


@pytest.mark.parametrize(
    ("moment", "is_there"),
    [
        ("before os rename", True),
        ("after os rename", True),
        ("before removing _delete", True),
        ("after removing _delete", False),
        ("before removals note_trashed", False),
    ],
)
def test_a_deletion_that_is_killed_is_done_or_undone(
    library: Library, photos: Path, moment: str, *, is_there: bool
) -> None:
    killed(library, moment, "permanent")
    told = library.removing.recover()
    assert len(told) == (not is_there)
    assert all("was deleted for good as imgfind was stopped" in sentence for sentence in told)
    assert sorted(os.listdir(photos)) == (["a.jpg", "b.jpg", "c.jpg"] if is_there else ["a.jpg", "c.jpg"])
    assert len(rows(library)) == 2 + is_there
    assert "planned" not in states(library)
