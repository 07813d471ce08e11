"""HEIC photos: upright, on white, within limits; broken ones are one clear error."""

from __future__ import annotations

import io
from collections.abc import Callable
from typing import Any

import numpy as np
import pillow_heif
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from PIL import Image

from inkdigits.errors import ImageTooLarge, InkdigitsError, UnreadableImage
from inkdigits.images import load_grey, load_pages


def heic(image: Image.Image, **options: Any) -> bytes:
    """The bytes of a HEIC."""
    buffer = io.BytesIO()
    pillow_heif.from_pillow(image).save(buffer, quality=95, **options)
    return buffer.getvalue()


def drawing_of_an_f(scale: int = 1) -> NDArray[np.uint8]:
    """An F that no turn or mirror leaves as it is."""
    grey = np.full((30, 20), 230, np.uint8)
    grey[4:26, 5:8] = grey[4:7, 5:16] = grey[13:16, 5:12] = 30
    return np.kron(grey, np.ones((scale, scale), np.uint8))


def noise(side: int) -> Image.Image:
    """A picture that hardly gets smaller when it is compressed."""
    return Image.fromarray(np.random.default_rng(0).integers(0, 256, (side, side)).astype(np.uint8))


def test_a_heic_is_one_page() -> None:
    drawing = drawing_of_an_f(8)
    (grey,) = load_pages(heic(Image.fromarray(drawing)))
    assert grey.shape == drawing.shape
    assert np.abs(grey.astype(int) - drawing).max() < 40


@pytest.mark.parametrize("orientation", range(1, 9))
def test_a_heic_is_upright(orientation: int) -> None:
    drawing = drawing_of_an_f(8)
    stored: dict[int, Callable[[Any], Any]] = {
        **{1: lambda seen: seen, 2: np.fliplr, 3: lambda seen: np.rot90(seen, 2), 4: np.flipud},
        **{
            5: np.transpose,
            6: np.rot90,
            7: lambda seen: np.rot90(seen, 2).T,
            8: lambda seen: np.rot90(seen, -1),
        },
    }
    exif = Image.Exif()
    exif[0x0112] = orientation
    image = Image.fromarray(np.ascontiguousarray(stored[orientation](drawing)))
    grey = load_grey(heic(image, exif=exif.tobytes()))
    assert grey.shape == drawing.shape
    assert np.abs(grey.astype(int) - drawing).max() < 40


def test_a_clear_heic_lies_on_white() -> None:
    rgba = np.zeros((240, 160, 4), np.uint8)
    rgba[:, :, 3] = 255 - drawing_of_an_f(8)
    grey = load_grey(heic(Image.fromarray(rgba)))
    assert np.abs(grey.astype(int) - drawing_of_an_f(8)).max() < 40


def test_the_limits_of_a_heic() -> None:
    file = heic(Image.new("L", (300, 200)))
    assert load_grey(file, max_pixels=60_000).shape == (200, 300)
    with pytest.raises(ImageTooLarge, match=r"^it: 300×200 pixels"):
        load_grey(file, name="it", max_pixels=59_999)
    for share in (0.3, 0.6, 0.9):
        cut = heic(noise(200))
        assert refusal(cut[: int(len(cut) * share)]).startswith("it: a HEIC that is broken or cut short")


def refusal(file: bytes) -> str:
    """The one line that says why."""
    with pytest.raises(UnreadableImage) as caught:
        list(load_pages(file, name="it"))
    assert len(str(caught.value).splitlines()) == 1
    return str(caught.value)


SEEDS = [heic(noise(64)), heic(noise(64).convert("RGBA"))]


@settings(max_examples=15, deadline=None, derandomize=True)
@given(st.data(), st.sampled_from(SEEDS))
def test_damaged_files_give_pages_or_one_clear_error(data: st.DataObject, seed: bytes) -> None:
    content = bytearray(seed)
    for _ in range(data.draw(st.integers(1, 6))):
        content[data.draw(st.integers(0, len(seed) - 1))] = data.draw(st.integers(0, 255))
    pages, message = pages_of(bytes(content))
    assert all(grey.dtype == np.uint8 and 0 < grey.size <= 10**6 for grey in pages)
    assert bool(pages) or message.startswith("it")
    assert len(message.splitlines()) <= 1


def pages_of(file: bytes) -> tuple[list[NDArray[np.uint8]], str]:
    """All pages that come, and the message of the error that ends them, or an empty one."""
    pages: list[NDArray[np.uint8]] = []
    try:
        pages.extend(load_pages(file, name="it", max_pixels=10**6, max_pages=6))
    except InkdigitsError as e:
        return pages, str(e)
    return pages, ""
