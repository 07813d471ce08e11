"""Temperatures are recovered, thresholds keep their promise on fresh data, and the rules follow the card."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from inkdigits.alphabet import CLASSES
from inkdigits.confidence import (
    MAX_ERROR,
    LineRule,
    Rule,
    fit_line_table,
    fit_line_temperature,
    fit_rule,
    fit_temperature,
    line_rule,
    rule_from_card,
)
from inkdigits.confidence import expected_calibration_error as ece
from inkdigits.decode import decode
from inkdigits.errors import InvalidWeights, UsageError
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


def numbers(count: int, seed: int) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """Confidences of numbers, most of them high, and whether each was right: calibrated."""
    random = np.random.default_rng(seed)
    confidences = 1 - 10 ** random.uniform(-6, 0, count)
    return confidences, random.random(count) < confidences


def test_the_promise_on_numbers_holds_on_fresh_data() -> None:
    """At a risk of 5%, two of forty tables may break a promise; with as careful a test, hardly any does."""
    broken = 0
    for seed in range(40):
        card = {"accept_table": fit_line_table(*numbers(6_000, seed))}
        confidences, right = numbers(40_000, 1_000 + seed)
        for max_error in (0.05, 0.01, 0.003):
            accepted = confidences >= line_rule(card, max_error).accept_at
            assert accepted.mean() > 0.25  # it isn't kept by accepting nothing
            broken += bool((~right[accepted]).mean() > max_error)
    assert broken <= 2


def test_the_threshold_is_about_the_lowest_that_could_be() -> None:
    confidences, right = numbers(40_000, 1)
    accepted = confidences >= line_rule({"accept_table": fit_line_table(confidences, right)}, 0.01).accept_at
    assert 0.007 < (~right[accepted]).mean() <= 0.01


def test_stricter_shares_accept_less_and_the_default_is_1_percent() -> None:
    card = {"accept_table": fit_line_table(*numbers(20_000, 2))}
    thresholds = [line_rule(card, share).accept_at for share in (0.2, 0.05, 0.01, 0.002)]
    assert thresholds == sorted(thresholds)
    assert line_rule(card) == line_rule(card, MAX_ERROR) == LineRule(thresholds[2])


def test_the_table_survives_the_card_s_json() -> None:
    card = {"accept_table": fit_line_table(*numbers(5_000, 3))}
    again = json.loads(json.dumps(card))
    assert line_rule(again, 0.02) == line_rule(card, 0.02)
    assert len(json.dumps(card)) < 2_500


def test_a_promise_that_can_t_be_shown_accepts_nothing() -> None:
    few = {"accept_table": fit_line_table(*numbers(200, 4))}
    always_wrong = {"accept_table": fit_line_table(np.full(9_000, 0.9999), np.zeros(9_000, bool))}
    for card, share in ((few, 0.001), (always_wrong, 0.5), ({}, 0.5), ({"accept_table": []}, 0.5)):
        rule = line_rule(card, share)
        assert rule.accept_at == 1
        assert rule.reason(1.0) == "unsure"


def test_the_line_rule_s_reasons() -> None:
    assert LineRule(0.9).reason(0.9) is None
    assert LineRule(0.9).reason(0.89) == "unsure"
    assert LineRule(0.0).reason(0.0) is None


@pytest.mark.parametrize("share", [0, 1, -0.1, 1.5, float("nan")])
def test_shares_that_can_t_be(share: float) -> None:
    with pytest.raises(UsageError, match="must lie between 0 and 1"):
        line_rule({}, share)


@pytest.mark.parametrize(
    "table", [5, [1], [[0.5, 1]], [[0.5, 1, 2]], [[1.5, 3, 1]], [["a", 3, 1]], [[0.5, 3, -1]], None], ids=str
)
def test_tables_that_can_t_be(table: Any) -> None:
    with pytest.raises(InvalidWeights, match="accept_table"):
        line_rule({"accept_table": table})


def test_calibration_error_of_numbers() -> None:
    assert ece(*numbers(100_000, 5)) < 0.01
    confidences, right = numbers(20_000, 6)
    assert ece(np.full(10, 0.8), np.arange(10) < 6) == pytest.approx(0.2)
    assert ece(np.array([0.05, 1.0]), np.array([False, True]), bins=10) == pytest.approx(0.025)
    assert ece(np.sqrt(confidences), right) > ece(confidences, right) + 0.01
    assert ece(np.zeros(0), np.zeros(0, bool)) == 0


def drawn_lines(count: int, sharpness: float) -> tuple[list[NDArray[np.float64]], list[str]]:
    """Lines of three doubtful digits, drawn from their frames' softmax; then logits times `sharpness`."""
    random = np.random.default_rng(0)
    lines, texts = [], []
    for _ in range(count):
        logits = np.full((9, len(CLASSES)), -30.0)
        logits[:, 0] = 0
        doubts = random.normal(scale=4, size=(3, 10))
        logits[1:8:3, 0] = -30
        logits[1:8:3, 1:11] = doubts
        digits = (softmax(doubts).cumsum(axis=1) < random.random((3, 1))).sum(axis=1)
        lines.append(logits * sharpness)
        texts.append("".join(map(str, digits)))
    return lines, texts


@pytest.mark.parametrize("sharpness", [0.7, 2.0])
def test_the_temperature_of_lines_makes_their_confidence_true(sharpness: float) -> None:
    lines, texts = drawn_lines(600, sharpness)
    temperature = fit_line_temperature(lines, texts)
    assert temperature == pytest.approx(sharpness, rel=0.15)
    read = [decode(logits, None, temperature) for logits in lines]
    right = np.array([one.text == text for one, text in zip(read, texts, strict=True)])
    assert np.mean([one.confidence for one in read]) == pytest.approx(right.mean(), abs=0.05)


def test_lines_that_are_all_right_or_all_wrong_have_a_finite_temperature() -> None:
    lines, texts = drawn_lines(20, 1.0)
    for truths in ([decode(line, None).text for line in lines], ["x" for _ in texts]):
        assert 0.05 <= fit_line_temperature(lines, truths) <= 20
