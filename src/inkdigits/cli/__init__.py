"""The command line: one file a command, each parses, calls, prints. Heavy imports wait inside them."""

from __future__ import annotations

import contextlib
import logging
import os
import sys
from collections.abc import Iterator, Sequence
from importlib import import_module
from io import TextIOWrapper
from typing import Annotated

import typer

from inkdigits.errors import InkdigitsError, MissingExtra, TrainingStopped, UsageError

COMMANDS = (
    "read",
    "classify",
    "serve",
    "explain",
    "submit",
    "data",
    "recipes",
    "train",
    "tune",
    "evaluate",
    "compare",
    "export",
    "bench",
    "doctor",
)

app = typer.Typer(
    name="inkdigits",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode="markdown",  # "rich" would swallow [brackets] in help texts
    context_settings={"help_option_names": ["-h", "--help"]},
    help="Reads handwritten digits, says when it isn't sure, and trains the recognisers that do it.",
)

for _name in COMMANDS:
    _module = import_module(f"inkdigits.cli.{_name}")
    app.command(_name, cls=getattr(_module, "Command", None))(getattr(_module, _name))


def _print_version(wanted: bool) -> None:
    if wanted:
        from inkdigits import __version__

        typer.echo(f"inkdigits {__version__}")
        raise typer.Exit


@app.callback()
def _options(
    version: Annotated[
        bool, typer.Option("--version", is_eager=True, callback=_print_version, help="Print the version.")
    ] = False,
) -> None:
    """Takes the options that stand before a command."""


@contextlib.contextmanager
def _logged_to_stderr() -> Iterator[None]:
    """What the package says on its way, such as where it downloads from: a line each, not among answers."""
    handler = logging.StreamHandler()
    handler.setFormatter(logging.Formatter("inkdigits: %(message)s"))
    log = logging.getLogger("inkdigits")
    log.addHandler(handler)
    before = log.level
    log.setLevel(logging.INFO)
    try:
        yield
    finally:
        log.removeHandler(handler)
        log.setLevel(before)


def main(args: Sequence[str] | None = None) -> None:
    """Runs one command and ends the process.

    Exit codes: 0, all done; 1, some input failed; 2, the call is wrong (an unknown option, a missing
    extra); 130, Ctrl-C. An error is one line on stderr.

    Args:
        args: what follows `inkdigits` on the command line; None takes `sys.argv`.

    Raises:
        SystemExit: always.
    """
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")  # file names needn't be UTF-8, nor the terminal
    try:
        try:
            with _logged_to_stderr():
                app(args, prog_name="inkdigits")
        finally:
            sys.stdout.flush()  # here, so that a reader that went away (`| head`) is noticed inside this try
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # so that Python's last flush is quiet
        sys.exit(1)
    except TrainingStopped as error:
        print(f"inkdigits: {error}", file=sys.stderr)
        sys.exit(130)
    except InkdigitsError as error:
        print(f"inkdigits: {error}", file=sys.stderr)
        sys.exit(2 if isinstance(error, UsageError | MissingExtra) else 1)
