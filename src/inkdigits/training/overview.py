"""What a data set holds, in figures and as a picture of samples. Knows no PyTorch, files or training."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from inkdigits.training.datasets import Dataset

COLUMNS = 20
CELL = 56  # px, a glyph at twice its size
GAP = 4  # px, between glyphs
EDGE = 24  # px, around the picture
INK, FAINT, RULE, PAPER = 26, 102, 217, 255  # greys


@dataclass(frozen=True)
class Overview:
    """A data set in figures.

    Attributes:
        name: of the data set.
        samples: how many.
        counts: samples of each class by its name, in output order; None where there are no labels.
        mean_grey: of all pixels, 0 to 255.
        sd_grey: their standard deviation.
        repeated: images that are equal to an earlier one, pixel by pixel.
        contradicting: those of them that have another label than the first of their kind.
        sha256: of the images' bytes, then the labels'.
    """

    name: str
    samples: int
    counts: dict[str, int] | None
    mean_grey: float
    sd_grey: float
    repeated: int
    contradicting: int
    sha256: str

    def to_dict(self) -> dict[str, Any]:
        """The JSON of `inkdigits data --json`."""
        return {
            "name": self.name,
            "samples": self.samples,
            "height": 28,
            "width": 28,
            "classes": self.counts,
            "mean_grey": round(self.mean_grey, 3),
            "sd_grey": round(self.sd_grey, 3),
            "repeated": self.repeated,
            "contradicting": self.contradicting,
            "sha256": self.sha256,
        }


def overview(data: Dataset) -> Overview:
    """Counts what a data set holds."""
    counts = None
    if data.labels is not None:
        of_class = np.bincount(data.labels, minlength=len(data.classes)).tolist()
        counts = dict(zip(data.classes, of_class, strict=True))
    mean, sd = _greys(data.images)
    repeated, contradicting = _repeats(data)
    return Overview(data.name, len(data), counts, mean, sd, repeated, contradicting, data.sha256)


def _greys(images: NDArray[np.uint8]) -> tuple[float, float]:
    levels = np.zeros(256, np.int64)
    for start in range(0, len(images), 4096):  # bincount widens its input to 8 bytes a pixel
        levels += np.bincount(images[start : start + 4096].ravel(), minlength=256)
    greys = np.arange(256)
    mean = float((levels * greys).sum() / levels.sum())
    return mean, float(np.sqrt((levels * (greys - mean) ** 2).sum() / levels.sum()))


def _repeats(data: Dataset) -> tuple[int, int]:
    seen: dict[bytes, int] = {}
    repeated = contradicting = 0
    labels = np.zeros(len(data), np.int64) if data.labels is None else data.labels
    for image, label in zip(np.ascontiguousarray(data.images), labels.tolist(), strict=True):
        key = hashlib.blake2b(image.data, digest_size=16).digest()
        first = seen.setdefault(key, label)
        repeated += 1
        contradicting += first != label
    repeated -= len(seen)
    return repeated, contradicting


def picture_of_samples(data: Dataset) -> Image.Image:
    """Samples as dark ink on white, a row of 20 a class, spread evenly over the data set.

    Without labels: ten rows, in the data set's order.
    """
    rows = _rows(data)
    title, text = ImageFont.load_default(24), ImageFont.load_default(18)
    left = EDGE + max(
        [0, *(int(text.getlength(part)) + 16 for name, count, _ in rows for part in (name, count))]
    )
    top = EDGE + 48
    size = (left + COLUMNS * (CELL + GAP) + EDGE, top + len(rows) * (CELL + GAP) + EDGE)
    sheet = Image.new("L", size, PAPER)
    draw = ImageDraw.Draw(sheet)
    draw.text((EDGE, EDGE), _title(data), INK, title)
    for number, (name, count, images) in enumerate(rows):
        y = top + number * (CELL + GAP)
        draw.line((EDGE, y - GAP // 2, size[0] - EDGE, y - GAP // 2), RULE)
        draw.text((EDGE, y + 8), name, INK, text)
        draw.text((EDGE, y + 30), count, FAINT, ImageFont.load_default(14))
        for column, image in enumerate(images):
            glyph = Image.fromarray(255 - image).resize((CELL, CELL), Image.Resampling.LANCZOS)
            sheet.paste(glyph, (left + column * (CELL + GAP), y))
    return sheet


def _title(data: Dataset) -> str:
    if data.labels is None:
        shown = min(len(data), 10 * COLUMNS)
        return f"{data.name}: the first {shown} of {len(data):,} samples, without labels"
    return f"{data.name}: up to {COLUMNS} of each class, evenly out of {len(data):,} samples"


def _rows(data: Dataset) -> list[tuple[str, str, NDArray[np.uint8]]]:
    """A name, a count and up to 20 images a row."""
    if data.labels is None:
        some = data.images[: 10 * COLUMNS]
        return [("", "", some[start : start + COLUMNS]) for start in range(0, len(some), COLUMNS)]
    members = [np.flatnonzero(data.labels == index) for index in range(len(data.classes))]
    return [
        (name[:24], f"{len(samples):,}", data.images[_spread(samples)])
        for name, samples in zip(data.classes, members, strict=True)
    ]


def _spread(samples: NDArray[np.int64]) -> NDArray[np.int64]:
    return samples[np.linspace(0, len(samples) - 1, min(COLUMNS, len(samples))).astype(np.int64)]
