"""What recognisers do where they weren't trained: other people's digits, and MNIST-C's fifteen corruptions.

    python benchmarks/other_handwriting.py [RUN|WEIGHTS …] [--data ../shared/data] [--images 10000] [--write]

The shipped network, and any runs or weights named: accuracy on MNIST's test images, on Semeion and on digits
cut from cheques (as the product's own glyph code prepares them; what it takes for blank counts as wrong), and
the error under each corruption of the test images, their mean and the worst. Sets that aren't there are left
out with a line. `--write` keeps it all in records/other-handwriting.{json,md}. Nothing is chosen on these
figures.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from digit_sets import digit_sets  # beside this file
from inkdigits.glyph import glyph_from_grey
from inkdigits.model import SHIPPED
from inkdigits.training.candidates import Candidate, open_candidate
from inkdigits.training.corruptions import CORRUPTIONS, corrupt
from inkdigits.training.datasets import load_mnist
from measured import commit  # beside this file

ROOT = Path(__file__).parent.parent
RECORD = ROOT / "records" / "other-handwriting.json"


@dataclass(frozen=True)
class Glyphs:
    """A data set, prepared.

    Attributes:
        name: for the table.
        images: `uint8 (N, 28, 28)`; all 0 where nothing was found in the picture.
        labels: `int64 (N,)`; -1, which no answer is, where nothing was found.
    """

    name: str
    images: NDArray[np.uint8]
    labels: NDArray[np.int64]


def main() -> None:
    arguments = parse()
    candidates = [open_candidate(path, "cpu") for path in [SHIPPED, *arguments.weights]]
    test = load_mnist("test")
    assert test.labels is not None
    # evenly: the first half of the test images is easier than the second
    some = np.linspace(0, len(test) - 1, arguments.images).astype(int)
    sets = [Glyphs("MNIST test", test.images, test.labels), *prepared(arguments.data)]
    if len(sets) == 1:
        print(f"{arguments.data}: no Semeion and no cheques there; only MNIST is measured", file=sys.stderr)
    accuracies = {one.name: {"count": len(one.labels), "accuracy": ask(candidates, one)} for one in sets}
    errors = {}
    for name in CORRUPTIONS:
        corrupted = Glyphs(name, corrupt(test.images[some], name), test.labels[some])
        errors[name] = [1 - accuracy for accuracy in ask(candidates, corrupted)]
    found = {
        "weights": [described(candidate) for candidate in candidates],
        "images": len(some),
        "sets": accuracies,
        "corruption_errors": errors,
        "commit": commit(),
    }
    print(page(found))
    if arguments.write:
        RECORD.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
        RECORD.with_suffix(".md").write_text(page(found), encoding="utf-8")


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "weights", type=Path, nargs="*", metavar="RUN|WEIGHTS", help="beside the shipped ones"
    )
    parser.add_argument("--data", type=Path, default=ROOT.parent / "shared" / "data")
    parser.add_argument(
        "--images", type=int, default=10_000, help="to corrupt, evenly out of MNIST's test images"
    )
    parser.add_argument("--write", action="store_true", help="make records/other-handwriting.{json,md}")
    return parser.parse_args()


def prepared(data: Path) -> list[Glyphs]:
    """Other people's digits as the recogniser would see them."""
    sets = []
    for name, pictures, digits in digit_sets(data):
        glyphs = [glyph_from_grey(picture) for picture in pictures]
        images = np.stack([np.zeros((28, 28), np.uint8) if glyph is None else glyph for glyph in glyphs])
        labels = [-1 if glyph is None else digit for glyph, digit in zip(glyphs, digits, strict=True)]
        sets.append(Glyphs(name, images, np.array(labels, np.int64)))
    return sets


def ask(candidates: list[Candidate], data: Glyphs) -> list[float]:
    """Each one's accuracy."""
    found = [float(np.mean(answers(one, data.images) == data.labels)) for one in candidates]
    print(data.name, *(f"{accuracy:.2%}" for accuracy in found), file=sys.stderr, flush=True)
    return found


def answers(candidate: Candidate, images: NDArray[np.uint8]) -> NDArray[np.int64]:
    """The digit that each image gets."""
    digits = np.array([int(name) for name in candidate.classes])
    return np.asarray(digits[candidate.logits(images).argmax(axis=1)], np.int64)


def described(candidate: Candidate) -> dict[str, Any]:
    """What is known of it."""
    facts = candidate.facts
    recipe = facts.get("recipe", {}).get("name")
    shipped = candidate.path == SHIPPED
    return {
        "name": f"shipped (`{recipe}`)" if shipped else candidate.name,
        "recipe": recipe,
        "seed": facts.get("seed", facts.get("trained in", {}).get("seed")),
        "parameters": facts.get("parameters"),
        "weights_sha256": facts.get("weights_sha256"),
    }


def page(found: dict[str, Any]) -> str:
    """The whole record."""
    names = [one["name"] for one in found["weights"]]
    by_weights = list(zip(*found["corruption_errors"].values(), strict=True))
    worst = [max(zip(errors, found["corruption_errors"], strict=True)) for errors in by_weights]
    head = "| | " + " | ".join(names) + " |\n" + "| --- " * (1 + len(names)) + "|"
    figures = [
        *((name, [f"{a:.2%}" for a in one["accuracy"]]) for name, one in found["sets"].items()),
        ("corruptions, mean error", [f"{statistics.mean(errors):.2%}" for errors in by_weights]),
        ("the worst of them", [f"{error:.2%}, {name}" for error, name in worst]),
    ]
    each = [
        (name, [f"{error:.2%}" for error in errors]) for name, errors in found["corruption_errors"].items()
    ]
    counts = ", ".join(f"{name} {one['count']:,}" for name, one in found["sets"].items())
    parts = [
        "# Other handwriting, and corrupted images",
        f"Made by `python benchmarks/other_handwriting.py --write`, {date.today()}, "
        f"commit {found['commit']}.",
        "No network was trained on any of it, and nothing is chosen on these figures. But faults that\n"
        "showed on Semeion and on cheques were mended in the glyph code (MODEL_CARD.md).",
        f"Accuracy. Images: {counts}.",
        "\n".join([head, *(row(*one) for one in figures)]),
        "Errors on MNIST's test images under each of MNIST-C's corruptions (Mu and Gilmer 2019), made by\n"
        "[corruptions.py](../src/inkdigits/training/corruptions.py); "
        f"{found['images']:,} images, evenly out of 10,000.",
        "\n".join([head, *(row(*one) for one in each)]),
        "\n".join(weights_line(one) for one in found["weights"]),
    ]
    return "\n\n".join(parts) + "\n"


def row(name: str, cells: list[str]) -> str:
    return f"| {name} | {' | '.join(cells)} |"


def weights_line(one: dict[str, Any]) -> str:
    known = f"{one['parameters']:,} parameters" if one["parameters"] else "parameters unknown"
    weights = str(one["weights_sha256"])[:16]
    return f"- {one['name']}: recipe {one['recipe']}, seed {one['seed']}, {known}, weights {weights}…"


if __name__ == "__main__":
    main()
