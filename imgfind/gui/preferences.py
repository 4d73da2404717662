"""What the window remembers between two starts: where it stood, how it looks, and a few choices.

What belongs to a library (folders, model) lies in its catalogue, what belongs to the machine (device, threads) in
``config.toml``. GUI thread only.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Any, Generic, TypeVar

import platformdirs
from PySide6.QtCore import QByteArray, QSettings

from imgfind.core.care.pruning import PREVIEWS_CAP_BYTES
from imgfind.gui.theme import THEMES

THUMB_PX = (96, 512)
"""The smallest and the largest edge of a thumbnail."""
PREVIEWS_CAP_GB = (1, 200)
"""What previews may be allowed to take: a gigabyte holds those of 60,000 photos."""
CAPTIONS = ("name", "date", "score")

_T = TypeVar("_T")


class _Kept(Generic[_T]):
    """A typed entry of the file; what is not as it should be counts as absent."""

    def __init__(self, key: str, default: _T, read: Callable[[Any], _T]) -> None:
        self._key, self._default, self._read = key, default, read

    def __get__(self, preferences: "Preferences", _owner: type | None = None) -> _T:
        value = preferences.settings.value(self._key)
        if value is None:
            return self._default
        try:
            return self._read(value)
        except (TypeError, ValueError):
            return self._default

    def __set__(self, preferences: "Preferences", value: _T) -> None:
        preferences.settings.setValue(self._key, sorted(value) if isinstance(value, frozenset) else value)


def _flag(value: Any) -> bool:
    return str(value).casefold() == "true"


def _bytes(value: Any) -> QByteArray:
    if not isinstance(value, QByteArray):
        raise TypeError("edited by hand")
    return value


def _theme(value: Any) -> str:
    if value not in THEMES:
        raise ValueError(value)
    return str(value)


def _captions(value: Any) -> frozenset[str]:
    # QSettings gives a list of one back as the one, and an empty list as an empty text.
    names = [value] if isinstance(value, str) else value
    return frozenset(names) & frozenset(CAPTIONS)


def _thumb_px(value: Any) -> int:
    return max(THUMB_PX[0], min(int(value), THUMB_PX[1]))


def _previews_cap_gb(value: Any) -> int:
    return max(PREVIEWS_CAP_GB[0], min(int(value), PREVIEWS_CAP_GB[1]))


class Preferences:
    """The window's own settings, written by themselves soon after a change."""

    geometry = _Kept("window/geometry", QByteArray(), _bytes)
    splitter = _Kept("window/splitter", QByteArray(), _bytes)
    sidebar_shown = _Kept("window/sidebar", True, _flag)
    inspector_shown = _Kept("window/inspector", True, _flag)
    theme = _Kept("look/theme", "system", _theme)
    captions = _Kept("look/captions", frozenset[str](), _captions)
    collapse_copies = _Kept("look/collapse_copies", True, _flag)
    """What is ranked shows copies of a picture as one."""
    thumb_px = _Kept("look/thumb_px", 192, _thumb_px)
    paused = _Kept("indexing/paused", False, _flag)
    """Indexing was paused and stays so at the next start."""
    keep_indexing = _Kept("indexing/keep_on_when_closed", False, _flag)
    """Indexing goes on when the window is closed."""
    previews_cap_gb = _Kept("library/previews_cap_gb", PREVIEWS_CAP_BYTES // 10**9, _previews_cap_gb)
    offer_dismissed = _Kept("offers/model_dismissed", False, _flag)

    def __init__(self, file: Path | None = None) -> None:
        """Read ``file``, by default the user's own."""
        self.settings = QSettings(str(file or preferences_file()), QSettings.Format.IniFormat)

    def save(self) -> None:
        """Write everything now."""
        self.settings.sync()


def preferences_file() -> Path:
    """Return where the window's settings lie."""
    return Path(platformdirs.user_config_dir("imgfind", appauthor=False)) / "window.ini"
