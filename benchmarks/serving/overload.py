"""Five times as many requests as the server can answer, whatever it answers: an open loop.

    capacity:   64 clients in a closed loop; answers of 200 a second are the peak
    before:     half of the capacity, for what latency is like then
    overload:   five times the capacity
    after:      half of it again; recovered when answers are what they were before

A request leaves when its time has come, on a connection that is free, else on a new one. One that isn't
answered within two seconds has lost its sender, who closes the connection. An answer of 200 in time is
goodput. While 1,500 connections wait, those that are due are dropped, as a load balancer in front would.
"""

from __future__ import annotations

import asyncio
import itertools
import resource
import statistics
import time
from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import uvloop

from serving import pictures
from serving.connection import Answer, Connection, Lost, opened
from serving.servers import OURS, Server, busy_seconds, running

TIMES = 5
CONNECTIONS = 1_500
PATIENCE = 2.0  # seconds that a sender waits
WINDOW = 0.25  # seconds, for the recovery
DROPPED, GAVE_UP, LOST = -1, -2, -3  # instead of a status


@dataclass
class Phase:
    """One phase of the open loop.

    Attributes:
        rate: requests due a second.
        begin, end: in `perf_counter`'s seconds.
        ended: of each request, by when it was due: status (or `DROPPED` …), and seconds until then.
        late: seconds that each request left after its time, at most one entry a tick.
    """

    rate: float
    begin: float = 0.0
    end: float = 0.0
    ended: list[tuple[float, int, float]] = field(default_factory=list)
    late: list[float] = field(default_factory=list)


class Generator:
    """Sends requests when they are due, over as many connections as that takes, up to a limit."""

    def __init__(self, port: int, requests: list[bytes]) -> None:
        """For a server."""
        self._port, self._requests = port, itertools.cycle(requests)
        self._free: list[Connection] = []
        self._busy = 0  # connections that wait for an answer, or are being opened
        self._waiting: dict[Connection, tuple[float, Phase]] = {}
        self._opening: set[asyncio.Task[None]] = set()

    async def run(self, phase: Phase, seconds: float) -> None:
        """Sends for so many seconds; what is still unanswered then may come in later."""
        sent, phase.begin = 0, time.perf_counter()
        phase.end = phase.begin + seconds
        while (now := time.perf_counter()) < phase.end:
            due = int((now - phase.begin) * phase.rate)
            if due > sent:
                phase.late.append(now - phase.begin - sent / phase.rate)
            for number in range(sent, due):
                self._send(phase, phase.begin + number / phase.rate)
            sent = due
            self._give_up(now)
            await asyncio.sleep(0.001)

    async def finish(self) -> None:
        """Waits for what is still to come, no longer than a sender would."""
        until = time.perf_counter() + PATIENCE
        while self._busy and time.perf_counter() < until:
            await asyncio.sleep(0.01)
        self._give_up(until + PATIENCE)
        await asyncio.gather(*self._opening)

    def _send(self, phase: Phase, due: float) -> None:
        while self._free and self._free[-1].closed:  # the server closes those that are idle
            self._free.pop()
        if self._busy >= CONNECTIONS:
            phase.ended.append((due, DROPPED, 0.0))
            return
        self._busy += 1
        if self._free:
            self._ask(self._free.pop(), phase, due)
            return
        task = asyncio.create_task(self._open_and_ask(phase, due))
        self._opening.add(task)
        task.add_done_callback(self._opening.discard)

    async def _open_and_ask(self, phase: Phase, due: float) -> None:
        try:
            async with asyncio.timeout(PATIENCE):
                connection = await opened(self._port)
        except (OSError, TimeoutError):
            phase.ended.append((due, LOST, time.perf_counter() - due))
            self._busy -= 1
            return
        self._ask(connection, phase, due)

    def _ask(self, connection: Connection, phase: Phase, due: float) -> None:
        self._waiting[connection] = due, phase
        answer = connection.ask(next(self._requests))
        answer.add_done_callback(lambda done: self._answered(connection, done))

    def _answered(self, connection: Connection, answer: asyncio.Future[Answer]) -> None:
        if answer.cancelled() or connection not in self._waiting:
            return
        due, phase = self._waiting.pop(connection)
        self._busy -= 1
        if isinstance(answer.exception(), Lost):
            phase.ended.append((due, LOST, time.perf_counter() - due))
            return
        got = answer.result()
        phase.ended.append((due, got.status, got.at - due))
        if b"connection: close" in got.head.lower():
            connection.close()
        else:
            self._free.append(connection)

    def _give_up(self, now: float) -> None:
        """On those that wait for too long; the oldest come first."""
        overdue = list(itertools.takewhile(lambda item: now - item[1][0] > PATIENCE, self._waiting.items()))
        for connection, (due, phase) in overdue:
            del self._waiting[connection]
            self._busy -= 1
            phase.ended.append((due, GAVE_UP, PATIENCE))
            connection.close()


def overload(rounds: int, seconds: int) -> dict[str, Any]:
    """Runs it with a new server each round, `seconds` of overload; what the record needs, ready for JSON."""
    requests = [pictures.multipart(file) for file in pictures.digits(500)]
    told = []
    for _ in range(rounds):
        with running(OURS) as server:
            told.append(uvloop.run(phases(server, requests, seconds)))
        print(f"  {told[-1]}", flush=True)
    return {"rounds": told}


async def phases(server: Server, requests: list[bytes], seconds: int) -> dict[str, Any]:
    """All phases, one after the other."""
    peak = await closed_loop(server.port, requests, seconds / 2)
    generator = Generator(server.port, requests)
    before, over, after = Phase(peak / 2), Phase(TIMES * peak), Phase(peak / 2)
    await generator.run(before, seconds / 4)
    used = processor_times(server)
    await generator.run(over, seconds)
    own, servers, everybody = (b - a for a, b in zip(used, processor_times(server), strict=True))
    await generator.run(after, 10)
    await generator.finish()
    return {
        "times": TIMES,
        "seconds": seconds,
        "connections": CONNECTIONS,
        "peak": round(peak),
        "generator_share": round(own / seconds, 3),
        "server_share": round(servers / seconds, 3),
        "others_share": round((everybody - own - servers) / seconds, 3),
        "left_late_ms": [round(1000 * each, 2) for each in (statistics.median(over.late), max(over.late))],
        "memory_mb": round(server.memory_mb(), 1),
        "before": summary(before),
        "overload": summary(over),
        "after": summary(after),
        "goodput_share": round(summary(over)["rates"].get("200", 0) / peak, 3),
        "recovered_after_s": round(recovery(before, after), 2),
        "errors": len(server.errors()),
    }


async def closed_loop(port: int, requests: list[bytes], seconds: float, clients: int = 64) -> float:
    """Answers of 200 a second of so many clients who each wait for theirs, after a first second."""
    begin = time.perf_counter() + 1
    counts = await asyncio.gather(
        *(one_client(port, requests[at:] + requests[:at], begin, begin + seconds) for at in range(clients))
    )
    return sum(counts) / seconds


async def one_client(port: int, requests: list[bytes], begin: float, end: float) -> int:
    """One of them: its answers between two moments."""
    connection, count = await opened(port), 0
    for request in itertools.cycle(requests):
        answer = await connection.ask(request)
        assert answer.status == 200, answer
        if answer.at > end:
            break
        count += answer.at > begin
    connection.close()
    return count


# ---- what it comes to


def summary(phase: Phase) -> dict[str, Any]:
    """Requests a second by how they ended, and latencies of those of 200, by when they were due."""
    names = {DROPPED: "dropped", GAVE_UP: "gave up", LOST: "lost"}
    seconds = phase.end - phase.begin
    counts = Counter(names.get(status, str(status)) for _, status, _ in phase.ended)
    good = sorted(1000 * took for _, status, took in phase.ended if status == 200) or [0.0]
    refused = sorted(1000 * took for _, status, took in phase.ended if status == 503) or [0.0]
    return {
        "offered": round(phase.rate),
        "rates": {name: round(count / seconds, 1) for name, count in sorted(counts.items())},
        "p50": round(good[len(good) // 2], 2),
        "p99": round(good[int(0.99 * len(good))], 2),
        "refused_p50": round(refused[len(refused) // 2], 2),
        "goodput_by_second": list(by_second(phase)),
    }


def by_second(phase: Phase) -> Iterator[int]:
    """Answers of 200 that came in each second of a phase."""
    came = Counter(int(due + took - phase.begin) for due, status, took in phase.ended if status == 200)
    return (came[second] for second in range(int(phase.end - phase.begin)))


def recovery(before: Phase, after: Phase) -> float:
    """Seconds from the end of the overload until requests are answered as before it, and go on to be.

    A window of a quarter of a second is good when all that were due in it got 200, half of them as fast as
    99% were before.
    """
    usual = summary(before)["p99"] / 1000
    windows: dict[int, list[tuple[int, float]]] = defaultdict(list)
    for due, status, took in after.ended:
        windows[int((due - after.begin) / WINDOW)].append((status, took))
    bad = [number for number, ended in windows.items() if not is_good(ended, usual)]
    return (max(bad) + 1) * WINDOW if bad else 0.0


def is_good(ended: list[tuple[int, float]], usual: float) -> bool:
    """Whether a window's requests were answered as usual."""
    return all(status == 200 for status, _ in ended) and statistics.median(took for _, took in ended) <= usual


def processor_times(server: Server) -> tuple[float, float, float]:
    """Processor seconds of this process, of the server, of all processes of this machine."""
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return usage.ru_utime + usage.ru_stime, server.processor_seconds(), busy_seconds()
