"""What `inkdigits serve` holds: latency, throughput, memory, overload, killed workers, hostile bodies.

    apt-get install wrk; pip install -e '.[dev]'
    python benchmarks/serving.py [--only one,many,soak,overload,kill,hostile] [--minutes 10] [--write]

Real server processes on loopback, on the cores that the generators of load share. `one` and `many`: beside
ours, in turns in the same run, the same network behind the FastAPI route that one writes first
(serving/plain.py), asked by wrk. `soak`: 64 clients for minutes; every answer is compared with the one given
alone. `overload`: an open loop at five times the capacity. `kill`: `kill -9` under load. `hostile`: 10,000
requests made to break it. Each part says in its module how it is done. `--write` puts the parts that ran into
records/serving.json, and makes records/serving.md of all that are there.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import resource
import sys
import time
from collections.abc import Callable
from datetime import date
from importlib.metadata import version
from pathlib import Path
from typing import Any

from measured import commit, processor  # beside this file
from serving.compare import compare
from serving.hostile import hostile
from serving.kill import kill
from serving.overload import overload
from serving.promises import verdicts
from serving.record import record
from serving.servers import busy_seconds
from serving.soak import soak

ROOT = Path(__file__).parent.parent
RECORD, FIGURES = ROOT / "records" / "serving.md", ROOT / "records" / "serving.json"
PACKAGES = ("onnxruntime", "starlette", "uvicorn", "uvloop", "httptools", "fastapi", "pillow", "numpy")
WATCHED = ("src/inkdigits", "benchmarks/serving.py", "benchmarks/serving")


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--only", default="one,many,soak,overload,kill,hostile", help="parts, with commas")
    parser.add_argument("--minutes", type=float, default=10, help="of the soak")
    parser.add_argument("--bodies", type=int, default=10_000, help="hostile ones")
    parser.add_argument("--write", action="store_true", help="write records/serving.json and .md")
    arguments = parser.parse_args()
    parts = parts_for(arguments.minutes, arguments.bodies)
    chosen = arguments.only.split(",")
    if unknown := set(chosen) - set(parts):
        parser.error(f"--only: no part is called {', '.join(sorted(unknown))}; there are {', '.join(parts)}")
    figures: dict[str, Any] = json.loads(FIGURES.read_text()) if FIGURES.exists() else {}
    for name in chosen:
        print(f"{name} …", flush=True)
        figures[name] = measured(parts[name])
        print("\n".join(verdicts({name: figures[name]})), flush=True)
        if arguments.write:  # after each part: what took minutes isn't lost with the next one
            FIGURES.write_text(json.dumps(figures, indent=1) + "\n", encoding="utf-8")
            RECORD.write_text(record(figures), encoding="utf-8")


def parts_for(minutes: float, bodies: int) -> dict[str, Callable[[], dict[str, Any]]]:
    """What there is to measure."""
    return {
        "one": lambda: compare(connections=1, rounds=7, seconds=6),
        "many": lambda: compare(connections=64, rounds=7, seconds=6),
        "soak": lambda: soak(minutes),
        "overload": lambda: overload(rounds=3, seconds=12),
        "kill": lambda: kill(kills=6),
        "hostile": lambda: hostile(bodies),
    }


def measured(part: Callable[[], dict[str, Any]]) -> dict[str, Any]:
    """A part's figures, and the conditions under which they came about."""
    began, load, busy, own = time.monotonic(), os.getloadavg()[0], busy_seconds(), own_seconds()
    figures = part()
    took = time.monotonic() - began
    others = (busy_seconds() - busy - own_seconds() + own) / took
    return {
        "date": str(date.today()),
        "commit": commit(WATCHED),
        "command": "python benchmarks/serving.py " + " ".join(sys.argv[1:]),
        "processor": f"{processor()}, {os.cpu_count()} cores",
        "python": platform.python_version(),
        "packages": {name: version(name) for name in PACKAGES},
        "load_before": round(load, 1),
        "priority": priority(),
        "others_cores": round(max(0.0, others), 2),
        "took_s": round(took),
        **figures,
    }


def priority() -> int:
    """The nice value of this session's group of processes, where the scheduler has such groups; else 0."""
    group = Path("/proc/self/autogroup")
    return int(group.read_text().split()[-1]) if group.exists() else 0


def own_seconds() -> float:
    """Processor seconds of this process and of all that it started and that have ended."""
    used = (resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return sum(usage.ru_utime + usage.ru_stime for usage in used)


if __name__ == "__main__":
    main()
