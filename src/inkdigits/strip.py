"""The line contract: `uint8 (32, W)`, ink bright on dark paper. Knows nothing of files, pages or networks.

A number cut out of a page becomes a strip 32 pixels high: rows without ink are cut off, light is evened,
ink and paper are brought to the same grey levels. Training and runtime share this file, as they share
`glyph.py`: what the line network learned on is what it gets.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from inkdigits.glyph import FAINTEST, find_ink

HEIGHT = 32  # px
NARROWEST = 24  # px; narrower strips are padded with paper
WIDEST = 2048  # px; a wider strip is pressed together
STRETCH = 1.5  # wider than in the picture: digits written closely keep columns between them
PAPER = 48  # grey level of paper in a strip: there is room for what is brighter than the paper
MARGIN = 0.3  # of the ink's height, kept above and below; 0.12 read 2 of 100 amounts fewer (records/lines.md)

Grey = NDArray[np.uint8]


@dataclass(frozen=True)
class Strip:
    """A line, ready for the network.

    Attributes:
        pixels: `uint8 (32, W)`, paper at about 48, full ink at about 240.
        x_scale: picture pixels for one strip pixel, across.
        y_scale: picture pixels for one strip pixel, down.
        top: the picture's row where the strip begins.
    """

    pixels: Grey
    x_scale: float
    y_scale: float
    top: float


def strip_from_grey(grey: Grey) -> Strip | None:
    """One line in a picture to its strip.

    Args:
        grey: `uint8 (H, W)`, dark on light or light on dark, cut out with margin or none.

    Returns:
        The strip, or None when the picture is blank, or so slim that nothing of it would be left.
    """
    if 2 * HEIGHT * grey.shape[1] < grey.shape[0]:
        return None
    shrink = min(1.0, 4 * HEIGHT / grey.shape[0])  # light and rows are found on a small copy
    small = grey
    if shrink < 1:
        small = np.asarray(
            cv2.resize(grey, None, fx=shrink, fy=shrink, interpolation=cv2.INTER_AREA), np.uint8
        )
    if min(small.shape) < 2:
        return None
    ink = find_ink(small)
    if ink is None:
        return None
    first, last = (round(row / shrink) for row in rows_of_ink(ink))
    last = min(max(last, first + 2), grey.shape[0])
    cut = grey[first:last]
    width = int(np.clip(round(cut.shape[1] * STRETCH * HEIGHT / cut.shape[0]), 1, WIDEST))
    way = cv2.INTER_AREA if cut.shape[0] > HEIGHT else cv2.INTER_CUBIC
    resized = np.asarray(cv2.resize(cut, (width, HEIGHT), interpolation=way), np.uint8)
    dark_ink = _ink_is_dark(small, ink)
    pixels = levelled(resized if not dark_ink else 255 - resized)
    if pixels is None:
        return None
    if width < NARROWEST:
        pixels = np.pad(pixels, ((0, 0), (0, NARROWEST - width)), constant_values=PAPER)
    return Strip(pixels, cut.shape[1] / width, cut.shape[0] / HEIGHT, float(first))


def rows_of_ink(ink: NDArray[np.float32]) -> tuple[int, int]:
    """The first row with ink and the row after the last, with a margin.

    Rulings, which fill a row from edge to edge, don't count; neither does the outermost hundredth of the ink,
    which may be dust. Ink everywhere, as on patterned paper, gives all rows.

    Args:
        ink: `float32 (H, W)`, 0 paper to 1 ink.
    """
    height = ink.shape[0]
    solid = ink > 0.35
    coverage = solid.mean(1)
    mass = np.where(coverage > 0.7, 0, (ink * solid).sum(1))
    total = mass.sum()
    if total <= 0:
        return 0, height
    share = np.cumsum(mass) / total
    first, last = int(np.searchsorted(share, 0.01)), int(np.searchsorted(share, 0.99)) + 1
    margin = MARGIN * (last - first) + 1
    return max(0, int(first - margin)), min(height, int(np.ceil(last + margin)))


def levelled(grey: Grey) -> Grey | None:
    """Grey levels of a strip: paper, evened along the line, at 48; the strongest ink at 240.

    Args:
        grey: `uint8 (32, W)`, ink brighter than paper.

    Returns:
        `uint8 (32, W)`, or None when nothing stands out.
    """
    picture = grey.astype(np.float32)
    difference = picture - _paper_along(picture)
    strength = float(quantile(difference, 0.985))
    if strength < FAINTEST:
        strength = float(difference.max())  # a single dot, a thin 1 in a wide cut
        if strength < FAINTEST:
            return None
    difference *= (240 - PAPER) / strength
    difference += PAPER
    return np.clip(difference, 0, 255, out=difference).astype(np.uint8)


def _paper_along(picture: NDArray[np.float32]) -> NDArray[np.float32]:
    """`(W,)`: a low quantile of each stretch of columns, as light may fall off along the line."""
    width = picture.shape[1]
    count = max(1, round(width / 64))
    each, more = divmod(width, count)  # the first ones are a column wider
    ends = [each * part + min(part, more) for part in range(1, count + 1)]
    stretches = list(zip([0, *ends], ends, strict=False))
    levels = np.array([quantile(picture[:, first:end], 0.3) for first, end in stretches], np.float32)
    middles = [(first + end) / 2 for first, end in stretches]
    return np.interp(np.arange(width), middles, levels).astype(np.float32)


def quantile(values: NDArray[np.float32], share: float) -> np.float32:
    """As `np.quantile`, to the last bit and several times as fast: no axes, no missing values.

    Args:
        values: at least one, of any shape.
        share: from 0 to 1.
    """
    place = share * (values.size - 1)
    below = int(place)
    above = min(below + 1, values.size - 1)
    placed = np.partition(values, (below, above), axis=None)
    low, high, rest = placed[below], placed[above], place - below
    between: np.float32 = low + (high - low) * rest if rest < 0.5 else high - (high - low) * (1 - rest)
    return between


def _ink_is_dark(grey: Grey, ink: NDArray[np.float32]) -> bool:
    """Whether what `find_ink` took for ink is darker than what it took for paper."""
    solid = ink > 0.5
    count = int(np.count_nonzero(solid))
    if not 0 < count < solid.size:
        return True
    inked, everywhere = int((grey * solid).sum()), int(grey.sum())  # indexing by flags is much slower
    return inked / count < (everywhere - inked) / (solid.size - count)
