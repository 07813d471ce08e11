"""Trains recipes with several seeds, then opens MNIST's test set once for each, and writes the record.

    python benchmarks/recipes.py                              # all recipes, seeds 1, 2 and 3
    python benchmarks/recipes.py three-conv --set augment.flip=0.5 --as three-conv-flip
    python benchmarks/recipes.py tuned --set validation=0 --as tuned-all --seeds 1 2 3 4 5
    python benchmarks/recipes.py tiny --teacher runs/records/tuned-1 --as tiny-taught
    python benchmarks/recipes.py --tables                     # from the record: trains and judges nothing

Runs lie in runs/records/NAME-SEED; a finished one is not trained again, an unfinished one goes on. Every
result goes to records/recipes.json, with the test images that were answered wrongly; the tables go to
records/recipes.md and to the package, for `inkdigits recipes`. A recipe's seeds are also judged together:
always all that are recorded, so that none is chosen. Nothing is chosen here: recipes and seeds are fixed
before the test images are opened.
"""

from __future__ import annotations

import os

os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")  # read when torch is imported

import argparse
import json
import re
import statistics
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from inkdigits.errors import InvalidWeights
from inkdigits.training import runs, session
from inkdigits.training.candidates import open_candidate, open_committee
from inkdigits.training.datasets import load_mnist
from inkdigits.training.evaluate import answer, judge
from inkdigits.training.recipes import RECIPES, Recipe, from_dict, with_options

ROOT = Path(__file__).parent.parent
RUNS = ROOT / "runs" / "records"
RECORD = ROOT / "records" / "recipes.json"
PACKAGED = ROOT / "src" / "inkdigits" / "training" / "recorded.json"
SEEDS = (1, 2, 3)
MNIST = 60_000  # training images


def main() -> None:
    arguments = _parse()
    record = json.loads(RECORD.read_text(encoding="utf-8")) if RECORD.exists() else {}
    chosen = [] if arguments.tables else [RECIPES[name] for name in arguments.names or RECIPES]
    job = session.Job(threads=arguments.threads, teachers=tuple(arguments.teachers))
    for recipe in chosen:
        name = arguments.called or recipe.name
        varied = replace(with_options(recipe, arguments.options), name=name)
        entry = _entry(record, varied)
        for seed in arguments.seeds:
            result = entry["results"][str(seed)] = _result(varied, replace(job, seed=seed))
            print(
                f"{name} seed {seed}: {result['accuracy']:.2%} in {result['minutes']:.2f} minutes", flush=True
            )
            _write(record)
        if committee := _committee(name, entry["results"]):
            entry["committee"] = committee
            seeds = len(committee["seeds"])
            print(f"{name}, {seeds} seeds together: {committee['accuracy']:.2%}", flush=True)
    _write(record)


def _parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("names", nargs="*", choices=[*RECIPES, []], help="recipes; all unless said")
    parser.add_argument("--seeds", type=int, nargs="+", default=list(SEEDS))
    parser.add_argument("--threads", type=int, help="chosen by the probe unless said")
    parser.add_argument("--set", dest="options", action="append", default=[], metavar="NAME=VALUE")
    parser.add_argument("--teacher", dest="teachers", action="append", default=[], metavar="RUN|WEIGHTS")
    parser.add_argument("--as", dest="called", help="name of a variant in the record")
    parser.add_argument("--tables", action="store_true", help="only write the tables again, from the record")
    return parser.parse_args()


def _entry(record: dict[str, Any], recipe: Recipe) -> dict[str, Any]:
    """The recipe's place in the record; results of an older version of it don't stay beside the new ones."""
    known = record.get(recipe.name)
    if known is None or replace(from_dict(known["recipe"]), about=recipe.about) != recipe:
        known = record[recipe.name] = {"results": {}}
    known["recipe"] = recipe.to_dict()
    return known


def _trained(recipe: Recipe, job: session.Job) -> Path:
    """The run folder, whole; trains unless that was done."""
    run = RUNS / f"{recipe.name}-{job.seed}"
    begun = (run / "recipe.json").exists()
    if begun and replace(runs.read_recipe(run), about=recipe.about) != recipe:
        raise SystemExit(f"{run}: trained with another version of {recipe.name}; move it away first")
    if (run / "weights" / "best.onnx").exists():
        return run
    if begun:
        session.resume(run, quiet=True)
        return run
    began = time.perf_counter()
    session.begin(recipe, job, root=RUNS, name=run.name, quiet=True)
    (run / "minutes.txt").write_text(f"{(time.perf_counter() - began) / 60:.3f}\n", encoding="utf-8")
    return run


def _result(recipe: Recipe, job: session.Job) -> dict[str, Any]:
    """Trains unless that was done, then judges on the test set."""
    run = _trained(recipe, job)
    candidate = open_candidate(run, "cpu")
    facts, history, environment = candidate.facts, candidate.history, runs.read_environment(run)
    test = load_mnist("test")
    assert test.labels is not None
    logits = candidate.logits(test.images)
    metrics = judge(logits, test.labels, test.classes).to_dict()
    scores = [entry[kind] for entry in metrics["per_class"] for kind in ("precision", "recall", "f1")]
    took = run / "minutes.txt"  # not of a run that was interrupted
    return {
        "accuracy": metrics["accuracy"],
        "weighted_f1": metrics["weighted"]["f1"],
        "worst_class_score": min(scores),
        "validation_accuracy": facts["validation_accuracy"],
        "parameters": facts["parameters"],
        "epochs": len(history),
        "best_epoch": facts["epoch"],
        "learning": [epoch.validation_accuracy for epoch in history],
        "minutes": len(history) * statistics.median(epoch.seconds for epoch in history) / 60,
        "minutes_with_report": float(took.read_text(encoding="utf-8")) if took.exists() else None,
        "device": environment["device"],
        "threads": environment["job"]["threads"],
        "precision": environment["precision"],
        "processor": environment["processor"],
        "commit": environment["commit"] or "unknown",
        "weights_sha256": facts["weights_sha256"],
        "teachers_sha256": facts.get("teachers_sha256", []),
        "wrong": np.flatnonzero(answer(logits).predicted != test.labels).tolist(),
    }


def _committee(name: str, results: dict[str, Any]) -> dict[str, Any] | None:
    """All recorded seeds judged together; None where there is one only, or weights that aren't here."""
    if len(results) < 2:
        return None
    try:
        committee = open_committee([RUNS / f"{name}-{seed}" for seed in results], "cpu")
    except InvalidWeights as e:
        print(f"{name}: not judged together: {e}")
        return None
    test = load_mnist("test")
    assert test.labels is not None
    logits = committee.logits(test.images)
    metrics = judge(logits, test.labels, test.classes)
    return {
        "seeds": [int(seed) for seed in results],
        "weights_sha256": [member.facts["weights_sha256"] for member in committee.members],
        "accuracy": metrics.accuracy,
        "loss": metrics.loss,
        "ece": metrics.ece,
        "wrong": np.flatnonzero(answer(logits).predicted != test.labels).tolist(),
    }


def committee_of(entry: dict[str, Any]) -> dict[str, Any] | None:
    """The committee in the record, as long as it is of these very results."""
    committee = entry.get("committee")
    weights = [result.get("weights_sha256") for result in entry["results"].values()]
    return committee if committee and committee["weights_sha256"] == weights else None


def _write(record: dict[str, Any]) -> None:
    RECORD.write_text(_as_json(record), encoding="utf-8")
    summary = {name: _summary(entry) for name, entry in record.items()}
    PACKAGED.write_text(json.dumps(summary, indent=1) + "\n", encoding="utf-8")
    (ROOT / "records" / "recipes.md").write_text(_page(record, summary), encoding="utf-8")


def _as_json(record: dict[str, Any]) -> str:
    """Indented, but lists of numbers on one line."""
    text = json.dumps(record, indent=1)
    return re.sub(r'\[([^\[\]{}"]+)\]', lambda found: f"[{' '.join(found[1].split())}]", text) + "\n"


def _summary(entry: dict[str, Any]) -> dict[str, Any]:
    results, committee = entry["results"], committee_of(entry)

    def of(field: str) -> list[float]:
        return [result[field] for result in results.values()]

    return {
        "parameters": next(iter(results.values()))["parameters"],
        "trained_on": MNIST - entry["recipe"]["validation"],
        "accuracy": statistics.mean(of("accuracy")),
        "accuracy_sd": statistics.stdev(of("accuracy")) if len(results) > 1 else 0.0,
        "committee_accuracy": committee["accuracy"] if committee else None,
        "weighted_f1": statistics.mean(of("weighted_f1")),
        "worst_class_score": min(of("worst_class_score")),
        "seeds": len(results),
        "minutes": statistics.median(of("minutes")),
    }


PAGE = """# The recipes on MNIST's test set

Made by `python benchmarks/recipes.py` (seeds {seeds} unless the second table has others; fixed beforehand).
Training sees the first 50,000 training images, and the last 10,000 choose the epoch; where it sees all
60,000, nothing is held out and the schedule was fixed before. The test set is opened once a run, to report.
Accuracy: mean ± sd over seeds. Together: all of them as a committee, which answers with the mean of their
calibrated log-probabilities. Minutes: of the training alone, on {processor}, 2 cores shared with other work;
for `robust` the median epoch times the epochs, since neighbours made some of them 20 times as long. "Worst
class" is the lowest precision, recall or F1 of any class in any seed.

| recipe | parameters | trained on | seeds | accuracy | together | weighted F1 | worst class | minutes |
| --- | --- | --- | --- | --- | --- | --- | --- | --- |
{rows}

Every result (`records/recipes.json` has all fields, and which test images were answered wrongly):

| recipe | seed | accuracy | validation | epochs (best) | threads | precision | commit |
| --- | --- | --- | --- | --- | --- | --- | --- |
{results}
"""


def _page(record: dict[str, Any], summary: dict[str, Any]) -> str:
    first = next(iter(next(iter(record.values()))["results"].values()))
    results = [
        f"| `{name}` | {seed} | {r['accuracy']:.2%} | {_percent(r['validation_accuracy'])} "
        f"| {r['epochs']} ({r['best_epoch']}) | {r['threads']} | {r['precision']} | `{r['commit'][:10]}` |"
        for name, entry in record.items()
        for seed, r in entry["results"].items()
    ]
    return PAGE.format(
        seeds=", ".join(map(str, SEEDS)),
        processor=first["processor"],
        rows="\n".join(_row(name, of) for name, of in summary.items()),
        results="\n".join(results),
    )


def _row(name: str, of: dict[str, Any]) -> str:
    spread = f" ± {100 * of['accuracy_sd']:.2f}" if of["seeds"] > 1 else ""
    return (
        f"| `{name}` | {of['parameters']:,} | {of['trained_on']:,} | {of['seeds']} "
        f"| {of['accuracy']:.2%}{spread} | {_percent(of['committee_accuracy'])} "
        f"| {of['weighted_f1']:.4f} | {of['worst_class_score']:.4f} | {of['minutes']:.2f} |"
    )


def _percent(share: float | None) -> str:
    return "–" if share is None else f"{share:.2%}"


if __name__ == "__main__":
    main()
