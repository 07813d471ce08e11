"""`kill -9` of one worker after the other, and of a page process, while clients go on asking.

24 clients of `inkdigits.client`, with the retries that it has by default; half of them keep their
connection, half open one for each request, and one reads a page again and again. What is lost is what a
caller would see: an exception, or another answer than the one given when nobody was killed.
"""

from __future__ import annotations

import asyncio
import os
import signal
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import Any

from inkdigits.client import AsyncClient
from inkdigits.errors import InkdigitsError
from serving import pictures
from serving.servers import OURS, Server, running

WORKERS, CLIENTS = 2, 24
SETTLE, PAUSE = 3.0, 4.0  # seconds before the first kill; between the return of one and the next kill
BACK_WITHIN = 60.0
ESTABLISHED = "01"  # in /proc/net/tcp


@dataclass
class Tally:
    """What the clients saw.

    Attributes:
        answered: when each answer came, `monotonic` seconds, and how long it took with its retries.
        lost: exceptions, one line each.
        unlike: answers that weren't the ones given before.
    """

    answered: list[tuple[float, float]] = field(default_factory=list)
    lost: list[str] = field(default_factory=list)
    unlike: int = 0


def kill(kills: int) -> dict[str, Any]:
    """Runs it; what the record needs, ready for JSON."""
    with running(OURS, "--workers", str(WORKERS)) as server:
        return asyncio.run(killing(server, kills))


async def killing(server: Server, kills: int) -> dict[str, Any]:
    """Clients and kills at the same time."""
    tally, over = Tally(), asyncio.Event()
    digits = pictures.digits(50)
    async with AsyncClient(server.url) as client:
        alone = [await client.classify(file.content) for file in digits]
        page = pictures.example("numbers/form.png").content
        read = await client.read(page, layout="page")

    async def one(number: int) -> None:
        keeps, client, turn = number % 2 == 0, AsyncClient(server.url), number
        while not over.is_set():
            began, turn = time.monotonic(), (turn + 7) % len(digits)
            try:
                if number == 0:
                    tally.unlike += await client.read(page, layout="page") != read
                else:
                    tally.unlike += await client.classify(digits[turn].content) != alone[turn]
            except InkdigitsError as e:
                tally.lost.append(str(e))
            tally.answered.append((time.monotonic(), time.monotonic() - began))
            if not keeps:
                await client.close()
                client = AsyncClient(server.url)
        await client.close()

    clients = [asyncio.create_task(one(number)) for number in range(CLIENTS)]
    await asyncio.sleep(SETTLE)
    killed = [await kill_worker(server, number) for number in range(kills)]
    killed.append(await kill_page_process(server))
    over.set()
    await asyncio.gather(*clients)
    return {
        "workers": WORKERS,
        "clients": CLIENTS,
        "kills": killed,
        "answers": len(tally.answered),
        "lost": tally.lost,
        "unlike_before": tally.unlike,
        "longest_answer_s": round(max(took for _, took in tally.answered), 2),
        "longest_silence_s": round(silence([at for at, _ in tally.answered]), 2),
        "errors": len(server.errors()),
    }


async def kill_worker(server: Server, number: int) -> dict[str, Any]:
    """Kills one worker; waits until another in its place has connections."""
    before = server.workers()
    victim = before[number % len(before)]
    begun = os_kill(victim)
    new = await found(lambda: [pid for pid in server.workers() if pid not in before])
    serves = bool(new) and await until(lambda: has_connections(new[0], server.port))
    took = round(time.monotonic() - begun, 2) if serves else None
    await asyncio.sleep(PAUSE)
    return {"what": "worker", "serves_again_after_s": took}


async def kill_page_process(server: Server) -> dict[str, Any]:
    """Kills all processes that read pages: one of them is at work."""
    before = server.page_processes()
    begun = 0.0
    for pid in before:
        begun = os_kill(pid)
    back = await until(
        lambda: len([pid for pid in server.page_processes() if pid not in before]) == len(before)
    )
    took = round(time.monotonic() - begun, 2) if back else None
    await asyncio.sleep(PAUSE)
    return {"what": "page processes", "serves_again_after_s": took}


def os_kill(pid: int) -> float:
    """SIGKILL; when."""
    os.kill(pid, signal.SIGKILL)
    return time.monotonic()


async def found(look: Callable[[], list[int]]) -> list[int]:
    """What `look` finds, as soon as it finds something."""
    await until(lambda: bool(look()))
    return look()


async def until(holds: Callable[[], bool]) -> bool:
    """Waits until something holds; False when it takes too long."""
    end = time.monotonic() + BACK_WITHIN
    while not holds():
        if time.monotonic() > end:
            return False
        await asyncio.sleep(0.02)
    return True


def has_connections(pid: int, port: int) -> bool:
    """Whether a process holds the server's end of a connection."""
    ours = set()
    for line in Path("/proc/net/tcp").read_text().splitlines()[1:]:
        fields = line.split()
        if fields[1].endswith(f":{port:04X}") and fields[3] == ESTABLISHED:
            ours.add(f"socket:[{fields[9]}]")
    with suppress(OSError):
        for file in Path(f"/proc/{pid}/fd").iterdir():
            with suppress(OSError):
                if str(file.readlink()) in ours:
                    return True
    return False


def silence(moments: list[float]) -> float:
    """The longest time in which nobody got an answer."""
    ordered = sorted(moments)
    return max((b - a for a, b in pairwise(ordered)), default=0.0)
