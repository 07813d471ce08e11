"""A search from first to last: data, workers, the recipe that comes out, its record. Composes the parts.

begin ─► study.db ─► workers: take, train, tell … ─► confirm the best ─► recipe.json, tune.json, pictures
resume ───────┘
"""

from __future__ import annotations

import multiprocessing
import os
import shlex
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from multiprocessing.connection import Connection
from multiprocessing.context import SpawnProcess
from pathlib import Path
from typing import Any

import optuna

from inkdigits.errors import InkdigitsError, TrainingStopped, UsageError
from inkdigits.training import devices
from inkdigits.training.datasets import VALIDATION, Dataset, load_training_data
from inkdigits.training.runs import new_folder
from inkdigits.training.search_display import Counts, Display
from inkdigits.training.search_plan import Plan, Settings
from inkdigits.training.search_record import Found, conclude
from inkdigits.training.search_study import Search
from inkdigits.training.search_worker import Means, work
from inkdigits.training.stopping import ignoring_interrupts, stopping

GRACE = 30  # seconds that a worker has to leave, once told


@dataclass(frozen=True)
class Effort:
    """How long and with what one call searches; the next call on the same study may differ.

    Attributes:
        minutes: until it is done, confirmations included; None sets no limit.
        trials: that the study shall have in all; None sets no limit.
        workers: processes.
        confirm: how many of the best trials are trained with two further seeds.
        final_epochs: of the recipe that comes out.
        device: auto, cpu, cuda, mps.
        precision: auto, float32, bfloat16.
        threads: of each worker; None shares out the cores, or lets a probe choose for a single worker.
        mnist: folder that is searched for MNIST first.
        offline: never touch the network.
    """

    minutes: float | None = None
    trials: int | None = None
    workers: int = 1
    confirm: int = 3
    final_epochs: int = 20
    device: str = "auto"
    precision: str = "auto"
    threads: int | None = None
    mnist: str | None = None
    offline: bool = False


def begin(
    effort: Effort,
    *,
    root: Path,
    name: str,
    data: str = "mnist-train",
    quiet: bool = False,
    **choices: Any,
) -> Found:
    """Begins a search in a fresh folder `root/NAME`.

    Args:
        effort: how long, with what.
        root: where the folder is made.
        name: of the folder; a number is added where it is taken.
        data: what to train and validate on, as `load_data` takes it.
        quiet: show no progress.
        **choices: fields of `Settings`: epochs, fraction, seed, max_parameters, max_multiplications.

    Raises:
        UsageError: MNIST's test set, no budget, limits that leave no network.
        TrainingStopped: Ctrl-C or SIGTERM, or the workers were killed; `resume` goes on.
        InkdigitsError: as data sets and training say.
    """
    _check(effort)
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    found = _labelled(data, effort)
    validation = min(VALIDATION, max(1, len(found) // 6))
    settings = Settings(data, found.sha256, len(found), len(found.classes), validation, **choices)
    search = Search.begin(new_folder(root, name), settings)
    return _run(search, effort, quiet)


def resume(folder: Path, effort: Effort, *, quiet: bool = False, **choices: Any) -> Found:
    """Goes on with a search, alone or beside other processes that work on it.

    Args:
        folder: of the search.
        effort: how long, with what.
        quiet: show no progress.
        **choices: settings that the caller takes for granted.

    Raises:
        UsageError: no search lies there, it was begun with other settings, or its data changed.
        TrainingStopped: as in `begin`.
    """
    _check(effort)
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    search = Search(folder)
    _check_same(search, choices)
    if _labelled(search.settings.data, effort).sha256 != search.settings.data_sha256:
        raise UsageError(f"{folder}: {search.settings.data} has changed since; begin a new search")
    return _run(search, effort, quiet)


def _check(effort: Effort) -> None:
    if effort.minutes is None and effort.trials is None:
        raise UsageError("say how long to search: --minutes, --trials or both")
    devices.choose(effort.device, effort.precision)


def _check_same(search: Search, choices: Mapping[str, Any]) -> None:
    """A search can't change its mind: trials under other conditions don't compare."""
    known = asdict(search.settings)
    for name, value in choices.items():
        if known[name] != value:
            option = f"--{name.replace('_', '-')}"
            raise UsageError(f"{search.folder} was begun with {option} {known[name]}, not {value}")


def _labelled(source: str, effort: Effort) -> Dataset:
    folder = Path(effort.mnist) if effort.mnist else None
    return load_training_data(source, folder=folder, offline=effort.offline)


def _run(search: Search, effort: Effort, quiet: bool) -> Found:
    began = time.time()
    deadline = None if effort.minutes is None else began + 60 * effort.minutes
    plan = Plan(effort.trials, deadline, effort.workers, effort.confirm)
    threads = _threads(effort)
    means = Means(effort.device, effort.precision, threads, effort.mnist, effort.offline)
    how = {**asdict(effort), "threads": threads}
    try:
        with (
            stopping() as check,
            Display(search, plan, quiet=quiet) as display,
            _Crew(search, plan, means) as crew,
        ):
            crew.wait(check, display.look)
    except TrainingStopped as stopped:
        if search.best(1):
            conclude(search, how, effort.final_epochs, time.time() - began)
        again = shlex.join(["inkdigits", "tune", "--study", str(search.folder)])
        raise TrainingStopped(f"{stopped} ({Counts.of(search)}); go on: {again}") from None
    return conclude(search, how, effort.final_epochs, time.time() - began)


def _threads(effort: Effort) -> int:
    if effort.threads is not None:
        return effort.threads
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return devices.probe_threads() if effort.workers == 1 else max(1, cores // effort.workers)


class _Crew:
    """Worker processes; none outlives the block."""

    def __init__(self, search: Search, plan: Plan, means: Means) -> None:
        self._arguments = (search.folder, plan, means)
        self._members: list[tuple[SpawnProcess, Connection]] = []

    def __enter__(self) -> _Crew:
        context = multiprocessing.get_context("spawn")
        _, plan, _ = self._arguments
        with ignoring_interrupts():
            for _ in range(plan.workers):
                here, there = context.Pipe(duplex=False)
                process = context.Process(target=work, args=(*self._arguments, there))
                process.start()
                there.close()
                self._members.append((process, here))
        return self

    def __exit__(self, *_: object) -> None:
        for process, _complaints in self._members:
            process.terminate()
        for process, _complaints in self._members:
            process.join(GRACE)
            process.kill()

    def wait(self, check: Callable[[], None], look: Callable[[], None]) -> None:
        """Until all have ended.

        Raises:
            InkdigitsError: what a worker complained of.
            TrainingStopped: `check` said so, or no worker is left although there is more to do.
        """
        while any(process.is_alive() for process, _ in self._members):
            multiprocessing.connection.wait(
                [p.sentinel for p, _ in self._members if p.is_alive()], timeout=0.2
            )
            look()
            check()
        for _, complaints in self._members:
            if (error := _complaint(complaints)) is not None:
                raise error
        codes = [process.exitcode for process, _ in self._members]
        if all(codes):
            raise TrainingStopped(f"the workers ended before they were done (exit codes {codes})")


def _complaint(complaints: Connection) -> InkdigitsError | None:
    try:
        found = complaints.recv() if complaints.poll() else None
    except EOFError:
        return None
    assert found is None or isinstance(found, InkdigitsError)
    return found
