"""Whether a picture shows one number, cut out, or a page of them. Knows the ink's size, reads nothing."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from inkdigits.page.light import even_light, ink_mask
from inkdigits.page.orientation import skew_of

SMALLEST_PAGE = 120  # px: less has no room for several lines that can be read
LONGEST_PAGE = 8  # times as long as wide: longer ones are strips
LOOK = 640  # px, the longer side of the copy that is looked at
STRONG = 0.5  # of the strongest ink's contrast: fainter is background
SPAN = 0.5  # of the picture's width or height: what spans more is a ruling, a frame or a grid
LOW = 0.25  # of the picture's height: ink in several rows is lower than that
SEVERAL = 1.6  # rows, if all held the same ink; a stray row beside a large one counts little
MANY = 60  # characters; a number has fewer
TINY = 0.07  # of the picture's height: a single number so small is looked for as on a page

Grey = NDArray[np.uint8]
Numbers = NDArray[np.float64]


def is_page(grey: Grey) -> bool:
    """Whether a picture is a page: several lines or columns of writing, or little ink on a large sheet.

    A cut-out number has one row of ink that fills much of its height, whatever is printed behind it.

    Args:
        grey: `uint8 (H, W)`.
    """
    height, width = grey.shape
    if min(height, width) < SMALLEST_PAGE or max(height, width) > LONGEST_PAGE * min(height, width):
        return False
    small = _reduced(grey)
    boxes, area, ink = _characters(small)
    if not len(boxes):
        return False
    tall = boxes[:, 3] - boxes[:, 1]
    usual = _median(tall, area)
    alike = (tall > 0.5 * usual) & (tall < 2 * usual)
    count, share = int(alike.sum()), float(area[alike].sum() / ink)
    rows = _rows(boxes[alike], area[alike], usual)
    # crumbs of a large number, or of what is printed behind it, are small, few, and little of the ink
    writing = share > 0.12 or (share > 0.05 and count >= 30 and usual >= 8)
    if writing and count >= MANY and usual < LOW / 5 * small.shape[0]:
        return True  # and if its lines run down, rows can't be told apart
    if len(rows) == 1:
        return bool(share > 0.5 and usual < TINY * small.shape[0] and width < 4 * height)
    several = 1 / float(rows @ rows) >= SEVERAL
    return bool(writing and several and usual < LOW * small.shape[0] and count >= 4)


def _reduced(grey: Grey) -> Grey:
    """A copy whose longer side is at most `LOOK`; first by a whole factor, which is much faster."""
    factor = max(1, max(grey.shape) // LOOK)
    if factor > 1:
        height, width = grey.shape[0] // factor, grey.shape[1] // factor
        whole = grey[: height * factor, : width * factor]
        grey = np.asarray(cv2.resize(whole, (width, height), interpolation=cv2.INTER_AREA), np.uint8)
    scale = LOOK / max(grey.shape)
    if scale >= 1:
        return grey
    size = (max(1, round(grey.shape[1] * scale)), max(1, round(grey.shape[0] * scale)))
    return np.asarray(cv2.resize(grey, size, interpolation=cv2.INTER_AREA), np.uint8)


def _characters(small: Grey) -> tuple[Numbers, Numbers, float]:
    """Boxes `(n, 4)` and areas `(n,)` of strong ink that may be characters, and the area of all."""
    contrast = even_light(small).contrast
    mask = ink_mask(contrast)
    inked = contrast[mask > 0]
    if not len(inked):
        return np.zeros((0, 4)), np.zeros(0), 0.0
    strong = ((contrast > STRONG * np.quantile(inked, 0.9)) & (mask > 0)).astype(np.uint8)
    _, _, stats, _ = cv2.connectedComponentsWithStatsWithAlgorithm(strong, 8, cv2.CV_32S, cv2.CCL_GRANA)
    x, y, width, height, area = (stats[1:, column].astype(np.float64) for column in range(5))
    rows, columns = small.shape
    cut = (x == 0) | (y == 0) | (x + width == columns) | (y + height == rows)
    spanning = (width > SPAN * columns) | ((height > SPAN * rows) & (width > 0.1 * columns))
    speck = (area < 4) | (np.maximum(width, height) < 3)
    kept = ~cut & ~spanning & ~speck & (width < 12 * height)
    return np.stack([x, y, x + width, y + height], axis=1)[kept], area[kept], float(area.sum())


def _median(values: Numbers, weights: Numbers) -> float:
    """The value that half of the weight stays under."""
    order = np.argsort(values)
    share = np.cumsum(weights[order])
    return float(values[order][np.searchsorted(share, share[-1] / 2)])


def _rows(boxes: Numbers, area: Numbers, usual: float) -> Numbers:
    """The share of ink in each row of characters, from top to bottom."""
    x, y = (boxes[:, 0] + boxes[:, 2]) / 2, (boxes[:, 1] + boxes[:, 3]) / 2
    if len(boxes) >= 20:  # fewer say nothing of a page's skew
        angle = np.deg2rad(skew_of(x, y))
        y = y * np.cos(angle) - x * np.sin(angle)
    order = np.argsort(y)
    begins = np.concatenate([[0], np.flatnonzero(np.diff(y[order]) > 0.6 * usual) + 1])
    shares: Numbers = np.add.reduceat(area[order], begins) / area.sum()
    return shares
