"""`inkdigits train line` from first to last: a run folder, a stop, going on, a file to read with."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from inkdigits.cli import app
from inkdigits.errors import TrainingStopped, UsageError
from inkdigits.training import line_session
from inkdigits.training.line_loop import is_line_weights, load_line_weights
from inkdigits.training.line_recipe import LineRecipe
from inkdigits.training.line_session import LineJob, begin, is_line_run, resume

TINY = LineRecipe(
    lines=32, repeats=1, chunk=16, batch_size=8, validation=4, strokes=0.5, pens=0.2, mnist=0.3, fonts=0
)


def test_a_stopped_training_goes_on_to_the_same_weights(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = begin(TINY, LineJob(seed=3, precision="float32"), root=tmp_path, name="whole", quiet=True)
    assert [row["chunk"] for row in whole.history] == [1, 2]
    assert is_line_run(whole.run)
    assert is_line_weights(whole.run)

    def stop(_self: object, figures: line_session.ChunkFigures) -> None:
        if figures.chunk == 1:
            raise TrainingStopped("as Ctrl-C does")

    with monkeypatch.context() as patch:
        patch.setattr(line_session._Display, "chunk", stop)
        with pytest.raises(TrainingStopped, match="--resume"):
            begin(TINY, LineJob(seed=3, precision="float32"), root=tmp_path, name="cut", quiet=True)
    cut = resume(tmp_path / "cut", quiet=True)
    ours, theirs = (load_line_weights(run)[0].state_dict() for run in (whole.run, cut.run))
    assert all(bool((ours[name] == theirs[name]).all()) for name in ours)
    assert json.loads((cut.run / "recipe.json").read_text())["name"] == "line"

    further = begin(
        TINY, LineJob(seed=4, precision="float32", start=str(whole.run)), root=tmp_path, quiet=True
    )
    assert json.loads((further.run / "environment.json").read_text())["line_job"]["start"] == str(whole.run)


def test_the_command_refuses_what_the_line_network_has_not() -> None:
    run = CliRunner()
    for options in (["--epochs", "3"], ["--compile"], ["--data", "digits.npz"], ["--set", "layers=3"]):
        result = run.invoke(app, ["train", "line", *options], standalone_mode=False)
        assert isinstance(result.exception, UsageError), options


def test_other_folders_are_no_line_runs(tmp_path: Path, small_run: Path) -> None:
    assert not is_line_run(tmp_path)
    assert not is_line_run(small_run)
    assert not is_line_weights(small_run)
    (tmp_path / "recipe.json").write_text("[]")
    assert not is_line_run(tmp_path)
