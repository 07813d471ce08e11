"""How many errors a check digit removes: numbers that carry one, read without knowing it and with `--check`.

    python benchmarks/check_digits.py [--numbers 500] [--weights FILE.onnx] [--write]

Numbers that pass the check are drawn at random, grouped as on paper, and composed as training lines are, but
with MNIST's validation digits and a seed of their own. Each picture is read three times: with nothing known,
with `--length`, and with `--check`, so that what the check says can be told from what its length says.
`--write` makes records/check-digits.{json,md}. Needs the extra `train`.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from itertools import product
from pathlib import Path
from textwrap import fill
from typing import Any

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from composed import validation_composer  # beside this file
from figures import DIGITS, only_digits
from inkdigits import Reader
from inkdigits.checks import check_named
from inkdigits.reading import Options
from inkdigits.results import Line
from measured import commit  # beside this file
from reading_page import table

ROOT = Path(__file__).parent.parent
RECORD = ROOT / "records" / "check-digits"
SEED = 27_182_818  # of texts and lines

Grey = NDArray[np.uint8]


@dataclass(frozen=True)
class Kind:
    """Numbers with a check digit.

    Attributes:
        name: for the table.
        check: that they pass, as `--check` takes it.
        form: `#` a random digit, `C` a check digit, anything else as it stands; a space is a gap.
        told: what `--check` is given instead, if less is known.
    """

    name: str
    check: str
    form: str
    told: str | None = None


KINDS = (
    Kind("payment card", "luhn", "#### #### #### ###C"),
    Kind("ISBN", "isbn13", "978-#-##-######-C"),
    Kind("article number", "ean", "############C"),
    Kind("American bank", "aba", "########C"),
    Kind("Aadhaar", "verhoeff", "#### #### ###C"),
    Kind("German account", "iban:DE", "CC #### #### #### #### ##"),
    Kind("the same, country not told", "iban:DE", "CC #### #### #### #### ##", told="iban"),
)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--numbers", type=int, default=500, help="of each kind")
    parser.add_argument("--weights", type=Path, help="of the line network; the shipped ones unless said")
    parser.add_argument("--write", action="store_true", help="make records/check-digits.{json,md}")
    arguments = parser.parse_args()
    reader = Reader.load(line_weights=arguments.weights)
    kinds = {}
    for kind in KINDS:
        figures = measured(reader, kind, arguments.numbers)
        kinds[kind.told or kind.check] = {"name": kind.name, "form": kind.form, **figures}
        print(f"{kind.name}: {figures}", file=sys.stderr, flush=True)
    result = {
        "weights_sha256": reader.numbers.model.card["sha256"],
        "numbers": arguments.numbers,
        "kinds": kinds,
    }
    page = record(result)
    print(page)
    if arguments.write:
        RECORD.with_suffix(".json").write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")
        RECORD.with_suffix(".md").write_text(page, encoding="utf-8")


def valid_number(rng: Generator, kind: Kind) -> str:
    """A random number of this kind that passes its check, as it is written."""
    check, places = check_named(kind.check), kind.form.count("C")
    while True:
        form = "".join(str(rng.integers(10)) if c == "#" else c for c in kind.form)
        for digits in product(DIGITS, repeat=places):
            rest = iter(digits)
            text = "".join(next(rest) if c == "C" else c for c in form)
            if check.passes(only_digits(text)):
                return text


def written(kind: Kind, count: int) -> tuple[list[str], list[Grey]]:
    """So many numbers and pictures of them."""
    rng, composer = np.random.default_rng(SEED), validation_composer(SEED)
    texts = [valid_number(rng, kind) for _ in range(count)]
    pictures = [composer.written(index, text).picture for index, text in enumerate(texts)]
    return [only_digits(text) for text in texts], pictures


def measured(reader: Reader, kind: Kind, count: int) -> dict[str, Any]:
    """Figures of a kind of numbers, by what is known of them."""
    truths, pictures = written(kind, count)
    ways: dict[str, Options] = {
        "nothing": {"layout": "line"},
        "length": {"layout": "line", "length": len(truths[0])},
        "check": {"layout": "line", "check": kind.told or kind.check},
    }
    read = {
        way: [reader.read(picture, **options).lines[0] for picture in pictures]
        for way, options in ways.items()
    }
    return {way: of_lines(lines, truths) for way, lines in read.items()}


def of_lines(lines: Sequence[Line], truths: Sequence[str]) -> dict[str, Any]:
    """Shares: right, given up, wrong; accepted, and wrong among those."""
    right = np.array([line.text == truth for line, truth in zip(lines, truths, strict=True)])
    given_up = np.array([not line.text for line in lines])
    accepted = np.array([line.accepted for line in lines])
    wrong = ~right & ~given_up
    return {
        "exact": float(right.mean()),
        "given_up": float(given_up.mean()),
        "wrong": float(wrong.mean()),
        "accepted": float(accepted.mean()),
        "wrong_among_accepted": float(wrong[accepted].mean()) if accepted.any() else 0.0,
        "wrong_accepted": int((wrong & accepted).sum()),
    }


def record(result: dict[str, Any]) -> str:
    """The whole record."""
    said = (
        f"{date.today()}, commit {commit()}, line network {result['weights_sha256'][:16]}…. "
        f"{result['numbers']:,} numbers of each kind, composed as training lines are, with MNIST's "
        "validation digits. Given up: no number that passes is likely enough, and nothing is answered. "
        "Wrong: another number is answered. Errors removed: of the numbers that are read wrong with nothing "
        "known, how many fewer are wrong with `--check`. Accepted: by the rule that ships."
    )
    kinds = result["kinds"]
    return (
        "\n\n".join(
            [
                "# What a check digit removes",
                f"    python benchmarks/check_digits.py --numbers {result['numbers']} --write",
                fill(said, 120),
                answers_table(kinds),
                "What is accepted, and what of that is wrong:",
                accepted_table(kinds),
            ]
        )
        + "\n"
    )


def answers_table(kinds: dict[str, Any]) -> str:
    """Answers with nothing known, the length known, the check known."""
    headings = [
        "`--check`",
        "written as",
        "exact",
        "exact, `--length`",
        "exact, `--check`",
        "given up",
        "wrong before",
        "wrong with `--check`",
        "errors removed",
    ]
    return table(
        headings,
        [
            [
                f"{check} ({k['name']})",
                f"`{k['form']}`",
                *(f"{k[way]['exact']:.1%}" for way in ("nothing", "length", "check")),
                f"{k['check']['given_up']:.1%}",
                f"{k['nothing']['wrong']:.1%}",
                f"{k['check']['wrong']:.1%}",
                f"{1 - k['check']['wrong'] / k['nothing']['wrong']:.0%}" if k["nothing"]["wrong"] else "",
            ]
            for check, k in kinds.items()
        ],
    )


def accepted_table(kinds: dict[str, Any]) -> str:
    """Accepted, and wrong among the accepted, in each way."""
    ways = {"nothing": "nothing known", "length": "`--length`", "check": "`--check`"}
    return table(
        ["`--check`", *(f"{said}: accepted, wrong" for said in ways.values())],
        [
            [
                check,
                *(
                    f"{row['accepted']:.1%}, {row['wrong_among_accepted']:.2%} ({row['wrong_accepted']})"
                    if row["accepted"]
                    else "none"
                    for row in (k[way] for way in ways)
                ),
            ]
            for check, k in kinds.items()
        ],
    )


if __name__ == "__main__":
    main()
