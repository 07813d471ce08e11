"""Taking one printed line out of ink that touches and crosses it. Knows where the line runs; finds none."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

SOFT_EDGE = 1.2  # px by which a line's ink may reach beyond its thickness
THIN = 5  # px; a line no thicker than that is left where other ink touches it
DARKER = 1.35  # times the line's contrast: there is other ink, too

Grey = NDArray[np.uint8]
Numbers = NDArray[np.float64]
Flags = NDArray[np.bool_]


@dataclass(frozen=True)
class Line:
    """One printed line, level or plumb.

    Attributes:
        start: its first column (row, for a plumb line).
        course: one number a column from `start` on: the row of the line's middle there (plumb: the column).
        thickness: px.
    """

    start: int
    course: Numbers
    thickness: float

    @property
    def end(self) -> int:
        """The column (row) after its last."""
        return self.start + len(self.course)

    def at(self, column: float) -> float:
        """The row of its middle at a column; beyond its ends, that of the end."""
        return float(self.course[min(max(round(column) - self.start, 0), len(self.course) - 1)])


@dataclass(frozen=True)
class Profile:
    """The ink along a line: in each column one unbroken run, that which the line is part of.

    Attributes:
        rows: `int (2 * reach + 1, n)`, rows of the mask around the line's course.
        columns: `int (1, n)`, those that were looked at.
        reach: rows looked at above the line's middle, and below it.
        half: of these, what may be the line's own.
        top: `int (n,)`, where the run begins in `rows`.
        bottom: `int (n,)`, the row after its last; as `top` where there is no ink.
    """

    rows: NDArray[np.intp]
    columns: NDArray[np.intp]
    reach: int
    half: int
    top: NDArray[np.intp]
    bottom: NDArray[np.intp]

    @property
    def thickness(self) -> NDArray[np.intp]:
        """`int (n,)`, px of the run, the line with what touches it; 0 where there is none."""
        return self.bottom - self.top

    @property
    def above(self) -> NDArray[np.intp]:
        """`int (n,)`, px of ink that stand on the line."""
        return np.maximum(self.reach - self.half - self.top, 0)

    @property
    def below(self) -> NDArray[np.intp]:
        """`int (n,)`, px of ink that hang from the line."""
        return np.maximum(self.bottom - self.reach - self.half - 1, 0)

    def run(self) -> Flags:
        """`bool (2 * reach + 1, n)`, where the runs are."""
        places = np.arange(2 * self.reach + 1)[:, None]
        return (places >= self.top) & (places < self.bottom)


def profile_of(mask: Grey, line: Line, most: int | None = None) -> Profile:
    """The ink along a line that runs across.

    Args:
        mask: `uint8 (h, w)`, ink 255.
        line: within the mask's columns.
        most: columns to look at, in runs that are evenly spread; None for all.
    """
    places = np.arange(len(line.course)) if most is None else spread(len(line.course), most)
    columns = (line.start + places)[None, :]
    half = int(np.ceil(line.thickness / 2)) + 1
    reach = half + int(line.thickness) + 5
    offsets = np.arange(-reach, reach + 1)[:, None]
    rows = np.round(line.course[places]).astype(np.intp)[None, :] + offsets
    inside = (rows >= 0) & (rows < mask.shape[0])
    rows = np.minimum(np.maximum(rows, 0), mask.shape[0] - 1)
    bare = (mask[rows, columns] == 0) | ~inside
    # the run of ink nearest to the line's middle: from the last bare row above it to the first one below
    order = np.argsort(np.abs(offsets[:, 0]), kind="stable")[: 2 * half + 1]
    nearest = bare[order].argmin(0)
    start = order[nearest]
    index = np.arange(2 * reach + 1)[:, None]
    top = np.where(bare & (index < start), index, -1).max(0) + 1
    bottom = np.where(bare & (index > start), index, 2 * reach + 1).min(0)
    none = bare[start, np.arange(len(places))]
    return Profile(rows, columns, reach, half, np.where(none, reach, top), np.where(none, reach, bottom))


def followed_closely(mask: Grey, line: Line) -> Line:
    """The line on its course through the ink: through the middle of it where there is nothing but the line.

    Args:
        mask: `uint8 (h, w)`, ink 255.
        line: about where it runs, and how thick it is.
    """
    profile = profile_of(mask, line)
    thick = profile.thickness
    bare = (thick > 0) & (thick <= 1.3 * line.thickness + SOFT_EDGE)
    if bare.mean() < 0.2:
        return line
    middle = (profile.top + profile.bottom - 1) / 2 - profile.reach + np.round(line.course)
    places = np.flatnonzero(bare)
    course = np.interp(np.arange(len(line.course)), places, middle[places])
    return Line(line.start, smoothed(course, max(9, min(41, len(course) // 10))), line.thickness)


def extended(contrast: Grey, line: Line, least: float, most: int) -> Line:
    """The line with what goes on straight beyond its ends, where writing beside it had hidden it.

    Args:
        contrast: `uint8 (h, w)`, of `light.even_light`.
        line: as far as it is known.
        least: contrast that it goes on with.
        most: px to look on.
    """
    back = max(2, min(len(line.course) - 1, 2 * most))
    slope = (line.course[-1] - line.course[-1 - back]) / back, (line.course[back] - line.course[0]) / back
    steps = np.arange(1, most + 1)
    after = _steps_on(contrast, line.end - 1 + steps, line.course[-1] + slope[0] * steps, least)
    before = _steps_on(contrast, line.start - steps, line.course[0] - slope[1] * steps, least)
    course = [line.course[0] - slope[1] * steps[:before][::-1], line.course]
    course.append(line.course[-1] + slope[0] * steps[:after])
    return Line(line.start - before, np.concatenate(course), line.thickness)


def _steps_on(contrast: Grey, columns: NDArray[np.intp], rows: Numbers, least: float) -> int:
    """How many steps on there is contrast, a pixel up or down, but for a pixel here and there."""
    inside = (columns >= 0) & (columns < contrast.shape[1]) & (rows >= 1) & (rows < contrast.shape[0] - 1.5)
    count = int(inside.argmin()) if not inside.all() else len(inside)
    near = np.round(rows[:count]).astype(np.intp) + np.array([[-1], [0], [1]])
    strong = contrast[near, columns[None, :count]].max(0) >= least
    gaps = np.flatnonzero(~strong)
    stops = gaps[:-1][np.diff(gaps) == 1]  # two pixels without
    count = int(stops[0]) if len(stops) else count
    while count and not strong[count - 1]:
        count -= 1
    return count


def smoothed(course: Numbers, width: int) -> Numbers:
    """Moving average of about `width` values, whose ends run on straight."""
    width = min(width | 1, (len(course) - 1) | 1)
    if width < 3:
        return course
    half = width // 2
    slope = (course[-1] - course[0]) / max(1, len(course) - 1)
    before = course[0] - slope * np.arange(half, 0, -1)
    after = course[-1] + slope * np.arange(1, half + 1)
    whole = np.concatenate([before, course, after])
    return np.convolve(whole, np.full(width, 1 / width), "valid")[: len(course)]


def spread(length: int, most: int) -> NDArray[np.intp]:
    """Places in a row of `length`, all of them or about `most` in eight runs."""
    if length <= most:
        return np.arange(length)
    starts = np.linspace(0, length - most // 8, 8).astype(np.intp)
    return (starts[:, None] + np.arange(most // 8)).ravel()


def wipe(mask: Grey, contrast: Grey, line: Line) -> None:
    """Wipes a line that runs across out of a mask, in place; strokes that cross it stay whole.

    Where other ink runs along a thin line, as the foot of a 2 may do, line and ink stay: a pixel or two more
    of ink do no harm. What stands on the line or hangs from it stays, without the line. Ink that is darker
    than the line stays, too.

    Args:
        mask: `uint8 (h, w)`, ink 255.
        contrast: `uint8 (h, w)`, of `light.even_light`.
        line: within the mask's columns.
    """
    profile, thickness = profile_of(mask, line), line.thickness
    thick = profile.thickness
    touched = thick > 1.3 * thickness + SOFT_EDGE
    gone = profile.run()
    beyond = np.abs(np.arange(len(gone)) - profile.reach) > thickness / 2 + 0.6
    gone[beyond[:, None] & touched[None, :]] = False
    most = 0.3 * thickness + SOFT_EDGE
    kept = crossed(profile.above > most, profile.below > most, round(thickness))
    if thickness <= THIN:
        kept |= touched & (thick <= 3 * thickness + 3)
    gone[:, kept] = False
    darkness = contrast[profile.rows, profile.columns]
    if not touched.all():
        own = slice(profile.reach - profile.half, profile.reach + profile.half + 1)
        gone &= darkness <= DARKER * float(np.median(darkness[own, ~touched].max(0))) + 8
    columns = np.broadcast_to(profile.columns, gone.shape)
    mask[profile.rows[gone], columns[gone]] = 0


def crossed(above: Flags, below: Flags, thickness: int) -> Flags:
    """Columns of a line in which a stroke crosses it.

    A slanted stroke enters a thick line in other columns than it leaves it; those between are its own, too.

    Args:
        above: `bool (n,)`, a stroke stands on the line there.
        below: the same for one that hangs from it.
        thickness: of the line, px.
    """
    both = above & below
    near = _widened(above, thickness) & _widened(below, thickness)
    if not near.any():
        return both
    edges = np.flatnonzero(np.diff(np.concatenate([[False], near, [False]]).astype(np.int8)))
    for first, last in zip(edges[::2], edges[1::2], strict=True):
        if both[first:last].any():
            near[first:last] = both[first:last]
    return near


def _widened(flags: Flags, by: int) -> Flags:
    return np.convolve(flags, np.ones(2 * by + 1), "same") > 0.5 if len(flags) > 2 * by else flags
