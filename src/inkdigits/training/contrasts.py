"""A comparison to a page: tables, and pictures of what sets the contenders apart. Composes the parts."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.ticker import FuncFormatter

from inkdigits.training import webpage
from inkdigits.training.compare import LEVEL, Comparison, Contender, Pair
from inkdigits.training.drawing import (
    INK,
    MARKERS,
    SERIES,
    Tile,
    draw_sheet,
    drawing,
    headline,
    legend_below,
    shorten,
)
from inkdigits.training.files import write_whole
from inkdigits.training.plots import distances, draw_by_epoch, scale_accuracy, scale_loss
from inkdigits.training.report import make_folder, show, write_json
from inkdigits.training.webpage import Html

SHOWN = 60  # images on which the contenders differ


def write_comparison(folder: Path, comparison: Comparison) -> None:
    """Writes `compare.json`, `compare.html` and the pictures into a folder.

    Raises:
        OutputError: a file can't be written.
    """
    make_folder(folder)
    sections = [
        ("Side by side", _side_by_side(folder, comparison)),
        ("Is the difference real?", _tests(comparison)),
        ("Where they differ", _differences(folder, comparison)),
        *_learning(folder, comparison),
        ("What they are made of", _recipes(comparison)),
    ]
    names = [contender.candidate.name for contender in comparison.contenders]
    data = comparison.data
    subtitle = f"Compared on {data.name}: {len(data):,} images, {len(data.classes)} classes"
    page = webpage.page(" · ".join(names), subtitle, _summary(comparison), sections)
    write_whole(folder / "compare.html", page)
    write_json(folder / "compare.json", comparison.to_dict())


def table_rows(comparison: Comparison) -> list[tuple[str, ...]]:
    """The table side by side, head first, as text: also for terminals."""
    head = ("run", "recipe", "parameters", "epochs", "seconds", "accuracy", "wrong", "ECE")
    return [head, *(_row(contender) for contender in comparison.contenders)]


def verdict(pair: Pair) -> str:
    """A pair's test in words."""
    if pair.better is None:
        return f"{pair.first} and {pair.second}: no clear difference (p = {p_text(pair.p_holm)})"
    other = pair.second if pair.better == pair.first else pair.first
    return (
        f"{pair.better} is better than {other} (p {'' if pair.p_holm < 0.001 else '= '}{p_text(pair.p_holm)})"
    )


def p_text(p: float) -> str:
    """A p value with three places, none of which claims too much."""
    return "< 0.001" if p < 0.001 else f"{p:.3f}"


def draw_accuracies(path: Path, comparison: Comparison) -> None:
    """Writes each contender's accuracy with its 95% interval."""
    contenders = comparison.contenders
    accuracy = np.array([c.metrics.accuracy for c in contenders])
    with drawing(path, 9.0, 1.6 + 0.4 * len(contenders)) as figure:
        axes = figure.add_subplot()
        low, high = distances(accuracy, np.array([float(c.metrics.n) for c in contenders]))
        for place in range(len(contenders)):
            axes.errorbar(
                *(accuracy[place], place), xerr=[[low[place]], [high[place]]],
                fmt=MARKERS[place % 6], color=SERIES[place % 6], elinewidth=1.6, capsize=4,
            )  # fmt: skip
        best = contenders[int(accuracy.argmax())]
        headline(axes, "Accuracy, with its 95% interval", f"highest: {_called(best)}, {accuracy.max():.2%}")
        axes.set_yticks(range(len(contenders)), [_called(c, 24) for c in contenders])
        axes.set_ylim(len(contenders) - 0.5, -0.5)
        axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{round(100 * value, 4):g}%"))
        axes.locator_params(axis="x", nbins=6)
        axes.set_xlabel("samples right (the axis need not start at 0)")
        axes.grid(True, axis="x")
        axes.tick_params(axis="y", length=0, labelcolor=INK)


def draw_all_curves(path: Path, contenders: Iterable[Contender]) -> None:
    """Writes loss and accuracy by epoch of those that have a history, over each other."""
    with drawing(path, 10.5, 4.0) as figure:
        loss, accuracy = figure.subplots(1, 2)
        for place, contender in enumerate(contenders):
            history = contender.candidate.history
            held_out = any(epoch.validation_loss is not None for epoch in history)
            label = _called(contender, 30) + ("" if held_out else ", training")
            for axes, part in ((loss, "loss"), (accuracy, "accuracy")) if history else ():
                values = [getattr(e, f"{'validation' if held_out else 'train'}_{part}") for e in history]
                numbers = [epoch.number for epoch in history]
                draw_by_epoch(axes, numbers, values, SERIES[place % 6], MARKERS[place % 6], label)
        headline(loss, "Loss on the validation set")
        headline(accuracy, "Accuracy on the validation set")
        scale_loss(loss)
        scale_accuracy(accuracy)
        legend_below(figure, loss)


def draw_differences(path: Path, comparison: Comparison) -> None:
    """Writes images to which not all give the same answer, with the truth and each one's answer."""
    data, contenders, differing = comparison.data, comparison.contenders, comparison.differing
    assert data.labels is not None
    doubt = np.stack([c.answers.confidence * (c.answers.predicted != data.labels) for c in contenders])
    chosen = differing[np.argsort(-doubt[:, differing].max(axis=0), kind="stable")][:SHOWN]
    tiles = []
    for index in chosen:
        said = [(c.letter, int(c.answers.predicted[index])) for c in contenders]
        truth = int(data.labels[index])
        lines = [
            (f"{letter}: {shorten(data.classes[i], 7)}", "quiet" if i == truth else "alarming")
            for letter, i in said
        ]
        tiles.append(Tile(data.images[index], ((f"is {shorten(data.classes[truth], 7)}", "strong"), *lines)))  # type: ignore[arg-type]
    which = "all of them" if len(differing) <= SHOWN else f"{SHOWN} of them"
    detail = f"{which}, the surest mistakes first: the truth, then the answers"
    title = f"Different answers: {len(differing):,} of {len(data):,}"
    draw_sheet(path, title, detail if tiles else "none", tiles, columns=10)


def _summary(comparison: Comparison) -> Html:
    figures = webpage.key_figures(
        (
            _called(c),
            f"{c.metrics.accuracy:.2%}",
            f"± {c.metrics.standard_error:.2%}, {c.metrics.errors:,} wrong",
        )
        for c in comparison.contenders
    )
    return webpage.join(figures, *map(webpage.paragraph, (_standing(comparison), *comparison.cautions)))


def _standing(comparison: Comparison) -> str:
    """Whom the best one beats for certain, and whom perhaps only by chance."""
    best = max(comparison.contenders, key=lambda c: c.metrics.accuracy).letter
    mine = [pair for pair in comparison.pairs if best in (pair.first, pair.second)]
    beaten = [pair.second if pair.first == best else pair.first for pair in mine if pair.better == best]
    others = [pair.second if pair.first == best else pair.first for pair in mine if pair.better != best]
    said = f"{best} has the highest accuracy."
    if beaten:
        said += f" It is better than {' and '.join(beaten)} by more than chance."
    if others:
        said += f" Its lead over {' and '.join(others)} may be chance."
    return said


def _side_by_side(folder: Path, comparison: Comparison) -> Html:
    head, *rows = table_rows(comparison)
    alt = "Accuracy of each run with its interval"
    shown = show(folder, "accuracies", alt, lambda path: draw_accuracies(path, comparison))
    caption = "Epochs and seconds are those of the training; ± is the binomial standard error."
    return webpage.join(webpage.table(head, rows, caption), webpage.pictures(shown))


def _tests(comparison: Comparison) -> Html:
    rows = [
        (
            f"{pair.first} and {pair.second}",
            *(f"{count:,}" for count in (pair.only_first, pair.only_second, pair.both_wrong)),
            *(p_text(p) for p in (pair.p, pair.p_holm)),
            pair.better or "not clear",
        )
        for pair in comparison.pairs
    ]
    head = ("pair", "only first right", "only second right", "both wrong", "p", "p, corrected", "better")
    caption = (
        "McNemar's exact test looks only at the images that one of two gets right. p: how often chance alone "
        f"splits them so unevenly; below {LEVEL} we call the difference real. The correction (Holm 1979) "
        "allows for the number of pairs."
    )
    return webpage.table(head, rows, caption)


def _differences(folder: Path, comparison: Comparison) -> Html:
    alt = f"{len(comparison.differing)} images with different answers, at most {SHOWN} shown"
    shown = show(folder, "differences", alt, lambda path: draw_differences(path, comparison))
    return webpage.pictures(shown)


def _learning(folder: Path, comparison: Comparison) -> list[tuple[str, Html]]:
    """A section of curves, if anyone has any."""
    if not any(contender.candidate.history for contender in comparison.contenders):
        return []
    alt = "Loss and accuracy by epoch"
    shown = show(folder, "all-curves", alt, lambda path: draw_all_curves(path, comparison.contenders))
    return [("How they learned", webpage.pictures(shown))]


def _recipes(comparison: Comparison) -> Html:
    """A table of the options in which the recipes differ, and all facts of each."""
    known = {
        c.letter: dict(webpage.flat(c.candidate.facts.get("recipe") or {})) for c in comparison.contenders
    }
    options = dict.fromkeys(option for recipe in known.values() for option in recipe)
    rows = []
    for option in (name for name in options if name != "about"):
        values = [webpage.plain(recipe.get(option)) for recipe in known.values()]
        if len(set(values)) > 1:
            rows.append((option, *values))
    caption = "Options of the recipes that aren't the same in all."
    facts = [webpage.details(_called(c), _facts(c)) for c in comparison.contenders]
    return webpage.join(webpage.table(("option", *known), rows, caption, prose=True), *facts)


def _facts(contender: Contender) -> dict[str, Any]:
    return {"path": str(contender.candidate.path), **contender.candidate.facts}


def _row(contender: Contender) -> tuple[str, ...]:
    row = contender.to_dict()
    return (
        _called(contender),
        row["recipe"] or "–",
        *("–" if row[name] is None else f"{row[name]:,.0f}" for name in ("parameters", "epochs", "seconds")),
        f"{row['accuracy']:.2%} ± {row['standard_error']:.2%}",
        f"{row['errors']:,}",
        f"{row['ece']:.2%}",
    )


def _called(contender: Contender, longest: int = 60) -> str:
    return f"{contender.letter} · {shorten(contender.candidate.name, longest)}"
