"""`inkdigits bench` as a person calls it."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from inkdigits import speed, timing, yardsticks
from inkdigits.cli import main
from inkdigits.model import SHIPPED


@pytest.fixture(autouse=True)
def cheap(monkeypatch: pytest.MonkeyPatch) -> None:
    """Small batches and matrices, so that a round takes no time to speak of."""
    monkeypatch.setattr(speed, "BATCHES", (1, 3))
    monkeypatch.setattr(speed, "CALLS", 2)
    monkeypatch.setattr(timing, "ENOUGH", 1e-9)
    monkeypatch.setattr(speed, "MATRIX", 32)
    monkeypatch.setattr(yardsticks, "MATRIX", 32)


def call(*args: object) -> int:
    """Runs the command; its exit code."""
    with pytest.raises(SystemExit) as ended:
        main(["bench", "--rounds", "1", *map(str, args)])
    return int(ended.value.code or 0)


def test_the_shipped_network_is_measured_unless_said(capsys: pytest.CaptureFixture[str]) -> None:
    assert call("--threads", 2) == 0
    said, progress = capsys.readouterr()
    rows = [line[:13].strip() for line in said.splitlines()]
    threads = ["1 thread", "2 threads"]
    assert rows == [
        *("weights", "one image", "empty call", *threads, "arithmetic", "product", "product"),
        *("process", "machine"),
    ]
    assert str(SHIPPED) in said
    assert progress == ""


def test_a_run_folder_stands_for_its_onnx_file(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    weights = tmp_path / "run" / "weights"
    weights.mkdir(parents=True)
    shutil.copy(SHIPPED, weights / "best.onnx")
    shutil.copy(SHIPPED.with_suffix(".json"), weights / "best.json")
    assert call("--weights", tmp_path / "run", "--threads", 1, "--json") == 0
    found = json.loads(capsys.readouterr().out)
    assert found["weights"] == str(weights / "best.onnx")
    assert found["size_bytes"] == SHIPPED.stat().st_size
    assert found["one_image"]["calls"] == 2
    assert set(found["throughput"][0]["batches"]) == {"1", "3"}
    assert found["machine"]["matrix_product"][0]["threads"] == 1


def test_what_fails_keeps_its_place_and_the_rest_is_done(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    missing, pickle = tmp_path / "run", tmp_path / "b.onnx"
    missing.mkdir()
    pickle.write_bytes(b"PK\x03\x04 a zip of pickles")
    given = [word for path in (missing, SHIPPED, pickle) for word in ("--weights", path)]
    assert call(*given, "--threads", 1, "--json") == 1
    first, second, third = map(json.loads, capsys.readouterr().out.splitlines())
    assert first["weights"] == str(missing)
    assert first["error"]["type"] == third["error"]["type"] == "invalid-weights"
    assert "inkdigits export" in first["error"]["detail"]
    assert second["multiply_adds"] > 1_000_000
    assert call("--weights", pickle) == 1
    said, errors = capsys.readouterr()
    assert said == ""
    assert errors.startswith(f"inkdigits: {pickle}: ")
    assert errors.count("\n") == 1


@pytest.mark.parametrize("wrong", [["--rounds", "0"], ["--threads", "0"], ["--batch", "3"]])
def test_a_wrong_call_ends_with_2(wrong: list[str]) -> None:
    assert call(*wrong) == 2
