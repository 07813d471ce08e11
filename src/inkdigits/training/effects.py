"""Blurs, warps, clouds, lines and edges of many small pictures at once. Knows no files, no networks.

What `corruptions` is made of: as scikit-image and the paper's program have them, with NumPy and OpenCV.
"""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

SIDE = 28  # px
CENTRE = 13.5  # px, which a warp leaves in place

Images = NDArray[np.float64]  # (N, 28, 28), 0 to 1, ink bright
Matrix = tuple[tuple[float, float], tuple[float, float]]


def blurred(images: Images, sigma: float, *, axes: Sequence[int] = (1, 2), outside: str = "edge") -> Images:
    """A Gaussian cut off at four of its deviations.

    Args:
        images: `(N, H, W)`.
        sigma: px.
        axes: along which.
        outside: what lies there: `edge`, the pixels of the edge; `constant`, 0.
    """
    radius = int(4 * sigma + 0.5)
    kernel = np.exp(-0.5 * (np.arange(-radius, radius + 1) / sigma) ** 2)
    kernel /= kernel.sum()
    for axis in axes:
        images = _along(images, kernel, axis, outside)
    return images


def _along(images: Images, kernel: NDArray[np.float64], axis: int, outside: str) -> Images:
    """Correlated with a kernel of odd length along one axis."""
    radius = len(kernel) // 2
    margins = [(radius, radius) if i == axis else (0, 0) for i in range(3)]
    padded = np.pad(images, margins, mode=outside)  # type: ignore[call-overload]
    length = images.shape[axis]
    parts = (share * padded.take(range(i, i + length), axis) for i, share in enumerate(kernel))
    return np.asarray(sum(parts), np.float64)


def warped(images: Images, matrix: Matrix) -> Images:
    """Images through a linear map of the plane around their middle, bilinear, 0 from outside.

    Args:
        images: `(N, 28, 28)`.
        matrix: from where (x, y) of the result comes.
    """
    y, x = np.mgrid[:SIDE, :SIDE] - CENTRE
    (a, b), (c, d) = matrix
    from_x, from_y = a * x + b * y + CENTRE, c * x + d * y + CENTRE
    left, top = np.floor(from_x).astype(int), np.floor(from_y).astype(int)
    found = np.zeros_like(images)
    for column, row in ((left, top), (left + 1, top), (left, top + 1), (left + 1, top + 1)):
        share = (1 - np.abs(from_x - column)) * (1 - np.abs(from_y - row))
        inside = (column >= 0) & (column < SIDE) & (row >= 0) & (row < SIDE)
        found += share * inside * images[:, np.clip(row, 0, SIDE - 1), np.clip(column, 0, SIDE - 1)]
    return found


def clouds(generators: Sequence[Generator], *, decay: float, side: int = 256) -> NDArray[np.float32]:
    """Clouds by the diamond-square algorithm (Fournier, Fussell and Carpenter 1982), without seams.

    Args:
        generators: one a map.
        decay: what the jitter is divided by from one raster to the next.
        side: px, a power of two.

    Returns:
        `float32 (N, side, side)`, 0 to 1 in each map.
    """
    noise = np.stack([random.random(side * side, np.float32) for random in generators]) * 2 - 1
    maps = np.zeros((len(generators), side, side), np.float32)
    jitter, used, step = 100.0, 0, side
    while step >= 2:
        half, count = step // 2, (side // step) ** 2
        corners, centres = maps[:, ::step, ::step], maps[:, half::step, half::step]
        parts = noise[:, used : used + 3 * count].reshape(len(maps), 3, *corners.shape[1:])
        parts = parts * np.float32(jitter**2)  # squared: so is the paper's program
        pairs = corners + np.roll(corners, -1, 1)
        centres[:] = (pairs + np.roll(pairs, -1, 2)) / 4 + parts[:, 0]
        for axis, places in ((1, maps[:, ::step, half::step]), (2, maps[:, half::step, ::step])):
            near = centres + np.roll(centres, 1, axis) + corners + np.roll(corners, -1, 3 - axis)
            places[:] = near / 4 + parts[:, axis]
        jitter, used, step = jitter / decay, used + 3 * count, half
    maps -= maps.min(axis=(1, 2), keepdims=True)
    return np.asarray(maps / maps.max(axis=(1, 2), keepdims=True), np.float32)


def segment(start: tuple[float, float], end: tuple[float, float]) -> NDArray[np.float64]:
    """A line from left to right, bright in its middle and fading over 2.3 px above and below.

    Args:
        start: column and row of its left end.
        end: of its right end.

    Returns:
        `float64 (28, 28)`, 0 to 1.
    """
    rows, columns = np.mgrid[:SIDE, :SIDE]
    rise = (end[1] - start[1]) / (end[0] - start[0])
    away = np.minimum(np.abs(rows - (start[1] + rise * (columns - start[0]))), 2.3 - 1e-10)
    inside = (columns >= np.floor(start[0])) & (columns < np.ceil(end[0]))
    return np.asarray(inside * np.clip(np.log(1 - away / 2.3) + 1, 0, 1), np.float64)


def edges(images: Images, *, weak: float, strong: float) -> Images:
    """Edges by Canny's detector (1986), as scikit-image has it: smoothed by 1 px, thinned, by two thresholds.

    Args:
        images: `(N, 28, 28)`.
        weak: slope that an edge must have everywhere; Sobel's, of 0 to 4 for each of two directions.
        strong: and somewhere.

    Returns:
        1 on edges, else 0.
    """
    weight = blurred(np.ones_like(images[:1]), 1.0, outside="constant")
    smooth = blurred(images, 1.0, outside="constant") / weight  # as if there were nothing outside the frame
    down, right = _slope(smooth, 1), _slope(smooth, 2)
    size = np.hypot(down, right)
    thin = _thin(size, down, right) & (size >= weak)
    return np.stack([_connected(edge, one >= strong) for edge, one in zip(thin, size, strict=True)])


def _slope(images: Images, axis: int) -> Images:
    """Sobel's difference along an axis, smoothed along the other."""
    steep = _along(images, np.array([-1.0, 0.0, 1.0]), axis, "symmetric")
    return _along(steep, np.array([1.0, 2.0, 1.0]), 3 - axis, "symmetric")


def _thin(size: Images, down: Images, right: Images) -> NDArray[np.bool_]:
    """Where no slope on either side along its direction, between pixels, is larger; nowhere on the frame."""
    number, y, x = np.ogrid[: len(size), 1 : SIDE - 1, 1 : SIDE - 1]
    inner, i, j = (one[:, 1:-1, 1:-1] for one in (size, down, right))
    flat, steep = np.minimum(np.abs(i), np.abs(j)), np.maximum(np.abs(i), np.abs(j))
    share = np.divide(flat, steep, out=np.zeros_like(flat), where=steep > 0)  # of the diagonal neighbour
    side = np.where(i * j >= 0, 1, -1)  # which diagonal
    upright = np.abs(i) >= np.abs(j)
    greatest = inner > 0
    for way in (1, -1):
        straight = size[number, y + way * side * upright, x + way * ~upright]
        diagonal = size[number, y + way * side, x + way]
        greatest &= share * diagonal + (1 - share) * straight <= inner
    return np.pad(greatest, ((0, 0), (1, 1), (1, 1)))


def _connected(edge: NDArray[np.bool_], strong: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Pieces of an edge that are strong somewhere."""
    _, pieces = cv2.connectedComponents(edge.astype(np.uint8), connectivity=8)
    kept = np.unique(pieces[edge & strong])
    return np.isin(pieces, kept).astype(np.float64)
