"""How a page lies: its skew, and whether its lines run across or down. Knows no rulings, crops or files.

Angles are degrees; positive ones turn the page clockwise: a page of skew 5 has lines that fall to the right.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from inkdigits.page.light import ink_mask

MOST_SKEW = 17.0  # degrees looked at on either side; 15 are promised
STEP = 0.5  # degrees, then refined to a tenth
SAMPLE = 8_000  # pixels of ink that are projected
USUAL_SIZE = 30.0  # px of the working page, where too few pieces of ink tell the size of the writing

Grey = NDArray[np.uint8]
Numbers = NDArray[np.float64]
Flags = NDArray[np.bool_]


@dataclass(frozen=True)
class Lie:
    """How the ink on a page lies.

    Attributes:
        skew: degrees by which lines fall to the right or, on a page lying sideways, its columns lean.
        size: px of the working page; the longer side of most characters.
        level: a first guess at what `level_of` will say, from ink that stands free of printed lines.
    """

    skew: float
    size: float
    level: float


def lie_of(contrast: Grey) -> Lie:
    """The skew of a page, whichever way up it is, and the size of its writing.

    Args:
        contrast: `uint8 (h, w)`, of `light.even_light`.
    """
    shrink = 2 if min(contrast.shape) >= 200 else 1  # half the pixels a side tell as much, four times as fast
    small = contrast[: contrast.shape[0] // shrink * shrink, : contrast.shape[1] // shrink * shrink]
    size = (max(1, small.shape[1] // shrink), max(1, small.shape[0] // shrink))
    mask = ink_mask(np.asarray(cv2.resize(small, size, interpolation=cv2.INTER_AREA), np.uint8))
    lie = _lie_in(mask)
    return replace(lie, size=max(8.0, lie.size * shrink) if lie.size else USUAL_SIZE)


def _lie_in(mask: Grey) -> Lie:
    """As `lie_of`; a size of 0 is unknown."""
    _, labels, boxes, _ = cv2.connectedComponentsWithStatsWithAlgorithm(mask, 8, cv2.CV_32S, cv2.CCL_GRANA)
    width, height, area = (boxes[:, column].astype(np.float64) for column in (2, 3, 4))
    longer, shorter = np.maximum(width, height), np.minimum(width, height)
    told = (area <= 0.65 * width * height + 6) & (longer >= 5)  # neither solid areas nor specks tell of lines
    told[0] = False
    writing = told & (longer <= max(60, 0.12 * max(mask.shape))) & (longer < 6 * shorter)
    size = float(np.quantile(longer[writing], 0.65)) if writing.sum() >= 3 else 0.0
    corners = np.stack([boxes[:, 0], boxes[:, 1], boxes[:, 0] + width, boxes[:, 1] + height], axis=1)
    return Lie(
        skew_of(*_points(told, np.asarray(labels, np.int32))),
        size,
        level_of(corners[writing], size) if size else 0.0,
    )


def level_of(boxes: Numbers, size: float) -> float:
    """Evidence that lines of writing run across; negative when they run down.

    Characters are higher than wide, and their middles share rows more than columns. Beyond 2 either way the
    answer is hardly ever wrong; near 0 it says nothing, as on a page with three zeros.

    Args:
        boxes: `float64 (n, 4)`, x0, y0, x1, y1 of pieces of ink, printed lines left out.
        size: px, of most characters.
    """
    width, height = boxes[:, 2] - boxes[:, 0], boxes[:, 3] - boxes[:, 1]
    longer = np.maximum(width, height)
    slim = np.log(height / width)
    # neither specks, strokes, words nor drawings
    characters = (longer > 0.4 * size) & (longer < 2 * size) & (np.abs(slim) < 1.2)
    if characters.sum() < 3:
        return 0.0
    slim, chosen = slim[characters], boxes[characters]
    aspect = float(slim.mean() / (slim.std() / np.sqrt(len(slim)) + 0.03))
    x, y = (chosen[:, 0] + chosen[:, 2]) / 2, (chosen[:, 1] + chosen[:, 3]) / 2
    return 0.5 * aspect + 2 * float(np.log(_shared(y, 0.3 * size) / _shared(x, 0.3 * size)))


def size_of(boxes: Numbers, size: float) -> float:
    """The size of the writing, once printed lines are out of the way: they hide it where they touch it.

    Args:
        boxes: `float64 (n, 4)`, x0, y0, x1, y1 of pieces of ink.
        size: px, what it was taken for.
    """
    width, height = boxes[:, 2] - boxes[:, 0], boxes[:, 3] - boxes[:, 1]
    longer, slim = np.maximum(width, height), np.abs(np.log(height / width))
    single = (longer > 0.25 * size) & (longer < 2.5 * size) & (slim > 0.1) & (slim < 1.5)
    return float(np.quantile(longer[single], 0.75)) if single.sum() >= 3 else size


def _shared(places: Numbers, width: float) -> float:
    """How much oftener places share a strip of `width` than if spread evenly; 1 if not at all."""
    strips = ((places - places.min()) / width).astype(np.intp)
    counts = np.bincount(strips).astype(np.float64)
    count = len(places)
    return float(counts @ counts) / (count + count * (count - 1) / len(counts))


def _points(chosen: Flags, labels: NDArray[np.int32]) -> tuple[Numbers, Numbers]:
    """Columns and rows of ink of the chosen pieces, at most `SAMPLE` of them."""
    found: Any = cv2.findNonZero(np.where(chosen, 255, 0).astype(np.uint8)[labels])
    if found is None:
        return np.zeros(0), np.zeros(0)
    points = found.reshape(-1, 2)[:: max(1, len(found) // SAMPLE)].astype(np.float64)
    return points[:, 0], points[:, 1]


def skew_of(x: Numbers, y: Numbers) -> float:
    """Degrees by which lines of points are tilted from level or plumb, whichever shows more clearly.

    At the right angle, projected points pile up: the sum of squares of their histogram is largest
    (Postl 1986, "Detection of linear oblique structures and skew scan in digitized documents").

    Args:
        x: columns of points of ink.
        y: their rows.
    """
    if len(x) < 20:
        return 0.0
    coarse = np.arange(-MOST_SKEW, MOST_SKEW + STEP / 2, STEP)
    best, clearest = 0.0, 1.1  # less clear than that is no line
    for along, across in ((x, y), (-y, x)):
        piles = piled(along, across, coarse)
        clearness = float(piles.max() / np.median(piles))
        if clearness > clearest:
            fine = coarse[piles.argmax()] + np.arange(-STEP, STEP + 0.05, 0.1)
            best, clearest = float(fine[piled(along, across, fine).argmax()]), clearness
    return best if abs(best) >= 0.25 else 0.0


def piled(along: Numbers, across: Numbers, angles: Numbers) -> Numbers:
    """For each angle, how much points pile up in lines that run at that angle.

    Args:
        along: the points' places in the direction of the lines.
        across: their places at right angles to it.
        angles: degrees.
    """
    result = np.empty(len(angles))
    for i, angle in enumerate(np.deg2rad(angles)):
        place = across * np.cos(angle) - along * np.sin(angle)
        counts = np.bincount((place - place.min()).astype(np.intp)).astype(np.float64)
        result[i] = counts @ counts
    return result
