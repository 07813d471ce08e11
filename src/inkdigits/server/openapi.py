"""The API's description: OpenAPI 3.1 at /openapi.json. Knows routes and examples; `schemas` knows shapes."""

from __future__ import annotations

import json
from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

import inkdigits
from inkdigits.server.jobs import MEDIA_TYPES
from inkdigits.server.metrics import PATH as METRICS
from inkdigits.server.options import CLASSIFY, READ
from inkdigits.server.problems import KINDS
from inkdigits.server.schemas import PICTURES, SMALL_PNG, Schema, components, objects, options, problems, ref
from inkdigits.server.settings import Settings

REFUSED = (400, 408, 413, 415, 422, 429, 431, 500, 503)

ABOUT = """\
Reads handwritten digits and numbers, and says when it isn't sure.

A picture is sent as the body itself, as a part of `multipart/form-data`, or as base64 in JSON; options stand
in the query, in form fields or beside the pictures in JSON. What can't be answered is told in
`application/problem+json` (RFC 9457), whose `type` is explained at that path."""

CLASSIFIED = {
    "model": {"name": "digit", "version": "7ee5ad72ff42"},
    "results": [
        {
            **{"source": "5-marker.jpg", "digit": 5, "confidence": 1.0, "accepted": True, "reason": None},
            "probabilities": [0.0, 0.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 0.0],
        },
        {"source": "README.md", "error": {"type": "unreadable-image", "detail": "README.md: not an image"}},
    ],
}
_DIGITS = (("7", 58.1, 18.2, 86.5, 58.8), ("7", 90.6, 22.4, 113.3, 55.0))
READING = {
    "model": {"name": "line", "version": "70a253b62e63"},
    "results": [
        {
            "source": "77.png",
            "pages": [
                {
                    **{"source": "77.png", "page": 1, "width": 175, "height": 80, "text": "77"},
                    "lines": [
                        {
                            **{"text": "77", "raw": "7.7", "confidence": 0.999231, "accepted": True},
                            **{"reason": None, "box": [58.1, 18.2, 113.3, 58.8]},
                            "digits": [
                                {"text": text, "confidence": 1.0, "box": box, "alternatives": []}
                                for text, *box in _DIGITS
                            ],
                            "alternatives": [{"text": "71", "confidence": 0.0002}],
                        }
                    ],
                }
            ],
        }
    ],
}


def route(settings: Settings) -> Route:
    """`GET /openapi.json`."""
    body = json.dumps(document(settings)).encode()

    async def answer(_: Request) -> Response:
        return Response(body, media_type="application/json", headers={"Cache-Control": "no-cache"})

    return Route("/openapi.json", answer, methods=["GET"])


def document(settings: Settings) -> Schema:
    """The description of a server with these settings."""
    written: Schema = {
        "openapi": "3.1.0",
        "info": {"title": "inkdigits", "version": inkdigits.__version__, "description": ABOUT},
        "servers": [{"url": settings.root_path or "/"}],
        "paths": {**_v1(settings), **_v2(), **_others(settings)},
        "components": {"schemas": components(settings), "responses": problems((401, 404, 405))},
    }
    if settings.api_key_file is not None:
        key = {"type": "apiKey", "in": "header", "name": "X-API-Key"}
        written["components"]["securitySchemes"] = {
            "bearer": {"type": "http", "scheme": "bearer"},
            "key": key,
        }
        _lock(written["paths"])
    return written


def _lock(paths: Schema) -> None:
    """The routes that ask for a key say so."""
    for path, operations in paths.items():
        if path.startswith(("/v1/", "/v2/models")) or path == "/v2/":
            for operation in operations.values():
                operation["security"] = [{"bearer": []}, {"key": []}]
                operation["responses"] |= problems((401,))


# ---- /v1


def _v1(settings: Settings) -> Schema:
    classify = {
        "operationId": "classify",
        "summary": "Which digit does each picture show, and how sure is that?",
        "parameters": _query(options(CLASSIFY)),
        "requestBody": _body(settings, options(CLASSIFY)),
        "responses": {
            "200": _ok("A result for each picture, in order.", "Classified", CLASSIFIED),
            **problems(REFUSED),
        },
    }
    read = {
        "operationId": "read",
        "summary": "The numbers in pictures, on pages and in documents, digit by digit.",
        "parameters": _query(options(READ)),
        "requestBody": _body(settings, options(READ)),
        "responses": {"200": _read(), **problems(REFUSED)},
    }
    info = {
        "operationId": "info",
        "summary": "The server's version, networks and limits.",
        "responses": {"200": _ok("What it is.", "Info"), **problems((429, 500, 503))},
    }
    return {"/v1/classify": {"post": classify}, "/v1/read": {"post": read}, "/v1/info": {"get": info}}


def _query(known: dict[str, Schema]) -> list[Schema]:
    """Options as parameters; their descriptions stand beside their schemas there."""
    return [
        {
            **{"name": name, "in": "query", "description": schema["description"]},
            "schema": {key: value for key, value in schema.items() if key != "description"},
        }
        for name, schema in known.items()
    ]


def _body(settings: Settings, known: dict[str, Schema]) -> Schema:
    """The three ways of sending pictures."""
    file: Schema = {"type": "string", "format": "binary"}
    files = {"type": "array", "items": file, "minItems": 1, "maxItems": settings.max_files}
    image = {"name": "2.png", "data": SMALL_PNG}
    return {
        "required": True,
        "description": f"At most {settings.max_body_mb:g} MB and {settings.max_files} pictures.",
        "content": {
            "multipart/form-data": {
                "schema": objects({"file": files}, known),
                "encoding": {"file": {"contentType": ", ".join(PICTURES)}},
            },
            "application/json": {
                "schema": objects({"images": ref("Images")}, known),
                "examples": {
                    "one": {"value": {"images": [image]}},
                    "explained": {"value": {"images": [image], "explain": True}},
                },
            },
            **{kind: {"schema": file} for kind in PICTURES},
        },
    }


def _read() -> Schema:
    kinds = dict.fromkeys(kind.partition(";")[0] for name, kind in MEDIA_TYPES.items() if name != "json")
    answer = _ok(
        "A result for each picture or document, in order; or it in the `format` asked for.", "Read", READING
    )
    answer["content"] |= {kind: {"schema": {"type": "string"}} for kind in kinds}
    return answer


def _ok(description: str, schema: str, example: Any = None) -> Schema:
    content: Schema = {"schema": ref(schema)}
    if example is not None:
        content["example"] = example
    return {"description": description, "content": {"application/json": content}}


# ---- /v2


_PROTOCOL = {
    "/v2": ("server", "What this server is."),
    "/v2/health/live": ("live", "Whether this process answers at all."),
    "/v2/health/ready": ("ready", "Whether requests should be sent here."),
}
_MODEL = {"name": "model", "in": "path", "required": True, "schema": {"enum": ["digit", "line"]}}
_VERSION = {
    **{
        "name": "version",
        "in": "path",
        "required": True,
        "schema": {"type": "string", "pattern": "^[0-9a-f]{12}$"},
    },
    "description": "The beginning of the weights' SHA-256, as in /v1/info.",
}


def _v2() -> Schema:
    """The Open Inference Protocol; what it refuses is told in its own way, all else as problems."""
    paths: Schema = {}
    for path, (name, summary) in _PROTOCOL.items():
        paths[path] = {"get": {"operationId": name, "summary": summary, "responses": _plain(_refused())}}
    return {
        **paths,
        **_model("/v2/models/{model}", "", [_MODEL]),
        **_model("/v2/models/{model}/versions/{version}", "_version", [_MODEL, _VERSION]),
    }


def _model(path: str, more: str, parameters: list[Schema]) -> Schema:
    """The three routes of a model."""
    wrong = {"description": "What was wrong.", "content": _protocol_error()}
    answers = {**_refused(), "404": wrong}

    def operation(name: str, summary: str, **rest: Any) -> Schema:
        return {"operationId": f"{name}{more}", "summary": summary, "parameters": parameters, **rest}

    told = {"200": _ok("It.", "Metadata"), **answers}
    infer = _infer({**answers, "400": wrong})
    return {
        path: {"get": operation("model", "What a model takes and gives.", responses=told)},
        f"{path}/ready": {
            "get": operation("model_ready", "Whether a model can be asked.", responses=_plain(answers))
        },
        f"{path}/infer": {
            "post": operation(
                "infer", "A model's answer to a tensor, in JSON or as binary tensor data.", **infer
            )
        },
    }


def _refused() -> Schema:
    stopping = problems((503,))["503"]
    stopping["content"] |= {"application/json": {"schema": {}}}  # also `{"ready": false}`
    return {**problems((429, 500)), "503": stopping}


def _plain(more: Schema) -> Schema:
    return {"200": {"description": "It is.", "content": {"application/json": {"schema": {}}}}, **more}


def _protocol_error() -> Schema:
    return {"application/json": {"schema": ref("ProtocolError")}}


def _infer(more: Schema) -> Schema:
    tensor = {"name": "glyphs", "shape": [1, 28, 28], "datatype": "UINT8", "data": [0] * 784}
    body = {"schema": ref("InferRequest"), "example": {"inputs": [tensor]}}
    octets: Schema = {"application/octet-stream": {"schema": {"type": "string", "format": "binary"}}}
    answer = _ok("Its outputs.", "InferAnswer")
    answer["content"] |= octets
    too_much = {"description": "Too large, or too slow.", "content": _either()}
    return {
        "requestBody": {"required": True, "content": {"application/json": body, **octets}},
        "responses": {"200": answer, "408": too_much, "413": too_much, **more},
    }


def _either() -> Schema:
    return {**_protocol_error(), **problems((413,))["413"]["content"]}


# ---- others


def _others(settings: Settings) -> Schema:
    kind = {"name": "kind", "in": "path", "required": True, "schema": {"enum": list(KINDS)}}
    explained = _ok("What it means, and what to do.", "Kind")
    explained["content"]["text/html"] = {"schema": {"type": "string"}}
    told = {"200": explained, **problems((404, 500))}
    paths: Schema = {
        "/problems/{kind}": {
            "get": {
                "operationId": "problem",
                "summary": "What a kind of problem means.",
                "parameters": [kind],
                "responses": told,
            }
        }
    }
    if settings.metrics:
        text = {"description": "The figures.", "content": {"text/plain": {"schema": {"type": "string"}}}}
        figures = {"operationId": "metrics", "summary": "Figures for Prometheus.", "responses": {"200": text}}
        paths[METRICS] = {"get": figures}
    return paths
