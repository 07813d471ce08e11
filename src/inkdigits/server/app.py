"""The ASGI application: opens what answers, wires routes and middlewares, serves the page.

It is Starlette itself and not FastAPI, which adds to it what routes of ready bytes don't use.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware.cors import CORSMiddleware
from starlette.routing import BaseRoute, Route
from starlette.staticfiles import StaticFiles
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from inkdigits.reader import Reader
from inkdigits.server import inference, metrics, openapi, v1
from inkdigits.server.admission import Admission
from inkdigits.server.logs import RequestLog
from inkdigits.server.problems import Problem, Problems, explain, handle
from inkdigits.server.service import Service
from inkdigits.server.serving import announced
from inkdigits.server.settings import Settings
from inkdigits.server.shedding import STATE, Room
from inkdigits.server.uploads import Receiver

STATIC = Path(__file__).with_name("static")
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob: data:; "
    "connect-src 'self'; form-action 'none'; base-uri 'none'; frame-ancestors 'none'"
)
PAGE_HEADERS = (
    (b"content-security-policy", POLICY.encode()),
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"no-referrer"),
    (b"cache-control", b"no-cache"),  # kept, but asked for by its ETag: a new version shows at once
)


def create_app(settings: Settings, reader: Reader | None = None) -> Starlette:
    """The server as an ASGI application.

    Args:
        settings: limits, weights, keys.
        reader: the networks; None opens those that the settings name.

    Raises:
        InvalidWeights: a network that can't be opened.
        UsageError: keys that can't be read.
    """
    if reader is None:
        reader = Reader.load(settings.weights, line_weights=settings.line_weights)
    service = Service(settings, reader)
    app = Starlette(
        routes=_routes(service), lifespan=_lifespan(service), exception_handlers={HTTPException: handle}
    )
    app.state.service = service
    app.router.redirect_slashes = False
    app.router.default = Page(STATIC)  # after all routes, and after asking whether one takes another method
    if settings.metrics:
        metrics.install(app)
        metrics.show_model("digit", reader.model.card)
        metrics.show_model("line", reader.numbers.model.card)
    _wrap(app, service)
    app.middleware_stack = (
        app.build_middleware_stack()
    )  # now, so that keys that can't be read are said at once
    return app


def _lifespan(service: Service) -> Callable[[Starlette], AbstractAsyncContextManager[dict[str, Room]]]:
    @asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[dict[str, Room]]:
        service.open()
        try:
            with announced(service):
                yield {STATE: service.room}
        finally:
            await service.close()

    return lifespan


def _routes(service: Service) -> list[BaseRoute]:
    settings = service.settings
    receiver = Receiver(settings.max_body_bytes, settings.max_files, settings.send_seconds)
    return [
        *v1.routes(service, receiver),
        *inference.routes(
            service.reader,
            service.batcher,
            receiver,
            seconds=settings.request_seconds,
            max_bytes=settings.max_body_bytes,
            ready=lambda: service.ready,
        ),
        openapi.route(settings),
        Route("/problems/{kind}", explain, methods=["GET"]),
    ]


def _wrap(app: Starlette, service: Service) -> None:
    """The middlewares; each one added lies around those before it."""
    settings = service.settings
    app.add_middleware(Refusing, service=service)
    app.add_middleware(Problems)
    app.add_middleware(Admission, settings=settings, room=service.room)
    if settings.cors_origins:
        exposed = ("Retry-After", "X-Request-ID")
        app.add_middleware(
            CORSMiddleware,
            allow_origins=settings.cors_origins,
            allow_methods=("GET", "POST"),
            allow_headers=("Authorization", "Content-Type", "X-API-Key", "X-Request-ID"),
            expose_headers=exposed,
        )
    if settings.metrics:
        app.add_middleware(metrics.RequestTimes)
    app.add_middleware(RequestLog, content=settings.log_content)


class Refusing:
    """Middleware: refuses new work while the server stops. What only asks how it is, is answered."""

    def __init__(self, app: ASGIApp, service: Service) -> None:
        """Wraps the routes."""
        self._app, self._service = app, service

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answers one request."""
        if self._service.stopping and scope["type"] == "http" and scope["method"] == "POST":
            told = "the server is stopping and takes nothing new"
            raise Problem("shutting-down", told, headers={"Retry-After": "1", "Connection": "close"})
        await self._app(scope, receive, send)


class Page:
    """The web page: files with a strict Content-Security-Policy, and ETags so that they are sent once."""

    def __init__(self, folder: Path) -> None:
        """Serves the files of a folder; `index.html` at `/`."""
        self._files = StaticFiles(directory=folder, html=True)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answers one request."""
        if scope["type"] != "http":
            raise HTTPException(404)

        async def with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                message = {**message, "headers": [*message["headers"], *PAGE_HEADERS]}
            await send(message)

        await self._files(scope, receive, with_headers)
