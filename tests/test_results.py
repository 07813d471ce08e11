"""Results to JSON and back: nothing is lost but decimals, and what is unknown is left out."""

from __future__ import annotations

import json
from typing import Any

import pytest

from inkdigits.results import Alternative, Classification, Digit, Line, Reading

SEVEN = Classification(7, 0.998, True, None, (0.0, 0.002, *(0.0,) * 5, 0.998, 0.0, 0.0), "a.png", "7")
BLANK = Classification(None, 0.0, False, "blank", (0.0,) * 10)
LETTER = Classification(None, 0.75, False, "unsure", (0.75, 0.25), "b.png", "A")
DIGIT = Digit("7", 0.99, (1.5, 2.0, 9.0, 20.5), (Alternative("1", 0.006),))
LINE = Line("7", "7,-", 0.97, False, "unsure", (1.5, 2.0, 30.0, 20.5), (DIGIT,), (Alternative("1", 0.02),))
PAGE = Reading((LINE, Line("", "", 0.0, False, "blank", (0.0, 0.0, 5.0, 5.0))), 175, 58, 3, "a.pdf")


def through_json(value: Classification | Reading) -> Any:
    return json.loads(json.dumps(value.to_dict()))


@pytest.mark.parametrize("answer", [SEVEN, BLANK, LETTER])
def test_a_classification_comes_back(answer: Classification) -> None:
    assert Classification.from_dict(through_json(answer)) == answer


def test_a_reading_comes_back() -> None:
    assert Reading.from_dict(through_json(PAGE)) == PAGE


def test_whole_numbers_become_floats_again() -> None:
    known = {**through_json(SEVEN), "confidence": 1, "probabilities": [0] * 7 + [1, 0, 0]}
    answer = Classification.from_dict(known)
    assert all(isinstance(p, float) for p in (answer.confidence, *answer.probabilities))


def test_members_of_a_newer_version_are_left_out() -> None:
    known = through_json(PAGE)
    for part in (known, known["lines"][0], known["lines"][0]["digits"][0]):
        part["explanation"] = {"strip": "…"}
    assert Reading.from_dict(known) == PAGE


@pytest.mark.parametrize("spoil", [{"lines": None}, {"lines": [{}]}, {"lines": ["7"]}])
def test_other_json_raises(spoil: dict[str, Any]) -> None:
    with pytest.raises((KeyError, TypeError, ValueError, AttributeError)):
        Reading.from_dict({**through_json(PAGE), **spoil})
