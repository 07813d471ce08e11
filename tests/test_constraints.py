"""Constraints: what satisfies them, what may still come to, and what no number can satisfy."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from inkdigits.constraints import Constraints, digits_of
from inkdigits.errors import UsageError

quickly = settings(deadline=None)  # no deadline: machines are busy at times
readings = st.text("0123456789.,-/", max_size=8)
known = st.sampled_from(
    [
        Constraints(length=3),
        Constraints(min_length=2, max_length=4),
        Constraints(low=1, high=31),
        Constraints(low=150),
        Constraints(high=99, min_length=2),
        Constraints(low=20, max_length=2),
        Constraints(check="luhn", max_length=4),
        Constraints(pattern=r"\d{2}(\.\d{2})?"),
        Constraints(pattern=r"[12]\d*", high=250),
    ]
)


@quickly
@given(known, readings)
def test_the_beginnings_of_what_satisfies_may_become_so(constraints: Constraints, reading: str) -> None:
    if constraints.satisfied_by(reading):
        assert all(constraints.may_become(reading[:end]) for end in range(len(reading) + 1))


@pytest.mark.parametrize(
    ("asked", "good", "bad"),
    [
        ({"length": 3}, ["123", "000"], ["12", "1234", ""]),
        ({"min_length": 2, "max_length": 3}, ["12", "123"], ["1", "1234"]),
        ({"low": 1, "high": 31}, ["1", "01", "31", "0007"], ["0", "32", "", "100"]),
        ({"low": 5}, ["5", "1000"], ["4", "0"]),
        ({"high": 5}, ["5", "0"], ["6", "50"]),
        ({"check": "luhn"}, ["18", "79927398713"], ["17", "8"]),
        ({"check": "luhn", "length": 2}, ["18"], ["79927398713"]),
        ({"pattern": r"\d{5}(-\d{4})?"}, ["12345", "12345-6789"], ["123456789", "1234-5"]),
        ({"pattern": r"1\d*"}, ["1", "123"], ["2", "21"]),
    ],
)
def test_what_satisfies(asked: dict[str, Any], good: list[str], bad: list[str]) -> None:
    constraints = Constraints(**asked)
    assert [r for r in good if not constraints.satisfied_by(r)] == []
    assert [r for r in bad if constraints.satisfied_by(r)] == []


def test_beginnings_that_can_t_come_to_it_are_known() -> None:
    assert not Constraints(length=2).may_become("123")
    assert not Constraints(low=1, high=31).may_become("32")
    assert Constraints(low=1, high=31).may_become("003")
    assert not Constraints(low=50, max_length=2).may_become("4")
    assert Constraints(low=50, max_length=3).may_become("4")
    assert not Constraints(pattern=r"1\d*").may_become("2")
    assert not Constraints(pattern=r"\d{2}-\d").may_become("1-")


def test_marks_matter_where_the_pattern_knows_them() -> None:
    assert Constraints(pattern=r"\d+(-\d+)?").on_raw
    assert not Constraints(pattern=r"\d+").on_raw
    assert not Constraints(length=3).on_raw
    assert Constraints(pattern=r"\d{2}-\d{2}", length=4).satisfied_by("12-34"), "lengths count digits"


def test_nothing_asked_is_free() -> None:
    assert Constraints().free
    assert not Constraints(low=0).free


@pytest.mark.parametrize(
    ("asked", "reason"),
    [
        ({"length": 0}, "length 0: must be 1 to 40"),
        ({"min_length": -1}, "min-length -1: must be 1 to 40"),
        ({"max_length": 41}, "max-length 41: must be 1 to 40"),
        ({"min_length": 4, "max_length": 3}, "max-length 3 can't be satisfied together with min-length 4"),
        ({"length": 5, "max_length": 4}, "max-length 4 can't be satisfied together with length 5"),
        ({"low": -1}, "range: -1 can't be written"),
        ({"high": 10**40}, "can't be written"),
        ({"low": 31, "high": 1}, "its least, 31, is above its greatest, 1"),
        ({"low": 1000, "max_length": 3}, "a value of 1000 or more can't be satisfied together with"),
        ({"check": "isbn13", "length": 10}, "check isbn13 can't be satisfied together with length 10"),
        ({"check": "crc"}, "check 'crc': not known"),
        ({"pattern": r"\d{4}", "length": 6}, "can't be satisfied together with length 6"),
        ({"pattern": r"\d{4}", "check": "aba"}, "can't be satisfied together with check aba"),
        ({"pattern": "-"}, "pattern '-' can't be satisfied: no number of 1 to 40 digits does"),
        ({"pattern": "("}, "never closed"),
    ],
)
def test_what_no_number_can_satisfy_is_said_at_once(asked: dict[str, Any], reason: str) -> None:
    with pytest.raises(UsageError) as caught:
        Constraints(**asked)
    assert reason in str(caught.value)
    assert "\n" not in str(caught.value)


def test_digits_of_a_reading() -> None:
    assert digits_of("1.234,-") == "1234"
    assert digits_of("1234") == "1234"
    assert digits_of("-/") == ""
