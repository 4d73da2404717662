"""What can be done to take care of one library; a thin face like :class:`imgfind.core.library.Library`'s.

A :class:`Care` keeps nothing open between two calls. Its calls are synchronous, on one thread.
"""

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path

from imgfind.core import lock, thumbs
from imgfind.core.care import backups, diagnosis, export, mending, pruning
from imgfind.core.care.backups import Restored
from imgfind.core.care.diagnosis import VECTORS_FOLDER, Patient, Result
from imgfind.core.care.mending import Repair
from imgfind.core.care.pruning import Pruned, PruneOptions
from imgfind.core.errors import LibraryError, UsageError
from imgfind.core.job import Job
from imgfind.core.store import ModelVectors, Store
from imgfind.core.store.encoders import held_models
from imgfind.core.switching import ACTIVE_MODEL
from imgfind.core.vectors import VectorIndex


class Care:
    """Checks, mends, copies, prunes and exports the library in ``folder``."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def doctor(self, job: Job | None = None) -> list[Result]:
        """Check every invariant of the library and change nothing."""
        return diagnosis.diagnose(Patient(self._folder, job or Job()))

    def repair(self, job: Job | None = None) -> Repair:
        """Mend what is broken, and say what was done; see :func:`imgfind.core.care.mending.repair`."""
        if not self._folder.is_dir():  # the lock would make it
            raise LibraryError(f"There is no imgfind library in {self._folder}; there is nothing to repair.")
        with lock.held(self._folder):
            return mending.repair(Patient(self._folder, job or Job(), mending=True))

    def backup(self, file: str, *, force: bool = False, job: Job | None = None) -> None:
        """Copy the catalogue to ``file``, whoever is indexing; replaces one only with ``force``."""
        backups.backup(self._folder, _file(file), job or Job(), force=force)

    def restore(self, file: str, job: Job | None = None) -> Restored:
        """Make the backup ``file`` the catalogue, and keep the present one aside; makes the library where none is."""
        source = _file(file)
        if problem := backups.problem_of(source):
            raise LibraryError(f"{file} cannot be restored ({problem}); name a file that 'imgfind backup' made.")
        with lock.held(self._folder):
            return backups.restore(self._folder, source, job or Job())

    def prune(self, options: PruneOptions | None = None, job: Job | None = None) -> Pruned:
        """Delete what vanished long ago and what is too much of a cache; see :mod:`imgfind.core.care.pruning`."""
        options, job = options or PruneOptions(), job or Job()
        if options.dry_run:
            with contextlib.closing(Store.open(self._folder, readonly=True)) as store:
                return pruning.prune(store, self._folder, options, job)
        Store.open(self._folder, readonly=True).close()  # a library that is there, before the lock makes a folder
        with lock.held(self._folder), contextlib.closing(Store.create(self._folder)) as store:
            pruned = pruning.prune(store, self._folder, options, job)
            for model in held_models(store.database) if pruned.vectors else []:
                source = ModelVectors(store.database, model.model_id, model.dim)
                VectorIndex(self._folder / VECTORS_FOLDER / f"{model.model_id}.hnsw", model.dim, source).refresh(job)
            return pruned

    def clear_previews(self) -> None:
        """Throw the preview cache away; thumbnails are made from the photos until these are indexed anew."""
        with lock.held(self._folder):
            thumbs.discard(self._folder)

    def photo_lines(self, form: str) -> Iterator[bytes]:
        """Yield all photos as UTF-8 lines of ``csv`` (a header first) or ``jsonl``."""
        with contextlib.closing(Store.open(self._folder, readonly=True)) as store:
            yield from export.photo_lines(store, form)

    def export_photos(self, file: str, form: str, *, force: bool = False, job: Job | None = None) -> int:
        """Write all photos to ``file`` as ``csv`` or ``jsonl``; return how many."""
        with contextlib.closing(Store.open(self._folder, readonly=True)) as store:
            return export.save_photos(store, _file(file), form, job or Job(), force=force)

    def export_vectors(self, file: str, *, force: bool = False, job: Job | None = None) -> int:
        """Write the vectors of the active model to ``file`` (.npy) and what they are of beside it; return how many."""
        target = _file(file)
        if target.suffix != ".npy":
            raise UsageError(f"'{file}' must end in .npy, as NumPy's files do.")
        with contextlib.closing(Store.open(self._folder, readonly=True)) as store:
            active = store.model(ACTIVE_MODEL)
            if active is None:
                raise LibraryError("The library is empty; fill it with: imgfind index FOLDER")
            return export.save_vectors(store, active, target, job or Job(), force=force)


def _file(name: str) -> Path:
    if not name or "\0" in name:
        raise UsageError(f"'{name}' names no file.")
    return Path(os.path.abspath(name))
