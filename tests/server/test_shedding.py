"""Requests for which there is no room: refused at once, and the connection goes on."""

from __future__ import annotations

import asyncio
import json

import httptools
import pytest

from inkdigits.server.shedding import Refusal, Room

BODY = b"x" * 1000
REQUEST = b"POST /v1/classify HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\n" + BODY


def test_answer_is_a_problem_that_passes():
    """503, problem+json, Retry-After, and no end of the connection."""
    answer, whole, stays = Refusal().feed(REQUEST)
    head, _, body = answer.partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 503 ")
    assert b"Retry-After: 1" in head
    assert b"application/problem+json" in head
    assert json.loads(body)["type"] == "/problems/overloaded"
    assert f"content-length: {len(body)}".encode() in head
    assert (whole, stays) == (True, True)


def test_requests_in_pieces_and_several_at_once():
    """Each gets its answer when it is all there."""
    refusal = Refusal()
    assert refusal.feed(REQUEST[:700]) == (b"", False, True)
    answer, whole, _ = refusal.feed(REQUEST[700:] + REQUEST)
    assert answer.count(b"HTTP/1.1 503 ") == 2
    assert whole
    chunked = b"POST /v1/read HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n"
    assert refusal.feed(chunked) == (b"", False, True)
    assert refusal.feed(b"0\r\n\r\n")[0].startswith(b"HTTP/1.1 503 ")


def test_who_wants_to_close():
    """Connection: close is kept to."""
    asked = REQUEST.replace(b"Host: x", b"Host: x\r\nConnection: close")
    assert Refusal().feed(asked)[2] is False


def test_not_http():
    """The parser says so."""
    with pytest.raises(httptools.HttpParserError):
        Refusal().feed(b"POST /v1 nonsense\r\n\r\n")


def test_what_is_refused():
    """Work, while all room is taken; not who only asks how it is, nor who asks before sending."""
    room = Room(2, taken=2)
    assert room.sheds(REQUEST)
    assert room.sheds(REQUEST.replace(b"v1", b"v2"))
    assert not room.sheds(b"GET /v1/info HTTP/1.1\r\n\r\n")
    assert not room.sheds(b"GET /v2/health/ready HTTP/1.1\r\n\r\n")
    assert not room.sheds(REQUEST.replace(b"Host: x", b"Expect: 100-continue"))
    room.taken = 1
    assert not room.sheds(REQUEST)


def test_requests_of_one_turn_count():
    """A thousand that are found at the same time don't all get in, though none has its place yet."""

    async def turn() -> list[bool]:
        room, loop = Room(2), asyncio.get_running_loop()
        full = []
        for _ in range(3):
            full.append(room.sheds(REQUEST))
            room.expect(loop)
        await asyncio.sleep(0)
        return [*full, room.sheds(REQUEST)]

    assert asyncio.run(turn()) == [False, False, True, False]
