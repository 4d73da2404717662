"""Keeping a library current: what is looked at again after which change, and where the changes come from."""

import contextlib
import itertools
import os
import shutil
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from imgfind.core import lock, watching
from imgfind.core.errors import ImgfindError, LibraryBusyError, LibraryError
from imgfind.core.indexing import IndexOptions, IndexSummary
from imgfind.core.job import Cancelled, Job
from imgfind.core.library import Library
from imgfind.core.watching import Changes, folders_to_scan, system_changes, updates
from tests.fake_encoder import FakeEncoder
from tests.pictures import paint

EVERYTHING = Changes(everything=True)
NOTHING = Changes()


def changed(*names: str | Path) -> Changes:
    return Changes(frozenset(map(str, names)))


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """Return a folder with some folders and photos."""
    root = tmp_path / "photos"
    for name in (
        "a.jpg",
        "2023/b.jpg",
        "2023/may/c.jpg",
        "2024/d.jpg",
        ".hidden/e.jpg",
        "@eaDir/f.jpg",
        "private/g.jpg",
    ):
        paint(root / name)
    return root


def to_scan(root: Path, *names: str, known: Sequence[str] = (), excludes: Sequence[str] = ()) -> list[str]:
    """Return the folders to look at after these changes, relative to the root."""
    changes = [os.path.normpath(os.path.join(root, name)) for name in names]
    folders = folders_to_scan(changes, [str(root)], excludes, lambda path: os.path.relpath(path, root) in known)
    return [os.path.relpath(folder, root) for folder in folders]


# Which folders


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        (["2023/b.jpg"], ["2023"]),
        (["2023/new.JPG", "2024/gone.heic"], ["2023", "2024"]),
        (["2023/b.jpg", "2023/may/c.jpg"], ["2023"]),
        (["a.jpg", "2024/d.jpg"], ["."]),
        (["2023/may"], ["2023/may"]),
        (["."], ["."]),
        (["gone/deep/x.jpg"], ["."]),
        (["2023/gone/x.jpg"], ["2023"]),
        (["2023/notes.txt", "2023/b.jpg.part", "Thumbs.db"], []),
        (["../elsewhere/x.jpg"], []),
        (["2023/\ufffd\ufffd"], ["2023"]),
    ],
)
def test_the_folder_of_a_changed_photo_is_looked_at(root: Path, names: list[str], expected: list[str]) -> None:
    assert to_scan(root, *names) == expected


def test_a_folder_that_went_counts_if_it_held_photos(root: Path) -> None:
    assert to_scan(root, "2023/gone") == []
    assert to_scan(root, "2023/gone", known=["2023/gone"]) == ["2023"]


def test_what_a_scan_leaves_out_is_not_looked_at(root: Path) -> None:
    assert to_scan(root, ".hidden/e.jpg", "@eaDir/f.jpg", ".hidden", ".trash/sub/x.jpg") == []
    assert to_scan(root, "private/g.jpg", "2023/may/c.jpg", excludes=["private", "2023/may"]) == []
    (root / "link").symlink_to(root.parent)
    assert to_scan(root, "link/x.jpg") == []


def test_of_a_root_that_went_the_root_is_looked_at(root: Path) -> None:
    shutil.rmtree(root)
    assert to_scan(root, "2023/b.jpg") == ["."]


def test_a_root_is_known_by_its_real_path_too(root: Path, tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(root)
    real = os.path.realpath(root / "2023" / "b.jpg")
    assert folders_to_scan([real], [str(tmp_path / "link")], [], lambda _path: False) == [
        str(tmp_path / "link" / "2023")
    ]


# When, and what then


class Indexer:
    """Stands in for the library: remembers what it was asked for, and fails as told."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.asked: list[list[str]] = []
        self.failures: list[Exception | None] = []

    def __call__(self, folders: Sequence[str]) -> IndexSummary:
        self.asked.append([os.path.relpath(folder, self.root) for folder in folders])
        failure = self.failures.pop(0) if self.failures else None
        if failure is not None:
            raise failure
        return IndexSummary("model", photos=len(self.asked))

    def follow(self, *changes: Changes) -> list[list[str]]:
        """Go through ``changes`` and return the folders each update was asked for; none stands for all."""
        self.summaries = list(
            updates(
                changes,
                roots=lambda: [str(self.root)],
                excludes=list,
                is_known=lambda _path: False,
                index=self,
            )
        )
        return self.asked


@pytest.fixture
def indexer(root: Path) -> Indexer:
    return Indexer(root)


def test_each_change_is_one_update(indexer: Indexer, root: Path) -> None:
    asked = indexer.follow(NOTHING, changed(root / "2023/b.jpg"), NOTHING, NOTHING, changed(root / "a.jpg"))
    assert asked == [["2023"], ["."]]
    assert [summary.photos for summary in indexer.summaries] == [1, 2]


def test_what_does_not_matter_is_no_update(indexer: Indexer, root: Path) -> None:
    assert indexer.follow(NOTHING, changed(root / "note.txt"), changed(root / ".x.jpg.swp")) == []


def test_everything_is_everything(indexer: Indexer, root: Path) -> None:
    assert indexer.follow(EVERYTHING, Changes(frozenset({str(root / "a.jpg")}), everything=True)) == [[], []]


def test_many_changed_folders_are_everything(indexer: Indexer, root: Path) -> None:
    folders = [root / f"many/{number}" for number in range(60)]
    for folder in folders:
        folder.mkdir(parents=True)
    assert indexer.follow(changed(*folders[:50]), changed(*folders)) == [
        sorted(os.path.relpath(folder, root) for folder in folders[:50]),
        [],
    ]


def test_while_another_process_indexes_changes_are_kept(indexer: Indexer, root: Path) -> None:
    indexer.failures = [LibraryBusyError("busy"), LibraryBusyError("busy")]
    asked = indexer.follow(changed(root / "2023/b.jpg"), changed(root / "2024/d.jpg"), NOTHING, NOTHING)
    assert asked == [["2023"], ["2023", "2024"], ["2023", "2024"]]
    assert len(indexer.summaries) == 1


def test_a_folder_that_goes_meanwhile_leads_to_a_look_at_everything(indexer: Indexer, root: Path) -> None:
    indexer.failures = [ImgfindError("the folder does not exist")]
    assert indexer.follow(changed(root / "2023/b.jpg"), NOTHING) == [["2023"], []]


def test_what_cannot_be_mended_ends_it(indexer: Indexer, root: Path) -> None:
    indexer.failures = [LibraryError("disk full"), LibraryError("disk full")]
    with pytest.raises(LibraryError, match="disk full"):
        indexer.follow(changed(root / "2023/b.jpg"))


# Where changes come from


class Source:
    """Stands in for the system: gives the moments it was told to, then cancels the job; notes what was watched."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, *rounds: list[object]) -> None:
        self.job = Job()
        self.watched: list[list[str]] = []
        self.told: list[str] = []
        self.now = 0.0
        self._rounds = list(rounds)
        monkeypatch.setattr(watching, "_moments", self._moments)
        monkeypatch.setattr(watching.time, "monotonic", lambda: self.now)

    def _moments(self, folders: Sequence[str], job: Job) -> Iterator[frozenset[str]]:
        self.watched.append(list(folders))
        for moment in self._rounds.pop(0):
            if isinstance(moment, Exception):
                raise moment
            if callable(moment):
                moment()
                yield frozenset()
            else:
                yield frozenset(moment)  # type: ignore[call-overload]  # names
        if not self._rounds:
            job.cancel()

    def changes(self, *roots: Path) -> list[Changes]:
        return list(
            system_changes(lambda: [str(root) for root in roots], interval_s=600, job=self.job, tell=self.told.append)
        )

    def later(self) -> None:
        """Let ten minutes pass."""
        self.now += 600


def test_at_first_everything_is_looked_at_because_the_watch_is_new(monkeypatch: pytest.MonkeyPatch, root: Path) -> None:
    source = Source(monkeypatch, [(), ("/x",), ()])
    assert source.changes(root) == [EVERYTHING, changed("/x"), NOTHING]
    assert source.watched == [[str(root)]]


def test_what_the_system_tells_of_is_not_looked_at_by_the_clock(monkeypatch: pytest.MonkeyPatch, root: Path) -> None:
    source = Source(monkeypatch, [])
    source._rounds = [[(), source.later, ()]]
    assert source.changes(root) == [EVERYTHING, NOTHING, NOTHING]


@pytest.mark.parametrize("reason", ["missing", "network", "no text"])
def test_other_roots_are_looked_at_by_the_clock(
    monkeypatch: pytest.MonkeyPatch, root: Path, tmp_path: Path, reason: str
) -> None:
    other = tmp_path / {"no text": "\udcff"}.get(reason, "other")
    if reason != "missing":
        other.mkdir()
    monkeypatch.setattr(watching, "is_network", lambda folder: reason == "network" and folder == str(other))
    source = Source(monkeypatch, [])
    source._rounds = [[(), (), source.later, (), source.later]]
    assert source.changes(root, other) == [EVERYTHING, NOTHING, EVERYTHING, NOTHING, EVERYTHING]
    assert source.watched == [[str(root)]]


def test_a_root_that_came_back_is_looked_at_and_watched(
    monkeypatch: pytest.MonkeyPatch, root: Path, tmp_path: Path
) -> None:
    other = tmp_path / "other"
    source = Source(monkeypatch, [])

    def come_back() -> None:
        source.later()
        other.mkdir()

    source._rounds = [[(), come_back, ("/never seen",)], [(), ("/x",)]]
    assert source.changes(root, other) == [EVERYTHING, EVERYTHING, EVERYTHING, changed("/x")]
    assert source.watched == [[str(root)], [str(root), str(other)]]


def test_a_root_that_went_is_no_longer_watched(monkeypatch: pytest.MonkeyPatch, root: Path, tmp_path: Path) -> None:
    paint(tmp_path / "other" / "x.jpg")
    source = Source(monkeypatch, [])

    def go() -> None:
        source.later()
        shutil.rmtree(tmp_path / "other")

    source._rounds = [[(), go], [()]]
    assert source.changes(root, tmp_path / "other") == [EVERYTHING, NOTHING, EVERYTHING]
    assert source.watched == [[str(root), str(tmp_path / "other")], [str(root)]]


def test_where_the_system_has_no_watches_left_the_clock_serves(monkeypatch: pytest.MonkeyPatch, root: Path) -> None:
    source = Source(monkeypatch, [])
    source._rounds = [[OSError("OS file watch limit reached")], [(), source.later, ()]]
    assert source.changes(root) == [EVERYTHING, EVERYTHING, NOTHING]
    assert source.watched == [[str(root)], []]
    assert source.told == [
        "The system cannot watch the folders (OS file watch limit reached); looking every 10 min instead."
    ]


def test_a_folder_that_goes_before_the_watch_begins_is_no_reason_to_give_up(
    monkeypatch: pytest.MonkeyPatch, root: Path, tmp_path: Path
) -> None:
    class Gone(FileNotFoundError):
        """Takes the folder along."""

        def __init__(self) -> None:
            super().__init__("gone")

    paint(tmp_path / "other" / "x.jpg")
    source = Source(monkeypatch, [])

    def moments(folders: Sequence[str], job: Job, before=source._moments) -> Iterator[frozenset[str]]:
        if len(folders) == 2:
            shutil.rmtree(tmp_path / "other")
            raise Gone
        return before(folders, job)

    monkeypatch.setattr(watching, "_moments", moments)
    source._rounds = [[()]]
    assert source.changes(root, tmp_path / "other") == [EVERYTHING]
    assert (source.watched, source.told) == ([[str(root)]], [])


# For real


@pytest.fixture
def library(tmp_path: Path) -> Library:
    return Library(tmp_path / "library", load_encoder=FakeEncoder)


def changed_summaries(summaries: Iterator[IndexSummary]) -> Iterator[IndexSummary]:
    """Leave out the looks that found nothing; a watch that never sees the change never ends."""
    return (summary for summary in summaries if summary.changed)


def test_a_watched_library_follows_its_folders(library: Library, root: Path) -> None:
    job = Job()
    summaries = changed_summaries(library.watch([str(root)], job=job))
    assert next(summaries).photos == 5

    paint(root / "2024" / "new.jpg")
    assert (next(summaries).encoded, library.status().photos) == (1, 6)
    os.rename(root / "2023", root / "last year")
    assert (next(summaries).moved, library.status().photos) == (2, 6)
    (root / "a.jpg").unlink()
    assert (next(summaries).gone, library.status().photos) == (1, 5)
    # Between two updates anybody may index, and the watch is not disturbed.
    other = paint(root.parent / "other" / "x.jpg").parent
    with Library(library.folder, load_encoder=FakeEncoder) as second:
        second.index([str(other)])
    assert library.status().photos == 6

    job.cancel()
    assert list(summaries) == []
    assert lock.holder(library.folder) is None


def test_only_the_first_update_takes_the_options_that_concern_it(library: Library, tmp_path: Path) -> None:
    album = paint(tmp_path / "root" / "album" / "a.jpg").parent
    paint(album / "b.jpg")
    job = Job()
    summaries = library.watch([str(album.parent)], IndexOptions(confirm_missing=True), job)
    assert next(summaries).photos == 2
    album.rename(tmp_path / "away")
    assert next(summary.offline for summary in summaries if summary.offline) == 2
    assert library.status().photos == 2
    job.cancel()


def test_a_watch_waits_for_another_indexer(library: Library, root: Path) -> None:
    told: list[str] = []
    with contextlib.ExitStack() as held:
        library.folder.mkdir()
        held.enter_context(lock.held(library.folder))

        def tell(message: str) -> None:
            told.append(message)
            held.close()

        summaries = library.watch([str(root)], tell=tell)
        assert next(summaries).photos == 5
    assert len(told) == 1
    assert told[0].startswith("Waiting: The library in ")
    summaries.close()  # type: ignore[attr-defined]  # a generator


def test_a_watch_that_is_stopped_in_its_first_update_says_so(library: Library, root: Path) -> None:
    job = Job()
    job.cancel()
    with pytest.raises(Cancelled):
        next(library.watch([str(root)], job=job))


def test_a_watch_of_nothing_waits_until_it_is_stopped() -> None:
    job = Job()
    changes = system_changes(list, interval_s=600, job=job, tell=lambda _message: None)
    assert list(itertools.islice(changes, 2)) == [EVERYTHING, NOTHING]
    job.cancel()
    assert list(changes) == []
