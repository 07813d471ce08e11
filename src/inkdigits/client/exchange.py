"""Questions to a server as requests, and again where that may help. Sends nothing: that is the clients' part.

A question is a generator. It yields what is to be sent, takes what that brought, a response or an error, and
returns its answer. So the clients, sync and async, differ in sending and sleeping only.

pictures ─► uploads ─► one request for several ─► (sent, again if need be) ─► results
"""

from __future__ import annotations

import time
from collections.abc import Callable, Generator, Iterable
from dataclasses import dataclass, replace
from itertools import count
from typing import TYPE_CHECKING, Any, Generic, TypeVar

import httpx

from inkdigits.alphabet import LONGEST
from inkdigits.client import answers
from inkdigits.client.answers import Reply
from inkdigits.client.pictures import Upload, batches, upload_of, uploads_of
from inkdigits.errors import InkdigitsError, InputError
from inkdigits.results import Classification, Reading

if TYPE_CHECKING:
    from inkdigits.images import Picture
    from inkdigits.reading import Options

T = TypeVar("T")
Make = Callable[[dict[str, Any], str | None], T]

CONNECT_SECONDS = 5.0
DIGIT_BYTES, PAGE_BYTES = 8 * 2**20, 2**20  # of one request's pictures; so a photo of a page goes alone


@dataclass(frozen=True)
class Sending:
    """One request.

    Attributes:
        method: of HTTP.
        path: below the server's address.
        query: its parameters.
        uploads: the pictures, if any.
        after: seconds to wait before it is sent.
        seconds: that it may take.
    """

    method: str
    path: str
    query: dict[str, str]
    uploads: tuple[Upload, ...] = ()
    after: float = 0.0
    seconds: float = CONNECT_SECONDS

    def arguments(self) -> dict[str, Any]:
        """What httpx's `request` takes."""
        files = [("file", (upload.filename, upload.content)) for upload in self.uploads]
        timeout = httpx.Timeout(self.seconds, connect=min(self.seconds, CONNECT_SECONDS))
        call = {"method": self.method, "url": self.path, "params": self.query, "timeout": timeout}
        return {**call, "files": files} if files else call


@dataclass(frozen=True)
class Answered(Generic[T]):
    """A question's answer."""

    value: T


Question = Generator[Sending, Reply | None, T]


def advance(question: Question[T], reply: Reply | None) -> Sending | Answered[T]:
    """Takes a question a step on, at first with None: to what is sent next, or to its answer."""
    try:
        return question.send(reply)
    except StopIteration as end:
        return Answered(end.value)


@dataclass(frozen=True)
class Exchange:
    """What can be asked of one server.

    Attributes:
        server: its address, for errors.
        timeout: seconds that a request may take with all its retries.
        retries: how often it is sent again at most.
    """

    server: str
    timeout: float
    retries: int

    def classify(self, picture: Picture, name: str | None) -> Question[Classification]:
        """Which digit a picture shows."""
        (answer,) = yield from self._batch(
            "v1/classify", [upload_of(picture, name)], {}, answers.classification
        )
        return _or_raised(answer)

    def classify_many(self, pictures: Iterable[Picture]) -> Question[list[Classification | InkdigitsError]]:
        """Which digit each picture shows."""
        return self._many("v1/classify", pictures, {}, answers.classification, DIGIT_BYTES)

    def read(self, picture: Picture, name: str | None, options: Options) -> Question[list[Reading]]:
        """The pages of a picture or document."""
        (answer,) = yield from self._batch(
            "v1/read", [upload_of(picture, name)], _query(options), answers.pages
        )
        return _or_raised(answer)

    def read_many(
        self, pictures: Iterable[Picture], options: Options
    ) -> Question[list[list[Reading] | InkdigitsError]]:
        """The pages of each."""
        return self._many("v1/read", pictures, _query(options), answers.pages, PAGE_BYTES)

    def read_as(self, picture: Picture, form: str, name: str | None, options: Options) -> Question[str]:
        """What was read, written down in a format."""
        query = {**_query(options), "format": form}
        response = yield from self._answered(Sending("POST", "v1/read", query, (upload_of(picture, name),)))
        return response.text

    def info(self) -> Question[dict[str, Any]]:
        """What the server says of itself."""
        response = yield from self._answered(Sending("GET", "v1/info", {}))
        return answers.understood(self.server, response, answers.information)

    def ready(self) -> Question[bool]:
        """Whether it takes requests; asked once."""
        reply = yield Sending("GET", "v2/health/ready", {}, seconds=min(self.timeout, CONNECT_SECONDS))
        return isinstance(reply, httpx.Response) and reply.is_success

    def _many(
        self, path: str, pictures: Iterable[Picture], query: dict[str, str], make: Make[T], max_bytes: int
    ) -> Question[list[T | InkdigitsError]]:
        """In order; what can't be used has its error in its place, and the others are answered."""
        found: list[T | InkdigitsError] = []
        for batch in batches(uploads_of(pictures), max_bytes):
            sent = [upload for upload in batch if isinstance(upload, Upload)]
            known = iter((yield from self._batch(path, sent, query, make)) if sent else ())
            found += [next(known) if isinstance(upload, Upload) else upload for upload in batch]
        return found

    def _batch(
        self, path: str, uploads: list[Upload], query: dict[str, str], make: Make[T]
    ) -> Question[list[T | InkdigitsError]]:
        """One request: a result or an error for each upload."""
        try:
            response = yield from self._answered(Sending("POST", path, query, tuple(uploads)))
        except InputError as e:
            if len(uploads) > 1:  # then it isn't a picture's fault, but all of them are too large together
                raise
            return [e]
        sources = [upload.source for upload in uploads]
        return answers.understood(self.server, response, answers.results, sources, make)

    def _answered(self, sending: Sending) -> Question[httpx.Response]:
        """Sends a request until it is answered; all of ours change nothing, so they can be repeated.

        Raises:
            InkdigitsError: what was wrong in the end.
        """
        end = time.monotonic() + self.timeout
        for tries in count(1):
            left = end - time.monotonic() - sending.after
            reply = yield replace(sending, seconds=left)
            assert reply is not None
            if isinstance(reply, httpx.Response) and reply.is_success:
                return reply
            wait = answers.wait(reply, tries)
            if wait is None or tries > self.retries or wait >= end - time.monotonic():
                raise answers.error(reply, self.server, self.timeout, tries)
            sending = replace(sending, after=wait)
        raise AssertionError


def _or_raised(answer: T | InkdigitsError) -> T:
    if isinstance(answer, InkdigitsError):
        raise answer
    return answer


def _query(options: Options) -> dict[str, str]:
    """Options as the server takes them: `low` and `high` are one `range`, closed at both ends."""
    known = {name: str(value) for name, value in options.items() if value is not None}
    low, high = known.pop("low", None), known.pop("high", None)
    if low is None and high is None:
        return known
    return {**known, "range": f"{low or 0},{high or 10**LONGEST - 1}"}
