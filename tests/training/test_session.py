"""Real processes, really killed: at most the epoch under way is lost, and the weights end up the same."""

from __future__ import annotations

import json
import os
import resource
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from inkdigits.training import runs
from inkdigits.training.datasets import Dataset

OPTIONS = [
    "--seed",
    "4",
    "--threads",
    "1",
    "--epochs",
    "4",
    "--set",
    "validation=400",
    "--set",
    "augment.shift=1",
]


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory, small_data: Dataset) -> Path:
    path = tmp_path_factory.mktemp("data") / "small.npz"
    np.savez(path, images=small_data.images, labels=small_data.labels)
    return path


def start(*arguments: str | Path, cwd: Path, **options: object) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "inkdigits", "train", *map(str, arguments)]
    pipe = subprocess.PIPE
    return subprocess.Popen(command, cwd=cwd, text=True, stdout=pipe, stderr=pipe, **options)  # type: ignore[call-overload]


def train(*arguments: str | Path, cwd: Path, **options: object) -> subprocess.CompletedProcess[str]:
    process = start(*arguments, cwd=cwd, **options)
    out, err = process.communicate(timeout=300)
    return subprocess.CompletedProcess(process.args, process.returncode, out, err)


def wait_for_epochs(run: Path, count: int) -> None:
    for _ in range(2000):
        if len(runs.read_history(run)) >= count:
            return
        time.sleep(0.02)
    raise AssertionError(f"{run}: no {count} epochs in 40 seconds")


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory, data: Path) -> Path:
    folder = tmp_path_factory.mktemp("undisturbed")
    done = train("fast", "--data", data, *OPTIONS, "--json", cwd=folder)
    assert done.returncode == 0, done.stderr
    answer = json.loads(done.stdout)
    assert answer["epochs"] == 4
    assert done.stderr == ""  # no terminal, so no progress display
    return folder / answer["run"]


def test_a_run_folder_holds_what_makes_it_again(undisturbed: Path, data: Path, tmp_path: Path) -> None:
    names = {path.name for path in undisturbed.iterdir()}
    assert names >= {
        "recipe.json",
        "environment.json",
        "results.csv",
        "metrics.json",
        "report.html",
        "weights",
    }
    assert {p.name for p in (undisturbed / "weights").iterdir()} >= {
        "best.safetensors", "last.safetensors", "best.onnx", "best.json",
    }  # fmt: skip
    recipe = undisturbed / "recipe.json"
    again = train(recipe, "--data", data, "--seed", "4", "--threads", "1", "--json", cwd=tmp_path)
    run = tmp_path / json.loads(again.stdout)["run"]
    assert weights(run) == weights(undisturbed)


def weights(run: Path) -> list[bytes]:
    return [(run / "weights" / f"{name}.safetensors").read_bytes() for name in ("best", "last")]


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT])
def test_a_killed_training_goes_on_and_ends_with_the_same_weights(
    number: signal.Signals, undisturbed: Path, data: Path, tmp_path: Path
) -> None:
    process = start("fast", "--data", data, *OPTIONS, cwd=tmp_path)
    run = tmp_path / "runs/train/fast"
    wait_for_epochs(run, 1)
    process.send_signal(number)
    _, err = process.communicate(timeout=60)
    assert process.returncode != 0
    if number != signal.SIGKILL:
        assert err.count("\n") == 1
        assert "of 4 epochs; go on: inkdigits train --resume runs/train/fast" in err
        assert (run / "report.html").exists()
        assert (run / "curves.png").exists()
    done = len(runs.read_history(run))
    assert 1 <= done < 4, "the signal came too late to show anything"
    resumed = train("--resume", run, "--json", cwd=tmp_path)
    assert resumed.returncode == 0, resumed.stderr
    assert json.loads(resumed.stdout)["epochs"] == 4
    assert weights(run) == weights(undisturbed)


def test_a_full_disk_is_a_clear_error_and_the_last_good_state_stays_whole(
    undisturbed: Path, data: Path, tmp_path: Path
) -> None:
    process = start("fast", "--data", data, *OPTIONS, cwd=tmp_path)
    run = tmp_path / "runs/train/fast"
    wait_for_epochs(run, 1)
    process.kill()
    process.communicate()
    states = (run / "weights/state.safetensors").read_bytes()

    def full() -> None:  # no file may grow above 2 kB, as if the disk were full
        resource.setrlimit(resource.RLIMIT_FSIZE, (2048, 2048))

    failed = train("--resume", run, cwd=tmp_path, preexec_fn=full)
    assert failed.returncode == 1
    assert "can't be written" in failed.stderr
    assert failed.stderr.count("\n") == 1
    assert (run / "weights/state.safetensors").read_bytes() == states
    assert not list((run / "weights").glob(".*"))  # nothing half-written is left behind
    assert train("--resume", run, cwd=tmp_path).returncode == 0
    assert weights(run) == weights(undisturbed)


@pytest.mark.parametrize(
    ("arguments", "says", "code"),
    [
        (["fastest"], "recipe 'fastest' is unknown; there are fast, sprint", 2),
        (["fast", "--set", "rate=1"], "option rate is unknown; the recipe's options are", 2),
        (["fast", "--data", "mnist-test"], "kept for `inkdigits evaluate`", 2),
        (["fast", "--data", "nothing.csv"], "no such file", 1),
        (["fast", "--root", "/proc/none"], "can't be made", 1),
        (["--resume", "nowhere"], "not a run folder", 2),
        (["tiny", "--resume", "nowhere"], "give no recipe", 2),
        (["fast", "--device", "tpu"], "--device tpu", 2),
        (["fast", "--from", "nothing.safetensors"], "can't be read", 1),
    ],
)
def test_bad_calls_get_one_clear_line(arguments: list[str], says: str, code: int, tmp_path: Path) -> None:
    failed = train(*arguments, cwd=tmp_path)
    assert says in failed.stderr
    assert failed.stderr.count("\n") == 1, failed.stderr
    assert failed.returncode == code
    assert failed.stdout == ""
    assert os.listdir(tmp_path) == []  # noqa: PTH208 - hidden files count, too


def test_fine_tuning_and_all_data(undisturbed: Path, data: Path, tmp_path: Path) -> None:
    options = ["--data", data, "--epochs", "1", "--threads", "1", "--set", "validation=0", "--json"]
    done = train("fast", "--from", undisturbed, *options, "--name", "tuned", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    answer = json.loads(done.stdout)
    assert answer["run"] == "runs/train/tuned"
    assert answer["validation_accuracy"] is None
    assert answer["report"] is None
    assert Path(tmp_path / answer["onnx"]).exists()


def test_tensorboard_files_hold_the_epochs(data: Path, tmp_path: Path) -> None:
    done = train(
        "fast",
        "--data",
        data,
        *OPTIONS[:4],
        "--epochs",
        "1",
        "--set",
        "validation=400",
        "--tensorboard",
        cwd=tmp_path,
    )
    assert done.returncode == 0, done.stderr
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    events = EventAccumulator(str(tmp_path / "runs/train/fast/tensorboard")).Reload()
    assert {"loss/train", "accuracy/validation", "learning_rate"} <= set(events.Tags()["scalars"])
    recorded = runs.read_history(tmp_path / "runs/train/fast")[0].validation_accuracy
    assert events.Scalars("accuracy/validation")[0].value == pytest.approx(recorded)
