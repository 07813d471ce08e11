"""Explanations as pictures: the picture, the glyph, and maps laid over it. Knows Pillow and no PyTorch."""

from __future__ import annotations

import io
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from inkdigits.glyph import SIDE
from inkdigits.training.explain import Explained, Explanation, Map, Method

PANEL = 12 * SIDE  # px, so that each pixel of the glyph is a square of 12
MARGIN, GAP = 36, 32  # px
BAR = 14  # px, width of a colour bar
LABELS = 84  # px, its labels
TITLE, TEXT, SMALL = 34, 18, 15  # px, sizes of letters
HEAD = 96  # px, the title and the line below it
FOOT = 56  # px, the two lines below a panel

INK, QUIET, PAPER = (34, 34, 34), (105, 105, 105), (255, 255, 255)
BLUE = (33, 102, 172)
# Both fade to white at 0 and change steadily in lightness, so they read without red and green and in grey.
NOTHING_TO_MUCH = ("#ffffff", "#fee8c8", "#fdbb84", "#ef6548", "#b30000")  # ColorBrewer OrRd
AGAINST_TO_FOR = (
    "#2166ac",
    "#67a9cf",
    "#d1e5f0",
    "#ffffff",
    "#fee0b6",
    "#f1a340",
    "#b35806",
)  # RdBu and PuOr

Pixels = NDArray[np.uint8]


def draw(explanation: Explanation, picture: Pixels, source: str) -> bytes:
    """One PNG: a row a class, with the picture and the glyph in front.

    Args:
        explanation: what to draw.
        picture: `uint8 (H, W)`, what the recogniser was given.
        source: its name, for the title.
    """
    sheet = _Sheet.of(len(explanation.explained[0].maps), len(explanation.explained))
    _title(sheet, explanation, source)
    _panel(sheet, 0, 0, _fitted(picture), "The picture", f"{picture.shape[1]} x {picture.shape[0]} pixels")
    _panel(
        sheet, 1, 0, _ink_on_paper(explanation.glyph, INK), "What the network sees", f"{SIDE} x {SIDE} pixels"
    )
    if len(explanation.explained) > 1:
        _chart(sheet, explanation)
    for row, explained in enumerate(explanation.explained):
        for column, method in enumerate(explained.maps):
            # one scale for all classes: what is faint for one class may not look strong beside another
            strongest = max(float(np.abs(one.maps[method]).max()) for one in explanation.explained)
            _map(sheet, 2 + column, row, explanation.glyph, explained, method, strongest, explanation.patch)
    buffer = io.BytesIO()
    sheet.image.save(buffer, "PNG", optimize=True)
    return buffer.getvalue()


@dataclass(frozen=True)
class _Sheet:
    image: Image.Image
    pen: ImageDraw.ImageDraw = field(repr=False)

    @classmethod
    def of(cls, maps: int, rows: int) -> _Sheet:
        width = 2 * MARGIN + 2 * (PANEL + GAP) + maps * (PANEL + BAR + LABELS + GAP) - GAP
        height = MARGIN + HEAD + rows * (PANEL + FOOT + GAP) - GAP + MARGIN // 2
        image = Image.new("RGB", (width, height), PAPER)
        return cls(image, ImageDraw.Draw(image))

    def corner(self, column: int, row: int) -> tuple[int, int]:
        """Upper left corner of a panel; from the third on, each has a colour bar beside it."""
        x = MARGIN + column * (PANEL + GAP) + max(0, column - 2) * (BAR + LABELS)
        return x, MARGIN + HEAD + row * (PANEL + FOOT + GAP)

    def write(
        self, x: int, y: int, text: str, size: int = TEXT, colour: tuple[int, ...] = INK, anchor: str = "la"
    ) -> None:
        self.pen.text((x, y), text, fill=colour, font=ImageFont.load_default(size), anchor=anchor)


def _title(sheet: _Sheet, explanation: Explanation, source: str) -> None:
    order = np.argsort(explanation.probabilities)[::-1]
    best, second = (f"{explanation.classes[c]}, {_percent(explanation.probabilities[c])}" for c in order[:2])
    sheet.write(MARGIN, MARGIN - 8, f"Read as {best}", TITLE)
    sheet.write(MARGIN, MARGIN + 40, f"{_plain(source)}  ·  next: {second}", TEXT, QUIET)


def _panel(sheet: _Sheet, column: int, row: int, picture: Image.Image, caption: str, note: str) -> None:
    x, y = sheet.corner(column, row)
    sheet.image.paste(picture, (x, y))
    sheet.pen.rectangle((x - 1, y - 1, x + PANEL, y + PANEL), outline=(200, 200, 200))
    sheet.write(x, y + PANEL + 10, caption)
    sheet.write(x, y + PANEL + 34, note, SMALL, QUIET)


def _map(
    sheet: _Sheet,
    column: int,
    row: int,
    glyph: Pixels,
    explained: Explained,
    method: Method,
    strongest: float,
    patch: int,
) -> None:
    heat = explained.maps[method]
    scaled = heat / strongest if strongest > 0 else heat
    name = _plain(explained.name)
    colours: tuple[str, ...]
    if method == "grad-cam":
        colours, low, labels = NOTHING_TO_MUCH, 0.0, (f"{strongest:.2g}", "", "0")
        caption, note = f"Grad-CAM for {name}", "where the last feature maps raise its logit"
    else:
        colours, low, labels = (
            AGAINST_TO_FOR,
            -1.0,
            (f"+{strongest:.1f} for", "0", f"-{strongest:.1f} against"),
        )
        caption, note = f"Occlusion for {name}", f"log-odds lost when {patch} x {patch} pixels are blanked"
    if not heat.any():
        note = "nothing speaks for it"
    _panel(sheet, column, row, _overlay(glyph, scaled, colours, low), caption, note)
    _colour_bar(sheet, column, row, colours, labels)
    x, y = sheet.corner(column, row)
    sheet.write(x + PANEL, y + PANEL + 10, _percent(explained.probability), colour=QUIET, anchor="ra")


def _colour_bar(
    sheet: _Sheet, column: int, row: int, colours: tuple[str, ...], labels: tuple[str, str, str]
) -> None:
    x, y = sheet.corner(column, row)
    x += PANEL + 10
    steps = np.linspace(1, 0, PANEL)[:, None].repeat(BAR, axis=1)
    sheet.image.paste(Image.fromarray(_coloured(steps, colours)), (x, y))
    sheet.pen.rectangle((x - 1, y - 1, x + BAR, y + PANEL), outline=(200, 200, 200))
    for label, place, anchor in zip(labels, (0, PANEL // 2, PANEL), ("la", "lm", "ld"), strict=True):
        sheet.write(x + BAR + 7, y + place, label, SMALL, QUIET, anchor)


def _chart(sheet: _Sheet, explanation: Explanation) -> None:
    """Bars of all probabilities, below the glyph."""
    x, y = sheet.corner(0, 1)
    sheet.write(x, y + 4, "How probable each class is")
    asked = {one.name for one in explanation.explained}
    line = min(30, (PANEL - 40) // len(explanation.classes))
    size = min(TEXT, line - 6)
    length = PANEL + GAP
    for i, (name, p) in enumerate(zip(explanation.classes, explanation.probabilities, strict=True)):
        middle = y + 52 + i * line
        colour = BLUE if name in asked else (170, 170, 170)
        sheet.write(x + 30, middle, _plain(name), size, INK if name in asked else QUIET, "rm")
        half = line // 2 - 4
        sheet.pen.rectangle((x + 42, middle - half, x + 42 + round(p * length), middle + half), fill=colour)
        sheet.write(x + 52 + round(p * length), middle, _percent(p), size, QUIET, "lm")


def _overlay(glyph: Pixels, heat: Map, colours: tuple[str, ...], low: float) -> Image.Image:
    """Heat as coloured paper with the ink in grey on it; `heat` runs from `low` to 1."""
    smooth = np.asarray(Image.fromarray(heat).resize((PANEL, PANEL), Image.Resampling.BICUBIC))
    paper = _coloured((np.clip(smooth, low, 1) - low) / (1 - low), colours).astype(np.float32)
    ink = np.asarray(_enlarged(glyph), np.float32)[:, :, None] / 255
    return Image.fromarray((paper * (1 - 0.6 * ink)).astype(np.uint8))


def _coloured(values: NDArray[np.floating], colours: tuple[str, ...]) -> Pixels:
    """Numbers from 0 to 1 as colours, `uint8 (…, 3)`."""
    stops = np.array([[int(c[i : i + 2], 16) for i in (1, 3, 5)] for c in colours], np.float64)
    at = np.linspace(0, 1, len(stops))
    return np.stack([np.interp(values, at, stops[:, i]) for i in range(3)], axis=-1).astype(np.uint8)


def _ink_on_paper(glyph: Pixels, ink: tuple[int, int, int]) -> Image.Image:
    share = np.asarray(_enlarged(glyph), np.float32)[:, :, None] / 255
    return Image.fromarray((255 + share * (np.array(ink, np.float32) - 255)).astype(np.uint8))


def _enlarged(glyph: Pixels) -> Image.Image:
    return Image.fromarray(glyph).resize((PANEL, PANEL), Image.Resampling.NEAREST)


def _fitted(picture: Pixels) -> Image.Image:
    """The picture as large as a panel allows, on grey where it isn't square."""
    image = Image.fromarray(picture).convert("RGB")
    scale = PANEL / max(image.size)
    size = (max(1, round(image.width * scale)), max(1, round(image.height * scale)))
    way = Image.Resampling.NEAREST if scale > 2 else Image.Resampling.LANCZOS
    panel = Image.new("RGB", (PANEL, PANEL), (240, 240, 240))
    panel.paste(image.resize(size, way), ((PANEL - size[0]) // 2, (PANEL - size[1]) // 2))
    return panel


def _percent(probability: float) -> str:
    """One place; never 0 or 100% of what isn't certain."""
    if probability < 0.0005:
        return "<0.1%"
    return ">99.9%" if probability >= 0.9995 else f"{probability:.1%}"


def _plain(text: str) -> str:
    """What the built-in letters can write."""
    shown = text if len(text) <= 60 else f"…{text[-59:]}"
    return shown.encode("latin-1", "replace").decode("latin-1").replace("\n", " ")
