"""`inkdigits data` as a person calls it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from inkdigits.cli import main
from inkdigits.training.datasets import Dataset, load_data
from inkdigits.training.writers import write_data


@pytest.fixture
def digits(mnist_train: Dataset, tmp_path: Path) -> Path:
    path = tmp_path / "digits.csv"
    write_data(mnist_train.part("digits", 0, 300), path)
    return path


def call(*args: object) -> int:
    """Runs the command; its exit code."""
    with pytest.raises(SystemExit) as ended:
        main(["data", *map(str, args)])
    return int(ended.value.code or 0)


def test_it_prints_counts_and_the_hash(digits: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert call(digits) == 0
    answer, progress = capsys.readouterr()
    data = load_data(str(digits))
    assert data.labels is not None
    assert answer.startswith("digits: 300 glyphs of 28×28\n")
    rows = [line.split()[:2] for line in answer.splitlines() if line[:1].isdigit()]
    counts = np.bincount(data.labels, minlength=10).tolist()
    assert rows == [[str(digit), str(count)] for digit, count in enumerate(counts)]
    assert data.sha256 in answer
    assert "█" not in answer, "bars are for terminals"
    assert progress == ""


def test_json_is_one_object(digits: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert call(digits, "--json") == 0
    answer = json.loads(capsys.readouterr().out)
    assert answer["source"] == str(digits)
    assert (answer["name"], answer["samples"], answer["height"]) == ("digits", 300, 28)
    assert sum(answer["classes"].values()) == 300
    assert list(answer["classes"]) == list("0123456789")


def test_mnist_is_what_it_shows_by_itself(capsys: pytest.CaptureFixture[str]) -> None:
    assert call("--json") == 0
    answer = json.loads(capsys.readouterr().out)
    assert (answer["name"], answer["samples"], answer["repeated"]) == ("mnist-train", 60_000, 0)


def test_samples_are_a_picture(digits: Path, capsys: pytest.CaptureFixture[str]) -> None:
    picture = digits.with_name("samples.png")
    assert call(digits, "--samples", picture) == 0
    assert f"wrote {picture}" in capsys.readouterr().err
    with Image.open(picture) as image:
        assert image.format == "PNG"
        assert image.width > 20 * 56
        assert image.height > 10 * 56


@pytest.mark.parametrize("name", ["out.npz", "out.csv", "out"])
def test_it_writes_other_formats(name: str, digits: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert call(digits, "--to", digits.with_name(name)) == 0
    assert len(load_data(str(digits.with_name(name)))) == 300
    assert "wrote" in capsys.readouterr().err


def test_errors_are_one_line(digits: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert call("missing.csv") == 1
    assert capsys.readouterr().err.startswith(
        "inkdigits: missing.csv: no such file or folder; give mnist-train"
    )
    assert call(digits, "--samples", "samples.jpg") == 2
    assert call(digits, "--to", digits) == 1
    assert "exists already" in capsys.readouterr().err
    digits.write_text(digits.read_text().replace("\n5,", "\n55,", 1))
    assert call(digits) == 1
    answer, complaint = capsys.readouterr()
    assert answer == ""
    assert complaint.startswith(f"inkdigits: {digits}: line 2 has '55' in label")
    assert complaint.count("\n") == 1


def test_offline_without_a_cache_says_what_to_put_where(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("INKDIGITS_CACHE", str(tmp_path))
    assert call("mnist-test", "--offline", "--mnist", tmp_path / "here") == 1
    complaint = capsys.readouterr().err
    assert f"{tmp_path / 'here'}: has no t10k-images-idx3-ubyte" in complaint
    assert f"into {tmp_path / 'mnist'}" in complaint


def test_it_needs_no_pytorch(digits: Path) -> None:
    program = "import sys; sys.modules.update(torch=None, pyarrow=None, matplotlib=None)\n"
    program += "from inkdigits.cli import main; main(['data', *sys.argv[1:]])"
    samples = digits.with_name("samples.png")
    command = [sys.executable, "-c", program, str(digits), "--samples", str(samples)]
    done = subprocess.run(command, capture_output=True, text=True, env={**os.environ, "PYTHONUTF8": "1"})
    assert done.returncode == 0, done.stderr
    assert samples.exists()
