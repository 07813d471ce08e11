"""Decoded pixels of any mode and depth to grey levels. Knows Pillow's modes; knows no files or formats."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from inkdigits.errors import UnreadableImage

Grey = NDArray[np.uint8]

_UNIFORM = 24  # grey levels: colours that differ less, where a picture is opaque, are one pen's
_FAINT = 64  # grey levels between the darkest and the brightest pixel: below, a colour channel may show more


def grey_of_array(array: NDArray[Any], name: str) -> Grey:
    """An array `(H, W)`, `(H, W, 1)`, `(H, W, 3)` or `(H, W, 4)` of bools, integers or floats; 0 is black.

    Raises:
        UnreadableImage: of another shape or type, or of numbers that are none.
    """
    if array.ndim == 3 and array.shape[2] == 1:
        array = array[:, :, 0]
    if array.ndim != 2 and (array.ndim != 3 or array.shape[2] not in (3, 4)):
        shape = "×".join(map(str, array.shape))
        raise UnreadableImage(f"{name}: is {shape}; a picture is (H, W), (H, W, 1), (H, W, 3) or (H, W, 4)")
    if array.dtype.kind not in "buif":
        raise UnreadableImage(f"{name}: holds {array.dtype}, not numbers")
    if array.dtype.kind in "ui" and array.max() == 1 and array.min() == 0:
        array = array.astype(bool)  # black and white as 0 and 1
    pixels = eight_bits(array, name)
    return pixels if pixels.ndim == 2 else grey_of_image(Image.fromarray(pixels), name)


def grey_of_image(image: Image.Image, name: str) -> Grey:
    """A decoded image of any mode.

    Raises:
        UnreadableImage: of pixels that are no numbers.
    """
    if image.mode in ("I", "F") or image.mode.startswith("I;"):
        return eight_bits(np.asarray(image), name)
    if image.has_transparency_data:
        return _flattened(image.convert("RGBA"))
    if image.mode == "LAB":
        return np.asarray(image.getchannel("L"))
    if image.mode in ("1", "L"):
        return np.asarray(image.convert("L"))
    return _luminance(image if image.mode == "RGB" else image.convert("RGB"))


def eight_bits(pixels: NDArray[Any], name: str = "array") -> Grey:
    """Pixels of any depth as 8 bits, scaled and never cut off.

    Bools are black and white. Floats up to 1 span 0 to 1. Other numbers span the least depth of 8 bits or
    more that holds the largest of them, so that 10 and 12 bits in a 16-bit file aren't taken for darkness,
    and a blank page's noise isn't stretched to ink. With negative numbers the depth can't be known: they are
    stretched from the least to the largest.

    Args:
        pixels: bools, integers or floats of any shape.
        name: what errors call it.

    Raises:
        UnreadableImage: pixels that are NaN, infinite or beyond 2^64.
    """
    if pixels.dtype == np.uint8:
        return pixels
    if pixels.dtype == np.bool_:
        return pixels.astype(np.uint8) * np.uint8(255)
    low, high = float(pixels.min()), float(pixels.max())
    if not (abs(low) <= 2**64 and abs(high) <= 2**64):  # NaN fails this too
        raise UnreadableImage(f"{name}: holds pixels that are no numbers, or far too large ones")
    if low < 0:
        span = (high - low) or 1.0
    elif pixels.dtype.kind == "f" and high <= 2:  # resizing overshoots 1 a little
        low, span = 0.0, max(1.0, high)
    else:
        low, span = 0.0, 2.0 ** max(8, int(np.ceil(np.log2(high + 1)))) - 1
    floats: NDArray[Any] = pixels.astype(np.float64 if pixels.dtype.itemsize > 2 else np.float32)
    return np.asarray(np.rint((floats - low) / span * 255), np.uint8)  # a tiny span has no finite 1 / span


def _flattened(rgba: Image.Image) -> Grey:
    """On white; but one colour drawn on nothing, as a white pen on a clear canvas, shows by its opacity."""
    alpha = np.asarray(rgba.getchannel("A"))
    if alpha.min() == 255:
        return _luminance(rgba.convert("RGB"))
    grey = np.asarray(rgba.convert("L"))
    # a canvas rounds colours to noise where it is nearly clear, so ask the more opaque half
    opaque = grey[alpha >= max(1, int(alpha.max()) // 2)]
    if not opaque.size or np.ptp(opaque) <= _UNIFORM:
        return np.asarray(255 - alpha, np.uint8)
    white = Image.new("RGBA", rgba.size, "white")
    return _luminance(Image.alpha_composite(white, rgba).convert("RGB"))


def _luminance(rgb: Image.Image) -> Grey:
    """ITU-R 601 luminance; or one channel, where a drawing that luminance hides shows twice as much."""
    grey = rgb.convert("L")
    shown = int(np.ptp(grey.getextrema()))
    contrast = [int(np.ptp(extrema)) for extrema in rgb.getextrema()]
    best = int(np.argmax(contrast))
    hidden = shown < _FAINT <= contrast[best] and contrast[best] >= 2 * shown
    return np.asarray(rgb.getchannel(best) if hidden else grey)
