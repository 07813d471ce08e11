"""Figures of merit to charts, a function a picture. Knows the house style; digits are in galleries.py."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import LinearSegmentedColormap
from matplotlib.ticker import FuncFormatter, LogLocator, MaxNLocator, NullFormatter, PercentFormatter
from numpy.typing import NDArray

from inkdigits.training.drawing import (
    BLUE,
    DASHED,
    FAINT,
    GREEN,
    INK,
    MARKERS,
    MUTED,
    ORANGE,
    SERIES,
    SKY,
    VERMILLION,
    drawing,
    headline,
    legend_below,
    shorten,
)
from inkdigits.training.evaluate import ClassScores, Metrics, wilson_interval
from inkdigits.training.runs import Epoch

READABLE = 15  # classes; with more, numbers inside bars and cells are too small
LEAST = 1e-9  # a loss of 0 has no logarithm
SURE = 1e-4  # share of errors; fewer look the same on an axis of accuracy
MARKED = 25  # epochs; with more, markers hide the line

Floats = NDArray[np.float64]


def draw_class_distribution(path: Path, counts: Mapping[str, Sequence[int]], classes: Sequence[str]) -> None:
    """Writes the share of each class in each data set as bars side by side.

    Args:
        path: of the PNG.
        counts: for each data set's name, how many samples each class has.
        classes: names.
    """
    places = np.arange(len(classes))
    width = 0.8 / len(counts)
    with drawing(path, min(max(9.0, 0.18 * len(classes) * (1 + len(counts))), 11), 3.8) as figure:
        axes = figure.add_subplot()
        for index, (name, samples) in enumerate(counts.items()):
            shares = np.array(samples) / sum(samples)
            offset = (index - (len(counts) - 1) / 2) * width
            label = f"{shorten(name, 24)} ({sum(samples):,} samples)"
            bars = axes.bar(places + offset, shares, width * 0.92, color=SERIES[index % 6], label=label)
            if len(counts) == 1 and len(classes) <= READABLE:
                axes.bar_label(
                    bars, [f"{n:,}" if n else "" for n in samples], label_type="center", color="white"
                )
        axes.axhline(1 / len(classes), color=INK, linewidth=1, linestyle=DASHED, label="equal shares")
        headline(axes, "How often each class occurs", _extremes(counts, classes))
        _name_classes(axes, classes)
        axes.yaxis.set_major_formatter(PercentFormatter(1, decimals=0))
        axes.set(xlabel="class", ylabel="share of samples")
        axes.grid(axis="y")
        axes.margins(x=0.02)
        legend_below(figure, axes)


def draw_curves(path: Path, history: Sequence[Epoch], kept: int | None = None) -> None:
    """Writes loss, accuracy and learning rate by epoch.

    Args:
        path: of the PNG.
        history: at least one epoch.
        kept: the number of the epoch whose weights are the result, which is marked; None marks nothing.
    """
    numbers = [epoch.number for epoch in history]
    with drawing(path, 10.5, 3.7) as figure:
        loss, accuracy, rate = figure.subplots(1, 3)
        for axes, part in ((loss, "loss"), (accuracy, "accuracy")):
            train = [getattr(e, f"train_{part}") for e in history]
            draw_by_epoch(axes, numbers, train, BLUE, MARKERS[0], "training")
            held_out = [getattr(e, f"validation_{part}") for e in history]
            draw_by_epoch(axes, numbers, held_out, VERMILLION, MARKERS[1], "validation")
        scale_loss(loss)
        scale_accuracy(accuracy)
        draw_by_epoch(rate, numbers, [e.learning_rate for e in history], GREEN, MARKERS[2], "learning rate")
        for axes, title in ((loss, "Loss"), (accuracy, "Accuracy"), (rate, "Learning rate")):
            headline(axes, title)
            if len(numbers) == 1:
                axes.set_xticks(numbers)
            if kept is not None:
                label = f"the epoch whose weights are kept ({kept})"
                axes.axvline(kept, color=MUTED, linewidth=1, linestyle=DASHED, zorder=1, label=label)
        rate.set(ylabel="step size at the epoch's end", ylim=(0, None))
        legend_below(figure, loss)


def draw_by_epoch(
    axes: Axes, numbers: Sequence[int], values: Sequence[float | None], colour: str, marker: str, label: str
) -> None:
    """A line over the epochs; epochs without a value are left out, and so is the line if none has one."""
    points = [(n, max(v, LEAST)) for n, v in zip(numbers, values, strict=True) if v is not None]
    if points:
        sign = marker if len(numbers) <= MARKED else ""
        axes.plot(*zip(*points, strict=True), color=colour, marker=sign, label=label, clip_on=False)
    axes.set_xlabel("epoch")
    axes.grid(True)
    axes.xaxis.set_major_locator(MaxNLocator(6, integer=True, min_n_ticks=1))


def scale_loss(axes: Axes) -> None:
    """A logarithmic axis whose ticks are plain numbers, also over less than a decade."""
    axes.set_yscale("log")
    axes.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    axes.yaxis.set_minor_formatter(NullFormatter())
    axes.tick_params(axis="y", which="minor", length=0)
    axes.set_ylabel("cross-entropy, nats (log scale)")


def scale_accuracy(axes: Axes) -> None:
    """An axis, from tick to tick, on which 90, 99 and 99.9% are equally far apart; it ends at 99.99%."""
    lines = [line for line in axes.lines if not str(line.get_label()).startswith("_")]
    errors = np.clip(1 - np.concatenate([np.asarray(line.get_ydata(), float) for line in lines]), SURE, 1)
    steps = [1.0, *(mantissa / 10**power for power in range(1, 5) for mantissa in (5, 2, 1))]
    last = next((i for i, step in enumerate(steps) if step < errors.min()), len(steps) - 1)
    first = min(last - 1, max(i for i, step in enumerate(steps) if step >= errors.max()))
    axes.set_yscale("function", functions=(_accuracy_to_place, _place_to_accuracy))
    axes.set_yticks(
        [1 - step for step in steps[first : last + 1]],
        [
            f"{'≥ ' if step == SURE else ''}{round(100 - 100 * step, 4):g}%"
            for step in steps[first : last + 1]
        ],
    )
    axes.set_ylim(1 - steps[first], 1 - steps[last])
    axes.set_ylabel("samples right (log scale of errors)")


def _accuracy_to_place(accuracy: Floats) -> Floats:
    return np.asarray(-np.log10(np.clip(1 - accuracy, SURE, None)))


def _place_to_accuracy(place: Floats) -> Floats:
    return np.asarray(1 - 10.0**-place)


def draw_confusion(path: Path, metrics: Metrics, *, normalised: bool) -> None:
    """Writes the confusion matrix; errors have a colour scale of their own, or they would all look like zero.

    Args:
        path: of the PNG.
        metrics: of the evaluation.
        normalised: each row as shares of that class's samples instead of counts.
    """
    counts = np.array(metrics.confusion, float)
    totals = counts.sum(axis=1, keepdims=True)
    shares = np.divide(counts, totals, out=np.full_like(counts, np.nan), where=totals > 0)
    matrix = shares if normalised else counts
    diagonal = np.eye(len(counts), dtype=bool)
    wrong = np.where(diagonal | (counts == 0), np.nan, matrix)
    # no darker than this for one or two errors
    top = max(0.005 if normalised else 5.0, np.nanmax(wrong, initial=0.0))
    side = min(max(5.8, 0.5 * len(counts)), 11)
    with drawing(path, side, side + 0.5) as figure:
        axes = figure.add_subplot()
        axes.imshow(np.where(diagonal & (counts > 0), 1.0, np.nan), cmap=_RIGHT, vmin=0, vmax=1)
        axes.imshow(wrong, cmap=_WRONG, vmin=0, vmax=top)
        if len(counts) <= READABLE:
            _write_cells(axes, matrix, wrong / top, normalised)
        headline(
            axes, f"Confusion matrix, {'shares of each class' if normalised else 'counts'}", _mix_up(metrics)
        )
        _rule_matrix(axes, metrics.classes)


def draw_class_scores(path: Path, metrics: Metrics) -> None:
    """Writes precision, recall and F1 of each class that occurs, as points on a line a class."""
    rows = [row for row in metrics.per_class if row.support]
    columns = (("precision", BLUE, "o"), ("recall", ORANGE, "s"), ("F1", GREEN, "D"))
    with drawing(path, 5.8, 1.7 + 0.34 * len(rows)) as figure:
        axes = figure.add_subplot()
        places = np.arange(len(rows))
        for offset, (label, colour, marker) in zip((-0.22, 0, 0.22), columns, strict=True):
            axes.plot(_column(rows, label), places + offset, marker, color=colour, label=label, clip_on=False)
        weakest = min(rows, key=lambda row: row.f1 or 0.0)
        detail = f"macro F1 {metrics.macro.f1:.4f}; lowest: {shorten(weakest.name)} with {weakest.f1:.4f}"
        headline(axes, "Precision, recall and F1 of each class", detail)
        lowest = min(min(_column(rows, label)) for label, _, _ in columns)
        axes.set_xlim(max(0.0, lowest - 0.1 * (1.01 - lowest)), 1)
        axes.set_ylim(len(rows) - 0.5, -0.5)
        axes.set_yticks(places, [shorten(row.name) for row in rows])
        axes.hlines(places[:-1] + 0.5, 0, 1, color=FAINT, linewidth=0.8, zorder=0)
        axes.set(xlabel="score (the axis need not start at 0)", ylabel="class")
        axes.grid(axis="x")
        axes.tick_params(axis="y", length=0)
        legend_below(figure, axes)


def draw_reliability(path: Path, metrics: Metrics) -> None:
    """Writes the reliability diagram, with 95% intervals, above the histogram of confidence."""
    with drawing(path, 5.8, 6.6) as figure:
        upper, lower = figure.subplots(2, 1, height_ratios=(3, 1), sharex=True)
        _draw_calibration(upper, metrics)
        low, width = [b.low for b in metrics.bins], metrics.bins[0].high
        lower.bar(low, [b.count for b in metrics.bins], width * 0.92, align="edge", color=SKY)
        lower.set_yscale("symlog", linthresh=1)
        lower.set_ylim(0, metrics.n * 2)
        lower.set_yticks([0, *(10**p for p in range(math.floor(math.log10(metrics.n)) + 1))])
        lower.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,.0f}"))
        lower.set(xlabel="confidence", ylabel="samples (log)")
        lower.xaxis.set_major_formatter(PercentFormatter(1, decimals=0))
        lower.grid(True)
        legend_below(figure, upper)


def draw_rejection(path: Path, metrics: Metrics, curve: Floats) -> None:
    """Writes accuracy against the fraction of samples that is sent to a person.

    Args:
        path: of the PNG.
        metrics: of the evaluation.
        curve: what `accuracy_of_surest` gives, `float (N,)`.
    """
    rejected = 1 - np.arange(1, len(curve) + 1) / len(curve)
    with drawing(path, 5.8, 3.9) as figure:
        axes = figure.add_subplot()
        axes.plot(rejected[rejected <= 0.2], curve[rejected <= 0.2], color=BLUE)
        said = ""
        for point in metrics.rejection:
            place, text = (point.rejected, point.accuracy), f"{point.accuracy:.2%}"
            axes.plot(*place, "o", color=VERMILLION, clip_on=False, zorder=3)
            if text != said:  # the same figure again would lie over the first
                axes.annotate(text, place, xytext=(7, -14), textcoords="offset points", fontsize=9)
            said = text
        detail = f"{metrics.accuracy:.2%} with none rejected, {metrics.rejection[2].accuracy:.2%} with 2%"
        headline(axes, "Accuracy when the least sure are left to a person", detail)
        low = min(point.accuracy for point in metrics.rejection)
        axes.set_ylim(low - 0.15 * (1 - low) - 1e-4, 1 + 0.05 * (1 - low) + 1e-4)
        axes.set(xlabel="rejected, share of all samples", ylabel="accuracy of the rest", xlim=(0, 0.2))
        axes.set_xticks([0, 0.05, 0.1, 0.15, 0.2])
        axes.xaxis.set_major_formatter(PercentFormatter(1, decimals=0))
        axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{round(100 * value, 4):g}%"))
        axes.set_yticks([tick for tick in axes.get_yticks() if -1e-9 < tick < 1 + 1e-9])
        axes.grid(True)


_RIGHT = LinearSegmentedColormap.from_list("right", ["#ffffff", "#d3e5f3"])
_WRONG = LinearSegmentedColormap.from_list("wrong", ["#fff3e3", "#fdba6b", "#e66101", "#8a3000"])


def _draw_calibration(axes: Axes, metrics: Metrics) -> None:
    filled = [b for b in metrics.bins if b.count]
    axes.plot([0, 1], [0, 1], color=MUTED, linewidth=1, linestyle=DASHED, label="as sure as right")
    confidence, accuracy, count = (
        np.array([getattr(b, name) for b in filled], float) for name in ("confidence", "accuracy", "count")
    )
    axes.errorbar(
        *(confidence, accuracy, distances(accuracy, count)),
        fmt="o", color=BLUE, elinewidth=1.2, capsize=3, label="a bin, with its 95% interval", clip_on=False,
    )  # fmt: skip
    detail = f"expected calibration error {metrics.ece:.2%}, {len(metrics.bins)} bins"
    headline(axes, "Is the confidence right?", detail)
    axes.set(ylabel="accuracy in the bin", xlim=(0, 1), ylim=(0, 1.02))
    axes.yaxis.set_major_formatter(PercentFormatter(1, decimals=0))
    axes.grid(True)


def distances(share: Floats, n: Floats) -> Floats:
    """How far 95% intervals reach down and up from shares of `n`, `(2, …)`, as error bars want them."""
    low, high = wilson_interval(share, n)
    return np.asarray(np.clip([share - low, high - share], 0, None))


def _write_cells(axes: Axes, matrix: Floats, depth: Floats, normalised: bool) -> None:
    """Numbers in the cells: all on the diagonal, elsewhere where there are errors; white on dark ones."""
    for (row, column), value in np.ndenumerate(matrix):
        if not value and row != column:
            continue
        known = f"{value:.1%}" if normalised else f"{value:,.0f}"
        axes.text(
            *(column, row, "–" if np.isnan(value) else known),
            ha="center", va="center", fontsize=8.5 if normalised else 9.5,
            weight="bold" if row == column else "normal", color="white" if depth[row, column] > 0.7 else INK,
        )  # fmt: skip


def _rule_matrix(axes: Axes, classes: Sequence[str]) -> None:
    _name_classes(axes, classes)
    axes.set_yticks(range(len(classes)), [shorten(name) for name in classes])
    axes.set(xlabel="predicted class", ylabel="true class")
    axes.spines[:].set_visible(False)
    edges = np.arange(len(classes) + 1) - 0.5
    axes.set_xticks(edges, minor=True)
    axes.set_yticks(edges, minor=True)
    axes.tick_params(which="both", length=0)
    axes.grid(which="minor", color=FAINT)


def _name_classes(axes: Axes, classes: Sequence[str]) -> None:
    """Below the axes, slanted where they would run into each other."""
    names = [shorten(name) for name in classes]
    axes.set_xticks(range(len(names)), names)
    if sum(map(len, names)) > 40 and max(map(len, names)) > 2:
        axes.tick_params(axis="x", labelrotation=45)


def _mix_up(metrics: Metrics) -> str:
    counts = np.array(metrics.confusion)
    np.fill_diagonal(counts, 0)
    wrong = f"{metrics.errors:,} of {metrics.n:,} wrong"
    if not counts.any():
        return wrong
    row, column = np.unravel_index(counts.argmax(), counts.shape)
    truth, answer = shorten(metrics.classes[row]), shorten(metrics.classes[column])
    return f"{wrong}; most often {truth} taken for {answer} ({counts[row, column]:,})"


def _extremes(counts: Mapping[str, Sequence[int]], classes: Sequence[str]) -> str:
    name, samples = list(counts.items())[-1]
    least, most = (shorten(classes[samples.index(extreme(samples))]) for extreme in (min, max))
    return (
        f"{shorten(name, 24)}: least often {least} ({min(samples):,}), most often {most} ({max(samples):,})"
    )


def _column(rows: Sequence[ClassScores], label: str) -> list[float]:
    return [getattr(row, label.lower()) for row in rows]
