"""The page of duplicates: groups to look through and to compare, filters, and the buttons for all of them.

What is done to groups is :class:`~imgfind.gui.review_actions.ReviewActions`'. GUI thread only.
"""

from dataclasses import replace

from PySide6.QtCore import QPoint, Qt, Signal
from PySide6.QtGui import QPalette, QShowEvent
from PySide6.QtWidgets import QHBoxLayout, QLabel, QMenu, QPushButton, QStackedWidget, QVBoxLayout, QWidget

from imgfind.core.grouping import DUPLICATES, Group
from imgfind.core.records import Label
from imgfind.gui import texts
from imgfind.gui.compare_view import CompareView
from imgfind.gui.duplicate_search import DuplicateSearch
from imgfind.gui.duplicates_work import DuplicatesWork
from imgfind.gui.empty_page import EmptyPage, EmptyState
from imgfind.gui.groups_model import GroupsModel
from imgfind.gui.groups_view import GroupsView
from imgfind.gui.review import Review, Shown, Spot
from imgfind.gui.review_actions import ReviewActions
from imgfind.gui.review_filters import ReviewFilters
from imgfind.gui.tasks import TaskRunner
from imgfind.gui.thumb_loader import ThumbLoader
from imgfind.gui.work_line import WorkLine

_MARGIN_PX = 14


class DuplicatesPage(QStackedWidget):
    """Duplicates under review.

    Signals:
        current_changed(object): the keyboard is at another photo, None at none.
        found_changed(): :attr:`found` is another.
    """

    current_changed = Signal(object)
    found_changed = Signal()

    def __init__(self, runner: TaskRunner, search: DuplicateSearch, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._search = search
        self.work = DuplicatesWork(runner, self)
        self.review = Review()
        self.loader = ThumbLoader(runner, self)
        self.model = GroupsModel(self.loader, self.review, self)
        self.view = GroupsView(self.model)
        self.on_groups = ReviewActions(runner, self.work, self.review, self.view)
        self.compare = CompareView(runner, [self.on_groups.action(name) for name in ("keep", "mark", "different")])
        self.filters = ReviewFilters()
        self.line = WorkLine(can_pause=False)
        """Tells how far removing is."""
        self._is_outdated = True
        self._is_read = False
        """Whether it is known what there is."""
        self._wants_keyboard = False
        self._title = QLabel()
        font = self._title.font()
        font.setPointSizeF(1.25 * font.pointSizeF())
        self._title.setFont(font)
        self._buttons = {name: self._button(name) for name in ("decided", "rule", "unmark", "remove")}
        self._empty = EmptyPage()
        self._below = QStackedWidget()
        self._arrange()
        self._connect()
        self._show_review(keep=False)

    def refresh(self) -> None:
        """Read the groups again, at once or as soon as somebody looks."""
        self._is_outdated = True
        if self.isVisible():
            self._is_outdated = False
            self.work.read(self.on_groups.prefer, is_partial=self._search.state != "idle")

    def take_keyboard(self) -> None:
        """Let the keys act on the groups, as soon as there are some."""
        self._wants_keyboard = not self.review.groups
        if self.review.groups:
            (self.compare if self.currentWidget() is self.compare else self.view).setFocus()

    def current(self) -> Spot | None:
        """Return the photo the keyboard is at, and its group."""
        return self.on_groups.current()

    @property
    def found(self) -> str:
        """Return how many groups are shown, in words; nothing where there are none."""
        groups = len(self.review.groups)
        return texts.counted(groups, self.tr("group"), self.tr("groups")) if groups else ""

    def _button(self, name: str) -> QPushButton:
        action = self.on_groups.action(name)
        button = QPushButton(action.icon(), action.text())
        shortcut = action.shortcut().toString()
        button.setToolTip(f"{action.text()} ({shortcut})" if shortcut else action.text())
        button.clicked.connect(lambda _checked: action.trigger())
        return button

    def _arrange(self) -> None:
        above = QHBoxLayout()
        above.addWidget(self._title, 1)
        for name in ("decided", "rule", "unmark", "remove"):
            above.addWidget(self._buttons[name])
        filters = QHBoxLayout()
        filters.addWidget(self.filters)
        filters.addStretch(1)
        head = QVBoxLayout()
        head.setContentsMargins(_MARGIN_PX, _MARGIN_PX, _MARGIN_PX, 0)
        head.addLayout(above)
        head.addLayout(filters)
        self._below.addWidget(self.view)
        self._below.addWidget(self._empty)
        review = QWidget()
        review.setAutoFillBackground(True)
        review.setBackgroundRole(QPalette.ColorRole.Base)  # as the photos have it
        layout = QVBoxLayout(review)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addLayout(head)
        layout.addWidget(self._below, 1)
        self.addWidget(review)
        self.addWidget(self.compare)

    def _connect(self) -> None:
        work, actions, view = self.work, self.on_groups, self.view
        work.groups_read.connect(self._on_read)
        self._search.found.connect(self.refresh)
        self._search.looked.connect(self._on_looked)
        actions.outdated.connect(self.refresh)
        actions.reviewed.connect(lambda: self._show_review(keep=True))
        actions.marks_changed.connect(self._on_marks)
        actions.compare_requested.connect(self._compare)
        self.filters.changed.connect(self._on_filter)
        view.viewer_requested.connect(lambda _row: self._compare())
        view.open_requested.connect(lambda _row: actions.action("open").trigger())
        view.context_requested.connect(self._show_menu)
        view.current_changed.connect(self._on_current)
        self.compare.closed.connect(self._leave_comparison)
        self.compare.walked.connect(self._walk)
        self.compare.group_walked.connect(self._walk_groups)
        self._search.state_changed.connect(self._on_search)
        removal, line = work.removal, self.line
        removal.state_changed.connect(lambda state: line.set_state(state, self.tr("Removing")))
        removal.progressed.connect(lambda now: line.show_progress(replace(now, per_s=None), self.tr("Removing")))
        line.cancel_requested.connect(removal.cancel)

    def _on_search(self, state: str) -> None:
        self.on_groups.is_partial = state != "idle"
        self._tell_why_empty()

    def _on_looked(self) -> None:
        """Read the groups, if others may have come since: now it is known whether all of them are known."""
        if self._is_outdated:
            self.refresh()

    # What is shown

    def _on_read(self, groups: list[Group]) -> None:
        self._is_read = True
        self.review.set_groups(groups)
        self._show_review(keep=True)

    def _on_filter(self, shown: Shown) -> None:
        self.review.show(shown)
        self._show_review(keep=False)

    def _show_review(self, *, keep: bool) -> None:
        self.model.show_review(keep=keep)
        self.filters.show_counts(self.review)
        self._say()
        has_groups = bool(self.review.groups)
        self._below.setCurrentWidget(self.view if has_groups or not self._is_read else self._empty)
        self._tell_why_empty()
        if has_groups and self.view.current_row() < 0:
            self.view.select_row(0)
        if self._wants_keyboard and self.isVisible():
            self.take_keyboard()
        self._on_current(self.view.current_row())  # a model that is set anew tells nothing of it
        self._follow()

    def _on_marks(self) -> None:
        self.model.tell_marks()
        self._say()
        self._follow()

    def _follow(self) -> None:
        """Show of the current photo what is so now."""
        self.on_groups.follow()
        if self.currentWidget() is self.compare:
            self._show_comparison()

    def _tell_why_empty(self) -> None:
        if not self.review.is_empty:
            self._empty.show_state(
                EmptyState.NO_DUPLICATES, self.tr("None of this kind; the filters above hide others.")
            )
        elif self._search.state == "idle":
            stopped = self.tr("Looking for them was stopped. It goes on when this page is opened again.")
            self._empty.show_state(EmptyState.NO_DUPLICATES, stopped if self._search.is_cancelled else "")
        else:
            waits = self.tr("It begins when indexing has ended.") if self._search.state == "waiting" else ""
            self._empty.show_state(EmptyState.LOOKING_FOR_DUPLICATES, waits)

    def _say(self) -> None:
        """Say how much there is, and what is marked of it."""
        groups = self.review.groups
        count = self.found
        if groups and self.review.shown.labels <= DUPLICATES:
            count = self.tr("{0}, {1} to gain").format(count, texts.size(self.review.gain_bytes))
        self._title.setText(count)
        self.found_changed.emit()
        marked, size = self.review.marked_count, texts.size(self.review.marked_bytes)
        remove = self.tr("Remove {0} ({1})").format(texts.photos(marked), size)
        self._buttons["remove"].setText(remove if marked else self.tr("Remove what is marked"))
        for name in ("remove", "unmark"):
            self._buttons[name].setEnabled(marked > 0)
        for part in (self.filters, *(self._buttons[name] for name in ("rule", "unmark", "remove"))):
            part.setVisible(not self.review.is_empty)
        self._buttons["rule"].setEnabled(bool(groups) and Label.SAME_SCENE not in self.review.shown.labels)

    def _on_current(self, row: int) -> None:
        spot = self.review.at(row) if row >= 0 else None
        self.current_changed.emit(None if spot is None else spot.photo.photo_id)
        self.on_groups.follow()

    def _show_menu(self, point: QPoint) -> None:
        menu = QMenu(self)
        menu.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        for number, names in enumerate(
            (("compare", "open", "show_in_folder"), ("keep", "mark"), ("different", "both"), ("rule", "unmark"))
        ):
            if number:
                menu.addSeparator()
            menu.addActions([self.on_groups.action(name) for name in names])
        menu.popup(point)

    # The comparison

    def _compare(self) -> None:
        if self.current() is None:
            return
        self.setCurrentWidget(self.compare)
        self.compare.setFocus()
        self._show_comparison()

    def _show_comparison(self) -> None:
        """Show the current photo beside the kept one; of a kept one, the first beside it."""
        row = self.view.current_row()
        if row < 0 or not self.review.groups:
            self.compare.leave()
            return
        if self.review.at(row).member is None:
            row += 1
            self.view.select_row(row)
        spot, number = self.review.at(row), self.review.number_of(row)
        place = self.tr("{0} of {1} in group {2} of {3}").format(
            texts.number(row - self.review.firsts[number]),
            texts.number(len(spot.group.members)),
            texts.number(number + 1),
            texts.number(len(self.review.groups)),
        )
        after = self._member_row(row, 1)
        self.compare.show_spot(
            spot,
            place,
            marked=self.review.is_marked(spot.photo.photo_id),
            following=self.review.at(after) if after is not None else None,
        )

    def _member_row(self, row: int, step: int) -> int | None:
        """Return the next row from ``row`` that is no kept photo."""
        row += step
        while 0 <= row < len(self.review.photo_ids):
            if self.review.at(row).member is not None:
                return row
            row += step
        return None

    def _walk(self, step: int) -> None:
        self._go_to(self._member_row(self.view.current_row(), step))

    def _walk_groups(self, step: int) -> None:
        number = self.review.number_of(self.view.current_row()) + step
        if 0 <= number < len(self.review.firsts):
            self._go_to(self.review.firsts[number] + 1)

    def _go_to(self, row: int | None) -> None:
        if row is not None:
            self.view.select_row(row)
            self._show_comparison()

    def _leave_comparison(self) -> None:
        self.setCurrentIndex(0)
        self.view.setFocus()

    # Qt's names from here on.

    def showEvent(self, event: QShowEvent) -> None:
        super().showEvent(event)
        self._search.look()
