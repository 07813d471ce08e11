"""Figures to records/serving.md. Measures nothing."""

from __future__ import annotations

from collections.abc import Callable
from textwrap import fill
from typing import Any

from serving.promises import table
from serving.servers import OURS, PLAIN

FOUND = (
    "The server was mended with these scripts at hand, so it is tuned to them: to small pictures in "
    "forms, to this "
    "processor, to loopback. Trials before, on a machine with much else to do, had shown:",
    "- Heads had no limit: 200 MB of headers were kept, and a slow head was closed without a word. Now "
    "431 after "
    "64 KB, and 408.",
    "- A PDF that draws for days got 503 as if it could be sent again, and so did whoever had only "
    "waited behind "
    "it. Now 413, and 503 with Retry-After.",
    "- libuv takes one new connection in a turn of the event loop: the last of 64 that connected at once "
    "waited for "
    "one to two seconds (the p99 of the asynchronous plain route shows it). Now the socket has 32 doors.",
    "- At 5 times the capacity goodput was 15% of the peak: refusals took the loop, and batches waited "
    "for its "
    "turns. Now the connection refuses before the application, in 36 µs of a processor, and batches run "
    "in a thread: "
    "which also made 64 clients' throughput 1.9 times the plain route's where it was 1.2.",
    "- 300,000 pictures in 5 MB of JSON held the loop up for 0.7 s. Now they are counted before they are "
    "parsed.",
    "Goodput and throughput need the second core for the thread that runs the network: while others kept "
    "it busy, "
    "64 clients had 1.36 times the plain route's throughput, and goodput under overload was 64 to 81%.",
)
Part = dict[str, Any]


def record(figures: dict[str, Part]) -> str:
    """The whole record, of those parts that there are."""
    parts = [
        "# What `inkdigits serve` holds",
        fill("Promised and measured; how each was measured stands below.", 120),
        "\n".join(["| | promised | measured | holds |", "| --- | --- | --- | --- |", *table(figures)]),
    ]
    for name, section in SECTIONS.items():
        if name in figures:
            parts += section(figures[name])
    parts += [
        "## What the runs found",
        *(fill(line, 120, subsequent_indent="  " * line.startswith("- ")) for line in FOUND),
    ]
    return "\n\n".join(parts) + "\n"


# ---- sections


def section_closed(part: Part) -> list[str]:
    """One client, or many: all servers."""
    count = part["connections"]
    lines = [
        "| | answers a second | p50, ms | p99, ms | worst, ms | server's cores | wrk's cores | failed |",
        "| --- | --- | --- | --- | --- | --- | --- | --- |",
    ]
    for name, told in part["servers"].items():
        cells = [f"{told['rate'][0]:,.0f} ({told['rate'][1]:,.0f} to {told['rate'][2]:,.0f})"]
        cells += [
            f"{told[key][0]:.2f} ({told[key][1]:.2f} to {told[key][2]:.2f})"
            for key in ("p50", "p99", "worst")
        ]
        cells += [f"{told[key][0]:.2f}" for key in ("server_share", "wrk_share")]
        lines.append(f"| {name} | {' | '.join(cells)} | {told['failed'][2]:.0f} |")
    processor_ms = {
        name: 1000 * part["servers"][name]["server_share"][0] / part["servers"][name]["rate"][0]
        for name in (OURS, PLAIN)
    }
    how = (
        f"{part['generator']}, {count} connection{'s' if count > 1 else ''}, {part['rounds']} rounds of "
        f"{part['seconds']} s each in turns; medians of the "
        "rounds, least and greatest in brackets; ratios are within a round. MNIST's test digits as PNG in "
        "multipart/form-data, the same ones for all. Ours logs each request and keeps its metrics, as it "
        "does by default; the plain route "
        f"does neither. A request takes {processor_ms[OURS]:.2f} ms of a processor with ours, "
        f"{processor_ms[PLAIN]:.2f} with "
        "the plain route. wrk's own share of a core says that it isn't what limits."
    )
    return [
        f"## {'One client' if count == 1 else f'{count} clients'}",
        conditions(part),
        "\n".join(lines),
        fill(how, 120),
    ]


def section_soak(part: Part) -> list[str]:
    lines = ["| requests | answers | p50, ms | p99, ms | worst, ms |", "| --- | --- | --- | --- | --- |"]
    for name, told in part["by_kind"].items():
        lines.append(
            f"| {name} | {told['answers']:,} | {told['p50']:.1f} | {told['p99']:.1f} | {told['worst']:.1f} |"
        )
    lasting, everything = part["memory"]["lasting"], part["memory"]["all"]
    minutes = ", ".join(f"{mb:.0f}" for mb in lasting["by_minute_mb"])
    how = (
        "58 clients send one digit after the other, six what is heavier. Each answer is compared byte for "
        "byte with the one that the same request got when nobody else asked. Memory of the server and its "
        f"page process, without pages of files: {lasting['second_minute_mb']:.1f} MiB in the second minute, "
        f"{lasting['last_minute_mb']:.1f} in the last one (medians), {lasting['most_mb']:.1f} at most; at "
        f"the end of each minute {minutes}. PSS of everything, with decoders of PDFs, which come and go, and "
        f"with pages of files: {everything['second_minute_mb']:.0f}, {everything['last_minute_mb']:.0f}, at "
        f"most {everything['most_mb']:.0f}."
    )
    return [
        f"## 64 clients for {part['minutes']:g} minutes",
        conditions(part),
        "\n".join(lines),
        fill(how, 120),
    ]


def section_overload(part: Part) -> list[str]:
    lines = [
        "| peak a second | offered | 200 in time | 503 | given up, lost or dropped | goodput | p50, p99 "
        "of 200, ms | recovered, s | cores: server, generator, others |",
        "| --- | --- | --- | --- | --- | --- | --- | --- | --- |",
    ]
    for one in part["rounds"]:
        rates = one["overload"]["rates"]
        other = sum(rate for name, rate in rates.items() if name not in ("200", "503"))
        cells = [
            f"{one['peak']:,}",
            f"{one['overload']['offered']:,}",
            f"{rates.get('200', 0):,.0f}",
            f"{rates.get('503', 0):,.0f}",
            f"{other:,.0f}",
        ]
        cells += [
            f"{one['goodput_share']:.0%}",
            f"{one['overload']['p50']:.0f}, {one['overload']['p99']:.0f}",
        ]
        cells.append(f"{one['recovered_after_s']:g}")
        cores = (f"{one[f'{who}_share']:.2f}" for who in ("server", "generator", "others"))
        lines.append(f"| {' | '.join(cells)} | {', '.join(cores)} |")
    first = part["rounds"][0]
    how = (
        "The peak is that of 64 clients in a closed loop, by the same generator just before. Then an "
        f"open loop for {first['seconds']} s: a request "
        "leaves when it is due, whatever became of those before, on up to "
        f"{first['connections']:,} connections; its sender waits for two seconds. Requests left "
        f"{first['left_late_ms'][0]:.1f} ms late in the median and "
        f"{first['left_late_ms'][1]:.0f} ms at most (first round). Recovered: from then on, in every "
        "quarter of a second, all get 200, and half of them as fast as 99% were before the overload; "
        "offered "
        "then is half of the peak."
    )
    return ["## Overload", conditions(part), "\n".join(lines), fill(how, 120)]


def section_kill(part: Part) -> list[str]:
    back = ", ".join(f"{one['what']} {one['serves_again_after_s']} s" for one in part["kills"])
    how = (
        f"{part['clients']} clients of `inkdigits.client`, with the retries it has by default, at "
        f"{part['workers']} workers; half of them open a "
        "connection for each request, one reads pages. Killed one after the other, and back with "
        "connections after: "
        f"{back}. The longest that a caller waited for an answer, with all retries: "
        f"{part['longest_answer_s']:.1f} s; the longest time in which "
        f"nobody got one: {part['longest_silence_s']:.2f} s."
    )
    return ["## Killed workers", conditions(part), fill(how, 120)]


def section_hostile(part: Part) -> list[str]:
    lines = ["| what | how it ended | slowest, s |", "| --- | --- | --- |"]
    names = {"-1": "closed", "-2": "no answer"}
    for kind, told in part["kinds"].items():
        ended = ", ".join(f"{names.get(status, status)}: {count}" for status, count in told["ended"].items())
        lines.append(f"| {kind} | {ended} | {told['slowest_s']:.2f} |")
    memory, canary = part["memory"], part["canary"]
    how = (
        f"{part['bodies']:,} requests, the same in every run, {part['together']} at a time, then all slow "
        f"senders together, in {part['minutes']} minutes. "
        "`--request-seconds 8`, since each PDF that draws for days takes all of them. Meanwhile a good "
        "request every 50 ms: "
        f"p50 {canary['p50']:.1f} ms, p99 {canary['p99']:.1f} ms, at worst {canary['worst']:.0f} ms. "
        "Memory is PSS of all the server's processes, the "
        f"largest of which had {memory['most_of_a_process_mb']:.0f} MiB at most. Page processes ended and "
        f"replaced: {part['page_processes_replaced']}. "
        "A 503 that asks to come again was followed, like any client would; times are of each answer."
    )
    return ["## Hostile bodies", conditions(part), fill(how, 120), "\n".join(lines)]


SECTIONS: dict[str, Callable[[Part], list[str]]] = {
    "one": section_closed,
    "many": section_closed,
    "soak": section_soak,
    "overload": section_overload,
    "kill": section_kill,
    "hostile": section_hostile,
}


def conditions(part: Part) -> str:
    """The command, and under which conditions it ran."""
    packages = ", ".join(f"{name} {number}" for name, number in part["packages"].items())
    told = (
        f"{part['date']}, commit {part['commit']}, {part['processor']}, shared by server and generator "
        "(load average "
        f"{part['load_before']} just before; other processes used {part['others_cores']:.2f} cores "
        f"meanwhile; nice value {part['priority']}), Python {part['python']}, {packages}; took "
        f"{part['took_s']} s."
    )
    return f"    {part['command']}\n\n" + fill(told, 120)
