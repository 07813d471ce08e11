"""Pictures and documents to numbers, page by page, as a caller wants them. Knows no pixels, no command line.

picture ─► images ─► grey pages ─► recognition ─► Reading
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TypedDict

import numpy as np
from numpy.typing import NDArray

from inkdigits.confidence import line_rule
from inkdigits.constraints import Constraints
from inkdigits.errors import UsageError
from inkdigits.images import DPI, Picture, load_pages
from inkdigits.model import SHIPPED_LINE, LineModel
from inkdigits.recognition import Layout, PageReader
from inkdigits.results import Reading

Grey = NDArray[np.uint8]


class Options(TypedDict, total=False):
    """What `read` takes by name; `Wanted` says what each means."""

    layout: Layout
    length: int | None
    min_length: int | None
    max_length: int | None
    low: int | None
    high: int | None
    check: str | None
    pattern: str | None
    max_error: float | None
    dpi: float


@dataclass(frozen=True)
class Wanted:
    """What a caller asks for, and what is known of the numbers before they are read.

    Attributes:
        layout: `line`, the picture is one number; `page`, a page with numbers; `auto` looks which of them.
        length: digits that every number has.
        min_length: digits it has at least.
        max_length: digits it has at most.
        low: its least value.
        high: its largest value.
        check: the check digit that it keeps: `luhn`, `iban`, `iban:DE`, `isbn13`, `ean`, `aba`, `verhoeff`.
        pattern: a regular expression that all of it matches, such as `\\d{5}(-\\d{4})?`.
        max_error: accept as much as possible while the expected share of wrong numbers among the accepted
            stays below this; None takes the rule of the network's card.
        dpi: pixels for an inch of a PDF's page.
    """

    layout: Layout = "auto"
    length: int | None = None
    min_length: int | None = None
    max_length: int | None = None
    low: int | None = None
    high: int | None = None
    check: str | None = None
    pattern: str | None = None
    max_error: float | None = None
    dpi: float = DPI

    @cached_property
    def constraints(self) -> Constraints:
        """What decoding has to know of it.

        Raises:
            UsageError: no number can satisfy it, or it can't be understood.
        """
        lengths = (self.length, self.min_length, self.max_length)
        return Constraints(*lengths, self.low, self.high, self.check, self.pattern)


@dataclass(frozen=True)
class Sheet:
    """A page that was read.

    Attributes:
        reading: the numbers.
        grey: `uint8 (H, W)`, the upright page that their boxes are on.
    """

    reading: Reading
    grey: Grey


class NumberReader:
    """Reads numbers: built once, and asked as often as you like, from any thread.

    Attributes:
        model: the line network and its card.
    """

    def __init__(self, model: LineModel) -> None:
        """Puts a reader together; `NumberReader.load` is the usual way."""
        self.model = model
        self._last: tuple[Wanted, PageReader] | None = None

    @classmethod
    def load(cls, weights: str | os.PathLike[str] | None = None, threads: int = 1) -> NumberReader:
        """A reader with the weights that came with the package, or with others.

        Args:
            weights: the ONNX file of a line network, its card beside it; None for the shipped one.
            threads: that the network may use.

        Raises:
            InvalidWeights: not such a file, cut short or changed.
        """
        return cls(LineModel.load(SHIPPED_LINE if weights is None else Path(weights), threads=threads))

    def sheets(
        self, picture: Picture, wanted: Wanted, *, name: str | None = None, after: int = 0
    ) -> Iterator[Sheet]:
        """Reads a picture or a document page by page, never more than one in memory.

        Args:
            picture: whatever `images.load_pages` takes.
            wanted: what is asked for.
            name: the answers' `source`, and what errors call it; the path, if there is one.
            after: so many pages are left out, as they were read before.

        Raises:
            UsageError: at once, when what is wanted can't be.
            InputError: as `images.load_pages`, after the pages before.
        """
        page_reader = self.page_reader(wanted)
        source = name or (os.fspath(picture) if isinstance(picture, str | os.PathLike) else None)
        pages = load_pages(picture, name=name, dpi=wanted.dpi)
        return _sheets(pages, page_reader, wanted.layout, source, after)

    def page_reader(self, wanted: Wanted) -> PageReader:
        """What reads single pages; checks on the way whether what is wanted can be.

        Raises:
            UsageError: it can't.
        """
        last = self._last
        if last is not None and last[0] == wanted:  # most callers want the same each time
            return last[1]
        if wanted.layout not in ("auto", "line", "page"):
            raise UsageError(f"layout {wanted.layout!r}: not known; choose from auto, line, page")
        rule = line_rule(self.model.card, wanted.max_error)
        page_reader = PageReader(self.model, wanted.constraints, rule)
        self._last = wanted, page_reader
        return page_reader


def _sheets(
    pages: Iterator[Grey], page_reader: PageReader, layout: Layout, source: str | None, after: int
) -> Iterator[Sheet]:
    for number, grey in enumerate(pages, start=1):
        if number > after:
            upright, lines = page_reader.read(grey, layout)
            height, width = upright.shape
            yield Sheet(Reading(lines, width, height, number, source), upright)
