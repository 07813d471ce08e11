"""Where to compute, in which precision, with how many threads. Knows PyTorch; not what is computed."""

from __future__ import annotations

import os
import statistics
import time
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass

import torch
from torch import nn

from inkdigits.errors import UsageError


@dataclass(frozen=True)
class Compute:
    """A device with its settings.

    Attributes:
        device: where tensors live.
        precision: `float32` or `bfloat16` for the multiplications; weights and sums stay float32.
        threads: of the CPU.
    """

    device: torch.device
    precision: str
    threads: int

    def autocast(self) -> AbstractContextManager[object]:
        """Mixed precision for the forward pass, or nothing."""
        if self.precision == "float32":
            return nullcontext()
        return torch.autocast(self.device.type, dtype=torch.bfloat16)


def choose(device: str = "auto", precision: str = "auto", threads: int | None = None) -> Compute:
    """The device that was named, or the best there is; CUDA before MPS before CPU.

    Raises:
        UsageError: no such device here, or an unknown precision.
    """
    place = _device(device)
    if precision not in ("auto", "float32", "bfloat16"):
        raise UsageError(f"--precision {precision}: choose auto, float32 or bfloat16")
    if precision == "auto":
        precision = "bfloat16" if _multiplies_bfloat16(place) else "float32"
    if threads is not None:
        torch.set_num_threads(threads)
    return Compute(place, precision, torch.get_num_threads())


def probe_threads(seconds: float = 0.6) -> int:
    """How many threads train fastest here and now.

    More can be far slower when neighbours are busy: threads wait for each other at every layer. Each
    candidate trains a small network for a moment, in turns; the median decides, and more threads must win
    by a tenth.
    """
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    candidates = sorted({1, *(n for n in (2, 4, 8, 16) if n < cores), min(cores, 32)})
    if len(candidates) == 1:
        return 1
    before = torch.get_num_threads()
    step = _small_step()
    times: dict[int, list[float]] = {n: [] for n in candidates}
    end = time.perf_counter() + seconds
    while time.perf_counter() < end or not times[candidates[-1]]:
        for count in candidates:
            torch.set_num_threads(count)
            step()  # the first one after a change wakes the threads up
            began = time.perf_counter()
            step()
            times[count].append(time.perf_counter() - began)
    torch.set_num_threads(before)
    best = candidates[0]
    for count in candidates[1:]:
        if statistics.median(times[count]) < 0.9 * statistics.median(times[best]):
            best = count
    return best


def _small_step() -> Callable[[], None]:
    """One training step of a small convolutional network, 64 glyphs."""
    network = nn.Sequential(
        nn.Conv2d(1, 16, 3), nn.BatchNorm2d(16), nn.ReLU(), nn.MaxPool2d(2), nn.Conv2d(16, 32, 3), nn.ReLU()
    )
    glyphs = torch.rand(64, 1, 28, 28).contiguous(memory_format=torch.channels_last)

    def step() -> None:
        network(glyphs).square().mean().backward()

    return step


def _device(name: str) -> torch.device:
    if name == "auto":
        if torch.cuda.is_available():
            return torch.device("cuda")
        return torch.device("mps" if torch.backends.mps.is_available() else "cpu")
    try:
        device = torch.device(name)
        torch.zeros(1, device=device)
    except (RuntimeError, AssertionError) as e:
        reason = str(e).splitlines()[0]
        raise UsageError(f"--device {name}: not to be had here ({reason}); try cpu") from None
    return device


def _multiplies_bfloat16(device: torch.device) -> bool:
    """Where bfloat16 is faster, not merely possible: CPUs with AVX-512 BF16 or AMX, CUDA from Ampere on."""
    if device.type == "cuda":
        return torch.cuda.get_device_capability(device)[0] >= 8
    if device.type == "cpu":
        cpu = torch.backends.cpu.get_cpu_capability()
        return cpu.startswith("AVX512") and bool(torch.cpu._is_avx512_bf16_supported())
    return False
