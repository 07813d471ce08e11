"""An exported network as weights to go on training from: the norms that the export folded are put back.

    python benchmarks/unfolded.py OUT.safetensors [--weights FILE.onnx]
    inkdigits train robust --from OUT.safetensors …

An export folds each batch norm into the convolution before it. Here each norm comes back with the mean and
spread that its input has on augmented training glyphs, and with the scale and shift that undo them; so the
network answers as before, and can be trained. Networks of plain convolutions only, as `robust` is.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
import onnx
import torch
from numpy.typing import NDArray
from onnx import numpy_helper
from torch import Tensor, nn

from inkdigits.model import SHIPPED, Model
from inkdigits.training.augment import augment
from inkdigits.training.checkpoint import save_weights
from inkdigits.training.datasets import load_mnist
from inkdigits.training.loop import predict
from inkdigits.training.negatives import draw_others
from inkdigits.training.networks import MEAN, SD, Network
from inkdigits.training.recipes import Recipe, from_dict
from inkdigits.training.strokes import draw_digits

SEED, GLYPHS = 0, 2000


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("out", type=Path)
    parser.add_argument("--weights", type=Path, default=SHIPPED)
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    model = Model.load(arguments.weights)
    recipe = from_dict(model.card["recipe"])
    network = Network(recipe.layers, classes=len(model.classes)).eval()
    tensors = {
        t.name: torch.tensor(numpy_helper.to_array(t)) for t in onnx.load(arguments.weights).graph.initializer
    }
    images = load_mnist("train").images
    with torch.inference_mode():
        put_back(network, tensors, training_glyphs(recipe, images))
    difference = float(np.abs(predict(network, images[-1000:]) - model.logits(images[-1000:])).max())
    assert difference < 1e-3, difference
    facts = {
        **model.card["facts"],
        "seed": model.card["seed"],
        "data_sha256": model.card["data_sha256"],
        "unfolded_from": model.card["sha256"],
    }
    save_weights(arguments.out, network, recipe, model.classes, facts)
    print(f"{arguments.out}  answers as {arguments.weights.name}, logits within {difference:.1e}")


def training_glyphs(recipe: Recipe, images: NDArray[np.uint8], strength: float = 1.0) -> Tensor:
    """A large batch as a training would see it, `float (N, 28, 28)`."""
    generator = torch.Generator().manual_seed(SEED)
    drawn = [make(GLYPHS // 5, SEED)[0] for make in (draw_digits, draw_others)]
    return augment(torch.cat([torch.tensor(images[:GLYPHS]), *drawn]), recipe.augment, generator, strength)


def put_back(network: Network, tensors: dict[str, Tensor], glyphs: Tensor) -> None:
    """Fills the network layer by layer; `x` is what reaches each layer."""
    x = (glyphs[:, None] - MEAN) / SD
    bias = torch.zeros(1)
    for index, layer in enumerate(network.body):
        name = f"body.{index}"
        if isinstance(layer, nn.Conv2d):
            layer.weight.copy_(tensors[f"{name}.weight"])
            bias = tensors[f"{name}.weight_bias"]
        elif isinstance(layer, nn.BatchNorm2d):
            mean, spread = x.mean((0, 2, 3)), x.var((0, 2, 3))
            layer.running_mean.copy_(mean)  # type: ignore[union-attr]
            layer.running_var.copy_(spread)  # type: ignore[union-attr]
            layer.weight.copy_((spread + layer.eps).sqrt())
            layer.bias.copy_(bias + mean)
        elif isinstance(layer, nn.Linear):
            layer.weight.copy_(tensors[f"{name}.weight"])
            layer.bias.copy_(tensors[f"{name}.bias"])
        x = layer(x)


if __name__ == "__main__":
    main()
