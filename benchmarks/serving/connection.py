"""HTTP/1.1 connections that cost little: a request is ready bytes, an answer its status and its bytes.

For generators in Python, whose own work must not be what limits a server: an exchange takes about 40 µs.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from time import perf_counter

from serving.servers import HOST


class Lost(Exception):
    """The connection was closed before the answer was there."""


@dataclass(frozen=True)
class Answer:
    """One answer.

    Attributes:
        status: of HTTP.
        head: its headers, as they came.
        body: its bytes.
        at: when it was whole, in `perf_counter`'s seconds.
    """

    status: int
    head: bytes
    body: bytes
    at: float


class Connection(asyncio.Protocol):
    """One connection; one request at a time."""

    def __init__(self) -> None:
        """Not open yet; see `opened`."""
        self._transport: asyncio.Transport | None = None
        self._answer: asyncio.Future[Answer] | None = None
        self._received = b""
        self._whole = -1  # bytes of the answer, once its head is there
        self.closed = False

    def ask(self, request: bytes) -> asyncio.Future[Answer]:
        """Sends a request.

        Returns:
            Its answer, or `Lost`.
        """
        assert self._answer is None, "one request at a time"
        self._answer = asyncio.get_running_loop().create_future()
        if self.closed or self._transport is None:
            self._answer.set_exception(Lost("it was closed already"))
            return self._ended()
        self._transport.write(request)
        return self._answer

    def close(self) -> None:
        """Closes it at once; nobody waits for an answer any more."""
        self.closed, self._answer = True, None
        if self._transport is not None:
            self._transport.abort()

    def _ended(self) -> asyncio.Future[Answer]:
        answer, self._answer = self._answer, None
        assert answer is not None
        return answer

    # ---- what the event loop calls

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """It is open."""
        self._transport = transport  # type: ignore[assignment]

    def data_received(self, data: bytes) -> None:
        """More of the answer."""
        self._received = self._received + data if self._received else data
        if self._whole < 0:
            end = self._received.find(b"\r\n\r\n") + 4
            if end < 4:
                return
            self._whole = end + _length(self._received[:end])
        if len(self._received) >= self._whole and self._answer is not None:
            whole, self._received, self._whole = self._received, b"", -1
            head, _, body = whole.partition(b"\r\n\r\n")
            answer = self._ended()
            if not answer.done():
                answer.set_result(Answer(int(head[9:12]), head, body, perf_counter()))

    def connection_lost(self, exc: Exception | None) -> None:
        """It is closed."""
        self.closed = True
        if self._answer is not None:
            answer = self._ended()
            if not answer.done():
                answer.set_exception(Lost(str(exc or "closed by the server")))


def _length(head: bytes) -> int:
    head = head.lower()
    at = head.find(b"\r\ncontent-length:")
    return int(head[at + 17 : head.find(b"\r\n", at + 17)]) if at >= 0 else 0


async def opened(port: int) -> Connection:
    """A new connection.

    Raises:
        OSError: nobody takes it.
    """
    return (await asyncio.get_running_loop().create_connection(Connection, HOST, port))[1]
