"""Who is let in: API keys, so many requests a second for each client, so much work at a time.

Knows headers and clocks; knows no pictures. Asked before anything of a body is read, as refusing must cost
next to nothing: under five times the load that can be done, four of five requests end here.

    key? 401 ─► its client's bucket empty? 429 ─► too much under way? 503 ─► routes
"""

from __future__ import annotations

import hashlib
import hmac
import ipaddress
import logging
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from math import ceil
from pathlib import Path
from time import monotonic

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from inkdigits.errors import UsageError
from inkdigits.server.metrics import count_rejected
from inkdigits.server.overload import Overloaded
from inkdigits.server.problems import Problem
from inkdigits.server.settings import Settings
from inkdigits.server.shedding import Room

log = logging.getLogger(__name__)

CLIENTS = 10_000  # whose buckets are kept: 2 MB; of more, those that came longest ago are forgotten
OTHERS = 0o007  # permissions of everybody
BUSY_SECONDS = 1  # after which there is room again: 256 digits take a second
_GUARDED = ("/v1", "/v2")
_OPEN = "/v2/health/"


class Admission:
    """Middleware: lets requests for the API in, or says why not. Page, health and metrics are open to all."""

    def __init__(self, app: ASGIApp, settings: Settings, room: Room | None = None) -> None:
        """Reads the keys.

        Args:
            app: the routes.
            settings: `api_key_file`, `rate`, `burst`, `queue`.
            room: for so many requests; None makes one of its own.

        Raises:
            UsageError: a file of keys that can't be read, or has none.
        """
        self._app = app
        self._keys = None if settings.api_key_file is None else Keys.read(settings.api_key_file)
        self._buckets = Buckets(settings.rate, settings.burst) if settings.rate else None
        self._room = Room(settings.queue) if room is None else room

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answers one request."""
        if scope["type"] != "http" or not _is_guarded(scope):
            await self._app(scope, receive, send)
            return
        problem = self._refusal(scope)
        if problem is not None:
            count_rejected(problem.kind.name)
            if _path(scope).startswith("/v2"):
                problem.members["error"] = problem.detail  # where clients of that protocol look
            await problem.response(scope)(scope, receive, send)
            return
        visit = Visit(self._room, receive)
        try:
            await self._app(scope, visit.receive, send)
        finally:
            visit.leave()

    def _refusal(self, scope: Scope) -> Problem | None:
        """Why a request isn't let in; None when it is."""
        client, unknown = _address(scope), None
        if self._keys is not None:
            key = _presented(scope)
            number = self._keys.number(key) if key else None
            if number is None:
                unknown = _unauthorized(key)
            else:
                client = f"key {number}"
        wait = self._buckets.wait(client) if self._buckets else 0.0  # who guesses keys is held back, too
        if wait:
            return self._too_many(wait)
        return unknown or (_overloaded(self._room) if self._room.is_full else None)

    def _too_many(self, wait: float) -> Problem:
        assert self._buckets is not None
        rate, burst = self._buckets.rate, self._buckets.burst
        headers = {  # as draft-ietf-httpapi-ratelimit-headers-10 has them
            "Retry-After": str(ceil(wait)),
            "RateLimit-Policy": f'"client";q={burst};w={max(1, ceil(burst / rate))}',
            "RateLimit": f'"client";r=0;t={ceil(wait)}',
        }
        detail = f"more than {rate:g} requests a second; wait {wait:.2g} s before the next"
        return Problem("too-many-requests", detail, headers=headers, limit=rate)


def _path(scope: Scope) -> str:
    """Without the prefix that a proxy in front took off."""
    return str(scope["path"]).removeprefix(scope.get("root_path", ""))


def _is_guarded(scope: Scope) -> bool:
    path = _path(scope)
    return path.startswith(_GUARDED) and not path.startswith(_OPEN)


def _address(scope: Scope) -> str:
    """Who asks: an address; of IPv6 the network that one subscriber has."""
    host = scope["client"][0] if scope.get("client") else ""
    if ":" not in host:
        return host
    try:
        return str(ipaddress.ip_network((host.partition("%")[0], 64), strict=False))
    except ValueError:
        return host


# ---- keys


def _presented(scope: Scope) -> bytes | None:
    """The key of a request: `Authorization: Bearer KEY`, else `X-API-Key: KEY`."""
    found = None
    for name, value in scope["headers"]:
        if name == b"authorization" and value[:7].lower() == b"bearer ":
            return bytes(value[7:].strip())
        if name == b"x-api-key":
            found = bytes(value.strip())
    return found


def _unauthorized(key: bytes | None) -> Problem:
    detail = "no API key; send Authorization: Bearer KEY" if not key else "an API key that isn't known here"
    error = ', error="invalid_token"' if key else ""  # RFC 6750, section 3.1: not when none was sent
    return Problem("unauthorized", detail, headers={"WWW-Authenticate": f'Bearer realm="inkdigits"{error}'})


@dataclass(frozen=True)
class Keys:
    """API keys, kept as hashes.

    Attributes:
        hashes: SHA-256 of each.
    """

    hashes: tuple[bytes, ...]

    @classmethod
    def read(cls, path: Path) -> Keys:
        """The keys in a file: one a line; empty lines, and those that begin with `#`, don't count.

        Raises:
            UsageError: it can't be read, or has none.
        """
        try:
            lines = [line.strip() for line in path.read_bytes().splitlines()]
            shared = path.stat().st_mode & OTHERS
        except OSError as e:
            reason = (e.strerror or "can't be read").lower()
            raise UsageError(f"api_key_file {path}: {reason}; write one key a line into it") from None
        if shared:
            log.warning("%s can be read by every user of this machine; chmod 600 it", path)
        keys = [line for line in lines if line and not line.startswith(b"#")]
        if not keys:
            raise UsageError(f"api_key_file {path}: no key in it, so nobody could get in; write one a line")
        return cls(tuple(hashlib.sha256(key).digest() for key in keys))

    def number(self, key: bytes) -> int | None:
        """Which key this is; None when it is none.

        Hashes are compared, all of them and each in constant time, so that the time tells neither how much of
        a key was guessed nor which one it was.
        """
        digest, found = hashlib.sha256(key).digest(), None
        for number, known in enumerate(self.hashes):
            if hmac.compare_digest(digest, known):
                found = number
        return found


# ---- rates


class Buckets:
    """A token bucket for each client: `rate` tokens a second flow in, `burst` fit, a request takes one."""

    def __init__(
        self, rate: float, burst: int, most: int = CLIENTS, clock: Callable[[], float] = monotonic
    ) -> None:
        """All are full.

        Args:
            rate: requests a second.
            burst: requests at once.
            most: clients that are kept; who comes after being forgotten has a full bucket.
            clock: seconds.
        """
        self.rate, self.burst = rate, burst
        self._most, self._clock = most, clock
        self._kept: OrderedDict[str, tuple[float, float]] = (
            OrderedDict()
        )  # tokens, and when there were so many

    def wait(self, client: str) -> float:
        """Takes a token: 0; or the seconds until there is one, none taken."""
        now = self._clock()
        tokens, since = self._kept.get(client, (float(self.burst), now))
        tokens = min(self.burst, tokens + (now - since) * self.rate)
        wait = 0.0 if tokens >= 1 else (1 - tokens) / self.rate
        self._kept[client] = (tokens if wait else tokens - 1, now)
        self._kept.move_to_end(client)
        if len(self._kept) > self._most:
            self._kept.popitem(last=False)
        return wait


# ---- room


class Visit:
    """One request's place in the room."""

    __slots__ = ("_receive", "_room", "_taken")

    def __init__(self, room: Room, receive: Receive) -> None:
        """It has none yet; `receive` is where its body comes from."""
        self._room, self._receive, self._taken = room, receive, False

    async def receive(self) -> Message:
        """The next part of the body. With the last one, the request takes its place.

        Raises:
            Overloaded: there is none any more.
        """
        message = await self._receive()
        if not self._taken and message["type"] == "http.request" and not message.get("more_body", False):
            if self._room.is_full:
                count_rejected("overloaded")
                raise Overloaded(_FULL.format(self._room.taken), BUSY_SECONDS)
            self._room.taken += 1
            self._taken = True
        return message

    def leave(self) -> None:
        """The request is answered."""
        self._room.taken -= self._taken
        self._taken = False


_FULL = "{} requests are being answered; try again shortly"


def _overloaded(room: Room) -> Problem:
    headers = {"Retry-After": str(BUSY_SECONDS)}
    return Problem("overloaded", _FULL.format(room.taken), headers=headers)
