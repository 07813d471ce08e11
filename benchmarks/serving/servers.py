"""Real server processes on loopback: started, watched, stopped. Knows processes; knows no requests.

What a server takes is that of its whole tree of processes: processor seconds from /proc/PID/stat, memory from
/proc/PID/smaps_rollup, where pages that several processes share count in parts (PSS).
"""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

HERE = Path(__file__).parent
HOST = "127.0.0.1"
START_SECONDS, STOP_SECONDS = 90, 30
TICKS = os.sysconf("SC_CLK_TCK")

COMMANDS = {
    "inkdigits serve": ["-m", "inkdigits", "serve", "--port"],
    "plain route": [str(HERE / "plain.py")],
    "plain route, async": [str(HERE / "plain.py")],
}
OURS, PLAIN, PLAIN_ASYNC = COMMANDS


@dataclass
class Server:
    """A server that runs.

    Attributes:
        name: one of `COMMANDS`.
        port: where it listens.
        process: the first of its processes.
        log: what it wrote on standard error.
    """

    name: str
    port: int
    process: subprocess.Popen[bytes]
    log: Path

    @property
    def url(self) -> str:
        """Its address, without a slash."""
        return f"http://{HOST}:{self.port}"

    def pids(self) -> list[int]:
        """All its processes: the first, and all below it."""
        children = _children()
        found = [self.process.pid]
        for pid in found:
            found.extend(children[pid])
        return found

    def workers(self) -> list[int]:
        """The processes that answer, where there are several: what uvicorn's supervisor has spawned."""
        return [pid for pid in self.pids() if b"spawn_main" in _command(pid)]

    def page_processes(self) -> list[int]:
        """The processes that read pages."""
        return [pid for pid in self.pids() if b"page_process" in _command(pid)]

    def processor_seconds(self) -> float:
        """Of all processes that run now."""
        return sum(map(processor_seconds, self.pids()))

    def memory_mb(self) -> float:
        """PSS of all processes, MiB."""
        return sum(memory_mb(pid)[0] for pid in self.pids())

    def lasting(self) -> list[int]:
        """The processes that are there all the time; those that decode PDFs come and go."""
        return [pid for pid in self.pids() if b"inkdigits.documents" not in _command(pid)]

    def errors(self) -> list[str]:
        """What its log says above `info`; of a log that isn't JSON, everything that names an error."""
        found = []
        for line in self.log.read_text(errors="replace").splitlines():
            try:
                level = json.loads(line)["level"]
            except (ValueError, KeyError, TypeError):
                level = "error" if "Error" in line or "Traceback" in line else "info"
            if level in ("error", "critical"):
                found.append(line)
        return found


@contextmanager
def running(name: str, *options: str) -> Iterator[Server]:
    """A server that answers; at the end it is told to stop, and must."""
    port = _free_port()
    command = [sys.executable, *COMMANDS[name], str(port), *options]
    command += ["--asynchronous"] if name == PLAIN_ASYNC else []
    with tempfile.TemporaryDirectory(prefix="inkdigits-serving-") as folder:
        log = Path(folder) / "log"
        with log.open("wb") as out:
            process = subprocess.Popen(command, stdout=out, stderr=out)
        server = Server(name, port, process, log)
        try:
            _wait_until_open(server)
            yield server
        finally:
            _stop(server)


def _stop(server: Server) -> None:
    below = server.pids()[1:]
    server.process.send_signal(signal.SIGTERM)
    try:
        server.process.wait(STOP_SECONDS)
    except subprocess.TimeoutExpired:
        server.process.kill()
        server.process.wait()
    for pid in below:  # none is left of a server that stopped as it should
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        port: int = probe.getsockname()[1]
        return port


def _wait_until_open(server: Server) -> None:
    until = time.monotonic() + START_SECONDS
    while not _is_open(server.port):
        if server.process.poll() is not None or time.monotonic() > until:
            raise RuntimeError(f"{server.name} didn't start:\n{server.log.read_text()[-2000:]}")
        time.sleep(0.05)


def _is_open(port: int) -> bool:
    """Whether an HTTP request is answered; several workers' socket takes connections before."""
    with suppress(OSError), socket.create_connection((HOST, port), 1) as probe:
        probe.settimeout(START_SECONDS)
        probe.sendall(b"GET /v2/health/ready HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
        return probe.recv(9) == b"HTTP/1.1 "
    return False


# ---- /proc


def busy_seconds() -> float:
    """Processor seconds of all processes of this machine."""
    user, nice, system, _, _, irq, softirq, *_ = map(int, Path("/proc/stat").read_text().split()[1:11])
    return (user + nice + system + irq + softirq) / TICKS


def processor_seconds(pid: int) -> float:
    """Of one process, in its own code and in the kernel's; 0 if it is gone."""
    fields = _stat(pid)
    return (int(fields[11]) + int(fields[12])) / TICKS if fields else 0.0


def memory_mb(pid: int) -> tuple[float, float]:
    """PSS of one process, and what of it is no file's, MiB; 0 if it is gone."""
    found = {b"Pss:": 0.0, b"Pss_Anon:": 0.0}
    with suppress(OSError):
        for line in Path(f"/proc/{pid}/smaps_rollup").read_bytes().splitlines():
            name, _, rest = line.partition(b" ")
            if name in found:
                found[name] = int(rest.split()[0]) / 1024
    return found[b"Pss:"], found[b"Pss_Anon:"]


def _command(pid: int) -> bytes:
    with suppress(OSError):
        return Path(f"/proc/{pid}/cmdline").read_bytes()
    return b""


def _stat(pid: int) -> list[str]:
    """The fields after the name, which may hold spaces; empty if the process is gone."""
    with suppress(OSError):
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return []


def _children() -> dict[int, list[int]]:
    found: dict[int, list[int]] = defaultdict(list)
    for entry in Path("/proc").iterdir():
        if entry.name.isdecimal() and (fields := _stat(int(entry.name))) and fields[0] != "Z":
            found[int(fields[1])].append(int(entry.name))
    return found


@dataclass
class Memory:
    """A server's memory as time goes by, looked at from a thread.

    Attributes:
        seconds: since the start, of each look.
        mb: PSS of all processes then.
        lasting_mb: of those that are there all the time, without pages of files, which they may share with
            processes that aren't the server's.
        largest_mb: that any one process ever had.
    """

    seconds: list[float] = field(default_factory=list)
    mb: list[float] = field(default_factory=list)
    lasting_mb: list[float] = field(default_factory=list)
    largest_mb: float = 0.0

    @contextmanager
    def of(self, server: Server, every: float) -> Iterator[Memory]:
        """Follows a server while the context lasts, with so many seconds between looks."""
        ended, began = threading.Event(), time.monotonic()

        def look() -> None:
            while not ended.wait(0 if not self.mb else every):
                each = {pid: memory_mb(pid) for pid in server.pids()}
                lasting = sum(each[pid][1] for pid in server.lasting() if pid in each)
                self.seconds.append(round(time.monotonic() - began, 1))
                self.mb.append(round(sum(whole for whole, _ in each.values()), 1))
                self.lasting_mb.append(round(lasting, 1))
                self.largest_mb = max(self.largest_mb, *(round(whole, 1) for whole, _ in each.values()))

        thread = threading.Thread(target=look)
        thread.start()
        try:
            yield self
        finally:
            ended.set()
            thread.join()
