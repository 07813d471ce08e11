"""One number, or a page of them? Knows ink and its places; reads nothing.

On a picture of one number the ink is as tall as the number; on a page it is in small pieces. The height of
the middle piece of ink, by mass, tells them apart: on 400 amounts cut out of cheques it is a quarter of the
picture and more, on pages a twelfth and less.
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from inkdigits.glyph import find_ink
from inkdigits.page import find_lines

LOOKED_AT = 400  # px, the longer side of the copy that is looked at
PAGE = 0.15  # of the picture's height: lower ink is a page's
LARGE = 600  # px: a photo this high and wide may show a page on a dark table, which looks like tall ink
SQUARE = 2.0  # width by height; numbers are wider

Grey = NDArray[np.uint8]


def is_page(grey: Grey) -> bool:
    """Whether a picture shows several lines or cells, rather than one number.

    Args:
        grey: `uint8 (H, W)`.
    """
    height = ink_height(grey)
    if height is None:
        return False
    if height < PAGE:
        return True
    large = min(grey.shape) >= LARGE and grey.shape[1] < SQUARE * grey.shape[0]
    return large and any(line.cell is not None for line in find_lines(grey).lines)


def ink_height(grey: Grey) -> float | None:
    """Height of the middle piece of ink, by mass, as a share of the picture's; None without ink.

    Printed lines and frames don't count.
    """
    shrink = min(1.0, LOOKED_AT / max(grey.shape))
    small = np.asarray(cv2.resize(grey, None, fx=shrink, fy=shrink, interpolation=cv2.INTER_AREA), np.uint8)
    ink = find_ink(small) if min(small.shape) > 1 else None
    if ink is None:
        return None
    count, labels, stats, _ = cv2.connectedComponentsWithStats((ink > 0.4).astype(np.uint8), connectivity=8)
    mass = np.bincount(labels.ravel(), ink.ravel(), count)[1:]
    wide, tall = stats[1:, 2] / small.shape[1], stats[1:, 3] / small.shape[0]
    filled = stats[1:, 4] / np.maximum(stats[1:, 2] * stats[1:, 3], 1)
    level, plumb = (wide > 0.5) & (tall < 0.25), (tall > 0.5) & (wide < 0.08)
    frame = (wide > 0.5) & (tall > 0.4) & (filled < 0.15)
    kept = ~(level | plumb | frame)
    if not kept.any():
        return None
    order = np.argsort(tall[kept])
    share = np.cumsum(mass[kept][order])
    return float(tall[kept][order][np.searchsorted(share, share[-1] / 2)])
