"""One client, and 64 of them: ours and the plain route in turns, each loaded by wrk.

All servers run all the time, as idle ones cost nothing; in each round each is loaded once, in an order that
moves on from round to round, so that a neighbour's load and a warm processor fall on all alike.
"""

from __future__ import annotations

import statistics
from contextlib import ExitStack
from dataclasses import asdict
from typing import Any

from serving import pictures
from serving.servers import COMMANDS, OURS, PLAIN, Server, running
from serving.wrk import Load, load, version

PICTURES = 500
WARM_UP = 2  # seconds for each server, not measured


def compare(connections: int, rounds: int, seconds: int) -> dict[str, Any]:
    """Loads all servers in turns.

    Args:
        connections: clients, each on its own connection.
        rounds: how often each server has its turn.
        seconds: of a turn.

    Returns:
        What the record needs, ready for JSON.
    """
    requests = [pictures.multipart(file) for file in pictures.digits(PICTURES)]
    loads: dict[str, list[Load]] = {name: [] for name in COMMANDS}
    with ExitStack() as stack:
        servers = [stack.enter_context(running(name)) for name in COMMANDS]
        for server in servers:
            load(server, requests, connections, WARM_UP)
        for number in range(rounds):
            for server in turned(servers, number):
                loads[server.name].append(load(server, requests, connections, seconds))
                print(f"  {server.name}: {loads[server.name][-1]}", flush=True)
        errors = sum(len(server.errors()) for server in servers if server.name == OURS)
    return {
        "connections": connections,
        "rounds": rounds,
        "seconds": seconds,
        "generator": version(),
        "errors": errors,
        "servers": {name: medians(each) for name, each in loads.items()},
        "ratios": {figure: ratio(loads, figure) for figure in ("p50", "p99", "rate")},
    }


def turned(servers: list[Server], number: int) -> list[Server]:
    """The servers in this round's order."""
    first = number % len(servers)
    return servers[first:] + servers[:first]


def medians(loads: list[Load]) -> dict[str, list[float]]:
    """Of each figure: median, least and greatest over the rounds."""
    each = [asdict(one) for one in loads]
    return {figure: spread([one[figure] for one in each]) for figure in each[0]}


def ratio(loads: dict[str, list[Load]], figure: str) -> list[float]:
    """Ours by the plain route's, round by round: median, least, greatest."""
    pairs = zip(loads[OURS], loads[PLAIN], strict=True)
    return spread([getattr(ours, figure) / getattr(plain, figure) for ours, plain in pairs])


def spread(values: list[float]) -> list[float]:
    """Median, least, greatest."""
    return [round(value, 4) for value in (statistics.median(values), min(values), max(values))]
