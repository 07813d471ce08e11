"""Cells of grids: how many filled ones are found at their place, how many empty ones stay empty.

    python benchmarks/page_cells.py [--data ../shared/data] [--drawn 12] [--read] [--pictures FOLDER]

The photos of sudokus of `--data`, if it is there, turned as their text runs: a filled cell is found when one
candidate says that it is this cell's, and lies in it. None of their cells is empty, so `--drawn N` draws so
many grids, two fifths of them empty, with MNIST's test digits, tilted, bent and in shadow. With `--read`, all
is read by `Reader.read`, too, which has to find out itself how a page lies; a filled cell is right when its
digit was read in it and no other, an empty one when nothing was. Times are medians of the processor's, of
`find_lines` with one thread. `--pictures` draws each page with its candidates and cells, to be looked at.
"""

from __future__ import annotations

import os

os.environ["OMP_NUM_THREADS"] = "1"  # before anything that starts threads

import argparse
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from inkdigits import Reader
from inkdigits.images import load_pages
from inkdigits.page import Page, find_lines
from inkdigits.training.datasets import Dataset, load_mnist
from labelled import sudokus

ROOT = Path(__file__).parent.parent
sys.path.insert(0, str(ROOT / "tests" / "page_reader"))
import pages  # noqa: E402 - which draws the tests' pages, and lies in their folder

TURNED = {"image2002": 270, "image2004": 270, "image2005": 270}  # degrees; the camera's note on them is wrong
ROUNDS = 5

Grey = NDArray[np.uint8]
Flags = NDArray[np.bool_]


@dataclass(frozen=True)
class Grid:
    """A page with one grid.

    Attributes:
        name: of the photo or drawing.
        grey: `uint8 (H, W)`, as it comes.
        turned: degrees clockwise to turn it by.
        cells: `int (9, 9)`, -1 where empty.
        corners: `float32 (4, 2)`, of the grid, from the top left of its text clockwise, shares of `grey`.
    """

    name: str
    grey: Grey
    turned: int
    cells: NDArray[np.int64]
    corners: NDArray[np.float32]


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", type=Path, default=ROOT.parent / "shared" / "data")
    parser.add_argument("--drawn", type=int, default=12)
    parser.add_argument("--read", action="store_true")
    parser.add_argument("--pictures", type=Path)
    arguments = parser.parse_args()
    cv2.setNumThreads(1)
    reader = Reader.load() if arguments.read else None
    photos, drawings = list(_photos(arguments.data)), list(_drawings(arguments.drawn))
    print("| grids | filled, found | empty, left empty | filled, read right | empty, nothing read | ms |")
    print("| --- | --- | --- | --- | --- | --- |")
    for name, grids in (*((grid.name, [grid]) for grid in photos), ("photos", photos), ("drawn", drawings)):
        if grids:
            print(_row(name, grids, reader, arguments.pictures))


def _photos(data: Path) -> Iterator[Grid]:
    for photo in sudokus(data / "sudoku-photos"):
        grey = next(iter(load_pages(photo.path)))
        cells = np.where(photo.cells > 0, photo.cells, -1)
        yield Grid(photo.path.stem, grey, TURNED.get(photo.path.stem, 0), cells, photo.corners)


def _drawings(count: int) -> Iterator[Grid]:
    digits: Dataset = load_mnist("test")
    for seed in range(count):
        drawing = pages.grid(digits, seed=seed)
        cells = np.full((9, 9), -1, np.int64)
        for number in drawing.numbers:
            cells[number.cell] = int(number.text)
        side = drawing.ink.shape[0]
        inset, end = 70, side - 70
        corners = [(inset, inset), (end, inset), (end, end), (inset, end)]
        drawing.numbers = [
            pages.Number("", (x, y, x, y)) for x, y in corners
        ]  # go where the camera takes them
        shadow, bend = 0.4 * (seed % 2), 5.0 * (seed % 3)
        photo = pages.photographed(drawing, tilt=(seed * 7) % 31 - 15, shadow=shadow, bend=bend)
        height, width = photo.grey.shape
        where = np.array([number.box[:2] for number in photo.numbers]) / (width, height)
        yield Grid(f"drawn {seed}", photo.grey, 0, cells, where.astype(np.float32))


def _row(name: str, grids: list[Grid], reader: Reader | None, pictures: Path | None) -> str:
    """One row of the table, over some grids."""
    found, times, read = [], [], []
    for grid in grids:
        page, ms = _analysed(grid)
        found.append(_candidates(page, grid))
        times.append(ms)
        if reader is not None:
            read.append(_read(reader, grid))
        if pictures is not None:
            pictures.mkdir(parents=True, exist_ok=True)
            cv2.imwrite(str(pictures / f"{grid.name}.png"), _drawn(page))
    filled = np.array([grid.cells >= 0 for grid in grids])
    columns = [_shares(np.array(found), filled)]
    columns.append(_shares(np.array(read), filled) if read else ("–", "–"))
    shares = " | ".join(share for pair in columns for share in pair)
    return f"| {name} | {shares} | {np.median(times):.0f} |"


def _shares(right: Flags, filled: Flags) -> tuple[str, str]:
    """Of the filled cells, and of the empty ones, how many are right."""
    return tuple(  # type: ignore[return-value]
        f"{right[which].mean():.1%} of {which.sum():,}" if which.any() else "none there"
        for which in (filled, ~filled)
    )


def _analysed(grid: Grid) -> tuple[Page, float]:
    """The page with its candidates, and how many milliseconds of the processor they took, the median."""
    times = []
    for _ in range(ROUNDS):
        begin = time.process_time()
        page = find_lines(grid.grey, grid.turned)
        times.append(1000 * (time.process_time() - begin))
    return page, float(np.median(times))


def _candidates(page: Page, grid: Grid) -> Flags:
    """Which cells are right: one candidate at its place if filled, none if empty."""
    middles = [((x0 + x1) / 2, (y0 + y1) / 2) for x0, y0, x1, y1 in (line.box for line in page.lines)]
    places = _places(middles, page.grey.shape, grid, grid.turned // 90)
    counts = np.zeros((9, 9), np.intp)
    at_home = np.ones((9, 9), dtype=bool)
    for line, (row, column) in zip(page.lines, places, strict=True):
        if 0 <= row < 9 and 0 <= column < 9:
            counts[row, column] += 1
            at_home[row, column] &= line.cell == (row, column)
    return np.where(grid.cells >= 0, (counts == 1) & at_home, counts == 0)


def _read(reader: Reader, grid: Grid) -> Flags:
    """Which cells were read right, the page turned whichever way makes most of them right."""
    reading = reader.read(grid.grey, layout="page")
    digits = [digit for line in reading.lines for digit in line.digits]
    middles = [((x0 + x1) / 2, (y0 + y1) / 2) for x0, y0, x1, y1 in (digit.box for digit in digits)]
    ways = []
    for quarters in range(4):
        texts = np.full((9, 9), "", object)
        places = _places(middles, (reading.height, reading.width), grid, quarters)
        for digit, (row, column) in zip(digits, places, strict=True):
            if 0 <= row < 9 and 0 <= column < 9:
                texts[row, column] += digit.text
        ways.append(texts == np.where(grid.cells < 0, "", grid.cells.astype(str).astype(object)))
    return np.asarray(max(ways, key=np.count_nonzero), np.bool_)


def _places(
    points: list[tuple[float, float]], shape: tuple[int, ...], grid: Grid, quarters: int
) -> list[tuple[int, int]]:
    """Row and column of the cell that each point lies in, on a page turned clockwise by quarters."""
    corners = grid.corners
    for _ in range(quarters):
        corners = np.stack([1 - corners[:, 1], corners[:, 0]], axis=1)
    square = np.array([[0, 0], [9, 0], [9, 9], [0, 9]], np.float32)
    to_grid = cv2.getPerspectiveTransform(corners.astype(np.float32), square)
    if not points:
        return []
    shares = np.array([points], np.float32) / np.array(shape[1::-1], np.float32)
    there = np.floor(cv2.perspectiveTransform(shares, to_grid)).astype(int).reshape(-1, 2)
    return [(row, column) for column, row in there.tolist()]


def _drawn(page: Page) -> NDArray[np.uint8]:
    """The page, its candidates framed, those in cells with row and column."""
    scale = min(1.5, 1400 / max(page.grey.shape))
    small = cv2.resize(page.grey, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
    picture: Any = cv2.cvtColor(small, cv2.COLOR_GRAY2BGR)
    for line in page.lines:
        height, width = line.pixels.shape
        corners = np.array([[0, 0, 1], [width, 0, 1], [width, height, 1], [0, height, 1]])
        points = np.round(corners @ line.to_page.T * scale).astype(np.int32)
        colour = (0, 150, 0) if line.grid is None else (0, 0, 220) if line.cell else (200, 0, 200)
        cv2.polylines(picture, [points], True, colour, 1)
        if line.cell is not None:
            place = (int(points[0, 0]), int(points[0, 1]) + 10)
            label = f"{line.cell[0]},{line.cell[1]}"
            cv2.putText(picture, label, place, cv2.FONT_HERSHEY_SIMPLEX, 0.35, (220, 0, 0), 1)
    return np.asarray(picture, np.uint8)


if __name__ == "__main__":
    main()
