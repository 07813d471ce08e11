"""`inkdigits classify` on real pictures with the shipped weights."""

from __future__ import annotations

import gzip
import io
import json
import re
import shutil
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from inkdigits.cli import main
from inkdigits.model import SHIPPED
from inkdigits.training.datasets import Dataset

EXAMPLES = Path(__file__).parents[2] / "examples" / "digits"
SEVEN = str(EXAMPLES / "7-blue-pen.jpg")
FOUR = str(EXAMPLES / "4-pencil.png")


@pytest.fixture
def call(capsys: pytest.CaptureFixture[str]) -> Any:
    """Runs `inkdigits classify` and answers with exit code, stdout and stderr."""

    def classify(*arguments: object) -> tuple[int, str, str]:
        with pytest.raises(SystemExit) as caught:
            main(["classify", *map(str, arguments)])
        said = capsys.readouterr()
        return int(caught.value.code or 0), said.out, said.err

    return classify


def objects(text: str) -> list[dict[str, Any]]:
    """The objects of JSON Lines."""
    return [json.loads(line) for line in text.splitlines()]


def test_one_picture_in_words(call: Any) -> None:
    code, out, err = call(SEVEN)
    assert (code, err) == (0, "")
    assert re.fullmatch(rf"{re.escape(SEVEN)}    7   \d\d\.\d%\n", out)


def test_one_picture_as_json(call: Any) -> None:
    code, out, err = call(SEVEN, "--json")
    assert (code, err) == (0, "")
    (answer,) = objects(out)
    assert list(answer) == ["source", "digit", "confidence", "accepted", "reason", "probabilities"]
    assert (answer["source"], answer["digit"], answer["accepted"], answer["reason"]) == (SEVEN, 7, True, None)
    assert len(answer["probabilities"]) == 10
    assert answer["confidence"] == max(answer["probabilities"])


def test_a_folder_in_aligned_lines(call: Any) -> None:
    code, out, _ = call(EXAMPLES)
    assert code == 0
    lines = out.splitlines()
    assert len(lines) == 14
    assert len({line.index("%") for line in lines if "%" in line}) == 1
    assert any(line.endswith("? -          blank") for line in lines)
    assert any("? " in line and line.endswith(("not a digit", "unsure")) for line in lines)


def test_no_colours_where_nobody_sees_them(call: Any) -> None:
    assert "\x1b" not in call(EXAMPLES)[1]


def test_colours_on_a_terminal(call: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdout.isatty", lambda: True)
    assert "\x1b[32m" in call(SEVEN)[1]


def test_failing_inputs_keep_their_place_and_stop_nobody(call: Any, tmp_path: Path) -> None:
    empty, text = tmp_path / "empty.png", tmp_path / "text.png"
    empty.touch()
    text.write_text("no picture")
    inputs = [SEVEN, empty, text, tmp_path / "missing.png", tmp_path / "*.gif", tmp_path / "empty.npz", FOUR]
    (tmp_path / "empty.npz").touch()
    code, out, err = call(*inputs, "--json")
    assert (code, err) == (1, "")
    answers = objects(out)
    assert [answer["source"] for answer in answers] == [str(name) for name in inputs]
    assert [answer.get("digit") for answer in answers] == [7, None, None, None, None, None, 4]
    kinds = [answer["error"]["type"] for answer in answers if "error" in answer]
    assert kinds == ["unreadable-image", "unreadable-image", "unreadable-image", "input", "invalid-data"]

    code, out, err = call(*inputs)
    assert code == 1
    assert len(out.splitlines()) == 2
    assert len(err.splitlines()) == 5
    assert all(line.startswith("inkdigits: ") for line in err.splitlines())


def test_standard_input(call: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    class Stdin:
        buffer = io.BytesIO(Path(SEVEN).read_bytes())

    monkeypatch.setattr(sys, "stdin", Stdin)
    code, out, _ = call(FOUR, "-", "--json")
    assert code == 0
    assert [(answer["source"], answer["digit"]) for answer in objects(out)] == [(FOUR, 4), ("-", 7)]
    code, out, _ = call("-", "--json")  # nothing is left of it
    assert code == 1
    assert objects(out)[0]["error"]["detail"] == "-: empty, it has no bytes"


def test_data_sets_are_classified_row_by_row(call: Any, tmp_path: Path, mnist_test: Dataset) -> None:
    glyphs = mnist_test.images[:4]
    header = bytes([0, 0, 8, 3, 0, 0, 0, 4, 0, 0, 0, 28, 0, 0, 0, 28])
    (tmp_path / "four-images-idx3-ubyte").write_bytes(header + glyphs.tobytes())
    with gzip.open(tmp_path / "four-images-idx3-ubyte.gz", "wb") as file:
        file.write(header + glyphs.tobytes())
    np.savez(tmp_path / "four.npz", images=glyphs)
    names = ",".join(f"pixel{i}" for i in range(784))
    np.savetxt(
        tmp_path / "four.csv", glyphs.reshape(4, -1), fmt="%d", delimiter=",", header=names, comments=""
    )
    for path in sorted(tmp_path.iterdir()):
        code, out, err = call(path, "--json")
        assert (code, err) == (0, "")
        answers = objects(out)
        assert [answer["source"] for answer in answers] == [f"{path}#{row}" for row in (1, 2, 3, 4)]
        assert [answer["digit"] for answer in answers] == [7, 2, 1, 0]


def test_other_weights(call: Any, tmp_path: Path) -> None:
    for name in ("digit.onnx", "digit.json"):
        shutil.copy(SHIPPED.with_name(name), tmp_path)
    assert call(SEVEN, "--weights", tmp_path / "digit.onnx", "--threads", 2)[0] == 0
    content = bytearray((tmp_path / "digit.onnx").read_bytes())
    content[len(content) // 2] ^= 1
    (tmp_path / "digit.onnx").write_bytes(content)
    code, out, err = call(SEVEN, "--weights", tmp_path / "digit.onnx")
    assert (code, out) == (1, "")
    assert "changed byte" in err
    assert len(err.splitlines()) == 1


@pytest.mark.parametrize("arguments", [("--threads", 0), ("--threads", "many"), ("--weights",)])
def test_options_that_can_t_be(call: Any, arguments: tuple[object, ...]) -> None:
    assert call(SEVEN, *arguments)[0] == 2


def test_names_with_every_character(call: Any, tmp_path: Path) -> None:
    path = tmp_path / 'a "b"\n日本.png'
    Image.new("L", (30, 30), 255).save(path)
    code, out, _ = call(path, "--json")
    assert code == 0
    assert objects(out)[0]["source"] == str(path)
