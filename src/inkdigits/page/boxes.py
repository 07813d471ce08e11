"""Sides of printed boxes that writing hides: found from the other sides. Knows lines and ink, no numbers."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import pairwise

import numpy as np

from inkdigits.page.wiping import Grey, Line

INKED = 0.9  # of a side that must have ink, or there is none
NEAR = 2  # px by which ink may lie beside the side's course
MEETING = 2.5  # px between the end of a side and the side that it meets

Lines = tuple[Line, ...]


def completed(level: Lines, plumb: Lines, masks: tuple[Grey, Grey], size: float) -> tuple[Lines, Lines]:
    """Adds the sides that boxes must have where three sides or a row of equal boxes say so and ink is there.

    Args:
        level: lines that run across.
        plumb: lines that run down.
        masks: `uint8`, ink 255; the page's, and the same with rows for columns.
        size: px, of most characters.
    """
    across = [side for side in _between(plumb, size) if is_new(side, level) and _inked(masks[0], side)]
    level = (*level, *across)
    down = [side for side in _between(level, size) if is_new(side, plumb) and _inked(masks[1], side)]
    plumb = (*plumb, *down)
    missing = [side for side in _in_step(plumb, size) if is_new(side, plumb) and _inked(masks[1], side)]
    return level, (*plumb, *missing)


def joined(level: Lines, plumb: Lines, long: float) -> tuple[Lines, Lines]:
    """Long lines, and short ones whose ends meet a line of the other direction; again, until none is lost.

    Args:
        level: lines that run across.
        plumb: lines that run down.
        long: px, from which on a line stands for itself.
    """
    while True:
        level_left, plumb_left = _held(level, plumb, long), _held(plumb, level, long)
        if len(level_left) == len(level) and len(plumb_left) == len(plumb):
            return level, plumb
        level, plumb = level_left, plumb_left


def _alike(lines: Lines, size: float) -> Iterator[list[Line]]:
    """Rows of lines that begin and end at about the same places, in the order in which they stand."""
    waiting = sorted((line for line in lines if len(line.course) < 8 * size), key=lambda line: line.start)
    while waiting:
        first = waiting[0]
        row: list[Line] = []
        rest: list[Line] = []
        slack = 4 + 0.06 * len(first.course)
        for line in waiting:
            near = abs(line.start - first.start) <= slack and abs(line.end - first.end) <= slack
            (row if near else rest).append(line)
        yield sorted(row, key=lambda line: line.course[0])
        waiting = rest


def _between(lines: Lines, size: float) -> Iterator[Line]:
    """What would join the beginnings, and the ends, of lines that stand beside each other."""
    for row in _alike(lines, size):
        for one, other in pairwise(row):
            thickness = min(one.thickness, other.thickness)
            for mine, yours, place in ((0, 0, 1), (-1, -1, -1)):
                first, last = round(float(one.course[mine])), round(float(other.course[yours])) + 1
                if 0.6 * size <= last - first <= 3 * size:
                    inset = place * thickness / 2  # a side's end is the outer edge of the one that it meets
                    begin, end = (
                        (line.start if place > 0 else line.end - 1) + inset for line in (one, other)
                    )
                    yield Line(max(0, first), np.linspace(begin, end, last - max(0, first)), thickness)


def _in_step(lines: Lines, size: float) -> Iterator[Line]:
    """Lines that are missing in a row of lines with equal distances."""
    for row in _alike(lines, size):
        places = np.array([line.course.mean() for line in row])
        gaps = np.diff(places)
        wide = gaps[gaps > 0.5 * size]
        if not len(wide):
            continue
        steps = (
            float(np.min(wide)),
            float(np.median([len(line.course) for line in row])),
        )  # or as wide as high
        for one, other, gap in zip(row, row[1:], gaps, strict=False):
            for count in {round(gap / step) for step in steps if abs(gap / step - round(gap / step)) < 0.2}:
                if 2 <= count <= 12:
                    yield from _parting(one, other, count)


def _parting(one: Line, other: Line, count: int) -> Iterator[Line]:
    """The lines that part what lies between two others into `count` equal boxes."""
    length = min(len(one.course), len(other.course))
    for share in np.arange(1, count) / count:
        start = round(one.start * (1 - share) + other.start * share)
        course = one.course[:length] * (1 - share) + other.course[:length] * share
        yield Line(start, course, min(one.thickness, other.thickness))


def is_new(side: Line, lines: Iterable[Line]) -> bool:
    """Whether no line runs there yet."""
    middle = (side.start + side.end) // 2
    return not any(
        line.start <= middle < line.end and abs(line.at(middle) - side.at(middle)) < 4 + line.thickness / 2
        for line in lines
    )


def _inked(mask: Grey, side: Line) -> bool:
    """Whether there is ink all along a side."""
    columns = np.arange(side.start, min(side.end, mask.shape[1]))
    if len(columns) < 4:
        return False
    rows = np.round(side.course[: len(columns)]).astype(np.intp) + np.arange(-NEAR, NEAR + 1)[:, None]
    inside = (rows >= 0) & (rows < mask.shape[0])
    rows = np.minimum(np.maximum(rows, 0), mask.shape[0] - 1)
    return bool(((mask[rows, columns[None, :]] > 0) & inside).any(0).mean() >= INKED)


def _held(lines: Lines, others: Lines, long: float) -> Lines:
    """Lines that are long, or whose ends both meet others about as thick as they are: pens are thicker."""
    short = np.array([len(line.course) < long for line in lines], dtype=bool)
    met = np.zeros(len(lines), dtype=np.intp)
    if short.any() and others:
        first, last, lowest, highest, near, most = (
            np.array(values)
            for values in zip(
                *(
                    (
                        o.start,
                        o.end,
                        o.course.min(),
                        o.course.max(),
                        o.thickness / 2 + MEETING,
                        1.6 * o.thickness + 1.5,
                    )
                    for o in others
                ),
                strict=True,
            )
        )
        for i in np.flatnonzero(short).tolist():
            line = lines[i]
            for across, along in ((line.start, line.course[0]), (line.end - 1, line.course[-1])):
                maybe = (first - near <= along) & (along <= last + near) & (line.thickness <= most)
                maybe &= (lowest - near <= across) & (across <= highest + near)
                met[i] += any(abs(others[o].at(along) - across) <= near[o] for o in np.flatnonzero(maybe))
    return tuple(
        line for line, is_short, count in zip(lines, short, met, strict=True) if not is_short or count == 2
    )
