"""Finding duplicates, deciding about them and removing them: candidates, verdicts, groups, journal.

What was compared, decided and removed is kept in the catalogue, so that only what is new costs time. A
:class:`Deduplicating` belongs to the thread of its :class:`~imgfind.core.library.Library`. Its writes are short and do
not mind an indexer at work.
"""

import contextlib
import time
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass, replace
from itertools import combinations, product
from typing import Literal

from imgfind.core import apart, grouping, on_disk, planning, proposing, side_by_side, spelling, verifying
from imgfind.core.access import Access
from imgfind.core.duplicates import VERDICT_VERSION
from imgfind.core.errors import UsageError
from imgfind.core.grouping import DUPLICATES, ContentPair, Group, Member, Rules
from imgfind.core.job import Job, Progress
from imgfind.core.keeping import Preference
from imgfind.core.planning import Plan
from imgfind.core.records import Label, PhotoId, Verdict
from imgfind.core.removing import Removal, Removing
from imgfind.core.scan import check_folder
from imgfind.core.side_by_side import Comparison
from imgfind.core.store import Model, Store, choices, removals
from imgfind.core.store import duplicates as noted
from imgfind.core.store.choices import Choice
from imgfind.core.store.duplicates import Decided
from imgfind.core.store.rows import GroupedPhoto
from imgfind.core.switching import ACTIVE_MODEL
from imgfind.core.thumbs import Previews
from imgfind.core.vectors import VectorIndex
from imgfind.core.wording import Reason

__all__ = ["DUPLICATES", "Choice", "Decided", "Deduplicating", "Group", "Member", "Plan", "UpdateSummary"]

Decision = Literal["different", "keep"]
HashPair = tuple[bytes, bytes]
Verdicts = dict[ContentPair, Verdict]

ALL_LABELS = frozenset(Label)

_LEFT = "duplicates_left"
"""The setting that says how many pairs the last update could not compare."""
_SAVED_AT_ONCE = 200
"""Verdicts in one transaction: a few seconds of work."""


@dataclass(frozen=True, slots=True)
class UpdateSummary:
    """What was done: ``described`` contents, ``proposed`` new pairs, ``compared`` pairs, of which ``found`` are alike.

    ``left`` pairs could not be compared: a picture is offline and has no preview.
    """

    described: int
    proposed: int
    compared: int
    found: int
    left: int
    seconds: float


class Deduplicating:
    """The duplicates of one library."""

    def __init__(self, access: Access, vector_index: Callable[[Store, Model], VectorIndex]) -> None:
        self._access = access
        self._vector_index = vector_index

    def is_due(self) -> bool:
        """Tell whether :meth:`update` has something to do."""
        store = self._access.existing()
        if store is None:
            return False
        waiting = noted.count_waiting(store.database, VERDICT_VERSION)
        return proposing.is_due(store, store.model(ACTIVE_MODEL)) or waiting != int(store.setting(_LEFT) or 0)

    def update(self, job: Job | None = None) -> UpdateSummary:
        """Compare what is new, so that :meth:`groups` knows all. Touches no file but to read it.

        Raises :class:`Cancelled` when the job was; what is done until then is kept.
        """
        job, started = job or Job(), time.monotonic()
        self._access.updated()
        self._access.reading()
        with self._access.noting() as store, contextlib.closing(self._previews()) as previews:
            model = store.model(ACTIVE_MODEL)
            described = proposing.describe(store, previews, job)
            proposed = proposing.propose(store, model, self._vector_index, described, job)
            verdicts = self._compared(store, noted.waiting(store.database, VERDICT_VERSION), job)
            # Whoever is to be kept has to be compared with all others of its group, not only with its neighbours.
            groups = self._grouped(store, _photos(store), Rules(), job)
            store.set_setting(noted.GROUPS, str(len(groups)))
            left = noted.count_waiting(store.database, VERDICT_VERSION)
            store.set_setting(_LEFT, str(left))
        found = sum(verdict.label is not None for verdict in verdicts.values())
        return UpdateSummary(len(described), proposed, len(verdicts), found, left, time.monotonic() - started)

    def groups(
        self,
        labels: Collection[Label] = DUPLICATES,
        folder: str | None = None,
        min_similarity: float = 0.0,
        prefer: Sequence[Preference] = (),
        *,
        with_pairs: bool = False,
        only_known: bool = False,
        job: Job | None = None,
    ) -> list[Group]:
        """Return the groups of photos (below ``folder``) that are alike in one of ``labels``, the largest gain first.

        The first of ``prefer`` decides first which photo is kept. RAW and JPEG of one shot, Live Photos and edited
        exports are left alone unless ``with_pairs``. Hidden photos are in no group, nor what the user decided about.
        What was found by :meth:`update` is used; only a choice that makes other photos the kept ones compares again.
        ``only_known`` leaves such groups out, and all that an update at work has not yet compared.
        """
        store = self._access.existing()
        if store is None:
            return []
        photos = _photos(store, None if folder is None else self._known_folder(store, folder))
        rules = Rules(frozenset(labels), min_similarity, tuple(prefer))
        return self._grouped(store, photos, rules, job or Job(), with_pairs=with_pairs, only_known=only_known)

    def kept_instead(self, group: Group, photo_id: PhotoId, job: Job | None = None) -> Group:
        """Return the group around another of its photos, with which all others are compared; some may drop out."""
        photos = [group.kept, *(member.photo for member in group.members)]
        kept = next((photo for photo in photos if photo.photo_id == photo_id), None)
        if kept is None:
            raise UsageError("Only a photo of the group can be kept instead.")
        store = self._access.reading()
        others = {photo.content_id for photo in photos} - {kept.content_id}
        asked = sorted(grouping.pair_of(kept.content_id, other) for other in others)
        verdicts = self._known_or_compared(store, asked, job or Job())
        alone = {member.photo.photo_id: member.left_alone for member in group.members}
        return grouping.kept_instead(group, kept, verdicts, Rules(left_alone=lambda photo: alone.get(photo.photo_id)))

    def note_count(self, groups: int) -> None:
        """Remember how many groups of duplicates there are, for whoever only shows the number."""
        with self._access.noting() as store:
            store.set_setting(noted.GROUPS, str(groups))

    def choose(self, photo_id: PhotoId) -> int:
        """Keep this photo of its group from now on, unless a rule says otherwise; the last choice counts most.

        It holds for the content, wherever it is moved. Returns what :meth:`unchoose` takes. Raises
        :class:`UsageError` where the photo is no longer in the library.
        """
        with self._access.noting() as store:
            chosen = removals.removable(store.database, photo_id)
            if chosen is None:
                raise UsageError("The photo is no longer in the library.")
            return choices.save(store.database, chosen.content_hash, chosen.path)

    def unchoose(self, choice_ids: Iterable[int]) -> None:
        """Forget choices, as :meth:`choose` and :meth:`choices` number them."""
        with self._access.noting() as store:
            choices.forget(store.database, choice_ids)

    def choices(self) -> list[Choice]:
        """Return what was chosen to be kept, the last choice first."""
        store = self._access.existing()
        return [] if store is None else choices.choices(store.database)

    def decide(
        self, decision: Decision, photo_ids: Sequence[PhotoId], others: Sequence[PhotoId] = ()
    ) -> list[HashPair]:
        """Remember that photos are ``different``, or that the user wants to ``keep`` them all, copies though they are.

        It holds between ``photo_ids`` and ``others``, without others among ``photo_ids``; for their contents, wherever
        these are moved, and for all with the same pixels. Returns what :meth:`undecide` takes.
        """
        with self._access.noting() as store:
            known = noted.contents_of(store.database, [*photo_ids, *others])
            ids = product(photo_ids, others) if others else combinations(photo_ids, 2)
            decided = sorted({_sorted(known[a][1], known[b][1]) for a, b in ids if a in known and b in known})
            noted.save_decisions(store.database, decision, decided)
        return decided

    def undecide(self, decided: Iterable[HashPair]) -> None:
        """Forget decisions, as :meth:`decide` and :meth:`decisions` name them."""
        with self._access.noting() as store:
            noted.forget_decisions(store.database, decided)

    def decisions(self) -> list[Decided]:
        """Return what was decided, the last decision first."""
        store = self._access.existing()
        return [] if store is None else noted.decisions(store.database)

    def plan(self, groups: Sequence[Group]) -> Plan:
        """Return what removing the members of ``groups`` would do. Touches nothing.

        A photo that one group keeps stays, whatever another one says; so does what has changed since it was grouped.
        """
        store = self._access.reading()
        photos = {photo.photo_id for group in groups for photo in (group.kept, *(m.photo for m in group.members))}
        shown = {photo: content for photo, (content, _) in noted.contents_of(store.database, sorted(photos)).items()}
        pairs = sorted(planning.contents_in(groups))
        return planning.planned(groups, shown, noted.verdicts_of(store.database, VERDICT_VERSION, pairs))

    def remove(self, groups: Sequence[Group], job: Job | None = None, *, permanent: bool = False) -> Removal:
        """Move what :meth:`plan` says into the trash, each photo only while the kept one is there, byte for byte.

        ``permanent`` is as :meth:`Removing.remove` has it; :meth:`Removing.undo` takes it back.
        """
        plan = self.plan(groups)
        going = [member.photo.photo_id for member in plan.going]
        return Removing(self._access).remove(going, job, beside=plan.beside, permanent=permanent)

    def compare(self, path: str, other: str) -> Comparison:
        """Return what two picture files, in the library or not, are to each other.

        Raises :class:`ImgfindError` where one cannot be read.
        """
        return side_by_side.compare(spelling.existing(path), spelling.existing(other))

    def side_by_side(self, path: str, other: str) -> bytes:
        """Return a PNG of two pictures beside each other. Raises :class:`ImgfindError` where one cannot be read."""
        return side_by_side.png(spelling.existing(path), spelling.existing(other))

    def _previews(self) -> Previews:
        return Previews(self._access.folder, readonly=True)

    def _known_folder(self, store: Store, folder: str) -> str:
        absolute = spelling.known_as(store, folder)
        return absolute if folder and store.has_photos_below(absolute) else check_folder(folder)

    def _grouped(
        self,
        store: Store,
        photos: list[GroupedPhoto],
        rules: Rules,
        job: Job,
        *,
        with_pairs: bool = False,
        only_known: bool = False,
    ) -> list[Group]:
        verdicts = noted.found(store.database, VERDICT_VERSION)
        decided = apart.decided(noted.decided_contents(store.database), verdicts)
        one_shot = apart.of_one_shot(photos)
        rules = replace(
            rules,
            apart=decided if with_pairs else lambda a, b: decided(a, b) or one_shot(a, b),
            left_alone=lambda photo: _left_alone(photo, with_pairs=with_pairs),
        )
        photos = on_disk.looked_at(photos)
        learned: Verdicts = {}

        def compare(missing: set[ContentPair]) -> Verdicts:
            fresh = self._known_or_compared(store, sorted(missing), job)
            learned.update(fresh)
            return fresh

        known = -1
        while known < len(learned):
            known = len(learned)
            found = grouping.grouped(photos, verdicts | learned, rules, None if only_known else compare).groups
        return found if with_pairs else list(map(apart.pairs_left_alone, found))

    def _known_or_compared(self, store: Store, pairs: list[ContentPair], job: Job) -> Verdicts:
        """Return a verdict on each pair; what cannot be compared now counts as different."""
        known = noted.verdicts_of(store.database, VERDICT_VERSION, pairs)
        missing = [pair for pair in pairs if pair not in known]
        if missing:
            with self._access.noting() as writer:
                known |= self._compared(writer, missing, job)
        return dict.fromkeys(pairs, Verdict(None)) | known

    def _compared(self, store: Store, pairs: list[ContentPair], job: Job) -> Verdicts:
        """Compare pairs and keep the verdicts, those that can be had now."""
        if not pairs:
            return {}
        started, done = time.monotonic(), 0
        known: Verdicts = {}
        fresh: Verdicts = {}

        def save() -> None:
            noted.save_verdicts(store.database, VERDICT_VERSION, fresh)
            known.update(fresh)
            fresh.clear()

        contents = {
            item.content_id: item for item in noted.contents(store.database, {c for pair in pairs for c in pair})
        }
        with contextlib.closing(self._previews()) as previews:
            results = contextlib.closing(verifying.compared(pairs, contents, previews))
            try:
                with results as batches:
                    for count, verdicts in batches:
                        done += count
                        fresh |= verdicts
                        if len(fresh) >= _SAVED_AT_ONCE:
                            save()
                        per_s = done / max(time.monotonic() - started, 1e-3)
                        job.report(Progress("comparing", done, len(pairs), 0, per_s, (len(pairs) - done) / per_s))
            finally:
                save()
        return known


def _photos(store: Store, folder: str | None = None) -> list[GroupedPhoto]:
    return choices.applied(store.database, noted.photos(store.database, folder))


def _sorted(a: bytes, b: bytes) -> HashPair:
    return (a, b) if a <= b else (b, a)


def _left_alone(photo: GroupedPhoto, *, with_pairs: bool) -> Reason | None:
    if photo.offline:
        return Reason("it is offline")
    if photo.has_film and not with_pairs:
        return Reason("it belongs to the film of a Live Photo")
    return None
