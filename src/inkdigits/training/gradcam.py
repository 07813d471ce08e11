"""Grad-CAM (Selvaraju et al. 2017) for any recipe: where the last feature maps raise a class's logit.

Knows PyTorch and networks; knows nothing of how maps are drawn.
"""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from inkdigits.glyph import SIDE
from inkdigits.training.networks import Network, last_spatial_layer


def grad_cam(network: Network, glyph: NDArray[np.uint8], target: int) -> NDArray[np.float32]:
    """Where the network sees evidence for a class.

    Args:
        network: on the CPU, in evaluation mode.
        glyph: `uint8 (28, 28)`.
        target: index of the class.

    Returns:
        `float32 (28, 28)`, 0 and up, each feature laid over the middle of what it sees.

    Raises:
        UsageError: the network has no layer with height and width.
    """
    activation = class_activation(network, torch.from_numpy(glyph.copy())[None], target)[0].numpy()
    rows = placement(network, activation.shape[0])
    columns = placement(network, activation.shape[1])
    return np.asarray(rows.T @ activation @ columns, np.float32)


def class_activation(network: Network, glyphs: Tensor, target: int) -> Tensor:
    """Grad-CAM at the layer's own size, `float32 (N, h, w)`, of glyphs `(N, 28, 28)`."""
    kept: list[Tensor] = []
    hook = last_spatial_layer(network).register_forward_hook(
        lambda _module, _inputs, output: kept.append(output)
    )
    try:
        with torch.enable_grad():
            logits = network(glyphs)
            (gradient,) = torch.autograd.grad(logits[:, target].sum(), kept[0])
    finally:
        hook.remove()
    importance = gradient.mean(dim=(2, 3), keepdim=True)
    return torch.relu((importance * kept[0]).sum(dim=1)).detach()


def placement(network: Network, count: int) -> NDArray[np.float32]:
    """Share of each of `count` features in each of 28 pixels, `float32 (count, 28)`, linear between centres.

    It fades out from half a step beyond the outermost centres, where the layer has no feature.

    Convolutions without padding and pools move the features' centres away from an even spread: stretched over
    the glyph, the map of LeNet-5 would lie up to 4 pixels off.
    """
    last = last_spatial_layer(network)
    centre, step = 0.0, 1.0  # of the first feature, and from one to the next, in pixels of the glyph
    for module in network.body:
        for layer in module.modules():
            moved, strides = _geometry(layer)
            centre, step = centre + moved * step, step * strides
        if module is last:
            break
    centres = centre + step * np.arange(count)
    pixels = np.arange(SIDE)
    shares = np.stack([np.interp(pixels, centres, one) for one in np.eye(count)])
    beyond = np.maximum(centres[0] - pixels, pixels - centres[-1]) / step
    return np.asarray(shares * np.clip(1.5 - beyond, 0, 1), np.float32)


def _geometry(layer: nn.Module) -> tuple[float, int]:
    """How far a layer moves the centre of its first output, in its inputs' pixels, and its stride."""
    if isinstance(layer, nn.ZeroPad2d):
        return -float(layer.padding[0]), 1
    if isinstance(layer, nn.Conv2d):
        return (layer.kernel_size[0] - 1) / 2 - float(layer.padding[0]), layer.stride[0]
    if isinstance(layer, nn.MaxPool2d | nn.AvgPool2d):
        size = layer.kernel_size if isinstance(layer.kernel_size, int) else layer.kernel_size[0]
        return (size - 1) / 2, size
    return 0.0, 1
