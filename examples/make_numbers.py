"""Draws the pictures in numbers/: numbers cut out of cheques, forms and boards, a form, a photo, a scan.

Writers and papers are made up (see sheets.py). What was written is kept beside the pictures: `labels.csv` for
cut-outs, `lines.csv` for the lines of pages, in reading order. Every run draws the same pictures:
`python examples/make_numbers.py`. It needs the extra [train], MNIST and the handwriting fonts.
"""

from __future__ import annotations

import csv
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import cv2
import numpy as np
from PIL import Image, ImageDraw, ImageFilter
from sheets import Layer, Random, Sheet, Writer, plain, security, seen, shaded

from inkdigits.alphabet import DIGITS

CARD = "4539148803436467"  # made up; its last digit is right by Luhn's check
CLAIM = (  # what for, how many, price, amount
    ("Train", "2", "48.50", "97.00"),
    ("Hotel", "3", "112.00", "336.00"),
    ("Meals", "5", "23.40", "117.00"),
    ("Taxi", "1", "31.80", "31.80"),
    ("Postage", "12", "1.15", "13.80"),
    ("Parking", "4", "6.50", "26.00"),
)
TOTAL = "621.60"
FIELDS = ("14.9.2026", "204817", "80469", "0794 182365", "23", "5274610938621574")
READINGS = (  # a meter, read once a month
    ("3.1.2026", "10482,6"),
    ("2.2.2026", "10757,1"),
    ("1.3.2026", "10991,0"),
    ("4.4.2026", "11230,8"),
    ("2.5.2026", "11406,3"),
    ("6.6.2026", "11571,5"),
    ("3.7.2026", "11719,4"),
    ("1.8.2026", "11868,9"),
)
ARTICLES = (  # a page each; their last digits are right by the check of EAN-13
    ("4006381333931", "7612345678900", "5901234123457", "9783161484100", "4012345678901", "8711253001202"),
    ("7350053850019", "5012345678900", "9780306406157", "3800065711135", "4260179510502", "2109876543210"),
)


def amount(path: Path, rng: Random) -> None:
    """An amount in figures, with a fountain pen over a cheque's print."""
    sheet = Sheet(250, 80, rng)
    sheet.box(6, 6, 243, 73, width=1.3, level=150)
    sheet.write(Writer.known(20, pen=0.085, slant=0.2), "7.795", 58, 56, 35)
    paper = security(sheet.size, (233, 238, 226), {1: (156, 194, 172), 4: (196, 202, 222)}, rng)
    seen(sheet.inked(paper, "fountain", (28, 34, 78), (70, 110, 96)), rng, 0.6).save(path)


def zeros(path: Path, rng: Random) -> None:
    """Zeros that touch, and the dash that people put after a round amount."""
    sheet = Sheet(270, 84, rng)
    sheet.line(0, 66, 270, 64.5, width=1.2, level=150)
    sheet.write(Writer.known(6, room=-0.05, joined=0.3, slant=0.25), "10.000.-", 40, 60, 36)
    paper = security(sheet.size, (226, 230, 240), {4: (168, 182, 214)}, rng)
    seen(sheet.inked(paper, "ballpoint", (22, 26, 34), (90, 100, 140)), rng, 0.6).save(path)


def postcode(path: Path, rng: Random) -> None:
    """A postcode in the boxes of a form."""
    sheet = Sheet(300, 84, rng)
    sheet.print("Postcode", 20, 18, 11, level=200)
    sheet.boxes(20, 24, 51, 50, 5, level=190)
    sheet.one_each(Writer.known(32), "48157", 20, 66, 34, 51)
    paper = plain(sheet.size, (250, 247, 240), rng)
    seen(sheet.inked(paper, "ballpoint", (34, 52, 140), (214, 112, 62)), rng).save(path)


def date(path: Path, rng: Random) -> None:
    """A date on a ruled line; each digit is a different person's, of MNIST's."""
    sheet = Sheet(360, 76, rng)
    sheet.line(0, 57, 360, 58.5, width=1.1, level=140)
    sheet.write(Writer.known(27, "mnist", pen=0.1, room=0.08), "23/11/2026", 34, 53, 32)
    paper = plain(sheet.size, (244, 241, 230), rng)
    seen(sheet.inked(paper, "ballpoint", (20, 22, 30), (110, 150, 200)), rng, 0.6).save(path)


def phone(path: Path, rng: Random) -> None:
    """A telephone number in faint pencil."""
    sheet = Sheet(380, 74, rng)
    sheet.write(Writer.known(16, pen=0.075, unsteady=0.06), "0612 447 09 38", 26, 51, 31)
    paper = shaded(plain(sheet.size, (236, 231, 216), rng, 0.03), 0.86, 1, 0.3)
    seen(sheet.inked(paper, "pencil", (112, 110, 112), opacity=0.75), rng, 0.5).save(path)


def card(path: Path, rng: Random) -> None:
    """A card's sixteen digits, written fast."""
    sheet = Sheet(480, 70, rng)
    writer = Writer.known(10, unsteady=0.06, slant=0.3, wobble=0.03)
    spaced = " ".join(CARD[at : at + 4] for at in range(0, 16, 4))
    sheet.write(writer, spaced, 22, 49, 29)
    paper = plain(sheet.size, (252, 244, 214), rng)
    seen(sheet.inked(paper, "ballpoint", (40, 44, 130)), rng, 0.5).save(path)


def chalk(path: Path, rng: Random) -> None:
    """Chalk on a blackboard that was wiped before."""
    sheet = Sheet(340, 110, rng)
    sheet.write(Writer.known(24, pen=0.13, unsteady=0.05, width=0.85), "365,25", 26, 80, 52)
    board = plain(sheet.size, (48, 62, 56), rng, 0.05)
    seen(sheet.inked(board, "chalk", (236, 236, 226)), rng, 0.7).save(path, quality=80)


def carton(path: Path, rng: Random) -> None:
    """A felt-tip pen on a carton, photographed under a lamp."""
    sheet = Sheet(330, 130, rng)
    sheet.write(Writer.known(35, pen=0.17, width=0.85, room=0.14), "1440", 36, 98, 66)
    paper = shaded(plain(sheet.size, (196, 158, 112), rng, 0.07), 0.6, 1, 0.5)
    seen(sheet.inked(paper, "felt", (26, 24, 28)), rng, 0.9, 3.0).save(path, quality=70)


def fax(path: Path, rng: Random) -> None:
    """As a fax machine sends it: one bit a pixel."""
    sheet = Sheet(190, 56, rng)
    sheet.write(Writer.known(13, "mnist", pen=0.11, room=0.12), "683047", 22, 42, 27)
    grey = seen(
        sheet.inked(plain(sheet.size, (255, 255, 255), rng), "ballpoint", (0, 0, 0)), rng, 0.4, 14
    ).convert("L")
    grey.point([0] * 200 + [255] * 56).convert("1").save(path)


def word(path: Path, rng: Random) -> None:
    """A word, and no number."""
    sheet = Sheet(230, 84, rng)
    sheet.words(Writer.known(0), "Total", 48, 56, 60)
    paper = security(sheet.size, (233, 238, 226), {1: (160, 192, 176)}, rng)
    seen(sheet.inked(paper, "fountain", (28, 34, 78)), rng, 0.6).save(path)


def blank(path: Path, rng: Random) -> None:
    """A field that nobody filled in."""
    sheet = Sheet(250, 80, rng)
    sheet.line(14, 62, 236, 62, level=130)
    paper = shaded(plain(sheet.size, (240, 240, 236), rng), 0.85, 1, 0.4)
    seen(sheet.inked(paper, "ballpoint", (0, 0, 0)), rng).save(path)


def form(path: Path, rng: Random) -> None:
    """A page that one person filled in: fields on rules, boxes for single digits, a table of amounts."""
    sheet, writer = Sheet(1000, 1400, rng), Writer.known(17)
    sheet.print("Expense claim", 80, 130, 40, bold=True)
    sheet.print("Please write one figure in each box. Attach all receipts.", 80, 168, 17, level=190)
    sheet.line(80, 190, 920, 190, width=2.5)
    _fields(sheet, writer)
    _table(sheet, writer)
    sheet.print("Signature", 80, 1322, 16)
    sheet.line(80, 1296, 420, 1296)
    sheet.words(Writer.known(0), "A. Keller", 130, 1284, 58)
    paper = plain(sheet.size, (250, 250, 248), rng, 0.005)
    grey = seen(sheet.inked(paper, "ballpoint", (34, 36, 60)), rng, 0.5, 0.8).convert("L")
    white = grey.point([min(255, round(level * 255 / 243)) for level in range(256)])  # as scanners do
    white.point([round(level / 17) * 17 for level in range(256)]).save(path, optimize=True)


def _fields(sheet: Sheet, writer: Writer) -> None:
    day, staff, postcode_, telephone, receipts, account = FIELDS
    for label, x, y in (
        ("Name", 80, 266),
        ("Date", 560, 266),
        ("Telephone", 80, 456),
        ("Receipts", 560, 456),
    ):
        sheet.print(label, x, y, 16)
        sheet.line(x + 100, y + 6, 500 if x == 80 else 920, y + 6)
    sheet.words(writer, "Anna Keller", 200, 264, 44)
    sheet.write(writer, day, 690, 265, 31)
    sheet.write(writer, telephone, 205, 455, 30)
    sheet.write(writer, receipts, 700, 455, 31)
    for label, x, y, text, step in (
        ("Staff number", 80, 340, staff, 46),
        ("Postcode", 560, 340, postcode_, 46),
        ("Account", 80, 520, account, 46),
    ):
        sheet.print(label, x, y - 10, 16)
        sheet.boxes(x, y, step, 52, len(text), level=170)
        sheet.one_each(writer, text, x, y + 42, 32, step)


def _table(sheet: Sheet, writer: Writer) -> None:
    columns, top, tall = (80, 330, 480, 690, 920), 640, 72
    heads = ("What for", "Quantity", "Price", "Amount")
    for x, head in zip(columns, heads, strict=False):
        sheet.print(head, x + 12, top + 44, 18, bold=True)
    for number in range(len(CLAIM) + 2):
        sheet.line(80, top + number * tall, 920, top + number * tall, width=1.5)
    bottom = top + (len(CLAIM) + 1) * tall
    for x in columns:
        sheet.line(x, top, x, bottom if x < 690 else bottom + tall, width=1.5)
    sheet.line(690, bottom + tall, 920, bottom + tall, width=1.5)
    sheet.print("Total", 670, bottom + 46, 20, bold=True, anchor="rs")
    for number, (what, *figures) in enumerate(CLAIM, start=1):
        baseline = top + number * tall + 52
        sheet.print(what, 92, baseline - 6, 18)
        for x, text in zip(columns[1:], figures, strict=False):
            sheet.write(writer, text, x + 34 + sheet.rng.normal(0, 6), baseline, 31)
    sheet.write(writer, TOTAL, columns[3] + 32, bottom + 52, 34)


def photo(path: Path, rng: Random) -> None:
    """A notebook on a table, photographed askew: squared paper, a lamp, a shadow, few bytes."""
    sheet, writer = Sheet(820, 1000, rng), Writer.known(11, unsteady=0.06, slant=0.2)
    for at in range(14, 1000, 26):
        sheet.line(0, at, 820, at, width=0.5)
        sheet.line(at, 0, at, 1000, width=0.5)
    sheet.words(writer, "Electricity", 250, 112, 92)
    for number, (day, kilowatt_hours) in enumerate(READINGS):
        baseline = 222 + number * 91
        sheet.write(writer, day, 120, baseline, 42)
        sheet.write(writer, kilowatt_hours, 500, baseline, 42)
    page = plain(sheet.size, (243, 240, 230), rng, 0.006)
    page = sheet.inked(page, "ballpoint", (32, 44, 130), (140, 168, 204))
    seen(_on_a_table(page, rng), rng, 1.1, 1.5).save(path, quality=40, optimize=True)


def _on_a_table(page: Layer, rng: Random) -> Layer:
    """The page turned by 6° on dark wood, under a lamp from the left, with the shadow of an arm."""
    height, width = page.shape[:2]
    size = (900, 1090)
    around = cv2.getRotationMatrix2D((width / 2, height / 2), -6, 1.0)
    around[:, 2] += np.array(size) / 2 - (width / 2, height / 2)
    table = plain(size, (104, 76, 54), rng, 0.012)
    solid = cv2.warpAffine(np.ones((height, width), np.float32), around, size, flags=cv2.INTER_AREA)
    turned = cv2.warpAffine(page, around, size, flags=cv2.INTER_CUBIC)
    under = np.asarray(cv2.GaussianBlur(solid, (0, 0), 9), np.float32)  # its own shadow on the table
    scene = table * (1 - 0.6 * under[:, :, None]) * (1 - solid[:, :, None]) + turned * solid[:, :, None]
    arm = Image.new("L", size)
    ImageDraw.Draw(arm).polygon([(900, 400), (590, 730), (510, 1090), (900, 1090)], fill=255)
    shadow = np.asarray(arm.filter(ImageFilter.GaussianBlur(26)), np.float32) / 255
    warm = np.array((1.0, 0.97, 0.9)) * (1 - 0.42 * shadow)[:, :, None]
    return shaded(np.asarray(scene * warm, np.float32), 0.62, 1, 0.35)


def scan(path: Path, rng: Random) -> None:
    """Two pages of article numbers on ruled paper, scanned in black and white."""
    pages = [_article_page(articles, rng) for articles in ARTICLES]
    epoch = time.gmtime(0)  # else the file would differ from run to run
    pages[0].save(
        path, save_all=True, append_images=pages[1:], resolution=150, creationDate=epoch, modDate=epoch
    )


def _article_page(articles: tuple[str, ...], rng: Random) -> Image.Image:
    sheet, writer = Sheet(875, 1240, rng), Writer.known(27, unsteady=0.05)
    for y in range(180, 1240, 75):
        sheet.line(0, y, 875, y + 3, width=1.6, level=180)
    sheet.words(writer, "Stock", 120, 168, 90)
    for number, text in enumerate(articles):
        sheet.write(writer, text, 130 + rng.normal(0, 8), 325 + number * 150, 44)
    grey = seen(sheet.inked(plain(sheet.size, (250, 250, 250), rng), "ballpoint", (30, 30, 40)), rng, 0.7, 7)
    return grey.convert("L").point([0] * 165 + [255] * 91).convert("1")


CUT_OUTS: dict[str, tuple[Callable[[Path, Random], None], str]] = {
    "amount.png": (amount, "7.795"),
    "zeros.png": (zeros, "10.000.-"),
    "postcode.png": (postcode, "48157"),
    "date.png": (date, "23/11/2026"),
    "phone.png": (phone, "0612 447 09 38"),
    "card.png": (card, CARD),
    "chalk.jpg": (chalk, "365,25"),
    "carton.jpg": (carton, "1440"),
    "fax.png": (fax, "683047"),
    "word.png": (word, ""),
    "blank.png": (blank, ""),
}
PAGES: dict[str, tuple[Callable[[Path, Random], None], tuple[tuple[str, ...], ...]]] = {
    "form.png": (form, ((*FIELDS, *(text for row in CLAIM for text in row[1:]), TOTAL),)),
    "photo.jpg": (photo, (tuple(text for row in READINGS for text in row),)),
    "scan.pdf": (scan, ARTICLES),
}


def main(folder: Path) -> None:
    """Draws all pictures into a folder, and writes down what is in them."""
    folder.mkdir(parents=True, exist_ok=True)
    for seed, (name, (draw, _)) in enumerate((CUT_OUTS | PAGES).items()):
        draw(folder / name, np.random.default_rng(seed))
    cut_outs = [(name, _digits(raw), raw.replace(" ", "")) for name, (_, raw) in CUT_OUTS.items()]
    _table_of(folder / "labels.csv", ("file", "text", "raw"), cut_outs)
    lines = [
        (name, page, line, _digits(raw), raw.replace(" ", ""))
        for name, (_, pages) in PAGES.items()
        for page, written in enumerate(pages, start=1)
        for line, raw in enumerate(written, start=1)
    ]
    _table_of(folder / "lines.csv", ("file", "page", "line", "text", "raw"), lines)


def _digits(raw: str) -> str:
    return "".join(character for character in raw if character in DIGITS)


def _table_of(path: Path, head: tuple[str, ...], rows: Sequence[tuple[object, ...]]) -> None:
    with path.open("w", newline="", encoding="utf-8") as file:
        table = csv.writer(file, lineterminator="\n")
        table.writerow(head)
        table.writerows(rows)


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).parent / "numbers")
