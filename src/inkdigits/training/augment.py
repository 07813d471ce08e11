"""Training glyphs varied in batches, on the tensor's own device. Knows PyTorch and the glyph, nothing else.

One warp (rotation, shift, zoom, stretch, shear, flip, elastic) is one `grid_sample`; then come what pens and
scanners do to strokes. Every draw comes from the generator that the caller hands in: same seed, same glyphs.
"""

from __future__ import annotations

import math

import torch
from torch import Generator, Tensor
from torch.nn import functional as F

from inkdigits.glyph import FIT, SIDE
from inkdigits.training.recipes import Augment


def augment(glyphs: Tensor, how: Augment, generator: Generator, strength: float = 1.0) -> Tensor:
    """Glyphs as other hands, pens and scanners would have made them.

    Args:
        glyphs: `(N, 28, 28)`, uint8 or float, 0 to 255.
        how: which kinds, and how much.
        generator: on the same device as `glyphs`.
        strength: scales the sizes of all distortions, 0 to 1.

    Returns:
        `float (N, 28, 28)`, 0 to 255.
    """
    if not _varies(how):
        return glyphs.float()
    ink = glyphs.float() / 255
    draw = _Draw(len(ink), ink.device, generator)
    if _warps(how):
        ink = _warp(ink, how, draw, strength)
    if how.stray:
        ink = draw.chosen(how.stray, _with_stray_ink(ink, draw), ink)
    if how.ruling:
        ink = draw.chosen(how.ruling, _with_ruling(ink, draw), ink)
    if how.low_resolution:
        ink = draw.chosen(how.low_resolution, _low_resolution(ink, draw), ink)
    if how.thickness:
        ink = _thicken(ink, draw.within(how.thickness * strength))
    if how.hard_edges:
        ink = draw.chosen(how.hard_edges, _harden(ink, draw), ink)
    if how.contrast:
        ink = ink * (1 - how.contrast * draw.uniform())[:, None, None]
    if how.blur:
        ink = draw.chosen(how.blur, _blur(ink, draw), ink)
    if how.haze:
        ink = draw.chosen(how.haze, _haze(ink, draw), ink)
    if how.noise:
        sd = how.noise / 255 * draw.uniform()[:, None, None]
        ink = ink + sd * torch.randn(ink.shape, generator=generator, device=ink.device)
    if how.speckle:
        ink = draw.chosen(how.speckle, _speckle(ink, draw), ink)
    if how.erase:
        ink = draw.chosen(how.erase, _erase(ink, draw), ink)
    return ink.clamp(0, 1) * 255


class _Draw:
    """Random numbers, one a glyph."""

    def __init__(self, count: int, device: torch.device, generator: Generator) -> None:
        self.count, self.device, self.generator = count, device, generator

    def uniform(self, low: float = 0.0, high: float = 1.0) -> Tensor:
        drawn = torch.rand(self.count, generator=self.generator, device=self.device)
        return low + (high - low) * drawn

    def within(self, most: float) -> Tensor:
        return self.uniform(-most, most)

    def chosen(self, share: float, yes: Tensor, no: Tensor) -> Tensor:
        """`yes` for a random share of the glyphs, `no` for the others."""
        return torch.where((self.uniform() < share)[:, None, None], yes, no)


_NO_KIND = {"synthetic", "pens", "negatives", "elastic_scale"}


def _varies(how: Augment) -> bool:
    """Whether any kind is turned on: six passes over a batch are saved where none is."""
    return any(size for kind, size in vars(how).items() if kind not in _NO_KIND)


def _warps(how: Augment) -> bool:
    geometry = (how.rotation, how.shift, how.zoom, how.stretch, how.shear, how.elastic, how.refit, how.flip)
    return any(geometry)


def _warp(ink: Tensor, how: Augment, draw: _Draw, strength: float) -> Tensor:
    """Output pixels look up where they came from: `source = inverse · (output − centre) + centre − shift`."""
    inverse = _inverse_matrices(ink, how, draw, strength)
    # MNIST's centre of mass is at pixel 14.0: in grid_sample's units (−1 to 1 over pixel edges) 1/28
    centre = 1 / SIDE
    axis = (torch.arange(SIDE, device=ink.device) * 2 + 1) / SIDE - 1
    grid_y, grid_x = torch.meshgrid(axis, axis, indexing="ij")
    output = torch.stack([grid_x, grid_y], dim=-1).reshape(1, -1, 2) - centre
    source = output @ inverse.transpose(1, 2) + centre
    shift = torch.stack([draw.within(how.shift * strength), draw.within(how.shift * strength)], dim=-1)
    source = source - (shift * 2 / SIDE)[:, None, :]
    grid = source.reshape(-1, SIDE, SIDE, 2)
    if how.elastic:
        grid = grid + _displacement(how, draw, strength)
    return F.grid_sample(ink[:, None], grid, mode="bilinear", align_corners=False)[:, 0]


def _inverse_matrices(ink: Tensor, how: Augment, draw: _Draw, strength: float) -> Tensor:
    """`(N, 2, 2)` from output to source: the inverse of stretch, then shear, then rotation, then zoom."""
    angle = torch.deg2rad(draw.within(how.rotation * strength))
    shear = draw.within(how.shear * strength)
    zoom = 1 + draw.within(how.zoom * strength)
    width, height = _stretches(ink, how, draw, strength)
    if how.flip:
        width = torch.where(draw.uniform() < how.flip, -width, width)
    cos, sin = torch.cos(angle), torch.sin(angle)
    zero, one = torch.zeros_like(cos), torch.ones_like(cos)
    rotate = torch.stack([cos, sin, -sin, cos], -1).view(-1, 2, 2)
    unshear = torch.stack([one, shear, zero, one], -1).view(-1, 2, 2)
    shrink = torch.stack([1 / width, zero, zero, 1 / height], -1).view(-1, 2, 2)
    return shrink @ unshear @ rotate / zoom[:, None, None]


def _stretches(ink: Tensor, how: Augment, draw: _Draw, strength: float) -> tuple[Tensor, Tensor]:
    """Factors on width and height; the longest side stays as long as it was, as in every glyph."""
    if not how.stretch and not how.refit:
        one = torch.ones(len(ink), device=ink.device)
        return one, one
    wide, high = _extent(ink.amax(1)), _extent(ink.amax(2))
    ratio = torch.exp(draw.within(how.stretch * strength))
    if how.refit:  # proportions forgotten: any box, mostly near a square
        forgotten = torch.exp(draw.within(0.4)) * high / wide
        ratio = torch.where(draw.uniform() < how.refit, forgotten, ratio)
    new_wide, new_high = wide * ratio.sqrt(), high / ratio.sqrt()
    fit = torch.maximum(wide, high).clamp(max=FIT) / torch.maximum(new_wide, new_high)
    return new_wide * fit / wide, new_high * fit / high


def _extent(profile: Tensor) -> Tensor:
    """Pixels from the first to the last place with ink, `(N,)` of `(N, 28)`."""
    places = torch.arange(profile.shape[1], device=profile.device)
    inked = profile > 0.2
    first = torch.where(inked, places, SIDE).amin(1)
    last = torch.where(inked, places, -1).amax(1)
    return (last - first + 1).clamp(min=2).float()


def _displacement(how: Augment, draw: _Draw, strength: float) -> Tensor:
    """Smooth random field `(N, 28, 28, 2)`, grid units: interpolated noise (after Simard et al. 2003)."""
    knots = max(3, math.ceil(SIDE / how.elastic_scale))
    noise = torch.randn(draw.count, 2, knots, knots, generator=draw.generator, device=draw.device)
    smooth = F.interpolate(noise, size=(SIDE, SIDE), mode="bicubic", align_corners=True)
    size = how.elastic * strength * draw.uniform(0.2, 1.5)
    return (smooth * (size * 2 / SIDE)[:, None, None, None]).permute(0, 2, 3, 1)


def _with_stray_ink(ink: Tensor, draw: _Draw) -> Tensor:
    """The edge of the batch's next glyph looks in from the left or the right."""
    away = draw.uniform(12, 19).round() * torch.where(draw.uniform() < 0.5, -1, 1)
    places = torch.arange(SIDE, device=ink.device)[None] + away[:, None]
    inside = (places >= 0) & (places < SIDE)
    columns = places.clamp(0, SIDE - 1).long()[:, None, :].expand(-1, SIDE, -1)
    return torch.maximum(ink, ink.roll(1, 0).gather(2, columns) * inside[:, None])


def _with_ruling(ink: Tensor, draw: _Draw) -> Tensor:
    """A straight line, 0.6 to 2 pixels wide, at any angle, through the middle 20 pixels."""
    angle = draw.uniform(0, math.pi)[:, None, None]
    centre = SIDE / 2 - 0.5
    axis = torch.arange(SIDE, device=ink.device) - centre
    across = torch.cos(angle) * axis[None, None, :] + torch.sin(angle) * axis[None, :, None]
    away = (across - draw.within(10)[:, None, None]).abs()
    line = (draw.uniform(0.3, 1.0)[:, None, None] - away + 0.5).clamp(0, 1)
    return torch.maximum(ink, line * draw.uniform(0.3, 1)[:, None, None])


def _low_resolution(ink: Tensor, draw: _Draw) -> Tensor:
    """Through a grid of 11 to 24 places a side, and back, blocky or smooth: one grid a batch."""
    places = int(torch.randint(11, 25, (), generator=draw.generator, device=draw.device))
    small = F.interpolate(ink[:, None], size=(places, places), mode="area")
    smooth = F.interpolate(small, size=(SIDE, SIDE), mode="bilinear", align_corners=False)
    blocky = F.interpolate(small, size=(SIDE, SIDE), mode="nearest")
    return draw.chosen(0.5, smooth[:, 0], blocky[:, 0])


def _thicken(ink: Tensor, pixels: Tensor) -> Tensor:
    """Grey dilation (pixels > 0) or erosion (< 0), fractions by mixing; eroded ink keeps its brightness."""
    for step in range(math.ceil(float(pixels.abs().max()))):
        amount = (pixels.abs() - step).clamp(0, 1)[:, None, None]
        wider = F.max_pool2d(ink[:, None], 3, stride=1, padding=1)[:, 0]
        thinner = -F.max_pool2d(-ink[:, None], 3, stride=1, padding=1)[:, 0]
        ink = torch.lerp(ink, torch.where(pixels[:, None, None] > 0, wider, thinner), amount)
    brightest = ink.amax((1, 2), keepdim=True).clamp(min=0.25)
    return (ink / brightest).clamp(0, 1)


def _harden(ink: Tensor, draw: _Draw) -> Tensor:
    """Greys towards black and white around a random threshold, as scanners and binary files do."""
    threshold = draw.uniform(0.3, 0.6)[:, None, None]
    gain = torch.exp(draw.uniform(math.log(1.5), math.log(20)))[:, None, None]
    return ((ink - threshold) * gain + 0.5).clamp(0, 1)


def _blur(ink: Tensor, draw: _Draw) -> Tensor:
    """Gaussians of 0.4 to 1.5 pixels, wider one way than the other, one kernel a glyph."""
    places = torch.arange(-3, 4, device=ink.device)
    kernels = []
    for _ in range(2):
        weights = torch.exp(-0.5 * (places / draw.uniform(0.4, 1.5)[:, None]) ** 2)
        kernels.append(weights / weights.sum(1, keepdim=True))
    down, right = kernels[0][:, None, :, None], kernels[1][:, None, None, :]
    count = len(ink)
    blurred = F.conv2d(ink[None], down, padding=(3, 0), groups=count)
    return F.conv2d(blurred, right, padding=(0, 3), groups=count)[0]


def _haze(ink: Tensor, draw: _Draw) -> Tensor:
    """Light laid over the glyph, even or in clouds of 3 to 9 to a side: 0.1 to 0.7 of white."""
    knots = int(torch.randint(3, 10, (), generator=draw.generator, device=draw.device))
    noise = torch.rand(draw.count, 1, knots, knots, generator=draw.generator, device=draw.device)
    clouds = F.interpolate(noise, size=(SIDE, SIDE), mode="bilinear", align_corners=True)[:, 0]
    evenness, light = draw.uniform()[:, None, None], draw.uniform(0.1, 0.7)[:, None, None]
    light = light * torch.lerp(clouds, torch.ones_like(clouds), evenness)
    return ink + light * (1 - ink)


def _speckle(ink: Tensor, draw: _Draw) -> Tensor:
    """Up to 15% of the pixels white, up to 15% black."""
    drawn = torch.rand(ink.shape, generator=draw.generator, device=draw.device)
    white, black = (draw.uniform(0, 0.15)[:, None, None] for _ in range(2))
    return torch.where(drawn < white, 1.0, torch.where(drawn > 1 - black, 0.0, ink))


def _erase(ink: Tensor, draw: _Draw) -> Tensor:
    """A rectangle of 3 to 9 pixels a side is wiped out."""
    places = torch.arange(SIDE, device=ink.device)[None]
    inside = []
    for _ in range(2):
        length, start = draw.uniform(3, 9), draw.uniform(4, SIDE - 8)
        inside.append((places >= start[:, None]) & (places < (start + length)[:, None]))
    return torch.where(inside[0][:, :, None] & inside[1][:, None, :], 0.0, ink)
