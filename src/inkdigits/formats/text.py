"""For people: one number a line, with a question mark before those that aren't sure."""

from __future__ import annotations

from inkdigits.formats.writer import Writer, printable
from inkdigits.results import Line, Reading, as_percent

_GREEN, _YELLOW, _PLAIN = "\x1b[1;32m", "\x1b[1;33m", "\x1b[0m"
_NUMBER = 8  # characters: room for most numbers, so that confidences stand below one another


class TextWriter(Writer):
    """Bare numbers, or a table.

    Bare, an accepted number is its digits and nothing else, fit for `$(inkdigits read a.png)`; one that isn't
    accepted begins with `?` and ends with its reason:

        7795
        ? 1028  61.2%  unsure

    As a table, each line also has its source, `#2` and so on for its later pages, and its confidence:

        a.png       7795      97.0%
        scan.pdf#2  ? 1028      61.2%  unsure
    """

    suffix = ".txt"

    def __init__(self, width: int = 0, colour: bool = False) -> None:
        """A writer for one run.

        Args:
            width: of the column of sources; 0 writes bare numbers.
            colour: whether to mark numbers with a terminal's colours.
        """
        self.width = width
        self.colour = colour

    def reading(self, reading: Reading) -> str:
        """A line a number; one that says so when there is none."""
        numbers = [self._number(line) for line in reading.lines] or [self._shown("-", "", "no number")]
        if not self.width:
            return "".join(f"{number}\n" for number in numbers)
        source = printable(reading.source or "-") + (f"#{reading.page}" if reading.page > 1 else "")
        return "".join(f"{source:<{self.width}}  {number}\n" for number in numbers)

    def _number(self, line: Line) -> str:
        reason = "" if line.accepted else (line.reason or "unsure").replace("_", " ")
        return self._shown(line.text or "-", as_percent(line.confidence) if line.text else "", reason)

    def _shown(self, text: str, percent: str, reason: str) -> str:
        colour = _YELLOW if reason else _GREEN
        if self.width:
            number = self._styled(f"{text:<{_NUMBER}}", colour)
            fields = [f"{'?' if reason else ' '} {number}", f"{percent:>6}", self._styled(reason, colour)]
        elif reason:
            fields = [f"? {self._styled(text, colour)}", percent, self._styled(reason, colour)]
        else:
            fields = [self._styled(text, colour)]
        return "  ".join(filter(None, fields))

    def _styled(self, text: str, colour: str) -> str:
        return f"{colour}{text}{_PLAIN}" if self.colour and text else text
