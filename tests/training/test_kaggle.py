"""Kaggle's CSV: read as written, in each form that spreadsheets give it; each fault named with its line."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from inkdigits.errors import InvalidData
from inkdigits.training.datasets import Dataset, load_data
from inkdigits.training.kaggle import LABELLED, PIXELS, encode_kaggle_csv


@pytest.fixture(scope="module")
def some(mnist_train: Dataset) -> Dataset:
    return mnist_train.part("some", 0, 40)


def refusal(path: Path) -> str:
    with pytest.raises(InvalidData) as refused:
        load_data(str(path))
    return str(refused.value).removeprefix(str(path)).removeprefix(": ")


def csv_file(folder: Path, *lines: str) -> Path:
    path = folder / "digits.csv"
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


HEADER = ",".join(LABELLED)
ROW = "7" + ",0" * 784


@pytest.mark.parametrize("labelled", [True, False])
def test_csv_is_read_as_it_was_written(labelled: bool, some: Dataset, tmp_path: Path) -> None:
    path = tmp_path / "digits.csv"
    path.write_bytes(encode_kaggle_csv(some.images, some.labels if labelled else None))
    data = load_data(str(path))
    assert np.array_equal(data.images, some.images)
    assert (data.labels is not None) == labelled
    assert not labelled or data.sha256 == some.sha256


@pytest.mark.parametrize(
    "change",
    [
        lambda text: text.replace("\n", "\r\n"),
        lambda text: "\ufeff" + text,
        lambda text: text.rstrip("\n"),
        lambda text: text.replace("\n", "\n\n"),
        lambda text: text.replace("label", '"label"'),
        lambda text: text.replace(",", ", "),
    ],
    ids=["windows", "byte order mark", "no last newline", "empty lines", "quoted", "spaces"],
)
def test_csv_as_spreadsheets_write_it(change: Callable[[str], str], some: Dataset, tmp_path: Path) -> None:
    path = tmp_path / "digits.csv"
    text = encode_kaggle_csv(some.images, some.labels).decode()
    path.write_bytes(change(text).encode())
    assert load_data(str(path)).sha256 == some.sha256


def test_many_csv_rows_keep_their_order(mnist_train: Dataset, tmp_path: Path) -> None:
    part = mnist_train.part("part", 0, 2_345)  # more than one block of the compaction, and not a whole number
    (tmp_path / "digits.csv").write_bytes(encode_kaggle_csv(part.images, part.labels))
    assert load_data(str(tmp_path / "digits.csv")).sha256 == part.sha256


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        ([], "line 1 has 1 column instead of 785"),
        ([HEADER], "is empty, it has no rows after the header"),
        ([HEADER, "", ""], "is empty, it has no rows after the header"),
        ([ROW, ROW], "line 1 has column 1 named '7' instead of 'label'"),
        (["label," + ",".join(PIXELS[:-2]), ROW], "line 1 has 783 columns instead of 785"),
        (
            [HEADER.replace("pixel3,", "pixle3,"), ROW],
            "line 1 has column 5 named 'pixle3' instead of 'pixel3'",
        ),
        ([HEADER, ROW, ROW[:-2], ROW], "line 3 has 784 values instead of 785"),
        ([HEADER, ROW, ROW + ",0"], "line 3 has 786 values instead of 785"),
        ([HEADER, ROW[:-2]], "line 2 has 784 values instead of 785"),
        (
            [HEADER, ROW, "", ROW[:-1] + "256"],
            "line 4 has '256' in pixel783, not a whole number from 0 to 255",
        ),
        ([HEADER, ROW[:-1] + "-1"], "line 2 has '-1' in pixel783"),
        ([HEADER, ROW[:-1] + "0.5"], "line 2 has '0.5' in pixel783"),
        ([HEADER, ROW[:-1] + "1.0"], "line 2 has '1.0' in pixel783"),
        ([HEADER, ROW[:-1]], "line 2 has '' in pixel783"),
        ([HEADER, ROW[:-1] + "nan"], "line 2 has 'nan' in pixel783"),
        ([HEADER, ROW[:-1] + "٣"], "in pixel783, not a whole number"),
        ([HEADER, ROW, "10" + ROW[1:]], "line 3 has '10' in label, not a whole number from 0 to 9"),
        ([HEADER, ROW, "x" + ROW[1:]], "line 3 has 'x' in label"),
    ],
)
def test_a_broken_csv_names_the_line(lines: list[str], message: str, tmp_path: Path) -> None:
    assert message in refusal(csv_file(tmp_path, *lines))


DRAWN = st.integers(-2, 300) | st.sampled_from(["", "x", " 7"])


@settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(rows=st.lists(st.lists(DRAWN, max_size=4), max_size=4))
def test_csv_is_read_exactly_when_every_value_is_possible(rows: list[list[Any]], tmp_path: Path) -> None:
    lines = [",".join([*map(str, row), *["0"] * (785 - len(row))]) for row in rows]
    path = csv_file(tmp_path, HEADER, *lines)
    if rows and all(_fits(str(value), column) for row in rows for column, value in enumerate(row)):
        assert len(load_data(str(path))) == len(rows)
    else:
        assert refusal(path)


def _fits(value: str, column: int) -> bool:
    return value.strip().isdecimal() and int(value) <= (9 if column == 0 else 255)
