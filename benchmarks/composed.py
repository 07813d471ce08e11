"""Numbers written as for training, but with MNIST's validation digits, so anybody has pictures to read."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image

from figures import Boxes, only_digits  # beside this file
from inkdigits.strip import strip_from_grey
from inkdigits.training.datasets import load_data
from inkdigits.training.fonts import Hands
from inkdigits.training.handwriting import Shapes
from inkdigits.training.line_recipe import LineRecipe
from inkdigits.training.pendigits import PenDigits
from inkdigits.training.strings import Composer, TrainingLine
from labelled import Number

SEED = 31_415_927  # of composed lines; no training and no calibration has it


def validation_composer(seed: int = SEED) -> Composer:
    """Composes lines as for training, but with the digits of MNIST and of pens that no training has."""
    digits = load_data("mnist-validation")
    assert digits.labels is not None
    shapes = Shapes(digits.images, digits.labels, Hands(), PenDigits.load("held-out"))
    return Composer(shapes, LineRecipe().shares, seed)


def composed(count: int, folder: Path) -> list[Number]:
    """So many composed lines with at least one digit, written as PNG files into a folder."""
    composer, index = validation_composer(), 0
    numbers: list[Number] = []
    while len(numbers) < count:
        line = composer.line(index)
        if line.text:
            path = folder / f"{index:06d}.png"
            Image.fromarray(line.picture).save(path)
            numbers.append(Number(path, line.text, digit_boxes(line)))
        index += 1
    return numbers


def digit_boxes(line: TrainingLine) -> Boxes:
    """Of a composed line's digits, in pixels of its picture."""
    strip = strip_from_grey(line.picture)
    assert strip is not None, "a line with digits has ink"
    digits = [place for place, character in enumerate(line.label) if only_digits(character)]
    scale = np.array([strip.x_scale, strip.y_scale] * 2)
    return np.asarray(line.boxes[digits] * scale + [0, strip.top, 0, strip.top], np.float64)
