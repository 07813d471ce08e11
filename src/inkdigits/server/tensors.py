"""Bodies of the Open Inference Protocol to tensors and back, in JSON or binary. Knows no networks, no HTTP.

    body ─► JSON head ─► Request(tensor, wanted outputs)          answers ─► JSON head [+ tensors' bytes]

As in KServe's "Open Inference Protocol", version 2, with Triton's "binary tensor data" extension: the header
`Inference-Header-Content-Length` says where the JSON ends and tensors' bytes, little-endian and row by row,
begin. Nothing a body says is believed before it is checked; large tensors in JSON are refused, since parsing
them keeps everybody waiting.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, field
from math import prod
from typing import Any

import numpy as np
from numpy.typing import NDArray

HEAD_BYTES = 2**20  # of JSON; it takes 15 ms to parse, and has room for 300 glyphs
PIECE = 8192  # numbers written as JSON before others have a turn; 5 ms

_TYPES = {np.dtype(np.uint8): "UINT8", np.dtype(np.float32): "FP32"}


class BadRequest(Exception):
    """What was sent isn't a request that a network can answer; the message is one line."""


@dataclass(frozen=True)
class Shape:
    """One tensor that a network takes or gives.

    Attributes:
        name: of the tensor.
        datatype: `UINT8` or `FP32`.
        sizes: -1 stands for any.
    """

    name: str
    datatype: str
    sizes: tuple[int, ...]

    def to_dict(self) -> dict[str, Any]:
        """As the metadata of a model have it."""
        return {"name": self.name, "datatype": self.datatype, "shape": list(self.sizes)}

    def fits(self, sizes: Sequence[int]) -> bool:
        """Whether a tensor of these sizes is one of these."""
        return len(sizes) == len(self.sizes) and all(
            own in (-1, given) for own, given in zip(self.sizes, sizes, strict=True)
        )


@dataclass(frozen=True)
class Request:
    """What a client asks.

    Attributes:
        tensor: the input.
        outputs: names of the wanted outputs, each with whether it is wanted in binary.
        request_id: to be given back; None for none.
    """

    tensor: NDArray[np.uint8]
    outputs: dict[str, bool]
    request_id: str | None = None


# ---- requests


def parse(body: bytes, head_bytes: int | None, takes: Shape, gives: Sequence[Shape]) -> Request:
    """What a body asks.

    Args:
        body: all of it.
        head_bytes: where its JSON ends; None: nowhere.
        takes: the one input of the network.
        gives: its outputs.

    Raises:
        BadRequest: not such a request, or not for this network.
    """
    head, rest = _split(body, head_bytes)
    inputs = head.get("inputs")
    if not isinstance(inputs, list) or len(inputs) != 1 or not isinstance(inputs[0], dict):
        raise BadRequest(f"inputs: expected a list of one tensor, {takes.name}")
    request_id = head.get("id")
    if request_id is not None and not isinstance(request_id, str):
        raise BadRequest("id: expected a text")
    binary = _parameters(head, "the request").get("binary_data_output", False)
    outputs = _outputs(head.get("outputs"), bool(binary), [shape.name for shape in gives])
    return Request(_tensor(inputs[0], rest, takes), outputs, request_id)


def _split(body: bytes, head_bytes: int | None) -> tuple[dict[str, Any], memoryview]:
    length = len(body) if head_bytes is None else head_bytes
    if not 0 < length <= len(body):
        raise BadRequest(
            f"Inference-Header-Content-Length {length}: not within the body, which has {len(body)} bytes"
        )
    if length > HEAD_BYTES:
        raise BadRequest(
            f"more than {HEAD_BYTES >> 20} MB of JSON; send tensors in binary (binary_data_size)"
        )
    try:
        head = json.loads(body[:length])
    except (ValueError, RecursionError) as e:
        raise BadRequest(f"not JSON: {' '.join(str(e).split())[:120]}") from None
    if not isinstance(head, dict):
        raise BadRequest("expected a JSON object with inputs")
    return head, memoryview(body)[length:]


def _tensor(described: dict[str, Any], rest: memoryview, takes: Shape) -> NDArray[np.uint8]:
    name, datatype, sizes = (described.get(key) for key in ("name", "datatype", "shape"))
    if name != takes.name:
        raise BadRequest(f"input {_short(name)}: not known; this model takes {takes.name}")
    if datatype != takes.datatype:
        raise BadRequest(f"input {name}: datatype {_short(datatype)}; expected {takes.datatype}")
    if not isinstance(sizes, list) or not all(type(size) is int and size >= 0 for size in sizes):
        raise BadRequest(f"input {name}: shape {_short(sizes)}; expected a list of whole numbers")
    if not takes.fits(sizes):
        raise BadRequest(f"input {name}: shape {_short(sizes)}; expected {list(takes.sizes)}, -1 for any")
    parameters = _parameters(described, f"input {name}")
    if "shared_memory_region" in parameters:
        raise BadRequest(f"input {name}: shared memory isn't offered here; send its data")
    if "binary_data_size" in parameters:
        numbers = _from_bytes(name, rest, parameters["binary_data_size"])
    elif len(rest):
        raise BadRequest(f"{len(rest)} bytes after the JSON that no input's binary_data_size asks for")
    else:
        numbers = _from_list(name, described.get("data"))
    if numbers.size != prod(sizes):
        raise BadRequest(f"input {name}: {numbers.size} numbers, but shape {sizes} has {prod(sizes)}")
    return numbers.reshape(sizes)


def _from_bytes(name: str, rest: memoryview, size: Any) -> NDArray[np.uint8]:
    if type(size) is not int or size != len(rest):
        told = f"binary_data_size {_short(size)}, but {len(rest)} bytes follow the JSON"
        raise BadRequest(f"input {name}: {told}")
    return np.frombuffer(rest, np.uint8)


def _from_list(name: str, data: Any) -> NDArray[np.uint8]:
    """Numbers in a list, flat or nested as the shape has it."""
    if not isinstance(data, list):
        raise BadRequest(f"input {name}: no data; expected a list, or binary_data_size")
    # as objects: of texts, numpy would make an array with room for the longest in every place
    objects = np.array(data, dtype=object).ravel()
    kinds = set(map(type, objects))
    if list in kinds:
        raise BadRequest(f"input {name}: its data are lists of different lengths")
    if not kinds <= {int} or (objects < 0).any() or (objects > 255).any():
        raise BadRequest(f"input {name}: its data must be whole numbers from 0 to 255")
    return objects.astype(np.uint8)


def _outputs(wanted: Any, binary: bool, known: list[str]) -> dict[str, bool]:
    """Names of outputs, and whether each is wanted in binary; all when none is named."""
    if not wanted and (wanted is None or isinstance(wanted, list)):
        return dict.fromkeys(known, binary)
    if not isinstance(wanted, list) or not all(isinstance(output, dict) for output in wanted):
        raise BadRequest("outputs: expected a list of objects with a name")
    chosen = {}
    for output in wanted:
        name = output.get("name")
        if name not in known:
            raise BadRequest(f"output {_short(name)}: not known; this model gives {', '.join(known)}")
        parameters = _parameters(output, f"output {name}")
        for extension in ("classification", "shared_memory_region"):
            if extension in parameters:
                raise BadRequest(f"output {name}: {extension} isn't offered here")
        chosen[name] = bool(parameters.get("binary_data", binary))
    return chosen


def _parameters(described: dict[str, Any], what: str) -> dict[str, Any]:
    parameters = described.get("parameters", {})
    if not isinstance(parameters, dict):
        raise BadRequest(f"parameters of {what}: expected an object")
    return parameters


def _short(value: Any) -> str:
    return json.dumps(value)[:80]


# ---- answers


@dataclass(frozen=True)
class Answer:
    """What a network gave.

    Attributes:
        model: its name.
        version: of the model.
        outputs: the tensors, by name.
    """

    model: str
    version: str
    outputs: Mapping[str, NDArray[Any]]


@dataclass
class Written:
    """An answer's body.

    Attributes:
        pieces: JSON, then the bytes of tensors.
        head_bytes: how long the JSON is; None when there is nothing else.
    """

    pieces: list[bytes] = field(default_factory=list)
    head_bytes: int | None = None


async def write(answer: Answer, request: Request) -> Written:
    """An answer as it goes out: the wanted outputs, each in JSON or binary."""
    head: list[bytes] = [_opening(answer, request.request_id)]
    binary: list[bytes] = []
    for number, (name, as_bytes) in enumerate(request.outputs.items()):
        tensor = np.ascontiguousarray(answer.outputs[name])
        told: dict[str, Any] = {"name": name, "datatype": _TYPES[tensor.dtype], "shape": list(tensor.shape)}
        if as_bytes:
            told["parameters"] = {"binary_data_size": tensor.nbytes}
            binary.append(tensor.tobytes())
        head.append(b"," * (number > 0) + json.dumps(told).encode()[:-1])
        if not as_bytes:
            head.append(b', "data": [')
            head += [piece async for piece in _listed(tensor.ravel())]
            head.append(b"]")
        head.append(b"}")
    head.append(b"]}")
    length = sum(map(len, head)) if binary else None
    return Written(head + binary, length)


def _opening(answer: Answer, request_id: str | None) -> bytes:
    told = {"model_name": answer.model, "model_version": answer.version}
    if request_id is not None:
        told["id"] = request_id
    return json.dumps(told).encode()[:-1] + b', "outputs": ['


async def _listed(numbers: NDArray[Any]) -> AsyncIterator[bytes]:
    """A flat list of numbers, without its brackets; others have a turn between the pieces."""
    for start in range(0, len(numbers), PIECE):
        if start:
            await asyncio.sleep(0)
        listed = json.dumps(numbers[start : start + PIECE].tolist())
        yield (b"," if start else b"") + listed[1:-1].encode()
