"""Patterns that a number must match, as automata. Knows digits and marks, no frames, no networks.

A part of regular expressions: digits, `, - /` and `\\.`, `.` for any of all these, `\\d`, `\\D`, sets such
as `[1-9]` and `[^0]`, groups, `|`, and the repetitions `* + ? {3} {3,} {3,5}`. Python's own matcher can take
ages for a pattern like `(\\d+)+` and can't be asked whether what is read so far may still become a match.
Here a pattern becomes an automaton (Glushkov, Russian Math. Surveys 1961), a step of which takes no longer
than the pattern is large, whatever the pattern.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import reduce
from operator import or_
from typing import NoReturn

from inkdigits.alphabet import DIGITS, LONGEST, MARKS
from inkdigits.errors import UsageError

READABLE = DIGITS + MARKS

_LARGEST = 400  # characters of a pattern whose repetitions are written out
_DEEPEST = 20  # groups within groups
_REMEMBERED = 50_000  # steps, so that a service that runs for months stays small
_START = 1  # the set of states that holds only the one before the first character


@dataclass(frozen=True)
class Pattern:
    """An automaton. A state is a character of the pattern; sets of states are whole numbers, a bit a state.

    Attributes:
        source: as the caller wrote it.
        follow: for each state the set of states that may come next.
        takes: for each readable character the states it leads to.
        accepted: the states in which a text may end.
    """

    source: str
    follow: tuple[int, ...]
    takes: dict[str, int]
    accepted: int
    _after: dict[tuple[int, str], int] = field(default_factory=dict, repr=False, compare=False)

    @property
    def has_marks(self) -> bool:
        """Whether a text that matches may hold marks."""
        return any(self.takes[mark] for mark in MARKS)

    def matches(self, text: str) -> bool:
        """Whether all of `text` matches."""
        return bool(self._states(text) & self.accepted)

    def may_become(self, beginning: str) -> bool:
        """Whether a text that begins so can match."""
        return bool(self._states(beginning))

    def lengths(self) -> frozenset[int]:
        """How many digits texts that match can have, up to `LONGEST`."""
        digits = reduce(or_, (self.takes[digit] for digit in DIGITS))
        marks = reduce(or_, (self.takes[mark] for mark in MARKS))
        reached, lengths = self._closed(_START, marks), set()
        for length in range(LONGEST + 1):
            if reached & self.accepted:
                lengths.add(length)
            reached = self._closed(self._next(reached) & digits, marks)
        return frozenset(lengths)

    def _states(self, text: str) -> int:
        states = _START
        for character in text:
            after = self._after.get((states, character))
            if after is None:
                if len(self._after) >= _REMEMBERED:
                    self._after.clear()
                after = self._next(states) & self.takes.get(character, 0)
                self._after[states, character] = after
            states = after
        return states

    def _next(self, states: int) -> int:
        return reduce(or_, (self.follow[state] for state in _bits(states)), 0)

    def _closed(self, states: int, among: int) -> int:
        """These states and all that are reached from them through states among the given."""
        while (more := states | self._next(states) & among) != states:
            states = more
        return states


def compile_pattern(source: str) -> Pattern:
    """The automaton of a pattern. It matches whole texts, so `^` and `$` at its ends say nothing new.

    Raises:
        UsageError: not such an expression, or too large.
    """
    follow: list[int] = [0]
    takes = dict.fromkeys(READABLE, 0)
    whole = _linked(_Parser(source).parsed(), follow, takes, source)
    follow[0] = whole.first
    return Pattern(source, tuple(follow), takes, whole.last | (_START if whole.empty else 0))


@dataclass(frozen=True)
class _Node:
    """A part of a pattern: characters, one of which is taken, or parts in a row, or a choice of parts."""

    kind: str  # "set", "row", "choice"
    characters: str = ""
    parts: tuple[_Node, ...] = ()
    least: int = 1  # times it stands there
    most: int | None = 1  # None: any number


class _Parser:
    """Reads a pattern from left to right; each method reads one kind of part and leaves `at` behind it."""

    def __init__(self, source: str) -> None:
        self.source, self.at, self.depth = source, 0, 0
        self.end = len(source)
        if source.startswith("^"):
            self.at = 1
        if source.endswith("$") and not source.endswith("\\$"):
            self.end -= 1

    def parsed(self) -> _Node:
        node = self._choice()
        if self.at < self.end:
            self._refuse("')' without a '('")
        return node

    def _choice(self) -> _Node:
        rows = [self._row()]
        while self._takes("|"):
            rows.append(self._row())
        return rows[0] if len(rows) == 1 else _Node("choice", parts=tuple(rows))

    def _row(self) -> _Node:
        parts = []
        while self.at < self.end and self.source[self.at] not in "|)":
            parts.append(self._repeated(self._atom()))
        return _Node("row", parts=tuple(parts))

    def _repeated(self, node: _Node) -> _Node:
        times = {"*": (0, None), "+": (1, None), "?": (0, 1)}.get(self._here())
        if times:
            self.at += 1
        elif self._here() == "{":
            times = self._times()
        else:
            return node
        self._takes("?")  # asks for the shortest match, which a whole match doesn't care about
        if self._here() and self._here() in "*+?{":
            self._refuse(f"'{self._here()}' after a repetition; put what is repeated in brackets")
        return _Node("row", parts=(node,), least=times[0], most=times[1])

    def _times(self) -> tuple[int, int | None]:
        close = self.source.find("}", self.at, self.end)
        least, comma, most = self.source[self.at + 1 : max(close, self.at + 1)].partition(",")
        numbers = [least or "0", most or "0"]
        if close < 0 or not all(n.isascii() and n.isdigit() for n in numbers) or not (least or most):
            self._refuse("'{' must begin a number of times, such as {3} or {3,5}")
        fewest, highest = map(int, numbers)
        if comma and most and highest < fewest:
            self._refuse(f"at least {fewest} and at most {highest} times can't be")
        if max(fewest, highest) > LONGEST:
            self._refuse(f"more than {LONGEST} times; numbers have up to {LONGEST} digits")
        self.at = close + 1
        return fewest, (highest if most else None) if comma else fewest

    def _atom(self) -> _Node:
        character = self.source[self.at]
        if character == "(":
            return self._group()
        if character == "[":
            return self._set()
        if character in "*+?{":
            self._refuse(f"'{character}' has nothing before it to repeat")
        self.at += 1
        if character == ".":
            return _Node("set", READABLE)
        self.at -= 1
        return _Node("set", self._characters())

    def _group(self) -> _Node:
        opened = self.at
        self.at += 1
        self.depth += 1
        if self.depth > _DEEPEST:
            self._refuse(f"more than {_DEEPEST} brackets within each other")
        if self._here() == "?" and not self._takes("?:"):
            self._refuse("after '(?' only ':' is known: no names, flags or looking ahead")
        node = self._choice()
        if not self._takes(")"):
            self.at = opened
            self._refuse("'(' is never closed")
        self.depth -= 1
        return node

    def _set(self) -> _Node:
        opened = self.at
        self.at += 1
        negated, taken = self._takes("^"), ""
        while not taken or self._here() != "]":
            if self.at >= self.end:
                self.at = opened
                self._refuse("'[' is never closed")
            first = self._characters()
            if self._here() == "-" and self.source[self.at + 1 : self.end][:1] not in ("]", ""):
                self.at += 1
                first = self._range(first, self._characters())
            taken += first
        self.at += 1
        taken = "".join(c for c in READABLE if (c in taken) != negated)
        if not taken:
            self._refuse("this set leaves nothing that can be read")
        return _Node("set", taken)

    def _range(self, first: str, last: str) -> str:
        if not (first in DIGITS and last in DIGITS and len(first) == len(last) == 1 and first <= last):
            self._refuse("only digits make a range, the smaller first, such as [1-9]")
        return DIGITS[int(first) : int(last) + 1]

    def _characters(self) -> str:
        """A readable character, or a `\\d` or the like."""
        character = self._here()
        if character == "\\":
            escaped = self.source[self.at + 1 : self.end][:1]
            taken = {"d": DIGITS, "D": MARKS}.get(escaped, escaped if escaped in MARKS else "")
            character += escaped
        else:
            taken = character if character in READABLE else ""
        if not taken:
            self._refuse(f"'{character}' is nothing that can be read: only digits and {' '.join(MARKS)} are")
        self.at += len(character)
        return taken

    def _here(self) -> str:
        return self.source[self.at : min(self.at + 1, self.end)]

    def _takes(self, token: str) -> bool:
        if self.source.startswith(token, self.at, self.end):
            self.at += len(token)
            return True
        return False

    def _refuse(self, reason: str) -> NoReturn:
        raise UsageError(f"pattern '{self.source}', character {self.at + 1}: {reason}")


@dataclass(frozen=True)
class _Linked:
    """A part within the automaton: the states it may begin and end in, and whether it may be left out."""

    first: int = 0
    last: int = 0
    empty: bool = True


def _linked(node: _Node, follow: list[int], takes: dict[str, int], source: str) -> _Linked:
    """Adds a part's states to `follow` and `takes`, once for each time it may stand there."""
    if node.kind == "set":
        return _new_state(node.characters, follow, takes, source)
    if node.kind == "choice":
        choices = [_linked(part, follow, takes, source) for part in node.parts]
        first, last = (reduce(or_, (getattr(c, end) for c in choices)) for end in ("first", "last"))
        return _Linked(first, last, any(choice.empty for choice in choices))
    whole = _Linked()
    for time in range(node.least if node.most is None else node.most):
        part = _row(node, follow, takes, source)
        if not part.first:  # nothing in it, however often
            return _Linked()
        optional = _Linked(part.first, part.last, part.empty or time >= node.least)
        whole = _joined(whole, optional, follow)
    if node.most is None:
        part = _row(node, follow, takes, source)
        _join(part.last, part.first, follow)
        whole = _joined(whole, _Linked(part.first, part.last, True), follow)
    return whole


def _row(node: _Node, follow: list[int], takes: dict[str, int], source: str) -> _Linked:
    whole = _Linked()
    for part in node.parts:
        whole = _joined(whole, _linked(part, follow, takes, source), follow)
    return whole


def _joined(a: _Linked, b: _Linked, follow: list[int]) -> _Linked:
    """One after the other."""
    _join(a.last, b.first, follow)
    first = a.first | b.first if a.empty else a.first
    return _Linked(first, a.last | b.last if b.empty else b.last, a.empty and b.empty)


def _join(ends: int, begins: int, follow: list[int]) -> None:
    for state in _bits(ends):
        follow[state] |= begins


def _new_state(characters: str, follow: list[int], takes: dict[str, int], source: str) -> _Linked:
    if len(follow) > _LARGEST:
        raise UsageError(
            f"pattern '{source}': too large; repetitions written out, it has over {_LARGEST} parts"
        )
    state = 1 << len(follow)
    follow.append(0)
    for character in characters:
        takes[character] |= state
    return _Linked(state, state, False)


def _bits(states: int) -> Iterator[int]:
    """The states in a set."""
    while states:
        lowest = states & -states
        yield lowest.bit_length() - 1
        states ^= lowest
