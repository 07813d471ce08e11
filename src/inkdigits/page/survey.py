"""What a page holds, whichever way up it is: printed lines, pieces of ink. Knows no cells, numbers or files.

    grey ─► reduced ─► light evened ─► straightened ─► printed lines found ─► pieces of ink

All of it is found once, on the page as it comes; a survey is turned by quarters when the way up is known.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import cv2
import numpy as np
from numpy.typing import NDArray

from inkdigits.page.crops import Affine, centred, compose
from inkdigits.page.light import even_light, ink_mask, reduced
from inkdigits.page.orientation import level_of, lie_of, size_of
from inkdigits.page.pieces import Pieces, find_pieces
from inkdigits.page.rulings import find_rulings
from inkdigits.page.turning import turn, turned_boxes, turned_lines, turned_points
from inkdigits.page.wiping import Line

Grey = NDArray[np.uint8]


@dataclass(frozen=True)
class Survey:
    """What was found on the straightened copy of a page.

    Attributes:
        level: printed lines that run across.
        plumb: printed lines that run down.
        removed: `uint8 (h, w)`, 255 where the copy's ink was nothing but line.
        pieces: of the other ink.
        to_page: 2×3, points of the copy to points of the page, counted from pixels' corners.
        size: px of the copy, of most characters.
        skew: degrees by which lines fall to the right.
        across: evidence that lines of writing run across; negative when they run down.
    """

    level: tuple[Line, ...]
    plumb: tuple[Line, ...]
    removed: Grey
    pieces: Pieces
    to_page: Affine
    size: float
    skew: float
    across: float


def survey(grey: Grey) -> Survey:
    """Looks for printed lines and ink on a page.

    Args:
        grey: `uint8 (H, W)`, ink darker or brighter than paper.
    """
    work, factor = reduced(grey)
    contrast = even_light(work).contrast
    lie = lie_of(contrast)
    straight, to_copy = _straightened(contrast, lie.skew)
    rulings = find_rulings(straight, ink_mask(straight), lie.size)
    pieces = find_pieces(rulings, straight, lie.size)
    size = size_of(pieces.boxes, lie.size)
    across = level_of(pieces.boxes, size)
    found = rulings.level, rulings.plumb, rulings.removed, pieces
    return Survey(*found, to_copy * factor, size, lie.skew, across)


def turned(seen: Survey, degrees: int, shape: tuple[int, ...]) -> Survey:
    """The survey of the same page turned clockwise; its labels are its own, to be changed.

    Args:
        seen: of the page as it is.
        degrees: 0, 90, 180 or 270.
        shape: the page's height and width before it is turned.
    """
    copy = seen.removed.shape
    level, plumb = turned_lines(seen.level, seen.plumb, degrees, copy)
    boxes = turned_boxes(seen.pieces.boxes, degrees, copy)
    labels, removed = turn(seen.pieces.labels, degrees), turn(seen.removed, degrees)
    labels = labels.copy() if labels is seen.pieces.labels else labels
    to_page = compose(seen.to_page, turned_points(-degrees, removed.shape))
    return replace(
        seen,
        level=level,
        plumb=plumb,
        removed=removed,
        pieces=replace(seen.pieces, labels=labels, boxes=boxes),
        to_page=compose(turned_points(degrees, shape), to_page),
        across=seen.across if degrees % 180 == 0 else -seen.across,
    )


def _straightened(contrast: Grey, skew: float) -> tuple[Grey, Affine]:
    """A copy with level lines, and the affine from its points to those of the copy as it was."""
    height, width = contrast.shape
    if not skew:
        return contrast, np.eye(2, 3)
    c, s = np.cos(np.deg2rad(skew)), np.sin(np.deg2rad(skew))
    size = (int(np.ceil(width * c + height * abs(s))), int(np.ceil(height * c + width * abs(s))))
    back = np.array(
        [[c, -s], [s, c]]
    )  # what is level on the straightened copy falls to the right on the other
    offset = np.array([width, height]) / 2 - back @ np.array(size) / 2
    to_copy = np.column_stack([back, offset])
    level = cv2.warpAffine(contrast, centred(to_copy), size, flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP)
    return np.asarray(level, np.uint8), to_copy
