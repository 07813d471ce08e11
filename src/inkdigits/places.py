"""Where digits stand: boxes from the strip to the page, drawn in on the ink. Knows arrays only.

strip px ─► tightened on the strip's ink ─► px of the cut-out line ─► px of the upright page
"""

from __future__ import annotations

from collections.abc import Sequence
from math import inf

import cv2
import numpy as np
from numpy.typing import NDArray

from inkdigits.results import Box
from inkdigits.strip import PAPER, Strip

INK = PAPER + 80  # grey level; full ink is at 240, the soft edge of a stroke counts from two fifths on
REACH = 2  # strip px beyond the network's box that its digit may extend
SPECK = 4  # strip px; smaller pieces don't widen a box

Boxes = NDArray[np.float64]


def tightened(strip: NDArray[np.uint8], boxes: Boxes) -> Boxes:
    """Boxes drawn in, or out by a little, to the ink that they hold.

    A box may grow by `REACH` as far as pieces of ink that begin inside it go, and never beyond the middle of
    its neighbour. Where it holds no ink, it stays as it is.

    Args:
        strip: `uint8 (32, W)`.
        boxes: `(N, 4)`, x0, y0, x1, y1 in strip px, from left to right.

    Returns:
        `(N, 4)` in strip px.
    """
    solid = (strip > INK).astype(np.uint8)
    middles = ((boxes[:, 0] + boxes[:, 2]) / 2).tolist()
    limits = zip([-inf, *middles], [*middles[1:], inf], strict=False)
    found = [_around_ink(solid, *both) for both in zip(boxes.tolist(), limits, strict=False)]
    return np.array(found, np.float64).reshape(-1, 4)


def _around_ink(
    solid: NDArray[np.uint8], box: Sequence[float], limits: tuple[float, float]
) -> Sequence[float]:
    """The box of all pieces of ink near a box that reach into it; without arrays, which cost more."""
    height, width = solid.shape
    left, top = round(max(box[0] - REACH, limits[0], 0)), round(max(box[1] - REACH, 0))
    right, bottom = round(min(box[2] + REACH, limits[1], width)), round(min(box[3] + REACH, height))
    if right <= left or bottom <= top:
        return box
    window = np.ascontiguousarray(solid[top:bottom, left:right])
    held = []
    for x, y, wide, high, area in cv2.connectedComponentsWithStats(window)[2].tolist()[1:]:  # first the paper
        x0, y0, x1, y1 = x + left, y + top, x + left + wide, y + top + high
        if area >= SPECK and x0 < box[2] and x1 > box[0] and y0 < box[3] and y1 > box[1]:
            held.append((x0, y0, x1, y1))
    if not held:
        return box
    lefts, tops, rights, bottoms = zip(*held, strict=True)
    return min(lefts), min(tops), max(rights), max(bottoms)


def in_picture(boxes: Boxes, strip: Strip) -> Boxes:
    """Boxes from strip px to px of the picture that the strip was made of; both `(N, 4)`."""
    return boxes * (strip.x_scale, strip.y_scale, strip.x_scale, strip.y_scale) + (0, strip.top, 0, strip.top)


def on_page(boxes: Boxes, to_page: NDArray[np.float64]) -> Boxes:
    """The upright boxes around boxes that an affine map moves.

    Args:
        boxes: `(N, 4)`, px of a cut-out line.
        to_page: `(2, 3)`, from these px to those of the page.

    Returns:
        `(N, 4)`, px of the page.
    """
    corners = boxes[:, [0, 1, 2, 1, 0, 3, 2, 3]].reshape(-1, 4, 2)
    moved = corners @ to_page[:, :2].T + to_page[:, 2]
    return np.concatenate([moved.min(1), moved.max(1)], axis=1)


def around(boxes: Boxes) -> Boxes:
    """The one box around all, `(4,)`; of `(N, 4)` with N at least 1."""
    return np.concatenate([boxes[:, :2].min(0), boxes[:, 2:].max(0)])


def as_box(sides: Boxes, width: int, height: int) -> Box:
    """Four numbers as a result's box, within a page of this size, at least one pixel wide and high."""
    x0, y0, x1, y1 = (float(side) for side in sides)
    x0, y0 = min(max(x0, 0.0), width - 1.0), min(max(y0, 0.0), height - 1.0)
    return x0, y0, min(max(x1, x0 + 1), float(width)), min(max(y1, y0 + 1), float(height))
