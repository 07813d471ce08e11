"""`inkdigits submit`: predictions for Kaggle's Digit Recognizer, checked before they are written."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from inkdigits.errors import UsageError


def submit(
    test_data: Annotated[
        str,
        typer.Argument(help="Kaggle's test.csv, or other glyphs: IDX, npz, mnist-test.", metavar="TEST_DATA"),
    ],
    weights: Annotated[
        list[Path] | None,
        typer.Option(
            help="A run folder, a .safetensors or an .onnx file, instead of the one that came along; repeat "
            "for several, which predict together.",
        ),
    ] = None,
    out: Annotated[Path, typer.Option(help="The file to write.")] = Path("submission.csv"),
    rows: Annotated[
        int | None,
        typer.Option(min=1, help="Samples there must be; for a test.csv, Kaggle's 28,000 unless said."),
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="Replace the file if it exists.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Answer with a JSON object.")] = False,
) -> None:
    """Predict the digits of a test set and write Kaggle's submission.csv.

    Several weights predict as a committee, with the mean of their calibrated log-probabilities.
    """
    from inkdigits.cli.extras import require
    from inkdigits.model import SHIPPED
    from inkdigits.training import submission
    from inkdigits.training.datasets import load_data
    from inkdigits.training.files import write_whole
    from inkdigits.training.recogniser import Recogniser, needs_torch

    if out.exists() and not force:
        raise UsageError(f"{out}: exists; name another file with --out, or say --force")
    if any(map(needs_torch, weights or ())):
        require("train")
    recogniser = Recogniser.load_together(weights or [SHIPPED])
    data = load_data(test_data)
    submission.check_rows(test_data, len(data), rows)
    digits = submission.digits_of(recogniser.classes, recogniser.logits(data.images).argmax(axis=1))
    content = submission.to_csv(digits)
    submission.check_csv(content, len(data))
    write_whole(out, content)
    counts = {str(digit): int((digits == digit).sum()) for digit in range(10)}
    if as_json:
        print(json.dumps({"path": str(out), "rows": len(digits), "labels": counts}))
    else:
        print(f"{out}  {len(digits):,} rows: " + ", ".join(f"{n:,} × {digit}" for digit, n in counts.items()))
