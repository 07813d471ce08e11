"""What makes training steps fast on this machine: memory format, precision, threads, torch.compile.

    python benchmarks/training_speed.py [--rounds 7] [--recipes fast robust] [--write]

Each way trains the same network on the same batch for a few steps, in turns, so that a busy neighbour
slows all of them; medians of the rounds, as ratios to plain float32 on one thread in PyTorch's default
memory format.
`--write` keeps the tables in records/training-speed.md.
"""

from __future__ import annotations

import os

os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")  # read when torch is imported

import argparse
import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import nn
from torch.nn import functional as F

from inkdigits.training import devices
from inkdigits.training.networks import Network
from inkdigits.training.recipes import RECIPES, Recipe
from inkdigits.training.runs import environment

RECORD = Path(__file__).parent.parent / "records" / "training-speed.md"
STEPS = 3  # a round


@dataclass(frozen=True)
class Way:
    """One way to compute a step."""

    name: str
    channels_last: bool = True
    precision: str = "float32"
    threads: int = 1
    compiled: bool = False


WAYS = (
    Way("float32, default memory format", channels_last=False),
    Way("float32"),
    Way("bfloat16, default memory format", channels_last=False, precision="bfloat16"),
    Way("bfloat16", precision="bfloat16"),
    Way("bfloat16, two threads", precision="bfloat16", threads=2),
    Way("bfloat16, compiled", precision="bfloat16", compiled=True),
)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--recipes", nargs="+", choices=list(RECIPES), default=["fast", "robust"])
    parser.add_argument("--write", action="store_true")
    arguments = parser.parse_args()
    here = environment()
    page = [
        "# What makes training fast",
        "",
        "Made by `python benchmarks/training_speed.py --write` on",
        f"{here['processor']}, {here['cores']} cores, torch {here['packages']['torch']}.",
        f"Steps of the recipe's own batch size, without augmentation; medians of {arguments.rounds} rounds.",
        "The product always uses channels last, bfloat16 where the processor multiplies it, and as many",
        f"threads as its probe finds (here and now {devices.probe_threads()}).",
    ]
    for name in arguments.recipes:
        page += ["", *_table(RECIPES[name], arguments.rounds)]
    text = "\n".join(page) + "\n"
    print(text)
    if arguments.write:
        RECORD.write_text(text, encoding="utf-8")


def _table(recipe: Recipe, rounds: int) -> list[str]:
    steps = {way: _step(recipe, way) for way in WAYS}
    seconds: dict[Way, list[float]] = {way: [] for way in WAYS}
    for _ in range(rounds):
        for way, step in steps.items():
            torch.set_num_threads(way.threads)
            step()  # wakes the threads up
            began = time.perf_counter()
            for _ in range(STEPS):
                step()
            seconds[way].append((time.perf_counter() - began) / STEPS)
    medians = {way: statistics.median(values) for way, values in seconds.items()}
    plain = medians[WAYS[0]]
    rows = [
        f"| {way.name} | {plain / median:.2f} | {recipe.batch_size / median:,.0f} |"
        for way, median in medians.items()
    ]
    return [f"| `{recipe.name}` | times as fast | images/s |", "| --- | --- | --- |", *rows]


def _step(recipe: Recipe, way: Way) -> Callable[[], None]:
    """A training step, compiled and warmed up."""
    torch.manual_seed(0)
    network = Network(recipe.layers)
    if not way.channels_last:
        network.to(memory_format=torch.contiguous_format)  # type: ignore[call-overload]
    forward: nn.Module = torch.compile(network) if way.compiled else network  # type: ignore[assignment]
    optimizer = torch.optim.AdamW(network.parameters(), lr=1e-3, fused=True)
    glyphs = torch.randint(0, 256, (recipe.batch_size, 28, 28)).float()
    labels = torch.randint(0, 10, (recipe.batch_size,))
    compute = devices.Compute(torch.device("cpu"), way.precision, way.threads)

    def step() -> None:
        with compute.autocast():
            logits = forward(glyphs).float()
        optimizer.zero_grad()
        F.cross_entropy(logits, labels).backward()
        optimizer.step()

    torch.set_num_threads(way.threads)
    step()
    return step


if __name__ == "__main__":
    main()
