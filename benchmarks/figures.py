"""Answers and truths to figures: character errors, boxes, calibration, cells. Knows no files, no engines."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

DIGITS = "0123456789"
Boxes = NDArray[np.float64]
Characters = Sequence[tuple[str, float, float]]


def only_digits(text: str) -> str:
    """0 to 9 of a text; other writing systems' digits don't count."""
    return "".join(character for character in text if character in DIGITS)


def edits(a: str, b: str) -> int:
    """Characters to put in, take out or change to make one of the other (Levenshtein 1966)."""
    row = list(range(len(b) + 1))
    for i, x in enumerate(a, start=1):
        before, row[0] = row[0], i
        for j, y in enumerate(b, start=1):
            before, row[j] = row[j], min(row[j] + 1, row[j - 1] + 1, before + (x != y))
    return row[-1]


def overlaps(found: Boxes, true: Boxes) -> NDArray[np.float64]:
    """Intersection over union of each of `(N, 4)` with each of `(M, 4)`: `(N, M)`."""
    a, b = found[:, None], true[None]
    sides = np.minimum(a[..., 2:], b[..., 2:]) - np.maximum(a[..., :2], b[..., :2])
    common = np.clip(sides, 0, None).prod(axis=-1)
    areas = (a[..., 2:] - a[..., :2]).prod(axis=-1) + (b[..., 2:] - b[..., :2]).prod(axis=-1)
    return np.asarray(common / (areas - common), np.float64)


def calibration_error(confidence: NDArray[np.float64], right: NDArray[np.bool_]) -> float:
    """Expected calibration error over 15 bins of equal width (Guo et al. 2017)."""
    bins = np.clip((confidence * 15).astype(int), 0, 14)
    gaps = [abs(confidence[bins == b].sum() - right[bins == b].sum()) for b in range(15)]
    return float(sum(gaps) / len(right))


def right_cells(
    found: Characters, cells: NDArray[np.int64], corners: NDArray[np.float32]
) -> NDArray[np.bool_]:
    """Which cells of a grid were read right: the digit that stands there and no other, or nothing if empty.

    Engines turn pages, or don't follow the camera's note on which way is up, so boxes may be on a page turned
    by quarters: the turn that makes most cells right counts.

    Args:
        found: digits and where they stand, as shares of the page.
        cells: `int (9, 9)`, 0 where empty.
        corners: `float32 (4, 2)`, shares of the upright page, clockwise from the top left of the text.

    Returns:
        `bool (9, 9)`.
    """
    turns = (_turned(found, quarters) for quarters in range(4))
    return max((_in_cells(turned, cells, corners) for turned in turns), key=np.count_nonzero)


def _turned(found: Characters, quarters: int) -> list[tuple[str, float, float]]:
    turned = list(found)
    for _ in range(quarters):
        turned = [(digit, 1 - y, x) for digit, x, y in turned]
    return turned


def _in_cells(found: Characters, cells: NDArray[np.int64], corners: NDArray[np.float32]) -> NDArray[np.bool_]:
    side = len(cells)
    square = np.array([[0, 0], [side, 0], [side, side], [0, side]], np.float32)
    to_grid = cv2.getPerspectiveTransform(corners, square)
    texts: dict[tuple[int, int], str] = defaultdict(str)
    for digit, x, y in found:
        column, row = cv2.perspectiveTransform(np.array([[[x, y]]], np.float32), to_grid)[0, 0]
        texts[int(np.floor(row)), int(np.floor(column))] += digit
    read = [[texts[row, column] for column in range(side)] for row in range(side)]
    return np.asarray(np.array(read) == np.where(cells == 0, "", cells.astype(str)), np.bool_)
