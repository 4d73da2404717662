"""Scanning real folders: what is found, what is left out, and what could not be listed."""

import errno
import inspect
import json
import os
import shutil
import socket
import stat
import subprocess
import sys
import tempfile
from pathlib import Path
from types import SimpleNamespace

import pytest

from imgfind.core import scan as module
from imgfind.core.errors import ImgfindError
from imgfind.core.job import Cancelled, Job
from imgfind.core.records import FoundFile
from imgfind.core.scan import Unlisted, check_folder, is_left_out, scan

SUFFIXES = frozenset({".jpg", ".png"})
REPOSITORY = Path(__file__).parent.parent.parent


def make(folder, *names):
    for name in names:
        file = folder / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(b"content")


def run_scan(folder, *excludes):
    return list(scan(str(folder), suffixes=SUFFIXES, excludes=excludes, job=Job()))


def found_names(folder, *excludes):
    """Return what was found, relative to ``folder``; nothing may be unlisted."""
    results = run_scan(folder, *excludes)
    assert all(isinstance(result, FoundFile) for result in results)
    return [os.path.relpath(result.path, folder).replace(os.sep, "/") for result in results]


def test_files_come_in_the_order_of_names_before_subfolders(tmp_path):
    make(tmp_path, "b/z.jpg", "b/a/deep.png", "a/x.jpg", "zz.jpg", "c.png")
    assert found_names(tmp_path) == ["c.png", "zz.jpg", "a/x.jpg", "b/z.jpg", "b/a/deep.png"]


def test_a_found_file_carries_what_the_file_system_says(tmp_path):
    make(tmp_path, "a.jpg")
    status = (tmp_path / "a.jpg").stat()
    (found,) = run_scan(tmp_path)
    assert (found.path, found.size_bytes, found.mtime_ns) == (str(tmp_path / "a.jpg"), 7, status.st_mtime_ns)
    if os.name == "posix":
        assert (found.device, found.inode) == (status.st_dev, status.st_ino)


def test_suffixes_count_whatever_their_case(tmp_path):
    make(tmp_path, "A.JPG", "b.Png", "c.txt", "jpg", "d.jpg.bak", "e.jpg~", "f")
    assert found_names(tmp_path) == ["A.JPG", "b.Png"]


def test_empty_files_are_found(tmp_path):
    (tmp_path / "empty.jpg").touch()
    assert [found.size_bytes for found in run_scan(tmp_path)] == [0]


def test_hidden_files_and_folders_are_left_out_but_not_a_hidden_root(tmp_path):
    make(tmp_path, ".root/a.jpg", ".root/.hidden.jpg", ".root/._a.jpg", ".root/.cache/b.jpg")
    assert found_names(tmp_path / ".root") == ["a.jpg"]


@pytest.mark.parametrize(
    "name",
    ["$RECYCLE.BIN", "RECYCLER", "System Volume Information", "lost+found", ".Trash-1000", ".Trashes", "@eaDir",
     "#recycle", "#snapshot", "@Recycle", "@Recently-Snapshot", "node_modules", "__MACOSX"],
)  # fmt: skip
def test_trash_and_machine_made_folders_are_left_out(tmp_path, name):
    make(tmp_path, f"holiday/{name}/a.jpg", f"{name}x/b.jpg".lstrip("."))
    assert found_names(tmp_path) == [f"{name}x/b.jpg".lstrip(".")]


def test_a_skipped_folder_that_was_asked_for_is_scanned(tmp_path):
    make(tmp_path, "@Recycle/a.jpg")
    assert found_names(tmp_path / "@Recycle") == ["a.jpg"]


def test_links_to_files_are_followed_and_links_to_folders_are_not(tmp_path):
    make(tmp_path, "store/object", "album/own.jpg", "other/x.jpg")
    root = tmp_path / "album"
    (root / "link.jpg").symlink_to(tmp_path / "store" / "object")
    (root / "broken.jpg").symlink_to(tmp_path / "nowhere")
    (root / "circle.jpg").symlink_to(root / "circle.jpg")
    (root / "below_file.jpg").symlink_to(root / "own.jpg" / "x")
    (root / "folder").symlink_to(tmp_path / "other")
    (root / "folder.jpg").symlink_to(tmp_path / "other")
    (root / "up").symlink_to(tmp_path)
    assert found_names(root) == ["link.jpg", "own.jpg"]
    link, _own = run_scan(root)
    assert link.inode == (tmp_path / "store" / "object").stat().st_ino


def test_a_root_that_is_a_link_is_scanned_under_its_own_name(tmp_path):
    make(tmp_path, "real/a.jpg")
    (tmp_path / "link").symlink_to(tmp_path / "real")
    assert [found.path for found in run_scan(tmp_path / "link")] == [str(tmp_path / "link" / "a.jpg")]


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="needs named pipes")
def test_pipes_and_sockets_are_left_out(tmp_path, monkeypatch):
    make(tmp_path, "a.jpg")
    os.mkfifo(tmp_path / "pipe.jpg")
    monkeypatch.chdir(tmp_path)  # the path of a socket has to be short
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind("socket.jpg")
        assert found_names(tmp_path) == ["a.jpg"]


@pytest.mark.skipif(sys.platform != "linux", reason="other systems refuse such names")
def test_names_may_hold_any_byte(tmp_path):
    names = [b"caf\xe9.jpg", b"new\nline.jpg", b"quote\"'.jpg", b"tab\t.jpg", "日本.jpg".encode(), b"\xff\xfe.JPG"]
    folder = os.path.join(os.fsencode(tmp_path), b"f\xff\n")
    os.mkdir(folder)
    for name in names:
        Path(os.fsdecode(os.path.join(folder, name))).touch()
    assert {os.fsencode(os.path.basename(found.path)) for found in run_scan(tmp_path)} == set(names)
    assert all(os.path.exists(found.path) for found in run_scan(tmp_path))
    assert found_names(tmp_path, os.fsdecode(b"f\xff*")) == []


@pytest.mark.parametrize(
    ("pattern", "left"),
    [
        ("*_thumb*", ["a.jpg", "raw/c.jpg", "x/raw/d.jpg", "x/y/raw/e.jpg"]),
        ("raw", ["a.jpg", "a_thumb.jpg"]),
        ("raw/", ["a.jpg", "a_thumb.jpg"]),
        ("RAW" if os.name == "posix" else "no", ["a.jpg", "a_thumb.jpg", "raw/c.jpg", "x/raw/d.jpg", "x/y/raw/e.jpg"]),
        ("x/raw", ["a.jpg", "a_thumb.jpg", "raw/c.jpg", "x/y/raw/e.jpg"]),
        ("*/raw", ["a.jpg", "a_thumb.jpg", "raw/c.jpg"]),
        ("**/raw", ["a.jpg", "a_thumb.jpg"]),
        ("x/**", ["a.jpg", "a_thumb.jpg", "raw/c.jpg"]),
        ("?.jpg", ["a_thumb.jpg"]),
        ("[!c].jpg", ["a_thumb.jpg", "raw/c.jpg"]),
        ("{root}/x", ["a.jpg", "a_thumb.jpg", "raw/c.jpg"]),
        ("{root}", ["a.jpg", "a_thumb.jpg", "raw/c.jpg", "x/raw/d.jpg", "x/y/raw/e.jpg"]),
        ("{name}", ["a.jpg", "a_thumb.jpg", "raw/c.jpg", "x/raw/d.jpg", "x/y/raw/e.jpg"]),
        ("", ["a.jpg", "a_thumb.jpg", "raw/c.jpg", "x/raw/d.jpg", "x/y/raw/e.jpg"]),
    ],
)
def test_excludes_leave_out_files_and_whole_folders(tmp_path, pattern, left):
    root = tmp_path / "pictures"
    make(root, "a.jpg", "a_thumb.jpg", "raw/c.jpg", "x/raw/d.jpg", "x/y/raw/e.jpg")
    assert found_names(root, pattern.format(root=root, name=root.name)) == left


def test_several_excludes_add_up(tmp_path):
    make(tmp_path, "a.jpg", "b.jpg", "x/c.jpg", "y/d.jpg")
    assert found_names(tmp_path, "b.*", "x", "y/*") == ["a.jpg"]


def test_a_missing_root_or_a_file_as_root_is_unlisted(tmp_path):
    make(tmp_path, "a.jpg")
    assert run_scan(tmp_path / "gone") == [Unlisted(str(tmp_path / "gone"), os.strerror(errno.ENOENT))]
    (unlisted,) = run_scan(tmp_path / "a.jpg")
    assert unlisted.path == str(tmp_path / "a.jpg")


def test_an_empty_root_is_listed(tmp_path):
    assert run_scan(tmp_path) == []


def test_a_file_that_vanishes_after_the_listing_is_left_out(tmp_path):
    make(tmp_path, "a.jpg", "b.jpg", "c.jpg")
    results = scan(str(tmp_path), suffixes=SUFFIXES, job=Job())
    first = next(results)
    (tmp_path / "b.jpg").unlink()
    assert [first.path, *(found.path for found in results)] == [str(tmp_path / "a.jpg"), str(tmp_path / "c.jpg")]


def test_a_folder_that_vanishes_during_the_scan_is_unlisted(tmp_path):
    make(tmp_path, "a.jpg", "sub/b.jpg")
    results = scan(str(tmp_path), suffixes=SUFFIXES, job=Job())
    next(results)
    shutil.rmtree(tmp_path / "sub")
    assert list(results) == [Unlisted(str(tmp_path / "sub"), os.strerror(errno.ENOENT))]


def test_a_listing_that_breaks_off_is_unlisted_and_what_it_gave_is_kept(tmp_path, monkeypatch):
    make(tmp_path, "bad/a.jpg", "bad/b.jpg", "good/c.jpg")
    real_scandir = os.scandir

    class BreaksOff:
        """A disk error after the first entry."""

        def __init__(self, folder):
            self.entries = real_scandir(folder)

        def __enter__(self):
            return self

        def __exit__(self, *_):
            self.entries.close()

        def __iter__(self):
            yield next(self.entries)
            raise OSError(errno.EIO, "Input/output error")

    monkeypatch.setattr(
        module.os, "scandir", lambda folder: (BreaksOff if folder.endswith("bad") else real_scandir)(folder)
    )
    unlisted, in_bad, in_good = run_scan(tmp_path)
    assert unlisted == Unlisted(str(tmp_path / "bad"), "Input/output error")
    assert os.path.dirname(in_bad.path) == str(tmp_path / "bad")
    assert in_good.path == str(tmp_path / "good" / "c.jpg")


class BrokenEntry:
    """A directory entry about which a failing disk says nothing."""

    name = "a.jpg"
    path = "/photos/a.jpg"

    def stat(self):
        raise OSError(errno.EIO, "Input/output error")

    def is_dir(self, follow_symlinks):
        raise OSError(errno.EIO, "Input/output error")


def test_a_file_whose_status_cannot_be_read_is_not_taken_for_gone():
    assert module._examine(BrokenEntry()) == Unlisted("/photos/a.jpg", "Input/output error")


def test_an_entry_that_may_be_a_folder_is_not_taken_for_gone():
    listing = module._Listing()
    module._Walk(SUFFIXES, None, Job())._sort_in(BrokenEntry(), listing)
    assert listing.unlisted == [Unlisted("/photos/a.jpg", "Input/output error")]
    assert not listing.files
    assert not listing.folders


def test_a_scan_goes_deeper_than_the_recursion_limit(tmp_path):
    make(tmp_path, "d/" * 300 + "a.jpg")
    limit = sys.getrecursionlimit()
    sys.setrecursionlimit(len(inspect.stack()) + 100)
    try:
        results = run_scan(tmp_path)
    finally:
        sys.setrecursionlimit(limit)
    assert len(results) == 1


def test_progress_is_reported_and_a_cancelled_scan_stops(tmp_path):
    make(tmp_path, *(f"{number}.jpg" for number in range(1200)))
    seen = []
    list(scan(str(tmp_path), suffixes=SUFFIXES, job=Job(seen.append)))
    assert {progress.stage for progress in seen} == {"scanning"}
    assert [progress.done for progress in seen] == sorted(progress.done for progress in seen)
    assert len(seen) >= 3
    assert seen[-1].done == 1200

    job = Job(lambda progress: job.cancel())
    with pytest.raises(Cancelled):
        list(scan(str(tmp_path), suffixes=SUFFIXES, job=job))


def test_flags_of_windows_and_macos_hide():
    assert module._is_hidden(SimpleNamespace(st_file_attributes=stat.FILE_ATTRIBUTE_HIDDEN))
    assert module._is_hidden(SimpleNamespace(st_flags=stat.UF_HIDDEN))
    assert not module._is_hidden(SimpleNamespace(st_file_attributes=stat.FILE_ATTRIBUTE_ARCHIVE, st_flags=0))


def test_junctions_and_flagged_folders_are_closed(monkeypatch):
    monkeypatch.setattr(module, "_HAS_FLAGS", True)

    def folder(**status):
        return SimpleNamespace(stat=lambda follow_symlinks: SimpleNamespace(**status))

    assert module._is_closed(folder(st_file_attributes=0, st_reparse_tag=0xA0000003))
    assert module._is_closed(folder(st_file_attributes=stat.FILE_ATTRIBUTE_HIDDEN))
    assert not module._is_closed(folder(st_file_attributes=0, st_reparse_tag=0x9000601A))  # OneDrive


CHILD = """
import json, os, sys
from imgfind.core.errors import ImgfindError
from imgfind.core.job import Job
from imgfind.core.scan import check_folder, scan
root = sys.argv[1]
if os.geteuid() == 0:
    os.setgroups([])
    os.setgid(65534)
    os.setuid(65534)
results = scan(root, suffixes=frozenset({".jpg"}), job=Job())
report = [[type(result).__name__, os.path.relpath(result.path, root)] for result in results]
try:
    message = check_folder(os.path.join(root, "locked"))
except ImgfindError as error:
    message = str(error)
print(json.dumps([report, check_folder(root), message]))
"""


@pytest.mark.skipif(os.name != "posix", reason="needs POSIX permissions")
def test_folders_without_permission_are_unlisted():
    # Not tmp_path: its parents are closed to anyone but the user, and root's permissions bind nobody.
    with tempfile.TemporaryDirectory() as root:
        make(Path(root), "a.jpg", "locked/b.jpg", "names_only/c.jpg", "open/d.jpg")
        modes = {root: 0o755, f"{root}/locked": 0o000, f"{root}/names_only": 0o444}
        try:
            for folder, mode in modes.items():
                os.chmod(folder, mode)
            command = [sys.executable, "-c", CHILD, root]
            child = subprocess.run(command, cwd=REPOSITORY, capture_output=True, check=False, text=True)
        finally:
            for folder in modes:
                os.chmod(folder, 0o700)
    assert child.stderr == ""
    report, checked, message = json.loads(child.stdout)
    assert report == [
        ["FoundFile", "a.jpg"],
        ["Unlisted", "locked"],
        ["Unlisted", "names_only/c.jpg"],
        ["FoundFile", "open/d.jpg"],
    ]
    assert checked == root
    assert message.startswith(f"You may not list {root}/locked;")


def test_a_checked_folder_comes_back_absolute_with_its_links(tmp_path, monkeypatch):
    make(tmp_path, "real/sub/a.jpg")
    (tmp_path / "link").symlink_to(tmp_path / "real")
    monkeypatch.chdir(tmp_path)
    assert check_folder("link/sub/../") == str(tmp_path / "link")
    assert check_folder(".") == str(tmp_path)


@pytest.mark.parametrize(
    ("path", "message"),
    [
        ("gone", "The folder 'gone' does not exist; check the spelling or connect the drive."),
        ("", "The folder '' does not exist; check the spelling or connect the drive."),
        ("a.jpg", "a.jpg is a file; name the folder that holds it."),
        ("new\nline", r"The folder 'new\x0aline' does not exist; check the spelling or connect the drive."),
    ],
)
def test_a_folder_that_cannot_be_scanned_is_refused_in_one_sentence(tmp_path, monkeypatch, path, message):
    make(tmp_path, "a.jpg")
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ImgfindError) as caught:
        check_folder(path)
    assert str(caught.value) == message


@pytest.mark.skipif(os.name != "posix", reason="other systems tell these apart differently")
@pytest.mark.parametrize(
    ("path", "start"), [("a.jpg/x", "a.jpg/x is not a folder"), ("a\0b", "a\\x00b cannot be listed"), ("x" * 300, "x")]
)
def test_impossible_paths_are_refused(tmp_path, monkeypatch, path, start):
    make(tmp_path, "a.jpg")
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ImgfindError) as caught:
        check_folder(path)
    assert str(caught.value).startswith(start)


def test_relative_excludes_mean_the_same_when_only_a_part_is_scanned(tmp_path: Path) -> None:
    for name in ("2019/raw/a.jpg", "2019/b.jpg"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    part = str(tmp_path / "2019")

    found = scan(part, suffixes=SUFFIXES, excludes=["2019/raw"], base=str(tmp_path), job=Job())

    assert [item.path for item in found] == [str(tmp_path / "2019" / "b.jpg")]


@pytest.mark.parametrize("exclude", ["raw", "a.*", "2019/raw", "*/raw/a.jpg", "2019"])
def test_a_file_is_left_out_where_it_or_a_folder_above_is_excluded(exclude: str) -> None:
    assert is_left_out("/photos/2019/raw/a.jpg", "/photos", [exclude])
    assert not is_left_out("/photos/2020/b.jpg", "/photos", [exclude])
    assert not is_left_out("/photos/2019/raw/a.jpg", "/photos", ["photos", "raw/a.jpg"])
