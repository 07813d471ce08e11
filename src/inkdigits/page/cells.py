"""Cells that printed lines enclose: tables, grids of boxes, comb fields. Knows no ink and no files."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from inkdigits.page.wiping import Line

MOST_CELLS = 4000  # the largest are kept
SMALL = 2.4  # times the writing's size: a box no wider and higher holds one character
APART = 0.85  # of a box's width: boxes of one comb field may stand so far apart
COARSE = 2  # cells are found on a copy smaller by this

Numbers = NDArray[np.float64]
Labels = NDArray[np.int32]


@dataclass(frozen=True)
class Cells:
    """The cells of a page; n of them.

    Attributes:
        labels: `int32`, smaller than the page by `COARSE`: 0 outside, else one more than the cell's index.
        boxes: `float64 (n, 4)`, x0, y0, x1, y1, px of the straightened page.
        grid: `int64 (n,)`, which grid each belongs to; -1 for a single frame.
        row: `int64 (n,)`, its row in the grid, from 0.
        column: `int64 (n,)`, its column in the grid, from 0.
        comb: `bool (n,)`, whether its grid is a comb field: one row of boxes for a character each.
        small: `bool (n,)`, whether it has room for one character only.
    """

    labels: Labels
    boxes: Numbers
    grid: NDArray[np.int64]
    row: NDArray[np.int64]
    column: NDArray[np.int64]
    comb: NDArray[np.bool_]
    small: NDArray[np.bool_]


def find_cells(
    level: tuple[Line, ...], plumb: tuple[Line, ...], shape: tuple[int, int], size: float
) -> Cells:
    """The cells between lines.

    Args:
        level: lines that run across.
        plumb: lines that run down.
        shape: height and width of the straightened page, px.
        size: px, of most characters.
    """
    labels, boxes = _enclosed(_drawn(level, plumb, shape, 0.5 * size), size)
    neighbours = _neighbours(labels, boxes)
    grid, row, column = _placed(neighbours, boxes)
    width, height = boxes[:, 2] - boxes[:, 0], boxes[:, 3] - boxes[:, 1]
    small = (width <= SMALL * size) & (height <= SMALL * size)
    comb = np.zeros(len(boxes), dtype=bool)
    for number in range(grid.max(initial=-1) + 1):
        members = np.flatnonzero(grid == number)
        one_row = not row[members].any()
        comb[members] = one_row and bool(np.median(width[members]) <= 1.5 * np.median(height[members]))
    return Cells(labels, boxes, grid, row, column, comb, small)


def _drawn(
    level: tuple[Line, ...], plumb: tuple[Line, ...], shape: tuple[int, int], near: float
) -> NDArray[np.uint8]:
    """`uint8`, 255 paper, 0 lines, drawn thick and on to a `near` line, so that corners close."""
    canvas = np.full((-(-shape[0] // COARSE), -(-shape[1] // COARSE)), 255, np.uint8)
    for lines, others, down in ((level, plumb, False), (plumb, level, True)):
        for line in lines:
            before, after = _gaps(line, others, near)
            along = np.arange(line.start, line.end, dtype=np.float64)
            along = np.concatenate([[along[0] - before], along, [along[-1] + after]])
            across = np.concatenate([line.course[:1], line.course, line.course[-1:]])
            points = np.stack([across, along] if down else [along, across], axis=1) / COARSE
            thickness = max(2, round(line.thickness / COARSE))
            cv2.polylines(canvas, [np.round(points).astype(np.int32).reshape(-1, 1, 2)], False, 0, thickness)
    return canvas


def _gaps(line: Line, others: tuple[Line, ...], near: float) -> tuple[float, float]:
    """How far before its first and after its last pixel a line meets the next one of the other direction."""
    least = 3 + line.thickness / 2
    gaps = []
    for place, row, sign in ((line.start, line.course[0], -1), (line.end - 1, line.course[-1], 1)):
        beyond = [
            (other.at(row) - place) * sign + 1 for other in others if other.start - 4 <= row <= other.end + 4
        ]
        gaps.append(min((gap for gap in beyond if least < gap <= near), default=least))
    return gaps[0], gaps[1]


def _enclosed(canvas: NDArray[np.uint8], size: float) -> tuple[Labels, Numbers]:
    """Regions of paper that lines enclose, of the shape and size of cells."""
    drawn, nested = cv2.findContours(canvas, cv2.RETR_CCOMP, cv2.CHAIN_APPROX_SIMPLE)
    outlines = tuple(np.asarray(outline, np.int32) for outline in drawn)
    tree = np.asarray(nested, np.int32).reshape(-1, 4) if outlines else np.zeros((0, 4), np.int32)
    labels = np.zeros(canvas.shape, np.int32)
    found = []
    for index, outline in enumerate(outlines):
        x, y, w, h = cv2.boundingRect(outline)
        on_edge = x == 0 or y == 0 or x + w == canvas.shape[1] or y + h == canvas.shape[0]
        outer = tree[index][3] < 0
        if outer and not on_edge and min(w, h) * COARSE >= 0.5 * size:
            area = cv2.contourArea(outline)
            if area >= 0.72 * w * h and not _holds_boxes(index, outlines, tree, area):
                found.append((area, outline, (x, y, x + w, y + h)))
    found.sort(key=lambda cell: -cell[0])
    boxes = np.zeros((min(len(found), MOST_CELLS), 4))
    for number, (_, outline, box) in enumerate(found[:MOST_CELLS]):
        cv2.drawContours(labels, [outline], -1, number + 1, cv2.FILLED)
        boxes[number] = np.array(box, np.float64) * COARSE
    return labels, boxes


def _holds_boxes(index: int, outlines: tuple[NDArray[np.int32], ...], tree: Labels, area: float) -> bool:
    """Whether a region is the frame around other boxes: these are holes in it."""
    child, inside = int(tree[index][2]), 0.0
    while child >= 0:
        inside += cv2.contourArea(outlines[child])
        child = int(tree[child][0])
    return inside > 0.15 * area


def _neighbours(labels: Labels, boxes: Numbers) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """For each cell, the one to its right and the one below; -1 for none."""
    right, below = np.full(len(boxes), -1, np.int64), np.full(len(boxes), -1, np.int64)
    if not len(boxes):
        return right, below
    width, height = boxes[:, 2] - boxes[:, 0], boxes[:, 3] - boxes[:, 1]
    middle = (boxes[:, :2] + boxes[:, 2:]) / 2
    for step in np.linspace(0.02, 1, 24):
        for found, x, y in (
            (right, boxes[:, 2] + 2 + step * np.minimum(APART * width, 60), middle[:, 1]),
            (below, middle[:, 0], boxes[:, 3] + 2 + step * np.minimum(0.25 * height, 24)),
        ):
            inside = (x < labels.shape[1] * COARSE) & (y < labels.shape[0] * COARSE)
            column = np.clip((x / COARSE).astype(np.intp), 0, labels.shape[1] - 1)
            row = np.clip((y / COARSE).astype(np.intp), 0, labels.shape[0] - 1)
            there = labels[row, column].astype(np.int64) - 1
            fresh = (found < 0) & inside & (there >= 0) & (there != np.arange(len(boxes)))
            found[fresh] = there[fresh]
    # neighbours in a row are about as high as each other, those in a column as wide: captions and frames
    # around a table are none of it
    for found, side in ((right, height), (below, width)):
        ratio = np.where(found >= 0, side[found] / side, 1.0)
        found[(ratio < 0.45) | (ratio > 2.2)] = -1
    return right, below


def _placed(
    neighbours: tuple[NDArray[np.int64], NDArray[np.int64]], boxes: Numbers
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
    """Grid, row and column of each cell, by walking from neighbour to neighbour."""
    count = len(boxes)
    links: list[list[tuple[int, int, int]]] = [[] for _ in range(count)]
    for found, axis in zip(neighbours, (0, 1), strict=True):
        for cell in np.flatnonzero(found >= 0).tolist():
            other = int(found[cell])
            down, across = (0, 1) if axis == 0 else (1, 0)
            links[cell].append((other, down, across))
            links[other].append((cell, -down, -across))
    grid, row, column = (np.full(count, -1, np.int64) for _ in range(3))
    number = 0
    for first in range(count):
        if grid[first] >= 0 or not links[first]:
            continue
        members = np.array(_walked(first, links))
        grid[members] = number
        row[members], column[members] = _steps(members, links, boxes)
        number += 1
    return grid, row, column


def _steps(
    members: NDArray[np.int64], links: list[list[tuple[int, int, int]]], boxes: Numbers
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Row and column of each cell of one grid, from 0.

    A cell as wide as several others counts for as many columns, if most are equally wide; the same for rows.
    """
    sides = np.stack([boxes[:, 3] - boxes[:, 1], boxes[:, 2] - boxes[:, 0]], axis=1)
    usual = np.median(sides[members], axis=0)
    equal = (np.abs(sides[members] / usual - 1) < 0.25).mean(0) > 0.6
    spans = np.where(equal, np.maximum(1, np.round(sides / usual)), 1).astype(np.int64)
    plain = (spans == 1).all(1)
    first = int(members[np.argmax(plain[members])])
    places = {first: (0, 0)}
    waiting = deque([first])
    while waiting:
        cell = waiting.popleft()
        row, column = places[cell]
        for other, down, across in links[cell]:
            if other not in places:
                # to the right it is as far as this cell is wide, to the left as far as the other one is
                rows = down * int(spans[cell if down > 0 else other, 0])
                columns = across * int(spans[cell if across > 0 else other, 1])
                places[other] = (row + rows, column + columns)
                # whoever is as large as most is asked first: what counts double is easily counted wrong
                waiting.appendleft(other) if plain[other] else waiting.append(other)
    found = np.array([places[cell] for cell in members.tolist()])
    found -= found.min(0)
    return found[:, 0], found[:, 1]


def _walked(first: int, links: list[list[tuple[int, int, int]]]) -> list[int]:
    """Every cell that can be reached from the first."""
    seen, waiting = {first}, [first]
    while waiting:
        for other, _, _ in links[waiting.pop()]:
            if other not in seen:
                seen.add(other)
                waiting.append(other)
    return sorted(seen)
