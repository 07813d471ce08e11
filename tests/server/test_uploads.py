"""Bodies to files within limits: every way of sending, whole and broken, all at once and in drops."""

from __future__ import annotations

import asyncio
import base64
import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from starlette.requests import ClientDisconnect, Request

from inkdigits.server import uploads
from inkdigits.server.problems import Problem
from inkdigits.server.uploads import File, Receiver, Upload

LIMIT = 2 * 2**20
FORM = "multipart/form-data; boundary=XX"


def part(content: bytes, name: str = "file", filename: str | None = "a.png", more: str = "") -> bytes:
    """One part of a form."""
    file = "" if filename is None else f'; filename="{filename}"'
    head = f'--XX\r\nContent-Disposition: form-data; name="{name}"{file}\r\n{more}\r\n'
    return head.encode() + content + b"\r\n"


def form(*parts: bytes) -> bytes:
    """A whole form."""
    return b"".join(parts) + b"--XX--\r\n"


def received(
    body: bytes,
    kind: str = FORM,
    query: str = "",
    piece: int = 2**20,
    receiver: Receiver | None = None,
    **headers: str,
) -> Upload:
    """What a receiver makes of a body that comes in pieces."""
    receiver = receiver or Receiver(LIMIT, 4, 5)
    pieces = [body[start : start + piece] for start in range(0, len(body), piece)] or [b""]
    messages = [{"type": "http.request", "body": one, "more_body": True} for one in pieces]
    messages[-1]["more_body"] = False
    head = [(b"content-type", kind.encode())] if kind else []
    head += [(name.replace("_", "-").encode(), value.encode()) for name, value in headers.items()]
    scope = {"type": "http", "query_string": query.encode(), "headers": head}

    async def receive() -> dict:
        return messages.pop(0) if messages else {"type": "http.disconnect"}

    async def take() -> Upload:
        async with receiver.received(Request(scope, receive)) as upload:
            return upload

    return asyncio.run(take())


def refused(body: bytes, kind: str = FORM, **how) -> Problem:
    """Why it isn't taken."""
    with pytest.raises(Problem) as error:
        received(body, kind, **how)
    return error.value


def images(*data: object, **options: object) -> bytes:
    """A JSON body."""
    return json.dumps({"images": list(data), **options}).encode()


def coded(content: bytes, name: str | None = None) -> dict:
    """One of `images`."""
    return {"name": name, "data": base64.b64encode(content).decode()}


# ---- multipart


@pytest.mark.parametrize("piece", [1, 7, 4096])
def test_form_in_pieces_of_any_size(piece: int):
    """Files in order, whatever their fields are called; fields are options."""
    body = form(part(b"one\r\n--X"), part(b"5", "length", None), part(b"two", "picture", "b.png"))
    upload = received(body, piece=piece, query="explain=true")
    assert upload.files == (File("a.png", b"one\r\n--X"), File("b.png", b"two"))
    assert upload.texts == {"length": "5", "explain": "true"}


def test_pictures_without_a_filename_are_files():
    """A part that says it is a picture is one."""
    upload = received(form(part(b"p", "file", None, "Content-Type: image/png\r\n")))
    assert upload.files == (File(None, b"p"),)


def test_names_are_kept_as_sent_up_to_their_length():
    """UTF-8 as browsers send it."""
    upload = received(form(part(b"p", filename="häßlich 7.png"), part(b"p", filename="x" * 999)))
    assert upload.files[0].name == "häßlich 7.png"
    assert len(upload.files[1].name or "") == uploads.LONGEST_NAME


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        (b"no form", FORM),
        (part(b"cut short"), FORM),
        (form(part(b"p")), "multipart/form-data"),
        (form(part(b"p")), "multipart/form-data; boundary=" + "x" * 999),
        (b"--XX\r\nContent-Disposition\r\n\r\np\r\n--XX--\r\n", FORM),
        (b"--XX\r\n" + b"a" * 70_000 + b": b\r\n\r\np\r\n--XX--\r\n", FORM),
    ],
)
def test_broken_forms(body: bytes, kind: str):
    """400, with a word on it."""
    assert refused(body, kind).kind.name == "malformed-body"


def test_limits_of_forms():
    """Files, fields and their sizes."""
    assert refused(form(*[part(b"p")] * 5)).members == {"limit": 4}
    assert refused(form(*[part(b"1", f"f{n}", None) for n in range(40)])).kind.name == "body-too-large"
    assert refused(form(part(b"1" * 5000, "length", None))).kind.name == "body-too-large"
    assert refused(form(part(b"1", "length", None), part(b"2", "length", None))).kind.name == "usage"
    assert refused(form(part(b"1", "length", None)), query="length=1").kind.name == "usage"
    assert refused(form()).kind.name in ("nothing-sent", "malformed-body")


# ---- JSON


def test_json_with_options():
    """Pictures in base64, options of JSON's own types."""
    upload = received(images(coded(b"one", "1.png"), coded(b"two"), explain=True), "application/json")
    assert upload.files == (File("1.png", b"one"), File(None, b"two"))
    assert upload.values == {"explain": True}


@settings(deadline=None, max_examples=60)
@given(
    contents=st.lists(st.binary(min_size=1, max_size=400), min_size=1, max_size=4), name=st.text(max_size=20)
)
def test_long_strings_are_decoded_as_short_ones(contents: list[bytes], name: str):
    """Taking them out of the JSON first changes nothing, wherever quotes and escapes stand."""
    before, uploads.LONG = uploads.LONG, 8
    try:
        upload = received(images(*[coded(one, name) for one in contents], check=name), "application/json")
    finally:
        uploads.LONG = before
    assert upload.files == tuple(File(name, one) for one in contents)
    assert upload.values == {"check": name}


def test_large_pictures_in_json():
    """A piece at a time."""
    content = bytes(range(256)) * 4000
    assert received(images(coded(content)), "application/json").files[0].content == content


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        (b"{", "malformed-body"),
        (b"[" * 9_000, "malformed-body"),
        (b"[" * 100_000, "body-too-large"),
        (b'{"images": [' + b'{"data": "eA=="},' * 100_000 + b"]}", "body-too-large"),
        (b'{"images": [{"data": NaN}]}', "malformed-body"),
        (b"\xff\xfe", "malformed-body"),
        (images({"data": "no base64!"}), "malformed-body"),
        (images({"data": "QUJD" * 30_000 + "Q"}), "malformed-body"),
        (images({"data": "QUI=" * 90_000}), "malformed-body"),
        (images({"data": "\0" + "0"}), "malformed-body"),
        (images({"data": ""}), "nothing-sent"),
        (images(), "nothing-sent"),
        (b"", "nothing-sent"),
        (b"[]", "usage"),
        (b'{"images": {}}', "usage"),
        (images({"data": 5}), "usage"),
        (images({"data": "QUJD", "size": 5}), "usage"),
        (images({"data": "QUJD", "name": "x" * 256}), "usage"),
        (images(*[{"data": "QUJD"}] * 5), "body-too-large"),
    ],
)
def test_broken_json(body: bytes, kind: str):
    """Each gets its own kind of problem, none is an error of ours."""
    assert refused(body, "application/json").kind.name == kind


# ---- raw bodies, and all of them


@pytest.mark.parametrize(
    "kind", ["image/png", "IMAGE/JPEG; q=1", "application/pdf", "application/octet-stream"]
)
def test_raw_bodies(kind: str):
    """The body is the picture."""
    upload = received(b"picture", kind, query="layout=line", piece=3)
    assert upload.files == (File(None, b"picture"),)
    assert upload.texts == {"layout": "line"}


@pytest.mark.parametrize("kind", ["", "text/plain", "application/x-www-form-urlencoded", "multipart/mixed"])
def test_other_types(kind: str):
    """415, before anything is received."""
    assert refused(b"x", kind).kind.name == "unsupported-media-type"


@pytest.mark.parametrize("kind", [FORM, "application/json", "image/png"])
def test_too_large_bodies(kind: str):
    """By what the sender says, and by what comes."""
    told = refused(b"", kind, content_length=str(LIMIT + 1))
    assert (told.kind.name, told.members["limit"]) == ("body-too-large", LIMIT)
    body = b"--XX\r\n\r\n" + b"x" * LIMIT
    assert refused(body, kind, piece=65536).kind.name == "body-too-large"


def test_empty_bodies_and_options_given_twice():
    """What is said of them."""
    assert refused(b"", "image/png").kind.name == "nothing-sent"
    assert refused(b"x", "image/png", query="length=1&length=2").kind.name == "usage"


def test_memory_of_all_bodies_is_limited():
    """And given back, also after errors."""
    receiver = Receiver(1000, 4, 5)
    receiver._memory.most = 1500
    receiver._memory.held = 1000
    problem = refused(b"x" * 600, "image/png", receiver=receiver)
    assert (problem.kind.name, problem.headers["Retry-After"]) == ("overloaded", "1")
    assert receiver._memory.held == 1000
    receiver._memory.held = 0
    received(b"x" * 600, "image/png", receiver=receiver)
    refused(b"x" * 1001, "image/png", receiver=receiver, piece=100)
    assert receiver._memory.held == 0


def test_slow_senders_and_those_who_leave():
    """Cut off after their time; no answer for who is gone."""

    async def never() -> dict:
        await asyncio.sleep(60)
        return {}

    async def gone() -> dict:
        return {"type": "http.disconnect"}

    async def take(receive) -> None:
        scope = {"type": "http", "query_string": b"", "headers": [(b"content-type", b"image/png")]}
        async with Receiver(1000, 4, 0.01).received(Request(scope, receive)):
            pass

    with pytest.raises(Problem) as error:
        asyncio.run(take(never))
    assert error.value.kind.name == "slow-sender"
    assert error.value.headers == {"Connection": "close"}
    with pytest.raises(ClientDisconnect):
        asyncio.run(take(gone))
