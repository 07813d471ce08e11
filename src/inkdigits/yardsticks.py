"""What a machine's speed is measured against: graphs of one operation, and the multiply-adds of a network.

Knows sessions, and nothing of what networks answer. The graphs are written by hand, in the few fields of
ONNX that they need, so that nothing has to be installed for them.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
from numpy.typing import NDArray

from inkdigits.model import SIDE, open_session

MATRIX = 1024  # rows and columns of the matrices: larger ones reach no more, smaller ones less
_UINT8, _FLOAT = 2, 1  # TensorProto.DataType
_OPSET, _IR = 20, 10  # of ONNX 1.15, which every ONNX Runtime that we take knows

Shapes = list[list[int]]


def empty_call() -> Callable[[], object]:
    """A call of ONNX Runtime that computes nothing, for one glyph: what no network can be faster than."""
    session = open_session(one_operation("Identity", 1, _UINT8), Path("Identity"), threads=1)
    glyph = np.zeros((1, SIDE, SIDE), np.uint8)
    return lambda: session.run(["out"], {"in0": glyph})


def matrix_product(threads: int) -> Callable[[], object]:
    """A call that multiplies two float32 matrices of 1024×1024, 1024³ multiply-adds, on so many threads.

    It is ONNX Runtime's own: with the threads, and the library, that networks run on.
    """
    session = open_session(one_operation("MatMul", 2, _FLOAT), Path("MatMul"), threads)
    random = np.random.default_rng(0)
    first, second = random.standard_normal((2, MATRIX, MATRIX), np.float32)
    return lambda: session.run(["out"], {"in0": first, "in1": second})


def one_operation(name: str, inputs: int, kind: int) -> bytes:
    """An ONNX file of one operation of tensors of any shape.

    Args:
        name: the operator.
        inputs: how many, called `in0`, `in1` …; the output is `out`.
        kind: TensorProto.DataType of all of them.
    """
    names = [f"in{i}" for i in range(inputs)]
    node = b"".join(_field(1, one) for one in names) + _field(2, "out") + _field(4, name)
    tensor = _field(1, _field(1, kind))  # TypeProto.tensor_type.elem_type, without a shape
    takes = b"".join(_field(11, _field(1, one) + _field(2, tensor)) for one in names)
    gives = _field(12, _field(1, "out") + _field(2, tensor))
    graph = _field(1, node) + _field(2, name) + takes + gives
    return _field(1, _IR) + _field(7, graph) + _field(8, _field(1, "") + _field(2, _OPSET))


def _field(number: int, value: int | bytes | str) -> bytes:
    """A field of a protocol buffer: a number, or bytes after their length."""
    if isinstance(value, int):
        return _varint(number << 3) + _varint(value)
    content = value.encode() if isinstance(value, str) else value
    return _varint(number << 3 | 2) + _varint(len(content)) + content


def _varint(value: int) -> bytes:
    parts = []
    while value > 127:
        parts.append(value & 127 | 128)
        value >>= 7
    return bytes([*parts, value])


def multiply_adds(path: Path, feeds: Mapping[str, NDArray[Any]]) -> int:
    """Multiply-adds of convolutions and matrix products in one run of a network, as its graph says.

    The network runs once, unoptimised, so that ONNX Runtime notes the shapes at each operation. The zeros
    around an image count as if they were computed. What goes once over its input (activations, pooling, sums)
    isn't counted: 0.3% as many operations in the shipped network.

    Args:
        path: the ONNX file.
        feeds: what to run it on, for example one glyph.

    Raises:
        InvalidWeights: not a network that can be run.
    """
    with TemporaryDirectory() as folder:
        session = open_session(path.read_bytes(), path, threads=1, profile=Path(folder) / "run")
        session.run(None, dict(feeds))
        events = json.loads(Path(session.end_profiling()).read_bytes())
    runs = [event["args"] for event in events if event["name"].endswith("_kernel_time")]
    return sum(
        count_of(str(run["op_name"]), _shapes(run["input_type_shape"]), _shapes(run["output_type_shape"]))
        for run in runs
    )


def _shapes(noted: list[dict[str, list[int]]]) -> Shapes:
    return [shape for one in noted for shape in one.values()]


def count_of(operator: str, takes: Shapes, gives: Shapes) -> int:
    """Multiply-adds of one operation.

    Args:
        operator: its name in ONNX.
        takes: shapes of its inputs.
        gives: shapes of its outputs.
    """
    match operator:
        case "Conv" | "ConvInteger" | "QLinearConv":
            weights = takes[3 if operator == "QLinearConv" else 1]
            return math.prod(gives[0]) * math.prod(weights[1:])
        case "ConvTranspose":
            return math.prod(takes[0]) * math.prod(takes[1][1:])
        case "MatMul" | "MatMulInteger" | "QLinearMatMul":
            return math.prod(gives[0]) * takes[0][-1]
        case "Gemm":
            return math.prod(gives[0]) * (math.prod(takes[0]) // gives[0][0])
    return 0
