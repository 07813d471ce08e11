"""`inkdigits explain`: a PNG a picture, bad pictures beside good ones, and no PyTorch for ONNX weights."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from PIL import Image

from inkdigits.cli import main
from inkdigits.training.checkpoint import load_weights
from inkdigits.training.datasets import Dataset
from inkdigits.training.export import export_onnx, glyph_like


@pytest.fixture(scope="module")
def weights(small_run: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of `small.safetensors`, with `small.onnx` beside it."""
    path = tmp_path_factory.mktemp("weights") / "small.safetensors"
    path.write_bytes((small_run / "weights" / "best.safetensors").read_bytes())
    export_onnx(load_weights(path), path.with_suffix(".onnx"), check_images=glyph_like(50))
    return path


@pytest.fixture
def folder(tmp_path: Path, mnist_test: Dataset, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The working folder, with a digit as a photo would show it, a blank, and something that is no image."""
    seven = cv2.resize(mnist_test.images[0], (140, 140), interpolation=cv2.INTER_CUBIC)
    Image.fromarray(255 - seven).save(tmp_path / "seven.png")
    Image.fromarray(np.full((50, 60), 240, np.uint8)).save(tmp_path / "blank.png")
    (tmp_path / "text.png").write_text("no image")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def run(*args: str | Path) -> int:
    with pytest.raises(SystemExit) as ended:
        main(["explain", *map(str, args)])
    return int(ended.value.code or 0)


def answers(capsys: pytest.CaptureFixture[str]) -> list[dict[str, Any]]:
    return [json.loads(line) for line in capsys.readouterr().out.splitlines()]


def test_it_draws_a_picture(folder: Path, weights: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("seven.png", "--weights", weights, "--class", "3", "--json") == 0
    (answer,) = answers(capsys)
    assert (answer["source"], answer["digit"]) == ("seven.png", "7")
    assert [one["class"] for one in answer["explained"]] == ["7", "3"]
    for one in answer["explained"]:
        assert set(one["maps"]) == {"grad-cam", "occlusion"}
        assert np.array(one["maps"]["occlusion"]).shape == (28, 28)
    with Image.open(folder / answer["picture"]) as picture:
        assert picture.format == "PNG"
        assert picture.width > 4 * 336


def test_the_shipped_kind_of_weights_needs_no_pytorch(folder: Path, weights: Path) -> None:
    code = (
        "import sys; sys.modules['torch'] = None; sys.modules['matplotlib'] = None\n"
        "from inkdigits.cli import main; main(sys.argv[1:])"
    )
    onnx = str(weights.with_suffix(".onnx"))
    args = [sys.executable, "-c", code, "explain", "seven.png", "--weights", onnx, "--out", "why"]
    ended = subprocess.run(args, capture_output=True, text=True, check=False)
    assert (ended.returncode, ended.stderr) == (0, "")
    assert ended.stdout.split() == ["seven.png", "7", ended.stdout.split()[2], "why/seven-explained.png"]
    assert (folder / "why" / "seven-explained.png").stat().st_size > 10_000


def test_bad_pictures_do_not_stop_good_ones(
    folder: Path, weights: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    onnx = weights.with_suffix(".onnx")
    assert run("text.png", "nowhere.png", "blank.png", "seven.png", "--weights", onnx, "--json") == 1
    text, nowhere, blank, seven = answers(capsys)
    assert text["error"]["type"] == nowhere["error"]["type"] == "unreadable-image"
    assert (blank["digit"], blank["reason"], blank["picture"]) == (None, "blank", None)
    assert seven["digit"] == "7"
    assert [path.name for path in (folder / "runs/explain").iterdir()] == ["seven-explained.png"]


@pytest.mark.usefixtures("folder")
def test_answers_in_words(weights: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("blank.png", "text.png", "seven.png", "--weights", weights, "--method", "occlusion") == 1
    out, err = capsys.readouterr()
    blank, seven = out.splitlines()
    assert blank == "blank.png  blank, nothing to explain"
    assert seven.startswith("seven.png  7  ")
    assert err.splitlines() == [line for line in err.splitlines() if line.startswith("inkdigits: text.png")]


def test_inputs_of_one_name_do_not_overwrite_each_other(folder: Path, weights: Path) -> None:
    (folder / "other").mkdir()
    (folder / "other" / "seven.png").write_bytes((folder / "seven.png").read_bytes())
    onnx = weights.with_suffix(".onnx")
    assert run("seven.png", "other", "--weights", onnx, "--out", ".") == 0
    made = sorted(path.name for path in folder.glob("*-explained*"))
    assert made == ["seven-explained-2.png", "seven-explained.png"]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--class", "x"], "class 'x' is unknown; there are 0, 1"),
        (["--method", "grad-cam"], "Grad-CAM needs a trained network"),
        (["--method", "both"], "Grad-CAM needs a trained network"),
        (["--patch", "3", "--stride", "4"], "stride ≤ patch"),
    ],
)
def test_a_wrong_call_is_one_line_and_exit_code_2(
    folder: Path, weights: Path, options: list[str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run("seven.png", "--weights", weights.with_suffix(".onnx"), *options) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert message in line
    assert not list(folder.rglob("*-explained.png"))


@pytest.mark.usefixtures("folder")
def test_a_folder_that_can_not_be_made(weights: Path, capsys: pytest.CaptureFixture[str]) -> None:
    onnx = weights.with_suffix(".onnx")
    assert run("seven.png", "--weights", onnx, "--out", "text.png/below") == 1
    assert "name another folder with --out" in capsys.readouterr().err
