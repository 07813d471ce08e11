"""What a request asks for: options of the query, of form fields and of JSON to what the reader takes.

Knows names and types; what a value means, and whether several go together, the reader knows.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from inkdigits.server.problems import Problem
from inkdigits.server.uploads import Upload

LAYOUTS = ("auto", "line", "page")
FORMATS = ("json", "text", "csv", "hocr", "alto", "page")
LARGEST = 10**30  # of an integer: a number of more digits is none that anybody reads

_INTEGER = re.compile(r"[+-]?\d{1,30}", re.ASCII)


@dataclass(frozen=True)
class Kind:
    """A type of option.

    Attributes:
        expected: what it is, to say so.
        from_text: text to the value; None where it isn't of this type.
        from_json: a JSON value to the value, likewise.
        schema: as JSON Schema.
    """

    expected: str
    from_text: Callable[[str], Any]
    from_json: Callable[[Any], Any]
    schema: Mapping[str, Any]


@dataclass(frozen=True)
class Option:
    """One option.

    Attributes:
        kind: its type.
        meaning: for the API's description.
        schema: what JSON Schema says beyond its type.
    """

    kind: Kind
    meaning: str
    schema: Mapping[str, Any]


def wanted(upload: Upload, known: Mapping[str, Option]) -> dict[str, Any]:
    """The options of a request, those in JSON before those in fields or the query.

    Args:
        upload: the request.
        known: by name.

    Raises:
        Problem: an unknown one, or one of another type.
    """
    chosen = {name: _taken(name, text, known, of_text=True) for name, text in upload.texts.items()}
    chosen |= {name: _taken(name, value, known, of_text=False) for name, value in upload.values.items()}
    return chosen


def for_reader(chosen: Mapping[str, Any]) -> dict[str, Any]:
    """Options as `reading.Wanted` takes them: `range` is `low` and `high` there."""
    rest = {name: value for name, value in chosen.items() if name not in ("range", "format", "explain")}
    if "range" in chosen:
        rest["low"], rest["high"] = chosen["range"]
    return rest


def _taken(name: str, given: Any, known: Mapping[str, Option], of_text: bool) -> Any:
    option = known.get(name)
    if option is None:
        raise Problem("usage", f"option {name[:80]!r}: not known; there are {', '.join(known)}")
    value = option.kind.from_text(given) if of_text else option.kind.from_json(given)
    choices = option.schema.get("enum")
    if value is None or (choices and value not in choices):
        expected = f"one of {', '.join(choices)}" if choices else option.kind.expected
        raise Problem("usage", f"option {name}: {str(given)[:80]!r} isn't {expected}")
    return value


# ---- types


def _boolean(text: str) -> bool | None:
    return {"true": True, "1": True, "false": False, "0": False}.get(text.lower())


def _integer(text: str) -> int | None:
    return int(text) if _INTEGER.fullmatch(text) else None


def _number(text: str) -> float | None:
    try:
        return _finite(float(text))
    except ValueError:
        return None


def _finite(value: Any) -> float | None:
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    return value if is_number and abs(value) < LARGEST and math.isfinite(value) else None


def _whole(value: Any) -> int | None:
    number = _finite(value)
    return int(number) if number is not None and number == int(number) else None


def _range(text: str) -> tuple[int, int] | None:
    low, comma, high = text.partition(",")
    return _pair([_integer(low.strip()), _integer(high.strip())]) if comma else None


def _pair(value: Any) -> tuple[int, int] | None:
    if isinstance(value, str):
        return _range(value)
    if not isinstance(value, list) or len(value) != 2:
        return None
    low, high = map(_whole, value)
    return None if low is None or high is None else (low, high)


def _text(value: Any) -> str | None:
    return value if isinstance(value, str) and len(value) <= 1000 else None


_INTEGERS = {"type": "integer"}
BOOLEAN = Kind("true or false", _boolean, lambda v: v if isinstance(v, bool) else None, {"type": "boolean"})
INTEGER = Kind("a whole number", _integer, _whole, _INTEGERS)
NUMBER = Kind("a number", _number, _finite, {"type": "number"})
TEXT = Kind("a text of at most 1000 characters", _text, _text, {"type": "string", "maxLength": 1000})
RANGE = Kind(
    "two whole numbers with a comma between, such as 1,31",
    _range,
    _pair,
    {"type": "string", "pattern": r"^\s*[+-]?[0-9]{1,30}\s*,\s*[+-]?[0-9]{1,30}\s*$"},
)

CLASSIFY = {
    "explain": Option(BOOLEAN, "Show what the network sees, and where it looked.", {"default": False})
}
READ = {
    "layout": Option(
        TEXT,
        "What a picture shows: one number (`line`), a page with numbers (`page`), or see (`auto`).",
        {"enum": LAYOUTS, "default": "auto"},
    ),
    "length": Option(INTEGER, "Digits that every number has.", {"minimum": 1}),
    "min_length": Option(INTEGER, "Digits that every number has at least.", {"minimum": 1}),
    "max_length": Option(INTEGER, "Digits that every number has at most.", {"minimum": 1}),
    "range": Option(RANGE, "The least and the greatest value of a number.", {}),
    "check": Option(
        TEXT,
        "The check digits that every number has: "
        "`luhn`, `iban`, `iban:DE`, `isbn13`, `ean`, `aba` or `verhoeff`.",
        {},
    ),
    "pattern": Option(TEXT, r"What all of a number matches, such as `\d{5}(-\d{4})?`.", {}),
    "max_error": Option(
        NUMBER,
        "Accept as much as possible while the expected share of wrong numbers among the accepted "
        "stays below this.",
        {"exclusiveMinimum": 0, "exclusiveMaximum": 1},
    ),
    "dpi": Option(NUMBER, "Pixels for an inch of a PDF's page.", {"exclusiveMinimum": 0, "default": 200}),
    "format": Option(
        TEXT,
        "How the answer is written. All but `json` are for one picture or document, "
        "and have their own media type.",
        {"enum": FORMATS, "default": "json"},
    ),
    "explain": Option(
        BOOLEAN,
        "Show the page, what the network sees of each number, and why it is accepted or not.",
        {"default": False},
    ),
}
