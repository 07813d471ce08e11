"""Pages for the tests, drawn by code: ruled paper, forms with comb fields, tables, grids, lists.

Digits are MNIST's, so real hands wrote them. Each page knows where its numbers are. `photographed` puts
ink on paper, lights it unevenly, tilts and turns it, and takes the numbers' boxes along.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import cv2
import numpy as np
from numpy.typing import NDArray

from inkdigits.training.datasets import Dataset

Grey = NDArray[np.uint8]
Box = tuple[float, float, float, float]
Cell = tuple[int, int]


@dataclass(frozen=True)
class Number:
    """A number on a page: its digits, the box around its ink, and its cell in a table or grid."""

    text: str
    box: Box
    cell: Cell | None = None


@dataclass
class Drawing:
    """Ink on a page, 0 paper to 255 full ink, and the numbers in it, in reading order."""

    ink: Grey
    digits: Dataset
    random: np.random.Generator
    numbers: list[Number] = field(default_factory=list)

    def number(
        self, text: str, x: int, y: int, height: int, gap: float = 0.12, cell: Cell | None = None
    ) -> int:
        """Writes a number; returns the column after it.

        Args:
            text: digits, and `.` or `-` between them.
            x: column of its left edge.
            y: row of its upper edge.
            height: px.
            gap: between digits, of the height, on average.
            cell: of a table or grid.
        """
        boxes = []
        for sign in text:
            glyph = self._glyph(sign, height)
            drift = round(float(self.random.normal(0, 0.03)) * height)
            top = y + drift + (height - glyph.shape[0] if sign == "." else (height - glyph.shape[0]) // 2)
            boxes.append(self._put(glyph, x, top))
            x += glyph.shape[1] + round(height * max(0.03, gap + float(self.random.normal(0, 0.03))))
        corners = np.array(boxes)
        box = (*corners[:, :2].min(0).tolist(), *corners[:, 2:].max(0).tolist())
        self.numbers.append(Number(text, box, cell))
        return x

    def word(self, text: str, x: int, y: int, height: int) -> int:
        """Prints a word; returns the column after it."""
        scale = height / 28
        (width, _), _ = cv2.getTextSize(text, cv2.FONT_HERSHEY_SIMPLEX, scale, 2)
        cv2.putText(self.ink, text, (x, y + height), cv2.FONT_HERSHEY_SIMPLEX, scale, 255, 2, cv2.LINE_AA)
        return int(x + width)

    def line(self, start: tuple[int, int], end: tuple[int, int], width: int = 2, strength: int = 170) -> None:
        """Draws a printed line over what is there."""
        layer = np.zeros_like(self.ink)
        cv2.line(layer, start, end, strength, width)
        np.maximum(self.ink, layer, out=self.ink)

    def boxes(
        self, x: int, y: int, side: int, columns: int, rows: int = 1, height: int | None = None
    ) -> None:
        """Draws a grid of boxes that share their sides, `side` px wide and, unless said, high."""
        tall = side if height is None else height
        for row in range(rows + 1):
            self.line((x, y + row * tall), (x + columns * side, y + row * tall))
        for column in range(columns + 1):
            self.line((x + column * side, y), (x + column * side, y + rows * tall))

    def _glyph(self, sign: str, height: int) -> Grey:
        if sign == ".":
            return np.full((max(3, height // 8),) * 2, 255, np.uint8)
        if sign == "-":
            return np.full((max(3, height // 10), height // 3), 255, np.uint8)
        image = self.digits.images[self.random.choice(np.flatnonzero(self.digits.labels == int(sign)))]
        rows, columns = np.flatnonzero(image.any(1)), np.flatnonzero(image.any(0))
        image = image[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
        size = (max(2, round(image.shape[1] * height / 20)), max(2, round(image.shape[0] * height / 20)))
        return np.asarray(cv2.resize(image, size, interpolation=cv2.INTER_CUBIC), np.uint8)

    def _put(self, glyph: Grey, x: int, y: int) -> Box:
        region = self.ink[y : y + glyph.shape[0], x : x + glyph.shape[1]]
        np.maximum(region, glyph, out=region)
        return (x, y, x + glyph.shape[1], y + glyph.shape[0])


@dataclass(frozen=True)
class Photo:
    """A page as a camera or scanner gives it, and where its numbers are on it."""

    grey: Grey
    numbers: tuple[Number, ...]


def blank(digits: Dataset, seed: int, height: int = 1400, width: int = 1000) -> Drawing:
    """A page without ink."""
    return Drawing(np.zeros((height, width), np.uint8), digits, np.random.default_rng(seed))


def some(drawing: Drawing, least: int, most: int) -> str:
    """Random digits, from `least` to `most` of them."""
    return "".join(map(str, drawing.random.integers(0, 10, drawing.random.integers(least, most + 1))))


def ruled(digits: Dataset, seed: int = 0, lines: int = 9, height: int = 36) -> Drawing:
    """Ruled paper: a printed word or none, then numbers, standing on each line and touching it."""
    drawing = blank(digits, seed)
    for row in range(lines):
        y, x = 80 + row * (1250 // lines), 60
        drawing.line((30, y + height - 1), (970, y + height - 1), 2, 120)
        if row % 3 == 1:
            x = drawing.word("Amount", x, y + height // 4, height // 2) + 2 * height
        while x < 650:
            x = drawing.number(some(drawing, 1, 6), x, y, height) + round(
                height * drawing.random.uniform(1.3, 3)
            )
    return drawing


def form(digits: Dataset, seed: int = 0) -> Drawing:
    """A form: labels, comb fields with sides shared and apart, numbers on short lines."""
    drawing = blank(digits, seed, 900, 1000)
    for row, columns in enumerate((6, 8, 4)):
        y, side = 80 + row * 130, 46
        drawing.word(("Account", "Date", "Code")[row], 40, y + 12, 20)
        drawing.boxes(220, y, side, columns)
        comb(drawing, 220, y, side, columns)
    for row in range(2):
        y, side = 480 + row * 130, 44
        drawing.word(("Postcode", "Number")[row], 40, y + 12, 20)
        for column in range(5):
            drawing.boxes(220 + column * (side + 12), y, side, 1)
        comb(drawing, 220, y, side, 5, apart=12)
    drawing.word("Total", 40, 752, 20)
    drawing.line((200, 790), (520, 790))
    drawing.number("1.250", 220, 745, 40)
    return drawing


def comb(drawing: Drawing, x: int, y: int, side: int, columns: int, apart: int = 0) -> None:
    """Writes one digit into each box of a comb field; some touch the sides. One number."""
    text, first = some(drawing, columns, columns), len(drawing.numbers)
    for column, sign in enumerate(text):
        left = x + column * (side + apart) + int(drawing.random.integers(4, 14))
        drawing.number(sign, left, y + int(drawing.random.integers(3, side - 33)), 34)
    parts = np.array([number.box for number in drawing.numbers[first:]])
    box = (*parts[:, :2].min(0).tolist(), *parts[:, 2:].max(0).tolist())
    drawing.numbers[first:] = [Number(text, box)]


def table(digits: Dataset, seed: int = 0, rows: int = 7, columns: int = 4) -> Drawing:
    """A table with one number in most cells; words head its columns."""
    drawing = blank(digits, seed, 800, 1000)
    drawing.boxes(60, 60, 220, columns, rows, 90)
    for row in range(rows):
        for column in range(columns):
            x, y = 60 + 220 * column, 60 + 90 * row
            if row == 0:
                drawing.word(("Date", "Count", "Price", "Sum")[column % 4], x + 20, y + 30, 26)
            elif drawing.random.random() < 0.8:
                drawing.number(some(drawing, 1, 5), x + 14, y + 24, 38, cell=(row, column))
    return drawing


def grid(digits: Dataset, seed: int = 0, cells: int = 9, side: int = 84, filled: float = 0.6) -> Drawing:
    """A sudoku: a grid of boxes, thick around blocks of three, one digit in some; empty ones stay empty."""
    drawing = blank(digits, seed, 140 + cells * side, 140 + cells * side)
    drawing.boxes(70, 70, side, cells, cells)
    for block in range(0, cells + 1, 3):
        drawing.line((70, 70 + block * side), (70 + cells * side, 70 + block * side), 6, 255)
        drawing.line((70 + block * side, 70), (70 + block * side, 70 + cells * side), 6, 255)
    for row in range(cells):
        for column in range(cells):
            if drawing.random.random() < filled:
                x, y = 70 + side * column, 70 + side * row
                height = int(drawing.random.integers(side * 5 // 10, side * 8 // 10))
                left = x + int(drawing.random.integers(side // 10, side // 2 - 4))
                top = y + int(drawing.random.integers(4, side - height))
                drawing.number(some(drawing, 1, 1), left, top, height, cell=(row, column))
    return drawing


def photographed(
    drawing: Drawing,
    *,
    tilt: float = 0.0,
    turn: int = 0,
    ink: int = 45,
    paper: int = 225,
    shadow: float = 0.0,
    bend: float = 0.0,
    noise: float = 3.0,
) -> Photo:
    """The page under a camera.

    Args:
        drawing: what is on it.
        tilt: degrees clockwise by which it lies askew.
        turn: degrees clockwise by which it is turned then: 0, 90, 180, 270.
        ink: grey level of full ink.
        paper: grey level of paper; less than `ink` for chalk on slate.
        shadow: share of light that a shadow with a soft edge takes away.
        bend: px by which level lines are bent upwards in the middle.
        noise: standard deviation, grey levels.
    """
    height, width = drawing.ink.shape
    share = drawing.ink.astype(np.float32) / 255
    if bend:
        columns, rows = np.meshgrid(np.arange(width, dtype=np.float32), np.arange(height, dtype=np.float32))
        rows += np.float32(bend) * np.sin(columns * np.float32(np.pi / width))
        share = cv2.remap(share, columns, rows, cv2.INTER_LINEAR)
    light = np.full((height, width), paper, np.float32)
    if shadow:
        shade = np.zeros((height, width), np.float32)
        cv2.fillPoly(
            shade,
            [np.array([[0, height // 2], [width // 2, height // 3], [width * 2 // 3, height], [0, height]])],
            1.0,
        )
        light *= 1 - np.float32(shadow) * cv2.GaussianBlur(shade, (0, 0), 20)
    lit = light * (1 + share * np.float32(ink / paper - 1))
    there = _tilted(height, width, tilt)
    size = (
        round(width + abs(np.sin(np.deg2rad(tilt))) * height),
        round(height + abs(np.sin(np.deg2rad(tilt))) * width),
    )
    there[:, 2] += (np.array(size) - (width, height)) / 2
    grey = cv2.warpAffine(lit, there, size, flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    grey = cv2.GaussianBlur(grey, (0, 0), 0.7) + drawing.random.normal(0, noise, grey.shape)
    picture = np.clip(grey, 0, 255).astype(np.uint8)
    bent = [_lifted(number, bend, width) for number in drawing.numbers]
    numbers = tuple(_turned(_moved(number, there), turn, picture.shape) for number in bent)
    return Photo(np.ascontiguousarray(np.rot90(picture, -turn // 90)), numbers)


def _tilted(height: int, width: int, degrees: float) -> NDArray[np.float64]:
    return np.asarray(cv2.getRotationMatrix2D((width / 2, height / 2), -degrees, 1), np.float64)


def _lifted(number: Number, bend: float, width: int) -> Number:
    """A number on a page whose lines are bent upwards in the middle."""
    x0, y0, x1, y1 = number.box
    lift = bend * float(np.sin((x0 + x1) / 2 * np.pi / width))
    return replace(number, box=(x0, y0 - lift, x1, y1 - lift))


def _moved(number: Number, affine: NDArray[np.float64]) -> Number:
    """A number whose box was moved by an affine; the box grows, as boxes are level."""
    x0, y0, x1, y1 = number.box
    corners = np.array([[x0, y0, 1], [x1, y0, 1], [x0, y1, 1], [x1, y1, 1]]) @ affine.T
    return replace(number, box=(*corners.min(0).tolist(), *corners.max(0).tolist()))


def _turned(number: Number, degrees: int, shape: tuple[int, ...]) -> Number:
    """A number on a page of `shape` that is turned clockwise."""
    x0, y0, x1, y1 = number.box
    height, width = shape[:2]
    turned = {
        0: number.box,
        90: (height - y1, x0, height - y0, x1),
        180: (width - x1, height - y1, width - x0, height - y0),
        270: (y0, width - x1, y1, width - x0),
    }
    return replace(number, box=turned[degrees])
