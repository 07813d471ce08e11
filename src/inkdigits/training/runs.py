"""Run folders: `runs/train/NAME`, what lies in one, and how it was made. Knows files, not training."""

from __future__ import annotations

import csv
import io
import json
import os
import platform
import subprocess
import sys
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, fields
from importlib.metadata import PackageNotFoundError, version
from itertools import count
from pathlib import Path
from typing import Any

from inkdigits.errors import InvalidData, OutputError, UsageError
from inkdigits.training.checkpoint import write_whole
from inkdigits.training.recipes import Recipe, load_recipe

PACKAGES = ("inkdigits", "torch", "numpy", "onnxruntime", "onnx", "scikit-learn", "optuna")


@dataclass(frozen=True)
class Epoch:
    """What an epoch came to: a row of `results.csv`.

    Attributes:
        number: from 1.
        train_loss: mean over the epoch's augmented batches, while it learned.
        train_accuracy: likewise, 0 to 1.
        validation_loss: mean cross-entropy on the validation set; None when nothing is held out.
        validation_accuracy: 0 to 1; None when nothing is held out.
        learning_rate: of the epoch's last step.
        images_per_second: training alone.
        seconds: training and validation.
    """

    number: int
    train_loss: float
    train_accuracy: float
    validation_loss: float | None
    validation_accuracy: float | None
    learning_rate: float
    images_per_second: float
    seconds: float


def new_run(root: Path, name: str) -> Path:
    """A fresh run folder `root/NAME`, or `NAME2`, `NAME3` …, with an empty `weights/` in it.

    Raises:
        OutputError: the folder can't be made.
    """
    run = new_folder(root, name)
    new_folder(run, "weights")
    return run


def new_folder(root: Path, name: str) -> Path:
    """A fresh folder `root/NAME`, or `NAME2`, `NAME3` …: none is ever overwritten, also by two at once.

    Raises:
        OutputError: the folder can't be made.
    """
    for number in count(1):
        folder = root / (name if number == 1 else f"{name}{number}")
        try:
            folder.mkdir(parents=True)
        except FileExistsError:
            if not folder.is_dir():
                raise OutputError(f"{folder}: is a file; name another folder") from None
            continue
        except OSError as e:
            raise OutputError(f"{folder}: can't be made ({e.strerror}); name another folder") from e
        return folder
    raise AssertionError("count() ends")


def write_recipe(run: Path, recipe: Recipe) -> None:
    """`recipe.json`, which `inkdigits train RUN/recipe.json` takes."""
    _write_json(run / "recipe.json", recipe.to_dict())


def read_recipe(run: Path) -> Recipe:
    """The recipe of a run.

    Raises:
        UsageError: the folder is no run.
    """
    path = run / "recipe.json"
    if not path.exists():
        raise UsageError(f"{run}: not a run folder, it has no recipe.json")
    return load_recipe(str(path))


def write_environment(run: Path, facts: Mapping[str, Any]) -> None:
    """`environment.json`: with `facts` (seed, device, threads …), what is needed to make the run again."""
    _write_json(run / "environment.json", {**facts, **environment()})


def read_environment(run: Path) -> dict[str, Any]:
    """What `write_environment` wrote.

    Raises:
        UsageError: the folder is no run, or its file isn't JSON.
    """
    try:
        found = json.loads((run / "environment.json").read_text(encoding="utf-8"))
    except (OSError, ValueError) as e:
        raise UsageError(f"{run}: not a run folder, its environment.json can't be read ({e})") from None
    return dict(found)


def environment() -> dict[str, Any]:
    """Machine, versions and commit."""
    return {
        "command": " ".join(sys.argv),
        "python": platform.python_version(),
        "platform": platform.platform(),
        "processor": _processor(),
        "cores": os.cpu_count(),
        "packages": {name: found for name in PACKAGES if (found := _version(name))},
        "commit": _commit(),
    }


def write_history(run: Path, history: Iterable[Epoch]) -> None:
    """`results.csv`, a row an epoch.

    Raises:
        OutputError: the file can't be written.
    """
    text = io.StringIO()
    writer = csv.DictWriter(text, [field.name for field in fields(Epoch)], lineterminator="\n")
    writer.writeheader()
    writer.writerows(asdict(epoch) for epoch in history)
    write_whole(run / "results.csv", text.getvalue().encode())


def read_history(run: Path) -> list[Epoch]:
    """The epochs of a run; none when it has no `results.csv` yet.

    Raises:
        InvalidData: the file isn't what `write_history` wrote.
    """
    path = run / "results.csv"
    if not path.exists():
        return []
    try:
        with path.open(encoding="utf-8", newline="") as file:
            return [_epoch(row) for row in csv.DictReader(file)]
    except (TypeError, ValueError, KeyError) as e:
        raise InvalidData(f"{path}: not the results of a run ({e})") from None


def _epoch(row: dict[str, str]) -> Epoch:
    values: dict[str, Any] = {name: float(text) if text else None for name, text in row.items()}
    return Epoch(**{**values, "number": int(row["number"])})


def _write_json(path: Path, values: Mapping[str, Any]) -> None:
    write_whole(path, (json.dumps(values, indent=2, ensure_ascii=False) + "\n").encode())


def _version(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.processor()
    names = [line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor()


def _commit() -> str | None:
    """The commit of this source tree, with `+` when files differ from it; None for an installed package."""
    here = Path(__file__).parent
    try:
        found = subprocess.run(
            ["git", "describe", "--always", "--abbrev=40", "--dirty=+", "--exclude=*"],
            cwd=here, capture_output=True, text=True, timeout=10, check=True,
        )  # fmt: skip
    except (OSError, subprocess.SubprocessError):
        return None
    return found.stdout.strip() or None
