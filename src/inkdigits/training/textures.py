"""Big tiles of printed patterns, paper grain and marks, made once and then cut at random.

Drawing a security pattern for every line would cost more than all the rest of a training line. So some
hundred tiles are drawn on first use, always the same ones; a line gets a random cut, turned and zoomed.
Knows numpy and OpenCV; nothing of paper, digits or training.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import cache
from typing import Any

import cv2
import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

TALL, WIDE = 288, 640  # px of a tile
PATTERNS = 192
LETTERS = "ABCDEFGHJKLMNPRTUVWXYZ"  # no digits, and none of the letters that look like one

Field = NDArray[np.float32]
Tile = NDArray[np.uint8]


def cut(rng: Generator, tile: Tile, height: int, width: int, zoom: float = 1.0, turn: float = 0.0) -> Field:
    """A random part of a tile; where the tile ends, its mirror image goes on.

    Args:
        rng: where the place comes from.
        tile: `uint8 (h, w)`.
        height: px of the part.
        width: px of the part.
        zoom: above 1 enlarges.
        turn: degrees.

    Returns:
        `float32 (height, width)`, 0 to 1.
    """
    angle = math.radians(turn)
    cosine, sine = math.cos(angle) / zoom, math.sin(angle) / zoom
    left, top = rng.random() * tile.shape[1], rng.random() * tile.shape[0]
    back = np.array([[cosine, -sine, left], [sine, cosine, top]])
    way = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    part = cv2.warpAffine(tile, back, (width, height), flags=way, borderMode=cv2.BORDER_REFLECT)
    return np.multiply(part, np.float32(1 / 255), dtype=np.float32)


def white_noise(rng: Generator, height: int, width: int) -> Field:
    """Normal noise of mean 0 and deviation 1, `float32 (height, width)`: a random part of a stored field."""
    field = _noise()
    if height >= field.shape[0] or width >= field.shape[1]:
        return rng.standard_normal((height, width), dtype=np.float32)
    top, left = rng.integers(field.shape[0] - height), rng.integers(field.shape[1] - width)
    part = field[top : top + height, left : left + width]
    return part if rng.random() < 0.5 else part[::-1, ::-1]


@cache
def _noise() -> Field:
    return np.random.default_rng(0).standard_normal((768, 2048), dtype=np.float32)


@cache
def patterns() -> tuple[Tile, ...]:
    """Security patterns as banks print them, 255 where there is most ink."""
    rng = np.random.default_rng(1)
    lines = (_waves, _guilloche, _waves, _hatching, _waves, _arcs, _waves, _fans, _guilloche, _chevrons)
    kinds = (*lines, _dots, _dots, _microprint)
    return tuple(_pattern(rng, kinds[index % len(kinds)]) for index in range(PATTERNS))


def _pattern(rng: Generator, kind: Callable[[Generator], Field]) -> Tile:
    tile = kind(rng)
    if rng.random() < 0.3:  # lines drawn across lines
        tile = np.maximum(tile, rng.uniform(0.4, 1) * _hatching(rng))
    if rng.random() < 0.3:  # printed coarsely
        tile = cv2.GaussianBlur(tile, (0, 0), rng.uniform(0.5, 1.1)).astype(np.float32)
    return _to_tile(tile)


def _to_tile(field: Field) -> Tile:
    top = max(float(field.max()), 1e-6)
    return np.asarray(np.clip(field * (255 / top), 0, 255), np.uint8)


@cache
def _grid() -> tuple[Field, Field]:
    """Rows `(TALL, 1)` and columns `(1, WIDE)` of a tile's pixels."""
    return np.arange(TALL, dtype=np.float32)[:, None], np.arange(WIDE, dtype=np.float32)[None]


def _lines(distance: Field, period: float, thickness: float) -> Field:
    """Lines at each multiple of `period` along `distance` (px, of slope about 1)."""
    off = np.abs(np.mod(distance / period, 1) - 0.5) * period
    return np.asarray(np.clip(thickness / 2 + 0.5 - off, 0, 1), np.float32)


def _period(rng: Generator) -> tuple[float, float]:
    """Distance and thickness of lines, px: close ones of any thickness, or thin ones further apart."""
    period = float(rng.uniform(3, 7) if rng.random() < 0.65 else rng.uniform(7, 15))
    return period, float(rng.uniform(0.7, min(0.55 * period, 2.4)))


def _along(angle: float) -> Field:
    row, column = _grid()
    return np.asarray(row * np.float32(math.cos(angle)) + column * np.float32(math.sin(angle)), np.float32)


def _wave(rng: Generator, angle: float, steepest: float) -> Field:
    length = rng.uniform(18, 160)
    height = rng.uniform(0.15, 1) * steepest * length / math.tau
    turns = _along(angle) * np.float32(math.tau / length) + np.float32(rng.uniform(0, 7))
    return np.asarray(np.float32(height) * np.sin(turns), np.float32)


def _waves(rng: Generator) -> Field:
    """Fine wavy lines side by side."""
    angle = float(rng.choice([0.0, 0.0, 0.0, 0.0, rng.uniform(-1.6, 1.6)]))
    across = angle + math.pi / 2
    return _lines(_along(angle) + _wave(rng, across, 0.5) + _wave(rng, across, 0.3), *_period(rng))


def _guilloche(rng: Generator) -> Field:
    """Lines in swells, often two families that cross."""
    tile = np.zeros((TALL, WIDE), np.float32)
    for _ in range(rng.integers(1, 4)):
        angle = rng.uniform(-1.6, 1.6)
        swell = sum((_wave(rng, rng.uniform(0, 3.2), 0.5) for _ in range(3)), _along(angle))
        period, thickness = _period(rng)
        np.maximum(tile, _lines(swell, period, thickness), out=tile)
    return tile


def _hatching(rng: Generator) -> Field:
    """Straight lines, or two sets crossing."""
    angle = rng.uniform(-1.5, 1.5) if rng.random() < 0.6 else 0.0
    period, thickness = _period(rng)
    tile = _lines(_along(angle), period, thickness)
    if rng.random() < 0.5:
        other = _lines(_along(angle + rng.uniform(0.3, 2.8)), period * rng.uniform(0.8, 4), thickness)
        tile = np.maximum(tile, other)
    return tile


def _arcs(rng: Generator) -> Field:
    """Circles round one or two points, in or outside the tile."""
    row, column = _grid()
    tile = np.zeros((TALL, WIDE), np.float32)
    for _ in range(rng.integers(1, 3)):
        radius = np.hypot(row - rng.uniform(-200, TALL + 200), column - rng.uniform(0, WIDE))
        np.maximum(tile, _lines(radius + _wave(rng, 0.5, 0.3), *_period(rng)), out=tile)
    return tile


def _fans(rng: Generator) -> Field:
    """Overlapping fans: arcs round each point of a grid."""
    row, column = _grid()
    cell = rng.uniform(28, 90)
    deep = np.mod(row, cell / 2) + rng.uniform(0, 0.6) * cell
    shifted = column + np.floor(row / (cell / 2)) % 2 * (cell / 2)
    radius = np.hypot(deep, np.mod(shifted, cell) - cell / 2)
    return _lines(radius, *_period(rng))


def _chevrons(rng: Generator) -> Field:
    """Zigzag lines."""
    row, column = _grid()
    cell = rng.uniform(10, 80)
    zigzag = np.abs(np.mod(column, cell) - cell / 2) * rng.uniform(0.3, 1)
    return _lines(row + zigzag.astype(np.float32), *_period(rng))


def _dots(rng: Generator) -> Field:
    """A grid of dots, upright or turned; sometimes the ground is printed and the dots are bare."""
    angle, period = float(rng.choice([0, 0, 0.785, rng.uniform(0, 1.5)])), rng.uniform(3.5, 9)
    across = np.mod(_along(angle) / period, 1) - 0.5
    down = np.mod(_along(angle + math.pi / 2) / (period * rng.choice([1, 1, 1.6])), 1) - 0.5
    dots = np.clip(rng.uniform(0.18, 0.38) * period + 0.5 - np.hypot(across, down) * period, 0, 1)
    dots *= 1 - 0.5 * (np.abs(cv2.resize(_coarse(rng, 8), (WIDE, TALL))) > 0.8)  # uneven, as woven
    return np.asarray(1 - dots if rng.random() < 0.5 else dots, np.float32)


def _coarse(rng: Generator, step: int) -> Field:
    return rng.standard_normal((TALL // step, WIDE // step), dtype=np.float32)


def _microprint(rng: Generator) -> Field:
    """Rows of letters too small to read."""
    tile = np.zeros((TALL, WIDE), np.uint8)
    scale = rng.uniform(0.18, 0.3)
    pitch = rng.uniform(24, 36) * scale
    for row in np.arange(pitch, TALL + pitch, pitch):
        word = "".join(rng.choice(list(LETTERS), 5)) * 40
        at = (int(rng.integers(-40, 0)), round(row))
        cv2.putText(tile, word, at, cv2.FONT_HERSHEY_SIMPLEX, scale, 255, 1, cv2.LINE_AA)
    return tile.astype(np.float32)


@cache
def grains() -> tuple[Tile, ...]:
    """Paper grain: speckle, fibres, streaks; 128 is the mean, about 40 the deviation."""
    rng = np.random.default_rng(2)
    spreads = ((0.8, 0.8), (1.3, 1.3), (2.2, 2.2), (7, 0.8), (0.8, 7), (3, 1))
    fields = [cv2.GaussianBlur(_coarse(rng, 1), (0, 0), x, sigmaY=y) for x, y in spreads]
    return tuple(_normal_tile(field) for field in [*fields, _fibres(rng), _fibres(rng)])


@cache
def clouds() -> tuple[Tile, ...]:
    """Slow, irregular changes: blotches, pressure of a pen, crumpled paper; 128 is the mean."""
    rng = np.random.default_rng(3)
    fields = [cv2.GaussianBlur(_coarse(rng, 1), (0, 0), spread) for spread in (5, 8, 12, 20, 30)]
    return tuple(_normal_tile(field) for field in fields)


def _normal_tile(field: NDArray[Any]) -> Tile:
    return np.asarray(np.clip(128 + (field - field.mean()) * (40 / field.std()), 0, 255), np.uint8)


def _fibres(rng: Generator) -> Field:
    tile = np.zeros((TALL, WIDE), np.uint8)
    for _ in range(6000):
        start = rng.uniform((0, 0), (WIDE, TALL))
        bend = np.cumsum(rng.normal(0, 1.8, (3, 2)), 0)
        points = np.round((start + np.vstack([[0, 0], bend])) * 16).astype(np.int32)
        cv2.polylines(tile, [points], False, int(rng.integers(30, 255)), 1, cv2.LINE_AA, 4)
    return cv2.GaussianBlur(tile, (0, 0), 0.7).astype(np.float32)


@cache
def marks() -> tuple[Tile, ...]:
    """What else a page bears: writing from the back, stamps, stains; 255 where there is most ink."""
    rng = np.random.default_rng(4)
    kinds = (_scrawl, _scrawl, _stamp, _print, _stain)
    return tuple(_to_tile(kind(rng)) for kind in kinds for _ in range(8))


def _scrawl(rng: Generator) -> Field:
    """Lines of joined writing, mirrored, as it shines through from the back."""
    tile = np.zeros((TALL, WIDE), np.uint8)
    steps = np.arange(0, 60 * math.pi, 0.25)
    for row in np.arange(30, TALL, rng.uniform(45, 90)):
        size = rng.uniform(6, 16)
        swing = size * (0.4 + 0.6 * np.interp(steps, np.linspace(0, steps[-1], 90), rng.random(90)))
        x = steps * size * 0.45 + swing * np.cos(steps) * 0.6
        y = row + swing * np.sin(steps + 0.3 * np.sin(0.7 * steps))
        points = np.round(np.stack([WIDE - x, y], 1) * 16).astype(np.int32)
        cv2.polylines(tile, [points], False, 255, int(rng.integers(1, 4)), cv2.LINE_AA, 4)
    return cv2.GaussianBlur(tile, (0, 0), rng.uniform(0.8, 2)).astype(np.float32)


def _stamp(rng: Generator) -> Field:
    """Round and square stamps with letters, badly inked."""
    tile = np.zeros((TALL, WIDE), np.uint8)
    for _ in range(6):
        x, y = (int(v) for v in rng.uniform((40, 30), (WIDE - 40, TALL - 30)))
        size, pen = int(rng.integers(25, 80)), int(rng.integers(1, 4))
        if rng.random() < 0.6:
            cv2.circle(tile, (x, y), size, 255, pen, cv2.LINE_AA)
            cv2.circle(tile, (x, y), round(size * 0.75), 255, 1, cv2.LINE_AA)
        else:
            cv2.rectangle(tile, (x - size, y - size // 3), (x + size, y + size // 3), 255, pen, cv2.LINE_AA)
        word = "".join(rng.choice(list(LETTERS), 6))
        cv2.putText(
            tile, word, (x - size // 2, y + 5), cv2.FONT_HERSHEY_DUPLEX, size / 60, 255, pen, cv2.LINE_AA
        )
    spotty = np.clip(cv2.GaussianBlur(_coarse(rng, 1), (0, 0), 1.5) * 3 + 0.8, 0, 1)
    return np.asarray(tile * spotty, np.float32)


def _print(rng: Generator) -> Field:
    """Lines of print from the back of the page."""
    tile = np.zeros((TALL, WIDE), np.uint8)
    scale = rng.uniform(0.35, 0.8)
    for row in np.arange(20, TALL + 20, 38 * scale):
        words = " ".join("".join(rng.choice(list(LETTERS), rng.integers(2, 9))).lower() for _ in range(20))
        cv2.putText(tile, words, (0, round(row)), cv2.FONT_HERSHEY_COMPLEX, scale, 255, 1, cv2.LINE_AA)
    return cv2.GaussianBlur(tile[:, ::-1], (0, 0), rng.uniform(0.6, 1.5)).astype(np.float32)


def _stain(rng: Generator) -> Field:
    """Spills: blotches with a darker rim."""
    cloud = cv2.GaussianBlur(_coarse(rng, 1), (0, 0), rng.uniform(14, 35))
    inside = np.clip((cloud / cloud.std() - 0.9) * 4, 0, 1)
    rim = inside * (1 - inside) * 4
    return np.asarray(0.4 * inside + 0.6 * rim, np.float32)


@cache
def sheets() -> tuple[Tile, ...]:
    """Ruled and squared paper, 255 where a line is."""
    rng = np.random.default_rng(5)
    return tuple(_to_tile(_sheet(rng)) for _ in range(24))


def _sheet(rng: Generator) -> Field:
    pitch, thickness = rng.uniform(14, 46), rng.uniform(0.6, 2)
    tile = _lines(_along(0), pitch, thickness)
    if rng.random() < 0.65:
        tile = np.maximum(tile, _lines(_along(math.pi / 2), pitch, thickness))
    if rng.random() < 0.2:  # graph paper: finer squares between
        finer = np.maximum(_lines(_along(0), pitch / 5, 0.6), _lines(_along(math.pi / 2), pitch / 5, 0.6))
        tile = np.maximum(tile, 0.4 * finer)
    return tile
