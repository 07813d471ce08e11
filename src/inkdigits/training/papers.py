"""Paper before ink, and the lines printed on it: cheques, forms, notebooks, receipts, screens.

Numbers stand on all of these; a network that saw white paper only reads patterns as digits. Each picture is a
few cuts of stored tiles, added up. Every draw comes from the generator that the caller hands in.
Knows the tiles; nothing of digits, geometry or cameras.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from inkdigits.training.textures import Tile, clouds, cut, grains, marks, patterns, sheets, white_noise

PLAIN, SECURITY = 0.25, 0.45  # shares of papers; the rest is ordinary paper
USUAL = 64  # px; patterns are scaled with the height of the line
FINEST = 0.6  # patterns shrunk further would be no lines any more
PATTERN = math.log(0.12)  # of the grey range: how dark the lines of a pattern usually are
LOUDEST = 0.085  # standard deviation of a print, of the grey range; cheques have 0.02 to 0.06 after the scan
DARKEST = 0.25  # no paper is darker

Field = NDArray[np.float32]


def paper(rng: Generator, height: int, width: int) -> Field:
    """The grey level of a piece of paper without ink.

    Args:
        rng: where all draws come from.
        height: px.
        width: px.

    Returns:
        `float32 (height, width)`, 0 black to 1 white, seldom under 0.4.
    """
    kind = rng.random()
    if kind < PLAIN:
        page = _plain(rng, height, width)
    elif kind < PLAIN + SECURITY:
        page = _security(rng, height, width)
    else:
        page = _ordinary(rng, height, width)
    if rng.random() < 0.35:
        page += _light(rng, height, width)
    if kind >= PLAIN and rng.random() < 0.2:
        page -= _mark(rng, height, width)
    if rng.random() < 0.6:
        page += np.float32(rng.uniform(0.003, 0.02)) * white_noise(rng, height, width)
    return np.clip(page, DARKEST, 1, out=page)


def _plain(rng: Generator, height: int, width: int) -> Field:
    level = 1.0 if rng.random() < 0.3 else rng.uniform(0.6, 1)
    return np.full((height, width), level, np.float32)


def _security(rng: Generator, height: int, width: int) -> Field:
    """A cheque: one to three patterns over each other; seldom the crop reaches into another print."""
    level = rng.uniform(0.58, 0.95)
    page = _printed(rng, height, width, level)
    if rng.random() < 0.2:
        other = _printed(rng, height, width, level + rng.normal(0, 0.06))
        page += (other - page) * _part(rng, height, width)
    if rng.random() < 0.15:
        page += np.float32(rng.uniform(-0.15, 0.15)) * _part(rng, height, width)
    if rng.random() < 0.5:
        page += _texture(rng, grains(), height, width, rng.uniform(0.01, 0.05))
    return page


def _printed(rng: Generator, height: int, width: int, level: float) -> Field:
    page = np.full((height, width), level, np.float32)
    for _ in range(1 + int(rng.random() * 2.3)):
        tile = _one(rng, patterns())
        zoom, turn = max(height / USUAL * rng.uniform(0.75, 1.3), FINEST), rng.normal(0, 2)
        strength = np.float32(min(math.exp(rng.normal(PATTERN, 0.45)), 0.3))
        page -= strength * cut(rng, tile, height, width, zoom, turn)
    loudness = float(page.std()) / rng.uniform(LOUDEST / 2, LOUDEST)
    if loudness > 1:  # print must leave room for ink
        page -= np.float32(level)
        page *= np.float32(1 / loudness)
        page += np.float32(level)
    return page


def _ordinary(rng: Generator, height: int, width: int) -> Field:
    """Paper with grain, and often lines or squares."""
    page = np.full((height, width), rng.uniform(0.55, 1), np.float32)
    if rng.random() < 0.7:
        page += _texture(rng, grains(), height, width, 0.008 + min(rng.exponential(0.018), 0.06))
    if rng.random() < 0.4:
        page += _texture(rng, clouds(), height, width, rng.uniform(0.01, 0.06))
    if rng.random() < 0.4:
        zoom = height / USUAL * rng.uniform(0.7, 1.4)
        lines = cut(rng, _one(rng, sheets()), height, width, zoom, rng.normal(0, 1.5))
        page -= np.float32(rng.uniform(0.06, 0.4)) * lines
    if rng.random() < 0.15:
        page += _fold(rng, height, width)
    return page


def _one(rng: Generator, tiles: tuple[Tile, ...]) -> Tile:
    return tiles[int(rng.random() * len(tiles))]


def _texture(rng: Generator, tiles: tuple[Tile, ...], height: int, width: int, deviation: float) -> Field:
    """Grain of mean 0 and the deviation given."""
    grain = cut(rng, _one(rng, tiles), height, width, rng.uniform(0.7, 1.6), rng.uniform(-8, 8))
    grain -= np.float32(0.5)
    grain *= np.float32(deviation * 255 / 40)
    return grain


def _mark(rng: Generator, height: int, width: int) -> Field:
    """Writing that shines through, a stamp or a stain."""
    zoom, turn = height / USUAL * rng.uniform(0.8, 2), rng.uniform(-15, 15)
    return np.float32(rng.uniform(0.04, 0.17)) * cut(rng, _one(rng, marks()), height, width, zoom, turn)


def _ramp(rng: Generator, height: int, width: int, angle: float) -> Field:
    """How far, in px, each pixel lies past a random line at an angle."""
    rows = np.arange(height, dtype=np.float32)[:, None] - np.float32(rng.random() * height)
    columns = np.arange(width, dtype=np.float32)[None] - np.float32(rng.random() * width)
    ramp: Field = rows * np.float32(math.cos(angle)) + columns * np.float32(math.sin(angle))
    return ramp


def _edge_angle(rng: Generator) -> float:
    """Prints and shadows mostly end at an upright or level edge, hardly ever a straight one."""
    upright = math.pi / 2 * int(rng.integers(4))
    return upright + (rng.normal(0, 0.06) if rng.random() < 0.75 else rng.uniform(-0.8, 0.8))


def _part(rng: Generator, height: int, width: int) -> Field:
    """1 on one side of an edge, 0 on the other; the edge sharp or soft."""
    soft = 1.0 if rng.random() < 0.6 else rng.uniform(2, height / 2)
    part = _ramp(rng, height, width, _edge_angle(rng))
    part *= np.float32(1 / soft)
    part += np.float32(0.5)
    return np.clip(part, 0, 1, out=part)


def _light(rng: Generator, height: int, width: int) -> Field:
    """Light that falls off evenly, or a shadow."""
    if rng.random() < 0.5:
        return np.float32(-rng.uniform(0.04, 0.25)) * _part(rng, height, width)
    slope = rng.normal(0, 0.12) / max(height, width)
    return np.float32(slope) * _ramp(rng, height, width, rng.uniform(0, math.tau))


def _fold(rng: Generator, height: int, width: int) -> Field:
    """A crease: a dark line with light beside it."""
    away = _ramp(rng, height, width, _edge_angle(rng))
    wide = np.float32(rng.uniform(0.8, 3))
    dent = np.exp(-np.square(away / wide)) - np.exp(-np.square((away - 2 * wide) / wide))
    return np.float32(-rng.uniform(0.03, 0.2)) * np.asarray(dent, np.float32)


def rulings(rng: Generator, height: int, width: int, baseline_y: float, x_height: float) -> Field:
    """Printed lines where a number is written: a rule under it, a frame, boxes, a comb, dots, a table.

    Args:
        rng: where all draws come from.
        height: px of the picture.
        width: px of the picture.
        baseline_y: px from the top to where the digits stand.
        x_height: px that digits are high.

    Returns:
        `float32 (height, width)`, coverage by printer's ink, 0 to 1; never empty, unless it lies outside.
    """
    draw = _Ruler(rng, height, width, baseline_y, x_height)
    kind = rng.random()
    if kind < 0.5:
        draw.underline()
    elif kind < 0.65:
        draw.frame()
    elif kind < 0.77:
        draw.boxes()
    elif kind < 0.89:
        draw.comb()
    else:
        draw.table()
    if rng.random() < 0.3:  # printed badly
        draw.ink *= 1 - rng.uniform(0.2, 0.9) * cut(rng, _one(rng, grains()), height, width)
    draw.ink *= np.float32(1.0 if rng.random() < 0.4 else rng.uniform(0.25, 1))
    return draw.ink


class _Ruler:
    """Lines drawn on one picture, all with the same tilt and thickness."""

    def __init__(self, rng: Generator, height: int, width: int, baseline: float, tall: float) -> None:
        self.rng, self.baseline, self.tall = rng, baseline, tall
        self.thickness = rng.uniform(0.5, 3) * (0.4 + 0.6 * rng.random()) * max(1.0, height / USUAL)
        self.ink: Field = np.zeros((height, width), np.float32)
        tilt = np.float32(rng.normal(0, 0.008) if rng.random() < 0.6 else 0)
        rows = np.arange(height, dtype=np.float32)[:, None]
        columns = np.arange(width, dtype=np.float32)[None]
        self.down: Field = rows + tilt * columns
        self.across: Field = columns - tilt * rows

    def underline(self) -> None:
        """A rule under the number, often touching it; sometimes dotted, doubled, or with one above."""
        at = self.baseline + self.tall * self.rng.uniform(-0.06, 0.3)
        self.level(at, dotted=self.rng.random() < 0.12)
        if self.rng.random() < 0.15:
            self.level(at + self.thickness + self.rng.uniform(1.5, 5), strength=self.rng.uniform(0.3, 1))
        if self.rng.random() < 0.2:
            above = self.baseline - self.tall * self.rng.uniform(1.0, 1.35)
            self.level(above, strength=self.rng.uniform(0.3, 1))

    def frame(self) -> None:
        """The amount box, cut somewhere by the picture's border."""
        top, bottom = self.tall * self.rng.uniform(1.02, 1.5), self.tall * self.rng.uniform(0, 0.4)
        width = self.ink.shape[1]
        if self.rng.random() < 0.8:
            self.level(self.baseline + bottom)
        if self.rng.random() < 0.7:
            self.level(self.baseline - top)
        if self.rng.random() < 0.6:
            self.upright(self.rng.uniform(0, 0.06) * width)
        if self.rng.random() < 0.6:
            self.upright(self.rng.uniform(0.94, 1) * width)

    def boxes(self) -> None:
        """A box for each digit: one row of cells, or cells apart."""
        top, bottom = self.tall * self.rng.uniform(1.05, 1.4), self.tall * self.rng.uniform(0.05, 0.35)
        pitch, start = self.tall * self.rng.uniform(0.7, 1.5), self.rng.random() * self.tall
        self.level(self.baseline - top)
        self.level(self.baseline + bottom)
        self.uprights(pitch, start, self.baseline - top, self.baseline + bottom)
        if self.rng.random() < 0.35:  # cells apart: no line where there is a gap
            gap = self.rng.uniform(0.08, 0.2) * pitch
            self.uprights(pitch, start + gap, self.baseline - top, self.baseline + bottom)
            self.ink *= np.mod(self.across - np.float32(start), np.float32(pitch)) >= gap - self.thickness / 2

    def comb(self) -> None:
        """A rule with short teeth that part the digits."""
        bottom = self.baseline + self.tall * self.rng.uniform(0, 0.25)
        teeth = self.tall * self.rng.uniform(0.15, 0.8)
        self.level(bottom)
        self.uprights(
            self.tall * self.rng.uniform(0.65, 1.4), self.rng.random() * self.tall, bottom - teeth, bottom
        )

    def table(self) -> None:
        """Cells of a table: rules above and below, one or two between columns."""
        bottom = self.baseline + self.tall * self.rng.uniform(0.05, 0.5)
        self.level(bottom, dotted=self.rng.random() < 0.1)
        self.level(bottom - self.tall * self.rng.uniform(1.2, 1.9))
        for _ in range(self.rng.integers(1, 3)):
            self.upright(self.rng.random() * self.ink.shape[1])

    def level(self, at: float, *, dotted: bool = False, strength: float = 1.0) -> None:
        """A level line."""
        line = self._line(self.down - np.float32(at), strength)
        if dotted:
            pitch = np.float32(self.rng.uniform(2.5, 9))
            line *= np.mod(self.across, pitch) < pitch * self.rng.uniform(0.3, 0.7)
        np.maximum(self.ink, line, out=self.ink)

    def upright(self, at: float) -> None:
        """An upright line."""
        np.maximum(self.ink, self._line(self.across - np.float32(at), 1.0), out=self.ink)

    def uprights(self, pitch: float, start: float, top: float, bottom: float) -> None:
        """Upright lines at even distances, from a row to another."""
        off = np.mod(self.across - np.float32(start - pitch / 2), np.float32(pitch)) - np.float32(pitch / 2)
        line = self._line(off, 1.0)
        line *= (self.down >= top) & (self.down <= bottom)
        np.maximum(self.ink, line, out=self.ink)

    def _line(self, away: Field, strength: float) -> Field:
        """Coverage by a line, from the distance to its middle."""
        thick = max(self.thickness, 1.0)
        cover = np.clip(np.float32(thick / 2 + 0.5) - np.abs(away), 0, 1)
        return np.asarray(cover * np.float32(strength * min(self.thickness, 1.0)), np.float32)
