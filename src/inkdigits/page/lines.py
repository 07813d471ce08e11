"""A page to its numbers: looked over, turned upright, its ink parted by cells, grouped, cut out. Reads none.

The steps lie beside this file: `survey` (of `light`, `orientation`, `rulings`, `pieces`), `turning`, `cells`,
`parting`, `grouping`, `crops`. What comes out are candidates: words, print and drawings of a number's size
are among them.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from inkdigits.page.cells import find_cells
from inkdigits.page.crops import Affine, Sheet, cut
from inkdigits.page.grouping import Group, find_groups
from inkdigits.page.parting import part
from inkdigits.page.pieces import Pieces
from inkdigits.page.survey import Survey, survey
from inkdigits.page.survey import turned as turned_survey
from inkdigits.page.turning import turn
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
        survey: what was found before its way up was decided; None on a page too small to hold anything.
    """

    grey: Grey
    lines: tuple[PageLine, ...]
    turned: int
    skew: float
    doubts: tuple[int, ...]
    cut: bool
    survey: Survey | None


def find_lines(grey: Grey, turned: int | None = None, seen: Survey | None = None) -> Page:
    """The numbers of a page, or what may be numbers, in reading order.

    Args:
        grey: `uint8 (H, W)`, ink darker or brighter than paper.
        turned: degrees clockwise, 0, 90, 180 or 270, to turn the page by; None decides from the ink whether
            lines run across (0) or down (90).
        seen: `Page.survey` of the same page, if it was looked at before: most of the work.
    """
    assert turned is None or turned % 90 == 0
    if min(grey.shape) < LEAST:
        quarter = (turned or 0) % 360
        return Page(turn(grey, quarter), (), quarter, 0.0, (), False, None)
    seen = seen or survey(grey)
    quarter, doubts = _upright(seen, turned)
    upright, here = turn(grey, quarter), turned_survey(seen, quarter, grey.shape)
    cells = find_cells(here.level, here.plumb, here.removed.shape, here.size)
    pieces, cell = part(here.pieces, cells, here.size)
    groups = find_groups(pieces, cells, cell, here.plumb, here.size)
    sheet = Sheet(upright, here.to_page, here.removed, pieces.labels, _owners(pieces, groups))
    lines = tuple(_line(sheet, number, group) for number, group in enumerate(groups[:MOST_LINES]))
    return Page(upright, lines, quarter, seen.skew, doubts, len(groups) > MOST_LINES, seen)


def _upright(seen: Survey, turned: int | None) -> tuple[int, tuple[int, ...]]:
    """By how much to turn a page, and by how much else it may have to be turned."""
    if turned is not None:
        return turned % 360, ()
    quarter = 0 if seen.across >= 0 else 90
    others = (90 - quarter, 270 - quarter) if abs(seen.across) < SURE else ()
    return quarter, (quarter + 180, *others)


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
