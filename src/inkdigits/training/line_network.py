"""The network that reads a strip: convolutions over the whole line, answers along it. Knows PyTorch only.

No digit is cut out: two answers for every four columns say which character stands there, or that none
begins (CTC: Graves et al., ICML 2006), and where its ink lies. Residual 3×3 convolutions at a quarter of the
width, height halved until one row is left, then a look left and right along the line.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import cast

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from inkdigits.strip import HEIGHT

CLASSES = 16  # blank, ten digits, four marks, other
FRAME = 2  # strip columns for each answer
STRIDE = 4  # strip columns for each column of features


@dataclass(frozen=True)
class LineShape:
    """Widths of the network, channels.

    Attributes:
        stem: at full size.
        low: at half the size.
        middle: at a quarter.
        high: at an eighth of the height.
        top: along the line.
        blocks: residual blocks at a quarter of the size.
        context: looks along the line, five columns each, twice as far apart in each as in the one before.
            Four see 30 columns to both sides, as wide as five digits: how this writer writes the others.
    """

    stem: int = 16
    low: int = 32
    middle: int = 80
    high: int = 128
    top: int = 192
    blocks: int = 2
    context: int = 4


class LineNetwork(nn.Module):
    """Strips to logits and boxes along the line.

    Args:
        shape: how wide.
    """

    def __init__(self, shape: LineShape = LineShape()) -> None:
        super().__init__()
        s = shape
        self.features = nn.Sequential(
            _conv(1, s.stem),
            nn.MaxPool2d(2),
            _conv(s.stem, s.low),
            _Residual(s.low),
            nn.MaxPool2d(2),
            _conv(s.low, s.middle),
            *(_Residual(s.middle) for _ in range(s.blocks)),
            nn.MaxPool2d((2, 1)),
            _conv(s.middle, s.high),
            _Residual(s.high),
            nn.MaxPool2d((2, 1)),
            _conv(s.high, s.high),
            nn.Conv2d(s.high, s.top, (HEIGHT // 16, 3), padding=(0, 1), bias=False),
            nn.BatchNorm2d(s.top),
            nn.ReLU(inplace=True),
        )
        self.context = nn.Sequential(*(_Along(s.top, dilation=2**i) for i in range(s.context)))
        self.dropout = nn.Dropout(0.1)
        self.head = nn.Conv2d(s.top, STRIDE // FRAME * (CLASSES + 4), 1)
        # one pixel's channels side by side: steps on a CPU are up to 2.6 times as fast
        self.to(memory_format=torch.channels_last)  # type: ignore[call-overload]

    def begin_with(self, smaller: LineNetwork) -> None:
        """Takes over a network with as many looks along the line, or fewer, and answers alike."""
        missing, unexpected = self.load_state_dict(smaller.state_dict(), strict=False)
        assert not unexpected
        assert all(name.startswith("context.") for name in missing)

    def forward(self, strips: Tensor) -> tuple[Tensor, Tensor]:
        """Reads strips.

        Args:
            strips: `uint8 (N, 32, W)`, W a multiple of 4.

        Returns:
            `logits (N, W/2, 16)` and `boxes (N, W/2, 4)`: x0, y0, x1, y1 in strip pixels of the character
            that each frame belongs to.
        """
        x = (strips[:, None].float() - 48) * (1 / 96)
        x = self.head(self.dropout(self.context(self.features(x))))  # (N, 2·20, 1, W/4)
        x = x[:, :, 0].reshape(x.shape[0], STRIDE // FRAME, CLASSES + 4, x.shape[3])
        x = x.permute(0, 3, 1, 2).reshape(x.shape[0], -1, CLASSES + 4)  # frames in order along the line
        middle = (torch.arange(x.shape[1], device=x.device) + 0.5) * FRAME
        level = torch.ones_like(middle)
        # a usual digit's box about each frame; the network says how far the true one is from it
        usual = torch.stack([middle - 9, level * 6, middle + 9, level * 26], -1)
        return x[..., :CLASSES].float(), usual + 8 * x[..., CLASSES:].float()


def _conv(inputs: int, outputs: int) -> nn.Module:
    return nn.Sequential(
        nn.Conv2d(inputs, outputs, 3, padding=1, bias=False), nn.BatchNorm2d(outputs), nn.ReLU(inplace=True)
    )


class _Residual(nn.Module):
    def __init__(self, channels: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(channels, channels, 3, padding=1, bias=False)
        self.norm = nn.BatchNorm2d(channels)

    def forward(self, x: Tensor) -> Tensor:
        return F.relu(x + cast(Tensor, self.norm(self.conv(x))), inplace=True)


class _Along(nn.Module):
    """Five columns at once, in a residual block that changes nothing until it has learned to."""

    def __init__(self, channels: int, dilation: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(
            channels, channels, (1, 5), padding=(0, 2 * dilation), dilation=(1, dilation), bias=False
        )
        self.norm = nn.BatchNorm2d(channels)
        nn.init.zeros_(self.norm.weight)  # Goyal et al. 2017; also lets trained networks grow

    def forward(self, x: Tensor) -> Tensor:
        return F.relu(x + cast(Tensor, self.norm(self.conv(x))), inplace=True)
