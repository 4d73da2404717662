"""Single files into the system's trash and back."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from PySide6 import QtCore

from imgfind.core import trash
from imgfind.core.errors import ImgfindError, TrashError
from tests.command_line import child_environment

pytestmark = pytest.mark.skipif(not trash._HAS_NOTES, reason="knows where the trash of freedesktop.org is")

NAMES = (
    "plain.jpg",
    " spaces .jpg",
    "new\nline.jpg",
    "100%.jpg",
    "back\\slash.jpg",
    "~",
    "grüße 🐕.jpg",
    "no text \udcff\udce4.jpg",
    "long" * 60 + ".jpg",
    "longest" * 35 + ".jpg",
)


def file_at(path: Path, text: str = "a photo") -> str:
    path.write_text(text)
    return str(path)


def notes_in(home: Path) -> list[str]:
    return os.listdir(home / ".local/share/Trash/info")


@pytest.mark.parametrize("name", NAMES)
def test_a_file_goes_and_comes_back_whatever_its_name(tmp_path: Path, own_home: Path, name: str) -> None:
    path = file_at(tmp_path / name)
    os.utime(path, ns=(1, 123_456_789_123_456_789))

    trashed_to = trash.move(path)

    assert not os.path.lexists(path)
    assert Path(trashed_to).read_text() == "a photo"
    assert trash.find(path) == [trashed_to]

    trash.put_back(trashed_to, path)

    assert Path(path).read_text() == "a photo"
    assert os.stat(path).st_mtime_ns == 123_456_789_123_456_789
    assert not os.path.lexists(trashed_to)
    assert notes_in(own_home) == []


def test_a_name_that_is_no_text_is_not_taken_for_another(tmp_path: Path) -> None:
    # Qt leaves the byte out.
    other, path = file_at(tmp_path / "a.jpg", "another"), file_at(tmp_path / "a\udcff.jpg")
    assert Path(trash.move(path)).read_text() == "a photo"
    assert Path(other).read_text() == "another"


@pytest.mark.parametrize("name", ["a.jpg", "a\udcff.jpg"])
def test_files_of_one_name_are_kept_apart(tmp_path: Path, own_home: Path, name: str) -> None:
    path = str(tmp_path / name)
    first, second = (trash.move(file_at(Path(path), text)) for text in ("first", "second"))
    assert first != second
    assert set(trash.find(path)) == {first, second}

    trash.put_back(first, path)
    with pytest.raises(TrashError) as error:
        trash.put_back(second, path)

    assert error.value.reason == "another file has taken its place"
    assert (Path(path).read_text(), Path(second).read_text()) == ("first", "second")
    assert trash.find(path) == [second]


def test_other_programs_are_told_where_the_file_was(tmp_path: Path, own_home: Path) -> None:
    (tmp_path / "folder").mkdir()
    (tmp_path / "linked").symlink_to(tmp_path / "folder")
    for name in ("a b.jpg", "a\udcff.jpg"):
        file_at(tmp_path / "folder" / name)
        trashed_to = trash.move(str(tmp_path / "linked" / name))
        note = own_home / ".local/share/Trash/info" / f"{os.path.basename(trashed_to)}.trashinfo"
        lines = note.read_bytes().splitlines()
        quoted = os.fsencode(tmp_path / "folder" / name).replace(b" ", b"%20").replace(b"\xff", b"%FF")
        assert lines[:2] == [b"[Trash Info]", b"Path=" + quoted]
        assert lines[2].startswith(b"DeletionDate=20")
        assert trash.find(str(tmp_path / "linked" / name)) == [trashed_to]


def test_a_link_goes_itself_and_what_it_leads_to_stays(tmp_path: Path) -> None:
    target, link = file_at(tmp_path / "target.jpg"), tmp_path / "link.jpg"
    link.symlink_to("target.jpg")

    trashed_to = trash.move(str(link))
    assert os.path.islink(trashed_to)
    assert Path(target).exists()

    trash.put_back(trashed_to, str(link))
    assert link.read_text() == "a photo"
    assert os.readlink(link) == "target.jpg"


def test_the_other_name_of_a_hard_link_stays(tmp_path: Path) -> None:
    path, other = file_at(tmp_path / "a.jpg"), tmp_path / "b.jpg"
    os.link(path, other)
    trashed_to = trash.move(path)
    assert other.read_text() == "a photo"
    trash.put_back(trashed_to, path)
    assert os.path.samefile(path, other)


def test_a_file_comes_back_from_another_drive(tmp_path: Path) -> None:
    elsewhere = Path("/dev/shm")
    if not elsewhere.is_dir() or elsewhere.stat().st_dev == tmp_path.stat().st_dev:
        pytest.skip("needs a second drive")
    folder = elsewhere / f"imgfind-test-{os.getpid()}"
    folder.mkdir()
    try:
        trashed_to = trash.move(file_at(tmp_path / "a.jpg"))
        os.utime(trashed_to, ns=(1, 123_456_789_123_456_789))
        trash.put_back(trashed_to, str(folder / "a.jpg"))
        assert (folder / "a.jpg").read_text() == "a photo"
        assert (folder / "a.jpg").stat().st_mtime_ns == 123_456_789_123_456_789

        again = trash.move(file_at(tmp_path / "a.jpg", "another"))
        with pytest.raises(TrashError, match="another file has taken its place"):
            trash.put_back(again, str(folder / "a.jpg"))
        assert Path(again).read_text() == "another"
        assert os.listdir(folder) == ["a.jpg"]
    finally:
        for file in folder.iterdir():
            file.unlink()
        folder.rmdir()


def test_a_drive_without_hard_links_does_as_well(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(*_arguments: object, **_options: object) -> None:
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr(os, "link", refused)
    path = str(tmp_path / "a.jpg")
    first, second = (trash.move(file_at(Path(path), text)) for text in ("first", "second"))
    trash.put_back(first, path)
    with pytest.raises(TrashError, match="another file has taken its place"):
        trash.put_back(second, path)
    assert (Path(path).read_text(), Path(second).read_text()) == ("first", "second")


def test_what_cannot_come_back_is_told(tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    path = file_at(tmp_path / "folder" / "a.jpg")
    trashed_to = trash.move(path)
    (tmp_path / "folder").rmdir()
    with pytest.raises(TrashError) as error:
        trash.put_back(trashed_to, path)
    assert str(error.value) == f"'{path}' was not put back from the trash: its folder is no longer there."
    os.unlink(trashed_to)
    with pytest.raises(TrashError) as error:
        trash.put_back(trashed_to, path)
    assert error.value.reason == "it is no longer in the trash"


@pytest.mark.parametrize("name", ["a.jpg", "a\udcff.jpg"])
def test_a_file_that_is_not_there_is_told(tmp_path: Path, name: str) -> None:
    with pytest.raises(TrashError) as error:
        trash.move(str(tmp_path / name))
    assert error.value.reason == "it is no longer there"


WITHOUT_A_TRASH = """
import os, sys
from PySide6 import QtCore
from imgfind.core import trash
from imgfind.core.errors import TrashError
home, *photos = sys.argv[1:]
os.environ["HOME"] = home
if os.geteuid() == 0:
    os.setgroups([])
    os.setgid(65534)
    os.setuid(65534)
for photo in photos:
    try:
        trash.move(photo)
    except TrashError as error:
        print(error.reason)
"""


def test_where_there_is_no_trash_the_file_stays(own_home: Path, tmp_path: Path) -> None:
    if os.access(os.path.join(os.sep), os.W_OK) and os.geteuid() != 0:
        pytest.skip("could make a trash for the whole disk")
    for folder in (tmp_path, *tmp_path.parents):  # the way to the photos, which pytest keeps to itself
        if folder.stat().st_mode & 0o777 == 0o700:
            folder.chmod(0o755)
    (tmp_path / "kept").mkdir()
    photos = [file_at(tmp_path / folder / name) for folder in (".", "kept") for name in ("a.jpg", "b\udcff.jpg")]
    tmp_path.chmod(0o777)
    (tmp_path / "kept").chmod(0o555)
    (tmp_path / "home").mkdir(mode=0o555)

    told = subprocess.run(
        [sys.executable, "-c", WITHOUT_A_TRASH, tmp_path / "home", *photos],
        env=child_environment(),
        capture_output=True,
        text=True,
        check=True,
    ).stdout

    assert told.splitlines() == ["there is no trash for its drive"] * 2 + ["its folder may not be changed"] * 2
    assert all(Path(photo).read_text() == "a photo" for photo in photos)


@pytest.mark.parametrize("name", ["a.jpg", "b\udcff.jpg"])
@pytest.mark.parametrize("mode", [0o555, 0o1777])
def test_what_a_folder_does_not_let_go_stays_and_leaves_nothing_in_the_trash(
    own_home: Path, tmp_path: Path, name: str, mode: int
) -> None:
    if os.geteuid() != 0 and mode == 0o1777:
        pytest.skip("needs a file of somebody else")
    for folder in (tmp_path, *tmp_path.parents):  # the way to the photos, which pytest keeps to itself
        if folder.stat().st_mode & 0o777 == 0o700:
            folder.chmod(0o755)
    home = tmp_path / "home"
    home.mkdir()
    home.chmod(0o777)
    (tmp_path / "kept").mkdir()
    photo = file_at(tmp_path / "kept" / name)
    (tmp_path / "kept").chmod(mode)

    told = subprocess.run(
        [sys.executable, "-c", WITHOUT_A_TRASH, home, photo],
        env=child_environment(),
        capture_output=True,
        text=True,
        check=True,
    ).stdout

    assert told.splitlines() == ["its folder may not be changed"]
    assert Path(photo).read_text() == "a photo"
    assert [file for file in home.rglob("*") if file.is_file()] == []


def test_what_qt_only_copied_stays_and_leaves_nothing_in_the_trash(
    own_home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class CopyingFile:
        def __init__(self, path: str) -> None:
            self.path = path

        def fileName(self) -> str:  # noqa: N802 - Qt's name
            return self.path

        def moveToTrash(self) -> bool:  # noqa: N802 - Qt's name
            self.path = shutil.copy2(self.path, tmp_path / "copy.jpg")
            return True

    monkeypatch.setattr(QtCore, "QFile", CopyingFile)
    photo = file_at(tmp_path / "a.jpg")
    with pytest.raises(TrashError):
        trash.move(photo)
    assert [file.name for file in tmp_path.iterdir() if file.is_file()] == ["a.jpg"]


def test_without_qt_one_sentence_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "PySide6.QtCore", None)
    path = file_at(tmp_path / "a.jpg")
    with pytest.raises(
        ImgfindError, match=r"^The trash needs PySide6, which cannot be loaded \(.*\); install it with: "
    ):
        trash.move(path)
    assert Path(path).exists()
