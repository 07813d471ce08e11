"""64 clients for minutes: every answer is compared, byte for byte, with the one that its request got alone.

58 send one digit after the other. Six send what is heavier, all the while: digits in JSON, several at once;
pictures of one number; a page; a PDF. Memory is that of all the server's processes, and beside it that of
those which are there all the time, without the pages of files: they are shared with whatever else runs the
same libraries, and a PDF's decoder comes and goes.
"""

from __future__ import annotations

import asyncio
import random
import statistics
import time
from collections import Counter
from dataclasses import dataclass, field
from typing import Any

from serving import pictures
from serving.connection import Connection, Lost, opened
from serving.servers import OURS, Memory, Server, running

CLIENTS = 64
DIGITS = 2_000
BY_DESIGN = (429, 503)
EVERY = 2.0  # seconds between looks at the memory
HEAVY = (
    ("several digits in JSON", 2),
    ("pictures of a number", 2),
    ("a page", 1),
    ("a PDF", 1),
)  # and how many clients send it


@dataclass
class Kind:
    """Requests of one kind.

    Attributes:
        requests: whole HTTP requests.
        alone: the bytes of each one's answer, when nobody else asked.
        milliseconds: of each answer under load.
    """

    requests: list[bytes]
    alone: list[bytes] = field(default_factory=list)
    milliseconds: list[float] = field(default_factory=list)


@dataclass
class Tally:
    """What came back.

    Attributes:
        answers: by status; 0 for a connection that was lost.
        other: answers of 200 that weren't those given alone.
    """

    answers: Counter[int] = field(default_factory=Counter)
    other: int = 0


def soak(minutes: float) -> dict[str, Any]:
    """Runs it; what the record needs, ready for JSON."""
    kinds, tally = requests(), Tally()
    with running(OURS) as server:
        asyncio.run(answer_alone(server, kinds))
        with Memory().of(server, EVERY) as memory:
            asyncio.run(answer_together(server, kinds, tally, 60 * minutes))
        errors = server.errors()
    for name, kind in kinds.items():
        print(f"  {name}: {len(kind.milliseconds)} answers", flush=True)
    return {
        "minutes": minutes,
        "clients": CLIENTS,
        "answers": {str(status): count for status, count in sorted(tally.answers.items())},
        "unlike_alone": tally.other,
        "by_kind": {name: times(kind) for name, kind in kinds.items()},
        "errors": len(errors),
        "memory": growth(memory),
    }


def requests() -> dict[str, Kind]:
    """Everything that is sent."""
    digits = pictures.digits(DIGITS)
    numbers = [
        pictures.example(f"numbers/{name}") for name in ("amount.png", "date.png", "postcode.png", "fax.png")
    ]
    page, scan = pictures.example("numbers/form.png"), pictures.example("numbers/scan.pdf")
    shown = [
        pictures.example(f"digits/{name}") for name in ("5-marker.jpg", "blank-page.jpg", "scribble.png")
    ]
    return {
        "one digit": Kind([pictures.multipart(file) for file in (*digits, *shown)]),
        "several digits in JSON": Kind([pictures.in_json(digits[at : at + 8]) for at in range(0, 80, 8)]),
        "pictures of a number": Kind([pictures.multipart(file, "/v1/read") for file in numbers]),
        "a page": Kind([pictures.multipart(page, "/v1/read?layout=page")]),
        "a PDF": Kind([pictures.multipart(scan, "/v1/read")]),
    }


async def answer_alone(server: Server, kinds: dict[str, Kind]) -> None:
    """Sends every request once, one after the other."""
    connection = await opened(server.port)
    for kind in kinds.values():
        for request in kind.requests:
            answer = await connection.ask(request)
            assert answer.status == 200, answer
            kind.alone.append(answer.body)
    connection.close()


async def answer_together(server: Server, kinds: dict[str, Kind], tally: Tally, seconds: float) -> None:
    """All clients at once, until the time is over."""
    until = time.monotonic() + seconds
    heavy = [kinds[name] for name, count in HEAVY for _ in range(count)]
    chosen = [*heavy, *[kinds["one digit"]] * (CLIENTS - len(heavy))]
    await asyncio.gather(*(client(server, kind, tally, until, seed) for seed, kind in enumerate(chosen)))


async def client(server: Server, kind: Kind, tally: Tally, until: float, seed: int) -> None:
    """One client: asks, waits, compares, asks again. Opens a new connection when it has lost one."""
    chance, connection = random.Random(seed), Connection()
    connection.closed = True
    while time.monotonic() < until:
        number = chance.randrange(len(kind.requests))
        began = time.perf_counter()
        try:
            if connection.closed:
                connection = await opened(server.port)
            answer = await connection.ask(kind.requests[number])
        except (Lost, OSError):
            tally.answers[0] += 1
            continue
        tally.answers[answer.status] += 1
        kind.milliseconds.append(1000 * (answer.at - began))
        if answer.status == 200:
            tally.other += answer.body != kind.alone[number]
        elif answer.status in BY_DESIGN:
            await asyncio.sleep(0.1)
    connection.close()


def times(kind: Kind) -> dict[str, float]:
    """How many answers, and their latencies."""
    ordered = sorted(kind.milliseconds) or [0.0]
    at = {"p50": 0.5, "p99": 0.99, "worst": 1.0}
    found = {
        name: round(ordered[min(len(ordered) - 1, int(share * len(ordered)))], 2)
        for name, share in at.items()
    }
    return {"answers": len(kind.milliseconds), **found}


def growth(memory: Memory) -> dict[str, Any]:
    """Memory in the second minute, in the last one, and at most; a short trial's minutes are quarters."""
    end = memory.seconds[-1]
    minute = min(60.0, end / 4)
    found: dict[str, Any] = {}
    for name, looks in (("lasting", memory.lasting_mb), ("all", memory.mb)):
        timed = list(zip(memory.seconds, looks, strict=True))
        begin = statistics.median(mb for at, mb in timed if minute <= at < 2 * minute)
        last = statistics.median(mb for at, mb in timed if at > end - minute)
        found[name] = {
            "second_minute_mb": round(begin, 1),
            "last_minute_mb": round(last, 1),
            "growth": round(last / begin - 1, 4),
            "most_mb": max(mb for at, mb in timed if at >= minute),
            "by_minute_mb": list({int(at // 60): mb for at, mb in timed}.values()),  # its last look
        }
    return found
