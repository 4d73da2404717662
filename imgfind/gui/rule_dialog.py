"""A rule for thousands of groups: which photo to keep, and what of the rest to mark. Says beforehand how much it is.

GUI thread only.
"""

from dataclasses import dataclass

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import (
    QCheckBox,
    QComboBox,
    QDialog,
    QDialogButtonBox,
    QFileDialog,
    QFormLayout,
    QLabel,
    QVBoxLayout,
    QWidget,
)

from imgfind.core.grouping import DUPLICATES, Group
from imgfind.core.keeping import Preference
from imgfind.core.records import Label
from imgfind.gui import texts, theme, verdict_words
from imgfind.gui.duplicates_work import read_groups
from imgfind.gui.review import ALIKE, Shown, chosen_by_rule, sum_of
from imgfind.gui.tasks import Lane, TaskRunner

_IN_FOLDER = "in"


@dataclass(frozen=True, slots=True)
class Rule:
    """Which photos to keep, and the labels of those to mark."""

    prefer: tuple[Preference, ...] = ()
    labels: frozenset[Label] = ALIKE


class RuleDialog(QDialog):
    """Asks for a rule.

    Signals:
        chosen(Rule, list): the rule, and all groups as it makes them.
    """

    chosen = Signal(object, object)

    def __init__(
        self, runner: TaskRunner, shown: Shown, parent: QWidget | None = None, *, is_partial: bool = False
    ) -> None:
        """``shown``: marked is nothing but what is shown; ``is_partial``: groups are still being looked for."""
        super().__init__(parent)
        self._runner = runner
        self._shown = shown
        self._is_partial = is_partial
        self._folder = ""
        self._groups: list[Group] = []
        self.setWindowTitle(self.tr("Mark by rule"))
        self._keep = QComboBox()
        self._keep.setAccessibleName(self.tr("Keep"))
        for text, kind in (
            (self.tr("The best one, as suggested"), ""),
            (self.tr("The one with most pixels"), "larger"),
            (self.tr("The oldest one"), "oldest"),
            (self.tr("The newest one"), "newest"),
            (self.tr("The one with fewest pixels"), "smaller"),
            (self.tr("The one in a folder…"), _IN_FOLDER),
        ):
            self._keep.addItem(text, kind)
        self._keep.activated.connect(self._on_keep)
        self._boxes = {label: QCheckBox(verdict_words.explained(label)) for label in Label if label in DUPLICATES}
        for label, box in self._boxes.items():
            box.setChecked(label in ALIKE)
            box.toggled.connect(lambda _: self._count())
        self._preview = QLabel(wordWrap=True)
        self._preview.setTextFormat(Qt.TextFormat.PlainText)
        self._buttons = QDialogButtonBox(QDialogButtonBox.StandardButton.Cancel)
        self._mark = self._buttons.addButton(self.tr("Mark"), QDialogButtonBox.ButtonRole.AcceptRole)
        self._buttons.accepted.connect(self._accept)
        self._buttons.rejected.connect(self.reject)
        self._arrange()
        theme.without_icons(self)
        self._read()

    def rule(self) -> Rule:
        """Return what is chosen."""
        kind: str = self._keep.currentData()
        prefer = (Preference(kind, self._folder if kind == _IN_FOLDER else ""),) if kind else ()
        return Rule(prefer, frozenset(label for label, box in self._boxes.items() if box.isChecked()))

    def choose_folder(self) -> str:
        """Let the user choose a folder; nothing where none was."""
        return QFileDialog.getExistingDirectory(self, self.tr("Keep the photos in a folder"))

    def _arrange(self) -> None:
        form = QFormLayout()
        form.addRow(self.tr("Keep"), self._keep)
        boxes = QVBoxLayout()
        for box in self._boxes.values():
            boxes.addWidget(box)
        form.addRow(self.tr("Mark the others if"), boxes)
        layout = QVBoxLayout(self)
        layout.setSpacing(14)
        layout.addLayout(form)
        layout.addWidget(self._preview)
        layout.addWidget(self._buttons)
        self.setMinimumWidth(460)

    def _on_keep(self, row: int) -> None:
        if self._keep.itemData(row) == _IN_FOLDER:
            self._folder = self.choose_folder()
            if self._folder:
                self._keep.setItemText(row, self.tr("The one in {}").format(texts.path(self._folder)))
            else:
                self._keep.setCurrentIndex(0)
        self._read()

    def _read(self) -> None:
        """Make the groups anew: another rule keeps other photos."""
        self._preview.setText(self.tr("Counting…"))
        self._mark.setEnabled(False)
        prefer = self.rule().prefer
        self._runner.run(
            Lane.QUERY,
            lambda library: read_groups(library, prefer, is_partial=self._is_partial),
            self._on_read,
            key=(self, "read"),
            owner=self,
        )

    def _on_read(self, groups: list[Group]) -> None:
        self._groups = groups
        self._count()

    def _count(self) -> None:
        found = sum_of(chosen_by_rule(filter(self._shown.has, self._groups), self.rule().labels))
        self._mark.setEnabled(found.photos > 0)
        if not found.photos:
            self._preview.setText(self.tr("Nothing would be marked."))
            return
        self._preview.setText(
            self.tr("{0} in {1} would be marked, {2} to gain. Nothing is removed yet.").format(
                texts.photos(found.photos),
                texts.counted(found.groups, self.tr("group"), self.tr("groups")),
                texts.size(found.size_bytes),
            )
        )

    def _accept(self) -> None:
        self.chosen.emit(self.rule(), self._groups)
        self.accept()
