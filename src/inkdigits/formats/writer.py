"""What a writer is, and how sources are named. Knows results and errors; knows no format."""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from typing import ClassVar

from inkdigits.errors import InkdigitsError
from inkdigits.results import Reading

_HIDDEN = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff\ufffe\uffff]")


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
