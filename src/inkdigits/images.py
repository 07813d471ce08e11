"""Pictures of any kind to upright grey pixels. Knows files and their formats; knows nothing of digits.

path, bytes, file, array ─► decoded within limits ─► alpha, colour, depth ─► upright ─► uint8 (H, W)
"""

from __future__ import annotations

import io
import logging
import os
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray
from PIL import Image, UnidentifiedImageError

from inkdigits.errors import ImageTooLarge, InkdigitsError, UnreadableImage

Grey = NDArray[np.uint8]
Picture = str | os.PathLike[str] | bytes | BinaryIO | NDArray[Any] | Image.Image

MAX_PIXELS = 64_000_000  # an A4 page at 800 dpi is 62 million
MAX_BYTES = 128 * 2**20  # the same page at 600 dpi, uncompressed in colour, is 100 MiB

# (format, the bytes it begins with, the Pillow module that reads it)
_FORMATS = (
    ("PNG", (b"\x89PNG\r\n\x1a\n",), "PngImagePlugin"),
    ("JPEG", (b"\xff\xd8\xff",), "JpegImagePlugin"),
    ("TIFF", (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+"), "TiffImagePlugin"),
    ("WEBP", (b"RIFF",), "WebPImagePlugin"),
    ("BMP", (b"BM",), "BmpImagePlugin"),
    ("GIF", (b"GIF87a", b"GIF89a"), "GifImagePlugin"),
    ("PPM", (b"P1", b"P2", b"P3", b"P4", b"P5", b"P6"), "PpmImagePlugin"),
)
SUFFIXES = (".png", ".jpg", ".jpeg", ".tif", ".tiff", ".webp", ".bmp", ".gif", ".pbm", ".pgm", ".ppm")
_READABLE = "PNG, JPEG, TIFF, WebP, BMP, GIF, PNM"

_UNIFORM = 24  # grey levels: colours that differ less, where a picture is opaque, are one pen's
_FAINT = 64  # grey levels between the darkest and the brightest pixel: below, a colour channel may show more

logging.getLogger("PIL").addHandler(
    logging.NullHandler()
)  # else what it logs of broken files lands on stderr


def load_grey(
    picture: Picture, *, name: str | None = None, max_pixels: int = MAX_PIXELS, max_bytes: int = MAX_BYTES
) -> Grey:
    """A picture as upright grey pixels.

    The first frame of an animation or page of a TIFF counts. EXIF orientation is applied. Transparency lies
    on white, except where one uniform colour is drawn on nothing: then opacity is the ink, so that a white
    pen shows too. Depths from 1 to 32 bits and floats become 8 bits by scaling. Colour becomes luminance, or
    the channel that shows the drawing where luminance hides it, as yellow on white.

    Args:
        picture: a path, the bytes of a file, a file opened in binary mode, a PIL image, or an array: `(H, W)`
            or `(H, W, 1 | 3 | 4)` of bools, integers or floats, where 0 is black.
        name: what errors call it; the path, if there is one.
        max_pixels: of the picture, checked before it is decoded.
        max_bytes: of the file.

    Returns:
        `uint8 (H, W)`, 0 black to 255 white.

    Raises:
        UnreadableImage: missing, a folder, no permission, not an image, cut short, broken.
        ImageTooLarge: beyond the limits.
    """
    name = name or _name_of(picture)
    if isinstance(picture, np.ndarray):
        _check_size(name, picture.shape[1::-1], max_pixels)
        return _grey_of_array(picture, name)
    if isinstance(picture, Image.Image):
        _check_size(name, picture.size, max_pixels)
        return _decode(picture, name)
    with _opened(_read(picture, name, max_bytes), name) as image:
        _check_size(name, image.size, max_pixels)
        return _decode(image, name)


def _name_of(picture: Picture) -> str:
    if isinstance(picture, str | os.PathLike):
        return os.fspath(picture)
    if isinstance(picture, np.ndarray):
        return "array"
    return str(getattr(picture, "filename", "") or getattr(picture, "name", "") or "picture")


def _read(picture: str | os.PathLike[str] | bytes | BinaryIO, name: str, max_bytes: int) -> bytes:
    """The bytes of a file, never more than one beyond the limit."""
    try:
        if isinstance(picture, bytes):
            content = picture
        elif isinstance(picture, str | os.PathLike):
            with Path(picture).open("rb") as file:
                content = file.read(max_bytes + 1)
        else:
            content = picture.read(max_bytes + 1)
    except IsADirectoryError:
        raise UnreadableImage(f"{name}: a folder, not a picture; name the files in it") from None
    except OSError as e:
        raise UnreadableImage(f"{name}: {(e.strerror or 'can not be read').lower()}") from None
    except (ValueError, AttributeError, TypeError) as e:  # a NUL in the path; a closed file; no file at all
        raise UnreadableImage(f"{name}: can't be read ({e})") from None
    if not isinstance(content, bytes):
        raise UnreadableImage(f"{name}: opened as text; open it in binary mode")
    if not content:
        raise UnreadableImage(f"{name}: empty, it has no bytes")
    if len(content) > max_bytes:
        raise ImageTooLarge(f"{name}: more than the {max_bytes / 2**20:.0f} MiB that a picture may have")
    return content


@contextmanager
def _opened(content: bytes, name: str) -> Iterator[Image.Image]:
    """The picture with its header read and nothing decoded."""
    kind = _kind(content)
    if kind is None:
        raise UnreadableImage(f"{name}: not an image we can open ({_READABLE})")
    with _refused(name, kind), Image.open(io.BytesIO(content), formats=(kind,)) as image:
        yield image


def _kind(content: bytes) -> str | None:
    """The format by a file's first bytes; its reader, and no other, is imported."""
    for kind, beginnings, module in _FORMATS:
        if content.startswith(beginnings) and (kind != "WEBP" or content[8:12] == b"WEBP"):
            # Pillow imports all its 40 readers for one that isn't there
            __import__(f"PIL.{module}")
            return kind
    return None


@contextmanager
def _refused(name: str, kind: str) -> Iterator[None]:
    """Whatever a broken file makes Pillow raise or warn becomes one clear error."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    except InkdigitsError:
        raise
    except Image.DecompressionBombError:
        raise ImageTooLarge(f"{name}: far more pixels than a picture may have; reduce it first") from None
    except MemoryError:
        raise ImageTooLarge(f"{name}: needs more memory than there is; reduce it first") from None
    except (
        Exception
    ) as e:  # OSError, SyntaxError, struct.error, ValueError, KeyError …: readers raise anything
        reason = " ".join(str(e).split()) or type(e).__name__
        reason = "header can't be read" if isinstance(e, UnidentifiedImageError) else reason[:80]
        raise UnreadableImage(f"{name}: a {kind} that is broken or cut short ({reason})") from None


def _check_size(name: str, size: tuple[int, ...], max_pixels: int) -> None:
    pixels = int(np.prod(size, dtype=object))
    if pixels == 0:
        raise UnreadableImage(f"{name}: has no pixels")
    if pixels > max_pixels:
        sides = "×".join(f"{side:,}" for side in size)
        limit = f"{max_pixels / 1e6:g} million"
        raise ImageTooLarge(f"{name}: {sides} pixels, more than the limit of {limit}; reduce it first")


def _decode(image: Image.Image, name: str) -> Grey:
    with _refused(name, image.format or "picture"):
        image.load()
        return _upright(_grey_of(image, name), _orientation(image))


def _orientation(image: Image.Image) -> int:
    """The EXIF orientation, 1 to 8; 1 when there is none or the EXIF is broken, which spoils no pixels."""
    try:
        return int(image.getexif().get(0x0112, 1))
    except Exception:  # as in `_refused`
        return 1


def _upright(grey: Grey, orientation: int) -> Grey:
    """Turned and mirrored as EXIF 2.32, section 4.6.4 A, says."""
    turned = {2: grey[:, ::-1], 3: grey[::-1, ::-1], 4: grey[::-1], 5: grey.T}
    turned |= {6: grey.T[:, ::-1], 7: grey.T[::-1, ::-1], 8: grey.T[::-1]}
    return np.ascontiguousarray(turned.get(orientation, grey))


def _grey_of_array(array: NDArray[Any], name: str) -> Grey:
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
    return pixels if pixels.ndim == 2 else _grey_of(Image.fromarray(pixels), name)


def _grey_of(image: Image.Image, name: str) -> Grey:
    """A decoded image of any mode."""
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
