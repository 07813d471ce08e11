"""Patterns match as Python's own do, but in bounded time, and know what may still become a match."""

from __future__ import annotations

import re
from contextlib import suppress

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from inkdigits.errors import UsageError
from inkdigits.patterns import READABLE, compile_pattern

quickly = settings(deadline=None)  # no deadline: machines are busy at times
ATOMS = [r"\d", "1", "2", r"\.", ",", "-", "/", ".", "[12]", "[^1]", "[1-3.]", r"[\d-]", r"\D"]
TIMES = ["*", "+", "?", "{2}", "{1,3}", "{,2}", "{2,}", "*?", "{0}"]
patterns = st.recursive(
    st.sampled_from(ATOMS),
    lambda inner: st.one_of(
        st.tuples(inner, inner).map("".join),
        st.tuples(inner, inner).map(lambda two: f"({two[0]}|{two[1]})"),
        st.tuples(inner, st.sampled_from(TIMES)).map(lambda two: f"(?:{two[0]}){two[1]}"),
    ),
    max_leaves=8,
)


def as_python(pattern: str, text: str) -> bool:
    return re.fullmatch(pattern, text, re.ASCII) is not None


@quickly
@given(patterns, st.lists(st.text("123.-,/", max_size=6), min_size=1, max_size=30))
def test_they_match_what_python_s_expressions_match(pattern: str, texts: list[str]) -> None:
    compiled = compile_pattern(pattern)
    for text in texts:
        assert compiled.matches(text) == as_python(pattern, text)
        if compiled.matches(text):
            assert all(compiled.may_become(text[:end]) for end in range(len(text) + 1))
            assert sum(c.isdigit() for c in text) in compiled.lengths()


@quickly
@given(patterns, st.text("12-", max_size=3))
def test_what_may_become_a_match_can_be_ended(pattern: str, beginning: str) -> None:
    """A way on is found by trying each character until the text matches."""
    compiled = compile_pattern(pattern)
    if not compiled.may_become(beginning):
        assert not any(as_python(pattern, beginning + end) for end in ("", *READABLE, "12", "1-"))
        return
    reached = {beginning}
    for _ in range(12):
        if any(compiled.matches(text) for text in reached):
            return
        reached = {text + c for text in list(reached)[:40] for c in READABLE if compiled.may_become(text + c)}
    assert reached, "nothing leads on"


@pytest.mark.parametrize(
    ("pattern", "good", "bad"),
    [
        (r"\d{5}(-\d{4})?", ["12345", "12345-6789"], ["1234", "123456789", "12345-", "12345-678"]),
        (r"^\d+$", ["1", "123"], ["", "1-"]),
        (r"\d{1,3}(\.\d{3})*,\d\d", ["7,50", "1.234,50", "12.345.678,00"], ["1234,50", "7.50", "1.23,50"]),
        ("0[1-9]|[12][0-9]|3[01]", ["01", "19", "31"], ["00", "32", "1"]),
        ("[-/]1", ["-1", "/1"], [".1", "1"]),
        ("", [""], ["1"]),
    ],
)
def test_patterns_people_write(pattern: str, good: list[str], bad: list[str]) -> None:
    compiled = compile_pattern(pattern)
    assert [text for text in good if not compiled.matches(text)] == []
    assert [text for text in bad if compiled.matches(text)] == []


def test_marks_and_lengths_are_known() -> None:
    assert not compile_pattern(r"\d{5}|\d{9}").has_marks
    assert compile_pattern(r"\d{5}|\d{9}").lengths() == {5, 9}
    assert compile_pattern(r"\d{5}(-\d{4})?").has_marks
    assert compile_pattern(r"\d{5}(-\d{4})?").lengths() == {5, 9}
    assert compile_pattern(r"\d+").lengths() == set(range(1, 41))
    assert compile_pattern(r"\D*").lengths() == {0}
    assert compile_pattern("12.4").has_marks


@pytest.mark.parametrize(
    "pattern", [r"(\d+)+-", r"(\d*)*-", r"(\d|\d\d)+-", r"(1|1?){20}2", r"(.*)(.*)(.*)-"]
)
def test_patterns_that_take_python_ages_end_at_once(pattern: str) -> None:
    compiled = compile_pattern(pattern)
    assert not compiled.matches("1" * 40)
    assert compiled.may_become("1" * 20)


@pytest.mark.parametrize(
    ("pattern", "reason"),
    [
        ("(", "never closed"),
        ("(1", "never closed"),
        ("1)", "without a '('"),
        ("[12", "never closed"),
        ("[]", "nothing that can be read"),
        ("[^0-9.,/-]", "leaves nothing"),
        ("[9-1]", "smaller first"),
        ("[.-/]", "only digits make a range"),
        ("a", "'a' is nothing that can be read"),
        (r"\w", r"'\w' is nothing that can be read"),
        ("1 2", "' ' is nothing that can be read"),
        ("1$2", "'$' is nothing"),
        ("\\", "nothing that can be read"),
        ("*1", "nothing before it"),
        ("{2}", "nothing before it"),
        ("1**", "put what is repeated in brackets"),
        ("1++", "put what is repeated in brackets"),
        (r"\d{2", "number of times"),
        (r"\d{}", "number of times"),
        (r"\d{,}", "number of times"),
        (r"\d{-1}", "number of times"),
        (r"\d{3,2}", "can't be"),
        (r"\d{41}", "more than 40"),
        (r"(\d{40}){40}", "too large"),
        ("(?=1)", "no names, flags"),
        ("(?P<a>1)", "no names, flags"),
        ("(" * 21 + ")" * 21, "more than 20 brackets"),
    ],
)
def test_what_can_t_be_a_pattern_is_said_in_a_line(pattern: str, reason: str) -> None:
    with pytest.raises(UsageError, match=re.escape(reason)) as caught:
        compile_pattern(pattern)
    assert str(caught.value).startswith(f"pattern '{pattern}'")
    assert "\n" not in str(caught.value)


def test_repetitions_of_nothing_cost_nothing() -> None:
    pattern = "1"
    for _ in range(10):
        pattern = f"(){{40}}({pattern})" if len(pattern) % 2 else f"((){{40}}){{40}}({pattern})"
    assert compile_pattern(pattern).matches("1")


@quickly
@given(st.text("(){}[]|*+?^$\\d19.,-/a ", max_size=25))
def test_any_text_is_a_pattern_or_refused(source: str) -> None:
    with suppress(UsageError):
        assert compile_pattern(source).lengths() <= set(range(41))


def test_what_is_remembered_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("inkdigits.patterns._REMEMBERED", 5)
    compiled = compile_pattern(r"\d{1,20}")
    assert compiled.matches("1234567890")
    assert not compiled.matches("1234567890" * 3)
    assert len(compiled._after) <= 5
