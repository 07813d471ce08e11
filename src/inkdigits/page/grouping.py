"""Pieces of ink to numbers: which belong together, and in which order people read them. Knows no pixels.

Pieces that stand close beside each other are one number; wide gaps and plumb lines part numbers. A box with
room for one character is a number of its own, a comb field is one number.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import cv2
import numpy as np
from numpy.typing import NDArray

from inkdigits.page.cells import Cells
from inkdigits.page.pieces import Pieces
from inkdigits.page.wiping import Line

GAP = 0.3  # of its height, to which each piece reaches out: gaps of 0.6 of the height part numbers
SPACED = 1.0  # of the height: single characters with no wider gaps between them are one number, too
COARSE = 2  # what belongs together is found on a copy smaller by this
LOWEST = 0.3  # of the writing's size: lower than that is a mark, no number
LOWEST_PX = 7.0
LARGE_COMMA = 0.65  # of the writing's size
LOWEST_IN_CELL = 0.28  # of the cell's height: what is lower is dust, or a note in its corner
FLATTEST = 0.1  # height to width: flatter things are strokes and dashes

Numbers = NDArray[np.float64]
Whole = NDArray[np.int64]
Flags = NDArray[np.bool_]


@dataclass(frozen=True)
class Group:
    """Pieces of ink that may be a number.

    Attributes:
        members: `int64`, places of its pieces in `Pieces`.
        box: x0, y0, x1, y1, px of the straightened page.
        slope: rows a column by which its ink falls to the right.
        grid: the grid of its cell, or -1.
        row: its cell's row, or -1.
        column: its cell's column, or -1.
    """

    members: Whole
    box: tuple[float, float, float, float]
    slope: float = 0.0
    grid: int = -1
    row: int = -1
    column: int = -1


def find_groups(
    pieces: Pieces, cells: Cells, cell: Whole, plumb: tuple[Line, ...], size: float
) -> list[Group]:
    """The numbers of a page, or what may be numbers, in reading order.

    Args:
        pieces: of ink.
        cells: between lines.
        cell: each piece's cell, or -1, of `parting.part`.
        plumb: lines that run down, which part numbers.
        size: px, of most characters.
    """
    if not len(pieces.numbers):
        return []
    together = _beside(pieces, plumb)
    together = _in_cells(together, cell, cells)
    together = _marks_joined(together, pieces, cell, size)
    together = _spaced_joined(together, pieces, cell, cells)
    groups = [_group(members, pieces, cell, cells) for members in _members(together)]
    return in_reading_order([group for group in groups if _may_be_number(group, pieces, cells, cell, size)])


def _beside(pieces: Pieces, plumb: tuple[Line, ...]) -> Whole:
    """A number a piece, the same for pieces that stand close beside each other.

    Each piece is drawn as a bar through its middle, longer than the piece; bars that touch belong together.
    """
    height, width = (-(-side // COARSE) for side in pieces.labels.shape)
    canvas = np.zeros((height, width), np.uint8)
    reach = GAP * pieces.height
    left, right = pieces.boxes[:, 0] - reach, pieces.boxes[:, 2] + reach
    top, bottom = pieces.boxes[:, 1] + 0.2 * pieces.height, pieces.boxes[:, 3] - 0.2 * pieces.height
    corners = np.round(np.stack([left, top, right, bottom], axis=1) / COARSE).astype(int)
    for x0, y0, x1, y1 in corners.tolist():
        cv2.rectangle(canvas, (x0, y0), (max(x0, x1 - 1), max(y0, y1 - 1)), 255, cv2.FILLED)
    for line in plumb:
        points = np.stack([line.course, np.arange(line.start, line.end)], axis=1) / COARSE
        cv2.polylines(canvas, [np.round(points).astype(np.int32).reshape(-1, 1, 2)], False, 0, 2)
    _, labels = cv2.connectedComponentsWithAlgorithm(canvas, 8, cv2.CV_32S, cv2.CCL_GRANA)
    x = np.clip(pieces.middle[:, 0] / COARSE, 0, width - 1).astype(np.intp)
    y = np.clip(pieces.middle[:, 1] / COARSE, 0, height - 1).astype(np.intp)
    found = labels[y, x].astype(np.int64)
    lost = found == 0  # its middle lies on a plumb line
    found[lost] = labels.max() + 1 + np.arange(int(lost.sum()))
    return found


def _in_cells(together: Whole, cell: Whole, cells: Cells) -> Whole:
    """All in a small box is one; all in a comb field is one; nothing crosses into another cell."""
    inside = cell >= 0
    whole_cell, whole_comb = inside.copy(), inside.copy()
    whole_cell[inside] = cells.small[cell[inside]] & ~cells.comb[cell[inside]]
    whole_comb[inside] = cells.comb[cell[inside]]
    grid = np.where(inside, cells.grid[cell] if len(cells.grid) else -1, -1)
    keys = np.stack([np.zeros_like(cell), cell, together], axis=1)
    keys[whole_cell] = np.stack([np.ones_like(cell), cell, np.zeros_like(cell)], axis=1)[whole_cell]
    keys[whole_comb] = np.stack([np.full_like(cell, 2), grid, np.zeros_like(cell)], axis=1)[whole_comb]
    _, result = np.unique(keys, axis=0, return_inverse=True)
    return result.reshape(-1).astype(np.int64)


def _marks_joined(together: Whole, pieces: Pieces, cell: Whole, size: float) -> Whole:
    """Points, commas and loose bars go to the number that they are nearest to."""
    boxes = _boxes_of(together, pieces)
    width, height = boxes[:, 2] - boxes[:, 0], boxes[:, 3] - boxes[:, 1]
    tall = height >= LOWEST * size
    # a comma may be as high as a small digit; but it begins in its number's lower half
    comma = tall & (height < LARGE_COMMA * size) & (width < 0.8 * height) & (np.bincount(together) == 1)
    tall &= ~comma
    lonely = np.flatnonzero(~tall[together])
    if not len(lonely) or not tall.any():
        return together
    canvas = np.zeros([-(-side // COARSE) for side in pieces.labels.shape], np.int32)
    for group in np.flatnonzero(tall)[np.argsort(-height[tall])].tolist():  # the smallest last, on top
        x0, y0, x1, y1 = boxes[group]
        reach = 0.35 * (y1 - y0)
        corners = np.round(np.array([x0 - reach, y0 - 0.5 * reach, x1 + reach, y1 + 0.5 * reach]) / COARSE)
        left, top, right, bottom = (int(corner) for corner in corners)
        canvas[max(0, top) : max(0, bottom), max(0, left) : max(0, right)] = group + 1
    x, y = ((pieces.middle[lonely, axis] / COARSE).astype(np.intp) for axis in (0, 1))
    host = canvas[np.clip(y, 0, canvas.shape[0] - 1), np.clip(x, 0, canvas.shape[1] - 1)].astype(np.int64) - 1
    first = np.full(len(boxes), -1, np.int64)
    first[together[::-1]] = cell[::-1]
    welcome = (host >= 0) & (first[host] == cell[lonely])
    low = pieces.boxes[lonely, 1] >= (boxes[host, 1] + boxes[host, 3]) / 2
    welcome &= low | ~comma[together[lonely]]
    result = together.copy()
    result[lonely[welcome]] = host[welcome]
    return result


def _spaced_joined(together: Whole, pieces: Pieces, cell: Whole, cells: Cells) -> Whole:
    """Single characters written wide apart, and all that stands beside each other in a cell, become one."""
    boxes = _boxes_of(together, pieces)
    groups = np.unique(together)
    single = np.bincount(together, minlength=len(boxes)) <= 2
    home = np.full(len(boxes), -1, np.int64)
    home[together] = cell
    target = np.arange(len(boxes))
    for row in _rows([tuple(boxes[group]) for group in groups]):
        for left, right in pairwise(row):
            one, other = groups[left], groups[right]
            height = min(boxes[one, 3] - boxes[one, 1], boxes[other, 3] - boxes[other, 1])
            alike = height > 0.5 * max(boxes[one, 3] - boxes[one, 1], boxes[other, 3] - boxes[other, 1])
            gap = boxes[other, 0] - boxes[one, 2]
            apart = home[one] != home[other] or not alike
            in_cell = home[one] >= 0 and cells.grid[home[one]] >= 0
            if not apart and gap <= SPACED * height and (in_cell or (single[one] and single[other])):
                target[other] = target[one]
    return target[together]


def _boxes_of(together: Whole, pieces: Pieces) -> Numbers:
    """`(groups, 4)`, the box around each group."""
    boxes = np.zeros((int(together.max()) + 1, 4))
    boxes[:, :2] = np.inf
    np.minimum.at(boxes[:, 0], together, pieces.boxes[:, 0])
    np.minimum.at(boxes[:, 1], together, pieces.boxes[:, 1])
    np.maximum.at(boxes[:, 2], together, pieces.boxes[:, 2])
    np.maximum.at(boxes[:, 3], together, pieces.boxes[:, 3])
    return boxes


def _members(together: Whole) -> list[Whole]:
    """The places of each group's pieces."""
    order = np.argsort(together, kind="stable")
    return np.split(order, np.flatnonzero(np.diff(together[order])) + 1)


def _group(members: Whole, pieces: Pieces, cell: Whole, cells: Cells) -> Group:
    """One group, with its cell and slope."""
    boxes = pieces.boxes[members]
    x0, y0 = boxes[:, :2].min(0)
    x1, y1 = boxes[:, 2:].max(0)
    largest = members[pieces.area[members].argmax()]
    home = int(cell[largest])
    box = (float(x0), float(y0), float(x1), float(y1))
    in_grid = home >= 0 and cells.grid[home] >= 0
    if not in_grid:
        return Group(members, box, _slope(boxes))
    grid, row, column = int(cells.grid[home]), int(cells.row[home]), int(cells.column[home])
    slope = 0.0 if cells.small[home] and not cells.comb[home] else _slope(boxes)
    return Group(members, box, slope, grid, row, -1 if cells.comb[home] else column)


def _slope(boxes: Numbers) -> float:
    """How much the middles of the larger pieces fall to the right; 0 for short groups."""
    height = boxes[:, 3] - boxes[:, 1]
    large = boxes[height > 0.6 * height.max()]
    x, y = (large[:, 0] + large[:, 2]) / 2, (large[:, 1] + large[:, 3]) / 2
    if len(large) < 3 or np.ptp(x) < 3 * height.max():
        return 0.0
    slope = float(np.polyfit(x, y, 1)[0])
    return slope if abs(slope) < 0.12 else 0.0


def _may_be_number(group: Group, pieces: Pieces, cells: Cells, cell: Whole, size: float) -> bool:
    """Not too low, not a stroke, and in a cell not a crumb."""
    _, y0, _, y1 = group.box
    height = y1 - y0
    if height < max(LOWEST_PX, LOWEST * size * 0.8):
        return False
    # each by itself: twenty digits in the boxes of a comb field are far flatter than a dash
    if (pieces.height[group.members] < FLATTEST * pieces.width[group.members]).all():
        return False
    if group.grid < 0 or group.column < 0:
        return True
    largest = group.members[pieces.area[group.members].argmax()]
    box = cells.boxes[cell[largest]]
    longest = np.maximum(pieces.width[group.members], pieces.height[group.members]).max()
    return bool(longest >= LOWEST_IN_CELL * min(box[3] - box[1], 3 * size))


def in_reading_order(groups: list[Group]) -> list[Group]:
    """Rows from top to bottom, each from left to right; the cells of a grid stay together, row by row."""
    in_grids: dict[int, list[Group]] = {}
    for group in groups:
        if group.grid >= 0 and group.column >= 0:
            in_grids.setdefault(group.grid, []).append(group)
    blocks = [
        sorted(members, key=lambda g: (g.row, g.column, g.box[1] // 8, g.box[0]))
        for members in in_grids.values()
    ]
    free = [group for group in groups if group.grid < 0 or group.column < 0]
    rows = [[free[i] for i in row] for row in _rows([group.box for group in free])]
    parts = [(min(g.box[1] for g in part), min(g.box[0] for g in part), part) for part in [*blocks, *rows]]
    parts.sort(key=lambda part: part[:2])
    return [group for _, _, part in parts for group in part]


def _rows(boxes: list[tuple[float, ...]]) -> list[list[int]]:
    """Places of boxes that stand beside each other, left to right, the highest row first."""
    middles = [(box[1] + box[3]) / 2 for box in boxes]
    rows: list[list[int]] = []
    level, height = 0.0, 0.0
    for i in sorted(range(len(boxes)), key=lambda i: middles[i]):
        own = boxes[i][3] - boxes[i][1]
        if rows and middles[i] - level < 0.5 * min(max(own, 0.5 * height), max(height, 0.5 * own)):
            rows[-1].append(i)
            count = len(rows[-1])
            level, height = level + (middles[i] - level) / count, height + (own - height) / count
        else:
            rows.append([i])
            level, height = middles[i], own
    return [sorted(row, key=lambda i: boxes[i][0]) for row in rows]
