"""Whole searches, small but real: worker processes train, are stopped and killed, and others go on."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from optuna.trial import TrialState

from inkdigits.errors import InvalidData, UsageError
from inkdigits.training import loop, tune
from inkdigits.training.datasets import Dataset
from inkdigits.training.recipes import load_recipe
from inkdigits.training.search_plan import Job, Plan, Settings
from inkdigits.training.search_study import Search
from inkdigits.training.search_worker import Means, _train

SMALL = ["--epochs", "1", "--max-multiplications", "0.5", "--threads", "1"]


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory, small_data: Dataset) -> Path:
    path = tmp_path_factory.mktemp("data") / "small.npz"
    assert small_data.labels is not None
    np.savez(path, images=small_data.images[:900], labels=small_data.labels[:900])
    return path


@pytest.fixture
def begin(tmp_path: Path) -> Iterator[Callable[..., subprocess.Popen[str]]]:
    """Starts `inkdigits tune` in a process group of its own; whatever is left of it ends with the test."""
    begun = []

    def start(*arguments: str | Path) -> subprocess.Popen[str]:
        command = [sys.executable, "-m", "inkdigits", "tune", *map(str, arguments)]
        pipe = subprocess.PIPE
        process = subprocess.Popen(
            command, cwd=tmp_path, text=True, stdout=pipe, stderr=pipe, start_new_session=True
        )
        begun.append(process)
        return process

    yield start
    for process in begun:
        if members(process):
            os.killpg(process.pid, signal.SIGKILL)
        process.communicate()


def members(leader: subprocess.Popen[str]) -> list[int]:
    """Process ids of the leader's group that still run, workers and all."""
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            state, _, group = (folder / "stat").read_text().rpartition(")")[2].split()[:3]
        except OSError:
            continue
        if int(group) == leader.pid and state != "Z":
            found.append(int(folder.name))
    return found


def wait(what: str, is_so: Callable[[], Any], seconds: float = 300) -> None:
    """Fails only if it never happens: a busy machine may take its time."""
    end = time.monotonic() + seconds
    while not is_so():
        assert time.monotonic() < end, f"waited {seconds} s for {what}"
        time.sleep(0.05)


def states(folder: Path) -> list[TrialState]:
    """Of the trials so far; none while the study is being made."""
    try:
        return [t.state for t in Search(folder).trials()]
    except (UsageError, InvalidData):
        return []


def kill_one_at_work(search: Search) -> bool:
    """Kills a worker, if one can be caught with a trial."""
    for trial in search.study.get_trials(deepcopy=False, states=(TrialState.RUNNING,)):
        if "worker" not in trial.user_attrs:
            continue
        worker = int(trial.user_attrs["worker"].split("-")[0])
        os.kill(worker, signal.SIGSTOP)
        at_work = search.trials()[trial.number].state == TrialState.RUNNING
        os.kill(worker, signal.SIGKILL if at_work else signal.SIGCONT)
        if at_work:
            return True
    return False


def test_two_workers_find_a_recipe_that_trains(tmp_path: Path, data: Path, small_data: Dataset) -> None:
    effort = tune.Effort(trials=3, workers=2, threads=1, confirm=1, final_epochs=2)
    found = tune.begin(
        effort, root=tmp_path, name="x", data=str(data), epochs=1, fraction=0.5, max_multiplications=0.5
    )
    assert found.counts.done == 3
    assert set(found.chosen.accuracies) == {0, 1, 2}
    recipe = load_recipe(str(tmp_path / "x" / "recipe.json"))
    assert (recipe.epochs, recipe.validation) == (2, 150)  # a sixth, whatever the trials were judged on
    trained = loop.train(recipe, small_data.part("part", 0, 900), threads=1)
    assert trained.facts["parameters"] == found.chosen.parameters
    assert json.loads((tmp_path / "x" / "tune.json").read_text())["settings"]["fraction"] == 0.5


def test_killed_stopped_and_resumed(
    begin: Callable[..., subprocess.Popen[str]], tmp_path: Path, data: Path
) -> None:
    folder = tmp_path / "runs" / "tune" / "search"
    process = begin("--data", data, "--trials", "500", "--workers", "2", *SMALL)
    wait("a trial", lambda: TrialState.COMPLETE in states(folder))
    search = Search(folder)

    wait("a worker in the middle of a trial", lambda: kill_one_at_work(search))
    failed = (TrialState.FAIL,)
    wait("the other to notice", lambda: search.study.get_trials(deepcopy=False, states=failed))
    done = len(search.best())
    wait("the other to go on", lambda: len(search.best()) > done)

    os.killpg(process.pid, signal.SIGINT)  # as Ctrl-C in a terminal: to all of them
    out, err = process.communicate(timeout=300)
    assert (process.returncode, out) == (130, "")
    assert "go on: inkdigits tune --study runs/tune/search" in err
    assert "Traceback" not in err
    wait("Python's own helper process to end, too", lambda: not members(process))
    assert TrialState.RUNNING not in states(folder)
    assert load_recipe(str(folder / "recipe.json")).name == "tuned"

    kept = {t.number: t.value for t in search.best()}
    process = begin("--study", folder, "--trials", "500", "--threads", "1")
    wait("one more trial", lambda: len(search.best()) > len(kept))
    os.kill(process.pid, signal.SIGKILL)
    wait("the worker to leave", lambda: not members(process))
    assert TrialState.RUNNING not in states(folder)  # it gave its trial back
    assert kept.items() < {t.number: t.value for t in search.best()}.items()


def test_a_full_disk_is_told_in_one_line(
    begin: Callable[..., subprocess.Popen[str]], tmp_path: Path, data: Path
) -> None:
    import resource

    folder = tmp_path / "runs" / "tune" / "search"
    process = begin("--data", data, "--trials", "500", *SMALL)
    wait("a trial", lambda: TrialState.COMPLETE in states(folder))
    for member in members(process):
        resource.prlimit(member, resource.RLIMIT_FSIZE, (4096, 4096))
    _, err = process.communicate(timeout=300)
    assert process.returncode == 1
    assert err.strip().startswith("inkdigits:")
    assert "can't be written" in err
    assert "Traceback" not in err


class Case:
    """A job whose training ends as the test wants."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir()
        self.search = Search.begin(folder, Settings("mnist-train", "0", 900, 10, 150, epochs=2))

    def end(self, monkeypatch: pytest.MonkeyPatch, error: Exception) -> TrialState:
        def failing(*_: object, **__: object) -> None:
            raise error

        monkeypatch.setattr(loop, "train", failing)
        with self.search.joined() as worker:
            job = self.search.take(worker, Plan(None, None, 1, 0))
            assert isinstance(job, Job)
            try:
                _train(self.search, job, None, Means(), lambda: None)  # type: ignore[arg-type]
            finally:
                self.state = self.search.trials()[-1]
        return self.state.state


def test_what_becomes_of_trials_that_go_wrong(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from inkdigits.errors import TrainingDiverged

    case = Case(tmp_path / "case")
    assert case.end(monkeypatch, TrainingDiverged("the loss is nan")) == TrialState.PRUNED
    assert case.end(monkeypatch, MemoryError()) == TrialState.FAIL
    assert "out of memory" in case.state.user_attrs["error"]
    with pytest.raises(ZeroDivisionError):  # a bug of ours ends the worker
        case.end(monkeypatch, ZeroDivisionError("x"))
    assert case.state.state == TrialState.FAIL
    assert case.search.interruption(case.state) is None


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"data": "mnist-test"}, "kept for `inkdigits evaluate`"),
        ({"max_parameters": 10}, "--max-parameters"),
        ({"effort": tune.Effort()}, "--minutes"),
        ({"effort": tune.Effort(trials=1, device="abacus")}, "abacus"),
    ],
)
def test_searches_that_are_refused(tmp_path: Path, data: Path, changes: dict[str, Any], message: str) -> None:
    known: dict[str, Any] = {"effort": tune.Effort(trials=1), "data": str(data), **changes}
    with pytest.raises(UsageError, match=message):
        tune.begin(known.pop("effort"), root=tmp_path / "runs", name="x", **known)
    assert not list(tmp_path.rglob("study.db"))


def test_a_search_keeps_to_its_settings_and_data(tmp_path: Path, data: Path) -> None:
    copy = tmp_path / "copy.npz"
    copy.write_bytes(data.read_bytes())
    folder = tmp_path / "x"
    folder.mkdir()
    Search.begin(folder, Settings(str(copy), "0" * 64, 900, 10, 150))
    with pytest.raises(UsageError, match="begun with --epochs 4, not 5"):
        tune.resume(folder, tune.Effort(trials=1), epochs=5)
    with pytest.raises(UsageError, match="has changed since"):
        tune.resume(folder, tune.Effort(trials=1), epochs=4)
