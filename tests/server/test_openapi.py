"""The API's description: valid, complete, and what the server really does (schemathesis asks it all)."""

from __future__ import annotations

import base64
import io
import json
from pathlib import Path

import httpx
import pytest
import schemathesis
from hypothesis import strategies as st
from PIL import Image, ImageDraw
from schemathesis import engine
from schemathesis.config import SchemathesisConfig
from schemathesis.engine import Status
from schemathesis.engine.events import FatalError, NonFatalError, ScenarioFinished

from inkdigits.server.openapi import document
from inkdigits.server.problems import KINDS
from inkdigits.server.settings import Settings

CONFIG = {
    "seed": 1,
    "generation": {"max-examples": 6, "database": "none"},
    "phases": {"stateful": {"enabled": False}},
    "checks": {
        # options may contradict each other, and numbers needn't be a tensor: 400 and 422 are right then
        "positive_data_acceptance": {"expected-statuses": ["2xx", "400", "404", "415", "422"]},
        # too many pictures are too large a body
        "negative_data_rejection": {"expected-statuses": ["400", "404", "405", "413", "415", "422"]},
    },
}


def picture(kind: str = "PNG") -> bytes:
    """A seven."""
    image = Image.new("L", (40, 60), "white")
    ImageDraw.Draw(image).line([(8, 10), (30, 10), (16, 50)], fill="black", width=4)
    content = io.BytesIO()
    image.save(content, kind)
    return content.getvalue()


PICTURES = [picture("PNG"), picture("JPEG"), picture("BMP")]
schemathesis.openapi.format("binary", st.sampled_from(PICTURES))
schemathesis.openapi.format(
    "base64-picture", st.sampled_from([base64.b64encode(p).decode() for p in PICTURES])
)


@pytest.fixture(scope="session")
def described(server: object) -> object:
    """The description that the server gives of itself."""
    config = SchemathesisConfig.from_dict(CONFIG)
    return schemathesis.openapi.from_url(f"{server.url}/openapi.json", config=config)


def test_server_does_as_described(described):
    """Whatever the description allows or forbids: status, media type, schema and headers are as it says."""
    wrong, asked = [], 0
    for event in engine.from_schema(described).execute():
        assert not isinstance(event, FatalError | NonFatalError), event
        if isinstance(event, ScenarioFinished):
            asked += len(event.recorder.cases)
            checks = [check for of_case in event.recorder.checks.values() for check in of_case]
            wrong += [f"{event.label}: {c.failure_info}" for c in checks if c.status is Status.FAILURE]
    assert not wrong, "\n".join(wrong)
    assert asked > 200


def test_description_is_valid(described):
    """OpenAPI 3.1, by its own schema."""
    described.validate()


def test_every_kind_of_problem_has_an_example():
    """So that a client's author sees each."""
    text = json.dumps(document(Settings(api_key_file=Path(__file__))))
    for kind in KINDS.values():
        assert f'"type": "{kind.uri}"' in text, kind


def test_example_bodies_are_answered(client: httpx.Client):
    """The examples of JSON bodies are ones that work."""
    described = document(Settings())
    examples = described["paths"]["/v1/classify"]["post"]["requestBody"]["content"]["application/json"][
        "examples"
    ]
    for example in examples.values():
        answer = client.post("/v1/classify", json=example["value"])
        assert answer.status_code == 200
        assert answer.json()["results"][0]["digit"] == 2


def test_keys_are_described():
    """A server that asks for keys says so, and where."""
    described = document(Settings(api_key_file=Path(__file__)))
    assert set(described["components"]["securitySchemes"]) == {"bearer", "key"}
    assert "401" in described["paths"]["/v1/read"]["post"]["responses"]
    assert "security" not in described["paths"]["/v2/health/live"]["get"]
