"""What is dropped onto the window, or lies on the clipboard. GUI thread, but for :func:`folders_among`."""

import mimetypes
import os
from collections.abc import Sequence

from PySide6.QtCore import QMimeData
from PySide6.QtGui import QGuiApplication

from imgfind.gui.query_pictures import local_path


def copied() -> QMimeData:
    """Return what lies on the clipboard, without anything in it where Qt knows of nothing."""
    mime: QMimeData | None = QGuiApplication.clipboard().mimeData()
    return mime if mime is not None else QMimeData()


def maybe_folders(mime: QMimeData) -> list[str]:
    """Return what may be folders of this machine, told by the names: a dead network drive takes minutes to answer."""
    found = (local_path(url) for url in mime.urls())
    return [path for path in found if path and mimetypes.guess_type(path, strict=False)[0] is None]


def folders_among(paths: Sequence[str]) -> list[str]:
    """Return which of these are folders. Runs in a worker."""
    return [path for path in paths if os.path.isdir(path)]
