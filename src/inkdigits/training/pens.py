"""Shapes to ink on a canvas, as pens leave it. Knows strokes and pictures of ink; no characters, no paper."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

FINER = 2  # canvas pixels for one of the picture: drawn finer, then reduced, edges come out soft
LEVELS = 24
_SHIFT = 4  # OpenCV's fixed point: 1/16 pixel

Points = NDArray[np.float64]
Ink = NDArray[np.float32]
Box = tuple[float, float, float, float]


@dataclass(frozen=True)
class Pen:
    """How a pen's line varies along a stroke.

    Attributes:
        pressure: how much its width varies, relative.
        broad: how much wider a downstroke is than a side stroke, relative: a nib.
    """

    pressure: float = 0.0
    broad: float = 0.0


@dataclass
class Drawn:
    """A character as it will lie on the canvas, in canvas pixels relative to its own left end and baseline.

    Attributes:
        box: of its ink.
        points: polyline `(P, 2)`, or None for a picture of ink.
        drawn: `bool (P - 1,)`, where the pen is down.
        ink: `float32 (h, w)`, 0 to 1, for what isn't a polyline; its left top is `box`'s.
        pen: of a polyline, canvas pixels.
    """

    box: Box
    points: Points | None = None
    drawn: NDArray[np.bool_] | None = None
    ink: Ink | None = None
    pen: float = 0.0

    def edges(self, height: float) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """How far the ink reaches left and right at each level, `(LEVELS,)`; where there is none, ±infinity.

        Args:
            height: of a digit, canvas pixels; levels are a tenth of it, from 1.6 above the baseline down.
        """
        left, right = np.full(LEVELS, np.inf), np.full(LEVELS, -np.inf)
        if self.points is not None and self.drawn is not None:
            inked = np.append(self.drawn, False) | np.append(False, self.drawn)
            x, y = self.points[inked].T
            level = _level(y, height)
            np.minimum.at(left, level, x - self.pen / 2)
            np.maximum.at(right, level, x + self.pen / 2)
        elif self.ink is not None:
            solid = self.ink > 0.5
            rows = np.flatnonzero(solid.any(1))
            level = _level(rows + self.box[1], height)
            np.minimum.at(left, level, self.box[0] + solid[rows].argmax(1))
            np.maximum.at(right, level, self.box[0] + solid.shape[1] - solid[rows, ::-1].argmax(1))
        # neighbours of a level count too: points lie apart, and pens are round
        wide = np.pad(left, 1, constant_values=np.inf)
        left = np.minimum(np.minimum(wide[:-2], wide[2:]), left)
        wide = np.pad(right, 1, constant_values=-np.inf)
        return left, np.maximum(np.maximum(wide[:-2], wide[2:]), right)


def _level(y: NDArray[np.floating[Any]], height: float) -> NDArray[np.int64]:
    return np.asarray(np.clip((y / height + 1.6) * 10, 0, LEVELS - 1), np.int64)


def polyline(points: Points, drawn: NDArray[np.bool_], pen: float) -> Drawn:
    """Strokes as a character; `drawn` says where the pen, `pen` canvas pixels wide, is down."""
    inked = np.zeros(len(points), bool)
    inked[:-1] |= drawn
    inked[1:] |= drawn
    low, high = points[inked].min(0) - pen / 2, points[inked].max(0) + pen / 2
    return Drawn((low[0], low[1], high[0], high[1]), points, drawn, pen=pen)


def lay(canvas: NDArray[np.uint8], drawn: Drawn, x: float, y: float, rng: Generator, pen: Pen) -> None:
    """Draws a character onto the canvas.

    Args:
        canvas: `uint8 (H, W)`, ink 0 to 255; changed.
        drawn: the character.
        x: canvas column of its left end.
        y: canvas row of its baseline.
        rng: of the line.
        pen: the writer's.
    """
    if drawn.points is None:
        assert drawn.ink is not None
        _lay_picture(canvas, drawn.ink, round(x + drawn.box[0]), round(y + drawn.box[1]))
        return
    assert drawn.drawn is not None
    points = np.rint((drawn.points + np.array([x, y])) * (1 << _SHIFT)).astype(np.int32)
    draw_strokes(canvas, points, drawn.drawn, drawn.pen, rng, pen)


def draw_strokes(
    canvas: NDArray[np.uint8],
    points: NDArray[np.int32],
    drawn: NDArray[np.bool_],
    width: float,
    rng: Generator,
    pen: Pen,
) -> None:
    """Polylines in OpenCV's fixed point; pens that press or have a nib go segment by segment."""
    if not pen.pressure and not pen.broad:
        starts = np.flatnonzero(~drawn) + 1
        parts = [part for part in np.split(points, starts) if len(part) > 1]
        cv2.polylines(canvas, parts, False, 255, max(1, round(width)), cv2.LINE_AA, _SHIFT)
        return
    press = np.interp(np.linspace(0, 5, len(drawn)), np.arange(6), rng.normal(size=6)) * pen.pressure
    step = np.diff(points, axis=0).astype(float)
    nib = pen.broad * (np.abs(step[:, 1]) / (np.hypot(step[:, 0], step[:, 1]) + 1e-6) - 0.5)
    widths = np.clip(np.rint(width * np.clip(1 + press + nib, 0.5, 1.7)), 1, None).astype(int)
    ends = points.tolist()
    for i in np.flatnonzero(drawn).tolist():
        cv2.line(canvas, ends[i], ends[i + 1], 255, int(widths[i]), cv2.LINE_AA, _SHIFT)


def _lay_picture(canvas: NDArray[np.uint8], ink: Ink, x: int, y: int) -> None:
    h, w = ink.shape
    x0, y0, x1, y1 = max(x, 0), max(y, 0), min(x + w, canvas.shape[1]), min(y + h, canvas.shape[0])
    if x1 <= x0 or y1 <= y0:
        return
    part = canvas[y0:y1, x0:x1]
    np.maximum(part, (ink[y0 - y : y1 - y, x0 - x : x1 - x] * 255).astype(np.uint8), out=part)
