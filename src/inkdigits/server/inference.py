"""The Open Inference Protocol, version 2, so that clients of KServe and Triton work as they are. Knows HTTP.

    GET  /v2, /v2/health/live, /v2/health/ready
    GET  /v2/models/{model}, …/ready              and the same below /v2/models/{model}/versions/{version}
    POST /v2/models/{model}/infer

    request ─► body within limits ─► tensors ─► served network ─► tensors ─► answer

Errors are `{"error": "…"}`, as the protocol has them: 400 for what can't be answered, 404 for a model that
isn't there.
"""

from __future__ import annotations

import asyncio
import json
import zlib
from collections.abc import Awaitable, Callable, Mapping
from math import ceil
from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

import inkdigits
from inkdigits.errors import InkdigitsError
from inkdigits.reader import Reader
from inkdigits.server import tensors
from inkdigits.server.batching import Batcher
from inkdigits.server.logs import note
from inkdigits.server.overload import Overloaded
from inkdigits.server.problems import Problem
from inkdigits.server.served import Digits, Lines, Served
from inkdigits.server.tensors import BadRequest
from inkdigits.server.uploads import Receiver

HEAD_LENGTH = "Inference-Header-Content-Length"
PACKED = {"gzip": 31, "deflate": 15}  # zlib's names for them; HTTP's "deflate" is zlib's own format

Answer = Callable[[Request], Awaitable[Response]]


class NotFound(Exception):
    """No model of that name or version; the message is one line."""


class Inference:
    """Answers the protocol's requests."""

    def __init__(
        self,
        models: tuple[Served, ...],
        receiver: Receiver,
        seconds: float,
        max_bytes: int,
        ready: Callable[[], bool],
    ) -> None:
        """Puts it together; `routes` is the usual way."""
        self._models = {model.name: model for model in models}
        self._receiver, self._seconds, self._max_bytes, self._ready = receiver, seconds, max_bytes, ready

    async def server(self, _: Request) -> Response:
        """What this is."""
        told = {"name": "inkdigits", "version": inkdigits.__version__, "extensions": ["binary_tensor_data"]}
        return _json(told)

    async def live(self, _: Request) -> Response:
        """Whether this process answers at all."""
        return _json({"live": True})

    async def ready(self, _: Request) -> Response:
        """Whether requests should come here."""
        ready = self._ready()
        return _json({"ready": ready}, 200 if ready else 503)

    async def model(self, request: Request) -> Response:
        """What a model takes and gives."""
        return _json(self._named(request).to_dict())

    async def model_ready(self, request: Request) -> Response:
        """Whether a model can be asked."""
        name, ready = self._named(request).name, self._ready()
        return _json({"name": name, "ready": ready}, 200 if ready else 503)

    async def infer(self, request: Request) -> Response:
        """A model's answer to a tensor."""
        model = self._named(request)
        async with self._receiver.whole(request) as packed:
            body = await self._unpacked(packed, request.headers.get("content-encoding", ""))
            wanted = tensors.parse(body, _head_bytes(request), model.takes, model.gives)
            async with asyncio.timeout(self._seconds):
                outputs = await model.answer(wanted.tensor)
        note(request.scope, model=model.name, results=len(wanted.tensor))
        written = await tensors.write(tensors.Answer(model.name, model.version, outputs), wanted)
        headers = {"Content-Type": "application/json"}
        if written.head_bytes is not None:
            headers = {"Content-Type": "application/octet-stream", HEAD_LENGTH: str(written.head_bytes)}
        return Response(b"".join(written.pieces), headers=headers)

    def _named(self, request: Request) -> Served:
        """The model that a path names."""
        name, version = request.path_params["model"], request.path_params.get("version")
        if name not in self._models:
            raise NotFound(f"model {name[:80]!r}: not known; there are {', '.join(self._models)}")
        model = self._models[name]
        if version not in (None, model.version):
            raise NotFound(f"model {name}, version {version[:80]!r}: not here; there is {model.version}")
        return model

    async def _unpacked(self, body: bytes, coding: str) -> bytes:
        """A body that may be compressed; never more of it than an uncompressed one may have."""
        coding = coding.strip().lower()
        if coding in ("", "identity"):
            return body
        if coding not in PACKED:
            raise BadRequest(f"Content-Encoding {coding[:80]!r}: not known; send gzip, deflate or none")
        unpacking = zlib.decompressobj(PACKED[coding])
        try:
            plain = await asyncio.to_thread(unpacking.decompress, body, self._max_bytes)
        except zlib.error:
            raise BadRequest(f"the body isn't {coding}, or broken") from None
        if unpacking.unconsumed_tail:
            raise Problem("body-too-large", f"the body has more than {self._max_bytes} bytes when unpacked")
        if not unpacking.eof:
            raise BadRequest("the compressed body is cut short")
        return plain


def routes(
    reader: Reader,
    batcher: Batcher,
    receiver: Receiver,
    *,
    seconds: float = 60,
    max_bytes: int = 20 * 2**20,
    ready: Callable[[], bool] = lambda: True,
) -> list[Route]:
    """The protocol's routes.

    Args:
        reader: the networks.
        batcher: runs glyphs.
        receiver: takes in bodies within limits.
        seconds: that answering may take.
        max_bytes: of a body when unpacked.
        ready: whether requests should come here.
    """
    models = (Digits(reader.model, batcher), Lines(reader.numbers.model))
    protocol = Inference(models, receiver, seconds, max_bytes, ready)
    gets: dict[str, Answer] = {
        "/v2": protocol.server,
        "/v2/health/live": protocol.live,
        "/v2/health/ready": protocol.ready,
    }
    found = [Route(path, _safe(answer), methods=["GET"]) for path, answer in gets.items()]
    for path in ("/v2/models/{model}", "/v2/models/{model}/versions/{version}"):
        found += [
            Route(path, _safe(protocol.model), methods=["GET"]),
            Route(f"{path}/ready", _safe(protocol.model_ready), methods=["GET"]),
            Route(f"{path}/infer", _safe(protocol.infer), methods=["POST"]),
        ]
    return found


def _safe(answer: Answer) -> Answer:
    """The same, with errors as the protocol has them. What is unexpected is left to whoever logs it."""

    async def endpoint(request: Request) -> Response:
        try:
            return await answer(request)
        except NotFound as e:
            return _error(404, str(e))
        except (BadRequest, InkdigitsError) as e:
            return _error(400, str(e))
        except Overloaded as e:
            return _error(503, str(e), {"Retry-After": str(max(1, ceil(e.retry_after)))})
        except TimeoutError:
            return _error(503, "it took too long; send less at once", {"Retry-After": "1"})
        except Problem as e:
            return _error(e.kind.status, e.detail, e.headers)

    return endpoint


def _error(status: int, told: str, headers: Mapping[str, str] | None = None) -> Response:
    return _json({"error": told}, status, headers)


def _json(told: dict[str, Any], status: int = 200, headers: Mapping[str, str] | None = None) -> Response:
    return Response(json.dumps(told).encode(), status, headers, "application/json")


def _head_bytes(request: Request) -> int | None:
    """Where the body's JSON ends, as the header says."""
    told = request.headers.get(HEAD_LENGTH)
    if told is None:
        return None
    if not told.isdecimal() or len(told) > 12:
        raise BadRequest(f"{HEAD_LENGTH} {told[:80]!r}: expected a number of bytes")
    return int(told)
