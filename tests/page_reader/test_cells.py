"""Cells between lines know their grid, row and column."""

from __future__ import annotations

import numpy as np
import pytest

from inkdigits.page.cells import Cells, find_cells
from inkdigits.page.wiping import Line


def lines(places: list[float], begin: int, length: int, slope: float = 0.0) -> tuple[Line, ...]:
    """Parallel lines, 2 px thick, that begin at the same column or row."""
    return tuple(Line(begin, place + slope * np.arange(length), 2.0) for place in places)


def grid(rows: int, columns: int, side: int, slope: float = 0.0) -> Cells:
    """The cells of a grid, tilted by `slope`, whose upper left corner is at 100, 60."""
    level = [
        line
        for row in range(rows + 1)
        for line in lines([60.0 + side * row], round(100 - slope * side * row), columns * side + 1, slope)
    ]
    plumb = [
        line
        for column in range(columns + 1)
        for line in lines([100.0 + side * column], round(60 + slope * side * column), rows * side + 1, -slope)
    ]
    return find_cells(tuple(level), tuple(plumb), (1000, 1000), 40)


@pytest.mark.parametrize("slope", [0.0, 0.04])
def test_each_cell_has_its_place(slope: float) -> None:
    cells = grid(9, 9, 80, slope)
    assert len(cells.boxes) == 81
    assert set(zip(cells.row.tolist(), cells.column.tolist(), strict=True)) == {
        (row, column) for row in range(9) for column in range(9)
    }
    middle = (cells.boxes[:, 0] + cells.boxes[:, 2]) / 2
    assert np.allclose(middle, 140 + 80 * cells.column, atol=36)
    assert cells.small.all()
    assert not cells.comb.any()


def test_a_row_of_boxes_is_a_comb() -> None:
    cells = grid(1, 6, 60)
    assert cells.comb.all()
    assert sorted(cells.column.tolist()) == list(range(6))


def test_boxes_that_stand_apart_are_one_comb() -> None:
    plumb = tuple(line for box in range(4) for line in lines([100.0 + 70 * box, 154.0 + 70 * box], 100, 55))
    level = tuple(line for box in range(4) for line in lines([100.0, 154.0], 100 + 70 * box, 55))
    cells = find_cells(level, plumb, (400, 600), 40)
    assert len(cells.boxes) == 4
    assert len(set(cells.grid.tolist())) == 1
    assert cells.comb.all()


def test_a_cell_as_wide_as_two_counts_for_two() -> None:
    side, places = 80, [60.0 + 80 * i for i in range(5)]
    level = lines(places, 60, 1 + 4 * side)
    plumb = (*lines([60.0, 220.0, 300.0, 380.0], 60, 321), *lines([140.0], 140, 241))
    cells = find_cells(level, plumb, (500, 500), 40)
    assert len(cells.boxes) == 15
    rightmost = cells.boxes[:, 2] > 370
    assert set(cells.column[rightmost].tolist()) == {3}


def test_a_frame_alone_is_no_grid() -> None:
    cells = grid(1, 1, 300)
    assert cells.grid.tolist() == [-1]
    assert not len(find_cells((), (), (300, 300), 40).boxes)
