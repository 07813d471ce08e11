"""A request's body to pictures: multipart, base64 in JSON, or the picture itself. Knows no answers.

    body, chunk by chunk, within limits of bytes, parts and time ─► files and options

Nothing is written to disk, and nothing here takes the event loop for long: what is large is worked on in
pieces, with others served in between.
"""

from __future__ import annotations

import asyncio
import json
from binascii import Error as Base64Error
from binascii import a2b_base64
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any, Protocol, TypeVar

from starlette.requests import ClientDisconnect, Request

from inkdigits.server.multipart import Form
from inkdigits.server.problems import Problem, later

LONGEST_NAME = 255  # characters of a file's name
LONG = 64 * 2**10  # bytes of base64 that are taken out of JSON before it is parsed
VALUES = 10_000  # of a body of JSON; parsing so many takes milliseconds, and 20 MB of them a second
PIECE = 256 * 2**10  # bytes that are worked on before others have a turn; a multiple of 4
ALPHABET = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/="
BODIES = 16  # bodies of the largest size that may be in memory at a time; many more of the usual size

_RAW = ("image/", "application/pdf", "application/octet-stream")
_TAKEN = "a picture or PDF with its own type, multipart/form-data or application/json"


@dataclass(frozen=True)
class File:
    """One picture or document that was sent.

    Attributes:
        name: what its sender calls it, or None.
        content: its bytes.
    """

    name: str | None
    content: bytes


@dataclass(frozen=True)
class Upload:
    """What a request holds.

    Attributes:
        files: in the order they were sent.
        texts: options from the query and from form fields, as text.
        values: options from JSON, of its types.
    """

    files: tuple[File, ...]
    texts: dict[str, str]
    values: dict[str, Any] = field(default_factory=dict)


@dataclass
class Memory:
    """How many bytes of bodies all requests hold together.

    Attributes:
        most: that they may hold.
        held: that they hold.
    """

    most: int
    held: int = 0


class Sink(Protocol):
    """What takes a body as it comes."""

    def feed(self, chunk: bytes) -> None:
        """Takes the next bytes."""


S = TypeVar("S", bound=Sink)


class Whole:
    """A body to be had in one piece."""

    def __init__(self) -> None:
        """An empty one."""
        self._chunks: list[bytes] = []

    def feed(self, chunk: bytes) -> None:
        """Takes the next bytes."""
        self._chunks.append(chunk)

    @property
    def content(self) -> bytes:
        """All of it; of a small body, the one chunk that came."""
        return self._chunks[0] if len(self._chunks) == 1 else b"".join(self._chunks)


class Receiver:
    """Takes bodies within limits."""

    def __init__(self, max_bytes: int, max_files: int, seconds: float) -> None:
        """Sets the limits.

        Args:
            max_bytes: of a body.
            max_files: in it.
            seconds: that it may take to come.
        """
        self._max_bytes, self._max_files, self._seconds = max_bytes, max_files, seconds
        self._memory = Memory(BODIES * max_bytes)

    @asynccontextmanager
    async def received(self, request: Request) -> AsyncIterator[Upload]:
        """What a request holds; its memory counts until the context ends.

        Raises:
            Problem: too large, too slow, of a type that isn't taken, not what its type says, or empty.
            ClientDisconnect: the sender went away.
        """
        held = _Held(self._memory)
        try:
            upload = await self._upload(request, held)
            if not upload.files:
                raise Problem("nothing-sent", "no picture in the body; send at least one")
            yield upload
        finally:
            held.release()

    @asynccontextmanager
    async def whole(self, request: Request) -> AsyncIterator[bytes]:
        """A request's body as it is; its memory counts until the context ends. Errors as for `received`."""
        held = _Held(self._memory)
        try:
            yield (await self._take(request, Whole(), held)).content
        finally:
            held.release()

    async def _upload(self, request: Request, held: _Held) -> Upload:
        kind, _, parameters = request.headers.get("content-type", "").partition(";")
        kind, texts = kind.strip().lower(), _query(request)
        if kind == "multipart/form-data":
            form = Form(parameters, self._max_files)
            await self._take(request, form, held)
            parts, fields = form.end()
            _refuse_twice(texts, fields)
            return Upload(tuple(File(*part) for part in parts), texts | fields)
        if kind == "application/json":
            whole = await self._take(request, Whole(), held)
            files, values = await _from_json(whole.content, self._max_files)
            _refuse_twice(texts, values)
            return Upload(files, texts, values)
        if kind.startswith(_RAW):
            whole = await self._take(request, Whole(), held)
            return Upload((File(None, whole.content),) if whole.content else (), texts)
        told = f"Content-Type {kind[:80]!r}" if kind else "no Content-Type"
        raise Problem("unsupported-media-type", f"{told}; send {_TAKEN}")

    async def _take(self, request: Request, sink: S, held: _Held) -> S:
        """Passes a body on as it comes; refuses it as soon as it is known to be too large."""
        length = request.headers.get("content-length", "")
        if length.isdecimal() and int(length) > self._max_bytes:
            raise self._too_large()
        try:
            async with asyncio.timeout(self._seconds):
                await self._pass_on(request, sink, held)
        except TimeoutError:
            told = f"the body wasn't whole after {self._seconds:g} seconds; send less at once"
            raise Problem("slow-sender", told, headers={"Connection": "close"}) from None
        return sink

    async def _pass_on(self, request: Request, sink: Sink, held: _Held) -> None:
        total, more = 0, True
        while more:
            message = await request.receive()
            if message["type"] == "http.disconnect":
                raise ClientDisconnect
            chunk, more = message.get("body", b""), message.get("more_body", False)
            total += len(chunk)
            if total > self._max_bytes:
                raise self._too_large()
            held.add(len(chunk))
            sink.feed(chunk)

    def _too_large(self) -> Problem:
        told = f"the body is larger than {self._max_bytes / 2**20:g} MB; send fewer or smaller pictures"
        return Problem("body-too-large", told, limit=self._max_bytes)


class _Held:
    """One request's share of the memory."""

    def __init__(self, memory: Memory) -> None:
        self._memory, self._bytes = memory, 0

    def add(self, count: int) -> None:
        if self._memory.held + count > self._memory.most:
            raise later("overloaded", "too many large bodies at once; try again shortly", 1)
        self._memory.held += count
        self._bytes += count

    def release(self) -> None:
        self._memory.held -= self._bytes
        self._bytes = 0


def _query(request: Request) -> dict[str, str]:
    if not request.scope["query_string"]:  # as it mostly is
        return {}
    items = request.query_params.multi_items()
    texts = dict(items)
    if len(texts) < len(items):
        twice = next(name for name, _ in items if len(request.query_params.getlist(name)) > 1)
        raise Problem("usage", f"option {twice[:80]}: given more than once")
    return texts


def _refuse_twice(query: dict[str, str], body: dict[str, Any]) -> None:
    if both := sorted(query.keys() & body.keys()):
        raise Problem("usage", f"option {both[0][:80]}: given in the query and in the body; give it once")


# ---- JSON


async def _from_json(body: bytes, max_files: int) -> tuple[tuple[File, ...], dict[str, Any]]:
    """`{"images": [{"name": "a.png", "data": "<base64>"}], …}`: the files, and the rest."""
    if not body:
        raise Problem("nothing-sent", "the body is empty; send JSON with images")
    small, taken = await _without_long_strings(body)
    if sum(map(small.count, (b"{", b"[", b","))) > VALUES:
        told = f"more than {VALUES:,} values in the JSON; a request has at most {max_files} pictures"
        raise Problem("body-too-large", told, limit=max_files)
    try:
        value = json.loads(small, parse_constant=_refuse_constant)
    except (ValueError, RecursionError) as e:
        raise Problem("malformed-body", f"not JSON: {str(e)[:120]}") from None
    if not isinstance(value, dict) or not isinstance(value.get("images"), list):
        raise Problem("usage", 'expected an object such as {"images": [{"name": "a.png", "data": "…"}]}')
    images = value.pop("images")
    if len(images) > max_files:
        told = f"{len(images)} pictures, more than the {max_files} of one request; send them in several"
        raise Problem("body-too-large", told, limit=max_files)
    return tuple([await _file(number, image, taken) for number, image in enumerate(images)]), value


def _refuse_constant(name: str) -> float:
    raise ValueError(f"{name} is no JSON")


async def _file(number: int, image: Any, taken: list[bytes]) -> File:
    """One of `images`, decoded."""
    place = f"images[{number}]"
    if not isinstance(image, dict) or not isinstance(image.get("data"), str):
        raise Problem("usage", f'{place}: expected an object such as {{"name": "a.png", "data": "…"}}')
    if unknown := sorted(set(image) - {"name", "data"}):
        raise Problem("usage", f"{place}: {unknown[0][:80]!r} isn't known; name and data are")
    name = image.get("name")
    if name is not None and (not isinstance(name, str) or len(name) > LONGEST_NAME):
        raise Problem("usage", f"{place}: its name must be a text of at most {LONGEST_NAME} characters")
    data = image["data"]
    if not data:
        raise Problem("nothing-sent", f"{place}: its data are empty")
    try:
        coded = taken[int(data[1:])] if data.startswith("\0") else data.encode("ascii")
        content = await _decoded(coded)
    except (Base64Error, ValueError, IndexError):
        raise Problem(
            "malformed-body", f"{place}: its data aren't base64, as RFC 4648, section 4 has it"
        ) from None
    return File(name, content)


async def _decoded(coded: bytes) -> bytes:
    """Base64 to bytes, a piece at a time."""
    if len(coded) <= PIECE:
        return a2b_base64(coded, strict_mode=True)
    content = bytearray()
    for start in range(0, len(coded), PIECE):
        piece = a2b_base64(coded[start : start + PIECE], strict_mode=True)
        if len(piece) < PIECE // 4 * 3 and start + PIECE < len(coded):
            raise ValueError("ends before its end")
        content += piece
        await asyncio.sleep(0)
    return bytes(content)


async def _without_long_strings(body: bytes) -> tuple[bytes, list[bytes]]:
    r"""JSON with its long base64 replaced by `"\u0000N"`, and what was taken out.

    Parsing 20 MB of JSON takes a fifth of a second in one go. What stands between two quotes and is nothing
    but base64 can only be a string: between strings there is at least a comma, a colon or a bracket.
    """
    if len(body) <= LONG:
        return body, []
    kept, taken, start, opening = bytearray(), list[bytes](), 0, body.find(b'"')
    while opening >= 0:
        closing = body.find(b'"', opening + 1)
        if closing - opening > LONG and await _is_base64(body, opening + 1, closing):
            kept += body[start : opening + 1] + b"\\u0000%d" % len(taken)
            taken.append(body[opening + 1 : closing])
            start, closing = closing, body.find(b'"', closing + 1)
        opening = closing
    return bytes(kept + body[start:]), taken


async def _is_base64(body: bytes, start: int, end: int) -> bool:
    for at in range(start, end, PIECE):
        if body[at : min(at + PIECE, end)].translate(None, ALPHABET):
            return False
        await asyncio.sleep(0)
    return True
