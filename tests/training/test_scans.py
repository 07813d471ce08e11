"""Scans and pens change grey levels, not places, repeat with their seed, and leave digits readable."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from inkdigits.training.scans import faint, scan


@pytest.fixture
def ink() -> NDArray[np.float32]:
    """A number's strokes, `float32 (64, 240)`, 1 = ink."""
    drawn = np.zeros((64, 240), np.uint8)
    cv2.putText(drawn, "4083", (12, 52), cv2.FONT_HERSHEY_SIMPLEX, 1.8, 255, 3, cv2.LINE_AA)
    return drawn.astype(np.float32) / 255


def test_the_same_seed_gives_the_same(ink: NDArray[np.float32]) -> None:
    first, again = np.random.default_rng(1), np.random.default_rng(1)
    for _ in range(80):
        assert np.array_equal(faint(first, ink), faint(again, ink))
        assert np.array_equal(scan(first, 1 - ink), scan(again, 1 - ink))


def test_pens_stay_in_range_and_leave_what_they_got(ink: NDArray[np.float32]) -> None:
    rng, before = np.random.default_rng(2), ink.copy()
    left = []
    for _ in range(200):
        drawn = faint(rng, ink)
        assert drawn.shape == ink.shape
        assert drawn.dtype == np.float32
        assert drawn.min() >= 0
        assert drawn.max() <= 1
        left.append(float(drawn.sum() / ink.sum()))
    assert np.array_equal(ink, before)
    assert min(left) > 0.15
    assert np.std(left) > 0.1


@pytest.mark.parametrize("shape", [(64, 240), (20, 31), (130, 1700)])
def test_scans_keep_size_and_place(ink: NDArray[np.float32], shape: tuple[int, int]) -> None:
    rng = np.random.default_rng(3)
    page = (0.9 - 0.6 * cv2.resize(ink, shape[::-1])).astype(np.float32)
    before, alike = page.copy(), []
    for _ in range(150):
        picture = scan(rng, page)
        assert picture.shape == shape
        assert picture.dtype == np.uint8
        alike.append(np.corrcoef(picture.ravel(), page.ravel())[0, 1])
    assert np.array_equal(page, before)
    assert np.median(alike) > 0.9
    assert min(alike) > 0.35


def test_some_scans_have_two_levels_only(ink: NDArray[np.float32]) -> None:
    rng = np.random.default_rng(4)
    levels = [len(np.unique(scan(rng, 0.9 - 0.6 * ink))) for _ in range(300)]
    assert 3 <= sum(level == 2 for level in levels) <= 40
