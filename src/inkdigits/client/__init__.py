"""Asks a server that `inkdigits serve` started, from Python. Sends and sleeps; what and when says `exchange`.

    from inkdigits.client import Client

    with Client("http://127.0.0.1:8000") as client:
        answer = client.classify("seven.png")
        answer.digit, answer.confidence, answer.accepted  # 7, 0.998, True

Answers are those of `inkdigits.classify` and `inkdigits.read`, and so are the errors. `AsyncClient` is the
same to be awaited, with asyncio or trio.
"""

from __future__ import annotations

import time
from collections.abc import Iterable
from types import TracebackType
from typing import TYPE_CHECKING, Any, Literal, Self, TypeVar, Unpack

from inkdigits.errors import InkdigitsError, MissingExtra, UsageError

try:
    import anyio.to_thread
    import httpx
except ModuleNotFoundError as e:
    raise MissingExtra(f"this needs {e.name}, not installed here: pip install 'inkdigits[client]'") from None

from inkdigits.client.answers import Reply, ServerProblem, ServerUnreachable
from inkdigits.client.exchange import Answered, Exchange, Question, advance
from inkdigits.results import Classification, Reading

if TYPE_CHECKING:
    from inkdigits.images import Picture
    from inkdigits.reading import Options

__all__ = ["AsyncClient", "Client", "ServerProblem", "ServerUnreachable"]

T = TypeVar("T")
Format = Literal["text", "csv", "hocr", "alto", "page"]

SERVER = "http://127.0.0.1:8000"
TIMEOUT = 90.0  # seconds: more than the minute that a server works on a request
RETRIES = 5  # about six seconds: as long as a server takes to start again
LIMITS = httpx.Limits(
    max_keepalive_connections=20, keepalive_expiry=3
)  # uvicorn ends idle connections at 5 s


class Client:
    """Asks one server; keeps connections open, and may be shared between threads.

    What fails in passing is asked again: no connection, 429, 502, 503 and 504. After as long as the server
    says (`Retry-After`), otherwise after a quarter of a second and then twice as long each time.
    """

    def __init__(
        self,
        base_url: str = SERVER,
        api_key: str | None = None,
        *,
        timeout: float = TIMEOUT,
        retries: int = RETRIES,
        transport: httpx.BaseTransport | None = None,
    ) -> None:
        """Connects at the first question.

        Args:
            base_url: where the server is, with its prefix if it has one.
            api_key: if it asks for one.
            timeout: seconds that a request may take with all its retries.
            retries: how often it is sent again at most; 0 for never.
            transport: httpx's, for certificates, proxies and such; None for the usual one.

        Raises:
            UsageError: no such address, key, time or number can be.
        """
        self._exchange, options = _prepared(base_url, api_key, timeout, retries)
        self._http = httpx.Client(**options, transport=transport)

    def classify(self, picture: Picture, *, name: str | None = None) -> Classification:
        """Which digit a picture shows.

        Args:
            picture: a path, bytes, an open file, an array or a PIL image, as for `inkdigits.classify`.
            name: the answer's `source`, and what errors call it; the path, if there is one.

        Raises:
            UnreadableImage: not a picture, cut short, missing.
            ImageTooLarge: beyond the server's limits.
            ServerProblem: any other answer that is none.
            ServerUnreachable: no connection, or no answer in time.
        """
        return self._ask(self._exchange.classify(picture, name))

    def classify_many(self, pictures: Iterable[Picture]) -> list[Classification | InkdigitsError]:
        """As `classify`, many in order, 32 a request; what can't be used has its error in its place."""
        return self._ask(self._exchange.classify_many(pictures))

    def read(self, picture: Picture, *, name: str | None = None, **options: Unpack[Options]) -> Reading:
        """The numbers in a picture, or on the first page of a document.

        Args:
            picture: as for `classify`; also PDF and HEIC, if the server can.
            name: likewise.
            options: those of `inkdigits.read`; `reading.Wanted` says what each means.

        Raises:
            UsageError: an option that can't be, or options that contradict each other.
            TooManyPages: a document beyond the server's limit.
            InkdigitsError: as `classify`.
        """
        return self.read_pages(picture, name=name, **options)[0]

    def read_pages(
        self, picture: Picture, *, name: str | None = None, **options: Unpack[Options]
    ) -> list[Reading]:
        """As `read`, all pages of a document."""
        return self._ask(self._exchange.read(picture, name, options))

    def read_many(
        self, pictures: Iterable[Picture], **options: Unpack[Options]
    ) -> list[list[Reading] | InkdigitsError]:
        """The pages of each picture or document, in order; what can't be used has its error in its place."""
        return self._ask(self._exchange.read_many(pictures, options))

    def read_as(
        self, picture: Picture, format: Format, *, name: str | None = None, **options: Unpack[Options]
    ) -> str:
        """As `read_pages`, written down: text, CSV, hOCR, ALTO or PAGE."""
        return self._ask(self._exchange.read_as(picture, format, name, options))

    def info(self) -> dict[str, Any]:
        """The server's models, versions and limits."""
        return self._ask(self._exchange.info())

    def ready(self) -> bool:
        """Whether the server takes requests; asked once, and never an error."""
        return self._ask(self._exchange.ready())

    def close(self) -> None:
        """Closes the connections; `with` does, too."""
        self._http.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _ask(self, question: Question[T]) -> T:
        reply: Reply | None = None
        while not isinstance(step := advance(question, reply), Answered):
            time.sleep(step.after)
            try:
                reply = self._http.request(**step.arguments())
            except httpx.RequestError as e:
                reply = e
        return step.value


class AsyncClient:
    """As `Client`, to be awaited; pictures are opened and encoded in threads."""

    def __init__(
        self,
        base_url: str = SERVER,
        api_key: str | None = None,
        *,
        timeout: float = TIMEOUT,
        retries: int = RETRIES,
        transport: httpx.AsyncBaseTransport | None = None,
    ) -> None:
        """As `Client`."""
        self._exchange, options = _prepared(base_url, api_key, timeout, retries)
        self._http = httpx.AsyncClient(**options, transport=transport)

    async def classify(self, picture: Picture, *, name: str | None = None) -> Classification:
        """As `Client.classify`."""
        return await self._ask(self._exchange.classify(picture, name))

    async def classify_many(self, pictures: Iterable[Picture]) -> list[Classification | InkdigitsError]:
        """As `Client.classify_many`."""
        return await self._ask(self._exchange.classify_many(pictures))

    async def read(self, picture: Picture, *, name: str | None = None, **options: Unpack[Options]) -> Reading:
        """As `Client.read`."""
        return (await self.read_pages(picture, name=name, **options))[0]

    async def read_pages(
        self, picture: Picture, *, name: str | None = None, **options: Unpack[Options]
    ) -> list[Reading]:
        """As `Client.read_pages`."""
        return await self._ask(self._exchange.read(picture, name, options))

    async def read_many(
        self, pictures: Iterable[Picture], **options: Unpack[Options]
    ) -> list[list[Reading] | InkdigitsError]:
        """As `Client.read_many`."""
        return await self._ask(self._exchange.read_many(pictures, options))

    async def read_as(
        self, picture: Picture, format: Format, *, name: str | None = None, **options: Unpack[Options]
    ) -> str:
        """As `Client.read_as`."""
        return await self._ask(self._exchange.read_as(picture, format, name, options))

    async def info(self) -> dict[str, Any]:
        """As `Client.info`."""
        return await self._ask(self._exchange.info())

    async def ready(self) -> bool:
        """As `Client.ready`."""
        return await self._ask(self._exchange.ready())

    async def close(self) -> None:
        """Closes the connections; `async with` does, too."""
        await self._http.aclose()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def _ask(self, question: Question[T]) -> T:
        reply: Reply | None = None
        while not isinstance(step := await anyio.to_thread.run_sync(advance, question, reply), Answered):
            await anyio.sleep(step.after)
            try:
                reply = await self._http.request(**step.arguments())
            except httpx.RequestError as e:
                reply = e
        return step.value


def _prepared(
    base_url: str, api_key: str | None, timeout: float, retries: int
) -> tuple[Exchange, dict[str, Any]]:
    """What both clients have in common: the questions, and how httpx is set up.

    Raises:
        UsageError: no such address, key, time or number can be.
    """
    from inkdigits import __version__

    try:
        url = httpx.URL(base_url)
    except (httpx.InvalidURL, TypeError):
        url = httpx.URL()
    if url.scheme not in ("http", "https") or not url.host:
        raise UsageError(f"base_url {base_url!r}: not an address; write it as {SERVER}")
    if api_key is not None and not (api_key.isascii() and api_key.isprintable() and " " not in api_key):
        raise UsageError("api_key: holds spaces, line ends or other characters that no key has; strip them")
    if not timeout > 0 or retries < 0:
        raise UsageError(
            f"timeout {timeout} and retries {retries}: give seconds above 0, and 0 or more retries"
        )
    headers = {"User-Agent": f"inkdigits/{__version__}"}
    headers |= {} if api_key is None else {"Authorization": f"Bearer {api_key}"}
    server = f"{url.scheme}://{url.netloc.decode()}"  # without a password that the address may hold
    return Exchange(server, timeout, retries), {"base_url": url, "headers": headers, "limits": LIMITS}
