"""A query as the parts it is made of: how chips and typed text become one, and what can be done to a part.

Pure functions over :mod:`imgfind.core.query`; safe on every thread.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace

from imgfind.core import QueryError
from imgfind.core import query as language
from imgfind.core.filters import Filter, name_of
from imgfind.core.query import ImageTerm, Query, Term, TextTerm

Part = Term | Filter


def split(query: Query | None) -> tuple[list[Part], str]:
    """Return the chips of a query and its text: the last plain positive words, which people go on typing at."""
    if query is None:
        return [], ""
    parts: list[Part] = list(query.terms)
    text = ""
    for index in reversed(range(len(parts))):
        part = parts[index]
        if isinstance(part, TextTerm) and part.weight == 1:
            text = as_text(part)
            del parts[index]
            break
    return [*parts, *query.filters], text


def joined(parts: Sequence[Part], text: str) -> Query | None:
    """Return the query of chips and text, None where there is nothing.

    Raises :class:`QueryError` where the text is none, or the whole cannot be asked.
    """
    typed = language.parse(text, addition=True) if text.strip() else Query(())
    terms = (*(part for part in parts if isinstance(part, Term)), *typed.terms)
    filters = (*(part for part in parts if isinstance(part, Filter)), *typed.filters)
    if not terms and not filters:
        return None
    query = Query(terms, filters)
    if terms and all(is_excluded(term) for term in terms):
        raise QueryError("Everything has a minus; say what to look for as well.", text, 0)
    if len(language.unparse(query)) > language.MAX_QUERY_CHARS:
        raise QueryError("That is more than a query can hold; remove a part of it.", text, 0)
    return query


def same(query: Query | None, other: Query | None) -> bool:
    """Tell whether two queries ask for the same, in whatever order."""
    if query is None or other is None:
        return query is other
    return Counter(query.terms) == Counter(other.terms) and Counter(query.filters) == Counter(other.filters)


def same_operand(part: Part, other: Part) -> bool:
    """Tell whether two parts differ at most in weight and sign: both at once would make no sense."""
    return as_wanted(part) == as_wanted(other)


def as_wanted(part: Part) -> Part:
    """Return the part without a minus and a weight."""
    return replace(part, weight=1.0) if isinstance(part, Term) else replace(part, excluded=False)


def is_excluded(part: Part) -> bool:
    """Tell whether the part has a minus."""
    return part.weight < 0 if isinstance(part, Term) else part.excluded


def excluded(part: Part, yes: bool) -> Part:
    """Return the part with or without a minus."""
    if is_excluded(part) == yes:
        return part
    return replace(part, weight=-part.weight) if isinstance(part, Term) else replace(part, excluded=yes)


def weighted(part: Term, weight: float) -> Term:
    """Return the part with another weight (above 0) and its old sign."""
    return replace(part, weight=-weight if part.weight < 0 else weight)


def name(part: Part) -> str:
    """Return what kind of part it is: ``image``, ``text``, or the name of the filter."""
    match part:
        case ImageTerm():
            return "image"
        case TextTerm():
            return "text"
        case _:
            return name_of(part)


def as_text(part: Part) -> str:
    """Return how the part is typed."""
    return language.unparse(Query((part,)) if isinstance(part, Term) else Query((), (part,)))


def put_back(part: Part, text: str) -> str:
    """Return the text of the field after a chip was turned back into text before ``text``."""
    try:
        typed = language.parse(text, addition=True)
    except QueryError:  # empty, or half typed: nothing better can be done than to put one behind the other
        return f"{as_text(part)} {text.lstrip()}"
    if isinstance(part, Term):
        return language.unparse(Query((part, *typed.terms), typed.filters))
    return f"{as_text(part)} {text.lstrip()}"
