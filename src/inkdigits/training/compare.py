"""Recognisers side by side on the same data, and whether their difference is more than chance.

Knows the statistics and composes the page; its pictures are in contrasts.py.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from itertools import combinations
from pathlib import Path
from string import ascii_uppercase
from typing import Any

import numpy as np
from numpy.typing import NDArray

from inkdigits.errors import UsageError
from inkdigits.training import candidates, runs
from inkdigits.training.candidates import Candidate
from inkdigits.training.datasets import Dataset
from inkdigits.training.evaluate import Answers, Metrics, answer, judge

FORMAT = "inkdigits-comparison-1"
COMPARISONS = Path("runs/compare")
LEVEL = 0.05  # of the tests


@dataclass(frozen=True)
class Contender:
    """One of those compared.

    Attributes:
        letter: A, B, C …, its short name on the page.
        candidate: the recogniser.
        metrics: its figures.
        answers: what it answered.
    """

    letter: str
    candidate: Candidate
    metrics: Metrics
    answers: Answers

    def to_dict(self) -> dict[str, Any]:
        """Its row of the table."""
        history, facts, metrics = self.candidate.history, self.candidate.facts, self.metrics
        recipe = facts.get("recipe")
        return {
            "letter": self.letter,
            "name": self.candidate.name,
            "path": str(self.candidate.path),
            "recipe": recipe.get("name") if isinstance(recipe, dict) else None,
            "parameters": facts.get("parameters"),
            "seed": facts.get("seed"),
            "epochs": len(history) or None,
            "seconds": sum(epoch.seconds for epoch in history) or None,
            "accuracy": metrics.accuracy,
            "standard_error": metrics.standard_error,
            "errors": metrics.errors,
            "macro_f1": metrics.macro.f1,
            "loss": metrics.loss,
            "ece": metrics.ece,
        }


@dataclass(frozen=True)
class Pair:
    """Two contenders, image by image.

    Attributes:
        first: letter of one.
        second: letter of the other.
        only_first: images that only the first answers rightly.
        only_second: images that only the second answers rightly.
        both_wrong: images that neither does.
        p: of McNemar's exact test: how probable so uneven a split is if both are equally good.
        p_holm: the same, corrected for the number of pairs (Holm 1979).
    """

    first: str
    second: str
    only_first: int
    only_second: int
    both_wrong: int
    p: float
    p_holm: float

    @property
    def better(self) -> str | None:
        """The letter of the better one where the difference is more than chance at 5%."""
        if self.p_holm >= LEVEL:
            return None
        return self.first if self.only_first > self.only_second else self.second


@dataclass(frozen=True)
class Comparison:
    """Contenders on one data set.

    Attributes:
        data: with labels, its classes those of the contenders.
        contenders: in the order given.
        pairs: every two of them.
        cautions: why figures may flatter, a sentence each.
    """

    data: Dataset
    contenders: tuple[Contender, ...]
    pairs: tuple[Pair, ...]
    cautions: tuple[str, ...]

    @property
    def differing(self) -> NDArray[np.intp]:
        """Indices of the images to which not all give the same answer."""
        said = np.stack([c.answers.predicted for c in self.contenders])
        return np.flatnonzero((said != said[0]).any(axis=0))

    def to_dict(self) -> dict[str, Any]:
        """The JSON object of `compare.json`."""
        classes, labels = self.data.classes, self.data.labels
        assert labels is not None
        return {
            "format": FORMAT,
            "data": {"name": self.data.name, "sha256": self.data.sha256, "samples": len(self.data)},
            "runs": [contender.to_dict() for contender in self.contenders],
            "pairs": [{**asdict(pair), "better": pair.better} for pair in self.pairs],
            "test": "McNemar, exact binomial, two-sided; p_holm corrected for all pairs (Holm 1979)",
            "differing": [
                {
                    "index": int(index),
                    "truth": classes[labels[index]],
                    "answers": {c.letter: classes[c.answers.predicted[index]] for c in self.contenders},
                }
                for index in self.differing
            ],
            "cautions": list(self.cautions),
        }


def compare(paths: Sequence[Path], data: Dataset, *, device: str = "auto") -> Comparison:
    """Judges several recognisers on the same data and tests every two of them.

    Args:
        paths: two or more run folders, .safetensors or .onnx files with the same classes.
        data: with labels.
        device: auto, cpu, cuda, mps.

    Raises:
        UsageError: fewer than two, or more than 26.
        InvalidData: no labels, or classes that one of them doesn't know.
        InvalidWeights: one of them can't be opened.
    """
    if not 2 <= len(paths) <= len(ascii_uppercase):
        raise UsageError(f"comparing takes 2 to 26 runs or files, not {len(paths)}")
    opened = [candidates.open_candidate(path, device) for path in paths]
    fitting = candidates.with_classes(data, opened[0].classes, opened[0].name)
    for other in opened[1:]:
        candidates.with_same_classes(opened[0], other)
    contenders = tuple(_contender(*item, fitting) for item in zip(ascii_uppercase, opened, strict=False))
    assert fitting.labels is not None
    right = {c.letter: c.answers.predicted == fitting.labels for c in contenders}
    warnings = [sentence for one in opened for sentence in candidates.cautions(one, data)]
    return Comparison(fitting, contenders, compare_pairs(right), tuple(warnings))


def compare_pairs(right: dict[str, NDArray[np.bool_]]) -> tuple[Pair, ...]:
    """Every two of the named, tested; `right[name]` says of each image whether it was answered rightly."""
    names = list(combinations(right, 2))
    counts = [
        (
            int((right[a] & ~right[b]).sum()),
            int((right[b] & ~right[a]).sum()),
            int((~right[a] & ~right[b]).sum()),
        )
        for a, b in names
    ]
    p_values = [mcnemar(only_a, only_b) for only_a, only_b, _ in counts]
    rows = zip(names, counts, p_values, holm(p_values), strict=True)
    return tuple(Pair(*pair, *count, p, corrected) for pair, count, p, corrected in rows)


def mcnemar(only_first: int, only_second: int) -> float:
    """Two-sided p of McNemar's test (1947), by the exact binomial distribution for any counts.

    Args:
        only_first: samples that only the first got right.
        only_second: samples that only the second got right.
    """
    discordant = only_first + only_second
    ways = tail = 1  # of choosing 0, 1, 2 … out of the discordant; whole numbers, so nothing underflows
    for chosen in range(min(only_first, only_second)):
        ways = ways * (discordant - chosen) // (chosen + 1)
        tail += ways
    return min(1.0, 2 * tail / (1 << discordant))


def holm(p_values: Sequence[float]) -> list[float]:
    """P values corrected for being many (Holm 1979), in the order given."""
    corrected = [0.0] * len(p_values)
    highest = 0.0
    for rank, place in enumerate(sorted(range(len(p_values)), key=p_values.__getitem__)):
        highest = max(highest, min(1.0, (len(p_values) - rank) * p_values[place]))
        corrected[place] = highest
    return corrected


def fresh_folder(comparison: Comparison) -> Path:
    """A new folder below `runs/compare`, named after the contenders."""
    names = [candidates.folder_name(c.candidate.name) for c in comparison.contenders]
    name = "-vs-".join(names) if len(names) <= 3 else f"{names[0]}-vs-{len(names) - 1}-others"
    return runs.new_folder(COMPARISONS, name)


def _contender(letter: str, candidate: Candidate, data: Dataset) -> Contender:
    logits = candidate.logits(data.images)
    metrics = judge(logits, data.labels, data.classes, candidate.temperature)
    return Contender(letter, candidate, metrics, answer(logits, candidate.temperature))
