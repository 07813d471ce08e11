"""Decoding: exact probabilities of texts, marks, boxes; constraints are searched for, never forced."""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from inkdigits import ctc
from inkdigits.alphabet import CLASSES
from inkdigits.constraints import Constraints, digits_of
from inkdigits.decode import CERTAIN, DOUBT, FLOOR, Decoded, decode

Floats = NDArray[np.float64]
quickly = settings(deadline=None, max_examples=40)  # no deadline: machines are busy at times
PITCH = 8  # frames from one character to the next


def line(text: str, doubts: dict[int, dict[str, float]] | None = None, sure: float = 14.0) -> Floats:
    """Logits of a line with a character every `PITCH` frames, one frame long.

    Args:
        text: with marks and `?`.
        doubts: for a place in `text` other classes ("" is the blank), their logits less the character's.
        sure: logit of what stands there; all other classes have 0.
    """
    logits = np.zeros((PITCH * (len(text) + 1), len(CLASSES)))
    logits[:, 0] = sure
    for place, character in enumerate(text):
        frame = logits[PITCH * (place + 1) - 2]
        frame[0] = 0
        frame[CLASSES.index(character)] = sure
        for other, beside in (doubts or {}).get(place, {}).items():
            frame[CLASSES.index(other)] = sure + beside
    return logits


def boxes_of(logits: Floats) -> Floats:
    """A box in each frame that tells the frame: (t, 1, t + 10, 31)."""
    t = np.arange(len(logits), dtype=float)
    return np.stack([t, np.ones_like(t), t + 10, 31 * np.ones_like(t)], axis=1)


def read(logits: Floats, **asked: Any) -> Decoded:
    return decode(logits, boxes_of(logits), 1.0, Constraints(**asked))


@cache
def readings_of(seed: int, count: int = 3, sharpness: float = 2.5) -> tuple[Any, dict[str, float]]:
    """Random logits, and the probability of every reading with its marks, step by step without any limit."""
    logits = np.random.default_rng(seed).normal(scale=sharpness, size=(count, len(CLASSES)))
    beams = {("", 0): 1.0}
    for frame in ctc.probabilities(logits):
        later: dict[tuple[str, int], float] = {}
        for (text, last), chance in beams.items():
            for c, name in enumerate(CLASSES):
                longer = text if c in (0, last, 15) else text + name
                later[longer, c] = later.get((longer, c), 0.0) + chance * frame[c]
        beams = later
    readings: dict[str, float] = {}
    for (text, _), chance in beams.items():
        readings[text] = readings.get(text, 0.0) + chance
    return logits, readings


def texts_of(readings: dict[str, float]) -> dict[str, float]:
    texts: dict[str, float] = {}
    for reading, chance in readings.items():
        texts[digits_of(reading)] = texts.get(digits_of(reading), 0.0) + chance
    return texts


@quickly
@given(st.integers(0, 300))
def test_confidence_is_the_text_s_probability_whatever_the_marks(seed: int) -> None:
    logits, readings = readings_of(seed)
    texts = texts_of(readings)
    decoded = decode(logits, boxes_of(logits), beam=64)
    assert decoded.confidence == pytest.approx(texts[decoded.text], rel=1e-9)
    assert decoded.confidence >= max(texts.values()) - 0.003, "what the search may drop for speed"
    for other in decoded.alternatives:
        assert other.confidence == pytest.approx(texts[other.text], rel=1e-9)
    assert decoded.unconstrained.text == decoded.text


ASKED = [
    {"length": 2},
    {"min_length": 3},
    {"max_length": 1},
    {"low": 10, "high": 49},
    {"check": "luhn"},
    {"pattern": r"[1-4]+"},
    {"pattern": r"\d[.,]\d+|\d-"},
    {"length": 2, "pattern": r"\d\D?\d"},
]


@quickly
@given(st.integers(0, 60), st.sampled_from(ASKED))
def test_the_likeliest_reading_that_satisfies_is_found(seed: int, asked: dict[str, Any]) -> None:
    logits, readings = readings_of(seed)
    constraints = Constraints(**asked)
    texts = texts_of(readings)
    satisfying = (
        texts_of({r: p for r, p in readings.items() if constraints.satisfied_by(r)})
        if constraints.on_raw
        else {t: p for t, p in texts.items() if constraints.satisfied_by(t)}
    )
    share = sum(satisfying.values())
    decoded = decode(logits, None, 1.0, constraints)
    if share > 0.05:
        best = max(satisfying.values())
        assert decoded.satisfied
        assert satisfying[decoded.text] >= 0.9 * best
        full = satisfying[decoded.text] / (share + DOUBT * (1 - share))
        assert 0.8 * full <= decoded.confidence <= full + 0.003
        assert all(alternative.text in satisfying for alternative in decoded.alternatives)
    if share < FLOOR:
        assert not decoded.satisfied
        assert (decoded.text, decoded.raw, decoded.confidence, decoded.digits) == ("", "", 0, ())


def test_a_clear_line() -> None:
    decoded = read(line("1.234,5-"))
    assert (decoded.text, decoded.raw) == ("12345", "1.234,5-")
    assert decoded.confidence > 0.99
    assert decoded.confidence <= CERTAIN
    assert decoded.satisfied
    assert [digit.text for digit in decoded.digits] == list("12345")
    assert decoded.alternatives == ()
    assert decoded.characters == pytest.approx(8, abs=0.1)
    assert decoded.others == pytest.approx(0, abs=0.1)


@pytest.mark.parametrize(
    "raw", ["5", "55", "00", "5.5", "5..5", "-5", ".-", "5-/", "", "11111111111111111111"]
)
def test_marks_and_repeated_digits_are_kept_as_written(raw: str) -> None:
    decoded = read(line(raw))
    assert (decoded.raw, decoded.text) == (raw, digits_of(raw))


def test_what_is_neither_digit_nor_mark_is_counted_and_left_out() -> None:
    decoded = read(line("?12?"))
    assert (decoded.text, decoded.raw) == ("12", "12")
    assert decoded.others == pytest.approx(2, abs=0.05)
    assert decoded.characters == pytest.approx(4, abs=0.05)
    nothing = read(line("???"))
    assert (nothing.text, nothing.digits) == ("", ())
    assert nothing.others == pytest.approx(nothing.characters, abs=0.05)


def test_boxes_are_those_of_the_digit_s_own_frames() -> None:
    logits = line("1.2")
    first, second = PITCH - 2, 3 * PITCH - 2
    assert [digit.box[0] for digit in read(logits).digits] == pytest.approx([first, second])
    assert read(logits).digits[1].box == pytest.approx((second, 1, second + 10, 31))
    logits[first + 1] = logits[first]  # a digit of two frames
    assert read(logits).digits[0].box[0] == pytest.approx(first + 0.5)
    logits[first + 1, 0] = 13  # of which the second may as well be blank
    assert first + 0.3 < read(logits).digits[0].box[0] < first + 0.45
    assert decode(logits, None).digits == ()


def test_a_doubtful_digit_has_alternatives_and_so_has_the_number() -> None:
    decoded = read(line("1234", {2: {"8": -0.5, "5": -1.0}}))
    assert decoded.text == "1234"
    assert [other.text for other in decoded.alternatives] == ["1284", "1254"]
    digit = decoded.digits[2]
    assert [other.text for other in digit.alternatives] == ["8", "5"]
    assert digit.confidence == pytest.approx(decoded.confidence, abs=0.02)
    assert digit.alternatives[0].confidence == pytest.approx(decoded.alternatives[0].confidence, abs=0.02)
    assert decoded.digits[0].confidence > 0.99
    assert decoded.digits[0].alternatives == ()


@quickly
@given(st.integers(0, 300))
def test_probabilities_are_in_order_and_add_up_to_no_more_than_1(seed: int) -> None:
    logits, _ = readings_of(seed, 3, 1.5)
    decoded = decode(logits, boxes_of(logits))
    numbers = [decoded.confidence, *(other.confidence for other in decoded.alternatives)]
    assert numbers == sorted(numbers, reverse=True)
    assert len(numbers) <= 6
    assert sum(numbers) <= 1 + 1e-9
    for digit in decoded.digits:
        assert digit.confidence >= decoded.confidence - 1e-9
        others = [other.confidence for other in digit.alternatives]
        assert others == sorted(others, reverse=True)
        assert len(others) <= 3
        assert digit.confidence + sum(others) <= 1 + 1e-9


def test_a_missing_digit_makes_all_digits_from_it_on_no_less_sure() -> None:
    """A reading without the third digit agrees on the others, from both ends."""
    decoded = read(line("1234", {2: {"": -0.5}}))
    assert [other.text for other in decoded.alternatives[:1]] == ["124"]
    assert decoded.digits[2].confidence < 0.9
    assert all(decoded.digits[place].confidence > 0.99 for place in (0, 1, 3))


def test_temperature_softens() -> None:
    logits = line("12", {0: {"7": -1.0}})
    assert decode(logits, None, 1.5).confidence < decode(logits, None, 1.0).confidence
    assert decode(logits, None, 0.5).confidence > decode(logits, None, 1.0).confidence


def test_a_known_length_finds_the_doubtful_digit() -> None:
    logits = line("1234", {3: {"": 1.0}})
    assert read(logits).text == "123"
    known = read(logits, length=4)
    assert known.text == "1234"
    assert known.confidence > 0.95
    assert known.unconstrained.text == "123"


def test_a_check_digit_finds_the_misread_one() -> None:
    number = "4539578763621486"
    logits = line(number, {5: {"1": 0.7}, 11: {"7": 0.4}})
    assert read(logits).text not in (number, "")
    known = read(logits, check="luhn")
    assert known.text == number
    assert known.confidence > 0.9


def test_doubt_in_every_digit_is_searched_widely() -> None:
    """An account with six doubtful digits, three of them misread: the first search follows too few."""
    number = "89370400440532013000"
    doubts = {place: {str((int(number[place]) + 4) % 10): -1.0} for place in (1, 6, 12)}
    doubts |= {place: {str((int(number[place]) + 3) % 10): 0.3} for place in (3, 8, 15)}
    logits = line(number, doubts)
    narrow = ctc.search(ctc.merged(ctc.probabilities(logits), 10), "0123456789", width=4, spare=3e-3)
    assert number not in narrow.logs
    known = decode(logits, None, 1.0, Constraints(check="iban:DE"), beam=4)
    assert (known.text, known.satisfied) == (number, True)
    assert known.confidence > 0.6


def test_nothing_is_forced() -> None:
    clear = line("12345")
    for asked in ({"length": 6}, {"low": 1, "high": 31}, {"check": "luhn"}, {"pattern": r"\d+-\d+"}):
        decoded = read(clear, **asked)
        assert not decoded.satisfied
        assert (decoded.text, decoded.raw, decoded.confidence, decoded.digits) == ("", "", 0.0, ())
        assert decoded.unconstrained.text == "12345"
        assert decoded.unconstrained.confidence > 0.99
        assert all(other.confidence < 0.5 for other in decoded.alternatives)


def test_the_less_likely_what_satisfies_the_less_it_is_trusted() -> None:
    confidences = []
    for beside in (3.0, 2.0, 1.0, 0.0, -1.0):
        known = read(line("17", {1: {"1": beside}}), pattern="17")
        confidences.append(known.confidence)
    assert confidences == sorted(confidences)
    assert confidences[0] < 0.95 < confidences[-1]


def test_patterns_choose_between_marks() -> None:
    logits = line("12.34", {2: {",": 0.5, "-": -0.5}})
    assert read(logits).raw == "12,34"
    assert read(logits, pattern=r"\d+\.\d+").raw == "12.34"
    dashed = read(logits, pattern=r"\d{2}(-\d{2})?")
    assert (dashed.raw, dashed.text) == ("12-34", "1234")
    assert [digit.text for digit in dashed.digits] == list("1234")
    assert dashed.digits[2].box[0] == pytest.approx(4 * PITCH - 2)
    assert read(logits, pattern=r"\d{4}").raw == "12,34", "a pattern of digits leaves marks alone"


@pytest.mark.parametrize("pattern", [r"(\d+)+", r"(\d*)*-", r"(\d|\d\d)+", r"((\d{1,3})+[.,]?)+"])
def test_patterns_of_many_ways_end_at_once(pattern: str) -> None:
    doubts = {place: {str(place % 10): -0.3} for place in range(20)}
    decoded = read(line("39281746502938475610", doubts, sure=9), pattern=pattern)
    assert decoded.satisfied == (pattern != r"(\d*)*-")


def test_noise_of_any_length_has_an_answer() -> None:
    rng = np.random.default_rng(0)
    for count in (0, 1, 2, 1024):
        logits = rng.normal(size=(count, len(CLASSES))).astype(np.float32)
        for asked in ({}, {"check": "verhoeff"}, {"pattern": r"\d+([.,]\d+)*"}, {"length": 5}):
            decoded = read(logits, **asked)
            assert 0 <= decoded.confidence <= 1
            assert len(decoded.digits) == len(decoded.text)
            assert np.isfinite([digit.box for digit in decoded.digits]).all()


def test_no_frames_are_an_empty_line() -> None:
    decoded = read(np.zeros((0, len(CLASSES))))
    assert (decoded.text, decoded.raw, decoded.characters) == ("", "", 0)
    assert decoded.confidence == CERTAIN
