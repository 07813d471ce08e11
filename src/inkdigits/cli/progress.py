"""A live line on stderr while many inputs are read, and answers above it. Knows no pictures."""

from __future__ import annotations

import sys
from contextlib import AbstractContextManager
from types import TracebackType
from typing import Any, Self


class Progress(AbstractContextManager["Progress"]):
    """Inputs done, pages, time left; silent unless stderr is a terminal and there are several inputs."""

    def __init__(self, inputs: int) -> None:
        self._bar: Any = None
        self._pages = 0
        if inputs > 1 and sys.stderr.isatty():
            self._bar = _bar()
            self._task = self._bar.add_task("", total=inputs, name="", pages=0)

    def __enter__(self) -> Self:
        if self._bar is not None:
            self._bar.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._bar is not None:
            self._bar.stop()

    def begin(self, name: str) -> None:
        """Names the input that is read now."""
        if self._bar is not None:
            self._bar.update(self._task, name=name)

    def page(self) -> None:
        """One more page is read."""
        if self._bar is not None:
            self._pages += 1
            self._bar.update(self._task, pages=self._pages)

    def done(self) -> None:
        """The input is done."""
        if self._bar is not None:
            self._bar.advance(self._task)

    def answer(self, text: str) -> None:
        """Prints to stdout; where that is a terminal, above the live line."""
        if not text:
            return
        if self._bar is not None and sys.stdout.isatty():
            from rich.text import Text

            self._bar.console.print(Text.from_ansi(text.removesuffix("\n")), soft_wrap=True)
        else:
            print(text, end="", flush=True)

    def complain(self, text: str) -> None:
        """Prints a line to stderr, above the live line."""
        if self._bar is not None:
            self._bar.console.print(text, markup=False, highlight=False, soft_wrap=True)
        else:
            print(text, file=sys.stderr, flush=True)


def _bar() -> Any:
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeRemainingColumn
    from rich.progress import Progress as Bar
    from rich.table import Column

    return Bar(
        MofNCompleteColumn(),
        BarColumn(bar_width=None),
        TextColumn("{task.fields[pages]:,} pages"),
        TimeRemainingColumn(compact=True),
        TextColumn("{task.fields[name]}", markup=False, table_column=Column(no_wrap=True, ratio=1)),
        console=Console(stderr=True),
        transient=True,
        redirect_stdout=False,  # answers are no part of the display
        redirect_stderr=False,
    )
