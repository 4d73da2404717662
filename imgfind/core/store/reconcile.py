"""Compare a finished scan with the catalogue: what moved, what is gone, what has to be read.

The files seen go into a temporary table while the scan runs; then one transaction of set-based SQL brings the catalogue
up to date and leaves the list of files to read. Nothing here opens a file. Same thread as the database.

The rules (see also README, "How it works"): a folder that could not be listed keeps all it had; a vanished and a new
file with equal size and time and equal name or inode are one moved photo; a root or device that lost all, or more than
a fifth, of its photos at once is offline rather than empty.
"""

import os
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from imgfind.core import paths
from imgfind.core.database import Database
from imgfind.core.records import FoundFile, ModelId, RootId
from imgfind.core.store.rows import stamp
from imgfind.core.store.schema import NOW

MASS_VANISH_SHARE = 0.2
"""A device that lost more than this share of its photos at once is taken for a drive that is away."""
MASS_VANISH_FLOOR = 20
"""Fewer lost photos than this are an ordinary clean-up, unless nothing at all is left."""

_TEMPORARY_TABLES = (
    """CREATE TEMP TABLE IF NOT EXISTS seen (
        path BLOB PRIMARY KEY, root_id INTEGER, size_bytes INTEGER, mtime_ns INTEGER, device TEXT, inode TEXT,
        moved INTEGER NOT NULL DEFAULT 0
    ) WITHOUT ROWID""",
    "CREATE TEMP TABLE IF NOT EXISTS aliases (path BLOB PRIMARY KEY) WITHOUT ROWID",
    "CREATE TEMP TABLE IF NOT EXISTS scopes (low BLOB, high BLOB)",
    "CREATE TEMP TABLE IF NOT EXISTS unlisted (low BLOB, high BLOB)",
    """CREATE TEMP TABLE IF NOT EXISTS gone (
        photo_id INTEGER PRIMARY KEY, root_id INTEGER, path BLOB, size_bytes INTEGER, mtime_ns INTEGER, device TEXT,
        inode TEXT, content_id INTEGER, offline INTEGER, explained INTEGER
    )""",
    # Photos in the trash when the scan began.
    "CREATE TEMP TABLE IF NOT EXISTS removed (removal_id INTEGER PRIMARY KEY)",
    """CREATE TEMP TABLE IF NOT EXISTS todo (
        todo_id INTEGER PRIMARY KEY, root_id INTEGER, path BLOB, size_bytes INTEGER, mtime_ns INTEGER, device TEXT,
        inode TEXT
    )""",
)

# Ranges on the left of CROSS JOIN, so that each is one walk along the index on the path, however many there are.
_IN_SCOPE = "scopes AS s CROSS JOIN {table} AS t ON t.path >= s.low AND t.path < s.high"
_UNLISTED = "unlisted AS u CROSS JOIN {table} AS t ON t.path >= u.low AND t.path < u.high"


@dataclass(frozen=True, slots=True)
class Scope:
    """A folder of a root that was scanned; ``listed`` is false where the folder itself could not be read."""

    root_id: RootId
    folder: str
    is_root: bool
    listed: bool


@dataclass(frozen=True, slots=True)
class Todo:
    """A file to read, and the root it belongs to."""

    root_id: RootId
    file: FoundFile


@dataclass(frozen=True, slots=True)
class Plan:
    """What the comparison found, as numbers of photos; ``todo`` of them have to be read."""

    todo: int
    unchanged: int
    moved: int
    gone: int
    offline: int


class Reconciliation:
    """One comparison: :meth:`add` what the scan sees, then :meth:`apply`, then read :meth:`todo`."""

    def __init__(self, database: Database) -> None:
        self._database = database
        for statement in _TEMPORARY_TABLES:
            database.execute(statement)
        for table in ("seen", "aliases", "scopes", "unlisted", "gone", "todo", "removed"):
            database.execute(f"DELETE FROM {table}")
        database.execute("INSERT INTO removed SELECT removal_id FROM removals WHERE state IN ('planned', 'trashed')")
        self._last_removal = database.value("SELECT max(removal_id) FROM removals") or 0

    def add(self, root_id: RootId, files: Iterable[FoundFile]) -> None:
        """Note files the scan came across."""
        self._database.execute_many(
            "INSERT OR REPLACE INTO seen (path, root_id, size_bytes, mtime_ns, device, inode)"
            " VALUES (?, ?, ?, ?, ?, ?)",
            ((os.fsencode(file.path), root_id, *stamp(file), str(file.device), str(file.inode)) for file in files),
        )

    def apply(
        self,
        scopes: list[Scope],
        unlisted: list[str],
        *,
        model_id: ModelId,
        decode_version: int,
        confirm_missing: bool,
        is_left_out: Callable[[str], bool] = lambda _path: False,
        is_same_file: Callable[[str, str], bool] = lambda _path, _other: False,
    ) -> Plan:
        """Bring the catalogue up to date with what was seen and collect what has to be read.

        ``unlisted`` are folders (or files) below the scopes that could not be read. With ``confirm_missing`` the caller
        vouches that photos missing in bulk are deleted, not away; ``is_left_out`` tells what was not looked for, and
        ``is_same_file`` whether two paths lead to one file at this moment.
        """
        database = self._database
        with database.transaction():
            self._note_scopes(scopes, unlisted)
            self._keep_one_path_per_file()
            self._leave_out_other_ways(is_same_file)
            self._collect_gone(is_left_out)
            moved = self._move()
            self._mark_offline(scopes, confirm_missing=confirm_missing)
            gone = self._forget_gone()
            self._mark_seen()
            self._collect_todo(model_id, decode_version)
        todo = database.value("SELECT count(*) FROM todo")
        moved_in_todo = database.value("SELECT count(*) FROM todo JOIN seen USING (path) WHERE moved = 1")
        return Plan(
            todo=todo,
            unchanged=database.value("SELECT count(*) FROM seen WHERE moved = 0") - (todo - moved_in_todo),
            moved=moved,
            gone=gone,
            offline=database.value(f"SELECT count(*) FROM {_IN_SCOPE.format(table='photos')} WHERE t.offline = 1"),
        )

    def todo(self, *, after: int, limit: int) -> list[tuple[int, Todo]]:
        """Return the next files to read with their place in the list, in the order of their paths."""
        rows = self._database.rows(
            "SELECT todo_id, root_id, path, size_bytes, mtime_ns, device, inode FROM todo WHERE todo_id > ?"
            " ORDER BY todo_id LIMIT ?",
            (after, limit),
        )
        return [
            (todo_id, Todo(RootId(root_id), FoundFile(os.fsdecode(path), size, mtime_ns, int(device), int(inode))))
            for todo_id, root_id, path, size, mtime_ns, device, inode in rows
        ]

    def _note_scopes(self, scopes: list[Scope], unlisted: list[str]) -> None:
        self._database.execute_many(
            "INSERT INTO scopes VALUES (?, ?)", (paths.subtree_bounds(scope.folder) for scope in scopes)
        )
        for path in unlisted:
            itself = os.fsencode(path)
            self._database.execute_many(
                "INSERT INTO unlisted VALUES (?, ?)", [paths.subtree_bounds(path), (itself, itself + b"\0")]
            )

    def _keep_one_path_per_file(self) -> None:
        # Hard links and file links: the path known already stays, else the first by name. Size and time are equal in
        # any case, and guard against file systems that make their inode numbers up.
        self._database.execute(
            """INSERT INTO aliases
                SELECT path FROM (
                    SELECT s.path, row_number() OVER (
                        PARTITION BY s.inode, s.device, s.size_bytes, s.mtime_ns ORDER BY p.path IS NULL, s.path
                    ) AS place
                    FROM seen AS s LEFT JOIN photos AS p ON p.path = s.path WHERE s.inode <> '0'
                ) WHERE place > 1"""
        )
        self._database.execute("DELETE FROM seen WHERE path IN (SELECT path FROM aliases)")

    def _leave_out_other_ways(self, is_same_file: Callable[[str, str], bool]) -> None:
        """Leave out new paths of files that are photos already, by a path that this scan did not come by.

        The same tree can be reached by two roots: a bind mount, a share that is also mounted, a link above one of them.
        """
        # Only asking the file system tells such a file from a moved one, or from an inode used again. Device numbers
        # change from one start of the machine to the next, so the catalogue's are no help.
        candidates = self._database.rows(
            f"""WITH new AS MATERIALIZED (
                    SELECT path, inode, size_bytes, mtime_ns FROM seen
                    WHERE inode <> '0' AND NOT EXISTS (SELECT 1 FROM photos AS p WHERE p.path = seen.path)
                ), scanned AS MATERIALIZED (SELECT t.photo_id FROM {_IN_SCOPE.format(table="photos")})
                SELECT new.path, p.path FROM photos AS p CROSS JOIN new
                ON new.inode = p.inode AND new.size_bytes = p.size_bytes AND new.mtime_ns = p.mtime_ns
                WHERE p.photo_id NOT IN (SELECT photo_id FROM scanned)"""
        )
        aliases = {path for path, known in candidates if is_same_file(os.fsdecode(path), os.fsdecode(known))}
        self._database.execute_many("INSERT INTO aliases VALUES (?)", ((path,) for path in aliases))
        self._database.execute_many("DELETE FROM seen WHERE path = ?", ((path,) for path in aliases))

    def _collect_gone(self, is_left_out: Callable[[str], bool]) -> None:
        self._database.execute(
            f"""INSERT INTO gone
                SELECT t.photo_id, t.root_id, t.path, t.size_bytes, t.mtime_ns, t.device, t.inode, t.content_id,
                    t.offline, EXISTS (SELECT 1 FROM aliases AS a WHERE a.path = t.path)
                FROM {_IN_SCOPE.format(table="photos")}
                WHERE NOT EXISTS (SELECT 1 FROM seen WHERE seen.path = t.path)"""
        )
        # What came back from the trash since the scan began may have come back behind it.
        self._database.execute(
            """DELETE FROM gone WHERE path IN (
                   SELECT path FROM removals WHERE state = 'restored'
                   AND (removal_id > ? OR removal_id IN (SELECT removal_id FROM removed))
               )""",
            (self._last_removal,),
        )
        self._database.execute(
            f"DELETE FROM gone WHERE photo_id IN (SELECT t.photo_id FROM {_UNLISTED.format(table='photos')})"
        )
        left_out = [
            (photo_id,)
            for photo_id, path in self._database.rows("SELECT photo_id, path FROM gone")
            if is_left_out(os.fsdecode(path))
        ]
        self._database.execute_many("UPDATE gone SET explained = 1 WHERE photo_id = ?", left_out)

    def _move(self) -> int:
        """Give gone photos the path of a new file that is plainly the same; return how many."""
        gone = self._database.rows("SELECT photo_id, size_bytes, mtime_ns, inode, path FROM gone ORDER BY path")
        if not gone:
            return 0
        new = self._database.rows(
            """SELECT path, root_id, device, inode, size_bytes, mtime_ns FROM seen
               WHERE NOT EXISTS (SELECT 1 FROM photos AS p WHERE p.path = seen.path) ORDER BY path"""
        )
        moves: dict[int, bytes] = {}
        # An equal inode is the stronger sign, so it goes first; a name alone serves where a drive has no inodes or the
        # file was carried to another one, which may spell names in another way (case, composed accents).
        for sign in (_inode_sign, _name_sign, _folded_name_sign):
            homeless: dict[tuple[object, ...], list[int]] = {}
            for photo_id, size_bytes, mtime_ns, inode, path in reversed(gone):
                if photo_id not in moves and (key := sign(size_bytes, mtime_ns, inode, path)):
                    homeless.setdefault(key, []).append(photo_id)
            taken = set(moves.values())
            for path, _root_id, _device, inode, size_bytes, mtime_ns in new:
                key = sign(size_bytes, mtime_ns, inode, path)
                if key and path not in taken and homeless.get(key):
                    moves[homeless[key].pop()] = path
        self._database.execute_many(
            """UPDATE photos SET path = s.path, root_id = s.root_id, device = s.device, inode = s.inode,
                   taken_at = NULL, taken_at_source = NULL -- a name may tell when
               FROM seen AS s WHERE photos.photo_id = ? AND s.path = ?""",
            moves.items(),
        )
        self._database.execute_many("DELETE FROM gone WHERE photo_id = ?", ((photo_id,) for photo_id in moves))
        self._database.execute_many("UPDATE seen SET moved = 1 WHERE path = ?", ((path,) for path in moves.values()))
        return len(moves)

    def _mark_offline(self, scopes: list[Scope], *, confirm_missing: bool) -> None:
        """Take out of ``gone`` what is away rather than deleted, and remember which roots are not whole."""
        database = self._database
        for scope in (scope for scope in scopes if scope.is_root):
            root = (scope.root_id,)
            if not scope.listed:
                database.execute("UPDATE photos SET offline = 1 WHERE root_id = ?", root)
                database.execute("UPDATE roots SET state = 'missing' WHERE root_id = ?", root)
            elif confirm_missing or database.value("SELECT state FROM roots WHERE root_id = ?", root) != "vanished":
                database.execute("UPDATE roots SET state = 'online' WHERE root_id = ?", root)
        if confirm_missing:
            return
        # A root stays vanished until those photos are back or confirmed to be deleted: else a few new photos, or a look
        # at a part of it, would bring the loss below the limit and the rest would go unasked.
        database.execute(
            """DELETE FROM gone WHERE offline = 1 AND explained = 0
               AND root_id IN (SELECT root_id FROM roots WHERE state = 'vanished')"""
        )
        # What is explained is no loss: its file was seen under another name, or the user wants it left out.
        lost_groups = database.rows(
            """SELECT g.root_id, g.device, count(*) AS lost,
                   (SELECT count(*) FROM photos AS p WHERE p.root_id = g.root_id AND p.device = g.device) AS had
               FROM gone AS g WHERE g.explained = 0 GROUP BY g.root_id, g.device"""
        )
        for root_id, device, lost, had in lost_groups:
            if lost == had or (lost >= MASS_VANISH_FLOOR and lost > MASS_VANISH_SHARE * had):
                database.execute(
                    "UPDATE photos SET offline = 1 WHERE photo_id IN"
                    " (SELECT photo_id FROM gone WHERE root_id = ? AND device = ? AND explained = 0)",
                    (root_id, device),
                )
                database.execute(
                    "DELETE FROM gone WHERE root_id = ? AND device = ? AND explained = 0", (root_id, device)
                )
                database.execute("UPDATE roots SET state = 'vanished' WHERE root_id = ?", (root_id,))

    def _forget_gone(self) -> int:
        database = self._database
        gone: int = database.execute("DELETE FROM photos WHERE photo_id IN (SELECT photo_id FROM gone)")
        database.execute(
            f"""UPDATE contents SET vanished_at = {NOW} WHERE content_id IN (SELECT content_id FROM gone)
               AND NOT EXISTS (SELECT 1 FROM photos AS p WHERE p.content_id = contents.content_id)"""
        )
        database.execute(
            f"""DELETE FROM problems WHERE path IN (
                    SELECT t.path FROM {_IN_SCOPE.format(table="problems")} JOIN roots AS r ON r.root_id = t.root_id
                    WHERE r.state = 'online' AND NOT EXISTS (SELECT 1 FROM seen WHERE seen.path = t.path))
                AND path NOT IN (SELECT t.path FROM {_UNLISTED.format(table="problems")})"""
        )
        return gone

    def _mark_seen(self) -> None:
        database = self._database
        # Device numbers change when drives are plugged in another order; the files are the same.
        database.execute(
            """UPDATE photos SET offline = 0, device = s.device, inode = s.inode FROM seen AS s
               WHERE photos.path = s.path
               AND (photos.offline OR photos.device <> s.device OR photos.inode <> s.inode)"""
        )
        database.execute(
            """UPDATE roots SET state = 'online' WHERE state = 'vanished'
               AND NOT EXISTS (SELECT 1 FROM photos AS p WHERE p.root_id = roots.root_id AND p.offline = 1)"""
        )

    def _collect_todo(self, model_id: ModelId, decode_version: int) -> None:
        """Collect files to read, except problems known to be hopeless.

        These are new and changed ones, those the model has not seen, and those whose facts an older release read.
        """
        self._database.execute(
            """INSERT INTO todo (root_id, path, size_bytes, mtime_ns, device, inode)
               SELECT s.root_id, s.path, s.size_bytes, s.mtime_ns, s.device, s.inode
               FROM seen AS s
               LEFT JOIN photos AS p ON p.path = s.path AND p.size_bytes = s.size_bytes AND p.mtime_ns = s.mtime_ns
               LEFT JOIN vectors AS v ON v.content_id = p.content_id AND v.model_id = ?
               LEFT JOIN contents AS c ON c.content_id = p.content_id
               WHERE (v.vector_id IS NULL OR c.decode_version < ?) AND NOT EXISTS (
                   SELECT 1 FROM problems AS b WHERE b.path = s.path AND b.transient = 0
                   AND b.size_bytes = s.size_bytes AND b.mtime_ns = s.mtime_ns AND b.decode_version = ?)
               ORDER BY s.path""",
            (model_id, decode_version, decode_version),
        )


def _inode_sign(size_bytes: int, mtime_ns: int, inode: str, _path: bytes) -> tuple[object, ...] | None:
    return (size_bytes, mtime_ns, inode) if inode != "0" else None


def _name_sign(size_bytes: int, mtime_ns: int, _inode: str, path: bytes) -> tuple[object, ...] | None:
    return (size_bytes, mtime_ns, os.path.basename(path))


def _folded_name_sign(size_bytes: int, mtime_ns: int, _inode: str, path: bytes) -> tuple[object, ...] | None:
    return (size_bytes, mtime_ns, paths.folded(os.fsdecode(os.path.basename(path))))
