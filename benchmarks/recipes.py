"""Trains recipes with several seeds, then opens MNIST's test set once for each, and writes the record.

    python benchmarks/recipes.py                              # all recipes, seeds 1, 2 and 3
    python benchmarks/recipes.py three-conv --set augment.flip=0.5 --as three-conv-flip

Runs lie in runs/records/NAME-SEED; a finished one is not trained again. Every result goes to
records/recipes.json, the tables to records/recipes.md and to the package, for `inkdigits recipes`.
Nothing is chosen here: recipes and seeds are fixed before the test images are opened.
"""

from __future__ import annotations

import os

os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")  # read when torch is imported

import argparse
import json
import statistics
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

from inkdigits.training import checkpoint, loop, runs, session
from inkdigits.training.datasets import load_mnist
from inkdigits.training.evaluate import judge
from inkdigits.training.recipes import RECIPES, Recipe, with_options

ROOT = Path(__file__).parent.parent
RUNS = ROOT / "runs" / "records"
RECORD = ROOT / "records" / "recipes.json"
PACKAGED = ROOT / "src" / "inkdigits" / "training" / "recorded.json"
SEEDS = (1, 2, 3)


def main() -> None:
    arguments = _parse()
    chosen = [RECIPES[name] for name in arguments.names or RECIPES]
    record = json.loads(RECORD.read_text(encoding="utf-8")) if RECORD.exists() else {}
    for recipe in chosen:
        name = arguments.called or recipe.name
        varied = replace(with_options(recipe, arguments.options), name=name)
        for seed in arguments.seeds:
            result = _result(varied, seed, arguments.threads)
            results = record.setdefault(name, {"recipe": varied.to_dict(), "results": {}})["results"]
            results[str(seed)] = result
            print(
                f"{name} seed {seed}: {result['accuracy']:.2%} in {result['minutes']:.2f} minutes", flush=True
            )
            _write(record)


def _parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("names", nargs="*", choices=[*RECIPES, []], help="recipes; all unless said")
    parser.add_argument("--seeds", type=int, nargs="+", default=list(SEEDS))
    parser.add_argument("--threads", type=int, help="chosen by the probe unless said")
    parser.add_argument("--set", dest="options", action="append", default=[], metavar="NAME=VALUE")
    parser.add_argument("--as", dest="called", help="name of a variant in the record")
    return parser.parse_args()


def _result(recipe: Recipe, seed: int, threads: int | None) -> dict[str, Any]:
    """Trains unless that was done, then judges on the test set."""
    run = RUNS / f"{recipe.name}-{seed}"
    if not (run / "weights" / "best.onnx").exists():
        began = time.perf_counter()
        job = session.Job(seed=seed, threads=threads)
        finished = session.begin(recipe, job, root=RUNS, name=run.name, quiet=True)
        run = finished.run
        (run / "minutes.txt").write_text(f"{(time.perf_counter() - began) / 60:.3f}\n", encoding="utf-8")
    weights = checkpoint.load_weights(run)
    test = load_mnist("test")
    assert test.labels is not None
    metrics = judge(loop.predict(weights.network, test.images), test.labels, test.classes).to_dict()
    history = runs.read_history(run)
    environment = runs.read_environment(run)
    scores = [entry[kind] for entry in metrics["per_class"] for kind in ("precision", "recall", "f1")]
    return {
        "accuracy": metrics["accuracy"],
        "weighted_f1": metrics["weighted"]["f1"],
        "worst_class_score": min(scores),
        "validation_accuracy": weights.facts["validation_accuracy"],
        "parameters": weights.facts["parameters"],
        "epochs": len(history),
        "best_epoch": weights.facts["epoch"],
        "learning": [epoch.validation_accuracy for epoch in history],
        "minutes": len(history) * statistics.median(epoch.seconds for epoch in history) / 60,
        "minutes_with_report": float((run / "minutes.txt").read_text(encoding="utf-8")),
        "threads": environment["job"]["threads"],
        "precision": environment["precision"],
        "processor": environment["processor"],
        "commit": environment["commit"],
    }


def _write(record: dict[str, Any]) -> None:
    RECORD.write_text(json.dumps(record, indent=1) + "\n", encoding="utf-8")
    summary = {name: _summary(entry["results"]) for name, entry in record.items()}
    PACKAGED.write_text(json.dumps(summary, indent=1) + "\n", encoding="utf-8")
    (ROOT / "records" / "recipes.md").write_text(_page(record, summary), encoding="utf-8")


def _summary(results: dict[str, Any]) -> dict[str, Any]:
    def of(field: str) -> list[float]:
        return [result[field] for result in results.values()]

    return {
        "parameters": next(iter(results.values()))["parameters"],
        "accuracy": statistics.mean(of("accuracy")),
        "accuracy_sd": statistics.stdev(of("accuracy")) if len(results) > 1 else 0.0,
        "weighted_f1": statistics.mean(of("weighted_f1")),
        "worst_class_score": min(of("worst_class_score")),
        "seeds": len(results),
        "minutes": statistics.median(of("minutes")),
    }


PAGE = """# The recipes on MNIST's test set

Made by `python benchmarks/recipes.py` (seeds {seeds}, fixed beforehand). Training sees the first 50,000
training images; the last 10,000 choose the epoch; the test set is opened once a run, to report. Accuracy:
mean ± sd over seeds. Minutes: of the training alone, on {processor}, 2 cores shared with other work; for
`robust` the median epoch times the epochs, since neighbours made some of them 20 times as long. "Worst
class" is the lowest precision, recall or F1 of any class in any seed.

| recipe | parameters | accuracy | weighted F1 | worst class | minutes |
| --- | --- | --- | --- | --- | --- |
{rows}

Every result (`records/recipes.json` has all fields):

| recipe | seed | accuracy | validation | epochs (best) | threads | precision | commit |
| --- | --- | --- | --- | --- | --- | --- | --- |
{results}
"""


def _spread(summary: dict[str, Any]) -> str:
    return f"± {100 * summary['accuracy_sd']:.2f}" if summary["seeds"] > 1 else "(one seed)"


def _page(record: dict[str, Any], summary: dict[str, Any]) -> str:
    first = next(iter(next(iter(record.values()))["results"].values()))
    rows = [
        f"| `{name}` | {s['parameters']:,} | {s['accuracy']:.2%} {_spread(s)} "
        f"| {s['weighted_f1']:.4f} | {s['worst_class_score']:.4f} | {s['minutes']:.2f} |"
        for name, s in summary.items()
    ]
    results = [
        f"| `{name}` | {seed} | {r['accuracy']:.2%} | {r['validation_accuracy']:.2%} "
        f"| {r['epochs']} ({r['best_epoch']}) | {r['threads']} | {r['precision']} | `{r['commit'][:10]}` |"
        for name, entry in record.items()
        for seed, r in entry["results"].items()
    ]
    return PAGE.format(
        seeds=", ".join(map(str, SEEDS)),
        processor=first["processor"],
        rows="\n".join(rows),
        results="\n".join(results),
    )


if __name__ == "__main__":
    main()
