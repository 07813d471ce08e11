"""Answers to a report: figures as JSON, pictures as PNG, one HTML file with all of it. Composes the parts."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from inkdigits.errors import OutputError
from inkdigits.training import galleries, plots, webpage
from inkdigits.training.captions import CAPTIONS, WIDE
from inkdigits.training.datasets import Dataset
from inkdigits.training.evaluate import Answers, Metrics, accuracy_of_surest, answer, judge
from inkdigits.training.files import write_whole
from inkdigits.training.runs import Epoch
from inkdigits.training.webpage import Html

FORMAT = "inkdigits-metrics-1"

Labels = NDArray[np.int64]


def write_report(
    folder: Path,
    *,
    title: str,
    data: Dataset,
    logits: NDArray[np.floating[Any]],
    history: Sequence[Epoch] = (),
    facts: Mapping[str, Any] | None = None,
    training: Dataset | None = None,
    temperature: float = 1.0,
    members: Sequence[tuple[str, Metrics]] = (),
) -> Metrics:
    """Writes `metrics.json`, `report.html` and every picture as a PNG into a folder; returns the figures.

    Args:
        folder: is made if it isn't there; files of an older report are replaced.
        title: heading of the page.
        data: what was judged on, with labels.
        logits: the answers, `float (N, classes)`.
        history: epochs of the training, for the curves; without any there are none.
        facts: what else is known, singly or in groups such as `recipe`, for `metrics.json` and the page's
            end; `epoch`, the one whose weights these are, is marked in the curves.
        training: what was trained on, to compare how often each class occurs.
        temperature: of the confidences (Guo et al. 2017).
        members: names and figures of those who answered together, each alone, on the same data.

    Raises:
        InvalidData: no labels, or labels that don't fit the logits.
        InvalidWeights: a logit isn't finite.
        OutputError: a file can't be written.
    """
    metrics = judge(logits, data.labels, data.classes, temperature)
    assert data.labels is not None  # judged
    answers = answer(logits, temperature)
    known = dict(facts or {})
    make_folder(folder)
    sections = [
        *([("How it learned", _learning(folder, history, known.get("epoch")))] if history else []),
        *([("What each member does alone", _alone(members, metrics))] if members else []),
        ("Where it errs", _errors(folder, metrics, data, data.labels, answers)),
        ("When to trust it", _trust(folder, metrics, data.labels, answers)),
        ("What it was judged on", _material(folder, data, data.labels, training)),
        ("How it was made", _making(data, known)),
    ]
    subtitle = f"Judged on {data.name}: {metrics.n:,} images, {len(data.classes)} classes"
    write_whole(folder / "report.html", webpage.page(title, subtitle, _summary(metrics), sections))
    record = _record(title, data, known, metrics)
    if members:
        record["members"] = [{"name": name, **alone.to_dict()} for name, alone in members]
    write_json(folder / "metrics.json", record)
    return metrics


def make_folder(folder: Path) -> None:
    """Makes a folder and those above it.

    Raises:
        OutputError: it can't be made.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as e:
        raise OutputError(f"{folder}: can't be made ({e.strerror}); name another folder") from e


def write_json(path: Path, values: Mapping[str, Any]) -> None:
    """A JSON file, indented, written whole."""
    text = json.dumps(values, indent=2, ensure_ascii=False, allow_nan=False, default=str)
    write_whole(path, (text + "\n").encode())


def _record(title: str, data: Dataset, facts: Mapping[str, Any], metrics: Metrics) -> dict[str, Any]:
    about = {"name": data.name, "sha256": data.sha256, "samples": len(data), "classes": list(data.classes)}
    return {"format": FORMAT, "title": title, "data": about, **metrics.to_dict(), "facts": dict(facts)}


def _summary(metrics: Metrics) -> Html:
    _, one, two, *_ = metrics.rejection
    figures = webpage.key_figures(
        [
            ("Accuracy", f"{metrics.accuracy:.2%}", f"± {metrics.standard_error:.2%} standard error"),
            ("Wrong", f"{metrics.errors:,}", f"of {metrics.n:,} images"),
            ("Macro F1", f"{metrics.macro.f1:.4f}", "mean over classes"),
            ("Calibration error", f"{metrics.ece:.2%}", f"ECE, {len(metrics.bins)} bins"),
            ("Loss", f"{metrics.loss:.4f}", "negative log-likelihood, nats"),
            ("With 2% rejected", f"{two.accuracy:.2%}", "of the rest are right"),
        ]
    )
    right = metrics.n - metrics.errors
    words = f"Of {metrics.n:,} images, {right:,} were answered rightly. "
    words += (
        f"If a person looks at the least sure 1%, {one.accuracy:.2%} of the rest are right; "
        f"with 2%, {two.accuracy:.2%}."
        if metrics.errors
        else "None was answered wrongly."
    )
    return webpage.join(figures, webpage.paragraph(words))


def show(folder: Path, name: str, alt: str, draw: Callable[[Path], None]) -> Html:
    """Draws a picture into the folder, and shows it with its caption."""
    path = folder / f"{name}.png"
    draw(path)
    return webpage.picture(path, alt, CAPTIONS[name], wide=name in WIDE)


def _learning(folder: Path, history: Sequence[Epoch], kept: int | None) -> Html:
    alt = f"Curves over {len(history)} epochs; the training loss ends at {history[-1].train_loss:.4f}"
    curves = show(folder, "curves", alt, lambda path: plots.draw_curves(path, history, kept))
    seconds = sum(epoch.seconds for epoch in history)
    said = f"{len(history)} epochs in {seconds:,.0f} seconds."
    if all(epoch.validation_loss is None for epoch in history):
        said += " Nothing was held out for validation."
    return webpage.join(webpage.paragraph(said), webpage.pictures(curves))


def _alone(members: Sequence[tuple[str, Metrics]], together: Metrics) -> Html:
    rows = [
        (
            name,
            f"{m.accuracy:.2%} ± {m.standard_error:.2%}",
            f"{m.errors:,}",
            f"{m.loss:.4f}",
            f"{m.ece:.2%}",
        )
        for name, m in [*members, ("together", together)]
    ]
    head = ("member", "accuracy", "wrong", "loss", "ECE")
    caption = "Together they answer with the mean of their calibrated log-probabilities."
    return webpage.table(head, rows[:-1], caption, totals=rows[-1:])


def _errors(folder: Path, metrics: Metrics, data: Dataset, labels: Labels, answers: Answers) -> Html:
    put = partial(show, folder)
    return webpage.join(
        webpage.pictures(
            put(
                *("confusion", f"Confusion matrix in counts, with {metrics.errors} errors"),
                lambda path: plots.draw_confusion(path, metrics, normalised=False),
            ),
            put(
                *("confusion-normalised", "Confusion matrix in shares of each true class"),
                lambda path: plots.draw_confusion(path, metrics, normalised=True),
            ),
            put(
                *("misclassified", f"The images of the {metrics.errors} wrong answers, at most 100"),
                lambda path: galleries.draw_misclassified(path, data, labels, answers),
            ),
            put(
                *("predictions", "Images with the answers given to them"),
                lambda path: galleries.draw_predictions(path, data, labels, answers),
            ),
        ),
        _classification_report(folder, metrics),
    )


def _classification_report(folder: Path, metrics: Metrics) -> Html:
    rows = [
        (row.name, *map(_score, (row.precision, row.recall, row.f1)), f"{row.support:,}")
        for row in metrics.per_class
    ]
    totals = [
        (name, *map(_score, (mean.precision, mean.recall, mean.f1)), f"{metrics.n:,}")
        for name, mean in (("macro mean", metrics.macro), ("weighted mean", metrics.weighted))
    ]
    caption = "Classification report. Macro: every class that occurs counts alike; weighted: by its images."
    alt = "Precision, recall and F1 of each class as points"
    scores = show(folder, "class-scores", alt, lambda path: plots.draw_class_scores(path, metrics))
    head = ("class", "precision", "recall", "F1", "images")
    return webpage.pictures(scores, webpage.table(head, rows, caption, totals=totals))


def _trust(folder: Path, metrics: Metrics, labels: Labels, answers: Answers) -> Html:
    curve = accuracy_of_surest(answers.confidence, answers.predicted == labels)
    alt = f"Reliability diagram, expected calibration error {metrics.ece:.2%}"
    reliability = show(folder, "reliability", alt, lambda path: plots.draw_reliability(path, metrics))
    alt = "Accuracy of the rest against the share of images rejected"
    rejection = show(folder, "rejection", alt, lambda path: plots.draw_rejection(path, metrics, curve))
    rows = [
        (f"{p.rejected:.0%}", f"{p.accuracy:.3%}", f"{math.floor(p.threshold * 1e4) / 1e4:.2%}")
        for p in metrics.rejection
    ]
    caption = "To reject so many, refuse answers below this confidence."
    answered = webpage.table(("rejected", "accuracy of the rest", "lowest confidence kept"), rows, caption)
    said = (
        f"The confidences were made with temperature {metrics.temperature:g} (1: as the network gives them)."
    )
    return webpage.join(
        webpage.paragraph(said), webpage.pictures(reliability, webpage.stack(rejection, answered))
    )


def _material(folder: Path, data: Dataset, labels: Labels, training: Dataset | None) -> Html:
    sets = {data.name: labels}
    if training is not None and training.labels is not None and training.classes == data.classes:
        sets = {training.name: training.labels, **sets}
    counts = {name: np.bincount(found, minlength=len(data.classes)).tolist() for name, found in sets.items()}
    return webpage.pictures(
        show(
            *(folder, "samples", f"Sample images of {data.name}, a row a class"),
            lambda path: galleries.draw_samples(path, data, labels),
        ),
        show(
            *(folder, "class-distribution", f"Bars: share of each class in {', '.join(sets)}"),
            lambda path: plots.draw_class_distribution(path, counts, data.classes),
        ),
    )


def _making(data: Dataset, facts: Mapping[str, Any]) -> Html:
    single = {name: value for name, value in facts.items() if not isinstance(value, Mapping)}
    single |= {"judged on": data.name, "its SHA-256": data.sha256}
    groups = {name: value for name, value in facts.items() if isinstance(value, Mapping)}
    return webpage.join(
        *(webpage.details(name.capitalize(), group) for name, group in groups.items()),
        webpage.details("Facts", single),
    )


def _score(value: float | None) -> str:
    return "–" if value is None else f"{value:.4f}"
