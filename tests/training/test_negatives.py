"""What is no digit keeps the glyph's contract, repeats with its seed, and is doubted by a trained eye."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from inkdigits.glyph import FIT
from inkdigits.reader import Reader
from inkdigits.training.negatives import SHARES, draw_others
from inkdigits.training.strokes import OTHER

COUNT = 400


def of_kind(kind: str, glyphs: torch.Tensor) -> torch.Tensor:
    """The glyphs of one kind; letters and signs come first."""
    counts = {name: int(len(glyphs) * share) for name, share in SHARES.items()}
    counts = {"signs": len(glyphs) - sum(counts.values()), **counts}
    ends = np.cumsum(list(counts.values()))
    last = int(ends[list(counts).index(kind)])
    return glyphs[last - counts[kind] : last]


@pytest.fixture(scope="module")
def glyphs() -> torch.Tensor:
    return draw_others(COUNT, 12345)[0]


def test_the_same_seed_draws_the_same() -> None:
    first, again, other = (draw_others(60, seed)[0] for seed in (3, 3, 4))
    assert torch.equal(first, again)
    assert not torch.equal(first, other)


def test_all_are_labelled_as_no_digit() -> None:
    drawn, labels = draw_others(101, 0)
    assert drawn.dtype == torch.uint8
    assert drawn.shape == (101, 28, 28)
    assert (labels == OTHER).all()


@pytest.mark.parametrize("kind", ["signs", *SHARES])
def test_each_kind_fits_the_glyph_and_varies(kind: str, glyphs: torch.Tensor) -> None:
    drawn = of_kind(kind, glyphs).numpy()
    assert len({glyph.tobytes() for glyph in drawn}) == len(drawn)
    for glyph in drawn:
        rows, columns = np.flatnonzero((glyph > 50).any(1)), np.flatnonzero((glyph > 50).any(0))
        assert len(rows)
        assert max(np.ptp(rows), np.ptp(columns)) + 1 <= FIT + 3


def test_lone_strokes_leave_upright_ones_alone(glyphs: torch.Tensor) -> None:
    ys, xs = np.mgrid[:28, :28]
    for glyph in of_kind("strokes", glyphs).numpy():
        ink = glyph / glyph.sum()
        x, y = xs - (ink * xs).sum(), ys - (ink * ys).sum()
        turn = 0.5 * np.arctan2(2 * (ink * x * y).sum(), (ink * y * y).sum() - (ink * x * x).sum())
        assert abs(np.degrees(turn)) > 20  # from the vertical


def test_the_shipped_recogniser_doubts_them(glyphs: torch.Tensor) -> None:
    answers = Reader.load().classify_glyphs(glyphs.numpy())
    assert np.mean([answer.accepted for answer in answers]) < 0.1
