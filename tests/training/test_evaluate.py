"""Figures of merit against values worked out by hand, by other libraries, and properties they must have."""

from __future__ import annotations

import json
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from sklearn.metrics import f1_score, log_loss

from inkdigits.confidence import expected_calibration_error
from inkdigits.errors import InvalidData, InvalidWeights
from inkdigits.training.datasets import Dataset
from inkdigits.training.evaluate import (
    accuracy_of_surest,
    answer,
    judge,
    reliability,
    wilson_interval,
)

DIGITS = tuple("0123456789")


def logits_of(predicted: list[int], confidence: list[float], classes: int) -> NDArray[np.float64]:
    """Logits whose softmax gives each sample the prediction and confidence that are asked for."""
    rest = (1 - np.array(confidence)) / (classes - 1)
    probabilities = np.repeat(rest[:, None], classes, axis=1)
    probabilities[np.arange(len(predicted)), predicted] = confidence
    return np.log(probabilities)


def test_figures_of_a_small_case_worked_out_by_hand() -> None:
    truth = np.array([0, 0, 0, 1, 1, 2])
    logits = logits_of([0, 0, 1, 1, 2, 2], [0.9, 0.8, 0.6, 0.7, 0.5, 0.95], 3)
    found = judge(logits, truth, ("a", "b", "c"))
    assert (found.n, found.errors) == (6, 2)
    assert found.accuracy == pytest.approx(4 / 6)
    assert found.standard_error == pytest.approx(math.sqrt(4 / 6 * 2 / 6 / 6))
    assert found.confusion == ((2, 1, 0), (0, 1, 1), (0, 0, 1))
    a, b, c = found.per_class
    assert (a.precision, a.recall, a.f1, a.support) == (1.0, pytest.approx(2 / 3), pytest.approx(0.8), 3)
    assert (b.precision, b.recall, b.support) == (0.5, 0.5, 2)
    assert (c.precision, c.recall, c.support) == (0.5, 1.0, 1)
    assert found.macro.recall == pytest.approx((2 / 3 + 0.5 + 1) / 3)
    assert found.weighted.recall == pytest.approx(4 / 6)
    right = [math.log(p) for p in (0.9, 0.8, 0.7, 0.95)]
    wrong = [math.log(p) for p in (0.2, 0.25)]  # what was left for the truth
    assert found.loss == pytest.approx(-sum(right + wrong) / 6)


def test_calibration_error_of_a_constructed_case() -> None:
    # (0.6, 0.667]: 4 samples at 0.65, half right; (0.867, 0.933]: 6 samples at 0.9, all right
    confidence = np.array([0.65] * 4 + [0.9] * 6)
    right = np.array([True, True, False, False] + [True] * 6)
    bins = reliability(confidence, right)
    assert [b.count for b in bins if b.count] == [4, 6]
    assert expected_calibration_error(confidence, right) == pytest.approx((4 * 0.15 + 6 * 0.1) / 10)


def test_a_confidence_on_an_edge_belongs_to_the_bin_below() -> None:
    bins = reliability(np.array([3 / 15, 1.0, 0.0]), np.array([True, True, False]))
    assert [place for place, b in enumerate(bins) if b.count] == [0, 2, 14]
    assert (bins[2].low, bins[2].high) == (pytest.approx(2 / 15), pytest.approx(3 / 15))


def test_rejecting_the_least_sure_keeps_the_rest() -> None:
    confidence = np.linspace(0.51, 1, 100)
    right = np.ones(100, bool)
    right[[0, 1, 4, 60]] = False
    logits = logits_of([1] * 100, list(np.clip(confidence, 0, 0.9999)), 2)
    found = judge(logits, right.astype(np.int64), ("no", "yes"))
    assert [p.rejected for p in found.rejection] == [0, 0.01, 0.02, 0.05, 0.1]
    assert [p.accuracy for p in found.rejection] == pytest.approx(
        [96 / 100, 96 / 99, 96 / 98, 94 / 95, 89 / 90]
    )
    assert found.rejection[3].threshold == pytest.approx(confidence[5])


def test_area_under_the_risk_coverage_curve_by_hand() -> None:
    logits = logits_of([0, 0, 0], [0.9, 0.8, 0.7], 2)
    found = judge(logits, np.array([0, 1, 0]), ("a", "b"))
    assert found.aurc == pytest.approx((0 + 1 / 2 + 1 / 3) / 3)  # risk of the 1, 2, 3 surest


def test_equal_confidences_share_their_errors_whatever_their_order() -> None:
    confidence = np.array([0.9, 0.7, 0.7, 0.7, 0.5])
    right = np.array([True, False, True, True, False])
    expected = [1, (1 + 2 / 3) / 2, (1 + 4 / 3) / 3, 3 / 4, 3 / 5]
    for order in ([0, 1, 2, 3, 4], [4, 3, 2, 1, 0], [2, 4, 1, 0, 3]):
        assert accuracy_of_surest(confidence[order], right[order]) == pytest.approx(expected)


def test_a_class_that_does_not_occur_has_no_scores_and_counts_in_no_mean() -> None:
    truth = np.array([0, 0, 2, 2])
    found = judge(logits_of([0, 1, 2, 2], [0.9] * 4, 4), truth, ("a", "b", "c", "d"))
    b = found.per_class[1]
    assert (b.precision, b.recall, b.f1, b.support) == (None, None, None, 0)
    assert found.macro.recall == pytest.approx((0.5 + 1) / 2)
    assert found.confusion[0] == (1, 1, 0, 0)
    json.dumps(found.to_dict(), allow_nan=False)


def test_a_class_that_is_never_answered_counts_as_zero() -> None:
    found = judge(logits_of([0, 0], [0.9, 0.9], 2), np.array([0, 1]), ("a", "b"))
    assert found.per_class[1].precision == 0
    assert found.macro.precision == pytest.approx(0.25)


@pytest.mark.parametrize("truth", [0, 1])
def test_one_sample_is_enough(truth: int) -> None:
    found = judge(np.array([[3.0, 1.0]]), np.array([truth]), ("a", "b"))
    assert found.accuracy == 1 - truth
    assert {p.accuracy for p in found.rejection} == {1.0 - truth}
    assert found.standard_error == 0


def test_temperature_changes_confidence_and_loss_but_no_prediction(random: np.random.Generator) -> None:
    logits, truth = random.normal(size=(200, 5)) * 4, random.integers(0, 5, 200)
    cold, warm = (judge(logits, truth, tuple("abcde"), temperature) for temperature in (1.0, 3.0))
    assert cold.confusion == warm.confusion
    assert answer(logits, 3.0).confidence.mean() < answer(logits).confidence.mean()
    assert warm.loss == pytest.approx(log_loss(truth, answer(logits, 3.0).probabilities))


def test_an_impossible_truth_has_a_large_but_finite_loss() -> None:
    found = judge(np.array([[0.0, 2000.0]]), np.array([0]), ("a", "b"))
    assert found.loss == pytest.approx(2000)


def test_agrees_with_scikit_learn_on_mnist_labels(mnist_test: Dataset, random: np.random.Generator) -> None:
    assert mnist_test.labels is not None
    logits = random.normal(size=(len(mnist_test), 10)) + 4 * np.eye(10)[mnist_test.labels]
    found = judge(logits.astype(np.float32), mnist_test.labels, DIGITS)
    predicted = logits.astype(np.float32).argmax(axis=1)
    assert found.macro.f1 == pytest.approx(f1_score(mnist_test.labels, predicted, average="macro"))
    assert found.errors == (predicted != mnist_test.labels).sum()
    assert [row.support for row in found.per_class][:3] == [980, 1135, 1032]


@pytest.mark.parametrize(
    ("logits", "labels", "said"),
    [
        (np.zeros((2, 3)), None, "has no labels"),
        (np.zeros((0, 3)), np.array([], int), "is empty"),
        (np.zeros((2, 2)), np.array([0, 1]), "2 samples of 3 classes"),
        (np.zeros((1, 3)), np.array([0, 1]), "2 samples of 3 classes"),
        (np.zeros((2, 3)), np.array([0, 3]), "run from 0 to 3"),
        (np.zeros((2, 3)), np.array([-1, 2]), "run from -1 to 2"),
    ],
)
def test_data_that_does_not_fit_is_refused(
    logits: NDArray[np.float64], labels: NDArray[np.int64] | None, said: str
) -> None:
    with pytest.raises(InvalidData, match=said):
        judge(logits, labels, ("a", "b", "c"))


@pytest.mark.parametrize("broken", [np.nan, np.inf])
def test_answers_that_are_not_numbers_are_refused(broken: float) -> None:
    with pytest.raises(InvalidWeights, match="aren't finite"):
        judge(np.array([[0.0, broken]]), np.array([0]), ("a", "b"))


def test_wilson_interval_against_the_published_example() -> None:
    # Newcombe 1998, table I: 81 of 263 and 0 of 20
    low, high = wilson_interval(np.array([81 / 263, 0.0]), np.array([263.0, 20.0]))
    assert low == pytest.approx([0.2553, 0.0], abs=1e-4)
    assert high == pytest.approx([0.3662, 0.1611], abs=1e-4)


@given(
    st.lists(
        st.tuples(st.lists(st.floats(-50, 50), min_size=3, max_size=3), st.integers(0, 2)),
        min_size=1,
        max_size=40,
    )
)
def test_figures_keep_within_their_bounds(samples: list[tuple[list[float], int]]) -> None:
    logits = np.array([values for values, _ in samples])
    truth = np.array([label for _, label in samples])
    found = judge(logits, truth, ("a", "b", "c"))
    assert sum(map(sum, found.confusion)) == found.n == sum(b.count for b in found.bins)
    assert found.errors == found.n - sum(found.confusion[i][i] for i in range(3))
    assert 0 <= found.ece <= 1
    assert -1e-12 <= found.aurc <= 1 + 1e-12
    assert found.loss >= 0
    assert found.rejection[0].accuracy == pytest.approx(found.accuracy)
    assert [p.threshold for p in found.rejection] == sorted(p.threshold for p in found.rejection)
    json.dumps(found.to_dict(), allow_nan=False)
