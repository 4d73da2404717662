"""Opens the catalogue of a library as each task needs it: to read, to note something briefly, or to change it alone.

An :class:`Access` belongs to the thread that made it. It keeps one reader open; a writer lives as long as its task.
"""

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path

from imgfind.core import lock
from imgfind.core.care.backups import BACKUPS_FOLDER
from imgfind.core.care.diagnosis import VECTORS_FOLDER
from imgfind.core.errors import LibraryError
from imgfind.core.store import CATALOGUE_FILE, Store
from imgfind.core.thumbs import PREVIEWS_FILE

QUERIES_FOLDER = "queries"
"""Pictures without a file that were searched by: the window keeps what is pasted, maybe before there is a catalogue."""

OWN_NAMES = (CATALOGUE_FILE, PREVIEWS_FILE, VECTORS_FOLDER, BACKUPS_FOLDER, QUERIES_FOLDER, *lock.FILES)
"""What the names in a library's folder begin with; SQLite keeps ``-wal`` and ``-shm`` files beside its own."""


class Access:
    """The catalogue in ``folder``, which may not exist yet."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.openings = 0
        """How often the reader was opened: what SQLite says of changes can be compared within one opening only."""
        self._opened: Store | None = None
        self._identity: tuple[int, int] | None = None

    def close(self) -> None:
        """Close the reader; the next one to read opens it again."""
        if self._opened is not None:
            self._opened.close()
        self._opened = None

    def reading(self) -> Store:
        """Return the reader. Raises :class:`LibraryError` where there is no library, or one of an older schema."""
        opened = self._still_open()
        if opened is None:
            self._identity = self._identity_now()
            opened = self._opened = Store.open(self.folder, readonly=True)
            self.openings += 1
        return opened

    def existing(self) -> Store | None:
        """Return the reader, None where there is no library. Raises :class:`LibraryError` for an older schema."""
        return self._still_open() or (self.reading() if Store.exists(self.folder) else None)

    def _still_open(self) -> Store | None:
        """Return the reader, if there is one of the file that is the catalogue now.

        Of a catalogue that was deleted, or that another has taken the place of, SQLite reads on without a word.
        """
        if self._opened is not None and self._identity_now() != self._identity:
            self.close()
        return self._opened

    def _identity_now(self) -> tuple[int, int] | None:
        """Return which file the catalogue is, None where there is none; takes microseconds."""
        try:
            status = os.stat(self.folder / CATALOGUE_FILE)
        except OSError:
            return None
        return status.st_dev, status.st_ino

    def updated(self) -> Store | None:
        """Return the reader, None where there is no library; one of an older schema is brought to ours first."""
        if not Store.exists(self.folder):
            return None
        if Store.is_outdated(self.folder):
            with lock.held(self.folder):
                Store.create(self.folder).close()
        return self.reading()

    @contextlib.contextmanager
    def noting(self) -> Iterator[Store]:
        """Open for one short write, which does not mind an indexer at work. Makes the library where there is none."""
        if self.updated() is None:
            with self.making() as (store, _):
                yield store
        else:
            with contextlib.closing(Store.open(self.folder, readonly=False)) as store:
                yield store

    @contextlib.contextmanager
    def changing(self) -> Iterator[Store]:
        """Be the only one who changes the library, which must be there."""
        self.updated()
        self.reading()
        with self.making() as (store, _):
            yield store

    @contextlib.contextmanager
    def making(self) -> Iterator[tuple[Store, bool]]:
        """Be the only one who changes the library, which is made where there is none.

        Yields the catalogue, and whether the indexer before was killed.
        """
        self.close()
        self._check_new_folder()
        with lock.held(self.folder) as was_killed, contextlib.closing(Store.create(self.folder)) as store:
            yield store, was_killed

    def _check_new_folder(self) -> None:
        """Refuse to put a new library among other files: into a folder of photos, say."""
        if Store.exists(self.folder):
            return
        with contextlib.suppress(OSError):  # missing, or not to be listed: whoever makes the folder says so
            if any(not name.startswith((".", *OWN_NAMES)) for name in os.listdir(self.folder)):
                raise LibraryError(
                    f"{self.folder} holds other files and no library; name a new or an empty folder with --library."
                )
