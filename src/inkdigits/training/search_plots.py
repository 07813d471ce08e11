"""Pictures of a search: how it went, what mattered, what went together. Knows trials and the house style."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colors import LinearSegmentedColormap, Normalize
from matplotlib.patches import PathPatch
from matplotlib.path import Path as Curve
from matplotlib.ticker import FuncFormatter, MaxNLocator, PercentFormatter
from optuna.distributions import BaseDistribution, CategoricalDistribution, FloatDistribution
from optuna.trial import FrozenTrial, TrialState

from inkdigits.training.drawing import BLUE, INK, MUTED, ORANGE, VERMILLION, drawing, headline, legend_below
from inkdigits.training.plots import scale_accuracy

LABELS = {
    "stages": "stages",
    "convs": "convolutions\na stage",
    "size": "size,\nM mult.",
    "growth": "growth\na stage",
    "head": "head",
    "dropout": "dropout",
    "optimizer": "optimiser",
    "rate": "learning rate,\n× usual",
    "batch_size": "batch",
    "schedule": "schedule",
    "ema": "averaging\n(EMA)",
    "label_smoothing": "label\nsmoothing",
    "rotation": "rotation,\ndegrees",
    "shift": "shift,\npixels",
    "zoom": "zoom",
    "shear": "shear",
    "elastic": "elastic,\npixels",
}
_PALE_TO_DARK = LinearSegmentedColormap.from_list("accuracy", ["#c6dcec", "#7fb3d9", "#0072b2", "#00304d"])


def draw_history(path: Path, trials: Sequence[FrozenTrial], chosen: int) -> None:
    """Writes each trial's validation accuracy in the order of the search, and the best so far.

    Args:
        path: of the PNG.
        trials: all, in order; at least one ran to its end.
        chosen: the number of the trial that became the recipe.
    """
    done = [(t.number, t.value or 0.0) for t in trials if t.state == TrialState.COMPLETE]
    pruned = [(t.number, t.value) for t in trials if t.state == TrialState.PRUNED and t.value is not None]
    best = np.maximum.accumulate([value for _, value in done])
    with drawing(path, 7.6, 4.3) as figure:
        axes = figure.add_subplot()
        axes.step(
            [*(number for number, _ in done), trials[-1].number + 0.5], [*best, best[-1]],
            where="post", color=MUTED, linewidth=1.2, label="best so far", zorder=1,
        )  # fmt: skip
        if pruned:
            axes.plot(
                *zip(*pruned, strict=True), "x", color=ORANGE, label=f"pruned ({len(pruned)})", zorder=2
            )
        axes.plot(*zip(*done, strict=True), "o", color=BLUE, label=f"finished ({len(done)})", zorder=3)
        value = dict(done)[chosen]
        axes.plot(
            chosen, value, "D", color=VERMILLION, markersize=9, label=f"chosen: trial {chosen}", zorder=4
        )
        headline(axes, "The search, trial by trial", _progress(done, value, chosen))
        scale_accuracy(axes)
        axes.set_ylabel("validation accuracy (log scale of errors)")
        axes.set(xlabel="trial", xlim=(-0.8, trials[-1].number + 0.8))
        axes.xaxis.set_major_locator(MaxNLocator(10, integer=True))
        axes.grid(axis="y")
        legend_below(figure, axes)


def draw_importance(path: Path, importance: Mapping[str, float]) -> None:
    """Writes how much each choice mattered, as bars, the most important on top.

    Args:
        path: of the PNG.
        importance: shares by choice, which sum to 1.
    """
    ordered = sorted(importance.items(), key=lambda item: -item[1])
    with drawing(path, 7.2, 1.3 + 0.29 * len(ordered)) as figure:
        axes = figure.add_subplot()
        bars = axes.barh([_named(name) for name, _ in ordered], [s for _, s in ordered], 0.72, color=BLUE)
        axes.bar_label(bars, [f"{share:.0%}" for _, share in ordered], padding=4, color=INK, fontsize=9)
        first = " and ".join(_named(name) for name, _ in ordered[:2])
        headline(axes, "What made a trial good", f"share of each choice; most of all: {first}")
        axes.invert_yaxis()
        axes.xaxis.set_major_formatter(PercentFormatter(1, decimals=0))
        axes.set(xlabel="importance (PED-ANOVA), share", xlim=(0, ordered[0][1] * 1.12))
        axes.tick_params(axis="y", length=0)
        axes.grid(axis="x")


def draw_parallel(path: Path, trials: Sequence[FrozenTrial], chosen: int) -> None:
    """Writes each finished trial as a line through its choices; the better, the darker.

    Args:
        path: of the PNG.
        trials: all, in order; at least one ran to its end.
        chosen: the number of the trial that became the recipe.
    """
    done = sorted((t for t in trials if t.state == TrialState.COMPLETE), key=lambda t: t.value or 0.0)
    spaces = done[-1].distributions
    names = [name for name in LABELS if name in spaces]
    half = len(names) // 2
    values = [t.value or 0.0 for t in done]
    # the worst third share the palest shade: a few failures would else take all the others' contrast
    shade = Normalize(float(np.quantile(values, 0.35)), max(values), clip=True)
    with drawing(path, 12, 8.2) as figure:
        rows = figure.subplots(2, 1)
        for axes, part in zip(rows, (names[:half], names[half:]), strict=True):
            scales = [_Scale.of(spaces[name]) for name in part]
            for trial in done:
                strong = trial.number == chosen
                colour = VERMILLION if strong else _PALE_TO_DARK(shade(trial.value or 0.0))
                places = [s.place(trial.params[name]) for s, name in zip(scales, part, strict=True)]
                _draw_line(axes, places, colour, 2.6 if strong else 1.1, 5 if strong else 2)
            _draw_axes(axes, part, scales)
        headline(
            rows[0],
            "Which choices went together",
            f"a line a trial that ran to the end ({len(done)}); orange: trial {chosen}, which was chosen",
        )
        bar = figure.colorbar(
            ScalarMappable(shade, _PALE_TO_DARK), ax=rows, aspect=45, pad=0.01, fraction=0.02, extend="min"
        )
        bar.outline.set_visible(False)
        bar.ax.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{round(100 * value, 3):g}%"))
        bar.set_label("validation accuracy")


@dataclass(frozen=True)
class _Scale:
    """Where a choice's values lie on its axis, 0 to 1, and which of them are named."""

    ticks: tuple[Any, ...]
    low: float
    high: float
    log: bool = False
    names: bool = False

    @classmethod
    def of(cls, space: BaseDistribution) -> _Scale:
        if isinstance(space, CategoricalDistribution):
            return cls(tuple(space.choices), 0, max(1, len(space.choices) - 1), names=True)
        low, high = float(space.low), float(space.high)  # type: ignore[attr-defined]
        log = isinstance(space, FloatDistribution) and space.log
        middle = (low * high) ** 0.5 if log else (low + high) / 2
        whole = high - low == 1 and not log
        return cls((low, high) if whole else (low, middle, high), low, high, log)

    def place(self, value: Any) -> float:
        if self.names:
            return self.ticks.index(value) / self.high
        if self.log:
            return float(np.log(value / self.low) / np.log(self.high / self.low))
        return float((value - self.low) / (self.high - self.low))


def _draw_line(axes: Axes, places: Sequence[float], colour: Any, width: float, order: int) -> None:
    """A curve that crosses each axis level, so that the eye can follow it through."""
    points, codes = [(0.0, places[0])], [Curve.MOVETO]
    for x, (here, there) in enumerate(pairwise(places)):
        points += [(x + 0.4, here), (x + 0.6, there), (x + 1.0, there)]
        codes += [Curve.CURVE4] * 3
    axes.add_patch(
        PathPatch(
            Curve(points, codes), fill=False, edgecolor=colour, linewidth=width, zorder=order, clip_on=False
        )
    )


def _draw_axes(axes: Axes, names: Sequence[str], scales: Sequence[_Scale]) -> None:
    axes.set(xlim=(-0.1, len(names) - 0.5), ylim=(-0.04, 1.04))
    axes.vlines(range(len(names)), 0, 1, color=MUTED, linewidth=1, zorder=3)
    for x, scale in enumerate(scales):
        for tick in scale.ticks:
            text = _tick_text(tick) if scale.names else f"{tick:.3g}"
            axes.text(
                *(x + 0.04, scale.place(tick), text),
                fontsize=8.5, va="center", zorder=6,
                bbox={"facecolor": "white", "edgecolor": "none", "alpha": 0.8, "pad": 0.8},
            )  # fmt: skip
    axes.set_xticks(range(len(names)), [LABELS[name] for name in names])
    axes.tick_params(axis="x", length=0, labelcolor=INK)
    axes.set_yticks([])
    axes.spines[:].set_visible(False)


def _tick_text(value: Any) -> str:
    return "off" if value == 0.0 else str(value)


def _progress(done: Sequence[tuple[int, float]], value: float, chosen: int) -> str:
    first, best = done[0][1], max(v for _, v in done)
    better = f"first {first:.2%}, best {best:.2%}"
    return better if value == best else f"{better}; trial {chosen} ({value:.2%}) was better over more seeds"


def _named(name: str) -> str:
    """In one line, without its unit."""
    return LABELS[name].replace("\n", " ").split(",")[0]
