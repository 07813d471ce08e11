"""A number cut out of its page: level, with a margin, printed lines and neighbours painted over."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

HIGHEST = 64  # px of ink in a crop; more is of no use to a reader of strips 32 px high
MARGIN = 0.2  # of the ink's height, on all sides
WIDEST = 8192  # px

Grey = NDArray[np.uint8]
Affine = NDArray[np.float64]


@dataclass(frozen=True)
class Sheet:
    """A page, and what was found out about its ink on a smaller, straightened copy.

    Attributes:
        grey: `uint8 (H, W)`, the page, upright, as skewed as it is.
        to_page: 2×3, points of the straightened copy to points of the page, counted from pixels' corners.
        removed: `uint8 (h, w)`, 255 where the copy's ink was nothing but printed line.
        labels: `int32 (h, w)`, pieces of ink on the copy, 0 where there is none.
        owner: `int64`, for each label the group that it belongs to; -1 for dust, -2 for what is no number.
    """

    grey: Grey
    to_page: Affine
    removed: Grey
    labels: NDArray[np.int32]
    owner: NDArray[np.int64]


def cut(
    sheet: Sheet, group: int, box: tuple[float, float, float, float], slope: float
) -> tuple[Grey, Affine]:
    """Cuts one number out of the page.

    Args:
        sheet: the page.
        group: the number's group in `sheet.owner`.
        box: around its ink, px of the straightened copy.
        slope: rows a column by which it falls to the right on the copy.

    Returns:
        `uint8 (h, w)`, and the 2×3 affine from points of it to points of the page.
    """
    to_copy, size = _frame(sheet, box, slope)
    to_page = compose(sheet.to_page, to_copy)
    pixels = _sampled(sheet.grey, to_page, size)
    others, own = _masks(sheet, group, to_copy, size)
    if others is not None:
        pixels = _painted(pixels, others, own)
    return pixels, to_page


def compose(second: Affine, first: Affine) -> Affine:
    """One affine after the other, as one."""
    turned = second[:, :2] @ first
    turned[:, 2] += second[:, 2]
    return turned


def centred(affine: Affine) -> Affine:
    """The same affine for OpenCV, whose points count from pixels' centres."""
    shifted = affine.copy()
    shifted[:, 2] += affine[:, :2] @ np.array([0.5, 0.5]) - 0.5
    return shifted


def _frame(
    sheet: Sheet, box: tuple[float, float, float, float], slope: float
) -> tuple[Affine, tuple[int, int]]:
    """The affine from a level crop to the copy, and the crop's width and height."""
    x0, y0, x1, y1 = box
    height = y1 - y0
    if slope:  # the ink's own height, without what the slope adds
        height = max(0.4 * height, height - abs(slope) * (x1 - x0))
    page_scale = float(np.hypot(sheet.to_page[0, 0], sheet.to_page[1, 0]))
    margin = MARGIN * height + 1.5
    width = x1 - x0 + 2 * margin
    scale = min(page_scale, HIGHEST / height, WIDEST / width)
    size = (max(2, round(width * scale)), max(2, round((height + 2 * margin) * scale)))
    length = float(np.hypot(1, slope))
    across, down = np.array([1, slope]) / length / scale, np.array([-slope, 1]) / length / scale
    middle = np.array([(x0 + x1) / 2, (y0 + y1) / 2])
    turned = np.stack([across, down], axis=1)
    return np.column_stack([turned, middle - turned @ np.array(size) / 2]), size


def _sampled(grey: Grey, to_page: Affine, size: tuple[int, int]) -> Grey:
    """Pixels of a crop, without the flicker of skipped pixels where it is much smaller than the page."""
    shrink = int(np.hypot(to_page[0, 0], to_page[1, 0]))
    if shrink >= 2:
        corners = np.array([[0, 0, 1], [size[0], 0, 1], [0, size[1], 1], [size[0], size[1], 1]]) @ to_page.T
        first = np.clip(np.floor(corners.min(0)).astype(int) - shrink, 0, None)
        last = np.minimum(np.ceil(corners.max(0)).astype(int) + shrink, grey.shape[::-1])
        last = np.maximum(last, first + 1)
        region = grey[first[1] : last[1], first[0] : last[0]]
        if min(region.shape) >= shrink:
            rows, columns = region.shape[0] // shrink, region.shape[1] // shrink
            region = region[: rows * shrink, : columns * shrink]
            grey = np.asarray(cv2.resize(region, (columns, rows), interpolation=cv2.INTER_AREA), np.uint8)
            to_page = to_page.copy()
            to_page[:, 2] -= first
            to_page /= shrink
    return np.asarray(
        cv2.warpAffine(
            grey,
            centred(to_page),
            size,
            flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP,
            borderMode=cv2.BORDER_REPLICATE,
        ),
        np.uint8,
    )


def _masks(sheet: Sheet, group: int, to_copy: Affine, size: tuple[int, int]) -> tuple[Grey | None, Grey]:
    """What of a crop is to be painted over, None if nothing, and its own ink; `uint8 (h, w)`, 0 or more."""
    corners = np.array([[0, 0, 1], [size[0], 0, 1], [0, size[1], 1], [size[0], size[1], 1]]) @ to_copy.T
    first = np.clip(np.floor(corners.min(0)).astype(int) - 2, 0, None)
    last = np.maximum(first + 1, np.ceil(corners.max(0)).astype(int) + 2)
    where = np.s_[first[1] : last[1], first[0] : last[0]]
    owner = sheet.owner[sheet.labels[where]]
    foreign = (owner != group) & (owner != -1)
    others = foreign * np.uint8(255) | sheet.removed[where]
    own = (owner == group) * np.uint8(255)
    if not others.any():
        return None, own
    there = to_copy.copy()
    there[:, 2] -= first
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    warped = [cv2.warpAffine(mask, centred(there), size, flags=flags) for mask in (others, own)]
    return np.asarray(warped[0], np.uint8), np.asarray(warped[1], np.uint8)


def _painted(pixels: Grey, others: Grey, own: Grey) -> Grey:
    """Everything but the own ink and bare paper replaced by the level of the paper around it."""
    soft = max(3, round(pixels.shape[0] / 24) | 1)
    gone = (cv2.dilate(others, np.ones((soft, soft), np.uint8)) > 60) & (own < 128)
    bare = np.where(
        gone | (cv2.dilate(own, np.ones((soft, soft), np.uint8)) > 0), np.float32(0), np.float32(1)
    )
    if not bare.any():
        return pixels
    reach = (max(9, pixels.shape[0] // 2 | 1),) * 2
    weight = cv2.blur(bare, reach, borderType=cv2.BORDER_REPLICATE)
    level = cv2.blur(pixels * bare, reach, borderType=cv2.BORDER_REPLICATE) / np.maximum(weight, 1e-6)
    if (far := weight <= 0.02).any():  # no paper near
        level[far] = np.median(pixels[bare > 0])
    return np.where(gone, np.round(level), pixels).astype(np.uint8)
