"""Printed lines on a page: where they run, and the ink without them. Knows no cells, numbers or files.

A line may be tilted by some degrees, bent as paper is, broken where it is faint, and crossed by writing.
Long lines stand for themselves; short ones are lines only as sides of a box, or between two others.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from inkdigits.wiping import Flags, Grey, Line, Numbers, profile_of, wipe

MOST_LINES = 400  # in each direction: a page of stripes has more; the longest are taken
FAINTEST_LINE = 10  # of 255; along a whole line less contrast is enough than for a stroke
LONG = 4.0  # times the size of the writing: no stroke is so long and straight
SHORT = 1.0  # times the size of the writing: sides of a box are no shorter
MEETING = 2.5  # px between the end of a side and the side that it meets
LOOKED_AT = 250  # columns of a line, to see whether it is one
UNBROKEN = 0.88  # of its length along which a line keeps nearly half of its usual contrast
THIN = 0.6  # of its length along which a line is no thicker than it usually is; the rest may be writing
ROUGH = 2.0  # px by which its thickness differs from column to column on average
COARSE = 2  # lines are looked for on a copy smaller by this
STEEPEST = 0.14  # rows a column: skew is corrected, 8 degrees are left to perspective


Outline = tuple[Sequence[int], NDArray[np.int32]]
"""Box (x, y, width, height) and points of a shape on the coarse copy."""


@dataclass(frozen=True)
class Rulings:
    """The lines of a page, and the ink without them.

    Attributes:
        level: lines that run across.
        plumb: lines that run down.
        removed: `uint8 (h, w)`, 255 where ink was nothing but line.
        ink: `uint8 (h, w)`, 255 the rest of the ink, crossed strokes whole.
    """

    level: tuple[Line, ...]
    plumb: tuple[Line, ...]
    removed: Grey
    ink: Grey


def find_rulings(contrast: Grey, mask: Grey, size: float) -> Rulings:
    """Takes the printed lines out of a page whose skew is corrected.

    Args:
        contrast: `uint8 (h, w)`, of `light.even_light`.
        mask: `uint8 (h, w)`, of `light.ink_mask`.
        size: px, of most characters.
    """
    turned = _turned(contrast), _turned(mask)
    across, down = _likely(_outlined(contrast, size), _outlined(turned[0], size), size)
    level, plumb = _followed(across, contrast, mask, size), _followed(down, *turned, size)
    level, plumb = _joined(level, plumb, size)
    ink = mask.copy()
    for line in level:
        wipe(ink, line)
    ink = _turned(ink)
    for line in plumb:
        wipe(ink, line)
    ink = _turned(ink)
    return Rulings(level, plumb, mask & ~ink, ink)


def _outlined(contrast: Grey, size: float) -> list[Outline]:
    """Outlines of whatever is straight and thin and runs from left to right, the longest first."""
    drawn = _straight(_coarser(contrast, COARSE), _shortest(size) // COARSE, -(-_thickest(size) // COARSE))
    outlines, _ = cv2.findContours(drawn, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_SIMPLE)
    found = [(cv2.boundingRect(outline), outline) for outline in outlines]
    found = [(box, outline) for box, outline in found if box[2] * COARSE >= _shortest(size)]
    return sorted(found, key=lambda piece: -piece[0][2])[:MOST_LINES]


def _shortest(size: float) -> int:
    return max(16, round(SHORT * size))


def _thickest(size: float) -> int:
    return max(5, round(0.18 * size))


def _likely(
    across: list[Outline], down: list[Outline], size: float
) -> tuple[list[Outline], list[Outline]]:
    """Long outlines, and short ones that end at one of the other direction: the others needn't be looked at."""
    kept = []
    for own, others in ((across, down), (down, across)):
        boxes = np.array([box for box, _ in own], np.float64).reshape(-1, 4)
        other = np.array([box for box, _ in others], np.float64).reshape(-1, 4)[:, [1, 0, 3, 2]]
        near = MEETING + 2
        middle = boxes[:, 1] + boxes[:, 3] / 2
        met = np.ones(len(boxes), dtype=bool)
        for end in (boxes[:, 0], boxes[:, 0] + boxes[:, 2]):
            beside = np.abs(2 * (end[:, None] - other[:, 0]) - other[:, 2]) <= other[:, 2] + 2 * near
            along = np.abs(2 * (middle[:, None] - other[:, 1]) - other[:, 3]) <= other[:, 3] + 2 * near
            met &= (beside & along).any(1)
        long = boxes[:, 2] * COARSE >= LONG * size
        kept.append([own[i] for i in np.flatnonzero(met | long)])
    return kept[0], kept[1]


def _followed(found: list[Outline], contrast: Grey, mask: Grey, size: float) -> tuple[Line, ...]:
    """The printed lines among outlines."""
    courses = (_course(box, outline, _shortest(size), _thickest(size)) for box, outline in found)
    lines = (
        _measured(line, contrast, mask, _thickest(size), LONG * size) for line in courses if line is not None
    )
    return tuple(line for line in lines if line is not None)


def _coarser(contrast: Grey, by: int) -> Grey:
    """A copy smaller by `by`, thin lines as strong as they were."""
    strongest = cv2.dilate(contrast, np.ones((by, by), np.uint8), anchor=(0, 0))
    return np.ascontiguousarray(strongest[::by, ::by])


def _straight(contrast: Grey, shortest: int, thickest: int) -> Grey:
    """255 where contrast is kept up over `shortest` columns, in a band no more than `thickest` rows high."""
    tolerant = cv2.dilate(contrast, np.ones((3, 1), np.uint8))  # a tilted line climbs a row now and then
    kept = cv2.morphologyEx(tolerant, cv2.MORPH_OPEN, np.ones((1, shortest), np.uint8))
    solid = cv2.morphologyEx(kept, cv2.MORPH_OPEN, np.ones((thickest + 3, 1), np.uint8))
    lines = cv2.compare(cv2.subtract(kept, solid), FAINTEST_LINE, cv2.CMP_GT)  # type: ignore[call-overload]
    bridged = cv2.morphologyEx(lines, cv2.MORPH_CLOSE, np.ones((1, shortest // 2), np.uint8))
    return np.asarray(bridged, np.uint8)


def _course(box: Sequence[int], outline: NDArray[np.int32], shortest: int, thickest: int) -> Line | None:
    """The line inside an outline on the coarse copy; None when it isn't straight and thin.

    Where other things have grown together with it, its course is taken from the columns beside.
    """
    x, y, w, h = box
    here = np.zeros((h, w), np.uint8)
    cv2.drawContours(here, [outline], -1, 1, cv2.FILLED, offset=(-x, -y))
    count = here.sum(0, dtype=np.float64)
    usual = _quantile(count, 0.3)
    alone = count <= max(1.6 * usual + 1, usual + 2)
    first, last = _ends(alone, shortest // COARSE // 2)
    if (last - first) * COARSE < shortest or alone[first:last].mean() < 0.5:
        return None
    known = np.flatnonzero(alone[first:last]) + first
    middle = (np.arange(h, dtype=np.float64) @ here) / np.maximum(count, 1)
    course = np.interp(np.arange(first, last), known, middle[known])
    smooth = _smoothed(course, max(5, (last - first) // 20))
    thickness = (usual - 2) * COARSE
    steep = abs(smooth[-1] - smooth[0]) > STEEPEST * len(course) + 2
    if steep or np.abs(course - smooth).mean() > 0.6 or thickness > thickest + 2:
        return None
    columns = np.arange(len(course) * COARSE)
    finer = np.interp((columns + 0.5) / COARSE - 0.5, np.arange(len(course)), smooth + y)
    return Line((x + first) * COARSE, (finer + 0.5) * COARSE - 0.5, max(1.0, thickness))


def _ends(flags: Flags, least: int) -> tuple[int, int]:
    """Begin of the first and end of the last run of at least `least` flags; (0, 0) for none."""
    edges = np.flatnonzero(np.diff(np.concatenate([[False], flags, [False]]).astype(np.int8)))
    firsts, lasts = edges[::2], edges[1::2]
    long = lasts - firsts >= max(1, least)
    return (int(firsts[long][0]), int(lasts[long][-1])) if long.any() else (0, 0)


def _measured(line: Line, contrast: Grey, mask: Grey, thickest: int, long: float) -> Line | None:
    """The line with its own thickness and ends; None when it has gaps or changes its thickness, as no print does."""
    line = Line(line.start, line.course[: contrast.shape[1] - line.start], line.thickness)
    strength = _strength(contrast, line)
    strong = strength > 0.45 * _quantile(strength, 0.5)
    first, last = _ends(strong, 6)
    if last <= first or strong[first:last].mean() < UNBROKEN:
        return None
    line = Line(line.start + first, line.course[first:last], line.thickness)
    thick = profile_of(mask, line, LOOKED_AT).thickness()
    inked = thick[thick > 0]
    if len(inked) < 0.2 * len(thick):  # fainter than ink
        return Line(line.start, line.course, 1.0) if last - first >= long else None
    thickness = _quantile(inked, 0.3)
    thin = float((inked <= 1.6 * thickness + 1.5).mean())
    rough = float(np.abs(np.diff(inked)).mean()) if len(inked) > 1 else 0.0
    if thickness > thickest or thin < THIN or rough > ROUGH:
        return None
    if last - first < long and len(inked) < 0.9 * len(thick):  # a row of a printed tint's dots
        return None
    return Line(line.start, line.course, thickness)


def _strength(contrast: Grey, line: Line) -> Grey:
    """`uint8 (n,)`, the strongest contrast in each column of a line, a pixel up or down."""
    rows = np.round(line.course).astype(np.intp) + np.array([[-1], [0], [1]])
    rows = np.minimum(np.maximum(rows, 0), contrast.shape[0] - 1)
    strongest: Grey = contrast[rows, np.arange(line.start, line.end)[None, :]].max(0)
    return strongest


def _quantile(values: NDArray[np.generic], share: float) -> float:
    """As `np.quantile`, the lower neighbour; several times as fast for a few values."""
    return float(np.sort(values)[int(share * (len(values) - 1))])


def _smoothed(course: Numbers, width: int) -> Numbers:
    """Moving average whose ends run on straight."""
    width = min(width | 1, (len(course) - 1) | 1)
    if width < 3:
        return course
    half = width // 2
    slope = (course[-1] - course[0]) / max(1, len(course) - 1)
    before = course[0] - slope * np.arange(half, 0, -1)
    after = course[-1] + slope * np.arange(1, half + 1)
    whole = np.concatenate([before, course, after])
    return np.convolve(whole, np.full(width, 1 / width), "valid")[: len(course)]


def _joined(
    level: tuple[Line, ...], plumb: tuple[Line, ...], size: float
) -> tuple[tuple[Line, ...], tuple[Line, ...]]:
    """Long lines, and short ones whose both ends meet a line of the other direction; again, until none is lost."""
    while True:
        level_left = tuple(line for line in level if len(line.course) >= LONG * size or _held(line, plumb))
        plumb_left = tuple(line for line in plumb if len(line.course) >= LONG * size or _held(line, level_left))
        if len(level_left) == len(level) and len(plumb_left) == len(plumb):
            return level, plumb
        level, plumb = level_left, plumb_left


def _held(line: Line, others: tuple[Line, ...]) -> bool:
    """Whether both ends of a line meet lines of the other direction."""
    ends = ((line.start, line.course[0]), (line.end - 1, line.course[-1]))
    return all(any(_meets(other, place, along) for other in others) for place, along in ends)


def _meets(line: Line, across: float, along: float) -> bool:
    """Whether a line comes to a point, given across and along its direction."""
    near = line.thickness / 2 + MEETING
    if not line.start - near <= along <= line.end + near:
        return False
    return abs(line.at(along) - across) <= near


def _turned(picture: Grey) -> Grey:
    """Rows for columns."""
    return np.asarray(cv2.transpose(picture), np.uint8)
