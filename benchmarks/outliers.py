"""Pictures that are no digits, for `handwriting.py`: operators, clothes, letters, scribbles, paper.

Nothing here is drawn by what draws the training's negatives (`training/negatives.py`): operators and clothes
are other people's data, letters come from handwriting fonts that trained nothing, scribbles are curves of
another family (sums of turning circles, hatching, joined random points), paper is grain, light and rulings.
"""

from __future__ import annotations

import gzip
import io
import string
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path

import cv2
import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

Picture = NDArray[np.uint8]
Named = tuple[str, list[Picture]]

FASHION = Path("/usr/share/datasets/fashion-mnist")  # Debian's package dataset-fashion-mnist
# of Debian's fonts-breip, -dustin, -femkeklaver, -humor-sans, -kristi, -rufscript and -sjfonts
FONTS = (
    *("breip/Breip.ttf", "dustin/Domestic_Manners.ttf", "femkeklaver/femkeklaver.ttf"),
    *("humor-sans/Humor-Sans.ttf", "kristi/Kristi.ttf", "rufscript/Rufscript010.ttf"),
    *("sjfonts/Delphine.ttf", "sjfonts/SteveHand.ttf"),
)
SAME = "OoIl"  # alone in a picture, these are 0 and 1
ALIKE = SAME + "ZzSsGbBgq"  # and these are 2, 5, 6, 8, 9 in many hands
EACH = 5  # pictures of a letter in a font


def other_sets(data: Path, fonts: Path) -> Iterator[Named]:
    """Name and pictures of each kind; those whose files aren't there are left out."""
    yield from _operators(data / "operators" / "mdas_symbols_v1.zip")
    if (images := FASHION / "t10k-images-idx3-ubyte.gz").exists():
        raw = np.frombuffer(gzip.decompress(images.read_bytes()), np.uint8)[16:]
        yield "Fashion-MNIST test", list(raw.reshape(-1, 28, 28))
    yield from _letters(fonts)
    random = np.random.default_rng(0)
    yield "scribbles", [_scribble(random) for _ in range(1000)]
    yield "blank paper", [_paper(random) for _ in range(500)]
    yield "ruled and squared paper", [_ruled(_paper(random), random) for _ in range(500)]
    yield "noise", [random.integers(0, 256, (64, 64), dtype=np.uint8) for _ in range(500)]


def _operators(archive: Path) -> Iterator[Named]:
    """All six together, then each."""
    if not archive.exists():
        return
    kinds: dict[str, list[Picture]] = {}
    with zipfile.ZipFile(archive) as file:
        for name in file.namelist():
            if name.lower().endswith(".png"):
                picture = np.asarray(Image.open(io.BytesIO(file.read(name))).convert("L"))
                kinds.setdefault(Path(name).parent.name, []).append(picture)
    yield "handwritten operators", [picture for pictures in kinds.values() for picture in pictures]
    for kind, pictures in sorted(kinds.items()):
        yield f"… {kind.replace('_', ', ')}", pictures


def _letters(fonts: Path) -> Iterator[Named]:
    """A to Z and a to z: all, without those that are digits, without those that many write like one."""
    there = [path for name in FONTS if (path := fonts / name).exists()]
    if not there:
        return
    random = np.random.default_rng(0)
    drawn = {
        letter: [_letter(letter, path, random) for path in there for _ in range(EACH)]
        for letter in string.ascii_letters
    }
    for name, left_out in (
        ("letters of handwriting fonts", ""),
        (f"… without {' '.join(SAME)}", SAME),
        (f"… without {' '.join(ALIKE)}", ALIKE),
    ):
        yield name, [p for letter, pictures in drawn.items() if letter not in left_out for p in pictures]


def _letter(letter: str, font: Path, random: Generator) -> Picture:
    """Dark on light, 60 to 120 pixels high, turned and slanted a little, with margin."""
    type_size = int(random.integers(60, 121))
    page = Image.new("L", (3 * type_size, 3 * type_size), 255)
    stroke = int(random.integers(0, 1 + type_size // 25))
    ImageDraw.Draw(page).text(
        (type_size, type_size // 2), letter, 0, ImageFont.truetype(font, type_size), stroke_width=stroke
    )
    shear, turn = random.uniform(-0.15, 0.15), np.deg2rad(random.uniform(-8, 8))
    matrix = np.array([[np.cos(turn), shear - np.sin(turn), 0], [np.sin(turn), np.cos(turn), 0]])
    centre = np.full(2, 1.5 * type_size)
    matrix[:, 2] = centre - matrix[:, :2] @ centre
    turned = cv2.warpAffine(np.asarray(page), matrix, page.size, borderValue=255)
    rows, columns = np.flatnonzero((turned < 128).any(1)), np.flatnonzero((turned < 128).any(0))
    margin = int(random.integers(4, 20))
    cut = turned[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
    return np.pad(np.asarray(cut, np.uint8), margin, constant_values=255)


def _scribble(random: Generator) -> Picture:
    """One of four ways to fill 140 pixels with a pen of 2 to 9."""
    ways: tuple[Callable[[Generator], NDArray[np.float64]], ...] = (_circling, _hatched, _joined, _curled)
    points = ways[int(random.integers(len(ways)))](random)
    points = (points - points.min(0)) / (np.ptp(points, axis=0).max() + 1e-6) * 100 + 20
    page = np.full((140, 140), 255, np.uint8)
    pen = int(random.integers(2, 10))
    cv2.polylines(page, [np.round(points * 16).astype(np.int32)], False, 0, pen, cv2.LINE_AA, 4)
    return page


def _circling(random: Generator) -> NDArray[np.float64]:
    """Loops that wander: a sum of circles that turn at unrelated speeds."""
    t = np.linspace(0, 1, 400)[:, None]
    speeds, phases = random.uniform(1, 9, (1, 4)), random.uniform(0, 6.28, (2, 4))
    sizes = random.exponential(1, (2, 4))
    x, y = (size * np.sin(6.28 * speeds * t + phase) for size, phase in zip(sizes, phases, strict=True))
    return np.stack([x.sum(1) + random.uniform(-3, 3) * t[:, 0], y.sum(1)], 1)


def _hatched(random: Generator) -> NDArray[np.float64]:
    """To and fro, as areas are filled and words struck out."""
    turns = int(random.integers(5, 16))
    across = np.linspace(0, random.uniform(0.5, 2.5), turns) + random.normal(0, 0.05, turns)
    along = np.where(np.arange(turns) % 2, 1.0, 0.0) + random.normal(0, 0.12, turns)
    angle = random.uniform(0, 3.14)
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    return np.asarray(np.stack([across, along], 1) @ turn, np.float64)


def _joined(random: Generator) -> NDArray[np.float64]:
    """Straight lines between 6 to 14 random points."""
    return random.uniform(0, 1, (int(random.integers(6, 15)), 2)) * random.uniform(0.5, 1, 2)


def _curled(random: Generator) -> NDArray[np.float64]:
    """A pen whose direction turns by a random amount that changes slowly."""
    count = 300
    bends = np.interp(np.arange(count), np.arange(0, count, 30), random.normal(0, 0.16, 10))
    heading = random.uniform(0, 6.28) + np.cumsum(bends)
    return np.cumsum(np.stack([np.cos(heading), np.sin(heading)], 1), 0)


def _paper(random: Generator) -> Picture:
    """Nothing written: 60 to 300 pixels of grain and uneven light, coloured from grey to white."""
    height, width = (int(side) for side in random.integers(60, 301, 2))
    y, x = np.mgrid[0 : 1 : height * 1j, 0 : 1 : width * 1j]
    light = random.uniform(150, 250) + random.uniform(-25, 25) * x + random.uniform(-25, 25) * y
    grain = cv2.GaussianBlur(random.normal(0, 1, (height, width)), (0, 0), random.uniform(0.3, 2.5))
    grain *= random.uniform(0.2, 4) / grain.std()
    return np.asarray(np.clip(light + grain, 0, 255), np.uint8)


def _ruled(paper: Picture, random: Generator) -> Picture:
    """Lines across it, or squares, 15 to 50 pixels apart and fainter or stronger than a pencil's."""
    ruled = paper.astype(np.float64)
    apart, depth = int(random.integers(15, 51)), random.uniform(20, 110)
    first, squared = int(random.integers(apart)), random.random() < 0.5
    for row in range(first, first + int(random.integers(1, 3))):
        ruled[row::apart] -= depth
        if squared:
            ruled[:, row::apart] -= depth
    return np.asarray(np.clip(ruled, 0, 255), np.uint8)
