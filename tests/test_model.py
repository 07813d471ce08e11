"""Networks that are what their card says are opened, and answer whatever the batch; others are refused.

Of glyphs first, then of lines.
"""

from __future__ import annotations

import hashlib
import json
import os
import pickle
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

from inkdigits.alphabet import CLASSES
from inkdigits.errors import InvalidData, InvalidWeights
from inkdigits.model import BATCH, FORMAT, LINE_FORMAT, SHIPPED, LineModel, Model, softmax
from inkdigits.strip import PAPER
from inkdigits.training.datasets import Dataset

BANDS = 7  # classes of the network below: ink in rows 0–3, 4–7 …


def network(
    *,
    input_name: str = "glyphs",
    output_name: str = "logits",
    input_type: int = TensorProto.UINT8,
    shape: tuple[str | int, ...] = ("N", 28, 28),
    classes: int = BANDS,
    metadata: dict[str, str] | None = None,
) -> bytes:
    """A network made by hand: the logit of class c is the mean ink in rows 4c to 4c + 3."""
    bands = np.zeros((784, classes), np.float32)
    for c in range(classes):
        bands[c * 112 : (c + 1) * 112, c] = 1 / 112
    nodes = [
        helper.make_node("Cast", [input_name], ["floats"], to=TensorProto.FLOAT),
        helper.make_node("Reshape", ["floats", "flat"], ["rows"]),
        helper.make_node("MatMul", ["rows", "bands"], [output_name]),
    ]
    graph = helper.make_graph(
        nodes,
        "bands",
        [helper.make_tensor_value_info(input_name, input_type, shape)],
        [helper.make_tensor_value_info(output_name, TensorProto.FLOAT, (shape[0], classes))],
        [numpy_helper.from_array(bands, "bands"), numpy_helper.from_array(np.array([-1, 784]), "flat")],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 20)], ir_version=10)
    helper.set_model_props(model, {"format": FORMAT} if metadata is None else metadata)
    return bytes(model.SerializeToString())


def saved(folder: Path, content: bytes, **card: Any) -> Path:
    """The network and its card, whose entries can be given or, with None, left out."""
    path = folder / "bands.onnx"
    path.write_bytes(content)
    known = {
        "format": FORMAT,
        "sha256": hashlib.sha256(content).hexdigest(),
        "classes": [str(c) for c in range(BANDS)],
        "temperature": 1.0,
        **card,
    }
    card_text = json.dumps({name: value for name, value in known.items() if value is not None})
    path.with_suffix(".json").write_text(card_text)
    return path


@pytest.fixture
def glyphs() -> NDArray[np.uint8]:
    return np.random.default_rng(0).integers(0, 256, (2 * BATCH + 13, 28, 28)).astype(np.uint8)


def expected_logits(glyphs: NDArray[np.uint8]) -> NDArray[np.float64]:
    return np.asarray(glyphs.reshape(len(glyphs), BANDS, 112).mean(axis=2), np.float64)


@pytest.mark.parametrize("count", [0, 1, BATCH - 1, BATCH, BATCH + 1, 2 * BATCH + 13])
def test_answers_come_in_order_for_any_count(tmp_path: Path, glyphs: NDArray[np.uint8], count: int) -> None:
    model = Model.load(saved(tmp_path, network()))
    logits = model.logits(glyphs[:count])
    assert logits.shape == (count, BANDS)
    assert logits.dtype == np.float32
    assert np.allclose(logits, expected_logits(glyphs[:count]), atol=1e-3)


def test_slices_and_views_answer_as_copies_do(tmp_path: Path, glyphs: NDArray[np.uint8]) -> None:
    model = Model.load(saved(tmp_path, network()))
    view = glyphs[::-3, :, ::-1]
    assert np.allclose(model.logits(view), expected_logits(view.copy()), atol=1e-3)


def test_the_card_s_temperature_softens_probabilities(tmp_path: Path, glyphs: NDArray[np.uint8]) -> None:
    sharp = Model.load(saved(tmp_path, network()))
    at_one = sharp.probabilities(glyphs)
    soft = Model.load(saved(tmp_path, network(), temperature=4.0))
    at_four = soft.probabilities(glyphs)
    assert np.allclose(at_four, softmax(sharp.logits(glyphs), 4), atol=1e-9)
    assert (at_four.max(axis=1) < at_one.max(axis=1)).all()
    assert (at_four.argmax(axis=1) == at_one.argmax(axis=1)).all()
    assert np.allclose(at_four.sum(axis=1), 1)


def test_softmax_of_extreme_logits_is_finite() -> None:
    assert np.allclose(softmax(np.array([[1e4, 0.0], [-1e4, -1e4]])), np.array([[1, 0], [0.5, 0.5]]))
    assert softmax(np.empty((0, 3))).shape == (0, 3)


def test_threads_may_share_a_model(tmp_path: Path, glyphs: NDArray[np.uint8]) -> None:
    model = Model.load(saved(tmp_path, network()), threads=2)
    answers: dict[int, NDArray[np.float32]] = {}

    def ask(i: int) -> None:
        answers[i] = model.logits(glyphs[i : i + 50])

    askers = [threading.Thread(target=ask, args=(i,)) for i in range(16)]
    for asker in askers:
        asker.start()
    for asker in askers:
        asker.join()
    for i, answer in answers.items():
        assert np.allclose(answer, expected_logits(glyphs[i : i + 50]), atol=1e-3)
    assert len(answers) == 16


@pytest.mark.parametrize(
    "wrong",
    [
        np.zeros((1, 28, 28), np.float32),
        np.zeros((28, 28), np.uint8),
        np.zeros((1, 1, 28, 28), np.uint8),
        np.zeros((1, 32, 32), np.uint8),
    ],
    ids=["floats", "one glyph", "channels", "another size"],
)
def test_what_is_no_batch_of_glyphs_is_refused(tmp_path: Path, wrong: NDArray[Any]) -> None:
    with pytest.raises(InvalidData, match=r"expected uint8 \(N, 28, 28\)"):
        Model.load(saved(tmp_path, network())).logits(wrong)


def refusal(path: Path) -> str:
    """The message with which a file is refused: one line that names the file."""
    with pytest.raises(InvalidWeights) as caught:
        Model.load(path)
    message = str(caught.value)
    assert message.startswith(str(path.parent))
    assert "\n" not in message
    return message


def test_every_changed_byte_is_noticed(tmp_path: Path) -> None:
    path = saved(tmp_path, network())
    content = path.read_bytes()
    for at in np.random.default_rng(0).integers(0, len(content), 50):
        changed = bytearray(content)
        changed[at] ^= 1
        path.write_bytes(changed)
        assert "changed byte" in refusal(path)


@pytest.mark.parametrize("kept", [0, 1, 100, -1])
def test_a_file_cut_short_is_noticed(tmp_path: Path, kept: int) -> None:
    path = saved(tmp_path, network())
    path.write_bytes(path.read_bytes()[:kept])
    assert "cut short" in refusal(path)


def test_pickles_are_never_opened(tmp_path: Path) -> None:
    class Trap:
        def __reduce__(self) -> tuple[Any, ...]:
            return (Path.touch, (tmp_path / "sprung",))

    for protocol in range(2, pickle.HIGHEST_PROTOCOL + 1):
        path = saved(tmp_path, pickle.dumps(Trap(), protocol=protocol))
        assert "pickle" in refusal(path)
    path = saved(tmp_path, b"PK\x03\x04" + bytes(100))  # what torch.save writes
    assert "pickle" in refusal(path)
    assert not (tmp_path / "sprung").exists()


def test_safetensors_are_told_what_to_do(tmp_path: Path) -> None:
    header = b'{"__metadata__":{}}'
    path = saved(tmp_path, len(header).to_bytes(8, "little") + header)
    assert "inkdigits export" in refusal(path)


def test_files_that_are_not_there(tmp_path: Path) -> None:
    assert "no such file" in refusal(tmp_path / "none.onnx")
    (tmp_path / "folder.onnx").mkdir()
    assert "a folder" in refusal(tmp_path / "folder.onnx")
    path = saved(tmp_path, network())
    path.with_suffix(".json").unlink()
    assert "card" in refusal(path)


@pytest.mark.parametrize("text", ["", "[1, 2]", "{", "\udcff", '{"format": "other"}', "null"])
def test_a_card_that_is_none(tmp_path: Path, text: str) -> None:
    path = saved(tmp_path, network())
    path.with_suffix(".json").write_bytes(text.encode("utf-8", "surrogateescape"))
    assert "card" in refusal(path)


@pytest.mark.parametrize(
    "card",
    [
        {"classes": None},
        {"classes": 10},
        {"classes": ["0"]},
        {"temperature": None},
        {"temperature": 0},
        {"temperature": -1},
        {"temperature": "hot"},
        {"sha256": None},
        {"sha256": 5},
    ],
    ids=str,
)
def test_a_card_without_what_a_reader_needs(tmp_path: Path, card: dict[str, Any]) -> None:
    assert "export again" in refusal(saved(tmp_path, network(), **card))


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"\x08\x0a not a network", "not an ONNX network"),
        (network(input_name="pixels"), "it takes"),
        (network(input_type=TensorProto.FLOAT), "it takes"),
        (network(shape=("N", 28, 29)), "it takes"),
        (network(output_name="scores"), "it gives"),
        (network(classes=6), "it gives"),
        (network(shape=(1, 28, 28)), "fixed number"),
        (network(metadata={}), "metadata"),
    ],
    ids=["no network", "name", "type", "shape", "output", "classes", "fixed", "metadata"],
)
def test_networks_of_another_kind(tmp_path: Path, content: bytes, message: str) -> None:
    assert message in refusal(saved(tmp_path, content))


def test_the_shipped_network_is_small_and_says_what_it_is() -> None:
    card = Model.load().card
    assert SHIPPED.stat().st_size <= 1_000_000
    assert card["classes"] == list("0123456789")
    assert card["polarity"] == "ink bright on 0"
    assert card["accuracy"] >= 0.995
    assert {"licence", "recipe", "seed", "data_sha256", "accept_at", "digit_at"} <= card.keys()
    metadata = {p.key: p.value for p in onnx.load(SHIPPED).metadata_props}
    assert json.loads(metadata["classes"]) == card["classes"]
    assert float(metadata["temperature"]) == card["temperature"]


def test_the_shipped_network_reaches_its_accuracy(mnist_test: Dataset) -> None:
    assert mnist_test.labels is not None
    right = Model.load().logits(mnist_test.images).argmax(axis=1) == mnist_test.labels
    assert right.mean() >= 0.995


def line_network(
    *,
    input_name: str = "strips",
    shape: tuple[str | int, ...] = ("N", 32, "W"),
    classes: int = len(CLASSES),
    outputs: tuple[str, str] = ("logits", "boxes"),
    line_format: str = LINE_FORMAT,
) -> bytes:
    """A line network made by hand: every logit and box side of a frame is the mean of its two columns."""
    nodes = [
        helper.make_node("Cast", [input_name], ["floats"], to=TensorProto.FLOAT),
        helper.make_node("ReduceMean", ["floats", "rows"], ["columns"], keepdims=0),
        helper.make_node("Reshape", ["columns", "pairs"], ["paired"]),
        helper.make_node("ReduceMean", ["paired", "last"], ["means"], keepdims=1),
        helper.make_node("Tile", ["means", "to_classes"], [outputs[0]]),
        helper.make_node("Tile", ["means", "to_sides"], [outputs[1]]),
    ]
    numbers = {
        "rows": [1],
        "pairs": [0, -1, 2],
        "last": [2],
        "to_classes": [1, 1, classes],
        "to_sides": [1, 1, 4],
    }
    graph = helper.make_graph(
        nodes,
        "columns",
        [helper.make_tensor_value_info(input_name, TensorProto.UINT8, shape)],
        [
            helper.make_tensor_value_info(outputs[0], TensorProto.FLOAT, (shape[0], "T", classes)),
            helper.make_tensor_value_info(outputs[1], TensorProto.FLOAT, (shape[0], "T", 4)),
        ],
        [numpy_helper.from_array(np.array(n, np.int64), name) for name, n in numbers.items()],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 20)], ir_version=10)
    helper.set_model_props(model, {"format": line_format})
    return bytes(model.SerializeToString())


def saved_line(folder: Path, content: bytes, **card: Any) -> Path:
    return saved(folder, content, **{"format": LINE_FORMAT, "classes": list(CLASSES), **card})


@pytest.mark.parametrize("width", [1, 7, 8, 9, 64, 100, 2048])
def test_strips_of_any_width_are_made_up_with_paper(tmp_path: Path, width: int) -> None:
    model = LineModel.load(saved_line(tmp_path, line_network(), temperature=1.5))
    assert (model.classes, model.temperature) == (CLASSES, 1.5)
    strip = np.random.default_rng(0).integers(0, 256, (32, width)).astype(np.uint8)
    ((logits, boxes),) = model.logits([strip])
    frames = -(-width // 8) * 4
    assert (logits.shape, boxes.shape) == ((frames, 16), (frames, 4))
    assert logits.dtype == boxes.dtype == np.float32
    columns = np.full(2 * frames, PAPER, np.float64)
    columns[:width] = strip.mean(axis=0)
    expected = columns.reshape(-1, 2).mean(axis=1, keepdims=True)
    assert np.allclose(logits, expected, atol=1e-3)
    assert np.allclose(boxes, expected, atol=1e-3)


def test_strips_are_answered_in_order_each_by_itself(tmp_path: Path) -> None:
    model = LineModel.load(saved_line(tmp_path, line_network()))
    strips = [np.full((32, 16 + 8 * (i % 3)), 10 * i, np.uint8) for i in range(10)]
    answers = model.logits(strips)
    assert [float(logits.mean()) for logits, _ in answers] == pytest.approx([10 * i for i in range(10)])
    assert model.logits([]) == []
    view = np.zeros((64, 64), np.uint8)[::-2, ::4]
    assert model.logits([view])[0][0].shape == (8, 16)


@pytest.mark.parametrize(
    "wrong",
    [
        np.zeros((32, 8), np.float32),
        np.zeros((28, 28), np.uint8),
        np.zeros((1, 32, 8), np.uint8),
        np.zeros((32, 0), np.uint8),
    ],
    ids=["floats", "a glyph", "a batch", "no columns"],
)
def test_what_is_no_strip_is_refused(tmp_path: Path, wrong: NDArray[Any]) -> None:
    with pytest.raises(InvalidData, match=r"expected uint8 \(32, W\)"):
        LineModel.load(saved_line(tmp_path, line_network())).logits([wrong])


@pytest.mark.parametrize(
    ("content", "card", "message"),
    [
        (line_network(), {"format": FORMAT}, "not a card of format inkdigits-line-1"),
        (line_network(), {"classes": [*CLASSES[1:], ""]}, "its classes aren't"),
        (line_network(), {"classes": [str(c) for c in range(16)]}, "its classes aren't"),
        (line_network(), {"temperature": None}, "export again"),
        (line_network(), {"sha256": "0" * 64}, "changed byte"),
        (line_network(line_format=FORMAT), {}, "metadata lack format inkdigits-line-1"),
        (line_network(input_name="glyphs"), {}, "it takes"),
        (line_network(shape=("N", 28, "W")), {}, "it takes"),
        (line_network(shape=("N", 32, 64)), {}, "fixed number or width"),
        (line_network(shape=(1, 32, "W")), {}, "fixed number or width"),
        (line_network(classes=11), {}, "it gives"),
        (line_network(outputs=("boxes", "logits")), {}, "it gives"),
        (b"\x08\x0a not a network", {}, "not an ONNX network"),
        (b"PK\x03\x04" + bytes(100), {}, "a pickle"),
    ],
    ids=lambda value: str(value)[:20] if isinstance(value, dict) else "",
)
def test_line_networks_of_another_kind(
    tmp_path: Path, content: bytes, card: dict[str, Any], message: str
) -> None:
    with pytest.raises(InvalidWeights) as caught:
        LineModel.load(saved_line(tmp_path, content, **card))
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


def test_the_two_kinds_of_networks_aren_t_mixed_up(tmp_path: Path) -> None:
    with pytest.raises(InvalidWeights, match="not a card of format inkdigits-line-1"):
        LineModel.load(saved(tmp_path, network()))
    with pytest.raises(InvalidWeights, match="not a card of format inkdigits-onnx-1"):
        Model.load(saved_line(tmp_path, line_network()))
    with pytest.raises(InvalidWeights, match="train line"):
        LineModel.load(tmp_path / "none.onnx")


def test_nothing_is_kept_of_who_reads_what(tmp_path: Path) -> None:
    code = "from inkdigits.model import LineModel, Model\nModel.load(), LineModel.load()"
    environment = {**os.environ, "HOME": str(tmp_path), "XDG_CACHE_HOME": str(tmp_path / "cache")}
    environment.pop("ORT_DISABLE_TELEMETRY", None)
    subprocess.run([sys.executable, "-c", code], env=environment, check=True)
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []
