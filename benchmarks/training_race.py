"""Seconds of training to 98.15%, 99.0%, 99.4% and 99.6% on MNIST, on one core: ours and others', in turns.

    python benchmarks/training_race.py --write                       # everything, seeds 21 to 30
    python benchmarks/training_race.py sprint theirs --seeds 21 22   # some of it

Each seed has every racer train once, one after the other, so that neighbours on a shared machine slow all of
them; medians of seconds, and ratios of seconds of the same seed. One thread each, all on the same core.
Training is on all 60,000 images. Loading and scaling them, compiling, and 20 steps of warm-up aren't counted,
for nobody; the first weights, the order, augmentation and every step are. Recipes were chosen on validation
data (records/tried.md); test images are opened once a run, to report. Keras is the exception: it is judged
after each fifth of an epoch, to see when it first reaches 98.15%; judging isn't counted.

`training_peers.py` has the others. `--write` makes records/training-race.md and .json.
"""

from __future__ import annotations

import os

os.environ.update(OMP_NUM_THREADS="1", OPENBLAS_NUM_THREADS="1")  # before anything that starts threads
os.environ.setdefault("XLA_FLAGS", "--xla_cpu_multi_thread_eigen=false intra_op_parallelism_threads=1")

import argparse
import json
import platform
import statistics
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass, field, replace
from datetime import date
from pathlib import Path
from textwrap import fill
from typing import Any

import numpy as np
import torch

from inkdigits.timing import Rate, median_of, rate_of
from inkdigits.training import loop
from inkdigits.training.datasets import Dataset, load_mnist
from inkdigits.training.recipes import BRISK, FAST, SPRINT, STEADY, Recipe
from measured import commit, installed, processor  # beside this file
from training_costs import arithmetic, where_time_goes  # beside this file
from training_peers import WARM_UP, Fresh, Missing, Predicted, one_epoch, tiny  # beside this file

RECORD = Path(__file__).parent.parent / "records" / "training-race.md"
PACKAGES = ("torch", "keras", "jax")
MATRIX = 1024

# the network and schedule of `training_peers.OneEpoch`, written as a recipe
THEIRS = replace(
    FAST,
    name="theirs",
    about="the network and schedule of train_mnist_fast",
    layers=(
        *("conv 24 5 valid", "pool", "relu", "conv 32 3 valid", "pool", "relu"),
        *("flatten", "dense 256", "relu", "dense"),
    ),
    batch_size=256,
    optimizer="adam",
    learning_rate=0.01,
    momentum=0.7,
    second_beta=0.9,
    weight_decay=0.0,
    augment=replace(FAST.augment, shift=0.0),
)


@dataclass(frozen=True)
class Rung:
    """A step from their training to ours.

    Attributes:
        name: of the racer.
        change: what differs from the rung before.
        recipe: what is trained.
        precision: of the multiplications.
    """

    name: str
    change: str
    recipe: Recipe
    precision: str = "bfloat16"


def ladder() -> list[Rung]:
    """From their training to ours, one change a rung."""
    normed = replace(THEIRS, layers=FAST.layers)
    adamw = replace(
        normed, optimizer="adamw", learning_rate=0.02, momentum=0.9, second_beta=0.999, weight_decay=0.05
    )
    strided = replace(adamw, layers=SPRINT.layers)
    often = replace(strided, batch_size=SPRINT.batch_size)
    forgetful = replace(often, momentum=SPRINT.momentum, second_beta=SPRINT.second_beta, warmup=SPRINT.warmup)
    return [
        Rung("loop", "in our loop: channels last, one kernel for Adam; shuffled", THEIRS, "float32"),
        Rung("bfloat16", "multiplied in bfloat16", THEIRS),
        Rung("network", "the network of `fast`: three narrow convolutions, batch norm", normed),
        Rung("adamw", "AdamW at 0.02 with usual betas and decay 0.05", adamw),
        Rung("stride", "the network of `sprint`: two convolutions, the first with a stride of 2", strided),
        Rung("batch", f"batches of {SPRINT.batch_size}: twice the steps", often),
        Rung("betas", "betas of 0.8 and 0.95, half the warm-up", forgetful),
        Rung("sprint", f"{SPRINT.steps} steps: the recipe `sprint`", SPRINT),
    ]


GOALS = (
    Rung("short", "`sprint` in 90 steps", replace(SPRINT, steps=90)),
    Rung("fast", "the recipe `fast`: the whole data set once", FAST),
    Rung("brisk", "the recipe `brisk`: towards 99.4%", BRISK),
    Rung("steady", "the recipe `steady`: towards 99.6%", STEADY),
)


@dataclass(frozen=True)
class Lap:
    """What was reached, and after how many seconds of training.

    Attributes:
        seconds: by the clock.
        processor_seconds: of this process.
        accuracy: on the test set.
    """

    seconds: float
    processor_seconds: float
    accuracy: float


@dataclass
class Racer:
    """Something that trains.

    Attributes:
        name: for the command line and the record.
        about: for the table.
        fresh: a training from a seed.
        laps: by seed, every point at which it was judged.
    """

    name: str
    about: str
    fresh: Fresh
    laps: dict[int, list[Lap]] = field(default_factory=dict)

    def last(self, what: str) -> list[float]:
        """`seconds`, `processor_seconds` or `accuracy` at the end of each seed's training."""
        return [getattr(laps[-1], what) for laps in self.laps.values()]


class Ours:
    """A recipe in the package's own loop."""

    def __init__(self, rung: Rung, data: Dataset, seed: int) -> None:
        self.rung, self.data, self.seed = rung, data, seed
        self.recipe = replace(rung.recipe, validation=0)

    def go_on(self) -> bool:
        self.network = self._train(self.recipe).network
        return False

    def warm_up(self) -> None:
        self._train(replace(self.recipe, epochs=1, steps=WARM_UP))

    def _train(self, recipe: Recipe) -> loop.Trained:
        return loop.train(
            recipe, self.data, seed=self.seed, device="cpu", threads=1, precision=self.rung.precision
        )

    def predict(self, images: np.ndarray[Any, np.dtype[np.uint8]]) -> Predicted:
        return np.asarray(loop.predict(self.network, images).argmax(axis=1), np.int64)


def ours(rung: Rung, data: Dataset) -> Fresh:
    Ours(rung, data, 0).warm_up()
    return lambda seed: Ours(rung, data, seed)


def main() -> None:
    arguments = parse()
    core = pinned()
    training, test = load_mnist("train"), load_mnist("test")
    racers, left_out = enter(arguments.names, training)
    rates: dict[str, list[Rate]] = {"float32": [], "bfloat16": []}
    for seed in arguments.seeds:
        for racer in racers:
            racer.laps[seed] = list(race(racer.fresh(seed), test))
            last = racer.laps[seed][-1]
            print(f"{racer.name} seed {seed}: {last.accuracy:.2%} in {last.seconds:.2f} s", flush=True)
        for precision, found in rates.items():
            found.append(rate_of(matrix_product(precision)))
    medians = {precision: median_of(found) for precision, found in rates.items()}
    text = page(racers, left_out, medians, training, arguments.seeds, core)
    print(text)
    if arguments.write:
        RECORD.write_text(text, encoding="utf-8")
        RECORD.with_suffix(".json").write_text(as_json(racers, medians), encoding="utf-8")


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    known = ["theirs", *(rung.name for rung in (*ladder(), *GOALS)), "keras"]
    parser.add_argument("names", nargs="*", choices=[*known, []], help="racers; all unless said")
    parser.add_argument("--seeds", type=int, nargs="+", default=list(range(21, 31)))
    parser.add_argument("--write", action="store_true", help="make records/training-race.md and .json")
    return parser.parse_args()


def pinned() -> str:
    """One thread on one core, for whatever is imported from here on; says which."""
    torch.set_num_threads(1)
    if not hasattr(os, "sched_setaffinity"):
        return "one thread each"
    core = max(os.sched_getaffinity(0))
    os.sched_setaffinity(0, {core})
    return f"one thread each, all on core {core}"


def enter(names: Sequence[str], training: Dataset) -> tuple[list[Racer], list[str]]:
    """The racers that were named and can be had here, warmed up; and a line for each that can't."""
    makers: dict[str, tuple[str, Callable[[], Fresh]]] = {
        "theirs": ("train_mnist_fast in plain PyTorch, float32", lambda: one_epoch(training)),
        **{
            rung.name: (rung.change, lambda rung=rung: ours(rung, training))  # type: ignore[misc]
            for rung in (*ladder(), *GOALS)
        },
        "keras": ("`tiny` in Keras, batches of 32, Adam at 0.001", lambda: tiny(training)),
    }
    racers, left_out = [], []
    for name in names or makers:
        about, make = makers[name]
        try:
            racers.append(Racer(name, about, make()))
        except Missing as reason:
            left_out.append(f"Left out: {name}: {reason}.")
            print(left_out[-1], flush=True)
    return racers, left_out


def race(training: Any, test: Dataset) -> Iterator[Lap]:
    """Trains, and judges wherever the training may be judged, off the clock."""
    seconds = used = 0.0
    more = True
    while more:
        began, began_using = time.perf_counter(), time.process_time()
        more = training.go_on()
        seconds += time.perf_counter() - began
        used += time.process_time() - began_using
        yield Lap(seconds, used, float(np.mean(training.predict(test.images) == test.labels)))


def matrix_product(precision: str) -> Callable[[], object]:
    """1024×1024 by 1024×1024: what the core multiplies at most, whatever the network."""
    kind = {"float32": torch.float32, "bfloat16": torch.bfloat16}[precision]
    first, second = torch.randn(2, MATRIX, MATRIX).to(kind)
    return lambda: first @ second


def page(
    racers: list[Racer],
    left_out: list[str],
    rates: dict[str, Rate],
    training: Dataset,
    seeds: Sequence[int],
    core: str,
) -> str:
    """The whole record; parts of it where only some raced."""
    named = {racer.name: racer for racer in racers}
    packages = ", ".join(f"{name} {found}" for name in PACKAGES if (found := installed(name)))
    conditions = (
        f"{date.today()}, commit {commit(['src', 'benchmarks'])}, {processor()} ({os.cpu_count()} cores, "
        f"shared; load average {os.getloadavg()[0]:.1f} at the end), Python {platform.python_version()}, "
        f"{packages}; {core}. {len(seeds)} seeds ({', '.join(map(str, seeds))}), all racers in turns. All "
        "60,000 training images; loading, scaling, compiling and 20 steps of warm-up aren't counted, for "
        "nobody. Accuracy: MNIST's test set, mean ± sd; recipes were chosen on validation data. Seconds: "
        "median, of training alone. Times as fast: median of the ratios of one seed's seconds."
    )
    parts = ["# A race to 99%", "    python benchmarks/training_race.py --write", fill(conditions, 120)]
    parts += ["## One change a row", table(named, ["theirs", *(rung.name for rung in ladder())])]
    parts += ["## Other goals", table(named, [rung.name for rung in GOALS])]
    if "keras" in named:
        parts += ["## To 98.15%", to_98(named)]
    parts += ["## What the arithmetic allows", costs(named, rates, training)]
    return "\n\n".join([*(part for part in parts if part), *left_out]) + "\n"


def table(racers: dict[str, Racer], names: Sequence[str]) -> str:
    lines = [
        "| | accuracy | seconds | times as fast as train_mnist_fast |",
        "| --- | --- | --- | --- |",
    ]
    theirs = racers.get("theirs")
    for racer in (racers[name] for name in names if name in racers):
        seconds = statistics.median(racer.last("seconds"))
        times = f"{ratio(theirs, racer):.1f}" if theirs else "–"
        lines.append(f"| {racer.about} | {spread(racer.last('accuracy'))} | {seconds:.2f} | {times} |")
    return "\n".join(lines)


def ratio(slow: Racer, quick: Racer) -> float:
    """Median of the ratios of one seed's seconds."""
    pairs = zip(slow.last("seconds"), quick.last("seconds"), strict=True)
    return statistics.median(theirs / mine for theirs, mine in pairs)


def spread(accuracies: Sequence[float]) -> str:
    sd = f" ± {100 * statistics.stdev(accuracies):.2f}" if len(accuracies) > 1 else ""
    return f"{statistics.mean(accuracies):.2%}{sd}"


def to_98(racers: dict[str, Racer]) -> str:
    """When Keras first reaches what `tiny`'s author reports, judged each fifth of an epoch; and ours."""
    keras = racers["keras"]
    first = [
        next((lap.seconds for lap in laps if lap.accuracy >= 0.9815), float("inf"))
        for laps in keras.laps.values()
    ]
    reached = [seconds for seconds in first if seconds < float("inf")]
    middle = statistics.median(first)
    said = f"after {middle:.1f} s (median of all)" if middle < float("inf") else "in less than half of them"
    lines = [
        f"`tiny` in Keras is at {spread(keras.last('accuracy'))} after its five epochs, "
        f"{statistics.median(keras.last('seconds')):.1f} s. It first reaches 98.15% {said}, "
        f"in {len(reached)} of {len(first)} seeds, judged after each fifth of an epoch."
    ]
    for racer in (racers[name] for name in ("short", "sprint") if name in racers):
        mine = statistics.median(racer.last("seconds"))
        enough = sum(accuracy >= 0.9815 for accuracy in racer.last("accuracy"))
        times = f", {middle / mine:.0f} times as fast" if middle < float("inf") else ""
        lines.append(
            f"- {racer.about}: {spread(racer.last('accuracy'))} in {mine:.2f} s{times}; "
            f"{enough} of {len(racer.laps)} seeds at 98.15% or more."
        )
    return "\n".join([fill(lines[0], 120), "", *lines[1:]])


def costs(racers: dict[str, Racer], rates: dict[str, Rate], training: Dataset) -> str:
    """Operations that a training needs, beside what a large matrix product reaches; and who has the time."""
    operations = {name: 2 * MATRIX**3 * rate.a_second for name, rate in rates.items()}
    lines = [
        "A product of 1024×1024 matrices on the same core, in the same run: "
        + ", ".join(f"{found / 1e9:.0f} GFLOP/s in {name}" for name, found in operations.items())
        + ".",
        "Convolutions and dense layers, forwards and backwards:",
        "",
        "| | GFLOP | seconds at that rate | seconds | fraction reached |",
        "| --- | --- | --- | --- | --- |",
    ]
    rungs = {rung.name: rung for rung in (Rung("theirs", "", THEIRS, "float32"), *ladder(), *GOALS)}
    for racer in (racers[name] for name in rungs if name in racers):
        rung = rungs[racer.name]
        needed = arithmetic(rung.recipe, len(training))
        least = needed / operations[rung.precision]
        took = statistics.median(racer.last("seconds"))
        lines.append(
            f"| {racer.about} | {needed / 1e9:,.0f} | {least:.2f} | {took:.2f} | {least / took:.0%} |"
        )
    if "sprint" in racers:
        shares = where_time_goes(replace(SPRINT, validation=0), training)
        lines += ["", "Where `sprint`'s time goes, by PyTorch's profiler:", ""]
        lines += ["| | share |", "| --- | --- |"]
        lines += [f"| {name} | {share:.0%} |" for name, share in shares.items()]
    return "\n".join(lines)


def as_json(racers: list[Racer], rates: dict[str, Rate]) -> str:
    rungs = {rung.name: rung for rung in (*ladder(), *GOALS)}
    found = {
        racer.name: {
            "about": racer.about,
            "recipe": rungs[racer.name].recipe.to_dict() if racer.name in rungs else None,
            "precision": rungs[racer.name].precision if racer.name in rungs else "float32",
            "laps": {seed: [asdict(lap) for lap in laps] for seed, laps in racer.laps.items()},
        }
        for racer in racers
    }
    products = {name: 2 * MATRIX**3 * rate.a_second for name, rate in rates.items()}
    return json.dumps({"racers": found, "matrix_product_operations_a_second": products}, indent=1) + "\n"


if __name__ == "__main__":
    main()
