"""`inkdigits doctor` says what is true of this installation, and notices what changed."""

from __future__ import annotations

import json
import platform
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import inkdigits
from inkdigits.cli import main
from inkdigits.cli.extras import EXTRAS
from inkdigits.model import SHIPPED
from inkdigits.training.datasets import Dataset


@pytest.fixture
def call(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Any:
    """Runs `inkdigits doctor` and answers with exit code and stdout; threads aren't probed each time."""
    monkeypatch.setattr("inkdigits.training.devices.probe_threads", lambda: 3)

    def doctor(*arguments: str) -> tuple[int, str]:
        with pytest.raises(SystemExit) as caught:
            main(["doctor", *arguments])
        said = capsys.readouterr()
        assert said.err == ""
        return int(caught.value.code or 0), said.out

    return doctor


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty cache folder of our own, where MNIST would lie."""
    monkeypatch.setenv("INKDIGITS_CACHE", str(tmp_path))
    (tmp_path / "mnist").mkdir()
    return tmp_path / "mnist"


@pytest.mark.usefixtures("mnist_test")
def test_a_healthy_installation(call: Any) -> None:
    code, out = call("--json")
    found = json.loads(out)
    assert code == 0
    assert found["inkdigits"] == inkdigits.__version__
    assert found["python"] == platform.python_version()
    assert found["packages"]["numpy"] == np.__version__
    assert found["packages"]["torch"] == torch.__version__
    assert found["training"]["threads"] == 3
    assert found["training"]["device"].split(":")[0] in ("cpu", "cuda", "mps")
    assert found["weights"] == {
        "path": str(SHIPPED),
        "status": "ok",
        "accuracy": json.loads(SHIPPED.with_suffix(".json").read_text())["accuracy"],
        "sha256": json.loads(SHIPPED.with_suffix(".json").read_text())["sha256"],
    }
    assert found["missing"] == []


def test_the_same_in_words(call: Any) -> None:
    code, out = call()
    assert code == 0
    for word in ("Python", "training", "3 threads", "weights", "SHA-256 holds", "MNIST", "packages", "numpy"):
        assert word in out
    assert max(map(len, out.splitlines()[6:])) <= 110


def test_data_that_is_not_there_is_no_fault(call: Any, cache: Path) -> None:
    code, out = call("--json")
    data = json.loads(out)["data"]
    assert code == 0
    assert data["folder"] == str(cache)
    assert set(data["files"].values()) == {"missing"}
    assert f"not in {cache} yet" in call()[1]


def test_changed_data_is_a_fault(call: Any, cache: Path, mnist_test: Dataset) -> None:
    assert mnist_test.labels is not None
    header = bytes([0, 0, 8, 1, 0, 0, 39, 16])
    labels = mnist_test.labels.astype(np.uint8)
    (cache / "t10k-labels-idx1-ubyte").write_bytes(header + labels.tobytes())
    assert json.loads(call("--json")[1])["data"]["files"]["t10k-labels-idx1-ubyte"] == "ok"
    labels[77] ^= 1
    (cache / "t10k-labels-idx1-ubyte").write_bytes(header + labels.tobytes())
    code, out = call("--json")
    assert code == 1
    assert json.loads(out)["data"]["files"]["t10k-labels-idx1-ubyte"] == "changed"
    assert "t10k-labels-idx1-ubyte CHANGED" in call()[1]


@pytest.mark.parametrize("status", ["changed", "missing"])
def test_weights_that_do_not_hold_are_a_fault(
    call: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, status: str
) -> None:
    copy = tmp_path / "digit.onnx"
    if status == "changed":
        copy.write_bytes(SHIPPED.read_bytes() + b"\0")
        copy.with_suffix(".json").write_bytes(SHIPPED.with_suffix(".json").read_bytes())
    monkeypatch.setattr("inkdigits.model.SHIPPED", copy)
    code, out = call("--json")
    assert code == 1
    assert json.loads(out)["weights"]["status"] == status
    assert status.upper() in call()[1]


def test_what_is_missing_is_said_with_what_it_is_for(call: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(EXTRAS, "tensorboard", ("no_such_module",))
    code, out = call()
    assert code == 0
    assert out.splitlines()[-1].split() == [
        *("missing", "no_such_module;", "for", "`train", "--tensorboard`:"),
        *("pip", "install", "'inkdigits[tensorboard]'"),
    ]
