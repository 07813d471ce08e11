"""Readings written down: text, JSON, CSV, hOCR, ALTO, PAGE. One writer a file; knows no command line.

    writer = WRITERS["csv"]()
    print(writer.begin(), *map(writer.reading, readings), writer.end(), sep="", end="")

Nothing is kept between pages, so a million of them take as much memory as one.
"""

from __future__ import annotations

from inkdigits.formats.alto import AltoWriter
from inkdigits.formats.csv import CsvWriter
from inkdigits.formats.hocr import HocrWriter
from inkdigits.formats.json import JsonWriter
from inkdigits.formats.page import PageWriter
from inkdigits.formats.text import TextWriter
from inkdigits.formats.writer import Writer

__all__ = ["WRITERS", "Writer"]

WRITERS: dict[str, type[Writer]] = {
    "text": TextWriter,
    "json": JsonWriter,
    "csv": CsvWriter,
    "hocr": HocrWriter,
    "alto": AltoWriter,
    "page": PageWriter,
}
