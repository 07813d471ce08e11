"""What pens leave out of a stroke, and what a scanner or camera makes of a finished page.

`faint` works on ink before it meets paper, `scan` on ink and paper together. Neither moves anything: digits
stay where their boxes say. Every draw comes from the generator that the caller hands in.
Knows the tiles of grain; nothing of digits or paper.
"""

from __future__ import annotations

import math
from functools import cache

import cv2
import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from inkdigits.training.textures import Tile, clouds, cut, grains, white_noise

USUAL = 64  # px; blur is scaled with the height of the line
BLACK_AND_WHITE = 0.05  # share of scans without greys

Field = NDArray[np.float32]
Grey = NDArray[np.uint8]


def faint(rng: Generator, ink: Field) -> Field:
    """Ink as a pen lays it down: grain, skips, gaps, bleeding, pressure.

    Args:
        rng: where all draws come from.
        ink: `float32 (H, W)`, 0 paper to 1 solid ink; not changed.

    Returns:
        `float32 (H, W)`, 0 to 1.
    """
    kind = rng.random()
    if kind < 0.4:
        return ink.copy()
    if kind < 0.54:
        return _pencil(rng, ink)
    if kind < 0.68:
        return _skips(rng, ink)
    if kind < 0.74:
        return _broken(rng, ink)
    if kind < 0.84:
        return _bleeding(rng, ink)
    return _pressure(rng, ink)


def _pencil(rng: Generator, ink: Field) -> Field:
    """Graphite stays on the hills of the paper."""
    hills = _of(rng, grains()[:3], ink)
    bare = np.clip((hills - np.float32(rng.uniform(0.4, 0.6))) * np.float32(rng.uniform(2, 6)), 0, 1)
    return np.asarray(ink * (1 - np.float32(rng.uniform(0.2, 0.8)) * bare), np.float32)


def _skips(rng: Generator, ink: Field) -> Field:
    """A ballpoint stops for a stretch, mostly not fully."""
    stretches = _of(rng, clouds()[:2], ink)
    bare = np.clip((stretches - np.float32(rng.uniform(0.55, 0.72))) * 12, 0, 1)
    left = 1 - np.float32(rng.uniform(0.2, 0.8)) * bare
    return np.asarray(ink * left, np.float32)


def _broken(rng: Generator, ink: Field) -> Field:
    """Gaps of a pixel or two, as after a copy or a dry pen."""
    holes = _of(rng, grains()[1:4], ink) > rng.uniform(0.6, 0.78)
    return np.asarray(ink * (1 - np.float32(rng.uniform(0.5, 1)) * holes), np.float32)


def _bleeding(rng: Generator, ink: Field) -> Field:
    """Felt tip on soft paper: strokes spread along the fibres."""
    spread = cv2.GaussianBlur(ink, (0, 0), rng.uniform(0.6, 1.6) * ink.shape[0] / USUAL)
    rough = _of(rng, grains()[1:3], ink) - np.float32(0.5)
    soaked = np.clip(spread * np.float32(rng.uniform(1.1, 1.7)) + rough * spread, 0, 1)
    return np.asarray(np.maximum(ink, soaked), np.float32)


def _pressure(rng: Generator, ink: Field) -> Field:
    """A nib gives more ink here and less there, and the ink dries unevenly."""
    change = _of(rng, clouds(), ink) - np.float32(0.5)
    left = np.clip(1 - np.float32(rng.uniform(0.1, 0.4)) + change * np.float32(rng.uniform(0.4, 2)), 0.2, 1)
    return np.asarray(ink * left, np.float32)


def _of(rng: Generator, tiles: tuple[Tile, ...], like: Field) -> Field:
    tile = tiles[int(rng.random() * len(tiles))]
    zoom = like.shape[0] / USUAL * rng.uniform(0.7, 1.5)
    return cut(rng, tile, like.shape[0], like.shape[1], zoom, rng.uniform(-40, 40))


def scan(rng: Generator, grey: Field) -> Grey:
    """A page through lens, sensor and file: blur, light, noise, tone, few pixels, JPEG. Mostly mild.

    Args:
        rng: where all draws come from.
        grey: `float32 (H, W)`, 0 black to 1 white; not changed.

    Returns:
        `uint8 (H, W)`.
    """
    seen = grey
    if rng.random() < 0.5:
        seen = _blurred(rng, seen)
    if rng.random() < 0.2:
        seen = _few_pixels(rng, seen)
    if rng.random() < 0.2:
        seen = _sharpened(rng, seen)
    seen = seen * np.float32(255) if rng.random() < 0.4 else _noisy(rng, seen)
    picture = np.asarray(cv2.convertScaleAbs(np.maximum(seen, 0)), np.uint8)
    if rng.random() < 0.5:
        picture = np.asarray(cv2.LUT(picture, _tone(rng)), np.uint8)
    if rng.random() < BLACK_AND_WHITE:
        return _black_and_white(rng, picture)
    if rng.random() < 0.04:
        picture = _salted(rng, picture)
    if rng.random() < 0.4:
        picture = _jpeg(rng, picture)
    return picture


def _blurred(rng: Generator, grey: Field) -> Field:
    """Out of focus; now and then the hand moved."""
    size = grey.shape[0] / USUAL
    if rng.random() < 0.12:
        return np.asarray(
            cv2.filter2D(grey, -1, _motion(int(rng.integers(32)), 2 + int(rng.integers(4) * size)))
        )
    sigma = 0.3 + min(rng.exponential(0.3), 1.3) * size
    return np.asarray(cv2.GaussianBlur(grey, (0, 0), sigma), np.float32)


@cache
def _motion(direction: int, length: int) -> Field:
    """A filter that smears along one of 32 directions."""
    side = length | 1
    kernel = np.zeros((side * 8, side * 8), np.float32)
    turn = math.pi * direction / 32
    reach = length * 4 * np.array([math.cos(turn), math.sin(turn)])
    start, end = (np.round(side * 4 + sign * reach).astype(int).tolist() for sign in (-1, 1))
    cv2.line(kernel, start, end, 1.0, 8)
    small = cv2.resize(kernel, (side, side), interpolation=cv2.INTER_AREA)
    return np.asarray(small / small.sum(), np.float32)


def _few_pixels(rng: Generator, grey: Field) -> Field:
    """A small picture that was enlarged; 24 rows are always left."""
    height, width = grey.shape
    factor = max(rng.uniform(0.4, 0.95), min(1.0, 24 / height))
    size = (max(4, round(width * factor)), max(4, round(height * factor)))
    small = cv2.resize(grey, size, interpolation=cv2.INTER_AREA)
    way = (cv2.INTER_LINEAR, cv2.INTER_CUBIC, cv2.INTER_NEAREST)[min(2, int(rng.random() * 2.12))]
    return np.asarray(cv2.resize(small, (width, height), interpolation=way), np.float32)


def _sharpened(rng: Generator, grey: Field) -> Field:
    """Halos beside strokes, as scanners make them."""
    soft = cv2.GaussianBlur(grey, (0, 0), rng.uniform(0.8, 2) * grey.shape[0] / USUAL)
    amount = rng.uniform(0.3, 1.5)
    return np.asarray(cv2.addWeighted(grey, 1 + amount, soft, -amount, 0), np.float32)


def _noisy(rng: Generator, grey: Field) -> Field:
    """Grain of the sensor, sometimes stronger where it is bright; grey levels 0 to 255."""
    strength = np.float32(min(0.5 + rng.exponential(2.5), 22))
    noise = strength * white_noise(rng, *grey.shape)
    if rng.random() < 0.25:
        noise = noise * grey
    return np.asarray(grey * np.float32(255) + noise, np.float32)


def _tone(rng: Generator) -> Grey:
    """A table of grey levels: gamma, loss of contrast, sometimes 16 greys only."""
    levels = np.linspace(0, 1, 256) ** math.exp(rng.normal(0, 0.3))
    if rng.random() < 0.5:
        darkest, lightest = rng.uniform(0, 0.3), rng.uniform(0.75, 1)
        levels = darkest + (lightest - darkest) * levels
    if rng.random() < 0.1:
        levels = np.round(levels * 15) / 15
    return np.asarray(np.round(levels * 255), np.uint8)


def _black_and_white(rng: Generator, picture: Grey) -> Grey:
    """A fax: each pixel ink or paper, by one threshold or by what is around it."""
    if rng.random() < 0.5:
        around = max(9, picture.shape[0] // 2 | 1)
        cut_off = 5 + rng.uniform(0.4, 1) * float(picture.std())  # most of the paper's print goes white
        way, kind = cv2.ADAPTIVE_THRESH_MEAN_C, cv2.THRESH_BINARY
        return np.asarray(cv2.adaptiveThreshold(picture, 255, way, kind, around, cut_off), np.uint8)
    threshold, _ = cv2.threshold(picture, 0, 255, cv2.THRESH_BINARY | cv2.THRESH_OTSU)
    return np.asarray(np.where(picture > threshold * rng.uniform(0.85, 1.02), 255, 0), np.uint8)


def _salted(rng: Generator, picture: Grey) -> Grey:
    """Single pixels black or white: dust, dead pixels."""
    dust = np.abs(white_noise(rng, *picture.shape)) > rng.uniform(2.6, 3.2)
    return np.where(dust, np.uint8(255 * int(rng.integers(2))), picture)


def _jpeg(rng: Generator, picture: Grey) -> Grey:
    """Saved small; hard on the eye in one of a few."""
    quality = int(rng.integers(15, 50)) if rng.random() < 0.2 else int(rng.integers(50, 96))
    _, data = cv2.imencode(".jpg", picture, [cv2.IMWRITE_JPEG_QUALITY, quality])
    return np.asarray(cv2.imdecode(data, cv2.IMREAD_GRAYSCALE), np.uint8)
