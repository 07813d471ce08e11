"""Places of digits: boxes drawn in on the ink, kept off the neighbours, moved to the page."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from inkdigits.places import around, as_box, in_picture, on_page, tightened
from inkdigits.strip import PAPER, strip_from_grey


def strip_with(*blocks: tuple[int, int, int, int]) -> np.ndarray:
    """Paper, 80 wide, with full ink in blocks of x0, y0, x1, y1."""
    strip = np.full((32, 80), PAPER, np.uint8)
    for x0, y0, x1, y1 in blocks:
        strip[y0:y1, x0:x1] = 240
    return strip


def test_a_loose_box_is_drawn_in_and_a_tight_one_out() -> None:
    strip = strip_with((20, 8, 30, 26))
    loose, tight = [14.3, 2, 36, 31.5], [21.4, 9.2, 29, 25]
    for box in (loose, tight):
        assert tightened(strip, np.array([box])).tolist() == [[20, 8, 30, 26]]


def test_a_box_reaches_no_further_than_a_little() -> None:
    box = tightened(strip_with((10, 4, 60, 28)), np.array([[30.0, 10, 40, 20]]))
    assert box.tolist() == [[28, 8, 42, 22]]


def test_neighbours_keep_their_ink() -> None:
    strip = strip_with((10, 5, 20, 28), (21, 6, 31, 27))
    boxes = tightened(strip, np.array([[9.0, 4, 20, 29], [20.6, 5, 32, 28]]))
    assert boxes.tolist() == [[10, 5, 20, 28], [21, 6, 31, 27]]
    # where the network is lost, a box still ends at the middle of the next
    boxes = tightened(strip, np.array([[9.0, 4, 31, 29], [12.0, 5, 32, 28]]))
    assert boxes[0, 2] <= 22
    assert boxes[1, 0] >= 20


def test_dust_widens_nothing_and_no_ink_changes_nothing() -> None:
    strip = strip_with((20, 8, 30, 26), (33, 20, 34, 21))
    assert tightened(strip, np.array([[19.0, 7, 36, 27]])).tolist() == [[20, 8, 30, 26]]
    assert tightened(strip, np.array([[50.0, 7, 60, 27]])).tolist() == [[50, 7, 60, 27]]
    assert tightened(strip, np.array([[-9.0, 7, -4, 27]])).tolist() == [[-9, 7, -4, 27]]
    assert tightened(strip, np.empty((0, 4))).shape == (0, 4)


def test_a_box_comes_back_to_where_the_ink_was_in_the_picture() -> None:
    grey = np.full((120, 300), 230, np.uint8)
    cv2.rectangle(grey, (140, 30), (179, 94), 20, -1)
    strip = strip_from_grey(grey)
    assert strip is not None
    inked = np.argwhere(strip.pixels > 150)
    (y0, x0), (y1, x1) = inked.min(0), inked.max(0) + 1
    found = in_picture(tightened(strip.pixels, np.array([[x0 - 4.0, y0 - 1, x1 + 3, y1 + 1]])), strip)
    assert np.allclose(found, [[140, 30, 180, 95]], atol=3)


def test_boxes_turn_and_move_with_the_page() -> None:
    boxes = np.array([[10.0, 20, 30, 25]])
    assert on_page(boxes, np.array([[1.0, 0, 5], [0, 1, 7]])).tolist() == [[15, 27, 35, 32]]
    assert on_page(boxes, np.array([[0.0, -1, 100], [1, 0, 0]])).tolist() == [[75, 10, 80, 30]]
    assert around(np.array([[1.0, 5, 2, 9], [0, 6, 8, 7]])).tolist() == [0, 5, 8, 9]


@pytest.mark.parametrize(
    ("sides", "box"),
    [
        ((-3, -2, 50, 90), (0, 0, 40, 30)),
        ((60, 10, 70, 20), (39, 10, 40, 20)),
        ((5, 5, 5, 5), (5, 5, 6, 6)),
        ((5.25, 5, 9.5, 8), (5.25, 5, 9.5, 8)),
    ],
)
def test_boxes_stay_on_the_page(sides: tuple[float, ...], box: tuple[float, ...]) -> None:
    assert as_box(np.array(sides, float), 40, 30) == box
