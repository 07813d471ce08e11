"""What the shipped recogniser is worth: MNIST's test set, other people's digits, things that are no digits.

    python benchmarks/handwriting.py [--weights FILE.onnx] [--data ../shared/data] [--fonts DIR] [--write]

For each set of digits: accuracy of all answers, share that is accepted, share wrong among the accepted,
calibration, share called `not_a_digit`. For what is no digit (`outliers.py`): how well confidence tells it
from MNIST's test digits (AUROC), and the shares accepted, unsure, called `not_a_digit` and `blank`. Data sets
and fonts that aren't there are left out. `--write` keeps it all in records/handwriting.{json,md}.
No network was trained on any of them; but faults that showed on enlarged test images, on Semeion and on
cheques were mended (records/glyph.md, MODEL_CARD.md), so these are not untouched test sets.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from sklearn.metrics import roc_auc_score

from digit_sets import digit_sets  # beside this file, as is `outliers`
from inkdigits.reader import Reader
from inkdigits.results import Classification
from inkdigits.training.datasets import load_mnist
from outliers import other_sets

ROOT = Path(__file__).parent.parent


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--weights", type=Path, help="an ONNX file; the shipped one unless said")
    parser.add_argument("--data", type=Path, default=ROOT.parent / "shared" / "data")
    parser.add_argument("--fonts", type=Path, default=Path("/usr/share/fonts/truetype"))
    parser.add_argument("--write", action="store_true")
    arguments = parser.parse_args()
    reader = Reader.load(arguments.weights)
    test = load_mnist("test")
    assert test.labels is not None
    known = reader.classify_glyphs(test.images)
    digits = {"MNIST test": _of_digits(known, test.labels.tolist())}
    enlarged = [
        255 - np.asarray(Image.fromarray(i).resize((112, 112), Image.Resampling.BICUBIC)) for i in test.images
    ]
    digits["MNIST test, four times as large, dark on light"] = _of_digits(
        reader.classify_many(enlarged), test.labels.tolist()
    )
    for name, pictures, labels in digit_sets(arguments.data):
        digits[name] = _of_digits(reader.classify_many(pictures), labels)
    others = {
        name: _of_others(reader.classify_many(pictures), known)
        for name, pictures in other_sets(arguments.data, arguments.fonts)
    }
    card = reader.model.card
    result = {"weights_sha256": card["sha256"], "seed": card.get("seed"), "digits": digits, "others": others}
    page = _page(result)
    print(page)
    if arguments.write:
        (ROOT / "records" / "handwriting.json").write_text(
            json.dumps(result, indent=1) + "\n", encoding="utf-8"
        )
        (ROOT / "records" / "handwriting.md").write_text(page, encoding="utf-8")


def _of_digits(answers: list[Classification], labels: list[int]) -> dict[str, Any]:
    right = np.array([answer.digit == label for answer, label in zip(answers, labels, strict=True)])
    accepted = np.array([answer.accepted for answer in answers])
    confidence = np.array([answer.confidence for answer in answers])
    return {
        "count": len(labels),
        "accuracy": float(right.mean()),
        "accepted": float(accepted.mean()),
        "wrong_among_accepted": float((~right[accepted]).mean()),
        "ece": _calibration_error(confidence, right),
        "called_not_a_digit": float(np.mean([answer.reason == "not_a_digit" for answer in answers])),
        "called_blank": float(np.mean([answer.reason == "blank" for answer in answers])),
    }


def _of_others(answers: list[Classification], digits: list[Classification]) -> dict[str, Any]:
    confidence = [answer.confidence for answer in answers] + [answer.confidence for answer in digits]
    truth = [0] * len(answers) + [1] * len(digits)
    return {
        "count": len(answers),
        "auroc": float(roc_auc_score(truth, confidence)),
        "accepted": float(np.mean([answer.accepted for answer in answers])),
        **{
            reason: float(np.mean([answer.reason == reason for answer in answers]))
            for reason in ("unsure", "not_a_digit", "blank")
        },
    }


def _calibration_error(confidence: NDArray[np.float64], right: NDArray[np.bool_]) -> float:
    """Expected calibration error over 15 bins of equal width (Guo et al. 2017)."""
    bins = np.clip((confidence * 15).astype(int), 0, 14)
    gaps = [abs(confidence[bins == b].sum() - right[bins == b].sum()) for b in range(15)]
    return float(sum(gaps) / len(right))


def _page(result: dict[str, Any]) -> str:
    lines = [
        "# The shipped recogniser on handwriting, and on what is none",
        "",
        f"Made by `python benchmarks/handwriting.py --write`; weights {result['weights_sha256'][:16]}…",
        "",
        "| digits | pictures | accuracy | accepted | wrong among accepted | ECE | called not_a_digit |",
        "| --- | --- | --- | --- | --- | --- | --- |",
    ]
    lines += [
        f"| {name} | {r['count']:,} | {r['accuracy']:.2%} | {r['accepted']:.2%} "
        f"| {r['wrong_among_accepted']:.2%} | {r['ece']:.4f} | {r['called_not_a_digit']:.2%} |"
        for name, r in result["digits"].items()
    ]
    lines += [
        "",
        "| no digits | pictures | AUROC to MNIST test | accepted | unsure | called not_a_digit | blank |",
        "| --- | --- | --- | --- | --- | --- | --- |",
    ]
    lines += [
        f"| {name} | {r['count']:,} | {r['auroc']:.4f} | {r['accepted']:.2%} | {r['unsure']:.2%} "
        f"| {r['not_a_digit']:.2%} | {r['blank']:.2%} |"
        for name, r in result["others"].items()
    ]
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    main()
