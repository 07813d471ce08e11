"""Pen ways of real writers: strokes without jumps, parts that share nothing, forms that can be drawn."""

from __future__ import annotations

import numpy as np
import pytest

from inkdigits.training.pendigits import PenDigits, strokes_of
from inkdigits.training.strokes import POINTS


@pytest.fixture(scope="module")
def pens() -> PenDigits:
    return PenDigits.load("train")


def test_every_digit_is_there_and_the_parts_share_nothing(pens: PenDigits) -> None:
    held_out = PenDigits.load("held-out")
    for part, least in ((pens, 800), (held_out, 80)):
        assert np.bincount(part.labels, minlength=10).min() > least
        assert part.points.min() >= 0
        assert part.points.max() <= 1
    ways = {way.tobytes() for way in pens.points}
    assert sum(way.tobytes() in ways for way in held_out.points) <= 3  # two people may write alike


def test_digits_of_two_strokes_have_no_jump(pens: PenDigits) -> None:
    """A pen that jumps goes up far between the strokes, and no drawn piece does any more."""
    for digit in (4, 5, 7):
        ways = [pens.points[index] for index in pens.of_digit(digit)]
        strokes = [strokes_of(way, digit) for way in ways]
        assert np.mean([len(each) == 2 for each in strokes]) > (0.99 if digit == 4 else 0.3)
        stems = [each[-1] for each in strokes if digit == 4]
        assert np.mean([np.diff(stem[:, 1]).min() > -0.05 for stem in stems] or [1]) > 0.95, (
            "a stem goes down"
        )


def test_bars_cross_their_stems(pens: PenDigits) -> None:
    for index in pens.of_digit(7):
        strokes = strokes_of(pens.points[index], 7)
        if len(strokes) == 2:
            (left, _), (right, _) = strokes[1]
            assert right - left >= 0.2
    for index in pens.of_digit(4):
        angle, stem = strokes_of(pens.points[index], 4)
        crossing = np.interp(angle[-1, 1], stem[:, 1], stem[:, 0])
        assert angle[-1, 0] >= min(crossing, 1) - 1e-9


@pytest.mark.parametrize("digit", range(10))
def test_forms_are_ready_to_be_drawn(pens: PenDigits, digit: int) -> None:
    for index in pens.of_digit(digit)[:50]:
        form = pens.form(int(index))
        points = form.blend @ form.controls
        assert points.shape == (POINTS, 2)
        assert form.drawn.shape == (POINTS - 1,)
        assert np.ptp(points[:, 1]) > 0.5
        assert np.allclose(form.blend.sum(1), 1)
