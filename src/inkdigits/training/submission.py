"""Kaggle's `submission.csv` for Digit Recognizer: `ImageId,Label`, ids from 1. Knows no recogniser."""

from __future__ import annotations

import csv
import io
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from inkdigits.errors import InvalidData, UsageError

HEADER = ["ImageId", "Label"]
KAGGLE_ROWS = 28_000  # of Kaggle's own test.csv
KAGGLE_NAME = "test.csv"


def check_rows(source: str, found: int, expected: int | None = None) -> None:
    """Whether data is whole: as many samples as the user says, or 28,000 for a `test.csv`, or any number.

    Raises:
        InvalidData: more or fewer.
    """
    if expected is None and Path(source).name.lower() == KAGGLE_NAME:
        expected = KAGGLE_ROWS
    if expected is not None and found != expected:
        raise InvalidData(
            f"{source}: has {found:,} rows instead of {expected:,}; fetch it again, "
            f"or say --rows {found} if that is what it should have"
        )


def digits_of(classes: tuple[str, ...], predicted: NDArray[np.int64]) -> NDArray[np.int64]:
    """Class indices to the digits that are their names, `int64 (N,)`.

    Raises:
        UsageError: a class that isn't one of the digits.
    """
    other = [name for name in classes if name not in tuple("0123456789")]
    if other:
        raise UsageError(f"the weights know class {other[0]!r}; Kaggle takes the digits 0 to 9 alone")
    return np.array([int(name) for name in classes], np.int64)[predicted]


def to_csv(digits: NDArray[np.int64]) -> bytes:
    """The file for digits `int64 (N,)`, in the order of the data."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(HEADER)
    writer.writerows(enumerate(digits.tolist(), start=1))
    return text.getvalue().encode("ascii")


def check_csv(content: bytes, rows: int) -> None:
    """Reads a submission as Kaggle does.

    Raises:
        InvalidData: another header, ids that don't run from 1 to `rows`, labels other than 0 to 9.
    """
    lines = list(csv.reader(io.StringIO(content.decode("ascii"))))
    if lines[0] != HEADER:
        raise InvalidData(f"submission: its header is {','.join(lines[0])}, not {','.join(HEADER)}")
    if [line[0] for line in lines[1:]] != [str(i) for i in range(1, rows + 1)]:
        raise InvalidData(f"submission: its ids don't run from 1 to {rows:,}")
    if wrong := next((line for line in lines[1:] if line[1:] not in _LABELS), None):
        raise InvalidData(f"submission: the label of ImageId {wrong[0]} isn't a digit: {','.join(wrong[1:])}")


_LABELS = [[digit] for digit in "0123456789"]
