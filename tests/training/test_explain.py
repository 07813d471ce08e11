"""Explanations: Grad-CAM and occlusion are Captum's; maps lie where the network looked; pictures open."""

from __future__ import annotations

import io
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from captum.attr import LayerGradCam, Occlusion
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from PIL import Image
from torch import Tensor, nn

from inkdigits.errors import UsageError
from inkdigits.model import softmax
from inkdigits.training.checkpoint import Weights, load_weights, save_weights
from inkdigits.training.datasets import Dataset
from inkdigits.training.explain import explain, log_odds, occlude
from inkdigits.training.export import export_onnx, glyph_like
from inkdigits.training.gradcam import class_activation, grad_cam
from inkdigits.training.heatmaps import draw
from inkdigits.training.loop import predict
from inkdigits.training.networks import Network, last_spatial_layer
from inkdigits.training.recipes import RECIPES
from inkdigits.training.recogniser import Recogniser

DIGITS = tuple("0123456789")
GLOBAL = ("conv 8 3", "norm", "relu", "residual 8", "pool", "residual 16", "dropout 0.2", "global", "dense")
LAYERS = {name: recipe.layers for name, recipe in RECIPES.items()} | {"global": GLOBAL}


@pytest.fixture(scope="module")
def recogniser(small_weights: Weights) -> Recogniser:
    network = small_weights.network
    return Recogniser(DIGITS, lambda glyphs: predict(network, glyphs), 1.3, network)


@pytest.fixture
def seven(mnist_test: Dataset) -> Any:
    """The first test image."""
    return mnist_test.images[0]


@pytest.mark.parametrize("layers", LAYERS.values(), ids=list(LAYERS))
def test_grad_cam_is_captums(layers: tuple[str, ...], mnist_test: Dataset) -> None:
    torch.manual_seed(0)
    network = Network(layers).eval()
    glyphs = torch.from_numpy(mnist_test.images[:5].copy())
    reference = LayerGradCam(network, last_spatial_layer(network))
    largest = 0.0  # an untrained network may have nothing to say for one class or another
    for target in range(10):
        expected = reference.attribute(glyphs.float(), target=target, relu_attributions=True)
        activation = class_activation(network, glyphs, target)
        torch.testing.assert_close(activation, expected[:, 0].detach(), rtol=1e-4, atol=1e-6)
        largest = max(largest, float(activation.max()))
    assert largest > 0


@pytest.mark.parametrize(("patch", "stride"), [(5, 1), (4, 3), (7, 7), (10, 4), (28, 28)])
def test_occlusion_is_captums(patch: int, stride: int, small_weights: Weights, seven: Any) -> None:
    network = small_weights.network

    def score(glyphs: Tensor) -> Tensor:
        return torch.from_numpy(log_odds(network(glyphs).numpy()))

    ours = occlude(lambda glyphs: log_odds(predict(network, glyphs)), seven, patch, stride)
    picture = torch.from_numpy(seven.copy()).float()[None]
    with torch.no_grad():
        for target in (7, 3):
            expected = Occlusion(score).attribute(
                picture, (patch, patch), (stride, stride), target=target, perturbations_per_eval=64
            )
            np.testing.assert_allclose(ours[target], expected[0].numpy(), rtol=1e-3, atol=1e-4)


@given(logits=arrays.arrays(np.float32, (3, 10), elements=st.floats(-8, 8, width=32)))
def test_log_odds_are_those_of_the_probabilities(logits: Any) -> None:
    p = softmax(logits)
    np.testing.assert_allclose(log_odds(logits), np.log(p / (1 - p)), rtol=1e-3, atol=1e-3)


SEEING = {
    "same": ("conv 1 3", "relu", "pool", "conv 1 3", "relu", "flatten", "dense"),
    "valid": ("conv 1 5 valid", "relu", "pool", "conv 1 5 valid", "relu", "pool", "flatten", "dense"),
    "odd pools": ("conv 1 3 valid", "relu", "pool 3", "conv 1 3", "relu", "flatten", "dense"),
    "residual": ("residual 1", "average", "residual 1", "pool", "flatten", "dense"),
}


@settings(max_examples=20, deadline=None)
@given(x=st.integers(7, 20), y=st.integers(7, 20))
@pytest.mark.parametrize("layers", SEEING.values(), ids=list(SEEING))
def test_a_map_lies_where_the_network_looked(layers: tuple[str, ...], x: int, y: int) -> None:
    network = Network(layers).eval()
    with torch.no_grad():
        for module in network.modules():
            if isinstance(module, nn.Conv2d):  # passes its middle on
                nn.init.dirac_(module.weight)
                if module.bias is not None:
                    module.bias.zero_()
            if isinstance(module, nn.Linear):
                nn.init.ones_(module.weight)
    glyph = np.zeros((28, 28), np.uint8)
    glyph[y, x] = 255
    heat = grad_cam(network, glyph, 0)
    weight = np.maximum(heat - heat.min(), 0)
    middle = [(weight.sum(axis=axis) * np.arange(28)).sum() / weight.sum() for axis in (0, 1)]
    assert np.hypot(middle[0] - x, middle[1] - y) <= 1.5  # px: a pool of 3 forgets where in it the pixel was


def test_grad_cam_looks_before_the_last_pool() -> None:
    network = Network(RECIPES["three-conv"].layers).eval()
    assert class_activation(network, torch.from_numpy(glyph_like(2)), 0).shape == (2, 7, 7)


def test_a_network_of_dense_layers_has_nowhere_to_look() -> None:
    with pytest.raises(UsageError, match="no layer with height and width"):
        grad_cam(Network(("flatten", "dense")).eval(), glyph_like(1)[0], 0)


def test_the_predicted_class_comes_first_and_each_once(recogniser: Recogniser, seven: Any) -> None:
    found = explain(recogniser, seven, ["grad-cam", "occlusion"], classes=["3", "7", "3"])
    assert found.classes[found.best] == "7"
    assert [one.name for one in found.explained] == ["7", "3"]
    expected = softmax(recogniser.logits(seven[None]), 1.3)[0]
    np.testing.assert_allclose(found.probabilities, expected)
    assert [one.probability for one in found.explained] == [expected[7], expected[3]]


def test_blanking_what_speaks_for_a_digit_lowers_it(recogniser: Recogniser, mnist_test: Dataset) -> None:
    """The strongest place of a map, blanked, costs more than an average one."""
    for glyph in mnist_test.images[:10]:
        (one,) = explain(recogniser, glyph, ["occlusion"]).explained
        heat = one.maps["occlusion"]
        y, x = np.unravel_index(heat.argmax(), heat.shape)
        blanked = glyph.copy()
        blanked[max(0, y - 2) : y + 3, max(0, x - 2) : x + 3] = 0
        target = DIGITS.index(one.name)
        before, after = (log_odds(recogniser.logits(g[None]))[0, target] for g in (glyph, blanked))
        assert before - after > heat[glyph > 0].mean()


def test_maps_have_the_size_and_sign_that_they_promise(recogniser: Recogniser, seven: Any) -> None:
    (one,) = explain(recogniser, seven, ["grad-cam", "occlusion"]).explained
    assert [heat.shape for heat in one.maps.values()] == [(28, 28)] * 2
    assert [heat.dtype for heat in one.maps.values()] == [np.float32] * 2
    assert one.maps["grad-cam"].min() >= 0
    assert one.maps["occlusion"].max() > 0
    corner = one.maps["occlusion"][:2, :2]
    assert not corner.any()  # blanking blank paper changes nothing


def test_onnx_and_pytorch_explain_alike(small_weights: Weights, tmp_path: Path, seven: Any) -> None:
    export_onnx(small_weights, tmp_path / "net.onnx", temperature=1.3, check_images=seven[None])
    facts = {**small_weights.facts, "temperature": 1.3}
    save_weights(
        tmp_path / "net.safetensors",
        small_weights.network,
        small_weights.recipe,
        small_weights.classes,
        facts,
    )
    one, other = (
        explain(Recogniser.load(tmp_path / name), seven, ["occlusion"])
        for name in ("net.onnx", "net.safetensors")
    )
    np.testing.assert_allclose(one.probabilities, other.probabilities, atol=1e-5)
    np.testing.assert_allclose(
        one.explained[0].maps["occlusion"], other.explained[0].maps["occlusion"], atol=1e-3
    )


def test_grad_cam_of_an_onnx_file_says_what_it_needs(recogniser: Recogniser, seven: Any) -> None:
    with pytest.raises(UsageError, match=r"Grad-CAM needs a trained network.*--weights"):
        explain(replace(recogniser, network=None), seven, ["grad-cam"])


def test_an_unknown_class_is_refused(recogniser: Recogniser, seven: Any) -> None:
    with pytest.raises(UsageError, match="class 'x' is unknown; there are 0, 1"):
        explain(recogniser, seven, ["occlusion"], classes=["x"])


@pytest.mark.parametrize(("patch", "stride"), [(0, 1), (29, 1), (5, 0), (5, 6)])
def test_a_patch_that_does_not_fit_is_refused(
    recogniser: Recogniser, seven: Any, patch: int, stride: int
) -> None:
    with pytest.raises(UsageError, match="stride ≤ patch"):
        explain(recogniser, seven, ["occlusion"], patch=patch, stride=stride)


def opened(png: bytes) -> Image.Image:
    image = Image.open(io.BytesIO(png))
    image.load()
    return image


def test_the_picture_has_a_row_a_class_and_a_column_a_map(recogniser: Recogniser, seven: Any) -> None:
    small = opened(draw(explain(recogniser, seven, ["occlusion"]), seven, "a.png"))
    wide = opened(draw(explain(recogniser, seven, ["grad-cam", "occlusion"]), seven, "a.png"))
    tall = opened(draw(explain(recogniser, seven, ["occlusion"], classes=["3"]), seven, "a.png"))
    assert wide.width > small.width + 336
    assert wide.height == small.height
    assert tall.height > small.height + 336
    assert tall.width == small.width


def test_what_speaks_against_is_blue_and_for_is_orange(recogniser: Recogniser, seven: Any) -> None:
    found = explain(recogniser, seven, ["occlusion"], classes=["3"])
    pixels = np.asarray(opened(draw(found, seven, "a.png"))).astype(int)
    for row, one in enumerate(found.explained):
        x, y = 36 + 2 * (336 + 32), 36 + 96 + row * (336 + 56 + 32)
        panel = pixels[y : y + 336, x : x + 336]
        heat = one.maps["occlusion"]
        strongest = np.unravel_index(np.abs(heat).argmax(), heat.shape)
        red, _, blue = panel[strongest[0] * 12 + 6, strongest[1] * 12 + 6]
        assert (red > blue) == (heat[strongest] > 0)


@pytest.mark.parametrize("name", ["", "数字.png", "a\nb.png", "x" * 300])
@pytest.mark.parametrize("shape", [(1, 1), (3, 900), (400, 30)])
def test_any_name_and_size_can_be_drawn(recogniser: Recogniser, seven: Any, name: str, shape: Any) -> None:
    found = explain(recogniser, seven, ["occlusion"], stride=5)
    assert opened(draw(found, np.full(shape, 128, np.uint8), name)).format == "PNG"


def test_an_empty_map_is_drawn_as_such(recogniser: Recogniser, seven: Any) -> None:
    found = explain(recogniser, seven, ["grad-cam"])
    nothing = replace(found.explained[0], maps={"grad-cam": np.zeros((28, 28), np.float32)})
    assert opened(draw(replace(found, explained=(nothing,)), seven, "a.png")).width > 336


def test_the_temperature_that_export_fitted_is_the_networks_too(
    small_weights: Weights, tmp_path: Path, seven: Any
) -> None:
    path = tmp_path / "net.safetensors"
    save_weights(path, small_weights.network, small_weights.recipe, DIGITS, {})
    assert Recogniser.load(path).temperature == 1
    export_onnx(load_weights(path), path.with_suffix(".onnx"), temperature=2.5, check_images=seven[None])
    assert Recogniser.load(path).temperature == 2.5
    other = replace(small_weights.recipe, name="other")
    save_weights(path, small_weights.network, other, DIGITS, {})  # no longer what was exported
    assert Recogniser.load(path).temperature == 1
