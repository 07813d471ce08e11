"""Draws the pictures in digits/: hand-made strokes, written with pens on paper, slate and screens.

Strokes are lists of points that a hand would pass through; a curve through them (Catmull-Rom) is walked with
a pen that wavers. Paper, light, noise and file format are each picture's own. Every run draws the same
pictures: `python examples/make_digits.py`.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFilter

Points = list[tuple[float, float]]
Size = tuple[int, int]  # width, height, px
Layer = NDArray[np.float64]  # (H, W) or (H, W, 3), 0 to 1
Random = np.random.Generator

FINE = 4  # the pen is drawn this much larger, then reduced: smooth edges

# One list a stroke; x to the right and y down, in a box of 1 × 1.
STROKES: dict[str, list[Points]] = {
    "0": [
        [
            (0.58, 0.06),
            (0.28, 0.16),
            (0.13, 0.5),
            (0.24, 0.85),
            (0.5, 0.96),
            (0.78, 0.8),
            (0.88, 0.45),
            (0.74, 0.14),
            (0.5, 0.05),
            (0.42, 0.09),
        ]
    ],
    "1": [[(0.28, 0.3), (0.46, 0.18), (0.6, 0.02)], [(0.6, 0.02), (0.57, 0.5), (0.55, 0.97)]],
    "2": [
        [(0.15, 0.28), (0.26, 0.08), (0.55, 0.03), (0.8, 0.2), (0.7, 0.45), (0.4, 0.74), (0.1, 0.95)],
        [(0.1, 0.95), (0.35, 0.9), (0.6, 0.93), (0.93, 0.88)],
    ],
    "3": [
        [(0.18, 0.16), (0.45, 0.03), (0.76, 0.15), (0.7, 0.35), (0.4, 0.47)],
        [(0.4, 0.47), (0.74, 0.54), (0.83, 0.77), (0.56, 0.96), (0.22, 0.92), (0.08, 0.8)],
    ],
    "4": [
        [(0.38, 0.03), (0.22, 0.35), (0.08, 0.64)],
        [(0.08, 0.64), (0.45, 0.62), (0.95, 0.58)],
        [(0.7, 0.28), (0.67, 0.62), (0.62, 0.98)],
    ],
    "5": [
        [(0.27, 0.06), (0.24, 0.25), (0.2, 0.46)],
        [(0.2, 0.46), (0.46, 0.37), (0.78, 0.5), (0.8, 0.78), (0.5, 0.97), (0.12, 0.88)],
        [(0.27, 0.06), (0.55, 0.06), (0.88, 0.02)],
    ],
    "6": [
        [
            (0.72, 0.04),
            (0.4, 0.2),
            (0.18, 0.5),
            (0.18, 0.8),
            (0.42, 0.97),
            (0.72, 0.88),
            (0.76, 0.66),
            (0.52, 0.54),
            (0.26, 0.64),
            (0.18, 0.8),
        ]
    ],
    "7": [
        [(0.1, 0.1), (0.4, 0.1), (0.88, 0.05)],
        [(0.88, 0.05), (0.62, 0.4), (0.46, 0.7), (0.38, 0.98)],
        [(0.3, 0.52), (0.55, 0.49), (0.8, 0.46)],
    ],
    "8": [
        [
            (0.74, 0.14),
            (0.5, 0.03),
            (0.27, 0.16),
            (0.34, 0.36),
            (0.62, 0.54),
            (0.8, 0.78),
            (0.52, 0.97),
            (0.22, 0.82),
            (0.32, 0.58),
            (0.62, 0.4),
            (0.76, 0.2),
            (0.72, 0.1),
        ]
    ],
    "9": [
        [(0.78, 0.24), (0.6, 0.05), (0.32, 0.1), (0.22, 0.32), (0.42, 0.48), (0.68, 0.4), (0.78, 0.2)],
        [(0.78, 0.2), (0.77, 0.5), (0.7, 0.8), (0.6, 0.98)],
    ],
    "K": [
        [(0.2, 0.03), (0.18, 0.5), (0.15, 0.97)],
        [(0.82, 0.05), (0.5, 0.32), (0.2, 0.55)],
        [(0.34, 0.46), (0.58, 0.7), (0.9, 0.97)],
    ],
}


@dataclass(frozen=True)
class Pen:
    """How a hand writes: stroke width in pixels, how much it wavers, and the slant of the writing."""

    width: float
    waver: float = 0.15
    slant: float = 0.08


def written(
    strokes: list[Points], size: Size, place: tuple[int, int, int, int], pen: Pen, rng: Random
) -> Layer:
    """Ink of strokes in a picture, `(H, W)` from 0 to 1.

    Args:
        strokes: in the unit box.
        size: width and height of the picture.
        place: x, y, width, height of the unit box in the picture.
        pen: what writes.
        rng: of the hand's wavering.
    """
    canvas = Image.new("L", (size[0] * FINE, size[1] * FINE))
    draw = ImageDraw.Draw(canvas)
    x0, y0, width, height = place
    for stroke in strokes:
        path = curve(stroke)
        path += _slow_noise(len(path), 2, rng) * 0.012
        path[:, 0] += pen.slant * (0.5 - path[:, 1])
        radii = pen.width / 2 * (1 + pen.waver * _slow_noise(len(path), 1, rng)[:, 0])
        for (x, y), radius in zip(path, radii, strict=True):
            cx, cy, r = (x0 + x * width) * FINE, (y0 + y * height) * FINE, radius * FINE
            draw.ellipse((cx - r, cy - r, cx + r, cy + r), fill=255)
    return np.asarray(canvas.resize(size, Image.Resampling.BOX), np.float64) / 255


def curve(points: Points, samples: int = 60) -> Layer:
    """A smooth path through all points: Catmull-Rom, `samples` between two of them; `(n, 2)`."""
    p = np.array([points[0], *points, points[-1]])
    t = np.linspace(0, 1, samples)[:, None]
    parts = [
        0.5 * (2 * b + (c - a) * t + (2 * a - 5 * b + 4 * c - d) * t**2 + (3 * b - a - 3 * c + d) * t**3)
        for a, b, c, d in zip(p, p[1:], p[2:], p[3:], strict=False)
    ]
    return np.concatenate(parts)


def _slow_noise(length: int, columns: int, rng: Random) -> Layer:
    """Wavering about 0, as a hand does: a new direction every 40 samples; `(length, columns)`."""
    knots = rng.normal(size=(length // 40 + 2, columns))
    at = np.linspace(0, len(knots) - 1, length)
    return np.stack([np.interp(at, range(len(knots)), knots[:, i]) for i in range(columns)], axis=1)


def paper(size: Size, colour: tuple[int, int, int], rng: Random, grain: float = 2.0) -> Layer:
    """A sheet of one colour with grain, `(H, W, 3)`."""
    noise = rng.normal(scale=grain / 255, size=(size[1], size[0], 1))
    return np.array(colour) / 255 + noise


def lit(picture: Layer, dark: float, direction: tuple[float, float]) -> Layer:
    """Light that falls off to `dark` in a direction (x, y), as beside a window."""
    height, width = picture.shape[:2]
    y, x = np.mgrid[0 : 1 : height * 1j, 0 : 1 : width * 1j]
    along = (x * direction[0] + y * direction[1]) / sum(direction)
    return np.asarray(picture * (1 - (1 - dark) * along**1.5)[:, :, None], np.float64)


def inked(sheet: Layer, ink: Layer, colour: tuple[int, int, int], opacity: float = 1.0) -> Layer:
    """Ink of a colour on a sheet."""
    cover = (ink * opacity)[:, :, None]
    return sheet * (1 - cover) + np.array(colour) / 255 * cover


def rough(ink: Layer, rng: Random, bite: float) -> Layer:
    """Ink that catches on the paper's grain only, as pencil and chalk do: `bite` of it is lost."""
    grain = np.asarray(picture_of(rng.random(ink.shape), blur=0.7), np.float64)
    return ink * np.clip((grain - np.quantile(grain, bite)) / 25 + 0.5, 0, 1)


def picture_of(layer: Layer, blur: float = 0.0) -> Image.Image:
    """8-bit grey or colour, out of focus by `blur` pixels."""
    image = Image.fromarray(np.round(np.clip(layer, 0, 1) * 255).astype(np.uint8))
    return image.filter(ImageFilter.GaussianBlur(blur)) if blur else image


def blue_pen(path: Path, rng: Random) -> None:
    """A crossed 7, ballpoint on ruled paper, photographed."""
    size = (240, 260)
    sheet = paper(size, (244, 241, 232), rng)
    for y in range(22, 260, 54):
        sheet[y : y + 2] = np.array((168, 196, 222)) / 255
    ink = written(STROKES["7"], size, (70, 62, 104, 138), Pen(5.0), rng)
    picture_of(lit(inked(sheet, ink, (28, 48, 140), 0.9), 0.82, (1, 0.4)), 0.8).save(path, quality=82)


def pencil(path: Path, rng: Random) -> None:
    """A 4 in faint pencil on cream paper."""
    size = (150, 170)
    ink = rough(written(STROKES["4"], size, (34, 30, 84, 108), Pen(4.0, 0.25), rng), rng, 0.35)
    sheet = inked(paper(size, (236, 230, 214), rng, 1.5), ink, (120, 118, 116), 0.6)
    picture_of(sheet).quantize(48).save(path)


def chalk(path: Path, rng: Random) -> None:
    """A 3 in white chalk on a blackboard that was wiped before."""
    size = (260, 280)
    smears = np.asarray(picture_of(rng.random((280, 260)), blur=22), np.float64)
    smears = (smears - smears.mean()) / smears.std() * 0.02
    board = paper(size, (44, 58, 52), rng, 3) + smears[:, :, None]
    ink = rough(written(STROKES["3"], size, (72, 50, 120, 172), Pen(15.0, 0.12), rng), rng, 0.3)
    picture_of(inked(board, ink, (236, 236, 228), 0.9), 0.6).save(path, quality=75)


def marker(path: Path, rng: Random) -> None:
    """A 5 with a broad green marker on orange paper."""
    size = (200, 220)
    sheet = lit(paper(size, (245, 166, 66), rng, 2.5), 0.75, (0.3, 1))
    ink = written(STROKES["5"], size, (52, 42, 98, 134), Pen(17.0, 0.05), rng)
    picture_of(inked(sheet, ink, (24, 92, 58), 0.92), 0.7).save(path, quality=80)


def tiny(path: Path, rng: Random) -> None:
    """A 2 of 11 by 16 pixels, as an icon or a bad fax has it."""
    ink = written(STROKES["2"], (110, 160), (20, 20, 70, 120), Pen(15.0), rng)
    picture_of(1 - 0.85 * ink).resize((11, 16), Image.Resampling.BOX).save(path)


def corner(path: Path, rng: Random) -> None:
    """A 9 low in the right of a page that a lamp lights from the left."""
    size = (520, 400)
    ink = written(STROKES["9"], size, (372, 232, 76, 104), Pen(6.0), rng)
    sheet = inked(paper(size, (238, 236, 230), rng, 1.5), ink, (40, 38, 44), 0.9)
    picture_of(lit(sheet, 0.45, (1, 0.5)), 1.0).save(path, quality=70)


def clear(path: Path, rng: Random) -> None:
    """A 6 drawn with a white pen on a transparent canvas."""
    size = (120, 140)
    ink = written(STROKES["6"], size, (24, 20, 70, 100), Pen(9.0), rng)
    layers = np.stack([np.ones_like(ink)] * 3 + [ink], axis=2)
    picture_of(layers).save(path, optimize=True)


def screen(path: Path, rng: Random) -> None:
    """A 0 drawn with a mouse, light on black, without any margin."""
    ink = written(STROKES["0"], (90, 120), (-6, -2, 100, 123), Pen(10.0, 0.0), rng)
    picture_of(ink[:, 2:88]).save(path, optimize=True)


def sideways(path: Path, rng: Random) -> None:
    """An 8 from a telephone held sideways: its EXIF says how to turn it."""
    size = (220, 260)
    ink = written(STROKES["8"], size, (66, 52, 92, 150), Pen(8.0), rng)
    upright = picture_of(lit(inked(paper(size, (226, 228, 230), rng), ink, (24, 24, 30)), 0.7, (1, 1)), 0.9)
    exif = Image.Exif()
    exif[0x0112] = 6  # to be shown, turn by 90° clockwise
    upright.transpose(Image.Transpose.ROTATE_90).save(path, quality=75, exif=exif)


def scan16(path: Path, rng: Random) -> None:
    """A 1 with an upstroke, a 16-bit scan with little contrast."""
    size = (64, 84)
    ink = written(STROKES["1"], size, (14, 14, 36, 56), Pen(4.5), rng)
    grey = 0.72 - 0.2 * ink + rng.normal(scale=0.004, size=ink.shape)
    Image.fromarray((grey * 65535 / 64).astype(np.uint16) * np.uint16(64)).save(path)


def fax(path: Path, rng: Random) -> None:
    """A 2 as a fax machine sends it: one bit a pixel, with specks."""
    size = (130, 150)
    ink = written(STROKES["2"], size, (30, 24, 70, 100), Pen(6.0, 0.2), rng)
    black = (rough(ink, rng, 0.1) > 0.45) | (rng.random(ink.shape) > 0.9985)
    Image.fromarray(~black).save(path, compression="group4")


def letter(path: Path, rng: Random) -> None:
    """A K, which is no digit."""
    size = (160, 170)
    ink = written(STROKES["K"], size, (36, 32, 86, 106), Pen(6.5), rng)
    picture_of(inked(paper(size, (246, 246, 244), rng, 1), ink, (36, 32, 90))).quantize(32).save(path)


def scribble(path: Path, rng: Random) -> None:
    """Loops of a pen that is tried out."""
    size = (200, 160)
    turns = np.linspace(0, 11 * np.pi, 60)
    radius = 0.24 + 0.1 * rng.random(60)
    x = np.linspace(0.18, 0.82, 60) + 0.5 * radius * np.cos(turns)
    y = 0.5 + 1.1 * radius * np.sin(turns)
    loops = list(zip(x.tolist(), y.tolist(), strict=True))
    ink = written([loops], size, (10, 10, 180, 140), Pen(4.0, 0.3), rng)
    picture_of(inked(paper(size, (244, 242, 238), rng, 1), ink, (30, 30, 40))).quantize(32).save(path)


def blank(path: Path, rng: Random) -> None:
    """An empty page in uneven light."""
    picture_of(lit(paper((200, 200), (236, 234, 228), rng, 2), 0.7, (0.6, 1)), 0.8).save(path, quality=80)


EXAMPLES: dict[str, Callable[[Path, Random], None]] = {
    "0-light-on-dark.png": screen,
    "1-scan-16-bit.png": scan16,
    "2-fax.tif": fax,
    "2-tiny.png": tiny,
    "3-chalk.jpg": chalk,
    "4-pencil.png": pencil,
    "5-marker.jpg": marker,
    "6-white-on-clear.png": clear,
    "7-blue-pen.jpg": blue_pen,
    "8-sideways.jpg": sideways,
    "9-in-a-corner.jpg": corner,
    "blank-page.jpg": blank,
    "letter-k.png": letter,
    "scribble.png": scribble,
}


def main(folder: Path) -> None:
    """Writes all examples into a folder."""
    for seed, (name, draw) in enumerate(EXAMPLES.items()):
        draw(folder / name, np.random.default_rng(seed))


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).parent / "digits")
