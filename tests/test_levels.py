"""Pixels of every mode, depth and colour become grey levels in which what is drawn shows."""

from __future__ import annotations

import io
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from inkdigits.errors import UnreadableImage
from inkdigits.images import load_grey
from inkdigits.levels import eight_bits


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


@pytest.mark.parametrize("mode", ["1", "P", "LA", "RGB", "RGBA", "CMYK", "YCbCr", "I;16", "F"])
def test_modes_come_out_alike(drawing: NDArray[np.uint8], mode: str) -> None:
    black_and_white = np.where(drawing > 128, 255, 0).astype(np.uint8)  # else Pillow dithers for mode 1
    image = Image.fromarray(black_and_white)
    if mode == "I;16":
        image = Image.fromarray(black_and_white.astype(np.uint16) * np.uint16(257))
    elif mode == "CMYK":
        image = image.convert("RGB")
    grey = load_grey(encoded(image.convert(mode), "PNG" if mode == "P" else "TIFF"))
    assert np.abs(grey.astype(int) - black_and_white).max() <= 2


def test_adobe_cmyk_jpeg_is_not_inverted(drawing: NDArray[np.uint8]) -> None:
    grey = load_grey(encoded(Image.fromarray(drawing).convert("RGB").convert("CMYK"), "JPEG", quality=95))
    assert np.abs(grey.astype(int) - drawing).max() < 40


def test_noise_of_a_blank_16_bit_page_is_not_stretched_to_ink() -> None:
    page = np.random.default_rng(0).integers(64_000, 64_400, (40, 40)).astype(np.uint16)
    assert np.ptp(load_grey(encoded(Image.fromarray(page), "PNG"))) <= 2


def test_16_bits_of_the_other_byte_order(drawing: NDArray[np.uint8]) -> None:
    big = Image.frombytes("I;16B", (20, 30), (drawing.astype(">u2") * 257).tobytes())
    assert np.array_equal(load_grey(encoded(big, "TIFF")), drawing)


@pytest.mark.parametrize("scale", [1.0, 255.0, 65535.0])
def test_float_tiff_is_scaled_not_cut_off(scale: float) -> None:
    pixels = np.tile(np.linspace(0, scale, 16, dtype=np.float32), (16, 1))
    grey = load_grey(encoded(Image.fromarray(pixels), "TIFF"))
    assert (grey.min(), grey.max()) == (0, 255)
    assert len(np.unique(grey)) == 16


def test_pixels_that_are_no_numbers_are_refused() -> None:
    with pytest.raises(UnreadableImage, match="no numbers"):
        eight_bits(np.array([[0.0, np.nan]]))
    with pytest.raises(UnreadableImage, match="no numbers"):
        load_grey(np.array([[0.0, np.inf]]))


def test_black_ink_on_clear_lies_on_white(drawing: NDArray[np.uint8]) -> None:
    rgba = np.zeros((30, 20, 4), np.uint8)
    rgba[:, :, 3] = 255 - drawing
    assert np.array_equal(load_grey(encoded(Image.fromarray(rgba), "PNG")), drawing)


def test_white_ink_on_clear_is_not_lost(drawing: NDArray[np.uint8]) -> None:
    rgba = np.full((30, 20, 4), 255, np.uint8)
    rgba[:, :, 3] = 255 - drawing
    # a canvas keeps no colour where it is clear, and rounds it where it is nearly clear
    rgba[rgba[:, :, 3] < 40, :3] = 0
    assert np.array_equal(load_grey(encoded(Image.fromarray(rgba), "PNG")), drawing)


def test_a_cut_out_photo_lies_on_white(drawing: NDArray[np.uint8]) -> None:
    rgba = np.dstack([drawing, drawing, drawing, np.full_like(drawing, 255)])
    rgba[:3, :, 3] = 0
    rgba[:3, :, :3] = 0
    grey = load_grey(Image.fromarray(rgba))
    assert (grey[:3] == 255).all()
    assert np.array_equal(grey[3:], drawing[3:])


def test_a_wholly_clear_picture_is_blank() -> None:
    rgba = np.random.default_rng(0).integers(0, 255, (9, 9, 4)).astype(np.uint8)
    rgba[:, :, 3] = 0
    assert (load_grey(rgba) == 255).all()


def test_a_palette_with_transparency(drawing: NDArray[np.uint8]) -> None:
    image = Image.fromarray((drawing < 128).astype(np.uint8))
    image.putpalette([255, 0, 0, 0, 0, 0])
    grey = load_grey(encoded(image.convert("P"), "PNG", transparency=0))
    assert np.array_equal(grey, np.where(drawing < 128, 0, 255))


@pytest.mark.parametrize(
    ("ink", "sheet"), [((255, 255, 0), (255, 255, 255)), ((200, 0, 0), (0, 102, 0)), ((0, 0, 90), (0, 0, 0))]
)
def test_ink_that_luminance_hides_is_seen(
    drawing: NDArray[np.uint8], ink: tuple[int, ...], sheet: tuple[int, ...]
) -> None:
    picture = np.where((drawing < 128)[:, :, None], np.array(ink), np.array(sheet)).astype(np.uint8)
    grey = load_grey(encoded(Image.fromarray(picture), "PNG"))
    assert abs(int(grey[5, 6]) - int(grey[0, 0])) >= 90


def test_arrays_of_any_number_type(drawing: NDArray[np.uint8]) -> None:
    inked = drawing < 128
    for array in (inked, inked.astype(np.int64), inked.astype(np.float16), inked.astype(np.uint8)):
        assert np.array_equal(load_grey(array), np.where(inked, 255, 0))
    for scaled in (drawing.astype(np.int64), drawing / 255, drawing.astype(np.float64)):
        assert np.array_equal(load_grey(scaled), drawing)
    standardised = (drawing / 255 - 0.13) / 0.31  # no scale is known: from the least to the largest
    assert load_grey(standardised).min() == 0
    assert load_grey(standardised).max() == 255


@pytest.mark.parametrize(
    "array",
    [np.zeros((0, 5)), np.zeros(5), np.zeros((4, 4, 2)), np.zeros((2, 2, 2, 2)), np.array([["a", "b"]])],
    ids=["empty", "flat", "two channels", "four axes", "text"],
)
def test_arrays_that_are_no_pictures(array: NDArray[Any]) -> None:
    with pytest.raises(UnreadableImage, match="array"):
        load_grey(array)
