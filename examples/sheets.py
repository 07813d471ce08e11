"""Sheets of paper that are printed and written on: what the pictures in numbers/ are made of.

Digits come from the project's own synthesis: stroke skeletons, or MNIST's training digits, in one writer's
hand. Words come from handwriting fonts, print from Matplotlib's. Knows paper, pens and print, and no picture.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any, Literal

import cv2
import numpy as np
from matplotlib import get_data_path
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from inkdigits.training.datasets import load_mnist
from inkdigits.training.font_files import font_files
from inkdigits.training.handwriting import Shapes, Style, random_style, write_digit, write_mark
from inkdigits.training.line_samples import VALIDATION_DIGITS
from inkdigits.training.pens import lay
from inkdigits.training.textures import clouds, cut, grains, patterns

Layer = NDArray[np.float32]  # (H, W) of ink or (H, W, 3) of light, 0 to 1
Random = np.random.Generator
Colour = tuple[int, int, int]
Kind = Literal["ballpoint", "fountain", "pencil", "felt", "chalk"]

FINE = 4  # ink and print are drawn this much larger, then reduced: smooth edges
FIRM: dict[str, Any] = {
    "slant": 0.12,
    "width": 0.76,
    "pen": 0.07,
    "wobble": 0.018,
    "bend": 0.04,
    "zeros": 1.0,
    "joined": 0.0,
}


@cache
def shapes() -> Shapes:
    """What can be written: skeletons, and MNIST's training digits."""
    data = load_mnist("train")
    digits = data.part("digits", 0, len(data) - VALIDATION_DIGITS)
    assert digits.labels is not None
    return Shapes(digits.images, digits.labels)


@dataclass(frozen=True)
class Writer:
    """A person who writes numbers.

    Attributes:
        style: of the digits.
        room: between the inks of two digits, in digit heights; below 0 they touch.
        unsteady: how much size, room and baseline vary, relative.
        words: which handwriting font the words come from.
    """

    style: Style
    room: float = 0.1
    unsteady: float = 0.04
    words: str = "nothing-you-could-do"

    @classmethod
    def known(cls, seed: int, source: Literal["strokes", "mnist"] = "strokes", **habits: Any) -> Writer:
        """A writer whose ways of writing each digit follow from the seed, and whose habits are given.

        Args:
            seed: of the writer.
            source: of the shapes.
            habits: `room`, `unsteady`, and fields of `Style` in place of `FIRM`.
        """
        own = {name: habits.pop(name) for name in ("room", "unsteady") if name in habits}
        style = random_style(np.random.default_rng(seed), shapes(), {source: 1.0})
        return cls(replace(style, **{"pressure": 0.15, "broad": 0.0, **FIRM, **habits}), **own)


class Sheet:
    """Paper, what is printed on it and what is written on it; lengths in pixels of the picture.

    Args:
        width: of the sheet.
        height: of the sheet.
        rng: of all that varies.
    """

    def __init__(self, width: int, height: int, rng: Random) -> None:
        self.size, self.rng = (width, height), rng
        self._ink = np.zeros((height * FINE, width * FINE), np.uint8)
        self._print = Image.new("L", (width * FINE, height * FINE))
        self._draw = ImageDraw.Draw(self._print)

    def write(self, writer: Writer, text: str, x: float, baseline: float, height: float) -> float:
        """Writes digits, marks and spaces from x on; gives where the last ink ends."""
        tall = height * FINE
        reach = np.full(24, -np.inf)
        end = at = x * FINE
        drift = 0.0
        for number, character in enumerate(text):
            if character == " ":
                end, reach = end + 0.55 * tall, reach + 0.55 * tall
                continue
            size = tall * float(np.exp(self.rng.normal(0, writer.unsteady)))
            if character.isdigit():
                drawn = write_digit(self.rng, shapes(), writer.style, int(character), size)
            else:
                drawn = write_mark(self.rng, writer.style, character, size)
            left, right = drawn.edges(tall)
            gap = tall * (writer.room + self.rng.normal(0, writer.unsteady))
            if number:
                overlap = (
                    0.3 if character.isdigit() and text[number - 1].isdigit() else -0.07
                )  # marks stay clear
                at = max(float(np.max(reach - left)) + gap, end - overlap * tall - drawn.box[0])
            drift = 0.7 * drift + self.rng.normal(0, writer.unsteady) * tall * 0.7
            lay(self._ink, drawn, at, baseline * FINE + drift, self.rng, writer.style.nib)
            reach, end = np.maximum(reach, right + at), at + drawn.box[2]
        return end / FINE

    def one_each(
        self, writer: Writer, text: str, x: float, baseline: float, height: float, step: float
    ) -> None:
        """Writes one character into each box of a comb; x is the first box's left side."""
        for number, character in enumerate(text):
            wide = step * (0.62 if character == "1" else 0.5)
            place = x + number * step + step / 2 - wide * 0.45 + self.rng.normal(0, 0.04) * step
            self.write(writer, character, place, baseline + self.rng.normal(0, 0.03) * height, height)

    def words(self, writer: Writer, text: str, x: float, baseline: float, height: float) -> None:
        """Writes words; height is that of the font's line."""
        font = _handwriting(writer.words, round(height * FINE))
        layer = Image.new("L", self._print.size)
        ImageDraw.Draw(layer).text((x * FINE, baseline * FINE), text, 255, font, anchor="ls")
        np.maximum(self._ink, np.asarray(layer), out=self._ink)

    def line(
        self, x0: float, y0: float, x1: float, y1: float, *, width: float = 1.0, level: int = 200
    ) -> None:
        """A printed line; level is how dark it is, 0 to 255."""
        ends = tuple(round(value * FINE) for value in (x0, y0, x1, y1))
        self._draw.line(ends, level, max(1, round(width * FINE)))

    def box(
        self, x0: float, y0: float, x1: float, y1: float, *, width: float = 1.0, level: int = 200
    ) -> None:
        """A printed frame."""
        for ends in ((x0, y0, x1, y0), (x0, y1, x1, y1), (x0, y0, x0, y1), (x1, y0, x1, y1)):
            self.line(*ends, width=width, level=level)

    def boxes(self, x: float, y: float, step: float, tall: float, count: int, *, level: int = 200) -> None:
        """A row of boxes that share their sides."""
        self.box(x, y, x + count * step, y + tall, level=level)
        for number in range(1, count):
            self.line(x + number * step, y, x + number * step, y + tall, level=level)

    def print(
        self,
        text: str,
        x: float,
        baseline: float,
        size: float,
        *,
        bold: bool = False,
        level: int = 230,
        anchor: str = "ls",
    ) -> None:
        """Printed text; anchor as Pillow has it."""
        font = _printed("DejaVuSans-Bold" if bold else "DejaVuSans", round(size * FINE))
        self._draw.text((x * FINE, baseline * FINE), text, level, font, anchor=anchor)

    def inked(
        self, paper: Layer, kind: Kind, ink: Colour, printed: Colour = (40, 44, 52), opacity: float = 0.92
    ) -> Layer:
        """The sheet as light, `(H, W, 3)`.

        Args:
            paper: `(H, W, 3)`.
            kind: the pen.
            ink: its colour.
            printed: the colour of print.
            opacity: of the ink.
        """
        cover = textured(_reduced(self._ink, self.size), kind, self.rng) * np.float32(opacity)
        under = _mixed(paper, _reduced(np.asarray(self._print), self.size), printed)
        return _mixed(under, cover, ink)


def textured(ink: Layer, kind: Kind, rng: Random) -> Layer:
    """Ink as a pen leaves it on paper: a ballpoint skips, a nib floods, pencil stays on the hills."""
    height, width = ink.shape
    cloud = cut(rng, clouds()[1], height, width, 0.8) - np.float32(0.5)
    grain = cut(rng, grains()[0], height, width, 1.0, rng.uniform(-40, 40)) - np.float32(0.5)
    if kind == "pencil":
        left = np.clip(0.72 - 2.2 * grain + 0.5 * cloud, 0.06, 1)
    elif kind == "chalk":
        left = np.clip(0.85 - 2.6 * grain, 0.1, 1)
    elif kind == "fountain":
        left = np.clip(0.86 + 0.7 * cloud, 0.5, 1)
    elif kind == "felt":
        return np.clip(cv2.GaussianBlur(ink, (0, 0), 0.8) * 1.25 + grain * ink * 0.3, 0, 1)
    else:
        left = np.clip(0.95 + 0.5 * cloud - 0.5 * grain, 0.4, 1)
    return np.asarray(ink * left, np.float32)


def plain(size: tuple[int, int], colour: Colour, rng: Random, grain: float = 0.02) -> Layer:
    """A sheet of one colour with some grain."""
    field = cut(rng, grains()[1], size[1], size[0], 1.0, rng.uniform(-8, 8)) - np.float32(0.5)
    cloud = cut(rng, clouds()[4], size[1], size[0], 2.0) - np.float32(0.5)
    return np.asarray(np.array(colour) / 255 + (grain * (4 * field + 2 * cloud))[:, :, None], np.float32)


def security(size: tuple[int, int], colour: Colour, prints: dict[int, Colour], rng: Random) -> Layer:
    """A cheque's paper: patterns by their number, each in a colour, over each other."""
    sheet = plain(size, colour, rng, 0.008)
    for number, tint in prints.items():
        lines = cut(rng, patterns()[number], size[1], size[0], 0.9, rng.normal(0, 2))
        sheet = _mixed(sheet, lines * np.float32(0.75), tint)
    return sheet


def shaded(sheet: Layer, dark: float, across: float, down: float) -> Layer:
    """Light that falls off to `dark` across and down, as beside a window."""
    height, width = sheet.shape[:2]
    y, x = np.mgrid[0 : 1 : height * 1j, 0 : 1 : width * 1j]
    along = (x * across + y * down) / (abs(across) + abs(down))
    return np.asarray(sheet * (1 - (1 - dark) * np.abs(along) ** 1.4)[:, :, None], np.float32)


def seen(sheet: Layer, rng: Random, blur: float = 0.5, noise: float = 2.0) -> Image.Image:
    """What a camera or scanner makes of a sheet: 8-bit colour, blurred (pixels), with noise (grey levels)."""
    soft = cv2.GaussianBlur(sheet, (0, 0), blur) if blur else sheet
    speckled = soft * 255 + noise * rng.standard_normal((*sheet.shape[:2], 1))
    return Image.fromarray(np.asarray(np.clip(np.rint(speckled), 0, 255), np.uint8))


def _reduced(fine: NDArray[np.uint8], size: tuple[int, int]) -> Layer:
    small = cv2.resize(fine, size, interpolation=cv2.INTER_AREA)
    return np.asarray(small, np.float32) / np.float32(255)


def _mixed(sheet: Layer, cover: Layer, colour: Colour) -> Layer:
    part = cover[:, :, None]
    return np.asarray(sheet * (1 - part) + np.array(colour) / 255 * part, np.float32)


@cache
def _printed(name: str, size: int) -> ImageFont.FreeTypeFont:
    return ImageFont.truetype(Path(get_data_path()) / "fonts" / "ttf" / f"{name}.ttf", size)


@cache
def _handwriting(name: str, size: int) -> ImageFont.FreeTypeFont:
    (path,) = [path for path in font_files() if path.name.startswith(name)]
    return ImageFont.truetype(path, size)
