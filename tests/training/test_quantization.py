"""Networks in eight bits answer as they did, are smaller, and say what they said of themselves."""

from __future__ import annotations

import numpy as np
import onnx
import onnxruntime
import pytest
from numpy.typing import NDArray

from inkdigits.training.checkpoint import Weights
from inkdigits.training.datasets import Dataset
from inkdigits.training.export import to_onnx
from inkdigits.training.quantization import quantised


@pytest.fixture(scope="module")
def whole(small_weights: Weights) -> bytes:
    return to_onnx(small_weights.network, {"classes": ["0", "1"], "format": "test"}, name="small")


@pytest.fixture(scope="module")
def small(whole: bytes, small_data: Dataset) -> bytes:
    return quantised(whole, ({"glyphs": small_data.images[i : i + 10]} for i in range(0, 300, 10)))


def answers(content: bytes, glyphs: NDArray[np.uint8]) -> NDArray[np.float32]:
    session = onnxruntime.InferenceSession(content, providers=["CPUExecutionProvider"])
    return np.asarray(session.run(["logits"], {"glyphs": glyphs})[0])


def test_answers_stay(whole: bytes, small: bytes, mnist_test: Dataset) -> None:
    glyphs = mnist_test.images[:2000]
    before, after = answers(whole, glyphs), answers(small, glyphs)
    assert np.mean(before.argmax(1) == after.argmax(1)) > 0.985
    assert np.abs(before - after).mean() < 0.05 * np.abs(before).mean()
    assert not np.array_equal(before, after)


def test_an_answer_does_not_depend_on_its_neighbours(small: bytes, mnist_test: Dataset) -> None:
    together = answers(small, mnist_test.images[:40])
    alone = np.concatenate([answers(small, mnist_test.images[i : i + 1]) for i in range(40)])
    assert np.array_equal(together.argmax(1), alone.argmax(1))
    np.testing.assert_allclose(together, alone, atol=1e-4)


def test_weights_are_bytes_within_seven_bits_but_for_the_last_convolution(whole: bytes, small: bytes) -> None:
    assert len(small) < 0.6 * len(whole)
    model = onnx.load_from_string(small)
    stored = {tensor.name: onnx.numpy_helper.to_array(tensor) for tensor in model.graph.initializer}
    weights = [value for value in stored.values() if value.dtype == np.int8 and value.ndim == 4]
    convolutions = sum(node.op_type == "Conv" for node in model.graph.node)
    assert len(weights) == convolutions - 1
    assert max(np.abs(value.astype(int)).max() for value in weights) <= 64


def test_what_it_says_of_itself_stays(whole: bytes, small: bytes) -> None:
    before, after = (onnx.load_from_string(content) for content in (whole, small))
    assert list(after.metadata_props) == list(before.metadata_props)
    assert after.doc_string == before.doc_string
    assert after.graph.name == before.graph.name
