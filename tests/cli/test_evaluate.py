"""`inkdigits evaluate` and `inkdigits compare` as a person calls them, on real weights and images."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest

from inkdigits.cli import main
from inkdigits.training.datasets import Dataset


def call(*args: object) -> int:
    """Runs a command; its exit code."""
    with pytest.raises(SystemExit) as ended:
        main([*map(str, args)])
    return int(ended.value.code or 0)


@pytest.fixture(scope="module")
def digits(mnist_test: Dataset, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A person's own labelled digits."""
    path = tmp_path_factory.mktemp("data") / "my-digits.npz"
    assert mnist_test.labels is not None
    np.savez(path, images=mnist_test.images[:300], labels=mnist_test.labels[:300])
    return path


@pytest.fixture
def run(small_run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A run folder of one's own, in an otherwise empty place."""
    monkeypatch.chdir(tmp_path)
    shutil.copytree(small_run, tmp_path / "runs" / "train" / "small")
    return Path("runs/train/small")


def test_a_run_gets_its_report_in_its_own_folder(
    run: Path, digits: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert call("evaluate", run, "--data", digits) == 0
    said, progress = capsys.readouterr()
    folder = run / "evaluate" / "my-digits"
    assert (folder / "report.html").is_file()
    metrics = json.loads((folder / "metrics.json").read_text(encoding="utf-8"))
    assert metrics["accuracy"] > 0.8
    assert metrics["facts"]["recipe"]["name"] == "small"
    assert (folder / "curves.png").is_file()
    assert f"{metrics['accuracy']:.2%}" in said
    assert str(folder / "report.html") in said
    assert progress == ""


def test_a_second_time_gives_the_same_figures(
    run: Path, digits: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    answers = []
    for _ in range(2):
        assert call("evaluate", run, "--data", digits, "--json", "--device", "cpu") == 0
        answers.append(json.loads(capsys.readouterr().out))
    assert answers[0] == answers[1]
    assert answers[0]["n"] == 300
    assert answers[0]["report"].endswith("evaluate/my-digits/report.html")


def test_mnist_test_is_the_default(run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert call("evaluate", run, "--json", "--offline") == 0
    found = json.loads(capsys.readouterr().out)
    assert (found["data"], found["n"]) == ("mnist-test", 10_000)
    assert [row["support"] for row in found["per_class"]][:3] == [980, 1135, 1032]


def test_weights_without_a_run_get_a_new_folder_each_time(
    run: Path, digits: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    lone = tmp_path / "lone.safetensors"
    shutil.copy(run / "weights" / "best.safetensors", lone)
    for name in ("lone", "lone2"):
        assert call("evaluate", lone, "--data", digits) == 0
        assert f"runs/evaluate/{name}/report.html" in capsys.readouterr().out
    assert call("evaluate", lone, "--data", digits, "--out", "here/there") == 0
    assert (tmp_path / "here" / "there" / "report.html").is_file()


def test_several_are_judged_together_and_each_alone(
    run: Path, worse: Path, digits: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert call("evaluate", run, worse, "--data", digits) == 0
    said = capsys.readouterr().out
    folder = Path("runs/evaluate/committee-of-2")
    metrics = json.loads((folder / "metrics.json").read_text(encoding="utf-8"))
    assert "weights      committee of 2" in said
    assert [one["name"] for one in metrics["members"]] == ["small", "worse"]
    for path, alone in zip((run, worse), metrics["members"], strict=True):
        line = next(line for line in said.splitlines() if line.endswith(f"  {path}"))
        assert line.startswith(f"member       {alone['accuracy']:.2%}")
    page = (folder / "report.html").read_text(encoding="utf-8")
    assert "What each member does alone" in page
    assert "Member 1, small" in page, "its facts"
    assert not (folder / "curves.png").exists()


def test_a_committee_answers_in_json(
    run: Path, worse: Path, digits: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert call("evaluate", run, worse, "--data", digits, "--json", "--out", "both") == 0
    found = json.loads(capsys.readouterr().out)
    assert found["weights"] == [str(run), str(worse)]
    assert found["report"] == "both/report.html"
    alone = []
    for path in (run, worse):
        assert call("evaluate", path, "--data", digits, "--json", "--out", "alone") == 0
        alone.append(json.loads(capsys.readouterr().out))
    for member, one in zip(found["members"], alone, strict=True):
        assert member == {name: one[name] for name in ("weights", "accuracy", "errors", "loss", "ece")}
        assert "members" not in one


def test_other_classes_are_one_clear_line(
    run: Path, mnist_test: Dataset, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "letters.npz"
    np.savez(path, images=mnist_test.images[:4], labels=np.array([0, 1, 0, 1]), classes=np.array(["x", "y"]))
    assert call("evaluate", run, "--data", path) == 1
    said, error = capsys.readouterr()
    assert said == ""
    assert error.count("\n") == 1
    assert "has a class 'x', but small knows only 0, 1, 2" in error
    assert not (run / "evaluate").exists()


def test_data_without_labels_is_one_clear_line(
    run: Path, mnist_test: Dataset, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "blind.npz"
    np.savez(path, images=mnist_test.images[:4])
    assert call("evaluate", run, "--data", path) == 1
    assert "has no labels" in capsys.readouterr().err


@pytest.mark.parametrize(
    "content", [b"", b"PK\x03\x04 a zip of pickles", b"\x80\x04 a pickle", b"nonsense" * 9]
)
def test_files_that_are_no_weights_are_one_clear_line(
    content: bytes, tmp_path: Path, digits: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in ("bad.safetensors", "bad.onnx"):
        path = tmp_path / name
        path.write_bytes(content)
        assert call("evaluate", path, "--data", digits) == 1
        error = capsys.readouterr().err
        assert error.startswith("inkdigits: ")
        assert name in error.replace(".json", ".onnx")
        assert error.count("\n") == 1


def test_compare_prints_a_table_and_the_verdict(
    run: Path, digits: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert call("compare", run, run / "weights" / "last.safetensors", "--data", digits) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].split()[:3] == ["run", "recipe", "parameters"]
    assert lines[1].startswith("A · small  ")
    assert lines[2].startswith("B · small (last)  ")
    assert lines[4] == "A and B: no clear difference (p = 1.000)"
    assert Path(lines[-1]).is_file()
    assert lines[-1] == "runs/compare/small-vs-small--last/compare.html"


def test_compare_answers_in_json(run: Path, digits: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert call("compare", run, run, "--data", digits, "--json", "--out", "side") == 0
    found = json.loads(capsys.readouterr().out)
    assert found["report"] == "side/compare.html"
    assert found["pairs"][0]["p"] == 1.0
    assert len(found["runs"]) == 2
    assert json.loads(Path("side/compare.json").read_text(encoding="utf-8")).items() <= found.items()


def test_compare_needs_two(run: Path, digits: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert call("compare", run, "--data", digits) == 2
    assert "2 to 26" in capsys.readouterr().err
