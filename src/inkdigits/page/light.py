"""Grey page ─► contrast of ink against its paper ─► ink mask. Knows no lines, numbers or files.

Shadow, coloured paper and light that falls off are divided out; light ink on dark paper is turned over.
What is left is how much darker than its own paper a pixel is, from 0 to 255.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

WORKING_AREA = 4_000_000  # px; larger pages are reduced by a whole factor first: time and memory stay bounded
WIDEST_STROKE = 56  # px of the working page; wider ones count as dark paper
BLOCK = 16  # px of a small copy, in which ink is looked for as the minority
FAINTEST = 13  # of 255: ink lets that much less light through than paper; pencil has 25 and more
BLEED = 0.2  # of the typical ink: print of the other side and erased pencil are fainter
NOISE = 5.0  # standard deviations of the paper's noise that ink must exceed
SHARE = 0.4  # of the darkest neighbour's contrast that ink must have: soft edges of a marker are none
REACH = 11  # px around a pixel in which that neighbour is looked for

Grey = NDArray[np.uint8]


@dataclass(frozen=True)
class Evened:
    """A page whose light is evened out.

    Attributes:
        contrast: `uint8 (h, w)`, 0 paper to 255 as black as can be.
        paper: `uint8`, smaller than the page by about four; the paper's grey level.
        dark_ink: whether ink is darker than paper, as it mostly is.
    """

    contrast: Grey
    paper: Grey
    dark_ink: bool


def reduced(grey: Grey, area: int = WORKING_AREA) -> tuple[Grey, int]:
    """The working copy of a page, and by how much it is smaller (a whole number: much faster than others).

    Args:
        grey: `uint8 (H, W)`.
        area: px that the copy may have.

    Returns:
        `uint8 (H // k, W // k)` and k; what k doesn't divide is left off at the right and lower edge.
    """
    factor = int(np.ceil(np.sqrt(grey.size / area)))
    factor = max(1, min(factor, min(grey.shape) // 8))
    if factor == 1:
        return grey, 1
    height, width = grey.shape[0] // factor, grey.shape[1] // factor
    whole = grey[: height * factor, : width * factor]
    return np.asarray(cv2.resize(whole, (width, height), interpolation=cv2.INTER_AREA), np.uint8), factor


def even_light(grey: Grey) -> Evened:
    """Divides the page by its paper.

    Args:
        grey: `uint8 (h, w)`, either polarity.
    """
    dark_ink = ink_is_dark(grey)
    picture = grey if dark_ink else 255 - grey
    paper = paper_of(picture)
    everywhere = cv2.resize(paper, grey.shape[::-1], interpolation=cv2.INTER_LINEAR)
    # + 16: on a black page the quotient of two small numbers would be noise
    share = cv2.divide(cv2.add(picture, 16), cv2.add(everywhere, 16), scale=255)  # type: ignore[call-overload]
    contrast = np.asarray(cv2.bitwise_not(share), np.uint8)
    return Evened(contrast, paper if dark_ink else 255 - paper, dark_ink)


def ink_is_dark(grey: Grey) -> bool:
    """Ink is the minority: in each small block the mean lies on ink's side of the median.

    Args:
        grey: `uint8 (h, w)`.
    """
    shrink = max(1, round(np.sqrt(grey.size / 200_000)))
    size = (max(1, grey.shape[1] // shrink), max(1, grey.shape[0] // shrink))
    small = np.asarray(cv2.resize(grey, size, interpolation=cv2.INTER_AREA), np.uint8)
    rows, columns = (max(1, side // BLOCK) for side in small.shape)
    whole = small[: rows * BLOCK, : columns * BLOCK]
    blocks = (
        whole.reshape(rows, -1, columns, whole.shape[1] // columns).swapaxes(1, 2).reshape(rows * columns, -1)
    )
    return bool((np.median(blocks, axis=1) - blocks.mean(axis=1)).mean() >= 0)


def paper_of(picture: Grey) -> Grey:
    """The paper's grey level, from a copy about four times smaller: dark strokes are closed, then smoothed.

    Args:
        picture: `uint8 (h, w)`, ink darker than paper.
    """
    shrink = int(np.clip(min(picture.shape) // 60, 1, 4))
    size = (max(1, picture.shape[1] // shrink), max(1, picture.shape[0] // shrink))
    small = cv2.resize(picture, size, interpolation=cv2.INTER_AREA)
    stroke = WIDEST_STROKE // shrink | 1
    pen = np.ones((min(stroke, small.shape[0] | 1), min(stroke, small.shape[1] | 1)), np.uint8)
    closed = cv2.morphologyEx(small, cv2.MORPH_CLOSE, pen, borderType=cv2.BORDER_REPLICATE)
    return np.asarray(cv2.GaussianBlur(closed, (0, 0), 1.5), np.uint8)


def ink_mask(contrast: Grey) -> Grey:
    """Where ink is: beyond noise and pattern of the paper, and not the soft edge of something darker.

    Args:
        contrast: `uint8 (h, w)`, of `even_light`.

    Returns:
        `uint8 (h, w)`, 255 ink, 0 paper.
    """
    floor = max(FAINTEST, NOISE * noise_of(contrast))
    # printed tints: what the paper has everywhere around is no ink; 40 keeps black ink from counting
    tint = cv2.blur(np.minimum(contrast, 40), (61, 61), borderType=cv2.BORDER_REPLICATE)
    darkest = cv2.dilate(contrast, np.ones((REACH, REACH), np.uint8))
    threshold = cv2.max(cv2.max(cv2.multiply(tint, 1.6), cv2.multiply(darkest, SHARE)), floor)  # type: ignore[call-overload]
    mask = np.asarray(cv2.compare(contrast, threshold, cv2.CMP_GT), np.uint8)
    strength = _typical(contrast, mask)
    fainter = cv2.compare(contrast, BLEED * strength, cv2.CMP_LT)  # type: ignore[call-overload]
    mask[fainter > 0] = 0
    return mask


def _typical(contrast: Grey, mask: Grey) -> float:
    """Median contrast of ink, from a sample of about 200,000 pixels."""
    step = max(1, contrast.size // 200_000)
    inked = contrast.ravel()[::step][mask.ravel()[::step] > 0]
    return float(np.median(inked)) if len(inked) else 0.0


def noise_of(contrast: Grey) -> float:
    """Standard deviation of the paper's noise, in grey levels, from neighbours two pixels apart."""
    step = max(1, int(np.sqrt(contrast.size / 200_000)))
    left, right = contrast[::step, : -2 or None : step], contrast[::step, 2::step]
    columns = min(left.shape[1], right.shape[1])
    if not columns:
        return 0.0
    difference = np.abs(left[:, :columns].astype(np.int16) - right[:, :columns])
    return float(np.median(difference)) / 0.954  # median of |a − b| for two normal variables of deviation 1
