"""What was promised of the server, and whether figures hold it. Measures nothing."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

Part = dict[str, Any]
Row = tuple[str, str, str, bool]
"""A promise: what, how much, what was measured, whether it holds."""


def verdicts(figures: dict[str, Part]) -> list[str]:
    """One line for each promise."""
    return [
        f"  {what}: {measured} (promised: {promised}) {'holds' if holds else 'DOES NOT HOLD'}"
        for name, part in figures.items()
        for what, promised, measured, holds in PROMISES[name](part)
    ]


def table(figures: dict[str, Part]) -> list[str]:
    """All promises as rows."""
    rows = [row for name, promises in PROMISES.items() if name in figures for row in promises(figures[name])]
    return [
        f"| {what} | {promised} | {measured} | {'yes' if holds else '**no**'} |"
        for what, promised, measured, holds in rows
    ]


# ---- part by part


def of_one(part: Part) -> list[Row]:
    ratios = part["ratios"]
    return [
        (f"one client: {name} by the plain route's", "≤ 1.1", spread(ratios[name]), ratios[name][0] <= 1.1)
        for name in ("p50", "p99")
    ]


def of_many(part: Part) -> list[Row]:
    ratios = part["ratios"]
    return [
        (
            "64 clients: throughput by the plain route's",
            "≥ 1.5",
            spread(ratios["rate"]),
            ratios["rate"][0] >= 1.5,
        ),
        ("64 clients: p99 by the plain route's", "≤ 1", spread(ratios["p99"]), ratios["p99"][0] <= 1),
    ]


def of_soak(part: Part) -> list[Row]:
    answers, memory = part["answers"], part["memory"]["lasting"]
    failed = {status: count for status, count in answers.items() if status not in ("200", "429", "503")}
    total = sum(answers.values())
    span = f"64 clients, {part['minutes']:g} minutes"
    others = ", ".join(f"{count:,} of {status}" for status, count in answers.items() if status != "200")
    return [
        (
            f"{span}: errors but 429 and 503",
            "0",
            f"{sum(failed.values())} of {total:,} ({others or 'all 200'})",
            not failed,
        ),
        (
            f"{span}: answers unlike those given alone",
            "0",
            str(part["unlike_alone"]),
            part["unlike_alone"] == 0,
        ),
        (
            f"{span}: memory after the first minute",
            "< +5%",
            f"{memory['growth']:+.1%}",
            memory["growth"] < 0.05,
        ),
    ]


def of_overload(part: Part) -> list[Row]:
    shares = [one["goodput_share"] for one in part["rounds"]]
    recoveries = [one["recovered_after_s"] for one in part["rounds"]]
    return [
        ("5 times the capacity: goodput by the peak", "≥ 80%", percents(shares), min(shares) >= 0.8),
        (
            "after it: back to normal",
            "≤ 2 s",
            " s, ".join(f"{each:g}" for each in recoveries) + " s",
            max(recoveries) <= 2,
        ),
    ]


def of_kill(part: Part) -> list[Row]:
    back = [one["serves_again_after_s"] for one in part["kills"]]
    lost, unlike = len(part["lost"]), part["unlike_before"]
    return [
        (
            "`kill -9` under load: lost by clients with retries",
            "0",
            f"{lost} of {part['answers']:,}",
            lost == 0,
        ),
        ("`kill -9` under load: other answers than before", "0", str(unlike), unlike == 0),
        (
            "`kill -9` under load: it comes back",
            "yes",
            f"each of {len(back)} times" if all(back) else str(back),
            all(back),
        ),
    ]


def of_hostile(part: Part) -> list[Row]:
    memory, canary, odd = part["memory"], part["canary"], not_4xx(part)
    alive = part["server_survived"] and not part["errors"]
    most = f"{memory['before_mb']:.0f} MiB, at most {memory['most_mb']:.0f}, then {memory['after_mb']:.0f}"
    return [
        (
            f"{part['bodies']:,} hostile bodies: crashes, errors in the log",
            "0",
            "0" if alive else str(part["errors"]),
            alive,
        ),
        ("… not answered with 4xx", "0", str(odd), odd == 0),
        ("… slowest answer", "bounded", f"{part['slowest_s']:.1f} s", part["slowest_s"] < 30),
        ("… memory of all processes", "bounded", most, memory["most_mb"] < 3_000),
        (
            "… good requests meanwhile that went wrong",
            "0",
            f"{canary['wrong']} of {canary['answers']:,}",
            canary["wrong"] == 0,
        ),
    ]


def not_4xx(part: Part) -> int:
    """Requests that could be answered and weren't with a status of the 400s."""
    silent = ("connections without a word", "senders that go away")
    return sum(
        count
        for kind, told in part["kinds"].items()
        for status, count in told["ended"].items()
        if not 400 <= int(status) < 500 and not (kind in silent and status == "-1")
    )


PROMISES: dict[str, Callable[[Part], list[Row]]] = {
    "one": of_one,
    "many": of_many,
    "soak": of_soak,
    "overload": of_overload,
    "kill": of_kill,
    "hostile": of_hostile,
}


def spread(values: list[float]) -> str:
    """Median, and in brackets least and greatest."""
    return f"{values[0]:.2f} ({values[1]:.2f} to {values[2]:.2f})"


def percents(shares: list[float]) -> str:
    """Each as a percentage."""
    return ", ".join(f"{share:.0%}" for share in shares)
