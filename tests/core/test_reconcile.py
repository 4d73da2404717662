"""A scan compared with the catalogue: what moved, what is gone, what is only away, and what has to be read."""

import itertools
import os
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing
from pathlib import Path
from types import MappingProxyType

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from imgfind.core import paths
from imgfind.core.records import FileProblem, FoundFile, ModelId, RootId
from imgfind.core.store import Plan, Reconciliation, Scope, Store
from tests.catalogue import DIM, file_at, hash_of, indexed, vanished

POSIX = pytest.mark.skipif(os.name != "posix", reason="paths of POSIX")


class Disk:
    """A file system made up of names, and the library that indexes it."""

    def __init__(self, folder: Path, *roots: str) -> None:
        self.store = Store.create(folder)
        self.model = self.store.add_model("m", fingerprint="f", encoder_version=1, dim=DIM)
        self.roots: dict[str, RootId] = {}
        for root in roots:
            self.add_root(root)
        self.files: dict[str, FoundFile] = {}
        self.labels: dict[str, str] = {}
        self.broken: dict[str, bool] = {}
        """Path -> whether its problem is transient."""
        self.decode_version = 1
        self.read: list[str] = []
        """What the last run had to read."""
        self._numbers = itertools.count(1)

    def add_root(self, root: str) -> None:
        """Add a root; those below it go."""
        self.roots = {path: number for path, number in self.roots.items() if not paths.is_below(path, root)}
        self.roots[root] = self.store.add_root(root, volume=None)

    def put(self, *names: str, device: int = 1) -> None:
        """Write files, each with new bytes, a new time and a new inode."""
        for path in names:
            number = next(self._numbers)
            self.files[path] = file_at(path, mtime=number, inode=1000 + number, device=device)
            self.labels[path] = f"content {number}"

    def delete(self, *names: str) -> None:
        """Delete files."""
        for path in names:
            del self.files[path], self.labels[path]

    def change(self, path: str, **stamp: int) -> None:
        """Change what the file system says about a file; other ``size`` or ``mtime`` come with other bytes."""
        before = self.files[path]
        if stamp.keys() & {"size", "mtime"}:
            self.labels[path] = f"{path} {stamp}"
        after = {"size": before.size_bytes, "mtime": before.mtime_ns, "inode": before.inode, "device": before.device}
        self.files[path] = file_at(path, **(after | stamp))

    def copy(self, path: str, new: str, **stamp: int) -> None:
        """Copy a file with its time; it gets an inode of its own unless ``stamp`` says otherwise."""
        before = self.files[path]
        inode = stamp.get("inode", 1000 + next(self._numbers))
        device = stamp.get("device", before.device)
        self.files[new] = file_at(new, size=before.size_bytes, mtime=before.mtime_ns, inode=inode, device=device)
        self.labels[new] = self.labels[path]

    def link(self, path: str, new: str) -> None:
        """Make a hard link."""
        self.copy(path, new, inode=self.files[path].inode)

    def move(self, path: str, new: str, **stamp: int) -> None:
        """Rename a file; it keeps its inode unless ``stamp`` says otherwise."""
        self.copy(path, new, **({"inode": self.files[path].inode} | stamp))
        self.delete(path)

    def index(
        self,
        *folders: str,
        unlisted: Sequence[str] = (),
        model: ModelId | None = None,
        confirm_missing: bool = False,
        ways: Mapping[str, str] = MappingProxyType({}),
    ) -> Plan:
        """Scan ``folders`` (all roots where none is named), compare, and save what had to be read.

        ``ways`` are folders, each with another one through which its files can be reached as well.
        """

        def is_same_file(path: str, other: str) -> bool:
            is_there = path in self.files and other in self.files
            return is_there and any(path.replace(way, folder) == other for folder, way in ways.items())

        model = model or self.model
        reconciliation = Reconciliation(self.store.database)
        scopes = []
        for folder in folders or self.roots:
            root = next(root for root in self.roots if paths.is_below(folder, root))
            seen = [
                file
                for path, file in self.files.items()
                if path != folder and paths.is_below(path, folder)
                if not any(paths.is_below(path, closed) for closed in unlisted)
            ]
            reconciliation.add(self.roots[root], seen)
            scopes.append(Scope(self.roots[root], folder, folder == root, folder not in unlisted))
        plan = reconciliation.apply(
            scopes,
            list(unlisted),
            model_id=model,
            decode_version=self.decode_version,
            confirm_missing=confirm_missing,
            is_same_file=is_same_file,
        )
        todo = [todo for _, todo in reconciliation.todo(after=0, limit=10**6)]
        assert len(todo) == plan.todo
        self.read = [item.file.path for item in todo]
        photos = [indexed(t.root_id, t.file, self.labels[t.file.path]) for t in todo if t.file.path not in self.broken]
        problems = [
            (t.root_id, t.file, FileProblem(t.file.path, "broken", self.broken[t.file.path]))
            for t in todo
            if t.file.path in self.broken
        ]
        self.store.save_batch(model, photos, problems, decode_version=self.decode_version)
        return plan

    def ids(self) -> dict[str, int]:
        """Return path -> id of all photos."""
        rows = self.store.database.rows("SELECT path, photo_id FROM photos ORDER BY path")
        return {os.fsdecode(path): photo_id for path, photo_id in rows}

    def online(self) -> dict[str, bytes]:
        """Return path -> content hash of the photos that can be reached."""
        return self._hashes(0)

    def offline(self) -> dict[str, bytes]:
        """Return path -> content hash of the photos that cannot be reached."""
        return self._hashes(1)

    def _hashes(self, offline: int) -> dict[str, bytes]:
        rows = self.store.database.rows(
            "SELECT path, hash FROM photos JOIN contents USING (content_id) WHERE offline = ?", (offline,)
        )
        return {os.fsdecode(path): content_hash for path, content_hash in rows}

    def shown(self) -> dict[str, bytes]:
        """Return path -> content hash of what is on the disk."""
        return {path: hash_of(label) for path, label in self.labels.items()}

    def states(self) -> dict[str, str]:
        """Return root -> state."""
        return {root.path: root.state for root in self.store.roots()}


def named(count: int, folder: str = "/p") -> list[str]:
    """Return ``count`` paths in a folder."""
    return [f"{folder}/{number:03}.jpg" for number in range(count)]


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Disk]:
    """Give a disk with the root ``/p`` and nothing on it."""
    disk = Disk(tmp_path, "/p")
    with closing(disk.store):
        yield disk


# New, changed, gone


def test_new_files_are_read_in_the_order_of_their_paths(disk: Disk) -> None:
    disk.put("/p/b.jpg", "/p/a/z.jpg", "/p/a.jpg", "/p/\udcff\n%.jpg")
    assert disk.index() == Plan(todo=4, unchanged=0, moved=0, gone=0, offline=0)
    assert disk.read == sorted(disk.files, key=os.fsencode)
    assert disk.online() == disk.shown()


def test_what_has_not_changed_is_not_read_again(disk: Disk) -> None:
    disk.put(*named(3))
    disk.index()
    ids = disk.ids()
    assert disk.index() == Plan(todo=0, unchanged=3, moved=0, gone=0, offline=0)
    assert disk.ids() == ids


@pytest.mark.parametrize("stamp", [{"size": 1}, {"mtime": 10**18}, {"mtime": -1}])
def test_a_file_with_another_size_or_time_is_read_again(disk: Disk, stamp: dict[str, int]) -> None:
    disk.put("/p/a.jpg", "/p/b.jpg")
    disk.index()
    disk.change("/p/a.jpg", **stamp)
    assert disk.index() == Plan(todo=1, unchanged=1, moved=0, gone=0, offline=0)
    assert disk.read == ["/p/a.jpg"]
    assert disk.online() == disk.shown()
    assert vanished(disk.store) == 1


def test_a_deleted_file_is_gone_and_its_content_noted_as_vanished(disk: Disk) -> None:
    disk.put(*named(5))
    disk.index()
    disk.delete("/p/000.jpg")
    assert disk.index() == Plan(todo=0, unchanged=4, moved=0, gone=1, offline=0)
    assert disk.online() == disk.shown()
    assert vanished(disk.store) == 1


def test_a_content_that_another_photo_shows_does_not_vanish(disk: Disk) -> None:
    disk.put(*named(3))
    disk.copy("/p/000.jpg", "/p/copy.jpg")
    disk.index()
    disk.delete("/p/000.jpg")
    assert disk.index().gone == 1
    assert vanished(disk.store) == 0


@pytest.mark.parametrize(
    "stamp", [{"inode": 2**64 - 1}, {"inode": -5}, {"device": 2**64 - 1}, {"mtime": 2**63}, {"mtime": -(2**70)}]
)
def test_numbers_beyond_the_integers_of_sqlite_are_compared_all_the_same(disk: Disk, stamp: dict[str, int]) -> None:
    disk.put("/p/a.jpg", "/p/b.jpg")
    disk.change("/p/a.jpg", **stamp)
    disk.index()
    assert disk.index() == Plan(todo=0, unchanged=2, moved=0, gone=0, offline=0)
    disk.move("/p/a.jpg", "/p/c.jpg")
    assert disk.index() == Plan(todo=0, unchanged=1, moved=1, gone=0, offline=0)
    assert disk.online() == disk.shown()


def test_other_device_and_inode_numbers_are_taken_over_silently(disk: Disk) -> None:
    disk.put(*named(30))
    disk.index()
    for number, path in enumerate(named(30)):
        disk.change(path, device=7, inode=5000 + number)
    assert disk.index() == Plan(todo=0, unchanged=30, moved=0, gone=0, offline=0)
    # The new inodes count from now on.
    disk.move("/p/000.jpg", "/p/moved.jpg")
    assert disk.index().moved == 1


def test_one_comparison_leaves_nothing_to_the_next(disk: Disk) -> None:
    disk.put(*named(3))
    disk.index()
    disk.delete("/p/000.jpg")
    disk.index(unlisted=["/p"])
    assert disk.index() == Plan(todo=0, unchanged=2, moved=0, gone=1, offline=0)


def test_todo_comes_in_portions(disk: Disk) -> None:
    disk.put(*named(5))
    reconciliation = Reconciliation(disk.store.database)
    root = disk.roots["/p"]
    reconciliation.add(root, disk.files.values())
    reconciliation.apply(
        [Scope(root, "/p", True, True)], [], model_id=disk.model, decode_version=1, confirm_missing=False
    )
    first = reconciliation.todo(after=0, limit=3)
    rest = reconciliation.todo(after=first[-1][0], limit=3)
    assert [todo.file for _, todo in first + rest] == [disk.files[path] for path in named(5)]
    assert reconciliation.todo(after=rest[-1][0], limit=3) == []


# Moved


@pytest.mark.parametrize(
    ("new", "stamp"),
    [("/p/new name.jpg", {}), ("/p/deep/er/a.jpg", {}), ("/p/other/a.jpg", {"inode": 77, "device": 9})],
    ids=["renamed", "in another folder", "carried to another drive"],
)
def test_a_moved_photo_is_known_again_without_reading(disk: Disk, new: str, stamp: dict[str, int]) -> None:
    disk.put("/p/a.jpg", "/p/b.jpg")
    disk.index()
    ids = disk.ids()
    disk.move("/p/a.jpg", new, **stamp)
    assert disk.index() == Plan(todo=0, unchanged=1, moved=1, gone=0, offline=0)
    assert disk.ids() == {new: ids["/p/a.jpg"], "/p/b.jpg": ids["/p/b.jpg"]}
    assert disk.online() == disk.shown()
    assert disk.index() == Plan(todo=0, unchanged=2, moved=0, gone=0, offline=0)


def test_a_photo_moves_from_one_root_to_another(disk: Disk) -> None:
    disk.add_root("/q")
    disk.put("/p/a.jpg", "/p/b.jpg", "/q/c.jpg")
    disk.index()
    disk.move("/p/a.jpg", "/q/a.jpg")
    assert disk.index().moved == 1
    assert [(root.path, root.photos) for root in disk.store.roots()] == [("/p", 1), ("/q", 2)]


def test_a_new_name_and_a_new_inode_is_a_new_file(disk: Disk) -> None:
    disk.put("/p/a.jpg", "/p/b.jpg")
    disk.index()
    disk.move("/p/a.jpg", "/p/other.jpg", inode=77)
    assert disk.index() == Plan(todo=1, unchanged=1, moved=0, gone=1, offline=0)
    assert vanished(disk.store) == 0


@pytest.mark.parametrize("stamp", [{"size": 1}, {"mtime": 10**18}])
def test_a_file_that_was_moved_and_changed_is_read(disk: Disk, stamp: dict[str, int]) -> None:
    disk.put("/p/a.jpg", "/p/b.jpg")
    disk.index()
    disk.move("/p/a.jpg", "/p/sub/a.jpg")
    disk.change("/p/sub/a.jpg", **stamp)
    assert disk.index().moved == 0
    assert disk.read == ["/p/sub/a.jpg"]
    assert disk.online() == disk.shown()


def test_files_without_inodes_move_by_name_only(disk: Disk) -> None:
    disk.put("/p/a.jpg", "/p/b.jpg", "/p/c.jpg")
    for path in disk.files:
        disk.change(path, inode=0, size=5, mtime=9)
    disk.index()
    disk.move("/p/a.jpg", "/p/sub/a.jpg")
    disk.move("/p/b.jpg", "/p/sub/x.jpg")
    disk.index()
    assert disk.read == ["/p/sub/x.jpg"]
    assert disk.online() == disk.shown()


def test_the_inode_is_a_stronger_sign_than_the_name(disk: Disk) -> None:
    disk.put("/p/1/a.jpg", "/p/2/a.jpg", "/p/z.jpg")
    for path in ("/p/1/a.jpg", "/p/2/a.jpg"):
        disk.change(path, mtime=5)
    disk.index()
    ids = disk.ids()
    disk.move("/p/1/a.jpg", "/p/4/a.jpg")
    disk.move("/p/2/a.jpg", "/p/3/a.jpg")
    assert disk.index().moved == 2
    after = disk.ids()
    assert (after["/p/4/a.jpg"], after["/p/3/a.jpg"]) == (ids["/p/1/a.jpg"], ids["/p/2/a.jpg"])


def test_a_photo_that_was_moved_and_copied_is_the_one_with_its_inode(disk: Disk) -> None:
    disk.put("/p/a.jpg", "/p/b.jpg")
    disk.index()
    ids = disk.ids()
    disk.copy("/p/a.jpg", "/p/copy/a.jpg")
    disk.move("/p/a.jpg", "/p/moved.jpg")
    assert disk.index() == Plan(todo=1, unchanged=1, moved=1, gone=0, offline=0)
    assert disk.read == ["/p/copy/a.jpg"]
    assert disk.ids()["/p/moved.jpg"] == ids["/p/a.jpg"]


def test_a_new_path_is_given_to_one_photo_only(disk: Disk) -> None:
    disk.put("/p/1/a.jpg", "/p/2/a.jpg", "/p/b.jpg")
    for path in ("/p/1/a.jpg", "/p/2/a.jpg"):
        disk.change(path, mtime=5)
    disk.index()
    ids = disk.ids()
    disk.move("/p/2/a.jpg", "/p/3/a.jpg")
    disk.delete("/p/1/a.jpg")
    assert disk.index() == Plan(todo=0, unchanged=1, moved=1, gone=1, offline=0)
    assert disk.ids()["/p/3/a.jpg"] == ids["/p/2/a.jpg"]


def test_equal_candidates_are_used_once_each_and_in_order(disk: Disk) -> None:
    disk.put("/p/1/a.jpg", "/p/2/a.jpg", "/p/3/a.jpg", "/p/z.jpg")
    for path in ("/p/1/a.jpg", "/p/2/a.jpg", "/p/3/a.jpg"):
        disk.change(path, mtime=5, inode=0)
        disk.labels[path] = "same"
    disk.index()
    ids = disk.ids()
    for old, new in (("1", "9"), ("2", "8"), ("3", "7")):
        disk.move(f"/p/{old}/a.jpg", f"/p/{new}/a.jpg")
    disk.copy("/p/9/a.jpg", "/p/99/a.jpg", inode=0)
    assert disk.index() == Plan(todo=1, unchanged=1, moved=3, gone=0, offline=0)
    assert disk.read == ["/p/99/a.jpg"]
    after = disk.ids()
    assert [after[f"/p/{n}/a.jpg"] for n in "789"] == [ids[f"/p/{n}/a.jpg"] for n in "123"]


def test_two_files_that_swap_their_names_are_both_read(disk: Disk) -> None:
    disk.put("/p/a.jpg", "/p/b.jpg")
    disk.index()
    disk.move("/p/a.jpg", "/p/x")
    disk.move("/p/b.jpg", "/p/a.jpg")
    disk.move("/p/x", "/p/b.jpg")
    assert disk.index() == Plan(todo=2, unchanged=0, moved=0, gone=0, offline=0)
    assert disk.online() == disk.shown()
    assert vanished(disk.store) == 0


def test_a_copy_is_read_because_the_original_is_still_there(disk: Disk) -> None:
    disk.put("/p/a.jpg")
    disk.index()
    disk.copy("/p/a.jpg", "/p/sub/a.jpg")
    assert disk.index() == Plan(todo=1, unchanged=1, moved=0, gone=0, offline=0)
    assert disk.online() == disk.shown()


def test_a_moved_photo_without_a_vector_of_the_model_is_read(disk: Disk) -> None:
    disk.put("/p/a.jpg", "/p/b.jpg")
    disk.index()
    other = disk.store.add_model("other", fingerprint="g", encoder_version=1, dim=DIM)
    disk.move("/p/a.jpg", "/p/c.jpg")
    assert disk.index(model=other) == Plan(todo=2, unchanged=0, moved=1, gone=0, offline=0)


# Several names of one file


def test_of_several_links_to_one_file_the_first_by_name_is_kept(disk: Disk) -> None:
    disk.put("/p/b.jpg")
    disk.link("/p/b.jpg", "/p/a.jpg")
    disk.link("/p/b.jpg", "/p/c.jpg")
    assert disk.index().todo == 1
    assert list(disk.online()) == ["/p/a.jpg"]


def test_of_several_links_to_one_file_the_known_one_is_kept(disk: Disk) -> None:
    disk.put("/p/b.jpg")
    disk.index()
    disk.link("/p/b.jpg", "/p/a.jpg")
    assert disk.index() == Plan(todo=0, unchanged=1, moved=0, gone=0, offline=0)
    assert list(disk.online()) == ["/p/b.jpg"]
    disk.delete("/p/b.jpg")
    assert disk.index() == Plan(todo=0, unchanged=0, moved=1, gone=0, offline=0)
    assert list(disk.online()) == ["/p/a.jpg"]


@pytest.mark.parametrize("stamp", [{"inode": 0}, {"device": 2}, {"size": 5}, {"mtime": 10**9}])
def test_files_that_differ_in_anything_are_not_one_file(disk: Disk, stamp: dict[str, int]) -> None:
    disk.put("/p/a.jpg")
    disk.change("/p/a.jpg", inode=stamp.get("inode", 7))
    disk.link("/p/a.jpg", "/p/b.jpg")
    disk.change("/p/b.jpg", **stamp)
    disk.index()
    assert disk.online() == disk.shown()


def test_photos_that_became_links_to_one_file_are_gone_and_no_drive_is_away(disk: Disk) -> None:
    originals, copies = named(50, "/p/a"), named(50, "/p/b")
    disk.put(*originals)
    for path, copy in zip(originals, copies, strict=True):
        disk.copy(path, copy)
    disk.index()
    for path, copy in zip(originals, copies, strict=True):
        disk.link(path, copy)
    disk.delete(originals[0], copies[0])
    assert disk.index() == Plan(todo=0, unchanged=49, moved=0, gone=51, offline=0)
    assert sorted(disk.online()) == originals[1:]
    assert disk.states() == {"/p": "online"}
    assert vanished(disk.store) == 1


def test_links_to_one_file_are_forgotten_even_when_others_are_away(disk: Disk) -> None:
    disk.put(*named(100), "/p/copy.jpg")
    disk.index()
    disk.delete(*named(50))
    disk.link("/p/099.jpg", "/p/copy.jpg")
    assert disk.index() == Plan(todo=0, unchanged=50, moved=0, gone=1, offline=50)
    assert sorted(disk.offline()) == named(50)


# The same tree by two ways


@pytest.fixture
def two_ways(disk: Disk) -> Disk:
    """Return a disk whose root ``/p`` is known and can be reached as ``/q`` too, a root that was not scanned yet."""
    disk.put(*named(3))
    disk.index()
    disk.add_root("/q")
    for path in named(3):
        disk.link(path, path.replace("/p", "/q"))
    return disk


@pytest.mark.parametrize("device", [1, 2])
def test_a_root_that_is_another_way_to_known_photos_brings_no_second_ones(two_ways: Disk, device: int) -> None:
    for path in named(3, "/q"):  # numbers of devices change when the machine starts again
        two_ways.change(path, device=device)
    before = two_ways.ids()
    for _ in range(2):
        assert two_ways.index("/q", ways={"/p": "/q"}) == Plan(todo=0, unchanged=0, moved=0, gone=0, offline=0)
        assert two_ways.ids() == before


def test_what_only_the_second_way_shows_comes_in(two_ways: Disk) -> None:
    two_ways.put("/q/new.jpg")
    assert two_ways.index("/q", ways={"/p": "/q"}).todo == 1
    assert sorted(two_ways.online()) == [*named(3), "/q/new.jpg"]


def test_the_second_way_serves_when_the_first_is_closed(two_ways: Disk) -> None:
    two_ways.delete(*named(3))
    two_ways.index("/p", unlisted=["/p"])
    assert two_ways.index("/q", ways={"/p": "/q"}).todo == 3
    assert sorted(two_ways.online()) == named(3, "/q")


def test_a_photo_carried_to_a_root_that_alone_is_scanned_is_no_other_way(two_ways: Disk) -> None:
    two_ways.delete("/p/000.jpg")
    assert two_ways.index("/q", ways={"/p": "/q"}).todo == 1
    assert two_ways.read == ["/q/000.jpg"]
    # The old path goes with the next scan of its own root.
    assert two_ways.index("/p").gone == 1
    assert "/p/000.jpg" not in two_ways.ids()


def test_an_inode_used_again_is_no_other_way(two_ways: Disk) -> None:
    assert two_ways.index("/q").todo == 3
    assert len(two_ways.online()) == 6


def test_a_file_with_another_time_is_no_other_way(two_ways: Disk) -> None:
    two_ways.change("/q/000.jpg", mtime=10**9)
    assert two_ways.index("/q", ways={"/p": "/q"}).todo == 1


# Names spelled in another way


@pytest.mark.parametrize("new", ["/p/SUB/IMG.jpg", "/p/sub/caf\u00e9.jpg"], ids=["upper case", "composed accents"])
@pytest.mark.parametrize("inode", [0, 77])
def test_a_file_listed_in_another_spelling_is_the_same_photo(disk: Disk, new: str, inode: int) -> None:
    old = {"/p/SUB/IMG.jpg": "/p/sub/img.JPG"}.get(new, "/p/sub/cafe\u0301.jpg")
    disk.put(old, "/p/b.jpg")
    disk.change(old, inode=inode)
    disk.index()
    ids = disk.ids()
    disk.move(old, new)
    assert disk.index() == Plan(todo=0, unchanged=1, moved=1, gone=0, offline=0)
    assert disk.ids()[new] == ids[old]


def test_the_exact_name_is_a_stronger_sign_than_its_spelling(disk: Disk) -> None:
    disk.put("/p/1/a.jpg", "/p/2/A.jpg", "/p/z.jpg")
    for path in ("/p/1/a.jpg", "/p/2/A.jpg"):
        disk.change(path, mtime=5, inode=0)
    disk.index()
    ids = disk.ids()
    disk.move("/p/1/a.jpg", "/p/4/a.jpg")
    disk.move("/p/2/A.jpg", "/p/3/A.jpg")
    assert disk.index().moved == 2
    after = disk.ids()
    assert (after["/p/4/a.jpg"], after["/p/3/A.jpg"]) == (ids["/p/1/a.jpg"], ids["/p/2/A.jpg"])


# What could not be listed


def test_a_folder_that_could_not_be_listed_keeps_all_below_it(disk: Disk) -> None:
    kept = ["/p/locked/a.jpg", "/p/locked/deep/b.jpg"]
    disk.put(*kept, "/p/locked2/c.jpg", "/p/locked.jpg", *named(3))
    disk.index()
    disk.delete(*list(disk.files)[:4])
    assert disk.index(unlisted=["/p/locked"]) == Plan(todo=0, unchanged=3, moved=0, gone=2, offline=0)
    assert sorted(disk.online()) == sorted([*kept, *named(3)])
    assert disk.index() == Plan(todo=0, unchanged=3, moved=0, gone=2, offline=0)


def test_a_file_that_could_not_be_looked_at_keeps_itself_only(disk: Disk) -> None:
    disk.put("/p/a.jpg", "/p/a.jpg2", *named(3))
    disk.index()
    disk.delete("/p/a.jpg", "/p/a.jpg2")
    assert disk.index(unlisted=["/p/a.jpg"]) == Plan(todo=0, unchanged=3, moved=0, gone=1, offline=0)
    assert "/p/a.jpg" in disk.online()


def test_what_is_below_a_folder_that_could_not_be_listed_does_not_move(disk: Disk) -> None:
    disk.put("/p/locked/a.jpg", "/p/b.jpg")
    disk.index()
    disk.copy("/p/locked/a.jpg", "/p/sub/a.jpg")
    assert disk.index(unlisted=["/p/locked"]) == Plan(todo=1, unchanged=1, moved=0, gone=0, offline=0)
    assert disk.online() == disk.shown()


# What is away


def test_a_root_that_is_missing_is_offline_and_back_without_reading(disk: Disk) -> None:
    disk.add_root("/q")
    disk.put(*named(3), "/q/a.jpg")
    disk.index()
    ids = disk.ids()
    for _ in range(2):
        assert disk.index(unlisted=["/p"]) == Plan(todo=0, unchanged=1, moved=0, gone=0, offline=3)
        assert disk.states() == {"/p": "missing", "/q": "online"}
        assert sorted(disk.offline()) == named(3)
        assert vanished(disk.store) == 0
    assert disk.index() == Plan(todo=0, unchanged=4, moved=0, gone=0, offline=0)
    assert disk.states() == {"/p": "online", "/q": "online"}
    assert disk.ids() == ids


def test_a_missing_root_is_not_forgotten_even_if_that_is_confirmed(disk: Disk) -> None:
    disk.put(*named(3))
    disk.index()
    assert disk.index(unlisted=["/p"], confirm_missing=True).offline == 3


def test_what_was_deleted_while_a_root_was_away_is_gone(disk: Disk) -> None:
    disk.put(*named(10))
    disk.index()
    disk.index(unlisted=["/p"])
    disk.delete("/p/000.jpg")
    assert disk.index() == Plan(todo=0, unchanged=9, moved=0, gone=1, offline=0)


@pytest.mark.parametrize("count", [1, 2, 30])
def test_a_root_that_lost_all_it_had_is_away(disk: Disk, count: int) -> None:
    disk.put(*named(count))
    disk.index()
    disk.delete(*named(count))
    for _ in range(2):
        assert disk.index() == Plan(todo=0, unchanged=0, moved=0, gone=0, offline=count)
        assert disk.states() == {"/p": "vanished"}
    assert disk.index(confirm_missing=True) == Plan(todo=0, unchanged=0, moved=0, gone=count, offline=0)
    assert disk.states() == {"/p": "online"}
    assert disk.ids() == {}


@pytest.mark.parametrize(
    ("had", "lost", "away"),
    [(21, 20, True), (99, 20, True), (100, 20, False), (105, 21, False), (104, 21, True), (20, 19, False)],
)
def test_a_fifth_and_twenty_photos_lost_at_once_are_too_many_to_believe(
    disk: Disk, had: int, lost: int, away: bool
) -> None:
    disk.put(*named(had))
    disk.index()
    disk.delete(*named(lost))
    plan = disk.index()
    assert (plan.gone, plan.offline) == ((0, lost) if away else (lost, 0))
    assert disk.states() == {"/p": "vanished" if away else "online"}
    assert sorted(disk.offline()) == (named(lost) if away else [])


def test_moved_photos_are_not_lost(disk: Disk) -> None:
    disk.put(*named(40))
    disk.index()
    for path in named(40):
        disk.move(path, path.replace("/p/", "/p/sub/"))
    assert disk.index() == Plan(todo=0, unchanged=0, moved=40, gone=0, offline=0)
    assert disk.states() == {"/p": "online"}


def test_a_device_below_a_root_can_be_away_while_the_rest_goes_on(disk: Disk) -> None:
    disk.put(*named(200))
    disk.put("/p/usb/a.jpg", "/p/usb/b.jpg", device=2)
    disk.index()
    ids = disk.ids()
    disk.delete("/p/usb/a.jpg", "/p/usb/b.jpg", "/p/000.jpg")
    disk.put("/p/new.jpg")
    assert disk.index() == Plan(todo=1, unchanged=199, moved=0, gone=1, offline=2)
    assert sorted(disk.offline()) == ["/p/usb/a.jpg", "/p/usb/b.jpg"]
    assert disk.states() == {"/p": "vanished"}
    # The others can still be deleted.
    disk.delete("/p/001.jpg")
    assert disk.index() == Plan(todo=0, unchanged=199, moved=0, gone=1, offline=2)
    before = disk.files["/p/002.jpg"]
    for name in ("a", "b"):
        disk.put(f"/p/usb/{name}.jpg", device=2)
        stamp = disk.store.photo(f"/p/usb/{name}.jpg")
        assert stamp is not None
        disk.change(f"/p/usb/{name}.jpg", size=stamp.size_bytes, mtime=stamp.mtime_ns)
    assert disk.index() == Plan(todo=0, unchanged=201, moved=0, gone=0, offline=0)
    assert disk.states() == {"/p": "online"}
    assert disk.ids()["/p/usb/a.jpg"] == ids["/p/usb/a.jpg"]
    assert disk.files["/p/002.jpg"] == before


def test_a_photo_that_was_carried_off_a_drive_no_longer_counts_as_its_own(disk: Disk) -> None:
    disk.put(*named(3))
    disk.put("/p/usb/a.jpg", "/p/usb/b.jpg", device=2)
    disk.index()
    disk.move("/p/usb/a.jpg", "/p/a.jpg", inode=77, device=1)
    disk.delete("/p/usb/b.jpg")
    assert disk.index() == Plan(todo=0, unchanged=3, moved=1, gone=0, offline=1)


def vanish(disk: Disk) -> list[str]:
    """Bring the disk to where 30 of 50 photos are away; return their paths."""
    disk.put(*named(50))
    disk.index()
    disk.delete(*named(30))
    assert disk.index().offline == 30
    return named(30)


def test_photos_that_vanished_stay_however_many_new_ones_arrive(disk: Disk) -> None:
    lost = vanish(disk)
    disk.put(*named(500, "/p/new"))
    for _ in range(2):
        plan = disk.index()
        assert (plan.gone, plan.offline) == (0, 30)
        assert disk.states() == {"/p": "vanished"}
    assert sorted(disk.offline()) == lost


def test_photos_that_vanished_stay_when_a_part_of_the_root_is_looked_at(disk: Disk) -> None:
    disk.put(*named(25, "/p/a"), *named(10, "/p/b"), *named(15, "/p/c"))
    disk.index()
    disk.delete(*named(25, "/p/a"), *named(10, "/p/b"))
    disk.index()
    assert disk.index("/p/b") == Plan(todo=0, unchanged=0, moved=0, gone=0, offline=10)
    assert len(disk.offline()) == 35
    assert disk.states() == {"/p": "vanished"}


def test_photos_that_vanished_are_forgotten_where_that_is_confirmed(disk: Disk) -> None:
    vanish(disk)
    assert disk.index(confirm_missing=True) == Plan(todo=0, unchanged=20, moved=0, gone=30, offline=0)
    assert disk.states() == {"/p": "online"}
    assert disk.online() == disk.shown()
    assert vanished(disk.store) == 30


def test_photos_that_vanished_and_are_back_need_no_reading(disk: Disk) -> None:
    disk.put(*named(50))
    disk.index()
    files, labels = dict(disk.files), dict(disk.labels)
    disk.delete(*named(30))
    disk.index()
    disk.files, disk.labels = files, labels
    assert disk.index() == Plan(todo=0, unchanged=50, moved=0, gone=0, offline=0)
    assert disk.states() == {"/p": "online"}


def test_photos_that_vanished_can_turn_up_elsewhere(disk: Disk) -> None:
    disk.put(*named(50))
    disk.index()
    files, labels = dict(disk.files), dict(disk.labels)
    disk.delete(*named(30))
    disk.index()
    disk.files, disk.labels = files, labels
    for path in named(30):
        disk.move(path, path.replace("/p/", "/p/sub/"))
    assert disk.index() == Plan(todo=0, unchanged=20, moved=30, gone=0, offline=0)
    assert disk.online() == disk.shown()
    assert disk.states() == {"/p": "online"}


def test_a_root_that_vanished_in_part_goes_on_with_the_rest(disk: Disk) -> None:
    vanish(disk)
    disk.delete("/p/030.jpg")
    disk.change("/p/031.jpg", mtime=10**9)
    assert disk.index() == Plan(todo=1, unchanged=18, moved=0, gone=1, offline=30)
    assert disk.states() == {"/p": "vanished"}


# A part of a root; roots in roots


def test_looking_at_a_sub_folder_touches_nothing_outside(disk: Disk) -> None:
    disk.put("/p/a/1.jpg", "/p/a/2.jpg", "/p/a/3.jpg", "/p/ab/4.jpg", "/p/5.jpg")
    disk.index()
    disk.delete("/p/a/1.jpg", "/p/ab/4.jpg")
    disk.change("/p/5.jpg", mtime=10**9)
    disk.put("/p/6.jpg", "/p/a/7.jpg")
    assert disk.index("/p/a") == Plan(todo=1, unchanged=2, moved=0, gone=1, offline=0)
    assert set(disk.online()) == {"/p/a/2.jpg", "/p/a/3.jpg", "/p/a/7.jpg", "/p/ab/4.jpg", "/p/5.jpg"}
    assert disk.store.photo("/p/5.jpg") is not None
    assert disk.online()["/p/5.jpg"] != disk.shown()["/p/5.jpg"]


def test_several_sub_folders_are_looked_at_together(disk: Disk) -> None:
    disk.put("/p/a/1.jpg", "/p/b/2.jpg", "/p/c/3.jpg", *named(3))
    disk.index()
    disk.move("/p/a/1.jpg", "/p/b/1.jpg")
    assert disk.index("/p/a", "/p/b") == Plan(todo=0, unchanged=1, moved=1, gone=0, offline=0)


def test_a_sub_folder_that_is_missing_keeps_what_it_had(disk: Disk) -> None:
    disk.put("/p/a/1.jpg", "/p/2.jpg")
    disk.index()
    disk.delete("/p/a/1.jpg")
    assert disk.index("/p/a", unlisted=["/p/a"]) == Plan(todo=0, unchanged=0, moved=0, gone=0, offline=0)
    assert disk.states() == {"/p": "online"}
    assert "/p/a/1.jpg" in disk.online()


def test_looking_at_one_root_touches_no_other(disk: Disk) -> None:
    disk.add_root("/q")
    disk.put("/p/a.jpg", "/p/b.jpg", "/q/a.jpg", "/q/b.jpg")
    disk.index()
    disk.delete("/p/a.jpg", "/q/a.jpg")
    assert disk.index("/q").gone == 1
    assert set(disk.online()) == {"/p/a.jpg", "/p/b.jpg", "/q/b.jpg"}


def test_a_root_above_others_takes_over_their_photos_without_reading(tmp_path: Path) -> None:
    disk = Disk(tmp_path, "/p/a", "/p/b")
    with closing(disk.store):
        disk.put("/p/a/1.jpg", "/p/b/2.jpg", "/p/c/3.jpg")
        disk.index()
        ids = disk.ids()
        disk.add_root("/p")
        assert disk.index() == Plan(todo=1, unchanged=2, moved=0, gone=0, offline=0)
        assert disk.read == ["/p/c/3.jpg"]
        assert disk.ids().items() >= ids.items()
        assert [(root.path, root.photos) for root in disk.store.roots()] == [("/p", 3)]


@POSIX
def test_the_root_of_all_can_be_a_root(tmp_path: Path) -> None:
    disk = Disk(tmp_path, "/")
    with closing(disk.store):
        disk.put("/a.jpg", "/p/b.jpg", "/\udcff/c.jpg")
        disk.index()
        disk.delete("/a.jpg")
        assert disk.index() == Plan(todo=0, unchanged=2, moved=0, gone=1, offline=0)


# Problems


def test_a_file_that_is_no_picture_is_not_tried_again(disk: Disk) -> None:
    disk.put("/p/a.jpg", "/p/b.jpg")
    disk.broken["/p/a.jpg"] = False
    disk.index()
    assert list(disk.online()) == ["/p/b.jpg"]
    assert disk.index().todo == 0


@pytest.mark.parametrize("stamp", [{"size": 1}, {"mtime": 10**9}])
def test_a_file_that_is_no_picture_is_tried_again_when_it_changed(disk: Disk, stamp: dict[str, int]) -> None:
    disk.put("/p/a.jpg")
    disk.broken["/p/a.jpg"] = False
    disk.index()
    disk.change("/p/a.jpg", **stamp)
    disk.broken.clear()
    assert disk.index().todo == 1
    assert disk.online() == disk.shown()
    assert disk.store.problems() == []


def test_a_file_that_is_no_picture_is_tried_again_by_a_program_that_knows_more(disk: Disk) -> None:
    disk.put("/p/a.jpg")
    disk.broken["/p/a.jpg"] = False
    disk.index()
    disk.decode_version = 2
    assert disk.index().todo == 1
    assert disk.index().todo == 0


def test_a_problem_that_may_pass_is_tried_on_every_run(disk: Disk) -> None:
    disk.put("/p/a.jpg")
    disk.broken["/p/a.jpg"] = True
    for _ in range(3):
        assert disk.index() == Plan(todo=1, unchanged=0, moved=0, gone=0, offline=0)
    disk.broken.clear()
    disk.index()
    assert disk.online() == disk.shown()


def test_the_problem_of_a_deleted_file_goes(disk: Disk) -> None:
    broken = ["/p/a.jpg", "/p/locked/b.jpg", "/p/locked.jpg", "/p/sub/c.jpg", "/p/d.jpg"]
    disk.put(*broken, *named(3))
    disk.broken = dict.fromkeys(broken, False)
    disk.index()
    disk.delete(*broken[:4])
    disk.index("/p/sub")
    assert [problem.path for problem in disk.store.problems()] == sorted(set(broken) - {"/p/sub/c.jpg"})
    disk.index(unlisted=["/p/locked", "/p/locked.jpg"])
    assert [problem.path for problem in disk.store.problems()] == ["/p/d.jpg", "/p/locked.jpg", "/p/locked/b.jpg"]
    disk.index()
    assert [problem.path for problem in disk.store.problems()] == ["/p/d.jpg"]


def test_the_problems_of_a_root_that_is_away_stay(disk: Disk) -> None:
    disk.put("/p/a.jpg", "/p/b.jpg")
    disk.broken["/p/a.jpg"] = False
    disk.index()
    disk.index(unlisted=["/p"])
    assert len(disk.store.problems()) == 1
    disk.delete("/p/a.jpg", "/p/b.jpg")
    disk.index()
    assert disk.states() == {"/p": "vanished"}
    assert len(disk.store.problems()) == 1
    disk.index(confirm_missing=True)
    assert disk.store.problems() == []


def test_a_photo_that_cannot_be_read_for_a_while_stays_as_it_was(disk: Disk) -> None:
    disk.put("/p/a.jpg")
    disk.index()
    before = disk.online()
    disk.change("/p/a.jpg", mtime=10**9)
    disk.broken["/p/a.jpg"] = True
    for _ in range(2):
        assert disk.index().todo == 1
        assert disk.online() == before


# Models


def test_another_model_reads_what_it_has_not_seen_and_what_can_be_reached(disk: Disk) -> None:
    disk.add_root("/q")
    disk.put(*named(3), "/q/a.jpg")
    disk.index()
    other = disk.store.add_model("other", fingerprint="g", encoder_version=1, dim=DIM)
    assert disk.index("/p", unlisted=["/p"], model=other).todo == 0
    assert disk.index("/q", model=other).todo == 1
    assert not disk.store.lacks_vectors(other)
    assert disk.index(model=other) == Plan(todo=3, unchanged=1, moved=0, gone=0, offline=0)
    assert disk.index(model=other).todo == 0
    assert disk.index().todo == 0


# Nothing is half done


def test_a_comparison_that_fails_leaves_the_catalogue_as_it_was(disk: Disk, monkeypatch: pytest.MonkeyPatch) -> None:
    disk.put(*named(5))
    disk.index()
    before = disk.ids()
    disk.delete("/p/000.jpg")
    disk.move("/p/001.jpg", "/p/moved.jpg")

    def fail(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as broken:
        broken.setattr(Reconciliation, "_collect_todo", fail)
        with pytest.raises(KeyboardInterrupt):
            disk.index()
    assert disk.ids() == before
    assert disk.index() == Plan(todo=0, unchanged=3, moved=1, gone=1, offline=0)


def instructions(disk: Disk, run: Callable[[], object]) -> int:
    """Return how many hundred instructions SQLite's virtual machine needs for ``run``."""
    steps = itertools.count()
    connection = disk.store.database._connection
    connection.set_progress_handler(lambda: next(steps) < 0, 100)
    run()
    connection.set_progress_handler(None, 0)
    return next(steps)


def unchanged(disk: Disk, count: int) -> Sequence[str]:
    return ()


def renamed(disk: Disk, count: int) -> Sequence[str]:
    for path in named(count // 2):
        disk.move(path, path + ".jpg")
    return ()


def deleted(disk: Disk, count: int) -> Sequence[str]:
    disk.delete(*named(count // 2))
    return ()


def half_of_it_in_folders_that_cannot_be_listed(disk: Disk, count: int) -> Sequence[str]:
    disk.delete(*named(count // 2))
    return [f"/p/locked{number}" for number in range(count // 2)]


def all_linked(disk: Disk, count: int) -> Sequence[str]:
    for path in named(count):
        disk.link(path, path + ".jpg")
    return ()


@pytest.mark.parametrize(
    "happens", [unchanged, renamed, deleted, half_of_it_in_folders_that_cannot_be_listed, all_linked]
)
def test_four_times_the_photos_are_about_four_times_the_work(
    tmp_path: Path, happens: Callable[[Disk, int], Sequence[str]]
) -> None:
    work = []
    for count in (200, 800):
        folder = tmp_path / str(count)
        folder.mkdir()
        disk = Disk(folder, "/p")
        with closing(disk.store):
            disk.put(*named(count))
            disk.index()
            unlisted = happens(disk, count)
            work.append(instructions(disk, lambda disk=disk, unlisted=unlisted: disk.index(unlisted=unlisted)))
    # Sorting makes it a little more than 4; comparing all with all would make it 16.
    assert work[1] / work[0] < 6


# Whatever happens to the files


class AnyHistory(RuleBasedStateMachine):
    """Files come, go and change in any order; the library follows.

    Times are unique for every content, so that what the catalogue takes for the same file is the same file.
    """

    folders = ("/p", "/p/a", "/p/a/\udcff", "/p/a%", "/q", "/q/usb")
    any_path = st.builds(os.path.join, st.sampled_from(folders), st.sampled_from(["1.jpg", "2.jpg", "3.jpg", "4.jpg"]))

    @initialize()
    def begin(self) -> None:
        self.folder = tempfile.TemporaryDirectory()
        self.disk = Disk(Path(self.folder.name), "/p", "/q")
        self.closed: set[str] = set()
        self.settled = True

    def teardown(self) -> None:
        if hasattr(self, "disk"):
            self.disk.store.close()
            self.folder.cleanup()

    def some_file(self, data: st.DataObject) -> str:
        self.settled = False
        return data.draw(st.sampled_from(sorted(self.disk.files, key=os.fsencode)))

    @rule(path=any_path)
    def write(self, path: str) -> None:
        self.settled = False
        self.disk.put(path, device=2 if path.startswith("/q/usb") else 1)

    @precondition(lambda self: self.disk.files)
    @rule(data=st.data())
    def delete(self, data: st.DataObject) -> None:
        self.disk.delete(self.some_file(data))

    @precondition(lambda self: self.disk.files)
    @rule(data=st.data(), new=any_path)
    def move(self, data: st.DataObject, new: str) -> None:
        path = self.some_file(data)
        if path != new:
            self.disk.move(path, new)

    @precondition(lambda self: self.disk.files)
    @rule(data=st.data(), new=any_path, link=st.booleans())
    def copy(self, data: st.DataObject, new: str, link: bool) -> None:
        path = self.some_file(data)
        if path != new:
            (self.disk.link if link else self.disk.copy)(path, new)

    @precondition(lambda self: len(self.disk.files) > 1)
    @rule(data=st.data())
    def swap(self, data: st.DataObject) -> None:
        one, other = self.some_file(data), self.some_file(data)
        if one != other:
            for old, new in ((one, "/away"), (other, one), ("/away", other)):
                self.disk.move(old, new)

    @rule(folder=st.sampled_from(folders))
    def lock_or_open(self, folder: str) -> None:
        self.settled = False
        self.closed ^= {folder}

    @rule(confirm=st.booleans())
    def index(self, confirm: bool) -> None:
        before = self.disk.ids()
        was_shown = {**self.disk.online(), **self.disk.offline()}
        self.disk.index(unlisted=sorted(self.closed, key=os.fsencode), confirm_missing=confirm)
        online, offline, now = self.disk.online(), self.disk.offline(), self.disk.ids()
        seen = {path for path in self.disk.files if not self.is_closed(path)}
        # Every file has exactly one photo at one of its names, with its own content.
        names: dict[int, set[str]] = {}
        for path in seen:
            names.setdefault(self.disk.files[path].inode, set()).add(path)
        kept = {path for path in now if self.is_closed(path)}
        assert all(len(same & online.keys()) == 1 for same in names.values())
        assert {path: shown for path, shown in online.items() if path not in kept} == {
            path: hash_of(self.disk.labels[path]) for path in seen & online.keys()
        }
        # What nobody could look at is as it was, but for what has plainly moved from there.
        assert all(now[path] == before[path] for path in kept)
        assert {path: hash_ for path, hash_ in {**online, **offline}.items() if path in kept} == {
            path: was_shown[path] for path in kept
        }
        assert {path for path in before if self.is_closed(path)} == kept
        # Everything else is forgotten, or away where too much was lost at once.
        away = offline.keys() - kept
        assert not away & seen
        assert not (confirm and away)
        for path in away:
            root = next(root for root in self.disk.roots if paths.is_below(path, root))
            assert self.disk.states()[root] == "vanished"
        for root, state in self.disk.states().items():
            assert (state == "missing") == (root in self.closed)
        self.settled = True

    def is_closed(self, path: str) -> bool:
        return any(paths.is_below(path, folder) for folder in self.closed)

    @rule(folder=st.sampled_from(["/p/a", "/p/a%", "/q/usb"]))
    def index_a_part(self, folder: str) -> None:
        def outside() -> list[tuple[object, ...]]:
            rows = self.disk.store.database.rows("SELECT * FROM photos ORDER BY photo_id")
            return [row for row in rows if not paths.is_below(os.fsdecode(row[2]), folder)]

        before = outside()
        self.disk.index(folder, unlisted=sorted((f for f in self.closed if paths.is_below(f, folder)), key=os.fsencode))
        assert outside() == before

    @precondition(lambda self: self.settled)
    @rule()
    def index_again(self) -> None:
        before, states = self.disk.ids(), self.disk.states()
        plan = self.disk.index(unlisted=sorted(self.closed, key=os.fsencode))
        assert (plan.todo, plan.moved, plan.gone) == (0, 0, 0)
        assert (self.disk.ids(), self.disk.states()) == (before, states)

    @invariant()
    def a_content_has_vanished_when_nothing_shows_it(self) -> None:
        wrong = """SELECT hash FROM contents AS c WHERE (vanished_at IS NULL)
            <> EXISTS (SELECT 1 FROM photos AS p WHERE p.content_id = c.content_id)"""
        assert self.disk.store.database.rows(wrong) == []
        assert not self.disk.store.lacks_vectors(self.disk.model)


AnyHistory.TestCase.settings = settings(
    max_examples=30, stateful_step_count=20, deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
test_any_history_of_files_is_followed = AnyHistory.TestCase
