"""File systems: which one a folder is on, where a known one is mounted now, and whether it is reached over a network.

Linux tells in ``/proc/self/mountinfo`` and under ``/dev/disk``, Windows by its own calls; macOS is not asked, which
costs only conveniences. Reads those two places and never the folders themselves: a look at a share whose server is gone
can hang. Pure look-ups, safe on every thread.
"""

import contextlib
import ctypes
import os
import re
import sys
from typing import NamedTuple

_MOUNTS_FILE = "/proc/self/mountinfo"
_UUIDS_FOLDER = "/dev/disk/by-uuid"

# File systems whose other end is another machine (or, as with WSL's 9p and VirtualBox, another system): no shared
# memory for SQLite's write-ahead log (https://sqlite.org/wal.html, "all processes must be on the same host computer"),
# and nobody here is told what the others change.
_NETWORK_FILE_SYSTEMS = frozenset(
    {
        "9p", "afs", "beegfs", "ceph", "cifs", "coda", "davfs", "gfs2", "glusterfs", "lustre", "ncpfs", "nfs", "nfs4",
        "ocfs2", "smb2", "smb3", "smbfs", "vboxsf", "vmhgfs",
        "fuse.ceph", "fuse.curlftpfs", "fuse.davfs2", "fuse.gcsfuse", "fuse.glusterfs", "fuse.gvfsd-fuse",
        "fuse.rclone", "fuse.s3fs", "fuse.smbnetfs", "fuse.sshfs", "fuse.vmhgfs-fuse",
    }
)  # fmt: skip

_DRIVE_REMOTE = 4  # GetDriveTypeW, winbase.h


class Mount(NamedTuple):
    """One line of mountinfo: what is mounted at ``folder``, and which folder of it (``part``, ``/`` for all)."""

    folder: str
    part: str
    device: int
    file_system: str
    source: str


def parse_mounts(text: bytes) -> list[Mount]:
    """Return the mounts in the order they were made; lines that make no sense are left out.

    Format: proc_pid_mountinfo(5); spaces, tabs, newlines and backslashes in names are written as octal numbers.
    """
    mounts = []
    for line in text.splitlines():
        before, _, after = line.partition(b" - ")
        fields, rest = before.split(b" "), after.split(b" ")
        with contextlib.suppress(ValueError, IndexError):
            major, minor = map(int, fields[2].split(b":"))
            part, folder, file_system, source = map(_unescaped, (fields[3], fields[4], rest[0], rest[1]))
            mounts.append(Mount(folder, part, os.makedev(major, minor), file_system, source))
    return mounts


def mount_of(folder: str, mounts: list[Mount]) -> Mount | None:
    """Return the mount that ``folder`` (absolute, without links) lies on: the deepest, and of several the last."""
    found = None
    for mount in mounts:
        prefix = mount.folder.rstrip("/") + "/"
        if (folder + "/").startswith(prefix) and (found is None or len(mount.folder) >= len(found.folder)):
            found = mount
    return found


def volume_identity(folder: str) -> str | None:
    """Return a name for the file system ``folder`` is on that survives another mount point, or None.

    Linux: the UUID udev publishes under /dev/disk; Windows: the volume's serial number, which is its ``st_dev``.
    """
    if sys.platform == "win32":
        with contextlib.suppress(OSError):
            return f"{os.stat(folder).st_dev:x}"
        return None
    mount = mount_of(os.path.realpath(folder), _mounts())
    return _identity(mount, _uuids()) if mount else None


def folders_of(identity: str) -> list[str]:
    """Return where the file system of that name is mounted as a whole, now; nothing where the system does not tell."""
    uuids = _uuids()
    return [mount.folder for mount in _mounts() if mount.part == "/" and _identity(mount, uuids) == identity]


def is_network(folder: str) -> bool:
    """Tell whether ``folder`` is on a network file system; where the system does not tell, it is not."""
    if sys.platform == "win32":
        root = os.path.splitdrive(os.path.abspath(folder))[0] + "\\"
        return bool(ctypes.windll.kernel32.GetDriveTypeW(root) == _DRIVE_REMOTE)
    mount = mount_of(os.path.realpath(folder), _mounts())
    return mount is not None and mount.file_system in _NETWORK_FILE_SYSTEMS


def _mounts() -> list[Mount]:
    try:
        with open(_MOUNTS_FILE, "rb") as file:
            return parse_mounts(file.read())
    except OSError:  # macOS, BSD, odd containers
        return []


def _uuids() -> dict[int, str]:
    """Return device number -> UUID of the block devices that have one."""
    uuids = {}
    with contextlib.suppress(OSError):
        for entry in os.scandir(_UUIDS_FOLDER):
            with contextlib.suppress(OSError):
                uuids[os.stat(entry.path).st_rdev] = entry.name
    return uuids


def _identity(mount: Mount, uuids: dict[int, str]) -> str | None:
    if mount.device in uuids:
        return uuids[mount.device]
    # Btrfs numbers its mounts as it likes; their source is the block device all the same.
    if mount.source.startswith("/dev/"):
        with contextlib.suppress(OSError):
            return uuids.get(os.stat(mount.source).st_rdev)
    return None


def _unescaped(field: bytes) -> str:
    return os.fsdecode(re.sub(rb"\\([0-7]{3})", lambda match: bytes([int(match[1], 8)]), field))
