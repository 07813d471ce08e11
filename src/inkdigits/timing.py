"""What calls take: by the clock, and of the processor. Knows nothing of what is called."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

ENOUGH = 0.1  # s: what is shorter is repeated, so that all measurements meet the same neighbours


@dataclass(frozen=True)
class Rate:
    """How often something was done, by two clocks.

    Attributes:
        a_second: what somebody who waits sees; neighbours on a shared machine lower it.
        a_processor_second: of the time that the process's threads were computing.
    """

    a_second: float
    a_processor_second: float

    def times(self, amount: int) -> Rate:
        """The rate of what is done `amount` times at once."""
        return Rate(amount * self.a_second, amount * self.a_processor_second)


def seconds(work: Callable[[], object]) -> float:
    """What one call takes by the clock."""
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


def rate_of(work: Callable[[], object]) -> Rate:
    """How often it can be called, from as many calls as take a tenth of a second together."""
    calls, took, used = 0, 0.0, time.process_time()
    while took < ENOUGH:
        took += seconds(work)
        calls += 1
    used = time.process_time() - used
    return Rate(calls / took, calls / (used or took))  # Windows counts processor time in steps of 16 ms


def median_of(rates: Sequence[Rate]) -> Rate:
    """The median by each clock."""
    return Rate(
        statistics.median(rate.a_second for rate in rates),
        statistics.median(rate.a_processor_second for rate in rates),
    )
