"""When to trust an answer: the temperature that calibrates it, the rule that rejects it. Knows numbers only.

Two thresholds on the calibrated top probability make the rule:

    0 ──── not_a_digit ──── digit_at ──── unsure ──── accept_at ──── accepted ──── 1

The shipped network was taught, on pictures that are no digits, to answer that all classes are alike (outlier
exposure: Hendrycks et al., ICLR 2019), so a low top probability means just that. Both thresholds are fitted
on validation data and kept in the network's card.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from inkdigits.errors import InvalidWeights
from inkdigits.results import Reason

Floats = NDArray[np.floating[Any]]


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


def fit_temperature(logits: Floats, labels: NDArray[np.integer[Any]]) -> float:
    """The temperature with the least negative log likelihood, between 0.05 and 20.

    The loss is convex in 1/T, so it has one minimum, which a golden-section search over log T closes in on.

    Args:
        logits: `(N, classes)` on data that trained nothing.
        labels: `(N,)`, indices of the true classes.
    """
    low, high = np.log(0.05), np.log(20.0)
    golden = (np.sqrt(5) - 1) / 2
    for _ in range(40):  # leaves 6 × 0.618^40 < 1e-7 of log T
        left, right = high - golden * (high - low), low + golden * (high - low)
        if _log_loss(logits, labels, np.exp(left)) < _log_loss(logits, labels, np.exp(right)):
            high = right
        else:
            low = left
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


def _at_most(count: int, total: int, share: float, risk: float) -> bool:
    """Whether `count` of `total` shows a true share of at most `share`, at level `risk` (exact binomial)."""
    if total == 0:
        return False
    i = np.arange(count + 1)
    # log of C(total, i) share^i (1 - share)^(total - i), by the ratio of neighbours
    steps = np.log((total - i[1:] + 1) / i[1:]) + np.log(share) - np.log1p(-share)
    terms = total * np.log1p(-share) + np.concatenate([[0.0], np.cumsum(steps)])
    return bool(np.logaddexp.reduce(terms) <= np.log(risk))
