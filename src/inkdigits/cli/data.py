"""`inkdigits data`: what a data set holds, a picture of samples, the same data in another format."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from inkdigits.errors import UsageError

if TYPE_CHECKING:
    from inkdigits.training.datasets import Dataset
    from inkdigits.training.overview import Overview


def data(
    source: Annotated[
        str,
        typer.Argument(
            help="mnist-train, mnist-validation, mnist-test, or a path: IDX images, Kaggle .csv, .npz, "
            "a folder with a subfolder of images a class. mnist-test:fog: one of MNIST-C's corruptions. "
            "`strings`: composed lines of handwriting."
        ),
    ] = "mnist-train",
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object.")] = False,
    samples: Annotated[
        Path | None, typer.Option(metavar="FILE.png", help="Write a picture of samples, a row a class.")
    ] = None,
    to: Annotated[
        Path | None,
        typer.Option(
            metavar="PATH",
            help="Write the data as .csv (Kaggle's), .npz, or a folder of PNGs; lines as a folder.",
        ),
    ] = None,
    mnist: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Look here for MNIST's files first.")
    ] = None,
    offline: Annotated[bool, typer.Option("--offline", help="Never touch the network.")] = False,
    count: Annotated[int, typer.Option(min=1, help="Of `strings`: how many lines.")] = 60,
    seed: Annotated[int, typer.Option(min=0, help="Of `strings`: the seed of the lines.")] = 0,
) -> None:
    """Show what a data set holds: counts, classes, greys, repeats, its hash.

    Reads every row, so it also checks a data set before you train on it.
    """
    from inkdigits.training.datasets import load_data
    from inkdigits.training.overview import overview

    if samples is not None and samples.suffix.lower() != ".png":
        raise UsageError(f"{samples}: the picture of samples is a PNG; name it so")
    if source == "strings":
        _strings(count, seed, samples, to, mnist, offline=offline, as_json=as_json)
        return
    found = load_data(source, folder=mnist, offline=offline)
    summary = overview(found)
    if as_json:
        print(json.dumps({"source": source, **summary.to_dict()}, ensure_ascii=False))
    else:
        _print(summary)
    if samples is not None:
        _write_picture(found, samples)
    if to is not None:
        _write_data(found, to)


def _strings(
    count: int,
    seed: int,
    samples: Path | None,
    to: Path | None,
    mnist: Path | None,
    *,
    offline: bool,
    as_json: bool,
) -> None:
    """Composes lines as `inkdigits train line` does, and shows them."""
    import io

    from inkdigits.training.datasets import load_training_data
    from inkdigits.training.files import write_whole
    from inkdigits.training.line_samples import composer, picture_of_lines, write_lines

    compose = composer(load_training_data("mnist-train", folder=mnist, offline=offline), seed)
    lines = [compose.line(index) for index in range(count)]
    for index, line in enumerate(lines):
        if as_json:
            print(
                json.dumps(
                    {"line": index, "text": line.text, "raw": line.label, "width": line.pixels.shape[1]}
                )
            )
        else:
            print(line.label or "nothing")
    if samples is not None:
        buffer = io.BytesIO()
        picture_of_lines(lines).save(buffer, "PNG")
        write_whole(samples, buffer.getvalue())
        print(f"wrote {samples}", file=sys.stderr)
    if to is not None:
        write_lines(lines, to)
        print(f"wrote {to}", file=sys.stderr)


def _print(summary: Overview) -> None:
    from rich.console import Console

    console = Console(highlight=False)
    console.print(f"[bold]{_plain(summary.name)}[/bold]: {summary.samples:,} glyphs of 28×28", soft_wrap=True)
    if summary.counts is None:
        console.print("labels       none")
    else:
        console.print(_distribution(summary.counts, bars=console.is_terminal))
    console.print(f"grey         mean {summary.mean_grey:.2f}, sd {summary.sd_grey:.2f} (of 0 to 255)")
    contradicting = f", {summary.contradicting:,} of them with another label" if summary.repeated else ""
    console.print(f"repeated     {summary.repeated:,} images equal an earlier one{contradicting}")
    console.print(f"sha256       {summary.sha256}", soft_wrap=True)


def _distribution(counts: dict[str, int], *, bars: bool) -> object:
    """A table of the classes, with bars where somebody looks at it."""
    from rich import box
    from rich.table import Table

    table = Table(box=box.SIMPLE if bars else None, pad_edge=False)
    table.add_column("class")
    table.add_column("samples", justify="right")
    table.add_column("share", justify="right")
    if bars:
        table.add_column("")
    total, most = sum(counts.values()), max(counts.values())
    for name, count in counts.items():
        row = [_plain(name), f"{count:,}", f"{count / total:.1%}"]
        table.add_row(*row, *(["█" * round(30 * count / most)] if bars else []))
    return table


def _plain(text: str) -> str:
    from rich.markup import escape

    return escape(text)


def _write_picture(found: Dataset, path: Path) -> None:
    import io

    from inkdigits.training.files import write_whole
    from inkdigits.training.overview import picture_of_samples

    buffer = io.BytesIO()
    picture_of_samples(found).save(buffer, "PNG")
    write_whole(path, buffer.getvalue())
    print(f"wrote {path}", file=sys.stderr)


def _write_data(found: Dataset, path: Path) -> None:
    from inkdigits.training.writers import write_data

    write_data(found, path)
    print(f"wrote {path}", file=sys.stderr)
