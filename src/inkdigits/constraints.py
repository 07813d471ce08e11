"""What a caller knows of a number before it is read. Knows strings only, no frames, no probabilities."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

from inkdigits.alphabet import DIGITS, LONGEST
from inkdigits.checks import Check, check_named
from inkdigits.errors import UsageError
from inkdigits.patterns import Pattern, compile_pattern


@dataclass(frozen=True)
class Constraints:
    """What a number is known to satisfy; None asks for nothing. All counts are of digits, marks left out.

    Attributes:
        length: exactly so many digits.
        min_length: at least so many.
        max_length: at most so many.
        low: the number's least value; zeros in front don't matter.
        high: its greatest.
        check: name of a check digit, see `checks.check_named`.
        pattern: a regular expression that the whole number matches (`patterns` says which are known). One
            that can match marks is held against the number with its marks, another against its digits.

    Raises:
        UsageError: one of them can't be, or no number can satisfy all of them.
    """

    length: int | None = None
    min_length: int | None = None
    max_length: int | None = None
    low: int | None = None
    high: int | None = None
    check: str | None = None
    pattern: str | None = None

    def __post_init__(self) -> None:
        for name in ("length", "min_length", "max_length"):
            digits = getattr(self, name)
            if digits is not None and not 1 <= digits <= LONGEST:
                raise UsageError(f"{name.replace('_', '-')} {digits}: must be 1 to {LONGEST} digits")
        for name in ("low", "high"):
            value = getattr(self, name)
            if value is not None and not 0 <= value < 10**LONGEST:
                raise UsageError(f"range: {value} can't be written with 1 to {LONGEST} digits")
        if self.low is not None and self.high is not None and self.low > self.high:
            raise UsageError(f"range: its least, {self.low}, is above its greatest, {self.high}")
        _ = self._lengths  # says what can't be satisfied before anything is read

    @property
    def free(self) -> bool:
        """Whether nothing is asked for."""
        return self == Constraints()

    @property
    def on_raw(self) -> bool:
        """Whether marks matter."""
        return self._pattern is not None and self._pattern.has_marks

    def satisfied_by(self, reading: str) -> bool:
        """Whether a number satisfies all of it; `reading` holds digits, with `on_raw` also the marks."""
        digits = digits_of(reading)
        return (
            len(digits) in self._lengths
            and (self.low is None or int(digits) >= self.low)
            and (self.high is None or int(digits) <= self.high)
            and (self._check is None or self._check.passes(digits))
            and (self._pattern is None or self._pattern.matches(reading))
        )

    def may_become(self, beginning: str) -> bool:
        """Whether a number that begins so may satisfy all of it; check digits are only known at the end."""
        digits = digits_of(beginning)
        longest = max(self._lengths)
        if len(digits) > longest:
            return False
        value, missing = int(digits or "0"), longest - len(digits)
        return (
            (self.high is None or value <= self.high)
            and (self.low is None or (value + 1) * 10**missing > self.low)
            and (self._pattern is None or self._pattern.may_become(beginning))
        )

    @cached_property
    def _check(self) -> Check | None:
        return None if self.check is None else check_named(self.check)

    @cached_property
    def _pattern(self) -> Pattern | None:
        return None if self.pattern is None else compile_pattern(self.pattern)

    @cached_property
    def _lengths(self) -> frozenset[int]:
        """The numbers of digits that everything asked for leaves open; at least one, at most `LONGEST`."""
        left, before = frozenset(range(1, LONGEST + 1)), ""
        for what, lengths in self._demands():
            if not left & lengths:
                also = f" together with {before}" if before else ""
                raise UsageError(f"{what} can't be satisfied{also}: no number of 1 to {LONGEST} digits does")
            left, before = left & lengths, f"{before} and {what}" if before else what
        return left

    def _demands(self) -> Iterator[tuple[str, frozenset[int]]]:
        """What is asked for, with the lengths that can satisfy it."""
        if self.length is not None:
            yield f"length {self.length}", frozenset({self.length})
        if self.min_length is not None:
            yield f"min-length {self.min_length}", frozenset(range(self.min_length, LONGEST + 1))
        if self.max_length is not None:
            yield f"max-length {self.max_length}", frozenset(range(1, self.max_length + 1))
        if self.low is not None:
            yield f"a value of {self.low} or more", frozenset(range(len(str(self.low)), LONGEST + 1))
        if self._check is not None:
            yield f"check {self.check}", self._check.lengths
        if self._pattern is not None:
            yield f"pattern '{self.pattern}'", self._pattern.lengths()


def digits_of(reading: str) -> str:
    """A reading without its marks."""
    return reading if reading.isdigit() else "".join(c for c in reading if c in DIGITS)
