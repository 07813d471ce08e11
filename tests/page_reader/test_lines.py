"""Pages to candidates: on drawn forms, tables, grids and ruled paper, level, tilted, turned and in shadow."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import cv2
import numpy as np
import pytest

from inkdigits.page import MOST_LINES, Page, PageLine, find_lines, turn
from inkdigits.training.datasets import Dataset


def _support() -> ModuleType:
    """pages.py beside this file, which draws the pages."""
    path = Path(__file__).with_name("pages.py")
    spec = importlib.util.spec_from_file_location("pages", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["pages"] = module
    spec.loader.exec_module(module)
    return module


pages = _support()


def overlap(a: Any, b: Any) -> float:
    """Intersection over union of two boxes."""
    wide = min(a[2], b[2]) - max(a[0], b[0])
    high = min(a[3], b[3]) - max(a[1], b[1])
    common = max(wide, 0) * max(high, 0)
    return float(common / ((a[2] - a[0]) * (a[3] - a[1]) + (b[2] - b[0]) * (b[3] - b[1]) - common))


def found(page: Page, photo: Any) -> float:
    """Share of the numbers that have a candidate of their own."""
    near = [
        max((overlap(line.box, number.box) for line in page.lines), default=0) for number in photo.numbers
    ]
    return float(np.mean([share >= 0.5 for share in near]))


@pytest.mark.parametrize("kind", ["ruled", "form", "table", "grid"])
@pytest.mark.parametrize(
    "light", [{}, {"tilt": 6.0}, {"tilt": -11.0}, {"shadow": 0.4}, {"bend": 6.0}, {"ink": 120}], ids=str
)
def test_numbers_are_found(mnist_train: Dataset, kind: str, light: dict[str, float]) -> None:
    photo = pages.photographed(getattr(pages, kind)(mnist_train, seed=3), **light)
    page = find_lines(photo.grey)
    assert found(page, photo) >= 0.8
    if "tilt" in light:
        assert page.skew == pytest.approx(light["tilt"], abs=0.7)


def candidates(page: Page, box: Any) -> list[PageLine]:
    """Candidates whose middle lies in a box."""
    x0, y0, x1, y1 = box
    return [
        line
        for line in page.lines
        if x0 < (line.box[0] + line.box[2]) / 2 < x1 and y0 < (line.box[1] + line.box[3]) / 2 < y1
    ]


def test_a_comb_field_is_one_number_without_its_boxes(mnist_train: Dataset) -> None:
    whole = 0
    for seed in range(3):
        photo = pages.photographed(pages.form(mnist_train, seed=seed), tilt=2.0)
        page = find_lines(photo.grey)
        combs = photo.numbers[:5]
        for number in combs:
            there = candidates(page, number.box)
            whole += len(there) == 1 and overlap(there[0].box, number.box) >= 0.6
            for line in there:
                assert line.cell is None
                # no column or row of dark pixels from edge to edge is left of the boxes
                dark = line.pixels < 140
                assert dark.mean(0).max() < 0.9
                assert dark.mean(1).max() < 0.6
    assert whole >= 13


def test_a_table_has_one_number_a_cell(mnist_train: Dataset) -> None:
    for tilt in (0.0, -9.0):
        photo = pages.photographed(pages.table(mnist_train, seed=7), tilt=tilt)
        page = find_lines(photo.grey)
        for number in photo.numbers:
            (line,) = candidates(page, number.box)
            assert line.cell == number.cell
            assert overlap(line.box, number.box) >= 0.6


def test_numbers_come_in_reading_order_marks_and_all(mnist_train: Dataset) -> None:
    drawing = pages.blank(mnist_train, 3, 900, 1000)
    for row, texts in enumerate((("1.250", "12"), ("12-34", "7.5"), ("3", "44-4"), ("100.000", "1"))):
        for column, text in enumerate(texts):
            drawing.number(text, 100 + 500 * column + 40 * row, 100 + 180 * row, 50)
    photo = pages.photographed(drawing, tilt=4.0)
    page = find_lines(photo.grey)
    assert len(page.lines) == len(photo.numbers)
    for line, number in zip(page.lines, photo.numbers, strict=True):
        assert overlap(line.box, number.box) >= 0.7


def test_cells_of_a_grid_know_their_place_and_empty_ones_are_none(mnist_train: Dataset) -> None:
    photo = pages.photographed(pages.grid(mnist_train, seed=5))
    page = find_lines(photo.grey)
    wanted = {number.cell for number in photo.numbers}
    cells = [line.cell for line in page.lines if line.cell is not None]
    assert len(set(cells)) == len(cells)
    assert len(wanted & set(cells)) >= 0.9 * len(wanted)
    assert len(set(cells) - wanted) <= 2
    assert cells == sorted(cells)


@pytest.mark.parametrize("degrees", [90, 270])
def test_a_page_on_its_side_is_turned(mnist_train: Dataset, degrees: int) -> None:
    photo = pages.photographed(pages.ruled(mnist_train, seed=2))
    page = find_lines(turn(photo.grey, degrees))
    assert page.turned in (90, 270)
    assert page.grey.shape == photo.grey.shape
    assert (360 - degrees) in (page.turned, *page.doubts)


def test_a_way_that_is_told_is_taken(mnist_train: Dataset) -> None:
    photo = pages.photographed(pages.ruled(mnist_train, seed=2))
    page = find_lines(turn(photo.grey, 180), turned=180)
    assert page.turned == 180
    assert np.array_equal(page.grey, photo.grey)
    assert found(page, photo) >= 0.8


def test_crops_lead_back_to_the_page(mnist_train: Dataset) -> None:
    photo = pages.photographed(pages.table(mnist_train, seed=1), tilt=5.0)
    for line in find_lines(photo.grey).lines:
        assert isinstance(line, PageLine)
        height, width = line.pixels.shape
        middle = line.to_page @ [width / 2, height / 2, 1]
        x0, y0, x1, y1 = line.box
        assert x0 - 12 <= middle[0] <= x1 + 12
        assert y0 - 12 <= middle[1] <= y1 + 12


@pytest.mark.parametrize(
    "grey",
    [
        np.zeros((900, 700), np.uint8),
        np.full((900, 700), 255, np.uint8),
        np.full((1, 3000), 200, np.uint8),
        np.full((3000, 2), 200, np.uint8),
        np.random.default_rng(0).integers(0, 256, (1200, 1600)).astype(np.uint8),
    ],
    ids=["black", "white", "one row", "two columns", "noise"],
)
def test_what_is_no_page_of_numbers_ends_soon(grey: np.ndarray[Any, np.dtype[np.uint8]]) -> None:
    page = find_lines(grey)
    assert len(page.lines) <= MOST_LINES


def test_a_hundred_thousand_specks_are_no_numbers() -> None:
    grey = np.full((2000, 3000), 230, np.uint8)
    at = np.random.default_rng(1).integers(2, 1998, (100_000, 2))
    grey[at[:, 0], at[:, 1]] = 20
    assert len(find_lines(grey).lines) <= MOST_LINES


def test_light_ink_on_dark_paper_is_found_too(mnist_train: Dataset) -> None:
    photo = pages.photographed(pages.ruled(mnist_train, seed=4))
    assert found(find_lines(np.asarray(cv2.bitwise_not(photo.grey), np.uint8)), photo) >= 0.8
