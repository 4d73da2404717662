"""What can be done with duplicates: keep another one, mark, decide, remove, and take all of it back. GUI thread only.

Acts on the photos chosen in one view; the library does its part in
:class:`~imgfind.gui.duplicates_work.DuplicatesWork`.
"""

from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from PySide6.QtCore import QObject, Qt, Signal
from PySide6.QtGui import QAction, QKeySequence
from PySide6.QtWidgets import QMessageBox

from imgfind.core.deduplicating import Decision, HashPair
from imgfind.core.grouping import Group
from imgfind.core.records import PhotoId
from imgfind.core.removing import Removal
from imgfind.core.trash import NO_TRASH
from imgfind.core.wording import Reason
from imgfind.gui import texts, theme, verdict_words
from imgfind.gui.decisions_dialog import DecisionsDialog
from imgfind.gui.duplicates_work import DuplicatesWork
from imgfind.gui.groups_view import GroupsView
from imgfind.gui.icons import icon
from imgfind.gui.review import Review, Spot, chosen_by_rule, sum_of
from imgfind.gui.rule_dialog import Rule, RuleDialog
from imgfind.gui.tasks import TaskRunner

_MOST_AT_ONCE = 200
"""Photos of a group that are decided to differ among each other: each of them from each, so 20,000 pairs."""


@dataclass(frozen=True, slots=True)
class _Entry:
    name: str
    text: str
    icon: str
    shortcut: str
    does: Callable[[], None]


class ReviewActions(QObject):
    """The actions of the page of duplicates.

    Signals:
        reviewed(): the review holds other groups.
        marks_changed(): other photos are marked to go.
        outdated(): the groups have to be read again.
        removed(Removal, list): what went, and the photos that were to go.
        marked(str, object): what was done, and what takes it back.
        told(str): a sentence for the message bar.
        compare_requested(): of the current photo.
        open_requested(PhotoId), show_in_folder_requested(PhotoId): of the current photo.
    """

    reviewed = Signal()
    marks_changed = Signal()
    outdated = Signal()
    removed = Signal(object, object)
    marked = Signal(str, object)
    told = Signal(str)
    compare_requested = Signal()
    open_requested = Signal(object)
    show_in_folder_requested = Signal(object)

    def __init__(self, runner: TaskRunner, work: DuplicatesWork, review: Review, view: GroupsView) -> None:
        super().__init__(view)
        self._runner = runner
        self._work = work
        self._review = review
        self._view = view
        self.prefer = Rule().prefer
        """The rules that groups are to be read by."""
        self.is_partial = False
        """Whether groups are still being looked for."""
        self._actions = {entry.name: self._made(entry) for entry in self._entries()}
        work.removed.connect(self._on_removed)

    def action(self, name: str) -> QAction:
        """Return one action by name."""
        return self._actions[name]

    def all(self) -> list[QAction]:
        """Return all actions, in the order of the menu."""
        return list(self._actions.values())

    def _entries(self) -> Sequence[_Entry]:
        return (
            _Entry("compare", self.tr("Compare"), "columns-2", "Space", self.compare_requested.emit),
            _Entry("open", self.tr("Open"), "external-link", "Return", self._open),
            _Entry("show_in_folder", self.tr("Show in folder"), "folder-open", "Ctrl+Return", self._show_in_folder),
            _Entry("keep", self.tr("Keep this one"), "check", "K", self.keep),
            _Entry("mark", self.tr("Mark to remove"), "trash-2", "X", self.mark),
            _Entry("different", self.tr("Not a duplicate"), "equal-not", "N", lambda: self.decide("different")),
            _Entry("both", self.tr("Keep both"), "copy-check", "B", lambda: self.decide("keep")),
            _Entry("rule", self.tr("Mark by rule…"), "list-checks", "R", self.ask_rule),
            _Entry("unmark", self.tr("Unmark all"), "x", "U", self.unmark_all),
            _Entry("remove", self.tr("Remove what is marked"), "trash-2", "Del", self.remove),
            _Entry("decided", self.tr("Decided…"), "history", "D", self.show_decided),
        )

    def _made(self, entry: _Entry) -> QAction:
        action = QAction(icon(entry.icon), entry.text, self._view)
        action.setShortcut(QKeySequence(entry.shortcut))
        # Not in the whole window: "K" is a letter where text is typed.
        action.setShortcutContext(Qt.ShortcutContext.WidgetShortcut)
        action.triggered.connect(lambda _checked: entry.does())
        self._view.addAction(action)
        return action

    # What is chosen

    def follow(self) -> None:
        """Offer what can be done with the current photo."""
        spot = self.current()
        self._actions["keep"].setEnabled(spot is not None and spot.member is not None)
        is_marked = spot is not None and self._review.is_marked(spot.photo.photo_id)
        self._actions["mark"].setText(self.tr("Do not remove") if is_marked else self.tr("Mark to remove"))

    def current(self) -> Spot | None:
        """Return what the keyboard is at."""
        row = self._view.current_row()
        return self._review.at(row) if row >= 0 else None

    def _chosen(self) -> list[Spot]:
        """Return what is selected, else what the keyboard is at."""
        spots = [self._review.at(row) for rows in self._view.selected_rows() for row in rows]
        current = self.current()
        return spots or ([current] if current is not None else [])

    def _open(self) -> None:
        if (spot := self.current()) is not None:
            self.open_requested.emit(spot.photo.photo_id)

    def _show_in_folder(self) -> None:
        if (spot := self.current()) is not None:
            self.show_in_folder_requested.emit(spot.photo.photo_id)

    # Keep, mark

    def keep(self) -> None:
        """Keep the current photo instead of the one that is kept, also from the next start on."""
        spot = self.current()
        if spot is None or spot.member is None:
            return
        group, chosen = spot.group, spot.photo.photo_id

        def done(made: tuple[Group, int]) -> None:
            other, choice_id = made
            self._review.replace_group(group, other)
            self.reviewed.emit()
            text = self.tr("This one is kept now")
            lost = len(group.members) - len(other.members)
            if lost:
                what = texts.counted(lost, self.tr("photo is"), self.tr("photos are"))
                text = self.tr("{} not like the one that is kept now, and no longer beside it").format(what)
                self.outdated.emit()  # those may make groups of their own
            self.marked.emit(text, lambda: self._take_back([], [choice_id]))

        self._work.keep(group, chosen, done)

    def mark(self) -> None:
        """Mark the chosen photos to go; where all of them are marked, take the marks away."""
        spots = self._chosen()
        free = [spot for spot in spots if self._review.why_not(spot) is None]
        if spots and not free:
            self.told.emit(self._why_not(spots[0]))
            return
        ids = [spot.photo.photo_id for spot in free]
        self._review.mark(ids, to_go=not all(map(self._review.is_marked, ids)))
        self.marks_changed.emit()

    def unmark_all(self) -> None:
        """Take all marks away."""
        self._review.unmark_all()
        self.marks_changed.emit()

    def _why_not(self, spot: Spot) -> str:
        why = self._review.why_not(spot)
        if isinstance(why, Reason):
            return self.tr("This photo stays: {}.").format(verdict_words.reason(why))
        said = {
            "kept": self.tr("This is the photo that is kept; choose another one to keep first."),
            "elsewhere": self.tr("This photo is kept in another group."),
            "offline": self.tr("The photo to keep is not in reach."),
        }
        return said.get(why or "", "")

    def ask_rule(self) -> None:
        """Ask for a rule to mark photos by."""
        dialog = RuleDialog(self._runner, self._review.shown, self._view, is_partial=self.is_partial)
        dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        dialog.chosen.connect(self.mark_by_rule)
        dialog.open()

    def mark_by_rule(self, rule: Rule, groups: Sequence[Group]) -> None:
        """Mark what a rule says, and nothing else; ``groups`` are all there are, as the rule makes them."""
        self.prefer = rule.prefer
        self._review.set_groups(groups)
        self._review.unmark_all()
        going = chosen_by_rule(self._review.groups, rule.labels)
        ids = [member.photo.photo_id for group in going for member in group.members]
        self._review.mark(ids, to_go=True)
        self.reviewed.emit()

    # Decide

    def decide(self, decision: Decision) -> None:
        """Remember that the chosen photos are no duplicates of the others of their groups, or are to be kept as well.

        Of a kept photo it is said of its whole group.
        """
        chosen: defaultdict[int, list[Spot]] = defaultdict(list)
        for spot in self._chosen():
            chosen[id(spot.group)].append(spot)
        for spots in chosen.values():
            group, ids = spots[0].group, [spot.photo.photo_id for spot in spots]
            every = [group.kept.photo_id, *(member.photo.photo_id for member in group.members)]
            rest = [] if group.kept.photo_id in ids else [photo_id for photo_id in every if photo_id not in set(ids)]
            if not rest and len(every) > _MOST_AT_ONCE:
                self.told.emit(self.tr("Too many photos to tell them all apart; choose some of them."))
                return
            self._decide(decision, group, ids if rest else every, rest)

    def _decide(self, decision: Decision, group: Group, ids: list[PhotoId], rest: list[PhotoId]) -> None:
        def done(decided: list[HashPair]) -> None:
            left = tuple(member for member in group.members if rest and member.photo.photo_id not in set(ids))
            self._review.replace_group(group, replace(group, members=left))
            self.reviewed.emit()
            if not (self.prefer or self.is_partial):
                self._work.count(self._review.groups)
            text = self.tr("Remembered: not duplicates") if decision == "different" else self.tr("Remembered: kept")
            self.marked.emit(text, lambda: self._take_back(decided, []))

        self._work.decide(decision, ids, rest, done)

    def _take_back(self, decided: Sequence[HashPair], choice_ids: Sequence[int]) -> None:
        self._work.take_back(decided, choice_ids, self.outdated.emit)

    def show_decided(self) -> None:
        """Show what was decided."""
        dialog = DecisionsDialog(self._runner, self._view)
        dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)

        def taken_back() -> None:
            self.outdated.emit()
            dialog.refresh()

        dialog.take_back_requested.connect(
            lambda decided, choice_ids: self._work.take_back(decided, choice_ids, taken_back)
        )
        dialog.open()

    # Remove

    def remove(self) -> None:
        """Remove what is marked and shown, when the user has confirmed it."""
        groups = self._review.marked()
        if not groups:
            self.told.emit(self.tr("Nothing is marked; X marks the photo, R marks by rule."))
            return
        if self._work.removal.is_running:
            return
        found = sum_of(groups)
        self.confirm(
            self.tr("Move {} to the trash?").format(texts.photos(found.photos)),
            self._consequence(groups),
            self.tr("Move to the trash"),
            lambda: self._work.remove(groups),
        )

    def _consequence(self, groups: Sequence[Group]) -> str:
        """Say what removing the members of these groups gives and takes."""
        found = sum_of(groups)
        told = [self.tr("{} to gain.").format(texts.size(found.size_bytes))]
        links = sum(member.photo.is_linked for group in groups for member in group.members)
        if links == 1:
            told.append(self.tr("1 hard link frees nothing, as its file has another name on the disk."))
        elif links:
            text = self.tr("{} hard links free nothing, as their files have other names on the disk.")
            told.append(text.format(texts.number(links)))
        told.append(self.tr("The photo that is kept stays in each group, and all can be undone."))
        return " ".join(told)

    def confirm(self, question: str, consequence: str, action: str, then: Callable[[], None]) -> None:
        """Ask; where the answer is yes, go on."""
        window = self._view.window()
        box = QMessageBox(QMessageBox.Icon.Question, action, question, QMessageBox.StandardButton.Cancel, window)
        box.setInformativeText(consequence)
        box.setDefaultButton(box.addButton(action, QMessageBox.ButtonRole.AcceptRole))
        box.accepted.connect(then)
        box.finished.connect(box.deleteLater)
        theme.without_icons(box)
        box.open()

    def _on_removed(self, removal: Removal, photo_ids: list[PhotoId]) -> None:
        without = {problem.path for problem in removal.failed if problem.reason == NO_TRASH}
        stuck = self._members_at(without)
        others = [problem for problem in removal.failed if problem.path not in without or not stuck]
        self.removed.emit(replace(removal, failed=others), photo_ids)
        self.outdated.emit()
        if stuck:
            count = texts.photos(sum_of(stuck).photos)
            self.confirm(
                self.tr("Delete {} for good?").format(count),
                self.tr("They are on a drive that has no trash. This cannot be undone."),
                self.tr("Delete for good"),
                lambda: self._work.remove(stuck, permanent=True),
            )

    def _members_at(self, paths: set[str]) -> list[Group]:
        """Return the groups with those members alone that are at these paths."""
        found = []
        for group in self._review.groups if paths else ():
            going = tuple(member for member in group.members if member.photo.path in paths)
            if going:
                found.append(replace(group, members=going))
        return found
