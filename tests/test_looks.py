"""Further looks at a number: only where the first leaves doubt; the mean of all of them decides."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from inkdigits.alphabet import CLASSES
from inkdigits.constraints import Constraints
from inkdigits.decode import decode, decode_views
from inkdigits.images import load_grey
from inkdigits.looks import PRESSED, SURE, read_strip
from inkdigits.model import LineModel
from inkdigits.strip import strip_from_grey

Strip = NDArray[np.uint8]
AMOUNT = Path(__file__).parents[1] / "examples" / "numbers" / "amount.png"
STRIP = np.full((32, 200), 48, np.uint8)


class Said:
    """A network that says of each strip what the test wants, and keeps the strips' widths."""

    temperature = 1.0

    def __init__(self, *answers: dict[str, float]) -> None:
        self._answers = iter(answers)
        self.widths: list[int] = []

    def logits(self, strips: Iterable[Strip]) -> list[tuple[NDArray[np.float32], NDArray[np.float32]]]:
        widths = [strip.shape[1] for strip in strips]
        self.widths += widths
        return [one_character(width, next(self._answers)) for width in widths]


def one_character(width: int, chances: dict[str, float]) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """A line whose middle frame has these probabilities; its box is a tenth of the strip, in the middle."""
    logits = np.full((width // 2, len(CLASSES)), -30, np.float32)
    logits[:, 0] = 0
    middle = logits[width // 4]
    middle[0] = -30
    for character, chance in chances.items():
        middle[CLASSES.index(character)] = np.log(chance)
    return logits, np.tile(np.array([0.45 * width, 4, 0.55 * width, 28], np.float32), (width // 2, 1))


def test_one_look_is_enough_where_it_is_sure() -> None:
    model = Said({"7": SURE + 0.01, "1": 0.09 - 0.01})
    assert read_strip(STRIP, model, Constraints()).text == "7"
    assert model.widths == [200]


def test_the_mean_of_all_looks_decides() -> None:
    model = Said({"7": 0.6, "1": 0.4}, {"7": 0.1, "1": 0.9}, {"7": 0.3, "1": 0.7})
    read = read_strip(STRIP, model, Constraints())
    assert model.widths == [200, *(round(200 * share) for share in PRESSED)]
    assert read.text == "1"
    assert read.confidence == pytest.approx((0.4 + 0.9 + 0.7) / 3, abs=1e-6)
    assert read.alternatives[0].text == "7"
    assert read.alternatives[0].confidence == pytest.approx((0.6 + 0.1 + 0.3) / 3, abs=1e-6)


def test_boxes_are_pixels_of_the_strip_whichever_look_they_come_from() -> None:
    model = Said({"7": 0.6, "1": 0.4}, {"7": 0.1, "1": 0.9}, {"7": 0.3, "1": 0.7})
    (digit,) = read_strip(STRIP, model, Constraints()).digits
    assert digit.box == pytest.approx((90, 4, 110, 28), abs=0.01)


def test_what_is_known_is_looked_for_in_every_look() -> None:
    model = Said({"7": 0.999, "1": 0.001}, {"7": 0.2, "1": 0.8}, {"7": 0.2, "1": 0.8})
    read = read_strip(STRIP, model, Constraints(high=5))
    assert (read.text, read.satisfied) == ("1", True)
    assert read.unconstrained.text in "17"
    assert read.confidence < 1


def test_words_and_empty_paper_get_one_look() -> None:
    for chances in ({"?": 0.9, "7": 0.1}, {"": 0.9, "7": 0.1}):
        model = Said(chances)
        read_strip(STRIP, model, Constraints())
        assert model.widths == [200]


def test_one_view_is_read_as_ever() -> None:
    strip = strip_from_grey(load_grey(AMOUNT))
    assert strip is not None
    ((logits, boxes),) = LineModel.load().logits([strip.pixels])
    assert decode_views([(logits, boxes)]) == decode(logits, boxes)
    assert decode_views([(logits, boxes)] * 3).text == decode(logits, boxes).text
