"""The checks of ``imgfind doctor``, as plain data: a name, what is looked at, how, and how it is mended.

Checks change nothing and run in order; one whose ``needs`` are broken is not looked at, so that every damage is named
by the one check it belongs to. :mod:`imgfind.core.care.mending` holds the other half.
"""

import contextlib
import os
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from io import BytesIO
from pathlib import Path

from PIL import Image

from imgfind.core import lock
from imgfind.core.care import backups
from imgfind.core.database import DamagedDatabaseError
from imgfind.core.errors import ImgfindError, LibraryError
from imgfind.core.job import Job, Progress
from imgfind.core.records import ModelId
from imgfind.core.store import CATALOGUE_FILE, ModelVectors, Store, checks
from imgfind.core.store.encoders import waiting
from imgfind.core.switching import ACTIVE_MODEL
from imgfind.core.thumbs import PREVIEWS_FILE, Previews
from imgfind.core.vectors import GraphInspection

VECTORS_FOLDER = "vectors"

SAMPLED_PREVIEWS = 200
_SPARE_BYTES = 100 * 10**6
"""Free space that must be left beside a copy of the catalogue."""


@dataclass(slots=True)
class Patient:
    """A library being looked at; ``mending`` where its lock is held and it may be changed."""

    folder: Path
    job: Job
    mending: bool = False
    _store: Store | None = None

    @property
    def store(self) -> Store:
        """Return the catalogue, opened once. Raises :class:`LibraryError`."""
        if self._store is None:
            self._store = Store.create(self.folder) if self.mending else Store.open(self.folder, readonly=True)
        return self._store

    def close(self) -> None:
        """Close the catalogue; it is opened again when it is asked for."""
        if self._store is not None:
            self._store.close()
        self._store = None

    def graphs(self) -> list[GraphInspection]:
        """Return what is to be known of the graph files of all models that have one."""
        found = []
        for model_id, dim in self.store.database.rows("SELECT model_id, dim FROM models ORDER BY model_id"):
            source = ModelVectors(self.store.database, ModelId(model_id), dim)
            found.append(GraphInspection(self.folder / VECTORS_FOLDER / f"{model_id}.hnsw", dim, source))
        return [graph for graph in found if graph.exists()]

    def watch(self, stage: str) -> Callable[[int], None]:
        """Return what tells the job how many things a check has looked at."""
        return lambda done: self.job.report(Progress(stage, done))


@dataclass(frozen=True, slots=True)
class Found:
    """What a check found: sentences on what is broken, and a remark where there is something to know."""

    broken: list[str] = field(default_factory=list)
    remark: str = ""


@dataclass(frozen=True, slots=True)
class Check:
    """One invariant: ``look`` at it; what must hold before it makes sense to is in ``needs``."""

    name: str
    invariant: str
    look: Callable[[Patient], Found]
    needs: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Result:
    """How one check ended: ``state`` is ``ok``, ``broken`` or ``not checked``."""

    name: str
    invariant: str
    state: str
    broken: tuple[str, ...]
    remark: str


def examine(check: Check, patient: Patient, broken: set[str]) -> Result:
    """Run one check; ``broken`` are the names of those that ended badly before it."""
    missing = [name for name in check.needs if name in broken]
    if missing:
        return Result(check.name, check.invariant, "not checked", (), f"waits for: {', '.join(missing)}")
    patient.job.report(Progress(f"checking {check.name}"))
    try:
        found = check.look(patient)
    except DamagedDatabaseError as error:
        found = Found([str(error)])
    state = "broken" if found.broken else "ok"
    return Result(check.name, check.invariant, state, tuple(found.broken), found.remark)


def diagnose(patient: Patient) -> list[Result]:
    """Run every check. Raises :class:`LibraryError` where there is no library, or none that this program may open."""
    results: list[Result] = []
    with contextlib.closing(patient):
        for check in CHECKS:
            # What could not be looked at is as good as broken to those that need it.
            results.append(examine(check, patient, {result.name for result in results if result.state != "ok"}))
    return results


def _catalogue(patient: Patient) -> Found:
    file = patient.folder / CATALOGUE_FILE
    if not file.exists() and not backups.rolling(patient.folder):
        raise LibraryError(f"There is no imgfind library in {patient.folder}; make one with: imgfind index FOLDER")
    if not Store.exists(patient.folder):
        return Found([f"{CATALOGUE_FILE} is {'empty' if file.exists() else 'not there'}"])
    return Found(remark=f"{patient.store.database.value('PRAGMA journal_mode')} journal")


def _schema(patient: Patient) -> Found:
    return Found(checks.schema_findings(patient.store.database))


def _pages(patient: Patient) -> Found:
    return Found(checks.page_findings(patient.store.database))


def _references(patient: Patient) -> Found:
    return Found(checks.reference_findings(patient.store.database))


def _vanished(patient: Patient) -> Found:
    return Found(checks.vanished_findings(patient.store.database))


def _vectors(patient: Patient) -> Found:
    return Found(checks.vector_findings(patient.store.database, patient.watch("checking vectors")))


def _models(patient: Patient) -> Found:
    return Found(checks.model_findings(patient.store))


def _coverage(patient: Patient) -> Found:
    active = patient.store.model(ACTIVE_MODEL)
    reachable = waiting(patient.store.database, active.model_id)[0] if active else 0
    return Found(remark=f"{reachable:,} photos wait for the next index run" if reachable else "")


def _graph_manifests(patient: Patient) -> Found:
    graphs = patient.graphs()
    broken = [finding for graph in graphs for finding in graph.manifest_findings()]
    return Found(broken, "" if graphs else "there is none; searches are exact")


def _graph_bytes(patient: Patient) -> Found:
    return Found([finding for graph in patient.graphs() for finding in graph.byte_findings()])


def _graph_answers(patient: Patient) -> Found:
    return Found([finding for graph in patient.graphs() for finding in graph.answer_findings()])


def _preview_file(patient: Patient) -> Found:
    with contextlib.closing(Previews(patient.folder, readonly=True)) as previews:
        remark = "" if (patient.folder / PREVIEWS_FILE).exists() else "there is none; previews are made when needed"
        return Found(previews.damage(), remark)


def _preview_pictures(patient: Patient) -> Found:
    with contextlib.closing(Previews(patient.folder, readonly=True)) as previews:
        # From a random place on, so that one run after the other looks at all of them.
        sample = previews.read(os.urandom(32), SAMPLED_PREVIEWS)
        sample += previews.read(limit=SAMPLED_PREVIEWS - len(sample)) if len(sample) < SAMPLED_PREVIEWS else []
    pictures = dict(sample)
    bad = sum(not is_picture(jpeg) for jpeg in pictures.values())
    unknown = len(checks.unknown_hashes(patient.store.database, list(pictures)))
    return Found(
        [f"{bad:,} of {len(pictures):,} previews are no pictures"] if bad else [],
        f"{unknown:,} of {len(pictures):,} are of no photo in the catalogue; 'imgfind prune' drops them"
        if unknown
        else "",
    )


def is_picture(jpeg: bytes) -> bool:
    """Tell whether a preview can be decoded."""
    try:
        with Image.open(BytesIO(jpeg), formats=["JPEG"]) as picture:
            picture.load()
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError):
        return False
    return True


def leftovers(patient: Patient) -> Iterator[Path]:
    """Yield files that nothing needs: of interrupted work, and graphs of models that are gone."""
    if not patient.mending and lock.holder(patient.folder) is not None:
        return  # what looks like a leftover is the work of the indexer
    yield from backups.unfinished(patient.folder)
    model_ids = {str(row[0]) for row in patient.store.database.rows("SELECT model_id FROM models")}
    for file in sorted((patient.folder / VECTORS_FOLDER).glob("*.hnsw*")):
        if file.name.endswith(".new") or file.name.partition(".")[0] not in model_ids:
            yield file


def _leftovers(patient: Patient) -> Found:
    found = [str(file.relative_to(patient.folder)) for file in leftovers(patient)]
    killed = (patient.folder / lock.PID_FILE).exists() and lock.holder(patient.folder) is None
    return Found(
        [f"{name} is left over from work that was interrupted" for name in found],
        "the last run was killed; 'imgfind index' goes on from there" if killed else "",
    )


def _backup(patient: Patient) -> Found:
    kept = backups.rolling(patient.folder)
    if not kept:
        return Found(["there is no backup of the catalogue yet"])
    broken = [(backup, problem) for backup in kept if (problem := backups.problem_of(backup.file))]
    return Found(
        [f"the backup {backup.file.name} cannot be restored ({problem})" for backup, problem in broken],
        f"{len(kept)}, the newest made {kept[0].age}",
    )


def _space(patient: Patient) -> Found:
    try:
        free = shutil.disk_usage(patient.folder).free
        wanted = (patient.folder / CATALOGUE_FILE).stat().st_size + _SPARE_BYTES
    except OSError as error:
        raise ImgfindError(f"Cannot look at the disk of {patient.folder} ({error.strerror}).") from error
    told = f"{free / 1e9:,.1f} GB are free"
    return Found([f"only {told}; a backup needs {wanted / 1e9:,.1f} GB"]) if free < wanted else Found(remark=told)


_SOUND = ("catalogue", "schema", "pages")
_WHOLE = (*_SOUND, "references", "vectors")

CHECKS: tuple[Check, ...] = (
    Check("catalogue", "the catalogue can be opened", _catalogue),
    Check("schema", "all its tables and indexes are there", _schema, ("catalogue",)),
    Check("pages", "every page, row and index of it is sound", _pages, ("catalogue", "schema")),
    Check("references", "photos, contents, vectors, folders and models belong together", _references, _SOUND),
    Check("vanished", "contents are marked as vanished when no photo shows them", _vanished, (*_SOUND, "references")),
    Check("vectors", "vectors are whole, finite and of length 1", _vectors, (*_SOUND, "references")),
    Check("models", "the models in use are there", _models, _SOUND),
    Check("coverage", "photos have a vector, a problem or their turn", _coverage, (*_WHOLE, "models")),
    Check("graph manifest", "search graphs agree with the catalogue", _graph_manifests, _WHOLE),
    Check("graph bytes", "search graphs are as they were written", _graph_bytes, (*_WHOLE, "graph manifest")),
    Check("graph answers", "search graphs find what exact search finds", _graph_answers, (*_WHOLE, "graph bytes")),
    Check("previews", "the preview cache is sound", _preview_file),
    Check("preview pictures", "previews can be shown", _preview_pictures, (*_SOUND, "previews")),
    Check("leftovers", "nothing is left over from interrupted work", _leftovers, _SOUND),
    Check("backup", "there is a backup of the catalogue, and it can be restored", _backup),
    Check("space", "the disk has room for a backup", _space, ("catalogue",)),
)
"""In the order they are looked at, and mended."""
