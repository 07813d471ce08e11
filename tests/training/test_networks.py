"""Layer lists make the networks they describe, or say what is wrong with them."""

from __future__ import annotations

import pytest
import torch

from inkdigits.errors import UsageError
from inkdigits.training.networks import Network, count_parameters, last_spatial_layer
from inkdigits.training.recipes import RECIPES


@pytest.mark.parametrize(
    ("recipe", "parameters"),
    [
        (
            "tiny",
            8 * (16 + 1) + 16 * (8 * 9 + 1) + (16 * 36 + 1) * 10 + 11 * 10,
        ),  # 7,184, as its layers count
        ("lenet5", 61_706),  # LeCun et al. 1998 with max pooling and a dense last layer
        ("three-conv", 390_634),
    ],
)
def test_recipes_have_the_parameters_of_their_design(recipe: str, parameters: int) -> None:
    assert count_parameters(Network(RECIPES[recipe].layers)) == parameters


@pytest.mark.parametrize("recipe", list(RECIPES))
def test_every_recipe_takes_raw_bytes_of_any_count(recipe: str) -> None:
    network = Network(RECIPES[recipe].layers).eval()
    glyphs = torch.randint(0, 256, (3, 28, 28), dtype=torch.uint8)
    with torch.inference_mode():
        logits = network(glyphs)
        alone = network(glyphs[:1])
    assert logits.shape == (3, 10)
    torch.testing.assert_close(logits[:1], alone, atol=1e-4, rtol=1e-4)


def test_scaling_is_inside_so_bytes_and_floats_answer_alike() -> None:
    network = Network(RECIPES["tiny"].layers).eval()
    glyphs = torch.randint(0, 256, (4, 28, 28), dtype=torch.uint8)
    torch.testing.assert_close(network(glyphs), network(glyphs.float()))


def test_every_kind_of_layer_can_be_combined() -> None:
    layers = (
        *("conv 8 3", "norm", "silu", "depthwise 3", "gelu", "average", "residual 12", "pool 2"),
        *(
            "conv 4 2",
            "repeat 2 add: depthwise 3 / conv 4 1 / norm / relu",
            "dropout 0.1",
            "global",
            "dense 6",
            "norm",
            "relu",
            "dense",
        ),
    )
    assert Network(layers, classes=7).eval()(torch.zeros(2, 28, 28)).shape == (2, 7)


@pytest.mark.parametrize(
    ("layer", "side"),
    [
        ("conv 8 3", 28),
        ("conv 8 3 valid", 26),
        ("conv 8 3 stride 2", 14),
        ("conv 8 4 stride 3", 10),  # padded to 31 first
        ("conv 8 5 valid stride 2", 12),
        ("conv 8 4 valid stride 4", 7),
    ],
)
def test_convolutions_have_the_size_that_is_counted_on(layer: str, side: int) -> None:
    network = Network((layer, "norm", "flatten", "dense")).eval()
    assert network.body[0](torch.zeros(1, 1, 28, 28)).shape == (1, 8, side, side)
    assert network(torch.zeros(1, 28, 28)).shape == (1, 10)


@pytest.mark.parametrize(
    ("layers", "says"),
    [
        (("convolution 8 3",), "no such kind; there are conv"),
        (("conv 8",), "layer 1, 'conv 8'"),
        (("conv 8 3 full", "flatten", "dense"), "expected 'conv W K'"),
        (("conv 8 3 stride", "flatten", "dense"), "'stride S'"),
        (("conv 8 3 stride 0", "flatten", "dense"), "'stride S'"),
        (("pool 20", "conv 8 3 valid stride 2", "flatten", "dense"), "nothing would be left"),
        (("conv 8 3",), "finish with 'dense'"),
        (("flatten", "conv 8 3", "dense"), "layer 2, 'conv 8 3', after (784,)"),
        (("pool 20", "pool", "flatten", "dense"), "smaller than the pool"),
        (("flatten", "dense 5"), "not in 10 classes"),
        (("repeat 2: conv 4 3", "global", "dense"), "must keep its shape, not make (4, 28, 28)"),
        (("repeat 2 conv 1 3", "global", "dense"), "expected 'repeat N: layer / layer / …'"),
        (("repeat 2: conv 1", "global", "dense"), "layer 1, 'conv 1'"),
    ],
)
def test_wrong_layers_are_named(layers: tuple[str, ...], says: str) -> None:
    with pytest.raises(UsageError) as error:
        Network(layers)
    assert says in str(error.value)


def test_the_last_spatial_layer_still_has_height_and_width() -> None:
    network = Network(RECIPES["robust"].layers).eval()
    shapes: list[torch.Size] = []
    last_spatial_layer(network).register_forward_hook(lambda _m, _i, output: shapes.append(output.shape))
    network(torch.zeros(1, 28, 28))
    assert shapes[0] == (1, 96, 7, 7)
    with pytest.raises(UsageError, match="nothing shows where it looked"):
        last_spatial_layer(Network(("flatten", "dense")))


def test_repeated_layers_share_their_filters_but_not_their_norms() -> None:
    def parameters(times: int) -> int:
        return count_parameters(
            Network(("conv 6 3", f"repeat {times}: conv 6 3 / norm / relu", "global", "dense"))
        )

    assert parameters(3) - parameters(1) == 2 * 2 * 6
    network = Network(("conv 6 3", "repeat 2 add: conv 6 1 / norm", "global", "dense"))
    repeat = network.body[1]
    x = torch.randn(4, 6, 8, 8)
    with torch.no_grad():
        for norms in repeat.norms:
            norms[0].weight.zero_()  # each time adds nothing, so what went in comes out
    torch.testing.assert_close(repeat(x), x)
