"""How fast networks for glyphs are on this machine, and what share that is of what it can do.

Everything is measured in rounds in which each has its turn, and medians of the rounds are reported, so that
what else a shared machine does falls on all alike. Composes models, `yardsticks`, `timing` and `startup`;
knows no pictures and no PyTorch.
"""

from __future__ import annotations

import os
import platform
import statistics
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from inkdigits.model import SIDE, Model
from inkdigits.startup import bare_python, first_answer
from inkdigits.timing import Rate, median_of, rate_of, seconds
from inkdigits.yardsticks import MATRIX, empty_call, matrix_product, multiply_adds

BATCHES = (1, 8, 32, 128, 512, 2048)
CALLS = 200  # of one glyph a round
Glyphs = NDArray[np.uint8]


@dataclass(frozen=True)
class Throughput:
    """Glyphs in batches, on so many threads.

    Attributes:
        threads: that a run may use.
        images: the rate by the size of the batch.
        shares: by the size of the batch, multiply-adds a processor second as a share of those of the matrix
            product on as many threads, in the same round.
    """

    threads: int
    images: dict[int, Rate]
    shares: dict[int, float]

    @property
    def batch(self) -> int:
        """The size that brought most."""
        return max(self.images, key=lambda batch: self.images[batch].a_second)

    def to_dict(self) -> dict[str, Any]:
        """A part of the JSON of `inkdigits bench`."""
        return {
            "threads": self.threads,
            "batch": self.batch,
            "images_per_second": round(self.images[self.batch].a_second, 1),
            "images_per_processor_second": round(self.images[self.batch].a_processor_second, 1),
            "share_of_matrix_product": round(self.shares[self.batch], 4),
            "batches": {str(batch): round(rate.a_second, 1) for batch, rate in self.images.items()},
        }


@dataclass(frozen=True)
class Process:
    """A fresh process that loads a network and answers for one glyph.

    Attributes:
        seconds: from its start to its end.
        bare_seconds: the same of a Python that does nothing.
        peak_bytes: of memory; None where the system doesn't say.
    """

    seconds: float
    bare_seconds: float
    peak_bytes: int | None

    def to_dict(self) -> dict[str, Any]:
        """A part of the JSON of `inkdigits bench`."""
        return {
            "seconds": round(self.seconds, 4),
            "bare_python_seconds": round(self.bare_seconds, 4),
            "peak_bytes": self.peak_bytes,
        }


@dataclass(frozen=True)
class Machine:
    """What the machine did in the same rounds.

    Attributes:
        processor: its name.
        cores: that this process may use.
        onnxruntime: its version.
        load: the system's load average at the end; None where there is none.
        empty_call_ms: a call that computes nothing.
        matrix_product: the rate of a large float32 matrix product's multiply-adds, by threads.
        rounds: that were measured.
    """

    processor: str
    cores: int
    onnxruntime: str
    load: float | None
    empty_call_ms: float
    matrix_product: dict[int, Rate]
    rounds: int

    def to_dict(self) -> dict[str, Any]:
        """A part of the JSON of `inkdigits bench`."""
        return {
            "processor": self.processor,
            "cores": self.cores,
            "onnxruntime": self.onnxruntime,
            "load_average": None if self.load is None else round(self.load, 2),
            "empty_call_ms": round(self.empty_call_ms, 5),
            "matrix_product": [
                {
                    "threads": threads,
                    "multiply_adds_per_second": round(rate.a_second),
                    "multiply_adds_per_processor_second": round(rate.a_processor_second),
                }
                for threads, rate in self.matrix_product.items()
            ],
            "rounds": self.rounds,
        }


@dataclass(frozen=True)
class Speed:
    """One network, measured.

    Attributes:
        weights: its file.
        multiply_adds: of one glyph, as its graph says.
        median_ms: of one glyph in a process that runs already, on one thread.
        p99_ms: 99 of 100 were faster.
        calls: how many were measured for these two.
        throughput: an entry for each number of threads.
        process: a fresh one.
        machine: what it was measured against.
    """

    weights: Path
    multiply_adds: int
    median_ms: float
    p99_ms: float
    calls: int
    throughput: tuple[Throughput, ...]
    process: Process
    machine: Machine

    def to_dict(self) -> dict[str, Any]:
        """The JSON of `inkdigits bench`."""
        return {
            "weights": str(self.weights),
            "size_bytes": self.weights.stat().st_size,
            "multiply_adds": self.multiply_adds,
            "one_image": {
                "median_ms": round(self.median_ms, 4),
                "p99_ms": round(self.p99_ms, 4),
                "calls": self.calls,
            },
            "throughput": [one.to_dict() for one in self.throughput],
            "fresh_process": self.process.to_dict(),
            "machine": self.machine.to_dict(),
        }


@dataclass
class Candidate:
    """A network open on each number of threads, and what it took, round by round.

    Attributes:
        path: its file.
        models: by the threads that a run may use; 1 is among them.
        multiply_adds: of one glyph.
        one_seconds: one glyph, each time.
        rates: of glyphs by threads and batch, each round.
        processes: seconds and peak bytes of a fresh process, each round.
    """

    path: Path
    models: dict[int, Model]
    multiply_adds: int
    one_seconds: list[float] = field(default_factory=list)
    rates: dict[tuple[int, int], list[Rate]] = field(default_factory=dict)
    processes: list[tuple[float, int | None]] = field(default_factory=list)

    @classmethod
    def open(cls, path: Path, threads: Sequence[int]) -> Candidate:
        """A network ready to be measured.

        Args:
            path: an ONNX file with its card beside it.
            threads: numbers of threads to try; 1 among them.

        Raises:
            InvalidWeights: not a network for glyphs.
        """
        models = {count: Model.load(path, threads=count) for count in threads}
        return cls(path, models, multiply_adds(path, {"glyphs": np.zeros((1, SIDE, SIDE), np.uint8)}))

    def warm_up(self, glyphs: Glyphs) -> None:
        """Gets memory for the largest batch, and the files of a process into the cache."""
        for model in self.models.values():
            model.session.run(["logits"], {"glyphs": glyphs})
        first_answer(self.path)

    def measure(self, glyphs: Glyphs) -> None:
        """One round."""
        single = self.models[1]
        for i in range(CALLS):
            self.one_seconds.append(seconds(partial(single.logits, glyphs[i : i + 1])))
        for threads, model in self.models.items():
            for batch in BATCHES:
                call = partial(model.session.run, ["logits"], {"glyphs": glyphs[:batch]})
                self.rates.setdefault((threads, batch), []).append(rate_of(call).times(batch))
        self.processes.append(first_answer(self.path))


@dataclass
class Yardsticks:
    """The machine's own calls, and what they took, round by round.

    Attributes:
        empty: a call that computes nothing.
        products: a large matrix product, by threads.
        empty_seconds: each time.
        rates: of the products' multiply-adds by threads, each round.
        bare_seconds: a Python process that does nothing, each round.
    """

    empty: Callable[[], object]
    products: dict[int, Callable[[], object]]
    empty_seconds: list[float] = field(default_factory=list)
    rates: dict[int, list[Rate]] = field(default_factory=dict)
    bare_seconds: list[float] = field(default_factory=list)

    def measure(self) -> None:
        """One round."""
        self.empty_seconds += [seconds(self.empty) for _ in range(CALLS)]
        for threads, product in self.products.items():
            self.rates.setdefault(threads, []).append(rate_of(product).times(MATRIX**3))
        self.bare_seconds.append(bare_python())


def measure(
    candidates: Sequence[Candidate], *, rounds: int, done: Callable[[], None] = lambda: None
) -> list[Speed]:
    """Measures networks in rounds, the machine and each of them in turn.

    Args:
        candidates: on the same numbers of threads.
        rounds: how many.
        done: called after each.

    Returns:
        What came out, in order.
    """
    counts = sorted({count for candidate in candidates for count in candidate.models})
    yardsticks = Yardsticks(empty_call(), {count: matrix_product(count) for count in counts})
    glyphs = np.random.default_rng(0).integers(0, 256, (max(BATCHES), SIDE, SIDE), np.uint8)
    for candidate in candidates:
        candidate.warm_up(glyphs)
    for product in yardsticks.products.values():
        product()
    for _ in range(rounds):
        yardsticks.measure()
        for candidate in candidates:
            candidate.measure(glyphs)
        done()
    machine = _machine(yardsticks)
    return [_speed(candidate, yardsticks, machine) for candidate in candidates]


def threads_to_try(most: int | None = None) -> list[int]:
    """1, 2, 4 … up to `most`, which is tried too; unless said, the cores that this process may use."""
    most = most or cores()
    return sorted({*(2**power for power in range(most.bit_length()) if 2**power <= most), most})


def cores() -> int:
    """How many this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _machine(yardsticks: Yardsticks) -> Machine:
    return Machine(
        processor=_processor(),
        cores=cores(),
        onnxruntime=version("onnxruntime"),
        load=os.getloadavg()[0] if hasattr(os, "getloadavg") else None,
        empty_call_ms=1000 * statistics.median(yardsticks.empty_seconds),
        matrix_product={threads: median_of(rates) for threads, rates in yardsticks.rates.items()},
        rounds=len(yardsticks.bare_seconds),
    )


def _speed(candidate: Candidate, yardsticks: Yardsticks, machine: Machine) -> Speed:
    peaks = [peak for _, peak in candidate.processes if peak is not None]
    return Speed(
        weights=candidate.path,
        multiply_adds=candidate.multiply_adds,
        median_ms=1000 * statistics.median(candidate.one_seconds),
        p99_ms=1000 * float(np.percentile(candidate.one_seconds, 99)),
        calls=len(candidate.one_seconds),
        throughput=tuple(_throughput(candidate, yardsticks, threads) for threads in candidate.models),
        process=Process(
            statistics.median(took for took, _ in candidate.processes),
            statistics.median(yardsticks.bare_seconds),
            int(statistics.median(peaks)) if peaks else None,
        ),
        machine=machine,
    )


def _throughput(candidate: Candidate, yardsticks: Yardsticks, threads: int) -> Throughput:
    images, shares = {}, {}
    for batch in BATCHES:
        rates = candidate.rates[threads, batch]
        pairs = zip(rates, yardsticks.rates[threads], strict=True)
        images[batch] = median_of(rates)
        shares[batch] = statistics.median(
            candidate.multiply_adds * rate.a_processor_second / product.a_processor_second
            for rate, product in pairs
        )
    return Throughput(threads, images, shares)


def _processor() -> str:
    """The processor's name."""
    info = Path("/proc/cpuinfo")
    lines = info.read_text(encoding="utf-8").splitlines() if info.exists() else []
    names = [line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor() or platform.machine()
