"""Drawn glyphs keep the contract, repeat with their seed, and look like what they are to a trained eye."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import torch
from torch import Tensor

from inkdigits.glyph import FIT
from inkdigits.reader import Reader
from inkdigits.training.pendigits import draw_pen_digits
from inkdigits.training.strokes import draw_digits

Draw = Callable[[int, int], tuple[Tensor, Tensor]]
by_both = pytest.mark.parametrize("draw", [draw_digits, draw_pen_digits])


@by_both
def test_the_same_seed_draws_the_same(draw: Draw) -> None:
    first, again, other = (draw(40, seed)[0] for seed in (3, 3, 4))
    assert torch.equal(first, again)
    assert not torch.equal(first, other)


@by_both
def test_digits_come_equally_often_with_their_labels(draw: Draw) -> None:
    glyphs, labels = draw(500, 0)
    assert glyphs.dtype == torch.uint8
    assert glyphs.shape == (500, 28, 28)
    assert labels.bincount().tolist() == [50] * 10


@by_both
def test_drawn_digits_keep_the_contract(draw: Draw) -> None:
    glyphs = draw(300, 1)[0].numpy()
    for glyph in glyphs:
        rows, columns = np.flatnonzero(glyph.any(1)), np.flatnonzero(glyph.any(0))
        assert FIT - 2 <= max(np.ptp(rows), np.ptp(columns)) + 1 <= FIT + 3
        mass = glyph / glyph.sum()
        middle = mass.sum(1) @ np.arange(28), mass.sum(0) @ np.arange(28)
        assert np.abs(np.array(middle) - 13.5).max() < 2.5
        assert glyph.max() > 150


@pytest.mark.parametrize(("draw", "share"), [(draw_digits, 0.97), (draw_pen_digits, 0.88)])
def test_the_shipped_recogniser_reads_drawn_digits(draw: Draw, share: float) -> None:
    reader = Reader.load()
    glyphs, labels = draw(500, 12345)
    answers = reader.classify_glyphs(glyphs.numpy())
    assert np.mean([a.digit == int(d) for a, d in zip(answers, labels, strict=True)]) > share
