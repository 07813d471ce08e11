"""What came out of a search: the recipe, tune.json, trials.csv, record.md and pictures. Knows the study."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import mean, stdev
from typing import Any

import optuna
from optuna.trial import FrozenTrial

from inkdigits.errors import TrainingDiverged
from inkdigits.training import runs, search_plots
from inkdigits.training.files import write_whole
from inkdigits.training.recipes import Recipe
from inkdigits.training.report import write_json
from inkdigits.training.search_display import Counts
from inkdigits.training.search_space import cost_of, describe, widths_of
from inkdigits.training.search_study import DONE, Search

FORMAT = "inkdigits-tune-1"
ENOUGH = 5  # trials that ran to the end; with fewer, importances mean nothing


@dataclass(frozen=True)
class Candidate:
    """A trial that may become the recipe.

    Attributes:
        trial: its number.
        choice: what it chose.
        recipe: that it trained.
        parameters: of its network.
        multiplications: of its network, a glyph.
        accuracies: on the validation samples, by seed.
    """

    trial: int
    choice: dict[str, Any]
    recipe: Recipe
    parameters: int
    multiplications: int
    accuracies: dict[int, float]

    @property
    def accuracy(self) -> float:
        """Mean over the seeds."""
        return mean(self.accuracies.values())

    def to_dict(self) -> dict[str, Any]:
        """An entry of `tune.json`."""
        values = list(self.accuracies.values())
        return {
            "trial": self.trial,
            "accuracy": round(self.accuracy, 6),
            "accuracy_sd": round(stdev(values), 6) if len(values) > 1 else None,
            "accuracies": {str(seed): value for seed, value in sorted(self.accuracies.items())},
            "parameters": self.parameters,
            "multiplications": self.multiplications,
            "choice": self.choice,
            "layers": list(self.recipe.layers),
        }


@dataclass(frozen=True)
class Found:
    """A search's outcome.

    Attributes:
        folder: of the search.
        recipe: that came out, with its final number of epochs.
        chosen: the trial behind it.
        candidates: that were in the running, best first.
        counts: of trials.
        seconds: of this call.
        training_seconds: of all trials and confirmations so far, also in earlier calls.
        importance: share of each choice in what made trials good; empty after few trials.
        effort: what this call was asked for.
        settings: what the search began with.
    """

    folder: Path
    recipe: Recipe
    chosen: Candidate
    candidates: tuple[Candidate, ...]
    counts: Counts
    seconds: float
    training_seconds: float
    importance: dict[str, float]
    effort: Mapping[str, Any]
    settings: Mapping[str, Any]

    def to_dict(self) -> dict[str, Any]:
        """The JSON answer of `inkdigits tune`; `tune.json` adds where it was made."""
        return {
            "format": FORMAT,
            "study": str(self.folder),
            "recipe": str(self.folder / "recipe.json"),
            "trials": asdict(self.counts),
            "seconds": round(self.seconds, 1),
            "training_seconds": round(self.training_seconds, 1),
            "chosen": self.chosen.to_dict(),
            "candidates": [candidate.to_dict() for candidate in self.candidates],
            "importance": self.importance,
            "settings": dict(self.settings),
            "effort": dict(self.effort),
        }


def conclude(search: Search, effort: Mapping[str, Any], final_epochs: int, seconds: float) -> Found:
    """Chooses among the best trials, and writes all that the search's folder shall hold.

    Args:
        search: with at least one trial that ran to its end.
        effort: what this call was asked for.
        final_epochs: of the recipe.
        seconds: that this call took.

    Raises:
        OutputError: a file can't be written.
    """
    candidates = _candidates(search, effort["confirm"])
    if not candidates:
        raise TrainingDiverged(
            "no trial ran to its end; go on with --study, or search again with more trials"
        )
    complete = {search.settings.seed, *search.seeds}
    confirmed = [candidate for candidate in candidates if set(candidate.accuracies) == complete]
    chosen = max(confirmed or candidates[:1], key=lambda candidate: candidate.accuracy)
    found = Found(
        folder=search.folder,
        recipe=_final_recipe(search, chosen, final_epochs),
        chosen=chosen,
        candidates=candidates,
        counts=Counts.of(search),
        seconds=seconds,
        training_seconds=_training_seconds(search),
        importance=_importance(search),
        effort=effort,
        settings=asdict(search.settings),
    )
    environment = runs.environment()
    runs.write_recipe(search.folder, found.recipe)
    write_json(search.folder / "tune.json", {**found.to_dict(), "environment": environment})
    write_whole(search.folder / "trials.csv", _table(search).encode())
    _draw(search, found)
    write_whole(search.folder / "record.md", record_of(found, search, environment).encode())
    return found


def _draw(search: Search, found: Found) -> None:
    trials, chosen = search.trials(), found.chosen.trial
    search_plots.draw_history(search.folder / "history.png", trials, chosen)
    search_plots.draw_parallel(search.folder / "parallel.png", trials, chosen)
    if found.importance:
        search_plots.draw_importance(search.folder / "importance.png", found.importance)


def _candidates(search: Search, count: int) -> tuple[Candidate, ...]:
    """The best trials and those that were confirmed earlier: first by how many seeds, then by accuracy."""
    trials = search.best()
    tried = {t.number: search.accuracies(t) for t in trials}
    kept = [t for t in trials if t in trials[: max(count, 1)] or len(tried[t.number]) > 1]
    candidates = []
    for trial in kept:
        recipe = search.recipe(trial)
        cost = cost_of(recipe.layers, search.settings.classes)
        known = (trial.number, trial.params, recipe, cost.parameters, cost.multiplications)
        candidates.append(Candidate(*known, tried[trial.number]))
    return tuple(sorted(candidates, key=lambda c: (-len(c.accuracies), -c.accuracy)))


def _final_recipe(search: Search, chosen: Candidate, epochs: int) -> Recipe:
    counts, settings = Counts.of(search), search.settings
    seeds = f"{len(chosen.accuracies)} seeds" if len(chosen.accuracies) > 1 else "one seed"
    about = (
        f"found by a search of {counts.done + counts.pruned} trials on {settings.data}: trial "
        f"{chosen.trial}, {chosen.accuracy:.2%} on validation after {settings.epochs} epochs, {seeds}"
    )
    trial = search.study.get_trials(deepcopy=False)[chosen.trial]
    changes = {"epochs": epochs, "validation": settings.validation}
    return search.recipe(trial, **changes, name="tuned", about=about)


def _training_seconds(search: Search) -> float:
    every = [*search.trials(), *search.confirmation.get_trials(deepcopy=False)]
    return sum(t.duration.total_seconds() for t in every if t.duration is not None)


def _importance(search: Search) -> dict[str, float]:
    """PED-ANOVA (Watanabe et al. 2023): how far the best trials' choices differ from all trials' choices."""
    if len(search.best()) < ENOUGH:
        return {}
    found = optuna.importance.get_param_importances(search.study)
    return {name: round(float(share), 4) for name, share in found.items()}


# -- trials.csv


def _table(search: Search) -> str:
    """All trials in order, a row each."""
    rows = [_row(search, trial) for trial in search.trials()]
    names = list(dict.fromkeys(name for row in rows for name in row))
    text = io.StringIO()
    writer = csv.DictWriter(text, names, lineterminator="\n", restval="")
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue()


def _row(search: Search, trial: FrozenTrial) -> dict[str, Any]:
    row: dict[str, Any] = {
        "trial": trial.number,
        "state": trial.state.name.lower(),
        "accuracy": trial.value if trial.state in DONE else None,
        "epochs": trial.last_step or 0,
        "seconds": round(trial.duration.total_seconds(), 2) if trial.duration else None,
        "error": search.interruption(trial) or trial.user_attrs.get("error"),
    }
    if not trial.params:  # its worker died before it had chosen
        return row
    recipe = search.recipe(trial)
    cost = cost_of(recipe.layers, search.settings.classes)
    row |= {"parameters": cost.parameters, "multiplications": cost.multiplications}
    row |= {"widths": "-".join(map(str, widths_of(recipe.layers))), "learning_rate": recipe.learning_rate}
    return row | {name: _plain(value) for name, value in trial.params.items()}


def _plain(value: Any) -> Any:
    return float(f"{value:.4g}") if isinstance(value, float) else value


# -- record.md


def record_of(found: Found, search: Search, environment: Mapping[str, Any]) -> str:
    """The search as a record: what was asked, where, what came out, in Markdown."""
    settings, effort = search.settings, found.effort
    minutes = "no limit" if effort["minutes"] is None else f"{effort['minutes']:g} minutes"
    facts = [
        ("command", f"`inkdigits {environment['command'].partition(' ')[2]}`"),
        ("commit", environment["commit"] or "of an installed package"),
        ("machine", f"{environment['processor']}, {environment['cores']} cores"),
        (
            "processes",
            f"{effort['workers']} with {effort['threads']} threads each, device {effort['device']}",
        ),
        ("budget", f"{minutes}, {effort['trials'] or 'any number of'} trials"),
        ("took", f"{found.seconds / 60:.1f} minutes; {found.training_seconds / 60:.1f} of training in all"),
        ("trials", str(found.counts)),
        ("a trial", f"{settings.epochs} epochs on {settings.fraction:.0%} of {settings.data}"),
        ("judged on", f"accuracy on the last {settings.held_out:,} samples, which no trial trains on"),
        (
            "limits",
            f"{settings.max_parameters:,} parameters, {settings.max_multiplications:g} M multiplications",
        ),
        ("versions", ", ".join(f"{name} {version}" for name, version in environment["packages"].items())),
    ]
    candidates = [
        (
            f"**{c.trial}**" if c.trial == found.chosen.trial else c.trial,
            *(_percent(c.accuracies.get(seed)) for seed in (settings.seed, *search.seeds)),
            _percent(c.accuracy),
            f"{c.parameters:,}",
            describe(c.choice, c.recipe),
        )
        for c in found.candidates
    ]
    seeds = [f"seed {seed}" for seed in (settings.seed, *search.seeds)]
    pictures = {"history": "Validation accuracy of each trial", "parallel": "The choices of each trial"}
    if found.importance:
        pictures["importance"] = "Share of each choice in what made trials good"
    parts = [
        "# The search\n",
        _markdown(("", ""), facts),
        "\n## What was confirmed\n",
        "The best trial of many is partly the luckiest, so the best few were trained again with other seeds, "
        "and the highest mean decided (bold). All figures are of the validation samples.\n",
        _markdown(("trial", *seeds, "mean", "parameters", "network"), candidates),
        "\n## What came out\n",
        f"{found.recipe.about}. As `recipe.json`, with {found.recipe.epochs} epochs:\n",
        _markdown(("choice", "value"), [(name, _plain(v)) for name, v in found.chosen.choice.items()]),
        "\n## What mattered\n",
        _importance_in_words(found.importance),
        "\nAll trials: [trials.csv](trials.csv); everything for programs: [tune.json](tune.json).\n",
        "\n".join(f"![{alt}]({picture}.png)\n" for picture, alt in pictures.items()),
    ]
    return "\n".join(parts)


def _importance_in_words(importance: Mapping[str, float]) -> str:
    if not importance:
        return f"Fewer than {ENOUGH} trials ran to the end: too few to say."
    return ", ".join(f"{name} {share:.0%}" for name, share in importance.items() if share >= 0.01) + "."


def _percent(value: float | None) -> str:
    return "–" if value is None else f"{value:.2%}"


def _markdown(head: Sequence[str], rows: Sequence[Sequence[Any]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(str(cell) for cell in line) + " |" for line in lines)
