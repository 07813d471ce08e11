"""`inkdigits compare`: runs side by side on the same images, with a test of their difference."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from inkdigits.training.compare import Comparison


def compare(
    runs: Annotated[
        list[Path],
        typer.Argument(metavar="RUN RUN…", help="Two or more run folders, .safetensors or .onnx files."),
    ],
    data: Annotated[
        str,
        typer.Option(
            metavar="SOURCE",
            help="What to compare on: mnist-validation, mnist-test, one of them corrupted, as in "
            "mnist-validation:fog, or a path to labelled data.",
        ),
    ] = "mnist-validation",
    out: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Folder of the page; runs/compare/NAMES unless said.")
    ] = None,
    device: Annotated[str, typer.Option(help="auto, cpu, cuda, cuda:1 or mps.")] = "auto",
    mnist: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Look here for MNIST's files first.")
    ] = None,
    offline: Annotated[bool, typer.Option("--offline", help="Never touch the network.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object.")] = False,
) -> None:
    """Set runs side by side: figures, McNemar's test of every pair, the images on which they differ."""
    from inkdigits.cli.extras import require

    require("train")
    from inkdigits.training import compare as comparing
    from inkdigits.training.contrasts import write_comparison
    from inkdigits.training.datasets import load_data

    found = comparing.compare(runs, load_data(data, folder=mnist, offline=offline), device=device)
    folder = out or comparing.fresh_folder(found)
    write_comparison(folder, found)
    for caution in found.cautions:
        print(f"inkdigits: {caution}", file=sys.stderr)
    page = folder / "compare.html"
    if as_json:
        print(json.dumps({"report": str(page), **found.to_dict()}, ensure_ascii=False))
    else:
        print("\n".join([*_lines(found), "", f"{page}"]))


def _lines(found: Comparison) -> list[str]:
    from inkdigits.training.contrasts import table_rows, verdict

    rows = table_rows(found)
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    table = [
        "  ".join(
            cell.ljust(width) if column < 2 else cell.rjust(width)
            for column, (cell, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in rows
    ]
    return [*table, "", *(verdict(pair) for pair in found.pairs)]
