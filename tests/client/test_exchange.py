"""Questions without a server: what is sent, when it is sent again, what replies mean. Nothing sleeps here."""

from __future__ import annotations

import json
import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest

from inkdigits.alphabet import LONGEST
from inkdigits.client.answers import ServerProblem, ServerUnreachable
from inkdigits.client.exchange import Answered, Exchange, Question, Sending, advance
from inkdigits.errors import ImageTooLarge, InkdigitsError, TooManyPages, UnreadableImage, UsageError
from inkdigits.results import Classification

EXCHANGE = Exchange("http://there", timeout=60, retries=5)
SEVEN = {
    "source": "x",
    "digit": 7,
    "confidence": 0.9,
    "accepted": True,
    "reason": None,
    "probabilities": [0.1] * 10,
}
PAGE = {"source": "x", "page": 1, "width": 9, "height": 8, "text": "", "lines": []}
PICTURE = b"any bytes"


def classified(*items: dict[str, Any]) -> httpx.Response:
    return httpx.Response(200, json={"model": {}, "results": items or [SEVEN]})


def problem(status: int, name: str, detail: str = "a.png: why", **headers: str) -> httpx.Response:
    known = {"type": f"/problems/{name}", "title": "Its title", "status": status, "detail": detail}
    kind = {"Content-Type": "application/problem+json"}
    return httpx.Response(status, content=json.dumps(known), headers=kind | headers)


def asked(
    question: Question[Any], *replies: httpx.Response | httpx.RequestError
) -> tuple[Any, list[Sending]]:
    """The answer, or the error, after these replies; and all that was sent for it."""
    sent: list[Sending] = []
    try:
        step = advance(question, None)
        for reply in replies:
            assert isinstance(step, Sending)
            sent.append(step)
            step = advance(question, reply)
    except InkdigitsError as e:
        return e, sent
    assert isinstance(step, Answered), "more is sent than there are replies"
    return step.value, sent


def waits(*replies: httpx.Response | httpx.RequestError) -> list[float]:
    """Seconds before each request, the first one included."""
    _, sent = asked(EXCHANGE.classify(PICTURE, None), *replies)
    return [step.after for step in sent]


# ---- what is sent


def test_a_picture_goes_under_the_end_of_its_path_and_comes_back_under_all_of_it(tmp_path: Path) -> None:
    path = tmp_path / "sieben.png"
    path.write_bytes(PICTURE)
    answer, sent = asked(EXCHANGE.classify(path, None), classified())
    assert sent[0].arguments()["files"] == [("file", ("sieben.png", PICTURE))]
    assert answer == Classification(7, 0.9, True, None, (0.1,) * 10, str(path), "7")


def test_a_name_goes_before_the_path_and_bytes_have_none() -> None:
    named, sent = asked(EXCHANGE.classify(PICTURE, "field 3"), classified())
    assert (named.source, sent[0].uploads[0].filename) == ("field 3", "field 3")
    nameless, sent = asked(EXCHANGE.classify(PICTURE, None), classified())
    assert (nameless.source, sent[0].uploads[0].filename) == (None, "picture")


def test_options_become_the_query() -> None:
    options: Any = {
        "layout": "line",
        "low": 1,
        "high": 31,
        "length": None,
        "check": "iban:DE",
        "max_error": 0.01,
    }
    _, sent = asked(
        EXCHANGE.read(PICTURE, None, options), httpx.Response(200, json={"results": [{"pages": [PAGE]}]})
    )
    assert sent[0].query == {"layout": "line", "range": "1,31", "check": "iban:DE", "max_error": "0.01"}


@pytest.mark.parametrize(
    ("bounds", "query"),
    [({"low": 7}, f"7,{10**LONGEST - 1}"), ({"high": 9}, "0,9"), ({"low": 0, "high": 0}, "0,0")],
)
def test_a_range_may_be_open_at_one_end(bounds: Any, query: str) -> None:
    text, sent = asked(EXCHANGE.read_as(PICTURE, "csv", None, bounds), httpx.Response(200, text="a,b\r\n"))
    assert sent[0].query == {"range": query, "format": "csv"}
    assert text == "a,b\r\n"


def test_many_pictures_go_32_at_a_time_and_come_back_in_order() -> None:
    numbered = [{**SEVEN, "confidence": number / 100} for number in range(70)]
    replies = [classified(*numbered[first : first + 32]) for first in (0, 32, 64)]
    answers, sent = asked(EXCHANGE.classify_many([PICTURE] * 70), *replies)
    assert [len(step.uploads) for step in sent] == [32, 32, 6]
    assert [answer.confidence for answer in answers] == [number / 100 for number in range(70)]


def test_large_pictures_go_alone() -> None:
    page = httpx.Response(200, json={"results": [{"pages": [PAGE]}]})
    answers, sent = asked(EXCHANGE.read_many([bytes(1), bytes(2**20), bytes(2**21)], {}), page, page, page)
    assert [len(step.uploads) for step in sent] == [1, 1, 1]
    assert len(answers) == 3


def test_nothing_is_asked_of_no_pictures() -> None:
    assert asked(EXCHANGE.classify_many([])) == ([], [])
    (missing,), sent = asked(EXCHANGE.classify_many(["missing.png"]))
    assert isinstance(missing, UnreadableImage)
    assert not sent


def test_what_fails_among_many_stands_in_its_place() -> None:
    failed = {"source": "x", "error": {"type": "image-too-large", "detail": "picture: too large"}}
    late = {"source": "x", "error": {"type": "timed-out", "detail": "picture: too slow"}}
    pictures = [PICTURE, "missing.png", PICTURE, np.zeros((2, 2, 2, 2)), PICTURE, PICTURE]
    answers, sent = asked(EXCHANGE.classify_many(pictures), classified(SEVEN, failed, late, SEVEN))
    assert len(sent[0].uploads) == 4
    kinds = [Classification, UnreadableImage, ImageTooLarge, UnreadableImage, ServerProblem, Classification]
    assert list(map(type, answers)) == kinds
    assert str(answers[2]) == "picture: too large"
    assert str(answers[4]) == "picture: too slow (200 timed-out)"


def test_what_fails_alone_in_its_request_stands_in_its_place_too() -> None:
    answers, _ = asked(EXCHANGE.classify_many([PICTURE]), problem(422, "unreadable-image"))
    assert list(map(type, answers)) == [UnreadableImage]
    error, _ = asked(EXCHANGE.classify_many([PICTURE, PICTURE]), problem(413, "body-too-large"))
    assert isinstance(error, ImageTooLarge)


# ---- errors


@pytest.mark.parametrize(
    ("status", "name", "kind"),
    [
        (422, "usage", UsageError),
        (422, "unreadable-image", UnreadableImage),
        (413, "image-too-large", ImageTooLarge),
        (413, "body-too-large", ImageTooLarge),
        (413, "too-many-pages", TooManyPages),
        (415, "unsupported-media-type", UnreadableImage),
    ],
)
def test_problems_become_the_errors_of_a_reader_here(status: int, name: str, kind: type[Exception]) -> None:
    error, sent = asked(EXCHANGE.classify(PICTURE, None), problem(status, name, **{"X-Request-ID": "r1"}))
    assert type(error) is kind
    assert str(error) == "a.png: why"
    assert error.__notes__ == ["request r1"]
    assert len(sent) == 1


def test_other_problems_say_all_that_is_known() -> None:
    error, sent = asked(EXCHANGE.info(), problem(401, "unauthorized", "no key", **{"X-Request-ID": "r1"}))
    assert isinstance(error, ServerProblem)
    assert (error.type, error.title, error.status, error.detail) == (
        "unauthorized",
        "Its title",
        401,
        "no key",
    )
    assert (error.request_id, error.retry_after) == ("r1", None)
    assert str(error) == "no key (401 Its title, request r1)"
    assert error.to_dict() == {"type": "unauthorized", "detail": str(error)}
    assert len(sent) == 1
    again = pickle.loads(pickle.dumps(error))
    assert vars(again) == vars(error)


@pytest.mark.parametrize(
    "reply",
    [
        httpx.Response(200, text="<html>hello</html>"),
        httpx.Response(200, json=[1]),
        httpx.Response(200, json={"results": []}),
        httpx.Response(200, json={"results": [{"digit": 7}]}),
        httpx.Response(200, json={"results": ["7"]}),
        httpx.Response(200, content=b"\xff\xfe"),
    ],
)
def test_answers_of_something_else_are_one_clear_error(reply: httpx.Response) -> None:
    error, _ = asked(EXCHANGE.classify(PICTURE, None), reply)
    assert str(error) == "http://there: answers, but not as inkdigits does; is this its address? (200 OK)"


@pytest.mark.parametrize("content", [b"<html>", b"[]", b'{"type": null, "detail": 5}', b"\xff"])
def test_errors_of_something_else_too(content: bytes) -> None:
    error, sent = asked(EXCHANGE.info(), httpx.Response(404, content=content))
    assert isinstance(error, ServerProblem)
    assert (error.type, error.status, error.title) == ("about:blank", 404, "Not Found")
    assert len(sent) == 1


def test_a_document_without_pages_is_no_answer() -> None:
    error, _ = asked(EXCHANGE.read(PICTURE, None, {}), httpx.Response(200, json={"results": [{"pages": []}]}))
    assert isinstance(error, ServerProblem)


# ---- again


@pytest.mark.parametrize("status", [429, 502, 503, 504])
def test_passing_trouble_is_asked_again(status: int) -> None:
    answer, sent = asked(EXCHANGE.classify(PICTURE, None), httpx.Response(status), classified())
    assert answer.digit == 7
    assert sent[1].uploads == sent[0].uploads


@pytest.mark.parametrize("status", [400, 401, 404, 408, 413, 415, 422, 500, 501])
def test_other_trouble_is_not(status: int) -> None:
    error, sent = asked(EXCHANGE.classify(PICTURE, None), httpx.Response(status))
    assert error.status == status
    assert len(sent) == 1


def test_what_took_too_long_is_not_asked_again() -> None:
    error, sent = asked(EXCHANGE.classify(PICTURE, None), problem(503, "timed-out"))
    assert (error.type, len(sent)) == ("timed-out", 1)
    error, sent = asked(EXCHANGE.classify(PICTURE, None), httpx.ReadTimeout(""))
    assert str(error) == "http://there: no answer within 60 s; send less, or wait longer"
    assert len(sent) == 1


@pytest.mark.parametrize("trouble", [httpx.ConnectError, httpx.ReadError, httpx.RemoteProtocolError])
def test_a_lost_connection_is_asked_again(trouble: Callable[[str], httpx.RequestError]) -> None:
    answer, _ = asked(EXCHANGE.classify(PICTURE, None), trouble("gone"), trouble("gone"), classified())
    assert answer.digit == 7


def test_in_the_end_one_line_says_why() -> None:
    error, sent = asked(
        EXCHANGE.classify(PICTURE, None), *[httpx.ConnectError("[Errno 111] Connection\nrefused")] * 6
    )
    assert isinstance(error, ServerUnreachable)
    assert len(sent) == 6
    reason = "([Errno 111] Connection refused, tried 6 times)"
    assert str(error) == f"http://there: can't be reached {reason}; does `inkdigits serve` run there?"
    error, sent = asked(
        EXCHANGE.classify(PICTURE, None), *[problem(429, "too-many-requests", **{"Retry-After": "2"})] * 6
    )
    assert (error.type, error.retry_after, len(sent)) == ("too-many-requests", 2, 6)


def test_waits_double_and_are_spread() -> None:
    many = [waits(*[httpx.Response(503)] * 6)[1:] for _ in range(50)]
    for number, column in enumerate(zip(*many, strict=True)):
        longest = 0.25 * 2**number
        assert all(longest / 2 <= wait <= longest for wait in column)
        assert len(set(column)) > 40


def test_waits_don_t_grow_for_ever() -> None:
    patient = Exchange("http://there", timeout=1e9, retries=2000)
    _, sent = asked(patient.classify(PICTURE, None), *[httpx.Response(503)] * 1500, classified())
    assert max(step.after for step in sent) <= 8


@pytest.mark.parametrize(
    ("header", "date", "seconds"),
    [
        ("3", None, 3),
        (" 1.5 ", None, 1.5),
        ("Wed, 21 Oct 2015 07:28:10 GMT", "Wed, 21 Oct 2015 07:28:00 GMT", 10),
        ("Wed, 21 Oct 2015 07:28:10 GMT", None, 0),
        ("Wed, 21 Oct 2015 07:27:00 GMT", "Wed, 21 Oct 2015 07:28:00 GMT", 0),
        ("-5", None, 0),
        ("soon", None, 0),
        ("nan", None, 0),
        ("٣", None, 0),
        ("", None, 0),
    ],
)
def test_the_server_says_how_long_to_wait(header: str, date: str | None, seconds: float) -> None:
    headers = {"Retry-After": header.encode(), **({"Date": date.encode()} if date else {})}
    _, wait = waits(httpx.Response(503, headers=headers), classified())
    assert seconds + 0.125 <= wait <= seconds + 0.25


@pytest.mark.parametrize("header", ["61", "9" * 400])
def test_a_wait_beyond_the_time_there_is_is_an_error_at_once(header: str) -> None:
    error, sent = asked(
        EXCHANGE.classify(PICTURE, None), httpx.Response(503, headers={"Retry-After": header})
    )
    assert (error.status, error.retry_after, len(sent)) == (503, float(header), 1)


def test_each_try_has_the_time_that_is_left() -> None:
    _, sent = asked(
        EXCHANGE.classify(PICTURE, None), httpx.Response(503, headers={"Retry-After": "50"}), classified()
    )
    assert 59 < sent[0].seconds <= 60
    assert 8 < sent[1].seconds < 10


def test_without_retries_nothing_is_asked_again() -> None:
    once = Exchange("http://there", timeout=60, retries=0)
    error, _ = asked(once.classify(PICTURE, None), httpx.Response(503))
    assert error.status == 503


def test_ready_asks_once() -> None:
    assert asked(EXCHANGE.ready(), httpx.Response(200))[0] is True
    assert asked(EXCHANGE.ready(), httpx.Response(503))[0] is False
    assert asked(EXCHANGE.ready(), httpx.ConnectError("gone"))[0] is False
