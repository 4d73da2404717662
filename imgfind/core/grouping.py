"""Groups of photos that show the same: each a star, the photo to keep in the middle and all others verified against it.

Works on verdicts, not on pixels. Pure functions, safe on every thread.
"""

from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import NamedTuple

from imgfind.core import keeping
from imgfind.core.keeping import Preference
from imgfind.core.records import ContentId, Label, Verdict
from imgfind.core.store.rows import GroupedPhoto
from imgfind.core.wording import Reason

DUPLICATES = frozenset(Label) - {Label.SAME_SCENE}

ContentPair = tuple[ContentId, ContentId]
"""The lower id first."""
_SAME_BYTES = Verdict(Label.IDENTICAL, 1.0, 0, 1.0, "the same bytes")
_NOT_COMPARED = Verdict(None)
_INVERSE_TURNS = {5: 7, 7: 5}
"""EXIF orientations 6 and 8, quarter turns to either side; the other six undo themselves."""


@dataclass(frozen=True, slots=True)
class Member:
    """A photo beside the kept one; ``turn`` leads from the kept one to it, ``left_alone`` says why it is not to go."""

    photo: GroupedPhoto
    label: Label
    similarity: float
    turn: int
    area: float
    left_alone: Reason | None = None

    @property
    def gain_bytes(self) -> int:
        """What the disk gets back when this photo goes."""
        return 0 if self.left_alone or self.photo.is_linked else self.photo.size_bytes


@dataclass(frozen=True, slots=True)
class Group:
    """Photos of one picture, or shots of one scene: ``kept``, the ``reasons`` it was chosen, and those beside it."""

    kept: GroupedPhoto
    reasons: tuple[Reason, ...]
    members: tuple[Member, ...]

    @property
    def reason(self) -> str:
        """Why ``kept`` was chosen, in English."""
        return "; ".join(map(str, self.reasons))

    @property
    def label(self) -> Label:
        """What holds for all of them: the label of the member that differs most."""
        return max((member.label for member in self.members), default=Label.IDENTICAL)

    @property
    def similarity(self) -> float:
        """The similarity of the member that is least like the kept one."""
        return min((member.similarity for member in self.members), default=1.0)

    @property
    def gain_bytes(self) -> int:
        """What the disk gets back when all go that may."""
        return sum(member.gain_bytes for member in self.members)


@dataclass(frozen=True, slots=True)
class Rules:
    """What counts as a group, and what to keep: the first of ``prefer`` decides first.

    ``left_alone`` tells why a photo is to stay, ``apart`` which contents never go together (nor the photos of one
    content, where asked about it twice).
    """

    labels: frozenset[Label] = DUPLICATES
    min_similarity: float = 0.0
    prefer: tuple[Preference, ...] = ()
    apart: Callable[[ContentId, ContentId], bool] = lambda _a, _b: False
    left_alone: Callable[[GroupedPhoto], Reason | None] = lambda _photo: None


def pair_of(a: ContentId, b: ContentId) -> ContentPair:
    """Return two contents as verdicts are kept."""
    return (a, b) if a < b else (b, a)


def turned(verdict: Verdict) -> Verdict:
    """Return the verdict of the same two pictures, seen from the other one."""
    return replace(verdict, turn=_INVERSE_TURNS.get(verdict.turn, verdict.turn))


Compare = Callable[[set[ContentPair]], Mapping[ContentPair, Verdict]]
"""Returns verdicts on pairs."""


class Grouped(NamedTuple):
    """The groups as far as they are known; they are complete when there are no ``missing`` pairs to compare."""

    groups: list[Group]
    missing: set[ContentPair]


def grouped(
    photos: Iterable[GroupedPhoto],
    verdicts: Mapping[ContentPair, Verdict],
    rules: Rules,
    compare: Compare | None = None,
) -> Grouped:
    """Return the groups of ``photos``, the largest gain first; shots of one scene are groups of their own.

    Each photo is beside one kept photo at most, but that one that is like nothing else than a photo of another group
    makes a group with it. ``missing`` are pairs that have to be compared before it can be said who is in a group; call
    again with their verdicts. ``compare`` is asked for such verdicts at once; call again with them, for they may make
    another photo the one to keep.
    """
    grouping = _Grouping(photos, verdicts, rules, compare)
    found = list(grouping.groups(rules.labels & DUPLICATES))
    if Label.SAME_SCENE in rules.labels:
        beside = {member.photo.content_id for group in found for member in group.members}
        kept = {group.kept.content_id for group in found}
        found += grouping.groups({Label.SAME_SCENE}, without=beside - kept)
    found.sort(key=lambda group: (group.label is Label.SAME_SCENE, -group.gain_bytes, group.kept.path))
    return Grouped(found, grouping.missing)


def kept_instead(group: Group, kept: GroupedPhoto, verdicts: Mapping[ContentPair, Verdict], rules: Rules) -> Group:
    """Return the group around another of its photos, ``kept``; those that are not like that one are left out.

    ``verdicts`` are those between it and all others.
    """
    photos = [group.kept, *(member.photo for member in group.members)]
    around = {photo.content_id for photo in photos} - {kept.content_id}
    return _Grouping(photos, verdicts, replace(rules, labels=frozenset(Label))).star(kept, around, (keeping.CHOSEN,))


@dataclass(slots=True, eq=False)
class _Star:
    """A group as it grows: who is ``around`` the kept photo, who was ``asked``, and whom to ask ``next``."""

    kept: GroupedPhoto
    component: set[ContentId]
    around: set[ContentId]
    asked: set[ContentId]
    next: set[ContentId]


class _Grouping:
    """One run over photos and verdicts."""

    def __init__(
        self,
        photos: Iterable[GroupedPhoto],
        verdicts: Mapping[ContentPair, Verdict],
        rules: Rules,
        compare: Compare | None = None,
    ) -> None:
        self._rules = rules
        self._compare = compare
        self._photos: dict[ContentId, list[GroupedPhoto]] = defaultdict(list)
        for photo in photos:
            self._photos[photo.content_id].append(photo)
        self._verdicts = dict(verdicts)
        self.missing: set[ContentPair] = set()

    def groups(self, labels: Collection[Label], without: Collection[ContentId] = ()) -> Iterator[Group]:
        """Yield a star for each of the pictures, then the groups of those that no star took in."""
        near = self._near(labels, without)
        alone: set[ContentId] = set()
        taken: dict[ContentId, ContentId] = {}
        stars = [self._begun(component, near, labels) for component in _components(near.keys(), near)]
        while stars:
            waiting: list[_Star] = []
            missing: set[ContentPair] = set()
            while stars:
                star = stars.pop()
                unknown = self._grow(star, near, labels)
                if unknown:
                    missing |= unknown
                    waiting.append(star)
                    continue
                group = self._group(star.kept, star.around, labels)
                inside = {star.kept.content_id} | star.around
                if group.members:
                    taken |= dict.fromkeys(inside, star.kept.content_id)
                    yield group
                else:
                    alone |= inside
                rest = star.component - inside
                stars.extend(self._begun(component, near, labels) for component in _components(rest, near))
            known = self._compare(missing) if missing and self._compare is not None else {}
            self._verdicts.update(known)
            self.missing |= missing - known.keys()
            stars = waiting if missing <= known.keys() else []
        yield from self._joined(alone, taken, near, labels)

    def star(self, kept: GroupedPhoto, around: Collection[ContentId], why: tuple[Reason, ...] = ()) -> Group:
        """Return the group of ``kept`` and those contents ``around`` it that are like it."""
        labels = self._rules.labels
        like = {content for content in around if self._is_near(kept.content_id, content, labels)}
        return self._group(kept, like, labels, why)

    def _near(self, labels: Collection[Label], without: Collection[ContentId]) -> dict[ContentId, set[ContentId]]:
        """Return which contents are like which, one by one; those that only repeat themselves are like none."""
        near: dict[ContentId, set[ContentId]] = {}
        for content, photos in self._photos.items():
            if len(photos) > 1 and Label.IDENTICAL in labels and content not in without:
                near[content] = set()
        for a, b in self._verdicts:
            known = a in self._photos and b in self._photos and a not in without and b not in without
            if known and self._is_near(a, b, labels):
                near.setdefault(a, set()).add(b)
                near.setdefault(b, set()).add(a)
        return near

    def _is_near(self, a: ContentId, b: ContentId, labels: Collection[Label]) -> bool:
        verdict = self._verdict(a, b)
        fits = verdict.label in labels and verdict.similarity >= self._rules.min_similarity
        return fits and not self._rules.apart(a, b)

    def _verdict(self, a: ContentId, b: ContentId) -> Verdict:
        """Return the verdict as seen from ``a``."""
        verdict = self._verdicts.get(pair_of(a, b), _NOT_COMPARED)
        return verdict if a < b else turned(verdict)

    def _chosen(
        self, contents: Collection[ContentId], near: Mapping[ContentId, set[ContentId]], labels: Collection[Label]
    ) -> GroupedPhoto:
        found = (self._verdict(a, b).label for a in contents for b in near[a] if b in contents)
        edited = Label.SAME_SCENE not in labels and any(label and label >= Label.EDITED for label in found)
        photos = [photo for content in contents for photo in self._photos[content]]
        return keeping.chosen(photos, self._rules.prefer, edited=edited)

    def _begun(
        self, component: set[ContentId], near: Mapping[ContentId, set[ContentId]], labels: Collection[Label]
    ) -> _Star:
        kept = self._chosen(component, near, labels)
        around = near[kept.content_id] & component
        return _Star(kept, component, set(), {kept.content_id} | around, around)

    def _grow(
        self, star: _Star, near: Mapping[ContentId, set[ContentId]], labels: Collection[Label]
    ) -> set[ContentPair]:
        """Take in what is like the kept photo: first its neighbours, then the neighbours of those, and so on.

        Looked at are only these and the first ones that are not like it, however large the component is. Returns the
        pairs without which it does not go on, none where it is done.
        """
        middle = star.kept.content_id
        while star.next:
            missing = {pair for other in star.next if (pair := pair_of(middle, other)) not in self._verdicts}
            if missing:
                return missing
            fresh = {other for other in star.next if self._is_near(middle, other, labels)}
            star.around |= fresh
            star.next = {other for content in fresh for other in near[content] if other in star.component} - star.asked
            star.asked |= star.next
        return set()

    def _joined(
        self,
        alone: set[ContentId],
        taken: Mapping[ContentId, ContentId],
        near: Mapping[ContentId, set[ContentId]],
        labels: Collection[Label],
    ) -> Iterator[Group]:
        """Yield the groups of those that are like a photo of another group, but not like the one that is kept there.

        ``taken`` says what is kept in the group of each. Who is only left out of that group, set apart or of a stage
        that was not asked for, makes none with its members either.
        """
        around: dict[GroupedPhoto, set[ContentId]] = defaultdict(set)
        for content in sorted(alone):
            there = near[content] & taken.keys()
            neighbours = {other for other in there if not self._is_left_out(content, taken[other])}
            if neighbours:
                kept = self._chosen({content} | neighbours, near, labels)
                around[kept] |= neighbours if kept.content_id == content else {content}
        for kept, contents in around.items():
            yield self._group(kept, contents, labels)

    def _is_left_out(self, content: ContentId, middle: ContentId) -> bool:
        return self._verdict(content, middle).label in DUPLICATES or self._rules.apart(content, middle)

    def _group(
        self, kept: GroupedPhoto, around: Collection[ContentId], labels: Collection[Label], why: tuple[Reason, ...] = ()
    ) -> Group:
        members = [
            self._member(photo, self._verdict(kept.content_id, content))
            for content in around
            for photo in self._shown(content, labels)
        ]
        if Label.IDENTICAL in labels and not self._rules.apart(kept.content_id, kept.content_id):
            copies = (photo for photo in self._photos[kept.content_id] if photo.photo_id != kept.photo_id)
            members += [self._member(photo, _SAME_BYTES) for photo in copies]
        members.sort(key=lambda member: (member.label, -member.similarity, member.photo.path))
        others = [member.photo for member in members]
        edited = any(Label.EDITED <= member.label < Label.SAME_SCENE for member in members)
        return Group(kept, why or keeping.reasons(kept, others, self._rules.prefer, edited=edited), tuple(members))

    def _shown(self, content: ContentId, labels: Collection[Label]) -> list[GroupedPhoto]:
        """Return the photos of a content; where identical files are not asked for, the one that stands for them."""
        photos = self._photos[content]
        return photos if Label.IDENTICAL in labels else [keeping.chosen(photos, self._rules.prefer)]

    def _member(self, photo: GroupedPhoto, verdict: Verdict) -> Member:
        assert verdict.label is not None, "what is in a group was found to be like the kept one"
        left_alone = self._rules.left_alone(photo)
        return Member(photo, verdict.label, verdict.similarity, verdict.turn, verdict.area, left_alone)


def _components(nodes: Collection[ContentId], near: Mapping[ContentId, set[ContentId]]) -> Iterator[set[ContentId]]:
    """Yield the nodes that hang together, each set once; edges that leave ``nodes`` count for nothing."""
    left = set(nodes)
    while left:
        edge = [left.pop()]
        component = set(edge)
        while edge:
            fresh = near[edge.pop()] & left
            left -= fresh
            component |= fresh
            edge.extend(fresh)
        yield component
