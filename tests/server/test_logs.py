"""One line of JSON a request, with an id, and without what was read."""

from __future__ import annotations

import asyncio
import io
import json
import logging
from collections.abc import Iterator
from datetime import datetime
from typing import Any

import httpx
import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from inkdigits.server import logs


async def read(request: Request) -> Response:
    """Answers a body's length, and notes what a route notes."""
    body = await request.body()
    logs.note(request.scope, results=2, reasons={"accepted": 1, "unsure": 1})
    logs.note_content(request.scope, names=["secret.png"], texts=["7795"])
    return Response(str(len(body)))


async def fail(_: Request) -> Response:
    """Fails."""
    raise RuntimeError("broken")


async def live(_: Request) -> Response:
    """Lives."""
    return Response()


async def leave(_: Request) -> Response:
    """Refuses with 503."""
    return Response(status_code=503)


def ask(
    method: str, path: str, log_content: bool = False, content: bytes = b"", sent_id: str | None = None
) -> httpx.Response:
    """One request to an application that logs."""
    routes = [
        Route("/v1/read", read, methods=["POST"]),
        Route("/fail", fail),
        Route("/full", leave),
        Route("/v2/health/live", live),
    ]
    app = logs.RequestLog(Starlette(routes=routes), content=log_content)
    headers = [] if sent_id is None else [(b"X-Request-ID", sent_id.encode())]

    async def main() -> httpx.Response:
        transport = httpx.ASGITransport(app=app, raise_app_exceptions=False)
        async with httpx.AsyncClient(transport=transport, base_url="http://server") as client:
            return await client.request(method, path, content=content, headers=headers)

    return asyncio.run(main())


@pytest.fixture
def written(monkeypatch: pytest.MonkeyPatch) -> Iterator[io.StringIO]:
    """What is logged, while this test configures logging and nobody else's changes."""
    stream, root = io.StringIO(), logging.getLogger()
    before, level = root.handlers[:], root.level
    monkeypatch.setattr("sys.stderr", stream)
    logs.configure("info")
    yield stream
    root.handlers[:], root.level = before, level


def lines(stream: io.StringIO) -> list[dict[str, Any]]:
    """Lines of requests."""
    found = [json.loads(line) for line in stream.getvalue().splitlines()]
    return [line for line in found if "path" in line]


def test_a_request_is_one_line(written: io.StringIO) -> None:
    ask("POST", "/v1/read?length=4", content=b"x" * 100)
    (line,) = lines(written)
    assert datetime.fromisoformat(line.pop("time")).tzinfo is not None
    assert line.pop("ms") >= 0
    assert len(line.pop("request_id")) == 16
    assert line == {
        "level": "info",
        "method": "POST",
        "path": "/v1/read",
        "status": 200,
        "bytes_in": 100,
        "bytes_out": 3,
        "client": "127.0.0.1",
        "results": 2,
        "reasons": {"accepted": 1, "unsure": 1},
    }


def test_nothing_of_what_was_read_is_logged_unless_asked(written: io.StringIO) -> None:
    ask("POST", "/v1/read", content=b"x")
    assert "7795" not in written.getvalue()
    assert "secret" not in written.getvalue()
    ask("POST", "/v1/read", log_content=True, content=b"x")
    assert lines(written)[-1]["texts"] == ["7795"]
    assert lines(written)[-1]["names"] == ["secret.png"]


def test_an_id_of_the_clients_own_is_kept(written: io.StringIO) -> None:
    answer = ask("POST", "/v1/read", sent_id="order-17:b/2")
    assert answer.headers["x-request-id"] == "order-17:b/2"
    assert lines(written)[0]["request_id"] == "order-17:b/2"


@pytest.mark.parametrize("sent", ["", "a b", '"}', "x" * 129, "é", "a\tb", "\x1b[1m"])
def test_an_id_that_isnt_plain_is_replaced(written: io.StringIO, sent: str) -> None:
    answer = ask("POST", "/v1/read", sent_id=sent)
    assert answer.headers["x-request-id"] == lines(written)[0]["request_id"] != sent
    assert len(answer.headers["x-request-id"]) == 16


def test_ids_differ() -> None:
    assert len({ask("POST", "/v1/read").headers["x-request-id"] for _ in range(20)}) == 20


def test_errors_of_ours_are_errors_and_refusals_are_not(written: io.StringIO) -> None:
    ask("GET", "/fail")
    ask("GET", "/full")
    ask("GET", "/nowhere")
    told = [(line["path"], line["status"], line["level"]) for line in lines(written)]
    assert told == [("/fail", 500, "error"), ("/full", 503, "info"), ("/nowhere", 404, "info")]


def test_probes_are_only_logged_for_debugging(written: io.StringIO) -> None:
    ask("GET", "/v2/health/live")
    assert lines(written) == []
    logging.getLogger().setLevel(logging.DEBUG)
    ask("GET", "/v2/health/live")
    assert [line["level"] for line in lines(written)] == ["debug"]


def test_what_else_is_logged_is_json_too(written: io.StringIO) -> None:
    try:
        raise ValueError("of two\nlines")
    except ValueError:
        logging.getLogger("uvicorn.error").exception("it %s", "failed", extra={"request_id": "a1"})
    (text,) = written.getvalue().splitlines()
    line = json.loads(text)
    assert (line["level"], line["logger"], line["message"]) == ("error", "uvicorn.error", "it failed")
    assert line["request_id"] == "a1"
    assert line["exception"].endswith("ValueError: of two\nlines")


def test_a_client_that_goes_away_is_logged_as_such(written: io.StringIO) -> None:
    async def gone(_scope: Any, receive: Any, _send: Any) -> None:
        await receive()

    async def disconnect() -> dict[str, str]:
        return {"type": "http.disconnect"}

    async def nothing(_: Any) -> None:
        return None

    scope = {"type": "http", "method": "POST", "path": "/v1/read", "headers": [], "client": None}
    asyncio.run(logs.RequestLog(gone)(scope, disconnect, nothing))  # type: ignore[arg-type]
    assert lines(written)[0]["status"] == 499
