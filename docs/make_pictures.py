"""Draws the pictures in README and docs that show the recogniser at work on `examples/`; see `make docs`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.patches import Rectangle
from PIL import Image, ImageDraw, ImageFont, ImageOps

from inkdigits.glyph import SIDE, Grey, Steps, steps_from_grey
from inkdigits.images import load_grey
from inkdigits.overlay import draw_overlay
from inkdigits.reader import Reader
from inkdigits.results import Classification
from inkdigits.training.corruptions import CORRUPTIONS, corrupt
from inkdigits.training.datasets import load_data, load_training_data
from inkdigits.training.drawing import BLUE, INK, MUTED, VERMILLION, drawing
from inkdigits.training.line_samples import composer, picture_of_lines

ROOT = Path(__file__).parent.parent
EXAMPLES = ROOT / "examples" / "digits"
IMAGES = ROOT / "docs" / "images"
STEPPED = ("7-blue-pen.jpg", "9-in-a-corner.jpg", "3-chalk.jpg")
COLUMNS = 7
BELOW: dict[str, Any] = {"xycoords": "axes fraction", "textcoords": "offset points", "va": "top"}


def draw_examples(path: Path, reader: Reader) -> None:
    """Every example, and below it what inkdigits reads."""
    files = sorted(p for p in EXAMPLES.iterdir() if p.suffix in {".png", ".jpg", ".tif"})
    rows = -(-len(files) // COLUMNS)
    with drawing(path, 1.5 * COLUMNS, 1.85 * rows) as figure:
        grid = figure.subplots(rows, COLUMNS, squeeze=False)
        for axes in grid.flat:
            _bare(axes)
        for axes, file in zip(grid.flat, files, strict=False):
            axes.imshow(_squared(file), interpolation="antialiased")
            _write_answer(axes, reader.classify(file))


def _write_answer(axes: Axes, answer: Classification) -> None:
    if answer.accepted:
        sure = min(answer.confidence, 0.999)  # as the command line says it: never quite sure
        axes.set_xlabel(f"{answer.digit}", color=INK, fontsize=15, weight="bold")
        axes.annotate(f"{sure:.1%}", (1, 0), (0, -8), **BELOW, color=MUTED, fontsize=9, ha="right")
    else:
        assert answer.reason is not None
        axes.set_xlabel(answer.reason.replace("_", " "), color=VERMILLION, fontsize=12)


def draw_reading(path: Path, reader: Reader, name: str, width: int = 900) -> None:
    """A page with what inkdigits reads drawn onto it."""
    page = EXAMPLES.parent / "numbers" / name
    picture = draw_overlay(load_grey(page), reader.read(page))
    picture.thumbnail((width, 4 * width), Image.Resampling.LANCZOS)
    picture.quantize(64).save(path, optimize=True)


def draw_lines(path: Path) -> None:
    """Composed lines, as the line network learns from them."""
    compose = composer(load_training_data("mnist-train"), seed=3)
    picture_of_lines([compose.line(index) for index in range(30)]).quantize(64).save(path, optimize=True)


def draw_corruptions(path: Path) -> None:
    """Ten digits, a column each, as they are and under each corruption, two rows of rows side by side."""
    data = load_data("mnist-validation")
    assert data.labels is not None
    digits = data.images[[int(np.flatnonzero(data.labels == digit)[0]) for digit in range(10)]]
    rows = {"as they are": digits, **{name: corrupt(digits, name) for name in CORRUPTIONS}}
    cell, left, font = 46, 120, ImageFont.load_default(15)
    height = len(rows) // 2
    sheet = Image.new("L", (2 * (left + 10 * cell) + 20, height * cell), 255)
    pen = ImageDraw.Draw(sheet)
    for place, (name, images) in enumerate(rows.items()):
        x, y = place // height * (left + 10 * cell + 20), place % height * cell
        pen.text((x, y + 12), name.replace("_", " "), 26, font)
        for column, image in enumerate(images):
            enlarged = Image.fromarray(image).resize((cell - 4, cell - 4), Image.Resampling.LANCZOS)
            sheet.paste(enlarged, (x + left + column * cell, y))
    sheet.save(path, optimize=True)


def draw_glyph_steps(path: Path) -> None:
    """A row a picture: as it came, its ink, what was taken for the digit, the glyph."""
    with drawing(path, 9.6, 2.35 * len(STEPPED) + 0.3) as figure:
        grid = figure.subplots(len(STEPPED), 4, squeeze=False)
        titles = ("the picture", "ink found", "the digit, cropped", "the glyph, 28×28")
        for axes, title in zip(grid[0], titles, strict=True):
            axes.set_title(title, fontsize=11)
        for row, name in zip(grid, STEPPED, strict=True):
            grey = load_grey(EXAMPLES / name)
            steps = steps_from_grey(grey)
            assert steps is not None, f"{name} is blank"
            _draw_steps(row, grey, steps)


def _draw_steps(row: Any, grey: Grey, steps: Steps) -> None:
    for axes in row:
        _bare(axes)
    row[0].imshow(grey, cmap="gray", vmin=0, vmax=255)
    row[0].set_xlabel(f"{grey.shape[1]}×{grey.shape[0]} pixels", fontsize=9)
    row[1].imshow(1 - steps.ink, cmap="gray", vmin=0, vmax=1)
    row[2].imshow(1 - np.where(steps.mask, steps.ink, 0), cmap="gray", vmin=0, vmax=1)
    rows, columns = np.flatnonzero(steps.mask.any(1)), np.flatnonzero(steps.mask.any(0))
    box = (columns[0], rows[0]), int(np.ptp(columns)), int(np.ptp(rows))
    row[2].add_patch(Rectangle(*box, fill=False, edgecolor=BLUE, linewidth=1.5))
    _draw_glyph(row[3], steps.glyph)


def _draw_glyph(axes: Axes, glyph: Grey) -> None:
    """The glyph with the 20-pixel box around its ink and its centre of mass."""
    axes.imshow(glyph, cmap="gray", vmin=0, vmax=255, interpolation="nearest")
    rows, columns = np.flatnonzero(glyph.any(1)), np.flatnonzero(glyph.any(0))
    corner = (columns[0] - 0.5, rows[0] - 0.5)
    size = int(np.ptp(columns)) + 1, int(np.ptp(rows)) + 1
    axes.add_patch(Rectangle(corner, *size, fill=False, edgecolor=BLUE, linewidth=1.5))
    mass = glyph / glyph.sum()
    y, x = (float(mass.sum(1 - axis) @ np.arange(SIDE)) for axis in (0, 1))
    axes.plot(x, y, marker="+", color=VERMILLION, markersize=11, markeredgewidth=2)
    axes.set_xlabel(f"box {size[0]}×{size[1]}, mass at {x:.1f}, {y:.1f}", fontsize=9)


def _squared(file: Path) -> Image.Image:
    """In colour and upright, centred on a white square, so that pictures of all proportions line up."""
    with Image.open(file) as image:
        shown = ImageOps.exif_transpose(image)
        if shown.mode.startswith("I"):  # 16 bits
            shown = Image.fromarray(load_grey(file))
        picture = _chequered(shown.size) if shown.has_transparency_data else Image.new("RGB", shown.size)
        picture.paste(shown.convert("RGB"), mask=shown.convert("RGBA").getchannel("A"))
    side = max(picture.size)
    square = Image.new("RGB", (side, side), "white")
    square.paste(picture, ((side - picture.width) // 2, (side - picture.height) // 2))
    return square


def _chequered(size: tuple[int, int]) -> Image.Image:
    """What picture editors show where a picture is transparent."""
    field = max(size) // 16
    rows, columns = np.indices((size[1], size[0])) // field
    greys = np.where((rows + columns) % 2, 150, 190).astype(np.uint8)
    return Image.fromarray(greys).convert("RGB")


def _bare(axes: Axes) -> None:
    axes.set(xticks=[], yticks=[])
    axes.spines[:].set_visible(False)


if __name__ == "__main__":
    IMAGES.mkdir(exist_ok=True)
    draw_glyph_steps(IMAGES / "glyph-steps.png")
    draw_examples(IMAGES / "examples.png", Reader.load())
    draw_reading(IMAGES / "form-read.png", Reader.load(), "form.png")
    draw_reading(IMAGES / "photo-read.png", Reader.load(), "photo.jpg")
    draw_lines(IMAGES / "strings.png")
    draw_corruptions(IMAGES / "corruptions.png")
    print(f"{IMAGES}: drawn")
