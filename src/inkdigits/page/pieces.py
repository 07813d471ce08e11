"""Connected pieces of ink: found, measured, and those left out that can be no part of a number.

Knows no lines of writing, cells or files. Everything here is linear in the page's pixels, whatever is on it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from inkdigits.page.rulings import Rulings

FAINT = 0.25  # of the contrast of most writing: fainter pieces are shadows and the paper's own pattern
MOST_PIECES = 30_000  # the largest are kept
SMALLEST = 0.09  # of the writing's size: a full stop
LARGEST = 8.0  # times the writing's size: higher pieces are drawings
WIDEST = 15.0  # times the writing's size: no hand writes so much without lifting the pen
SOLID = 0.5  # of the writing's size: no pen is so wide

Grey = NDArray[np.uint8]
Whole = NDArray[np.int64]
Numbers = NDArray[np.float64]
Flags = NDArray[np.bool_]


@dataclass(frozen=True)
class Pieces:
    """Pieces of ink that may be parts of numbers; n of them.

    Attributes:
        labels: `int32 (h, w)`, 0 paper, otherwise one more than the piece's place in `kept`'s numbering.
        numbers: `int64 (n,)`, each kept piece's label.
        boxes: `float64 (n, 4)`, x0, y0, x1, y1, px of the straightened page.
        area: `float64 (n,)`, px.
    """

    labels: NDArray[np.int32]
    numbers: Whole
    boxes: Numbers
    area: Numbers

    @property
    def width(self) -> Numbers:
        """`(n,)`, px."""
        return self.boxes[:, 2] - self.boxes[:, 0]

    @property
    def height(self) -> Numbers:
        """`(n,)`, px."""
        return self.boxes[:, 3] - self.boxes[:, 1]

    @property
    def middle(self) -> Numbers:
        """`(n, 2)`, x and y of the boxes' centres."""
        return (self.boxes[:, :2] + self.boxes[:, 2:]) / 2


def find_pieces(rulings: Rulings, contrast: Grey, size: float) -> Pieces:
    """The pieces of ink on a page.

    Args:
        rulings: its printed lines, and its ink without them.
        contrast: `uint8 (h, w)`, of `light.even_light`.
        size: px, of most characters.
    """
    ink = rulings.ink
    _, labels, stats, _ = cv2.connectedComponentsWithStatsWithAlgorithm(ink, 8, cv2.CV_32S, cv2.CCL_GRANA)
    x, y, width, height, area = (stats[:, column].astype(np.float64) for column in range(5))
    longer, shorter = np.maximum(width, height), np.minimum(width, height)
    kept = (longer >= max(3.0, SMALLEST * size)) & (area >= max(5.0, 0.4 * (SMALLEST * size) ** 2))
    kept &= (height <= LARGEST * size) & (width <= WIDEST * size)
    kept &= ~((area > 0.9 * width * height) & (shorter > 0.45 * longer) & (shorter > 0.3 * size))  # a block
    kept[0] = False
    inked = np.flatnonzero(ink)
    label = labels.ravel()[inked]
    # mostly the edge of a line that was taken out
    edge = cv2.dilate(rulings.removed, np.ones((5, 5), np.uint8)).ravel()[inked] > 0
    kept &= ~((_summed(label, edge, len(area)) > 0.55 * area) & (shorter < 0.15 * size + 2))
    kept &= _summed(label, _solid(ink, size).ravel()[inked], len(area)) == 0
    strength = _summed(label, contrast.ravel()[inked], len(area)) / np.maximum(area, 1)
    kept &= strength >= FAINT * _typical(strength, area, kept & (longer > 0.5 * size) & (longer < 2 * size))
    numbers = np.flatnonzero(kept)
    if len(numbers) > MOST_PIECES:
        numbers = np.sort(numbers[np.argsort(-area[numbers], kind="stable")[:MOST_PIECES]])
    boxes = np.stack([x, y, x + width, y + height], axis=1)[numbers]
    return Pieces(np.asarray(labels, np.int32), numbers, boxes, area[numbers])


def _summed(label: NDArray[Any], values: NDArray[Any], count: int) -> Numbers:
    """The sum of the values of each label's pixels."""
    return np.bincount(label, weights=values, minlength=count).astype(np.float64)


def _solid(ink: Grey, size: float) -> Grey:
    """Where ink covers areas that no pen draws, a little inside of them."""
    side = max(7, round(SOLID * size))
    return np.asarray(cv2.erode(ink, np.ones((side, side), np.uint8), borderValue=0), np.uint8)


def _typical(strength: Numbers, area: Numbers, writing: Flags) -> float:
    """The contrast of most ink, by area; 0 when there is no writing."""
    if not writing.any():
        return 0.0
    order = np.argsort(strength[writing])
    share = np.cumsum(area[writing][order])
    return float(strength[writing][order][np.searchsorted(share, share[-1] / 2)])
