"""Settings: which model finds the photos; fetch others, change to them, give their space back."""

from PySide6.QtCore import QCoreApplication, Qt, Signal, SignalInstance, Slot
from PySide6.QtWidgets import QFrame, QHBoxLayout, QLabel, QPushButton, QScrollArea, QVBoxLayout, QWidget

from imgfind.core import Library, ModelError, downloading
from imgfind.core.paths import displayed
from imgfind.gui import texts
from imgfind.gui.indexer import Indexer
from imgfind.gui.model_fetch import ModelFetch
from imgfind.gui.model_rows import ModelRow, model_rows
from imgfind.gui.settings_page import SettingsPage, faint
from imgfind.gui.tasks import Lane, TaskRunner


class ModelsPage(SettingsPage):
    """The models, a box each."""

    def __init__(self, runner: TaskRunner, indexer: Indexer, fetch: ModelFetch) -> None:
        super().__init__(runner, QCoreApplication.translate("ModelsPage", "Model"))
        self._indexer = indexer
        self._fetch = fetch
        self.body.addWidget(
            faint(
                self.tr(
                    "A model turns photos and words into numbers that can be compared. Better ones find better and take"
                    " longer. After a change all photos are encoded again; the old model answers until that is done."
                )
            )
        )
        self._boxes = QVBoxLayout()
        self._boxes.setContentsMargins(0, 0, 0, 0)
        self._boxes.setSpacing(8)
        inside = QWidget()
        column = QVBoxLayout(inside)
        column.setContentsMargins(0, 0, 0, 0)
        column.addLayout(self._boxes)
        column.addStretch(1)
        scrolled = QScrollArea()
        scrolled.setWidget(inside)
        scrolled.setWidgetResizable(True)
        scrolled.setFrameShape(QFrame.Shape.NoFrame)
        scrolled.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.body.addWidget(scrolled, 1)
        fetch.state_changed.connect(self.refresh)
        indexer.state_changed.connect(self.refresh)

    @Slot()
    def refresh(self) -> None:
        """Read what there is and what is used."""
        if self.isVisible():
            self.ask(Lane.READ, model_rows, self._show)

    def _show(self, rows: list[ModelRow]) -> None:
        while (item := self._boxes.takeAt(0)) is not None:
            if (box := item.widget()) is not None:
                box.deleteLater()
        for row in rows:
            box = _ModelBox(row, self._fetch.name)
            box.fetch_requested.connect(self._fetch.start)
            box.use_requested.connect(self._on_use)
            box.remove_requested.connect(self._on_remove)
            self._boxes.addWidget(box)

    @Slot(str)
    def _on_use(self, name: str) -> None:
        self._indexer.use_model(name)

    @Slot(str)
    def _on_remove(self, name: str) -> None:
        self.ask(Lane.WRITE, lambda library: _remove(library, name), lambda _: self.refresh())


class _ModelBox(QFrame):
    """One model: what it is, and what can be done with it."""

    fetch_requested = Signal(str)
    use_requested = Signal(str)
    remove_requested = Signal(str)

    def __init__(self, row: ModelRow, fetched: str | None) -> None:
        super().__init__()
        self.setFrameShape(QFrame.Shape.StyledPanel)
        self._row = row
        title = QLabel(row.title.capitalize() or displayed(row.name))
        font = title.font()
        font.setBold(True)
        title.setFont(font)
        state = QLabel(self._state(fetched))
        head = QHBoxLayout()
        head.addWidget(title)
        head.addStretch(1)
        head.addWidget(state)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(12, 10, 12, 10)
        layout.setSpacing(4)
        layout.addLayout(head)
        if row.quality:
            layout.addWidget(QLabel(row.quality[0].upper() + row.quality[1:], wordWrap=True))
        foot = QHBoxLayout()
        foot.addWidget(faint(self._facts()), 1)
        for text, signal in self._actions(fetched):
            button = QPushButton(text, autoDefault=False)
            button.setAccessibleName(f"{text}: {title.text()}")
            button.clicked.connect(lambda _checked=False, signal=signal: signal.emit(row.name))
            foot.addWidget(button)
        layout.addLayout(foot)

    def _facts(self) -> str:
        row = self._row
        name = displayed(row.name) if row.title and row.name != row.title else ""
        size = texts.size(row.size_bytes) if row.size_bytes else ""
        return " · ".join(part for part in (size, row.licence, row.speed, name) if part)

    def _state(self, fetched: str | None) -> str:
        row = self._row
        if row.name == fetched:
            return self.tr("being downloaded")
        if row.use == "active":
            return self.tr("in use")
        if row.use == "next":
            return self.tr("{} to go").format(texts.photos(row.waiting))
        if row.on_disk:
            return self.tr("on this disk")
        if row.downloaded_bytes:
            return self.tr("partly downloaded")
        return ""

    def _actions(self, fetched: str | None) -> list[tuple[str, SignalInstance]]:
        row = self._row
        if row.name == fetched or row.use in ("active", "next"):
            return []
        actions = []
        if row.downloaded_bytes or row.use == "former":
            actions.append((self.tr("Remove"), self.remove_requested))
        if row.on_disk:
            actions.append((self.tr("Use"), self.use_requested))
        elif row.title and fetched is None:
            text = self.tr("Go on with the download") if row.downloaded_bytes else self.tr("Download and use")
            actions.append((text, self.fetch_requested))
        return actions


def _remove(library: Library, name: str) -> None:
    removed = library.remove_model(name)
    if removed.in_use:
        raise ModelError(f"This library uses the model {name}; choose another one first.")
    downloading.remove_files(name)
