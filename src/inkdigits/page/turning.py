"""Quarter turns, clockwise, of pictures and of what was found in them. Knows no ink and no pages."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from inkdigits.page.wiping import Line

Numbers = NDArray[np.float64]
Lines = tuple[Line, ...]


def turn(picture: NDArray[Any], degrees: int) -> NDArray[Any]:
    """A picture turned clockwise by 0, 90, 180 or 270 degrees; itself for 0."""
    return np.ascontiguousarray(np.rot90(picture, -degrees // 90)) if degrees else picture


def turned_points(degrees: int, shape: tuple[int, ...]) -> Numbers:
    """2×3, where points of a picture of `shape` go when it is turned; from pixels' corners."""
    height, width = shape[:2]
    places = {
        0: [[1, 0, 0], [0, 1, 0]],
        90: [[0, -1, height], [1, 0, 0]],
        180: [[-1, 0, width], [0, -1, height]],
        270: [[0, 1, 0], [-1, 0, width]],
    }
    return np.array(places[degrees % 360], np.float64)


def turned_boxes(boxes: Numbers, degrees: int, shape: tuple[int, ...]) -> Numbers:
    """Boxes `(n, 4)`, x0, y0, x1, y1, in a picture of `shape`, turned with it."""
    places = turned_points(degrees, shape)
    corners = boxes.reshape(-1, 2, 2) @ places[:, :2].T + places[:, 2]
    return np.concatenate([corners.min(1), corners.max(1)], axis=1)


def turned_lines(level: Lines, plumb: Lines, degrees: int, shape: tuple[int, ...]) -> tuple[Lines, Lines]:
    """Lines across and down in a picture of `shape`, turned with it: which then run across, and down."""
    height, width = shape[:2]
    for _ in range(degrees // 90 % 4):
        # pixel (column, row) goes to (height - 1 - row, column)
        down = tuple(Line(line.start, height - 1 - line.course, line.thickness) for line in level)
        across = tuple(Line(height - line.end, line.course[::-1], line.thickness) for line in plumb)
        level, plumb, height, width = across, down, width, height
    return level, plumb
