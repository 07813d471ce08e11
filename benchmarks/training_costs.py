"""What a training's arithmetic is, and where its time goes. Knows PyTorch's counters; times no race."""

from __future__ import annotations

from dataclasses import replace

import torch
from torch.nn import functional as F
from torch.profiler import ProfilerActivity, profile
from torch.utils.flop_counter import FlopCounterMode

from inkdigits.training import loop
from inkdigits.training.datasets import Dataset
from inkdigits.training.networks import Network
from inkdigits.training.recipes import Recipe

PROFILED = 60  # steps
KINDS = {
    "convolutions, backwards": ("convolution_backward",),
    "convolutions, forwards": ("convolution", "conv2d"),
    "pools": ("pool",),
    "batch norms": ("batch_norm",),
    "activations": ("relu", "threshold", "clamp"),
    "dense layers": ("addmm", "mm", "linear"),
    "optimiser": ("adam",),
    "random shifts": ("grid_sampler",),
    "gathering, casting and scaling": ("index", "copy", "sub", "div", "mul", "cat"),
}


def arithmetic(recipe: Recipe, images: int) -> float:
    """Operations (a multiply-add is two) of convolutions and dense layers in a whole training."""
    network = Network(recipe.layers)
    glyphs = torch.randint(0, 256, (recipe.batch_size, 28, 28), dtype=torch.uint8)
    labels = torch.zeros(recipe.batch_size, dtype=torch.int64)
    with FlopCounterMode(display=False) as counter:
        F.cross_entropy(network(glyphs), labels).backward()  # type: ignore[no-untyped-call]
    seen = min(images, recipe.steps * recipe.batch_size or images)
    return counter.get_total_flops() / recipe.batch_size * seen * recipe.epochs


def where_time_goes(recipe: Recipe, data: Dataset) -> dict[str, float]:
    """Shares of the time of a training's first steps, largest first; most of the rest is Python."""
    short = replace(recipe, epochs=1, steps=PROFILED)
    loop.train(short, data, device="cpu", threads=1)
    with profile(activities=[ProfilerActivity.CPU]) as profiler:
        took = 1e6 * loop.train(short, data, device="cpu", threads=1).seconds
    shares = dict.fromkeys(KINDS, 0.0)
    for event in profiler.key_averages():
        name = event.key.removeprefix("aten::").lower()
        kind = next((kind for kind, words in KINDS.items() if any(word in name for word in words)), None)
        if event.key.startswith("aten::") and kind:
            shares[kind] += event.self_cpu_time_total / took
    shares = dict(sorted(shares.items(), key=lambda item: -item[1]))
    return {**shares, "everything else, most of it Python": 1 - sum(shares.values())}
