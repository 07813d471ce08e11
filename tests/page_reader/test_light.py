"""Uneven light is divided out; ink is told from paper, its pattern and its noise."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from inkdigits.page.light import Grey, even_light, ink_is_dark, ink_mask, noise_of, reduced


def written(ink: int = 40, paper: int = 220, width: int = 4) -> tuple[Grey, Grey]:
    """A page with digits, and where their ink is, 255."""
    page = np.zeros((400, 600), np.uint8)
    for row in range(3):
        cv2.putText(page, "3 8 1 7 40", (40, 120 + 110 * row), cv2.FONT_HERSHEY_SIMPLEX, 2, 255, width)
    grey = np.round(paper + (ink - paper) * (page / 255.0)).astype(np.uint8)
    return grey, page


def agreement(mask: Grey, ink: Grey) -> float:
    """Intersection over union of two masks."""
    a, b = mask > 0, ink > 127
    return float((a & b).sum() / max(1, (a | b).sum()))


@pytest.mark.parametrize("ink", [40, 120, 190], ids=["pen", "pencil", "faint pencil"])
def test_ink_is_found_whatever_the_light(ink: int) -> None:
    grey, truth = written(ink)
    light = np.tile(np.linspace(1, 0.45, 600), (400, 1))
    light[250:, :300] *= 0.6
    lit = grey * cv2.GaussianBlur(light, (0, 0), 12) + np.random.default_rng(0).normal(0, 1, grey.shape)
    mask = ink_mask(even_light(np.clip(lit, 0, 255).astype(np.uint8)).contrast)
    assert agreement(mask, truth) > 0.7


def test_light_ink_on_dark_paper_is_ink_too() -> None:
    grey, truth = written(230, 40)
    assert not ink_is_dark(grey)
    assert ink_is_dark(np.asarray(cv2.bitwise_not(grey), np.uint8))
    assert agreement(ink_mask(even_light(grey).contrast), truth) > 0.7


def test_paper_alone_holds_no_ink() -> None:
    noisy = np.clip(np.random.default_rng(0).normal(200, 6, (500, 500)), 0, 255).astype(np.uint8)
    for grey in (noisy, np.zeros((300, 300), np.uint8), np.full((300, 300), 255, np.uint8)):
        assert (ink_mask(even_light(grey).contrast) > 0).mean() < 0.002


def test_a_printed_tint_is_paper() -> None:
    grey, truth = written()
    grey[200:] = np.minimum(grey[200:], 165)
    grey[200::2] = np.minimum(grey[200::2], 190)
    assert agreement(ink_mask(even_light(grey).contrast), truth) > 0.65


def test_noise_is_measured() -> None:
    for deviation in (2.0, 8.0):
        paper = np.random.default_rng(1).normal(100, deviation, (400, 400)).astype(np.uint8)
        assert noise_of(paper) == pytest.approx(deviation, rel=0.25)


@pytest.mark.parametrize("shape", [(4000, 3000), (64_000, 1000), (300, 200), (9, 30_000)])
def test_the_working_copy_is_small(shape: tuple[int, int]) -> None:
    small, factor = reduced(np.zeros(shape, np.uint8))
    assert small.shape == (shape[0] // factor, shape[1] // factor)
    assert small.size <= 4_000_000
