"""Which file system a folder is on: what mountinfo says, and what follows from it for drives and for SQLite."""

import os
import sys
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from imgfind.core import volumes
from imgfind.core.database import Database
from imgfind.core.volumes import Mount, folders_of, is_network, mount_of, parse_mounts, volume_identity

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="mountinfo is Linux's")

SAMPLE = rb"""
22 27 0:21 / /proc rw,relatime - proc proc rw
27 1 254:0 / / rw,relatime shared:1 - ext4 /dev/vda rw,discard
98 27 8:17 / /media/anna/My\040Disk rw,nosuid shared:52 master:3 - exfat /dev/sdb1 rw,uid=1000
99 27 8:17 /Photos /srv/photos rw - exfat /dev/sdb1 rw
110 27 0:52 / /mnt/nas rw,relatime shared:60 - nfs4 nas.lan:/volume1/photos rw,vers=4.2
111 27 0:53 / /mnt/back\134slash\012line\011tab rw - cifs //nas/f\303\266to rw
112 27 0:60 /@home /home rw - btrfs /dev/mapper/luks rw,subvol=/@home
mangled
1 2 x:y / /nowhere rw - ext4
"""


def line(folder: Path | str, *, device: str = "1:3", kind: str = "ext4", part: str = "/", source: str = "none") -> str:
    """Return a line of mountinfo."""
    name = str(folder).replace("\\", "\\134").replace(" ", "\\040").replace("\n", "\\012")
    return f"40 27 {device} {part} {name} rw,relatime - {kind} {source} rw\n"


@pytest.fixture
def mounted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Return a function that makes the system tell of these mounts, and of one UUID, that of the device 1:3."""
    uuids = tmp_path / "by-uuid"
    uuids.mkdir()
    (uuids / "1234-ABCD").symlink_to("/dev/null")  # 1:3 on every Linux
    (uuids / "dangling").symlink_to("/dev/no such device")
    monkeypatch.setattr(volumes, "_UUIDS_FOLDER", str(uuids))
    monkeypatch.setattr(volumes, "_MOUNTS_FILE", str(tmp_path / "mountinfo"))

    def mount(*lines: str) -> None:
        (tmp_path / "mountinfo").write_text("".join([line("/", device="254:0"), *lines]))

    mount()
    return mount


def test_every_line_that_makes_sense_is_a_mount() -> None:
    mounts = parse_mounts(SAMPLE)
    assert [mount.folder for mount in mounts] == [
        "/proc", "/", "/media/anna/My Disk", "/srv/photos", "/mnt/nas", "/mnt/back\\slash\nline\ttab", "/home",
    ]  # fmt: skip
    assert mounts[2] == Mount("/media/anna/My Disk", "/", os.makedev(8, 17), "exfat", "/dev/sdb1")
    assert mounts[3].part == "/Photos"
    assert mounts[5].source == "//nas/föto"


@pytest.mark.parametrize(
    ("folder", "expected"),
    [
        ("/", "/"),
        ("/usr/share", "/"),
        ("/home", "/home"),
        ("/homely", "/"),
        ("/media/anna/My Disk/2020/x", "/media/anna/My Disk"),
        ("/mnt/nas", "/mnt/nas"),
    ],
)
def test_a_folder_is_on_the_deepest_mount_above_it(folder: str, expected: str) -> None:
    mount = mount_of(folder, parse_mounts(SAMPLE))
    assert mount is not None
    assert mount.folder == expected


def test_of_two_mounts_at_one_place_the_last_hides_the_first() -> None:
    mounts = parse_mounts((line("/nas", kind="autofs") + line("/nas", kind="nfs4")).encode())
    mount = mount_of("/nas/photos", mounts)
    assert mount is not None
    assert mount.file_system == "nfs4"


def test_a_volume_is_named_by_its_uuid_wherever_it_is_mounted(mounted: Callable[..., None], tmp_path: Path) -> None:
    disk = tmp_path / "my disk"
    (disk / "photos").mkdir(parents=True)
    mounted(line(disk))
    assert volume_identity(str(disk / "photos")) == "1234-ABCD"
    assert volume_identity(str(tmp_path)) is None
    (tmp_path / "link").symlink_to(disk / "photos")
    assert volume_identity(str(tmp_path / "link")) == "1234-ABCD"


def test_a_volume_with_a_made_up_number_is_named_by_its_source(mounted: Callable[..., None], tmp_path: Path) -> None:
    mounted(line(tmp_path, device="0:60", kind="btrfs", source="/dev/null"))
    assert volume_identity(str(tmp_path)) == "1234-ABCD"
    mounted(line(tmp_path, device="0:60", kind="btrfs", source="/dev/no such device"))
    assert volume_identity(str(tmp_path)) is None


def test_a_volume_is_found_where_it_is_mounted_as_a_whole(mounted: Callable[..., None]) -> None:
    mounted(line("/media/a b"), line("/srv/part", part="/Photos"), line("/other", device="8:1"))
    assert folders_of("1234-ABCD") == ["/media/a b"]
    assert folders_of("unknown") == []


def test_where_the_system_does_not_tell_there_is_no_name_and_no_network(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(volumes, "_MOUNTS_FILE", str(tmp_path / "missing"))
    monkeypatch.setattr(volumes, "_UUIDS_FOLDER", str(tmp_path / "missing"))
    assert volume_identity(str(tmp_path)) is None
    assert folders_of("1234-ABCD") == []
    assert not is_network(str(tmp_path))


@pytest.mark.parametrize(
    ("kind", "expected"),
    [
        *((kind, True) for kind in ("nfs", "nfs4", "cifs", "smb3", "fuse.sshfs", "9p")),
        *((kind, False) for kind in ("ext4", "btrfs", "fuseblk", "tmpfs", "overlay")),
    ],
)
def test_network_file_systems_are_known(
    mounted: Callable[..., None], tmp_path: Path, kind: str, expected: bool
) -> None:
    mounted(line(tmp_path, kind=kind))
    assert is_network(str(tmp_path)) is expected
    assert is_network(str(tmp_path / "not" / "there" / "yet")) is expected


@pytest.mark.parametrize(("kind", "journal", "synchronous"), [("nfs4", "delete", 2), ("ext4", "wal", 1)])
def test_a_database_on_a_network_share_has_no_write_ahead_log(
    mounted: Callable[..., None], tmp_path: Path, kind: str, journal: str, synchronous: int
) -> None:
    mounted(line(tmp_path, kind=kind))
    with closing(Database(tmp_path / "a.sqlite3")) as database:
        assert database.value("PRAGMA journal_mode") == journal
        assert database.value("PRAGMA synchronous") == synchronous


def test_a_database_that_was_copied_to_a_share_loses_its_write_ahead_log(
    mounted: Callable[..., None], tmp_path: Path
) -> None:
    with closing(Database(tmp_path / "a.sqlite3")) as database:
        database.execute("CREATE TABLE t (x)")
        database.execute("INSERT INTO t VALUES (7)")
    mounted(line(tmp_path, kind="cifs"))
    with closing(Database(tmp_path / "a.sqlite3")) as database:
        assert database.value("PRAGMA journal_mode") == "delete"
        assert database.value("SELECT x FROM t") == 7
    with closing(Database(tmp_path / "a.sqlite3", readonly=True)) as database:
        assert database.value("SELECT x FROM t") == 7
