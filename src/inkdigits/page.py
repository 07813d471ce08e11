"""A page to its numbers: light evened, turned upright, printed lines removed, ink grouped. Reads nothing itself.

The steps lie beside this file: `light`, `orientation`, `rulings` (with `wiping`), `pieces`, `cells`, `grouping`,
`crops`. What comes out are candidates: words, print and drawings of a number's size are among them.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import cv2
import numpy as np
from numpy.typing import NDArray

from inkdigits.cells import find_cells
from inkdigits.crops import Affine, Sheet, centred, cut
from inkdigits.grouping import Group, find_groups
from inkdigits.light import Evened, even_light, ink_mask, reduced
from inkdigits.orientation import Lie, lie_of
from inkdigits.parting import part
from inkdigits.pieces import Pieces, find_pieces
from inkdigits.results import Box
from inkdigits.rulings import Rulings, find_rulings

MOST_LINES = 2000  # candidates; what comes after them in reading order is left out
SURE = 2.0  # evidence for lines running across or down from which on the other isn't worth trying

Grey = NDArray[np.uint8]


@dataclass(frozen=True)
class PageLine:
    """What may be a number.

    Attributes:
        pixels: `uint8 (h, w)`, cut out level, with a margin; printed lines and neighbours painted over. Dark on
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
        turned: degrees clockwise, 0, 90, 180 or 270, by which `grey` is turned against the page that was given.
        skew: degrees by which its lines fall to the right.
        doubts: other values of `turned` that the ink allows, likeliest first. Geometry doesn't tell numbers from
            numbers upside down: read some lines, and if they are no good, try `find_lines(…, turned=…)` of these.
        cut: whether there were more than `MOST_LINES`.
    """

    grey: Grey
    lines: tuple[PageLine, ...]
    turned: int
    skew: float
    doubts: tuple[int, ...]
    cut: bool


def find_lines(grey: Grey, turned: int | None = None) -> Page:
    """The numbers of a page, or what may be numbers, in reading order.

    Args:
        grey: `uint8 (H, W)`, ink darker or brighter than paper.
        turned: degrees clockwise, 0, 90, 180 or 270, to turn the page by; None decides from the ink whether
            lines run across (0) or down (90).
    """
    work, factor = reduced(grey)
    evened = even_light(work)
    lie = lie_of(evened.contrast)
    quarter, doubts = _turn(lie, turned)
    upright, contrast = turn(grey, quarter), turn(evened.contrast, quarter)
    contrast, to_page = _straightened(contrast, lie.skew, factor)
    mask = ink_mask(contrast)
    rulings = find_rulings(contrast, mask, lie.size)
    pieces = find_pieces(rulings, contrast, lie.size)
    cells = find_cells(rulings.level, rulings.plumb, mask.shape, lie.size)
    pieces, cell = part(pieces, cells, lie.size)
    groups = find_groups(pieces, cells, cell, rulings.plumb, lie.size)
    sheet = Sheet(upright, to_page, rulings.removed, pieces.labels, _owners(pieces, groups))
    lines = tuple(_line(sheet, number, group) for number, group in enumerate(groups[:MOST_LINES]))
    return Page(upright, lines, quarter, lie.skew, doubts, len(groups) > MOST_LINES)


def turn(picture: Grey, degrees: int) -> Grey:
    """A picture turned clockwise by 0, 90, 180 or 270 degrees."""
    return np.ascontiguousarray(np.rot90(picture, -degrees // 90)) if degrees else picture


def _turn(lie: Lie, turned: int | None) -> tuple[int, tuple[int, ...]]:
    """By how much to turn a page, and by how much else it may be."""
    if turned is not None:
        return turned % 360, ()
    across, down = (0, 180), (90, 270)
    first, second = (across, down) if lie.level >= 0 else (down, across)
    return first[0], (first[1], *(() if abs(lie.level) >= SURE else second))


def _straightened(contrast: Grey, skew: float, factor: int) -> tuple[Grey, Affine]:
    """The copy with level lines, and the affine from its points to those of the page."""
    height, width = contrast.shape
    if not skew:
        return contrast, np.array([[factor, 0, 0], [0, factor, 0]], np.float64)
    c, s = np.cos(np.deg2rad(skew)), np.sin(np.deg2rad(skew))
    size = (int(np.ceil(width * c + height * abs(s))), int(np.ceil(height * c + width * abs(s))))
    back = np.array([[c, -s], [s, c]])  # a level direction of the copy falls to the right on the page
    offset = np.array([width, height]) / 2 - back @ np.array(size) / 2
    to_copy = np.column_stack([back, offset])
    level = cv2.warpAffine(contrast, centred(to_copy), size, flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP)
    return np.asarray(level, np.uint8), to_copy * factor


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
