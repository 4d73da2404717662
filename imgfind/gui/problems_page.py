"""The page of files that could not be read: which, where and why; try again, show, copy. GUI thread.

Problems are read in the READ lane; what is asked for is done by who listens.
"""

import os
from collections.abc import Sequence

from PySide6.QtCore import (
    QAbstractTableModel,
    QModelIndex,
    QObject,
    QPersistentModelIndex,
    QPoint,
    QSize,
    Qt,
    Signal,
)
from PySide6.QtGui import QAction, QGuiApplication, QKeySequence, QPalette
from PySide6.QtWidgets import (
    QAbstractItemView,
    QFrame,
    QHBoxLayout,
    QLabel,
    QMenu,
    QPushButton,
    QStackedWidget,
    QStyledItemDelegate,
    QStyleOptionViewItem,
    QTreeView,
    QVBoxLayout,
    QWidget,
)

from imgfind.core import FileProblem, Library
from imgfind.core.paths import displayed
from imgfind.gui import texts, theme
from imgfind.gui.empty_page import EmptyPage, EmptyState
from imgfind.gui.icons import icon
from imgfind.gui.tasks import Lane, TaskRunner

ProblemRole = Qt.ItemDataRole.UserRole
"""The :class:`FileProblem` of a row."""

_Index = QModelIndex | QPersistentModelIndex
_NOWHERE = QModelIndex()
_COLUMNS_PX = (220, 260)
_ABOVE_AND_BELOW_PX = 4
_MARGIN_PX = 14


class ProblemsModel(QAbstractTableModel):
    """Name, folder and reason of files."""

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._problems: Sequence[FileProblem] = ()
        self._sorted_by = (1, Qt.SortOrder.AscendingOrder)

    @property
    def problems(self) -> Sequence[FileProblem]:
        """Return all of them, as they are shown."""
        return self._problems

    def set_problems(self, problems: Sequence[FileProblem]) -> None:
        """Show others."""
        self.beginResetModel()
        self._problems = self._sorted(problems)
        self.endResetModel()

    def sort(self, column: int, order: Qt.SortOrder = Qt.SortOrder.AscendingOrder) -> None:
        # Not left to a QSortFilterProxyModel, which asks data() for every comparison: 3 s for 10,000 files.
        self._sorted_by = (column, order)
        self.layoutAboutToBeChanged.emit()
        indexes = self.persistentIndexList()
        kept = [self._problems[index.row()] for index in indexes]
        self._problems = self._sorted(self._problems)
        rows = {problem.path: row for row, problem in enumerate(self._problems)}
        moved = [self.index(rows[problem.path], index.column()) for problem, index in zip(kept, indexes, strict=True)]
        self.changePersistentIndexList(indexes, moved)
        self.layoutChanged.emit()

    def _sorted(self, problems: Sequence[FileProblem]) -> list[FileProblem]:
        column, order = self._sorted_by
        is_reversed = order == Qt.SortOrder.DescendingOrder
        return sorted(problems, key=lambda problem: _sort_key(problem, column), reverse=is_reversed)

    def rowCount(self, parent: _Index = _NOWHERE) -> int:
        return 0 if parent.isValid() else len(self._problems)

    def columnCount(self, parent: _Index = _NOWHERE) -> int:
        return 0 if parent.isValid() else len(_COLUMNS_PX) + 1

    def headerData(
        self, section: int, orientation: Qt.Orientation, role: int = Qt.ItemDataRole.DisplayRole
    ) -> str | None:
        if role != Qt.ItemDataRole.DisplayRole or orientation != Qt.Orientation.Horizontal:
            return None
        return (self.tr("File"), self.tr("Folder"), self.tr("Why it could not be read"))[section]

    def data(self, index: _Index, role: int = Qt.ItemDataRole.DisplayRole) -> object:
        if not index.isValid():
            return None
        problem = self._problems[index.row()]
        match role:
            case Qt.ItemDataRole.DisplayRole:
                return _cell(problem, index.column())
            case Qt.ItemDataRole.ToolTipRole:
                return texts.tip(f"{displayed(problem.path)}\n{problem.reason}")
            case _:
                return problem if role == ProblemRole else None


class ProblemsPage(QWidget):
    """Which files could not be read, and why.

    Signals:
        retry_requested(list[str]): try these files again.
        show_in_folder_requested(str): show this file in the file manager.
    """

    # As objects: Qt's own strings cannot hold the bytes of a name that are no text.
    retry_requested = Signal(object)
    show_in_folder_requested = Signal(object)

    def __init__(self, runner: TaskRunner, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._runner = runner
        self._read: list[FileProblem] = []
        self._model = ProblemsModel(self)
        self._title = QLabel()
        font = self._title.font()
        font.setPointSizeF(1.25 * font.pointSizeF())
        self._title.setFont(font)
        self._explanation = QLabel(self.tr("They are left out of every search. Nothing was changed in them."))
        self._explanation.setWordWrap(True)
        self._retry = QAction(icon("refresh-cw"), self.tr("Try again"), self)
        self._show = QAction(icon("folder-open"), self.tr("Show in folder"), self)
        self._copy = QAction(icon("clipboard-copy"), self.tr("Copy as text"), self)
        self._copy.setShortcut(QKeySequence.StandardKey.Copy)
        self._copy.setShortcutContext(Qt.ShortcutContext.WidgetWithChildrenShortcut)
        self._retry.triggered.connect(lambda _checked: self.retry_requested.emit([p.path for p in self._meant()]))
        self._show.triggered.connect(lambda _checked: self._show_current())
        self._copy.triggered.connect(lambda _checked: self._copy_text())
        self._view = self._made_view()
        self._nothing = EmptyPage()
        self._nothing.show_state(EmptyState.NO_PROBLEMS)
        self._stack = QStackedWidget()
        self._stack.addWidget(self._nothing)
        self._stack.addWidget(self._view)
        self._above = QWidget()
        above = QHBoxLayout(self._above)
        words = QVBoxLayout()
        words.addWidget(self._title)
        words.addWidget(self._explanation)
        above.addLayout(words, 1)
        for action in (self._retry, self._show, self._copy):
            above.addWidget(_button(action), 0, Qt.AlignmentFlag.AlignBottom)
        above.setContentsMargins(0, 0, 0, 0)
        self.setAutoFillBackground(True)
        self.setBackgroundRole(QPalette.ColorRole.Base)  # as the photos have it
        layout = QVBoxLayout(self)
        layout.setContentsMargins(_MARGIN_PX, _MARGIN_PX, _MARGIN_PX, _MARGIN_PX)
        layout.setSpacing(_MARGIN_PX)
        layout.addWidget(self._above)
        layout.addWidget(self._stack, 1)
        self._on_read([])

    def refresh(self) -> None:
        """Read the problems again; what is selected stays where nothing has changed."""
        self._runner.run(Lane.READ, _read_problems, self._on_read, key=self, owner=self)

    def _made_view(self) -> QTreeView:
        view = QTreeView()
        view.setModel(self._model)
        view.setItemDelegate(_Rows(view))
        view.setSortingEnabled(True)
        view.sortByColumn(1, Qt.SortOrder.AscendingOrder)
        view.setRootIsDecorated(False)
        view.setUniformRowHeights(True)
        view.setAlternatingRowColors(True)
        view.setFrameShape(QFrame.Shape.NoFrame)
        theme.quieten(view)
        view.setSelectionMode(QAbstractItemView.SelectionMode.ExtendedSelection)
        view.setTextElideMode(Qt.TextElideMode.ElideMiddle)
        view.setAccessibleName(self.tr("Files that could not be read"))
        for column, width_px in enumerate(_COLUMNS_PX):
            view.setColumnWidth(column, width_px)
        view.setContextMenuPolicy(Qt.ContextMenuPolicy.CustomContextMenu)
        view.customContextMenuRequested.connect(self._show_menu)
        view.activated.connect(lambda _index: self._show_current())
        view.selectionModel().selectionChanged.connect(lambda *_: self._enable())
        view.addAction(self._copy)
        return view

    def _on_read(self, problems: list[FileProblem]) -> None:
        if problems != self._read:
            self._read = problems
            self._model.set_problems(problems)
        many = len(problems)
        self._title.setText(
            self.tr("{} could not be read").format(texts.counted(many, self.tr("file"), self.tr("files")))
        )
        self._above.setVisible(bool(problems))
        self._stack.setCurrentWidget(self._view if problems else self._nothing)
        self._enable()

    def _selected(self) -> list[FileProblem]:
        return [index.data(ProblemRole) for index in self._view.selectionModel().selectedRows()]

    def _meant(self) -> Sequence[FileProblem]:
        """Return what is selected, all where nothing is."""
        return self._selected() or self._model.problems

    def _enable(self) -> None:
        some = self._view.selectionModel().hasSelection()
        self._retry.setText(self.tr("Try again") if some else self.tr("Try all again"))
        self._show.setEnabled(some)

    def _show_current(self) -> None:
        problem = self._view.currentIndex().data(ProblemRole)
        if problem is not None:
            self.show_in_folder_requested.emit(problem.path)

    def _copy_text(self) -> None:
        lines = [f"{displayed(problem.path)}: {problem.reason}" for problem in self._meant()]
        QGuiApplication.clipboard().setText("\n".join(lines))

    def _show_menu(self, at: QPoint) -> None:
        if self._view.indexAt(at).isValid():
            menu = QMenu(self)
            menu.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
            menu.addActions([self._retry, self._show, self._copy])
            menu.popup(self._view.viewport().mapToGlobal(at))


class _Rows(QStyledItemDelegate):
    """Gives the rows some air."""

    def sizeHint(self, option: QStyleOptionViewItem, index: _Index) -> QSize:
        size = super().sizeHint(option, index)
        return QSize(size.width(), option.fontMetrics.height() + 2 * _ABOVE_AND_BELOW_PX)


def _cell(problem: FileProblem, column: int) -> str:
    match column:
        case 0:
            return displayed(os.path.basename(problem.path))
        case 1:
            return texts.path(os.path.dirname(problem.path))
        case _:
            return problem.reason


def _sort_key(problem: FileProblem, column: int) -> tuple[str, str]:
    folder, name = os.path.split(problem.path.casefold())
    return ((name, folder), (folder, name), (problem.reason, problem.path))[column]


def _read_problems(library: Library) -> list[FileProblem]:
    return library.problems() if library.photos.counts().problems else []


def _button(action: QAction) -> QPushButton:
    button = QPushButton(action.icon(), action.text())
    button.clicked.connect(lambda _checked: action.trigger())

    def follow() -> None:
        button.setText(action.text())
        button.setEnabled(action.isEnabled())

    action.changed.connect(follow)
    return button
