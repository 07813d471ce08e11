"""Other people's digits in ../shared/data: pictures, and what they show. Knows no networks.

Semeion (1,593 digits by about 80 people, 16×16, https://doi.org/10.24432/C5SC8V), and the digits of 400
cheque amounts, cut out by their boxes. For measuring only.
"""

from __future__ import annotations

import csv
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

MARGIN = 2  # px around a cheque's box
Labelled = tuple[str, list[NDArray[np.uint8]], list[int]]


def digit_sets(data: Path) -> Iterator[Labelled]:
    """Name, grey pictures and digits of each set that is there."""
    if (semeion := data / "semeion" / "semeion.data").exists():
        table = np.loadtxt(semeion)
        pictures = [(row * 255).astype(np.uint8).reshape(16, 16) for row in table[:, :256]]
        yield "Semeion", pictures, table[:, 256:266].argmax(1).tolist()
    if (boxes := data / "cheque-amounts" / "boxes.csv").exists():
        yield "digits cut from cheques", *_cheque_digits(boxes)


def _cheque_digits(boxes: Path) -> tuple[list[NDArray[np.uint8]], list[int]]:
    """Every digit of the cheque amounts, cut by its box with a margin."""
    pictures, labels = [], []
    pages: dict[str, NDArray[np.uint8]] = {}
    with boxes.open(encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            if row["file"] not in pages:
                pages[row["file"]] = np.asarray(Image.open(boxes.parent / row["file"]).convert("L"))
            x, y, width, height = (int(row[name]) for name in ("x", "y", "width", "height"))
            rows = slice(max(0, y - MARGIN), y + height + MARGIN)
            pictures.append(pages[row["file"]][rows, max(0, x - MARGIN) : x + width + MARGIN])
            labels.append(int(row["digit"]))
    return pictures, labels
