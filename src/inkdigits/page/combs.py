"""Comb fields without upper sides: teeth on a rule, cups, a dash for each character. Reads no characters.

Their boxes are open, so no cell would be found between their lines. But teeth and dashes are as long as each
other and stand in step, which no writing does: they tell where the boxes are, and are printed lines.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import repeat
from typing import Any

import numpy as np
from numpy.typing import NDArray

from inkdigits.page.wiping import Flags, Grey, Line

LEAST_TEETH = 4  # of a rule: three boxes
LEAST_DASHES = 3
SHORTEST, LONGEST = 0.3, 2.2  # teeth, times the writing's size
NARROWEST, WIDEST = 0.7, 3.0  # times the writing's size: the room for one character
HIGH = 1.15  # of its room's width: so high a character may be, where teeth are lower
UNLIKE = 0.15  # share by which teeth, dashes and rooms differ
IN_STEP = 0.75  # of a comb's teeth that must be seen: writing hides some
SEVERAL = 3  # dashes in a row that it may hide
LEVEL = 2.5  # px by which dashes in a row are higher or lower than the next
AT_END = 5  # px between an end of a rule and the tooth that stands there
APART = 1.2  # of a dash's length, to the next one

Lines = tuple[Line, ...]
Numbers = NDArray[np.float64]
Box = Sequence[float]


@dataclass(frozen=True)
class Comb:
    """An open comb field on a sheet whose rules run across.

    Attributes:
        rules: its dashes; none where it stands on a line that is known already.
        teeth: lines that run down.
        tops: lines across that its boxes lack.
        sides: lines down that they lack.
    """

    rules: Lines
    teeth: Lines
    tops: Lines
    sides: Lines


@dataclass(frozen=True)
class _Teeth:
    """Teeth of a rule: their columns `(n,)`, and how many px they are long."""

    places: Numbers
    length: float


def toothed(rules: Lines, known: Lines, mask: Grey, size: float) -> list[Comb]:
    """Combs whose teeth stand on a long rule, or hang from it, single or in pairs.

    Args:
        rules: printed lines that run across.
        known: printed lines that run down; boxes between them are closed.
        mask: `uint8 (h, w)`, ink 255.
        size: px, of most characters.
    """
    combs = []
    for rule in rules:
        for way in (-1, 1):
            if not _may_have_teeth(mask, rule, way, known, size):
                continue
            teeth = _alike(*_teeth(mask, rule, way, size))
            lefts, rights = _in_step(rule, teeth.places, size)
            if lefts:
                combs.append(_on_rule(rule, teeth, lefts, rights, way, mask.shape[0]))
    return combs


def cups(dashes: Lines, mask: Grey, size: float) -> Comb | None:
    """A comb of dashes in step, with teeth at the ends of each or without.

    Args:
        dashes: from left to right.
        mask: `uint8 (h, w)`, ink 255.
        size: px, of most characters.
    """
    teeth: dict[int, list[tuple[Line, float, float]]] = {-1: [], 1: []}
    for dash in dashes:
        for side, found in teeth.items():
            places, lengths = _teeth(mask, dash, side, size)
            at_end = np.minimum(np.abs(places - dash.start), np.abs(places - dash.end + 1)) <= AT_END
            found += zip(repeat(dash), places[at_end].tolist(), lengths[at_end].tolist())
    way = max(teeth, key=lambda way: (len(teeth[way]), _ink_beside(dashes, mask, way, size)))
    rooms = _rooms(dashes)
    width = float(np.median([len(room.course) for room in rooms]))
    length = float(np.median([length for *_, length in teeth[way]])) if teeth[way] else 0.0
    if len(teeth[way]) < 1.2 * len(dashes):  # a tooth here and there is a 1
        if width < size:
            return None  # strokes
        teeth[way], length = [], 0.0
    height = length if length >= 0.8 * width else HIGH * width
    rows, ends = mask.shape[0], [(room, place) for room in rooms for place in (room.start, room.end - 1)]
    return Comb(
        dashes,
        tuple(_upright(dash, place, way * own, dash.thickness, rows) for dash, place, own in teeth[way]),
        (*rooms, *(Line(room.start, room.course + way * height, 1.0) for room in rooms)),
        tuple(_upright(room, place, way * height, 1.0, rows) for room, place in ends),
    )


def _rooms(dashes: Lines) -> Lines:
    """The dashes as they were printed: writing makes some longer, and hides others."""
    middles = np.array([dash.start + len(dash.course) / 2 for dash in dashes])
    pitch = float(np.median(np.diff(middles)))
    count = np.concatenate([[0], np.cumsum(np.maximum(1, np.round(np.diff(middles) / pitch)))])
    pitch, first = np.polyfit(count, middles, 1)
    width = round(float(np.median([len(dash.course) for dash in dashes])))
    rows = np.interp(np.arange(count[-1] + 1), count, [dash.course.mean() for dash in dashes])
    starts = [max(0, round(first + pitch * place - width / 2)) for place in range(len(rows))]
    return tuple(Line(start, np.full(width, row), 1.0) for start, row in zip(starts, rows, strict=True))


def in_step(boxes: Numbers, size: float) -> list[list[int]]:
    """Rows of dashes that are as long as each other and as far apart: places in `boxes`, left to right.

    Args:
        boxes: `float64 (n, 4)`, x, y, width, height of what is straight and thin and runs across, px.
        size: px, of most characters.
    """
    width = boxes[:, 2]
    free = (width >= NARROWEST * size) & (width <= WIDEST * size)
    rows = []
    for first in np.argsort(boxes[:, 0]).tolist():
        row = _run(boxes, first, free) if free[first] else []
        if len(row) >= LEAST_DASHES:
            usual = float(np.median(width[row]))
            wider = np.abs(width - usual) <= 3 * UNLIKE * usual  # writing that touches a dash makes it longer
            row = _continued(boxes, _continued(boxes, row, wider, 1)[::-1], wider, -1)[::-1]
            rows.append(row)
            free[row] = False
    return rows


def _run(boxes: Numbers, first: int, free: Flags) -> list[int]:
    """Dashes to the right of the first that are as long as it and next to each other, at equal distances."""
    x, width, middle = boxes[:, 0], boxes[:, 2], boxes[:, 1] + boxes[:, 3] / 2
    alike, row = free & (np.abs(width - width[first]) <= UNLIKE * width[first] + 2), [first]
    while True:
        last = row[-1]
        gap = x - x[last] - width[last]
        near = alike & (gap > 0.04 * width[last]) & (gap <= APART * width[last])
        near &= np.abs(middle - middle[last]) <= LEVEL + 0.04 * (x - x[last])
        if len(row) > 1:
            before = x[last] - x[row[-2]] - width[row[-2]]
            near &= np.abs(gap - before) <= 2 * UNLIKE * before + 3
        if not near.any():
            return row
        row.append(int(np.flatnonzero(near)[gap[near].argmin()]))


def _continued(boxes: Numbers, row: list[int], alike: Flags, way: int) -> list[int]:
    """A row of dashes with those that go on in step, to the right (1) or left (-1); some may be missing."""
    x, middle = boxes[:, 0] + boxes[:, 2] / 2, boxes[:, 1] + boxes[:, 3] / 2
    pitch = abs(float(x[row[-1]] - x[row[0]])) / (len(row) - 1)
    while True:
        steps = way * (x - x[row[-1]]) / pitch
        count = np.round(steps)
        near = alike & (count >= 1) & (count <= SEVERAL) & (np.abs(steps - count) <= 2 * UNLIKE)
        near &= np.abs(middle - middle[row[-1]]) <= LEVEL + 0.04 * pitch * count
        if not near.any():
            return row
        row = [*row, int(np.flatnonzero(near)[steps[near].argmin()])]


def _teeth(mask: Grey, rule: Line, way: int, size: float) -> tuple[Numbers, Numbers]:
    """Columns of thin ink that stands on a rule (-1) or hangs from it (1), and how many px it reaches."""
    beside = rule.thickness / 2 + 2
    columns, ink = _beside(mask, rule, way * (beside + np.arange(round(LONGEST * size))))
    reach = np.logical_and.accumulate(ink, axis=0).sum(0)
    runs = _thin(reach >= SHORTEST * size, rule)
    found = [(columns[first:end].mean(), reach[first:end].max() + beside) for first, end in runs]
    places, lengths = np.array(found, np.float64).reshape(-1, 2).T
    return places, lengths


def _may_have_teeth(mask: Grey, rule: Line, way: int, known: Lines, size: float) -> bool:
    """A quick look at one row beside a rule: thin ink at both ends and between, and no known lines."""
    away = way * (rule.thickness / 2 + 2 + 0.9 * SHORTEST * size)
    columns, ink = _beside(mask, rule, np.array([away]))
    places = np.array([columns[first:end].mean() for first, end in _thin(ink[0], rule)])
    if len(places) < LEAST_TEETH:
        return False
    if min(abs(places - rule.start)) > AT_END or min(abs(places - rule.end + 1)) > AT_END:
        return False
    rows = [rule.at(place) + away for place in places]
    there = [
        any(line.start <= row < line.end and abs(line.at(row) - place) <= AT_END for line in known)
        for place, row in zip(places, rows, strict=True)
    ]
    return float(np.mean(there)) < 0.4


def _beside(mask: Grey, rule: Line, away: NDArray[np.floating[Any]]) -> tuple[NDArray[np.intp], Flags]:
    """The columns of a rule and a little more; where there is ink in them, `away` px from the rule."""
    columns = np.arange(max(0, rule.start - AT_END), min(mask.shape[1], rule.end + AT_END))
    course = np.interp(columns, np.arange(rule.start, rule.end), rule.course)
    rows = np.round(course + away[:, None]).astype(np.intp)
    ink = mask[np.clip(rows, 0, mask.shape[0] - 1), columns] > 0
    ink &= (rows >= 0) & (rows < mask.shape[0])
    wide = ink.copy()
    wide[:, 1:] |= ink[:, :-1]  # a tooth may lean by a pixel or two
    wide[:, :-1] |= ink[:, 1:]
    return columns, wide


def _thin(flags: Flags, rule: Line) -> list[tuple[int, int]]:
    """Begin and end of runs hardly wider than a rule is thick."""
    edges = np.flatnonzero(np.diff(np.concatenate([[False], flags, [False]]).astype(np.int8))).reshape(-1, 2)
    thin = edges[:, 1] - edges[:, 0] <= 1.6 * rule.thickness + 3.5
    return [(int(first), int(end)) for first, end in edges[thin]]


def _alike(places: Numbers, lengths: Numbers) -> _Teeth:
    """Those of the usual length."""
    usual = float(np.median(lengths)) if len(lengths) else 0.0
    return _Teeth(places[np.abs(lengths - usual) <= UNLIKE * usual + 2], usual)


def _in_step(rule: Line, places: Numbers, size: float) -> tuple[list[float], list[float]]:
    """Where rooms begin on a rule, and where they end, if most of their teeth are there; else nothing.

    Boxes that stand apart have two teeth between them. Strokes that stand on the rule are in no step.
    """
    if len(places) < LEAST_TEETH:
        return [], []
    ends = [float(places[np.abs(places - end).argmin()]) for end in (rule.start, rule.end - 1)]
    if abs(ends[0] - rule.start) > AT_END or abs(ends[1] - rule.end + 1) > AT_END:
        return [], []
    apart = np.unique(np.round(places[:, None] - places))
    for pitch in apart[(apart >= NARROWEST * size) & (apart <= WIDEST * size)].tolist():
        lefts, rights = (_walk(places, *way) for way in ((*ends, pitch), (*ends[::-1], -pitch)))
        if min(lefts[1], rights[1]) >= IN_STEP and len(lefts[0]) >= LEAST_TEETH:
            return lefts[0], rights[0][::-1]
    return [], []


def _walk(places: Numbers, first: float, last: float, pitch: float) -> tuple[list[float], float]:
    """Places in steps of about `pitch`, of teeth where there are any; and the share that has one."""
    walked, met = [first], 1
    while (last - walked[-1]) / pitch >= 1 - UNLIKE:
        expected = walked[-1] + pitch
        nearest = float(places[np.abs(places - expected).argmin()])
        there = abs(nearest - expected) <= 2 + 0.05 * abs(pitch)
        walked.append(nearest if there else expected)
        met += there
    return walked, met / len(walked)


def _on_rule(rule: Line, teeth: _Teeth, lefts: list[float], rights: list[float], way: int, rows: int) -> Comb:
    """The comb of some teeth; those that writing hides are put where they must be."""
    places = np.unique(np.round([*lefts, *rights]))
    room = float(np.median(np.diff(lefts)))
    height = teeth.length if teeth.length >= 0.8 * room else HIGH * room
    first, last = max(0, int(places[0])), int(places[-1]) + 1
    along = np.interp(np.arange(first, last), np.arange(rule.start, rule.end), rule.course)
    there = [place for place in teeth.places if np.abs(places - place).min() <= 1]
    return Comb(
        (),
        tuple(_upright(rule, place, way * teeth.length, rule.thickness, rows) for place in there),
        (Line(first, along + way * height, 1.0),),
        tuple(_upright(rule, place, way * height, 1.0, rows) for place in places),
    )


def _upright(rule: Line, place: float, length: float, thickness: float, rows: int) -> Line:
    """A line that begins at a rule and goes so far down, or up if `length` is below 0; within `rows`."""
    row = rule.at(place)
    first, last = sorted(min(max(round(end), 0), rows) for end in (row, row + length))
    first = min(first, rows - 1)
    return Line(first, np.full(max(1, last - first), place), thickness)


def _ink_beside(dashes: Iterable[Line], mask: Grey, way: int, size: float) -> float:
    """How much ink there is above dashes (-1), or below them."""
    ink = 0.0
    for dash in dashes:
        row = round(float(dash.course.mean()))
        first, last = sorted((row + 4 * way, row + way * round(size)))
        ink += float(mask[max(0, first) : max(0, last), dash.start : dash.end].mean() if last > 0 else 0)
    return ink
