"""A training from first to last: run folder, data, threads, loop, report, ONNX. Composes the parts."""

from __future__ import annotations

import shlex
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path
from typing import Any

from inkdigits.errors import TrainingStopped, UsageError
from inkdigits.training import checkpoint, devices, export, loop, runs
from inkdigits.training.datasets import Dataset, load_training_data, split_validation
from inkdigits.training.networks import Network
from inkdigits.training.progress import Display, TensorBoard
from inkdigits.training.recipes import Recipe
from inkdigits.training.report import write_report
from inkdigits.training.stopping import stopping


@dataclass(frozen=True)
class Job:
    """What to train on, and how; kept in `environment.json`, so that a run can go on or be made again.

    Attributes:
        data: as `load_data` takes it.
        seed: of everything random.
        device: auto, cpu, cuda, mps.
        precision: auto, float32, bfloat16.
        threads: of the CPU; None lets a probe choose.
        compiled: whether `torch.compile` fuses the network.
        start: weights to begin with, or None.
        teachers: weights whose answers are learned beside the labels.
        mnist: folder that is searched for MNIST first.
        offline: never touch the network.
    """

    data: str = "mnist-train"
    seed: int = 0
    device: str = "auto"
    precision: str = "auto"
    threads: int | None = None
    compiled: bool = False
    start: str | None = None
    teachers: tuple[str, ...] = ()
    mnist: str | None = None
    offline: bool = False


@dataclass(frozen=True)
class Finished:
    """A finished run.

    Attributes:
        run: its folder.
        trained: what the loop made.
        accuracy: on the validation set, of the weights that were kept; None when nothing was held out.
    """

    run: Path
    trained: loop.Trained
    accuracy: float | None

    def to_dict(self) -> dict[str, Any]:
        """The JSON answer of `inkdigits train`."""
        return {
            "run": str(self.run),
            "recipe": self.trained.recipe.name,
            "epochs": len(self.trained.history),
            "best_epoch": self.trained.best_epoch,
            "validation_accuracy": self.accuracy,
            "parameters": self.trained.facts["parameters"],
            "seconds": round(self.trained.seconds, 2),
            "weights": str(self.run / "weights" / "best.safetensors"),
            "onnx": str(self.run / "weights" / "best.onnx"),
            "report": str(report) if (report := self.run / "report.html").exists() else None,
        }


def begin(
    recipe: Recipe,
    job: Job,
    *,
    root: Path,
    name: str | None = None,
    quiet: bool = False,
    tensorboard: bool = False,
) -> Finished:
    """Trains in a fresh run folder under `root`.

    Raises:
        UsageError: the recipe or job doesn't fit.
        TrainingStopped: Ctrl-C or SIGTERM; what was done has its report, and `resume` goes on.
        InkdigitsError: as the loop, data sets and export say.
    """
    data = _training_data(job)
    given = _given(job)
    compute = devices.choose(job.device, job.precision, job.threads)
    if job.threads is None and compute.device.type == "cpu":
        job = replace(job, threads=devices.probe_threads())
    if recipe.validation:
        split_validation(data, recipe.validation)
    Network(
        recipe.layers, classes=len(data.classes)
    )  # a call that is wrong is refused before it leaves a folder
    run = runs.new_run(root, name or recipe.name)
    runs.write_recipe(run, recipe)
    facts = {"device": str(compute.device), "precision": compute.precision}
    runs.write_environment(run, {"job": asdict(job), **facts, "data_sha256": data.sha256})
    return _train(run, recipe, job, data, given, resume=False, quiet=quiet, tensorboard=tensorboard)


def resume(
    run: Path,
    *,
    quiet: bool = False,
    tensorboard: bool = False,
    mnist: str | None = None,
    offline: bool = False,
) -> Finished:
    """Goes on with a run from its last whole epoch, with the data, seed and threads it began with.

    Raises:
        UsageError: the folder is no run, or its data changed.
        TrainingStopped: as in `begin`.
    """
    recipe, environment = runs.read_recipe(run), runs.read_environment(run)
    known = {field.name for field in fields(Job)}
    values = environment.get("job")
    if not isinstance(values, dict) or not set(values) <= known:
        raise UsageError(f"{run}: its environment.json doesn't say how it was trained; start a new run")
    job = Job(**{**values, "teachers": tuple(values.get("teachers", ()))})
    job = replace(job, mnist=mnist or job.mnist, offline=offline or job.offline)
    data = _training_data(job)
    return _train(run, recipe, job, data, _given(job), resume=True, quiet=quiet, tensorboard=tensorboard)


@dataclass(frozen=True)
class _Given:
    """Weights that a job names."""

    start: checkpoint.Weights | None
    teachers: tuple[checkpoint.Weights, ...]


def _given(job: Job) -> _Given:
    start = checkpoint.load_weights(Path(job.start)) if job.start else None
    return _Given(start, tuple(checkpoint.load_weights(Path(path)) for path in job.teachers))


def _training_data(job: Job) -> Dataset:
    return load_training_data(job.data, folder=Path(job.mnist) if job.mnist else None, offline=job.offline)


def _train(
    run: Path,
    recipe: Recipe,
    job: Job,
    data: Dataset,
    given: _Given,
    *,
    resume: bool,
    quiet: bool,
    tensorboard: bool,
) -> Finished:
    boards = [TensorBoard(run / "tensorboard")] if tensorboard else []
    with Display(recipe, quiet=quiet) as display, stopping() as check:
        try:
            loop.train(
                recipe,
                data,
                seed=job.seed,
                device=job.device,
                precision=job.precision,
                threads=job.threads,
                compiled=job.compiled,
                run=run,
                start=given.start,
                teachers=given.teachers,
                resume=resume,
                watch=_Watches([display, *boards], check),
            )
        except TrainingStopped:
            done = len(runs.read_history(run))
            if done:
                _conclude(run, recipe, data)
            again = shlex.join(["inkdigits", "train", "--resume", str(run)])
            raise TrainingStopped(f"stopped after {done} of {recipe.epochs} epochs; go on: {again}") from None
    return _conclude(run, recipe, data)


def _conclude(run: Path, recipe: Recipe, data: Dataset) -> Finished:
    """Report on the validation set and ONNX file of the best weights, read back from disk."""
    weights = checkpoint.load_weights(run)
    history = tuple(runs.read_history(run))
    temperature: float | None = None
    thresholds: dict[str, float] = {}
    accuracy = None
    if recipe.validation:
        training, validation = split_validation(data, recipe.validation)
        temperature, thresholds = export.calibrate(weights, validation)
        metrics = write_report(
            run,
            title=f"Recipe {recipe.name}",
            data=validation,
            logits=loop.predict(weights.network, validation.images),
            history=history,
            facts={
                **weights.facts,
                "recipe": recipe.to_dict(),
                "environment": runs.read_environment(run),
            },
            training=training,
            temperature=temperature,
        )
        accuracy = metrics.accuracy
    export.export_onnx(
        weights,
        run / "weights" / "best.onnx",
        temperature=temperature,
        extra=thresholds,
        check_images=data.images[-export.CHECKED :],
    )
    seconds = sum(epoch.seconds for epoch in history)
    trained = loop.Trained(
        weights.network, recipe, weights.classes, history, int(weights.facts["epoch"]), seconds, weights.facts
    )
    return Finished(run, trained, accuracy)


class _Watches:
    """Tells several watchers, and notices a wish to stop."""

    def __init__(self, watches: Sequence[loop.Watch], check: Callable[[], None]) -> None:
        self._watches, self._check = watches, check

    def step(self, epoch: int, done: int, total: int, loss: float) -> None:
        self._check()
        for watch in self._watches:
            watch.step(epoch, done, total, loss)

    def epoch(self, epoch: runs.Epoch) -> None:
        for watch in self._watches:
            watch.epoch(epoch)
        self._check()
