"""`inkdigits bench`: how fast a recogniser is on this machine, beside what the machine can do."""

from __future__ import annotations

import json
import sys
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from inkdigits.errors import InkdigitsError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from inkdigits.speed import Candidate, Speed, Throughput


def bench(
    weights: Annotated[
        list[Path] | None,
        typer.Option(
            metavar="RUN|WEIGHTS",
            help="A run folder or an .onnx file, instead of the one that came along; may come several times.",
        ),
    ] = None,
    threads: Annotated[
        int | None,
        typer.Option(min=1, help="The most threads to try; as many as there are cores unless said."),
    ] = None,
    rounds: Annotated[int, typer.Option(min=1, help="Medians are of so many rounds.")] = 5,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object a network, in order.")] = False,
) -> None:
    """Measure a recogniser on this machine: latency, images a second, a fresh process, the arithmetic.

    Needs no PyTorch. Several networks are measured in turns, in the same rounds as an empty call and a large
    matrix product of ONNX Runtime, which say what the machine can do meanwhile.
    """
    from inkdigits.model import SHIPPED
    from inkdigits.speed import measure, threads_to_try

    tried = threads_to_try(threads)
    opened = [_open(path, tried) for path in weights or [SHIPPED]]
    ready = [one for one in opened if not isinstance(one, _Failure)]
    with _progress(rounds if ready else 0) as done:
        measured = iter(measure(ready, rounds=rounds, done=done) if ready else [])
    for place, one in enumerate(opened):
        if isinstance(one, _Failure):
            one.say(as_json=as_json)
        elif as_json:
            print(json.dumps(next(measured).to_dict()))
        else:
            print("\n" * (place > 0) + "\n".join(_lines(next(measured))))
    if len(ready) < len(opened):
        raise typer.Exit(1)


@dataclass(frozen=True)
class _Failure:
    """Weights that can't be opened."""

    weights: Path
    error: InkdigitsError

    def say(self, *, as_json: bool) -> None:
        if as_json:
            print(json.dumps({"weights": str(self.weights), "error": self.error.to_dict()}))
        else:
            print(f"inkdigits: {self.error}", file=sys.stderr)


def _open(given: Path, threads: list[int]) -> Candidate | _Failure:
    from inkdigits.speed import Candidate

    try:
        return Candidate.open(given / "weights" / "best.onnx" if given.is_dir() else given, threads)
    except InkdigitsError as e:
        return _Failure(given, e)


@contextmanager
def _progress(rounds: int) -> Iterator[Callable[[], None]]:
    """A bar on stderr where somebody looks; gives what to call after each round."""
    from rich.console import Console
    from rich.progress import Progress

    with Progress(console=Console(stderr=True), transient=True, disable=not sys.stderr.isatty()) as bar:
        task = bar.add_task("rounds", total=rounds)
        yield lambda: bar.advance(task)


def _lines(found: Speed) -> list[str]:
    machine, process = found.machine, found.process
    load = "" if machine.load is None else f", load average {machine.load:.1f}"
    memory = "" if process.peak_bytes is None else f", at most {process.peak_bytes / 1e6:,.0f} MB of memory"
    rows = [
        ("weights", str(found.weights)),
        ("one image", f"{found.median_ms:.3f} ms, 99 of 100 within {found.p99_ms:.3f} ms"),
        ("empty call", f"{machine.empty_call_ms:.3f} ms"),
        *((_threads(one.threads), _throughput(one)) for one in found.throughput),
        ("arithmetic", f"{found.multiply_adds / 1e6:,.1f} million multiply-adds an image"),
        *(
            (
                "product",
                f"{rate.a_second / 1e9:,.1f} billion multiply-adds a second on {_threads(count)} "
                f"({rate.a_processor_second / 1e9:,.1f} a second of the processor)",
            )
            for count, rate in machine.matrix_product.items()
        ),
        (
            "process",
            f"{process.seconds:.2f} s with its first answer, of a bare Python {process.bare_seconds:.2f} s"
            f"{memory}",
        ),
        (
            "machine",
            f"{machine.processor}, {machine.cores} cores, ONNX Runtime {machine.onnxruntime}{load}; "
            f"medians of {machine.rounds} rounds",
        ),
    ]
    return [f"{name:<12} {value}" for name, value in rows]


def _threads(count: int) -> str:
    return f"{count} thread{'s' * (count > 1)}"


def _throughput(of: Throughput) -> str:
    rate, share = of.images[of.batch], of.shares[of.batch]
    return (
        f"{rate.a_second:,.0f} images a second, {of.batch} at a time "
        f"({rate.a_processor_second:,.0f} a second of the processor: {share:.0%} of a matrix product's rate)"
    )
