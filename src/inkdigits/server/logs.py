"""One line of JSON for each request, and for whatever else is logged. Knows no pictures and no digits.

What was read, and what files are called, is only in a line when the server was told to log content
(`note_content`). Every request has an id: the client's own X-Request-ID if it is a plain one, else a new one;
the answer carries it, and `scope["state"]["request_id"]` has it.
"""

from __future__ import annotations

import json
import logging
import os
import re
import sys
from datetime import UTC, datetime
from time import perf_counter
from typing import Any

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from inkdigits.server.metrics import PATH as METRICS

requests = logging.getLogger("inkdigits.requests")

_PLAIN = re.compile(rb"[A-Za-z0-9._:+/=-]{1,128}")  # no space, quote or control character can be in a line
_PROBES = ("/v2/health/", METRICS)  # asked every few seconds by machines: logged as debug
_encode = json.JSONEncoder(separators=(",", ":"), default=str).encode
GONE = 499  # status of a request whose sender went away; nginx's number, which no answer has


class JsonFormatter(logging.Formatter):
    """A record as one line of JSON; what was given as `extra={"fields": {…}}` stands beside the message."""

    def format(self, record: logging.LogRecord) -> str:
        """The line, ASCII only: nothing in it can break a terminal or an encoding."""
        time = datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds")
        line: dict[str, Any] = {"time": time.replace("+00:00", "Z"), "level": record.levelname.lower()}
        if record.name != requests.name:
            line |= {"logger": record.name, "message": record.getMessage()}
        line |= getattr(record, "fields", {})
        if "request_id" not in line and (request_id := getattr(record, "request_id", None)):
            line["request_id"] = request_id
        if record.exc_info:
            line["exception"] = self.formatException(record.exc_info)
        return _encode(line)


def configure(level: str) -> None:
    """Everything that is logged in this process goes to stderr as JSON.

    Args:
        level: the least that is logged: debug, info, warning or error.
    """
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(JsonFormatter())
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level.upper())
    for name in ("uvicorn", "uvicorn.error"):
        logging.getLogger(name).handlers.clear()
        logging.getLogger(name).propagate = True


def note(scope: Scope, **facts: Any) -> None:
    """Adds facts to a request's line: counts and reasons, nothing of what was read."""
    scope["state"].setdefault("log", {}).update(facts)


def note_content(scope: Scope, **facts: Any) -> None:
    """Adds names of files and what was read; they are dropped unless content is logged."""
    if scope["state"].get("log_content"):
        note(scope, **facts)


class RequestLog:
    """Middleware, the outermost: gives a request its id, and logs it when it is answered."""

    def __init__(self, app: ASGIApp, content: bool = False) -> None:
        """Wraps an application.

        Args:
            app: that answers.
            content: whether `note_content` has an effect.
        """
        self._app, self._content = app, content

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answers one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        exchange = _Exchange(scope, receive, send)
        state = scope.setdefault("state", {})
        state["request_id"], state["log_content"] = exchange.request_id, self._content
        try:
            await self._app(scope, exchange.receive, exchange.send)
        except Exception:
            exchange.status = 500
            raise
        finally:
            exchange.log()


class _Exchange:
    """What goes in and out of one request."""

    __slots__ = ("_begin", "_receive", "_scope", "_send", "came", "request_id", "status", "went")

    def __init__(self, scope: Scope, receive: Receive, send: Send) -> None:
        self._begin = perf_counter()
        self._scope, self._receive, self._send = scope, receive, send
        self.request_id = _request_id(scope)
        self.status, self.came, self.went = GONE, 0, 0

    async def receive(self) -> Message:
        message = await self._receive()
        self.came += len(message.get("body", b""))
        return message

    async def send(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.status = message["status"]
            headers = [*message.get("headers", ()), (b"x-request-id", self.request_id.encode())]
            message = {**message, "headers": headers}
        else:
            self.went += len(message.get("body", b""))
        await self._send(message)

    def log(self) -> None:
        """One line: errors of ours as such, what probes ask for as debug."""
        scope, level = self._scope, logging.INFO
        if self.status >= 500 and self.status != 503:
            level = logging.ERROR
        elif scope["path"].startswith(_PROBES):
            level = logging.DEBUG
        if not requests.isEnabledFor(level):
            return
        client = scope.get("client")
        fields = {
            "request_id": self.request_id,
            "method": scope["method"],
            "path": scope["path"],
            "status": self.status,
            "ms": round(1000 * (perf_counter() - self._begin), 2),
            "bytes_in": self.came,
            "bytes_out": self.went,
            "client": client[0] if client else None,
            **scope["state"].get("log", {}),
        }
        requests.log(level, "request", extra={"fields": fields})


def _request_id(scope: Scope) -> str:
    for name, value in scope["headers"]:
        if name == b"x-request-id" and _PLAIN.fullmatch(value):
            return str(value, "ascii")
    return os.urandom(8).hex()
