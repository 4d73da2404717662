"""Where the window has been: queries as text, with the row that was in view. Pure data, no widgets."""

from dataclasses import dataclass, replace

MOST_ENTRIES = 200


@dataclass(frozen=True, slots=True)
class Entry:
    """A query (empty for all photos) and the row that stood at the top; one that is not ``settled`` is being typed."""

    query: str
    row: int = 0
    settled: bool = True


class History:
    """A line of entries, one of which is the present one; begins at all photos."""

    def __init__(self) -> None:
        self._entries = [Entry("")]
        self._present = 0

    @property
    def present(self) -> Entry:
        """Return where the window is."""
        return self._entries[self._present]

    @property
    def can_go_back(self) -> bool:
        """Tell whether there is an entry before the present one."""
        return self._present > 0

    @property
    def can_go_forward(self) -> bool:
        """Tell whether there is an entry behind the present one."""
        return self._present < len(self._entries) - 1

    def visit(self, query: str, *, row: int = 0, settled: bool = True) -> None:
        """Go to ``query``, leaving the present entry at ``row``; what was ahead is forgotten.

        While somebody types (``settled`` false) the steps between are not worth coming back to: each takes the place
        of the one before.
        """
        if query == self.present.query:
            return
        self._leave(row)
        kept = self._entries[: self._present + 1]
        if not settled and not self.present.settled:
            kept.pop()
        self._entries = [*kept, Entry(query, settled=settled)][-MOST_ENTRIES:]
        self._present = len(self._entries) - 1

    def settle(self) -> None:
        """Make the present entry one to come back to, whatever is typed next."""
        self._entries[self._present] = replace(self.present, settled=True)

    def back(self, *, row: int = 0) -> Entry:
        """Step back, leaving the present entry at ``row``; return the entry that is now present."""
        return self._step(-1, row)

    def forward(self, *, row: int = 0) -> Entry:
        """Step forward, leaving the present entry at ``row``; return the entry that is now present."""
        return self._step(1, row)

    def _step(self, by: int, row: int) -> Entry:
        self._leave(row)
        self._present = min(max(self._present + by, 0), len(self._entries) - 1)
        return self.present

    def _leave(self, row: int) -> None:
        self._entries[self._present] = replace(self.present, row=row)
