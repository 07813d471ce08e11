"""Heads without end, and whatever else comes that is no body: refused before they fill the memory."""

from __future__ import annotations

import json
import socket
from collections.abc import Iterator

import pytest

HEAD = b"POST /v1/classify HTTP/1.1\r\nHost: x\r\nContent-Type: image/png\r\n"
LINES = b"".join(b"X-%d: %b\r\n" % (number, b"y" * 1_000) for number in range(1_000))


def flood(url: str, *pieces: bytes, most: int = 50) -> tuple[int, dict[str, object]]:
    """Sends pieces, the last one again and again until the other end has enough; its answer."""
    host, _, port = url.removeprefix("http://").rpartition(":")
    with socket.create_connection((host, int(port)), 60) as connection:
        connection.settimeout(60)
        for piece in (*pieces[:-1], *[pieces[-1]] * most):
            try:
                connection.sendall(piece)
            except OSError:
                break
        return answer(connection)


def answer(connection: socket.socket) -> tuple[int, dict[str, object]]:
    """Status and problem."""
    head, _, body = b"".join(received(connection)).partition(b"\r\n\r\n")
    assert b"content-type: application/problem+json" in head
    assert b"connection: close" in head
    return int(head.split()[1]), json.loads(body)


def received(connection: socket.socket) -> Iterator[bytes]:
    """All that comes until the other end closes."""
    while True:
        try:
            data = connection.recv(65536)
        except ConnectionResetError:
            return
        if not data:
            return
        yield data


@pytest.mark.parametrize(
    "pieces",
    [
        (HEAD, LINES),
        (HEAD + b"X: ", b"y" * 10**6),
        (b"POST /v1/classify?", b"y" * 10**6),
        (HEAD + b"Transfer-Encoding: chunked\r\n\r\n1\r\nx\r\n0\r\n", LINES),
    ],
    ids=["lines", "one line", "path", "trailers"],
)
def test_heads_without_end(server, pieces: tuple[bytes, ...]):
    """50 MB are on offer; the server takes little of them, says why, and closes."""
    status, told = flood(server.url, *pieces)
    assert status == 431
    assert told["type"] == "/problems/head-too-large"
    assert told["limit"] == 65536


def test_large_heads_that_fit(server):
    """50 KB of headers are no reason to refuse."""
    host, _, port = server.url.removeprefix("http://").rpartition(":")
    with socket.create_connection((host, int(port)), 60) as connection:
        connection.sendall(HEAD + LINES[:50_000].rpartition(b"\r\n")[0] + b"\r\nContent-Length: 1\r\n\r\nx")
        assert connection.recv(65536).startswith(b"HTTP/1.1 422")
