"""Skew and direction of lines, told from drawn ink."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from inkdigits.page.light import Grey
from inkdigits.page.orientation import level_of, lie_of, size_of


def tilted(degrees: float) -> Grey:
    """The contrast of a page of figures, 30 px high, tilted clockwise."""
    page = np.zeros((900, 1000), np.uint8)
    for row in range(9):
        cv2.putText(page, "40 7 125 38", (220, 180 + 70 * row), cv2.FONT_HERSHEY_SIMPLEX, 1.4, 230, 3)
    affine = cv2.getRotationMatrix2D((500, 450), -degrees, 1)
    return np.asarray(cv2.warpAffine(page, affine, (1000, 900)), np.uint8)


@pytest.mark.parametrize("degrees", [-15.0, -6.3, 0.0, 2.0, 11.0, 15.0])
@pytest.mark.parametrize("turned", [0, 1])
def test_skew_is_measured_whichever_way_a_page_lies(degrees: float, turned: int) -> None:
    lie = lie_of(np.ascontiguousarray(np.rot90(tilted(degrees), turned)))
    assert lie.skew == pytest.approx(degrees, abs=0.4)
    assert 20 <= lie.size <= 45
    assert lie.level < 0 if turned else lie.level > 0


def test_a_page_without_ink_lies_straight() -> None:
    assert lie_of(np.zeros((500, 400), np.uint8)).skew == 0


def test_rows_of_slim_boxes_run_across() -> None:
    random = np.random.default_rng(0)
    x, y = random.uniform(0, 900, 80), np.repeat(np.arange(8) * 90.0, 10)
    boxes = np.stack([x, y, x + random.uniform(12, 24, 80), y + 30], axis=1)
    assert level_of(boxes, 30) > 2
    assert level_of(boxes[:, [1, 0, 3, 2]], 30) < -2
    assert level_of(boxes[:2], 30) == 0


def test_the_size_is_that_of_most_single_characters() -> None:
    x = np.arange(20) * 40.0
    boxes = np.stack([x, 0 * x, x + 20, 0 * x + 34], axis=1)
    with_specks = np.concatenate([boxes, boxes * 0.05])
    assert size_of(with_specks, 50) == 34
    assert size_of(boxes[:1], 50) == 50
