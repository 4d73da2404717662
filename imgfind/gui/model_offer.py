"""The quiet offer of a better model, where photos are found with the built-in one. GUI thread only."""

from PySide6.QtCore import Qt, Signal, Slot
from PySide6.QtWidgets import QHBoxLayout, QLabel, QPushButton, QSizePolicy, QToolButton, QWidget

from imgfind.core import Library, config
from imgfind.core.presets import STARTER, find_preset
from imgfind.gui import texts
from imgfind.gui.indexer import Indexer
from imgfind.gui.model_fetch import ModelFetch
from imgfind.gui.model_rows import ModelRow, model_rows
from imgfind.gui.preferences import Preferences
from imgfind.gui.tasks import Lane, TaskRunner

OFFERED = "standard"


class ModelOffer(QWidget):
    """One line: what the standard model is better at, its size and licence; *Download*, *Not now*.

    Signals:
        accepted(): the download has begun.
    """

    accepted = Signal()

    def __init__(
        self,
        runner: TaskRunner,
        preferences: Preferences,
        indexer: Indexer,
        fetch: ModelFetch,
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(parent)
        self._runner = runner
        self._preferences = preferences
        self._indexer = indexer
        self._fetch = fetch
        self._row: ModelRow | None = None
        self._label = QLabel(wordWrap=True)
        self._label.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Preferred)
        self._accept = QPushButton()
        self._accept.clicked.connect(self._on_accepted)
        self._dismiss = QToolButton()
        self._dismiss.setText(self.tr("Not now"))
        self._dismiss.setAutoRaise(True)
        self._dismiss.setToolTip(self.tr("Hide this; models are in the settings too"))
        self._dismiss.clicked.connect(self._on_dismissed)
        layout = QHBoxLayout(self)
        layout.setContentsMargins(12, 6, 12, 6)
        layout.addWidget(self._label, 1)
        layout.addWidget(self._accept)
        layout.addWidget(self._dismiss)
        self.setAccessibleName(self.tr("A better model"))
        self.setAttribute(Qt.WidgetAttribute.WA_StyledBackground)
        self.hide()

    @Slot()
    def refresh(self) -> None:
        """Look whether there is something to offer, and show or hide the line; call it when an index run has ended."""
        if self._preferences.offer_dismissed or self._fetch.name is not None or config.is_offline():
            self.hide()
        else:
            self._runner.run(Lane.READ, _offered, self._show, failed=lambda _: self.hide(), key=self, owner=self)

    def _show(self, row: ModelRow | None) -> None:
        self._row = row
        if row is None:
            self.hide()
            return
        if row.on_disk:
            self._label.setText(self.tr("A better model is on this disk; it knows far more than the built-in one."))
            self._accept.setText(self.tr("Use it"))
        else:
            text = self.tr("A better model knows far more than the built-in one ({0}, {1} licence).")
            self._label.setText(text.format(texts.size(row.size_bytes), row.licence))
            self._accept.setText(self.tr("Go on with the download") if row.downloaded_bytes else self.tr("Download"))
        self.show()

    @Slot()
    def _on_accepted(self) -> None:
        if self._row is None:
            return
        self.hide()
        if self._row.on_disk:
            self._indexer.use_model(self._row.name)
        else:
            self._fetch.start(self._row.name)
        self.accepted.emit()

    @Slot()
    def _on_dismissed(self) -> None:
        self._preferences.offer_dismissed = True
        self.hide()


def _offered(library: Library) -> ModelRow | None:
    """Return what can be offered, None where there are no photos or the library works for another model than ours."""
    preset = find_preset(OFFERED)
    assert preset is not None, "one of the presets"
    if not library.photos.counts().photos:
        return None
    rows = model_rows(library)
    used = {row.name for row in rows if row.use in ("active", "next")}
    return next((row for row in rows if row.name == preset.name), None) if used == {STARTER} else None
