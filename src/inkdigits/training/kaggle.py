"""Kaggle Digit Recognizer's CSV: `label,pixel0 … pixel783` with labels, `pixel0 … pixel783` without.

NumPy's own reader is the fastest and leanest of those measured (`records/csv-loading.md`), and comes with the
core install.
"""

from __future__ import annotations

import warnings
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from inkdigits.errors import InvalidData
from inkdigits.training.readers import DIGITS, SIDE, Samples, checked_samples, refusing

PIXELS = tuple(f"pixel{i}" for i in range(SIDE * SIDE))
LABELLED = ("label", *PIXELS)
HEADER_LIMIT = 1 << 16  # characters; Kaggle's has 7,648


def read_kaggle_csv(path: Path) -> Samples:
    """A `train.csv` or `test.csv`; rows keep their order.

    Raises:
        InvalidData: other columns, another number of values in a row, a value that isn't a whole number from
            0 to 255 (a label: to 9), no rows; names the line, counting the header as line 1.
    """
    with refusing(path):
        columns = _columns(path)
        table = _table(path, columns)
    labels = table[:, 0].astype(np.int64) if columns == LABELLED else None
    if labels is not None and labels.max(initial=0) > 9:
        raise InvalidData(_fault(path, columns))
    pixels = _without_first_column(table) if columns == LABELLED else table
    return checked_samples(path, pixels.reshape(-1, SIDE, SIDE), labels, DIGITS)


def _columns(path: Path) -> tuple[str, ...]:
    with path.open(encoding="utf-8-sig", errors="replace", newline="") as file:
        header = file.readline(HEADER_LIMIT)
    if not header:
        raise InvalidData(f"{path}: is empty")
    columns = tuple(name.strip(' "\r\n') for name in header.split(","))
    if columns in (LABELLED, PIXELS):
        return columns
    expected = {len(LABELLED): LABELLED, len(PIXELS): PIXELS}.get(len(columns))
    if expected is None:
        many = f"{len(columns)} column{'s' * (len(columns) != 1)}"
        what = f"{many} instead of 785 (label, pixel0 … pixel783), or 784 without the label"
    else:
        at = next(i for i, names in enumerate(zip(columns, expected, strict=True)) if names[0] != names[1])
        what = f"column {at + 1} named {columns[at][:20]!r} instead of {expected[at]!r}"
    raise InvalidData(f"{path}: line 1 has {what}")


def _table(path: Path, columns: tuple[str, ...]) -> NDArray[np.uint8]:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error")  # no rows, and numbers like 1.0, are warnings to NumPy
            table = np.loadtxt(
                path.absolute(),
                np.uint8,
                delimiter=",",
                skiprows=1,
                comments=None,
                ndmin=2,
                encoding="latin1",
            )  # latin1: a byte a character, and anything beyond ASCII is no digit anyway
    except (ValueError, Warning) as e:
        raise InvalidData(_fault(path, columns, str(e))) from None
    if table.shape[1] != len(columns):
        raise InvalidData(_fault(path, columns))
    return table


def _fault(path: Path, columns: tuple[str, ...], reason: str = "unreadable") -> str:
    """The first thing wrong in a file that is known to be wrong, found by reading it again, slowly."""
    rows = 0
    with path.open(encoding="latin1") as file:
        next(file, None)
        for number, line in enumerate(file, start=2):
            if fault := _line_fault(line.rstrip("\n"), columns):
                return f"{path}: line {number} has {fault}"
            rows += line != "\n"
    return f"{path}: {reason}" if rows else f"{path}: is empty, it has no rows after the header"


def _line_fault(line: str, columns: tuple[str, ...]) -> str | None:
    if not line:
        return None
    values = [value.strip() for value in line.split(",")]
    if len(values) != len(columns):
        return f"{len(values)} values instead of {len(columns)}"
    for name, value in zip(columns, values, strict=True):
        most = 9 if name == "label" else 255
        if not (value.isascii() and value.isdecimal() and int(value[:20]) <= most):
            return f"{value[:20]!r} in {name}, not a whole number from 0 to {most}"
    return None


def _without_first_column(table: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Moves the pixels together inside the memory that they are in: a copy would double it."""
    rows, columns = table.shape
    flat = table.reshape(-1)
    for start in range(0, rows, 1000):
        block = table[start : start + 1000, 1:].reshape(-1)  # a copy, since not contiguous
        flat[start * (columns - 1) :][: len(block)] = block
    return flat[: rows * (columns - 1)]


def encode_kaggle_csv(images: NDArray[np.uint8], labels: NDArray[np.int64] | None) -> bytes:
    """The bytes of a `train.csv`, or of a `test.csv` where there are no labels.

    Args:
        images: `uint8 (N, 28, 28)`.
        labels: `int64 (N,)`, 0 to 9, or None.
    """
    words = [str(value) for value in range(256)]
    lines = [",".join(PIXELS if labels is None else LABELLED)]
    rows = images.reshape(len(images), -1)
    table = rows if labels is None else np.column_stack([labels.astype(np.uint8), rows])
    lines += [",".join([words[value] for value in row.tolist()]) for row in table]
    return ("\n".join(lines) + "\n").encode()
