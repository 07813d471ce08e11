"""Digits to sheets: samples, answers, errors. Knows the house style; the charts are in plots.py."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from inkdigits.training.datasets import Dataset
from inkdigits.training.drawing import LineStyle, Tile, draw_sheet, shorten
from inkdigits.training.evaluate import Answers

Labels = NDArray[np.int64]


def draw_samples(path: Path, data: Dataset, labels: Labels, columns: int = 12) -> None:
    """Writes a row of samples for each class, spread evenly over the data."""
    columns = min(columns, max(4, 240 // len(data.classes)))  # many classes: shorter rows, a smaller file
    tiles: list[Tile | None] = []
    for index in range(len(data.classes)):
        members = spread(np.flatnonzero(labels == index), columns)
        tiles += [Tile(data.images[member]) for member in members]
        tiles += [None] * (columns - len(members))
    detail = f"{len(data):,} images, {len(data.classes)} classes, a row each"
    names = [shorten(name) for name in data.classes]
    draw_sheet(path, f"Samples of {data.name}", detail, tiles, columns=columns, row_names=names)


def draw_predictions(
    path: Path, data: Dataset, labels: Labels, answers: Answers, count: int = 50, columns: int = 10
) -> None:
    """Writes samples spread evenly over the data with answer, confidence, and the truth where it differs."""
    chosen = spread(np.arange(len(data)), count)
    tiles = [_tile(data, labels, answers, index, "alarming") for index in chosen]
    wrong = int((answers.predicted[chosen] != labels[chosen]).sum())
    detail = f"{len(tiles) - wrong} right, {wrong} wrong (truth → answer); below, the confidence"
    draw_sheet(path, f"Answers for {len(tiles)} samples", detail, tiles, columns=columns)


def draw_misclassified(
    path: Path, data: Dataset, labels: Labels, answers: Answers, count: int = 100, columns: int = 10
) -> None:
    """Writes the wrong answers, most confident first; a picture that says so when there are none."""
    wrong = np.flatnonzero(answers.predicted != labels)
    worst = wrong[np.argsort(-answers.confidence[wrong], kind="stable")][:count]
    tiles = [_tile(data, labels, answers, index, "strong") for index in worst]
    which = "all of them" if len(wrong) <= count else f"the {count} most confident"
    detail = f"{which}, surest first: truth → answer; below, the confidence in it"
    if not tiles:
        detail = f"none: all {len(data):,} samples were answered rightly"
    draw_sheet(path, f"Wrong answers: {len(wrong):,} of {len(data):,}", detail, tiles, columns=columns)


def draw_disputed(
    path: Path,
    data: Dataset,
    labels: Labels,
    answers: Answers,
    disputed: Collection[int],
    who: str,
    columns: int = 10,
) -> None:
    """Writes every wrong answer with its number, surest first; those whose label people dispute are marked.

    Args:
        path: of the PNG.
        data: images.
        labels: `int64 (N,)`, as they are, disputed or not.
        answers: to the images.
        disputed: numbers of the images whose label people dispute.
        who: gave the answers; for the title.
        columns: tiles a row.
    """
    wrong = np.flatnonzero(answers.predicted != labels)
    order = wrong[np.argsort(-answers.confidence[wrong], kind="stable")]
    tiles = []
    for index in order.tolist():
        said = _tile(data, labels, answers, index, "strong")
        mark: tuple[str, LineStyle] = ("disputed", "alarming") if index in disputed else ("", "quiet")
        tiles.append(Tile(said.image, (*said.lines, (f"no. {index:,}", "quiet"), mark)))
    count = sum(index in disputed for index in order.tolist())
    detail = f"label → answer, confidence, number of the image; people dispute the label of {count}"
    title = f"All that {who} gets wrong: {len(wrong):,} of {len(data):,}"
    draw_sheet(path, title, detail, tiles, columns=columns)


def spread(indices: NDArray[np.intp], count: int) -> NDArray[np.intp]:
    """At most `count` of the indices, evenly spaced, first and last among them."""
    if len(indices) <= count:
        return indices
    return np.asarray(indices[np.linspace(0, len(indices) - 1, count).round().astype(int)])


def percent(share: float) -> str:
    """With one place, but never rounded up to a certainty."""
    return "> 99.9%" if 0.9995 <= share < 1 else f"{share:.1%}"


def _tile(data: Dataset, labels: Labels, answers: Answers, index: int, when_wrong: LineStyle) -> Tile:
    truth, answer = data.classes[labels[index]], data.classes[answers.predicted[index]]
    confidence = percent(answers.confidence[index])
    if labels[index] == answers.predicted[index]:
        return Tile(data.images[index], ((shorten(answer), "strong"), (confidence, "quiet")))
    said = (
        [f"{truth} → {answer}"] if len(truth + answer) <= 6 else [shorten(truth), f"→ {shorten(answer, 8)}"]
    )
    under: LineStyle = "alarming" if when_wrong == "alarming" else "quiet"
    return Tile(data.images[index], (*((line, when_wrong) for line in said), (confidence, under)))
