"""Folders that are dropped onto the window. GUI thread."""

import os

from PySide6.QtCore import QMimeData

from imgfind.gui.query_pictures import local_path


def folders_in(mime: QMimeData) -> list[str]:
    """Return the folders of this machine among what was dropped."""
    found = (local_path(url) for url in mime.urls())
    return [path for path in found if path and os.path.isdir(path)]
