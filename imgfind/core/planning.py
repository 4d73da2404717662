"""What removing the members of groups would do: which photos go, beside which one, and which are left alone.

Pure functions, safe on every thread.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from imgfind.core.grouping import ContentPair, Group, Member, pair_of
from imgfind.core.records import ContentId, FileProblem, PhotoId, Verdict


@dataclass(frozen=True, slots=True)
class Plan:
    """``going`` photos, each ``beside`` the one that stays for it, and those ``left_alone`` with the reason."""

    going: list[Member]
    beside: dict[PhotoId, PhotoId]
    left_alone: list[FileProblem]

    @property
    def gain_bytes(self) -> int:
        """What the disk gets back once the trash is emptied."""
        return sum(member.gain_bytes for member in self.going)


def contents_in(groups: Sequence[Group]) -> set[ContentPair]:
    """Return the pairs of different contents by which members are in their groups."""
    pairs = (_contents(group, member) for group in groups for member in group.members)
    return {pair for pair in pairs if pair[0] != pair[1]}


def planned(
    groups: Sequence[Group], shown: Mapping[PhotoId, ContentId], verdicts: Mapping[ContentPair, Verdict]
) -> Plan:
    """Return what goes. ``shown`` is what the photos show now, ``verdicts`` what is known of :func:`contents_in`.

    A photo that one group keeps stays, whatever another one says.
    """
    kept = {group.kept.photo_id for group in groups}
    plan = Plan([], {}, [])
    for group in groups:
        for member in group.members:
            photo_id = member.photo.photo_id
            if photo_id in plan.beside:
                continue
            reason = "it is kept in another group" if photo_id in kept else _outdated(group, member, shown, verdicts)
            if reason := reason or (member.left_alone and str(member.left_alone)):
                plan.left_alone.append(FileProblem(member.photo.path, reason))
            else:
                plan.going.append(member)
                plan.beside[photo_id] = group.kept.photo_id
    return plan


def _outdated(
    group: Group, member: Member, shown: Mapping[PhotoId, ContentId], verdicts: Mapping[ContentPair, Verdict]
) -> str | None:
    """Tell what of a group no longer holds."""
    if member.photo.photo_id not in shown:
        return "it is no longer in the library"
    if shown[member.photo.photo_id] != member.photo.content_id:
        return "it has changed since it was compared"
    if shown.get(group.kept.photo_id) != group.kept.content_id:
        return "the photo to keep has changed since, or is no longer in the library"
    pair = _contents(group, member)
    if pair[0] != pair[1] and (pair not in verdicts or verdicts[pair].label is None):
        return "it was not found to be like the photo to keep"
    return None


def _contents(group: Group, member: Member) -> ContentPair:
    return pair_of(group.kept.content_id, member.photo.content_id)
