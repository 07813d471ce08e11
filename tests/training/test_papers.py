"""Papers and rulings repeat with their seed, stay in range, and are as varied as what they stand for."""

from __future__ import annotations

import numpy as np
import pytest

from inkdigits.training.papers import paper, rulings
from inkdigits.training.textures import clouds, cut, grains, marks, patterns, sheets, white_noise


@pytest.mark.parametrize(("height", "width"), [(64, 300), (33, 40), (120, 1500)])
def test_any_size_is_served_in_range(height: int, width: int) -> None:
    rng = np.random.default_rng(0)
    for _ in range(60):
        for field in (paper(rng, height, width), rulings(rng, height, width, height * 0.8, height * 0.5)):
            assert field.shape == (height, width)
            assert field.dtype == np.float32
            assert field.min() >= 0
            assert field.max() <= 1


def test_the_same_seed_gives_the_same() -> None:
    first, again, other = (np.random.default_rng(seed) for seed in (1, 1, 2))
    for _ in range(40):
        page = paper(first, 48, 200)
        assert np.array_equal(page, paper(again, 48, 200))
        assert not np.array_equal(page, paper(other, 48, 200))
        lines = rulings(first, 48, 200, 38, 26)
        assert np.array_equal(lines, rulings(again, 48, 200, 38, 26))


def test_papers_are_bright_and_many_are_patterned() -> None:
    rng = np.random.default_rng(3)
    papers = [paper(rng, 64, 300) for _ in range(300)]
    levels = np.array([np.median(page) for page in papers])
    assert np.mean(levels > 0.45) > 0.85
    assert levels.std() > 0.08
    rough = np.array([page.std() for page in papers])
    assert np.mean(rough < 0.025) > 0.15  # plain ones
    assert np.mean(rough > 0.04) > 0.3  # patterns


def test_rulings_are_level_mostly_and_lie_round_the_number() -> None:
    rng = np.random.default_rng(4)
    under, inside = 0, 0
    for _ in range(200):
        ink = rulings(rng, 64, 300, 48, 32)
        under += bool(ink[45:].mean(1).max() > 0.15)
        inside += bool(ink[24:40].mean() > 0.3)
    assert under > 120
    assert inside < 20


@pytest.mark.parametrize("tiles", [patterns, grains, clouds, marks, sheets])
def test_no_stored_tile_is_empty(tiles: object) -> None:
    assert callable(tiles)
    for tile in tiles():
        assert tile.dtype == np.uint8
        assert tile.std() > 3
    assert tiles() is tiles()


def test_a_cut_larger_than_its_tile_goes_on() -> None:
    rng = np.random.default_rng(5)
    whole = cut(rng, patterns()[0], 400, 2000, zoom=0.7, turn=4)
    assert whole[300:, 1500:].std() > 0.02


def test_noise_is_normal_at_any_size() -> None:
    for shape in ((64, 300), (900, 300)):
        noise = white_noise(np.random.default_rng(6), *shape)
        assert noise.shape == shape
        assert abs(float(noise.mean())) < 0.05
        assert abs(float(noise.std()) - 1) < 0.05
