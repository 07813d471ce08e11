"""Errors as answers: RFC 9457 problems, each kind with its own `type`, and pages that explain them.

Knows kinds, not who raises them. Every answer of 400 or more has the media type `application/problem+json`.
"""

from __future__ import annotations

import html
import json
import logging
from collections.abc import Mapping
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any

from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import HTMLResponse, JSONResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from inkdigits.errors import InkdigitsError
from inkdigits.server.metrics import count_rejected
from inkdigits.server.overload import Overloaded, ShuttingDown

log = logging.getLogger(__name__)

MEDIA_TYPE = "application/problem+json"
ROOT = "/problems/"


@dataclass(frozen=True)
class Kind:
    """A kind of problem.

    Attributes:
        name: the end of its `type`, the same for ever.
        status: the HTTP status of its answers.
        title: what it is, the same in every answer.
        meaning: when it comes.
        remedy: what the caller can do.
    """

    name: str
    status: int
    title: str
    meaning: str
    remedy: str

    @property
    def uri(self) -> str:
        """Its `type`: a path of this server, where it is explained."""
        return ROOT + self.name

    def to_dict(self) -> dict[str, Any]:
        """The JSON object that explains it."""
        told = {"title": self.title, "status": self.status}
        return {"type": self.uri, **told, "meaning": self.meaning, "remedy": self.remedy}


_TABLE = (
    (
        *("malformed-body", 400, "The body can't be understood"),
        "It isn't what its Content-Type says: no JSON, no base64, multipart that is cut short.",
        "Compare it with the examples at /openapi.json; let a library write multipart bodies.",
    ),
    (
        *("nothing-sent", 400, "No picture was sent"),
        "The body is empty, or has no file in it.",
        "Send a picture: as the body itself, as a part of multipart/form-data, or as base64 in JSON.",
    ),
    (
        *("unauthorized", 401, "An API key is needed"),
        "The server asks for a key, and the request has none, or one that it doesn't know.",
        "Send the header Authorization: Bearer KEY, or X-API-Key: KEY.",
    ),
    (
        *("not-found", 404, "There is nothing here"),
        "No such path, or no model of that name.",
        "Look at /openapi.json for what there is.",
    ),
    (
        *("method-not-allowed", 405, "Not with this method"),
        "The path exists, but not for this HTTP method.",
        "Use one that the header Allow names.",
    ),
    (
        *("slow-sender", 408, "The body came too slowly"),
        "It wasn't whole within the time that sending may take.",
        "Send less at once, or raise --send-seconds.",
    ),
    (
        *("body-too-large", 413, "The body is too large"),
        "It has more bytes, or more parts, than the server takes. `limit` says how many it does.",
        "Send fewer or smaller pictures, or raise --max-body-mb or --max-files.",
    ),
    (
        *("image-too-large", 413, "The picture is too large"),
        "It has more pixels, or asks for more work, than the server takes. It was not decoded.",
        "Reduce it, or raise --max-pixels.",
    ),
    (
        *("timed-out", 413, "It takes too long"),
        "Reading took longer than a request may take, and was stopped. It would again.",
        "Send fewer pages or fewer pixels at once, or raise --request-seconds.",
    ),
    (
        *("too-many-pages", 413, "The document has too many pages"),
        "It has more pages than the server takes; none of them was read.",
        "Split it, or raise --max-pages.",
    ),
    (
        *("unsupported-media-type", 415, "Not this kind of body"),
        "The Content-Type is none that the server takes, or the server lacks what decodes this kind of file.",
        "Send a picture or PDF with its own Content-Type, multipart/form-data, or application/json.",
    ),
    (
        *("unreadable-image", 422, "The picture can't be read"),
        "What was sent is no picture that can be opened, is cut short or broken.",
        "Send PNG, JPEG, TIFF, WebP, BMP, GIF, PNM, PDF or HEIC, whole.",
    ),
    (
        *("usage", 422, "The options can't be"),
        "An option is unknown, has a value that it can't have, or contradicts another.",
        "Read `detail`, which names the option; the options are described at /openapi.json.",
    ),
    (
        *("head-too-large", 431, "The headers are too large"),
        "The path and the headers of the request have more bytes than the server takes.",
        "Send fewer or shorter headers; options may stand in the body.",
    ),
    (
        *("too-many-requests", 429, "Too many requests"),
        "This client sends more requests a second than the server allows one client.",
        "Wait for as many seconds as Retry-After says, then go on slower.",
    ),
    (
        *("internal", 500, "Something went wrong here"),
        "A mistake of the server's. It has been logged under the id in `instance`.",
        "Report it, with that id. The same request may work again.",
    ),
    (
        *("overloaded", 503, "Too much to do"),
        "More is waiting than can be answered soon, so this request wasn't begun.",
        "Wait for as many seconds as Retry-After says, then send it again.",
    ),
    (
        *("shutting-down", 503, "The server is stopping"),
        "It finishes what it has and takes nothing new.",
        "Send the request again: to another instance, or in as many seconds as Retry-After says.",
    ),
)
KINDS: dict[str, Kind] = {row[0]: Kind(*row) for row in _TABLE}

# what `inkdigits.errors` calls otherwise; kinds of the same name need no line here
_NAMES = {"missing-extra": "unsupported-media-type", "input": "unreadable-image", "invalid-data": "usage"}
_STATUSES = {404: "not-found", 405: "method-not-allowed", 413: "body-too-large", 401: "unauthorized"}
_STATUSES |= {400: "malformed-body", 415: "unsupported-media-type", 422: "usage", 429: "too-many-requests"}
_STATUSES |= {503: "overloaded"}


class Problem(Exception):
    """Raised anywhere below the middlewares, it becomes the answer.

    Attributes:
        kind: what it is.
        detail: one line: what was wrong, with what, what to do.
        headers: of the answer, besides the usual.
        members: further members of the JSON object, such as `limit`.
    """

    def __init__(
        self, kind: str, detail: str, *, headers: Mapping[str, str] | None = None, **members: Any
    ) -> None:
        """A problem; `kind` is a key of `KINDS`."""
        super().__init__(detail)
        self.kind, self.detail = KINDS[kind], detail
        self.headers, self.members = dict(headers or {}), members

    def to_dict(self) -> dict[str, str]:
        """The `error` object of one input among several."""
        return {"type": self.kind.name, "detail": self.detail}

    def response(self, scope: Scope) -> Response:
        """The answer to the request of this scope; an ASGI application."""
        body = {"type": self.kind.uri, "title": self.kind.title, "status": self.kind.status}
        body |= {"detail": self.detail, **self.members}
        if request_id := scope.get("state", {}).get("request_id"):
            body["instance"] = request_id
        headers = {"Cache-Control": "no-store", **self.headers}
        return Response(json.dumps(body).encode(), self.kind.status, headers, MEDIA_TYPE)

    def alone(self, close: bool = True) -> bytes:
        """The whole HTTP answer, where there is no application to send it.

        Args:
            close: whether the connection ends with it.
        """
        body = {"type": self.kind.uri, "title": self.kind.title, "status": self.kind.status}
        content = json.dumps(body | {"detail": self.detail, **self.members}).encode()
        head = f"HTTP/1.1 {self.kind.status} {HTTPStatus(self.kind.status).phrase}\r\n"
        headers = {"content-type": MEDIA_TYPE, "content-length": str(len(content)), **self.headers}
        headers |= {"connection": "close"} if close else {}
        head += "".join(f"{name}: {value}\r\n" for name, value in headers.items())
        return f"{head}\r\n".encode() + content


def later(kind: str, detail: str, seconds: float) -> Problem:
    """A problem that passes: it says in how many seconds to try again, at least 1."""
    return Problem(kind, detail, headers={"Retry-After": str(max(1, round(seconds)))})


def problem_of(error: Exception) -> Problem:
    """What the caller is told of an error; of an unexpected one, nothing but that it happened."""
    if isinstance(error, Problem):
        return error
    if isinstance(error, Overloaded):
        kind = "shutting-down" if isinstance(error, ShuttingDown) else "overloaded"
        return later(kind, str(error), error.retry_after)
    if isinstance(error, InkdigitsError):
        name = _NAMES.get(error.type, error.type)
        if name in KINDS:
            return Problem(name, " ".join(str(error).split()))
    if isinstance(error, HTTPException) and error.status_code in _STATUSES:
        name = _STATUSES[error.status_code]
        return Problem(name, str(error.detail), headers=error.headers)
    return Problem("internal", "a mistake of ours; it has been logged")


class Problems:
    """Middleware, the innermost: what the routes raise becomes a problem; the unexpected is logged."""

    def __init__(self, app: ASGIApp) -> None:
        """Wraps the routes."""
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answers one request."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        begun = False

        async def noticed(message: Message) -> None:
            nonlocal begun
            begun = True
            await send(message)

        try:
            await self.app(scope, receive, noticed)
        except ClientDisconnect:
            return  # nobody is there to be told
        except Exception as error:
            problem = problem_of(error)
            if problem.kind.name == "internal":
                request_id = scope.get("state", {}).get("request_id")
                log.exception("unexpected error", extra={"request_id": request_id})
            count_rejected(problem.kind.name)
            if begun:  # half an answer is out; only closing the connection tells that it isn't whole
                raise
            await problem.response(scope)(scope, receive, send)


async def handle(request: Request, error: Exception) -> Response:
    """Starlette's own exceptions, such as 404 and 405, as problems."""
    return problem_of(error).response(request.scope)


async def explain(request: Request) -> Response:
    """`GET /problems/{kind}`: what a kind means and what to do; JSON, or HTML for who prefers it."""
    name = request.path_params["kind"]
    if name not in KINDS:
        raise Problem("not-found", f"no kind of problem is called {name[:80]!r}")
    kind = KINDS[name]
    if "text/html" in request.headers.get("accept", ""):
        return HTMLResponse(_page(kind), headers={"Content-Security-Policy": "default-src 'none'"})
    return JSONResponse(kind.to_dict())


def _page(kind: Kind) -> str:
    title, meaning, remedy = map(html.escape, (kind.title, kind.meaning, kind.remedy))
    head = '<meta charset="utf-8"><meta name="viewport" content="width=device-width">'
    head += f'<meta name="color-scheme" content="light dark"><title>{title}</title>'
    body = f"<h1>{title}</h1><p>{kind.status} <code>{kind.uri}</code></p><p>{meaning}</p><p>{remedy}</p>"
    return f'<!doctype html><html lang="en"><head>{head}</head><body><main>{body}</main></body></html>'
