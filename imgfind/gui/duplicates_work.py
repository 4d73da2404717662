"""What the library does about duplicates: looks for them, reads the groups, notes decisions, removes. GUI thread only.

Looking for them and removing take their time; they run in lanes of their own and can be stopped, with all they have
done until then kept.
"""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from PySide6.QtCore import QObject, Qt, Signal

from imgfind.core import Cancelled, ImgfindError, Job, Library, Progress
from imgfind.core.deduplicating import ALL_LABELS, Decision, HashPair
from imgfind.core.grouping import Group
from imgfind.core.keeping import Preference
from imgfind.core.records import PhotoId
from imgfind.core.removing import Removal
from imgfind.gui.tasks import Lane, TaskRunner

_TELL_EVERY_S = 0.1


class LongTask(QObject):
    """A core call with a job: its progress, and the way to stop it. One at a time.

    Signals:
        state_changed(str): ``running`` or ``idle``, as :class:`~imgfind.gui.work_line.WorkLine` has it.
        progressed(Progress): how far it is.
    """

    state_changed = Signal(str)
    progressed = Signal(object)
    _reported = Signal(object)

    def __init__(self, runner: TaskRunner, lane: Lane, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._runner = runner
        self._lane = lane
        self._job: Job | None = None
        self._told_at = 0.0
        self._reported.connect(self._on_reported, Qt.ConnectionType.QueuedConnection)

    @property
    def is_running(self) -> bool:
        """Tell whether it goes on."""
        return self._job is not None

    def start(
        self,
        work: Callable[[Library, Job], object],
        done: Callable[[Any], None],
        failed: Callable[[ImgfindError], None],
    ) -> None:
        """Do ``work``; ``done`` gets its result, None where it was stopped."""
        job = self._job = Job(self._report)

        def unless_cancelled(library: Library) -> object:
            try:
                return work(library, job)
            except Cancelled:
                return None

        def finish(then: Callable[[], None]) -> None:
            self._job = None
            self.state_changed.emit("idle")
            then()

        self.state_changed.emit("running")
        self._runner.run(
            self._lane,
            unless_cancelled,
            lambda result: finish(lambda: done(result)),
            failed=lambda error: finish(lambda: failed(error)),
            owner=self,
        )

    def cancel(self) -> None:
        """Stop it; what it has done stays."""
        if self._job is not None:
            self._job.cancel()

    def _report(self, progress: Progress) -> None:
        """Pass on progress; the worker calls this as often as it likes."""
        now = time.monotonic()
        if now - self._told_at >= _TELL_EVERY_S:
            self._told_at = now
            self._reported.emit(progress)

    def _on_reported(self, progress: Progress) -> None:
        if self._job is not None and not self._job.cancelled:
            self.progressed.emit(progress)


@dataclass(frozen=True, slots=True)
class Wish:
    """How groups are to be made: the rules of the user, and the photos chosen to be kept."""

    prefer: tuple[Preference, ...] = ()
    kept: frozenset[PhotoId] = frozenset()


class DuplicatesWork(QObject):
    """The duplicates of one library.

    Signals:
        groups_read(list): all groups there are.
        groups_outdated(): there may be others now.
        removed(Removal, list): what was removed, and the photos that were to go.
        failed(str): why something could not be done.
    """

    groups_read = Signal(object)
    groups_outdated = Signal()
    removed = Signal(object, object)
    failed = Signal(str)

    def __init__(self, runner: TaskRunner, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._runner = runner
        self._wanted_again = False
        self.search = LongTask(runner, Lane.PATIENT, self)
        """Looks for duplicates among what is new."""
        self.removal = LongTask(runner, Lane.WRITE, self)

    def update(self) -> None:
        """Look for duplicates among what is new, and read the groups again where there are some."""
        if self.search.is_running:
            self._wanted_again = True
            return
        self._runner.run(Lane.READ, lambda library: library.duplicates.is_due(), self._on_due, key=self, owner=self)

    def cancel(self) -> None:
        """Stop what goes on: the window closes."""
        self.search.cancel()
        self.removal.cancel()

    def read(self, wish: Wish) -> None:
        """Read the groups."""
        self._runner.run(
            Lane.QUERY,
            lambda library: read_groups(library, wish),
            self.groups_read.emit,
            failed=self._fail,
            key=(self, "groups"),
            owner=self,
        )

    def keep(self, group: Group, photo_id: PhotoId, done: Callable[[Group], None]) -> None:
        """Have another photo of ``group`` kept, and the others verified against it."""
        self._runner.run(
            Lane.QUERY,
            lambda library: library.duplicates.kept_instead(group, photo_id),
            done,
            failed=self._fail,
            owner=self,
        )

    def decide(
        self,
        decision: Decision,
        photo_ids: Sequence[PhotoId],
        others: Sequence[PhotoId],
        done: Callable[[list[HashPair]], None],
    ) -> None:
        """Note a decision between ``photo_ids`` and ``others``; ``done`` gets what :meth:`undecide` takes."""
        self._runner.run(
            Lane.WRITE,
            lambda library: library.duplicates.decide(decision, photo_ids, others),
            done,
            failed=self._fail,
            owner=self,
        )

    def undecide(self, decided: Sequence[HashPair], done: Callable[[], None]) -> None:
        """Take decisions back."""
        self._runner.run(
            Lane.WRITE,
            lambda library: library.duplicates.undecide(decided),
            lambda _: done(),
            failed=self._fail,
            owner=self,
        )

    def remove(self, groups: Sequence[Group], *, permanent: bool = False) -> None:
        """Remove all members of ``groups``; the kept photos stay."""
        ids = [member.photo.photo_id for group in groups for member in group.members]

        def done(removal: object) -> None:
            self.removed.emit(removal, ids)

        def work(library: Library, job: Job) -> Removal:
            return removed_until_stopped(
                library, ids, lambda: library.duplicates.remove(groups, job, permanent=permanent)
            )

        self.removal.start(work, done, self._fail)

    def _on_due(self, is_due: bool) -> None:
        if is_due and not self.search.is_running:
            self.search.start(
                lambda library, job: library.duplicates.update(job), lambda _: self._on_searched(), self._fail
            )

    def _on_searched(self) -> None:
        self.groups_outdated.emit()
        if self._wanted_again:
            self._wanted_again = False
            self.update()

    def _fail(self, error: ImgfindError) -> None:
        self.failed.emit(str(error))


def read_groups(library: Library, wish: Wish) -> list[Group]:
    """Return all groups, with the photos kept that were chosen to be. Runs in a worker."""
    groups = library.duplicates.groups(ALL_LABELS, prefer=wish.prefer)
    if not wish.kept:
        return groups
    made = []
    for group in groups:
        chosen = next((m.photo.photo_id for m in group.members if m.photo.photo_id in wish.kept), None)
        made.append(group if chosen is None else library.duplicates.kept_instead(group, chosen))
    return made


def removed_until_stopped(library: Library, photo_ids: Sequence[PhotoId], remove: Callable[[], Removal]) -> Removal:
    """Have ``photo_ids`` removed; where that was stopped, return what went until then. Runs in a worker."""
    before = library.removing.last_batch()
    try:
        return remove()
    except Cancelled:
        batch = library.removing.last_batch()
        if batch is None or batch == before:
            return Removal("", 0, [])
        return Removal(batch, len(photo_ids) - len(library.photos.paths(photo_ids)), [])
