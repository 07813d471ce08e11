"""What comes back, to results, to errors, and to how long to wait. Knows no questions."""

from __future__ import annotations

import random
import re
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any, TypeVar

import httpx

from inkdigits.errors import ImageTooLarge, InkdigitsError, TooManyPages, UnreadableImage, UsageError
from inkdigits.results import Classification, Reading

T = TypeVar("T")

Reply = httpx.Response | httpx.RequestError
"""What sending a request brings."""

FIRST_WAIT, LONGEST_WAIT = 0.25, 8.0  # seconds; doubled from try to try
PASSING_STATUS = (429, 502, 503, 504)
PASSING_TROUBLE = (httpx.NetworkError, httpx.RemoteProtocolError, httpx.ConnectTimeout)
ERRORS: dict[str, type[InkdigitsError]] = {
    **{error.type: error for error in (UsageError, UnreadableImage, ImageTooLarge, TooManyPages)},
    "body-too-large": ImageTooLarge,
    "unsupported-media-type": UnreadableImage,
}


class ServerUnreachable(InkdigitsError):
    """No connection, or no answer in time."""

    type = "server-unreachable"


class ServerProblem(InkdigitsError):
    """The server answered with a problem for which `inkdigits.errors` has no class, or isn't inkdigits.

    Attributes:
        type: the problem's name, as in `/problems/NAME`; `about:blank` where the answer names none.
        title: its kind, in words.
        status: of HTTP; 200 for one picture among several.
        detail: what was wrong.
        request_id: under which the server's log has it, or None.
        retry_after: seconds, if the server said when to come again.
    """

    def __init__(
        self,
        type: str,
        title: str,
        status: int,
        detail: str,
        request_id: str | None = None,
        retry_after: float | None = None,
    ) -> None:
        """Puts it together; the arguments are the attributes."""
        super().__init__(type, title, status, detail, request_id, retry_after)  # all of them, for pickle
        self.type, self.title, self.status, self.detail = type, title, status, detail
        self.request_id, self.retry_after = request_id, retry_after

    def __str__(self) -> str:
        request = f", request {self.request_id}" if self.request_id else ""
        return f"{self.detail} ({self.status} {self.title}{request})"


# ---- results


def classification(item: dict[str, Any], source: str | None) -> Classification:
    """What digit a picture shows."""
    return Classification.from_dict({**item, "source": source})


def pages(item: dict[str, Any], source: str | None) -> list[Reading]:
    """What was read on each page."""
    first, *others = item["pages"]  # there is one at least
    return [Reading.from_dict({**page, "source": source}) for page in (first, *others)]


def information(response: httpx.Response) -> dict[str, Any]:
    """What a server says of itself."""
    return dict(response.json().items())


def results(
    response: httpx.Response, sources: list[str | None], make: Callable[[dict[str, Any], str | None], T]
) -> list[T | InkdigitsError]:
    """A result for each picture; an error in the place of one that couldn't be used."""
    items = zip(response.json()["results"], sources, strict=True)
    return [_failure(response, item) if "error" in item else make(item, source) for item, source in items]


def understood(server: str, response: httpx.Response, make: Callable[..., T], *given: Any) -> T:
    """What `make` makes of a response.

    Raises:
        ServerProblem: it isn't what inkdigits answers.
    """
    try:
        return make(response, *given)
    except (KeyError, TypeError, ValueError, AttributeError):
        detail = f"{server}: answers, but not as inkdigits does; is this its address?"
        raise ServerProblem("about:blank", _words(response), response.status_code, detail) from None


# ---- errors


def error(reply: Reply, server: str, timeout: float, tries: int) -> InkdigitsError:
    """What a reply that is no answer means, in one line."""
    if isinstance(reply, httpx.Response):
        known = _members(reply)
        detail = str(known.get("detail") or f"{server}: answers that it can't")
        return _named(reply, _name(known), str(known.get("title") or _words(reply)), detail)
    if isinstance(reply, httpx.TimeoutException) and not isinstance(reply, httpx.ConnectTimeout):
        return ServerUnreachable(f"{server}: no answer within {timeout:g} s; send less, or wait longer")
    reason = " ".join(str(reply).split()) or type(reply).__name__
    tried = f", tried {tries} times" if tries > 1 else ""
    return ServerUnreachable(
        f"{server}: can't be reached ({reason}{tried}); does `inkdigits serve` run there?"
    )


def _failure(response: httpx.Response, item: dict[str, Any]) -> InkdigitsError:
    """The error in the place of a result."""
    name = _name(item["error"])
    return _named(response, name, name, str(item["error"]["detail"]))


def _named(response: httpx.Response, name: str, title: str, detail: str) -> InkdigitsError:
    request_id = response.headers.get("X-Request-ID")
    if name not in ERRORS:
        return ServerProblem(name, title, response.status_code, detail, request_id, retry_after(response))
    problem = ERRORS[name](detail)
    if request_id:
        problem.add_note(f"request {request_id}")
    return problem


def _members(response: httpx.Response) -> dict[str, Any]:
    """A problem's JSON; nothing, where there is none (RFC 9457)."""
    with suppress(ValueError):
        known = response.json()
        if isinstance(known, dict):
            return known
    return {}


def _name(known: dict[str, Any]) -> str:
    return str(known.get("type") or "about:blank").rpartition("/")[2]


def _words(response: httpx.Response) -> str:
    return response.reason_phrase or "Unknown"


# ---- when to ask again


def wait(reply: Reply, tries: int) -> float | None:
    """Seconds until it may go better, after so many tries; None when it won't."""
    # doubled, and spread, so that many clients don't come back at the same moment
    backoff = min(LONGEST_WAIT, FIRST_WAIT * 2.0 ** min(tries - 1, 16)) * random.uniform(0.5, 1)
    if not isinstance(reply, httpx.Response):
        return backoff if isinstance(reply, PASSING_TROUBLE) else None
    if reply.status_code not in PASSING_STATUS or _name(_members(reply)) == "timed-out":
        return None  # what took too long would take as long again
    return backoff + (retry_after(reply) or 0.0)


def retry_after(response: httpx.Response) -> float | None:
    """Seconds that a response asks to wait; None where it doesn't say. RFC 9110, section 10.2.3.

    A date is one by the server's clock, which the response's own date tells.
    """
    said = response.headers.get("Retry-After", "").strip()
    if re.fullmatch(r"[0-9]+(\.[0-9]+)?", said):
        return float(said)
    with suppress(ValueError):
        return max(0.0, (_date(said) - _date(response.headers.get("Date"))).total_seconds())
    return None


def _date(header: str | None) -> datetime:
    """An HTTP date; now, without one."""
    if header is None:
        return datetime.now(UTC)
    date = parsedate_to_datetime(header)
    return date if date.tzinfo else date.replace(tzinfo=UTC)
