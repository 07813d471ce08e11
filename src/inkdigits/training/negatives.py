"""What is no digit, drawn: signs, lone strokes, scribbles, dots, silhouettes, blots, textures.

A recogniser meets these on every form and photo, and a network that was only shown digits is sure of them.
Each kind is drawn at random within what its name says; none is copied from a data set. What a hand can
mean as a digit (an O, an upright bar) is left out; what only resembles one (a slash, an S) is there, but
seldom, so that the network's doubt is as large as theirs is likely.
Knows PyTorch, the glyph and how strokes are rendered; nothing of data or training.
"""

from __future__ import annotations

import math

import torch
from torch import Generator, Tensor
from torch.nn import functional as F

from inkdigits.glyph import FIT, SIDE
from inkdigits.training.strokes import OTHER, POINTS, jittered, load_skeletons, render, smoothing

SCRIBBLE = 14  # control points of a random scribble
MARGIN = (SIDE - FIT) // 2
SHARES = {  # of what is drawn; the rest, about a third, are letters and signs
    "scribbles": 0.15,
    "strokes": 0.17,
    "dots": 0.10,
    "silhouettes": 0.14,
    "blots": 0.13,
    "textures": 0.03,
}


def draw_others(count: int, seed: int, device: torch.device | str = "cpu") -> tuple[Tensor, Tensor]:
    """What is no digit: letters and signs first, then the other kinds by their `SHARES`.

    Returns:
        Glyphs `uint8 (count, 28, 28)` and labels `int64 (count,)`, all −1, on the device.
    """
    generator = torch.Generator("cpu").manual_seed(seed + 1)
    place = torch.device(device)
    counts = {kind: int(count * share) for kind, share in SHARES.items()}
    skeletons = load_skeletons("others")
    forms = torch.randint(len(skeletons.labels), (count - sum(counts.values()),), generator=generator)
    glyphs = torch.cat(
        [
            render(*jittered(skeletons, forms, generator), generator, place),
            render(*_scribbles(counts["scribbles"], generator), generator, place),
            render(*_lone_strokes(counts["strokes"], generator), generator, place),
            _dots(counts["dots"], generator).to(place),
            _silhouettes(counts["silhouettes"], generator).to(place),
            _blots(counts["blots"], generator).to(place),
            _textures(counts["textures"], generator).to(place),
        ]
    )
    return glyphs, torch.full((count,), OTHER, device=place)


def _scribbles(count: int, generator: Generator) -> tuple[Tensor, Tensor]:
    """Smooth random walks of 5 to 14 control points."""
    steps = torch.randn(count, SCRIBBLE, 2, generator=generator)
    walk = torch.cumsum(steps, 1) * 0.35 + torch.randn(count, SCRIBBLE, 2, generator=generator) * 0.5
    length = torch.randint(5, SCRIBBLE + 1, (count, 1), generator=generator)
    last = torch.minimum(torch.arange(SCRIBBLE)[None], length - 1)
    walk = walk.gather(1, last[..., None].expand(-1, -1, 2))  # the pen rests at the end
    lines: Tensor = smoothing(SCRIBBLE, POINTS) @ walk
    return lines, torch.ones(count, POINTS - 1, dtype=torch.bool)


def _lone_strokes(count: int, generator: Generator) -> tuple[Tensor, Tensor]:
    """Slashes (half), backslashes (a fifth) and bars, nearly straight.

    Upright to slanted as a 1 may be is left out: from 26° to the right of the vertical, from 32° to the left.
    """
    kind, where = _uniform(count, generator), _uniform(count, generator)
    slash, backslash, bar = 26 + 40 * where, -32 - 34 * where, 66 + 48 * where
    angle = torch.where(kind < 0.5, slash, torch.where(kind < 0.7, backslash, bar))
    angle = angle * math.pi / 180
    along = torch.stack([torch.sin(angle), -torch.cos(angle)], -1)[:, None]  # up and to the right
    across = torch.stack([torch.cos(angle), torch.sin(angle)], -1)[:, None]
    bend = 0.05 * torch.randn(count, 4, 1, generator=generator)
    controls = torch.linspace(-1, 1, 4)[None, :, None] * along + bend * across
    lines: Tensor = smoothing(4, POINTS) @ controls
    return lines, torch.ones(count, POINTS - 1, dtype=torch.bool)


def _dots(count: int, generator: Generator) -> Tensor:
    """Filled round things, sharp to very soft; their narrower side at least 0.4 of the longer."""
    x, y = _axes()
    angle = math.pi * _uniform(count, generator)[:, None, None]
    narrow = (0.4 + 0.6 * _uniform(count, generator))[:, None, None]
    u = x * torch.cos(angle) + y * torch.sin(angle)
    v = (y * torch.cos(angle) - x * torch.sin(angle)) / narrow
    around = torch.atan2(v, u)
    outline = torch.ones(count, SIDE, SIDE)
    for waves in (1, 2, 3, 4):
        size = 0.25 / waves * torch.randn(count, 1, 1, generator=generator)
        phase = 2 * math.pi * _uniform(count, generator)[:, None, None]
        outline = outline + size * torch.cos(waves * around + phase)
    softness = 0.05 + 0.6 * _uniform(count, generator)[:, None, None] ** 2
    ink = ((outline.clamp(min=0.3) - torch.hypot(u, v)) / softness + 0.5).clamp(0, 1)
    return _fitted(ink)


def _silhouettes(count: int, generator: Generator) -> Tensor:
    """Filled shapes that mirror left to right, as things do: half-width by height, slit, arms, shades."""
    x, y = _axes()
    parts = [
        F.interpolate(
            torch.rand(n, 1, knots, generator=generator), size=SIDE, mode="linear", align_corners=True
        )
        for n, knots in zip(_split(count, 4), (2, 3, 5, 8), strict=True)
    ]
    slim = torch.where(_uniform(count, generator) < 0.4, 0.25 + 0.5 * _uniform(count, generator), 1.0)
    half = (0.15 + 0.85 * torch.cat(parts)[:, 0, :, None]) * slim[:, None, None]
    drift = 0.15 * torch.randn(count, 1, 1, generator=generator) * y
    side = (x - drift).abs()
    ink = ((half - side) * 12).clamp(0, 1)
    # from some height on, a slit down (legs) or a hole up (handles, necks)
    begin, width = 1.6 * _uniform(count, generator) - 1, 0.5 * _uniform(count, generator)
    upwards = torch.where(_uniform(count, generator) < 0.3, -1.0, 1.0)
    slit = (y * upwards[:, None, None] > begin[:, None, None]) & (side < width[:, None, None])
    has_slit = (_uniform(count, generator) < 0.4)[:, None, None]
    ink = torch.where(slit & has_slit, 0.0, ink)
    low, high = -1 + _uniform(count, generator), 0.1 + 0.7 * _uniform(count, generator)
    arms = (y > low[:, None, None]) & (y < (low + high)[:, None, None]) & (side < 0.95)
    has_arms = (_uniform(count, generator) < 0.35)[:, None, None]
    ink = torch.where(arms & has_arms, 1.0, ink)
    turned = (_uniform(count, generator) < 0.3)[:, None, None]
    ink = torch.where(turned, ink.transpose(1, 2), ink)
    return _fitted(ink * _shades(count, generator))


def _shades(count: int, generator: Generator) -> Tensor:
    """Factors 0.1 to 1 that vary smoothly over the glyph, or in stripes: folds, prints, light."""
    noise = torch.randn(count, 1, 5, 5, generator=generator)
    smooth = F.interpolate(noise, size=(SIDE, SIDE), mode="bicubic", align_corners=True)[:, 0]
    striped = torch.where(
        (_uniform(count, generator) < 0.25)[:, None, None], _waves(count, generator), smooth
    )
    depth = 0.6 * _uniform(count, generator)[:, None, None] ** 2
    shades: Tensor = (1 - depth * (0.5 + striped)).clamp(0.1, 1)
    return shades


def _blots(count: int, generator: Generator) -> Tensor:
    """Smooth noise cut at a level: blots, clothes, textures; as a photo without digits looks in a glyph.

    Half of them are cut to a box, down to a ragged strip, as the shadow at a page's edge is.
    """
    inks = []
    for n, knots in zip(_split(count, 4), (4, 6, 9, 14), strict=True):
        noise = torch.randn(n, 1, knots, knots, generator=generator)
        field = F.interpolate(noise, size=(FIT, FIT), mode="bicubic", align_corners=True)[:, 0]
        level = 0.8 * torch.rand(n, 1, 1, generator=generator) - 0.6
        gain = torch.exp(2.5 * torch.rand(n, 1, 1, generator=generator))
        inks.append(F.pad(((field - level) * gain).clamp(0, 1), (MARGIN,) * 4))
    ink = torch.cat(inks)
    cut = ink * _box(count, generator)
    whole = (_uniform(count, generator) < 0.5) | (cut.amax((1, 2)) < 0.3)  # nothing is no blot
    return _fitted(torch.where(whole[:, None, None], ink, cut))


def _box(count: int, generator: Generator) -> Tensor:
    """1 inside a box of random proportions, 0 around it."""
    x, y = _axes()
    wide, high = (0.12 + 0.88 * torch.rand(2, count, 1, 1, generator=generator)).unbind(0)
    return ((x.abs() < wide) & (y.abs() < high)).float()


def _textures(count: int, generator: Generator) -> Tensor:
    """Stripes and grain over a whole box of random width, as a cut from a patterned surface."""
    grain = torch.rand(count, SIDE, SIDE, generator=generator) - 0.5
    striped = (_uniform(count, generator) < 0.6)[:, None, None]
    ink = (0.5 + torch.where(striped, _waves(count, generator), grain) * 1.6).clamp(0, 1)
    return _fitted(ink * _box(count, generator))


def _waves(count: int, generator: Generator) -> Tensor:
    """Parallel waves of 2 to 12 pixels, −0.5 to 0.5, in any direction."""
    x, y = _axes()
    angle = math.pi * _uniform(count, generator)[:, None, None]
    length = (2 + 10 * _uniform(count, generator))[:, None, None] / (FIT / 2)
    phase = _uniform(count, generator)[:, None, None]
    return 0.5 * torch.sin(2 * math.pi * ((x * torch.cos(angle) + y * torch.sin(angle)) / length + phase))


def _fitted(ink: Tensor) -> Tensor:
    """Bytes of pictures drawn over −1 to 1, with the ink's longest side 20 pixels and its middle at 14."""
    ink = ink / ink.amax((1, 2), keepdim=True).clamp(min=0.1)
    rows, columns = _range(ink.amax(2)), _range(ink.amax(1))
    size = torch.maximum(rows[1] - rows[0], columns[1] - columns[0]).clamp(min=2) + 1
    zoom = size / FIT
    mass = ink.sum((1, 2)).clamp(min=1e-3)
    places = torch.arange(SIDE) + 0.5
    middle_x = (ink.sum(1) * places).sum(1) / mass
    middle_y = (ink.sum(2) * places).sum(1) / mass
    shift = torch.stack([middle_x, middle_y], -1) * 2 / SIDE - 1
    theta = torch.zeros(len(ink), 2, 3)
    theta[:, 0, 0] = theta[:, 1, 1] = zoom
    theta[:, :, 2] = shift
    grid = F.affine_grid(theta, [len(ink), 1, SIDE, SIDE], align_corners=False)
    return _bytes(F.grid_sample(ink[:, None], grid, align_corners=False)[:, 0])


def _split(count: int, parts: int) -> list[int]:
    """A count in nearly equal parts."""
    return [(count + part) // parts for part in range(parts)]


def _range(profile: Tensor) -> tuple[Tensor, Tensor]:
    """First and last place with ink, `(N,)` of `(N, 28)`."""
    places = torch.arange(profile.shape[1])
    inked = profile > 0.2
    return torch.where(inked, places, SIDE - 1).amin(1), torch.where(inked, places, 0).amax(1)


def _axes() -> tuple[Tensor, Tensor]:
    """x and y of the pixels, `(1, 28, 28)`, −1 to 1 over the 20 pixels that ink may fill."""
    axis = (torch.arange(SIDE) + 0.5 - SIDE / 2) / (FIT / 2)
    y, x = torch.meshgrid(axis, axis, indexing="ij")
    return x[None], y[None]


def _uniform(count: int, generator: Generator) -> Tensor:
    return torch.rand(count, generator=generator)


def _bytes(glyphs: Tensor) -> Tensor:
    return (glyphs * 255).round().to(torch.uint8)
