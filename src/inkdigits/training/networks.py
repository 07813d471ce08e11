"""Layer lists to networks. Knows PyTorch; knows nothing of data, recipes or training.

A network is written as a list of layers, in reading order, so that a recipe is a value that fits in JSON:

    ("conv 32 3", "norm", "relu", "pool", "flatten", "dense 256", "relu", "dropout 0.5", "dense")

| layer | what it is |
| --- | --- |
| `conv W K [valid] [stride S]` | W filters of K×K, padded to size unless `valid`; no bias before `norm` |
| `depthwise K [valid]` | one K×K filter a channel |
| `residual W` | conv 3, norm, relu, conv 3, norm, added to the input (1×1 conv when widths differ), relu |
| `repeat N [add]: L / L / …` | N times the same filters with norms of their own; `add`: to what went in |
| `norm` · `relu` · `silu` · `gelu` | batch norm; activations |
| `pool [K]` · `average [K]` | max and mean pooling, K×K, stride K; K is 2 unless said |
| `global` | mean over all places: (N, C, H, W) to (N, C) |
| `flatten` · `dense W` · `dense` · `dropout P` | the last `dense` without a number has one output a class |
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import cast

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from inkdigits.errors import UsageError
from inkdigits.glyph import SIDE

MEAN, SD = 33.3184, 78.5675  # of MNIST's 60,000 training images, in grey levels 0 to 255


class Network(nn.Module):
    """A recogniser: glyphs in grey levels to logits, scaling included.

    Args:
        layers: the layer list, as described above.
        classes: how many outputs.
        side: height and width of the glyphs in pixels.

    Raises:
        UsageError: a layer that isn't known or has wrong numbers.
    """

    def __init__(self, layers: Sequence[str], classes: int = 10, side: int = SIDE) -> None:
        super().__init__()
        self.layers = tuple(layers)
        self.classes = classes
        self.body = _build(self.layers, classes, side)
        # channels last in memory: 2.6 times the steps a second on a CPU (records/training-speed.md)
        self.to(memory_format=torch.channels_last)  # type: ignore[call-overload]

    def forward(self, glyphs: Tensor) -> Tensor:
        """Logits `float (N, classes)` of glyphs `(N, 28, 28)`, uint8 or float, 0 to 255."""
        return cast(Tensor, self.body(scaled(glyphs)))


class Scaling(nn.Module):
    """The first step of every network, as a layer."""

    def forward(self, glyphs: Tensor) -> Tensor:
        return scaled(glyphs)


def scaled(glyphs: Tensor) -> Tensor:
    """Glyphs `(N, 28, 28)` in grey levels as `float (N, 1, 28, 28)`, MNIST's mean 0, its deviation 1."""
    return (glyphs.unsqueeze(1).float() - MEAN) / SD


class Residual(nn.Module):
    """Two 3×3 convolutions beside a shortcut (He et al. 2015)."""

    def __init__(self, inputs: int, width: int) -> None:
        super().__init__()
        self.branch = nn.Sequential(
            nn.Conv2d(inputs, width, 3, padding=1, bias=False),
            nn.BatchNorm2d(width),
            nn.ReLU(),
            nn.Conv2d(width, width, 3, padding=1, bias=False),
            nn.BatchNorm2d(width),
        )
        self.shortcut = nn.Identity() if inputs == width else nn.Conv2d(inputs, width, 1, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        return F.relu(self.branch(x) + self.shortcut(x))


class Repeat(nn.Module):
    """The same filters several times, one after another, with norms of their own each time.

    Few parameters see far this way. Norms can't be shared: each time other sizes flow.
    """

    def __init__(self, layers: Sequence[nn.Module], times: int, add: bool) -> None:
        super().__init__()
        norms = [layer for layer in layers if isinstance(layer, nn.BatchNorm2d)]
        self.shared = nn.ModuleList(nn.Identity() if layer in norms else layer for layer in layers)
        self.norms = nn.ModuleList(
            nn.ModuleList(nn.BatchNorm2d(norm.num_features) for norm in norms) for _ in range(times)
        )
        self.add = add

    def forward(self, x: Tensor) -> Tensor:
        for norms in self.norms:
            own, y = iter(cast(nn.ModuleList, norms)), x
            for layer in self.shared:
                y = next(own)(y) if isinstance(layer, nn.Identity) else layer(y)
            x = x + y if self.add else y
        return x


class GlobalMean(nn.Module):
    """(N, C, H, W) to (N, C)."""

    def forward(self, x: Tensor) -> Tensor:
        return x.mean(dim=(2, 3))


def count_parameters(network: nn.Module) -> int:
    """How many numbers training changes."""
    return sum(p.numel() for p in network.parameters() if p.requires_grad)


def last_spatial_layer(network: Network) -> nn.Module:
    """The last layer with height and width, before any pool that follows it: where Grad-CAM looks.

    Behind its last pool, `three-conv` has 3×3 places; before it, 7×7 that show the same features.

    Raises:
        UsageError: there is none.
    """
    spatial: nn.Module | None = None
    for module in network.body:
        if isinstance(module, nn.Flatten | GlobalMean | nn.Linear):
            break
        if not isinstance(module, nn.Dropout | nn.MaxPool2d | nn.AvgPool2d):
            spatial = module
    if spatial is None:
        raise UsageError("the network has no layer with height and width, so nothing shows where it looked")
    return spatial


def _build(layers: tuple[str, ...], classes: int, side: int) -> nn.Sequential:
    modules, shape = _stack(layers, (1, side, side), classes)
    if shape != (classes,):
        raise UsageError(f"the layers end in {shape}, not in {classes} classes: finish with 'dense'")
    return nn.Sequential(*modules)


Shape = tuple[int, ...]
Made = tuple[nn.Module, Shape]


def _stack(layers: Sequence[str], shape: Shape, classes: int) -> tuple[list[nn.Module], Shape]:
    """One layer on another, and the shape that comes out."""
    modules: list[nn.Module] = []
    for position, layer in enumerate(layers):
        following = layers[position + 1] if position + 1 < len(layers) else ""
        kind, *words = layer.split() or [""]
        try:
            make = _KINDS[kind]
        except KeyError:
            raise UsageError(f"layer {layer!r}: no such kind; there are {', '.join(_KINDS)}") from None
        try:
            module, shape = make(words, shape, classes, following == "norm")
        except (ValueError, IndexError, RuntimeError, ZeroDivisionError) as e:
            raise UsageError(f"layer {position + 1}, {layer!r}, after {shape}: {e}") from None
        modules.append(module)
    return modules, shape


def _conv(words: list[str], shape: Shape, _classes: int, normed: bool) -> Made:
    width, kernel = int(words[0]), int(words[1])
    if width < 1 or kernel < 1:
        raise ValueError("filters and their size must be at least 1")
    valid, stride = _conv_options(words[2:])
    channels, height, breadth = shape
    before, after = (0, 0) if valid else ((kernel - 1) // 2, kernel // 2)
    height, breadth = (1 + (side + before + after - kernel) // stride for side in (height, breadth))
    if min(height, breadth) < 1:
        raise ValueError("nothing would be left of the picture")
    if before == after:
        module: nn.Module = nn.Conv2d(channels, width, kernel, stride, before, bias=not normed)
    else:  # even kernels pad one more at the end, as Keras does
        padding = nn.ZeroPad2d((before, after, before, after))
        module = nn.Sequential(padding, nn.Conv2d(channels, width, kernel, stride, bias=not normed))
    return module, (width, height, breadth)


def _conv_options(words: list[str]) -> tuple[bool, int]:
    """Whether it is `valid`, and its stride."""
    valid = words[:1] == ["valid"]
    match words[1:] if valid else words:
        case []:
            return valid, 1
        case ["stride", number] if int(number) > 0:
            return valid, int(number)
    raise ValueError("expected 'conv W K', and then perhaps 'valid', and then perhaps 'stride S'")


def _depthwise(words: list[str], shape: Shape, _classes: int, normed: bool) -> Made:
    kernel = int(words[0])
    channels, height, breadth = shape
    padding = 0 if words[1:] == ["valid"] else kernel // 2
    shrink = kernel - 1 - 2 * padding
    module = nn.Conv2d(channels, channels, kernel, padding=padding, groups=channels, bias=not normed)
    return module, (channels, height - shrink, breadth - shrink)


def _residual(words: list[str], shape: Shape, _classes: int, _normed: bool) -> Made:
    channels, height, breadth = shape
    width = int(words[0])
    return Residual(channels, width), (width, height, breadth)


def _repeat(words: list[str], shape: Shape, classes: int, _normed: bool) -> Made:
    head, colon, inner = " ".join(words).partition(":")
    times, *add = head.split()
    if not colon or add not in ([], ["add"]) or int(times) < 1:
        raise ValueError("expected 'repeat N: layer / layer / …' or 'repeat N add: …'")
    modules, after = _stack([layer.strip() for layer in inner.split("/")], shape, classes)
    if after != shape:
        raise ValueError(f"what is repeated must keep its shape, not make {after} of it")
    return Repeat(modules, int(times), bool(add)), shape


def _norm(_words: list[str], shape: Shape, _classes: int, _normed: bool) -> Made:
    return (nn.BatchNorm2d(shape[0]) if len(shape) == 3 else nn.BatchNorm1d(shape[0])), shape


def _pool(kind: Callable[[int], nn.Module]) -> Callable[[list[str], Shape, int, bool], Made]:
    def make(words: list[str], shape: Shape, _classes: int, _normed: bool) -> Made:
        size = int(words[0]) if words else 2
        channels, height, breadth = shape
        if min(height, breadth) < size:
            raise ValueError("the picture is smaller than the pool")
        return kind(size), (channels, height // size, breadth // size)

    return make


def _global(_words: list[str], shape: Shape, _classes: int, _normed: bool) -> Made:
    channels, _, _ = shape
    return GlobalMean(), (channels,)


def _flatten(_words: list[str], shape: Shape, _classes: int, _normed: bool) -> Made:
    channels, height, breadth = shape
    return nn.Flatten(), (channels * height * breadth,)


def _dense(words: list[str], shape: Shape, classes: int, normed: bool) -> Made:
    (inputs,) = shape
    width = int(words[0]) if words else classes
    return nn.Linear(inputs, width, bias=not normed), (width,)


def _dropout(words: list[str], shape: Shape, _classes: int, _normed: bool) -> Made:
    return nn.Dropout(float(words[0])), shape


def _same(module: Callable[[], nn.Module]) -> Callable[[list[str], Shape, int, bool], Made]:
    return lambda _words, shape, _classes, _normed: (module(), shape)


_KINDS: dict[str, Callable[[list[str], Shape, int, bool], Made]] = {
    "conv": _conv,
    "depthwise": _depthwise,
    "residual": _residual,
    "repeat": _repeat,
    "norm": _norm,
    "relu": _same(nn.ReLU),
    "silu": _same(nn.SiLU),
    "gelu": _same(nn.GELU),
    "pool": _pool(nn.MaxPool2d),
    "average": _pool(nn.AvgPool2d),
    "global": _global,
    "flatten": _flatten,
    "dense": _dense,
    "dropout": _dropout,
}
