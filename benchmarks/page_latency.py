"""How soon the page answers a hand: from the last pointer event of a stroke to its reading on the screen.

    pip install -e '.[dev]'
    python benchmarks/page_latency.py [--strokes 60] [--write]

A real `inkdigits serve` on loopback, Debian's Chromium without a window (CHROMIUM names another), and a
hand that draws numbers with about 120 points a second, as a mouse gives them. The page is left as it is. A
script in front of it notes when each pointer event happened, when the drawing was cut (`toDataURL`), when
each request began and ended, when the answer stood in the document and when the next frame had been
painted. What the server took of a request is in its log, under the request's id.

Two delays: of the last event of each stroke, after which the hand waits; and of every event while it draws,
until the first reading that has it in. The parts are those of readings, of which there is one at a time: the
newest event of one waits until the reading before is done. `--write` makes records/page.md.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import statistics
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from itertools import cycle, pairwise
from math import ceil, dist
from pathlib import Path
from textwrap import fill
from typing import Any

from playwright.sync_api import Page, sync_playwright

from measured import commit, processor  # beside this file
from serving.servers import OURS, running

ROOT = Path(__file__).parent.parent
RECORD = ROOT / "records" / "page.md"
STROKES: dict[str, list[list[tuple[float, float]]]] = json.loads(
    (ROOT / "tests" / "page" / "strokes.json").read_text()
)
CHROMIUM = os.environ.get("CHROMIUM", "/usr/bin/chromium")
QUIET = ("--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update")
NUMBERS = ("3", "7", "48", "5", "2026", "9", "0", "66", "7795", "4", "8", "15", "2", "80331")
STEP_PX, STEP_S = 12, 1 / 120
TALL, SPACE = 0.4, 0.25  # of the canvas's height; between digits, of theirs
PATIENCE_MS = 60_000
PARTS = ("waiting", "picture", "request", "document", "frame")

NOTES = """() => {
  const notes = window.notes = { events: [], readings: [] };
  let open = null, asked = [];
  for (const kind of ["pointerdown", "pointermove"]) {
    addEventListener(kind, (event) => { if (event.buttons) notes.events.push(event.timeStamp); }, true);
  }
  const { toDataURL } = HTMLCanvasElement.prototype;
  HTMLCanvasElement.prototype.toDataURL = function (...given) {
    open = { cut: performance.now() };
    asked = [];
    return toDataURL.apply(this, given);
  };
  const ask = window.fetch;
  window.fetch = async (...given) => {
    const request = { began: performance.now() };
    asked.push(request);
    const answer = await ask(...given);
    request.id = answer.headers.get("X-Request-ID");
    const json = answer.json.bind(answer);
    answer.json = async () => { const said = await json(); request.ended = performance.now(); return said; };
    return answer;
  };
  addEventListener("DOMContentLoaded", () => {
    new MutationObserver(() => {
      const { state } = document.getElementById("answer").dataset;
      if (!open || !["accepted", "unsure", "not_a_digit"].includes(state)) return;
      const reading = { ...open, asked, document: performance.now() };
      open = null;
      requestAnimationFrame(() => {
        const { port1, port2 } = new MessageChannel(); // told after the frame was painted
        port1.onmessage = () => { reading.shown = performance.now(); notes.readings.push(reading); };
        port2.postMessage(null);
      });
    }).observe(document.getElementById("answer"), { childList: true });
  });
}"""
CAUGHT_UP = """() => {
  const last = notes.events.at(-1);
  return notes.readings.some((reading) => reading.cut >= last);
}"""


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--strokes", type=int, default=60, help="at least; whole numbers are drawn")
    parser.add_argument("--write", action="store_true", help="make records/page.md")
    arguments = parser.parse_args()
    found = measure(arguments.strokes)
    print(table(found))
    if arguments.write:
        RECORD.write_text(record(found), encoding="utf-8")


@dataclass
class Reading:
    """One answer shown; times in ms of the page's clock."""

    newest: float  # event in the drawing that was read
    cut: float
    shown: float
    parts: dict[str, float]  # waiting, picture, request, document, frame: together shown - newest
    server: float  # of the request


@dataclass
class Found:
    """What was measured; all in ms."""

    ends: list[float]  # of each stroke's last event
    moves: list[float]  # of every event
    readings: list[Reading]
    browser: str


def measure(strokes: int) -> Found:
    """Draws until there are so many strokes, and puts the page's notes and the server's together."""
    with running(OURS) as server, sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=CHROMIUM, args=list(QUIET))
        page = browser.new_page(viewport={"width": 1280, "height": 860}, reduced_motion="reduce")
        page.set_default_timeout(PATIENCE_MS)
        page.add_init_script(f"({NOTES})()")
        page.goto(server.url)
        page.locator("#answer[data-state]").wait_for()
        draw(page, "8")  # the first reading of a process doesn't count
        ends: list[float] = []
        for number in cycle(NUMBERS):
            draw(page, number, ends)
            if len(ends) >= strokes:
                break
        notes = page.evaluate("() => notes")
        version = browser.version
        browser.close()
        took = {line["request_id"]: line["ms"] for line in logged(server.log) if "ms" in line}
    readings = readings_in(notes, took)
    events = [at for at in notes["events"] if at > notes["first"]]
    return Found(
        ends=[delay(at, readings) for at in ends],
        moves=[delay(at, readings) for at in events],
        readings=[one for one in readings if one.newest > notes["first"]],
        browser=f"Chromium {version}",
    )


def draw(page: Page, number: str, ends: list[float] | None = None) -> None:
    """Draws a number on an empty canvas, a stroke at a time, and waits after each until it is read.

    Args:
        page: the page.
        number: digits.
        ends: takes when the last event of each stroke was; without it, what was noted so far doesn't count.
    """
    page.keyboard.press("Delete")
    box = page.locator("#canvas").bounding_box()
    assert box is not None
    for stroke in strokes_of(number):
        tall = TALL * box["height"] * min(1, 4 / len(number))
        points = [(box["x"] + 30 + x * tall, box["y"] + 0.2 * box["height"] + y * tall) for x, y in stroke]
        page.mouse.move(*points[0])
        page.mouse.down()
        due = time.perf_counter()
        for x, y in along(points):
            due = max(due + STEP_S, time.perf_counter() - STEP_S)
            time.sleep(max(0.0, due - time.perf_counter()))
            page.mouse.move(x, y)
        page.mouse.up()
        page.wait_for_function(CAUGHT_UP)
        if ends is not None:
            ends.append(page.evaluate("() => notes.events.at(-1)"))
    if ends is None:
        page.evaluate("() => { notes.first = notes.events.at(-1); }")


def strokes_of(number: str) -> Iterator[list[tuple[float, float]]]:
    """The strokes of all digits, side by side; heights are 1."""
    at = 0.0
    for digit in number:
        xs = [x for stroke in STROKES[digit] for x, _ in stroke]
        for stroke in STROKES[digit]:
            yield [(x - min(xs) + at, y) for x, y in stroke]
        at += max(xs) - min(xs) + SPACE


def along(points: list[tuple[float, float]]) -> Iterator[tuple[float, float]]:
    """Points about `STEP_PX` apart."""
    for (x0, y0), (x1, y1) in pairwise(points):
        steps = ceil(dist((x0, y0), (x1, y1)) / STEP_PX)
        yield from ((x0 + (x1 - x0) * k / steps, y0 + (y1 - y0) * k / steps) for k in range(1, steps + 1))


def readings_in(notes: dict[str, Any], server: dict[str, float]) -> list[Reading]:
    """The readings that were noted, with their parts."""
    found = []
    for note in notes["readings"]:
        answered = [request for request in note["asked"] if "ended" in request]
        began = min(request["began"] for request in answered)
        ended = max(request["ended"] for request in answered)
        newest = max(at for at in notes["events"] if at <= note["cut"])
        marks = (newest, note["cut"], began, ended, note["document"], note["shown"])
        parts = {name: after - before for name, (before, after) in zip(PARTS, pairwise(marks), strict=True)}
        took = max(server[request["id"]] for request in answered)
        found.append(Reading(newest, note["cut"], note["shown"], parts, took))
    return found


def delay(at: float, readings: list[Reading]) -> float:
    """From an event to the first reading shown that has it in."""
    return next(reading.shown for reading in readings if reading.cut >= at) - at


def logged(log: Path) -> Iterator[dict[str, Any]]:
    """The lines of the server's log."""
    for line in log.read_text().splitlines():
        if line.startswith("{"):
            yield json.loads(line)


def table(found: Found) -> str:
    """Two Markdown tables: the delays, and the parts of a reading."""
    delays = {
        f"last event of a stroke ({len(found.ends)} strokes)": found.ends,
        f"every event while drawing ({len(found.moves)} events)": found.moves,
    }
    lines = ["| until its reading is shown | median, ms | 95 of 100 within, ms |", "| --- | --- | --- |"]
    lines += [f"| {name} | {statistics.median(ms):.0f} | {within(ms):.0f} |" for name, ms in delays.items()]
    lines += ["", f"| of a reading ({len(found.readings)}) | median, ms | 95 of 100 within, ms | share |"]
    lines.append("| --- | --- | --- | --- |")
    everything = sum(sum(reading.parts.values()) for reading in found.readings)
    for name, ms in parts_of(found.readings).items():
        share = sum(ms) / everything
        lines.append(f"| {name} | {statistics.median(ms):.1f} | {within(ms):.1f} | {share:.0%} |")
    return "\n".join(lines)


def parts_of(readings: list[Reading]) -> dict[str, list[float]]:
    """What a reading's time went to; the server's is within the request's."""
    part = {name: [reading.parts[name] for reading in readings] for name in PARTS}
    server = [reading.server for reading in readings]
    way = [reading.parts["request"] - reading.server for reading in readings]
    return {
        "newest event to cut: waiting for the reading before": part["waiting"],
        "cut to request: painting small, PNG": part["picture"],
        "request: the server": server,
        "request: the rest (browser, loopback)": way,
        "answer to document": part["document"],
        "document to painted frame": part["frame"],
    }


def within(ms: list[float]) -> float:
    """The 95th percentile."""
    return statistics.quantiles(ms, n=20, method="inclusive")[-1]


def record(found: Found) -> str:
    """The whole record."""
    conditions = (
        f"{date.today()}, commit {commit()}, {processor()} ({os.cpu_count()} cores, shared by server, "
        f"browser and hand; load average {os.getloadavg()[0]:.1f} meanwhile), "
        f"Python {platform.python_version()}, {found.browser} without a window and without a GPU."
    )
    summary = (
        f"{statistics.median(found.ends):.0f} ms from the last pointer event of a stroke to its reading on "
        f"the screen; {within(found.ends):.0f} ms or less for 95 of 100."
    )
    parts = [
        "# How soon the page answers a hand",
        fill(summary, 120),
        f"    python benchmarks/page_latency.py --strokes {len(found.ends)} --write",
        fill(conditions, 120),
        table(found),
    ]
    return "\n\n".join(parts) + "\n"


if __name__ == "__main__":
    main()
