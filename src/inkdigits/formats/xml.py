"""What the XML formats share: whole documents, boxes, figures. Knows no format.

Elements carry their names as they are written, with the namespace as an attribute of the root: registering
prefixes would change ElementTree for everyone.
"""

from __future__ import annotations

from math import ceil, floor
from pathlib import PurePath
from xml.etree.ElementTree import Element, SubElement, indent, tostring

from inkdigits.formats.writer import printable
from inkdigits.results import Box, Line, Reading

SCHEMAS = "http://www.w3.org/2001/XMLSchema-instance"


def root(name: str, namespace: str, schema: str) -> Element:
    """The first element of a document, which says where its schema is."""
    known = {"xmlns": namespace, "xmlns:xsi": SCHEMAS, "xsi:schemaLocation": f"{namespace} {schema}"}
    return Element(name, known)


def add(parent: Element, name: str, text: str | None = None, **attributes: str) -> Element:
    """A child at the end."""
    child = SubElement(parent, name, attributes)
    child.text = text
    return child


def document(element: Element) -> str:
    """A whole document, indented. ASCII only, which is UTF-8 whatever a terminal's encoding."""
    indent(element)
    return f'<?xml version="1.0" encoding="UTF-8"?>\n{serialised(element)}\n'


def serialised(element: Element, *, closed: bool = False) -> str:
    """An element and what is in it, ASCII only.

    Args:
        element: with all that is in it.
        closed: whether empty elements have a closing tag of their own, without which readers of HTML would
            leave them open.
    """
    written: bytes = tostring(element, encoding="us-ascii", short_empty_elements=not closed)
    return written.decode("ascii")


def file_name(reading: Reading) -> str:
    """The source's name without its folder, as ALTO and PAGE have it: the file lies beside theirs."""
    return printable(PurePath(reading.source or "").name)


def outline(line: Line) -> Box:
    """Around a number and all of its digits, whose boxes may stand out a little."""
    lefts, tops, rights, bottoms = zip(line.box, *(digit.box for digit in line.digits), strict=True)
    return min(lefts), min(tops), max(rights), max(bottoms)


def whole(box: Box, reading: Reading) -> tuple[int, int, int, int]:
    """A box in whole pixels that holds it, cut off where the page ends."""
    x0, y0, x1, y1 = box
    width, height = reading.width, reading.height
    left, top = min(max(0, floor(x0)), width), min(max(0, floor(y0)), height)
    return left, top, min(max(left, ceil(x1)), width), min(max(top, ceil(y1)), height)


def figure(value: float, places: int = 6) -> str:
    """`0.97`, `12`: as few characters as say it."""
    return f"{value:.{places}f}".rstrip("0").rstrip(".") or "0"
