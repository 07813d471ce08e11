"""Rates count calls, by two clocks that the tests turn themselves."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from inkdigits import timing
from inkdigits.timing import Rate, median_of, rate_of, seconds


@pytest.fixture
def turned(monkeypatch: pytest.MonkeyPatch) -> Callable[[float], None]:
    """Clocks that stand still but for this; the processor has a quarter of the time."""
    now = [100.0]
    monkeypatch.setattr(timing.time, "perf_counter", lambda: now[0])
    monkeypatch.setattr(timing.time, "process_time", lambda: now[0] / 4)

    def turn(by: float) -> None:
        now[0] += by

    return turn


def test_a_call_takes_what_the_clock_goes_on(turned: Callable[[float], None]) -> None:
    assert seconds(lambda: turned(0.5)) == 0.5


def test_short_calls_are_repeated_and_long_ones_are_not(
    turned: Callable[[float], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(timing, "ENOUGH", 1.0)
    calls: list[float] = []

    def work(takes: float) -> None:
        calls.append(takes)
        turned(takes)

    assert rate_of(lambda: work(0.25)) == Rate(4.0, 16.0)
    assert calls == [0.25] * 4
    assert rate_of(lambda: work(8.0)) == Rate(1 / 8, 1 / 2)
    assert calls.count(8.0) == 1


def test_a_processor_clock_that_stood_still_is_not_divided_by(
    turned: Callable[[float], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(timing.time, "process_time", lambda: 3.0)
    assert rate_of(lambda: turned(0.5)) == Rate(2.0, 2.0)


def test_medians_are_taken_by_each_clock() -> None:
    assert median_of([Rate(1, 9), Rate(2, 7), Rate(5, 8)]) == Rate(2, 8)
    assert Rate(2, 8).times(3) == Rate(6, 24)
