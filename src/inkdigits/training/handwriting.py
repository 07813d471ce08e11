"""One writer's hand: characters to shapes, with the box of each. Knows shapes, no texts and no paper.

A writer keeps to a few ways of writing each digit, one pen, one slant, one rhythm. The shapes come from
stroke skeletons (`strokes.py`: the ways digits are written around the world), from MNIST's training digits
(as distance fields, so that any pen can draw them) and from handwriting fonts. numpy and OpenCV only: lines
are composed by processes that feed a training.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import cv2
import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from inkdigits.training.fonts import HEIGHT as DIGIT_HEIGHT
from inkdigits.training.fonts import WORD_HEIGHT, Glyph, Hands
from inkdigits.training.forms import Form, Forms
from inkdigits.training.line_recipe import Source
from inkdigits.training.pendigits import PenDigits
from inkdigits.training.pens import Drawn, Ink, Pen, polyline
from inkdigits.training.strokes import OTHER, load_skeletons

_FIELD = 64  # px, side of a distance field; MNIST's 28 px enlarged
_SKELETON_WIDTH = 0.76  # skeletons fill a square; written digits are about so wide


# letters and signs that are somebody's 0, 1, 2, 4, 5, 7, 8, 9 or mark: on a line they teach contradictions
LIKE_DIGITS = frozenset(
    """
    P P_bar q g S s_joined Z z_tail y y_straight check root h_arch h_looped b b_looped l_looped ten r
    D o_joined eleven_slanted double_o tally two_bars three_bars minus plus plus_slanted tilde_minus G
    G_hooked J j i Q t f exclamation colon dots ellipsis L C c d d_looped D_looped I_barred T F
    F_joined loops Y parenthesis A
    """.split()  # noqa: SIM905  # so many words read better so
)


class Shapes:
    """Everything that can be written, loaded once a process.

    Attributes:
        hands: fonts, or None where there are none.
        pens: digits written with a pen that somebody followed.

    Args:
        glyphs: `uint8 (N, 28, 28)`, MNIST's training digits without the validation part.
        labels: `(N,)`.
        hands: handwriting fonts (`fonts.Hands`), or None.
        pens: pen ways of the same part of the data.
    """

    def __init__(
        self,
        glyphs: NDArray[np.uint8],
        labels: NDArray[Any],
        hands: Hands | None = None,
        pens: PenDigits | None = None,
    ) -> None:
        self._glyphs = glyphs
        self._of_digit = [np.flatnonzero(labels == digit) for digit in range(10)]
        self.hands = hands
        self.pens = pens or PenDigits.load("train")
        self._pens_of = [self.pens.of_digit(digit) for digit in range(10)]

    @cached_property
    def digits(self) -> Forms:
        """Skeletons of digits."""
        return Forms.of(load_skeletons("digits"))

    @cached_property
    def others(self) -> Forms:
        """Skeletons of letters and signs."""
        return Forms.of(load_skeletons("others"))

    @cached_property
    def signs(self) -> NDArray[np.int64]:
        """Which of the others can't be taken for a digit or a mark that somebody writes."""
        return np.array([form for form, name in enumerate(self.others.names) if name not in LIKE_DIGITS])

    @property
    def fonts(self) -> Hands:
        """The fonts, for a style that needs them."""
        assert self.hands is not None, "a share of fonts without fonts"
        return self.hands

    def ways(self, source: Source, digit: int) -> NDArray[np.intp]:
        """Which pen ways, or else which skeletons, are ways of writing a digit."""
        return self._pens_of[digit] if source == "pens" else np.flatnonzero(self.digits.labels == digit)

    def form(self, source: Source, index: int) -> Form:
        """One of `ways`."""
        return self.pens.form(index) if source == "pens" else self.digits.form(index)

    def mnist(self, rng: Generator, digit: int) -> NDArray[np.uint8]:
        """One of MNIST's digits."""
        chosen: NDArray[np.uint8] = self._glyphs[rng.choice(self._of_digit[digit])]
        return chosen


@dataclass(frozen=True)
class Style:
    """What stays the same along a line that one person writes; lengths in digit heights.

    Attributes:
        source: where the shapes come from.
        ways: the skeleton, or pen way, of each digit.
        font: index of the font.
        slant: horizontal shift at the top, in heights.
        width: factor on the width of every shape, beside what its source has.
        pen: width of the pen.
        pressure: how much that varies, relative.
        broad: how much wider a downstroke is than a side stroke, relative: a nib.
        wobble: of control points.
        bend: of whole shapes.
        lean: how much further a 1 leans than other digits: many are a mere slash.
        zeros: size of zeros beside other digits, for some write them small.
        joined: probability that the pen stays down to the next digit.
    """

    source: Source
    ways: tuple[int, ...]
    font: int
    slant: float
    width: float
    pen: float
    pressure: float
    broad: float
    wobble: float
    bend: float
    lean: float
    zeros: float
    joined: float

    @property
    def nib(self) -> Pen:
        """How the pen's line varies."""
        return Pen(self.pressure, self.broad)


def random_style(rng: Generator, shapes: Shapes, shares: dict[Source, float]) -> Style:
    """A writer.

    Args:
        rng: of the line.
        shapes: what can be written.
        shares: how often each source is taken; they add up to 1.
    """
    source = tuple(shares)[int(rng.choice(len(shares), p=list(shares.values())))]
    fonts = None
    if source == "font":
        fonts = shapes.fonts.handwritten if rng.random() < 0.8 else shapes.fonts.printed
    return Style(
        source=source,
        ways=tuple(int(rng.choice(shapes.ways(source, digit))) for digit in range(10)),
        font=0 if fonts is None else int(rng.choice(fonts)),
        slant=float(rng.normal(0.12, 0.22)),
        width=float(np.exp(rng.normal(0.1, 0.24))),
        pen=float(np.clip(np.exp(rng.normal(-2.62, 0.42)), 0.028, 0.3)),
        pressure=float(rng.choice([0.0, 0.0, 0.15, 0.3])),
        broad=float(rng.choice([0.0, 0.0, 0.0, 0.5])),
        wobble=float(rng.uniform(0.005, 0.06)),
        bend=float(rng.uniform(0.02, 0.14)),
        lean=max(0.0, float(rng.normal(0.08, 0.2))),
        zeros=float(rng.uniform(0.45, 0.85)) if rng.random() < 0.2 else 1.0,
        joined=float(rng.choice([0.0, 0.0, 0.0, 0.15, 0.4])),
    )


def write_digit(rng: Generator, shapes: Shapes, style: Style, digit: int, height: float) -> Drawn:
    """A digit in a writer's hand.

    Args:
        rng: of the line.
        shapes: what can be written.
        style: the writer's.
        digit: 0 to 9.
        height: of the digit, canvas pixels.
    """
    if digit == 1 and style.lean:
        style = replace(style, slant=style.slant + style.lean)
    if style.source == "mnist":
        return _from_mnist(rng, shapes.mnist(rng, digit), style, height)
    if style.source == "font":
        return _from_font(rng, shapes.fonts.digit(rng, style.font, str(digit)), style, height)
    way = style.ways[digit]
    if rng.random() < 0.06:  # now and then another way
        way = int(rng.choice(shapes.ways(style.source, digit)))
    return _from_form(rng, shapes.form(style.source, way), style, height)


def write_sign(rng: Generator, shapes: Shapes, style: Style, height: float) -> Drawn:
    """A letter or sign that is no digit, from the skeletons."""
    form = int(rng.choice(shapes.signs))
    assert shapes.others.labels[form] == OTHER
    return _from_form(rng, shapes.others.form(form), style, height * rng.uniform(0.7, 1.1))


def write_mark(rng: Generator, style: Style, mark: str, height: float) -> Drawn:
    """One of `.` `,` `-` `/`, or `=`, `:` and `#` which are no marks of numbers, as a few strokes."""
    pen = style.pen * height * rng.uniform(0.85, 1.3)
    u = rng.uniform
    strokes: list[list[tuple[float, float]]]
    if mark == ".":
        d = u(0.0, 0.06)
        y = u(-0.08, 0.02)
        strokes = [[(0, y), (d * u(-0.5, 1), y + d * u(-1, 1))]]
        pen *= u(1.0, 1.7)
    elif mark == ",":
        y, down = u(-0.12, 0.02), u(0.1, 0.38)
        strokes = [[(0.06, y), (0.07 - u(0, 0.04), y + down * 0.5), (-u(-0.02, 0.12), y + down)]]
    elif mark == "-":
        y, long, tilt = -u(0.12, 0.62), u(0.16, 0.6), u(-0.12, 0.08)
        if rng.random() < 0.3:  # ended with a flourish
            long, tilt = u(0.3, 1.4), u(-0.5, 0.15)
        strokes = [[(0, y), (long / 2, y + tilt / 2 + u(-0.05, 0.05)), (long, y + tilt)]]
    elif mark == "/":
        wide, top, low = u(0.2, 0.65), -u(0.9, 1.35), u(0.0, 0.35)
        strokes = [[(0, low), (wide / 2 + u(-0.05, 0.05), (low + top) / 2), (wide, top)]]
    elif mark == "=":
        y, long, gap, tilt = -u(0.2, 0.6), u(0.2, 0.55), u(0.1, 0.24), u(-0.1, 0.06)
        strokes = [
            [(0, y), (long, y + tilt)],
            [(u(-0.06, 0.06), y + gap), (long * u(0.8, 1.1), y + gap + tilt)],
        ]
    elif mark == "#":
        y, long, gap, tilt = -u(0.3, 0.6), u(0.35, 0.9), u(0.1, 0.25), u(-0.15, 0.05)
        strokes = [[(0, y), (long, y + tilt)], [(u(-0.05, 0.05), y + gap), (long, y + gap + tilt)]]
        for x in (u(0.2, 0.45), u(0.5, 0.8)):
            lean = u(0.0, 0.25)
            strokes.append([(long * x + lean, y - u(0.1, 0.3)), (long * x, y + gap + u(0.1, 0.3))])
    else:
        y, gap = u(-0.1, 0.0), u(0.25, 0.5)
        strokes = [[(0, y), (0.02, y)], [(u(-0.03, 0.08), y - gap), (0.05, y - gap)]]
    points = np.concatenate([np.array(stroke, float) for stroke in strokes]) * height
    drawn = np.ones(len(points) - 1, bool)
    drawn[np.cumsum([len(stroke) for stroke in strokes])[:-1] - 1] = False
    points[:, 0] -= style.slant * 0.3 * points[:, 1]
    return polyline(points, drawn, pen)


def write_word(rng: Generator, shapes: Shapes, style: Style, height: float) -> Drawn:
    """A handwritten or printed word from the fonts; a run of letters and signs where there are none."""
    if shapes.hands is None or rng.random() < 0.15:
        return _run_of_signs(rng, shapes, style, height)
    ink = shapes.hands.word(rng)
    scale = height * rng.uniform(0.7, 1.1) / WORD_HEIGHT
    return _placed(rng, ink, style, scale, -ink.shape[0] * scale * rng.uniform(0.75, 1.0))


def write_font_mark(rng: Generator, shapes: Shapes, style: Style, mark: str, height: float) -> Drawn:
    """One of `.` `,` `-` `/` of the writer's font."""
    return _from_font(rng, shapes.fonts.digit(rng, style.font, mark), style, height)


def _run_of_signs(rng: Generator, shapes: Shapes, style: Style, height: float) -> Drawn:
    parts = [
        write_sign(rng, shapes, style, height * rng.uniform(0.5, 1)) for _ in range(int(rng.integers(2, 7)))
    ]
    points, drawn, x = [], [], 0.0
    for part in parts:
        assert part.points is not None
        assert part.drawn is not None
        points.append(part.points + np.array([x - part.box[0], 0.0]))
        drawn += [part.drawn, np.zeros(1, bool)]
        x += part.box[2] - part.box[0] + height * rng.uniform(-0.1, 0.1)
    return polyline(np.concatenate(points), np.concatenate(drawn[:-1]), parts[0].pen)


def scribble(rng: Generator, style: Style, height: float) -> Drawn:
    """A smooth random walk, as people try a pen or strike something out."""
    steps = rng.normal(size=(int(rng.integers(4, 14)), 2)) * [0.35, 0.3]
    walk = np.cumsum(steps, 0) * 0.6 + rng.normal(size=steps.shape) * 0.25
    fine = np.linspace(0, len(walk) - 1, 40)
    points = np.stack([np.interp(fine, np.arange(len(walk)), walk[:, axis]) for axis in (0, 1)], 1)
    points = np.asarray(cv2.GaussianBlur(points, (1, 5), 0, borderType=cv2.BORDER_REPLICATE), np.float64)
    span = np.ptp(points[:, 1]) or 1.0
    points = (points - [0, points[:, 1].max()]) * min(1.2 / span, 1.5) * height
    return polyline(points, np.ones(len(points) - 1, bool), style.pen * height)


def _from_form(rng: Generator, form: Form, style: Style, height: float) -> Drawn:
    """An allograph, jittered as `strokes.py` does it, but within one writer's habits."""
    controls = form.controls
    x, y = (controls + style.wobble * rng.normal(size=controls.shape)).T
    bend = style.bend * rng.normal(size=4)
    x = x + bend[0] * np.sin(3.1 * y) + bend[1] * (y - 0.5) ** 2
    y = y + bend[2] * np.sin(3.1 * x) + bend[3] * (x - 0.5) ** 2
    turn = rng.normal(0, 0.06)
    x, y = x - turn * (y - 0.5), y + turn * (x - 0.5)
    points = form.blend @ np.stack([x, y], 1)
    points[:, 0] *= _SKELETON_WIDTH * style.width * np.exp(rng.normal(0, 0.12))
    points[:, 1] = points[:, 1] - 1  # the baseline is 0
    points[:, 0] -= (style.slant + rng.normal(0, 0.04)) * points[:, 1]
    return polyline(points * height, form.drawn, style.pen * height)


def _from_mnist(rng: Generator, glyph: NDArray[np.uint8], style: Style, height: float) -> Drawn:
    """A glyph as a distance field, drawn again with the writer's pen."""
    large = cv2.resize(glyph, (_FIELD, _FIELD), interpolation=cv2.INTER_CUBIC)
    solid = (large > 110).astype(np.uint8)
    if not solid.any():
        solid = (large > 30).astype(np.uint8)
    inside = cv2.distanceTransform(solid, cv2.DIST_L2, 3)
    outside = cv2.distanceTransform(1 - solid, cv2.DIST_L2, 3)
    radius = 2 * float(inside[solid > 0].mean())
    rows = np.flatnonzero(solid.any(1))
    tall = (rows[-1] - rows[0] + 1) / height  # field pixels for one of the canvas
    wanted = style.pen * height * tall / 2
    grow = np.clip(wanted - radius, -0.55 * radius, 3.0)
    field = np.asarray(inside - outside + grow, np.float32)
    return _placed(rng, field, style, 1 / tall, -height, top=float(rows[0]), is_field=True)


def _from_font(rng: Generator, shape: Glyph, style: Style, height: float) -> Drawn:
    """A font's character, which has its own place above the baseline."""
    scale = height / DIGIT_HEIGHT
    return _placed(rng, shape.ink, style, scale, shape.top * scale)


def _placed(
    rng: Generator,
    picture: Ink,
    style: Style,
    scale: float,
    top_at: float,
    *,
    top: float = 0.0,
    is_field: bool = False,
) -> Drawn:
    """A picture of ink (or a distance field) scaled and slanted to where it stands above the baseline."""
    own = 0.35 if is_field or style.source == "font" else 1.0  # shapes with a slant of their own get less
    shear = own * style.slant + rng.normal(0, 0.03)
    wide = scale * style.width * (1.0 if not is_field else np.exp(rng.normal(0, 0.12)))
    h = int(np.ceil(picture.shape[0] * scale)) + 4
    lean = abs(shear) * h
    w = int(np.ceil(picture.shape[1] * wide + lean)) + 4
    # y = scale·(v − top) + 2 and x = wide·u + shear·(h − y) + left: upper rows lean right
    left = 2 + (lean if shear < 0 else 0.0) + shear * (h - 2 + top * scale)
    matrix = np.array([[wide, -shear * scale, left], [0, scale, 2 - top * scale]], np.float32)
    border = -99.0 if is_field else 0.0
    ink = cv2.warpAffine(picture, matrix, (w, h), flags=cv2.INTER_LINEAR, borderValue=border)
    ink = np.clip(ink * scale + 0.5, 0, 1) if is_field else np.clip(ink, 0, 1)
    rows, columns = np.flatnonzero(ink.max(1) > 0.5), np.flatnonzero(ink.max(0) > 0.5)
    if not len(rows) or not len(columns):
        return Drawn((0, -1, 1, 0), ink=np.zeros((1, 1), np.float32))
    cut = ink[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
    top_px = top_at + rows[0] - 2
    return Drawn((0, top_px, cut.shape[1], top_px + cut.shape[0]), ink=np.asarray(cut, np.float32))
