"""JSON Lines: one object a page, `Reading.to_dict()`, and one a source that failed."""

from __future__ import annotations

import json

from inkdigits.errors import InkdigitsError
from inkdigits.formats.writer import Writer
from inkdigits.results import Reading


class JsonWriter(Writer):
    """One object a line, ASCII only: no file name can break a line or an encoding."""

    suffix = ".jsonl"

    def reading(self, reading: Reading) -> str:
        """All that is known of a page."""
        return json.dumps(reading.to_dict()) + "\n"

    def failure(self, source: str, error: InkdigitsError) -> str:
        """An object with `error` instead of `lines`."""
        return json.dumps({"source": source, "error": error.to_dict()}) + "\n"
