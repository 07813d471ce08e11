"""Readings as files: valid by the official schemas, whole again when read back, safe with any file name."""

from __future__ import annotations

import csv
import gc
import io
import json
import re
import tracemalloc
from collections.abc import Callable
from datetime import UTC, datetime
from html.parser import HTMLParser
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest
import xmlschema
from hypothesis import given, settings
from hypothesis import strategies as st

from inkdigits.errors import UnreadableImage
from inkdigits.formats import WRITERS, Writer
from inkdigits.formats.csv import COLUMNS, CsvWriter
from inkdigits.formats.page import PageWriter
from inkdigits.formats.text import TextWriter
from inkdigits.results import Alternative, Box, Digit, Line, Reading

SCHEMAS = Path(__file__).parent / "data" / "schemas"
XHTML = Path(xmlschema.__file__).parent / "schemas" / "XHTML" / "xhtml1-strict.xsd"
XLINK = "http://www.loc.gov/standards/xlink/xlink.xsd"
FILES = {"alto": SCHEMAS / "alto-4-4.xsd", "page": SCHEMAS / "page-2019-07-15.xsd", "hocr": XHTML}
ALTO = {"": "http://www.loc.gov/standards/alto/ns-v4#"}
PAGE = {"": "http://schema.primaresearch.org/PAGE/gts/pagecontent/2019-07-15"}

NASTY = 'a b/<ü> "x"; &amp; \x00\x1b[2J\n\udcff\ufffe\u2028漢.png'


def digit(text: str, box: Box, confidence: float = 0.99, **others: float) -> Digit:
    alternatives = tuple(Alternative(name.removeprefix("_"), share) for name, share in others.items())
    return Digit(text, confidence, box, alternatives)


AMOUNT = Line(
    "795",
    "7.95",
    0.97,
    True,
    None,
    (10, 20, 100, 60),
    (
        digit("7", (8.5, 20, 38, 60.25), 0.98, _1=0.015, _4=0.001),
        digit("9", (40, 22, 68, 59)),
        digit("5", (71.3, 19.6, 101, 58)),
    ),
    (Alternative("195", 0.02),),
)
DOUBTFUL = Line(
    "0042",
    "0042",
    0.612,
    False,
    "unsure",
    (5, 80, 90, 110),
    tuple(digit(d, (5.0 + 20 * i, 80, 22.0 + 20 * i, 110), 0.7) for i, d in enumerate("0042")),
)
WORD = Line("", "", 0.0, False, "not_a_digit", (120, 20, 180, 60))
WORD_WITH_DIGITS = Line("3", "3-", 0.2, False, "not_a_digit", (120, 80, 180, 110))
UNPLACED = Line("12", "12", 0.9, True, None, (100.4, 120, 260, 150))  # out of the page, without digits
PAGE_1 = Reading((AMOUNT, DOUBTFUL, WORD, WORD_WITH_DIGITS, UNPLACED), 200, 160, 1, "scans/form.tif")
PAGE_2 = Reading((DOUBTFUL,), 200, 160, 2, "scans/form.tif")
EMPTY = Reading((), 50, 40)


def written(writer: Writer, *readings: Reading) -> str:
    """A whole document or stream."""
    return writer.begin() + "".join(map(writer.reading, readings)) + writer.end()


@pytest.fixture(scope="session")
def faults() -> Callable[[str, str], list[str]]:
    """What a format's official schema finds wrong with a document."""
    mapped = {XLINK: (SCHEMAS / "xlink.xsd").as_uri()}
    schemas = {
        name: xmlschema.XMLSchema10(str(path), allow="local", uri_mapper=mapped)
        for name, path in FILES.items()
    }

    def find(form: str, text: str) -> list[str]:
        if form == "hocr":
            text = re.sub(r"<!DOCTYPE.*?>", "", text, count=1)  # which validators take for an attack
        return [f"{error.path}: {error.reason}" for error in schemas[form].iter_errors(text)]

    return find


boxes = st.tuples(*[st.floats(-50, 400, allow_nan=False, width=32)] * 4).map(
    lambda sides: (min(sides[0], sides[2]), min(sides[1::2]), max(sides[0], sides[2]), max(sides[1::2]))
)
shares = st.floats(0, 1, width=32)
alternatives = st.lists(st.builds(Alternative, st.sampled_from("0123456789"), shares), max_size=2).map(tuple)
digits = st.lists(
    st.builds(Digit, st.sampled_from("0123456789"), shares, boxes, alternatives), max_size=4
).map(tuple)


@st.composite
def lines(draw: st.DrawFn) -> Line:
    """Any number, or ink that is none."""
    parts = draw(digits)
    text = "".join(part.text for part in parts)
    marks = draw(st.lists(st.sampled_from(["", *".,-/"]), min_size=len(text), max_size=len(text)))
    raw = "".join(character + mark for character, mark in zip(text, marks, strict=True))
    accepted = draw(st.booleans()) and bool(text)
    reason = None if accepted else draw(st.sampled_from(["blank", "not_a_digit", "unsure"]))
    others = tuple(
        draw(st.lists(st.builds(Alternative, st.from_regex(r"[0-9]{0,5}", fullmatch=True), shares)))
    )
    return Line(text, raw, draw(shares), accepted, reason, draw(boxes), parts, others)


readings = st.builds(
    Reading,
    st.lists(lines(), max_size=3).map(tuple),
    *(st.integers(1, 300), st.integers(1, 300), st.integers(1, 9)),
    st.none() | st.text(st.characters(categories=["L", "N", "P", "S", "Z", "C"]), max_size=12),  # "C": broken
)


@pytest.mark.parametrize("form", FILES)
@pytest.mark.parametrize("reading", [PAGE_1, PAGE_2, EMPTY], ids=["full", "second", "empty"])
def test_documents_keep_the_official_schemas(
    faults: Callable[[str, str], list[str]], form: str, reading: Reading
) -> None:
    text = written(WRITERS[form](), reading)
    assert faults(form, text) == []
    assert text.isascii(), "the same bytes whatever the terminal's encoding"


def test_the_schemas_find_faults(faults: Callable[[str, str], list[str]]) -> None:
    text = {form: written(WRITERS[form](), PAGE_1) for form in FILES}
    assert faults("alto", text["alto"].replace('WC="0.97"', 'WC="97"'))
    assert faults("page", text["page"].replace('points="', 'points="-'))
    assert faults("hocr", text["hocr"].replace("<p>", "<paragraph>").replace("</p>", "</paragraph>"))


@given(reading=readings)
@settings(max_examples=25, deadline=None)
def test_any_reading_can_be_written(faults: Callable[[str, str], list[str]], reading: Reading) -> None:
    for form, new in WRITERS.items():
        text = written(new(), reading)
        text.encode()  # no broken characters
        if form in FILES:
            assert faults(form, text) == []
    assert json.loads(WRITERS["json"]().reading(reading)) == reading.to_dict()
    rows = list(csv.DictReader(io.StringIO(written(CsvWriter(), reading), newline="")))
    assert [row["text"] for row in rows] == [line.text for line in reading.lines] or not reading.lines
    assert TextWriter(width=9).reading(reading).count("\n") == max(1, len(reading.lines))


@pytest.mark.parametrize("form", WRITERS)
def test_any_file_name_can_be_written(faults: Callable[[str, str], list[str]], form: str) -> None:
    text = written(WRITERS[form](), Reading((AMOUNT,), 200, 160, 1, NASTY))
    text += WRITERS[form]().failure(NASTY, UnreadableImage("empty"))
    text.encode()
    assert not set(text) & set("\x00\x1b\ufffe\u2028"), "control characters are spelled out"
    if form in FILES:
        assert faults(form, text) == []


@pytest.mark.parametrize("form", WRITERS)
def test_memory_stays_the_same_however_many_pages(form: str) -> None:
    writer = WRITERS[form]()
    writer.reading(PAGE_1)
    tracemalloc.start()
    for page in range(1, 50):
        writer.reading(Reading(PAGE_1.lines, 200, 160, page, f"{page}.png"))
        writer.failure(f"{page}.png", UnreadableImage("cut short"))
    gc.collect()
    kept, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert kept < 20_000, "less than a page's"


def test_what_a_file_of_each_format_is() -> None:
    suffixes = {form: new.suffix for form, new in WRITERS.items()}
    assert list(suffixes) == ["text", "json", "csv", "hocr", "alto", "page"]
    assert len(set(suffixes.values())) == len(suffixes)
    assert {form for form, new in WRITERS.items() if new.documents} == {"alto", "page"}


# ---- text


def test_text_alone_is_the_number_and_nothing_else() -> None:
    assert TextWriter().reading(Reading((AMOUNT,), 200, 160)) == "795\n"


def test_text_marks_what_is_doubtful() -> None:
    assert TextWriter().reading(PAGE_1).splitlines() == [
        "795",
        "? 0042  61.2%  unsure",
        "? -  not a digit",
        "? 3  20.0%  not a digit",
        "12",
    ]
    assert TextWriter().reading(EMPTY) == "? -  no number\n"


def test_text_as_a_table() -> None:
    table = TextWriter(width=16)
    assert (table.reading(PAGE_1) + table.reading(PAGE_2)).splitlines() == [
        "scans/form.tif      795        97.0%",
        "scans/form.tif    ? 0042       61.2%  unsure",
        "scans/form.tif    ? -                 not a digit",
        "scans/form.tif    ? 3          20.0%  not a digit",
        "scans/form.tif      12         90.0%",
        "scans/form.tif#2  ? 0042       61.2%  unsure",
    ]


def test_text_never_shows_a_certainty_that_isnt() -> None:
    line = Line("7", "7", 0.99999, True, None, (0, 0, 1, 1))
    assert "99.9%" in TextWriter(width=1).reading(Reading((line,), 1, 1))


def test_colours_change_nothing_but_colours() -> None:
    for width in (0, 16):
        coloured = TextWriter(width, colour=True).reading(PAGE_1)
        assert coloured != TextWriter(width).reading(PAGE_1)
        assert re.sub(r"\x1b\[[0-9;]*m", "", coloured) == TextWriter(width).reading(PAGE_1)


# ---- JSON and CSV


def test_json_is_a_line_a_page_and_a_line_a_failure() -> None:
    writer = WRITERS["json"]()
    text = written(writer, PAGE_1, PAGE_2, EMPTY) + writer.failure(NASTY, UnreadableImage("empty"))
    *pages, failed = map(json.loads, text.splitlines())
    assert pages == [page.to_dict() for page in (PAGE_1, PAGE_2, EMPTY)]
    assert failed == {"source": NASTY, "error": {"type": "unreadable-image", "detail": "empty"}}


def test_csv_is_a_row_a_number() -> None:
    text = written(CsvWriter(), PAGE_1, PAGE_2)
    assert text.count("\r\n") == text.count("\n") == 7
    header, *rows = csv.reader(io.StringIO(text, newline=""))
    assert ",".join(header) == "source,page,line,text,raw,confidence,accepted,reason,x0,y0,x1,y1"
    assert [row[1:3] for row in rows] == [["1", str(i)] for i in range(1, 6)] + [["2", "1"]]
    amount = dict(zip(COLUMNS, rows[0], strict=True))
    assert [amount[name] for name in ("text", "raw", "confidence", "accepted", "reason")] == [
        *("795", "7.95", "0.97", "true", "")
    ]
    assert rows[1][3:8] == ["0042", "0042", "0.612", "false", "unsure"]
    assert '"0042"' in text, "in quotes, so that a spreadsheet may keep the zeros"


def test_csv_loses_no_page_and_no_failure() -> None:
    writer = CsvWriter()
    text = written(writer, EMPTY) + writer.failure("b.png", UnreadableImage("empty"))
    _, empty, failed = csv.reader(io.StringIO(text, newline=""))
    assert (empty[0], empty[1], empty[6], empty[7]) == ("", "1", "false", "no_number")
    assert (failed[0], failed[1], failed[6], failed[7]) == ("b.png", "", "false", "unreadable-image")
    assert len(empty) == len(failed) == len(COLUMNS)


@pytest.mark.parametrize("name", ["=1+1.png", "+1.png", "-1.png", "@SUM(1).png", "＝1.png"])
def test_csv_names_are_no_formulas(name: str) -> None:
    _, row = csv.reader(io.StringIO(written(CsvWriter(), Reading((), 1, 1, 1, name)), newline=""))
    assert row[0] == f"./{name}", "the same file, but plain text"
    assert Path(row[0]) == Path(name)


def test_csv_names_that_begin_otherwise_stay() -> None:
    for name in ("-", "a=b.png", "/tmp/=x.png"):
        _, row = csv.reader(io.StringIO(written(CsvWriter(), Reading((), 1, 1, 1, name)), newline=""))
        assert row[0] == name


# ---- hOCR


class Words(HTMLParser):
    """The texts of all words and the titles of all elements of a class, as an HTML reader sees them."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.texts: list[str] = []
        self.titles: dict[str, list[str]] = {}

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        known = dict(attrs)
        self.open.append(name := known.get("class") or tag)
        self.titles.setdefault(name, []).append(known.get("title") or "")
        self.texts += [""] * (name == "ocrx_word")

    def handle_startendtag(self, tag: str, _: list[tuple[str, str | None]]) -> None:
        assert tag == "meta", "HTML would take any other for open"

    def handle_endtag(self, _: str) -> None:
        self.open.pop()

    def handle_data(self, data: str) -> None:
        if "ocrx_word" in self.open:
            self.texts[-1] += data


def test_hocr_holds_many_pages_for_html_readers() -> None:
    text = written(WRITERS["hocr"](), PAGE_1, PAGE_2)
    read = Words()
    read.feed(text)
    assert read.open == []
    assert read.texts == ["795", "0042", "12", "0042"]
    assert read.titles["ocr_page"] == [
        'image "scans/form.tif"; bbox 0 0 200 160; ppageno 0',
        'image "scans/form.tif"; bbox 0 0 200 160; ppageno 1',
    ]
    assert read.titles["ocr_line"][:4] == [
        "bbox 8 19 101 61",
        "bbox 5 80 90 110; x_reason unsure",
        "bbox 120 20 180 60; x_reason not_a_digit",
        "bbox 120 80 180 110; x_reason not_a_digit",
    ]
    assert read.titles["ocrx_word"][0] == "bbox 8 19 101 61; x_wconf 97"
    assert read.titles["ocrx_cinfo"][0] == "x_bboxes 8 20 38 61; x_confs 98"
    ids = re.findall(r' id="([^"]+)"', text)
    assert len(set(ids)) == len(ids) == 12


@pytest.mark.parametrize("source", [NASTY, 'a";b.png', None])
def test_hocr_titles_can_be_taken_apart(source: str | None) -> None:
    read = Words()
    read.feed(written(WRITERS["hocr"](), Reading((AMOUNT,), 200, 160, 1, source)))
    for title in (title for name, titles in read.titles.items() if name[:3] == "ocr" for title in titles):
        assert all(len(part.split(None, 1)) == 2 for part in title.split(";")), "as hocr-tools does"


# ---- ALTO and PAGE


def parsed(form: str, reading: Reading) -> ElementTree.Element:
    return ElementTree.fromstring(WRITERS[form]().reading(reading))


def test_alto_says_what_was_read_and_how_surely() -> None:
    alto = parsed("alto", PAGE_1)
    assert alto.findtext("Description/MeasurementUnit", namespaces=ALTO) == "pixel"
    assert alto.findtext(".//fileName", namespaces=ALTO) == "form.tif"
    assert alto.findtext(".//softwareName", namespaces=ALTO) == "inkdigits"
    amount, doubtful, unplaced = alto.findall(".//String", ALTO)
    assert (amount.get("CONTENT"), amount.get("WC"), amount.get("CC")) == ("795", "0.97", "0 0 0")
    assert doubtful.get("CC") == "3 3 3 3"
    assert unplaced.get("CC") is None
    glyphs = amount.findall("Glyph", ALTO)
    assert [(glyph.get("CONTENT"), glyph.get("GC")) for glyph in glyphs][:2] == [("7", "0.98"), ("9", "0.99")]
    assert [(v.get("CONTENT"), v.get("VC")) for v in glyphs[0]] == [("1", "0.015"), ("4", "0.001")]
    assert [glyphs[0].get(side) for side in ("HPOS", "VPOS", "WIDTH", "HEIGHT")] == [
        "8.5",
        "20",
        "29.5",
        "40.2",
    ]


def test_alto_tags_say_the_rest() -> None:
    alto = parsed("alto", PAGE_1)
    tags = {tag.get("ID"): (tag.get("TYPE"), tag.get("LABEL")) for tag in alto.findall(".//OtherTag", ALTO)}
    assert tags["raw_1"] == ("raw", "7.95")
    assert tags["unsure"] == ("reason", "unsure")
    assert [s.get("TAGREFS") for s in alto.findall(".//String", ALTO)] == ["raw_1", "unsure", None]
    empty = [block for block in alto.findall(".//TextBlock", ALTO) if not len(block)]
    assert [block.get("TAGREFS") for block in empty] == ["not_a_digit", "not_a_digit"]
    assert parsed("alto", EMPTY).find("Tags", ALTO) is None


def test_page_says_what_was_read_and_how_surely() -> None:
    page = parsed("page", PAGE_1)
    assert page.find("Page", PAGE).attrib == {  # type: ignore[union-attr]
        **{"imageFilename": "form.tif", "imageWidth": "200", "imageHeight": "160"}
    }
    word, *_ = page.findall(".//Word", PAGE)
    texts = [
        (t.get("index"), t.get("conf"), t.findtext("Unicode", None, PAGE))
        for t in word.findall("TextEquiv", PAGE)
    ]
    assert texts == [("0", "0.97", "795"), ("1", "0.02", "195")]
    seven = word.find("Glyph", PAGE)
    assert seven is not None
    assert [t.findtext("Unicode", None, PAGE) for t in seven.findall("TextEquiv", PAGE)] == ["7", "1", "4"]
    labels = [(label.get("type"), label.get("value")) for label in page.findall(".//Label", PAGE)]
    assert labels[:2] == [("raw", "7.95"), ("reason", "unsure")]


def test_page_orders_every_region() -> None:
    page = parsed("page", PAGE_1)
    order = [ref.get("regionRef") for ref in page.findall(".//RegionRefIndexed", PAGE)]
    regions = [e for e in page.find("Page", PAGE) or () if e.tag.endswith("Region")]
    assert order == [region.get("id") for region in regions]
    kinds = [region.tag.partition("}")[2] for region in regions]
    assert kinds == ["TextRegion", "TextRegion", "UnknownRegion", "UnknownRegion", "TextRegion"]


@given(reading=readings)
@settings(max_examples=30, deadline=None)
def test_page_boxes_lie_inside_one_another_and_the_page(reading: Reading) -> None:
    def corners(element: ElementTree.Element) -> tuple[int, ...]:
        points = element.find("Coords", PAGE).get("points", "")  # type: ignore[union-attr]
        first, _, third, _ = points.split()
        return (*map(int, first.split(",")), *map(int, third.split(",")))

    def look(element: ElementTree.Element, outer: tuple[int, ...]) -> None:
        for child in element:
            if child.find("Coords", PAGE) is not None:
                x0, y0, x1, y1 = corners(child)
                assert outer[0] <= x0 <= x1 <= outer[2]
                assert outer[1] <= y0 <= y1 <= outer[3]
                look(child, (x0, y0, x1, y1))

    page = parsed("page", reading).find("Page", PAGE)
    assert page is not None
    look(page, (0, 0, reading.width, reading.height))


def test_page_says_when_in_universal_time() -> None:
    moment: Any = datetime(2026, 3, 29, 23, 30, tzinfo=UTC)
    text = PageWriter(moment).reading(EMPTY)
    assert text.count("<Created>2026-03-29T23:30:00Z</Created>") == 1
    assert PageWriter(moment).reading(EMPTY) == text
