"""Where answers go: stdout or files, in any format, and onto pictures. Knows readings, reads nothing."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from io import BytesIO, TextIOWrapper
from pathlib import Path
from typing import TYPE_CHECKING

from inkdigits.cli.names import make_folder, path_of, refuse_sources_in, stems
from inkdigits.cli.progress import Progress
from inkdigits.errors import InkdigitsError, UsageError

if TYPE_CHECKING:
    from inkdigits.formats import Writer
    from inkdigits.reading import Sheet
    from inkdigits.results import Reading


class Outputs:
    """What a call leaves behind, page by page.

    Attributes:
        writer: turns readings into text.
        progress: prints it.
    """

    def __init__(
        self, form: str, sources: Sequence[str], progress: Progress, out: Path | None, overlay: Path | None
    ) -> None:
        """Gets folders ready.

        Args:
            form: one of `formats.WRITERS`.
            sources: names of all inputs.
            progress: what prints.
            out: a folder for a file a page, or None for stdout.
            overlay: a folder for pictures, or None.

        Raises:
            UsageError: the format needs a file a page and there is none, or pictures would replace inputs.
            OutputError: a folder can't be made.
        """
        self.progress = progress
        self.writer = _writer(form, sources)
        if self.writer.documents and out is None and len(sources) > 1:
            raise _several(form)
        self._form, self._sources, self._out, self._overlay = form, sources, out, overlay
        self._stems = stems(sources) if out or overlay else {}
        self._printed = 0
        if overlay:
            refuse_sources_in(overlay, sources)
            make_folder(overlay, "--overlay")
        if out:
            make_folder(out, "--out")
        elif isinstance(sys.stdout, TextIOWrapper):
            sys.stdout.reconfigure(newline="")  # formats have line ends of their own

    def begin(self) -> None:
        """What stands before all answers."""
        if not self._out:
            self.progress.answer(self.writer.begin())

    def reading(self, reading: Reading) -> None:
        """Writes one page's answer.

        Raises:
            UsageError: a second page of a format that needs a file a page.
            OutputError: a file can't be written.
        """
        if self._out:
            writer = _writer(self._form, [])
            path = path_of(self._out, self._stems[reading.source or ""], reading.page, writer.suffix)
            _write(path, (writer.begin() + writer.reading(reading) + writer.end()).encode())
            self.progress.answer(f"{path}\n")
            return
        self._printed += 1
        if self.writer.documents and self._printed > 1:
            raise _several(self._form)
        self.progress.answer(self.writer.reading(reading))

    def failure(self, source: str, error: InkdigitsError) -> None:
        """Says that an input couldn't be read: in JSON among the answers, otherwise on stderr, too."""
        if self._out or self._form != "json":
            self.progress.complain(f"inkdigits: {error}")
        if not self._out:
            self.progress.answer(self.writer.failure(source, error))

    def end(self) -> None:
        """What stands after all answers."""
        if not self._out:
            self.progress.answer(self.writer.end())

    def draw(self, sheet: Sheet) -> None:
        """Draws what was read onto its page, if pictures are wanted.

        Raises:
            OutputError: the picture can't be written.
        """
        if not self._overlay:
            return
        from inkdigits.overlay import draw_overlay

        reading, content = sheet.reading, BytesIO()
        draw_overlay(sheet.grey, reading).save(content, format="PNG", compress_level=4)
        _write(
            path_of(self._overlay, self._stems[reading.source or ""], reading.page, ".png"),
            content.getvalue(),
        )


def _writer(form: str, sources: Sequence[str]) -> Writer:
    from inkdigits.formats import WRITERS
    from inkdigits.formats.text import TextWriter
    from inkdigits.formats.writer import printable

    if form != "text":
        return WRITERS[form]()
    width = max(len(printable(source)) for source in sources) if len(sources) > 1 else 0
    return TextWriter(width, colour=bool(sources) and sys.stdout.isatty())


def _several(form: str) -> UsageError:
    return UsageError(f"--format {form} makes a document a page; name a folder for them with --out")


def _write(path: Path, content: bytes) -> None:
    from inkdigits.training.files import write_whole

    write_whole(path, content)
