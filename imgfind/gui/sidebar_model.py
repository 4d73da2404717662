"""The tree of the sidebar as a Qt model: entries in, rows out, what is selected and expanded left alone. GUI thread.

Owns how a new tree takes the place of the old one; what the tree holds is :mod:`imgfind.gui.sidebar_content`'s.
"""

import itertools
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from PySide6.QtCore import QAbstractItemModel, QModelIndex, QObject, QPersistentModelIndex, Qt, Signal

from imgfind.gui import texts
from imgfind.gui.places import Place

EntryRole = Qt.ItemDataRole.UserRole
"""The :class:`Entry` of a row."""

_Index = QModelIndex | QPersistentModelIndex
_NOWHERE = QModelIndex()


@dataclass(frozen=True, slots=True)
class Entry:
    """One row; ``key`` tells it from its siblings and stays the same when the row changes.

    A row without ``place`` is a heading. ``badge`` names the icon of its state. ``children`` is None where there are
    some that nobody has read yet.
    """

    key: str
    text: str
    icon: str = ""
    place: Place | None = None
    count: int | None = None
    badge: str = ""
    hint: str = ""
    offline: bool = False
    is_root: bool = False
    children: "tuple[Entry, ...] | None" = field(default=(), compare=False)


@dataclass(eq=False, slots=True)
class _Node:
    number: int
    entry: Entry
    parent: "_Node | None"
    row: int = 0
    unread: bool = False
    children: "list[_Node]" = field(default_factory=list)


def _accessible_text(entry: Entry) -> str:
    return entry.text if entry.count is None else f"{entry.text}, {texts.number(entry.count)}"


_ANSWERS: dict[int, Callable[[Entry], object]] = {
    Qt.ItemDataRole.DisplayRole: lambda entry: entry.text,
    Qt.ItemDataRole.ToolTipRole: lambda entry: texts.tip(entry.hint) or None,
    Qt.ItemDataRole.AccessibleTextRole: _accessible_text,
    Qt.ItemDataRole.AccessibleDescriptionRole: lambda entry: entry.hint or None,
    EntryRole: lambda entry: entry,
}


class SidebarModel(QAbstractItemModel):
    """Rows of entries.

    Signals:
        wanted(str): the key of a row whose children are to be read.
    """

    wanted = Signal(object)  # Qt's own strings cannot hold the bytes of a name that are no text

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._numbers = itertools.count(1)
        self._root = _Node(0, Entry("", ""), None)
        self._nodes = {0: self._root}

    def show(self, entries: Sequence[Entry]) -> None:
        """Make ``entries`` the tree; rows that stay keep their index."""
        self._merge(self._root, entries)

    def index_of(self, place: Place) -> QModelIndex:
        """Return the row of a place, invalid where it has none."""
        found = next((node for node in self._nodes.values() if node.entry.place == place), None)
        return self._index(found) if found is not None else QModelIndex()

    def index(self, row: int, column: int, parent: _Index = _NOWHERE) -> QModelIndex:
        children = self._node(parent).children
        if column == 0 and 0 <= row < len(children):
            return self.createIndex(row, 0, children[row].number)
        return QModelIndex()

    def parent(self, index: _Index = _NOWHERE) -> QModelIndex:  # type: ignore[override]  # the stub knows QObject's too
        above = self._node(index).parent
        return self._index(above) if above is not None else QModelIndex()

    def rowCount(self, parent: _Index = _NOWHERE) -> int:
        return 0 if parent.column() > 0 else len(self._node(parent).children)

    def columnCount(self, parent: _Index = _NOWHERE) -> int:
        return 1

    def hasChildren(self, parent: _Index = _NOWHERE) -> bool:
        node = self._node(parent)
        return node.unread or bool(node.children)

    def canFetchMore(self, parent: _Index) -> bool:
        return self._node(parent).unread

    def fetchMore(self, parent: _Index) -> None:
        self.wanted.emit(self._node(parent).entry.key)

    def flags(self, index: _Index) -> Qt.ItemFlag:
        if not index.isValid():
            return Qt.ItemFlag.NoItemFlags
        is_place = self._node(index).entry.place is not None
        return Qt.ItemFlag.ItemIsEnabled | (Qt.ItemFlag.ItemIsSelectable if is_place else Qt.ItemFlag.NoItemFlags)

    def data(self, index: _Index, role: int = Qt.ItemDataRole.DisplayRole) -> object:
        if not index.isValid():
            return None
        answer = _ANSWERS.get(role)
        return answer(self._node(index).entry) if answer is not None else None

    def _node(self, index: _Index) -> _Node:
        return self._nodes[index.internalId()] if index.isValid() else self._root

    def _index(self, node: _Node) -> QModelIndex:
        return QModelIndex() if node is self._root else self.createIndex(node.row, 0, node.number)

    def _merge(self, node: _Node, entries: Sequence[Entry]) -> None:
        wanted = {entry.key for entry in entries}
        for row in reversed(range(len(node.children))):
            if node.children[row].entry.key not in wanted:
                self._remove(node, row)
        for row, entry in enumerate(entries):
            if row < len(node.children) and node.children[row].entry.key == entry.key:
                self._update(node.children[row], entry)
                continue
            known = next((child.row for child in node.children[row:] if child.entry.key == entry.key), None)
            if known is not None:  # it has moved up; rare enough to begin it again
                self._remove(node, known)
            self._insert(node, row, entry)

    def _update(self, node: _Node, entry: Entry) -> None:
        changed = node.entry != entry
        node.entry = entry
        node.unread = entry.children is None
        if changed:
            index = self._index(node)
            self.dataChanged.emit(index, index)
        self._merge(node, entry.children or ())

    def _insert(self, parent: _Node, row: int, entry: Entry) -> None:
        self.beginInsertRows(self._index(parent), row, row)
        parent.children.insert(row, self._made(entry, parent))
        self._number_rows(parent, row)
        self.endInsertRows()

    def _remove(self, parent: _Node, row: int) -> None:
        self.beginRemoveRows(self._index(parent), row, row)
        self._forget(parent.children.pop(row))
        self._number_rows(parent, row)
        self.endRemoveRows()

    def _made(self, entry: Entry, parent: _Node) -> _Node:
        node = _Node(next(self._numbers), entry, parent, unread=entry.children is None)
        self._nodes[node.number] = node
        node.children = [self._made(child, node) for child in entry.children or ()]
        self._number_rows(node, 0)
        return node

    def _forget(self, node: _Node) -> None:
        del self._nodes[node.number]
        for child in node.children:
            self._forget(child)

    @staticmethod
    def _number_rows(parent: _Node, first: int) -> None:
        for row in range(first, len(parent.children)):
            parent.children[row].row = row
