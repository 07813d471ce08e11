"""What a search may choose, and the study that processes share: without training, results are made up."""

from __future__ import annotations

import contextlib
import csv
import json
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import optuna
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from optuna.distributions import BaseDistribution, CategoricalDistribution
from optuna.trial import TrialState
from torch import nn

from inkdigits.errors import InvalidData, UsageError
from inkdigits.training import search_record
from inkdigits.training.datasets import Dataset
from inkdigits.training.networks import Network, count_parameters
from inkdigits.training.recipes import Recipe, from_dict, load_recipe
from inkdigits.training.search_plan import Job, Plan, Settings
from inkdigits.training.search_space import Limits, cost_of, recipe_of, search_space, starting_point
from inkdigits.training.search_study import Search
from inkdigits.training.search_worker import trial_data

LIMITS = Limits(parameters=500_000, multiplications=12_000_000)
SETTINGS = Settings("mnist-train", "0" * 64, samples=60_000, classes=10, validation=10_000)
EFFORT = {"minutes": None, "trials": 8, "workers": 1, "threads": 1, "device": "auto", "confirm": 3}


def values_of(space: BaseDistribution) -> st.SearchStrategy[Any]:
    """Any value that a choice may take."""
    if isinstance(space, CategoricalDistribution):
        return st.sampled_from(space.choices)
    low, high, step = space.low, space.high, space.step  # type: ignore[attr-defined]
    if step is None:
        return st.floats(low, high)
    return st.integers(0, round((high - low) / step)).map(lambda n: type(low)(low + n * step))


CHOICES = st.fixed_dictionaries({name: values_of(s) for name, s in search_space(LIMITS).items()})


def multiplications(recipe: Recipe) -> int:
    """Counted while the network answers one glyph."""
    import torch

    network, counted = Network(recipe.layers).eval(), []

    def count(module: nn.Module, _inputs: Any, output: Any) -> None:
        weights = sum(p.numel() for p in module.parameters() if p.ndim > 1)
        counted.append(weights * (output.shape[-1] ** 2 if output.ndim == 4 else 1))

    for module in network.modules():
        if isinstance(module, nn.Conv2d | nn.Linear):
            module.register_forward_hook(count)
    network(torch.zeros(1, 28, 28, dtype=torch.uint8))
    return sum(counted)


# -- what may be chosen


@settings(max_examples=25, deadline=None)
@given(CHOICES)
def test_any_choice_is_a_network_within_the_limits_and_its_cost_is_known(choice: dict[str, Any]) -> None:
    recipe = recipe_of(choice, LIMITS, epochs=4, validation=10_000)
    cost = cost_of(recipe.layers, 10)
    assert cost.parameters == count_parameters(Network(recipe.layers))
    assert cost.multiplications == multiplications(recipe)
    assert cost.within(LIMITS.parameters, LIMITS.multiplications)
    assert from_dict(json.loads(json.dumps(recipe.to_dict()))) == recipe


@settings(max_examples=25, deadline=None)
@given(CHOICES)
def test_networks_spend_what_they_may(choice: dict[str, Any]) -> None:
    small, large = ({**choice, "size": size} for size in (2.0, 10.0))
    costs = [cost_of(recipe_of(c, LIMITS, epochs=1, validation=1).layers, 10) for c in (small, large)]
    assert costs[0].multiplications < costs[1].multiplications
    assert costs[0].multiplications > 0.6e6  # the next wider one costs more than 2 M


@pytest.mark.parametrize("limits", [LIMITS, Limits(20_000, 1_000_000), Limits(10**7, 10**9, classes=26)])
def test_the_search_begins_with_a_choice_that_may_be_chosen(limits: Limits) -> None:
    space, first = search_space(limits), starting_point(limits)
    assert set(space) == set(first)
    for name, value in first.items():
        assert space[name]._contains(space[name].to_internal_repr(value)), name
    cost = cost_of(recipe_of(first, limits, epochs=1, validation=1).layers, limits.classes)
    assert cost.within(limits.parameters, limits.multiplications)


def test_small_limits_leave_out_costly_heads_and_tiny_ones_are_refused() -> None:
    heads = search_space(Limits(10_000, 12_000_000))["head"]
    assert isinstance(heads, CategoricalDistribution)
    assert heads.choices == ("global", "flatten")
    with pytest.raises(UsageError, match="--max-parameters"):
        search_space(Limits(100, 12_000_000))


def test_a_trial_learns_from_a_share_and_is_judged_by_samples_it_never_sees(mnist_train: Dataset) -> None:
    whole = replace(SETTINGS, fraction=1.0)
    assert trial_data(mnist_train, whole) is mnist_train
    for fraction, held_out in ((0.5, 10_000), (0.02, 1_000)):
        known = replace(SETTINGS, fraction=fraction)
        part = trial_data(mnist_train, known)
        assert known.held_out == held_out
        assert len(part) == 50_000 * fraction + held_out
        np.testing.assert_array_equal(part.images[-held_out:], mnist_train.images[-held_out:])
        learned = {image.tobytes() for image in part.images[:-held_out]}
        assert learned <= {image.tobytes() for image in mnist_train.images[:50_000]}
        assert part.labels is not None
        assert np.bincount(part.labels).min() > 0.08 * len(part)


# -- the study


def begun(folder: Path, **changes: Any) -> Search:
    folder.mkdir(exist_ok=True)
    return Search.begin(folder, replace(SETTINGS, **changes))


@pytest.fixture
def search(tmp_path: Path) -> Search:
    return begun(tmp_path / "search")


def plan(trials: int | None = None, *, confirm: int = 0, seconds: float | None = None) -> Plan:
    deadline = None if seconds is None else time.time() + seconds
    return Plan(trials=trials, deadline=deadline, workers=1, confirm=confirm)


def jobs(search: Search, plan: Plan, accuracy: Callable[[Job], float]) -> Iterator[Job]:
    """Works off all that is planned; `accuracy` makes up the results."""
    with search.joined() as worker:
        while (job := search.take(worker, plan)) is not None:
            search.finish(job, accuracy(job))
            yield job


def made_up(job: Job) -> float:
    return 0.99 - abs(np.log(job.recipe.learning_rate / 0.004)) / 100


def test_the_first_trial_is_the_starting_point_and_the_budget_is_kept(search: Search) -> None:
    found = list(jobs(search, plan(5), made_up))
    assert len(found) == 5
    assert found[0].trial.params == starting_point(search.settings.limits)
    assert [t.state for t in search.trials()] == [TrialState.COMPLETE] * 5
    assert not list(jobs(search, plan(5), made_up))
    assert len(list(jobs(search, plan(7), made_up))) == 2  # in all, earlier calls' too


def test_proposals_follow_from_seed_and_results_also_when_reopened(tmp_path: Path) -> None:
    straight = begun(tmp_path / "a")
    first = [job.recipe for job in jobs(straight, plan(16), made_up)]
    begun(tmp_path / "b")
    again = [
        job.recipe for count in (3, 11, 12, 16) for job in jobs(Search(tmp_path / "b"), plan(count), made_up)
    ]
    assert again == first
    other = [job.recipe for job in jobs(begun(tmp_path / "c", seed=1), plan(3), made_up)]
    assert other[0] == first[0]
    assert other[1:] != first[1:3]


def test_the_sampler_learns(search: Search) -> None:
    found = [made_up(job) for job in jobs(search, plan(40), made_up)]
    assert np.mean(found[-10:]) > np.mean(found[1:11])


def test_trials_behind_the_others_at_half_time_are_pruned(search: Search) -> None:
    with search.joined() as worker:
        for number in range(6):
            job = search.take(worker, plan())
            assert job is not None
            for epoch in range(1, 5):
                job.trial.report(0.9 + number / 100, epoch)
            search.finish(job, 0.9)
        job = search.take(worker, plan())
        assert job is not None
        job.trial.report(0.1, 1)
        assert not job.trial.should_prune()  # too early to say
        job.trial.report(0.1, 2)
        assert job.trial.should_prune()


def test_time_for_confirmation_is_kept_back(search: Search) -> None:
    def slow(job: Job) -> float:
        time.sleep(0.2)
        return made_up(job)

    list(jobs(search, plan(2), slow))
    needed = search.seconds_to_confirm(plan(confirm=2))
    assert needed >= 4 * 0.2  # two trials with two further seeds
    found = list(jobs(search, plan(confirm=2, seconds=needed), slow))
    assert [job.study for job in found] == ["confirm"] * 4
    assert search.seconds_to_confirm(plan(confirm=2)) == 0


def test_without_time_one_trial_is_made_all_the_same(search: Search) -> None:
    assert [job.study for job in jobs(search, plan(seconds=0), made_up)] == ["search"]


def test_who_is_best_over_more_seeds_is_chosen(search: Search) -> None:
    lucky = {0: 0.95, 1: 0.96, 2: 0.99}  # trial 2 is best with the first seed only

    def accuracy(job: Job) -> float:
        if job.study == "search":
            return lucky.get(job.trial.number, 0.5)
        return 0.9 if job.recipe.layers == recipes[2].layers else 0.955

    with search.joined() as worker:
        recipes = []
        for _ in range(3):
            job = search.take(worker, plan(3))
            assert job is not None
            recipes.append(job.recipe)
            search.finish(job, accuracy(job))
    list(jobs(search, plan(3, confirm=2), accuracy))
    found = search_record.conclude(search, {**EFFORT, "confirm": 2}, 20, 1.0)
    assert found.chosen.trial == 1
    assert found.chosen.accuracies == {0: 0.96, 1: 0.955, 2: 0.955}
    assert [c.trial for c in found.candidates] == [1, 2]


def test_a_dead_workers_trial_fails_and_its_choice_comes_again_once(search: Search) -> None:
    with search.joined() as ghost:
        left = search.take(ghost, plan(2))
    assert left is not None
    with search.joined() as other:
        again = search.take(other, plan(2))
        assert again is not None
        assert again.recipe == left.recipe
        assert search.trials()[0].state == TrialState.FAIL
        assert search.interruption(search.trials()[0]) == "its worker died"
    with search.joined() as third:
        new = search.take(third, plan(2))
        assert new is not None  # the one that cost two workers their lives counts, the first of them doesn't
        assert new.recipe != left.recipe
        assert search.take(third, plan(2)) is None


def test_a_study_is_seen_whole_or_not_at_all(tmp_path: Path) -> None:
    folder = tmp_path / "x"
    folder.mkdir()
    ended, seen = threading.Event(), []

    def look() -> None:
        while not ended.is_set():
            with contextlib.suppress(UsageError):  # not there yet
                seen.append(len(Search(folder).study.get_trials()))

    watcher = threading.Thread(target=look)
    watcher.start()
    Search.begin(folder, SETTINGS)
    while not seen:
        time.sleep(0.01)
    ended.set()
    watcher.join()
    assert set(seen) == {1}
    assert {path.name for path in folder.iterdir()} >= {"study.db", ".locks"}
    assert not list((folder / ".locks").iterdir())


def test_a_living_workers_trial_is_its_own(search: Search) -> None:
    with search.joined() as one, search.joined() as two:
        mine, yours = search.take(one, plan()), search.take(two, plan())
        assert mine is not None
        assert yours is not None
        assert [t.state for t in search.trials()] == [TrialState.RUNNING] * 2
        search.finish(mine, 0.9)
        search.finish(yours, 0.8)


def test_a_stopped_trial_is_due_again_however_often(search: Search) -> None:
    recipes = []
    for _ in range(3):
        with search.joined() as worker:
            job = search.take(worker, plan(1))
            assert job is not None
            recipes.append(job.recipe)
            search.abandon(job)
    assert recipes[0] == recipes[1] == recipes[2]
    assert len(list(jobs(search, plan(1), made_up))) == 1


def test_a_confirmation_that_was_interrupted_is_made_again(search: Search) -> None:
    list(jobs(search, plan(1), made_up))
    with search.joined() as ghost:
        left = search.take(ghost, plan(1, confirm=1))
    assert left is not None
    done = list(jobs(search, plan(1, confirm=1), made_up))
    assert sorted(job.seed for job in done) == [1, 2]
    assert {job.recipe.layers for job in done} == {left.recipe.layers}


WORKER = """
import sys, pathlib
from inkdigits.training.search_plan import Plan
from inkdigits.training.search_study import Search

search = Search(pathlib.Path(sys.argv[1]))
with search.joined() as worker:
    while (job := search.take(worker, Plan(16, None, 3, 0))) is not None:
        search.finish(job, 0.5)
"""


def test_processes_share_a_study(search: Search) -> None:
    crew = [subprocess.Popen([sys.executable, "-c", WORKER, str(search.folder)]) for _ in range(3)]
    assert [process.wait(300) for process in crew] == [0, 0, 0]
    trials = search.trials()
    assert [t.number for t in trials] == list(range(16))
    assert {t.state for t in trials} == {TrialState.COMPLETE}
    assert len({json.dumps(t.params, sort_keys=True) for t in trials}) == 16
    assert len({t.user_attrs["worker"] for t in trials}) > 1


# -- what it leaves behind


def test_files_of_a_search(search: Search) -> None:
    with search.joined() as worker:
        for number in range(8):
            job = search.take(worker, plan(8))
            assert job is not None
            job.trial.report(made_up(job), 4)
            if number == 3:
                search.prune(job)
            elif number == 5:
                search.fail(job, "out of memory")
            else:
                search.finish(job, made_up(job))
    list(jobs(search, plan(8, confirm=2), made_up))
    found = search_record.conclude(search, EFFORT, 20, 61.0)

    recipe = load_recipe(str(search.folder / "recipe.json"))
    assert (recipe.name, recipe.epochs, recipe.validation) == ("tuned", 20, 10_000)
    assert f"trial {found.chosen.trial}" in recipe.about
    told = json.loads((search.folder / "tune.json").read_text())
    assert told["trials"] == {"done": 6, "pruned": 1, "failed": 1, "running": 0}
    assert told["environment"]["packages"]["optuna"] == optuna.__version__
    assert abs(sum(told["importance"].values()) - 1) < 0.01
    with (search.folder / "trials.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert [row["state"] for row in rows] == [
        *["complete"] * 3,
        "pruned",
        "complete",
        "fail",
        *["complete"] * 2,
    ]
    assert rows[5]["error"] == "out of memory"
    record = (search.folder / "record.md").read_text()
    assert f"| **{found.chosen.trial}** |" in record
    for picture in ("history", "parallel", "importance"):
        assert (search.folder / f"{picture}.png").stat().st_size > 5000
        assert f"({picture}.png)" in record


def test_not_a_search(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no search lies here"):
        Search(tmp_path)
    (tmp_path / "study.db").write_bytes(b"not a database at all, though long enough to look like one")
    with pytest.raises(InvalidData, match=r"study\.db"):
        Search(tmp_path)


def test_a_study_of_someone_elses(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'study.db'}"
    for name in ("search", "confirm"):
        optuna.create_study(study_name=name, storage=url)
    with pytest.raises(InvalidData, match="inkdigits tune"):
        Search(tmp_path)


def test_a_folder_with_any_name(tmp_path: Path) -> None:
    found = begun(tmp_path / "50% {of} a?b #1 é")
    list(jobs(found, plan(1), made_up))
    assert len(Search(found.folder).trials()) == 1
