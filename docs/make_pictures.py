"""Draws the pictures in README and docs that show the recogniser at work on `examples/`; see `make docs`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.patches import Rectangle

from inkdigits.glyph import SIDE, Grey, Steps, steps_from_grey
from inkdigits.images import load_grey
from inkdigits.reader import Reader
from inkdigits.results import Classification
from inkdigits.training.drawing import BLUE, INK, MUTED, VERMILLION, drawing

ROOT = Path(__file__).parent.parent
EXAMPLES = ROOT / "examples"
IMAGES = ROOT / "docs" / "images"
STEPPED = ("4-pencil.png", "9-in-a-corner.jpg", "3-chalk.jpg")
COLUMNS = 8


def draw_examples(path: Path, reader: Reader) -> None:
    """Every example beside what inkdigits reads in it."""
    files = sorted(
        p for p in EXAMPLES.iterdir() if p.suffix.lower() in {".png", ".jpg", ".webp", ".tif", ".bmp"}
    )
    rows = -(-len(files) // COLUMNS)
    with drawing(path, 1.45 * COLUMNS, 1.75 * rows) as figure:
        grid = figure.subplots(rows, COLUMNS, squeeze=False)
        for axes in grid.flat:
            _bare(axes)
        for axes, file in zip(grid.flat, files, strict=False):
            grey = load_grey(file)
            axes.imshow(_squared(grey), cmap="gray", vmin=0, vmax=255, interpolation="antialiased")
            _write_answer(axes, reader.classify(grey))


def _write_answer(axes: Axes, answer: Classification) -> None:
    if answer.digit is None:
        axes.set_xlabel("blank", color=MUTED, fontsize=12)
        return
    sure = f"{answer.digit}   {answer.confidence:.0%}"
    axes.set_xlabel(
        sure if answer.accepted else f"{sure} ?",
        color=INK if answer.accepted else VERMILLION,
        fontsize=12,
        weight="bold",
    )


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


def _squared(grey: Grey) -> Grey:
    """Centred on a white square, so that pictures of all proportions line up."""
    height, width = grey.shape
    side = max(height, width)
    square = np.full((side, side), 255, np.uint8)
    top, left = (side - height) // 2, (side - width) // 2
    square[top : top + height, left : left + width] = grey
    return square


def _bare(axes: Axes) -> None:
    axes.set(xticks=[], yticks=[])
    axes.spines[:].set_visible(False)


if __name__ == "__main__":
    IMAGES.mkdir(exist_ok=True)
    draw_glyph_steps(IMAGES / "glyph-steps.png")
    draw_examples(IMAGES / "examples.png", Reader.load())
    print(f"{IMAGES}: drawn")
