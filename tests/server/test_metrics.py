"""Metrics as Prometheus gets them, of one process and of several."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest
from prometheus_client.parser import text_string_to_metric_families
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from inkdigits.model import Model
from inkdigits.server import metrics
from inkdigits.server.batching import Batcher


def value(name: str, **labels: str) -> float:
    """What a sample stands at."""
    return metrics.REGISTRY.get_sample_value(name, labels) or 0.0


def counted(do: Callable[[], Any], name: str, **labels: str) -> float:
    """By how much a sample grows."""
    before = value(name, **labels)
    do()
    return value(name, **labels) - before


async def echo(request: Request) -> Response:
    """Answers with the status that its path names."""
    return Response(status_code=int(request.path_params["status"]))


async def fail(_: Request) -> Response:
    """Fails."""
    raise RuntimeError("broken")


class Client:
    """Asks an application."""

    def __init__(self, app: Starlette) -> None:
        self._app = app

    def get(self, path: str, headers: dict[str, str] | None = None) -> httpx.Response:
        async def main() -> httpx.Response:
            transport = httpx.ASGITransport(app=self._app, raise_app_exceptions=False)
            async with httpx.AsyncClient(transport=transport, base_url="http://server") as client:
                return await client.get(path, headers=headers)

        return asyncio.run(main())


@pytest.fixture
def client() -> Client:
    """An application with two routes and metrics."""
    app = Starlette(routes=[Route("/echo/{status}", echo), Route("/fail", fail)])
    metrics.install(app)
    app.add_middleware(metrics.RequestTimes)
    return Client(app)


def test_requests_are_timed_by_route_and_status(client: Client) -> None:
    name = "inkdigits_request_seconds_count"
    for status in ("200", "404", "503"):
        grown = counted(
            lambda s=status: client.get(f"/echo/{s}"), name, route="/echo/{status}", status=status
        )  # type: ignore[misc]
        assert grown == 1
    assert counted(lambda: client.get("/fail"), name, route="/fail", status="500") == 1
    assert counted(lambda: client.get("/any/path"), name, route="none", status="404") == 1
    assert value("inkdigits_requests_under_way") == 0


def test_the_answer_is_what_prometheus_reads(client: Client) -> None:
    metrics.show_model("digit", Model.load().card)
    client.get("/echo/200")
    answer = client.get("/metrics")
    assert answer.headers["content-type"].startswith("text/plain; version=")
    families = {family.name: family for family in text_string_to_metric_families(answer.text)}
    times = families["inkdigits_request_seconds"]
    assert any(sample.labels.get("le") == "0.005" for sample in times.samples)
    shown = {"network": "digit", "version": Model.load().card["sha256"][:12]}
    assert shown in [sample.labels for sample in families["inkdigits_model_info"].samples]
    assert all(family.documentation for family in families.values())


def test_openmetrics_for_who_asks_for_it(client: Client) -> None:
    answer = client.get("/metrics", headers={"Accept": "application/openmetrics-text; version=1.0.0"})
    assert answer.headers["content-type"].startswith("application/openmetrics-text")
    assert answer.text.endswith("# EOF\n")


def test_batches_and_queue() -> None:
    async def main() -> None:
        model = Model.load()
        batcher = Batcher(model, max_batch=4, observe=metrics.observe_batch)
        glyph = np.zeros((1, 28, 28), np.uint8)
        await asyncio.gather(*(batcher.logits(glyph) for _ in range(6)))
        await batcher.close()

    before = value("inkdigits_batch_glyphs_bucket", le="2.0")
    assert counted(lambda: asyncio.run(main()), "inkdigits_batch_glyphs_sum") == 6
    assert value("inkdigits_batch_glyphs_bucket", le="2.0") - before == 1  # 4, then 2
    assert value("inkdigits_queue_length", queue="glyphs") == 0


def test_pages() -> None:
    class Pages:
        busy, waiting, restarts = 1, 3, 2

    figures = metrics.PageFigures()
    assert counted(lambda: figures(Pages()), "inkdigits_page_process_restarts_total") == 2
    assert counted(lambda: figures(Pages()), "inkdigits_page_process_restarts_total") == 0
    assert value("inkdigits_page_processes_busy") == 1
    assert value("inkdigits_queue_length", queue="pages") == 3


def test_readings_and_refusals() -> None:
    def read() -> None:
        metrics.count_reading(None)
        metrics.count_reading("unsure", "line", 3)

    assert counted(read, "inkdigits_readings_total", network="line", reason="unsure") == 3
    assert counted(read, "inkdigits_readings_total", network="digit", reason="accepted") == 1
    refused = counted(
        lambda: metrics.count_rejected("overloaded"), "inkdigits_rejected_total", kind="overloaded"
    )
    assert refused == 1


WORKER = """
import sys
from inkdigits.server import metrics
metrics.count_reading(None)
metrics.observe_batch(int(sys.argv[1]), waiting=2)
print("ready", flush=True)
sys.stdin.read()
"""

SCRAPE = """
import sys
from prometheus_client import generate_latest
from inkdigits.server import metrics
for pid in sys.argv[1:]:
    metrics.forget(int(pid))
print(generate_latest(metrics._registry()).decode())
"""


def test_figures_of_several_workers_are_added_up(tmp_path: Path) -> None:
    environment = {**os.environ, metrics.FOLDER: str(tmp_path)}
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
    workers = [
        subprocess.Popen([sys.executable, "-c", WORKER, size], env=environment, **pipes)  # type: ignore[call-overload]
        for size in ("1", "5")
    ]
    for worker in workers:
        assert worker.stdout.readline() == b"ready\n"
    both = scraped(environment)
    assert both["inkdigits_readings_total"] == 2
    assert both["inkdigits_batch_glyphs_sum"] == 6
    assert both["inkdigits_queue_length"] == 4
    workers[0].kill()
    for worker in workers:
        worker.communicate()
    one = scraped(environment, str(workers[0].pid))
    assert one["inkdigits_readings_total"] == 2  # what was done stays
    assert one["inkdigits_queue_length"] == 2  # what waited is gone


def scraped(environment: dict[str, str], *dead: str) -> dict[str, float]:
    """Samples as one of the workers tells them; of several of a name, the last."""
    command = [sys.executable, "-c", SCRAPE, *dead]
    text = subprocess.run(command, env=environment, capture_output=True, text=True, check=True).stdout
    families = text_string_to_metric_families(text)
    return {
        sample.name: sample.value
        for family in families
        for sample in family.samples
        if sample.labels.get("queue") != "pages"
    }
