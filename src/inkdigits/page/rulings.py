"""Printed lines on a page: where they run, and the ink without them. Knows no cells, numbers or files.

A line may be tilted by some degrees, bent as paper is, broken where it is faint, and crossed by writing.
Long lines stand for themselves; short ones are lines only as sides of a box, or between two others.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import chain

import cv2
import numpy as np
from numpy.typing import NDArray

from inkdigits.page.boxes import MEETING, Lines, completed, is_new, joined
from inkdigits.page.combs import LEAST_DASHES, UNLIKE, Comb, cups, in_step, toothed
from inkdigits.page.wiping import Flags, Grey, Line, extended, followed_closely, profile_of, smoothed, wipe

MOST_LINES = 400  # in each direction: a page of stripes has more; the longest are taken
FAINTEST_LINE = 10  # of 255; along a whole line less contrast is enough than for a stroke
LONG = 4.0  # times the size of the writing: no stroke is so long and straight
SHORT = 0.7  # times the size of the writing: sides of a box are no shorter
LOOKED_AT = 250  # columns of a line, to see whether it is one
KEPT_UP = 0.45  # of its usual contrast, which a line keeps
UNBROKEN = 0.88  # of its length along which it does
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
        level: lines that run across, and those that would close comb fields that are open.
        plumb: the same for lines that run down.
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
    outlines = _thin(_outlined(contrast, size), size), _thin(_outlined(turned[0], size), size)
    met = _ends_met(*outlines), _ends_met(*outlines[::-1])
    sheets = ((contrast, mask), turned)
    level, plumb = (
        _followed(_chosen(some, count, 2, size), sheet, size)
        for some, count, sheet in zip(outlines, met, sheets, strict=True)
    )
    followed = level, plumb
    found = joined(level, plumb, LONG * size)
    if any(len(line.course) < LONG * size for lines in found for line in lines):
        # there are boxes; writing may hide some of their sides in part
        more = (
            _followed(_chosen(some, count, 1, size), sheet, size)
            for some, count, sheet in zip(outlines, met, sheets, strict=True)
        )
        level, plumb = ((*known, *new) for known, new in zip((level, plumb), more, strict=True))
        level, plumb = completed(level, plumb, (mask, turned[1]), size)
        found = joined(level, plumb, LONG * size)
    level, plumb = found
    loose = [
        [piece for piece, ends in zip(some, count, strict=True) if ends < 2 and _length(piece) < LONG * size]
        for some, count in zip(outlines, met, strict=True)
    ]
    across = _open_combs((followed[0], loose[0]), level, plumb, sheets[0], size)
    down = _open_combs((followed[1], loose[1]), plumb, level, sheets[1], size)
    ink = mask.copy()
    for line in (*level, *across.rules, *down.teeth):
        wipe(ink, contrast, line)
    ink = _turned(ink)
    for line in (*plumb, *down.rules, *across.teeth):
        wipe(ink, turned[0], line)
    ink = _turned(ink)
    level = (*level, *across.rules, *across.tops, *down.sides)
    plumb = (*plumb, *down.rules, *down.tops, *across.sides)
    return Rulings(level, plumb, mask & ~ink, ink)


def _open_combs(
    maybe: tuple[Lines, list[Outline]], level: Lines, plumb: Lines, sheet: tuple[Grey, Grey], size: float
) -> Comb:
    """Comb fields without upper sides on a sheet, all as one.

    Args:
        maybe: lines, and outlines of more, that may be their dashes.
        level: lines that are known to run across.
        plumb: the same, down.
        sheet: contrast and ink.
        size: px, of most characters.
    """
    lines, outlines = maybe
    loose = [line for line in lines if is_new(line, level)]
    boxes = np.array([box for box, _ in outlines], np.float64).reshape(-1, 4) * COARSE
    combs = toothed(level, plumb, sheet[1], size)
    for row in in_step(np.concatenate([_boxes(loose), boxes]), size):
        known = tuple(loose[place] for place in row if place < len(loose))
        more = _followed([outlines[place - len(loose)] for place in row if place >= len(loose)], sheet, size)
        dashes = tuple(sorted((*known, *more), key=lambda line: line.start))
        if len(dashes) >= LEAST_DASHES and all(is_new(dash, level) for dash in dashes):
            combs += filter(None, [cups(dashes, sheet[1], size)])
    parts = zip(*((comb.rules, comb.teeth, comb.tops, comb.sides) for comb in combs), strict=True)
    return Comb(*(tuple(chain(*part)) for part in parts)) if combs else Comb((), (), (), ())


def _boxes(lines: Sequence[Line]) -> NDArray[np.float64]:
    """`(n, 4)`, x, y, width and height of lines that run across."""
    sides = [(line.start, line.course.mean() - line.thickness / 2, len(line.course)) for line in lines]
    return np.array([(*side, line.thickness) for side, line in zip(sides, lines, strict=True)]).reshape(-1, 4)


def _length(piece: Outline) -> int:
    return piece[0][2] * COARSE


def _outlined(contrast: Grey, size: float) -> list[Outline]:
    """Outlines of whatever is straight and thin and runs from left to right, the longest first."""
    drawn = _straight(_coarser(contrast, COARSE), _shortest(size) // COARSE, -(-_thickest(size) // COARSE))
    outlines, _ = cv2.findContours(drawn, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_SIMPLE)
    boxed = [(cv2.boundingRect(outline), np.asarray(outline, np.int32)) for outline in outlines]
    found = [(box, outline) for box, outline in boxed if box[2] * COARSE >= _shortest(size)]
    return sorted(found, key=lambda piece: -piece[0][2])[:MOST_LINES]


def _shortest(size: float) -> int:
    return max(16, round(SHORT * size))


def _thickest(size: float) -> int:
    return max(6, round(0.24 * size))


def _thin(found: list[Outline], size: float) -> list[Outline]:
    """Those that are no higher than a line that is steep, bent, and crossed by writing."""
    most = 2 * _thickest(size) + 8
    return [piece for piece in found if piece[0][3] * COARSE <= most + STEEPEST * piece[0][2] * COARSE]


def _ends_met(own: list[Outline], others: list[Outline]) -> NDArray[np.intp]:
    """How many ends of each outline lie at one of the other direction: 0, 1 or 2."""
    boxes = np.array([box for box, _ in own], np.float64).reshape(-1, 4)
    other = np.array([box for box, _ in others], np.float64).reshape(-1, 4)[:, [1, 0, 3, 2]]
    near = MEETING / COARSE + 1
    middle = boxes[:, 1] + boxes[:, 3] / 2
    met = np.zeros(len(boxes), np.intp)
    for end in (boxes[:, 0], boxes[:, 0] + boxes[:, 2]):
        beside = np.abs(2 * (end[:, None] - other[:, 0]) - other[:, 2]) <= other[:, 2] + 2 * near
        along = np.abs(2 * (middle[:, None] - other[:, 1]) - other[:, 3]) <= other[:, 3] + 2 * near
        met += (beside & along).any(1)
    return met


def _chosen(found: list[Outline], met: NDArray[np.intp], ends: int, size: float) -> list[Outline]:
    """Outlines with so many ends met; long ones are among those with two."""
    long = np.array([box[2] * COARSE >= LONG * size for box, _ in found], dtype=bool)
    chosen = (met == ends) & ~long if ends < 2 else (met == ends) | long
    return [found[i] for i in np.flatnonzero(chosen)]


def _followed(found: list[Outline], sheet: tuple[Grey, Grey], size: float) -> tuple[Line, ...]:
    """The printed lines among outlines, on a sheet of contrast and ink."""
    lines: list[Line] = []
    for box, outline in found:
        course = _course(box, outline, _shortest(size), _thickest(size))
        if course is not None:
            parts = _unbroken(course, sheet[0], _shortest(size))
            lines += [line for part in parts if (line := _measured(part, *sheet, size)) is not None]
    return tuple(lines)


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
    alone = (count > 0) & (count <= usual + 1)
    runs = _runs(alone, 4)
    if not runs:
        return None
    first, last = runs[0][0], runs[-1][1]
    if (last - first) * COARSE < shortest or alone[first:last].mean() < 0.3:
        return None
    known = np.flatnonzero(alone[first:last]) + first
    middle = (np.arange(h, dtype=np.float64) @ here) / np.maximum(count, 1)
    course = np.interp(np.arange(first, last), known, middle[known])
    smooth = smoothed(course, max(5, (last - first) // 20))
    thickness = (usual - 2) * COARSE
    steep = abs(smooth[-1] - smooth[0]) > STEEPEST * len(course) + 2
    if steep or np.abs(course - smooth).mean() > 0.6 or thickness > thickest + 2:
        return None
    columns = np.arange(len(course) * COARSE)
    finer = np.interp((columns + 0.5) / COARSE - 0.5, np.arange(len(course)), smooth + y)
    return Line((x + first) * COARSE, (finer + 0.5) * COARSE - 0.5, max(1.0, thickness))


def _runs(flags: Flags, least: int) -> list[tuple[int, int]]:
    """Begin and end of each run of at least `least` flags."""
    edges = np.flatnonzero(np.diff(np.concatenate([[False], flags, [False]]).astype(np.int8)))
    return [
        (int(first), int(last))
        for first, last in zip(edges[::2], edges[1::2], strict=True)
        if last - first >= max(1, least)
    ]


def _unbroken(line: Line, contrast: Grey, shortest: int) -> list[Line]:
    """The line without what is none at its ends; its parts, where gaps part it, as sides of boxes."""
    line = Line(line.start, line.course[: contrast.shape[1] - line.start], line.thickness)
    strength = _strength(contrast, line)
    strong = strength > KEPT_UP * _quantile(strength, 0.5)
    runs = _runs(strong, 6)
    if not runs:
        return []
    first, last = runs[0][0], runs[-1][1]
    if strong[first:last].mean() >= UNBROKEN and not _are_dashes(runs, shortest):
        runs = [(first, last)]
    return [
        Line(line.start + begin, line.course[begin:end], line.thickness)
        for begin, end in runs
        if end - begin >= shortest
    ]


def _are_dashes(runs: list[tuple[int, int]], shortest: int) -> bool:
    """Whether gaps part a line into equal sides of boxes, as nothing does that breaks a line by chance."""
    lengths = np.array([end - begin for begin, end in runs])
    usual = float(np.median(lengths))
    alike = np.abs(lengths - usual) <= UNLIKE * usual + 2
    return len(runs) >= LEAST_DASHES and usual >= shortest and bool(alike.all())


def _measured(line: Line, contrast: Grey, mask: Grey, size: float) -> Line | None:
    """The line with its own thickness and course; None when its thickness changes, as print's doesn't."""
    thick = profile_of(mask, line, LOOKED_AT).thickness
    inked = thick[thick > 0]
    is_long = len(line.course) >= LONG * size
    if len(inked) < 0.2 * len(thick):  # fainter than ink
        return Line(line.start, line.course, 1.0) if is_long else None
    thickness = _quantile(inked, 0.3)
    thin = float((inked <= 1.6 * thickness + 1.5).mean())
    rough = float(np.abs(np.diff(inked)).mean()) if len(inked) > 1 else 0.0
    if thickness > _thickest(size) or rough > ROUGH:
        return None
    # short ones must be sides of boxes; a digit in each may touch much of them; a tint's dots are no side
    if thin < THIN if is_long else thin < THIN / 2 or len(inked) < 0.9 * len(thick):
        return None
    line = followed_closely(mask, Line(line.start, line.course, thickness))
    least = max(FAINTEST_LINE, KEPT_UP * _quantile(_strength(contrast, line), 0.5))
    line = extended(contrast, line, least, round(2 * size))
    chord = np.linspace(line.course[0], line.course[-1], len(line.course))
    bent = float(np.abs(line.course - chord).max())
    return line if is_long or bent <= 1.5 + 0.02 * len(chord) else None


def _strength(contrast: Grey, line: Line) -> Grey:
    """`uint8 (n,)`, the strongest contrast in each column of a line, a pixel up or down."""
    rows = np.round(line.course).astype(np.intp) + np.array([[-1], [0], [1]])
    rows = np.minimum(np.maximum(rows, 0), contrast.shape[0] - 1)
    strongest: Grey = contrast[rows, np.arange(line.start, line.end)[None, :]].max(0)
    return strongest


def _quantile(values: NDArray[np.generic], share: float) -> float:
    """As `np.quantile`, the lower neighbour; several times as fast for a few values."""
    return float(np.sort(values)[int(share * (len(values) - 1))])


def _turned(picture: Grey) -> Grey:
    """Rows for columns."""
    return np.asarray(cv2.transpose(picture), np.uint8)
