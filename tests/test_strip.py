"""Strips: any cut of a number becomes the same kind of picture, and positions find their way back."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from numpy.typing import NDArray

from inkdigits.strip import HEIGHT, NARROWEST, PAPER, STRETCH, WIDEST, quantile, rows_of_ink, strip_from_grey

Grey = NDArray[np.uint8]


def number(ink: int = 40, paper: int = 220, margin: int = 10, scale: float = 1.5) -> Grey:
    """`4711`, written by OpenCV, with margin all round."""
    (width, height), _ = cv2.getTextSize("4711", cv2.FONT_HERSHEY_SIMPLEX, scale, 3)
    picture = np.full((height + 2 * margin, width + 2 * margin), paper, np.uint8)
    cv2.putText(
        picture, "4711", (margin, height + margin), cv2.FONT_HERSHEY_SIMPLEX, scale, ink, 3, cv2.LINE_AA
    )
    return picture


@pytest.mark.parametrize(("ink", "paper"), [(40, 220), (120, 160), (230, 30), (90, 255)])
def test_paper_and_ink_have_their_levels_whatever_they_were(ink: int, paper: int) -> None:
    strip = strip_from_grey(number(ink, paper))
    assert strip is not None
    assert strip.pixels.shape[0] == HEIGHT
    assert abs(float(np.median(strip.pixels)) - PAPER) <= 6
    assert strip.pixels.max() > 220


def test_rows_without_ink_are_cut_off() -> None:
    tight, wide = strip_from_grey(number()), strip_from_grey(np.pad(number(), 60, constant_values=220))
    assert tight is not None
    assert wide is not None
    assert wide.top > 40
    assert abs(tight.y_scale - wide.y_scale) < 0.15 * tight.y_scale


def test_a_ruling_is_no_row_of_ink() -> None:
    ink = np.zeros((60, 200), np.float32)
    ink[20:40, 50:150] = 1
    ink[55] = 1
    first, last = rows_of_ink(ink)
    assert first < 20
    assert 40 <= last < 50


def test_a_place_in_the_strip_is_one_in_the_picture() -> None:
    picture = np.full((100, 300), 230, np.uint8)
    picture[30:70, 200:210] = 20
    strip = strip_from_grey(picture)
    assert strip is not None
    columns = np.flatnonzero((strip.pixels > 150).any(0))
    rows = np.flatnonzero((strip.pixels > 150).any(1))
    assert columns[0] * strip.x_scale == pytest.approx(200, abs=2)
    assert rows[0] * strip.y_scale + strip.top == pytest.approx(30, abs=2.5)
    assert strip.y_scale / strip.x_scale == pytest.approx(STRETCH, rel=0.05)


def test_blank_paper_gives_none() -> None:
    assert strip_from_grey(np.full((50, 200), 200, np.uint8)) is None
    assert strip_from_grey(np.full((1, 1), 200, np.uint8)) is None


@pytest.mark.parametrize("shape", [(65, 1), (300, 1), (60_000, 9), (1, 300), (9, 60_000), (129, 2), (128, 2)])
def test_slim_pictures_give_a_strip_or_none(shape: tuple[int, int]) -> None:
    for grey in (np.full(shape, 200, np.uint8), np.resize(np.array([20, 220, 220], np.uint8), shape)):
        strip = strip_from_grey(grey)
        assert strip is None or strip.pixels.shape[0] == HEIGHT


@settings(max_examples=80, deadline=None, derandomize=True)
@given(
    arrays.arrays(
        np.float32,
        st.tuples(st.integers(1, 9), st.integers(1, 40)),
        elements=st.floats(-255, 255, width=32),
    ),
    st.floats(0, 1),
)
def test_quantiles_are_numpy_s_to_the_last_bit(values: NDArray[np.float32], share: float) -> None:
    assert quantile(values, share) == np.quantile(values, share)
    assert quantile(values[:, ::2], 0.985) == np.quantile(values[:, ::2], 0.985)


@settings(max_examples=80, deadline=None, derandomize=True)
@given(arrays.arrays(np.uint8, st.tuples(st.integers(1, 90), st.integers(1, 90))))
def test_any_picture_gives_a_strip_or_none(grey: Grey) -> None:
    strip = strip_from_grey(grey)
    if strip is not None:
        assert strip.pixels.dtype == np.uint8
        assert strip.pixels.shape[0] == HEIGHT
        assert NARROWEST <= strip.pixels.shape[1] <= WIDEST


def test_a_very_wide_line_is_pressed_together() -> None:
    strip = strip_from_grey(np.tile(number(), (1, 40)))
    assert strip is not None
    assert strip.pixels.shape[1] == WIDEST
