"""Errors as answers: each kind has its type, status and page; nothing of ours leaks."""

from __future__ import annotations

import httpx
import pytest
from starlette.applications import Starlette
from starlette.requests import ClientDisconnect
from starlette.routing import Route

from inkdigits import errors
from inkdigits.server.overload import Overloaded, ShuttingDown
from inkdigits.server.problems import KINDS, Problem, Problems, explain, later, problem_of


def asked(error: Exception) -> httpx.Response:
    """The answer of a route that raises this."""

    async def route(_: object) -> None:
        raise error

    app = Starlette(routes=[Route("/", route), Route("/problems/{kind}", explain)])
    app.add_middleware(Problems)
    transport = httpx.ASGITransport(app)

    async def ask() -> httpx.Response:
        async with httpx.AsyncClient(transport=transport, base_url="http://x") as client:
            return await client.get("/")

    import asyncio

    return asyncio.run(ask())


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (errors.UsageError("length 0"), "usage"),
        (errors.UnreadableImage("a.png: no"), "unreadable-image"),
        (errors.ImageTooLarge("a.png: large"), "image-too-large"),
        (errors.TooManyPages("a.pdf: 99 pages"), "too-many-pages"),
        (errors.MissingExtra("a.pdf: reading PDF needs pypdfium2"), "unsupported-media-type"),
        (errors.InvalidData("glyphs"), "usage"),
        (Overloaded("full", 3), "overloaded"),
        (ShuttingDown("stopping"), "shutting-down"),
        (Problem("timed-out", "60 s"), "timed-out"),
        (later("too-many-requests", "slower", 0.1), "too-many-requests"),
        (errors.DataUnavailable("no MNIST"), "internal"),
        (KeyError("secret"), "internal"),
    ],
)
def test_errors_become_problems(error: Exception, kind: str):
    """RFC 9457: type, title, status, detail; the media type of problems."""
    answer = asked(error)
    told = answer.json()
    assert answer.headers["content-type"] == "application/problem+json"
    assert told["type"] == f"/problems/{kind}"
    assert told["status"] == answer.status_code == KINDS[kind].status
    assert told["title"] == KINDS[kind].title
    if kind == "internal":
        assert "secret" not in answer.text
        assert "MNIST" not in answer.text
    else:
        assert told["detail"] == str(error)


def test_waiting_has_its_header():
    """At least one second, as the header has whole ones."""
    assert asked(Overloaded("full", 2.6)).headers["retry-after"] == "3"
    assert asked(later("shutting-down", "stopping", 0.01)).headers["retry-after"] == "1"


def test_unexpected_errors_are_logged(caplog):
    """With a traceback, for us alone."""
    asked(ZeroDivisionError("ours"))
    assert caplog.records[-1].exc_info
    assert caplog.records[-1].exc_info[0] is ZeroDivisionError


def test_nobody_is_answered_who_went_away(caplog):
    """And it is no error of ours."""
    with pytest.raises(AssertionError):  # httpx's transport asserts that there is an answer
        asked(ClientDisconnect())
    assert not caplog.records


def test_members_go_into_the_object():
    """Such as the limit that was passed."""
    assert asked(Problem("body-too-large", "too large", limit=5)).json()["limit"] == 5


def test_problem_of_keeps_problems():
    """A problem is what it is."""
    problem = Problem("usage", "no")
    assert problem_of(problem) is problem


def test_each_kind_is_explained(client: httpx.Client):
    """At its type: JSON for programs, a page for people."""
    for kind in KINDS.values():
        told = client.get(kind.uri).json()
        assert told["type"] == kind.uri
        assert told["meaning"] == kind.meaning
    page = client.get("/problems/usage", headers={"Accept": "text/html,*/*"})
    assert page.headers["content-type"].startswith("text/html")
    assert KINDS["usage"].remedy.split()[0] in page.text
    assert page.headers["content-security-policy"] == "default-src 'none'"
    assert client.get("/problems/nothing-such").status_code == 404


def test_missing_paths_and_methods_are_problems(client: httpx.Client):
    """Also those that Starlette finds out."""
    missing = client.get("/nothing/here")
    assert (missing.status_code, missing.json()["type"]) == (404, "/problems/not-found")
    wrong = client.get("/v1/classify")
    assert (wrong.status_code, wrong.json()["type"]) == (405, "/problems/method-not-allowed")
    assert wrong.headers["allow"] == "POST"
    assert client.delete("/").json()["type"] == "/problems/method-not-allowed"
    assert missing.json()["instance"] == missing.headers["x-request-id"]
