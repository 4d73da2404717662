r"""The query language: text -> :class:`Query` -> text. No encoder, no file and no catalogue is touched in here.

::

    query    = term { term }                    at least one term without a minus
    term     = [ "+" | "-" ] [ NUMBER "*" ] ( "image:" path | words )
    words    = ( word | quotation ) { ( word | quotation ) }
    path     = characters up to the next space | quotation

- A text term is all words that stand together: ``dog at the sea + sunset - people`` has three terms.
- ``+`` and ``-`` are operators where a word could begin, with or without a space behind them; elsewhere they are plain
  characters (``t-shirt``, ``a+b``).
- A weight (``2*dog``, ``0.5*"red car"``: above 0, at most 100, no space around the ``*``) and ``image:`` start a term
  of their own, and words behind ``image:PATH`` start one too; ``+`` is understood: ``red image:a.jpg`` has two terms.
- A quotation begins where a word could begin and is literal: ``"- 2*3"`` is plain words. Elsewhere ``"`` is a plain
  character (``12" vinyl``). Spaces inside are kept, outside they only separate.
- Inside a quotation a backslash is literal unless a run of backslashes stands right before a ``"``: then two mean one,
  and an odd one left over makes the ``"`` literal (the rule of Windows command lines). So ``"C:\new\pic.jpg"`` needs no
  care, ``\"`` is a quote, and a quotation that ends in one backslash is written ``"...\\"``.
- ``in: date: camera:`` and the other names of ``_FILTER`` are kept for filters to come and refused where a word could
  begin, so that no query changes its meaning later. Any other colon is plain: ``12:30``, ``http://x``.
- A query of minus terms only is refused: "least like people" ranks noise, and nobody who types ``- people`` wants that.

Pure functions, safe on every thread.
"""

import re
import unicodedata
from dataclasses import dataclass
from decimal import Decimal

from imgfind.core.errors import QueryError
from imgfind.core.paths import displayed

MAX_QUERY_CHARS = 10_000
MAX_WEIGHT = 100.0

_OPERATOR = re.compile(r"[+-]")
# Also takes what was surely meant as a number ("1,5*", "1e9*", "1/2*"), to be refused instead of searched as words.
_WEIGHT = re.compile(r"(?:[0-9]|[.,][0-9])[0-9.,eE+/-]*\*")
_NUMBER = re.compile(r"[0-9]+(?:\.[0-9]*)?|\.[0-9]+")
_IMAGE = re.compile(r"image:", re.IGNORECASE | re.ASCII)
_FILTER = re.compile(r"(?:in|date|camera|lens|type|size|width|orientation|is|near|concept):", re.IGNORECASE | re.ASCII)
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


@dataclass(frozen=True, slots=True)
class ImageTerm:
    """A picture to look for or to avoid; ``path`` as typed, not blank; ``weight`` as in :class:`TextTerm`."""

    path: str
    weight: float = 1.0


Term = TextTerm | ImageTerm


@dataclass(frozen=True, slots=True)
class Query:
    """What to rank photos by: the weighted sum of ``terms``, of which at least one has a positive weight."""

    terms: tuple[Term, ...]


def parse(text: str) -> Query:
    """Read a query in the language of this module.

    Raises :class:`QueryError` with one sentence that says where and why.
    """
    if len(text) > MAX_QUERY_CHARS:
        message = f"The query has {len(text):,} characters; shorten it to {MAX_QUERY_CHARS:,}."
        raise QueryError(message, text, MAX_QUERY_CHARS)
    reader = _Reader(text)
    if not reader.next_token():
        raise QueryError("The query is empty; describe what to look for.", text, 0)
    first = reader.position
    terms = []
    while reader.next_token():
        terms.append(_term(reader))
    if all(term.weight < 0 for term in terms):
        raise reader.error("every term has a minus; say what to look for as well, as in: photo - people", first)
    return Query(tuple(terms))


def unparse(query: Query) -> str:
    """Return the text of ``query``, normalised: one space, every operator written, quotes only where needed.

    ``parse(unparse(query)) == query``, as long as the text fits ``MAX_QUERY_CHARS``.
    """
    parts = []
    for term in query.terms:
        if term.weight < 0:
            parts.append("-")
        elif parts:
            parts.append("+")
        parts.append(_unparse_weight(abs(term.weight)) + _unparse_operand(term))
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
    """The text and how far it has been read."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.position = 0

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


def _term(reader: _Reader) -> Term:
    weight = _sign(reader) * _weight(reader)
    start = reader.position
    if not reader.take(_IMAGE):
        return TextTerm(_words(reader), weight)
    path = _quotation(reader) if reader.at(_QUOTE) else reader.take(_WORD)
    if not path:
        raise reader.error("the path has to follow 'image:' without a space, as in image:dog.jpg", start)
    return ImageTerm(path, weight)


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
        if name := reader.take(_FILTER):
            why = f"the filter '{name.lower()}' is not built yet; put it in quotes to search for it as words"
            raise reader.error(why, start)
        words.append(_quotation(reader) if reader.at(_QUOTE) else reader.take(_WORD))
        if not reader.next_token() or _starts_term(reader):
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
    # repr is the shortest text that reads back as the same float; Decimal writes it without an exponent.
    return "" if weight == 1 else f"{Decimal(repr(float(weight))).normalize():f}*"


def _unparse_operand(term: Term) -> str:
    if isinstance(term, ImageTerm):
        is_plain = _WORD.fullmatch(term.path) and not _QUOTE.match(term.path)
        return "image:" + (term.path if is_plain else _quoted(term.path))
    words = term.text.split()
    is_plain_text = " ".join(words) == term.text and not any(_is_special(word) for word in words)
    return term.text if is_plain_text else _quoted(term.text)


def _is_special(word: str) -> bool:
    return any(pattern.match(word) for pattern in (_OPERATOR, _WEIGHT, _IMAGE, _FILTER, _QUOTE))


def _quoted(text: str) -> str:
    return f'"{_TO_ESCAPE.sub(_escaped, text)}"'


def _escaped(match: re.Match[str]) -> str:
    backslashes = match[1] or ""
    if match[0].endswith('"'):
        return backslashes * 2 + '\\"'
    # Group 2 matches the empty end of the text, where the closing quote will stand.
    return backslashes * 2 if match[2] is not None else backslashes
