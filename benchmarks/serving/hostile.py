"""Hostile requests, many at a time, at a server that meanwhile answers a good one every 50 ms.

    each request ─► its own connection ─► status, or closed without one, or nothing at all; seconds

A request has ended well when its answer is of the 400s. Memory is that of all the server's processes, four
times a second.
"""

from __future__ import annotations

import asyncio
import multiprocessing
import time
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from multiprocessing.connection import Connection as PipeConnection
from multiprocessing.synchronize import Event
from typing import Any

from serving import pictures
from serving.bodies import Hostile, make_ready, quick_bodies, slow_bodies
from serving.connection import Lost, opened
from serving.servers import HOST, OURS, Memory, Server, running

TOGETHER = 16
EVERY = 0.05  # seconds between an answer to the good request and the next one
GIVE_UP = 100.0  # seconds: the server may take 60 to answer
REQUEST_SECONDS = 8  # of the server's --request-seconds, since each endless PDF takes all of them
CLOSED, SILENT = -1, -2  # instead of a status
RETRIED = (429, 503)


@dataclass
class Tally:
    """What came of the requests of one kind.

    Attributes:
        ended: by status, or `CLOSED`, or `SILENT`.
        seconds: that each took.
        odd: the first few that didn't get what they should.
    """

    ended: Counter[int] = field(default_factory=Counter)
    seconds: list[float] = field(default_factory=list)
    odd: list[str] = field(default_factory=list)


@dataclass
class Canary:
    """A good request, again and again.

    Attributes:
        milliseconds: of each answer.
        wrong: answers that weren't right, or didn't come.
    """

    milliseconds: list[float] = field(default_factory=list)
    wrong: int = 0


def hostile(count: int) -> dict[str, Any]:
    """Runs it; what the record needs, ready for JSON."""
    tallies: dict[str, Tally] = defaultdict(Tally)
    make_ready()
    with running(OURS, "--request-seconds", str(REQUEST_SECONDS)) as server:
        before, pids = server.memory_mb(), set(server.pids())
        with Memory().of(server, 0.25) as memory, singing(server.port) as canary:
            asyncio.run(attack(server, count, tallies))
            time.sleep(2)
        after, errors = server.memory_mb(), server.errors()
        survived = server.process.poll() is None
        replaced = len(pids - set(server.pids()))
    ended = sum((tally.ended for tally in tallies.values()), Counter[int]())
    return {
        "bodies": ended.total(),
        "together": TOGETHER,
        "server_survived": survived,
        "page_processes_replaced": replaced,
        "ended": {str(status): number for status, number in sorted(ended.items())},
        "kinds": {kind: told(tally) for kind, tally in sorted(tallies.items())},
        "odd": [line for tally in tallies.values() for line in tally.odd],
        "slowest_s": round(max(max(tally.seconds) for tally in tallies.values()), 2),
        "canary": canary_told(canary),
        "memory": {
            "before_mb": round(before, 1),
            "most_mb": max(memory.mb),
            "most_of_a_process_mb": memory.largest_mb,
            "after_mb": round(after, 1),
        },
        "errors": len(errors),
        "first_errors": [line[:500] for line in errors[:5]],
        "minutes": round(memory.seconds[-1] / 60, 1),
    }


async def attack(server: Server, count: int, tallies: dict[str, Tally]) -> None:
    """First those that are sent at once, a few at a time; then all slow ones together."""
    slow = slow_bodies()
    quick = quick_bodies(count - len(slow))
    await asyncio.gather(*(send_all(server, quick, tallies) for _ in range(TOGETHER)))
    await asyncio.gather(*(send_all(server, [one], tallies) for one in slow))


async def send_all(server: Server, requests: Iterable[Hostile], tallies: dict[str, Tally]) -> None:
    """Sends one after the other."""
    for one in requests:
        status, words, seconds = SILENT, b"", 0.0
        for _ in range(10):
            began = time.monotonic()
            with suppress(TimeoutError):
                async with asyncio.timeout(GIVE_UP):
                    status, words = await send(server.port, one)
            seconds = max(seconds, time.monotonic() - began)
            if status not in RETRIED or b"timed-out" in words:
                break
            await asyncio.sleep(1)
        tally = tallies[one.kind]
        tally.ended[status] += 1
        tally.seconds.append(seconds)
        well = 400 <= status < 500 or (not one.answerable and status == CLOSED)
        if not well and len(tally.odd) < 3:
            tally.odd.append(f"{one.kind}: {status} {words[-200:]!r}")


async def send(port: int, one: Hostile) -> tuple[int, bytes]:
    """Sends one request and reads its answer at the same time, which may come before all is sent."""
    reader, writer = await asyncio.open_connection(HOST, port)
    sending = asyncio.create_task(write(writer, one))
    try:
        if one.leaves:
            await sending
            return CLOSED, b""
        return await read(reader)
    except OSError as e:
        return CLOSED, str(e).encode()
    finally:
        sending.cancel()
        writer.transport.abort()


async def write(writer: asyncio.StreamWriter, one: Hostile) -> None:
    """Sends the pieces; a server that has closed the connection is what `read` finds out."""
    with suppress(OSError):
        for piece in one.pieces:
            writer.write(piece)
            await writer.drain()
            if one.wait:
                await asyncio.sleep(one.wait)


async def read(reader: asyncio.StreamReader) -> tuple[int, bytes]:
    """The status of the first answer, and all of it."""
    try:
        head = await reader.readuntil(b"\r\n\r\n")
    except asyncio.IncompleteReadError as e:
        return CLOSED, e.partial
    lower = head.lower()
    at = lower.find(b"content-length:")
    size = int(lower[at + 15 : lower.find(b"\r\n", at)]) if at >= 0 else 0
    with suppress(asyncio.IncompleteReadError):
        return int(head[9:12]), await reader.readexactly(size)
    return CLOSED, head


# ---- the good request


@contextmanager
def singing(port: int) -> Iterator[Canary]:
    """Has a process of its own ask while the context lasts: making bodies delays nothing there."""
    context, canary = multiprocessing.get_context("spawn"), Canary()
    over, (here, there) = context.Event(), context.Pipe(duplex=False)
    process = context.Process(target=sing, args=(port, over, there))
    process.start()
    try:
        yield canary
    finally:
        over.set()
        canary.milliseconds, canary.wrong = here.recv()
        process.join()


def sing(port: int, over: Event, told: PipeConnection) -> None:
    """A good request every 50 ms; its answer must be the first one's."""
    asyncio.run(ask_again(port, over, told))


async def ask_again(port: int, over: Event, told: PipeConnection) -> None:
    """Until it is over; then sends the latencies, and how many answers were wrong."""
    request = pictures.multipart(pictures.example("digits/2-tiny.png"))
    connection, milliseconds, wrong = await opened(port), list[float](), 0
    right = (await connection.ask(request)).body
    while not over.is_set():
        began = time.perf_counter()
        try:
            if connection.closed:
                connection = await opened(port)
            answer = await connection.ask(request)
            wrong += answer.body != right
            milliseconds.append(1000 * (answer.at - began))
        except (Lost, OSError):
            wrong += 1
        await asyncio.sleep(EVERY)
    connection.close()
    told.send((milliseconds, wrong))


# ---- what it comes to


def told(tally: Tally) -> dict[str, Any]:
    """One kind's part of the record."""
    statuses = {str(status): number for status, number in sorted(tally.ended.items())}
    return {"ended": statuses, "slowest_s": round(max(tally.seconds), 2)}


def canary_told(canary: Canary) -> dict[str, Any]:
    """The good request's part of the record."""
    ordered = sorted(canary.milliseconds)
    p50, p99 = (round(ordered[int(share * len(ordered))], 1) for share in (0.5, 0.99))
    return {
        "answers": len(ordered),
        "wrong": canary.wrong,
        "p50": p50,
        "p99": p99,
        "worst": round(ordered[-1], 1),
    }
