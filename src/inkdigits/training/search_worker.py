"""A process that trains what a search wants trained, until there is no more. Knows the loop and the study."""

from __future__ import annotations

import multiprocessing
import signal
from collections.abc import Callable
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path

import numpy as np
import optuna
import torch

from inkdigits.errors import InkdigitsError, OutputError, TrainingDiverged, TrainingStopped
from inkdigits.training import loop
from inkdigits.training.datasets import Dataset, load_data
from inkdigits.training.runs import Epoch
from inkdigits.training.search_plan import Job, Plan, Settings
from inkdigits.training.search_study import DATABASE, Search, reported
from inkdigits.training.stopping import stopping


@dataclass(frozen=True)
class Means:
    """What a worker trains with.

    Attributes:
        device: auto, cpu, cuda, mps.
        precision: auto, float32, bfloat16.
        threads: of the CPU.
        mnist: folder that is searched for MNIST first.
        offline: never touch the network.
    """

    device: str = "auto"
    precision: str = "auto"
    threads: int | None = None
    mnist: str | None = None
    offline: bool = False


def work(folder: Path, plan: Plan, means: Means, complaints: Connection) -> None:
    """The whole life of a worker process; an error for the user goes to `complaints`.

    SIGTERM, or the end of the process that started it, lets it abandon its trial and leave.
    """
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    try:
        with stopping((signal.SIGTERM,)) as check:
            _train_all(Search(folder), plan, means, _Leaving(check))
    except TrainingStopped:
        pass
    except InkdigitsError as error:
        complaints.send(error)


class _Leaving:
    """Raises `TrainingStopped` when a signal came or nobody is there to want results."""

    def __init__(self, check: Callable[[], None]) -> None:
        self._check, self._parent = check, multiprocessing.parent_process()

    def __call__(self) -> None:
        self._check()
        if self._parent is not None and not self._parent.is_alive():
            raise TrainingStopped("the process that started this one has ended")


def _train_all(search: Search, plan: Plan, means: Means, check: Callable[[], None]) -> None:
    data = load_data(
        search.settings.data, folder=Path(means.mnist) if means.mnist else None, offline=means.offline
    )
    part = trial_data(data, search.settings)
    with reported(search.folder / DATABASE, OutputError, "can't be written"), search.joined() as worker:
        check()
        while (job := search.take(worker, plan)) is not None:
            _train(search, job, part, means, check)
            check()


def _train(search: Search, job: Job, data: Dataset, means: Means, check: Callable[[], None]) -> None:
    """One training, and what became of it."""
    watch = _Reporter(job, check)
    try:
        trained = loop.train(
            job.recipe,
            data,
            seed=job.seed,
            device=means.device,
            precision=means.precision,
            threads=means.threads,
            watch=watch,
        )
    except optuna.TrialPruned:
        search.prune(job)
    except (
        TrainingDiverged
    ) as error:  # worse than any other: what the sampler makes of a trial without a value
        search.prune(job, str(error))
    except (MemoryError, torch.OutOfMemoryError) as error:
        search.fail(job, f"out of memory: {error}")
    except TrainingStopped:
        search.abandon(job)
        raise
    except Exception as error:
        search.fail(job, f"{type(error).__name__}: {error}")
        raise
    else:
        accuracy = trained.history[-1].validation_accuracy
        assert accuracy is not None  # something is always held out
        search.finish(job, accuracy)


class _Reporter:
    """Tells Optuna each epoch's validation accuracy, and ends trials that fall behind."""

    def __init__(self, job: Job, check: Callable[[], None]) -> None:
        self._job, self._check = job, check

    def step(self, epoch: int, done: int, total: int, loss: float) -> None:  # noqa: ARG002 (Watch's names)
        self._check()

    def epoch(self, epoch: Epoch) -> None:
        assert epoch.validation_accuracy is not None
        self._job.trial.report(epoch.validation_accuracy, epoch.number)
        if epoch.number == self._job.recipe.epochs:
            return
        if self._job.study == "search" and self._job.trial.should_prune():
            raise optuna.TrialPruned
        self._check()


def trial_data(data: Dataset, settings: Settings) -> Dataset:
    """The samples that a trial learns from, spread evenly over those that don't validate, then its judges."""
    others = len(data) - settings.validation
    if settings.learning == others:
        return data
    assert data.labels is not None
    learning = np.linspace(0, others - 1, settings.learning).astype(np.int64)
    chosen = np.r_[learning, np.arange(len(data) - settings.held_out, len(data))]
    return Dataset(data.name, data.images[chosen], data.labels[chosen], data.classes)
