"""The record of reading: figures to a page of Markdown. Knows no pictures."""

from __future__ import annotations

import os
import platform
from collections.abc import Sequence
from datetime import date
from textwrap import fill
from typing import Any

import cv2
import numpy as np
import onnxruntime

from engines import Engines
from inkdigits import Reader
from measured import commit, processor  # beside this file

OURS = "inkdigits"
STAGE_TIMES = (("median", "median_ms"), ("95% below", "p95_ms"), ("processor, median", "processor_ms"))
STAGES = ("opening", "preprocessing", "network", "decoding", "in total")


def conditions(engines: Engines, reader: Reader, rounds: int, composed: int) -> dict[str, Any]:
    """On what, with what."""
    return {
        "date": str(date.today()),
        "commit": commit(),
        "processor": processor(),
        "cores": os.cpu_count(),
        "load": round(os.getloadavg()[0], 1),
        "rounds": rounds,
        "composed": composed,
        "versions": [
            f"Python {platform.python_version()}",
            f"NumPy {np.__version__}",
            f"OpenCV {cv2.__version__}",
            f"ONNX Runtime {onnxruntime.__version__}",
            *dict.fromkeys(engine.version for engine in engines.all),
        ],
        "missing": engines.missing,
        "weights_sha256": reader.numbers.model.card["sha256"],
    }


def page(result: dict[str, Any]) -> str:
    """The whole record."""
    rounds = result["rounds"]
    said = (
        f"{result['date']}, commit {result['commit']}, line network {result['weights_sha256'][:16]}…, "
        f"{result['processor']} ({result['cores']} cores, shared; load average {result['load']} at the "
        f"start), {', '.join(result['versions'])}. One thread each, one process, every engine in turn with "
        f"{result['turn']} files, rounds: {rounds}; times are from the file to the answer. Processor time is "
        "what waiting for a busy machine doesn't add to."
    )
    parts = [
        "# Reading numbers, beside RapidOCR and Tesseract",
        f"    python benchmarks/reading.py --composed {result['composed']} --rounds {rounds} --write",
        fill(said, 120),
        *result["missing"],
    ]
    for name, figures in result["numbers"].items():
        parts += number_parts(name, figures)
    if "photos" in result:
        parts += photo_parts(result["photos"])
    return "\n\n".join(parts) + "\n"


def number_parts(name: str, figures: dict[str, Any]) -> list[str]:
    """A set of cut-out numbers."""
    boxes, engines = figures["boxes"], figures["engines"]
    accepted = [
        [
            f"`--max-error {row['max_error']}`",
            f"{row['share_accepted']:.1%}",
            f"{row['share_wrong']:.2%} ({row['wrong']} of {row['accepted']})" if row["accepted"] else "",
        ]
        for row in figures["accepted"]
    ]
    said = (
        f"Boxes that overlap the true one by half or more (IoU ≥ 0.5): "
        f"{boxes['of_numbers_right']['share']:.1%} of the {boxes['of_numbers_right']['digits']:,} digits of "
        f"numbers read right, {boxes['of_all']['share']:.1%} of all {boxes['of_all']['digits']:,} digits. "
        f"Confidence: mean {figures['mean_confidence']:.3f}, expected calibration error {figures['ece']:.4f} "
        "(15 bins)."
    )
    return [
        f"## Cut-out numbers: {figures['count']:,} {name}, {figures['digits']:,} digits",
        engine_table(engines),
        fill(said, 120),
        table(["rule", "accepted", "wrong among the accepted"], accepted),
        "Where inkdigits' time goes, by itself; boxes and the verdict are the rest:",
        table(
            ["", *STAGES],
            [
                [f"{label}, ms", *(f"{figures['stages'][stage][key]:.2f}" for stage in STAGES)]
                for label, key in STAGE_TIMES
            ],
        ),
        "Exact match by the number of digits:",
        by_digits_table(engines),
    ]


def engine_table(engines: dict[str, Any]) -> str:
    """Accuracy and time of all."""
    ours = engines[OURS]
    rows = [
        [
            name,
            f"{e['exact']:.1%}",
            f"{e['character_errors']:.2%}",
            f"{e['median_ms']:.1f}",
            f"{e['p95_ms']:.1f}",
            f"{e['processor_ms']:.1f}",
            times_ours(e, ours),
        ]
        for name, e in engines.items()
    ]
    headings = [
        "",
        "exact",
        "character errors",
        "ms, median",
        "95% below",
        "processor ms",
        "times ours (clock, processor)",
    ]
    return table(headings, rows)


def times_ours(engine: dict[str, Any], ours: dict[str, Any]) -> str:
    """How often ours fits into its time."""
    return ", ".join(f"{engine[key] / ours[key]:.1f}" for key in ("median_ms", "processor_ms"))


def by_digits_table(engines: dict[str, Any]) -> str:
    """Exact match of all, a column for each number of digits."""
    counts = engines[OURS]["by_digits"]
    rows = [
        [name, *(f"{e['by_digits'][count]['exact']:.0%}" for count in counts)] for name, e in engines.items()
    ]
    return table(["digits (numbers)", *(f"{c} ({v['numbers']})" for c, v in counts.items())], rows)


def photo_parts(figures: dict[str, Any]) -> list[str]:
    """The photos."""
    engines = figures["engines"]
    ours = engines[OURS]
    rows = [
        [
            name,
            f"{e['filled_right']:.1%}",
            "none there" if e["empty_left_empty"] is None else f"{e['empty_left_empty']:.1%}",
            f"{e['median_ms']:,.0f}",
            f"{e['processor_ms']:,.0f}",
            times_ours(e, ours),
        ]
        for name, e in engines.items()
    ]
    said = (
        "A digit belongs to the cell that the middle of its box lies in. Of six photos, three say wrongly "
        "that they must be turned by a quarter; inkdigits and RapidOCR do so, and inkdigits turns them back. "
        "Tesseract doesn't look."
    )
    photos = list(ours["photos"])
    return [
        f"## Photos of pages: {len(photos)} sudokus, {figures['cells']:,} cells",
        table(
            [
                "",
                "filled cells right",
                "empty left empty",
                "ms, median",
                "processor ms",
                "times ours (clock, processor)",
            ],
            rows,
        ),
        fill(said, 120),
        "Cells right, and seconds, of each photo:",
        table(
            ["", *photos],
            [
                [name, *(f"{p['right']}, {p['median_ms'] / 1000:.2f} s" for p in e["photos"].values())]
                for name, e in engines.items()
            ],
        ),
    ]


def table(headings: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """In Markdown."""
    lines = [headings, ["---"] * len(headings), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)
