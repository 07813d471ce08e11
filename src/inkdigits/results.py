"""What a recogniser answers: frozen values, whose `to_dict()` is the JSON everywhere. Knows nobody."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

Reason = Literal["blank", "not_a_digit", "unsure"]


@dataclass(frozen=True)
class Classification:
    """One picture of one digit, classified.

    Attributes:
        digit: 0 to 9, or None when the picture is blank or the network's classes aren't digits.
        confidence: probability of `digit`, calibrated, 0 to 1; 0 when blank.
        accepted: whether the answer is sure enough to use unseen.
        reason: why it isn't accepted, or None.
        probabilities: one for each class, in class order; all 0 when blank.
        source: the file the picture came from, or None.
        label: the class's name: `7`, or `A` of a network that was trained on letters; None when blank.
    """

    digit: int | None
    confidence: float
    accepted: bool
    reason: Reason | None
    probabilities: tuple[float, ...]
    source: str | None = None
    label: str | None = None

    def to_dict(self) -> dict[str, Any]:
        """The JSON object, probabilities to six places; `label` only where the class is no digit."""
        labelled = {} if self.label is None or self.digit is not None else {"label": self.label}
        return {
            "source": self.source,
            "digit": self.digit,
            **labelled,
            "confidence": round(self.confidence, 6),
            "accepted": self.accepted,
            "reason": self.reason,
            "probabilities": [round(p, 6) for p in self.probabilities],
        }
