"""What is under review: groups of duplicates, which of them are shown, and which photos are marked to go.

Plain data without Qt; a :class:`Review` belongs to one thread. Rows count the photos of the groups shown, the kept one
of each group first.
"""

import bisect
from collections import Counter
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np

from imgfind.core import paths
from imgfind.core.grouping import DUPLICATES, Group, Member
from imgfind.core.records import IdArray, Label, PhotoId
from imgfind.core.store.rows import GroupedPhoto
from imgfind.core.wording import Reason

ALIKE = frozenset({Label.IDENTICAL, Label.SAME_PIXELS, Label.RE_ENCODED})
"""What a rule marks unless more is asked for: nothing is lost with these but bytes."""


@dataclass(frozen=True, slots=True)
class Shown:
    """Which groups to show: those with a member of one of ``labels`` and a photo in ``folder`` that gain enough."""

    labels: frozenset[Label] = DUPLICATES
    folder: str | None = None
    least_gain_bytes: int = 0

    def has(self, group: Group) -> bool:
        """Tell whether a group is one of them."""
        return (
            any(member.label in self.labels for member in group.members)
            and (not self.least_gain_bytes or group.gain_bytes >= self.least_gain_bytes)
            and (self.folder is None or any(paths.is_below(photo.path, self.folder) for photo in photos_of(group)))
        )


class Spot(NamedTuple):
    """What is in a row: a group, and the member; None is the kept photo."""

    group: Group
    member: Member | None

    @property
    def photo(self) -> GroupedPhoto:
        """Return the photo of the row."""
        return self.group.kept if self.member is None else self.member.photo


class Sum(NamedTuple):
    """A number of photos, of how many groups, and what the disk gets back for them."""

    photos: int
    groups: int
    size_bytes: int


def photos_of(group: Group) -> Iterable[GroupedPhoto]:
    """Return the photos of a group, the kept one first."""
    yield group.kept
    yield from (member.photo for member in group.members)


def sum_of(groups: Sequence[Group]) -> Sum:
    """Count the members of groups."""
    members = [member for group in groups for member in group.members]
    return Sum(len(members), len(groups), sum(member.gain_bytes for member in members))


def chosen_by_rule(groups: Iterable[Group], labels: Collection[Label], folder: str | None = None) -> list[Group]:
    """Return the groups with those members alone that may go by a rule; ``folder``: only what lies there.

    Never what only shows the same scene, what is left alone, out of reach, or kept in any group.
    """
    every = list(groups)
    kept = {group.kept.photo_id for group in every}
    found = []
    for group in every:
        going = tuple(
            member
            for member in group.members
            if member.label in labels
            and member.label is not Label.SAME_SCENE
            and not (group.kept.offline or member.left_alone)
            and member.photo.photo_id not in kept
            and (folder is None or paths.is_below(member.photo.path, folder))
        )
        if going:
            found.append(replace(group, members=going))
    return found


class Review:
    """The groups of a library, and what the user makes of them."""

    def __init__(self) -> None:
        self.shown = Shown()
        self.groups: Sequence[Group] = ()
        """Those that are shown."""
        self.photo_ids: IdArray = np.empty(0, np.int64)
        self.firsts: list[int] = []
        """The first row of each group."""
        self.gain_bytes = 0
        """Of the groups that are shown."""
        self._every: Sequence[Group] = ()
        self._counts: Counter[Label] = Counter()
        self._kept: set[PhotoId] = set()
        self._members: dict[PhotoId, Member] = {}
        """Of the groups that are shown."""
        self._marked: set[PhotoId] = set()
        self._marked_bytes = 0
        self._marked_shown = 0

    def set_groups(self, groups: Sequence[Group]) -> None:
        """Review these; marks stay where they still make sense."""
        self._every = groups
        self._kept = {group.kept.photo_id for group in groups}
        self._counts = Counter(label for group in groups for label in {member.label for member in group.members})
        self._marked &= {member.photo.photo_id for group in groups for member in group.members} - self._kept
        self._lay_out()

    def replace_group(self, group: Group, other: Group) -> None:
        """Put ``other`` in the place of ``group``; one without members goes."""
        if other.members:
            self.set_groups([other if each is group else each for each in self._every])
        else:
            self.set_groups([each for each in self._every if each is not group])

    def show(self, shown: Shown) -> None:
        """Show other groups."""
        self.shown = shown
        self._lay_out()

    @property
    def is_empty(self) -> bool:
        """Tell whether there is no group at all, shown or not."""
        return not self._every

    def count(self, labels: Collection[Label]) -> int:
        """Count the groups, shown or not, that have a member of this label, or of any stage of a duplicate."""
        if len(labels) == 1:
            return self._counts[next(iter(labels))]
        return sum(group.members[0].label in labels for group in self._every)

    def at(self, row: int) -> Spot:
        """Return what is in a row."""
        number = self.number_of(row)
        group, place = self.groups[number], row - self.firsts[number]
        return Spot(group, group.members[place - 1] if place else None)

    def number_of(self, row: int) -> int:
        """Return the number of the group a row belongs to."""
        return bisect.bisect_right(self.firsts, row) - 1

    # Marks

    def is_marked(self, photo_id: PhotoId) -> bool:
        """Tell whether a photo is to go."""
        return photo_id in self._marked

    def why_not(self, spot: Spot) -> str | Reason | None:
        """Return why a photo cannot be marked, None if it can.

        ``kept`` here or ``elsewhere``, ``offline`` (the one to keep), else a reason of the core's.
        """
        if spot.member is None:
            return "kept"
        if spot.photo.photo_id in self._kept:
            return "elsewhere"
        return "offline" if spot.group.kept.offline else spot.member.left_alone

    def mark(self, photo_ids: Iterable[PhotoId], *, to_go: bool) -> None:
        """Mark photos that may go (see :meth:`why_not`), or take their marks away."""
        changed = set(photo_ids) - self._marked if to_go else self._marked.intersection(photo_ids)
        self._marked ^= changed
        self._count(changed, 1 if to_go else -1)

    def unmark_all(self) -> None:
        """Take all marks away, also those of groups that are not shown."""
        self.mark(list(self._marked), to_go=False)

    @property
    def marked_count(self) -> int:
        """The number of photos that are marked and shown."""
        return self._marked_shown

    @property
    def marked_bytes(self) -> int:
        """What the disk gets back for them."""
        return self._marked_bytes

    def marked(self) -> list[Group]:
        """Return the groups shown that have marked members, with those alone: what is removed is what is seen."""
        found = []
        for group in self.groups:
            going = tuple(member for member in group.members if member.photo.photo_id in self._marked)
            if going:
                found.append(replace(group, members=going))
        return found

    def _count(self, photo_ids: Iterable[PhotoId], times: int) -> None:
        for photo_id in photo_ids:
            member = self._members.get(photo_id)
            if member is not None:
                self._marked_shown += times
                self._marked_bytes += times * member.gain_bytes

    def _lay_out(self) -> None:
        self.groups = [group for group in self._every if self.shown.has(group)]
        self.gain_bytes = sum(group.gain_bytes for group in self.groups)
        self._members = {member.photo.photo_id: member for group in self.groups for member in group.members}
        ids: list[PhotoId] = []
        self.firsts = []
        for group in self.groups:
            self.firsts.append(len(ids))
            ids.extend(photo.photo_id for photo in photos_of(group))
        self.photo_ids = np.array(ids, np.int64)
        self._marked_shown = self._marked_bytes = 0
        self._count(self._marked, 1)
