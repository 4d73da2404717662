"""What is dropped onto the window, or lies on the clipboard. GUI thread."""

import os

from PySide6.QtCore import QMimeData
from PySide6.QtGui import QGuiApplication

from imgfind.gui.query_pictures import local_path


def copied() -> QMimeData:
    """Return what lies on the clipboard, without anything in it where Qt knows of nothing."""
    mime: QMimeData | None = QGuiApplication.clipboard().mimeData()
    return mime if mime is not None else QMimeData()


def folders_in(mime: QMimeData) -> list[str]:
    """Return the folders of this machine among what was dropped."""
    found = (local_path(url) for url in mime.urls())
    return [path for path in found if path and os.path.isdir(path)]
