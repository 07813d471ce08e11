"""Pictures whose numbers are known, of data sets that don't come with the project. Knows no engines."""

from __future__ import annotations

import csv
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

Boxes = NDArray[np.float64]

# The sudokus' corners, from the top left of their text clockwise, as shares of the upright photo's width and
# height; read off by eye. The camera's note on which way is up is wrong for three of them.
CORNERS = {
    "01_01_iphone_14_0": ((0.102, 0.218), (0.874, 0.189), (0.889, 0.786), (0.126, 0.777)),
    "01_08_honor_view_10_1": ((0.245, 0.162), (0.813, 0.132), (0.795, 0.871), (0.270, 0.883)),
    "image2002": ((0.655, 0.159), (0.644, 0.895), (0.095, 0.883), (0.119, 0.108)),
    "image2003": ((0.063, 0.261), (0.901, 0.270), (0.907, 0.894), (0.075, 0.896)),
    "image2004": ((0.736, 0.063), (0.745, 0.904), (0.110, 0.913), (0.106, 0.057)),
    "image2005": ((0.768, 0.057), (0.775, 0.940), (0.119, 0.943), (0.124, 0.063)),
}


@dataclass(frozen=True)
class Number:
    """A picture of one number.

    Attributes:
        path: the file.
        text: its digits.
        boxes: `(len(text), 4)`, x0, y0, x1, y1 of each digit, in pixels.
    """

    path: Path
    text: str
    boxes: Boxes


@dataclass(frozen=True)
class Sudoku:
    """A photo of a sudoku.

    Attributes:
        path: the file.
        cells: `int (9, 9)`, 0 where empty.
        corners: `(4, 2)`, of the grid, as in `CORNERS`.
    """

    path: Path
    cells: NDArray[np.int64]
    corners: NDArray[np.float32]


def cheques(folder: Path) -> list[Number]:
    """The amounts of a folder: labels.csv (file, text), boxes.csv (file, digit, x, y, width, height)."""
    boxes: dict[str, list[tuple[float, ...]]] = defaultdict(list)
    for row in _rows(folder / "boxes.csv"):
        x, y, width, height = (float(row[name]) for name in ("x", "y", "width", "height"))
        boxes[row["file"]].append((x, y, x + width, y + height))
    return [
        Number(folder / row["file"], row["text"], np.array(boxes[row["file"]]).reshape(-1, 4))
        for row in _rows(folder / "labels.csv")
    ]


def sudokus(folder: Path) -> list[Sudoku]:
    """The photos whose corners are known; the last nine lines of a .txt or .dat beside each are its cells."""
    found = []
    for name, corners in CORNERS.items():
        truth = next((p for p in (folder / f"{name}.txt", folder / f"{name}.dat") if p.exists()), None)
        if truth is not None:
            lines = truth.read_text(encoding="utf-8").strip().splitlines()[-9:]
            cells = np.array([line.split() for line in lines], np.int64)
            found.append(Sudoku(folder / f"{name}.jpg", cells, np.array(corners, np.float32)))
    return found


def _rows(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))
