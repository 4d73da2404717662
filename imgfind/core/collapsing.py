"""Putting the copies among ranked hits together, so that a picture is one hit however often it lies on the disk.

Copies are the photos of one content, and contents that were verified to be the same picture: the same pixels, or saved
again in another size or format. Pure functions but for :func:`known`, which asks the catalogue.
"""

from collections import defaultdict
from collections.abc import Collection, Iterable, Sequence
from dataclasses import replace
from typing import NamedTuple

import numpy as np

from imgfind.core import apart
from imgfind.core.database import Database
from imgfind.core.duplicates import VERDICT_VERSION
from imgfind.core.grouping import ContentPair
from imgfind.core.records import ContentId, Copies, Hit
from imgfind.core.store import copies
from imgfind.core.store.duplicates import decided_contents


class Known(NamedTuple):
    """Pairs of contents: which are ``alike``, and which the user wants to see one by one, maybe all of one."""

    alike: Collection[ContentPair]
    apart: Collection[ContentPair] = ()


class Family(NamedTuple):
    """A picture: the hit that is ``shown`` for it, and the ``copies`` it stands for, the best first."""

    shown: Hit
    copies: tuple[Hit, ...]

    @property
    def score(self) -> float | None:
        """The score of the best of them, by which the picture has its place."""
        return max((hit.score for hit in (self.shown, *self.copies) if hit.score is not None), default=None)


def known(database: Database, contents: Sequence[ContentId]) -> Known:
    """Return what the catalogue knows of ``contents``, of which some may be named several times."""
    alike = copies.alike(database, VERDICT_VERSION, set(contents))
    can_collapse = bool(alike) or len(set(contents)) < len(contents)
    decisions = decided_contents(database) if can_collapse else []
    if not decisions:
        return Known(alike)
    # What was said of one content holds for those with the same pixels: the links to it may lead outside.
    links = copies.alike(database, VERDICT_VERSION, {*contents}.union(*decisions))
    return Known(alike, apart.decided_among(contents, decisions, links))


def families(contents: Sequence[ContentId], known: Known) -> list[list[int]]:
    """Return the places in ``contents``, which are in rank order, of each picture: ascending, by their first ones.

    Contents that are alike come together, also by way of others; but where something in one family is to stay apart
    from something in the other, these two stay two. So do all photos of a content that is apart from itself.
    """
    kept_off: dict[ContentId, set[ContentId]] = defaultdict(set)
    for a, b in known.apart:
        kept_off[a].add(b)
        kept_off[b].add(a)
    rows: dict[ContentId, list[int]] = {}
    alone: list[list[int]] = []
    for row, content in enumerate(contents):
        if content in rows and content in kept_off.get(content, ()):
            alone.append([row])
        else:
            rows.setdefault(content, []).append(row)
    family: dict[ContentId, list[ContentId]] = {}
    for a, b in sorted(known.alike, key=lambda pair: sorted((rows[pair[0]][0], rows[pair[1]][0]))):
        first, second = (family.setdefault(content, [content]) for content in (a, b))
        stay_two = any(not kept_off[one].isdisjoint(second) for one in first if one in kept_off)
        if first is not second and not stay_two:
            first.extend(second)
            family |= dict.fromkeys(second, first)
    several = {id(members): members for members in family.values()}.values()
    joined = (sorted(row for content in members for row in rows[content]) for members in several)
    return sorted([*joined, *alone, *(places for content, places in rows.items() if content not in family)])


def collapsed(hits: Sequence[Hit], known: Known) -> list[Family]:
    """Return the pictures among ranked ``hits``, each at the place of its best hit.

    Shown for it is what would be kept of the copies by plain facts: what is in reach, then what has most pixels, then
    what ranks first.
    """
    found = families([hit.content_id for hit in hits], known)
    return [_family([hits[row] for row in rows]) for rows in found]


def _family(hits: list[Hit]) -> Family:
    if len(hits) == 1:
        return Family(hits[0], ())
    shown = min(hits, key=lambda hit: (hit.offline, -hit.width_px * hit.height_px))
    return Family(shown, tuple(hit for hit in hits if hit is not shown))


def as_hits(found: Iterable[Family]) -> list[Hit]:
    """Return each picture as one hit that names its copies."""
    return [
        replace(family.shown, score=family.score, copies=tuple(hit.path for hit in family.copies))
        if family.copies
        else family.shown
        for family in found
    ]


def as_columns(found: Sequence[Family]) -> Copies | None:
    """Return the copies that pictures stand for, None where there are none."""
    copies = [hit for family in found for hit in family.copies]
    if not copies:
        return None
    offsets = np.cumsum([0, *(len(family.copies) for family in found)], dtype=np.int64)
    ids = np.array([hit.photo_id for hit in copies], np.int64)
    return Copies(offsets, ids, np.array([hit.score for hit in copies], np.float32))
