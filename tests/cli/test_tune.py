"""`inkdigits tune` as it is called; what a search does is tested in tests/training/."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from inkdigits.cli import main
from inkdigits.training.datasets import Dataset


@pytest.fixture
def data(tmp_path: Path, small_data: Dataset) -> Path:
    path = tmp_path / "small.npz"
    assert small_data.labels is not None
    np.savez(path, images=small_data.images[:600], labels=small_data.labels[:600])
    return path


def call(*arguments: str | Path) -> int:
    with pytest.raises(SystemExit) as ended:
        main(["tune", *map(str, arguments)])
    return int(ended.value.code or 0)


def test_a_search_and_its_going_on(
    data: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    small = ["--epochs", "1", "--max-multiplications", "0.5"]
    assert call("--data", data, "--trials", "1", "--confirm", "0", "--threads", "1", *small) == 0
    out, err = capfd.readouterr()
    assert "1 done, 0 pruned, 0 failed" in out
    assert "one seed, not confirmed" in out
    assert f"inkdigits train runs/tune/search/recipe.json --data {data}" in out
    assert err == ""
    assert call("--study", "runs/tune/search", "--minutes", "0", "--confirm", "1", "--json", *small) == 0
    out, err = capfd.readouterr()
    answer = json.loads(out)
    assert answer["trials"]["done"] == 1
    assert sorted(answer["chosen"]["accuracies"]) == ["0", "1", "2"]
    assert answer["effort"]["minutes"] == 0
    assert err == ""


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--study", "nowhere"], "nowhere: no search lies here"),
        (["--data", "mnist-test"], "test images are kept"),
        (["--data", "no-such.npz"], "no-such.npz"),
        (["--data", "small.npz", "--device", "abacus"], "--device abacus"),
        (["--data", "small.npz", "--max-parameters", "5"], "--max-parameters"),
    ],
)
def test_errors_are_one_line(
    arguments: list[str],
    message: str,
    data: Path,
    capfd: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(data.parent)
    assert call(*arguments) in (1, 2)
    out, err = capfd.readouterr()
    assert out == ""
    assert err.startswith("inkdigits: ")
    assert err.count("\n") == 1
    assert message in err
    assert not (data.parent / "runs").exists() or not list((data.parent / "runs").rglob("study.db"))
