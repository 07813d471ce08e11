"""The pictures that were read worst, on one sheet, each above its truth and its reading. For looking at."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from PIL import Image, ImageDraw, ImageFont, ImageOps

COLUMNS = 4
CELL = (330, 120)  # px; the picture takes all but the last lines
CAPTION = 22  # px


@dataclass(frozen=True)
class Read:
    """A picture and its reading.

    Attributes:
        path: the file.
        truth: its digits.
        raw: what was read, with marks.
        confidence: in it.
        right: whether the digits are right.
    """

    path: Path
    truth: str
    raw: str
    confidence: float
    right: bool


def worst(readings: Sequence[Read], count: int) -> list[Read]:
    """Wrong ones, the surest first; then right ones, the least sure first."""
    wrong = sorted((r for r in readings if not r.right), key=lambda r: -r.confidence)
    return [*wrong, *sorted((r for r in readings if r.right), key=lambda r: r.confidence)][:count]


def draw(readings: Sequence[Read]) -> Image.Image:
    """The sheet."""
    rows = -(-len(readings) // COLUMNS)
    sheet = Image.new("RGB", (COLUMNS * CELL[0], rows * CELL[1]), "white")
    pen, font = ImageDraw.Draw(sheet), ImageFont.load_default(15)
    for place, read in enumerate(readings):
        x, y = place % COLUMNS * CELL[0], place // COLUMNS * CELL[1]
        with Image.open(read.path) as picture:
            room = (CELL[0] - 8, CELL[1] - CAPTION - 8)
            sheet.paste(ImageOps.contain(picture.convert("RGB"), room), (x + 4, y + 4))
        caption = f"{read.truth} > {read.raw or '(nothing)'}   {read.confidence:.3f}"
        pen.text((x + 4, y + CELL[1] - CAPTION), caption, "black" if read.right else "red", font)
    return sheet
