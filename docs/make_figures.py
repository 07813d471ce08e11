"""Writes what the records say into README and docs: recipes, peers, how they learn, what a flip costs.

`benchmarks/recipes.py` makes the record; `make docs` runs this. Between `<!-- NAME: … -->` and
`<!-- end of NAME -->` a page is ours, the rest is the author's.
"""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator

from inkdigits.training.drawing import MARKERS, MUTED, SERIES, drawing
from inkdigits.training.plots import draw_by_epoch, scale_accuracy
from inkdigits.training.recipes import RECIPES, recorded

ROOT = Path(__file__).parent.parent
RECORD = ROOT / "records" / "recipes.json"
PEERS = ROOT / "records" / "peers.json"
PICTURE = ROOT / "docs" / "images" / "recipes-learning.png"
COLUMNS = 3
USUAL = {"trained on": "50,000", "seeds together": "–"}  # a column of nothing else is left out
FLIPPED = "-flip"  # what the record calls a recipe's variant with a horizontal flip


def recipe_table(known: dict[str, dict[str, Any]]) -> str:
    """A row a recipe, in the order of `inkdigits recipes`."""
    shown = {name: known[name] for name in RECIPES if name in known}
    table = [_cells(name, of) for name, of in shown.items()]
    told = [column for column in table[0] if any(cells[column] != USUAL.get(column) for cells in table)]
    rows = [[cells[column] for column in told] for cells in table]
    return "\n".join(map(_line, [told, ["---"] * len(told), *rows]))


def _cells(name: str, of: dict[str, Any]) -> dict[str, str]:
    return {
        "recipe": f"`{name}`",
        "parameters": f"{of['parameters']:,}",
        "trained on": f"{of['trained_on']:,}",
        "accuracy": _accuracy(of),
        "seeds together": f"{of['committee_accuracy']:.2%}" if of["committee_accuracy"] else "–",
        "weighted F1": f"{of['weighted_f1']:.4f}",
        "worst class": f"{of['worst_class_score']:.3f}",
        "minutes": _minutes(of["minutes"]),
    }


def _line(cells: list[str]) -> str:
    return f"| {' | '.join(cells)} |"


def peer_table(peers: list[dict[str, Any]]) -> str:
    """A row a figure that others report."""
    rows = [["network", "parameters", "accuracy", "training", ""], ["---"] * 5]
    for peer in peers:
        size = f"{peer['parameters']:,}" if "parameters" in peer else "–"
        time = f"{peer['seconds']:g} s, {peer['device']}" if "seconds" in peer else "–"
        name = f"[{peer['name']}]({peer['source']})"
        rows.append([name, size, f"{round(100 * peer['accuracy'], 3):g}%", time, peer["about"]])
    return "\n".join(map(_line, rows))


def _minutes(minutes: float) -> str:
    return f"{minutes:.1f}" if minutes >= 1 else f"{minutes:.2f}"


def _accuracy(of: dict[str, Any]) -> str:
    if of["seeds"] == 1:
        return f"{of['accuracy']:.2%} (one seed)"
    return f"{of['accuracy']:.2%} ± {100 * of['accuracy_sd']:.2f}"


def flip_table(known: dict[str, dict[str, Any]]) -> str:
    """Each recipe that was also trained with a flip, and how many more errors that made."""
    head = "| recipe | without | with a flip | errors |\n| --- | --- | --- | --- |"
    rows = []
    for name in RECIPES:
        if name in known and name + FLIPPED in known:
            plain, flipped = known[name], known[name + FLIPPED]
            more = (1 - flipped["accuracy"]) / (1 - plain["accuracy"])
            rows.append(f"| `{name}` | {_accuracy(plain)} | {_accuracy(flipped)} | × {more:.1f} |")
    return "\n".join([head, *rows])


def draw_learning(path: Path, record: dict[str, Any]) -> None:
    """A panel a recipe: validation accuracy by epoch, a line a seed, all on one scale."""
    shown = [name for name in RECIPES if name in record and _learns(record[name])]
    rows = -(-len(shown) // COLUMNS)
    with drawing(path, 11, 2.9 * rows + 0.4) as figure:
        grid = figure.subplots(rows, COLUMNS, squeeze=False).ravel()
        for axes, name in zip(grid, shown, strict=False):
            _draw_seeds(axes, name, record[name]["results"])
        _share_scale(grid[: len(shown)])
        for axes in grid[len(shown) :]:
            axes.set_visible(False)
        most = max(grid[: len(shown)], key=lambda axes: len(axes.lines))
        figure.legend(*most.get_legend_handles_labels(), loc="outside lower left", ncols=8)


def _learns(entry: dict[str, Any]) -> bool:
    """Whether its epochs were validated: a recipe that trains on everything has nothing to show."""
    return all(None not in result["learning"] for result in entry["results"].values())


def _draw_seeds(axes: Axes, name: str, results: dict[str, Any]) -> None:
    for place, result in enumerate(results.values()):
        epochs = range(1, len(result["learning"]) + 1)
        colour, marker = SERIES[place % len(SERIES)], MARKERS[place % len(MARKERS)]
        draw_by_epoch(axes, epochs, result["learning"], colour, marker, f"{place + 1}. of its seeds")
    axes.set_title(name)
    axes.set_xlabel("epoch", color=MUTED)
    longest = max(len(result["learning"]) for result in results.values())
    axes.set_xlim(0.5, longest + 0.5)
    axes.xaxis.set_major_locator(MaxNLocator(min(6, longest + 1), integer=True, min_n_ticks=1))


def _share_scale(grid: Any) -> None:
    """The same accuracies at the same height in every panel."""
    for axes in grid:
        scale_accuracy(axes)
        axes.set_ylabel("")
    low, high = (pick(axes.get_ylim()[end] for axes in grid) for end, pick in ((0, min), (1, max)))
    widest = min(grid, key=lambda axes: axes.get_ylim()[0])
    ticks = sorted({tick for axes in grid for tick in axes.get_yticks()})
    for axes in grid:
        axes.set_yticks(ticks, [f"{100 * tick:.4g}%" for tick in ticks])
        axes.set_ylim(low, high)
        axes.grid()
    widest.figure.supylabel("validation accuracy (log scale of errors)", fontsize=10, color=MUTED)


def write_between(page: Path, name: str, text: str) -> None:
    """Replaces what stands between the marks of `name` in a page."""
    old = page.read_text(encoding="utf-8")
    pattern = rf"(<!-- {name}: [^\n]*-->\n).*?(<!-- end of {name} -->)"
    new, count = re.subn(pattern, lambda m: f"{m[1]}{text}\n{m[2]}", old, flags=re.DOTALL)
    assert count == 1, f"{page}: no marks of {name}"
    page.write_text(new, encoding="utf-8")


if __name__ == "__main__":
    known = recorded()
    for page in (ROOT / "README.md", ROOT / "docs" / "recipes.md"):
        write_between(page, "figures", recipe_table(known))
    write_between(ROOT / "docs" / "recipes.md", "flip", flip_table(known))
    peers = json.loads(PEERS.read_text(encoding="utf-8"))
    write_between(ROOT / "docs" / "recipes.md", "peers", peer_table(peers))
    draw_learning(PICTURE, json.loads(RECORD.read_text(encoding="utf-8")))
    print(f"{PICTURE.parent.parent}: figures written")
