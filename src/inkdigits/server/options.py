"""What a request asks for: options of the query, of form fields and of JSON to what the reader takes.

Knows names and types; what a value means, and whether several go together, the reader knows.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from inkdigits.alphabet import LONGEST
from inkdigits.server.problems import Problem
from inkdigits.server.uploads import Upload

LAYOUTS = ("auto", "line", "page")
FORMATS = ("json", "text", "csv", "hocr", "alto", "page")
LARGEST = 10**LONGEST  # a number of more digits is none that anybody reads
LONGEST_TEXT = 1000  # characters

_INTEGER = re.compile("-?(0|[1-9][0-9]{0,39})")  # as JSON has them
_NUMBER = re.compile(r"-?(0|[1-9][0-9]{0,39})(\.[0-9]{1,40})?([eE][+-]?[0-9]{1,2})?")


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
    """The options of a request, wherever they stand.

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
        rest["low"], rest["high"] = map(int, chosen["range"].split(","))
    return rest


def _taken(name: str, given: Any, known: Mapping[str, Option], of_text: bool) -> Any:
    option = known.get(name)
    if option is None:
        raise Problem("usage", f"option {name[:80]!r}: not known; there are {', '.join(known)}")
    value = option.kind.from_text(given) if of_text else option.kind.from_json(given)
    choices, form = option.schema.get("enum"), option.schema.get("pattern")
    if value is None or (choices and value not in choices) or (form and not re.fullmatch(form, value)):
        expected = f"one of {', '.join(choices)}" if choices else option.kind.expected
        expected = f"as its description says: {option.meaning}" if form else expected
        raise Problem("usage", f"option {name}: {str(given)[:80]!r} isn't {expected}")
    return value


# ---- types


def _boolean(text: str) -> bool | None:
    return {"true": True, "false": False}.get(text)


def _integer(text: str) -> int | None:
    return int(text) if _INTEGER.fullmatch(text) else None


def _number(text: str) -> float | None:
    return _finite(float(text)) if _NUMBER.fullmatch(text) else None


def _finite(value: Any) -> float | None:
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    return value if is_number and abs(value) < LARGEST else None


def _whole(value: Any) -> int | None:
    number = _finite(value)
    return int(number) if number is not None and number == int(number) else None


def _text(value: Any) -> str | None:
    return value if isinstance(value, str) and len(value) <= LONGEST_TEXT else None


def _flag(value: Any) -> bool | None:
    return value if isinstance(value, bool) else None


BOOLEAN = Kind("true or false", _boolean, _flag, {"type": "boolean"})
INTEGER = Kind("a whole number", _integer, _whole, {"type": "integer"})
NUMBER = Kind("a number", _number, _finite, {"type": "number"})
TEXT = Kind(
    f"a text of at most {LONGEST_TEXT} characters",
    _text,
    _text,
    {"type": "string", "maxLength": LONGEST_TEXT},
)

_DIGITS = {"minimum": 1, "maximum": LONGEST}

CLASSIFY = {
    "explain": Option(BOOLEAN, "Show what the network sees, and where it looked.", {"default": False})
}
READ = {
    "layout": Option(
        TEXT,
        "What a picture shows: one number (`line`), a page with numbers (`page`), or see (`auto`).",
        {"enum": LAYOUTS, "default": "auto"},
    ),
    "length": Option(INTEGER, "Digits that every number has.", _DIGITS),
    "min_length": Option(INTEGER, "Digits that every number has at least.", _DIGITS),
    "max_length": Option(INTEGER, "Digits that every number has at most.", _DIGITS),
    "range": Option(
        TEXT,
        "The least and the greatest value of a number: `1,31`.",
        {"pattern": f"^[0-9]{{1,{LONGEST}}},[0-9]{{1,{LONGEST}}}$"},
    ),
    "check": Option(
        TEXT,
        "The check digits that every number has: "
        "`luhn`, `iban`, `iban:DE`, `isbn13`, `ean`, `aba` or `verhoeff`.",
        {"pattern": "^(luhn|isbn13|ean|aba|verhoeff|iban(:[A-Z]{2})?)$"},
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
