"""Whatever a file holds, it is read as valid data or refused by name: never another error, never a crash."""

from __future__ import annotations

import gzip
import io
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from inkdigits.errors import InvalidData
from inkdigits.training.datasets import Dataset, load_data
from inkdigits.training.downloads import encode_idx
from inkdigits.training.kaggle import encode_kaggle_csv

IN_A_FOLDER = settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


def is_valid(data: Dataset) -> bool:
    """Whether a data set keeps what readers promise."""
    shaped = data.images.dtype == np.uint8 and data.images.shape == (len(data), 28, 28) and len(data) > 0
    if data.labels is None:
        return shaped
    fits = data.labels.shape == (len(data),) and data.labels.min() >= 0
    return bool(shaped and data.labels.dtype == np.int64 and fits and data.labels.max() < len(data.classes))


def read_or_refuse(path: Path) -> None:
    """Passes where a file is read as a valid data set, or refused by name."""
    try:
        data = load_data(str(path))
    except InvalidData as refused:
        message = str(refused)
    else:
        assert is_valid(data)
        return
    assert path.name in message
    assert "\n" not in message


@pytest.mark.parametrize("name", ["nothing", "nothing.csv", "no\0thing", "x" * 5000, "~nobody/x"])
def test_a_missing_path_is_refused(name: str, tmp_path: Path) -> None:
    with pytest.raises(InvalidData):
        load_data(str(tmp_path / name))


@IN_A_FOLDER
@given(content=st.binary(max_size=400), kind=st.sampled_from(["csv", "npz", "idx", "gz"]))
def test_random_bytes(content: bytes, kind: str, tmp_path: Path) -> None:
    path = tmp_path / f"random.{kind}"
    beginning = {"idx": b"\0\0\x08\x03", "npz": b"PK\3\4", "gz": b"\x1f\x8b\x08\0", "csv": b""}[kind]
    path.write_bytes(beginning + content)
    read_or_refuse(path)


@IN_A_FOLDER
@given(data=st.data(), kind=st.sampled_from(["csv", "npz", "images-idx3-ubyte", "images-idx3-ubyte.gz"]))
def test_damaged_files(data: st.DataObject, kind: str, mnist_train: Dataset, tmp_path: Path) -> None:
    content = bytearray(_whole(kind, mnist_train.part("three", 0, 3)))
    for _ in range(data.draw(st.integers(0, 4))):
        at = data.draw(st.integers(0, len(content) - 1))
        content[at] = data.draw(st.integers(0, 255))
    path = tmp_path / f"damaged-{kind}" if "idx" in kind else tmp_path / f"damaged.{kind}"
    path.write_bytes(content[: data.draw(st.one_of(st.just(len(content)), st.integers(0, len(content))))])
    read_or_refuse(path)


def _whole(kind: str, data: Dataset) -> bytes:
    assert data.labels is not None
    if kind == "csv":
        return encode_kaggle_csv(data.images, data.labels)
    if kind == "npz":
        buffer = io.BytesIO()
        np.savez_compressed(buffer, images=data.images, labels=data.labels)
        return buffer.getvalue()
    content = encode_idx(data.images).tobytes()
    return gzip.compress(content) if kind.endswith("gz") else content


TYPES = (
    "'|u1'",
    "'<u8'",
    "'O'",
    "'<U3'",
    "'<U0'",
    "'|V7'",
    "[('a', 'u1')]",
    "'",
    "None",
    "True",
    "False",
    "((((",
)
SHAPES = (
    "(2, 28, 28)",
    "(2, 784)",
    "(-2, 28, 28)",
    "(2, -28, -28)",
    "(2,)",
    "()",
    "(10**9,)",
    "(1000000000,)",
)
HEADER_WORDS = st.sampled_from([*TYPES, *SHAPES])


@IN_A_FOLDER
@given(
    name=st.sampled_from(["images", "labels", "classes"]),
    words=st.tuples(HEADER_WORDS, HEADER_WORDS, HEADER_WORDS),
    version=st.sampled_from([1, 2, 3, 9]),
    size=st.integers(0, 2000),
)
def test_npz_with_any_header(
    name: str, words: tuple[str, ...], version: int, size: int, tmp_path: Path
) -> None:
    good: dict[str, Any] = {"images": np.zeros((2, 784), np.uint8), "labels": np.zeros(2, int)}
    good["classes"] = np.array(["a", "b"])
    header = "{{'descr': {}, 'fortran_order': {}, 'shape': {}}}\n".format(*words)
    length = len(header).to_bytes(2 if version == 1 else 4, "little")
    path = tmp_path / "headers.npz"
    np.savez(path, **{key: array for key, array in good.items() if key != name})
    with zipfile.ZipFile(path, "a") as archive:
        content = b"\x93NUMPY" + bytes([version, 0]) + length + header.encode() + bytes(size)
        archive.writestr(f"{name}.npy", content)
    read_or_refuse(path)
