"""Which errors are the labels' and not ours: MNIST's disputed test labels among what recipes answer wrongly.

    python benchmarks/disputed.py NAME [--picture records/disputed.png]

Reads records/recipes.json, which `benchmarks/recipes.py` writes, for all recipes whose wrong test images are
in it. NAME is the recipe whose committee of all recorded seeds is drawn: every test image that it answers
wrongly; its runs must lie in runs/records. Writes records/disputed.md and the picture. Nothing is chosen on
this, and no figure elsewhere leaves the disputed images out.
"""

from __future__ import annotations

import argparse
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from inkdigits.training.candidates import open_committee
from inkdigits.training.datasets import load_mnist
from inkdigits.training.evaluate import answer
from inkdigits.training.galleries import draw_disputed
from recipes import RECORD, ROOT, RUNS, committee_of  # beside this file

PAGE = ROOT / "records" / "disputed.md"
PICTURE = ROOT / "records" / "disputed.png"


@dataclass(frozen=True)
class Vote:
    """What five people said of a test image (Northcutt, Athalye and Mueller 2021).

    Attributes:
        label: MNIST's.
        other: the digit that the authors' network took it for, which was put to the people beside the label.
        for_label: of five.
        for_other: of five.
        for_neither: of five.
    """

    label: int
    other: int
    for_label: int
    for_other: int
    for_neither: int


# by number of the test image, from 0: all whose label fewer than three of five people confirmed, in
# https://github.com/cleanlab/label-errors/blob/main/mturk/mnist_mturk.json
DISPUTED = {
    947: Vote(8, 9, 0, 5, 0),
    1621: Vote(0, 6, 2, 3, 0),
    1901: Vote(9, 4, 2, 3, 0),
    2130: Vote(4, 9, 2, 2, 1),
    2462: Vote(2, 0, 0, 4, 1),
    2597: Vote(5, 3, 0, 4, 1),
    2654: Vote(6, 1, 0, 2, 3),
    3520: Vote(6, 4, 2, 0, 3),
    3558: Vote(5, 0, 1, 4, 0),
    5937: Vote(5, 3, 1, 3, 1),
    6651: Vote(0, 6, 0, 5, 0),
    6783: Vote(1, 6, 2, 3, 0),
    8527: Vote(4, 9, 2, 2, 1),
    9679: Vote(6, 3, 2, 0, 3),
    9729: Vote(5, 6, 2, 3, 0),
}

HEAD = """# Errors that may be the labels'

Made by `python benchmarks/disputed.py {name}` from `records/recipes.json`.

Northcutt, Athalye and Mueller ([2021](https://arxiv.org/abs/2103.14749)) put 100 of MNIST's test images to
five people each. For {count} of them fewer than three confirmed the label. Here as everywhere in this project
an answer is right when it is the label, whatever the picture shows: no figure leaves these images out. This
page says how many of the errors are among them.

Wrong: mean over seeds. Together: the committee of all seeds. Disputed: how many of the wrong ones are among
the {count}.

| recipe | seeds | wrong | disputed | wrong together | disputed | which |
| --- | --- | --- | --- | --- | --- | --- |
{recipes}

Each of the {count}, numbered from 0: what people said, and in how many of the {runs} runs above the answer
wasn't the label.

| image | label | taken for | people: label, other, neither | runs wrong |
| --- | --- | --- | --- | --- |
{images}

![Every test image that the committee of {name} answers wrongly]({picture})
"""


def main() -> None:
    arguments = _parse()
    record = json.loads(RECORD.read_text(encoding="utf-8"))
    known = {
        name: entry
        for name, entry in record.items()
        if all("wrong" in result for result in entry["results"].values())
    }
    if arguments.name not in known:
        raise SystemExit(
            f"{arguments.name}: the record doesn't say which images it gets wrong; "
            f"run benchmarks/recipes.py {arguments.name} first"
        )
    draw(arguments.name, list(known[arguments.name]["results"]), arguments.picture)
    arguments.page.write_text(page(arguments.name, known, arguments.picture.name), encoding="utf-8")
    print(f"{arguments.page} and {arguments.picture}: written")


def _parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("name", help="the recipe whose committee is drawn, as the record calls it")
    parser.add_argument("--page", type=Path, default=PAGE)
    parser.add_argument("--picture", type=Path, default=PICTURE, help="beside the page")
    return parser.parse_args()


def draw(name: str, seeds: list[str], picture: Path) -> None:
    """Every test image that the seeds together get wrong."""
    committee = open_committee([RUNS / f"{name}-{seed}" for seed in seeds], "cpu")
    test = load_mnist("test")
    assert test.labels is not None
    answers = answer(committee.logits(test.images), committee.temperature)
    who = f"{name} ({len(seeds)} seeds together)" if len(seeds) > 1 else name
    draw_disputed(picture, test, test.labels, answers, DISPUTED, who)


def page(name: str, known: dict[str, Any], picture: str) -> str:
    """The whole record."""
    runs = [set(result["wrong"]) for entry in known.values() for result in entry["results"].values()]
    images = [
        f"| {index} | {vote.label} | {vote.other} | {vote.for_label}, {vote.for_other}, {vote.for_neither} "
        f"| {sum(index in wrong for wrong in runs)} |"
        for index, vote in DISPUTED.items()
    ]
    return HEAD.format(
        name=name,
        count=len(DISPUTED),
        recipes="\n".join(_row(one, entry) for one, entry in known.items()),
        runs=len(runs),
        images="\n".join(images),
        picture=picture,
    )


def _row(name: str, entry: dict[str, Any]) -> str:
    runs = [set(result["wrong"]) for result in entry["results"].values()]
    wrong = sum(map(len, runs)) / len(runs)
    disputed = sum(len(one & DISPUTED.keys()) for one in runs) / len(runs)
    cells = ["–", "–", "–"]
    if committee := committee_of(entry):
        among = [index for index in DISPUTED if index in committee["wrong"]]
        cells = [str(len(committee["wrong"])), str(len(among)), ", ".join(map(str, among)) or "none"]
    return f"| `{name}` | {len(runs)} | {wrong:.1f} | {disputed:.1f} | {' | '.join(cells)} |"


if __name__ == "__main__":
    main()
