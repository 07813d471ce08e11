"""MNIST-C's fifteen corruptions (Mu and Gilmer 2019), to judge networks on. Knows no files, no networks.

https://arxiv.org/abs/1906.02337. Each is what the paper's own program makes at the severity of its data set.
Every image has random numbers of its own, by seed, corruption and place, so the first hundred are the same
however many follow. The published images had other random numbers, so each differs. They were made with
scikit-image of 2019 and ImageMagick, whose operations `effects` writes again, quirks included:

- `glass_blur` blurs down the columns only: the program calls a grey image one of 28 channels.
- `shear` also stretches by 1 / cos 0.4: that was scikit-image's shear before 0.19.
- `fog` jitters by the square of what its name says, as its diamond-square does.

Results are rounded to whole grey levels.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import pairwise

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from inkdigits.errors import UsageError
from inkdigits.training.effects import SIDE, Images, Matrix, blurred, clouds, edges, segment, warped

CHUNK = 250  # images at once: a map of fog takes 256 kB

Generators = Sequence[Generator]  # one an image


def corrupt(images: NDArray[np.uint8], name: str, *, seed: int = 0) -> NDArray[np.uint8]:
    """Images as one of the corruptions leaves them.

    Args:
        images: `uint8 (N, 28, 28)`, ink bright on 0.
        name: one of `CORRUPTIONS`.
        seed: of the random numbers.

    Returns:
        `uint8 (N, 28, 28)`.

    Raises:
        UsageError: no such corruption.
    """
    if name not in CORRUPTIONS:
        raise UsageError(f"{name}: no such corruption; there are {', '.join(CORRUPTIONS)}")
    kind = list(CORRUPTIONS).index(name)
    corrupted = np.empty(images.shape, np.uint8)
    for start in range(0, len(images), CHUNK):
        part = images[start : start + CHUNK]
        generators = [np.random.default_rng([seed, kind, start + i]) for i in range(len(part))]
        found = CORRUPTIONS[name](part / 255.0, generators)
        corrupted[start : start + CHUNK] = np.rint(255 * np.clip(found, 0, 1))
    return corrupted


def shot_noise(images: Images, generators: Generators) -> Images:
    """Few photons: a Poisson count of at most about 3 a pixel."""
    photons = 3.0
    pairs = zip(images, generators, strict=True)
    return np.stack([random.poisson(image * photons) / photons for image, random in pairs])


def impulse_noise(images: Images, generators: Generators) -> Images:
    """Salt and pepper: 17% of the pixels become white or black."""
    chances = np.stack([random.random((2, SIDE, SIDE)) for random in generators])
    return np.where(chances[:, 0] < 0.17, chances[:, 1] < 0.5, images)


def glass_blur(images: Images, generators: Generators) -> Images:
    """Frosted glass: blurred, pixels swapped with neighbours above and to the left, blurred again."""
    sigma, passes = 0.7, 2
    swapped = np.floor(255 * blurred(images, sigma, axes=(1,)))
    places = [(y, x) for _ in range(passes) for y in range(SIDE - 1, 1, -1) for x in range(SIDE - 1, 1, -1)]
    swaps = np.stack([random.random(len(places)) < 0.5 for random in generators])
    steps = np.stack([random.integers(-1, 1, (len(places), 2)) for random in generators])
    for place, (y, x) in enumerate(places):
        some = np.flatnonzero(swaps[:, place])
        other = (some, y + steps[some, place, 0], x + steps[some, place, 1])
        swapped[some, y, x], swapped[other] = swapped[other], swapped[some, y, x]
    return blurred(swapped / 255, sigma, axes=(1,))


def motion_blur(images: Images, generators: Generators) -> Images:
    """A hand that moved: half a Gaussian of 3 px along a line of 21 px, within 45° of the horizontal."""
    width, sigma = 21, 3.0
    kernel = np.exp(-(np.arange(width) ** 2) / (2 * sigma**2))
    kernel /= kernel.sum()
    angles = np.radians([random.uniform(-45, 45) for random in generators])
    number, y, x = np.ogrid[: len(images), :SIDE, :SIDE]
    found = np.zeros_like(images)
    for step, share in enumerate(kernel):
        # halves are rounded down, and edge pixels go on outside, as ImageMagick has it
        down, right = (
            np.ceil(step * way(angles) - 0.5).astype(int)[:, None, None] for way in (np.sin, np.cos)
        )
        found += share * images[number, np.clip(y + down, 0, SIDE - 1), np.clip(x + right, 0, SIDE - 1)]
    return found


def shear(images: Images, generators: Generators) -> Images:
    """Slanted by 0.4 radians to either side."""
    return _warped_either_way(images, generators, lambda a: ((1.0, -np.sin(a)), (0.0, np.cos(a))))


def rotate(images: Images, generators: Generators) -> Images:
    """Turned by 0.4 radians, 23°, to either side."""
    turn = lambda a: ((np.cos(a), -np.sin(a)), (np.sin(a), np.cos(a)))  # noqa: E731 (a matrix by its angle)
    return _warped_either_way(images, generators, turn)


def scale(images: Images, _: Generators) -> Images:
    """Seven tenths as large."""
    return warped(images, ((1 / 0.7, 0.0), (0.0, 1 / 0.7)))


def brightness(images: Images, _: Generators) -> Images:
    """Everything brighter by half of the range."""
    return images + 0.5


def translate(images: Images, generators: Generators) -> Images:
    """Moved by 3 px to one of the four corners."""
    found = np.zeros_like(images)
    padded = np.pad(images, ((0, 0), (3, 3), (3, 3)))
    for place, random in enumerate(generators):
        y, x = 3 + random.choice([-3, 3], 2)
        found[place] = padded[place, y : y + SIDE, x : x + SIDE]
    return found


def stripe(images: Images, _: Generators) -> Images:
    """The left and the right quarter inverted."""
    found = images.copy()
    for quarter in (slice(0, 7), slice(21, SIDE)):
        found[:, :, quarter] = 1 - found[:, :, quarter]
    return found


def fog(images: Images, generators: Generators) -> Images:
    """Clouds laid over it, three times as strong as the ink."""
    strength, brightest = 3.0, images.max(axis=(1, 2), keepdims=True)
    sky = clouds(generators, decay=1.4)[:, :SIDE, :SIDE]
    return np.asarray((images + strength * sky) * brightest / (brightest + strength), np.float64)


def spatter(images: Images, generators: Generators) -> Images:
    """Drops of mud: grey, over ink and paper."""
    liquid = blurred(np.stack([random.normal(0.65, 0.3, (SIDE, SIDE)) for random in generators]), 1.0)
    mud = blurred((liquid > 0.65).astype(np.float64), 1.5)
    mud[mud < 0.8] = 0
    return images * (1 - mud) + 63 / 255 * mud


def dotted_line(images: Images, generators: Generators) -> Images:
    """A dotted line from the left edge to the right one."""
    found = images.copy()
    dots = np.arange(SIDE) // 2 % 2 == 1  # two columns with, two without
    for image, random in zip(found, generators, strict=True):
        left, right = random.integers(0, 27, 2)
        image += dots * segment((0, left), (27, right))
    return found


def zigzag(images: Images, generators: Generators) -> Images:
    """A zigzag of teeth 2 px long and high, nearly level."""
    found = images.copy()
    for image, random in zip(found, generators, strict=True):
        start = int(random.integers(0, 27))
        corners = _zigzag_corners(start, start + int(random.integers(-5, 5)))
        for before, after in pairwise(corners):
            np.clip(image + segment(before, after), 0, 1, out=image)
    return found


def canny_edges(images: Images, _: Generators) -> Images:
    """Nothing but its edges, one pixel wide, as Canny's detector (1986) finds them."""
    return edges(images, weak=0.1, strong=0.2)


Corruption = Callable[[Images, Generators], Images]

CORRUPTIONS: dict[str, Corruption] = {
    one.__name__: one
    for one in (
        *(shot_noise, impulse_noise, glass_blur, motion_blur, shear, scale, rotate, brightness, translate),
        *(stripe, fog, spatter, dotted_line, zigzag, canny_edges),
    )
}
"""By the names, and in the order, of the paper."""


def _warped_either_way(
    images: Images,
    generators: Generators,
    matrix: Callable[[float], Matrix],
) -> Images:
    ways = np.array([random.choice([-1, 1]) for random in generators])
    found = np.empty_like(images)
    for way in (-1, 1):
        found[ways == way] = warped(images[ways == way], matrix(0.4 * way))
    return found


def _zigzag_corners(start: int, end: int) -> list[tuple[float, float]]:
    """From column 2 and row `start` to column 25 and row `end`: six teeth, and the way back to the middle."""
    tooth, left, right = 2.0, 2, 25
    angle = np.arctan((end - start) / (right - left))
    length = (right - left) / np.cos(angle)
    teeth = [
        ((2 * i + 1) * tooth, (-1) ** i * tooth) for i in range(int((length - tooth) // (2 * tooth)) + 1)
    ]
    rest = length - 2 * tooth * (length // (2 * tooth))
    flat = [(0.0, 0.0), *teeth, (length, teeth[-1][1] / (2 * rest))]
    sine, cosine = np.sin(angle), np.cos(angle)
    return [(left + cosine * x - sine * y, start + sine * x + cosine * y) for x, y in flat]
