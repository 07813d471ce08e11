"""What Prometheus is told of a server: times, batches, queues, refusals, readings. Knows numbers only.

With several workers each keeps its figures in files of the folder `PROMETHEUS_MULTIPROC_DIR`, and whichever
is asked adds them up. The variable must be set before this module is imported in any of them; `serving` makes
the folder, removes it, and calls `forget` for a worker that died.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from functools import cache
from time import perf_counter
from typing import Any, Protocol

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, ProcessCollector
from prometheus_client.exposition import choose_encoder
from prometheus_client.multiprocess import MultiProcessCollector, mark_process_dead
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import ASGIApp, Message, Receive, Scope, Send

FOLDER = "PROMETHEUS_MULTIPROC_DIR"
PATH = "/metrics"
NOWHERE = "none"  # the route of requests that had none: refused before, or for a path that isn't there

# seconds: a digit takes 3 ms, a number 10, a page 500, and a request may take a minute
SECONDS = (0.001, 0.002, 0.003, 0.005, 0.0075, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60)
SIZES = (1, 2, 4, 8, 16, 32, 64)

REGISTRY = CollectorRegistry()
if FOLDER not in os.environ:  # what a process takes can't be added up over several
    ProcessCollector(registry=REGISTRY)

_TIMES = Histogram(
    "inkdigits_request_seconds",
    "From a request's head to the last byte of its answer.",
    ("route", "status"),
    buckets=SECONDS,
    registry=REGISTRY,
)
_UNDER_WAY = Gauge(
    "inkdigits_requests_under_way",
    "Requests that came and aren't answered yet.",
    multiprocess_mode="livesum",
    registry=REGISTRY,
)
_BATCHES = Histogram(
    "inkdigits_batch_glyphs", "Glyphs of a run of the network.", buckets=SIZES, registry=REGISTRY
)
_QUEUES = Gauge(
    "inkdigits_queue_length",
    "What waits: glyphs for the network, pages for a process.",
    ("queue",),
    multiprocess_mode="livesum",
    registry=REGISTRY,
)
_REJECTED = Counter(
    "inkdigits_rejected",
    "Requests that got a problem for an answer, by its kind.",
    ("kind",),
    registry=REGISTRY,
)
_READINGS = Counter(
    "inkdigits_readings",
    "Digits and numbers that were answered: accepted, or why not.",
    ("network", "reason"),
    registry=REGISTRY,
)
_PROCESSES = Gauge(
    "inkdigits_page_processes_busy",
    "Processes that read a page or document now.",
    multiprocess_mode="livesum",
    registry=REGISTRY,
)
_RESTARTS = Counter(
    "inkdigits_page_process_restarts",
    "Processes started anew after they died or took too long.",
    registry=REGISTRY,
)
_MODELS = Gauge(
    "inkdigits_model_info",
    "The networks that answer; always 1.",
    ("network", "version"),
    multiprocess_mode="max",
    registry=REGISTRY,
)


# ---- what others tell


def observe_batch(glyphs: int, waiting: int = 0) -> None:
    """One run of the network for single digits; what `Batcher` is given as `observe`.

    Args:
        glyphs: that it answered.
        waiting: glyphs that wait for the next one.
    """
    _BATCHES.observe(glyphs)
    _GLYPHS_WAITING.set(waiting)


class Pages(Protocol):
    """What `observe_pages` looks at."""

    @property
    def busy(self) -> int:
        """Processes at work."""

    @property
    def waiting(self) -> int:
        """Jobs that wait."""

    @property
    def restarts(self) -> int:
        """Processes started anew, since the first start."""


class PageFigures:
    """Follows one set of page processes; what `PageProcesses` is given as `observe`."""

    def __init__(self) -> None:
        """Nothing was restarted yet."""
        self._restarts = 0

    def __call__(self, pages: Pages) -> None:
        """Something has changed."""
        _PROCESSES.set(pages.busy)
        _PAGES_WAITING.set(pages.waiting)
        restarts = pages.restarts
        if restarts > self._restarts:
            _RESTARTS.inc(restarts - self._restarts)
            self._restarts = restarts


def count_reading(reason: str | None, network: str = "digit", count: int = 1) -> None:
    """Digits or numbers that were answered.

    Args:
        reason: why they weren't accepted; None when they were.
        network: `digit` or `line`.
        count: how many.
    """
    _READINGS.labels(network, reason or "accepted").inc(count)


def count_rejected(kind: str, count: int = 1) -> None:
    """Requests that got a problem for an answer; `kind` is one of `problems.KINDS`."""
    _rejected(kind).inc(count)


_rejected = cache(_REJECTED.labels)  # finding a child by its label costs more than counting


def show_model(network: str, card: Mapping[str, Any]) -> None:
    """Which network answers: `digit` or `line`, and its card."""
    _MODELS.labels(network, card["sha256"][:12]).set(1)


def forget(pid: int) -> None:
    """A worker that died has nothing under way any more. Called by whoever supervises the workers."""
    if FOLDER in os.environ:
        mark_process_dead(pid)  # type: ignore[no-untyped-call]


_GLYPHS_WAITING, _PAGES_WAITING = _QUEUES.labels("glyphs"), _QUEUES.labels("pages")


# ---- over HTTP


def install(app: Starlette) -> None:
    """Adds `/metrics` to an application. Times are taken by `RequestTimes`, a middleware of its own."""
    app.router.routes.append(Route(PATH, _answer, methods=["GET"], include_in_schema=False))


async def _answer(request: Request) -> Response:
    """The figures of this process, or of all workers, in the format that is asked for."""
    encode, media_type = choose_encoder(request.headers.get("accept", ""))
    body = await run_in_threadpool(encode, _registry())
    return Response(body, media_type=media_type)


def _registry() -> CollectorRegistry:
    if FOLDER not in os.environ:
        return REGISTRY
    everything = CollectorRegistry()
    MultiProcessCollector(everything)  # type: ignore[no-untyped-call]
    return everything


class RequestTimes:
    """Middleware: how long each request took, by route and status."""

    def __init__(self, app: ASGIApp) -> None:
        """Wraps an application."""
        self._app = app
        self._kept: dict[tuple[str, int], Histogram] = {}  # finding a child by its labels takes 1 µs

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Times one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        begin = perf_counter()
        status = 499  # the sender went away; nginx's number, which no answer has

        async def noticed(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        _UNDER_WAY.inc()
        try:
            await self._app(scope, receive, noticed)
        except Exception:
            status = 500
            raise
        finally:
            _UNDER_WAY.dec()
            self._child(scope, status).observe(perf_counter() - begin)

    def _child(self, scope: Scope, status: int) -> Histogram:
        route = getattr(scope.get("route"), "path", NOWHERE)
        child = self._kept.get((route, status))
        if child is None:
            child = self._kept[route, status] = _TIMES.labels(route, status)
        return child
