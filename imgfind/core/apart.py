"""Which contents never go into one group, whatever their pixels say: the user said so, or they are files of one shot.

Pure functions, safe on every thread.
"""

import os
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from itertools import chain, product

from imgfind.core import pairs
from imgfind.core.grouping import ContentPair, Group, Member, pair_of
from imgfind.core.paths import displayed
from imgfind.core.records import ContentId, Label, Verdict
from imgfind.core.store.rows import GroupedPhoto
from imgfind.core.wording import Reason

Apart = Callable[[ContentId, ContentId], bool]
"""Tells of two contents; of one, asked about twice, whether its photos are apart."""


def decided(decisions: Iterable[ContentPair], verdicts: Mapping[ContentPair, Verdict]) -> Apart:
    """Return what the user decided; it holds for all contents with the same pixels as one of a pair."""
    alike = _same_pixels(verdicts)

    def stands_for(a: ContentId, b: ContentId) -> ContentPair:
        first, second = alike.get(a, a), alike.get(b, b)
        # What was said of two contents with the same pixels holds for these two alone.
        return pair_of(a, b) if first == second else pair_of(first, second)

    known = {stands_for(a, b) for a, b in decisions}
    return lambda a, b: stands_for(a, b) in known


def decided_among(
    contents: Iterable[ContentId], decisions: Iterable[ContentPair], verdicts: Mapping[ContentPair, Verdict]
) -> set[ContentPair]:
    """Return which pairs of ``contents`` the user decided about, as :func:`decided` tells; maybe of one with itself."""
    alike = _same_pixels(verdicts)
    asked: dict[ContentId, set[ContentId]] = defaultdict(set)
    for content in contents:
        asked[alike.get(content, content)].add(content)
    pairs: set[ContentPair] = set()
    for a, b in decisions:
        first, second = asked[alike.get(a, a)], asked[alike.get(b, b)]
        if first is second:
            pairs |= {pair_of(a, b)} if {a, b} <= first else set()
        else:
            pairs.update(pair_of(one, other) for one, other in product(first, second))
    return pairs


def of_one_shot(photos: Iterable[GroupedPhoto]) -> Apart:
    """Return which contents lie beside each other as RAW and JPEG of one shot, or as a photo and its edited export."""
    named: dict[ContentId, dict[str, list[str]]] = defaultdict(lambda: defaultdict(list))
    for photo in photos:
        named[photo.content_id][pairs.own_name(photo.path)].append(photo.path)

    def is_apart(a: ContentId, b: ContentId) -> bool:
        if a == b:
            return False
        ours, theirs = named[a], named[b]
        beside = (product(ours[name], theirs[name]) for name in ours.keys() & theirs.keys())
        return any(pairs.belonging(path, other) for path, other in chain.from_iterable(beside))

    return is_apart


def pairs_left_alone(group: Group) -> Group:
    """Return the group with those of its members left alone that belong to another one of it."""
    named: dict[str, list[str]] = defaultdict(list)
    for photo in (group.kept, *(member.photo for member in group.members)):
        named[pairs.own_name(photo.path)].append(photo.path)

    def looked_at(member: Member) -> Member:
        path = member.photo.path
        partner = next((name for name in named[pairs.own_name(path)] if pairs.belonging(path, name)), None)
        if partner is None or member.left_alone:
            return member
        return replace(member, left_alone=Reason("it belongs to {0}", (displayed(os.path.basename(partner)),)))

    return replace(group, members=tuple(map(looked_at, group.members)))


def _same_pixels(verdicts: Mapping[ContentPair, Verdict]) -> dict[ContentId, ContentId]:
    """Return for each content that has the same pixels as another which one stands for them."""
    stands: dict[ContentId, ContentId] = {}

    def found(content: ContentId) -> ContentId:
        while content in stands and stands[content] != content:
            content = stands[content]
        return content

    for (a, b), verdict in verdicts.items():
        if verdict.label is Label.SAME_PIXELS:
            first, second = pair_of(found(a), found(b))
            stands[second] = first
    return {content: found(content) for content in stands}
