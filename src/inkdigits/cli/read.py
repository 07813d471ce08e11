"""`inkdigits read`: pictures of numbers, and pages with numbers, to digits with boxes and doubts."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from inkdigits.errors import InkdigitsError, OutputError, UsageError

if TYPE_CHECKING:
    from inkdigits.cli.inputs import Input
    from inkdigits.cli.outputs import Outputs
    from inkdigits.cli.progress import Progress
    from inkdigits.cli.resume import Record
    from inkdigits.reading import NumberReader, Sheet, Wanted
    from inkdigits.results import Reading

Layout = Literal["auto", "line", "page"]
Format = Literal["text", "json", "csv", "hocr", "alto", "page"]


def read(
    inputs: Annotated[
        list[str],
        typer.Argument(
            help="Pictures of numbers, or of pages with numbers: files, folders, patterns, or - for standard "
            "input. TIFF and PDF may have many pages.",
            metavar="INPUT",
        ),
    ],
    layout: Annotated[
        Layout, typer.Option(help="What a picture shows: one number (line), a page with numbers, or see.")
    ] = "auto",
    length: Annotated[int | None, typer.Option(help="Digits that every number has.")] = None,
    min_length: Annotated[int | None, typer.Option(help="Digits that every number has at least.")] = None,
    max_length: Annotated[int | None, typer.Option(help="Digits that every number has at most.")] = None,
    between: Annotated[
        tuple[int, int] | None,
        typer.Option("--range", metavar="LO HI", help="The least and the greatest value of a number."),
    ] = None,
    check: Annotated[
        str | None,
        typer.Option(
            metavar="NAME",
            help="The check digits that every number has: luhn, iban, iban:DE, isbn13, ean, aba or verhoeff.",
        ),
    ] = None,
    pattern: Annotated[
        str | None,
        typer.Option(metavar="REGEX", help="What all of a number matches, such as '\\d{5}(-\\d{4})?'."),
    ] = None,
    max_error: Annotated[
        float | None,
        typer.Option(
            help="Accept as much as possible while the expected share of wrong numbers among the accepted "
            "stays below this, such as 0.01.",
        ),
    ] = None,
    form: Annotated[Format, typer.Option("--format", help="How answers are written.")] = "text",
    as_json: Annotated[bool, typer.Option("--json", help="The same as --format json.")] = False,
    out: Annotated[
        Path | None,
        typer.Option(metavar="DIR", help="Write a file a page into this folder, instead of to stdout."),
    ] = None,
    overlay: Annotated[
        Path | None,
        typer.Option(metavar="DIR", help="Draw what was read onto each page, a PNG a page in this folder."),
    ] = None,
    resume: Annotated[
        Path | None,
        typer.Option(
            metavar="OUT.jsonl",
            help="Keep answers in this file as they are found; the same call goes on where it was stopped.",
        ),
    ] = None,
    dpi: Annotated[float, typer.Option(help="Pixels for an inch of a PDF's page.")] = 200,
    weights: Annotated[
        Path | None,
        typer.Option(help="The ONNX file of a line network, instead of the one that came along."),
    ] = None,
    threads: Annotated[int, typer.Option(min=1, help="Threads the network may use.")] = 1,
) -> None:
    """Read the numbers in pictures and on pages: digits, boxes, confidences, alternatives.

    Answers appear as they are found, in input order. An input that can't be read doesn't stop the others;
    the exit code is then 1.
    """
    from inkdigits.cli.inputs import expand
    from inkdigits.cli.outputs import Outputs
    from inkdigits.cli.progress import Progress
    from inkdigits.cli.resume import Record
    from inkdigits.reading import NumberReader, Wanted

    if as_json and form not in ("text", "json"):
        raise UsageError(f"--json and --format {form} can't both be; name one of them")
    if resume and "-" in inputs:
        raise UsageError("--resume goes on with files; standard input can't be read a second time")
    low, high = between or (None, None)
    wanted = Wanted(layout, length, min_length, max_length, low, high, check, pattern, max_error, dpi)
    reader = NumberReader.load(weights, threads=threads)
    reader.page_reader(wanted)  # says what can't be before anything is read
    found = expand(inputs)
    options = {**asdict(wanted), "weights": reader.model.card["sha256"]}
    with ExitStack() as opened:
        record = opened.enter_context(Record(resume, options)) if resume else None
        progress = opened.enter_context(Progress(len(found)))
        outputs = Outputs("json" if as_json else form, [item.name for item in found], progress, out, overlay)
        done = Run(reader, wanted, outputs, progress, record).all(found)
    if not done:
        raise typer.Exit(1)


@dataclass(frozen=True)
class Run:
    """One call at work: inputs ─► answers, those of an earlier run included ─► outputs."""

    reader: NumberReader
    wanted: Wanted
    outputs: Outputs
    progress: Progress
    record: Record | None

    def all(self, found: Sequence[Input]) -> bool:
        """Answers every input in turn; whether all could be read."""
        try:
            self.outputs.begin()
            done = [self._one(item) for item in found]
            self.outputs.end()
        except KeyboardInterrupt:
            if self.record:
                self.progress.complain("inkdigits: stopped; the same call goes on from here")
            raise
        return all(done)

    def _one(self, item: Input) -> bool:
        """Answers one input, page by page; whether it could be read."""
        self.progress.begin(item.name)
        try:
            for reading in self._readings(item):
                self.outputs.reading(reading)
                self.progress.page()
        except (OutputError, UsageError):  # not the input's fault: all others would end so, too
            raise
        except InkdigitsError as e:
            if self.record:
                self.record.add({"source": item.name, "error": e.to_dict()})
            self.outputs.failure(item.name, e)
            return False
        finally:
            self.progress.done()
        return True

    def _readings(self, item: Input) -> Iterator[Reading]:
        """Pages that were answered before, then the others."""
        from inkdigits.results import Reading

        if self.record is None:
            yield from (sheet.reading for sheet in self._drawn(item, after=0))
            return
        before = 0
        for answer in self.record.of(item.name):
            before += 1
            yield Reading.from_dict(answer)
        if self.record.is_complete(item.name):
            return
        for sheet in self._drawn(item, after=before):
            answer = sheet.reading.to_dict()
            self.record.add(answer)
            yield Reading.from_dict(answer)  # as the next run will give it, rounded

    def _drawn(self, item: Input, after: int) -> Iterator[Sheet]:
        """Pages as they are read, drawn before anything says that they are done."""
        for sheet in self.reader.sheets(item.read(), self.wanted, name=item.name, after=after):
            self.outputs.draw(sheet)
            yield sheet
