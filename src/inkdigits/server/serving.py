"""A server process, or several: socket, signals, slow connections. Knows uvicorn; knows no pictures.

One worker serves in this process. Several are started and watched by uvicorn's supervisor, which starts anew
whichever dies; they share one socket, and a folder where each keeps its metrics.
"""

from __future__ import annotations

import asyncio
import logging
import math
import os
import shutil
import signal
import socket
import sys
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from types import FrameType
from typing import TYPE_CHECKING, Any

import httptools
import uvicorn
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol
from uvicorn.supervisors import Multiprocess

from inkdigits.errors import UsageError
from inkdigits.server.problems import Problem
from inkdigits.server.settings import Settings
from inkdigits.server.shedding import STATE, Refusal, Room

if TYPE_CHECKING:
    from starlette.applications import Starlette

    from inkdigits.server.service import Service

METRICS_FOLDER = "PROMETHEUS_MULTIPROC_DIR"  # read as `metrics` is imported: nothing here may before
# Of the one socket. libuv takes one connection from each in a turn of the loop, and a turn has all requests
# that are there: with one door, the last of 64 that connect at once waits for 64 turns, two seconds of work.
DOORS = 32
HEAD_SECONDS = 10  # that the head of a request may take, from its connection or its first byte
HEAD_BYTES = 64 * 2**10  # of a request before its body; nginx takes 32 KB, uvicorn any number
REFUSED_SECONDS = 1  # that a sender has to read why its head was refused
REST_SECONDS = 5  # that a sender has for the rest of a body whose answer is out already
DRAIN_SECONDS = 0.5  # between refusing and closing: whoever asks then is told, and isn't cut off


def serve(settings: Settings) -> None:
    """Serves until SIGTERM or Ctrl-C, then finishes what was begun.

    Raises:
        UsageError: an address that can't be listened at, keys that can't be read.
        InvalidWeights: a network that can't be opened.
    """
    listening = listen(settings.host, settings.port)
    with _metrics_folder(settings.workers):
        app = worker(settings)  # also where others will serve: what is wrong is said here, once
        config = uvicorn.Config(
            app if settings.workers == 1 else partial(worker, settings),
            factory=settings.workers > 1,
            workers=settings.workers,
            http=Connection,
            ws="none",
            log_config=None,
            access_log=False,
            server_header=False,
            root_path=settings.root_path,
            timeout_graceful_shutdown=math.ceil(settings.send_seconds + settings.request_seconds),
        )
        _say_where(listening)
        doors = [listening, *(listening.dup() for _ in range(DOORS - 1))]
        if settings.workers == 1:
            uvicorn.Server(config).run(sockets=doors)
        else:
            del app
            Supervisor(config, sockets=doors).run()


def worker(settings: Settings) -> Starlette:
    """The application of one process, whose log is its standard error; what uvicorn calls in each worker."""
    from inkdigits.server.app import create_app
    from inkdigits.server.logs import configure

    log = logging.getLogger("inkdigits")
    log.handlers.clear()  # those of the command line
    log.setLevel(logging.NOTSET)
    configure(settings.log_level)
    return create_app(settings)


def _say_where(listening: socket.socket) -> None:
    host, port = listening.getsockname()[:2]
    print(f"inkdigits: the page is at {address(host, port)}", file=sys.stderr, flush=True)


# ---- the socket


def listen(host: str, port: int) -> socket.socket:
    """A socket that is bound.

    Raises:
        UsageError: the port is taken, or the address isn't this machine's.
    """
    kind = socket.SOCK_STREAM
    try:
        family, _, protocol, _, place = socket.getaddrinfo(host, port, type=kind, flags=socket.AI_PASSIVE)[0]
        listening = socket.socket(family, kind, protocol)
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.bind(place)
    except (OSError, UnicodeError) as e:
        reason = (getattr(e, "strerror", None) or str(e)).lower()
        told = f"can't listen at {host}, port {port}: {reason}; choose another --port or --host"
        raise UsageError(told) from None
    listening.set_inheritable(True)
    return listening


def address(host: str, port: int) -> str:
    """Where a browser on this machine finds the page."""
    name = {"0.0.0.0": "127.0.0.1", "::": "[::1]"}.get(host, f"[{host}]" if ":" in host else host)
    return f"http://{name}:{port}/"


# ---- several workers


class Supervisor(Multiprocess):
    """uvicorn's, which also forgets the metrics of what a dead worker had under way."""

    def keep_subprocess_alive(self) -> None:
        """Starts anew whichever died or hangs; called twice a second."""
        from inkdigits.server.metrics import forget

        before = {process.pid for process in self.processes}
        super().keep_subprocess_alive()
        for pid in before - {process.pid for process in self.processes}:
            if pid is not None:
                forget(pid)


@contextmanager
def _metrics_folder(workers: int) -> Iterator[None]:
    """Where several workers keep their figures; none for one, which keeps them to itself."""
    if workers == 1 or METRICS_FOLDER in os.environ:
        yield
        return
    folder = tempfile.mkdtemp(prefix="inkdigits-metrics-")
    os.environ[METRICS_FOLDER] = folder
    try:
        yield
    finally:
        del os.environ[METRICS_FOLDER]
        shutil.rmtree(folder, ignore_errors=True)


# ---- stopping


@contextmanager
def announced(service: Service) -> Iterator[None]:
    """Makes SIGTERM and Ctrl-C refuse new requests first; a moment later uvicorn closes, as it would have.

    So readiness is false before the socket is gone, and who keeps a connection open is told on it. A second
    signal closes at once.
    """
    if threading.current_thread() is not threading.main_thread():  # a test's server: nobody signals it
        yield
        return
    loop = asyncio.get_running_loop()
    before = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)}

    def stop(number: int, frame: FrameType | None) -> None:
        close: Any = before[signal.Signals(number)]
        if service.stopping:
            close(number, frame)
        else:
            service.stopping = True
            loop.call_soon_threadsafe(loop.call_later, DRAIN_SECONDS, close, number, None)

    mine = [number for number, handler in before.items() if callable(handler)]
    for number in mine:
        signal.signal(number, stop)
    try:
        yield
    finally:
        for number in mine:
            signal.signal(number, before[number])


# ---- slow connections, and heads without end


class Connection(HttpToolsProtocol):
    """uvicorn's connection, with limits for the bytes and the time of heads, and for what follows a refusal.

    The parser keeps every header, and uvicorn lets it: without a limit, one sender takes gigabytes. How long
    a body may take before its answer is `uploads`' to say.
    """

    _deadline: asyncio.TimerHandle | None = None
    _whole = True  # whether the last request was received to its end
    _in_head = False  # whether a request has begun, and its headers aren't all there
    _no_body = 0  # bytes that came since the last one of a body: a head, or what follows the last chunk
    _refused = False
    _room: Room | None = None
    _refusal: Refusal | None = None  # of requests for which there is no room
    _shedding = False  # whether such a request isn't all there yet
    _shed_at = -math.inf  # when bytes of one came last

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """It is open; the head of a request should follow."""
        super().connection_made(transport)
        self._room = self.app_state.get(STATE)
        self._close_in(HEAD_SECONDS)

    def data_received(self, data: bytes) -> None:
        """Bytes of a request."""
        if self._refused:
            return
        if self._shedding or (self._room and self._room.sheds(data) and self._is_idle()):
            self._shed(data)
            return
        self._no_body += len(data)
        super().data_received(data)
        if self._no_body > HEAD_BYTES and not self._whole and not self.transport.is_closing():
            told = f"headers of more than {HEAD_BYTES // 1024} KB; send fewer or shorter ones"
            self._refuse(Problem("head-too-large", told, limit=HEAD_BYTES))

    def on_message_begin(self) -> None:
        """The first byte of a request."""
        super().on_message_begin()
        self._whole, self._in_head = False, True
        self._close_in(HEAD_SECONDS)

    def on_headers_complete(self) -> None:
        """The head of a request is there."""
        self._go_on()
        self._in_head = False
        super().on_headers_complete()

    def on_body(self, body: bytes) -> None:
        """Bytes of a body."""
        self._no_body = 0
        super().on_body(body)

    def on_message_complete(self) -> None:
        """All of a request is there."""
        self._whole, self._no_body = True, 0
        self._go_on()
        if self._room:
            self._room.expect(self.loop)
        super().on_message_complete()

    def on_response_complete(self) -> None:
        """A request was answered, perhaps before all of it was there."""
        super().on_response_complete()
        if not self._whole and self.cycle.response_complete:
            self._close_in(REST_SECONDS)

    def connection_lost(self, exc: Exception | None) -> None:
        """It is closed."""
        self._go_on()
        super().connection_lost(exc)

    def _is_idle(self) -> bool:
        return self._whole and (self.cycle is None or self.cycle.response_complete)

    def _shed(self, data: bytes) -> None:
        """Refuses a request, or several, without an application having to do with it."""
        self._unset_keepalive_if_required()
        self._shed_at = self.loop.time()
        if self._deadline is None:
            self._close_in(HEAD_SECONDS)
        self._refusal = self._refusal or Refusal()
        try:
            answer, whole, stays = self._refusal.feed(data)
        except httptools.HttpParserError:
            self.send_400_response("Invalid HTTP request received.")
            return
        self._shedding = not whole
        if answer:
            self.transport.write(answer)
        if whole and not stays:
            self.transport.close()

    def _close_in(self, seconds: float) -> None:
        self._go_on()
        self._deadline = self.loop.call_later(seconds, self._too_slow)

    def _too_slow(self) -> None:
        again_in = self._shed_at + HEAD_SECONDS - self.loop.time()
        if again_in > 0 and not self._in_head:  # a timer for each refusal would cost more than to look again
            self._close_in(again_in)
        elif self._in_head:
            told = f"the head wasn't whole after {HEAD_SECONDS} seconds; send it at once"
            self._refuse(Problem("slow-sender", told))
        else:
            self.transport.close()

    def _refuse(self, problem: Problem) -> None:
        """Answers, unless another answer is due first; closes a moment later, so that it can be read."""
        answering = self.cycle is not None and not self.cycle.response_complete
        if not answering or not (self._in_head or self.cycle.response_started):
            self.transport.write(problem.alone())
        if answering:
            self.cycle.disconnected = True
            self.cycle.message_event.set()
        self._refused = True
        self.transport.pause_reading()
        self._in_head = False
        self._close_in(REFUSED_SECONDS)

    def _go_on(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None
