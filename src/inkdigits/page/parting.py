"""Which cell a piece of ink belongs to; pieces that lie in several are parted. Knows no lines, no files."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from inkdigits.page.cells import COARSE, Cells
from inkdigits.page.pieces import Pieces

PART = 0.2  # of a piece's ink inside cells: less than that in another cell is a stroke that reaches over
AT_LEAST = 0.1  # of the writing's size, squared: ink in another cell that makes a piece of its own
INSIDE = 0.4  # of a piece's ink that must lie in cells; what lies around them is none of theirs
MOST_PARTED = 1000  # pieces; ever so many touching cells remain whole

Whole = NDArray[np.int64]


def part(pieces: Pieces, cells: Cells, size: float) -> tuple[Pieces, Whole]:
    """The pieces, none in more than one cell, and for each the index of its cell, or -1.

    Args:
        pieces: of the page's ink; their `labels` are changed where a piece is parted.
        cells: between the page's lines.
        size: px, of most characters.
    """
    if not len(cells.boxes) or not len(pieces.numbers):
        return pieces, np.full(len(pieces.numbers), -1, np.int64)
    place, cell, count = _counted(pieces, cells)
    inside = np.bincount(place, weights=count, minlength=len(pieces.numbers))
    home = np.full(len(pieces.numbers), -1, np.int64)
    order = np.argsort(count, kind="stable")
    home[place[order]] = cell[order]  # the last written is the largest
    home[inside * COARSE**2 < INSIDE * pieces.area] = -1
    large = (count > PART * inside[place]) & (count * COARSE**2 >= AT_LEAST * size**2)
    other = np.flatnonzero(large & (home[place] >= 0) & (cell != home[place]))[:MOST_PARTED]
    return _parted(pieces, cells, home, place[other], cell[other])


def _counted(pieces: Pieces, cells: Cells) -> tuple[Whole, Whole, Whole]:
    """Pairs of a piece's place and a cell's index that share ink, and how much, px of the cells' copy."""
    labels = pieces.labels[::COARSE, ::COARSE]
    places = np.full(int(pieces.labels.max()) + 1, -1, np.int64)
    places[pieces.numbers] = np.arange(len(pieces.numbers))
    both = np.flatnonzero((labels > 0) & (cells.labels > 0))
    place = places[labels.ravel()[both]]
    cell = cells.labels.ravel()[both].astype(np.int64)[place >= 0] - 1
    pairs, count = np.unique(place[place >= 0] * len(cells.boxes) + cell, return_counts=True)
    return pairs // len(cells.boxes), pairs % len(cells.boxes), count


def _parted(pieces: Pieces, cells: Cells, home: Whole, place: Whole, cell: Whole) -> tuple[Pieces, Whole]:
    """Makes new pieces of what pieces have in other cells."""
    if not len(place):
        return pieces, home
    boxes, area, numbers = pieces.boxes.copy(), pieces.area.copy(), int(pieces.labels.max()) + 1
    more: list[tuple[int, tuple[float, ...], float, int]] = []
    for old, where in zip(place.tolist(), cell.tolist(), strict=True):
        x0, y0, x1, y1 = (int(side) for side in pieces.boxes[old])
        region = pieces.labels[y0:y1, x0:x1]
        around = cells.labels[np.ix_(np.arange(y0, y1) // COARSE, np.arange(x0, x1) // COARSE)]
        moved = (region == pieces.numbers[old]) & (around == where + 1)
        if not moved.any():
            continue
        region[moved] = numbers + len(more)
        more.append((numbers + len(more), _box(moved, x0, y0), float(moved.sum()), where))
        left = region == pieces.numbers[old]
        if left.any():
            boxes[old], area[old] = _box(left, x0, y0), float(left.sum())
    parted = replace(
        pieces,
        numbers=np.concatenate([pieces.numbers, [entry[0] for entry in more]]).astype(np.int64),
        boxes=np.concatenate([boxes, np.array([entry[1] for entry in more]).reshape(-1, 4)]),
        area=np.concatenate([area, [entry[2] for entry in more]]),
    )
    return parted, np.concatenate([home, [entry[3] for entry in more]]).astype(np.int64)


def _box(flags: NDArray[np.bool_], x0: int, y0: int) -> tuple[float, ...]:
    """The box around flags, whose first column and row are `x0` and `y0`."""
    rows, columns = np.flatnonzero(flags.any(1)), np.flatnonzero(flags.any(0))
    return (x0 + columns[0], y0 + rows[0], x0 + columns[-1] + 1, y0 + rows[-1] + 1)
