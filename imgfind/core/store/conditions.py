"""Filters -> SQL: a condition over ``photos AS p`` and ``contents AS c``, every value a parameter. Pure functions."""

from collections.abc import Sequence
from itertools import groupby

from imgfind.core import paths
from imgfind.core.filters import TYPES, DateFilter, Filter, NumberFilter, WordFilter, name_of

Condition = tuple[str, list[object]]
"""SQL and its parameters."""

_ALTERNATIVES = frozenset({"in", "date", "camera", "lens", "type", "orientation"})
"""Names whose filters are alternatives: no photo is of two types. Those of other names must all hold."""
_COLUMNS = {"size": "p.size_bytes", "width": "c.width_px", "height": "c.height_px"}
_ORIENTATIONS = {
    "landscape": "c.width_px > c.height_px",
    "portrait": "c.width_px < c.height_px",
    "square": "c.width_px = c.height_px",
}
_STATES = {
    "offline": "p.offline = 1",
    "online": "p.offline = 0",
    "raw": "c.format = 'RAW'",
    "gps": "c.latitude IS NOT NULL",
    # Few are marked: their indexes are read, not all contents.
    "favourite": "p.content_id IN (SELECT content_id FROM contents WHERE favourite = 1)",
    "hidden": "p.content_id IN (SELECT content_id FROM contents WHERE hidden = 1)",
}
_NOT_HIDDEN = "p.content_id NOT IN (SELECT content_id FROM contents WHERE hidden = 1)"


def condition(filters: Sequence[Filter]) -> Condition:
    """Return what holds for the photos that all filters leave; hidden ones only where ``is:hidden`` is among them."""
    asks_for_hidden = any(
        isinstance(item, WordFilter) and (item.name, item.value) == ("is", "hidden") for item in filters
    )
    parts = ["1"] if asks_for_hidden else [_NOT_HIDDEN]
    parameters: list[object] = []
    for (name, excluded), group in groupby(sorted(filters, key=_kind), key=_kind):
        conditions = [_one(item) for item in group]
        parameters.extend(value for _, values in conditions for value in values)
        if excluded:
            # What is not known (no camera) is not excluded.
            parts.extend(f"({sql}) IS NOT TRUE" for sql, _ in conditions)
        elif name in _ALTERNATIVES:
            parts.append(f"({' OR '.join(sql for sql, _ in conditions)})")
        else:
            parts.extend(sql for sql, _ in conditions)
    return " AND ".join(parts), parameters


def _kind(item: Filter) -> tuple[str, bool]:
    return name_of(item), item.excluded


def _one(item: Filter) -> Condition:
    match item:
        case DateFilter():
            # Moments begin with their day, so "2021" stands before all of that year and "2021~" behind.
            return _within("p.taken_at", item.first, None if item.last is None else f"{item.last}~")
        case NumberFilter():
            return _within(_COLUMNS[item.name], item.low, item.high)
        case WordFilter():
            return _word(item)


def _word(item: WordFilter) -> Condition:
    match item.name:
        case "in":
            return "(p.path >= ? AND p.path < ?)", [*paths.subtree_bounds(item.value)]
        case "type":
            formats = TYPES[item.value]
            return f"c.format IN ({', '.join('?' * len(formats))})", [*formats]
        case "orientation":
            return _ORIENTATIONS[item.value], []
        case "is":
            return _STATES[item.value], []
        case column:
            # Python's casefold for each name there is, not for each photo.
            names = f"WITH names AS MATERIALIZED (SELECT DISTINCT {column} AS name FROM contents)"
            matching = f"{names} SELECT name FROM names WHERE instr(casefold(name), ?)"
            # Bytes typed that are no text are in no name; SQLite's texts cannot hold them.
            return f"c.{column} IN ({matching})", [item.value.casefold().encode("utf-8", "backslashreplace").decode()]


def _within(column: str, low: object, high: object) -> Condition:
    bounds = [(f"{column} >= ?", low), (f"{column} <= ?", high)]
    given = [(sql, bound) for sql, bound in bounds if bound is not None]
    return f"({' AND '.join(sql for sql, _ in given)})", [bound for _, bound in given]
