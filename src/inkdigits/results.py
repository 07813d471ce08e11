"""What a recogniser answers: frozen values, whose `to_dict()` is the JSON everywhere. Knows nobody.

`from_dict()` makes the value again from that JSON: confidences to six places, boxes to one. It leaves out
members that it doesn't know, so that a newer server can say more; JSON that lacks one, or has one of another
kind, raises KeyError, TypeError, ValueError or AttributeError.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from math import floor
from typing import Any, Literal, Self

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

    @classmethod
    def from_dict(cls, known: Mapping[str, Any]) -> Self:
        """The answer whose JSON object this is."""
        digit, probabilities = known["digit"], tuple(map(float, known["probabilities"]))
        label = known.get("label") if digit is None else str(digit)
        verdict = float(known["confidence"]), known["accepted"], known["reason"]
        return cls(digit, *verdict, probabilities, known["source"], label)


def as_percent(confidence: float) -> str:
    """`99.9%`; rounded down, for 99.97% is no certainty."""
    return f"{floor(confidence * 1000) / 10:.1f}%"


Box = tuple[float, float, float, float]
"""x0, y0, x1, y1 in pixels of the upright page, x1 and y1 exclusive."""


@dataclass(frozen=True)
class Alternative:
    """Another reading of the same ink.

    Attributes:
        text: digits.
        confidence: its probability, calibrated, 0 to 1.
    """

    text: str
    confidence: float

    def to_dict(self) -> dict[str, Any]:
        """The JSON object."""
        return {"text": self.text, "confidence": round(self.confidence, 6)}

    @classmethod
    def from_dict(cls, known: Mapping[str, Any]) -> Self:
        """The alternative whose JSON object this is."""
        return cls(known["text"], float(known["confidence"]))


@dataclass(frozen=True)
class Digit:
    """One digit of a number.

    Attributes:
        text: `0` to `9`.
        confidence: probability of `text` here, calibrated, 0 to 1.
        box: around its ink.
        alternatives: other digits that it may be, likeliest first.
    """

    text: str
    confidence: float
    box: Box
    alternatives: tuple[Alternative, ...] = ()

    def to_dict(self) -> dict[str, Any]:
        """The JSON object."""
        return {
            "text": self.text,
            "confidence": round(self.confidence, 6),
            "box": _rounded(self.box),
            "alternatives": [other.to_dict() for other in self.alternatives],
        }

    @classmethod
    def from_dict(cls, known: Mapping[str, Any]) -> Self:
        """The digit whose JSON object this is."""
        others = tuple(map(Alternative.from_dict, known["alternatives"]))
        return cls(known["text"], float(known["confidence"]), _box(known), others)


@dataclass(frozen=True)
class Line:
    """One number.

    Attributes:
        text: its digits alone; empty when there are none.
        raw: with the marks between them: `.` `,` `-` `/`.
        confidence: probability that `text` is right, calibrated, 0 to 1.
        accepted: whether it is sure enough to use unseen.
        reason: why it isn't accepted, or None.
        box: around its ink.
        digits: one for each character of `text`, in order.
        alternatives: other readings of the whole number, likeliest first.
    """

    text: str
    raw: str
    confidence: float
    accepted: bool
    reason: Reason | None
    box: Box
    digits: tuple[Digit, ...] = ()
    alternatives: tuple[Alternative, ...] = ()

    @property
    def is_number(self) -> bool:
        """Whether there is a number to show; what was read in words and drawings is none."""
        return bool(self.text) and self.reason != "not_a_digit"

    def to_dict(self) -> dict[str, Any]:
        """The JSON object."""
        return {
            "text": self.text,
            "raw": self.raw,
            "confidence": round(self.confidence, 6),
            "accepted": self.accepted,
            "reason": self.reason,
            "box": _rounded(self.box),
            "digits": [digit.to_dict() for digit in self.digits],
            "alternatives": [other.to_dict() for other in self.alternatives],
        }

    @classmethod
    def from_dict(cls, known: Mapping[str, Any]) -> Self:
        """The number whose JSON object this is."""
        verdict = float(known["confidence"]), known["accepted"], known["reason"]
        digits = tuple(map(Digit.from_dict, known["digits"]))
        others = tuple(map(Alternative.from_dict, known["alternatives"]))
        return cls(known["text"], known["raw"], *verdict, _box(known), digits, others)


@dataclass(frozen=True)
class Reading:
    """What was read on one page, or in one picture of a number.

    Attributes:
        lines: the numbers, in reading order.
        width: of the upright page, pixels.
        height: of the upright page, pixels.
        page: which page of the source, from 1.
        source: the file it came from, or None.
    """

    lines: tuple[Line, ...]
    width: int
    height: int
    page: int = 1
    source: str | None = None

    @property
    def text(self) -> str:
        """The digits of all numbers, one number a line; numbers without digits left out."""
        return "\n".join(line.text for line in self.lines if line.text)

    def to_dict(self) -> dict[str, Any]:
        """The JSON object."""
        return {
            "source": self.source,
            "page": self.page,
            "width": self.width,
            "height": self.height,
            "text": self.text,
            "lines": [line.to_dict() for line in self.lines],
        }

    @classmethod
    def from_dict(cls, known: Mapping[str, Any]) -> Self:
        """The reading whose JSON object this is; its `text` follows from its lines."""
        lines = tuple(map(Line.from_dict, known["lines"]))
        return cls(lines, known["width"], known["height"], known["page"], known["source"])


def _rounded(box: Box) -> list[float]:
    return [round(float(side), 1) for side in box]


def _box(known: Mapping[str, Any]) -> Box:
    x0, y0, x1, y1 = map(float, known["box"])
    return x0, y0, x1, y1
