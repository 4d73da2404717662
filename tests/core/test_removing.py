"""Photos of a library into the system's trash and back: what goes, what stays, and what a crash leaves."""

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from imgfind.core import hashes, indexing, lock, trash
from imgfind.core.errors import ImgfindError, LibraryBusyError, LibraryError, TrashError
from imgfind.core.job import Cancelled, Job
from imgfind.core.library import Library
from imgfind.core.records import FoundFile, PhotoId
from imgfind.core.removing import Removal
from imgfind.core.scan import Unlisted
from tests.catalogue import vanished
from tests.command_line import child_environment
from tests.fake_encoder import FakeEncoder
from tests.pictures import age, paint
from tests.released import as_of_schema

pytestmark = pytest.mark.skipif(not trash._HAS_NOTES, reason="knows where the trash of freedesktop.org is")

NAMES = ("a.jpg", "b.jpg", "new\nline.jpg", "sub/c.jpg", "sub/no text \udcff.jpg")


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    """Return a folder of five photos."""
    for name in NAMES:
        age(paint(tmp_path / "photos" / name), 100)
    return tmp_path / "photos"


@pytest.fixture
def library(tmp_path: Path, photos: Path) -> Iterator[Library]:
    """Return a library of the photos."""
    with Library(tmp_path / "library", load_encoder=FakeEncoder) as opened:
        opened.index([str(photos)])
        yield opened


def ids(library: Library, *files: Path) -> list[PhotoId]:
    return library.removing.ids_of([str(file) for file in files])


def remove(library: Library, *files: Path) -> Removal:
    return library.removing.remove(ids(library, *files))


def rows(library: Library, table: str = "photos") -> list[tuple]:
    return library._store().database.rows(f"SELECT * FROM {table} ORDER BY 1")


def states(library: Library) -> list[str]:
    return [state for (state,) in library._store().database.rows("SELECT state FROM removals ORDER BY removal_id")]


def reasons(failed: list) -> dict[str, str]:
    return {os.path.basename(problem.path): problem.reason for problem in failed}


def test_photos_go_and_come_back_as_they_were(library: Library, photos: Path) -> None:
    files = [photos / name for name in NAMES]
    before, contents = rows(library), rows(library, "contents")
    bytes_before = [file.read_bytes() for file in files]

    removal = remove(library, *files)

    assert (removal.trashed, removal.failed) == (5, [])
    assert not any(file.exists() for file in files)
    assert library.search("red") == []
    assert (rows(library), vanished(library._store())) == ([], 5)
    assert library.removing.last_batch() == removal.batch

    undone = library.removing.undo(removal.batch)

    assert (undone.restored, undone.failed) == (5, [])
    assert [file.read_bytes() for file in files] == bytes_before
    assert (rows(library), rows(library, "contents")) == (before, contents)
    assert len(library.search("red")) == 5
    assert library.removing.last_batch() is None
    summary = library.index()
    assert (summary.unchanged, summary.changed) == (5, 0), "nothing is read again"


def test_the_next_index_run_finds_nothing_amiss(library: Library, photos: Path) -> None:
    remove(library, *(photos / name for name in NAMES))
    summary = library.index()
    assert (summary.photos, summary.gone, summary.offline, summary.changed) == (0, 0, 0, 0)
    assert [root.state for root in library.roots()] == ["online"]


def test_a_content_that_another_photo_shows_does_not_vanish(library: Library, photos: Path) -> None:
    (photos / "copy.jpg").write_bytes((photos / "a.jpg").read_bytes())
    library.index()
    remove(library, photos / "copy.jpg")
    assert vanished(library._store()) == 0
    assert library.show(str(photos / "a.jpg")).copies == ()


def test_batches_are_undone_one_by_one_even_after_a_restart(library: Library, photos: Path) -> None:
    remove(library, photos / "a.jpg")
    remove(library, photos / "b.jpg", photos / "sub/c.jpg")
    library.close()
    with Library(library.folder, load_encoder=FakeEncoder) as later:
        assert later.removing.undo(later.removing.last_batch()).restored == 2
        assert not (photos / "a.jpg").exists()
        assert later.removing.undo(later.removing.last_batch()).restored == 1
        assert later.removing.last_batch() is None
        assert later.removing.recover() == []
        assert len(rows(later)) == 5


def test_marks_outlast_the_way_to_the_trash_and_back(library: Library, photos: Path) -> None:
    library.photos.set_favourite(ids(library, photos / "a.jpg"), on=True)
    library.removing.undo(remove(library, photos / "a.jpg").batch)
    (card,) = library.photos.cards(ids(library, photos / "a.jpg"))
    assert card.favourite


def test_only_what_is_as_it_was_indexed_goes(library: Library, photos: Path) -> None:
    same_stamp = (photos / "b.jpg").stat()
    data = bytearray((photos / "b.jpg").read_bytes())
    data[-1] ^= 1
    (photos / "b.jpg").write_bytes(data)
    os.utime(photos / "b.jpg", ns=(same_stamp.st_atime_ns, same_stamp.st_mtime_ns))
    os.utime(photos / "sub/c.jpg")
    known = ids(library, *(photos / name for name in NAMES))
    (photos / "new\nline.jpg").unlink()
    (photos / NAMES[4]).unlink()
    os.mkfifo(photos / NAMES[4])

    removal = library.removing.remove(known)

    assert removal.trashed == 1
    assert reasons(removal.failed) == {
        "b.jpg": "it has changed since it was indexed",
        "new\nline.jpg": "it is no longer there",
        "c.jpg": "it has changed since it was indexed",
        "no text \udcff.jpg": "it has changed since it was indexed",
    }
    assert (photos / "b.jpg").exists()
    assert (photos / "sub/c.jpg").exists()
    assert states(library) == ["trashed"]


def test_offline_photos_are_left_alone(library: Library, photos: Path) -> None:
    known = ids(library, photos / "a.jpg")
    photos.rename(photos.parent / "away")
    library.index()
    removal = library.removing.remove(known)
    assert reasons(removal.failed) == {"a.jpg": "it is offline"}
    assert len(rows(library)) == 5


def test_where_there_is_no_trash_the_others_still_go(
    library: Library, photos: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def move(path: str, move=trash.move) -> str:
        if path.endswith("a.jpg"):
            raise TrashError("it stays", "there is no trash for its drive")
        return move(path)

    monkeypatch.setattr(trash, "move", move)
    removal = remove(library, photos / "a.jpg", photos / "b.jpg")
    assert (removal.trashed, reasons(removal.failed)) == (1, {"a.jpg": "there is no trash for its drive"})
    assert states(library) == ["failed", "trashed"]
    assert len(rows(library)) == 4


def test_without_qt_nothing_is_touched(library: Library, photos: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "PySide6.QtCore", None)
    with pytest.raises(ImgfindError, match="needs PySide6"):
        remove(library, photos / "a.jpg", photos / "b.jpg")
    assert states(library) == ["failed"]
    assert len(rows(library)) == 5
    assert library.removing.last_batch() is None


def test_photos_named_twice_or_no_longer_known_are_no_matter(library: Library, photos: Path) -> None:
    known = ids(library, photos / "a.jpg")
    assert library.removing.remove([*known, *known, PhotoId(99)]).trashed == 1
    again = library.removing.remove(known)
    assert (again.trashed, again.failed) == (0, [])


def test_a_link_goes_and_its_target_stays(library: Library, photos: Path, tmp_path: Path) -> None:
    target = paint(tmp_path / "annex" / "target.jpg")
    (photos / "link.jpg").symlink_to("../annex/target.jpg")
    library.index()
    before = rows(library)

    removal = remove(library, photos / "link.jpg")
    assert (removal.trashed, target.exists(), (photos / "link.jpg").is_symlink()) == (1, True, False)
    library.removing.undo(removal.batch)

    assert os.readlink(photos / "link.jpg") == "../annex/target.jpg"
    assert rows(library) == before
    removal = remove(library, photos / "link.jpg")
    target.unlink()
    assert library.removing.undo(removal.batch).restored == 1, "the link, even if it leads nowhere now"
    assert len(rows(library)) == 5


def test_the_other_name_of_a_hard_link_stays(library: Library, photos: Path) -> None:
    os.link(photos / "a.jpg", photos / "z.jpg")
    removal = remove(library, photos / "a.jpg")
    assert (photos / "z.jpg").exists()
    assert library.index().photos == 5, "it is a photo of its own now"
    library.removing.undo(removal.batch)
    assert os.path.samefile(photos / "a.jpg", photos / "z.jpg")
    assert library.index().photos == 5


def test_undo_replaces_nothing_and_can_be_tried_again(library: Library, photos: Path) -> None:
    removal = remove(library, photos / "a.jpg", photos / "b.jpg")
    paint(photos / "a.jpg", (0, 0, 255))
    taken = (photos / "a.jpg").read_bytes()

    undone = library.removing.undo(removal.batch)
    assert (undone.restored, reasons(undone.failed)) == (1, {"a.jpg": "another file has taken its place"})
    assert (photos / "a.jpg").read_bytes() == taken

    (photos / "a.jpg").unlink()
    assert library.removing.undo(library.removing.last_batch()).restored == 1
    assert len(rows(library)) == 5


def test_undo_when_an_indexer_saw_another_file_in_the_place(library: Library, photos: Path) -> None:
    removal = remove(library, photos / "a.jpg")
    paint(photos / "a.jpg", (0, 0, 255))
    library.index()
    (photos / "a.jpg").unlink()
    assert library.removing.undo(removal.batch).restored == 1
    library.index()
    assert hashes.content_hash((photos / "a.jpg").read_bytes()) == library.show(str(photos / "a.jpg")).content_hash


def test_what_was_put_back_by_hand_counts_as_restored(library: Library, photos: Path) -> None:
    removal = remove(library, photos / "a.jpg")
    (trashed_to,) = trash.find(str(photos / "a.jpg"))
    os.rename(trashed_to, photos / "a.jpg")
    assert library.removing.undo(removal.batch).restored == 1
    assert len(rows(library)) == 5


def test_what_is_gone_from_the_trash_is_not_offered_again(library: Library, photos: Path) -> None:
    removal = remove(library, photos / "a.jpg")
    (trashed_to,) = trash.find(str(photos / "a.jpg"))
    os.unlink(trashed_to)
    undone = library.removing.undo(removal.batch)
    assert reasons(undone.failed) == {"a.jpg": "it is no longer in the trash"}
    assert library.removing.last_batch() is None


def test_a_trash_that_is_away_with_its_drive_is_waited_for(library: Library, photos: Path, own_home: Path) -> None:
    removal = remove(library, photos / "a.jpg")
    (own_home / ".local").rename(own_home / "away")
    assert library.removing.undo(removal.batch).restored == 0
    (own_home / "away").rename(own_home / ".local")
    assert library.removing.undo(library.removing.last_batch()).restored == 1


def test_a_file_whose_root_was_forgotten_comes_back_without_its_photo(library: Library, photos: Path) -> None:
    removal = remove(library, photos / "a.jpg")
    library.remove_root(str(photos))
    assert library.removing.undo(removal.batch).restored == 1
    assert (photos / "a.jpg").exists()
    assert rows(library) == []


def test_a_removal_that_is_cancelled_keeps_what_it_did(library: Library, photos: Path) -> None:
    job = Job(lambda progress: job.cancel() if progress.done == 1 else None)
    with pytest.raises(Cancelled):
        library.removing.remove(ids(library, *(photos / name for name in NAMES)), job)
    assert states(library) == ["trashed", "trashed"]
    assert library.removing.undo(library.removing.last_batch()).restored == 2


def test_unknown_paths_are_told(library: Library, photos: Path, tmp_path: Path) -> None:
    with pytest.raises(LibraryError, match="is not in the library; index its folder first"):
        ids(library, tmp_path / "other.jpg")
    with pytest.raises(LibraryError, match="is a folder; name photos"):
        ids(library, photos)


def test_a_library_that_is_not_there_has_nothing_to_undo(tmp_path: Path) -> None:
    with Library(tmp_path / "none", load_encoder=FakeEncoder) as library:
        assert library.removing.last_batch() is None
        assert library.removing.recover() == []
        with pytest.raises(LibraryError, match="There is no imgfind library"):
            library.removing.remove([PhotoId(1)])
    assert not (tmp_path / "none").exists()


def test_a_library_of_an_earlier_release_is_brought_up_to_date(library: Library, photos: Path) -> None:
    known = ids(library, photos / "a.jpg")
    library.close()
    as_of_schema(library.folder, 2)
    with Library(library.folder, load_encoder=FakeEncoder) as later:
        assert (later.removing.last_batch(), later.removing.recover()) == (None, [])
        assert later.removing.remove(known).trashed == 1


def test_one_removes_at_a_time_and_an_indexer_is_no_obstacle(library: Library, photos: Path) -> None:
    known = ids(library, photos / "a.jpg")
    with lock.held(library.folder):
        removal = library.removing.remove(known)
        assert removal.trashed == 1
        with lock.removing(library.folder):
            assert library.removing.recover() == []
            with pytest.raises(LibraryBusyError, match="Another imgfind is moving photos"):
                library.removing.undo(removal.batch)
        assert library.removing.undo(removal.batch).restored == 1


def test_an_indexer_at_work_is_not_harmed(tmp_path: Path, library: Library, photos: Path) -> None:
    for number in range(8):
        paint(photos / f"more {number}.jpg")
    removal: list[Removal] = []

    class Encoder(FakeEncoder):
        def encode_images(self, batch):  # in the middle of the run, on another thread
            if not removal:
                with Library(library.folder, load_encoder=FakeEncoder) as other:
                    removal.append(remove(other, photos / "a.jpg"))
            return super().encode_images(batch)

    library.close()
    with Library(library.folder, load_encoder=Encoder) as indexing:
        assert indexing.index().photos == 12
        assert not (photos / "a.jpg").exists()
        indexing.removing.undo(removal[0].batch)
        assert indexing.index().photos == 13


@pytest.mark.parametrize("is_removed_before", [True, False])
def test_what_comes_back_behind_the_scan_of_an_indexer_is_not_lost(
    library: Library, photos: Path, monkeypatch: pytest.MonkeyPatch, *, is_removed_before: bool
) -> None:
    known = ids(library, photos / "a.jpg", photos / "b.jpg")
    early = library.removing.remove(known).batch if is_removed_before else ""
    real_scan = indexing.scan

    def scan(*arguments: Any, **options: Any) -> Iterator[FoundFile | Unlisted]:
        with Library(library.folder, load_encoder=FakeEncoder) as other:
            batch = early or other.removing.remove(known).batch
            yield from real_scan(*arguments, **options)
            assert other.removing.undo(batch).restored == 2

    monkeypatch.setattr(indexing, "scan", scan)
    assert library.index().photos == len(NAMES)
    monkeypatch.undo()
    os.unlink(photos / "a.jpg")
    assert library.index().photos == len(NAMES) - 1, "what is deleted later is gone"


def test_an_interrupted_removal_in_use_is_not_recovered(library: Library, photos: Path) -> None:
    reached, leave = threading.Event(), threading.Event()
    move = trash.move

    def waiting(path: str) -> str:
        reached.set()
        leave.wait(20)
        return move(path)

    def work() -> None:
        with Library(library.folder, load_encoder=FakeEncoder) as other:
            remove(other, photos / "a.jpg")

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(trash, "move", waiting)
        worker = threading.Thread(target=work)
        worker.start()
        reached.wait(20)
        assert library.removing.recover() == []
        leave.set()
        worker.join()
    assert states(library) == ["trashed"]


KILLED = """
import os, signal, sys
from imgfind.core import removing, trash
from imgfind.core.library import Library
from imgfind.core.store import removals
from tests.fake_encoder import FakeEncoder
folder, act, moment, *photos = sys.argv[1:]
def die():
    os.kill(os.getpid(), signal.SIGKILL)
def before(function):
    return lambda *arguments, **options: die()
def after(function):
    def wrapped(*arguments, **options):
        function(*arguments, **options)
        die()
    return wrapped
when, place, name = moment.split()
owner = {"os": os, "trash": trash, "removals": removals}[place]
with Library(folder, load_encoder=FakeEncoder) as library:
    ids = library.removing.ids_of(photos) if act == "remove" else []
    setattr(owner, name, {"before": before, "after": after}[when](getattr(owner, name)))
    if act == "remove":
        library.removing.remove(ids)
    else:
        library.removing.undo(library.removing.last_batch())
"""


def killed(library: Library, act: str, moment: str, *photos: Path) -> None:
    """Remove photos, or undo, in a process that is killed at that moment."""
    library.close()
    command = [sys.executable, "-c", KILLED, library.folder, act, moment, *photos]
    done = subprocess.run(command, env=child_environment(), check=False, capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (-signal.SIGKILL, "")


@pytest.mark.parametrize("name", ["a.jpg", "sub/no text \udcff.jpg"])
@pytest.mark.parametrize(
    ("moment", "went"),
    [
        ("before removals plan", False),
        ("after removals plan", False),
        ("before trash move", False),
        ("after trash move", True),
        ("before removals note_trashed", True),
        ("after removals note_trashed", True),
    ],
)
def test_a_removal_that_is_killed_is_finished_or_as_if_it_never_was(
    library: Library, photos: Path, moment: str, name: str, *, went: bool
) -> None:
    before, data = rows(library), (photos / name).read_bytes()

    killed(library, "remove", moment, photos / name, photos / "b.jpg")
    told = library.removing.recover()

    assert (photos / name).exists() != went
    assert len(rows(library)) == 5 - went
    assert "planned" not in states(library)
    noted = moment == "after removals note_trashed"
    assert [" went to the trash as imgfind was stopped" in sentence for sentence in told] == [True] * (
        went and not noted
    )
    batch = library.removing.last_batch()
    assert (batch is not None) == went
    if batch:
        assert library.removing.undo(batch).restored == 1
    assert (photos / name).read_bytes() == data
    assert rows(library) == before
    assert library.removing.recover() == []


@pytest.mark.parametrize(
    "moment",
    [
        "before trash put_back",
        "before os link",
        "after os link",
        "after os unlink",
        "after trash put_back",
        "before removals note_restored",
        "after removals note_restored",
    ],
)
def test_an_undo_that_is_killed_can_be_done_again(library: Library, photos: Path, own_home: Path, moment: str) -> None:
    before, data = rows(library), (photos / "a.jpg").read_bytes()
    remove(library, photos / "a.jpg", photos / "b.jpg")

    killed(library, "undo", moment)
    assert library.removing.recover() == []
    undone = library.removing.undo(library.removing.last_batch())

    assert undone.failed == []
    assert (photos / "a.jpg").read_bytes() == data
    assert rows(library) == before
    assert library.removing.last_batch() is None
    assert os.listdir(own_home / ".local/share/Trash/files") == []


def test_a_file_that_is_neither_here_nor_there_is_told_once(library: Library, photos: Path) -> None:
    killed(library, "remove", "after trash move", photos / "new\nline.jpg")
    (trashed_to,) = trash.find(str(photos / "new\nline.jpg"))
    os.unlink(trashed_to)

    (sentence,) = library.removing.recover()

    assert "new\\x0aline.jpg' was on its way to the trash when imgfind was stopped" in sentence
    assert library.removing.recover() == []
    assert library.index().gone == 1, "the next scan finds out"


def test_a_crash_is_not_taken_for_an_earlier_file_of_that_name(library: Library, photos: Path) -> None:
    path = photos / "a.jpg"
    trash.move(str(path))  # by another program
    paint(path, (0, 0, 255))
    library.index()
    data = path.read_bytes()
    killed(library, "remove", "after trash move", path)
    assert len(library.removing.recover()) == 1
    library.removing.undo(library.removing.last_batch())
    assert path.read_bytes() == data


def test_a_link_on_its_way_is_found_again(library: Library, photos: Path, tmp_path: Path) -> None:
    paint(tmp_path / "annex" / "target.jpg")
    (photos / "link.jpg").symlink_to("../annex/target.jpg")
    library.index()
    killed(library, "remove", "after trash move", photos / "link.jpg")
    assert len(library.removing.recover()) == 1
    assert library.removing.undo(library.removing.last_batch()).restored == 1
    assert (photos / "link.jpg").exists()
