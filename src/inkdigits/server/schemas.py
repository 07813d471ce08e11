"""What bodies and answers are made of, as JSON Schema 2020-12, with examples that were answered so.

Knows shapes only; `openapi` says which route takes and gives them. The routes parse and write bytes
themselves, so tests hold the schemas against what they do.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from inkdigits.server.options import Option
from inkdigits.server.problems import KINDS, MEDIA_TYPE
from inkdigits.server.settings import Settings
from inkdigits.server.uploads import LONGEST_NAME

Schema = dict[str, Any]

PICTURES = (
    *("image/png", "image/jpeg", "image/tiff", "image/webp", "image/bmp", "image/gif"),
    *("image/heic", "application/pdf", "application/octet-stream"),
)
SMALL_PNG = (  # examples/digits/2-tiny.png
    "iVBORw0KGgoAAAANSUhEUgAAAAsAAAAQCAAAAADl1tqiAAAAmElEQVR4nE3OPw7BcADF8dfG4ASSOsCv/NLVau8FrBYDcQKD"
    "A4hwCgeQBompdouK2WKrxZ9F/MnX0Fa86TO85D0H/eJKUjw6SJKAqTF2BQhuwXBu7A4ES7NlbSfgSpWGkf/2sj4wqKeQOfG7"
    "FO7VksJ7f0zue9h65X527JH0DA6ffqzgevI2KmkRN6tROWxL4jJ7ZBs4f5+/TkFpHZ7hq4EAAAAASUVORK5CYII="
)

BOX: Schema = {
    "description": "x0, y0, x1, y1 in pixels of the upright page; x1 and y1 exclusive.",
    **{"type": "array", "items": {"type": "number"}, "minItems": 4, "maxItems": 4},
}
PROBABILITY: Schema = {"type": "number", "minimum": 0, "maximum": 1}
REASON: Schema = {"type": ["string", "null"], "enum": ["blank", "not_a_digit", "unsure", None]}
SOURCE: Schema = {"type": ["string", "null"], "description": "What the sender calls the file."}
PNG: Schema = {"type": ["string", "null"], "contentEncoding": "base64", "contentMediaType": "image/png"}


def ref(name: str) -> Schema:
    """A schema of `components`."""
    return {"$ref": f"#/components/schemas/{name}"}


def objects(required: Mapping[str, Schema], optional: Mapping[str, Schema] | None = None) -> Schema:
    """An object of these members and no others."""
    members = {**required, **(optional or {})}
    closed = {"required": list(required), "additionalProperties": False}
    return {"type": "object", "properties": members, **closed}


def arrays(of: Schema) -> Schema:
    """An array of any length."""
    return {"type": "array", "items": of}


def components(settings: Settings) -> dict[str, Schema]:
    """All schemas, by name."""
    return {**_results(), **_answers(), **_protocol(), "Problem": _problem(), "Images": _images(settings)}


def _results() -> dict[str, Schema]:
    """The objects that the command line answers with too."""
    text: Schema = {"type": "string"}
    alternative = objects({"text": text, "confidence": PROBABILITY})
    digit = {"text": text, "confidence": PROBABILITY, "box": BOX, "alternatives": arrays(ref("Alternative"))}
    line = {
        **{"text": text, "raw": text, "confidence": PROBABILITY, "accepted": {"type": "boolean"}},
        **{"reason": REASON, "box": BOX, "digits": arrays(ref("Digit"))},
        "alternatives": arrays(ref("Alternative")),
    }
    count: Schema = {"type": "integer", "minimum": 1}
    page = {
        **{"source": SOURCE, "page": count, "width": count, "height": count},
        **{"text": text, "lines": arrays(ref("Line"))},
    }
    picture = objects({"picture": {**PNG, "contentMediaType": "image/jpeg"}, "scale": {"type": "number"}})
    return {
        "Alternative": alternative,
        "Digit": objects(digit),
        "Line": objects(line, {"explanation": objects({"strip": PNG, "detail": text})}),
        "Page": objects(page, {"explanation": picture}),
        "Classification": objects(
            {
                "source": SOURCE,
                "digit": {"type": ["integer", "null"], "minimum": 0, "maximum": 9},
                **{"confidence": PROBABILITY, "accepted": {"type": "boolean"}, "reason": REASON},
                "probabilities": arrays(PROBABILITY),
            },
            {"label": text, "explanation": objects({"glyph": PNG, "activation": PNG})},
        ),
        "Failure": objects(
            {"source": SOURCE, "error": objects({"type": {"enum": list(KINDS)}, "detail": text})}
        ),
    }


def _answers() -> dict[str, Schema]:
    text: Schema = {"type": "string"}
    model = objects({"name": {"enum": ["digit", "line"]}, "version": text})
    document = objects({"source": SOURCE, "pages": arrays(ref("Page"))})
    facts = {"type": "object", "properties": {"name": text, "version": text}, "required": ["name", "version"]}
    info = {
        **{"name": {"const": "inkdigits"}, "version": text, "models": arrays(facts)},
        "limits": {"type": "object", "additionalProperties": {"type": "number"}},
        **{"layouts": arrays(text), "formats": arrays(text)},
    }
    kind = {"type": text, "title": text, "status": {"type": "integer"}, "meaning": text, "remedy": text}
    return {
        "Model": model,
        "Document": document,
        "Classified": _results_of("Classification"),
        "Read": _results_of("Document"),
        "Info": objects(info),
        "Kind": objects(kind),
    }


def _results_of(name: str) -> Schema:
    one: Schema = {"anyOf": [ref(name), ref("Failure")]}
    return objects({"model": ref("Model"), "results": arrays(one)})


def _protocol() -> dict[str, Schema]:
    """The Open Inference Protocol's, as far as they are the same for all models."""
    text: Schema = {"type": "string"}
    tensor = {"name": text, "datatype": text, "shape": arrays({"type": "integer"})}
    more: Schema = {"type": "object"}
    asked = objects({"inputs": {**arrays(more), "minItems": 1}}, {"id": {}, "parameters": {}, "outputs": {}})
    answer = {"model_name": text, "model_version": text, "outputs": arrays(more)}
    metadata = {"name": text, "versions": arrays(text), "platform": text}
    metadata |= {"inputs": arrays(ref("Tensor")), "outputs": arrays(ref("Tensor"))}
    return {
        "Tensor": objects(tensor),
        "Metadata": objects(metadata),
        "InferRequest": {**asked, "additionalProperties": True},
        "InferAnswer": objects(answer, {"id": text, "parameters": more}),
        "ProtocolError": objects({"error": text}),
    }


def _problem() -> Schema:
    text: Schema = {"type": "string"}
    members = {
        "type": {"enum": [kind.uri for kind in KINDS.values()]},
        **{"title": text, "status": {"type": "integer"}, "detail": text},
    }
    more = {"instance": {**text, "description": "The request's id, as in X-Request-ID and in the log."}}
    more["limit"] = {"type": "number", "description": "The limit that was passed."}
    return {**objects(members, more), "description": f"RFC 9457, {MEDIA_TYPE}."}


def _images(settings: Settings) -> Schema:
    name = {"type": ["string", "null"], "maxLength": LONGEST_NAME}
    data = {"type": "string", "format": "base64-picture", "contentEncoding": "base64", "minLength": 1}
    one = objects({"data": data}, {"name": name})
    return {**arrays(one), "minItems": 1, "maxItems": settings.max_files}


def options(known: Mapping[str, Option]) -> dict[str, Schema]:
    """The schema of each option."""
    return {
        name: {**option.kind.schema, **_listed(option.schema), "description": option.meaning}
        for name, option in known.items()
    }


def _listed(schema: Mapping[str, Any]) -> Schema:
    return {name: list(value) if isinstance(value, tuple) else value for name, value in schema.items()}


def problems(statuses: Sequence[int]) -> dict[str, Schema]:
    """The answers of these statuses, with an example of each kind of problem."""
    return {str(status): _problems_of(status) for status in statuses}


def _problems_of(status: int) -> Schema:
    kinds = [kind for kind in KINDS.values() if kind.status == status]
    examples = {
        kind.name: {
            "summary": kind.title,
            "value": {
                **{"type": kind.uri, "title": kind.title, "status": status, "detail": kind.meaning},
                "instance": "f53447acf15196df",
            },
        }
        for kind in kinds
    }
    answer: Schema = {"description": "; ".join(kind.title for kind in kinds) + "."}
    if status in (429, 503):
        seconds = {"description": "Seconds to wait before asking again.", "schema": {"type": "integer"}}
        answer["headers"] = {"Retry-After": seconds}
    return {**answer, "content": {MEDIA_TYPE: {"schema": ref("Problem"), "examples": examples}}}
