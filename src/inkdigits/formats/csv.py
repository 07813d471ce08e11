"""CSV as RFC 4180 has it: a header, then a row a number. Knows what spreadsheets do to it."""

from __future__ import annotations

import csv
import io

from inkdigits.errors import InkdigitsError
from inkdigits.formats.writer import Writer, printable
from inkdigits.results import Line, Reading

COLUMNS = (
    "source",
    "page",
    "line",
    "text",
    "raw",
    "confidence",
    "accepted",
    "reason",
    *("x0", "y0", "x1", "y1"),
)
Field = str | int | float | None

_FORMULA = ("=", "+", "-", "@", "＝", "＋", "－", "＠")  # what spreadsheets take for a formula's beginning


class CsvWriter(Writer):
    """Every page has a row at least, and so has every source that failed: none goes missing unseen.

    Texts are in quotes, numbers aren't: a spreadsheet told that what is quoted is text keeps the zeros that a
    number begins with.
    """

    suffix = ".csv"

    def begin(self) -> str:
        """The header."""
        return _row(COLUMNS)

    def reading(self, reading: Reading) -> str:
        """A row a number; one with the reason `no_number` when there is none."""
        if not reading.lines:
            return _row(_without_number(reading.source, reading.page, "no_number"))
        return "".join(_row(_fields(reading, row, line)) for row, line in enumerate(reading.lines, 1))

    def failure(self, source: str, error: InkdigitsError) -> str:
        """A row whose reason is the error's type."""
        return _row(_without_number(source, None, error.type))


def _fields(reading: Reading, row: int, line: Line) -> tuple[Field, ...]:
    known = line.to_dict()  # rounded as everywhere
    return (
        _no_formula(reading.source),
        *(reading.page, row, line.text, line.raw, known["confidence"]),
        *(_word(line.accepted), line.reason, *known["box"]),
    )


def _without_number(source: str | None, page: int | None, reason: str) -> tuple[Field, ...]:
    return (_no_formula(source), page, None, "", "", None, _word(False), reason, None, None, None, None)


def _no_formula(source: str | None) -> str:
    """`=1+1.png` becomes `./=1+1.png`: the same file to a program, plain text to a spreadsheet.

    Of the texts in a row, only this one is made by others; numbers have but digits and marks.
    """
    name = printable(source or "")
    return f"./{name}" if len(name) > 1 and name.startswith(_FORMULA) else name


def _word(accepted: bool) -> str:
    return "true" if accepted else "false"  # as in JSON


def _row(fields: tuple[Field, ...]) -> str:
    buffer = io.StringIO()
    csv.writer(buffer, quoting=csv.QUOTE_NONNUMERIC).writerow(fields)
    return buffer.getvalue()
