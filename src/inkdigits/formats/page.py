"""PAGE XML 2019-07-15, PRImA's format for what stands where on a page. One page a document."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime
from xml.etree.ElementTree import Element

from inkdigits import __version__
from inkdigits.formats.writer import Writer
from inkdigits.formats.xml import add, document, figure, file_name, outline, root, whole
from inkdigits.results import Alternative, Box, Line, Reading

NAMESPACE = "http://schema.primaresearch.org/PAGE/gts/pagecontent/2019-07-15"
SCHEMA = f"{NAMESPACE}/pagecontent.xsd"


class PageWriter(Writer):
    """A `TextRegion` with one `TextLine` with one `Word` a number, in it a `Glyph` a digit.

    Words and glyphs have a `TextEquiv` for each reading, likeliest first. What else is known are labels of
    the region: its `reason`, if it isn't accepted, and `raw`, if it has marks. Ink that is no number is an
    `UnknownRegion`.
    """

    suffix = ".page.xml"
    documents = True

    def __init__(self, created: datetime | None = None) -> None:
        """A writer for one run.

        Args:
            created: when, which the format wants to know; None takes the clock's time.
        """
        self._created = (created or datetime.now(UTC)).astimezone(UTC)

    def reading(self, reading: Reading) -> str:
        """The document of one page."""
        pcgts = root("PcGts", NAMESPACE, SCHEMA)
        metadata = add(pcgts, "Metadata")
        add(metadata, "Creator", f"inkdigits {__version__}")
        for what in ("Created", "LastChange"):
            add(metadata, what, self._created.strftime("%Y-%m-%dT%H:%M:%SZ"))
        page = add(pcgts, "Page", imageFilename=file_name(reading))
        page.attrib |= {"imageWidth": str(reading.width), "imageHeight": str(reading.height)}
        if reading.lines:  # an empty order isn't allowed
            _add_order(page, len(reading.lines))
        for number, line in enumerate(reading.lines, 1):
            _add_region(page, line, reading, number)
        return document(pcgts)


def _add_order(page: Element, count: int) -> None:
    group = add(add(page, "ReadingOrder"), "OrderedGroup", id="order")
    for index in range(count):
        add(group, "RegionRefIndexed", index=str(index), regionRef=f"region_{index + 1}")


def _add_region(page: Element, line: Line, reading: Reading, number: int) -> None:
    outside = outline(line)
    region = add(page, "TextRegion" if line.is_number else "UnknownRegion", id=f"region_{number}")
    _add_coords(region, outside, reading)
    _add_labels(region, line)
    if not line.is_number:
        return
    text_line = add(region, "TextLine", id=f"line_{number}")
    _add_coords(text_line, outside, reading)
    word = add(text_line, "Word", id=f"word_{number}")
    _add_coords(word, outside, reading)
    for place, digit in enumerate(line.digits, 1):
        glyph = add(word, "Glyph", id=f"glyph_{number}_{place}")
        _add_coords(glyph, digit.box, reading)
        _add_texts(glyph, (Alternative(digit.text, digit.confidence), *digit.alternatives))
    best = Alternative(line.text, line.confidence)
    _add_texts(word, (best, *line.alternatives))
    for element in (text_line, region):
        _add_texts(element, (best,))


def _add_labels(region: Element, line: Line) -> None:
    known = {"reason": line.reason, "raw": line.raw if line.raw != line.text else None}
    if any(known.values()):
        labels = add(region, "Labels")
        for kind, value in known.items():
            if value:
                add(labels, "Label", type=kind, value=value)


def _add_texts(element: Element, texts: Iterable[Alternative]) -> None:
    for index, text in enumerate(texts):
        known = {"index": str(index), "conf": figure(text.confidence)}
        add(add(element, "TextEquiv", **known), "Unicode", text.text)


def _add_coords(element: Element, box: Box, reading: Reading) -> None:
    """The corners in whole pixels, clockwise from the top left: the format knows no fractions."""
    x0, y0, x1, y1 = whole(box, reading)
    add(element, "Coords", points=f"{x0},{y0} {x1},{y0} {x1},{y1} {x0},{y1}")
