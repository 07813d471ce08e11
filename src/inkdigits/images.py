"""Pictures and documents of any kind to upright grey pages. Knows files and formats; knows nothing of digits.

path, bytes, file, array ─► format ─► decoded within limits ─► grey levels ─► upright ─► uint8 (H, W)

PDF and HEIC are decoded by `documents`, with an extra; everything else by Pillow.
"""

from __future__ import annotations

import ctypes
import io
import logging
import os
import stat
import warnings
from collections.abc import Generator, Iterator
from contextlib import closing, contextmanager, suppress
from functools import cache
from itertools import count
from math import inf
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray
from PIL import Image, UnidentifiedImageError, _imaging

from inkdigits.errors import ImageTooLarge, InkdigitsError, TooManyPages, UnreadableImage, UsageError
from inkdigits.levels import Grey, grey_of_array, grey_of_image

Picture = str | os.PathLike[str] | bytes | BinaryIO | NDArray[Any] | Image.Image
Pages = Generator[Grey, None, None]

MAX_PIXELS = 64_000_000  # an A4 page at 800 dpi is 62 million
MAX_BYTES = 128 * 2**20  # the same page at 600 dpi, uncompressed in colour, is 100 MiB
MAX_DOCUMENT_BYTES = 2**30  # 500 pages of 2 MiB each; a file on disk isn't read into memory
MAX_PAGES = 500
DPI = 200  # a digit 3 mm high has 24 pixels

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
_HEIF_BRANDS = (b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"hevm", b"hevs", b"mif1", b"msf1")
_HEAD = 1024  # bytes: as far as readers look for a PDF's beginning
SUFFIXES = (
    *(".png", ".jpg", ".jpeg", ".tif", ".tiff", ".webp", ".bmp", ".gif", ".pbm", ".pgm", ".ppm"),
    *(".pdf", ".heic", ".heif"),
)
_READABLE = "PNG, JPEG, TIFF, WebP, BMP, GIF, PNM, PDF, HEIC"

_SUBFILE, _NO_PAGE = 254, 0b101  # TIFF's NewSubfileType; its bits for a smaller copy of a page, and a mask

logging.getLogger("PIL").addHandler(logging.NullHandler())  # else its words on broken files land on stderr


def load_grey(
    picture: Picture, *, name: str | None = None, max_pixels: int = MAX_PIXELS, max_bytes: int = MAX_BYTES
) -> Grey:
    """A picture, or the first page of a document, as upright grey pixels.

    The first frame of an animation counts. EXIF orientation is applied. Transparency lies on white, except
    where one uniform colour is drawn on nothing: then opacity is the ink, so that a white pen shows too.
    Depths from 1 to 32 bits and floats become 8 bits by scaling. Colour becomes luminance, or the channel
    that shows the drawing where luminance hides it, as yellow on white (in a PDF, always luminance).

    Args:
        picture: a path, the bytes of a file, a file opened in binary mode, a PIL image, or an array: `(H, W)`
            or `(H, W, 1 | 3 | 4)` of bools, integers or floats, where 0 is black.
        name: what errors call it; the path, if there is one.
        max_pixels: of the picture, checked before it is decoded.
        max_bytes: of the file.

    Returns:
        `uint8 (H, W)`, 0 black to 255 white.

    Raises:
        UnreadableImage: missing, a folder, no permission, not an image, cut short, broken; a PDF that asks
            for a password or has no pages.
        ImageTooLarge: beyond the limits.
        MissingExtra: a PDF or HEIC without the packages that decode it.
    """
    with closing(_pages(picture, name or _name_of(picture), DPI, max_pixels, max_bytes, None)) as pages:
        return next(pages)


def load_pages(
    picture: Picture,
    *,
    name: str | None = None,
    dpi: float = DPI,
    max_pixels: int = MAX_PIXELS,
    max_bytes: int = MAX_DOCUMENT_BYTES,
    max_pages: int = MAX_PAGES,
) -> Iterator[Grey]:
    """All pages of a document, each as `load_grey` makes it, one at a time: never more than that in memory.

    TIFF and PDF have many; a TIFF's thumbnails and masks aren't pages. Any other picture is one page. Where a
    page is broken or too large, those before it are given, then comes the error.

    Args:
        picture: as for `load_grey`; an open file must stay open.
        name: what errors call it; the path, if there is one.
        dpi: pixels for an inch of a PDF's page; pictures have pixels of their own.
        max_pixels: of each page, checked before it is decoded or drawn.
        max_bytes: of the file.
        max_pages: of the document, checked before the first page is decoded.

    Yields:
        `uint8 (H, W)`, 0 black to 255 white.

    Raises:
        UsageError: at once, for dpi that are no resolution.
        TooManyPages: a document beyond the limit; none of its pages was read.
        UnreadableImage, ImageTooLarge, MissingExtra: as `load_grey`.
    """
    if not 0 < dpi < inf:
        raise UsageError(f"{dpi} dpi is no resolution; give a number above 0, such as {DPI}")
    return _pages(picture, name or _name_of(picture), dpi, max_pixels, max_bytes, max_pages)


def check_header(content: bytes, *, name: str | None = None, max_pixels: int = MAX_PIXELS) -> None:
    """Refuses what `load_grey` would refuse by its header alone, and decodes nothing. PDF and HEIC pass.

    Args:
        content: of a file.
        name: what errors call it.
        max_pixels: of the picture, or of a TIFF's first page.

    Raises:
        UnreadableImage: not an image, or no header that can be read.
        ImageTooLarge: its header says so many pixels.
    """
    name = name or _name_of(content)
    with _opened(content, name, MAX_DOCUMENT_BYTES) as file:
        kind = _kind(file, name)
        if kind not in ("PDF", "HEIC"):
            _check_size(name, _image(file, kind, name).size, max_pixels)


def _pages(
    picture: Picture, name: str, dpi: float, max_pixels: int, max_bytes: int, max_pages: int | None
) -> Pages:
    if isinstance(picture, np.ndarray):
        _check_size(name, picture.shape[1::-1], max_pixels)
        yield grey_of_array(picture, name)
    elif isinstance(picture, Image.Image):
        _check_size(name, picture.size, max_pixels)
        yield _decode(picture, name)
    else:
        with _opened(picture, name, max_bytes) as file:
            kind = _kind(file, name)
            if kind in ("PDF", "HEIC"):
                from inkdigits.documents import decoded

                images = decoded(file, kind, name, dpi=dpi, max_pixels=max_pixels, max_pages=max_pages)
                with closing(images):
                    yield from (grey_of_image(image, name) for image in images)
            else:
                yield from _frames(file, kind, name, max_pixels, max_pages)


# ---- what Pillow decodes


def _frames(file: BinaryIO, kind: str, name: str, max_pixels: int, max_pages: int | None) -> Pages:
    """The pages of a TIFF; of anything else, the first frame."""
    if kind == "TIFF":
        _silence_libtiff()
        if max_pages is not None:
            _check_pages(file, name, max_pages)
    image = _image(file, kind, name)
    for number in count() if kind == "TIFF" else (0,):
        page = f"{name}, page {number + 1}" if number else name
        with _refused(page, kind):
            if number and not _next_page(image, number):
                return
            if number and _tags(image).get(_SUBFILE, 0) & _NO_PAGE:
                continue
            _check_size(page, image.size, max_pixels)
            grey = _decode(image, page)
        yield grey


def _image(file: BinaryIO, kind: str, name: str) -> Image.Image:
    """The picture with its header read and nothing decoded."""
    with _refused(name, kind):
        file.seek(0)
        return Image.open(file, formats=(kind,))


def _next_page(image: Image.Image, number: int) -> bool:
    """Turns a TIFF to its next page; False after the last one.

    A page says where the next one lies. Where that can't be read, as in a file cut short, Pillow keeps the
    place it had before, and libtiff may give the pixels of another page.
    """
    place = _tags(image).next
    if not _turned_to(image, number):
        if place:
            raise OSError("its pages don't end")
        return False
    if _tags(image).next == place:
        raise OSError("its directory is cut short")
    return True


def _turned_to(image: Image.Image, number: int) -> bool:
    """Whether there is such a page, from 0; the image then stands at it."""
    try:
        image.seek(number)
    except EOFError:
        return False
    return True


def _tags(image: Image.Image) -> Any:
    return image.tag_v2  # type: ignore[attr-defined]


def _check_pages(file: BinaryIO, name: str, max_pages: int) -> None:
    """Follows a TIFF from page to page, as far as the limit and without decoding."""
    with suppress(UnreadableImage):  # broken somewhere: the pages before that can be read
        image = _image(file, "TIFF", name)
        with _refused(name, "TIFF"):
            if _turned_to(image, max_pages):
                raise TooManyPages(f"{name}: more pages than the limit of {max_pages:,}; split it first")


@cache
def _silence_libtiff() -> None:
    """Else libtiff prints what is wrong with a file on stderr; Pillow turns off only its warnings."""
    with suppress(OSError, AttributeError):  # a Pillow that keeps its libtiff to itself
        ctypes.CDLL(_imaging.__file__).TIFFSetErrorHandler(None)


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
    except Exception as e:  # OSError, SyntaxError, struct.error, KeyError …: readers raise anything
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
        return _upright(grey_of_image(image, name), _orientation(image))


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


# ---- files


def _name_of(picture: Picture) -> str:
    if isinstance(picture, str | os.PathLike):
        return os.fspath(picture)
    if isinstance(picture, np.ndarray):
        return "array"
    return str(getattr(picture, "filename", "") or getattr(picture, "name", "") or "picture")


@contextmanager
def _opened(
    picture: str | os.PathLike[str] | bytes | BinaryIO, name: str, max_bytes: int
) -> Iterator[BinaryIO]:
    """A file that can be read from anywhere: the one on disk, or all that a stream holds."""
    if not isinstance(picture, str | os.PathLike):
        yield io.BytesIO(_read(picture, name, max_bytes))
        return
    with _unopened(name):
        file = Path(picture).open("rb")  # noqa: SIM115 (closed below; opening it may fail in ways of its own)
    with file:
        status = os.fstat(file.fileno())
        if stat.S_ISREG(status.st_mode) and status.st_size:
            _check_bytes(name, status.st_size, max_bytes)
            yield file
        else:  # a pipe, a device
            yield io.BytesIO(_read(file, name, max_bytes))


def _read(picture: bytes | BinaryIO, name: str, max_bytes: int) -> bytes:
    """All bytes, never more than one beyond the limit."""
    with _unopened(name):
        content = picture if isinstance(picture, bytes) else picture.read(max_bytes + 1)
    if not isinstance(content, bytes):
        raise UnreadableImage(f"{name}: opened as text; open it in binary mode")
    if not content:
        raise UnreadableImage(f"{name}: empty, it has no bytes")
    _check_bytes(name, len(content), max_bytes)
    return content


@contextmanager
def _unopened(name: str) -> Iterator[None]:
    """Why a file can't be opened or read, as one clear error."""
    try:
        yield
    except IsADirectoryError:
        raise UnreadableImage(f"{name}: a folder, not a picture; name the files in it") from None
    except OSError as e:
        raise UnreadableImage(f"{name}: {(e.strerror or 'can not be read').lower()}") from None
    except (ValueError, AttributeError, TypeError) as e:  # a NUL in the path; a closed file; no file at all
        raise UnreadableImage(f"{name}: can't be read ({e})") from None


def _check_bytes(name: str, size: int, max_bytes: int) -> None:
    if size > max_bytes:
        limit = f"{max_bytes / 2**20:.0f} MiB"
        raise ImageTooLarge(f"{name}: more than the {limit} that a picture may have")


def _kind(file: BinaryIO, name: str) -> str:
    """The format by a file's first bytes; its reader, and no other, is imported."""
    with _unopened(name):
        head = file.read(_HEAD)
    for kind, beginnings, module in _FORMATS:
        if head.startswith(beginnings) and (kind != "WEBP" or head[8:12] == b"WEBP"):
            # Pillow imports all its 40 readers for one that isn't there
            __import__(f"PIL.{module}")
            return kind
    if head[4:8] == b"ftyp" and head[8:12] in _HEIF_BRANDS:
        return "HEIC"
    if b"%PDF-" in head:
        return "PDF"
    raise UnreadableImage(f"{name}: not an image we can open ({_READABLE})")
