"""What composed lines look like: a picture of samples, and files to look at or to test other readers on.

Knows lines and pictures; knows no networks.
"""

from __future__ import annotations

import csv
import io
from pathlib import Path

import cv2
import numpy as np
from PIL import Image, ImageDraw, ImageFont

from inkdigits.errors import OutputError
from inkdigits.training.datasets import Dataset, split_validation
from inkdigits.training.files import write_whole
from inkdigits.training.fonts import Hands
from inkdigits.training.handwriting import Shapes
from inkdigits.training.line_recipe import LineRecipe
from inkdigits.training.strings import Composer, TrainingLine

COLUMNS = 5
CELL = (300, 76)  # px, a line's room in the picture
VALIDATION_DIGITS = 10_000  # of MNIST's training images, the last: no line of a training is written with them


def composer(data: Dataset, seed: int, recipe: LineRecipe | None = None) -> Composer:
    """What composes the lines that `inkdigits train line --seed N` learns from.

    Args:
        data: MNIST's training images.
        seed: of the lines.
        recipe: None is the default's shares.
    """
    digits, _ = split_validation(data, VALIDATION_DIGITS)
    assert digits.labels is not None
    return Composer(Shapes(digits.images, digits.labels, Hands()), (recipe or LineRecipe()).shares, seed)


def picture_of_lines(lines: list[TrainingLine]) -> Image.Image:
    """Lines as composed; below each its strip with the boxes of its characters, and its label."""
    text, title = ImageFont.load_default(15), ImageFont.load_default(22)
    rows = -(-len(lines) // COLUMNS)
    height = 2 * CELL[1] + 24
    sheet = Image.new("RGB", (COLUMNS * (CELL[0] + 16) + 16, 56 + rows * height), "white")
    draw = ImageDraw.Draw(sheet)
    draw.text((16, 14), "Composed lines: the picture, the strip the network sees, the label", "black", title)
    for number, line in enumerate(lines):
        x, y = 16 + number % COLUMNS * (CELL[0] + 16), 56 + number // COLUMNS * height
        sheet.paste(_fitted(Image.fromarray(line.picture), CELL[1] - 8), (x, y))
        sheet.paste(_fitted(_boxed(line), 48), (x, y + CELL[1]))
        draw.text((x, y + CELL[1] + 52), line.label[:34] or "nothing", "black", text)
    return sheet


def _fitted(picture: Image.Image, height: int) -> Image.Image:
    """Scaled to a height, cut off at the cell's width."""
    scale = min(3.0, height / picture.height)
    size = (max(1, round(picture.width * scale)), max(1, round(picture.height * scale)))
    return (
        picture.resize(size, Image.Resampling.BICUBIC)
        .convert("RGB")
        .crop((0, 0, min(size[0], CELL[0]), size[1]))
    )


def _boxed(line: TrainingLine) -> Image.Image:
    """The strip, three times as large, with a box round each character."""
    large = cv2.resize(line.pixels, None, fx=3, fy=3, interpolation=cv2.INTER_CUBIC)
    picture = Image.fromarray(np.asarray(large, np.uint8)).convert("RGB")
    draw = ImageDraw.Draw(picture)
    for x0, y0, x1, y1 in (3 * line.boxes).tolist():
        draw.rectangle((x0, y0, max(x1, x0), max(y1, y0)), outline=(240, 180, 40), width=2)
    return picture


def write_lines(lines: list[TrainingLine], folder: Path) -> None:
    """Lines as PNG files with `labels.csv` (file, text: the digits alone, raw: with marks and `?`).

    Raises:
        OutputError: the folder holds something, or can't be written.
    """
    if folder.exists() and any(folder.iterdir()):
        raise OutputError(f"{folder}: isn't empty; name a new folder")
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as e:
        raise OutputError(f"{folder}: can't be made ({e.strerror})") from None
    table = io.StringIO()
    rows = csv.writer(table, lineterminator="\n")
    rows.writerow(["file", "text", "raw"])
    for number, line in enumerate(lines):
        name = f"{number:06}.png"
        buffer = io.BytesIO()
        Image.fromarray(line.picture).save(buffer, "PNG")
        write_whole(folder / name, buffer.getvalue())
        rows.writerow([name, line.text, line.label])
    write_whole(folder / "labels.csv", table.getvalue().encode())
