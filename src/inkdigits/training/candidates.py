"""Trained recognisers of every kind as one: a run folder, a safetensors or an ONNX file, asked alike.

Composes checkpoints, models and reports for `inkdigits evaluate` and `inkdigits compare`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from inkdigits.errors import DataUnavailable, InvalidData
from inkdigits.model import Model
from inkdigits.training import checkpoint, devices, loop, runs
from inkdigits.training.datasets import Dataset, load_data
from inkdigits.training.evaluate import Metrics
from inkdigits.training.recogniser import temperature_of
from inkdigits.training.report import write_report
from inkdigits.training.runs import Epoch

Ask = Callable[[NDArray[np.uint8]], NDArray[np.float32]]
EVALUATIONS = Path("runs/evaluate")  # of weights that lie in no run folder


@dataclass(frozen=True)
class Candidate:
    """A recogniser that can be judged.

    Attributes:
        name: of its run folder, or of its file.
        path: that was given.
        classes: names, in output order.
        logits: glyphs `uint8 (N, 28, 28)` to `float32 (N, classes)`.
        temperature: of its confidences.
        facts: what is known of it: recipe, seed, parameters, data, hashes.
        run: its run folder, if it lies in one.
        history: the run's epochs.
    """

    name: str
    path: Path
    classes: tuple[str, ...]
    logits: Ask
    temperature: float
    facts: dict[str, Any]
    run: Path | None
    history: tuple[Epoch, ...]


@dataclass(frozen=True)
class Evaluation:
    """A candidate judged on data.

    Attributes:
        candidate: who.
        data: name of the data.
        metrics: the figures.
        folder: where the report lies.
        cautions: why the figures may flatter, a sentence each.
    """

    candidate: Candidate
    data: str
    metrics: Metrics
    folder: Path
    cautions: tuple[str, ...]

    def to_dict(self) -> dict[str, Any]:
        """The answer of `inkdigits evaluate --json`: the figures of `metrics.json` and where it lies."""
        return {
            "weights": str(self.candidate.path),
            "data": self.data,
            "report": str(self.folder / "report.html"),
            "cautions": list(self.cautions),
            **self.metrics.to_dict(),
        }


def open_candidate(path: Path, device: str = "auto") -> Candidate:
    """A recogniser from a run folder (its best weights), a .safetensors or an .onnx file.

    Args:
        path: which.
        device: for safetensors: auto, cpu, cuda, mps. ONNX runs on the CPU.

    Raises:
        InvalidWeights: none of these, cut short or changed.
        UsageError: no such device.
    """
    return _from_onnx(path) if path.suffix == ".onnx" else _from_weights(path, device)


def evaluate_weights(
    path: Path,
    data: Dataset,
    folder: Path | None = None,
    *,
    device: str = "auto",
) -> Evaluation:
    """Judges weights on data and writes the report.

    Args:
        path: a run folder, a .safetensors or an .onnx file.
        data: with labels; its classes must be among those of the weights.
        folder: of the report; when None, `RUN/evaluate/DATA`, or `runs/evaluate/NAME` for weights in no run.
        device: auto, cpu, cuda, mps.

    Raises:
        InvalidData: no labels, or classes that the weights don't know.
        InvalidWeights: see `open_candidate`.
        OutputError: the report can't be written.
    """
    candidate = open_candidate(path, device)
    fitting = with_classes(data, candidate.classes, candidate.name)
    logits = candidate.logits(fitting.images)
    place = folder or _report_folder(candidate, data)
    metrics = write_report(
        place,
        title=f"{candidate.name} on {data.name}",
        data=fitting,
        logits=logits,
        history=candidate.history,
        facts={**candidate.facts, "judged in": runs.environment()},
        training=_trained_on(candidate),
        temperature=candidate.temperature,
    )
    return Evaluation(candidate, data.name, metrics, place, tuple(cautions(candidate, data)))


def with_classes(data: Dataset, classes: tuple[str, ...], owner: str) -> Dataset:
    """The data with its labels as indices into `classes`, for data that has only some of them.

    Raises:
        InvalidData: no labels, or a class that isn't among `classes`.
    """
    if data.labels is None:
        raise InvalidData(f"{data.name}: has no labels, so nothing can be judged on it")
    if data.classes == classes:
        return data
    unknown = [name for name in data.classes if name not in classes]
    if unknown:
        known = ", ".join(classes)
        raise InvalidData(f"{data.name}: has a class {unknown[0]!r}, but {owner} knows only {known}")
    places = np.array([classes.index(name) for name in data.classes], np.int64)
    return replace(data, labels=places[data.labels], classes=classes)


def with_same_classes(first: Candidate, other: Candidate) -> None:
    """Makes sure that two answer in the same order.

    Raises:
        InvalidData: their classes differ.
    """
    if first.classes != other.classes:
        mine, theirs = (", ".join(one.classes) for one in (first, other))
        raise InvalidData(f"{first.name} answers {mine}, but {other.name} {theirs}: they can't be compared")


def cautions(candidate: Candidate, data: Dataset) -> list[str]:
    """Why the candidate's figures on this data flatter it: it has seen these images before."""
    learned, recipe = candidate.facts.get("data"), candidate.facts.get("recipe", {})
    name = data.name.partition(":")[0]  # corrupted images are the same people's digits
    same = candidate.facts.get("data_sha256") == data.sha256 or learned == name
    held_out = isinstance(recipe, Mapping) and recipe.get("validation", 0)
    if same or (learned == "mnist-train" and name == "mnist-validation" and not held_out):
        return [f"{candidate.name} was trained on images of {data.name}: its figures there are too good"]
    return []


def folder_name(text: str) -> str:
    """`text` without what can't stand in a file's name."""
    return "".join(c if c.isalnum() or c in "-_." else "-" for c in text).strip("-.") or "data"


def _trained_on(candidate: Candidate) -> Dataset | None:
    """MNIST's training images if they trained the candidate and are at hand; for a picture only."""
    if candidate.facts.get("data") != "mnist-train":
        return None
    try:
        return load_data("mnist-train", offline=True)
    except DataUnavailable:
        return None


def _from_weights(path: Path, device: str) -> Candidate:
    weights = checkpoint.load_weights(path)
    place = str(devices.choose(device).device)
    file = path / "weights" / "best.safetensors" if path.is_dir() else path
    run = _run_of(file)
    facts = {**weights.facts, "weights_sha256": weights.sha256, "recipe": weights.recipe.to_dict()}
    return Candidate(
        name=_name(file, run),
        path=path,
        classes=weights.classes,
        logits=lambda images: loop.predict(weights.network, images, device=place),
        temperature=temperature_of(weights, file),
        facts=facts | _trained_in(run),
        run=run,
        history=tuple(runs.read_history(run)) if run else (),
    )


def _from_onnx(path: Path) -> Candidate:
    model = Model.load(path)
    run = _run_of(path)
    known = dict(model.card)
    known |= known.pop("facts", {})
    return Candidate(
        name=_name(path, run),
        path=path,
        classes=model.classes,
        logits=model.logits,
        temperature=model.temperature,
        facts=known | _trained_in(run),
        run=run,
        history=tuple(runs.read_history(run)) if run else (),
    )


def _run_of(file: Path) -> Path | None:
    """The run folder in whose `weights/` a file lies."""
    run = file.absolute().parent.parent
    inside = file.absolute().parent.name == "weights" and (run / "recipe.json").exists()
    return (file.parent.parent if file.parent.name == "weights" else run) if inside else None


def _trained_in(run: Path | None) -> dict[str, Any]:
    if run is None or not (run / "environment.json").exists():
        return {}
    return {"trained in": runs.read_environment(run)}


def _name(file: Path, run: Path | None) -> str:
    if run is None:
        return file.stem
    name = run.absolute().name
    return name if file.stem == "best" else f"{name} ({file.stem})"


def _report_folder(candidate: Candidate, data: Dataset) -> Path:
    if candidate.run is not None and candidate.path.stem != "last":
        return candidate.run / "evaluate" / folder_name(data.name)
    return runs.new_folder(EVALUATIONS, folder_name(candidate.name))
