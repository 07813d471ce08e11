"""A training of the line network from first to last: run folder, digits, fonts, loop. Composes the parts."""

from __future__ import annotations

import json
import shlex
import sys
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, Self

import torch
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

from inkdigits.errors import TrainingStopped, UsageError
from inkdigits.training import devices, runs
from inkdigits.training.datasets import Dataset, load_training_data, split_validation
from inkdigits.training.files import write_whole
from inkdigits.training.line_batches import VALIDATION_SEED, Lines, available_cores
from inkdigits.training.line_loop import ChunkFigures, LineTraining, load_line_weights, train_lines
from inkdigits.training.line_recipe import LineRecipe
from inkdigits.training.line_samples import VALIDATION_DIGITS
from inkdigits.training.stopping import stopping
from inkdigits.training.strings import TrainingLine

NAME = "line"
CALIBRATION = 50_000  # lines: a promise of 0.1% needs thousands with hardly a fault


@dataclass(frozen=True)
class LineJob:
    """On what to train, kept in `environment.json`.

    Attributes:
        seed: of everything random.
        device: auto, cpu, cuda, mps.
        precision: auto, float32, bfloat16.
        threads: of the CPU, for the network; None is one, which leaves the other cores to composing.
        start: weights to begin with, or None.
        mnist: folder that is searched for MNIST first.
        offline: never touch the network.
    """

    seed: int = 0
    device: str = "auto"
    precision: str = "auto"
    threads: int | None = None
    start: str | None = None
    mnist: str | None = None
    offline: bool = False


@dataclass(frozen=True)
class LineFinished:
    """A finished training of the line network."""

    run: Path
    recipe: LineRecipe
    history: tuple[dict[str, float], ...]

    def to_dict(self) -> dict[str, Any]:
        """The JSON answer of `inkdigits train line`."""
        last = self.history[-1]
        return {
            "run": str(self.run),
            "recipe": NAME,
            "lines": self.recipe.lines,
            "validation_exact": last["exact"],
            "validation_digit_errors": last["errors"],
            "seconds": round(last["seconds"], 1),
            "weights": str(self.run / "weights" / "best.safetensors"),
        }


def begin(
    recipe: LineRecipe, job: LineJob, *, root: Path, name: str | None = None, quiet: bool = False
) -> LineFinished:
    """Trains in a fresh run folder under `root`.

    Raises:
        UsageError: the job doesn't fit.
        TrainingStopped: Ctrl-C or SIGTERM; `resume` goes on from the last whole chunk.
        InkdigitsError: as data sets, fonts and the loop say.
    """
    devices.choose(job.device, job.precision, job.threads or 1)
    run = runs.new_run(root, name or NAME)
    write_whole(
        run / "recipe.json", (json.dumps({"name": NAME, **recipe.to_dict()}, indent=2) + "\n").encode()
    )
    runs.write_environment(run, {"line_job": asdict(job)})
    return _train(run, recipe, job, resume=False, quiet=quiet)


def is_line_run(run: Path) -> bool:
    """Whether a run folder is one of the line network."""
    try:
        return bool(json.loads((run / "recipe.json").read_text(encoding="utf-8")).get("name") == NAME)
    except (OSError, ValueError, AttributeError):
        return False


def resume(run: Path, *, quiet: bool = False) -> LineFinished:
    """Goes on with a run from its last whole chunk.

    Raises:
        UsageError: the folder is no such run.
        TrainingStopped: as in `begin`.
    """
    found = json.loads((run / "recipe.json").read_text(encoding="utf-8"))
    found.pop("name", None)
    values = runs.read_environment(run).get("line_job")
    try:
        recipe, job = LineRecipe(**found), LineJob(**(values or {"none": None}))
    except TypeError:
        raise UsageError(f"{run}: doesn't say how it was trained; start a new run") from None
    return _train(run, recipe, job, resume=True, quiet=quiet)


def _train(run: Path, recipe: LineRecipe, job: LineJob, *, resume: bool, quiet: bool) -> LineFinished:
    compute = devices.choose(job.device, job.precision, job.threads or 1)
    torch.set_num_threads(job.threads or 1)
    data = load_training_data(
        "mnist-train", folder=Path(job.mnist) if job.mnist else None, offline=job.offline
    )
    assert data.labels is not None
    digits, held_out = split_validation(data, VALIDATION_DIGITS)
    workers = max(1, available_cores() - 1)
    training = LineTraining(recipe, job.seed, str(compute.device), compute.precision)
    if job.start:
        training.begin_with(Path(job.start))
    weights = run / "weights"
    if resume and (weights / "state.safetensors").exists():
        training.restore(weights)
    validation = validation_lines(recipe, held_out, job.seed)
    with (
        _Display(recipe, quiet=quiet) as display,
        stopping() as check,
        Lines(recipe, digits.images, data.labels[: len(digits)], job.seed, workers) as lines,
    ):
        try:
            train_lines(training, lines, validation, weights, _both(check, display.step), display.chunk)
        except TrainingStopped:
            again = shlex.join(["inkdigits", "train", "--resume", str(run)])
            done = f"{training.done_chunks} of {recipe.chunks} chunks"
            raise TrainingStopped(f"stopped after {done}; go on: {again}") from None
    return LineFinished(run, recipe, tuple(training.history))


def validation_lines(recipe: LineRecipe, digits: Dataset, seed: int) -> list[TrainingLine]:
    """Lines of digits and seeds that no training sees."""
    assert digits.labels is not None
    workers = max(1, available_cores() - 1)
    seed += VALIDATION_SEED
    with Lines(recipe, digits.images, digits.labels, seed, workers, "held-out") as lines:
        return [line for piece in lines.pieces(0, recipe.validation) for line in piece]


def calibration_lines(weights: Path) -> list[TrainingLine]:
    """Lines of the default recipe to calibrate weights on: neither training nor validation had them.

    Raises:
        InvalidWeights: not weights of a line network.
        InkdigitsError: as data sets and fonts say.
    """
    _, facts, _ = load_line_weights(weights)
    recipe = replace(LineRecipe(), validation=CALIBRATION)
    _, held_out = split_validation(load_training_data("mnist-train"), VALIDATION_DIGITS)
    return validation_lines(recipe, held_out, int(facts["seed"]) + VALIDATION_SEED)


def _both(
    check: Callable[[], None], step: Callable[[int, int, float], None]
) -> Callable[[int, int, float], None]:
    def told(done: int, total: int, loss: float) -> None:
        check()
        step(done, total, loss)

    return told


class _Display(AbstractContextManager["_Display"]):
    """Chunk, loss and time left on stderr: a live bar on a terminal, a line a chunk elsewhere."""

    def __init__(self, recipe: LineRecipe, *, quiet: bool) -> None:
        self._live = sys.stderr.isatty() and not quiet
        self._console = Console(stderr=True, quiet=quiet, soft_wrap=True)
        self._chunks, self._chunk = recipe.chunks, 0
        self._progress = Progress(
            TextColumn("chunk {task.fields[chunk]}"), BarColumn(), TextColumn("loss {task.fields[loss]:.3f}"),
            TimeRemainingColumn(compact=True), console=self._console, transient=True, disable=not self._live,
        )  # fmt: skip
        self._task = self._progress.add_task("", total=None, chunk="1", loss=0.0)

    def __enter__(self) -> Self:
        self._progress.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._progress.stop()

    def step(self, done: int, total: int, loss: float) -> None:
        """After each step of a chunk."""
        self._progress.update(
            self._task, total=total * self._chunks, completed=self._chunk * total + done,
            chunk=f"{self._chunk + 1}/{self._chunks}", loss=loss,
        )  # fmt: skip

    def chunk(self, figures: ChunkFigures) -> None:
        """After each chunk."""
        self._chunk = figures.chunk
        self._console.print(
            f"chunk {figures.chunk}/{self._chunks}  loss {figures.loss:.3f}  "
            f"exact {figures.exact:.2%}  digit errors {figures.errors:.2%}  {figures.seconds:.0f} s",
            highlight=False,
        )
