"""Printed lines are found and wiped out; what crosses and touches them stays."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from inkdigits.page.light import Grey, ink_mask
from inkdigits.page.rulings import Rulings, find_rulings


def sheet() -> Grey:
    """Contrast of a page with nothing on it."""
    return np.zeros((500, 800), np.uint8)


def of(contrast: Grey, size: float = 40) -> Rulings:
    """The printed lines of a page."""
    return find_rulings(contrast, ink_mask(contrast), size)


def with_digits(contrast: Grey) -> Grey:
    """Digits written over what is there."""
    for row in range(3):
        cv2.putText(contrast, "7 3 4 90", (60, 135 + 130 * row), cv2.FONT_HERSHEY_SIMPLEX, 1.8, 230, 4)
    return contrast


@pytest.mark.parametrize("slope", [0.0, 0.05, -0.08])
@pytest.mark.parametrize("width", [1, 2, 6])
def test_a_line_is_followed_however_thick_and_steep(slope: float, width: int) -> None:
    contrast = sheet()
    cv2.line(contrast, (20, 250), (780, round(250 + 760 * slope)), 160, width)
    rulings = of(contrast)
    assert len(rulings.level) == 1
    line = rulings.level[0]
    assert line.end - line.start >= 740
    for column in (100, 400, 700):
        assert line.at(column) == pytest.approx(250 + (column - 20) * slope, abs=1.5)
    assert rulings.ink.sum() == 0


def test_a_bent_line_goes_too() -> None:
    contrast = sheet()
    columns = np.arange(20, 780)
    rows = np.round(250 + 14 * np.sin(columns / 250)).astype(int)
    for step in range(3):
        contrast[rows + step, columns] = 150
    assert (of(contrast).ink > 0).sum() < 0.02 * (contrast > 0).sum()


@pytest.mark.parametrize("strength", [90])
def test_crossed_digits_stay_whole(strength: int) -> None:
    plain = with_digits(sheet())
    ruled = sheet()
    for row in (95, 225, 355):  # through the digits' middle, and under them
        cv2.line(ruled, (10, row), (790, row), strength, 2)
        cv2.line(ruled, (10, row + 40), (790, row + 40), strength, 2)
    ruled = np.maximum(ruled, with_digits(sheet()))
    rulings = of(ruled)
    assert len(rulings.level) == 6
    ink, wanted = rulings.ink > 0, ink_mask(plain) > 0
    assert (ink & wanted).sum() > 0.97 * wanted.sum()
    assert (ink & ~wanted).sum() < 0.17 * wanted.sum()
    count = cv2.connectedComponents(np.asarray(wanted, np.uint8), connectivity=8)[0]
    large = cv2.connectedComponentsWithStats(np.asarray(ink, np.uint8), connectivity=8)[2][1:, 4] > 60
    assert large.sum() == count - 1


def test_strokes_are_no_lines() -> None:
    rulings = of(with_digits(sheet()))
    assert not rulings.level
    assert not rulings.plumb


def test_boxes_go_even_where_writing_hides_a_side() -> None:
    contrast = sheet()
    for column in range(5):
        cv2.rectangle(contrast, (60 + 70 * column, 200), (114 + 70 * column, 254), 170, 2)
    cv2.line(contrast, (62, 203), (112, 199), 230, 5)  # writing along the first box's upper side
    rulings = of(contrast)
    assert len(rulings.plumb) == 10
    assert len(rulings.level) == 10


def test_text_and_noise_hold_no_lines() -> None:
    contrast = sheet()
    for row in range(12):
        text = "many words in a row, as in print"
        cv2.putText(contrast, text, (20, 40 + 38 * row), cv2.FONT_HERSHEY_SIMPLEX, 1.0, 220, 2)
    assert not of(contrast, 24).level
    noise = np.random.default_rng(0).integers(0, 256, (400, 400)).astype(np.uint8)
    assert not of(noise).level
