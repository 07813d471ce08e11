"""What a writer is, and how sources are named. Knows results and errors; knows no format."""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from pathlib import PurePath
from typing import ClassVar

from inkdigits.errors import InkdigitsError
from inkdigits.results import Reading

_HIDDEN = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff\ufffe\uffff]")
_NO_FILE_NAME = re.compile(r'[<>:"/\\|?*]')  # what some file system refuses


class Writer(ABC):
    """Turns readings into text, one at a time: `begin`, then any of `reading` and `failure`, then `end`.

    Built anew for each document. All it returns holds its own line ends, and goes out as UTF-8 as it is.

    Attributes:
        suffix: what the names of its files end with.
        documents: whether each reading is a whole document, so that several need a file each. Otherwise all
            readings of a run may follow one another.
    """

    suffix: ClassVar[str]
    documents: ClassVar[bool] = False

    def begin(self) -> str:
        """What stands before the first reading."""
        return ""

    @abstractmethod
    def reading(self, reading: Reading) -> str:
        """One page."""

    def failure(self, source: str, error: InkdigitsError) -> str:  # noqa: ARG002  (most formats have no place for it)
        """A source that couldn't be read; empty where the format has no place for it."""
        return ""

    def end(self) -> str:
        """What stands after the last reading."""
        return ""


def printable(name: str) -> str:
    r"""A file's name in which control characters and broken UTF-8 are spelled out, as `\x1b` and `\udcff`.

    Names may hold anything: line ends that would make two lines of one, commands to a terminal, what XML
    can't hold.
    """
    return _HIDDEN.sub(lambda found: ascii(found.group())[1:-1], name)


def page_name(reading: Reading) -> str:
    """What to call files about a page: `scan` for the first of `folder/scan.tif`, `scan-2` for the second.

    Two sources may get the same name: `a/scan.tif` and `b/scan.png`, for one.
    """
    stem = PurePath(reading.source or "").stem
    stem = _NO_FILE_NAME.sub("_", printable(stem))
    stem = "page" if stem in ("", "-") else stem
    return stem if reading.page == 1 else f"{stem}-{reading.page}"
