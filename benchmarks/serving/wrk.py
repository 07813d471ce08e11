"""Closed loops by wrk: so many connections, each sends its next request when it has its answer.

wrk is written in C and takes a few hundredths of a core at these rates; how much it took is measured, since a
generator that is short of time makes servers look slow.
"""

from __future__ import annotations

import json
import resource
import subprocess
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from serving.servers import Server

SCRIPT = Path(__file__).with_name("multipart.lua")


@dataclass(frozen=True)
class Load:
    """What one run of wrk measured.

    Attributes:
        rate: answers a second.
        p50: median latency, ms.
        p99: 99th percentile, ms.
        worst: ms.
        failed: answers of 400 or more, connections that broke, requests that timed out.
        server_share: cores that the server used.
        wrk_share: cores that wrk used.
    """

    rate: float
    p50: float
    p99: float
    worst: float
    failed: int
    server_share: float
    wrk_share: float


def load(server: Server, requests: Sequence[bytes], connections: int, seconds: int) -> Load:
    """Loads a server for so many seconds."""
    with tempfile.NamedTemporaryFile(suffix=".requests") as file:
        file.write(b"".join(b"%08d" % len(request) + request for request in requests))
        file.flush()
        command = ["wrk", f"-c{connections}", "-t1", f"-d{seconds}s", "--timeout=30s", "-s", str(SCRIPT)]
        before, wrk_before = server.processor_seconds(), _ended_seconds()
        out = subprocess.check_output([*command, server.url, "--", file.name], text=True)
        used, wrk_used = server.processor_seconds() - before, _ended_seconds() - wrk_before
    said = json.loads(out.strip().splitlines()[-1])
    took = said["seconds"]
    p50, p99, worst = (said[key] / 1000 for key in ("p50", "p99", "max"))
    failed = said["refused"] + said["broken"]
    return Load(said["requests"] / took, p50, p99, worst, failed, used / took, wrk_used / took)


def version() -> str:
    """wrk's own version."""
    said = subprocess.run(["wrk", "-v"], capture_output=True, text=True, check=False).stdout
    return said.split(" [")[0]


def _ended_seconds() -> float:
    """Processor seconds of all processes that this one has waited for."""
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime
