"""The house style of pictures: fonts, colours that colour-blind readers tell apart, sheets of digits.

Knows matplotlib (its object-oriented part: no pyplot, no state left behind); knows nothing of what is drawn.
"""

from __future__ import annotations

import io
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from numpy.typing import NDArray
from PIL import Image

from inkdigits.training.files import write_whole

DPI = 150
INK, MUTED, FAINT = "#1f2933", "#5f6b7a", "#e4e8ed"
# Okabe & Ito 2008: told apart with every common kind of colour blindness
BLUE, VERMILLION, GREEN, ORANGE, SKY, PINK = "#0072b2", "#d55e00", "#009e73", "#e69f00", "#56b4e9", "#cc79a7"
SERIES = (BLUE, VERMILLION, GREEN, ORANGE, SKY, PINK)
MARKERS = ("o", "s", "D", "^", "v", "P")  # so that colour is never the only sign
DASHED = (0, (4, 3))
NIGHT = "#0d1117"  # the paper of pictures for dark pages

STYLE: Any = {
    "font.family": "DejaVu Sans",  # comes with matplotlib: the same picture on every machine
    "font.size": 10,
    "text.color": INK,
    "axes.edgecolor": MUTED,
    "axes.labelcolor": MUTED,
    "axes.labelsize": 10,
    "axes.titlesize": 12,
    "axes.titleweight": "bold",
    "axes.titlelocation": "left",
    "axes.titlepad": 12,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.axisbelow": True,
    "axes.linewidth": 0.8,
    "grid.color": FAINT,
    "grid.linewidth": 0.8,
    "xtick.color": MUTED,
    "ytick.color": MUTED,
    "xtick.labelsize": 9.5,
    "ytick.labelsize": 9.5,
    "legend.frameon": False,
    "legend.fontsize": 9.5,
    "legend.labelcolor": INK,
    "lines.linewidth": 2,
    "lines.markersize": 6,
}
DARK: Any = {
    **STYLE,
    **dict.fromkeys(("text.color", "legend.labelcolor"), "#e6edf3"),
    **dict.fromkeys(("axes.edgecolor", "axes.labelcolor", "xtick.color", "ytick.color"), "#9aa4af"),
    "axes.facecolor": NIGHT,
    "grid.color": "#262c36",
}


@contextmanager
def drawing(path: Path, width: float, height: float, *, dark: bool = False) -> Iterator[Figure]:
    """A blank figure, `width` × `height` inches, that becomes a PNG when the block ends without an error.

    With `dark` it is for a dark page.

    Raises:
        OutputError: the file can't be written.
    """
    with matplotlib.rc_context(DARK if dark else STYLE):
        paper = NIGHT if dark else "white"
        figure = Figure(figsize=(width, height), dpi=DPI, layout="constrained", facecolor=paper)
        canvas = FigureCanvasAgg(figure)
        yield figure
        layout = figure.get_layout_engine()
        assert layout is not None
        layout.set(w_pad=0.1, h_pad=0.1)  # type: ignore[call-arg]
        canvas.draw()  # type: ignore[no-untyped-call]
        pixels = np.asarray(canvas.buffer_rgba())  # type: ignore[no-untyped-call]
    picture = Image.fromarray(pixels[..., :3])
    buffer = io.BytesIO()
    # 256 colours make a third of the bytes and look the same
    picture.quantize(256, dither=Image.Dither.NONE).save(buffer, "PNG", dpi=(DPI, DPI))
    write_whole(path, buffer.getvalue())


def headline(axes: Axes, title: str, detail: str = "") -> None:
    """A bold title at the left with a quiet line below it that says the main thing in figures."""
    axes.set_title(title, pad=28 if detail else 12)
    if detail:
        quiet = matplotlib.rcParams["axes.labelcolor"]
        line = axes.annotate(
            *(detail, (0, 1), (0, 10)),
            xycoords="axes fraction", textcoords="offset points", color=quiet,
        )  # fmt: skip
        line.set_in_layout(False)  # a long one must not squeeze the axes


def shorten(name: str, longest: int = 10) -> str:
    """A name that fits where there is little room."""
    return name if len(name) <= longest else f"{name[: longest - 1]}…"


def legend_below(figure: Figure, axes: Axes) -> None:
    """The legend of `axes` under the whole figure, where it covers nothing, in as many columns as fit."""
    handles, names = axes.get_legend_handles_labels()
    widths = [0.7 + 0.08 * len(name) for name in names]  # inches: the sign and its gaps, then the letters
    room = figure.get_figwidth()
    columns = len(names) if sum(widths) <= room else max(1, int(room / max(widths)))
    figure.legend(handles, names, loc="outside lower left", ncols=columns, borderpad=0.1, columnspacing=1.6)


LineStyle = Literal["quiet", "strong", "alarming"]
_LINES: dict[LineStyle, dict[str, str]] = {
    "quiet": {"color": MUTED},
    "strong": {"color": INK, "weight": "bold"},
    "alarming": {"color": VERMILLION, "weight": "bold"},
}


@dataclass(frozen=True)
class Tile:
    """A digit on a sheet with lines of text under it, each with its style."""

    image: NDArray[np.uint8]
    lines: tuple[tuple[str, LineStyle], ...] = ()


SIDE, GAP, LINE = 28, 6, 7  # pixels of the digits: a tile, between tiles, a line of text
SCALE = 0.0235  # inches a pixel of the digits


def draw_sheet(
    path: Path,
    title: str,
    detail: str,
    tiles: Sequence[Tile | None],
    *,
    columns: int,
    row_names: Sequence[str] = (),
) -> None:
    """Writes a sheet of digits, dark on white, in rows; None leaves a gap.

    The digits are one picture in one axes: a hundred axes would take seconds.

    Args:
        path: of the PNG.
        title: what is shown.
        detail: the quiet line below the title.
        tiles: in reading order.
        columns: tiles a row.
        row_names: written at the left of the rows.
    """
    lines = max((len(tile.lines) for tile in tiles if tile), default=0)
    pitch, drop = SIDE + GAP, SIDE + GAP + LINE * lines
    rows = -(-len(tiles) // columns)
    paper = np.full((max(1, rows * drop), columns * pitch), 255, np.uint8)
    with drawing(path, columns * pitch * SCALE + 0.5, rows * drop * SCALE + 0.85) as figure:
        axes = figure.add_subplot()
        headline(axes, title, detail)
        for place, tile in enumerate(tiles):
            if tile is not None:
                top, left = place // columns * drop, place % columns * pitch
                paper[top : top + SIDE, left : left + SIDE] = 255 - tile.image
                _write_below(axes, tile, left + SIDE / 2, top + SIDE + 2)
        axes.imshow(paper, cmap="gray", vmin=0, vmax=255, interpolation="nearest")
        axes.spines[:].set_visible(False)
        axes.set_xticks([])
        axes.set_yticks([row * drop + SIDE / 2 for row in range(len(row_names))], row_names)
        axes.tick_params(left=False, labelsize=12)


def _write_below(axes: Axes, tile: Tile, x: float, y: float) -> None:
    for row, (text, style) in enumerate(tile.lines):
        axes.text(x, y + row * LINE, text, ha="center", va="top", fontsize=8, **_LINES[style])  # type: ignore[arg-type]
