"""Shows how a search goes, live, on stderr; silent unless that is a terminal. Knows the study only."""

from __future__ import annotations

import sys
import time
from collections import Counter
from contextlib import AbstractContextManager
from dataclasses import dataclass
from types import TracebackType
from typing import Self

from optuna.trial import FrozenTrial, TrialState
from rich.console import Console, Group
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from inkdigits.training.search_plan import Plan
from inkdigits.training.search_space import describe
from inkdigits.training.search_study import Search

REFRESH = 1.0  # seconds between looks at the study


@dataclass(frozen=True)
class Counts:
    """Trials by what became of them."""

    done: int
    pruned: int
    failed: int
    running: int

    @classmethod
    def of(cls, search: Search) -> Counts:
        """Of a search, now."""
        found = Counter(t.state for t in search.trials())
        kinds = (TrialState.COMPLETE, TrialState.PRUNED, TrialState.FAIL, TrialState.RUNNING)
        return cls(*(found[kind] for kind in kinds))

    def __str__(self) -> str:
        return f"{self.done} done, {self.pruned} pruned, {self.failed} failed"


class Display(AbstractContextManager["Display"]):
    """Trials done, pruned and failed, the best one so far in short, and the time left.

    Args:
        search: to watch.
        plan: how far this call goes.
        quiet: show nothing.
    """

    def __init__(self, search: Search, plan: Plan, *, quiet: bool = False) -> None:
        self._search, self._plan = search, plan
        self._shown = sys.stderr.isatty() and not quiet
        self._console = Console(stderr=True, quiet=not self._shown)
        self._live = Live(console=self._console, transient=True, auto_refresh=False)
        self._told = {t.number for t in search.trials() if t.state.is_finished()}
        self._began, self._before, self._looked = time.time(), len(self._told), 0.0

    def __enter__(self) -> Self:
        if self._shown:
            self._live.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._shown:
            self.look(now=True)
            self._live.stop()

    def look(self, *, now: bool = False) -> None:
        """Looks at the study, if that is due, and shows what is new."""
        if not self._shown or (time.time() - self._looked < REFRESH and not now):
            return
        self._looked = time.time()
        for trial in self._search.trials():
            if trial.state.is_finished() and trial.number not in self._told:
                self._told.add(trial.number)
                self._console.print(self._line(trial), highlight=False)
        self._live.update(Group(self._head(), self._best()), refresh=True)

    def _line(self, trial: FrozenTrial) -> Text:
        """What stays above: one line a finished trial."""
        value = "failed" if trial.state == TrialState.FAIL else f"{trial.value or 0.0:.2%}"
        pruned = f"pruned after {trial.last_step}" if trial.state == TrialState.PRUNED else ""
        seconds = trial.duration.total_seconds() if trial.duration else 0.0
        what = describe(trial.params, self._search.recipe(trial)) if trial.params else ""
        line = f"trial {trial.number:>3}  {value:>7}  {seconds:5.1f} s  {pruned or what}"
        return Text(line, style="" if trial.state == TrialState.COMPLETE else "dim", overflow="ellipsis")

    def _head(self) -> Table:
        counts = Counts.of(self._search)
        finished = counts.done + counts.pruned + counts.failed
        left = self._seconds_left(finished)
        passed = time.time() - self._began
        share = 0.0 if left is None else passed / (passed + left)
        remaining = "" if left is None else f"{int(left) // 60}:{int(left) % 60:02} left"
        grid = Table.grid(padding=(0, 2), expand=True)
        grid.add_column()
        grid.add_column(ratio=1)
        grid.add_column(justify="right")
        grid.add_row(f"{counts}, {self._under_way(counts)}", ProgressBar(completed=100 * share), remaining)
        return grid

    def _under_way(self, counts: Counts) -> str:
        running = (TrialState.RUNNING,)
        confirming = len(self._search.confirmation.get_trials(deepcopy=False, states=running))
        return f"{confirming} being confirmed" if confirming else f"{counts.running} running"

    def _best(self) -> Text:
        best = self._search.best(1)
        if not best:
            return Text("no trial is done yet", style="dim")
        what = describe(best[0].params, self._search.recipe(best[0]))
        return Text(f"best {best[0].value:.2%}, trial {best[0].number}: {what}", overflow="ellipsis")

    def _seconds_left(self, finished: int) -> float | None:
        """To the deadline, or for as many trials as are missing; the less of the two."""
        left = [] if self._plan.deadline is None else [max(0.0, self._plan.deadline - time.time())]
        here = finished - self._before
        if self._plan.trials is not None and here > 0:
            pace = (time.time() - self._began) / here
            missing = max(0, self._plan.trials - finished)
            left.append(missing * pace + self._search.seconds_to_confirm(self._plan))
        return min(left, default=None)
