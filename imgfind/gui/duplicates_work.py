"""What the library does about duplicates that were found: reads the groups, notes decisions, removes. GUI thread only.

Removing takes its time; it can be stopped, with all that is done until then kept.
"""

import contextlib
import time
from collections.abc import Callable, Sequence
from typing import Any

from PySide6.QtCore import QObject, Qt, Signal

from imgfind.core import Cancelled, ImgfindError, Job, Library, Progress
from imgfind.core.deduplicating import ALL_LABELS, Decision, HashPair
from imgfind.core.grouping import Group
from imgfind.core.keeping import Preference
from imgfind.core.records import Label, PhotoId
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


class DuplicatesWork(QObject):
    """The duplicates of one library.

    Signals:
        groups_read(list): all groups there are.
        count_changed(): there are other numbers of groups than were known.
        removed(Removal, list): what was removed, and the photos that were to go.
        failed(str): why something could not be done.
    """

    groups_read = Signal(object)
    count_changed = Signal()
    removed = Signal(object, object)
    failed = Signal(str)

    def __init__(self, runner: TaskRunner, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._runner = runner
        self.removal = LongTask(runner, Lane.WRITE, self)

    def cancel(self) -> None:
        """Stop what goes on: the window closes."""
        self.removal.cancel()

    def read(self, prefer: Sequence[Preference], *, is_partial: bool) -> None:
        """Read the groups; ``is_partial`` where more are being looked for: then nothing is compared here."""
        self._runner.run(
            Lane.QUERY,
            lambda library: counted_groups(library, prefer, is_partial=is_partial),
            self._on_read,
            failed=self._fail,
            key=(self, "groups"),
            owner=self,
        )

    def count(self, groups: Sequence[Group]) -> None:
        """Have the number of groups remembered, as a decision has left them."""
        self._runner.run(
            Lane.WRITE, lambda library: noted_count(library, groups), self._on_counted, failed=self._fail, owner=self
        )

    def keep(self, group: Group, photo_id: PhotoId, done: Callable[[tuple[Group, int]], None]) -> None:
        """Have another photo of ``group`` kept, and the others verified against it.

        ``done`` gets the group, and the number of the choice that :meth:`take_back` takes.
        """

        def work(library: Library) -> tuple[Group, int]:
            other = library.duplicates.kept_instead(group, photo_id)
            return other, library.duplicates.choose(photo_id)

        self._runner.run(Lane.QUERY, work, done, failed=self._fail, owner=self)

    def decide(
        self,
        decision: Decision,
        photo_ids: Sequence[PhotoId],
        others: Sequence[PhotoId],
        done: Callable[[list[HashPair]], None],
    ) -> None:
        """Note a decision between ``photo_ids`` and ``others``; ``done`` gets what :meth:`take_back` takes."""
        self._runner.run(
            Lane.WRITE,
            lambda library: library.duplicates.decide(decision, photo_ids, others),
            done,
            failed=self._fail,
            owner=self,
        )

    def take_back(self, decided: Sequence[HashPair], choice_ids: Sequence[int], done: Callable[[], None]) -> None:
        """Forget decisions, and what was chosen to be kept."""

        def work(library: Library) -> None:
            library.duplicates.undecide(decided)
            library.duplicates.unchoose(choice_ids)

        self._runner.run(Lane.WRITE, work, lambda _: done(), failed=self._fail, owner=self)

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

    def _on_read(self, read: tuple[list[Group], bool]) -> None:
        groups, is_news = read
        self.groups_read.emit(groups)
        self._on_counted(is_news)

    def _on_counted(self, is_news: bool) -> None:
        if is_news:
            self.count_changed.emit()

    def _fail(self, error: ImgfindError) -> None:
        self.failed.emit(str(error))


def read_groups(library: Library, prefer: Sequence[Preference], *, is_partial: bool) -> list[Group]:
    """Return all groups as rules make them. Runs in a worker."""
    return library.duplicates.groups(ALL_LABELS, prefer=prefer, only_known=is_partial)


def counted_groups(library: Library, prefer: Sequence[Preference], *, is_partial: bool) -> tuple[list[Group], bool]:
    """Return all groups and have their number remembered; tell whether it is another one. Runs in a worker."""
    groups = read_groups(library, prefer, is_partial=is_partial)
    return groups, not (prefer or is_partial) and noted_count(library, groups)


def noted_count(library: Library, groups: Sequence[Group]) -> bool:
    """Have the number of groups of duplicates remembered; tell whether it is another one. Runs in a worker."""
    count = sum(group.label is not Label.SAME_SCENE for group in groups)
    is_news = count != library.photos.counts().duplicates
    if is_news:
        with contextlib.suppress(ImgfindError):  # a library that can only be read
            library.duplicates.note_count(count)
    return is_news


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
