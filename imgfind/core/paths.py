"""Paths as people, URIs and SQL see them.

Inside imgfind a path is a ``str`` from :func:`os.fsdecode`; this module turns it into what can be shown, sent or
stored. Pure functions, safe on every thread.
"""

import os
import unicodedata
from urllib.parse import quote_from_bytes


def to_bytes(path: str) -> bytes:
    """Return the bytes under which the catalogue keeps ``path``."""
    return os.fsencode(path)


def from_bytes(raw: bytes) -> str:
    """Return the path kept as ``raw``."""
    return os.fsdecode(raw)


def displayed(path: str) -> str:
    r"""Return ``path`` on one printable line: bytes that are not UTF-8 and control characters escaped as in Python.

    A newline in a file name must not forge a second row in a table, nor an escape sequence reach the terminal.
    """
    return "".join(_displayed_char(char) for char in path)


def _displayed_char(char: str) -> str:
    code = ord(char)
    if 0xDC80 <= code <= 0xDCFF:  # surrogateescape: the byte code - 0xDC00
        return f"\\x{code - 0xDC00:02x}"
    # Cf holds the direction overrides that make "gpj.exe" read "exe.jpg".
    if unicodedata.category(char) in ("Cc", "Cf", "Cs", "Zl", "Zp"):
        return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"
    return char


def uri(path: str) -> str:
    """Return the percent-encoded ``file:`` URI of an absolute path (RFC 8089), exact for any file name."""
    raw = to_bytes(path).replace(os.sep.encode(), b"/")
    if os.sep == "\\" and raw.startswith(b"//"):  # \\server\share; elsewhere // is another way to write /
        return "file:" + quote_from_bytes(raw, safe="/")
    return "file://" + ("" if raw.startswith(b"/") else "/") + quote_from_bytes(raw, safe="/:")


def subtree_bounds(folder: str) -> tuple[bytes, bytes]:
    """Return ``(low, high)`` so that ``low <= path < high`` holds for exactly the paths below ``folder``.

    A range uses the index on the path column and is exact for every byte, which LIKE is not. ``/`` is below itself.
    """
    low = to_bytes(folder).rstrip(os.sep.encode()) + os.sep.encode()
    return low, low[:-1] + bytes([low[-1] + 1])


def is_below(path: str, folder: str) -> bool:
    """Tell whether ``path`` is ``folder`` itself or lies below it, by name alone."""
    low, high = subtree_bounds(folder)
    raw = to_bytes(path)
    return raw == to_bytes(folder) or low <= raw < high


def same_but_for_accents(path: str, other: str) -> bool:
    """Tell whether two paths differ at most in how their accents are composed (Unicode normalisation)."""
    return unicodedata.normalize("NFC", path) == unicodedata.normalize("NFC", other)


def same_but_for_case(path: str, other: str) -> bool:
    """Tell whether two paths differ at most in case and in how their accents are composed."""
    return folded(path) == folded(other)


def folded(path: str) -> str:
    """Return what is the same for all paths that differ only in case and composition (Unicode 3.13, D146)."""
    return unicodedata.normalize("NFD", unicodedata.normalize("NFD", path).casefold())
