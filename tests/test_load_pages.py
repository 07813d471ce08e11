"""Pages of a document come one by one in constant memory, within limits; a broken one is one clear error."""

from __future__ import annotations

import gc
import io
import struct
import subprocess
import sys
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from PIL import Image, TiffImagePlugin

from inkdigits.errors import ImageTooLarge, InkdigitsError, TooManyPages, UsageError
from inkdigits.images import MAX_DOCUMENT_BYTES, MAX_PAGES, Picture, load_grey, load_pages
from inkdigits.levels import Grey


@pytest.fixture
def drawing() -> NDArray[np.uint8]:
    """An F of 30 by 20 pixels, dark on light: no turn or mirror leaves it as it is."""
    grey = np.full((30, 20), 230, np.uint8)
    grey[4:26, 5:8] = 30
    grey[4:7, 5:16] = 30
    grey[13:16, 5:12] = 30
    return grey


def encoded(image: Image.Image, kind: str, **options: Any) -> bytes:
    """The bytes of an image file."""
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


def pages_of(picture: Picture, **options: Any) -> tuple[list[Grey], str]:
    """All pages that come, and the message of the error that ends them, or an empty one."""
    pages: list[Grey] = []
    try:
        for page in load_pages(picture, **options):
            pages.append(page)  # noqa: PERF402 (those before an error count)
    except InkdigitsError as e:
        return pages, str(e)
    return pages, ""


def tiff(*images: Image.Image, **options: Any) -> bytes:
    """A TIFF of several pages."""
    return encoded(images[0], "TIFF", save_all=True, append_images=images[1:], **options)


def noise(side: int, seed: int = 0) -> Image.Image:
    """A page that hardly gets smaller when it is compressed."""
    return Image.fromarray(np.random.default_rng(seed).integers(0, 256, (side, side)).astype(np.uint8))


def numbered(count: int, size: tuple[int, int] = (9, 7)) -> list[Image.Image]:
    """Pages of one grey level each: 0, 1, 2 …"""
    return [Image.new("L", size, number % 256) for number in range(count)]


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP", "BMP", "GIF", "PPM", "TIFF"])
def test_a_picture_is_one_page(drawing: NDArray[np.uint8], kind: str) -> None:
    file = encoded(Image.fromarray(drawing), kind)
    (page,) = load_pages(file)
    assert np.array_equal(page, load_grey(file))


def test_frames_of_an_animation_are_no_pages(drawing: NDArray[np.uint8]) -> None:
    for kind in ("GIF", "PNG", "WEBP"):
        file = encoded(
            Image.fromarray(drawing), kind, save_all=True, append_images=[Image.fromarray(255 - drawing)]
        )
        (page,) = load_pages(file)
        assert np.array_equal(page, load_grey(file))


def test_arrays_and_images_are_one_page(drawing: NDArray[np.uint8]) -> None:
    for picture in (drawing, Image.fromarray(drawing)):
        (page,) = load_pages(picture)
        assert np.array_equal(page, drawing)


@pytest.mark.parametrize("compression", [None, "tiff_lzw", "tiff_adobe_deflate"])
def test_all_pages_of_a_tiff_in_order_from_any_source(tmp_path: Path, compression: str | None) -> None:
    path = tmp_path / "pages.tif"
    path.write_bytes(tiff(*numbered(5), compression=compression))
    with path.open("rb") as file:
        for source in (path, path.read_bytes(), file):
            assert [page.max() for page in load_pages(source)] == [0, 1, 2, 3, 4]


def test_pages_of_mixed_sizes_depths_and_orientations(drawing: NDArray[np.uint8]) -> None:
    turned = Image.fromarray(np.ascontiguousarray(np.rot90(drawing)))
    wide = Image.fromarray(np.hstack([drawing, drawing]))
    deep = Image.fromarray(drawing.astype(np.uint16) * np.uint16(257))
    bits = Image.fromarray(drawing).point(lambda level: 255 * (level > 128)).convert("1")
    buffer = io.BytesIO()
    with TiffImagePlugin.AppendingTiffWriter(buffer) as writer:
        for image, options in ((turned, {"tiffinfo": {274: 6}}), (wide, {}), (deep, {}), (bits, {})):
            image.save(writer, "TIFF", **options)  # type: ignore[arg-type]
            writer.newFrame()
    upright, *others = load_pages(buffer.getvalue())
    assert np.array_equal(upright, drawing)
    assert np.array_equal(others[0], np.hstack([drawing, drawing]))
    assert np.array_equal(others[1], drawing)
    assert np.array_equal(others[2], np.where(drawing > 128, 255, 0))


def test_thumbnails_and_masks_in_a_tiff_are_no_pages() -> None:
    buffer = io.BytesIO()
    with TiffImagePlugin.AppendingTiffWriter(buffer) as writer:
        for number, kind in enumerate((0, 1, 2, 4, 0)):  # 1: a smaller copy, 2: a page of many, 4: a mask
            Image.new("L", (9, 7), number).save(writer, "TIFF", tiffinfo={254: kind})
            writer.newFrame()
    assert [page.max() for page in load_pages(buffer.getvalue())] == [0, 2, 4]


def test_500_pages_are_read_and_501_refused_before_the_first() -> None:
    most, more = tiff(*numbered(MAX_PAGES)), tiff(*numbered(MAX_PAGES + 1))
    assert sum(1 for _ in load_pages(most)) == MAX_PAGES == 500
    pages, message = pages_of(more, name="more.tif")
    assert not pages
    assert message == "more.tif: more pages than the limit of 500; split it first"
    assert load_grey(more).shape == (7, 9)
    with pytest.raises(TooManyPages):
        next(load_pages(tiff(*numbered(3)), max_pages=2))


def test_memory_does_not_grow_with_pages(tmp_path: Path) -> None:
    """In a process of its own, whose peak nothing else moves: 120 MB of pixels in steps of one megabyte."""
    path = tmp_path / "long.tif"
    path.write_bytes(tiff(*numbered(120, (1000, 1000)), compression="tiff_adobe_deflate"))
    code = (
        "import resource, sys; from inkdigits.images import load_pages\n"
        "def peak(): return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss\n"
        "peaks = [peak() for page in load_pages(sys.argv[1])]\n"
        "print(len(peaks), peaks[-1] - peaks[9])"
    )
    ended = subprocess.run([sys.executable, "-c", code, path], capture_output=True, text=True, check=True)
    count, growth = map(int, ended.stdout.split())
    assert count == 120
    assert growth < 8_000  # KiB


@pytest.mark.parametrize("compression", [None, "tiff_lzw"])
def test_wherever_a_tiff_is_cut_whole_pages_are_given_and_then_the_error(compression: str | None) -> None:
    images = [noise(12, seed) for seed in range(4)]
    file = tiff(*images, compression=compression)
    counts = set()
    for length in range(1, len(file), 3):
        pages, message = pages_of(file[:length], name="cut.tif")
        assert all(np.array_equal(*pair) for pair in zip(pages, map(np.asarray, images), strict=False))
        place = f"cut.tif, page {len(pages) + 1}: a TIFF that is broken" if pages else "cut.tif: "
        assert len(pages) == 4 or message.startswith(place)
        counts.add(len(pages))
    assert counts >= {0, 1, 2, 3}


def test_a_tiff_whose_pages_go_in_a_circle_ends() -> None:
    file = bytearray(tiff(*numbered(3)))
    first = struct.unpack("<I", file[4:8])[0]
    at = first
    for _ in range(3):  # each directory: the count of its entries, 12 bytes for each, where the next one lies
        link = at + 2 + 12 * struct.unpack("<H", file[at : at + 2])[0]
        at = struct.unpack("<I", file[link : link + 4])[0]
    assert at == 0
    file[link : link + 4] = struct.pack("<I", first)
    pages, message = pages_of(bytes(file), name="circle.tif")
    assert len(pages) == 3
    assert message.startswith("circle.tif, page 4: a TIFF that is broken")


def test_limits_hold_for_every_page() -> None:
    pages, message = pages_of(tiff(*numbered(2), Image.new("L", (30, 20))), name="wide.tif", max_pixels=500)
    assert len(pages) == 2
    assert message == "wide.tif, page 3: 30×20 pixels, more than the limit of 0.0005 million; reduce it first"


def test_a_file_on_disk_beyond_the_limit_is_not_read(tmp_path: Path) -> None:
    path = tmp_path / "huge.tif"
    with path.open("wb") as file:
        file.write(b"II*\0")
        file.truncate(2 * MAX_DOCUMENT_BYTES)
    for load in (load_grey, lambda picture: next(load_pages(picture))):
        with pytest.raises(ImageTooLarge, match=r"huge\.tif: more than the \d+ MiB"):
            load(path)


@pytest.mark.parametrize("dpi", [0, -1, float("nan"), float("inf")])
def test_a_resolution_that_is_none_is_refused_at_once(dpi: float) -> None:
    with pytest.raises(UsageError, match="no resolution"):
        load_pages(b"", dpi=dpi)


def test_nobody_has_to_take_all_pages(tmp_path: Path) -> None:
    path = tmp_path / "pages.tif"
    path.write_bytes(tiff(*numbered(5)))
    pages = load_pages(path)
    assert next(pages).max() == 0
    with warnings.catch_warnings():
        warnings.simplefilter("error", ResourceWarning)
        del pages
        gc.collect()


SEEDS = [
    *(tiff(*numbered(4), compression=way) for way in (None, "tiff_lzw", "packbits", "jpeg")),
    tiff(*(page.convert("1") for page in numbered(4)), compression="group4"),
    *(encoded(noise(20), kind) for kind in ("PNG", "JPEG", "WEBP", "BMP", "GIF", "PPM")),
]


@settings(max_examples=200, deadline=None, derandomize=True)
@given(st.data(), st.sampled_from(SEEDS))
def test_damaged_documents_give_pages_or_one_clear_error(data: st.DataObject, seed: bytes) -> None:
    content = bytearray(seed)
    for _ in range(data.draw(st.integers(1, 6))):
        content[data.draw(st.integers(0, len(seed) - 1))] = data.draw(st.integers(0, 255))
    content = content[: data.draw(st.integers(1, len(seed)))]
    pages, message = pages_of(bytes(content), name="it", max_pixels=100_000, max_pages=6)
    assert all(page.dtype == np.uint8 and page.ndim == 2 and 0 < page.size <= 100_000 for page in pages)
    assert len(pages) <= 6
    assert bool(pages) or message.startswith("it")
    assert len(message.splitlines()) <= 1
