"""What starting costs: importing inkdigits, and whole commands as processes, over a bare Python.

    python benchmarks/startup.py [--rounds 21] [--write]

Every round starts each process once, in turns, so that a neighbour's load falls on all alike. Figures are
medians of the rounds, and of the differences from the bare Python of the same round; processor seconds, which
waiting for a busy machine doesn't add to, stand beside them. `--write` makes records/startup.md.
"""

from __future__ import annotations

import argparse
import os
import platform
import resource
import statistics
import subprocess
import sys
import time
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from textwrap import fill

import numpy as np
import onnxruntime

from measured import commit, processor  # beside this file

ROOT = Path(__file__).parent.parent
RECORD = ROOT / "records" / "startup.md"
PICTURE = "examples/digits/7-blue-pen.jpg"
BARE = "python -c pass"
GOALS = {"python -c 'import inkdigits'": 0.1, f"inkdigits classify {PICTURE}": 0.4}  # s over a bare Python

PROCESSES: dict[str, list[str]] = {
    BARE: ["-c", "pass"],
    "python -c 'import inkdigits'": ["-c", "import inkdigits"],
    "python -c 'from inkdigits import Reader'": ["-c", "from inkdigits import Reader"],
    "python -c 'import numpy, cv2, onnxruntime'": ["-c", "import numpy, cv2, onnxruntime"],
    "inkdigits --version": ["-m", "inkdigits", "--version"],
    f"inkdigits classify {PICTURE}": ["-m", "inkdigits", "classify", PICTURE],
    "inkdigits classify examples/digits/ (14 pictures)": ["-m", "inkdigits", "classify", "examples/digits"],
    "python -c 'import torch'": ["-c", "import torch"],
}


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rounds", type=int, default=21)
    parser.add_argument("--write", action="store_true", help="make records/startup.md")
    arguments = parser.parse_args()
    times = measure(arguments.rounds)
    print(table(times))
    if arguments.write:
        RECORD.write_text(record(times, arguments.rounds), encoding="utf-8")


@dataclass
class Times:
    """Of one process, one entry a round: seconds by the clock, and of the processor."""

    clock: list[float] = field(default_factory=list)
    processor: list[float] = field(default_factory=list)


def measure(rounds: int) -> dict[str, Times]:
    """Times of each process; a first round, which fills the file cache, doesn't count."""
    times = {name: Times() for name in PROCESSES}
    for number in range(rounds + 1):
        for name, arguments in PROCESSES.items():
            began, used = time.perf_counter(), children_seconds()
            subprocess.run([sys.executable, *arguments], cwd=ROOT, check=True, stdout=subprocess.DEVNULL)
            if number:
                times[name].clock.append(time.perf_counter() - began)
                times[name].processor.append(children_seconds() - used)
    return times


def children_seconds() -> float:
    """Processor seconds of all processes that this one has started and that have ended."""
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


def over_bare(times: dict[str, Times], name: str) -> float:
    """Median of the seconds that a process took more than the bare Python of its round."""
    pairs = zip(times[name].clock, times[BARE].clock, strict=True)
    return statistics.median(a - b for a, b in pairs)


def table(times: dict[str, Times]) -> str:
    """A Markdown table of all processes."""
    lines = [
        "| process | seconds, median (least to most) | over a bare Python | goal | processor seconds |",
        "| --- | --- | --- | --- | --- |",
    ]
    for name, took in times.items():
        clock = f"{statistics.median(took.clock):.3f} ({min(took.clock):.3f} to {max(took.clock):.3f})"
        more = "" if name == BARE else f"{over_bare(times, name):.3f}"
        goal = f"under {GOALS[name]}" if name in GOALS else ""
        lines.append(f"| `{name}` | {clock} | {more} | {goal} | {statistics.median(took.processor):.3f} |")
    return "\n".join(lines)


def record(times: dict[str, Times], rounds: int) -> str:
    """The whole record."""
    reached = [f"{over_bare(times, name):.2f} s for `{name}` (goal {goal})" for name, goal in GOALS.items()]
    conditions = (
        f"{date.today()}, commit {commit()}, {processor()} ({os.cpu_count()} cores, shared; load average "
        f"{os.getloadavg()[0]:.1f} meanwhile), Python {platform.python_version()}, NumPy {np.__version__}, "
        f"ONNX Runtime {onnxruntime.__version__}. Files in the page cache, byte code compiled. {rounds} "
        'rounds, each process once a round, in turns; "over a bare Python" is the median of the differences '
        "within a round."
    )
    reading = (
        "`import inkdigits` imports nothing but itself: public names are imported when first used, which is "
        "what the third row pays. Most of what a command takes is NumPy, OpenCV and ONNX Runtime loading "
        "(fourth row), and Typer with the pydantic it checks options with (fifth row)."
    )
    parts = [
        "# What starting costs",
        fill(f"Over a bare Python: {' and '.join(reached)}.", 120),
        f"    python benchmarks/startup.py --rounds {rounds} --write",
        fill(conditions, 120),
        table(times),
        fill(reading, 120),
    ]
    return "\n\n".join(parts) + "\n"


if __name__ == "__main__":
    main()
