"""ALTO 4.4, the Library of Congress's format for what stands where on a page. One page a document."""

from __future__ import annotations

from xml.etree.ElementTree import Element

from inkdigits import __version__
from inkdigits.formats.writer import Writer
from inkdigits.formats.xml import add, document, figure, file_name, outline, root
from inkdigits.results import Box, Digit, Line, Reading

NAMESPACE = "http://www.loc.gov/standards/alto/ns-v4#"
SCHEMA = "http://www.loc.gov/standards/alto/v4/alto-4-4.xsd"


class AltoWriter(Writer):
    """A `TextBlock` with one `TextLine` with one `String` a number, in it a `Glyph` a digit.

    `CONTENT` is the digits alone, since each glyph stands for the character at its place. What else is known
    are tags that the string refers to: its `reason`, if it isn't accepted, and `raw`, if it has marks. Ink
    that is no number is a block without lines.
    """

    suffix = ".alto.xml"
    documents = True

    def reading(self, reading: Reading) -> str:
        """The document of one page."""
        alto = root("alto", NAMESPACE, SCHEMA)
        alto.set("SCHEMAVERSION", "4.4")
        _describe(alto, reading)
        _add_tags(alto, reading)
        page = add(add(alto, "Layout"), "Page", ID="page", PHYSICAL_IMG_NR=str(reading.page))
        size = {"WIDTH": str(reading.width), "HEIGHT": str(reading.height)}
        page.attrib |= size | {"PROCESSINGREFS": "inkdigits"}
        space = add(page, "PrintSpace", HPOS="0", VPOS="0", **size)
        for number, line in enumerate(reading.lines, 1):
            _add_block(space, line, number)
        return document(alto)


def _describe(alto: Element, reading: Reading) -> None:
    description = add(alto, "Description")
    add(description, "MeasurementUnit", "pixel")
    if reading.source is not None:
        add(add(description, "sourceImageInformation"), "fileName", file_name(reading))
    processing = add(description, "Processing", ID="inkdigits")
    add(processing, "processingCategory", "contentGeneration")
    software = add(processing, "processingSoftware")
    add(software, "softwareName", "inkdigits")
    add(software, "softwareVersion", __version__)


def _add_tags(alto: Element, reading: Reading) -> None:
    """What strings refer to; nothing at all where none does."""
    reasons = sorted({line.reason for line in reading.lines if line.reason})
    marked = [(number, line) for number, line in enumerate(reading.lines, 1) if _has_marks(line)]
    if not reasons and not marked:
        return
    tags = add(alto, "Tags")
    for reason in reasons:
        add(tags, "OtherTag", ID=reason, TYPE="reason", LABEL=reason)
    for number, line in marked:
        add(tags, "OtherTag", ID=f"raw_{number}", TYPE="raw", LABEL=line.raw)


def _has_marks(line: Line) -> bool:
    return line.is_number and line.raw != line.text


def _add_block(space: Element, line: Line, number: int) -> None:
    place = _place(outline(line))
    tags: list[str] = [line.reason] if line.reason else []
    if not line.is_number:
        block = add(space, "TextBlock", ID=f"block_{number}", **place)
        block.attrib |= {"TAGREFS": " ".join(tags)} if tags else {}
        return
    if _has_marks(line):
        tags.append(f"raw_{number}")
    block = add(space, "TextBlock", ID=f"block_{number}", **place)
    text_line = add(block, "TextLine", ID=f"line_{number}", **place)
    string = add(text_line, "String", ID=f"string_{number}", **place)
    string.attrib |= {"CONTENT": line.text, "WC": figure(line.confidence)}
    string.attrib |= {"CC": " ".join(map(_doubt, line.digits))} if line.digits else {}
    string.attrib |= {"TAGREFS": " ".join(tags)} if tags else {}
    for place_in_number, digit in enumerate(line.digits, 1):
        _add_glyph(string, digit, f"glyph_{number}_{place_in_number}")


def _add_glyph(string: Element, digit: Digit, name: str) -> None:
    glyph = add(string, "Glyph", ID=name, **_place(digit.box))
    glyph.attrib |= {"CONTENT": digit.text, "GC": figure(digit.confidence)}
    for other in digit.alternatives:
        add(glyph, "Variant", CONTENT=other.text, VC=figure(other.confidence))


def _doubt(digit: Digit) -> str:
    """0 sure to 9 unsure."""
    return str(round(9 * (1 - digit.confidence)))


def _place(box: Box) -> dict[str, str]:
    x0, y0, x1, y1 = box
    return {
        "HPOS": figure(x0, 1),
        "VPOS": figure(y0, 1),
        "WIDTH": figure(x1 - x0, 1),
        "HEIGHT": figure(y1 - y0, 1),
    }
