"""A picture of a digit becomes the glyph that MNIST would have made of it."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from inkdigits.glyph import (
    FIT,
    SIDE,
    Grey,
    digit_mask,
    find_ink,
    glyph_from_grey,
    is_glyph,
    normalise_ink,
    steps_from_grey,
    stroke_width,
)
from inkdigits.training.datasets import Dataset


def difference(left: Grey, right: Grey) -> float:
    """Mean difference in grey levels, of the best of nine shifts by a pixel."""
    shifts = [(y, x) for y in (-1, 0, 1) for x in (-1, 0, 1)]
    return min(np.abs(np.roll(left, s, (0, 1)).astype(int) - right).mean() for s in shifts)


def drawn(width: int = 3, side: int = 100, at: tuple[int, int] = (0, 0)) -> Grey:
    """A 4 in black on white, `width` pixels of pen."""
    picture = np.full((side, side), 255, np.uint8)
    for begin, end in (((40, 20), (25, 60)), ((25, 60), (75, 60)), ((60, 35), (60, 85))):
        first, last = (tuple(a + b for a, b in zip(p, at, strict=True)) for p in (begin, end))
        cv2.line(picture, first, last, 0, width, cv2.LINE_AA)
    return picture


def test_mnist_comes_back_as_it_is(mnist_test: Dataset) -> None:
    kept = [is_glyph(image) for image in mnist_test.images]
    assert np.mean(kept) > 0.985
    for image in mnist_test.images[:50]:
        if is_glyph(image):
            assert np.array_equal(glyph_from_grey(image), image)


def test_a_glyph_put_through_all_steps_hardly_changes(mnist_test: Dataset) -> None:
    changes = []
    for image in mnist_test.images[:300]:
        steps = steps_from_grey(image)
        assert steps is not None
        changes.append(difference(steps.glyph, image))
    assert np.median(changes) < 2


@pytest.mark.parametrize("dark", [True, False])
def test_size_polarity_and_place_don_t_matter(dark: bool, mnist_test: Dataset) -> None:
    for image in mnist_test.images[:40]:
        large = cv2.resize(image, (140, 140), interpolation=cv2.INTER_CUBIC)
        page = np.zeros((400, 300), np.uint8)
        page[200:340, 20:160] = large
        glyph = glyph_from_grey(255 - page if dark else page)
        assert glyph is not None
        assert difference(glyph, image) < 18


def test_the_contract() -> None:
    for width in (1, 3, 9):
        glyph = glyph_from_grey(drawn(width))
        assert glyph is not None
        rows, columns = np.flatnonzero(glyph.any(1)), np.flatnonzero(glyph.any(0))
        assert max(np.ptp(rows), np.ptp(columns)) + 1 == FIT
        mass = glyph / glyph.sum()
        assert abs(mass.sum(1) @ np.arange(SIDE) - 14) <= 1
        assert abs(mass.sum(0) @ np.arange(SIDE) - 14) <= 1
        assert glyph.max() >= 250


def test_thin_pens_are_thickened() -> None:
    hair = glyph_from_grey(drawn(1, side=300))
    assert hair is not None
    assert stroke_width(hair.astype(np.float32) / 255) >= 1.2
    assert (hair > 128).sum() > 40


@pytest.mark.parametrize(
    "picture",
    [
        np.zeros((50, 50), np.uint8),
        np.full((50, 50), 255, np.uint8),
        np.full((1, 1), 7, np.uint8),
        np.full((400, 3), 128, np.uint8),
        np.random.default_rng(0).normal(230, 2, (300, 300)).astype(np.uint8),
        np.tile(np.linspace(120, 250, 300).astype(np.uint8), (300, 1)),
    ],
    ids=["black", "white", "pixel", "sliver", "paper", "shadow"],
)
def test_what_holds_no_ink_is_blank(picture: Grey) -> None:
    assert glyph_from_grey(picture) is None


def test_faint_pencil_on_uneven_light_is_found() -> None:
    light = np.tile(np.linspace(150, 240, 100), (100, 1))
    faint = light - (255 - drawn(4).astype(float)) * 0.12
    noisy = np.clip(faint + np.random.default_rng(0).normal(0, 1.5, faint.shape), 0, 255).astype(np.uint8)
    glyph, clean = glyph_from_grey(noisy), glyph_from_grey(drawn(4))
    assert glyph is not None
    assert clean is not None
    assert difference(glyph, clean) < 16


def test_dust_rulings_and_cut_off_neighbours_are_left_out() -> None:
    clean = glyph_from_grey(drawn(5))
    assert clean is not None
    dusty = drawn(5)
    dusty[90:92, 5:7] = 0
    ruled = drawn(5)
    ruled[92:94] = 90
    crowded = drawn(5)
    crowded[20:80, 96:] = 0
    for picture in (dusty, ruled, crowded):
        glyph = glyph_from_grey(picture)
        assert glyph is not None
        assert difference(glyph, clean) < 6


def test_the_bar_of_a_five_stays() -> None:
    picture = np.full((100, 100), 255, np.uint8)
    cv2.ellipse(picture, (50, 62), (20, 22), 0, -90, 120, 0, 5)
    cv2.line(picture, (50, 22), (78, 20), 0, 5)  # doesn't touch the rest
    ink = find_ink(picture)
    assert ink is not None
    assert digit_mask(ink)[21, 65]


@settings(max_examples=150, deadline=None)
@given(arrays(np.uint8, st.tuples(st.integers(1, 60), st.integers(1, 60))))
def test_any_picture_gives_a_glyph_or_none(picture: Grey) -> None:
    glyph = glyph_from_grey(picture)
    assert glyph is None or (glyph.dtype == np.uint8 and glyph.shape == (SIDE, SIDE) and glyph.any())


@settings(max_examples=100, deadline=None)
@given(arrays(np.uint8, st.tuples(st.integers(1, 80), st.integers(1, 80))))
def test_any_ink_is_fitted(ink: Grey) -> None:
    glyph = normalise_ink(ink)
    assert glyph.any() == ink.any()


def framed(inset: int, mnist: Dataset) -> list[tuple[Grey, Grey]]:
    """Digits, and the same with a printed frame, `inset` pixels from the edge of the picture."""
    pairs = []
    for image in mnist.images[:60]:
        picture = 255 - cv2.resize(image, (112, 112), interpolation=cv2.INTER_CUBIC)
        picture = cv2.copyMakeBorder(picture, 20, 20, 20, 20, cv2.BORDER_CONSTANT, value=255)
        cell = picture.copy()
        cv2.rectangle(cell, (inset, inset), (151 - inset, 151 - inset), 0, 2)
        pairs.append((picture, cell))
    return pairs


@pytest.mark.parametrize("inset", [0, 1, 8])
def test_a_printed_cell_around_a_digit_is_no_part_of_it(inset: int, mnist_test: Dataset) -> None:
    same = 0
    for picture, cell in framed(inset, mnist_test):
        clean, glyph = glyph_from_grey(picture), glyph_from_grey(cell)
        assert clean is not None
        same += glyph is not None and difference(glyph, clean) < 8
    assert same >= 57
