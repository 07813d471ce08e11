"""`inkdigits export`: run folders and files to ONNX, calibrated, with a card."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from inkdigits.cli import main
from inkdigits.model import Model
from inkdigits.training.checkpoint import load_weights, save_weights
from inkdigits.training.datasets import Dataset
from inkdigits.training.loop import predict


@pytest.fixture
def trained(small_run: Path, tmp_path: Path) -> Path:
    """A copy of a run folder, to write into."""
    return shutil.copytree(small_run, tmp_path / "run")


@pytest.fixture
def fewer_checks(mnist_train: Dataset, monkeypatch: pytest.MonkeyPatch) -> None:
    """Parity on 100 glyphs instead of 10,000, where it isn't what a test is about."""
    few = mnist_train.part("few", 50_000, 50_100)
    monkeypatch.setattr("inkdigits.training.export.load_data", lambda *_, **__: few)


@pytest.fixture
def labelled(tmp_path: Path, mnist_train: Dataset) -> Path:
    """Digits that trained nothing."""
    data = mnist_train.part("held-out", 50_000, 52_000)
    assert data.labels is not None
    np.savez(tmp_path / "held-out.npz", images=data.images, labels=data.labels)
    return tmp_path / "held-out.npz"


def run(*args: str | Path) -> int:
    with pytest.raises(SystemExit) as ended:
        main(["export", *map(str, args)])
    return int(ended.value.code or 0)


def test_a_run_gets_its_onnx_beside_its_weights(
    trained: Path, labelled: Path, mnist_test: Dataset, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(trained, "--data", labelled) == 0
    out, err = capsys.readouterr()
    assert err == ""
    assert "47,978 parameters" in out
    assert "equal to PyTorch on 10,000 glyphs" in out
    model = Model.load(trained / "weights" / "best.onnx")
    some = mnist_test.images[:100]
    expected = predict(load_weights(trained).network, some)
    np.testing.assert_allclose(model.logits(some), expected, atol=1e-4)
    assert model.temperature != 1


@pytest.mark.usefixtures("fewer_checks")
def test_a_file_and_a_named_temperature(
    trained: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "mine.onnx"
    source = trained / "weights" / "best.safetensors"
    assert run(source, "--out", out, "--temperature", "1.5", "--json") == 0
    card = json.loads(capsys.readouterr().out)
    assert (card.pop("path"), card["temperature"]) == (str(out), 1.5)
    assert card == json.loads(out.with_suffix(".json").read_text(encoding="utf-8"))
    assert Model.load(out).temperature == 1.5


@pytest.mark.usefixtures("fewer_checks")
@pytest.mark.parametrize(
    ("facts", "validation", "reason"),
    [
        ({"data": "mnist-train"}, 0, "all of its data trained it"),
        ({"data": "mine"}, 500, "wasn't trained on MNIST"),
    ],
)
def test_it_says_when_there_is_nothing_to_calibrate_on(
    trained: Path, tmp_path: Path, facts: dict[str, str], validation: int, reason: str,
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    known = load_weights(trained)
    path = tmp_path / "all.safetensors"
    save_weights(path, known.network, replace(known.recipe, validation=validation), known.classes, facts)
    assert run(path, "--json") == 0
    out, err = capsys.readouterr()
    assert reason in err
    assert "--data" in err
    assert json.loads(out)["temperature"] == 1
    assert path.with_suffix(".onnx").exists()


@pytest.mark.parametrize("name", ["net.json", "net", "net.pt"])
def test_the_name_must_end_in_onnx(
    trained: Path, tmp_path: Path, name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(trained, "--out", tmp_path / name) == 2
    assert "must end in .onnx" in capsys.readouterr().err
    assert not list(tmp_path.glob("net*"))


@pytest.mark.parametrize(
    ("content", "message"),
    [(b"PK\x03\x04", "pickle"), (b"hello", "not a whole safetensors"), (None, "No such file")],
)
def test_weights_of_another_kind_are_one_clear_error(
    tmp_path: Path, content: bytes | None, message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "odd.safetensors"
    if content is not None:
        path.write_bytes(content)
    assert run(path) == 1
    (line,) = capsys.readouterr().err.splitlines()
    assert message in line
    assert not list(tmp_path.glob("*.onnx"))
