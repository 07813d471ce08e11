"""Augmentation keeps the contract of glyphs, repeats with its seed, and does what each option says."""

from __future__ import annotations

from dataclasses import fields, replace

import numpy as np
import pytest
import torch
from torch import Generator, Tensor

from inkdigits.glyph import SIDE
from inkdigits.training.augment import augment
from inkdigits.training.datasets import Dataset
from inkdigits.training.recipes import RECIPES, Augment

EVERYTHING = RECIPES["robust"].augment


@pytest.fixture
def glyphs(mnist_train: Dataset) -> Tensor:
    return torch.from_numpy(mnist_train.images[:64].copy())


def seeded(seed: int = 0) -> Generator:
    return torch.Generator().manual_seed(seed)


def test_nothing_asked_for_changes_nothing(glyphs: Tensor) -> None:
    torch.testing.assert_close(augment(glyphs, Augment(), seeded()), glyphs.float())


def test_the_same_seed_gives_the_same_glyphs_and_another_gives_others(glyphs: Tensor) -> None:
    first, again, other = (augment(glyphs, EVERYTHING, seeded(s)) for s in (1, 1, 2))
    assert torch.equal(first, again)
    assert not torch.equal(first, other)
    assert first.shape == glyphs.shape
    assert first.min() >= 0
    assert first.max() <= 255


@pytest.mark.parametrize(
    "option",
    [f.name for f in fields(Augment) if f.name not in {"synthetic", "pens", "negatives", "elastic_scale"}],
)
def test_every_option_changes_glyphs(option: str, glyphs: Tensor) -> None:
    how = replace(Augment(), **{option: 0.9})
    assert not torch.equal(augment(glyphs, how, seeded()), glyphs.float())


def test_strength_zero_warps_nothing(glyphs: Tensor) -> None:
    how = Augment(rotation=30, shift=3, zoom=0.3, shear=0.3, stretch=0.5, elastic=2)
    torch.testing.assert_close(augment(glyphs, how, seeded(), strength=0), glyphs.float(), atol=0.02, rtol=0)


def test_a_flip_is_a_mirror_image(glyphs: Tensor) -> None:
    flipped = augment(glyphs, Augment(flip=1), seeded())
    # mirrored about pixel 14.0, where the mass is: pixel x goes to 28 − x, and pixel 0 falls off
    torch.testing.assert_close(flipped[:, :, 1:], glyphs.float().flip(2)[:, :, :-1], atol=0.02, rtol=0)


def test_rotation_turns_about_the_middle_of_the_ink() -> None:
    bar = torch.zeros(200, SIDE, SIDE, dtype=torch.uint8)
    bar[:, 4:25, 13:16] = 255
    turned = augment(bar, Augment(rotation=45), seeded())
    rows = torch.arange(SIDE).float()
    middle = (turned.sum(2) @ rows) / turned.sum((1, 2))
    assert middle.sub(14).abs().max() < 0.3
    width = (turned.amax(1) > 50).sum(1)
    assert width.max() > 12  # some turned far
    assert width.min() < 6  # some hardly


def test_thickness_adds_and_removes_ink(glyphs: Tensor) -> None:
    before = glyphs.float().mean((1, 2))
    change = augment(glyphs, Augment(thickness=1.5), seeded()).mean((1, 2)) / before
    assert change.max() > 1.3
    assert change.min() < 0.8


def test_refit_forgets_proportions_and_keeps_the_longest_side() -> None:
    bar = torch.zeros(64, SIDE, SIDE, dtype=torch.uint8)
    bar[:, 4:24, 12:16] = 255
    boxed = augment(bar, Augment(refit=1), seeded())
    width = (boxed.amax(1) > 50).sum(1)
    height = (boxed.amax(2) > 50).sum(1)
    assert width.min() >= 11
    # 4 pixels stretched to 20 have edges 5 pixels soft, half of each outside
    assert torch.maximum(width, height).sub(20).abs().max() <= 5


def test_erase_wipes_out_about_the_share_it_says(glyphs: Tensor) -> None:
    many = glyphs.repeat(8, 1, 1)
    changed = (augment(many, Augment(erase=0.5), seeded()) != many).any(2).any(1).float().mean()
    assert np.isclose(float(changed), 0.5, atol=0.12)  # a few rectangles meet no ink
