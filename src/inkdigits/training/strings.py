"""Lines of handwritten numbers, composed on the fly: what the line network learns from. No two are alike.

texts as people write them ─► one writer's hand ─► ink on a canvas, neighbours cut off ─► paper, rulings ─►
pen, camera, scanner ─► the strip that the recogniser would make of it, with the box of each character.

Every line is decided by (seed, index) alone. Digits come from MNIST's training images, from stroke
skeletons, from the strokes of people's pens and from handwriting fonts; no picture of a real document is
used. numpy and OpenCV only.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise

import cv2
import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from inkdigits.alphabet import CLASSES, OTHER
from inkdigits.strip import HEIGHT, NARROWEST, PAPER, strip_from_grey
from inkdigits.training.handwriting import (
    Shapes,
    Style,
    random_style,
    scribble,
    write_digit,
    write_font_mark,
    write_mark,
    write_sign,
    write_word,
)
from inkdigits.training.line_recipe import Source
from inkdigits.training.papers import paper, rulings
from inkdigits.training.pens import FINER, LEVELS, Drawn, lay
from inkdigits.training.scans import faint, scan
from inkdigits.training.texts import Token, random_tokens, tokens_of

WIDEST = 640  # px, a training strip; 20 digits have room
_INDEX = {name: index for index, name in enumerate(CLASSES)}

Boxes = NDArray[np.float32]


@dataclass(frozen=True)
class TrainingLine:
    """A composed line.

    Attributes:
        pixels: `uint8 (32, W)`, the strip.
        targets: `int64 (L,)`, indices into CLASSES.
        boxes: `float32 (L, 4)`, x0, y0, x1, y1 of each target's ink, strip pixels.
        picture: `uint8 (H, W)`, what the strip was made of.
    """

    pixels: NDArray[np.uint8]
    targets: NDArray[np.int64]
    boxes: Boxes
    picture: NDArray[np.uint8]

    @property
    def label(self) -> str:
        """The targets as text, `?` for what is neither digit nor mark."""
        return "".join(CLASSES[target] for target in self.targets)

    @property
    def text(self) -> str:
        """The digits alone."""
        return "".join(character for character in self.label if character.isdigit())


@dataclass(frozen=True)
class Composer:
    """Composes lines.

    Attributes:
        shapes: what can be written.
        shares: how often a line is written in stroke skeletons, MNIST's digits, a font.
        seed: of all lines.
    """

    shapes: Shapes
    shares: dict[Source, float]
    seed: int

    def line(self, index: int) -> TrainingLine:
        """The line with this number, the same whenever and wherever it is composed."""
        return self._composed(index, random_tokens)

    def written(self, index: int, text: str) -> TrainingLine:
        """As `line`, with a given text: digits, marks, and spaces, which stay empty.

        Raises:
            KeyError: another character.
        """
        return self._composed(index, lambda _: tokens_of(text))

    def _composed(self, index: int, tokens: Callable[[Generator], list[Token]]) -> TrainingLine:
        rng = np.random.default_rng([self.seed, index])
        while True:
            style = random_style(rng, self.shapes, self.shares)
            made = _compose(rng, self.shapes, style, tokens(rng))
            if made is not None:
                return made


def _compose(rng: Generator, shapes: Shapes, style: Style, tokens: list[Token]) -> TrainingLine | None:
    """One line; None when its ink is too faint to be seen or its strip too wide, so another is tried."""
    height = float(np.exp(rng.uniform(np.log(17), np.log(46)))) * FINER  # canvas px, a digit
    written = [(token, _write(rng, shapes, style, token, height)) for token in tokens]
    places, extent = _layout(rng, written, height)
    frame = _frame(rng, extent, height)
    canvas = np.zeros((frame.height, frame.width), np.uint8)
    for (_, drawn), (x, y) in zip(written, places, strict=True):
        lay(canvas, drawn, x - frame.left, y - frame.top, rng, style.nib)
    _join(rng, canvas, style, written, places, frame)
    _add_neighbours(rng, canvas, shapes, style, frame, extent, height)
    picture = _pictured(rng, canvas, frame, height)
    corners = [(x - frame.left, y - frame.top) * 2 for x, y in places]
    boxes = np.array([drawn.box for _, drawn in written]).reshape(-1, 4) + np.array(corners).reshape(-1, 4)
    return _as_strip(picture, [token for token, _ in written], np.asarray(boxes / FINER, np.float32))


def _write(rng: Generator, shapes: Shapes, style: Style, token: Token, height: float) -> Drawn:
    size = height * token.size * float(np.exp(rng.normal(0, 0.07)))
    if token.kind == "digit":
        size *= style.zeros if token.text == "0" else 1.0
        return write_digit(rng, shapes, style, int(token.text), size)
    if token.kind == "mark":
        if style.source == "font" and token.text in ".,-/" and rng.random() < 0.6:
            return write_font_mark(rng, shapes, style, token.text, size)
        return write_mark(rng, style, token.text, size)
    if token.kind == "sign":
        return write_sign(rng, shapes, style, size)
    return scribble(rng, style, size) if token.kind == "scribble" else write_word(rng, shapes, style, size)


def _layout(
    rng: Generator, written: list[tuple[Token, Drawn]], height: float
) -> tuple[list[tuple[float, float]], tuple[float, float, float, float]]:
    """Where each character's left end and baseline lie, and the box around all, in canvas pixels."""
    room = _spacing(rng)
    uneven = rng.uniform(0.01, 0.09)
    tilt = rng.normal(0, 0.035)
    drift, wander = 0.0, rng.uniform(0.0, 0.05)
    hangs = {digit: rng.uniform(0.05, 0.35) for digit in "7934" if rng.random() < 0.12}  # old-style figures
    grows = rng.normal(0, 0.02)
    by_ink = rng.random() < 0.65  # or by boxes, as type is set
    reach = np.full(LEVELS, -np.inf)  # of what is written already, at each level
    end, middle = 0.0, -np.inf
    places: list[tuple[float, float]] = []
    for number, (token, drawn) in enumerate(written):
        gap = height * ((room if token.gap is None else token.gap) + rng.normal(0, uneven))
        gap = max(gap, -0.07 * height) if by_ink else gap
        left, right = drawn.edges(height)
        drift += rng.normal(0, wander) * 0.5
        x = end + gap - drawn.box[0] if number else -drawn.box[0]
        if number and by_ink:
            touching = float(np.max(reach - left))  # where inks at one level would touch
            # never so far under the one before that the order could be doubted
            least = middle + 0.16 * height - (drawn.box[0] + drawn.box[2]) / 2
            x = max(min(touching + gap + 0.04 * height, x + 0.1 * height), least)
        y = height * (drift + hangs.get(token.text, 0.0) - token.raised) + tilt * x + grows * number
        places.append((x, y))
        reach = np.maximum(reach, right + x)
        end, middle = x + drawn.box[2], x + (drawn.box[0] + drawn.box[2]) / 2
        if token.kind == "mark" and token.text in ".,":  # little room, often under the neighbour
            end -= height * rng.uniform(0.0, 0.1)
    if not written:
        return places, (0.0, -height, height * rng.uniform(0.5, 8), 0.0)
    boxes = np.array([drawn.box for _, drawn in written]) + np.array([(x, y, x, y) for x, y in places])
    low, high = boxes.min(0), boxes.max(0)
    return places, (float(low[0]), float(low[1]), float(high[2]), float(high[3]))


def _spacing(rng: Generator) -> float:
    """A writer's room between digits, in heights: usual, touching, wide."""
    kind = rng.random()
    if kind < 0.55:
        return float(rng.normal(0.12, 0.07))
    return float(rng.uniform(-0.16, 0.1)) if kind < 0.85 else float(rng.uniform(0.2, 0.7))


@dataclass(frozen=True)
class _Frame:
    """The cut around the ink, canvas pixels."""

    left: int
    top: int
    width: int
    height: int


def _frame(rng: Generator, extent: tuple[float, float, float, float], height: float) -> _Frame:
    """Cut too tight, about right, or too wide."""
    x0, y0, x1, y1 = extent
    kind = rng.random()
    if kind < 0.15:
        margins = rng.uniform(-0.06, 0.05, 4)
    elif kind < 0.75:
        margins = rng.uniform(0.0, 0.4, 4)
    else:
        margins = rng.uniform(0.1, 1.4, 4) * [1.6, 0.8, 1.6, 0.8]
    left, top = x0 - margins[0] * height, y0 - margins[1] * height
    right, low = x1 + margins[2] * height, y1 + margins[3] * height
    width, tall = max(right - left, 12 * FINER), max(low - top, 12 * FINER)
    return _Frame(int(left), int(top), int(width) // FINER * FINER, int(tall) // FINER * FINER)


def _join(
    rng: Generator,
    canvas: NDArray[np.uint8],
    style: Style,
    written: list[tuple[Token, Drawn]],
    places: list[tuple[float, float]],
    frame: _Frame,
) -> None:
    """The pen that stays down from a digit to the next draws a light curve between them."""
    if not style.joined:
        return
    for (a, b), (at_a, at_b) in zip(pairwise(written), pairwise(places), strict=True):
        if a[0].kind != "digit" or b[0].kind != "digit" or rng.random() > style.joined:
            continue
        if a[1].points is None or b[1].points is None:
            continue
        origin = np.array([frame.left, frame.top])
        begin, end = a[1].points[-1] + at_a - origin, b[1].points[0] + at_b - origin
        if np.abs(end - begin).max() > 1.2 * abs(a[1].box[3] - a[1].box[1]):
            continue
        sag = rng.normal(0, 0.15) * abs(end - begin).sum()
        t = np.linspace(0, 1, 8)[:, None]
        curve = begin + (end - begin) * t + np.array([0, 1]) * sag * 4 * t * (1 - t)
        cv2.polylines(
            canvas,
            [np.rint(curve * 16).astype(np.int32)],
            False,
            255,
            max(1, round(a[1].pen * 0.8)),
            cv2.LINE_AA,
            4,
        )


def _add_neighbours(
    rng: Generator,
    canvas: NDArray[np.uint8],
    shapes: Shapes,
    style: Style,
    frame: _Frame,
    extent: tuple[float, float, float, float],
    height: float,
) -> None:
    """What stands beside, above or below and is cut off by the frame: not part of the number."""
    x0, y0, x1, y1 = extent
    left, top, right, low = x0 - frame.left, y0 - frame.top, x1 - frame.left, y1 - frame.top
    for side in ("left", "right", "above", "below"):
        if rng.random() > (0.03 if side in ("left", "right") else 0.07):
            continue
        count = 1 if side in ("left", "right") else int(rng.integers(1, 6))
        for _ in range(count):
            drawn = (
                write_digit(rng, shapes, style, int(rng.integers(10)), height)
                if rng.random() < 0.6
                else write_word(rng, shapes, style, height)
            )
            w, h = drawn.box[2] - drawn.box[0], drawn.box[3] - drawn.box[1]
            shown = rng.uniform(0.05, 0.25)
            if side == "left":
                x, y = min(-w * (1 - shown), left - 0.1 * height - w), (top + low) / 2 + h / 2
            elif side == "right":
                x, y = max(frame.width - w * shown, right + 0.1 * height), (top + low) / 2 + h / 2
            elif side == "above":
                x, y = rng.uniform(0, max(1.0, frame.width - w)), min(h * shown, top - 0.08 * height)
            else:
                x, y = (
                    rng.uniform(0, max(1.0, frame.width - w)),
                    max(frame.height + h * (1 - shown), low + 0.08 * height + h),
                )
            # cut off, or clear of the number: else it would be part of it
            lay(canvas, drawn, x - drawn.box[0], y - drawn.box[3], rng, style.nib)


def _pictured(rng: Generator, canvas: NDArray[np.uint8], frame: _Frame, height: float) -> NDArray[np.uint8]:
    """Ink on a canvas to a picture: paper, rulings, the pen's own traces, what a camera adds."""
    size = (frame.width // FINER, frame.height // FINER)
    reduced = np.asarray(cv2.resize(canvas, size, interpolation=cv2.INTER_AREA), np.float32) / np.float32(255)
    plain = rng.random() < 0.5  # a good pen and a good scan: how it is written is hard enough
    ink = reduced if plain else faint(rng, reduced)
    ground = paper(rng, size[1], size[0])
    bright, pattern = float(ground.mean()), float(ground.std())
    if rng.random() < 0.5:
        baseline = frame.height / FINER * rng.uniform(0.6, 1.0) if rng.random() < 0.3 else -frame.top / FINER
        lines = rulings(rng, size[1], size[0], baseline, height / FINER)
        ground = ground * (1 - lines * rng.uniform(0.3, 1.0))
    # as faint as pens get, but never fainter than an eye can read on the paper's own pattern: of 400 real
    # amounts, none has less than 5.5 times its deviation
    contrast = bright * rng.uniform(0.22, 0.95)
    contrast = max(contrast, 0.1 + 6.5 * pattern if plain else 0.06 + 4.5 * pattern)
    dark = max(bright - contrast, 0.0)
    depth = rng.uniform(0.8, 1.0)
    grey = ground * (1 - ink * depth) + dark * ink * depth
    if rng.random() < 0.06:
        grey = 1 - grey
    if plain and rng.random() < 0.6:
        return np.asarray(np.clip(np.rint(grey * 255), 0, 255), np.uint8)
    return scan(rng, np.asarray(grey, np.float32))


def _as_strip(picture: NDArray[np.uint8], tokens: list[Token], boxes: Boxes) -> TrainingLine | None:
    """The strip that the recogniser makes of it; characters that the cut left outside are no targets."""
    strip = strip_from_grey(picture)
    if strip is None:
        if tokens:
            return None
        blank = np.full((HEIGHT, NARROWEST), PAPER, np.uint8)
        return TrainingLine(blank, np.zeros(0, np.int64), boxes, picture)
    if strip.pixels.shape[1] > WIDEST:
        return None
    scale = np.array([strip.x_scale, strip.y_scale] * 2, np.float32)
    boxes = (boxes - np.array([0, strip.top] * 2, np.float32)) / scale
    height, width = strip.pixels.shape
    limits = np.array([width, height, width, height], np.float32)
    seen = np.clip(boxes, 0, limits)
    area = np.maximum((boxes[:, 2] - boxes[:, 0]) * (boxes[:, 3] - boxes[:, 1]), 1e-3)
    share = np.maximum((seen[:, 2] - seen[:, 0]) * (seen[:, 3] - seen[:, 1]), 0) / area
    digits = np.array([token.kind == "digit" for token in tokens], bool)
    if (digits & (share < 0.6)).any():
        return None  # half a digit has no true label
    kept = np.flatnonzero(share > 0.3)
    targets = np.array([_INDEX.get(tokens[i].text, _INDEX[OTHER]) for i in kept], np.int64)
    return TrainingLine(strip.pixels, targets, seen[kept], picture)
