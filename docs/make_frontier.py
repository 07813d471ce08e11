"""Draws what the recipes reach for their size and their time, with others beside them: README's picture.

`benchmarks/recipes.py` makes records/recipes.json; what others report, and where, stands in
records/peers.json. `make docs` runs this. There is one picture for light pages and one for dark ones.
"""

from __future__ import annotations

import json
import math
import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib import rcParams
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patheffects import withStroke
from matplotlib.text import Annotation, Text
from matplotlib.ticker import FixedLocator, FuncFormatter, NullFormatter, NullLocator
from numpy.typing import NDArray

from inkdigits.training.drawing import BLUE, DASHED, ORANGE, SKY, VERMILLION, drawing, headline

ROOT = Path(__file__).parent.parent
RECORD = ROOT / "records" / "recipes.json"
PEERS = ROOT / "records" / "peers.json"
PICTURES = ROOT / "docs" / "images"
VARIANTS = ("-flip",)  # endings of names in the record: experiments, not offers
SECONDS = {1: "1 s", 10: "10 s", 60: "1 min", 600: "10 min", 3600: "1 h", 36000: "10 h"}
SIZES = {1e3: "1,000", 1e4: "10,000", 1e5: "100,000", 1e6: "1 M", 1e7: "10 M"}
TIMED = "training on one CPU core, others' on a GPU"
ERRORS = (0.1, 0.2, 0.3, 0.5, 1, 2, 3, 5)  # per cent
PALE = 0.45  # opacity of those of ours that another of ours beats with less

Pixels = NDArray[np.float64]


@dataclass(frozen=True)
class Dot:
    """A network in a panel.

    Attributes:
        name: of the recipe or of the peer's project; dots of one project are joined.
        note: behind the name.
        x: parameters or seconds.
        error: per cent of the test images, the mean over seeds.
        sd: of that.
        ours: or others'.
        chosen: on the test images, so that it flatters.
    """

    name: str
    x: float
    error: float
    sd: float = 0.0
    ours: bool = True
    chosen: bool = False
    note: str = ""


def by_size(record: dict[str, Any], peers: list[dict[str, Any]]) -> list[Dot]:
    """Everyone whose parameters are known."""
    ours = [_ours(name, results, results[0]["parameters"]) for name, results in _recorded(record)]
    return ours + [_theirs(peer, peer["parameters"]) for peer in peers if "parameters" in peer]


def by_time(record: dict[str, Any], peers: list[dict[str, Any]]) -> list[Dot]:
    """Recipes that were trained on one core, and peers that say what their training takes, elsewhere."""
    ours = [
        _ours(name, results, 60 * statistics.median(r["minutes"] for r in results))
        for name, results in _recorded(record)
        if all(r.get("device", "cpu") == "cpu" and r["threads"] == 1 for r in results)
    ]
    return ours + [
        _theirs(peer, peer["seconds"], f", {peer['device']}") for peer in peers if "seconds" in peer
    ]


def _recorded(record: dict[str, Any]) -> list[tuple[str, list[dict[str, Any]]]]:
    return [
        (name, list(entry["results"].values()))
        for name, entry in record.items()
        if not name.endswith(VARIANTS)
    ]


def _ours(name: str, results: list[dict[str, Any]], x: float) -> Dot:
    errors = [100 * (1 - result["accuracy"]) for result in results]
    return Dot(name, x, statistics.mean(errors), statistics.stdev(errors) if len(errors) > 1 else 0.0)


def _theirs(peer: dict[str, Any], x: float, where: str = "") -> Dot:
    error = 100 * (1 - peer["accuracy"])
    return Dot(peer["name"], x, error, ours=False, chosen=peer["chosen_on_test"], note=where)


def named(dots: Sequence[Dot]) -> list[Dot]:
    """Those that get a label: of the dots of one project the best."""
    return [dot for dot in dots if dot.error == min(other.error for other in dots if other.name == dot.name)]


def projects(dots: Sequence[Dot]) -> list[list[Dot]]:
    """Others' dots, those of one project together, from left to right."""
    names = dict.fromkeys(dot.name for dot in dots if not dot.ours)
    by_place = sorted((dot for dot in dots if not dot.ours), key=lambda dot: dot.x)
    return [[dot for dot in by_place if dot.name == name] for name in names]


def frontier(dots: Sequence[Dot]) -> list[Dot]:
    """Those of ours that none of ours beats with less, from left to right."""
    best: list[Dot] = []
    for dot in sorted((dot for dot in dots if dot.ours), key=lambda dot: (dot.x, dot.error)):
        if not best or dot.error < best[-1].error:
            best.append(dot)
    return best


def draw(path: Path, record: dict[str, Any], peers: list[dict[str, Any]], *, dark: bool) -> None:
    """Writes both panels."""
    with drawing(path, 11, 5.2, dark=dark) as figure:
        panels = figure.subplots(1, 2, sharey=True)
        theirs, ours = (ORANGE, SKY) if dark else (VERMILLION, BLUE)
        sides = (
            (by_size(record, peers), SIZES, "parameters", "Errors for size"),
            (by_time(record, peers), SECONDS, TIMED, "Errors for training time"),
        )
        for axes, (dots, ticks, label, title) in zip(panels, sides, strict=True):
            _draw_dots(axes, dots, ours, theirs)
            _scale_across(axes, dots, ticks)
            headline(axes, title, "further down and to the left is better; bars: ± sd over seeds")
            axes.set_xlabel(f"{label} (log scale)")
        _scale_errors(panels[0], [dot for dots, *_ in sides for dot in dots])
        panels[1].tick_params(labelleft=False)
        _explain(figure, ours, theirs)
        _settle(figure)
        for axes, (dots, *_) in zip(panels, sides, strict=True):
            place_labels(axes, dots, ours, theirs)


def _draw_dots(axes: Axes, dots: Sequence[Dot], ours: str, theirs: str) -> None:
    best = frontier(dots)
    axes.plot([dot.x for dot in best], [dot.error for dot in best], color=ours, linewidth=1.6, zorder=2)
    for project in projects(dots):
        places = [(dot.x, dot.error) for dot in project]
        axes.plot(*zip(*places, strict=True), color=theirs, linewidth=1, linestyle=DASHED, zorder=2)
    for dot in dots:
        colour = ours if dot.ours else theirs
        inside = rcParams["axes.facecolor"] if dot.chosen else colour
        axes.errorbar(
            *(dot.x, dot.error), yerr=dot.sd or None, fmt="o" if dot.ours else "s",
            color=colour, markerfacecolor=inside, markersize=6.5, markeredgewidth=1.5, elinewidth=1.4,
            capsize=3, zorder=3, alpha=PALE if dot.ours and dot not in best else 1,
        )  # fmt: skip


def _scale_across(axes: Axes, dots: Sequence[Dot], ticks: dict[float, str] | dict[int, str]) -> None:
    axes.set_xscale("log")
    low, high = min(dot.x for dot in dots), max(dot.x for dot in dots)
    room = (high / low) ** 0.13  # for labels at the sides
    axes.set_xlim(low / room, high * room)
    shown = {place: name for place, name in ticks.items() if low / room <= place <= high * room}
    axes.xaxis.set_major_locator(FixedLocator(list(shown)))
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: shown.get(value, "")))
    axes.xaxis.set_minor_locator(NullLocator())
    axes.grid(True)


def _scale_errors(axes: Axes, dots: Sequence[Dot]) -> None:
    axes.set_yscale("log")
    low, high = min(dot.error - dot.sd for dot in dots), max(dot.error + dot.sd for dot in dots)
    axes.set_ylim(low / 1.35, high * 1.3)
    axes.yaxis.set_major_locator(FixedLocator(ERRORS))
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}%"))
    axes.yaxis.set_minor_locator(NullLocator())
    axes.yaxis.set_minor_formatter(NullFormatter())
    axes.set_ylabel("MNIST test images answered wrongly (log scale)")


def _explain(figure: Figure, ours: str, theirs: str) -> None:
    paper = rcParams["axes.facecolor"]
    signs = [
        ("o", "-", ours, ours, 1, "ours: none of ours does more with less"),
        ("o", "", ours, ours, PALE, "ours: another does more with less"),
        ("s", "", theirs, theirs, 1, "others', as reported"),
        ("s", "", theirs, paper, 1, "others', chosen on the test images"),
    ]
    handles = [
        Line2D([], [], marker=marker, linestyle=line, color=colour, markerfacecolor=inside, linewidth=1.6,
               markersize=6.5, markeredgewidth=1.5, alpha=alpha)
        for marker, line, colour, inside, alpha, _ in signs
    ]  # fmt: skip
    names = [name for *_, name in signs]
    figure.legend(handles, names, loc="outside lower left", ncols=4, columnspacing=1.4, handletextpad=0.5)


def _settle(figure: Figure) -> None:
    """Lays the figure out as `drawing` will at the end, so that places in pixels hold."""
    layout = figure.get_layout_engine()
    assert layout is not None
    layout.set(w_pad=0.1, h_pad=0.1)  # type: ignore[call-arg]
    figure.draw_without_rendering()


# -- labels that don't run into each other


def place_labels(axes: Axes, dots: Sequence[Dot], ours: str, theirs: str) -> list[Pixels]:
    """Writes a label beside each dot where it covers no dot, whisker, line or label, as far as there is room.

    Each label in turn takes the place that costs least while the others stay; three rounds settle it.
    Returns their boxes, `x0, y0, x1, y1`.
    """
    shown = named(dots)
    halo = [withStroke(linewidth=3, foreground=rcParams["axes.facecolor"])]  # no grid through the letters
    labels = [
        axes.annotate(
            *(dot.name + dot.note, (dot.x, dot.error)),
            xytext=(0, 0), textcoords="offset points", va="bottom", fontsize=9,
            color=ours if dot.ours else theirs, path_effects=halo,
            arrowprops={"arrowstyle": "-", "color": rcParams["axes.edgecolor"], "linewidth": 0.7,
                        "shrinkA": 1, "shrinkB": 5},
        )
        for dot in shown
    ]  # fmt: skip
    taken = _taken(axes, dots)
    sizes = [_size(label) for label in labels]
    anchors = [axes.transData.transform((dot.x, dot.error)) for dot in shown]
    frame = np.add(axes.bbox.extents, (4, 4, -4, -4))
    boxes: dict[int, Pixels] = {}
    for i in 3 * list(range(len(labels))):
        there = np.array([*taken, *(box for j, box in boxes.items() if j != i)])
        choices = _around(anchors[i], sizes[i], axes.figure.dpi)
        costs = [_cost(box, anchors[i], there, frame) for box in choices]
        boxes[i] = choices[int(np.argmin(costs))]
    for i, (label, anchor) in enumerate(zip(labels, anchors, strict=True)):
        box = boxes[i]
        label.set_position(tuple((box[:2] - anchor) * 72 / axes.figure.dpi))
        label.set_in_layout(False)
        if _distance(box, anchor) < 14 * axes.figure.dpi / 72 and label.arrow_patch:
            label.arrow_patch.set_visible(False)
    return list(boxes.values())


def _size(label: Annotation) -> Pixels:
    extent = Text.get_window_extent(label)  # an annotation's own takes in its arrow
    return np.array([extent.width, extent.height])


def _taken(axes: Axes, dots: Sequence[Dot]) -> list[Pixels]:
    """Boxes in pixels that labels must leave free: dots, whiskers, and the line in short pieces."""
    radius = 5.5 * axes.figure.dpi / 72
    boxes = []
    for dot in dots:
        x, top = axes.transData.transform((dot.x, dot.error + dot.sd))
        low = axes.transData.transform((dot.x, max(dot.error - dot.sd, 1e-3)))[1]
        boxes.append(np.array([x - radius, low - radius, x + radius, top + radius]))
    lines = [frontier(dots), *projects(dots)]
    for one, other in (pair for line in lines for pair in pairwise(line)):
        a, b = (axes.transData.transform((dot.x, dot.error)) for dot in (one, other))
        for share in np.linspace(0, 1, 2 + int(math.dist(a, b) / 6)):
            x, y = a + share * (b - a)
            boxes.append(np.array([x - 2, y - 2, x + 2, y + 2]))
    return boxes


def _around(anchor: Pixels, size: Pixels, dpi: float) -> list[Pixels]:
    """Boxes `x0, y0, x1, y1` for a label of that size, in twenty-four directions and growing distances."""
    found = []
    for gap in (6, 9, 13, 18, 25, 34, 45):
        for turn in np.linspace(0, 2 * math.pi, 24, endpoint=False):
            way = np.array([math.cos(turn), math.sin(turn)])
            reach = gap * dpi / 72
            centre = anchor + way * (reach + np.abs(way) * size / 2)
            found.append(np.concatenate([centre - size / 2, centre + size / 2]))
    return found


def _cost(box: Pixels, anchor: Pixels, taken: Pixels, frame: Pixels) -> float:
    """Area that lies over something or outside, which must not be, then how far the label is away."""
    sides = np.minimum(taken[:, 2:], box[2:]) - np.maximum(taken[:, :2], box[:2])
    over = np.clip(sides, 0, None).prod(axis=1).sum()
    outside = np.clip(frame[:2] - box[:2], 0, None).sum() + np.clip(box[2:] - frame[2:], 0, None).sum()
    return float(50 * over + 1000 * outside + _distance(box, anchor))


def _distance(box: Pixels, anchor: Pixels) -> float:
    return float(np.linalg.norm(np.clip(anchor, box[:2], box[2:]) - anchor))


if __name__ == "__main__":
    record = json.loads(RECORD.read_text(encoding="utf-8"))
    peers = json.loads(PEERS.read_text(encoding="utf-8"))
    for name, dark in (("light", False), ("dark", True)):
        draw(PICTURES / f"frontier-{name}.png", record, peers, dark=dark)
    print(f"{PICTURES}: frontier-light.png and frontier-dark.png written")
