from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PySide6.QtCore import QPoint, QRect

from imgfind.gui.grid_layout import NO_ROW, GridLayout, Measures

MEASURES = Measures(width_px=1000, edge_px=180, gap_px=10, caption_px=20, heading_px=40)


@st.composite
def layouts(draw: st.DrawFn) -> GridLayout:
    """Return any small layout."""
    count = draw(st.integers(0, 60))
    cuts = draw(st.sets(st.integers(1, count - 1), max_size=6)) if count > 1 else set()
    firsts = [0, *sorted(cuts)] if count else []
    titled = [draw(st.booleans()) for _ in firsts]
    measures = Measures(
        width_px=draw(st.integers(0, 900)),
        edge_px=draw(st.integers(20, 200)),
        gap_px=draw(st.integers(0, 12)),
        caption_px=draw(st.integers(0, 30)),
        heading_px=draw(st.integers(1, 40)),
    )
    return GridLayout(measures, count, firsts, titled)


def test_cells_fill_the_width_and_are_no_smaller_than_wanted() -> None:
    layout = GridLayout(MEASURES, 12)
    assert layout.columns == 5
    assert layout.edge_px >= 180
    assert layout.cell(0).left() >= 10
    assert 1000 - 10 - 5 <= layout.cell(4).right() + 1 <= 990


def test_a_window_narrower_than_one_thumbnail_has_one_column() -> None:
    assert GridLayout(Measures(50, 180, 10, 0, 0), 3).columns == 1


def test_a_section_begins_a_line_below_its_heading() -> None:
    layout = GridLayout(MEASURES, 9, [0, 7], [True, True])
    assert layout.cell(0).top() == layout.heading(0).bottom() + 1
    assert layout.cell(7).top() == layout.heading(1).bottom() + 1
    assert layout.cell(7).left() == layout.cell(0).left()
    assert layout.heading(1).top() > layout.cell(6).bottom()


def test_a_section_without_a_title_takes_no_room_for_one() -> None:
    layout = GridLayout(MEASURES, 9, [0, 7], [False, True])
    assert layout.heading(0).height() == 0
    assert layout.cell(0).top() == 10


def test_up_and_down_keep_the_column_across_headings() -> None:
    layout = GridLayout(MEASURES, 14, [0, 7], [True, True])
    assert layout.row_below(1) == 6
    assert layout.row_below(4) == 6, "the last line of the section is shorter"
    assert layout.row_below(6) == 8
    assert layout.row_below(8, -1) == 6
    assert layout.row_below(8, -9) == 1
    assert layout.row_below(8, 9) == 13


def test_an_empty_grid_has_nothing_anywhere() -> None:
    layout = GridLayout(MEASURES, 0)
    assert layout.height_px == 0
    assert layout.row_at(QPoint(20, 20)) == NO_ROW
    assert layout.row_near(QPoint(20, 20)) == NO_ROW
    assert not layout.rows_between(0, 1000)
    assert not layout.rows_in(QRect(0, 0, 1000, 1000))
    assert not layout.sections_between(0, 1000)


@given(layouts())
def test_cells_neither_overlap_nor_leave_the_content(layout: GridLayout) -> None:
    cells = [layout.cell(row) for row in range(layout.row_count)]
    headings = [layout.heading(section) for section in layout.sections_between(0, layout.height_px)]
    for above, below in pairwise(cells):
        assert below.top() > above.bottom() or below.left() > above.right()
    assert all(cell.top() >= 0 and cell.bottom() < layout.height_px for cell in cells)
    assert not any(cell.intersects(heading) for cell in cells for heading in headings if heading.height())


@given(layouts(), st.integers(-50, 950), st.integers(-50, 4000))
def test_a_point_finds_the_cell_it_is_in(layout: GridLayout, x: int, y: int) -> None:
    point = QPoint(x, y)
    expected = [row for row in range(layout.row_count) if layout.cell(row).contains(point)]
    assert layout.row_at(point) == (expected[0] if expected else NO_ROW)


@given(layouts(), st.integers(-50, 4000), st.integers(0, 1500))
def test_a_band_finds_all_rows_in_it(layout: GridLayout, top: int, height: int) -> None:
    expected = [
        row
        for row in range(layout.row_count)
        if layout.cell(row).top() < top + height and layout.cell(row).bottom() >= top
    ]
    assert list(layout.rows_between(top, top + height)) == (expected if height else [])


@given(layouts(), st.integers(-50, 950), st.integers(-50, 4000), st.integers(1, 900), st.integers(1, 1500))
def test_a_rectangle_finds_all_cells_it_touches(layout: GridLayout, x: int, y: int, width: int, height: int) -> None:
    rect = QRect(x, y, width, height)
    ranges = layout.rows_in(rect)
    assert [row for part in ranges for row in part] == [
        row for row in range(layout.row_count) if layout.cell(row).intersects(rect)
    ]
    assert all(part for part in ranges)
    assert all(first.stop < second.start for first, second in pairwise(ranges))


@pytest.mark.parametrize("columns_px", [300, 2000])
def test_a_million_rows_are_a_matter_of_arithmetic(columns_px: int) -> None:
    firsts = list(range(0, 1_000_000, 3_333))
    layout = GridLayout(Measures(columns_px, 96, 10, 0, 40), 1_000_000, firsts, [True] * len(firsts))
    for row in (0, 3_332, 3_333, 500_000, 999_999):
        cell = layout.cell(row)
        assert layout.row_at(cell.center()) == row
        assert row in layout.rows_between(cell.top(), cell.bottom() + 1)
        assert layout.section_of(row) == row // 3_333
    assert layout.rows_in(QRect(0, 0, columns_px, layout.height_px)) == [range(1_000_000)]
