"""Words -> token ids, as open_clip's SimpleTokenizer does it, without open_clip: importing that takes seconds.

Owns CLIP's byte-pair encoding. Built once per model, read only afterwards but for a cache; safe on every thread.
"""

import gzip
import html
import importlib.util
import itertools
import string
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from imgfind.core.errors import ModelError

TokenArray = NDArray[np.int64]

_MOST_MERGES = 49152 - 256 - 2
"""CLIP's own vocabulary; a file may hold more lines than belong to it."""
_STANDARD_MERGES = "bpe_simple_vocab_16e6.txt.gz"
"""CLIP's own merges, as the package open_clip brings them."""
_SPECIAL = ("<start_of_text>", "<end_of_text>")
_END = "</w>"
_PLAIN = frozenset(string.printable) - frozenset("&\t\n\r\x0b\x0c")
"""Characters that ftfy leaves alone; importing it takes longer than everything else here."""


class Tokenizer:
    """The byte-pair encoding of one model."""

    def __init__(self, model_name: str, merges: Path | None, text_cfg: dict[str, Any], context_length: int) -> None:
        """Read ``merges`` (None: CLIP's own), and what ``text_cfg`` says of a tokenizer.

        Raises :class:`ModelError` where they make none, or one of another vocabulary than the model's.
        """
        options = {"context_length": context_length, **(text_cfg.get("tokenizer_kwargs") or {})}
        try:
            self._context_length = int(options.pop("context_length"))
            self._clean = _CLEANERS[options.pop("clean", "lower")]
            special = [*_SPECIAL, *(options.pop("additional_special_tokens", None) or ())]
            if any(options.values()):
                raise ValueError(f"{', '.join(options)} are settings it does not know")
            self._read(merges or _standard_merges(), special)
        except (OSError, EOFError, zlib.error, ValueError, TypeError, LookupError) as error:
            reason = (str(error).splitlines() or [type(error).__name__])[0]
            raise ModelError(f"The tokenizer of {model_name} cannot be built ({reason}); restore the model.") from error
        known = text_cfg.get("vocab_size", len(self._ids))
        if known != len(self._ids):
            raise ModelError(
                f"The model {model_name} knows {known} tokens but its tokenizer has {len(self._ids)}; restore the model"
                " or choose another with --model."
            )

    def __call__(self, texts: list[str]) -> TokenArray:
        """Return the tokens of each text ``[n, context length]``; what is beyond that length is cut off."""
        rows = np.zeros((len(texts), self._context_length), np.int64)
        start, end = (self._ids[token] for token in _SPECIAL)
        for row, text in zip(rows, texts, strict=True):
            tokens = [start, *self._encoded(text), end][: self._context_length]
            tokens[-1] = end
            row[: len(tokens)] = tokens
        return rows

    def _read(self, file: Path, special: list[str]) -> None:
        import regex

        with gzip.open(file) as lines:
            merges = lines.read().decode("utf-8").split("\n")[1 : _MOST_MERGES + 1]
        pairs = [tuple(merge.split()) for merge in merges]
        letters = list(_LETTERS.values())
        words = [*letters, *(letter + _END for letter in letters), *("".join(pair) for pair in pairs), *special]
        self._ids = {word: number for number, word in enumerate(words)}
        self._ranks = {pair: rank for rank, pair in enumerate(pairs)}
        self._parts = {token: [token] for token in special}
        self._pattern = regex.compile(
            "|".join(special) + r"|'s|'t|'re|'ve|'m|'ll|'d|[\p{L}]+|[\p{N}]|[^\s\p{L}\p{N}]+", regex.IGNORECASE
        )

    def _encoded(self, text: str) -> list[int]:
        words = self._pattern.findall(self._clean(text))
        spelled = ("".join(_LETTERS[byte] for byte in word.encode("utf-8")) for word in words)
        return [self._ids[part] for word in spelled for part in self._split(word)]

    def _split(self, word: str) -> list[str]:
        """Return a word in the parts that are tokens: pairs are joined as long as there are any, the earliest first."""
        known = self._parts.get(word)
        if known is not None:
            return known
        parts = [*word[:-1], word[-1] + _END]
        while len(parts) > 1:
            rank, joined = min((self._ranks.get(pair, len(self._ranks)), pair) for pair in itertools.pairwise(parts))
            if rank == len(self._ranks):
                break
            parts = _joined(parts, joined)
        self._parts[word] = parts
        return parts


def _joined(parts: list[str], pair: tuple[str, str]) -> list[str]:
    """Return ``parts`` with every occurrence of ``pair`` made one."""
    joined = []
    at = 0
    while at < len(parts):
        if tuple(parts[at : at + 2]) == pair:
            joined.append(pair[0] + pair[1])
            at += 2
        else:
            joined.append(parts[at])
            at += 1
    return joined


def _letters_of_bytes() -> dict[int, str]:
    """Return a printable letter for each byte, in CLIP's order."""
    shown = [*range(ord("!"), ord("~") + 1), *range(ord("¡"), ord("¬") + 1), *range(ord("®"), ord("ÿ") + 1)]
    others = [byte for byte in range(256) if byte not in shown]
    return {byte: chr(byte) for byte in shown} | {byte: chr(256 + number) for number, byte in enumerate(others)}


_LETTERS = _letters_of_bytes()


def _standard_merges() -> Path:
    found = importlib.util.find_spec("open_clip")  # imports nothing
    if found is None or found.origin is None:
        raise OSError("the package open_clip is missing")
    return Path(found.origin).with_name(_STANDARD_MERGES)


def _mended(text: str) -> str:
    if not _PLAIN.issuperset(text):
        import ftfy

        text = html.unescape(html.unescape(ftfy.fix_text(text)))
    return " ".join(text.split())


def _canonical(text: str) -> str:
    return " ".join(_mended(text).replace("_", " ").translate(_WITHOUT_PUNCTUATION).lower().split())


_WITHOUT_PUNCTUATION = str.maketrans("", "", string.punctuation)
_CLEANERS: dict[str, Callable[[str], str]] = {
    "lower": lambda text: _mended(text).lower(),
    "whitespace": _mended,
    "canonicalize": _canonical,
}
