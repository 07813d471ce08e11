"""Export: an ONNX file answers as PyTorch does and says what it is; one that does not is never written."""

from __future__ import annotations

import copy
import hashlib
import json
import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
import torch
from torch import nn

from inkdigits.errors import (
    DataUnavailable,
    InvalidData,
    InvalidWeights,
    OutputError,
    ParityError,
    UsageError,
)
from inkdigits.model import Model, softmax
from inkdigits.training import export
from inkdigits.training.checkpoint import Weights
from inkdigits.training.datasets import Dataset
from inkdigits.training.export import calibrate, export_onnx, glyph_like, to_onnx
from inkdigits.training.loop import predict
from inkdigits.training.networks import Network, count_parameters
from inkdigits.training.recipes import RECIPES, TINY

DIGITS = tuple("0123456789")
EVERY_LAYER = (
    *("conv 8 3", "norm", "relu", "residual 8", "pool", "residual 16", "depthwise 3", "norm", "silu"),
    *("average", "gelu", "global", "dense 16", "norm", "relu", "dropout 0.5", "dense"),
)
LAYERS = {name: recipe.layers for name, recipe in RECIPES.items()} | {"every layer": EVERY_LAYER}


@pytest.fixture
def some(mnist_test: Dataset) -> Any:
    return mnist_test.images[:300]


def untrained(layers: tuple[str, ...], classes: int = 10) -> Network:
    """A network whose norms have seen something, so that folding them isn't trivial."""
    torch.manual_seed(0)
    network = Network(layers, classes=classes).eval()
    for module in network.modules():
        if isinstance(module, nn.BatchNorm1d | nn.BatchNorm2d):
            nn.init.normal_(module.running_mean)  # type: ignore[arg-type]
            nn.init.uniform_(module.running_var, 0.5, 2)  # type: ignore[arg-type]
            nn.init.normal_(module.weight)
            nn.init.normal_(module.bias)
    return network


@pytest.fixture(scope="module", params=LAYERS.values(), ids=list(LAYERS))
def exported(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> tuple[Network, Path]:
    """Each recipe's network with its ONNX file."""
    network = untrained(request.param)
    path = tmp_path_factory.mktemp("exported") / "net.onnx"
    weights = Weights(network, replace(TINY, layers=request.param), DIGITS, {}, "0" * 64)
    export_onnx(weights, path, check_images=glyph_like(20))
    return network, path


@pytest.mark.parametrize("count", [1, 7, 300])
def test_every_recipe_answers_as_in_pytorch(exported: tuple[Network, Path], some: Any, count: int) -> None:
    network, path = exported
    answered = Model.load(path).logits(some[:count])
    assert answered.shape == (count, 10)
    np.testing.assert_allclose(answered, predict(network, some[:count]), rtol=0, atol=1e-4)


def test_where_a_network_looked_adds_up_to_its_logits(exported: tuple[Network, Path], some: Any) -> None:
    network, path = exported
    model = Model.load(path)
    dense = network.body[-1]
    layers = [layer for layer in network.layers if not layer.startswith("dropout")]
    assert model.has_activation == (layers[-2:] == ["global", "dense"])
    if not model.has_activation:
        with pytest.raises(InvalidWeights, match="activation"):
            model.activation(some[:3])
        return
    assert isinstance(dense, nn.Linear)
    maps = model.activation(some[:7])
    assert maps.shape[:2] == (7, 10)
    assert maps.ndim == 4
    bias = dense.bias.detach().numpy()
    np.testing.assert_allclose(maps.mean(axis=(2, 3)) + bias, model.logits(some[:7]), rtol=0, atol=1e-4)


def test_the_graph_is_clean(exported: tuple[Network, Path]) -> None:
    proto = onnx.load(exported[1])
    kinds = [node.op_type for node in proto.graph.node]
    assert not {"Transpose", "Identity", "Dropout", "Constant", "Shape"} & set(kinds)
    makers = {name: node.op_type for node in proto.graph.node for name in node.output}
    norms = [node for node in proto.graph.node if node.op_type == "BatchNormalization"]
    assert all(
        makers[norm.input[0]] == "MaxPool" for norm in norms
    )  # all others are folded into what they follow
    assert kinds.count("Cast") == 1  # uint8 to float, and no other
    assert {node.domain for node in proto.graph.node} == {""}
    assert [i.version for i in proto.opset_import] == [export.OPSET]


def test_input_and_output_are_as_agreed(small_weights: Weights) -> None:
    proto = onnx.load_from_string(to_onnx(small_weights.network, {}))
    (glyphs,), (logits,) = proto.graph.input, proto.graph.output
    assert (glyphs.name, logits.name) == ("glyphs", "logits")
    assert glyphs.type.tensor_type.elem_type == onnx.TensorProto.UINT8
    assert logits.type.tensor_type.elem_type == onnx.TensorProto.FLOAT
    count, *sides = glyphs.type.tensor_type.shape.dim
    assert count.dim_param == "N"
    assert [side.dim_value for side in sides] == [28, 28]


def test_the_file_tells_nothing_of_the_machine(small_weights: Weights) -> None:
    content = to_onnx(small_weights.network, {})
    assert b".py" not in content
    assert not any(
        node.metadata_props or node.doc_string for node in onnx.load_from_string(content).graph.node
    )


def test_metadata_and_card_say_the_same(small_weights: Weights, tmp_path: Path, some: Any) -> None:
    extra = {"accept_at": 0.93, "note": "for a test"}
    path = tmp_path / "net.onnx"
    card = export_onnx(small_weights, path, temperature=1.5, extra=extra, check_images=some)
    props = {p.key: p.value for p in onnx.load(path).metadata_props}
    assert json.loads(props["classes"]) == list(DIGITS)
    assert json.loads(props["recipe"]) == small_weights.recipe.to_dict()
    assert props["polarity"] == "ink bright on 0"
    assert (props["licence"], props["format"]) == ("MIT", "inkdigits-onnx-1")
    assert (float(props["temperature"]), float(props["accept_at"]), props["note"]) == (
        1.5,
        0.93,
        "for a test",
    )
    assert float(props["accuracy"]) == small_weights.facts["validation_accuracy"]
    assert props["data_sha256"] == small_weights.facts["data_sha256"]
    assert int(props["seed"]) == small_weights.facts["seed"]
    told = {key: value if isinstance(card[key], str) else json.loads(value) for key, value in props.items()}
    assert told == {key: card[key] for key in props}
    assert card == json.loads(path.with_suffix(".json").read_text(encoding="utf-8"))
    assert card["sha256"] == hashlib.sha256(path.read_bytes()).hexdigest()
    assert card["size_bytes"] == path.stat().st_size
    assert card["parameters"] == count_parameters(small_weights.network)
    assert card["parity"]["count"] == 300
    assert card["parity"]["largest_difference"] <= 1e-4


def test_temperature_comes_from_the_weights_when_not_said(
    small_weights: Weights, tmp_path: Path, some: Any
) -> None:
    known = replace(small_weights, facts={**small_weights.facts, "temperature": 1.25})
    assert export_onnx(known, tmp_path / "a.onnx", check_images=some)["temperature"] == 1.25
    assert export_onnx(small_weights, tmp_path / "a.onnx", check_images=some)["temperature"] == 1.0


@pytest.mark.parametrize("temperature", [0.0, -1.0, float("nan"), float("inf")])
def test_an_impossible_temperature_is_refused(
    small_weights: Weights, tmp_path: Path, temperature: float
) -> None:
    with pytest.raises(UsageError, match="temperature"):
        export_onnx(small_weights, tmp_path / "a.onnx", temperature=temperature, check_images=glyph_like(3))
    assert not list(tmp_path.iterdir())


def test_the_same_network_gives_the_same_bytes(small_weights: Weights) -> None:
    assert to_onnx(small_weights.network, {"a": 1, "b": 2}) == to_onnx(
        small_weights.network, {"b": 2, "a": 1}
    )


def one_weight_off(network: Network) -> None:
    with torch.no_grad():
        next(network.parameters()).view(-1)[0] += 0.01


def no_number(network: Network) -> None:
    with torch.no_grad():
        next(network.parameters()).view(-1)[0] = torch.nan


def no_scaling(network: Network) -> None:
    forward = network.forward
    network.forward = lambda glyphs: forward(glyphs.float() / 255)  # type: ignore[method-assign]


@pytest.mark.parametrize("damage", [one_weight_off, no_number, no_scaling])
def test_a_broken_export_is_refused_and_nothing_written(
    damage: Callable[[Network], None],
    small_weights: Weights,
    tmp_path: Path,
    some: Any,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def broken(network: Network, facts: dict[str, Any], *, name: str) -> bytes:
        changed = copy.deepcopy(network)
        damage(changed)
        return to_onnx(changed, facts, name=name)

    (tmp_path / "net.onnx").write_bytes(b"the old one")
    monkeypatch.setattr(export, "to_onnx", broken)
    with pytest.raises(ParityError, match=r"differ on \d+ glyphs.*nothing was written"):
        export_onnx(small_weights, tmp_path / "net.onnx", check_images=some)
    assert [path.name for path in tmp_path.iterdir()] == ["net.onnx"]
    assert (tmp_path / "net.onnx").read_bytes() == b"the old one"


def test_it_compares_10_000_random_pictures_without_mnist(
    small_weights: Weights, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def nowhere(*_: Any, **__: Any) -> Dataset:
        raise DataUnavailable("no MNIST here")

    monkeypatch.setattr(export, "load_data", nowhere)
    parity = export_onnx(small_weights, tmp_path / "net.onnx")["parity"]
    assert parity["count"] == 10_000
    assert "random" in parity["images"]


def test_random_pictures_look_like_glyphs() -> None:
    glyphs = glyph_like(200)
    inside = glyphs[:, 4:-4, 4:-4]
    assert glyphs.dtype == np.uint8
    assert glyphs.sum() == inside.sum()  # ink within the middle 20 × 20
    assert (inside.max(axis=(1, 2)) == 255).mean() > 0.99
    assert 0.1 < (inside > 127).mean() < 0.5  # strokes and paper
    assert len(np.unique(glyphs, axis=0)) == 200


@pytest.mark.parametrize("wrong", [np.zeros((3, 28, 27), np.uint8), np.zeros((3, 28, 28)), glyph_like(0)])
def test_check_images_of_another_kind_are_refused(small_weights: Weights, tmp_path: Path, wrong: Any) -> None:
    with pytest.raises(UsageError, match=re.escape("expected uint8 (N, 28, 28)")):
        export_onnx(small_weights, tmp_path / "net.onnx", check_images=wrong)


def test_a_folder_that_is_not_there_is_one_clear_error(
    small_weights: Weights, tmp_path: Path, some: Any
) -> None:
    with pytest.raises(OutputError, match="can't be written"):
        export_onnx(small_weights, tmp_path / "nowhere" / "net.onnx", check_images=some)


def test_it_is_quiet(
    small_weights: Weights, capfd: pytest.CaptureFixture[str], recwarn: pytest.WarningsRecorder
) -> None:
    to_onnx(small_weights.network, {})
    assert capfd.readouterr() == ("", "")
    assert not recwarn.list


def test_calibrating_lowers_the_loss(small_weights: Weights, mnist_train: Dataset) -> None:
    held_out = mnist_train.part("mnist-validation", 50_000, 54_000)
    sharp = copy.deepcopy(small_weights.network)
    with torch.no_grad():
        for parameter in sharp.body[-1].parameters():
            parameter.mul_(3)  # three times too sure
    sure = replace(small_weights, network=sharp)
    temperature, _ = calibrate(sure, held_out)
    assert temperature == pytest.approx(3 * calibrate(small_weights, held_out)[0], rel=1e-3)
    assert held_out.labels is not None
    logits = predict(sharp, held_out.images)
    rows = np.arange(len(held_out))
    before, after = (-np.log(softmax(logits, t)[rows, held_out.labels]).mean() for t in (1.0, temperature))
    assert after < before


def test_thresholds_are_fitted_only_where_data_supports_them(
    small_weights: Weights, mnist_train: Dataset
) -> None:
    _, none = calibrate(small_weights, mnist_train.part("few", 50_000, 50_100))
    assert none == {}


@pytest.mark.parametrize("change", [{"labels": None}, {"classes": tuple("abcdefghij")}])
def test_calibrating_needs_labels_of_the_same_classes(
    change: dict[str, Any], small_weights: Weights, mnist_train: Dataset
) -> None:
    with pytest.raises(InvalidData, match="to calibrate on"):
        calibrate(small_weights, replace(mnist_train.part("odd", 50_000, 50_100), **change))
