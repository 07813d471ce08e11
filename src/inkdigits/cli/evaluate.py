"""`inkdigits evaluate`: how good weights are on data, in figures and pictures."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from inkdigits.training.candidates import Evaluation
    from inkdigits.training.evaluate import Metrics


def evaluate(
    weights: Annotated[
        list[Path],
        typer.Argument(
            metavar="RUN|WEIGHTS",
            help="A run folder, a .safetensors or an .onnx file. Several are judged as one, a committee.",
        ),
    ],
    data: Annotated[
        str,
        typer.Option(
            metavar="SOURCE",
            help="What to judge on: mnist-test, mnist-validation, mnist-train, one of them corrupted, as in "
            "mnist-test:fog, or a path to labelled data.",
        ),
    ] = "mnist-test",
    out: Annotated[
        Path | None,
        typer.Option(
            metavar="DIR",
            help="Folder of the report; RUN/evaluate/DATA unless said (runs/evaluate/NAME without a run, and "
            "for committees).",
        ),
    ] = None,
    device: Annotated[str, typer.Option(help="auto, cpu, cuda, cuda:1 or mps.")] = "auto",
    mnist: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Look here for MNIST's files first.")
    ] = None,
    offline: Annotated[bool, typer.Option("--offline", help="Never touch the network.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object with all figures.")] = False,
) -> None:
    """Judge weights on data: accuracy, F1, calibration, every mistake; report.html and its pictures.

    Several weights answer together, with the mean of their calibrated log-probabilities.
    """
    from inkdigits.cli.extras import require

    require("train")
    from inkdigits.training.candidates import evaluate_weights
    from inkdigits.training.datasets import load_data

    judged = evaluate_weights(weights, load_data(data, folder=mnist, offline=offline), out, device=device)
    for caution in judged.cautions:
        print(f"inkdigits: {caution}", file=sys.stderr)
    if as_json:
        print(json.dumps(judged.to_dict(), ensure_ascii=False))
    else:
        print("\n".join(_lines(judged)))


def _lines(judged: Evaluation) -> list[str]:
    metrics = judged.metrics
    two = metrics.rejection[2]
    rows = [
        ("weights", judged.candidate.name if judged.members else str(judged.candidate.path)),
        *(("member", _member(str(one.path), alone)) for one, alone in judged.members),
        ("data", f"{judged.data}, {metrics.n:,} images"),
        ("accuracy", f"{metrics.accuracy:.2%} ± {metrics.standard_error:.2%}"),
        ("wrong", f"{metrics.errors:,}"),
        ("macro F1", f"{metrics.macro.f1:.4f}"),
        ("loss", f"{metrics.loss:.4f}"),
        ("ECE", f"{metrics.ece:.2%}"),
        ("2% rejected", f"{two.accuracy:.2%} of the rest right"),
        ("report", str(judged.folder / "report.html")),
    ]
    return [f"{name:<12} {value}" for name, value in rows]


def _member(path: str, metrics: Metrics) -> str:
    return f"{metrics.accuracy:.2%} ± {metrics.standard_error:.2%}, {metrics.errors:,} wrong  {path}"
