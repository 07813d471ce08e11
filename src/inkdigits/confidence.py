"""When to trust an answer: the temperature that calibrates it, the rule that rejects it. Knows numbers only.

Two thresholds on the calibrated top probability make the rule:

    0 ──── not_a_digit ──── digit_at ──── unsure ──── accept_at ──── accepted ──── 1

The shipped network was taught, on pictures that are no digits, to answer that all classes are alike (outlier
exposure: Hendrycks et al., ICLR 2019), so a low top probability means just that. Both thresholds are fitted
on validation data and kept in the network's card.

For numbers one threshold is enough, as the network says itself what is no digit. A caller states how many of
the accepted may be wrong, and the card's table says which threshold keeps that.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from inkdigits import ctc
from inkdigits.alphabet import DIGITS
from inkdigits.errors import InvalidWeights, UsageError
from inkdigits.results import Reason

MAX_ERROR = 0.01  # share of wrong numbers among the accepted, where a caller names none
RISK = 0.05  # probability that a promise on numbers fails

Floats = NDArray[np.floating[Any]]
Row = tuple[float, int, int]
"""A threshold; how many numbers of the calibration are that sure or surer; how many of them are wrong."""


@dataclass(frozen=True)
class Rule:
    """When an answer is sure enough to use unseen.

    Attributes:
        accept_at: least top probability of an accepted answer; the defaults serve where none is fitted.
        digit_at: least top probability of what is taken for a digit at all.
    """

    accept_at: float = 0.9
    digit_at: float = 0.5

    def reason(self, top: float) -> Reason | None:
        """Why an answer with the top probability `top` isn't accepted; None when it is."""
        if top < self.digit_at:
            return "not_a_digit"
        return "unsure" if top < self.accept_at else None


def rule_from_card(card: Mapping[str, Any]) -> Rule:
    """The rule in a network's card (`accept_at`, `digit_at`), or the defaults where it has none.

    Raises:
        InvalidWeights: thresholds that aren't probabilities in this order.
    """
    default = Rule()
    try:
        accept_at = float(card.get("accept_at", default.accept_at))
        digit_at = float(card.get("digit_at", min(default.digit_at, accept_at)))
    except (TypeError, ValueError):
        accept_at = digit_at = -1.0
    if not 0 <= digit_at <= accept_at <= 1:
        raise InvalidWeights("card: expected 0 ≤ digit_at ≤ accept_at ≤ 1; export the weights again")
    return Rule(accept_at, digit_at)


@dataclass(frozen=True)
class LineRule:
    """When a number is sure enough to use unseen.

    Attributes:
        accept_at: least confidence of an accepted number; 1 accepts none.
    """

    accept_at: float

    def reason(self, confidence: float) -> Reason | None:
        """Why a number with this confidence isn't accepted; None when it is."""
        return None if self.accept_at <= confidence and self.accept_at < 1 else "unsure"


def line_rule(card: Mapping[str, Any], max_error: float | None = None) -> LineRule:
    """The rule that accepts the most while the share of wrong numbers among the accepted stays in bounds.

    It takes the lowest threshold of the card's table at which the numbers of the calibration show a share of
    at most `max_error`. That holds for new numbers of the same kind, read without constraints, with
    probability `1 - RISK`: each threshold is tested by the exact binomial tail at `RISK` over the number of
    thresholds, since the lowest that passes is taken (Angelopoulos et al., "Learn then Test", 2021, with
    Bonferroni's correction; Geifman and El-Yaniv, NeurIPS 2017). Where none passes, or the card has no table,
    nothing is accepted: a promise that can't be shown to hold isn't made.

    Args:
        card: of a line network; `accept_table` is what `fit_line_table` returned.
        max_error: between 0 and 1; None stands for `MAX_ERROR`.

    Raises:
        UsageError: no such share.
        InvalidWeights: a table that can't be.
    """
    share = MAX_ERROR if max_error is None else max_error
    if not 0 < share < 1:
        raise UsageError(f"max-error {share}: must lie between 0 and 1, such as 0.01 for 1 wrong in 100")
    table = _table(card)
    passed = (t for t, accepted, wrong in table if _at_most(wrong, accepted, share, RISK / len(table)))
    return LineRule(min(passed, default=1.0))


def _table(card: Mapping[str, Any]) -> list[Row]:
    try:
        rows = [(float(t), int(accepted), int(wrong)) for t, accepted, wrong in card.get("accept_table", ())]
    except (TypeError, ValueError):
        rows = [(-1.0, 0, 0)]
    if not all(0 <= t <= 1 and 0 <= wrong <= accepted for t, accepted, wrong in rows):
        raise InvalidWeights("card: accept_table isn't a table of thresholds; export the weights again")
    return rows


def fit_line_table(confidences: Floats, right: NDArray[np.bool_]) -> list[Row]:
    """What a card keeps, so that any `max_error` can be asked for: how many are wrong at each threshold.

    The thresholds are the same whatever the data, as the test in `line_rule` needs.

    Args:
        confidences: `(N,)`, of numbers that trained and fitted nothing.
        right: `(N,)`, whether the number was read rightly.
    """
    rows = []
    for threshold in _LINE_THRESHOLDS:
        accepted = np.asarray(confidences) >= threshold
        rows.append((threshold, int(accepted.sum()), int((accepted & ~np.asarray(right, bool)).sum())))
    return rows


def expected_calibration_error(confidences: Floats, right: NDArray[np.bool_], bins: int = 15) -> float:
    """Expected calibration error, 0 to 1 (Guo et al., ICML 2017, section 2).

    The mean distance between confidence and share of right ones, over bins of equal width, by their size.

    Args:
        confidences: `(N,)`.
        right: `(N,)`.
        bins: how many.
    """
    if not len(confidences):
        return 0.0
    places = np.clip(np.ceil(np.asarray(confidences) * bins).astype(int) - 1, 0, bins - 1)  # (low, high]
    gaps = np.bincount(places, np.asarray(confidences) - np.asarray(right, float), bins)
    return float(np.abs(gaps).sum() / len(confidences))


def fit_line_temperature(logits: Sequence[Floats], texts: Sequence[str]) -> float:
    """The temperature at which a line's confidence says best whether its text is right.

    It has the least log loss of that one question, right or wrong, between 0.05 and 20. The likelihood of the
    true texts would ask for more: the probability of texts that would never be answered, so lines that are
    far from readable would decide (on lines of a half-trained network it left twice the calibration error).
    The text is the likeliest at temperature 1; others hardly ever change that.

    Args:
        logits: `(T, 16)` each, of lines that trained nothing.
        texts: what is written there, digits only.
    """
    read = [_likeliest(line) for line in logits]
    right = np.array([text == truth for text, truth in zip(read, texts, strict=True)])

    def loss(temperature: float) -> float:
        logs = np.array([_log_confidence(*both, temperature) for both in zip(logits, read, strict=True)])
        logs = np.minimum(logs, -1e-12)
        return -float(np.mean(np.where(right, logs, np.log(-np.expm1(logs)))))

    return _least(loss)


def _likeliest(logits: Floats) -> str:
    frames = ctc.merged(ctc.probabilities(logits), len(DIGITS))
    logs = ctc.search(frames, DIGITS, width=8, spare=0.01).logs
    return max(logs, key=lambda text: logs[text])


def _log_confidence(logits: Floats, text: str, temperature: float) -> float:
    frames = ctc.merged(ctc.probabilities(logits, temperature), len(DIGITS))
    return ctc.log_probabilities(frames, DIGITS, [text])[0]


def fit_temperature(logits: Floats, labels: NDArray[np.integer[Any]]) -> float:
    """The temperature with the least negative log likelihood, between 0.05 and 20.

    The loss is convex in 1/T, so it has one minimum.

    Args:
        logits: `(N, classes)` on data that trained nothing.
        labels: `(N,)`, indices of the true classes.
    """
    return _least(lambda temperature: _log_loss(logits, labels, temperature))


def _least(loss: Callable[[float], float]) -> float:
    """The temperature between 0.05 and 20 with the least loss: golden-section search over log T."""
    low, high = float(np.log(0.05)), float(np.log(20.0))
    golden = (np.sqrt(5) - 1) / 2
    left, right = high - golden * (high - low), low + golden * (high - low)
    losses = {at: loss(np.exp(at)) for at in (left, right)}
    for _ in range(30):  # leaves 6 × 0.618^30 < 1e-5 of log T
        if losses[left] < losses[right]:
            high, right = right, left
            left = high - golden * (high - low)
        else:
            low, left = left, right
            right = low + golden * (high - low)
        losses |= {at: loss(np.exp(at)) for at in (left, right) if at not in losses}
    return float(np.exp((low + high) / 2))


def _log_loss(logits: Floats, labels: NDArray[np.integer[Any]], temperature: float) -> float:
    scaled = np.asarray(logits, np.float64) / temperature
    scaled -= scaled.max(axis=1, keepdims=True)
    true = scaled[np.arange(len(labels)), labels]
    return float(np.mean(np.log(np.exp(scaled).sum(axis=1)) - true))


def fit_rule(
    probabilities: Floats,
    labels: NDArray[np.integer[Any]],
    outliers: Floats | None = None,
    *,
    wrong: float = 0.003,
    outliers_accepted: float = 0.05,
    lost: float = 0.002,
    risk: float = 0.05,
) -> Rule:
    """The rule that accepts as much as it safely can.

    `accept_at` is the lowest of 50 thresholds at which at most a share `wrong` of the accepted digits is
    wrong, and at most a share `outliers_accepted` of the outliers is accepted. Each promise holds for new
    data of the same kind with probability `1 - risk`: thresholds are tested by the exact binomial tail, at
    `risk / 50` each because the lowest that passes is taken (selection with guaranteed risk, Geifman and
    El-Yaniv, NeurIPS 2017; Bonferroni's correction as in Angelopoulos et al., "Learn then Test", 2021). When
    none passes, it is 1. `digit_at` gives up the share `lost` of the digits as no digits.

    Args:
        probabilities: `(N, classes)`, calibrated, on data that trained nothing.
        labels: `(N,)`, indices of the true classes.
        outliers: `(M, classes)`, calibrated, on pictures that are no digits.
        wrong: share of errors among accepted answers.
        outliers_accepted: share of accepted answers among outliers.
        lost: share of digits that may be called `not_a_digit`.
        risk: probability that a promise fails.
    """
    top, right = probabilities.max(axis=1), probabilities.argmax(axis=1) == labels
    outliers_top = None if outliers is None else outliers.max(axis=1)

    def keeps_promises(threshold: float) -> bool:
        accepted, each = top >= threshold, risk / len(_THRESHOLDS)
        if not _at_most(int((accepted & ~right).sum()), int(accepted.sum()), wrong, each):
            return False
        if outliers_top is None:
            return True
        return _at_most(int((outliers_top >= threshold).sum()), len(outliers_top), outliers_accepted, each)

    accept_at = next(filter(keeps_promises, _THRESHOLDS), 1.0)
    return Rule(accept_at, min(float(np.quantile(top, lost)), accept_at))


# 0.3 to 0.9999 in even steps of log p / (1 - p), finer towards 1 where sure answers crowd
_THRESHOLDS: list[float] = (1 / (1 + np.exp(-np.linspace(-0.85, 9.2, 50)))).tolist()
# of numbers, likewise, 0.27 to 0.999999: their probabilities are the surer, the longer the training
_LINE_THRESHOLDS = [round(t, 7) for t in (1 / (1 + np.exp(-np.linspace(-1, 13.8, 60)))).tolist()]


def _at_most(count: int, total: int, share: float, risk: float) -> bool:
    """Whether `count` of `total` shows a true share of at most `share`, at level `risk` (exact binomial)."""
    if total == 0:
        return False
    i = np.arange(count + 1)
    # log of C(total, i) share^i (1 - share)^(total - i), by the ratio of neighbours
    steps = np.log((total - i[1:] + 1) / i[1:]) + np.log(share) - np.log1p(-share)
    terms = total * np.log1p(-share) + np.concatenate([[0.0], np.cumsum(steps)])
    return bool(np.logaddexp.reduce(terms) <= np.log(risk))
