"""Taking one printed line out of ink that touches and crosses it. Knows where the line runs; finds none itself."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

SOFT_EDGE = 1.5  # px by which a line's ink may reach beyond its thickness

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
        return float(self.course[int(np.clip(round(column) - self.start, 0, len(self.course) - 1))])


@dataclass(frozen=True)
class Profile:
    """The ink along a line.

    Attributes:
        rows: `int (2 * reach + 1, n)`, rows of the mask around the line's course.
        columns: `int (1, n)`, those that were looked at.
        ink: `bool`, same shape: ink there.
        zone: which of the rows are the line's own, as a slice.
        above: `int (n,)`, how many pixels of ink stand on the line, unbroken.
        below: the same for ink hanging from it.
    """

    rows: NDArray[np.intp]
    columns: NDArray[np.intp]
    ink: Flags
    zone: slice
    above: NDArray[np.intp]
    below: NDArray[np.intp]

    def thickness(self) -> NDArray[np.intp]:
        """`int (n,)`, pixels of unbroken ink in each column, the line with what touches it; 0 where there is none."""
        own = self.ink[self.zone].sum(0)
        return np.where(own > 0, own + self.above + self.below, 0)


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
    ink = (mask[rows, columns] > 0) & inside
    zone = slice(reach - half, reach + half + 1)
    above = np.logical_and.accumulate(ink[: zone.start][::-1], axis=0).sum(0)
    below = np.logical_and.accumulate(ink[zone.stop :], axis=0).sum(0)
    return Profile(rows, columns, ink, zone, above, below)


def spread(length: int, most: int) -> NDArray[np.intp]:
    """Places in a row of `length`, all of them or about `most` in eight runs."""
    if length <= most:
        return np.arange(length)
    starts = np.linspace(0, length - most // 8, 8).astype(np.intp)
    return (starts[:, None] + np.arange(most // 8)).ravel()


def wipe(mask: Grey, line: Line) -> None:
    """Wipes a line that runs across out of a mask, in place; strokes that cross it stay whole.

    Args:
        mask: `uint8 (h, w)`, ink 255.
        line: within the mask's columns.
    """
    profile = profile_of(mask, line)
    most = SOFT_EDGE + 0.3 * line.thickness
    above, below = profile.above > most, profile.below > most
    gone = profile.ink.copy()
    gone[:, crossed(above, below, round(line.thickness))] = False
    # what stands on the line or hangs from it stays, a soft edge goes with the line
    gone[: profile.zone.start] &= ~above & _next_to(profile.above, profile.zone.start)[::-1]
    gone[profile.zone.stop :] &= ~below & _next_to(profile.below, len(gone) - profile.zone.stop)
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


def _next_to(count: NDArray[np.intp], height: int) -> Flags:
    """`bool (height, n)`: the first `count` rows of each column."""
    return np.arange(height)[:, None] < count[None, :]
