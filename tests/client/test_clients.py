"""Both clients against a real server: the answers and errors are those of the recogniser here."""

from __future__ import annotations

import asyncio
import inspect
import io
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest
from PIL import Image

import inkdigits
from inkdigits.client import AsyncClient, Client, ServerProblem, ServerUnreachable
from inkdigits.formats import WRITERS
from inkdigits.results import Classification, Reading

EXAMPLES = Path(__file__).parents[2] / "examples"
DIGITS = sorted((EXAMPLES / "digits").iterdir())
SEVEN, AMOUNT = EXAMPLES / "digits" / "7-blue-pen.jpg", EXAMPLES / "numbers" / "amount.png"


class Awaited:
    """An `AsyncClient` whose methods are run to their end, so that one test serves both."""

    def __init__(self, *arguments: Any, **options: Any) -> None:
        self.runner = asyncio.Runner()
        self.client = AsyncClient(*arguments, **options)

    def __getattr__(self, name: str) -> Callable[..., Any]:
        return lambda *arguments, **options: self.runner.run(
            getattr(self.client, name)(*arguments, **options)
        )


@contextmanager
def opened(kind: Any, *arguments: Any, **options: Any) -> Iterator[Any]:
    client = kind(*arguments, **options)
    try:
        yield client
    finally:
        client.close()
        if isinstance(client, Awaited):
            client.runner.close()


both = pytest.mark.parametrize("kind", [Client, Awaited], ids=["sync", "async"])


def rounded(result: Classification | Reading) -> Classification | Reading:
    """As it is after a way through JSON."""
    return type(result).from_dict(result.to_dict())


@both
@pytest.mark.parametrize("as_what", ["path", "bytes", "file", "array", "image"])
def test_every_kind_of_picture_is_answered_as_here(server: str, kind: Any, as_what: str) -> None:
    with SEVEN.open("rb") as file, Image.open(SEVEN) as image, opened(kind, server) as client:
        pictures: dict[str, Any] = {"path": SEVEN, "bytes": SEVEN.read_bytes(), "file": file, "image": image}
        picture = pictures.get(as_what, np.asarray(image))
        here = inkdigits.classify(SEVEN if as_what == "file" else picture)
        there = client.classify(picture)
    assert there.digit == here.digit == 7
    assert there.probabilities == pytest.approx(here.probabilities, abs=2e-6)
    assert there.source == (str(SEVEN) if as_what == "path" else None)


@both
def test_many_pictures_are_answered_as_here(server: str, kind: Any) -> None:
    with opened(kind, server) as client:
        answers = client.classify_many([*DIGITS, "missing.png", EXAMPLES / "make_digits.py"])
    *good, missing, script = answers
    expected = inkdigits.Reader.load().classify_many(DIGITS)
    assert [a.digit for a in good] == [a.digit for a in expected]
    assert [(a.accepted, a.reason, a.source) for a in good] == [
        (a.accepted, a.reason, a.source) for a in expected
    ]
    assert isinstance(missing, inkdigits.UnreadableImage)
    assert isinstance(script, inkdigits.UnreadableImage)
    assert "make_digits.py" in str(script)


@both
def test_numbers_and_pages_are_read_as_here(server: str, kind: Any) -> None:
    document, options = two_pages(), {"layout": "line", "length": 4, "low": 1, "max_error": 0.2}
    with opened(kind, server) as client:
        amount = client.read(AMOUNT, min_length=3)
        pages = client.read_pages(document, name="the scan", **options)
        many = client.read_many([AMOUNT, document, b"no picture"], layout="line")
    assert amount == rounded(inkdigits.read(AMOUNT, min_length=3))
    expected: Any = inkdigits.Reader.load().read_pages(document, name="the scan", **options)
    assert pages == [rounded(page) for page in expected]
    assert [page.page for page in pages] == [1, 2]
    assert [page.text for page in many[0] + many[1]] == ["7795"] * 3
    assert isinstance(many[2], inkdigits.UnreadableImage)


@both
@pytest.mark.parametrize("form", ["text", "csv", "hocr", "alto", "page"])
def test_readings_come_in_every_format(server: str, kind: Any, form: str) -> None:
    writer = WRITERS[form]()
    here = inkdigits.read(AMOUNT, name="amount.png", layout="line")
    with opened(kind, server) as client:
        written = client.read_as(AMOUNT, form, layout="line")
    expected = writer.begin() + writer.reading(here) + writer.end()
    now = r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ"
    assert re.sub(now, "NOW", written) == re.sub(now, "NOW", expected)


@both
def test_the_server_tells_of_itself(server: str, kind: Any) -> None:
    with opened(kind, server) as client:
        assert client.ready() is True
        assert {model["name"] for model in client.info()["models"]} == {"digit", "line"}


@both
@pytest.mark.parametrize(
    "options", [{"layout": "poem"}, {"low": 5, "high": 1}, {"check": "x"}, {"pattern": "("}]
)
def test_options_that_can_t_be_are_the_error_they_are_here(server: str, kind: Any, options: Any) -> None:
    with opened(kind, server) as client, pytest.raises(inkdigits.UsageError) as there:
        client.read(AMOUNT, **options)
    with pytest.raises(inkdigits.UsageError):
        inkdigits.read(AMOUNT, **options)
    assert "\n" not in str(there.value)


@both
def test_a_picture_that_is_none_is_the_error_it_is_here(server: str, kind: Any) -> None:
    for broken in (b"no picture", SEVEN.read_bytes()[:900]):
        with opened(kind, server) as client, pytest.raises(inkdigits.UnreadableImage) as there:
            client.classify(broken, name="a.png")
        with pytest.raises(inkdigits.UnreadableImage) as here:
            inkdigits.Reader.load().classify(broken, name="a.png")
        assert str(there.value) == str(here.value)


@both
def test_keys_and_limits(guarded: str, kind: Any) -> None:
    with opened(kind, guarded) as client, pytest.raises(ServerProblem) as refused:
        client.classify(SEVEN)
    assert (refused.value.type, refused.value.status) == ("unauthorized", 401)
    assert refused.value.request_id
    with opened(kind, guarded, api_key="a-key-of-ours") as client:
        assert client.classify(SEVEN).digit == 7
        with pytest.raises(inkdigits.ImageTooLarge):
            client.classify(bytes(200_000))
        with pytest.raises(inkdigits.ImageTooLarge):
            client.classify(np.zeros((1001, 1000), np.uint8))
        with pytest.raises(inkdigits.TooManyPages):
            client.read(two_pages())
        with pytest.raises(inkdigits.ImageTooLarge):
            client.classify_many([SEVEN] * 5)


def two_pages() -> bytes:
    """A document of two small pages."""
    file = io.BytesIO()
    pages = [Image.open(AMOUNT).convert("L")] * 2
    pages[0].save(file, "TIFF", save_all=True, append_images=pages[1:])
    return file.getvalue()


@both
def test_no_server_is_one_clear_line(kind: Any) -> None:
    with opened(kind, "http://user:secret@127.0.0.1:9", retries=1) as client:
        assert client.ready() is False
        with pytest.raises(ServerUnreachable) as caught:
            client.classify(SEVEN)
    line = str(caught.value)
    assert line.startswith("http://127.0.0.1:9: can't be reached (")
    assert "tried 2 times" in line
    assert "secret" not in line
    assert "\n" not in line


@both
def test_a_server_that_says_nothing_is_one_clear_line(kind: Any) -> None:
    import socket

    with socket.create_server(("127.0.0.1", 0)) as listening:
        address = f"http://127.0.0.1:{listening.getsockname()[1]}"
        with opened(kind, address, timeout=0.2) as client, pytest.raises(ServerUnreachable) as caught:
            client.info()
    assert str(caught.value) == f"{address}: no answer within 0.2 s; send less, or wait longer"


def test_a_question_is_sent_again_until_it_is_answered(monkeypatch: pytest.MonkeyPatch) -> None:
    slept: list[float] = []
    replies = iter([httpx.Response(503, headers={"Retry-After": "7"}), httpx.ConnectError("x"), None])

    def answer(request: httpx.Request) -> httpx.Response:
        assert request.url == "http://there/prefix/v1/info"
        assert request.headers["Authorization"] == "Bearer k"
        reply = next(replies)
        if isinstance(reply, httpx.ConnectError):
            raise reply
        return reply or httpx.Response(200, json={"name": "inkdigits"})

    monkeypatch.setattr("time.sleep", slept.append)
    with Client("http://there/prefix/", "k", transport=httpx.MockTransport(answer)) as client:
        assert client.info() == {"name": "inkdigits"}
    assert slept[0] == 0
    assert 7 < slept[1] < 7.3
    assert 0.2 < slept[2] < 0.6


@both
@pytest.mark.parametrize(
    "call",
    [
        {"base_url": "localhost:8000"},
        {"base_url": "ftp://there"},
        {"base_url": "http://"},
        {"api_key": "key\n"},
        {"api_key": "schlüssel"},
        {"timeout": 0},
        {"timeout": float("nan")},
        {"retries": -1},
    ],
)
def test_what_can_t_be_is_said_at_once(kind: Any, call: Any) -> None:
    with pytest.raises(inkdigits.UsageError) as caught:
        kind(**call)
    assert "\n" not in str(caught.value)
    if "api_key" in call:
        assert call["api_key"] not in str(caught.value)


def test_both_clients_have_the_same_methods() -> None:
    def signatures(kind: type) -> dict[str, str]:
        public = {name: value for name, value in vars(kind).items() if not name.startswith("_")}
        return {name: str(inspect.signature(value)) for name, value in public.items()}

    assert signatures(Client) == signatures(AsyncClient)


def test_trio_can_be_used_as_well(server: str) -> None:
    trio = pytest.importorskip("trio")

    async def ask() -> Classification:
        async with AsyncClient(server) as client:
            return await client.classify(SEVEN)

    assert trio.run(ask).digit == 7


def run(code: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)


def test_the_import_costs_no_picture_library_and_no_network() -> None:
    ended = run("import inkdigits.client, sys; print(*sys.modules)")
    loaded = {name.split(".")[0] for name in ended.stdout.split()}
    assert "httpx" in loaded
    assert not loaded & {"numpy", "PIL", "cv2", "onnxruntime", "fastapi", "typer", "torch"}


def test_the_import_says_which_extra_is_missing() -> None:
    ended = run("import sys; sys.modules['httpx'] = None; import inkdigits.client")
    assert ended.stderr.splitlines()[-1].endswith(
        "this needs httpx, not installed here: pip install 'inkdigits[client]'"
    )
