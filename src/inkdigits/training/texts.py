"""What people write in number fields, drawn at random: amounts, dates, codes, words. Knows no shapes."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

from numpy.random import Generator

from inkdigits.alphabet import DIGITS, MARKS, OTHER

Kind = Literal["digit", "mark", "sign", "word", "scribble"]


@dataclass(frozen=True)
class Token:
    """One thing to write.

    Attributes:
        kind: what it is.
        text: a digit, a mark, or `?` for all that is neither.
        gap: room before it, in digit heights; None is the writer's usual.
        size: relative to the line's digits.
        raised: how far above the baseline, in digit heights.
    """

    kind: Kind
    text: str
    gap: float | None = None
    size: float = 1.0
    raised: float = 0.0


def random_tokens(rng: Generator) -> list[Token]:
    """A line's tokens: mostly one number; sometimes nothing, words, or a number among words."""
    kind = rng.choice(
        ["amount", "plain", "long", "date", "single", "word", "nothing", "sign", "mixed"],
        p=[0.36, 0.24, 0.08, 0.06, 0.09, 0.045, 0.035, 0.04, 0.05],
    )
    if kind == "nothing":
        return []
    if kind == "word":
        return [_word(rng) for _ in range(int(rng.integers(1, 4)))]
    if kind == "sign":
        return [
            Token(rng.choice(["sign", "scribble"], p=[0.75, 0.25]), OTHER)
            for _ in range(int(rng.integers(1, 4)))
        ]
    made = {
        "amount": _amount,
        "plain": _plain,
        "long": _long,
        "date": _date,
        "single": _single,
        "mixed": _plain,
    }
    tokens = made[str(kind)](rng)
    if kind == "mixed":
        tokens = _among_words(rng, tokens)
    return tokens


def tokens_of(text: str) -> list[Token]:
    """A given text: digits, marks, and spaces.

    Raises:
        KeyError: another character.
    """
    kinds: dict[str, Kind] = {**dict.fromkeys(DIGITS, "digit"), **dict.fromkeys(MARKS, "mark")}
    parts = [part for part in text.split(" ") if part]
    return [
        Token(kinds[character], character, gap=0.6 if at and not place else None)
        for at, part in enumerate(parts)
        for place, character in enumerate(part)
    ]


def _digits(rng: Generator, count: int) -> list[Token]:
    """Digits, all equally often; every fifth number is full of one digit, mostly zeros."""
    favourite = str(rng.choice(list("0000015")))
    crowd = rng.random() < 0.2
    drawn = rng.integers(0, 10, count)
    return [Token("digit", favourite if crowd and rng.random() < 0.6 else str(d)) for d in drawn]


def _single(rng: Generator) -> list[Token]:
    return _digits(rng, 1)


def _plain(rng: Generator) -> list[Token]:
    tokens = _digits(rng, int(rng.integers(2, 9)))
    if len(tokens) > 3 and rng.random() < 0.2:  # groups
        at = int(rng.integers(1, len(tokens)))
        tokens[at] = replace(tokens[at], gap=float(rng.uniform(0.4, 1.2)))
    return tokens


def _long(rng: Generator) -> list[Token]:
    tokens = _digits(rng, int(rng.integers(9, 21)))
    group = int(rng.integers(2, 6))
    way = rng.choice(["close", "gaps", "dashes"], p=[0.5, 0.35, 0.15])
    if way == "close":
        return tokens
    spread: list[Token] = []
    for place, token in enumerate(tokens):
        if place and place % group == 0:
            if way == "dashes":
                spread.append(Token("mark", "-"))
            else:
                token = replace(token, gap=float(rng.uniform(0.4, 0.9)))
        spread.append(token)
    return spread


def _amount(rng: Generator) -> list[Token]:
    """12345, 12.345, 1.000,50, 45.-, 250=, with a currency sign now and then."""
    tokens = _digits(rng, int(rng.choice([2, 3, 4, 5, 6, 7], p=[0.07, 0.2, 0.28, 0.28, 0.12, 0.05])))
    if len(tokens) > 3:
        at = len(tokens) - 3
        way = rng.random()
        if way < 0.55:
            mark = Token("mark", str(rng.choice([".", ","], p=[0.8, 0.2])), gap=float(rng.normal(0.04, 0.08)))
            tokens[at] = replace(tokens[at], gap=float(rng.choice([0.05, 0.15, 0.35]) + rng.normal(0, 0.05)))
            tokens.insert(at, mark)
        elif way < 0.7:
            tokens[at] = replace(tokens[at], gap=float(rng.uniform(0.25, 0.7)))
    tokens += _ending(rng)
    if rng.random() < 0.12:
        before: Kind = "word" if rng.random() < 0.4 else "sign"
        tokens.insert(0, Token(before, OTHER, size=float(rng.uniform(0.7, 1.1))))
    return tokens


def _ending(rng: Generator) -> list[Token]:
    """How amounts end: `.`, `.-`, `=`, `:`, `#`, `,50`, a raised or underlined `00`, nothing."""
    near = float(rng.normal(0.08, 0.1))
    way = rng.random()
    if way < 0.33:
        return []
    if way < 0.38:
        full = [Token("mark", ".", gap=near)] if rng.random() < 0.5 else []
        return [*full, Token("mark", str(rng.choice(["#", ":"])), gap=near)]
    if way < 0.52:
        return [Token("mark", ".", gap=near)]
    if way < 0.60:
        return [Token("mark", "-", gap=near)]
    if way < 0.68:
        return [
            Token("mark", str(rng.choice([".", ","])), gap=near),
            Token("mark", "-", gap=float(rng.uniform(-0.1, 0.3))),
        ]
    if way < 0.78:
        return [Token("mark", "=", gap=near)]
    if way < 0.80:
        return [Token("mark", ".", gap=near), Token("mark", "=", gap=near)]
    if way < 0.806:
        return [Token("mark", "/", gap=near)] + ([Token("mark", "-", gap=near)] if rng.random() < 0.6 else [])
    if way < 0.94:
        cents = _digits(rng, 2)
        return [Token("mark", str(rng.choice([",", "."])), gap=near), *cents]
    size, raised = float(rng.uniform(0.5, 0.8)), float(rng.uniform(0.15, 0.5))
    return [replace(token, size=size, raised=raised) for token in _digits(rng, 2)]


def _date(rng: Generator) -> list[Token]:
    mark = str(rng.choice(["/", "-", "."]))
    parts = [f"{rng.integers(1, 32)}", f"{rng.integers(1, 13)}", f"{rng.integers(1900, 2100)}"]
    if rng.random() < 0.5:
        parts = [part.zfill(2) for part in parts]
    if rng.random() < 0.4:
        parts[2] = parts[2][2:]
    if rng.random() < 0.15:
        parts.reverse()
    gap = float(rng.normal(0.08, 0.08))
    tokens: list[Token] = []
    for place, part in enumerate(parts):
        if place:
            tokens.append(Token("mark", mark, gap=gap))
        tokens += [
            Token("digit", digit, gap=gap if place and at == 0 else None) for at, digit in enumerate(part)
        ]
    return tokens


def _word(rng: Generator) -> Token:
    return Token("word", OTHER, gap=float(rng.uniform(0.3, 0.8)), size=float(rng.uniform(0.6, 1.2)))


def _among_words(rng: Generator, tokens: list[Token]) -> list[Token]:
    first = replace(tokens[0], gap=float(rng.uniform(0.3, 1.0)))
    spread = [first, *tokens[1:]]
    if rng.random() < 0.7:
        spread = [_word(rng), *spread]
    if len(spread) == len(tokens) or rng.random() < 0.4:
        spread = [*spread, _word(rng)]
    return spread
