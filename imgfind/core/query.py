r"""The query language: text -> :class:`Query` -> text. No encoder, no file and no catalogue is touched in here.

::

    query    = { term } { filter }              one at least; of the terms one without a minus
    term     = [ "+" | "-" ] [ NUMBER "*" ] ( "image" [ region ] ":" path | words )
    region   = "[" LEFT "," TOP "," RIGHT "," BOTTOM "]"
    words    = ( word | quotation ) { ( word | quotation ) }
    filter   = [ "+" | "-" ] NAME ":" path      names and values: imgfind.core.filters
    path     = characters up to the next space | quotation

- A text term is all words that stand together: ``dog at the sea + sunset - people`` has three terms.
- ``+`` and ``-`` are operators where a word could begin, with or without a space behind them; elsewhere they are plain
  characters (``t-shirt``, ``a+b``).
- A weight (``2*dog``, ``0.5*"red car"``: above 0, at most 100, no space around the ``*``) and ``image:`` start a term
  of their own, and words behind ``image:PATH`` start one too; ``+`` is understood: ``red image:a.jpg`` has two terms.
- ``image[10,20,60.5,80]:PATH`` is a part of a picture as it is seen upright: its edges in per cent of width and height.
- A quotation begins where a word could begin and is literal: ``"- 2*3"`` is plain words. Elsewhere ``"`` is a plain
  character (``12" vinyl``). Spaces inside are kept, outside they only separate.
- Inside a quotation a backslash is literal unless a run of backslashes stands right before a ``"``: then two mean one,
  and an odd one left over makes the ``"`` literal (the rule of Windows command lines). So ``"C:\new\pic.jpg"`` needs no
  care, ``\"`` is a quote, and a quotation that ends in one backslash is written ``"...\\"``.
- Filters may stand wherever a word could begin; the words around them belong together as if they were not there:
  ``dog date:2021 at the sea``. With a minus a filter leaves out what it finds. A filter has no weight.
- Several filters must all hold, except that those of one name are alternatives for ``in: date: camera: lens: type:
  orientation:``, unless they have a minus.
- ``near: concept:`` are kept for filters to come and refused where a word could begin, so that no query changes its
  meaning later. Any other colon is plain: ``12:30``, ``http://x``.
- A query of minus terms only is refused: "least like people" ranks noise, and nobody who types ``- people`` wants that.

Pure functions, safe on every thread.
"""

import re
import unicodedata
from dataclasses import dataclass
from decimal import Decimal
from typing import NamedTuple

from imgfind.core import filters
from imgfind.core.errors import QueryError
from imgfind.core.filters import Filter
from imgfind.core.paths import displayed

MAX_QUERY_CHARS = 10_000
MAX_WEIGHT = 100.0

_OPERATOR = re.compile(r"[+-]")
# Also takes what was surely meant as a number ("1,5*", "1e9*", "1/2*"), to be refused instead of searched as words.
_WEIGHT = re.compile(r"(?:[0-9]|[.,][0-9])[0-9.,eE+/-]*\*")
_NUMBER = re.compile(r"[0-9]+(?:\.[0-9]*)?|\.[0-9]+")
_IMAGE = re.compile(r"image[:[]", re.IGNORECASE | re.ASCII)
_REGION = re.compile(r"([0-9.]+),([0-9.]+),([0-9.]+),([0-9.]+)\]:")
_NAME = re.compile(rf"({'|'.join(filters.EXAMPLES)}):", re.IGNORECASE | re.ASCII)
_FILTER = re.compile(rf"(?:[+-]\s*)?{_NAME.pattern}", re.IGNORECASE | re.ASCII)
_RESERVED = re.compile(r"(?:near|concept):", re.IGNORECASE | re.ASCII)
_QUOTE = re.compile(r'"')
_WORD = re.compile(r"\S+")
_SPACE = re.compile(r"\s*")
# Every part may be empty, so a match never backtracks, however long a run of backslashes is.
_IN_QUOTATION = re.compile(r'([^"\\]*)(\\*)("?)')
_TO_ESCAPE = re.compile(r'(\\+)("|\Z)?|"')

_POINTER_BEFORE_CHARS = 40
_POINTER_AFTER_CHARS = 30


@dataclass(frozen=True, slots=True)
class TextTerm:
    """Words to look for (``weight`` > 0) or to avoid (< 0); ``text`` is not blank, 0 < abs(``weight``) <= 100."""

    text: str
    weight: float = 1.0


class Region(NamedTuple):
    """A part of an upright picture: its edges in per cent of width and height, 0 <= left < right <= 100."""

    left: float
    top: float
    right: float
    bottom: float


@dataclass(frozen=True, slots=True)
class ImageTerm:
    """A picture, or a ``region`` of it, to look for or to avoid.

    ``path`` as typed, not blank; ``weight`` as in :class:`TextTerm`.
    """

    path: str
    weight: float = 1.0
    region: Region | None = None


Term = TextTerm | ImageTerm


@dataclass(frozen=True, slots=True)
class Query:
    """What to rank photos by, and which of them to rank.

    The weighted sum of ``terms``, of which at least one has a positive weight, over the photos that ``filters`` leave;
    one of the two may be empty.
    """

    terms: tuple[Term, ...]
    filters: tuple[Filter, ...] = ()


def parse(text: str, *, addition: bool = False) -> Query:
    """Read a query in the language of this module; an ``addition`` to another query may have minus terms only.

    Raises :class:`QueryError` with one sentence that says where and why.
    """
    if len(text) > MAX_QUERY_CHARS:
        message = f"The query has {len(text):,} characters; shorten it to {MAX_QUERY_CHARS:,}."
        raise QueryError(message, text, MAX_QUERY_CHARS)
    reader = _Reader(text)
    if not reader.next_token():
        raise QueryError("The query is empty; describe what to look for.", text, 0)
    terms: list[Term] = []
    first = None
    while _next_word(reader):
        first = reader.position if first is None else first
        terms.append(_term(reader))
    if first is not None and not addition and all(term.weight < 0 for term in terms):
        raise reader.error("every term has a minus; say what to look for as well, as in: photo - people", first)
    return Query(tuple(terms), tuple(reader.filters))


def unparse(query: Query) -> str:
    """Return the text of ``query``, normalised: terms before filters, one space, operators written, no needless quotes.

    ``parse(unparse(query)) == query``, as long as the text fits ``MAX_QUERY_CHARS``.
    """
    parts = []
    for term in query.terms:
        if term.weight < 0:
            parts.append("-")
        elif parts:
            parts.append("+")
        parts.append(_unparse_weight(abs(term.weight)) + _unparse_operand(term))
    parts.extend(_unparse_filter(item) for item in query.filters)
    return " ".join(parts)


def pointer(error: QueryError) -> str:
    """Return two lines for a terminal: the query around the error, and a ``^`` below where it went wrong."""
    start = max(0, error.position - _POINTER_BEFORE_CHARS)
    end = error.position + _POINTER_AFTER_CHARS
    before = ("…" if start else "") + displayed(error.text[start : error.position])
    after = displayed(error.text[error.position : end]) + ("…" if end < len(error.text) else "")
    return f"{before}{after}\n{' ' * sum(map(_columns, before))}^"


def _columns(char: str) -> int:
    """Return how many terminal columns a printable character takes (Unicode Standard Annex 11)."""
    if unicodedata.category(char) in ("Mn", "Me"):
        return 0
    return 2 if unicodedata.east_asian_width(char) in "WF" else 1


class _Reader:
    """The text, how far it has been read, and the filters met on the way."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.position = 0
        self.filters: list[Filter] = []

    def next_token(self) -> bool:
        """Skip spaces; tell whether anything is left."""
        self.take(_SPACE)
        return self.position < len(self.text)

    def at(self, pattern: re.Pattern[str]) -> bool:
        return pattern.match(self.text, self.position) is not None

    def take(self, pattern: re.Pattern[str]) -> str:
        """Return what ``pattern`` matches here and step over it; empty where it does not match."""
        match = pattern.match(self.text, self.position)
        if match is None:
            return ""
        self.position = match.end()
        return match[0]

    def error(self, why: str, position: int) -> QueryError:
        return QueryError(f"At character {position + 1} of the query: {why}.", self.text, position)


def _next_word(reader: _Reader) -> bool:
    """Read the filters that stand here; tell whether anything is left."""
    while reader.next_token() and reader.at(_FILTER):
        reader.filters.append(_filter(reader))
    return reader.position < len(reader.text)


def _filter(reader: _Reader) -> Filter:
    excluded = _sign(reader) < 0
    start = reader.position
    name = reader.take(_NAME)[:-1].lower()
    value_start = reader.position
    value = _value(reader)
    if not value:
        example = filters.EXAMPLES[name]
        raise reader.error(f"the value has to follow '{name}:' without a space, as in {example}", start)
    try:
        return filters.parsed(name, value, excluded=excluded)
    except ValueError as error:
        raise reader.error(str(error), value_start) from error


def _value(reader: _Reader) -> str:
    return _quotation(reader) if reader.at(_QUOTE) else reader.take(_WORD)


def _term(reader: _Reader) -> Term:
    weight = _sign(reader) * _weight(reader)
    start = reader.position
    image = reader.take(_IMAGE)
    if not image:
        return TextTerm(_words(reader), weight)
    region = _region(reader, start) if image.endswith("[") else None
    path = _value(reader)
    if not path:
        raise reader.error("the path has to follow 'image:' without a space, as in image:dog.jpg", start)
    return ImageTerm(path, weight, region)


def _region(reader: _Reader, start: int) -> Region:
    edges = reader.take(_REGION).removesuffix("]:").split(",")
    if all(map(_NUMBER.fullmatch, edges)):
        region = Region(*map(float, edges))
        if region.left < region.right <= 100 and region.top < region.bottom <= 100:
            return region
    why = "a region is left, top, right and bottom in per cent without spaces, as in image[0,25,50,75]:dog.jpg"
    raise reader.error(why, start)


def _sign(reader: _Reader) -> int:
    start = reader.position
    operator = reader.take(_OPERATOR)
    if not operator:
        return 1
    if not reader.next_token():
        raise reader.error(f"nothing follows the '{operator}'; add a term or leave it out", start)
    if reader.at(_OPERATOR):
        raise reader.error("two operators follow each other; leave one out or put it in quotes", reader.position)
    return -1 if operator == "-" else 1


def _weight(reader: _Reader) -> float:
    start = reader.position
    number = reader.take(_WEIGHT).removesuffix("*")
    if not number:
        return 1.0
    if not _NUMBER.fullmatch(number) or not 0 < float(number) <= MAX_WEIGHT:
        raise reader.error("a weight is a number above 0 and at most 100, as in 2*dog or 0.5*dog", start)
    if not reader.at(_WORD):
        raise reader.error("the term has to follow the weight without a space, as in 2*dog", start)
    if reader.at(_OPERATOR):
        raise reader.error("the sign goes before the weight, as in -2*dog", reader.position)
    if reader.at(_WEIGHT):
        raise reader.error("a term has one weight; leave one out or put the words in quotes", reader.position)
    return float(number)


def _words(reader: _Reader) -> str:
    words = []
    while True:
        start = reader.position
        if name := reader.take(_RESERVED):
            why = f"the filter '{name.lower()}' is not built yet; put it in quotes to search for it as words"
            raise reader.error(why, start)
        if reader.at(_NAME):
            raise reader.error("a filter has no weight; leave the number out", start)
        words.append(_value(reader))
        if not _next_word(reader) or _starts_term(reader):
            return " ".join(words)


def _starts_term(reader: _Reader) -> bool:
    return any(reader.at(pattern) for pattern in (_OPERATOR, _WEIGHT, _IMAGE))


def _quotation(reader: _Reader) -> str:
    start = reader.position
    reader.take(_QUOTE)
    literal = ""
    while True:
        match = _IN_QUOTATION.match(reader.text, reader.position)
        if not match or not match[0]:
            raise reader.error('the quote is never closed; add a " behind the last word', start)
        reader.position = match.end()
        plain, backslashes, quote = match.groups()
        if not quote:
            literal += plain + backslashes
            continue
        literal += plain + backslashes[: len(backslashes) // 2]
        if len(backslashes) % 2 == 0:
            break
        literal += '"'
    if not literal.strip():
        raise reader.error("there is nothing between the quotes", start)
    if reader.at(_WORD):
        raise reader.error("a space is missing behind the closing quote", reader.position)
    return literal


def _unparse_weight(weight: float) -> str:
    return "" if weight == 1 else f"{_unparse_number(weight)}*"


def _unparse_number(number: float) -> str:
    # repr is the shortest text that reads back as the same float; Decimal writes it without an exponent.
    return f"{Decimal(repr(float(number))).normalize():f}"


def _unparse_operand(term: Term) -> str:
    if isinstance(term, ImageTerm):
        region = "" if term.region is None else f"[{','.join(map(_unparse_number, term.region))}]"
        return f"image{region}:{_unparse_value(term.path)}"
    words = term.text.split()
    is_plain_text = " ".join(words) == term.text and not any(_is_special(word) for word in words)
    return term.text if is_plain_text else _quoted(term.text)


def _unparse_filter(item: Filter) -> str:
    return ("-" if item.excluded else "") + f"{filters.name_of(item)}:{_unparse_value(filters.printed_value(item))}"


def _unparse_value(value: str) -> str:
    return value if _WORD.fullmatch(value) and not _QUOTE.match(value) else _quoted(value)


def _is_special(word: str) -> bool:
    return any(pattern.match(word) for pattern in (_OPERATOR, _WEIGHT, _IMAGE, _NAME, _RESERVED, _QUOTE))


def _quoted(text: str) -> str:
    return f'"{_TO_ESCAPE.sub(_escaped, text)}"'


def _escaped(match: re.Match[str]) -> str:
    backslashes = match[1] or ""
    if match[0].endswith('"'):
        return backslashes * 2 + '\\"'
    # Group 2 matches the empty end of the text, where the closing quote will stand.
    return backslashes * 2 if match[2] is not None else backslashes
