"""A search on disk: an Optuna study in SQLite that several processes share, and that any of them may leave.

    with search.joined() as worker:
        while job := search.take(worker, plan):    # a trial, or a further seed of one of the best
            …train job.recipe…
            search.finish(job, accuracy)

SQLite has one writer at a time, and Optuna numbers trials by counting them: so a lock file lets one process
at a time begin a trial. Each worker holds a lock file of its own as long as it lives. The system frees it
when the process ends, however it ends, and a running trial whose worker is gone is failed and tried again by
whoever comes next: no heartbeat, no waiting, and a laptop may sleep meanwhile.
"""

from __future__ import annotations

import contextlib
import json
import os
import sqlite3
import time
import uuid
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from statistics import median

import optuna
from filelock import FileLock, Timeout
from optuna.trial import FrozenTrial, Trial, TrialState

from inkdigits.errors import InvalidData, OutputError, UsageError
from inkdigits.training.recipes import Recipe
from inkdigits.training.search_plan import Job, Plan, Settings
from inkdigits.training.search_space import recipe_of, search_space, starting_point

DATABASE = "study.db"
PATIENCE = 60  # seconds that a process waits for another one's writing
FIRST_RANDOM = 10  # trials before the sampler has seen enough to model
DONE = (TrialState.COMPLETE, TrialState.PRUNED)


class Search:
    """A search in its folder.

    Attributes:
        folder: with `study.db`.
        settings: that the search began with.
        study: the trials.
        confirmation: trainings of the best of them with further seeds.

    Args:
        folder: of a search that `begin` began.

    Raises:
        UsageError: no search lies there.
        InvalidData: its database is damaged.
    """

    def __init__(self, folder: Path) -> None:
        path = folder / DATABASE
        if not path.is_file():
            raise UsageError(f"{folder}: no search lies here, it has no {DATABASE}")
        self.folder = folder
        self._locks = folder / ".locks"
        with reported(path, InvalidData, "not a whole study"):
            storage = _storage(path)
            try:
                self.study = optuna.load_study(study_name="search", storage=storage)
                self.confirmation = optuna.load_study(study_name="confirm", storage=storage)
                self.settings = Settings(**json.loads(self.study.user_attrs["settings"]))
            except (KeyError, TypeError, ValueError) as e:
                raise InvalidData(f"{path}: not a study that `inkdigits tune` began ({e})") from None
        # one-cycle and averaged weights look bad at first: nobody is judged before half-time
        self.study.pruner = optuna.pruners.MedianPruner(
            n_startup_trials=5, n_warmup_steps=max(1, self.settings.epochs // 2), n_min_trials=3
        )
        self._space = search_space(self.settings.limits)

    @classmethod
    def begin(cls, folder: Path, settings: Settings) -> Search:
        """A new search in an existing folder.

        Raises:
            UsageError: the limits leave no network.
            OutputError: the folder can't be written.
        """
        first = starting_point(settings.limits)
        making = folder / ".locks" / DATABASE  # whoever sees study.db shall see a whole one
        with reported(folder / DATABASE, OutputError, "can't be written"):
            making.parent.mkdir()
            storage = _storage(making)
            optuna.create_study(study_name="confirm", storage=storage, direction="maximize")
            study = optuna.create_study(study_name="search", storage=storage, direction="maximize")
            study.set_user_attr("settings", json.dumps(asdict(settings)))
            study.enqueue_trial(first)
            storage.remove_session()
            storage.engine.dispose()  # the last connection moves what SQLite wrote beside the file into it
            making.rename(folder / DATABASE)
        return cls(folder)

    # -- work

    @contextlib.contextmanager
    def joined(self) -> Iterator[str]:
        """A worker's name. Its trials are its own until the block, or the process, ends."""
        name = f"{os.getpid()}-{uuid.uuid4().hex[:8]}"
        path = self._locks / name
        with FileLock(path):
            try:
                yield name
            finally:
                path.unlink(missing_ok=True)

    def take(self, worker: str, plan: Plan) -> Job | None:
        """The next training, or None when all that was planned is done or being done."""
        with self._alone():
            self._fail_orphans(self.study)
            self._fail_orphans(self.confirmation)
            if self._goes_on(plan):
                return self._next_trial(worker)
            return self._next_confirmation(worker, plan)

    def finish(self, job: Job, accuracy: float) -> None:
        """Records a training's validation accuracy."""
        self._tell(job, TrialState.COMPLETE, accuracy)

    def prune(self, job: Job, why: str = "") -> None:
        """Records that a training was ended early, since others are better."""
        if why:
            job.trial.set_user_attr("error", why)
        self._tell(job, TrialState.PRUNED)

    def fail(self, job: Job, why: str) -> None:
        """Records that a training can't be done."""
        job.trial.set_user_attr("error", why)
        self._tell(job, TrialState.FAIL)

    def abandon(self, job: Job) -> None:
        """Records that a training was stopped from outside, which says nothing about it: it is due again."""
        with self._alone():
            study = self.study if job.study == "search" else self.confirmation
            self._again(study, study.get_trials(deepcopy=False)[job.trial.number], "stopped")

    # -- what is known

    def trials(self) -> list[FrozenTrial]:
        """All trials that began, in order."""
        return [t for t in self.study.get_trials(deepcopy=False) if t.state != TrialState.WAITING]

    def best(self, count: int | None = None) -> list[FrozenTrial]:
        """The trials with the highest validation accuracy, best first; of equals the earlier one."""
        done = self.study.get_trials(deepcopy=False, states=(TrialState.COMPLETE,))
        return sorted(done, key=lambda t: -(t.value or 0.0))[:count]

    def accuracies(self, trial: FrozenTrial) -> dict[int, float]:
        """Validation accuracy by seed: of the search's own, and of those that confirmed it."""
        found = {self.settings.seed: trial.value or 0.0}
        for t in self.confirmation.get_trials(deepcopy=False, states=(TrialState.COMPLETE,)):
            if t.user_attrs["trial"] == trial.number:
                found[t.user_attrs["seed"]] = t.value or 0.0
        return found

    def recipe(self, trial: FrozenTrial | Trial, **changes: str | int) -> Recipe:
        """What a trial trains; with other epochs, validation samples or words where they are given."""
        known = self.settings
        values = {"epochs": known.epochs, "validation": known.held_out, **changes}
        return recipe_of(trial.params, known.limits, **values)  # type: ignore[arg-type]

    def interruption(self, trial: FrozenTrial) -> str | None:
        """Why a failed trial is no statement about its choice."""
        found = self.study.user_attrs.get(f"interrupted {trial.number}")
        return None if found is None else str(found)

    @property
    def seeds(self) -> tuple[int, ...]:
        """Further seeds that confirm the best trials."""
        return (self.settings.seed + 1, self.settings.seed + 2)

    def seconds_to_confirm(self, plan: Plan) -> float:
        """How long the confirmations that are still due will take."""
        due = (_seconds(trial) for trial in self.best(plan.confirm) for _ in self._unconfirmed(trial))
        return sum(due) / plan.workers

    # -- one process at a time

    @contextlib.contextmanager
    def _alone(self) -> Iterator[None]:
        try:
            with FileLock(self._locks / "study", timeout=PATIENCE):
                yield
        except Timeout:
            raise OutputError(
                f"{self._locks / 'study'}: held by another process for {PATIENCE} s; end that one"
            ) from None

    def _goes_on(self, plan: Plan) -> bool:
        """Whether one more trial fits into the budget, together with what confirms the best ones."""
        trials = self.trials()
        counted = [t for t in trials if t.state != TrialState.FAIL or self.interruption(t) is None]
        if plan.trials is not None and len(counted) >= plan.trials:
            return False
        done = [_seconds(t) for t in trials if t.state in DONE]
        if plan.deadline is None or not counted:
            return True
        needed = self.seconds_to_confirm(plan) + (median(done) if done else 0.0)
        return time.time() + needed < plan.deadline

    def _next_trial(self, worker: str) -> Job:
        """A proposal. The sampler's seed follows from the trials so far, also after an interruption."""
        number = len(self.study.get_trials(deepcopy=False))
        self.study.sampler = optuna.samplers.TPESampler(
            n_startup_trials=FIRST_RANDOM, seed=self.settings.seed * 1_000_003 + number
        )
        trial = self.study.ask(self._space)
        trial.set_user_attr("worker", worker)
        return Job("search", trial, self.recipe(trial), self.settings.seed)

    def _next_confirmation(self, worker: str, plan: Plan) -> Job | None:
        due = [(t.number, seed) for t in self.best(plan.confirm) for seed in self._unconfirmed(t)]
        waiting = self.confirmation.get_trials(deepcopy=False, states=(TrialState.WAITING,))
        if not due and not waiting:
            return None
        if not waiting:
            self.confirmation.enqueue_trial({}, user_attrs={"trial": due[0][0], "seed": due[0][1]})
        begun = self.confirmation.ask()
        begun.set_user_attr("worker", worker)
        number, seed = begun.user_attrs["trial"], begun.user_attrs["seed"]
        return Job("confirm", begun, self.recipe(self.study.get_trials(deepcopy=False)[number]), seed)

    def _unconfirmed(self, trial: FrozenTrial) -> list[int]:
        """Seeds with which a trial is neither trained nor being trained."""
        known = {
            t.user_attrs["seed"]
            for t in self.confirmation.get_trials(deepcopy=False)
            if t.user_attrs["trial"] == trial.number and not self._interrupted(self.confirmation, t)
        }
        return [seed for seed in self.seeds if seed not in known]

    def _fail_orphans(self, study: optuna.Study) -> None:
        """Fails trials that nobody works on: whoever begins one says who it is before it frees the lock."""
        for trial in study.get_trials(deepcopy=False, states=(TrialState.RUNNING,)):
            if not self._lives(trial.user_attrs.get("worker")):
                self._again(study, trial, "its worker died")

    def _lives(self, worker: str | None) -> bool:
        if worker is None or not (self._locks / worker).exists():
            return False
        try:
            with FileLock(self._locks / worker, timeout=0):
                (self._locks / worker).unlink()
                return False
        except Timeout:
            return True

    def _again(self, study: optuna.Study, trial: FrozenTrial, why: str) -> None:
        """Fails a trial whose choice is due again, unless it has cost two workers their lives."""
        if why == "stopped" or not trial.user_attrs.get("again"):
            study.set_user_attr(f"interrupted {trial.number}", why)
            about = {key: value for key, value in trial.user_attrs.items() if key in ("trial", "seed")}
            study.enqueue_trial(trial.params, user_attrs={**about, "again": True})
        study.tell(trial.number, state=TrialState.FAIL, skip_if_finished=True)

    def _interrupted(self, study: optuna.Study, trial: FrozenTrial) -> bool:
        return f"interrupted {trial.number}" in study.user_attrs

    def _tell(self, job: Job, state: TrialState, value: float | None = None) -> None:
        study = self.study if job.study == "search" else self.confirmation
        study.tell(job.trial, value, state, skip_if_finished=True)


@contextlib.contextmanager
def reported(path: Path, kind: type[InvalidData | OutputError], what: str) -> Iterator[None]:
    """Turns what can go wrong with a database into an error of ours.

    Raises:
        InkdigitsError: of the given kind.
    """
    import sqlalchemy.exc

    try:
        yield
    except (sqlalchemy.exc.SQLAlchemyError, optuna.exceptions.StorageInternalError, OSError) as e:
        reason = str(e.__cause__ or e).splitlines()[0]
        raise kind(f"{path}: {what} ({reason})") from e


def _storage(path: Path) -> optuna.storages.RDBStorage:
    """SQLite at any path, also one with characters that mean something in a URL."""

    def connect() -> sqlite3.Connection:
        connection = sqlite3.connect(path, timeout=PATIENCE, check_same_thread=False)
        # Optuna commits each of a trial's 17 choices: 0.4 s a trial if each waits for the disk, 0.1 s so
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = NORMAL")
        return connection

    return optuna.storages.RDBStorage("sqlite:///study.db", engine_kwargs={"creator": connect})


def _seconds(trial: FrozenTrial) -> float:
    return trial.duration.total_seconds() if trial.duration else 0.0
