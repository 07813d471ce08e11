"""Logits and labels to figures of merit. Knows numbers only: no files, no pictures, no networks."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.metrics import confusion_matrix, precision_recall_fscore_support

from inkdigits.confidence import expected_calibration_error
from inkdigits.errors import InvalidData, InvalidWeights
from inkdigits.model import softmax

BINS = 15  # of confidence, equally wide, as Guo et al. 2017 and most papers since
REJECTED_PERCENT = (0, 1, 2, 5, 10)  # of the samples

Floats = NDArray[np.float64]
Whole = NDArray[np.int64]


@dataclass(frozen=True)
class Answers:
    """What a network answered, sample by sample.

    Attributes:
        probabilities: `float64 (N, classes)`; rows add up to 1.
        predicted: `int64 (N,)`, the most probable class.
        confidence: `float64 (N,)`, its probability.
    """

    probabilities: Floats
    predicted: Whole
    confidence: Floats


@dataclass(frozen=True)
class Scores:
    """Precision, recall and F1, 0 to 1, of one class or averaged over classes."""

    precision: float
    recall: float
    f1: float


@dataclass(frozen=True)
class ClassScores:
    """One class's row of the classification report; the scores are None where the data has none of it."""

    name: str
    precision: float | None
    recall: float | None
    f1: float | None
    support: int


@dataclass(frozen=True)
class Bin:
    """The samples whose confidence lies in (`low`, `high`]; both means are None when there are none."""

    low: float
    high: float
    count: int
    confidence: float | None
    accuracy: float | None


@dataclass(frozen=True)
class RejectionPoint:
    """What is left when the least sure `rejected` of all samples go to a person.

    Attributes:
        rejected: fraction of the samples, 0 to 1.
        accuracy: of those that are kept.
        threshold: the lowest confidence among those that are kept.
    """

    rejected: float
    accuracy: float
    threshold: float


@dataclass(frozen=True)
class Metrics:
    """How good a recogniser's answers are on one data set.

    Attributes:
        n: samples.
        classes: names, in output order.
        accuracy: fraction answered rightly.
        errors: how many were answered wrongly.
        loss: mean negative log-likelihood of the truth, nats.
        ece: expected calibration error over 15 bins of equal width (Guo et al. 2017), 0 to 1.
        aurc: area under the risk-coverage curve (Geifman & El-Yaniv 2017): the mean error rate over all
            numbers of kept samples, surest first; 0 is best.
        temperature: what the logits were divided by.
        macro: mean over the classes that occur in the data.
        weighted: the same, weighted by how often each occurs.
        per_class: a row a class.
        confusion: `confusion[truth][predicted]`, counts.
        bins: the reliability diagram.
        rejection: accuracy with 0, 1, 2, 5 and 10% rejected.
    """

    n: int
    classes: tuple[str, ...]
    accuracy: float
    errors: int
    loss: float
    ece: float
    aurc: float
    temperature: float
    macro: Scores
    weighted: Scores
    per_class: tuple[ClassScores, ...]
    confusion: tuple[tuple[int, ...], ...]
    bins: tuple[Bin, ...]
    rejection: tuple[RejectionPoint, ...]

    @property
    def standard_error(self) -> float:
        """Of the accuracy, binomial: √(p(1−p)/n)."""
        return math.sqrt(self.accuracy * (1 - self.accuracy) / self.n)

    def to_dict(self) -> dict[str, Any]:
        """The JSON object of `metrics.json`."""
        return {**asdict(self), "standard_error": self.standard_error}


def answer(logits: NDArray[np.floating[Any]], temperature: float = 1.0) -> Answers:
    """Softmax of `logits (N, classes)` over `temperature`.

    Raises:
        InvalidWeights: a logit isn't finite, so the network that gave it is broken.
    """
    if not np.isfinite(logits).all():
        raise InvalidWeights("the network answers with numbers that aren't finite; train or fetch it again")
    probabilities = softmax(logits, temperature)
    predicted = probabilities.argmax(axis=1)
    return Answers(probabilities, predicted, probabilities[np.arange(len(predicted)), predicted])


def judge(
    logits: NDArray[np.floating[Any]],
    labels: Whole | None,
    classes: Sequence[str],
    temperature: float = 1.0,
) -> Metrics:
    """Everything that can be said of a recogniser's answers in numbers.

    Args:
        logits: `float (N, classes)`.
        labels: `int (N,)`, indices into `classes`.
        classes: names in output order; any number of them, some of which may not occur.
        temperature: calibrates the probabilities; 1 leaves them as they are. It changes no prediction.

    Raises:
        InvalidData: no samples, no labels, or labels that don't fit the logits and classes.
        InvalidWeights: a logit isn't finite.
    """
    truth = _checked(logits, labels, classes)
    answers = answer(logits, temperature)
    right = answers.predicted == truth
    bins = reliability(answers.confidence, right)
    everyone = list(range(len(classes)))
    macro, weighted = _averages(truth, answers.predicted)
    return Metrics(
        n=len(truth),
        classes=tuple(classes),
        accuracy=float(right.mean()),
        errors=int((~right).sum()),
        loss=_log_loss(logits, truth, temperature),
        ece=expected_calibration_error(answers.confidence, right, BINS),
        aurc=float((1 - accuracy_of_surest(answers.confidence, right)).mean()),
        temperature=float(temperature),
        macro=macro,
        weighted=weighted,
        per_class=_per_class(truth, answers.predicted, classes),
        confusion=tuple(map(tuple, confusion_matrix(truth, answers.predicted, labels=everyone).tolist())),
        bins=bins,
        rejection=tuple(_rejection(answers.confidence, right)),
    )


def reliability(confidence: Floats, right: NDArray[np.bool_]) -> tuple[Bin, ...]:
    """The samples sorted into `BINS` bins of equal width by confidence (Guo et al. 2017, section 2)."""
    edges = np.linspace(0, 1, BINS + 1)
    places = np.clip(np.searchsorted(edges, confidence, side="left") - 1, 0, BINS - 1)  # (low, high]
    bins = []
    for place in range(BINS):
        inside = places == place
        count = int(inside.sum())
        means = (float(confidence[inside].mean()), float(right[inside].mean())) if count else (None, None)
        bins.append(Bin(float(edges[place]), float(edges[place + 1]), count, *means))
    return tuple(bins)


def accuracy_of_surest(confidence: Floats, right: NDArray[np.bool_]) -> Floats:
    """`float64 (N,)`: entry k−1 is the accuracy of the k surest samples.

    Samples of equal confidence count with their mean, so that the order of the data doesn't matter.
    """
    levels, level, counts = np.unique(-confidence, return_inverse=True, return_counts=True)
    shared = np.bincount(level, weights=right, minlength=len(levels)) / counts
    return np.asarray(np.cumsum(np.repeat(shared, counts)) / np.arange(1, len(right) + 1))


def wilson_interval(share: Floats, n: Floats) -> tuple[Floats, Floats]:
    """Lower and upper ends of the 95% interval of a share of `n` samples (Wilson 1927)."""
    z2 = 1.96**2
    centre = (share + z2 / (2 * n)) / (1 + z2 / n)
    half = np.sqrt(z2) / (1 + z2 / n) * np.sqrt(share * (1 - share) / n + z2 / (4 * n**2))
    return centre - half, centre + half


def _checked(logits: NDArray[np.floating[Any]], labels: Whole | None, classes: Sequence[str]) -> Whole:
    """The labels, once they are known to fit."""
    if labels is None:
        raise InvalidData("the data has no labels, so nothing can be judged; name data that has them")
    if len(labels) == 0:
        raise InvalidData("the data is empty: there is nothing to judge")
    if logits.shape != (len(labels), len(classes)):
        wanted = f"{len(labels)} samples of {len(classes)} classes"
        raise InvalidData(f"the answers have the shape {logits.shape}, but the data has {wanted}")
    if labels.min() < 0 or labels.max() >= len(classes):
        raise InvalidData(
            f"the labels run from {labels.min()} to {labels.max()}, but there are {len(classes)} classes"
        )
    return labels


def _log_loss(logits: NDArray[np.floating[Any]], truth: Whole, temperature: float) -> float:
    """From the logits, since the logarithm of a softmax is −∞ where the truth seemed impossible."""
    scaled = logits.astype(np.float64) / temperature
    top = scaled.max(axis=1)
    normaliser = top + np.log(np.exp(scaled - top[:, None]).sum(axis=1))
    return float((normaliser - scaled[np.arange(len(truth)), truth]).mean())


def _per_class(truth: Whole, predicted: Whole, classes: Sequence[str]) -> tuple[ClassScores, ...]:
    columns = precision_recall_fscore_support(
        truth, predicted, labels=list(range(len(classes))), zero_division=0.0
    )
    rows = zip(classes, *(column.tolist() for column in columns), strict=True)
    return tuple(
        ClassScores(name, precision, recall, f1, support)
        if support
        else ClassScores(name, None, None, None, 0)
        for name, precision, recall, f1, support in rows
    )


def _averages(truth: Whole, predicted: Whole) -> tuple[Scores, Scores]:
    """Macro and weighted, over the classes that occur: recall means nothing for the others."""
    present = np.unique(truth).tolist()
    macro, weighted = (
        precision_recall_fscore_support(truth, predicted, labels=present, average=average, zero_division=0.0)
        for average in ("macro", "weighted")
    )
    return Scores(*map(float, macro[:3])), Scores(*map(float, weighted[:3]))


def _rejection(confidence: Floats, right: NDArray[np.bool_]) -> list[RejectionPoint]:
    surest = accuracy_of_surest(confidence, right)
    falling = np.sort(confidence)[::-1]
    points = []
    for percent in REJECTED_PERCENT:
        kept = len(right) - len(right) * percent // 100
        points.append(RejectionPoint(percent / 100, float(surest[kept - 1]), float(falling[kept - 1])))
    return points
