"""`inkdigits submit`: Kaggle's file, whole and checked, or none."""

from __future__ import annotations

import csv
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from inkdigits.cli import main
from inkdigits.errors import InvalidData, UsageError
from inkdigits.model import Model
from inkdigits.training import submission
from inkdigits.training.checkpoint import Weights, save_weights
from inkdigits.training.committee import together
from inkdigits.training.datasets import Dataset
from inkdigits.training.export import export_onnx, glyph_like
from inkdigits.training.networks import Network
from inkdigits.training.recipes import TINY
from inkdigits.training.recogniser import Recogniser


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A network that answers something, as safetensors and ONNX."""
    path = tmp_path_factory.mktemp("weights") / "tiny.safetensors"
    network = Network(TINY.layers).eval()
    digits = tuple("0123456789")
    save_weights(path, network, TINY, digits, {})
    known = Weights(network, TINY, digits, {}, "0" * 64)
    export_onnx(known, path.with_suffix(".onnx"), check_images=glyph_like(10))
    return path


@pytest.fixture
def test_csv(tmp_path: Path, mnist_test: Dataset, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Forty digits in Kaggle's form."""
    pixels = mnist_test.images[:40].reshape(40, -1)
    header = ",".join(f"pixel{i}" for i in range(784))
    np.savetxt(tmp_path / "test.csv", pixels, fmt="%d", delimiter=",", header=header, comments="")
    monkeypatch.chdir(tmp_path)
    return tmp_path / "test.csv"


def run(*args: str | Path) -> int:
    with pytest.raises(SystemExit) as ended:
        main(["submit", *map(str, args)])
    return int(ended.value.code or 0)


def rows_of(path: Path) -> list[list[str]]:
    with path.open(newline="") as file:
        return list(csv.reader(file))


@pytest.mark.parametrize("suffix", [".onnx", ".safetensors"])
def test_it_writes_what_kaggle_takes(
    suffix: str, test_csv: Path, weights: Path, mnist_test: Dataset, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(test_csv, "--weights", weights.with_suffix(suffix), "--rows", "40", "--json") == 0
    header, *rows = rows_of(test_csv.parent / "submission.csv")
    assert header == ["ImageId", "Label"]
    assert [row[0] for row in rows] == [str(i) for i in range(1, 41)]
    expected = Model.load(weights.with_suffix(".onnx")).logits(mnist_test.images[:40]).argmax(axis=1)
    assert [int(row[1]) for row in rows] == expected.tolist()
    answer = json.loads(capsys.readouterr().out)
    assert (answer["path"], answer["rows"], sum(answer["labels"].values())) == ("submission.csv", 40, 40)


def test_it_needs_no_pytorch(test_csv: Path, weights: Path) -> None:
    code = "import sys; sys.modules['torch'] = None\nfrom inkdigits.cli import main; main(sys.argv[1:])"
    onnx = str(weights.with_suffix(".onnx"))
    both = ["--weights", onnx, "--weights", onnx]
    args = [sys.executable, "-c", code, "submit", str(test_csv), *both, "--rows", "40"]
    ended = subprocess.run(args, capture_output=True, text=True, check=False)
    assert (ended.returncode, ended.stderr) == (0, "")
    assert ended.stdout.startswith("submission.csv  40 rows: ")


def test_several_weights_predict_together(
    test_csv: Path, weights: Path, small_run: Path, mnist_test: Dataset
) -> None:
    several = [weights.with_suffix(".onnx"), small_run]
    assert run(test_csv, *(word for path in several for word in ("--weights", path)), "--rows", "40") == 0
    _, *rows = rows_of(test_csv.parent / "submission.csv")
    members = [Recogniser.load(path) for path in several]
    expected = together([m.logits(mnist_test.images[:40]) for m in members], [m.temperature for m in members])
    assert [int(row[1]) for row in rows] == expected.argmax(axis=1).tolist()


def test_kaggles_own_file_has_28000_rows(
    test_csv: Path, weights: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(test_csv, "--weights", weights.with_suffix(".onnx")) == 1
    assert "has 40 rows instead of 28,000" in capsys.readouterr().err
    assert not (test_csv.parent / "submission.csv").exists()
    other = test_csv.rename(test_csv.with_name("mine.csv"))
    assert run(other, "--weights", weights.with_suffix(".onnx")) == 0
    assert len(rows_of(test_csv.parent / "submission.csv")) == 41


def test_another_number_than_said_is_refused(
    test_csv: Path, weights: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(test_csv, "--weights", weights.with_suffix(".onnx"), "--rows", "41") == 1
    assert "has 40 rows instead of 41" in capsys.readouterr().err


def test_a_file_is_replaced_only_by_force(
    test_csv: Path, weights: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = test_csv.with_name("mine.txt")
    out.write_text("precious")
    args: list[str | Path] = [
        test_csv,
        "--weights",
        weights.with_suffix(".onnx"),
        "--rows",
        "40",
        "--out",
        out,
    ]
    assert run(*args) == 2
    assert "--force" in capsys.readouterr().err
    assert out.read_text() == "precious"
    assert run(*args, "--force") == 0
    assert len(rows_of(out)) == 41


def test_damaged_data_writes_nothing(
    test_csv: Path, weights: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    test_csv.write_text(test_csv.read_text().replace("pixel7,", "pixie7,"))
    assert run(test_csv, "--weights", weights.with_suffix(".onnx")) == 1
    assert "test.csv" in capsys.readouterr().err
    assert not (test_csv.parent / "submission.csv").exists()


@given(st.lists(st.integers(0, 9), max_size=300))
def test_what_is_written_passes_its_check(digits: list[int]) -> None:
    content = submission.to_csv(np.array(digits, np.int64))
    submission.check_csv(content, len(digits))
    assert len(content.splitlines()) == len(digits) + 1


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"Id,Label\n1,3\n2,4\n", "header"),
        (b"ImageId,Label\n0,3\n1,4\n", "ids"),
        (b"ImageId,Label\n1,3\n", "ids"),
        (b"ImageId,Label\n1,3\n2,4\n3,5\n", "ids"),
        (b"ImageId,Label\n1,3\n2,10\n", "label of ImageId 2"),
        (b"ImageId,Label\n1,\n2,4\n", "label of ImageId 1"),
        (b"ImageId,Label\n1,3\n2,4,4\n", "label of ImageId 2"),
    ],
)
def test_what_kaggle_would_refuse_is_refused(content: bytes, message: str) -> None:
    with pytest.raises(InvalidData, match=message):
        submission.check_csv(content, 2)


def test_classes_become_the_digits_that_they_name() -> None:
    predicted: Any = np.array([0, 1, 2])
    assert submission.digits_of(("7", "0", "3"), predicted).tolist() == [7, 0, 3]
    with pytest.raises(UsageError, match="class 'a'"):
        submission.digits_of(("0", "a"), predicted)
