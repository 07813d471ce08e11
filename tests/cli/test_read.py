"""`inkdigits read` from end to end with the shipped weights, on numbers composed of MNIST's digits."""

from __future__ import annotations

import io
import json
import os
import re
import signal
import subprocess
import sys
import time
from functools import cache
from pathlib import Path
from typing import Any, get_args, get_type_hints
from xml.etree import ElementTree

import numpy as np
import pytest
import typer.main
from numpy.typing import NDArray
from PIL import Image

from inkdigits import checks
from inkdigits.cli import app, main
from inkdigits.formats import WRITERS
from inkdigits.images import DPI
from inkdigits.reading import NumberReader
from inkdigits.training.datasets import Dataset

Call = tuple[int, str, str]

ANY = ("--max-error", "0.5")  # accepts nearly everything: what the network reads counts here, not how surely


@pytest.fixture
def call(capsys: pytest.CaptureFixture[str]) -> Any:
    """Runs `inkdigits read` and answers with exit code, stdout and stderr."""

    def read(*arguments: object) -> Call:
        with pytest.raises(SystemExit) as caught:
            main(["read", *map(str, arguments)])
        said = capsys.readouterr()
        return int(caught.value.code or 0), said.out, said.err

    return read


def objects(text: str) -> list[dict[str, Any]]:
    """The objects of JSON Lines."""
    return [json.loads(line) for line in text.splitlines()]


@pytest.fixture(scope="module")
def digits(mnist_test: Dataset) -> dict[str, NDArray[np.uint8]]:
    """One clear image of each digit."""
    assert mnist_test.labels is not None
    first = {str(digit): int(np.flatnonzero(mnist_test.labels == digit)[3]) for digit in range(10)}
    return {digit: mnist_test.images[place] for digit, place in first.items()}


def row(digits: dict[str, NDArray[np.uint8]], text: str) -> Image.Image:
    """A number in dark ink on paper."""
    ink = np.concatenate([digits[digit] for digit in text], axis=1).astype(float)
    picture = Image.fromarray(np.uint8(225 - 0.75 * np.pad(ink, 8)))
    return picture.resize((2 * picture.width, 2 * picture.height), Image.Resampling.BICUBIC)


@pytest.fixture(autouse=True)
def opened_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Calls share one network: opening it takes longer than reading these pictures."""
    monkeypatch.setattr(NumberReader, "load", _load)


_load = cache(NumberReader.load)


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, digits: dict[str, NDArray[np.uint8]], monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder to work in: three pictures of numbers, a document of two pages, a file that is no picture."""
    scans = tmp_path / "scans"
    scans.mkdir()
    for name, text in {"a.png": "2750", "b.png": "186", "c.png": "40392"}.items():
        row(digits, text).save(scans / name)
    pages = [row(digits, text) for text in ("31", "57")]
    pages[0].save(tmp_path / "two.tif", save_all=True, append_images=pages[1:])
    (tmp_path / "broken.png").write_bytes(b"no picture")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_a_number_alone_is_printed_alone(call: Any) -> None:
    assert call("scans/a.png", *ANY) == (0, "2750\n", "")


def test_a_folder_in_aligned_lines(call: Any) -> None:
    code, out, err = call("scans", "two.tif", *ANY)
    assert (code, err) == (0, "")
    lines = out.splitlines()
    assert [re.split(r"\s+", line)[:2] for line in lines] == [
        ["scans/a.png", "2750"],
        ["scans/b.png", "186"],
        ["scans/c.png", "40392"],
        ["two.tif", "31"],
        ["two.tif#2", "57"],
    ]
    assert len({line.index("%") for line in lines}) == 1


def test_json_is_an_object_a_page(call: Any) -> None:
    code, out, err = call("scans/a.png", "two.tif", "--json", *ANY)
    assert (code, err) == (0, "")
    first, *rest = objects(out)
    assert list(first) == ["source", "page", "width", "height", "text", "lines"]
    assert (first["source"], first["page"], first["width"], first["height"]) == ("scans/a.png", 1, 256, 88)
    (line,) = first["lines"]
    assert (line["text"], line["accepted"], line["reason"]) == ("2750", True, None)
    assert [digit["text"] for digit in line["digits"]] == list("2750")
    assert [(answer["page"], answer["text"]) for answer in rest] == [(1, "31"), (2, "57")]
    assert call("scans/a.png", "two.tif", "--format", "json", *ANY)[1] == out


def test_inputs_that_fail_keep_their_place_and_stop_nobody(call: Any) -> None:
    code, out, err = call("broken.png", "scans/b.png", "*.gif", "none.png", "scans/a.png", "--json")
    assert (code, err) == (1, "")
    answers = objects(out)
    assert [answer["source"] for answer in answers] == [
        "broken.png",
        "scans/b.png",
        "*.gif",
        "none.png",
        "scans/a.png",
    ]
    assert [answer.get("text") for answer in answers] == [None, "186", None, None, "2750"]
    assert answers[0]["error"]["type"] == "unreadable-image"
    code, out, err = call("broken.png", "scans/b.png")
    assert (code, len(out.splitlines())) == (1, 1)
    assert re.fullmatch(r"inkdigits: broken\.png: .*\n", err)


def test_standard_input(call: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    class Stdin:
        buffer = io.BytesIO(Path("scans/a.png").read_bytes())

    monkeypatch.setattr(sys, "stdin", Stdin)
    assert call("-", *ANY)[:2] == (0, "2750\n")
    assert call("-", "--resume", "out.jsonl")[0] == 2


def test_what_is_known_decides(call: Any) -> None:
    for known in (
        ["--length", 4],
        ["--min-length", 3, "--max-length", 5],
        ["--range", 2000, 2999],
        ["--pattern", r"27\d{2}"],
    ):
        assert call("scans/a.png", *known, *ANY)[:2] == (0, "2750\n")
    code, out, _ = call("scans/a.png", "--length", 9, "--json")
    (line,) = objects(out)[0]["lines"]
    assert (code, line["text"], line["accepted"], line["reason"]) == (0, "", False, "unsure")
    assert line["alternatives"][0]["text"] == "2750"
    assert call("scans/a.png", "--length", 9)[1] == "? -  unsure\n"


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--length", 0], "length 0"),
        (["--length", 3, "--min-length", 5], "can't be satisfied"),
        (["--range", 9, 3], "range"),
        (["--check", "crc"], "choose from luhn"),
        (["--pattern", "[a-z"], "pattern"),
        (["--max-error", 2], "max-error"),
        (["--dpi", 0], "dpi"),
        (["--json", "--format", "csv"], "name one of them"),
        (["--format", "docx"], ""),
        (["--layout", "table"], ""),
        (["--threads", 0], ""),
    ],
)
def test_options_that_can_t_be(call: Any, options: list[Any], said: str) -> None:
    code, out, err = call("scans/a.png", *options)
    assert (code, out) == (2, "")
    assert said in err


def test_the_risk_that_is_taken_decides_what_is_accepted(call: Any) -> None:
    accepted = [
        sum(answer["lines"][0]["accepted"] for answer in objects(call("scans", "--json", *risk)[1]))
        for risk in (["--max-error", 0.5], ["--max-error", 0.00001])
    ]
    assert accepted[0] == 3
    assert accepted[1] <= accepted[0]


def test_layouts(call: Any, digits: dict[str, NDArray[np.uint8]]) -> None:
    page = Image.new("L", (900, 1200), 225)
    for place, text in enumerate(("2750", "186", "40392", "31")):
        page.paste(row(digits, text), (80 + 300 * (place % 2), 100 + 500 * (place // 2)))
    page.save("page.png")
    for layout in ("auto", "page"):
        assert call("page.png", "--layout", layout, *ANY)[1].split() == ["2750", "186", "40392", "31"]
    assert len(objects(call("page.png", "--layout", "line", "--json")[1])[0]["lines"]) == 1


def test_csv_and_hocr_hold_all_pages(call: Any) -> None:
    code, out, _ = call("scans", "broken.png", "--format", "csv")
    assert code == 1
    assert len(out.splitlines()) == 5
    ElementTree.fromstring(call("scans", "two.tif", "--format", "hocr")[1])


def test_a_document_a_page_needs_a_folder(call: Any) -> None:
    ElementTree.fromstring(call("scans/a.png", "--format", "alto")[1])
    for inputs in (["scans/a.png", "scans/b.png"], ["two.tif"]):
        code, _, err = call(*inputs, "--format", "alto")
        assert (code, "--out" in err) == (2, True)
    code, out, _ = call("scans/a.png", "two.tif", "--format", "alto", "--out", "found/alto")
    names = ["found/alto/a.alto.xml", "found/alto/two.alto.xml", "found/alto/two-2.alto.xml"]
    assert (code, out.splitlines()) == (0, names)
    for name in names:
        ElementTree.parse(name)


def test_overlays(call: Any, folder: Path, digits: dict[str, NDArray[np.uint8]]) -> None:
    (folder / "more").mkdir()
    row(digits, "7").save("more/a.png")
    assert call("scans/a.png", "more/a.png", "two.tif", "--overlay", "marked")[0] == 0
    drawn = sorted(path.name for path in Path("marked").iterdir())
    assert drawn == ["a.png", "a~2.png", "two-2.png", "two.png"]
    for name in drawn:
        with Image.open(Path("marked") / name) as picture:
            assert picture.mode == "RGB"
    code, _, err = call("scans/a.png", "--overlay", "scans")
    assert (code, "name another folder" in err) == (2, True)


def test_a_run_with_a_record_answers_as_one_without(call: Any) -> None:
    inputs = ["scans", "broken.png", "two.tif"]
    whole = call(*inputs, "--json", "--resume", "out.jsonl")
    assert whole == call(*inputs, "--json")
    assert Path("out.jsonl").read_text() == whole[1]
    assert call(*inputs, "--json", "--resume", "out.jsonl") == whole


@pytest.mark.parametrize("kept", [0, 300, 0.3, 0.6, 0.99])
def test_a_stopped_run_goes_on(call: Any, kept: float) -> None:
    inputs = ["scans", "two.tif", "--format", "csv"]
    whole = call(*inputs, "--resume", "whole.jsonl")
    call(*inputs, "--resume", "out.jsonl")
    content = Path("whole.jsonl").read_bytes()
    Path("out.jsonl").write_bytes(content[: int(kept if kept > 1 else kept * len(content))])
    assert call(*inputs, "--resume", "out.jsonl") == whole
    assert Path("out.jsonl").read_bytes() == content


def test_what_is_answered_isn_t_read_again(call: Any) -> None:
    first = call("scans", "--resume", "out.jsonl")
    for name in ("a.png", "b.png"):
        Path("scans", name).write_bytes(b"no longer a picture")
    assert call("scans", "--resume", "out.jsonl") == first
    code, _, err = call("scans", "--resume", "out.jsonl", "--length", 4)
    assert (code, "was begun with length null" in err) == (2, True)


def test_ctrl_c_keeps_what_was_found(folder: Path) -> None:
    many = folder / "many"
    many.mkdir()
    for number in range(3000):
        os.link(folder / "scans" / "a.png", many / f"{number:04}.png")
    command = [sys.executable, "-m", "inkdigits", "read", "many", "--resume", "out.jsonl"]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
    while not (Path("out.jsonl").exists() and Path("out.jsonl").stat().st_size > 10_000):
        assert process.poll() is None
        time.sleep(0.05)
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=60)
    assert process.returncode == 130
    assert "the same call goes on from here" in err
    assert "Traceback" not in err
    found = objects(Path("out.jsonl").read_text())
    assert [answer["source"] for answer in found] == [f"many/{n:04}.png" for n in range(len(found))]


def test_progress_on_a_terminal(call: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stderr.isatty", lambda: True)
    monkeypatch.setenv("TERM", "xterm")
    code, out, _ = call("scans")
    assert code == 0
    assert len(out.splitlines()) == 3


def test_answers_above_the_progress_where_both_share_a_terminal(
    call: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    for stream in ("stdout", "stderr"):
        monkeypatch.setattr(f"sys.{stream}.isatty", lambda: True)
    monkeypatch.setenv("TERM", "xterm")
    code, _, err = call("scans", "broken.png", *ANY)
    assert code == 1
    plain = re.sub(r"\x1b\[[0-9;?]*[a-zA-Z]", "", err)
    for answer in (r"^scans/a\.png +2750 ", r"^scans/c\.png +40392 ", r"^inkdigits: broken\.png: "):
        assert re.search(answer, plain.replace("\r", "\n"), flags=re.MULTILINE)


def test_choices_are_those_that_there_are() -> None:
    group: Any = typer.main.get_command(app)
    command = group.commands["read"]
    options = {option.name: option for option in command.params}
    assert get_args(get_type_hints(command.callback)["form"]) == tuple(WRITERS)
    assert all(name in options["check"].help for name in checks.NAMES)
    assert options["dpi"].default == DPI
