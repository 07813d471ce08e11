"""A page to its numbers: light evened, turned upright, printed lines removed, ink grouped. Reads none of it.

The steps lie beside this file: `light`, `orientation`, `rulings` (with `wiping`), `pieces`, `cells`,
`parting`, `grouping`, `crops`. What comes out are candidates: words, print and drawings of a number's size
are among them.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from inkdigits.page.cells import find_cells
from inkdigits.page.crops import Affine, Sheet, centred, cut
from inkdigits.page.grouping import Group, find_groups
from inkdigits.page.light import even_light, ink_mask, reduced
from inkdigits.page.orientation import Lie, level_of, lie_of, size_of
from inkdigits.page.parting import part
from inkdigits.page.pieces import Pieces, find_pieces
from inkdigits.page.rulings import Rulings, find_rulings
from inkdigits.results import Box

MOST_LINES = 2000  # candidates; what comes after them in reading order is left out
LEAST = 8  # px; on a narrower page nothing can be read
SURE = 1.5  # evidence for lines running across or down from which on the other isn't worth trying

Grey = NDArray[np.uint8]


@dataclass(frozen=True)
class PageLine:
    """What may be a number.

    Attributes:
        pixels: `uint8 (h, w)`, cut out level, with a margin; printed lines, neighbours painted over. Dark on
            light or light on dark, as on the page.
        to_page: `float64 (2, 3)`, points of `pixels` to points of the upright page. Points count from the
            corners of pixels, as boxes do.
        box: around its ink, px of the upright page.
        grid: which of the page's grids its cell belongs to, or None.
        cell: its row and column in that grid, from 0; None outside grids and for comb fields.
    """

    pixels: Grey
    to_page: Affine
    box: Box
    grid: int | None = None
    cell: tuple[int, int] | None = None


@dataclass(frozen=True)
class Page:
    """A page with its candidates.

    Attributes:
        grey: `uint8 (H, W)`, turned by quarters so that its lines run across; its skew is left as it is.
        lines: in reading order.
        turned: degrees clockwise, 0, 90, 180 or 270, by which `grey` is turned against the page given.
        skew: degrees by which its lines fall to the right.
        doubts: other values of `turned` that the ink allows, likeliest first. Shapes can't tell numbers from
            numbers upside down: read some lines, then `turn(line.pixels, 180)`; if those are surer, begin
            again with `find_lines(…, turned=…)`.
        cut: whether there were more than `MOST_LINES`.
    """

    grey: Grey
    lines: tuple[PageLine, ...]
    turned: int
    skew: float
    doubts: tuple[int, ...]
    cut: bool


@dataclass(frozen=True)
class _Ink:
    """What was found on the straightened copy of a page.

    Attributes:
        rulings: printed lines.
        pieces: of the other ink.
        to_copy: affine from points of the straightened copy to points of the copy as it was.
        size: px, of most characters.
    """

    rulings: Rulings
    pieces: Pieces
    to_copy: Affine
    size: float


def find_lines(grey: Grey, turned: int | None = None) -> Page:
    """The numbers of a page, or what may be numbers, in reading order.

    Args:
        grey: `uint8 (H, W)`, ink darker or brighter than paper.
        turned: degrees clockwise, 0, 90, 180 or 270, to turn the page by; None decides from the ink whether
            lines run across (0) or down (90).
    """
    assert turned is None or turned % 90 == 0
    if min(grey.shape) < LEAST:
        quarter = (turned or 0) % 360
        return Page(turn(grey, quarter), (), quarter, 0.0, (), False)
    work, factor = reduced(grey)
    contrast = even_light(work).contrast
    lie = lie_of(contrast)
    quarter, ink, doubts = _upright(contrast, lie, turned)
    upright = turn(grey, quarter)
    to_page = ink.to_copy * factor
    to_page[:, 2] += _left_off(grey.shape, factor, quarter)
    cells = find_cells(ink.rulings.level, ink.rulings.plumb, ink.rulings.ink.shape, ink.size)
    pieces, cell = part(ink.pieces, cells, ink.size)
    groups = find_groups(pieces, cells, cell, ink.rulings.plumb, ink.size)
    sheet = Sheet(upright, to_page, ink.rulings.removed, pieces.labels, _owners(pieces, groups))
    lines = tuple(_line(sheet, number, group) for number, group in enumerate(groups[:MOST_LINES]))
    return Page(upright, lines, quarter, lie.skew, doubts, len(groups) > MOST_LINES)


def turn(picture: Grey, degrees: int) -> Grey:
    """A picture turned clockwise by 0, 90, 180 or 270 degrees."""
    return np.ascontiguousarray(np.rot90(picture, -degrees // 90)) if degrees else picture


def _upright(contrast: Grey, lie: Lie, turned: int | None) -> tuple[int, _Ink, tuple[int, ...]]:
    """By how much to turn a page, its ink then, and by how much else it may have to be turned."""
    if turned is not None:
        return turned % 360, _ink_of(turn(contrast, turned % 360), lie), ()
    guess = 90 if lie.level < -1 else 0
    ink = _ink_of(turn(contrast, guess), lie)
    level = level_of(ink.pieces.boxes, ink.size)
    quarter = guess if level >= 0 else 90 - guess
    if quarter != guess:
        ink = _ink_of(turn(contrast, quarter), lie)
    others = (90 - quarter, 270 - quarter) if abs(level) < SURE else ()
    return quarter, ink, (quarter + 180, *others)


def _ink_of(contrast: Grey, lie: Lie) -> _Ink:
    """Straightens a copy, takes its printed lines out, and finds the pieces of ink that are left."""
    straight, to_copy = _straightened(contrast, lie.skew)
    rulings = find_rulings(straight, ink_mask(straight), lie.size)
    pieces = find_pieces(rulings, straight, lie.size)
    return _Ink(rulings, pieces, to_copy, size_of(pieces.boxes, lie.size))


def _straightened(contrast: Grey, skew: float) -> tuple[Grey, Affine]:
    """A copy with level lines, and the affine from its points to those of the copy as it was."""
    height, width = contrast.shape
    if not skew:
        return contrast, np.eye(2, 3)
    c, s = np.cos(np.deg2rad(skew)), np.sin(np.deg2rad(skew))
    size = (int(np.ceil(width * c + height * abs(s))), int(np.ceil(height * c + width * abs(s))))
    back = np.array(
        [[c, -s], [s, c]]
    )  # what is level on the straightened copy falls to the right on the other
    offset = np.array([width, height]) / 2 - back @ np.array(size) / 2
    to_copy = np.column_stack([back, offset])
    level = cv2.warpAffine(contrast, centred(to_copy), size, flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP)
    return np.asarray(level, np.uint8), to_copy


def _left_off(shape: tuple[int, ...], factor: int, quarter: int) -> tuple[int, int]:
    """Columns and rows of the turned page before its copy begins: what `factor` doesn't divide."""
    below, right = shape[0] % factor, shape[1] % factor
    return {0: (0, 0), 90: (below, 0), 180: (right, below), 270: (0, right)}[quarter]


def _owners(pieces: Pieces, groups: list[Group]) -> NDArray[np.int64]:
    """For each label its group; -1 for dust and paper, -2 for pieces of no group."""
    owner = np.full(int(pieces.labels.max(initial=0)) + 1, -1, np.int64)
    owner[pieces.numbers] = -2
    for number, group in enumerate(groups):
        owner[pieces.numbers[group.members]] = number
    return owner


def _line(sheet: Sheet, number: int, group: Group) -> PageLine:
    """A group's picture, and where it was."""
    pixels, to_page = cut(sheet, number, group.box, group.slope)
    x0, y0, x1, y1 = group.box
    corners = np.array([[x0, y0, 1], [x1, y0, 1], [x0, y1, 1], [x1, y1, 1]]) @ sheet.to_page.T
    height, width = sheet.grey.shape
    left, top = np.clip(corners.min(0), 0, (width, height))
    right, bottom = np.clip(corners.max(0), 0, (width, height))
    box = (float(left), float(top), float(right), float(bottom))
    grid = None if group.grid < 0 else group.grid
    cell = None if group.grid < 0 or group.column < 0 else (group.row, group.column)
    return PageLine(pixels, to_page, box, grid, cell)
