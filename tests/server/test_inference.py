"""The Open Inference Protocol against a real server, asked by Triton's own client, and by hand."""

from __future__ import annotations

import gzip
import json
import socket
import threading
import time
from collections.abc import Iterator
from typing import Any

import httpx
import numpy as np
import pytest
import uvicorn
from numpy.typing import NDArray
from starlette.applications import Starlette
from tritonclient.http import InferenceServerClient, InferInput, InferRequestedOutput
from tritonclient.utils import InferenceServerException

from inkdigits.model import softmax
from inkdigits.reader import Reader
from inkdigits.server import inference
from inkdigits.server.batching import Batcher
from inkdigits.server.logs import RequestLog
from inkdigits.server.uploads import Receiver
from inkdigits.strip import strip_from_grey

MAX_BYTES = 2 * 2**20


class Server:
    """A server process's insides in a thread, on a port of its own."""

    def __init__(self, reader: Reader) -> None:
        self.ready = True
        batcher, receiver = Batcher(reader.model), Receiver(MAX_BYTES, 8, 5)
        ready = {"ready": lambda: self.ready}
        routes = inference.routes(reader, batcher, receiver, max_bytes=MAX_BYTES, **ready)
        app = RequestLog(Starlette(routes=routes))
        listening = socket.create_server(("127.0.0.1", 0))
        self.address = f"127.0.0.1:{listening.getsockname()[1]}"
        self._server = uvicorn.Server(uvicorn.Config(app, log_level="warning", access_log=False))
        self._thread = threading.Thread(target=self._server.run, args=([listening],))
        self._thread.start()
        while not self._server.started:
            time.sleep(0.01)

    def stop(self) -> None:
        self._server.should_exit = True
        self._thread.join()


@pytest.fixture(scope="module")
def reader() -> Reader:
    """The shipped networks."""
    return Reader.load()


@pytest.fixture(scope="module")
def server(reader: Reader) -> Iterator[Server]:
    """One for all tests."""
    server = Server(reader)
    yield server
    server.stop()


@pytest.fixture(scope="module")
def triton(server: Server) -> Iterator[InferenceServerClient]:
    """Triton's client."""
    client = InferenceServerClient(server.address)
    yield client
    client.close()


@pytest.fixture(scope="module")
def http(server: Server) -> Iterator[httpx.Client]:
    """Bare requests."""
    with httpx.Client(base_url=f"http://{server.address}", trust_env=False) as client:
        yield client


@pytest.fixture(scope="module")
def glyphs() -> NDArray[np.uint8]:
    """Some."""
    return np.random.default_rng(2).integers(0, 256, (3, 28, 28), np.uint8)


@pytest.fixture(scope="module")
def strips() -> NDArray[np.uint8]:
    """Two, of a width that isn't a multiple of 8."""
    grey = np.full((40, 61), 255, np.uint8)
    grey[8:30, 10:13] = grey[8:30, 30:33] = 0
    strip = strip_from_grey(grey)
    assert strip is not None
    return np.stack([strip.pixels[:, :45], strip.pixels[:, 5:50]])


def asked(name: str, tensor: NDArray[np.uint8], binary: bool = True) -> list[InferInput]:
    """A tensor as Triton's client sends it."""
    tensor_in = InferInput(name, list(tensor.shape), "UINT8")
    tensor_in.set_data_from_numpy(tensor, binary_data=binary)
    return [tensor_in]


# ---- Triton's client


def test_triton_finds_server_and_models(triton: InferenceServerClient, reader: Reader) -> None:
    assert triton.is_server_live()
    assert triton.is_server_ready()
    assert triton.get_server_metadata()["name"] == "inkdigits"
    for name in ("digit", "line"):
        assert triton.is_model_ready(name)
    version = reader.model.card["sha256"][:12]
    told = triton.get_model_metadata("digit", version)
    assert told["versions"] == [version]
    assert told["inputs"] == [{"name": "glyphs", "datatype": "UINT8", "shape": [-1, 28, 28]}]
    assert [(o["name"], o["datatype"], o["shape"]) for o in told["outputs"]] == [
        ("logits", "FP32", [-1, 10]),
        ("probabilities", "FP32", [-1, 10]),
    ]


@pytest.mark.parametrize("binary", [True, False])
def test_triton_classifies(
    triton: InferenceServerClient, reader: Reader, glyphs: NDArray[np.uint8], binary: bool
) -> None:
    answer = triton.infer("digit", asked("glyphs", glyphs, binary), request_id="mine")
    logits = reader.model.logits(glyphs)
    assert np.array_equal(answer.as_numpy("logits"), logits)
    expected = softmax(logits, reader.model.temperature).astype(np.float32)
    assert np.array_equal(answer.as_numpy("probabilities"), expected)
    assert answer.get_response()["id"] == "mine"


def test_triton_chooses_outputs_in_json_or_binary(
    triton: InferenceServerClient, reader: Reader, glyphs: NDArray[np.uint8]
) -> None:
    outputs = [
        InferRequestedOutput("probabilities", binary_data=False),
        InferRequestedOutput("logits", binary_data=True),
    ]
    answer = triton.infer("digit", asked("glyphs", glyphs), outputs=outputs)
    assert "data" in answer.get_output("probabilities")
    assert "data" not in answer.get_output("logits")
    assert np.array_equal(answer.as_numpy("logits"), reader.model.logits(glyphs))
    only = triton.infer("digit", asked("glyphs", glyphs), outputs=outputs[:1])
    assert only.as_numpy("logits") is None


@pytest.mark.parametrize("algorithm", ["gzip", "deflate"])
def test_triton_may_compress(
    triton: InferenceServerClient, reader: Reader, glyphs: NDArray[np.uint8], algorithm: str
) -> None:
    answer = triton.infer(
        "digit",
        asked("glyphs", glyphs),
        request_compression_algorithm=algorithm,
        response_compression_algorithm=algorithm,
    )
    assert np.array_equal(answer.as_numpy("logits"), reader.model.logits(glyphs))


def test_triton_reads_lines(triton: InferenceServerClient, reader: Reader, strips: NDArray[np.uint8]) -> None:
    answer = triton.infer("line", asked("strips", strips))
    for number, (logits, boxes) in enumerate(reader.numbers.model.logits(strips)):
        assert np.array_equal(answer.as_numpy("logits")[number], logits)
        assert np.array_equal(answer.as_numpy("boxes")[number], boxes)


def test_triton_asks_at_the_same_time(
    triton: InferenceServerClient, reader: Reader, glyphs: NDArray[np.uint8]
) -> None:
    handles = [triton.async_infer("digit", asked("glyphs", glyphs[i % 3][None])) for i in range(12)]
    rows = [handle.get_result().as_numpy("logits")[0] for handle in handles]
    assert np.array_equal(rows, np.tile(reader.model.logits(glyphs), (4, 1)))


def test_many_glyphs_and_none(triton: InferenceServerClient, reader: Reader) -> None:
    many = np.random.default_rng(3).integers(0, 256, (150, 28, 28), np.uint8)
    answer = triton.infer("digit", asked("glyphs", many))
    assert np.array_equal(answer.as_numpy("logits"), reader.model.logits(many))
    assert triton.infer("digit", asked("glyphs", many[:0])).as_numpy("logits").shape == (0, 10)
    none = np.zeros((0, 32, 40), np.uint8)
    assert triton.infer("line", asked("strips", none)).as_numpy("boxes").size == 0


def test_triton_gets_errors_in_words(triton: InferenceServerClient, glyphs: NDArray[np.uint8]) -> None:
    with pytest.raises(InferenceServerException, match=r"letters.*there are digit, line"):
        triton.infer("letters", asked("glyphs", glyphs))
    with pytest.raises(InferenceServerException, match="version '7': not here"):
        triton.infer("digit", asked("glyphs", glyphs), model_version="7")
    with pytest.raises(InferenceServerException, match="takes glyphs"):
        triton.infer("digit", asked("pictures", glyphs))
    with pytest.raises(InferenceServerException, match=r"shape \[3, 27, 28\]; expected \[-1, 28, 28\]"):
        triton.infer("digit", asked("glyphs", np.ascontiguousarray(glyphs[:, 1:])))


# ---- by hand


def body(**changes: Any) -> dict[str, Any]:
    """A request in JSON, with something changed in its tensor."""
    tensor = {"name": "glyphs", "datatype": "UINT8", "shape": [1, 28, 28], "data": [0] * 784, **changes}
    return {"inputs": [{key: value for key, value in tensor.items() if value is not None}]}


def test_data_may_be_nested(http: httpx.Client, reader: Reader, glyphs: NDArray[np.uint8]) -> None:
    answer = http.post("/v2/models/digit/infer", json=body(data=glyphs[:1].tolist())).json()
    found = np.array(answer["outputs"][0]["data"], np.float32).reshape(answer["outputs"][0]["shape"])
    assert np.array_equal(found, reader.model.logits(glyphs[:1]))
    assert (answer["model_name"], answer["model_version"]) == ("digit", reader.model.card["sha256"][:12])


@pytest.mark.parametrize(
    ("sent", "told"),
    [
        (body(datatype="FP32"), 'datatype "FP32"; expected UINT8'),
        (body(shape=[2, 28, 28]), "784 numbers, but shape [2, 28, 28] has 1568"),
        (body(shape=[28, 28]), "expected [-1, 28, 28]"),
        (body(shape=[1.0, 28, 28]), "expected a list of whole numbers"),
        (body(shape=[True, 28, 28]), "expected a list of whole numbers"),
        (body(shape=None), "expected a list of whole numbers"),
        (body(data=[300] * 784), "from 0 to 255"),
        (body(data=[-1] * 784), "from 0 to 255"),
        (body(data=[0.5] * 784), "from 0 to 255"),
        (body(data=[True] * 784), "from 0 to 255"),
        (body(data=["7"] * 784), "from 0 to 255"),
        (body(data=["7" * 500_000] + [""] * 100_000), "from 0 to 255"),  # 200 GB as an array of texts
        (body(data=[10**30] * 784), "from 0 to 255"),
        (body(data=[[0], [0, 1]]), "lists of different lengths"),
        (body(data=None), "no data"),
        (body(data={"a": 1}), "no data"),
        (body(parameters={"shared_memory_region": "x"}), "shared memory isn't offered"),
        (body(parameters={"binary_data_size": 784}), "0 bytes follow the JSON"),
        (body(parameters=[]), "expected an object"),
        ({"inputs": []}, "a list of one tensor, glyphs"),
        ({"inputs": [1]}, "a list of one tensor, glyphs"),
        ({}, "a list of one tensor, glyphs"),
        ([1], "expected a JSON object"),
        ({**body(), "id": 5}, "id: expected a text"),
        ({**body(), "outputs": [{"name": "digits"}]}, "this model gives logits, probabilities"),
        ({**body(), "outputs": {"name": "logits"}}, "expected a list of objects"),
        ({**body(), "outputs": [{"name": "logits", "parameters": {"classification": 3}}]}, "classification"),
    ],
)
def test_what_cant_be_answered_is_said_in_one_line(http: httpx.Client, sent: Any, told: str) -> None:
    answer = http.post("/v2/models/digit/infer", json=sent)
    assert answer.status_code == 400
    assert list(answer.json()) == ["error"]
    assert told in answer.json()["error"]
    assert "\n" not in answer.json()["error"]


@pytest.mark.parametrize("length", ["0", "-1", "99999", "x", "1" * 40, "3"])
def test_where_the_json_ends_is_checked(http: httpx.Client, length: str) -> None:
    headers = {"Inference-Header-Content-Length": length}
    answer = http.post("/v2/models/digit/infer", content=json.dumps(body()), headers=headers)
    assert answer.status_code == 400
    assert answer.json()["error"]


def test_bytes_that_nobody_asked_for(http: httpx.Client) -> None:
    head = json.dumps(body()).encode()
    headers = {"Inference-Header-Content-Length": str(len(head))}
    answer = http.post("/v2/models/digit/infer", content=head + b"more", headers=headers)
    assert "4 bytes after the JSON" in answer.json()["error"]


def test_sizes_are_limited(http: httpx.Client) -> None:
    url = "/v2/models/digit/infer"
    assert http.post(url, content=b"[" + b"1," * 2**19 + b"1]").status_code == 400  # JSON of over 1 MB
    assert http.post(url, content=bytes(MAX_BYTES + 1)).status_code == 413
    bomb = gzip.compress(bytes(20 * MAX_BYTES))
    assert http.post(url, content=bomb, headers={"Content-Encoding": "gzip"}).status_code == 413
    wide = {"name": "strips", "datatype": "UINT8", "shape": [1, 32, 4096], "data": [48] * 32 * 4096}
    answer = http.post("/v2/models/line/infer", json={"inputs": [wide]})
    assert "expected 1 to 2048" in answer.json()["error"]


@pytest.mark.parametrize(
    ("coding", "content"),
    [("br", b"x"), ("gzip", b"x"), ("gzip", gzip.compress(b'{"inputs": []}' * 50, mtime=0)[:-9])],
)
def test_broken_compression(http: httpx.Client, coding: str, content: bytes) -> None:
    answer = http.post("/v2/models/digit/infer", content=content, headers={"Content-Encoding": coding})
    assert answer.status_code == 400
    assert answer.json()["error"]


@pytest.mark.parametrize("content", [b"", b"\xff\xfe", b"[" * 100_000, b'{"inputs": NaN}', b"nul"])
def test_what_is_no_json(http: httpx.Client, content: bytes) -> None:
    answer = http.post("/v2/models/digit/infer", content=content)
    assert answer.status_code == 400
    assert answer.json()["error"]


def test_what_isnt_there(http: httpx.Client) -> None:
    for path in ("letters", "letters/ready", "digit/versions/9", "digit/versions/9/ready"):
        answer = http.get(f"/v2/models/{path}")
        assert (answer.status_code, list(answer.json())) == (404, ["error"])
    assert http.post("/v2/models/letters/infer", json=body()).status_code == 404


def test_ready_is_said_only_while_requests_are_wanted(server: Server, http: httpx.Client) -> None:
    paths = ("/v2/health/ready", "/v2/models/digit/ready")
    assert [http.get(path).status_code for path in paths] == [200, 200]
    server.ready = False
    try:
        assert [http.get(path).status_code for path in paths] == [503, 503]
        assert http.get("/v2/health/live").status_code == 200
    finally:
        server.ready = True
