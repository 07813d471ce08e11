"""`inkdigits classify`: pictures of one digit each, and data sets of them, to answers."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from inkdigits.errors import InkdigitsError

if TYPE_CHECKING:
    from inkdigits.cli.inputs import Input
    from inkdigits.reader import Reader
    from inkdigits.results import Classification


def classify(
    inputs: Annotated[
        list[str],
        typer.Argument(
            help="Pictures of one digit: files, folders, patterns, or - for standard input. "
            "Also data sets: IDX, CSV or npz files.",
            metavar="INPUT",
        ),
    ],
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object a line, in input order.")] = False,
    weights: Annotated[
        Path | None,
        typer.Option(help="An ONNX file that `inkdigits export` wrote, instead of the one that came along."),
    ] = None,
    threads: Annotated[int, typer.Option(min=1, help="Threads the network may use.")] = 1,
) -> None:
    """Say which digit a picture shows, and how sure that is.

    Answers appear as they are found, in input order. An input that can't be read doesn't stop the others;
    the exit code is then 1.
    """
    from inkdigits.cli.inputs import expand
    from inkdigits.reader import Reader

    reader = Reader.load(weights, threads=threads)
    found = expand(inputs)
    width = max(len(item.name) + 6 * item.is_data_set for item in found)
    failed = False
    for item in found:
        try:
            for answer in _answers(reader, item):
                print(json.dumps(answer.to_dict()) if as_json else _line(answer, width), flush=True)
        except InkdigitsError as e:
            failed = True
            _print_failure(item.name, e, as_json)
    if failed:
        raise typer.Exit(1)


def _answers(reader: Reader, item: Input) -> list[Classification]:
    """One answer for a picture, one a row for a data set."""
    picture = item.read()
    if not item.is_data_set:
        return [reader.classify(picture, name=item.name)]
    from inkdigits.training.datasets import load_data

    return reader.classify_glyphs(load_data(item.name).images, name=item.name)


def _line(answer: Classification, width: int) -> str:
    """`a.png    7   99.8%`; what isn't accepted has a mark and its reason: `b.png  ? 7   61.0%  unsure`."""
    from inkdigits.results import as_percent

    source = f"{answer.source:<{width}}"
    if answer.reason == "blank":
        return f"{source}  ? -          {_styled('blank', 'yellow')}"
    mark = " " if answer.accepted else "?"
    sure = f"{source}  {mark} {_styled(str(answer.label), 'green' if answer.accepted else 'yellow')}"
    reason = "" if answer.reason is None else "  " + _styled(answer.reason.replace("_", " "), "yellow")
    return f"{sure}  {as_percent(answer.confidence):>6}{reason}"


def _styled(text: str, colour: str) -> str:
    return typer.style(text, fg=colour, bold=True) if sys.stdout.isatty() else text


def _print_failure(name: str, error: InkdigitsError, as_json: bool) -> None:
    if as_json:
        print(json.dumps({"source": name, "error": error.to_dict()}), flush=True)
    else:
        print(f"inkdigits: {error}", file=sys.stderr, flush=True)
