"""The 28×28 contract: `uint8 (N, 28, 28)`, ink bright on 0, longest side 20 px, centre of mass in the middle.

Training and runtime share this file, so a drawn, photographed or scanned digit reaches the network as
MNIST's own did (LeCun et al. 1998, section III.A). Knows nothing of files, pages or networks.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

SIDE = 28  # px, the glyph
FIT = 20  # px, the longest side of the ink inside it
WORKING_SIDE = 320  # px; larger pictures are reduced first: a digit needs no more, and time stays bounded
FAINTEST = 9.0  # grey levels between ink and paper; less is a blank picture
THINNEST = 1.8  # px in the glyph: thinner pens are thickened, MNIST's have 2 to 4
SPECK = 0.05  # of the largest piece of ink; smaller pieces are dust

Grey = NDArray[np.uint8]
Ink = NDArray[np.float32]


@dataclass(frozen=True)
class Steps:
    """How a picture became a glyph, for those who want to see it.

    Attributes:
        ink: `float32 (H, W)`, 0 paper to 1 ink, light and polarity evened out.
        mask: `bool (H, W)`, what was taken for the digit.
        glyph: `uint8 (28, 28)`.
    """

    ink: Ink
    mask: NDArray[np.bool_]
    glyph: Grey


def glyph_from_grey(grey: Grey) -> Grey | None:
    """One digit in a picture to its glyph.

    Args:
        grey: `uint8 (H, W)`, dark on light or light on dark, of any size, with margin or none.

    Returns:
        `uint8 (28, 28)`, or None when the picture is blank. A glyph comes back as it is.
    """
    if is_glyph(grey):
        return grey.copy()
    steps = steps_from_grey(grey)
    return None if steps is None else steps.glyph


def steps_from_grey(grey: Grey) -> Steps | None:
    """As `glyph_from_grey`, with what lies between; None when the picture is blank."""
    ink = find_ink(_reduced(grey))
    if ink is None:
        return None
    mask = digit_mask(ink)
    if not mask.any():
        return None
    return Steps(ink, mask, normalise_ink(np.where(mask, ink, np.float32(0))))


def is_glyph(grey: Grey) -> bool:
    """Whether a picture keeps the contract already, as MNIST's images do."""
    if grey.shape != (SIDE, SIDE) or grey[0].any() or grey[-1].any() or grey[:, 0].any() or grey[:, -1].any():
        return False
    rows, columns = np.flatnonzero(grey.any(1)), np.flatnonzero(grey.any(0))
    if not len(rows) or max(np.ptp(rows), np.ptp(columns)) + 1 != FIT:
        return False
    return all(abs(middle - SIDE / 2) <= 1 for middle in _centre_of_mass(grey.astype(np.float32)))


def find_ink(grey: Grey) -> Ink | None:
    """Ink from 0 to 1 on 0, whatever the light and the polarity; None when nothing stands out.

    Args:
        grey: `uint8 (H, W)`.
    """
    picture = grey.astype(np.float32)
    if _paper_is_bright(grey):
        picture = 255 - picture
    difference = np.maximum(picture - _paper(picture), 0)
    strength = _strength(difference)
    # noise of the paper: what half of its pixels stay under, by the median of the fainter part
    noise = float(np.median(difference[difference <= strength / 2])) if strength else 0.0
    if strength < max(FAINTEST, 3 * noise):
        return None
    floor = max(min(3 * noise, 0.4 * strength), 0.08 * strength)
    ink: Ink = np.clip((difference - floor) / (strength - floor), 0, 1).astype(np.float32)
    return ink


def digit_mask(ink: Ink) -> NDArray[np.bool_]:
    """Where the digit is: rulings and dust left out, and neighbours that are cut off by the frame.

    Args:
        ink: `float32 (H, W)`, 0 to 1.

    Returns:
        `bool (H, W)`, one pixel wider than the ink, so that soft edges stay.
    """
    solid = (_without_rulings(ink) > 0.25).astype(np.uint8)
    # broken ink belongs together: gaps up to a fiftieth of the picture are bridged, for counting pieces only
    reach = 1 + 2 * (max(ink.shape) // 100)
    bridged = cv2.morphologyEx(solid, cv2.MORPH_CLOSE, np.ones((reach, reach), np.uint8))
    count, labels, boxes, _ = cv2.connectedComponentsWithStats(bridged, connectivity=8)
    if count < 2:
        return np.zeros(ink.shape, dtype=bool)
    mass = np.bincount(labels.ravel(), weights=ink.ravel(), minlength=count)
    mass[0] = 0
    for piece in range(1, count):
        if _frames_others(labels, piece, boxes[piece]):
            mass[piece] = 0
    if not mass.any():
        return np.zeros(ink.shape, dtype=bool)
    centred = np.array([mass[i] * _centredness(boxes[i], ink.shape) for i in range(count)])
    main = int(centred.argmax())
    keep = [i for i in range(1, count) if i == main or _belongs(i, main, mass, boxes, ink.shape)]
    kept = np.isin(labels, keep).astype(np.uint8)
    return cv2.dilate(kept, np.ones((3, 3), np.uint8)).astype(bool)


def normalise_ink(ink: NDArray[Any]) -> Grey:
    """Ink to a glyph: cropped, longest side 20 px, pens thickened to a least width, centred by mass.

    Args:
        ink: `(h, w)`, any scale, bright ink on exactly 0.

    Returns:
        `uint8 (28, 28)`; all 0 when there is no ink.
    """
    rows, columns = np.flatnonzero(ink.any(1)), np.flatnonzero(ink.any(0))
    glyph = np.zeros((SIDE, SIDE), np.uint8)
    if not len(rows):
        return glyph
    cropped = ink[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1].astype(np.float32)
    fitted = _fit(cropped / cropped.max())
    # full black where the pen was full: area averaging leaves thin strokes grey
    fitted = np.clip(fitted / max(float(np.percentile(fitted[fitted > 0.1], 90)), 0.2), 0, 1)
    height, width = fitted.shape
    middle_y, middle_x = _centre_of_mass(fitted)  # to pixel 14.0, where MNIST's are (mean of its test images)
    top = int(np.clip(round(SIDE / 2 - middle_y), 0, SIDE - height))
    left = int(np.clip(round(SIDE / 2 - middle_x), 0, SIDE - width))
    glyph[top : top + height, left : left + width] = np.round(fitted * 255).astype(np.uint8)
    return glyph


def _reduced(grey: Grey) -> Grey:
    height, width = grey.shape
    scale = WORKING_SIDE / max(height, width)
    if scale >= 1:
        return grey
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    return np.asarray(cv2.resize(grey, size, interpolation=cv2.INTER_AREA), np.uint8)


def _paper_is_bright(grey: Grey) -> bool:
    """Paper covers more of the picture, and more of its edge, than ink does."""
    level = _without_slope(grey)
    threshold, _ = cv2.threshold(level, 0, 255, cv2.THRESH_OTSU)
    bright = level > threshold
    rings = []
    for inset in (0, 0.03, 0.06):  # the outermost pixels may be a printed frame that the cut followed
        k = int(inset * min(bright.shape))
        inner = bright[k : bright.shape[0] - k, k : bright.shape[1] - k]
        rings.append(np.concatenate([inner[0], inner[-1], inner[:, 0], inner[:, -1]]).mean())
    return bool(bright.mean() + np.median(rings) > 1)


def _without_slope(grey: Grey) -> Grey:
    """Light that falls off over the page is taken out, where it outweighs the ink, by a fitted parabola."""
    height, width = grey.shape
    small = cv2.resize(grey, (min(width, 48), min(height, 48)), interpolation=cv2.INTER_AREA).astype(
        np.float64
    )
    terms, fit = _parabolas(*small.shape)
    light = (terms @ (fit @ small.ravel())).reshape(small.shape)
    if light.var() <= 0.5 * small.var():
        return grey
    slope = cv2.resize(light.astype(np.float32), (width, height))
    evened: Grey = np.clip(grey - slope + 128, 0, 255).astype(np.uint8)
    return evened


@lru_cache(maxsize=64)
def _parabolas(height: int, width: int) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Terms of a parabola over a picture, `(height * width, 6)`, and what fits them to pixels, `(6, …)`."""
    y, x = np.mgrid[-1 : 1 : height * 1j, -1 : 1 : width * 1j]
    terms = np.stack([np.ones_like(x), x, y, x * x, x * y, y * y], axis=-1).reshape(-1, 6)
    return terms, np.linalg.pinv(terms)


def _paper(picture: Ink) -> Ink:
    """The paper's own brightness everywhere: what is left when strokes are opened away, smoothed."""
    height, width = picture.shape
    if max(height, width) <= 40:  # too small for light to vary on it, and strokes are wide in it
        return np.full_like(picture, np.percentile(picture, 10))
    size = (max(8, width * 64 // max(height, width)), max(8, height * 64 // max(height, width)))
    small = cv2.resize(picture, size, interpolation=cv2.INTER_AREA)
    opened = cv2.morphologyEx(
        small, cv2.MORPH_OPEN, np.ones((19, 19), np.uint8), borderType=cv2.BORDER_REPLICATE
    )
    return np.asarray(cv2.resize(cv2.GaussianBlur(opened, (0, 0), 4), (width, height)), np.float32)


def _strength(difference: Ink) -> float:
    """Grey levels from paper to full ink: the 90th percentile of what Otsu's method calls ink."""
    levels = np.clip(difference, 0, 255).astype(np.uint8)
    threshold, _ = cv2.threshold(levels, 0, 255, cv2.THRESH_OTSU)
    inked = difference[levels > threshold]
    return float(np.percentile(inked, 90)) if len(inked) else 0.0


def _without_rulings(ink: Ink) -> Ink:
    """Straight thin lines from edge to edge are wiped out, and strokes that they crossed are closed again."""
    for _ in range(2):  # horizontal, then vertical
        height, width = ink.shape
        thick = max(1, height // 16)
        if width >= 40:
            dark = (ink > 0.25).astype(np.uint8)
            lines = cv2.morphologyEx(dark, cv2.MORPH_OPEN, np.ones((1, width * 3 // 5), np.uint8))
            rows = np.flatnonzero(lines.mean(1) > 0.85)
            if 0 < len(rows) <= 3 * thick:
                wiped = ink.copy()
                wiped[rows] = 0
                gap = np.ones((2 * thick + 3, 1), np.uint8)
                ink = np.maximum(wiped, np.where(lines > 0, cv2.morphologyEx(wiped, cv2.MORPH_CLOSE, gap), 0))
        ink = np.ascontiguousarray(ink.T)
    return ink


def _frames_others(labels: NDArray[Any], piece: int, box: NDArray[Any]) -> bool:
    """Whether a piece is a printed box: large, empty inside but for other pieces of ink."""
    x, y, w, h = (int(v) for v in box[:4])
    if min(w, h) < 0.5 * min(labels.shape):
        return False
    t = max(3, min(w, h) // 12)
    inside = labels[y + t : y + h - t, x + t : x + w - t]
    return bool(inside.any() and not (inside == piece).any())


def _centredness(box: NDArray[Any], shape: tuple[int, ...]) -> float:
    """1 for a piece in the middle of the picture, down to 0.3 for one at its edge."""
    x, y, w, h = (float(v) for v in box[:4])
    offset = max(abs(x + w / 2 - shape[1] / 2) / shape[1], abs(y + h / 2 - shape[0] / 2) / shape[0])
    return 1 - 1.4 * offset


def _belongs(piece: int, main: int, mass: NDArray[Any], boxes: NDArray[Any], shape: tuple[int, ...]) -> bool:
    """Whether a piece of ink is part of the main one's digit, such as the bar of a 5."""
    if mass[piece] < SPECK * mass[main]:
        return False
    x, y, w, h = boxes[piece, :4]
    mx, my, mw, mh = boxes[main, :4]
    away = max(x - (mx + mw), mx - (x + w), y - (my + mh), my - (y + h), 0)
    on_edge = x == 0 or y == 0 or x + w == shape[1] or y + h == shape[0]
    main_on_edge = mx == 0 or my == 0 or mx + mw == shape[1] or my + mh == shape[0]
    if on_edge and not main_on_edge and away > 0:
        return False
    return bool(away <= 0.35 * max(mw, mh))


def _fit(ink: Ink) -> Ink:
    """`(h, w)` to a longest side of 20 px, strokes at least `THINNEST` wide."""
    height, width = ink.shape
    scale = FIT / max(height, width)
    if scale == 1:
        return ink
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    if scale > 1:
        larger = np.asarray(cv2.resize(ink, size, interpolation=cv2.INTER_CUBIC), np.float32)
        return np.clip(larger, np.float32(0), np.float32(1))
    lacking = THINNEST / scale - stroke_width(ink)
    if lacking >= 1:
        grow = round(lacking) + 1
        margin = (
            grow // 2
        )  # the pen grows outwards by half of what it lacks on each side; the box grows with it
        padded = cv2.copyMakeBorder(ink, margin, margin, margin, margin, cv2.BORDER_CONSTANT, value=0)
        pen = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (grow, grow))
        ink = np.asarray(cv2.dilate(padded, pen), np.float32)
    return np.asarray(cv2.resize(ink, size, interpolation=cv2.INTER_AREA), np.float32)


def stroke_width(ink: Ink) -> float:
    """The pen's width in pixels: twice the distance to paper along the middle of the strokes.

    Args:
        ink: `float32 (h, w)`, 0 to 1.
    """
    solid = (ink > 0.4).astype(np.uint8)
    if not solid.any():
        return 1.0
    padded = cv2.copyMakeBorder(solid, 1, 1, 1, 1, cv2.BORDER_CONSTANT, value=0)
    distance = cv2.distanceTransform(padded, cv2.DIST_L2, 3)
    ridge = distance[(distance >= cv2.dilate(distance, np.ones((3, 3), np.uint8))) & (padded > 0)]
    return float(2 * np.median(ridge) - 0.5)


def _centre_of_mass(ink: NDArray[Any]) -> tuple[float, float]:
    total = float(ink.sum())
    y = float(ink.sum(1) @ np.arange(ink.shape[0])) / total
    x = float(ink.sum(0) @ np.arange(ink.shape[1])) / total
    return y, x
