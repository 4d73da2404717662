"""Keeps the previews within what the user allows them, behind each index run. GUI thread only."""

from PySide6.QtCore import QObject, Slot

from imgfind.core import Library
from imgfind.core.care.pruning import PruneOptions
from imgfind.core.thumbs import PREVIEWS_FILE
from imgfind.gui.preferences import Preferences
from imgfind.gui.tasks import Lane, TaskRunner


class PreviewsCap(QObject):
    """Has previews deleted where there are too many of them."""

    def __init__(self, runner: TaskRunner, preferences: Preferences, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._runner = runner
        self._preferences = preferences

    @Slot()
    def enforce(self) -> None:
        """Look, and delete what is too much; connect it to the end of index runs."""
        cap_bytes = self._preferences.previews_cap_gb * 10**9
        # Where somebody is indexing again already, the next end is soon enough.
        self._runner.run(Lane.WRITE, lambda library: _reduce(library, cap_bytes), failed=lambda _: None, key=self)


def _reduce(library: Library, cap_bytes: int) -> None:
    file = library.folder / PREVIEWS_FILE
    if file.exists() and file.stat().st_size > cap_bytes:
        library.care.prune(PruneOptions(previews_cap_bytes=cap_bytes))
