"""Forms that are one plain part are read without the parser: the answer is the parser's."""

from __future__ import annotations

import pytest

from inkdigits.server.multipart import Form
from inkdigits.server.problems import Problem

HEAD = b'Content-Disposition: form-data; name="file"; filename="a.png"\r\n'
NOISE = bytes(range(256)) * 3


def read(*chunks: bytes, parameters: str = " boundary=b--1") -> object:
    """Files and fields, or the kind of problem."""
    form = Form(parameters, 4)
    try:
        for chunk in chunks:
            form.feed(chunk)
        return form.end()
    except Problem as e:
        return e.kind.name  # its detail says where in a chunk


@pytest.mark.parametrize(
    "part",
    [
        HEAD + b"Content-Type: image/png\r\n\r\n" + NOISE,
        HEAD + b"\r\n",
        HEAD + b"\r\n\r\n\r\n",
        HEAD + b"\r\n" + b"--b--1",
        HEAD + b"\r\n\r\n--b--",
        HEAD.upper().replace(b"FORM-DATA", b"form-data") + b"\r\nx",
        b'Content-Disposition: form-data; name="explain"\r\n\r\ntrue',
        b'content-disposition:form-data; name="file"; filename="a.png"\r\n\r\nx',
        b'Content-Disposition: form-data; filename="' + "ä.png".encode() + b'"\r\n\r\nx',
        b'Content-Disposition: form-data; filename="a\\"b.png"\r\n\r\nx',
        b"Content-Type: image/png\r\n\r\nx",
        HEAD + HEAD + b"\r\nx",
        HEAD + b" folded: y\r\n\r\nx",
        HEAD + b"X: " + b"y" * 5_000 + b"\r\n\r\nx",
        b"no colon\r\n\r\nx",
        b"\r\nx",
        b"",
        HEAD + b"\r\nx\r\n--b--1\r\n" + HEAD + b"\r\ny",
    ],
)
@pytest.mark.parametrize(
    "end", [b"\r\n--b--1--\r\n", b"\r\n--b--1--", b"\r\n--b--1", b"\r\n--b--1--\r\nmore"]
)
def test_one_chunk_or_several(part: bytes, end: bytes):
    """In one go it may be read without the parser; in two it never is."""
    body = b"--b--1\r\n" + part + end
    assert read(body) == read(body[:1], body[1:])


def test_what_follows_the_end():
    """It doesn't count."""
    body = b"--b--1\r\n" + HEAD + b"\r\nx\r\n--b--1--\r\n"
    assert read(body, b"more") == ([("a.png", b"x")], {})
