"""hOCR 1.2: XHTML that shows the numbers, their places and confidences in `title`. Any number of pages."""

from __future__ import annotations

from xml.etree.ElementTree import Element

from inkdigits import __version__
from inkdigits.formats.writer import Writer, printable
from inkdigits.formats.xml import add, figure, outline, serialised, whole
from inkdigits.results import Box, Digit, Line, Reading

_BEGIN = f"""<?xml version="1.0" encoding="UTF-8"?>
<!DOCTYPE html PUBLIC "-//W3C//DTD XHTML 1.0 Strict//EN" "http://www.w3.org/TR/xhtml1/DTD/xhtml1-strict.dtd">
<html xmlns="http://www.w3.org/1999/xhtml">
<head>
<title>Numbers</title>
<meta http-equiv="Content-Type" content="text/html; charset=utf-8" />
<meta name="ocr-system" content="inkdigits {__version__}" />
<meta name="ocr-capabilities" content="ocr_page ocr_line ocrx_word ocrx_cinfo" />
</head>
<body>
"""


class HocrWriter(Writer):
    """An `ocr_page` a page, in it an `ocr_line` with one `ocrx_word` a number, in it an `ocrx_cinfo` a digit.

    What isn't accepted has `x_reason` in the title of its line. Ink that is no number is a line without
    words.
    """

    suffix = ".hocr"

    def __init__(self) -> None:
        """A writer for one document."""
        self._pages = 0

    def begin(self) -> str:
        """All up to the first page."""
        return _BEGIN

    def reading(self, reading: Reading) -> str:
        """One page."""
        self._pages += 1
        page = Element(
            "div", {"class": "ocr_page", "id": f"page_{self._pages}", "title": _page_title(reading)}
        )
        page.text = page.tail = "\n"
        for number, line in enumerate(reading.lines, 1):
            paragraph = add(page, "p")
            paragraph.tail = "\n"
            _add_line(paragraph, line, reading, f"{self._pages}_{number}")
        return serialised(page, closed=True)

    def end(self) -> str:
        """What closes the document."""
        return "</body>\n</html>\n"


def _page_title(reading: Reading) -> str:
    # a quotation mark or semicolon would end the name: the standard knows no way to escape them
    source = printable(reading.source or "").replace('"', "%22").replace(";", "%3B")
    return f'image "{source}"; bbox 0 0 {reading.width} {reading.height}; ppageno {reading.page - 1}'


def _add_line(parent: Element, line: Line, reading: Reading, number: str) -> None:
    bbox = _bbox(outline(line), reading)
    reason = f"; x_reason {line.reason}" if line.reason else ""
    known = {"class": "ocr_line", "id": f"line_{number}", "title": f"{bbox}{reason}"}
    element = add(parent, "span", **known)
    if not line.is_number:
        return
    title = f"{bbox}; x_wconf {figure(100 * line.confidence, 2)}"
    word = add(element, "span", **{"class": "ocrx_word", "id": f"word_{number}", "title": title})
    if not line.digits:
        word.text = line.text
    for digit in line.digits:
        add(word, "span", digit.text, **{"class": "ocrx_cinfo", "title": _digit_title(digit, reading)})


def _digit_title(digit: Digit, reading: Reading) -> str:
    box = _bbox(digit.box, reading).removeprefix("bbox")
    return f"x_bboxes{box}; x_confs {figure(100 * digit.confidence, 2)}"


def _bbox(box: Box, reading: Reading) -> str:
    return "bbox " + " ".join(map(str, whole(box, reading)))
