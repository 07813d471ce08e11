"""Digits as the world writes them, drawn from stroke skeletons.

MNIST's writers were American. Elsewhere a 1 has a long upstroke, a 7 is crossed, a 4 is open, a 2 has a
loop, a 5 loses its bar. Each way of writing (allograph, in skeletons.json) is a few strokes of control
points; a batch is jittered, smoothed (Catmull-Rom: linear in the control points, so one matrix an
allograph) and rendered as distance to the strokes, on the tensor's own device.
Knows PyTorch and the glyph; nothing of data or training.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cache
from importlib import resources

import torch
from torch import Generator, Tensor
from torch.nn import functional as F

from inkdigits.glyph import FIT, SIDE

POINTS = 40  # along all strokes of a glyph together
BATCH = 200  # glyphs rendered at once: 25 MB of distances
OTHER = -1  # the label of what is no digit


@dataclass(frozen=True)
class Skeletons:
    """Allographs of some classes, padded to tensors.

    Attributes:
        names: of the class that each allograph is a form of.
        labels: `int64 (A,)`.
        controls: `float (A, C, 2)`, x and y of the control points, 0 to 1.
        blend: `float (A, POINTS, C)`, the mix of control points that each point along the strokes is.
        drawn: `bool (A, POINTS - 1)`, whether the pen is down from a point to the next.
    """

    names: tuple[str, ...]
    labels: Tensor
    controls: Tensor
    blend: Tensor
    drawn: Tensor


def draw_digits(count: int, seed: int, device: torch.device | str = "cpu") -> tuple[Tensor, Tensor]:
    """Digits of all allographs, each digit equally often, each of its allographs too.

    Returns:
        Glyphs `uint8 (count, 28, 28)` and labels `int64 (count,)`, on the device.
    """
    return draw_forms(load_skeletons("digits"), count, seed, device)


def draw_forms(
    skeletons: Skeletons, count: int, seed: int, device: torch.device | str, wobble: float = 0.055
) -> tuple[Tensor, Tensor]:
    """Digits of these forms; `wobble`: see `jittered`. As `draw_digits`."""
    generator = torch.Generator("cpu").manual_seed(seed)
    wanted = torch.arange(count) % 10
    forms = torch.empty(count, dtype=torch.int64)
    for digit in range(10):
        of_digit = torch.nonzero(skeletons.labels == digit)[:, 0]
        places = torch.nonzero(wanted == digit)[:, 0]
        forms[places] = of_digit[torch.randint(len(of_digit), (len(places),), generator=generator)]
    lines, drawn = jittered(skeletons, forms, generator, wobble)
    return render(lines, drawn, generator, torch.device(device)), wanted.to(device)


def jittered(
    skeletons: Skeletons, forms: Tensor, generator: Generator, wobble: float = 0.055
) -> tuple[Tensor, Tensor]:
    """Polylines `(N, POINTS, 2)` of these allographs, no two alike, and where the pen is down.

    Control points move by up to `wobble` of the height (standard deviation).
    """
    controls = skeletons.controls[forms]
    size = wobble * torch.rand(len(forms), 1, 1, generator=generator)
    controls = controls + size * torch.randn(controls.shape, generator=generator)
    # the whole form gives way, too: a bend that varies smoothly over the box
    x, y = controls[..., 0], controls[..., 1]
    bend = 0.12 * torch.randn(4, len(forms), 1, generator=generator)
    x = x + bend[0] * torch.sin(3.1 * y) + bend[1] * (y - 0.5) ** 2
    y = y + bend[2] * torch.sin(3.1 * x) + bend[3] * (x - 0.5) ** 2
    narrow = 0.5 + 0.5 * torch.rand(len(forms), 1, generator=generator)
    slant = 0.25 * torch.randn(len(forms), 1, generator=generator) + 0.1
    x = x * narrow + slant * (1 - y)
    lines: Tensor = skeletons.blend[forms] @ torch.stack([x, y], dim=-1)
    return lines, skeletons.drawn[forms]


def render(lines: Tensor, drawn: Tensor, generator: Generator, device: torch.device) -> Tensor:
    """Polylines, fitted to the glyph and drawn with pens from 1.2 to 5 pixels wide."""
    pen = 1.2 + 3.8 * torch.rand(len(lines), 1, generator=generator) ** 1.6
    # pressure: the width varies along the strokes, by up to a third
    knots = torch.randn(len(lines), 1, 6, generator=generator)
    pressure = F.interpolate(knots, size=POINTS - 1, mode="linear", align_corners=True)[:, 0]
    radius = pen / 2 * (1 + 0.15 * pressure).clamp(0.65, 1.4)
    glyphs = []
    for part in range(0, len(lines), BATCH):
        these = slice(part, part + BATCH)
        fitted = _fitted(lines[these], drawn[these], pen[these])
        glyphs.append(_draw(fitted.to(device), drawn[these].to(device), radius[these].to(device)))
    return torch.cat(glyphs)


def _fitted(lines: Tensor, drawn: Tensor, pen: Tensor) -> Tensor:
    """Longest side 20 pixels, pen included; middle of the ink at pixel 14, as in every glyph."""
    low, high = lines.amin(1), lines.amax(1)
    room = FIT - pen  # (N, 1)
    scaled = (lines - low[:, None]) * (room / (high - low).amax(1, keepdim=True).clamp(min=1e-3))[..., None]
    ends, begins = scaled[:, 1:], scaled[:, :-1]
    weight = (ends - begins).norm(dim=-1) * drawn
    middle = ((ends + begins) / 2 * weight[..., None]).sum(1) / weight.sum(1, keepdim=True).clamp(min=1e-3)
    fitted: Tensor = scaled - middle[:, None] + SIDE / 2
    return fitted


def _draw(lines: Tensor, drawn: Tensor, radius: Tensor) -> Tensor:
    """Grey by distance: full inside the pen's radius, gone half a pixel outside it."""
    axis = torch.arange(SIDE, device=lines.device) + 0.5
    row, column = (grid.reshape(1, 1, -1) for grid in torch.meshgrid(axis, axis, indexing="ij"))
    begin, along = lines[:, :-1], lines[:, 1:] - lines[:, :-1]
    direction = along / along.square().sum(-1, keepdim=True).clamp(min=1e-6)
    right, down = column - begin[..., 0:1], row - begin[..., 1:2]
    nearest = (right * direction[..., 0:1] + down * direction[..., 1:2]).clamp_(0, 1)
    distance = torch.hypot(right - nearest * along[..., 0:1], down - nearest * along[..., 1:2])
    ink = (radius[..., None] - distance + 0.5).clamp_(0, 1) * drawn[..., None]
    return (ink.amax(1).reshape(-1, SIDE, SIDE) * 255).round().to(torch.uint8)


@cache
def load_skeletons(part: str) -> Skeletons:
    """Allographs of `digits` or `others`, read once."""
    text = resources.files("inkdigits.training").joinpath("skeletons.json").read_text(encoding="utf-8")
    forms = [(name, form) for name, forms in json.loads(text)[part].items() for form in forms]
    strokes = [[_points(stroke) for stroke in form.split(";")] for _, form in forms]
    most = max(sum(len(stroke) for stroke in form) for form in strokes)
    controls = torch.zeros(len(forms), most, 2)
    blend = torch.zeros(len(forms), POINTS, most)
    drawn = torch.ones(len(forms), POINTS - 1, dtype=torch.bool)
    for index, form in enumerate(strokes):
        count = sum(len(stroke) for stroke in form)
        controls[index, :count], blend[index, :, :count], drawn[index] = joined(form)
    labels = [int(name) if name.isdigit() else OTHER for name, _ in forms]
    return Skeletons(tuple(name for name, _ in forms), torch.tensor(labels), controls, blend, drawn)


def joined(strokes: list[Tensor]) -> tuple[Tensor, Tensor, Tensor]:
    """Strokes of control points `(C, 2)` as one way of the pen.

    Returns:
        Control points `(C, 2)` of all strokes; `(POINTS, C)`, the mix of them that each point along the way
        is; `(POINTS - 1,)`, whether the pen is down from a point to the next.
    """
    shares = _shares([float((s[1:] - s[:-1]).norm(dim=1).sum()) for s in strokes])
    mixes = (smoothing(len(s), share) for s, share in zip(strokes, shares, strict=True))
    blend: Tensor = torch.block_diag(*mixes)  # type: ignore[no-untyped-call]
    drawn = torch.ones(POINTS - 1, dtype=torch.bool)
    drawn[torch.tensor(shares).cumsum(0)[:-1] - 1] = False
    return torch.cat(strokes), blend, drawn


def _points(stroke: str) -> Tensor:
    return torch.tensor([[float(v) / 100 for v in point.split(",")] for point in stroke.split()])


def _shares(lengths: list[float]) -> list[int]:
    """How many of the POINTS each stroke gets: by length, at least three."""
    free = POINTS - 3 * len(lengths)
    shares = [3 + int(free * length / sum(lengths)) for length in lengths]
    shares[0] += POINTS - sum(shares)
    return shares


@cache
def smoothing(controls: int, points: int) -> Tensor:
    """`(points, controls)`: Catmull-Rom as a matrix. A control point written twice makes a corner."""
    places = torch.linspace(0, controls - 1, points)
    left = places.floor().clamp(max=controls - 2).long()
    t = places - left
    weights = [
        -0.5 * t**3 + t**2 - 0.5 * t,
        1.5 * t**3 - 2.5 * t**2 + 1,
        -1.5 * t**3 + 2 * t**2 + 0.5 * t,
        0.5 * t**3 - 0.5 * t**2,
    ]
    matrix = torch.zeros(points, controls)
    for offset, weight in zip((-1, 0, 1, 2), weights, strict=True):
        matrix.scatter_add_(1, (left + offset).clamp(0, controls - 1)[:, None], weight[:, None])
    return matrix
