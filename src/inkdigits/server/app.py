"""The ASGI application: opens what answers, wires routes and middlewares, serves the page."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from fastapi import FastAPI
from starlette.exceptions import HTTPException
from starlette.routing import Route
from starlette.staticfiles import StaticFiles
from starlette.types import Message, Receive, Scope, Send

import inkdigits
from inkdigits.reader import Reader
from inkdigits.server import v1
from inkdigits.server.batching import Batcher
from inkdigits.server.problems import Problems, explain, handle
from inkdigits.server.service import Service
from inkdigits.server.settings import Settings

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


def create_app(settings: Settings, reader: Reader | None = None) -> FastAPI:
    """The server as an ASGI application.

    Args:
        settings: limits, weights, keys.
        reader: the networks; None opens those that the settings name.

    Raises:
        InvalidWeights: a network that can't be opened.
    """
    if reader is None:
        reader = Reader.load(settings.weights, line_weights=settings.line_weights)
    service = Service(settings, reader, Batcher(reader.model, queue=settings.queue))

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        service.open()
        try:
            yield
        finally:
            await service.close()

    app = FastAPI(
        title="inkdigits",
        version=inkdigits.__version__,
        lifespan=lifespan,
        docs_url=None,  # its scripts would come from elsewhere
        redoc_url=None,
        root_path=settings.root_path,
        redirect_slashes=False,
        exception_handlers={HTTPException: handle},
    )
    app.state.service = service
    app.router.routes += v1.routes(service)
    app.router.routes.append(Route("/problems/{kind}", explain, methods=["GET"]))
    app.router.default = Page(STATIC)  # after all routes, and after asking whether one takes another method
    app.add_middleware(Problems)
    return app


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
