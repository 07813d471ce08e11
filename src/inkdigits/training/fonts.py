"""Characters and words as fonts have them, as ink on nothing. Knows fonts and words, no lines and no paper.

Handwriting fonts bring digits in the ways of many hands, and words that are no numbers; printed fonts come
with Matplotlib. All is rendered once and kept as bytes. Fonts repeat themselves and people don't, so a
handwritten character is kept in several slightly different shapes.
"""

from __future__ import annotations

import zlib
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import cv2
import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from inkdigits.errors import DataUnavailable
from inkdigits.training.font_files import font_files

HEIGHT = 64  # px, of an 8
WORD_HEIGHT = 48  # px, of an 8 beside the words: with their ascenders and descenders they are about 64 high
CHARACTERS = "0123456789.,-/"
SHAPES = 8  # of one handwritten character
_SWAY = 2.0  # px, standard deviation of how far a part of a character moves in another shape of it
_MARGIN = 8  # px round a character that is bent

PRINTED = (
    *("DejaVuSans", "DejaVuSans-Bold", "DejaVuSans-Oblique", "DejaVuSansMono"),
    *("DejaVuSerif", "DejaVuSerif-Bold", "DejaVuSerif-Italic"),
    *("STIXGeneral", "STIXGeneralBol", "STIXGeneralItalic", "STIXGeneralBolIta"),
    *("cmr10", "cmss10", "cmtt10"),
)

# What stands beside numbers on forms, bills, labels and lists, in a few languages.
WORDS = tuple(
    """
    Total Summe Betrag Datum Date Name Seite Page Menge Preis Price Amount Quantity Rabatt Rechnung
    Invoice Quittung Receipt Konto Account Kunde Customer Kasse Netto Brutto MwSt VAT Steuer Tax Zahlung
    Paid bezahlt offen Rest Saldo Balance Gesamt Somme Montant Prix Facture Client Numéro Nom Prénom
    Ville Rue Adresse Totale Importo Prezzo Data Nome Cognome Via Fecha Precio Cantidad Nombre Cliente
    Suma Kwota Cena Totaal Bedrag Straße Ort Telefon Phone Tel Fax Mobil Unterschrift Signature
    Geburtstag Alter Gewicht Länge Breite Höhe Größe Temperatur Zeit Uhr Stunden Minuten Tage Woche
    Monat Jahr Hours Minutes Days Week Month Year Montag Dienstag Mittwoch Donnerstag Freitag Samstag
    Sonntag Monday Tuesday Wednesday Thursday Friday Januar Februar März April Mai Juni Juli August
    September Oktober November Dezember January March lundi mardi mercredi jeudi vendredi janvier
    juillet août Anna Peter Maria Thomas Müller Schmidt Meier Weber Fischer Wagner Becker Martin Bernard
    Dubois Laurent Garcia Rossi Ferrari Smith Jones Taylor Brown Emma Paul Lena Marie Jonas Felix Hannah
    Mathilde Françoise André Zürich Bern Wien Paris Roma Madrid London Berlin Hamburg München Äpfel Brot
    Milch Butter Käse Eier Mehl Zucker Kaffee Wasser Wein Fleisch Kartoffeln Tomaten Bread Milk Eggs
    Flour Water Pommes Pain Lait Beurre Farine Schrauben Nägel Holz Farbe Papier Paket Karton Kiste
    Lager Regal Raum Room Zimmer Tisch Table Platz Gruppe Klasse Note Punkte Points Score Team Start
    Ende Runde Test Probe Sample Messung Wert Value Code Nummer Number Artikel Item Bestellung Order
    Lieferung Vertrag und and the von für with ohne mehr minus plus rund etwa about approx max min ca je
    pro per ab bis Danke Thanks Merci bitte neu alt nicht
    """.split()  # noqa: SIM905  # so many words read better so
)
SIGNS = tuple(
    """
    EUR € CHF Fr. N° Nr. No. kg km cm mm ml mg min Std. Stk. Pkt. GBP £ USD kr Kč zł % # + = x @ MHz kW kWh
    """.split()  # noqa: SIM905  # as above
)
# Single characters that can't be taken for a digit; O o l I S s B Z z b q g G and the like are left out.
SINGLES = tuple("AEHKMNRWXkmnwx")
_CLEAR = set("AEHKMNRWXaehkmnprtuvwxEFPVY€£%#+=@")  # one of them makes a run no number


@dataclass(frozen=True)
class Glyph:
    """One character's ink, and how it stands on the baseline; lengths in px, y grows downwards.

    Attributes:
        ink: `float32 (h, w)`, coverage 0 to 1, cut to the ink.
        left: from the pen's position to the ink's first column.
        top: from the baseline to the ink's first row; −64 for an 8 that stands on it.
        advance: from this character's pen position to the next one's.
    """

    ink: NDArray[np.float32]
    left: float
    top: float
    advance: float


@dataclass(frozen=True)
class _Shape:
    """A `Glyph` with its ink as bytes, a quarter of the memory."""

    ink: NDArray[np.uint8]
    left: int
    top: int


class _Lettering:
    """A font at the size of words, and which characters it has."""

    def __init__(self, font: ImageFont.FreeTypeFont) -> None:
        self.font = font
        self._missing = bytes(font.getmask("\uffff"))
        self._has: dict[str, bool] = {}

    def has(self, text: str) -> bool:
        """Whether each character is drawn as itself, not as the box or the blank of a missing one."""
        for char in set(text) - set(self._has):
            ink = bytes(self.font.getmask(char))
            self._has[char] = any(ink) and ink != self._missing
        return all(self._has[char] for char in text)


class Hands:
    """Handwriting fonts and printed ones, by index: the handwritten come first.

    Args:
        folder: that holds handwriting fonts (.woff2, .woff, .ttf, .otf), all of which are taken; without it
            those of `font_files.FONTS`, downloaded if need be.
        words: how many words are rendered for `word`.

    Raises:
        DataUnavailable: the fonts are neither here nor to be had.
    """

    def __init__(self, folder: Path | None = None, words: int = 3000) -> None:
        handwritten = font_files() if folder is None else _fonts_in(folder)
        printed = _printed_fonts()
        self._paths = [*handwritten, *printed]
        self.handwritten = np.arange(len(handwritten))
        self.printed = np.arange(len(handwritten), len(self._paths))
        self._word_count = words
        self._fonts: dict[int, ImageFont.FreeTypeFont] = {}
        self._letterings: dict[int, _Lettering] = {}
        self._shapes: dict[tuple[int, str], tuple[list[_Shape], float]] = {}

    def __len__(self) -> int:
        return len(self._paths)

    def name(self, font: int) -> str:
        """The file name of a font, without its ending."""
        return self._paths[font].stem

    def digit(self, rng: Generator, font: int, char: str) -> Glyph:
        """A digit or mark in one of its shapes, at the size at which the font's 8 is 64 px high.

        Args:
            rng: picks the shape; a printed character has only one.
            font: index, of `handwritten` or `printed`.
            char: one of `CHARACTERS`.
        """
        if (font, char) not in self._shapes:
            self._shapes[font, char] = self._rendered(font, char)
        shapes, advance = self._shapes[font, char]
        shape = shapes[int(rng.integers(len(shapes)))]
        return Glyph(shape.ink * np.float32(1 / 255), float(shape.left), float(shape.top), advance)

    def word(self, rng: Generator) -> NDArray[np.float32]:
        """A handwritten or printed word, sign or clear letter that is no number.

        Returns:
            `float32 (h, w)`, coverage 0 to 1, cut to the ink; capitals are about 48 px high.
        """
        ink = self._words[int(rng.integers(len(self._words)))]
        return ink * np.float32(1 / 255)

    @cached_property
    def _words(self) -> list[NDArray[np.uint8]]:
        """The words, the same in every process."""
        rng = np.random.default_rng(0)
        words: list[NDArray[np.uint8]] = []
        while len(words) < self._word_count:
            font = int(rng.choice(self.handwritten if rng.random() < 0.65 else self.printed))
            text = random_word(rng)
            if self._lettering(font).has(text):
                words.append(_drawn(self._lettering(font).font, text).ink)
        return words

    def _sized(self, font: int) -> ImageFont.FreeTypeFont:
        """The font at the size at which its 8 is `HEIGHT` px high."""
        if font not in self._fonts:
            # one way of layout, so that the same seed gives the same ink on every machine
            basic = ImageFont.Layout.BASIC
            large = ImageFont.truetype(self._paths[font], 512, layout_engine=basic)
            _, top, _, bottom = large.getbbox("8")
            self._fonts[font] = large.font_variant(size=512 * HEIGHT / (bottom - top))
        return self._fonts[font]

    def _lettering(self, font: int) -> _Lettering:
        if font not in self._letterings:
            sized = self._sized(font)
            self._letterings[font] = _Lettering(sized.font_variant(size=sized.size * WORD_HEIGHT / HEIGHT))
        return self._letterings[font]

    def _rendered(self, font: int, char: str) -> tuple[list[_Shape], float]:
        """All shapes of a character, and its advance in px."""
        sized = self._sized(font)
        plain = _drawn(sized, char)
        shapes = [plain]
        if font < len(self.handwritten):
            # of its own seed: the order in which characters are first asked for changes nothing
            rng = np.random.default_rng(zlib.crc32(f"{self.name(font)} {char}".encode()))
            shapes += [_bent(rng, plain) for _ in range(SHAPES - 1)]
        return shapes, float(sized.getlength(char))


def random_word(rng: Generator) -> str:
    """A word, sign, clear letter or run of letters; never one that could be read as a number."""
    kind = rng.random()
    if kind < 0.2:
        return str(rng.choice(SIGNS))
    if kind < 0.3:
        return str(rng.choice(SINGLES))
    if kind < 0.4:  # a reference or an abbreviation
        letters = rng.choice(list("ABCDEFGHIJKLMNOPQRSTUVWXYZ"), int(rng.integers(2, 5)))
        text = "".join(letters)
    else:
        text = str(rng.choice(WORDS))
        case = rng.random()
        text = text.upper() if case < 0.15 else text.lower() if case < 0.35 else text
    return text if _CLEAR & set(text) else random_word(rng)


def _fonts_in(folder: Path) -> list[Path]:
    """All fonts in a folder, in the order of their names."""
    endings = (".woff2", ".woff", ".ttf", ".otf")
    try:
        fonts = sorted(path for path in folder.iterdir() if path.suffix in endings)
    except OSError as reason:
        raise DataUnavailable(
            f"{folder}: can't be listed ({reason.strerror}); name a folder of fonts"
        ) from None
    if not fonts:
        raise DataUnavailable(f"{folder}: holds no fonts; put files ending in {', '.join(endings)} there")
    return fonts


def _printed_fonts() -> list[Path]:
    import matplotlib  # slow to import

    return [Path(matplotlib.get_data_path()) / "fonts" / "ttf" / f"{name}.ttf" for name in PRINTED]


def _drawn(font: ImageFont.FreeTypeFont, text: str) -> _Shape:
    left, top, right, bottom = (round(edge) for edge in font.getbbox(text, anchor="ls"))
    picture = Image.new("L", (right - left + 4, bottom - top + 4))  # room for what rounding hides
    ImageDraw.Draw(picture).text((2 - left, 2 - top), text, font=font, fill=255, anchor="ls")
    return _cut(np.asarray(picture, np.uint8), left - 2, top - 2)


def _cut(ink: NDArray[np.uint8], left: int, top: int) -> _Shape:
    """A shape without the empty rows and columns round it."""
    rows, columns = np.flatnonzero(ink.max(1) > 40), np.flatnonzero(ink.max(0) > 40)
    inked = ink[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
    return _Shape(inked.copy(), left + int(columns[0]), top + int(rows[0]))


def _bent(rng: Generator, shape: _Shape) -> _Shape:
    """The shape as the same hand would write it again: parts moved smoothly, the pen pressed otherwise."""
    ink = np.pad(shape.ink, _MARGIN)
    h, w = ink.shape
    moved = rng.normal(0, _SWAY, (3, 3, 2)).astype(np.float32)
    x, y = np.meshgrid(np.arange(w, dtype=np.float32), np.arange(h, dtype=np.float32))
    field = cv2.resize(moved, (w, h), interpolation=cv2.INTER_CUBIC)
    bent = cv2.remap(ink, x + field[..., 0], y + field[..., 1], cv2.INTER_LINEAR)
    if rng.random() < 0.25:
        bent = cv2.dilate(bent, np.ones((2, 2), np.uint8))
    return _cut(np.asarray(bent, np.uint8), shape.left - _MARGIN, shape.top - _MARGIN)
