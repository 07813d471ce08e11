"""Temperatures are recovered, thresholds keep their promise on fresh data, and the rule follows the card."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from inkdigits.confidence import Rule, fit_rule, fit_temperature, rule_from_card
from inkdigits.errors import InvalidWeights
from inkdigits.model import softmax


def drawn(count: int, seed: int, spread: float = 8.0) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """Logits and labels that are drawn from their very softmax: calibrated at temperature 1."""
    random = np.random.default_rng(seed)
    logits = random.normal(scale=spread, size=(count, 10))
    uniform = random.random((count, 1))
    labels = (softmax(logits).cumsum(axis=1) < uniform).sum(axis=1)
    return logits, labels


@pytest.mark.parametrize("temperature", [0.3, 1.0, 1.7, 6.0])
def test_the_temperature_that_made_them_is_found(temperature: float) -> None:
    logits, labels = drawn(20_000, seed=0)
    assert fit_temperature(logits * temperature, labels) == pytest.approx(temperature, rel=0.03)


def test_the_temperature_is_where_the_loss_is_least() -> None:
    logits, labels = drawn(2_000, seed=1)

    def loss(temperature: float) -> float:
        return float(-np.log(softmax(logits, temperature)[np.arange(2_000), labels]).mean())

    best = fit_temperature(logits, labels)
    assert loss(best) <= min(loss(best * 1.01), loss(best / 1.01))


def test_a_perfect_network_gets_a_finite_temperature() -> None:
    logits = np.eye(10)[np.arange(100) % 10] * 20
    assert 0.05 <= fit_temperature(logits, np.arange(100) % 10) <= 20


@pytest.mark.parametrize(
    ("top", "reason"), [(0.2, "not_a_digit"), (0.4, "unsure"), (0.79, "unsure"), (0.8, None)]
)
def test_the_rule_s_reasons(top: float, reason: str | None) -> None:
    assert Rule(accept_at=0.8, digit_at=0.4).reason(top) == reason


def test_the_rule_of_a_card() -> None:
    assert rule_from_card({"accept_at": 0.97, "digit_at": 0.6}) == Rule(0.97, 0.6)
    assert rule_from_card({}) == Rule(accept_at=0.9, digit_at=0.5)
    assert rule_from_card({"accept_at": 0.3}) == Rule(0.3, 0.3)


@pytest.mark.parametrize(
    "card",
    [{"accept_at": 1.2}, {"accept_at": 0.5, "digit_at": 0.6}, {"digit_at": -0.1}, {"accept_at": None}],
    ids=str,
)
def test_thresholds_that_can_t_be(card: dict[str, float]) -> None:
    with pytest.raises(InvalidWeights, match="digit_at ≤ accept_at"):
        rule_from_card(card)


def test_the_promise_holds_on_fresh_data() -> None:
    """At a risk of 5%, two of forty fits may break their promise; chance makes it four at times."""
    broken = 0
    for seed in range(40):
        logits, labels = drawn(4_000, seed=seed)
        rule = fit_rule(softmax(logits), labels, wrong=0.02)
        fresh, truth = drawn(20_000, seed=1_000 + seed)
        probabilities = softmax(fresh)
        accepted = probabilities.max(axis=1) >= rule.accept_at
        assert accepted.mean() > 0.3  # it isn't kept by accepting nothing
        broken += bool((probabilities.argmax(axis=1) != truth)[accepted].mean() > 0.02)
    assert broken <= 4


def test_no_looser_threshold_would_pass() -> None:
    logits, labels = drawn(4_000, seed=7)
    probabilities = softmax(logits)
    rule = fit_rule(probabilities, labels, wrong=0.02)
    accepted = probabilities.max(axis=1) >= rule.accept_at - 0.1
    assert (probabilities.argmax(axis=1) != labels)[accepted].mean() > 0.015


def test_stricter_promises_accept_less() -> None:
    logits, labels = drawn(10_000, seed=3)
    probabilities = softmax(logits)
    thresholds = [fit_rule(probabilities, labels, wrong=wrong).accept_at for wrong in (0.05, 0.02, 0.01)]
    assert thresholds[0] < thresholds[1] < thresholds[2] < 1


def test_outliers_keep_the_threshold_up() -> None:
    labels = np.arange(5_000) % 10
    probabilities = softmax(np.eye(10)[labels] * 9)  # digits are sure: 0.9988
    outliers = softmax(np.random.default_rng(0).normal(scale=0.5, size=(1_000, 10)) + np.eye(10)[3] * 4)
    rule = fit_rule(probabilities, labels, outliers)
    assert (outliers.max(axis=1) >= rule.accept_at).mean() <= 0.05
    assert fit_rule(probabilities, labels).accept_at < rule.accept_at
    assert (probabilities.max(axis=1) >= rule.accept_at).all()


def test_hardly_any_digit_is_called_none() -> None:
    logits, labels = drawn(10_000, seed=4)
    probabilities = softmax(logits)
    rule = fit_rule(probabilities, labels, wrong=0.1, lost=0.01)
    lost = float((probabilities.max(axis=1) < rule.digit_at).mean())
    assert 0 < lost <= 0.01


def test_too_little_data_accepts_nothing() -> None:
    logits, labels = drawn(50, seed=5)
    assert fit_rule(softmax(logits), labels, wrong=0.001).accept_at == 1
    wrong_labels = (drawn(2_000, seed=6)[1] + 1) % 10
    assert fit_rule(softmax(drawn(2_000, seed=6)[0]), wrong_labels).accept_at == 1
