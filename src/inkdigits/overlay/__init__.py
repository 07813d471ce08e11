"""A page with what was read drawn onto it. Knows pictures and results; knows no files, no network.

page ─► enlarged, paler ─► labels where they cover least ─► boxes ─► labels

Sure numbers have a plain blue box, doubtful ones a dashed vermillion box and a question mark, ink without
digits a dotted grey one: told apart in print and by colour-blind readers, too.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import ceil

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from inkdigits.overlay.labels import (
    BLUE,
    MUTED,
    VERMILLION,
    Label,
    Text,
    around,
    digit_height,
    doubtful_digits,
    font,
    frame,
    moved,
    place_labels,
    stroke_width,
    transformed,
)
from inkdigits.results import Box, Line, Reading

DIGIT_PX = 110  # small pictures are enlarged until their digits are about as high
PIXELS, LONGEST = 3_000_000, 4000  # but to no more pixels and no longer side than these
PALER = 0.25  # of white over the picture, before which colours stand out
MARGIN = 12  # px around what stands out of the page

Grey = NDArray[np.uint8]


def draw_overlay(picture: Grey | Image.Image, reading: Reading) -> Image.Image:
    """Draws what was read onto its page.

    Each number gets a box and, above it or where there is more room, its digits as they were read, each by
    its own ink. Doubtful digits are underlined, the next likeliest in small beside them. The page is grey and
    a little paler; a small one is enlarged until its labels are legible, and grows where labels stand out.

    Args:
        picture: the upright page that was read, `uint8 (H, W)` or an image.
        reading: of this page.

    Returns:
        An RGB image, at least as large as the page.

    Raises:
        ValueError: the picture isn't as large as the reading's page.
    """
    page = np.asarray(picture.convert("L") if isinstance(picture, Image.Image) else picture, np.uint8)
    if page.shape != (reading.height, reading.width):
        raise ValueError(f"a picture of {page.shape[::-1]} px, a reading of {reading.width, reading.height}")
    nothing = Line("", "", 0.0, False, None, (0, 0, reading.width, reading.height))
    scale = _scale(page, reading.lines or (nothing,))
    page = _enlarged(page, scale)
    lines = [transformed(line, scale, 0, 0) for line in reading.lines or (nothing,)]
    labels = place_labels(lines, page)
    texts = [text.box for label in labels for text in label]
    canvas, dx, dy = _canvas(page, [*texts, *map(frame, lines)])
    draw = ImageDraw.Draw(canvas, "RGBA")
    for line in lines:
        _draw_boxes(draw, transformed(line, 1, dx, dy))
    for label in labels:
        _draw_label(draw, moved(label, dx, dy))
    return canvas


def _scale(page: Grey, lines: Sequence[Line]) -> float:
    """How much to enlarge: until digits are `DIGIT_PX` high or the page is large enough; 1 at least."""
    room = min((PIXELS / page.size) ** 0.5, LONGEST / max(page.shape))
    return float(max(1.0, min(DIGIT_PX / digit_height(lines), room)))


def _enlarged(page: Grey, scale: float) -> Grey:
    if scale == 1:
        return page
    size = (round(page.shape[1] * scale), round(page.shape[0] * scale))
    return np.asarray(cv2.resize(page, size, interpolation=cv2.INTER_CUBIC), np.uint8)


def _canvas(page: Grey, boxes: Sequence[Box]) -> tuple[Image.Image, int, int]:
    """The page, paler, with a white margin where boxes stand out, and how far right and down it moved."""
    height, width = page.shape
    left, top, right, bottom = around([(0, 0, width, height), *boxes])
    room = [ceil(out) + MARGIN if out > 0 else 0 for out in (-left, -top, right - width, bottom - height)]
    canvas = Image.new("RGB", (width + room[0] + room[2], height + room[1] + room[3]), "white")
    paler = cv2.convertScaleAbs(page, alpha=1 - PALER, beta=255 * PALER)
    canvas.paste(Image.fromarray(paler), (room[0], room[1]))
    return canvas, room[0], room[1]


def _draw_boxes(draw: ImageDraw.ImageDraw, line: Line) -> None:
    stroke = stroke_width(line)
    doubtful = doubtful_digits(line)
    for digit in line.digits:
        colour = VERMILLION if digit in doubtful else BLUE
        if digit in doubtful:
            draw.rectangle(digit.box, fill=f"{colour}30")
        if len(line.digits) > 1:
            draw.rectangle(digit.box, outline=f"{colour}90", width=max(1, stroke // 2))
    x0, y0, x1, y1 = frame(line)
    draw.rectangle((x0 - 1, y0 - 1, x1 + 1, y1 + 1), outline="#ffffffb0", width=stroke + 2)  # for dark pages
    if not line.is_number:
        _draw_dashes(draw, frame(line), MUTED, stroke, (stroke, 2 * stroke))
    elif line.accepted:
        draw.rectangle(frame(line), outline=BLUE, width=stroke)
    else:
        _draw_dashes(draw, frame(line), VERMILLION, stroke, (5 * stroke, 3 * stroke))


def _draw_dashes(
    draw: ImageDraw.ImageDraw, box: Box, colour: str, stroke: int, dash: tuple[int, int]
) -> None:
    """A rectangle of dashes, so many pixels on and off, that begin and end in its corners."""
    x0, y0, x1, y1 = box
    for x in _dashes(x0, x1, *dash):
        for y in (y0, y1 - stroke):
            draw.rectangle((x, y, x + dash[0] - 1, y + stroke - 1), fill=colour)
    for y in _dashes(y0, y1, *dash):
        for x in (x0, x1 - stroke):
            draw.rectangle((x, y, x + stroke - 1, y + dash[0] - 1), fill=colour)


def _dashes(begin: float, end: float, on: int, off: int) -> list[float]:
    """Where dashes begin."""
    last = max(begin, end - on)
    return [float(x) for x in np.linspace(begin, last, 1 + max(1, round((last - begin) / (on + off))))]


def _draw_label(draw: ImageDraw.ImageDraw, label: Label) -> None:
    """White around all of it first, so that it is legible on any ground; then the texts."""
    for text in label:
        _write(draw, text, "white", max(2, text.size // 8))
    for text in label:
        _write(draw, text, text.colour, round(text.size / 30))


def _write(draw: ImageDraw.ImageDraw, text: Text, colour: str, stroke: int) -> None:
    place = (text.x, text.baseline)
    draw.text(place, text.text, colour, font(text.size), "ls", stroke_width=stroke, stroke_fill=colour)
    if text.underlined:
        left, _, right, bottom = text.box
        grown = stroke // 2 if colour == "white" else 0
        top = bottom - max(2, text.size // 12)
        draw.rectangle((left - grown, top - grown, right - 1 + grown, bottom - 1 + grown), fill=colour)
