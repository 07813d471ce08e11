"""Graphs of one operation are ONNX, and multiply-adds are counted as by hand."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from inkdigits import yardsticks
from inkdigits.errors import InvalidWeights
from inkdigits.model import SHIPPED, open_session
from inkdigits.yardsticks import count_of, multiply_adds, one_operation


@pytest.mark.parametrize(("name", "inputs", "kind"), [("Identity", 1, 2), ("MatMul", 2, 1)])
def test_graphs_written_by_hand_are_onnx(name: str, inputs: int, kind: int) -> None:
    model = onnx.load_model_from_string(one_operation(name, inputs, kind))
    assert [(node.op_type, len(node.input)) for node in model.graph.node] == [(name, inputs)]
    assert [value.type.tensor_type.elem_type for value in model.graph.input] == [kind] * inputs
    assert model.opset_import[0].version == 20


def test_a_long_name_keeps_its_length() -> None:
    name = "Identity" * 40  # more than one byte of a varint
    assert onnx.load_model_from_string(one_operation(name, 1, 1)).graph.node[0].op_type == name


def test_the_product_is_the_product() -> None:
    random = np.random.default_rng(1)
    first, second = random.standard_normal((2, 30, 30), np.float32)
    session = open_session(one_operation("MatMul", 2, 1), Path("MatMul"), 1)
    (product,) = session.run(["out"], {"in0": first, "in1": second})
    np.testing.assert_allclose(product, first @ second, rtol=1e-4, atol=1e-5)


def test_both_yardsticks_can_be_called(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(yardsticks, "MATRIX", 16)
    assert np.shape(yardsticks.empty_call()()) == (1, 1, 28, 28)  # the one output, a glyph as it came
    assert np.shape(yardsticks.matrix_product(2)()) == (1, 16, 16)


def small_network(path: Path) -> None:
    """A convolution of 4 kernels of 5×5 in steps of 2, ReLU, and a dense layer to 3."""
    random = np.random.default_rng(0)
    kernels = random.standard_normal((4, 1, 5, 5), np.float32)
    dense = random.standard_normal((4 * 12 * 12, 3), np.float32)
    nodes = [
        helper.make_node("Conv", ["x", "kernels"], ["a"], strides=[2, 2]),
        helper.make_node("Relu", ["a"], ["b"]),
        helper.make_node("Flatten", ["b"], ["c"]),
        helper.make_node("Gemm", ["c", "dense"], ["y"]),
    ]
    graph = helper.make_graph(
        nodes,
        "small",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, ("N", 1, 28, 28))],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, ("N", 3))],
        [numpy_helper.from_array(kernels, "kernels"), numpy_helper.from_array(dense, "dense")],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 20)], ir_version=10)
    path.write_bytes(model.SerializeToString())


def test_multiply_adds_are_those_of_the_layers(tmp_path: Path) -> None:
    small_network(tmp_path / "small.onnx")
    one = {"x": np.zeros((1, 1, 28, 28), np.float32)}
    assert multiply_adds(tmp_path / "small.onnx", one) == 4 * 12 * 12 * 25 + 4 * 12 * 12 * 3
    assert list(tmp_path.iterdir()) == [tmp_path / "small.onnx"], "the notes are gone"


def test_of_the_shipped_network_they_agree_with_its_shapes() -> None:
    by_onnx = 0
    graph = onnx.shape_inference.infer_shapes(onnx.load(SHIPPED)).graph
    sides = {value.name: value.type.tensor_type.shape.dim for value in [*graph.value_info, *graph.output]}
    weights = {tensor.name: list(tensor.dims) for tensor in graph.initializer}
    for node in graph.node:
        if node.op_type == "Conv":
            places = math.prod(dim.dim_value for dim in list(sides[node.output[0]])[2:])
            by_onnx += places * math.prod(weights[node.input[1]])
        elif node.op_type == "Gemm":
            by_onnx += math.prod(weights[node.input[1]])
    assert multiply_adds(SHIPPED, {"glyphs": np.zeros((1, 28, 28), np.uint8)}) == by_onnx


def test_operations_are_counted_by_their_shapes() -> None:
    assert count_of("Conv", [[1, 8, 7, 7], [16, 4, 3, 3]], [[1, 16, 7, 7]]) == 16 * 49 * 4 * 9  # two groups
    assert count_of("ConvTranspose", [[1, 8, 7, 7], [8, 4, 2, 2]], [[1, 4, 14, 14]]) == 8 * 49 * 4 * 4
    assert count_of("QLinearConv", [[1, 2, 5, 5], [], [], [3, 2, 3, 3]], [[1, 3, 3, 3]]) == 27 * 18
    assert count_of("MatMul", [[5, 2, 3], [3, 4]], [[5, 2, 4]]) == 5 * 2 * 3 * 4
    assert count_of("Gemm", [[3, 2], [3, 4]], [[2, 4]]) == 2 * 3 * 4  # the first one transposed
    assert count_of("Relu", [[1, 8, 7, 7]], [[1, 8, 7, 7]]) == 0


def test_what_is_no_network_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a.onnx").write_bytes(b"nonsense")
    with pytest.raises(InvalidWeights, match=r"a\.onnx"):
        multiply_adds(tmp_path / "a.onnx", {})
