"""The API's own routes: POST /v1/classify, POST /v1/read, GET /v1/info. Knows HTTP; knows no pixels.

    request ─► upload and options ─► service ─► bytes

Routes take the bare request and give ready bytes: what a framework would do between, such as finding out
what an answer is made of, took longer than the network.
"""

from __future__ import annotations

import asyncio
import base64
import io
import json
from collections.abc import Awaitable, Callable
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import Receive, Scope, Send

import inkdigits
from inkdigits.errors import InkdigitsError
from inkdigits.glyph import SIDE
from inkdigits.model import Model
from inkdigits.server import options
from inkdigits.server.apart import ReadAnswer
from inkdigits.server.logs import note, note_content
from inkdigits.server.metrics import count_reading
from inkdigits.server.problems import Problem, problem_of
from inkdigits.server.service import Classified, Service
from inkdigits.server.uploads import File, Receiver, Upload

LATER = 0.5  # seconds after a file's own limit, which knows better whether it was at work or waited
FACTS = ("format", "classes", "sha256", "temperature", "accuracy", "accept_at", "digit_at")

Answer = Callable[[Upload, Scope], Awaitable[Response]]


def routes(service: Service, receiver: Receiver) -> list[Route]:
    """The routes of version 1.

    Args:
        service: what answers.
        receiver: takes in bodies within limits.
    """
    return [
        Route("/v1/classify", Endpoint(service, receiver, Classify(service)), methods=["POST"]),
        Route("/v1/read", Endpoint(service, receiver, Read(service)), methods=["POST"]),
        Route("/v1/info", Info(service).answer, methods=["GET"]),
    ]


class Endpoint:
    """An ASGI application: takes in a request within limits, answers it within its time."""

    def __init__(self, service: Service, receiver: Receiver, answer: Answer) -> None:
        """Puts it together."""
        self._service, self._receiver, self._answer = service, receiver, answer

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answers one request."""
        request = Request(scope, receive)
        async with self._receiver.received(request) as upload:
            try:
                async with asyncio.timeout(self._service.settings.request_seconds + LATER):
                    response = await self._answer(upload, scope)
            except TimeoutError:
                seconds = self._service.settings.request_seconds
                told = f"not answered within {seconds:g} seconds; send less at once"
                raise Problem("timed-out", told) from None
        await response(scope, receive, send)


class Classify:
    """Pictures of one digit each to their digits."""

    def __init__(self, service: Service) -> None:
        """For one service."""
        self._service = service
        self._head = _head("digit", service.reader.model.card)

    async def __call__(self, upload: Upload, scope: Scope) -> Response:
        """The answer to a request."""
        chosen = options.wanted(upload, options.CLASSIFY)
        classified = await self._service.classify(upload.files)
        _note_digits(classified, scope)
        if len(classified) == 1 and isinstance(classified[0].answer, InkdigitsError):
            raise problem_of(classified[0].answer)
        results = [_result(one, file) for one, file in zip(classified, upload.files, strict=True)]
        if chosen.get("explain"):
            for result, one in zip(results, classified, strict=True):
                if "error" not in result:
                    result["explanation"] = _explanation(one, self._service.reader.model)
        body = ",".join(json.dumps(result, separators=(",", ":")) for result in results)
        return _json(self._head + body.encode() + b"]}")


class Read:
    """Pictures of numbers, pages and documents to the numbers in them."""

    def __init__(self, service: Service) -> None:
        """For one service."""
        self._service = service

    async def __call__(self, upload: Upload, scope: Scope) -> Response:
        """The answer to a request."""
        chosen = options.wanted(upload, options.READ)
        form, explain = chosen.get("format", "json"), chosen.get("explain", False)
        if form != "json" and (explain or len(upload.files) > 1):
            raise Problem(
                "usage", f"format {form}: for one picture or document, and without explain; ask for json"
            )
        wanted = options.for_reader(chosen)
        if form != "json":
            read = await self._service.read(upload.files[0], wanted, form)
            _note_numbers(upload.files[0].name, read, scope)
            return Response(read.body, headers={"Content-Type": read.media_type, "Cache-Control": "no-store"})
        results = await self._results(upload.files, wanted, explain, scope)
        return _json(_head("line", self._service.reader.numbers.model.card) + b",".join(results) + b"]}")

    async def _results(
        self, files: tuple[File, ...], wanted: dict[str, Any], explain: bool, scope: Scope
    ) -> list[bytes]:
        results = []
        for file in files:
            source = b'{"source":' + json.dumps(file.name).encode()
            try:
                read = await self._service.read(file, wanted, explain=explain)
                _note_numbers(file.name, read, scope)
                results.append(source + b',"pages":' + read.body + b"}")
            except InkdigitsError as e:
                problem = problem_of(e)
                if len(files) == 1 or problem.kind.name == "usage":  # all others would end so, too
                    raise problem from None
                results.append(source + b',"error":' + json.dumps(problem.to_dict()).encode() + b"}")
        return results


class Info:
    """What this server is: its version, its networks, its limits."""

    def __init__(self, service: Service) -> None:
        """For one service."""
        self._service = service

    async def answer(self, _: Request) -> Response:
        """`GET /v1/info`."""
        reader, settings = self._service.reader, self._service.settings
        limits = ("max_body_mb", "max_files", "max_pixels", "max_pages", "send_seconds", "request_seconds")
        told = {
            "name": "inkdigits",
            "version": inkdigits.__version__,
            "models": [
                _facts("digit", reader.model.card, activation=reader.model.has_activation),
                _facts("line", reader.numbers.model.card),
            ],
            "limits": {name: getattr(settings, name) for name in limits},
            "layouts": options.LAYOUTS,
            "formats": options.FORMATS,
        }
        return _json(json.dumps(told).encode())


def _facts(name: str, card: dict[str, Any], **more: Any) -> dict[str, Any]:
    """What a card says of a network that a caller may want to know."""
    return {**_identity(name, card), **{fact: card[fact] for fact in FACTS if fact in card}, **more}


def _identity(name: str, card: dict[str, Any]) -> dict[str, str]:
    return {"name": name, "version": card["sha256"][:12]}


def _head(name: str, card: dict[str, Any]) -> bytes:
    """How an answer begins, up to its results."""
    return b'{"model":' + json.dumps(_identity(name, card)).encode() + b',"results":['


def _json(body: bytes) -> Response:
    return Response(body, media_type="application/json", headers={"Cache-Control": "no-store"})


# ---- results


def _result(one: Classified, file: File) -> dict[str, Any]:
    if isinstance(one.answer, InkdigitsError):
        return {"source": file.name, "error": problem_of(one.answer).to_dict()}
    return one.answer.to_dict()


def _explanation(one: Classified, model: Model) -> dict[str, Any]:
    """The glyph, and where the network looked for the class it answered; grey PNG as base64."""
    if one.glyph is None:
        return {"glyph": None, "activation": None}
    activation = None
    if model.has_activation and not isinstance(one.answer, InkdigitsError):
        best = int(np.argmax(one.answer.probabilities))
        activation = _png(_picture(model.activation(one.glyph[None])[0, best]))
    return {"glyph": _png(one.glyph), "activation": activation}


def _picture(activation: NDArray[np.float32]) -> NDArray[np.uint8]:
    """A class activation map as grey 28×28: 255 where it speaks most for the class, 0 where it doesn't."""
    smooth = cv2.resize(np.maximum(activation, 0), (SIDE, SIDE), interpolation=cv2.INTER_LINEAR)
    strongest = float(smooth.max())
    if strongest <= 0:
        return np.zeros((SIDE, SIDE), np.uint8)
    return np.asarray(np.rint(smooth / strongest * 255), np.uint8)


def _png(pixels: NDArray[np.uint8]) -> str:
    content = io.BytesIO()
    Image.fromarray(pixels).save(content, "PNG")
    return base64.b64encode(content.getvalue()).decode()


# ---- what logs and metrics are told


def _note_digits(classified: list[Classified], scope: Scope) -> None:
    answers = [one.answer for one in classified]
    for one in answers:
        if not isinstance(one, InkdigitsError):
            count_reading(one.reason)
    note(scope, pictures=len(answers))
    if scope["state"].get("log_content"):
        read = [one.to_dict() for one in answers if not isinstance(one, InkdigitsError)]
        note_content(
            scope, read=[{name: one[name] for name in ("source", "digit", "reason")} for one in read]
        )


def _note_numbers(name: str | None, read: ReadAnswer, scope: Scope) -> None:
    for reason, count in read.reasons.items():
        count_reading(None if reason == "accepted" else reason, "line", count)
    log = scope["state"].get("log", {})
    note(scope, pictures=log.get("pictures", 0) + 1, pages=log.get("pages", 0) + read.pages)
    if scope["state"].get("log_content"):
        note_content(scope, read=[*log.get("read", ()), {"source": name, "body": read.body.decode()}])
