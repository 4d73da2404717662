"""Where everything in the grid is: the arithmetic of equal cells in lines, under headings.

Knows rows, sections and pixels of the content; no widgets, no photos. A layout is made anew when one of its measures
changes and is then only asked. Making one costs a pass over the sections, a question two binary searches at most, for
any number of rows. Safe on every thread.
"""

import bisect
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import QPoint, QRect

NO_ROW = -1
_HEIGHT = 0.85
"""Of a thumbnail, of its width: most photos are taken across, and leave white lines in squares; not all are."""


def thumb_height_px(edge_px: int) -> int:
    """Return the height of the place for a thumbnail that is ``edge_px`` wide."""
    return round(_HEIGHT * edge_px)


@dataclass(frozen=True, slots=True)
class Measures:
    """What a layout is made from, in logical pixels.

    ``edge_px`` is the least width of a thumbnail; cells grow until they fill ``width_px``. ``gap_px`` is between cells
    and, as a margin, around them; ``caption_px`` is below each thumbnail, ``heading_px`` the height of a heading.
    """

    width_px: int
    edge_px: int
    gap_px: int
    caption_px: int
    heading_px: int


class GridLayout:
    """Cells of ``row_count`` rows in the lines of a grid.

    ``firsts`` are the first rows of the sections, ascending from 0, and ``titled`` tells which of them have a heading;
    without sections all rows form one that has none.
    """

    def __init__(
        self, measures: Measures, row_count: int, firsts: Sequence[int] = (), titled: Sequence[bool] = ()
    ) -> None:
        self.row_count = row_count
        available_px = max(measures.width_px - measures.gap_px, measures.edge_px + measures.gap_px)
        self.columns = available_px // (measures.edge_px + measures.gap_px)
        self.edge_px = available_px // self.columns - measures.gap_px
        self._gap_px = measures.gap_px
        self._width_px = measures.width_px
        self._step_x_px = self.edge_px + measures.gap_px
        # What is left of the division is shared by both sides.
        self._left_px = measures.gap_px + (available_px - self.columns * self._step_x_px) // 2
        self._cell_height_px = thumb_height_px(self.edge_px) + measures.caption_px
        self._line_px = self._cell_height_px + measures.gap_px
        self._heading_px = measures.heading_px
        self._lay_out(np.asarray(firsts or (0,), np.int64), np.asarray(titled or (False,), bool))

    def _lay_out(self, firsts: NDArray[np.int64], titled: NDArray[np.bool_]) -> None:
        counts = np.diff(firsts, append=self.row_count)
        lines = -(-counts // self.columns)
        headings = np.where(titled, self._heading_px, 0)
        tops = np.concatenate(([0], np.cumsum(headings + lines * self._line_px)))
        self._firsts: list[int] = firsts.tolist()
        self._headings: list[int] = headings.tolist()
        self._first_lines: list[int] = np.concatenate(([0], np.cumsum(lines))).tolist()
        self._tops: list[int] = (tops[:-1] + self._gap_px).tolist()
        self.line_count = self._first_lines[-1] if self.row_count else 0
        self.height_px = int(tops[-1]) + self._gap_px if self.row_count else 0
        self.line_px = self._line_px

    def cell(self, row: int) -> QRect:
        """Return the place of a row: the thumbnail and the caption below it."""
        section = self.section_of(row)
        line, column = divmod(row - self._firsts[section], self.columns)
        return QRect(
            self._left_px + column * self._step_x_px,
            self._tops[section] + self._headings[section] + line * self._line_px,
            self.edge_px,
            self._cell_height_px,
        )

    def heading(self, section: int) -> QRect:
        """Return the place of a section's heading; its height is 0 where there is none."""
        width_px = self.columns * self._step_x_px - self._gap_px
        return QRect(self._left_px, self._tops[section], width_px, self._headings[section])

    def section_of(self, row: int) -> int:
        """Return the number of the section that holds a row."""
        return bisect.bisect_right(self._firsts, row) - 1

    def section_at(self, y: int) -> int:
        """Return the section at a height, the nearest one outside of them all."""
        return max(0, bisect.bisect_right(self._tops, y) - 1)

    def section_top(self, section: int) -> int:
        """Return where a section begins, with its heading."""
        return self._tops[section]

    def sections_between(self, top: int, bottom: int) -> range:
        """Return the sections of which something is in the band ``top <= y < bottom``."""
        if not self.row_count:
            return range(0)
        return range(self.section_at(top), bisect.bisect_left(self._tops, bottom))

    def rows_between(self, top: int, bottom: int) -> range:
        """Return the rows of which something is in the band ``top <= y < bottom``."""
        lines = self._lines_between(top, bottom)
        if not lines:
            return range(0)
        return range(self._line_rows(lines[0]).start, self._line_rows(lines[-1]).stop)

    def rows_in(self, rect: QRect) -> list[range]:
        """Return the rows whose cells touch a rectangle, as ascending ranges; neighbours are joined."""
        leftmost = max(0, (rect.left() - self._left_px - self.edge_px) // self._step_x_px + 1)
        rightmost = min(self.columns - 1, (rect.right() - self._left_px) // self._step_x_px)
        if leftmost == 0 and rightmost == self.columns - 1:
            rows = self.rows_between(rect.top(), rect.bottom() + 1)
            return [rows] if rows else []
        found: list[range] = []
        for line in self._lines_between(rect.top(), rect.bottom() + 1):
            rows = self._line_rows(line)
            touched = range(rows.start + leftmost, min(rows.stop, rows.start + rightmost + 1))
            if found and found[-1].stop == touched.start:
                found[-1] = range(found[-1].start, touched.stop)
            elif touched:
                found.append(touched)
        return found

    def row_at(self, point: QPoint) -> int:
        """Return the row whose cell holds a point, :data:`NO_ROW` between cells and outside."""
        column, inside_px = divmod(point.x() - self._left_px, self._step_x_px)
        lines = self._lines_between(point.y(), point.y() + 1)
        if not lines or not 0 <= column < self.columns or inside_px >= self.edge_px:
            return NO_ROW
        rows = self._line_rows(lines[0])
        return rows.start + column if rows.start + column < rows.stop else NO_ROW

    def row_near(self, point: QPoint) -> int:
        """Return the row nearest to a point: in its line, or the line above it; :data:`NO_ROW` in an empty grid."""
        if not self.row_count:
            return NO_ROW
        line = max(0, self._lines_between(0, max(1, point.y() + 1)).stop - 1)
        column = (point.x() - self._left_px) // self._step_x_px
        return self._in_line(line, max(0, column))

    def line_of(self, row: int) -> int:
        """Return the number of the line a row is in, counted over all sections."""
        section = self.section_of(row)
        return self._first_lines[section] + (row - self._firsts[section]) // self.columns

    def row_below(self, row: int, lines: int = 1) -> int:
        """Return the row so many lines below (above: negative) in the same column, or as near as there is one."""
        section = self.section_of(row)
        column = (row - self._firsts[section]) % self.columns
        return self._in_line(min(max(0, self.line_of(row) + lines), self.line_count - 1), column)

    def _in_line(self, line: int, column: int) -> int:
        rows = self._line_rows(line)
        return min(rows.start + column, rows.stop - 1)

    def _line_rows(self, line: int) -> range:
        section = bisect.bisect_right(self._first_lines, line) - 1
        start = self._firsts[section] + (line - self._first_lines[section]) * self.columns
        end = self._firsts[section + 1] if section + 1 < len(self._firsts) else self.row_count
        return range(start, min(start + self.columns, end))

    def _lines_between(self, top: int, bottom: int) -> range:
        if not self.row_count or bottom <= top:
            return range(0)
        return range(self._line_reaching(top), self._line_beginning(bottom))

    def _line_reaching(self, y: int) -> int:
        """Return the first line whose cells end below ``y``."""
        section = self.section_at(y)
        below_px = y - self._tops[section] - self._headings[section]
        line = self._first_lines[section] + max(0, (below_px - self._cell_height_px) // self._line_px + 1)
        return min(line, self._first_lines[section + 1])

    def _line_beginning(self, y: int) -> int:
        """Return the first line whose cells begin at ``y`` or below it."""
        section = self.section_at(y - 1)
        below_px = y - self._tops[section] - self._headings[section]
        line = self._first_lines[section] + max(0, -(-below_px // self._line_px))
        return min(line, self._first_lines[section + 1])
