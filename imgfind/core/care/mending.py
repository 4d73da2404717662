"""``imgfind doctor --repair``: mends what the checks found, and says what it did and what was lost.

Caches are made again; the catalogue is brought back from the newest good backup only where it cannot be mended itself,
and what it was is kept aside. Photos are never touched. Runs on one thread, under the indexer's lock.
"""

import contextlib
from collections.abc import Callable
from dataclasses import dataclass

from imgfind.core import thumbs
from imgfind.core.care import backups
from imgfind.core.care.diagnosis import CHECKS, Check, Patient, Result, diagnose, examine, is_picture, leftovers
from imgfind.core.database import DamagedDatabaseError
from imgfind.core.errors import LibraryError
from imgfind.core.job import Progress
from imgfind.core.store import checks
from imgfind.core.thumbs import Previews
from imgfind.core.vectors import VectorIndex


@dataclass(frozen=True, slots=True)
class Repair:
    """What was done, in sentences, and how the library stands now."""

    done: list[str]
    results: list[Result]


def repair(patient: Patient) -> Repair:
    """Check everything, mend what is broken in that order, and check again.

    Raises :class:`LibraryError` where the catalogue is damaged and there is no backup to bring back.
    """
    done: list[str] = []
    with contextlib.closing(patient):
        for check in CHECKS:
            # Nothing is skipped here: what a check needs was mended before it.
            if examine(check, patient, set()).state == "broken" and check.name in _MENDS:
                done += _mended(check, patient)
    return Repair(done, diagnose(patient))


def _mended(check: Check, patient: Patient) -> list[str]:
    patient.job.report(Progress(f"repairing {check.name}"))
    try:
        return _MENDS[check.name](patient)
    except DamagedDatabaseError:
        # Only where SQLite itself gives up; a full disk, say, is no reason to go back to a backup.
        return _restored(patient)
    except OSError as error:
        raise LibraryError(
            f"Cannot repair the library in {patient.folder} ({error.strerror or error}); check its permissions."
        ) from error


def _reindexed(patient: Patient) -> list[str]:
    """Make the indexes of the catalogue again; where that is not enough, bring back a backup."""
    database = patient.store.database
    if database.reindex() and not checks.page_findings(database):
        return ["made the indexes of the catalogue again; nothing is lost"]
    return _restored(patient)


def _restored(patient: Patient) -> list[str]:
    patient.close()
    for backup in backups.rolling(patient.folder):
        if backups.problem_of(backup.file) is None:
            restored = backups.restore(patient.folder, backup.file, patient.job)
            return [f"restored the catalogue from the backup {backup.file.name}, made {backup.age}", *losses(restored)]
    raise LibraryError(
        f"The catalogue in {patient.folder} is damaged and there is no backup that could be restored; restore one of"
        " your own with 'imgfind restore FILE', or move the library's folder away and index again."
    )


def losses(restored: backups.Restored) -> list[str]:
    """Say what bringing back a catalogue changed, and what to do."""
    after = _told(restored.after)
    if restored.before is None:
        told = [f"it holds {after}" + ("; what was there before cannot be read" if restored.kept else "")]
    else:
        told = [f"it holds {after}; before it was {_told(restored.before)}"]
    if restored.kept is not None:
        told.append(f"the catalogue from before is kept as {restored.kept}")
    return [*told, "bring it up to date with: imgfind index"]


def _told(counts: dict[str, int]) -> str:
    return f"{counts['photos']:,} photos ({counts['contents']:,} contents)"


def _references(patient: Patient) -> list[str]:
    return checks.mend_references(patient.store.database)


def _vanished(patient: Patient) -> list[str]:
    return checks.mend_vanished(patient.store.database)


def _vectors(patient: Patient) -> list[str]:
    return checks.mend_vectors(patient.store.database, patient.watch("checking vectors"))


def _models(patient: Patient) -> list[str]:
    return checks.mend_models(patient.store)


def _graphs(patient: Patient) -> list[str]:
    """Make every graph that is not right again, or drop it where the vectors are few."""
    done = []
    for graph in patient.graphs():
        if graph.manifest_findings() or graph.byte_findings() or graph.answer_findings():
            # The manifest first: at no moment may it stand beside bytes it was not written for.
            for file in (graph.file.with_name(graph.file.name + ".json"), graph.file):
                file.unlink(missing_ok=True)
            VectorIndex(graph.file, graph.dim, graph.source).refresh(patient.job)
            done.append(
                f"built the search graph {graph.file.name} again" if graph.exists() else _dropped(graph.file.name)
            )
    return done


def _dropped(name: str) -> str:
    return f"dropped the search graph {name}; exact search serves so few vectors"


def _preview_file(patient: Patient) -> list[str]:
    thumbs.discard(patient.folder)
    return ["dropped the preview cache; previews are made again when they are needed"]


def _preview_pictures(patient: Patient) -> list[str]:
    """Drop every preview that is no picture; the check saw a sample, this looks at all."""
    dropped, done, after = 0, 0, b""
    with contextlib.closing(Previews(patient.folder, readonly=False)) as previews:
        while page := previews.read(after):
            bad = [content_hash for content_hash, jpeg in page if not is_picture(jpeg)]
            previews.remove(bad)
            dropped, done, after = dropped + len(bad), done + len(page), page[-1][0]
            patient.job.report(Progress("checking previews", done))
    return [f"dropped {dropped:,} damaged previews; they are made again when they are needed"]


def _leftovers(patient: Patient) -> list[str]:
    removed = list(leftovers(patient))
    for file in removed:
        file.unlink(missing_ok=True)
    return [f"removed {file.relative_to(patient.folder)}" for file in removed]


def _backup(patient: Patient) -> list[str]:
    done = []
    for backup in backups.rolling(patient.folder):
        if backups.problem_of(backup.file):
            backup.file.unlink(missing_ok=True)
            done.append(f"removed the damaged backup {backup.file.name}")
    made = backups.make_rolling(patient.store.database, patient.folder, patient.job)
    return [*done, f"made the backup {made.name}"]


_MENDS: dict[str, Callable[[Patient], list[str]]] = {
    "catalogue": _restored,
    "schema": _restored,
    "pages": _reindexed,
    "references": _references,
    "vanished": _vanished,
    "vectors": _vectors,
    "models": _models,
    "graph manifest": _graphs,
    "graph bytes": _graphs,
    "graph answers": _graphs,
    "previews": _preview_file,
    "preview pictures": _preview_pictures,
    "leftovers": _leftovers,
    "backup": _backup,
}
"""Check -> what mends it; the others cannot be mended from here."""
