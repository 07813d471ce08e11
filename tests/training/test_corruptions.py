"""The fifteen corruptions: by seed, in their own way, and only where they belong."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy import ndimage

from inkdigits.errors import UsageError
from inkdigits.training.corruptions import CORRUPTIONS, corrupt
from inkdigits.training.datasets import Dataset, load_data, load_training_data
from inkdigits.training.effects import blurred, clouds, edges, segment, warped

PUBLISHED = (
    *("shot_noise", "impulse_noise", "glass_blur", "motion_blur", "shear", "scale", "rotate", "brightness"),
    *("translate", "stripe", "fog", "spatter", "dotted_line", "zigzag", "canny_edges"),
)


@pytest.fixture
def digits(mnist_test: Dataset) -> NDArray[np.uint8]:
    return mnist_test.images[:300]


def test_they_are_those_of_the_paper() -> None:
    assert tuple(CORRUPTIONS) == PUBLISHED


@pytest.mark.parametrize("name", PUBLISHED)
def test_the_same_seed_gives_the_same_images_however_many(name: str, digits: NDArray[np.uint8]) -> None:
    before = digits.copy()
    all_of_them = corrupt(digits, name, seed=3)
    assert all_of_them.shape == (300, 28, 28)
    assert all_of_them.dtype == np.uint8
    np.testing.assert_array_equal(corrupt(digits[:20], name, seed=3), all_of_them[:20])
    assert (all_of_them != digits).any(axis=(1, 2)).all(), "every image changes"
    np.testing.assert_array_equal(digits, before)
    same_again = np.array_equal(corrupt(digits[:20], name, seed=4), all_of_them[:20])
    assert same_again == (name in {"scale", "brightness", "stripe", "canny_edges"}), "these have no chance"


def test_two_images_that_are_equal_get_noise_of_their_own(digits: NDArray[np.uint8]) -> None:
    first, second = corrupt(np.stack([digits[0], digits[0]]), "impulse_noise")
    assert (first != second).any()


def test_none_and_no_images_are_fine(digits: NDArray[np.uint8]) -> None:
    assert all(corrupt(digits[:0], name).shape == (0, 28, 28) for name in CORRUPTIONS)
    assert all(corrupt(np.zeros((2, 28, 28), np.uint8), name).shape == (2, 28, 28) for name in CORRUPTIONS)


def test_noise_has_its_strength(digits: NDArray[np.uint8]) -> None:
    salted = corrupt(digits, "impulse_noise")
    paper = digits == 0
    assert np.mean(salted[paper] == 255) == pytest.approx(0.17 / 2, abs=0.005)
    assert np.mean(salted[digits == 255] == 0) == pytest.approx(0.17 / 2, abs=0.01)
    counted = corrupt(digits, "shot_noise")
    assert set(np.unique(counted)) == {0, 85, 170, 255}, "0, 1, 2, or 3 and more photons"
    assert not counted[paper].any()
    assert np.mean(counted[digits == 255] == 0) == pytest.approx(np.exp(-3), abs=0.01)


def test_what_has_one_outcome_has_it(digits: NDArray[np.uint8]) -> None:
    striped = corrupt(digits, "stripe")
    np.testing.assert_array_equal(striped[:, :, 7:21], digits[:, :, 7:21])
    np.testing.assert_array_equal(striped[:, :, [0, 6, 21, 27]], 255 - digits[:, :, [0, 6, 21, 27]])
    bright = corrupt(digits, "brightness")
    assert (bright[digits == 0] == 128).all()
    assert (bright[digits >= 128] == 255).all()


def test_moved_digits_are_the_same_ones(digits: NDArray[np.uint8]) -> None:
    seen = set()
    for before, after in zip(digits, corrupt(digits, "translate"), strict=True):
        fits = [
            (y, x)
            for y in (-3, 3)
            for x in (-3, 3)
            if np.array_equal(ndimage.shift(before, (y, x), order=0), after)
        ]
        assert len(fits) == 1
        seen |= set(fits)
    assert len(seen) == 4


def test_geometry_keeps_the_middle_and_goes_either_way() -> None:
    bar = np.zeros((200, 28, 28), np.uint8)
    bar[:, 4:24, 13:15] = 255
    for name in ("shear", "rotate"):
        found = corrupt(bar, name).astype(float)
        leans = [
            np.sign((image * np.linspace(-1, 1, 28)[:, None] * np.arange(-13.5, 14)).sum()) for image in found
        ]
        assert 60 < np.count_nonzero(np.array(leans) > 0) < 140, name
        assert 0 not in leans
        middle = ndimage.center_of_mass(found.mean(axis=0))
        np.testing.assert_allclose(middle, (13.5, 13.5), atol=0.2)
    smaller = corrupt(bar[:1], "scale")[0]
    assert np.flatnonzero(smaller.max(axis=1) > 100).tolist() == list(range(7, 21))  # 20 px become 14


def test_lines_cross_the_picture() -> None:
    blank = np.zeros((50, 28, 28), np.uint8)
    dotted = corrupt(blank, "dotted_line").max(axis=(0, 1))
    assert not dotted[[0, 1, 4, 5, 24, 25]].any()
    assert (dotted[[2, 3, 6, 7, 26]] > 200).all()
    zigzag = corrupt(blank, "zigzag").max(axis=(0, 1))
    assert not zigzag[:2].any()
    assert (zigzag[4:24] > 200).all()


def test_fog_keeps_the_ink_brighter_than_the_paper_beside_it(digits: NDArray[np.uint8]) -> None:
    foggy = corrupt(digits, "fog").astype(float)
    ink, paper = foggy[digits > 250].mean(), foggy[digits == 0].mean()
    assert 255 / 4 * 0.9 < ink - paper < 255 / 4 * 1.2, (
        "a quarter of the range: ink against fog of strength 3"
    )


def test_blurs_are_those_of_scipy(digits: NDArray[np.uint8]) -> None:
    images = digits[:5] / 255
    for sigma in (0.7, 1.0, 1.5):
        theirs = ndimage.gaussian_filter(images, (0, sigma, sigma), mode="nearest")
        np.testing.assert_allclose(blurred(images, sigma), theirs, atol=1e-12)
        theirs = ndimage.gaussian_filter(images, (0, sigma, 0), mode="constant")
        np.testing.assert_allclose(blurred(images, sigma, axes=(1,), outside="constant"), theirs, atol=1e-12)


def test_warps_are_those_of_scipy(digits: NDArray[np.uint8]) -> None:
    matrix = ((0.9, -0.4), (0.3, 1.1))
    of_rows = np.array(matrix)[::-1, ::-1]  # scipy's is of (y, x)
    offset = 13.5 - of_rows @ [13.5, 13.5]
    for image, found in zip(digits[:5] / 255, warped(digits[:5] / 255, matrix), strict=True):
        theirs = ndimage.affine_transform(image, of_rows, offset, order=1, mode="grid-constant")
        np.testing.assert_allclose(found, theirs, atol=1e-12)


def test_clouds_fill_the_range_and_meet_at_the_edges() -> None:
    maps = clouds([np.random.default_rng(seed) for seed in (1, 2)], decay=2.0, side=64)
    assert maps.shape == (2, 64, 64)
    assert (maps.min(axis=(1, 2)) == 0).all()
    assert (maps.max(axis=(1, 2)) == 1).all()
    steps = np.abs(np.diff(maps, axis=1, append=maps[:, :1]))
    assert steps[:, -1].mean() < 2 * steps[:, :-1].mean()


def test_edges_of_a_square_are_its_outline() -> None:
    square = np.zeros((1, 28, 28))
    square[:, 8:20, 8:20] = 1
    found = edges(square, weak=0.1, strong=0.2)[0]
    assert not found[10:18, 10:18].any()
    assert not found[:6].any()
    assert (found[7:9, 10:18].sum(axis=0) >= 1).all()
    faint = square * 0.06  # its slope, 0.15, lies between the thresholds
    assert not edges(faint, weak=0.1, strong=0.2).any()
    assert edges(faint, weak=0.1, strong=0.12).any()


def test_a_segment_fades_above_and_below() -> None:
    line = segment((0, 10), (27, 10))
    np.testing.assert_allclose(line[10, :27], 1)
    assert not line[:, 27].any()
    np.testing.assert_allclose(line[11, :27], 1 + np.log(1 - 1 / 2.3))
    assert not line[12].any()


def test_a_corruption_is_a_data_set_by_its_name(mnist_test: Dataset) -> None:
    found = load_data("mnist-test:stripe")
    assert found.name == "mnist-test:stripe"
    np.testing.assert_array_equal(found.images, corrupt(mnist_test.images, "stripe"))
    assert found.labels is mnist_test.labels or np.array_equal(found.labels, mnist_test.labels)  # type: ignore[arg-type]
    with pytest.raises(UsageError, match=r"rain: no such corruption; there are shot_noise, .*canny_edges"):
        load_data("mnist-test:rain")


@pytest.mark.parametrize("source", ["mnist-test:fog", "mnist-train:fog", "mnist-validation:rotate"])
def test_nothing_is_trained_on_them(source: str) -> None:
    with pytest.raises(UsageError, match="are kept for `inkdigits evaluate`"):
        load_training_data(source)
