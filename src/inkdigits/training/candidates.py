"""Trained recognisers of every kind, or several together, judged alike.

Composes recognisers, runs and reports for `inkdigits evaluate` and `inkdigits compare`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from inkdigits.errors import DataUnavailable, InvalidData
from inkdigits.training import runs
from inkdigits.training.committee import check_classes, together
from inkdigits.training.datasets import Dataset, load_data
from inkdigits.training.evaluate import Metrics, judge
from inkdigits.training.recogniser import Answers, Recogniser, file_of
from inkdigits.training.report import write_report
from inkdigits.training.runs import Epoch

EVALUATIONS = Path("runs/evaluate")  # of weights that lie in no run folder


@dataclass(frozen=True)
class Candidate:
    """A recogniser that can be judged.

    Attributes:
        name: of its run folder, or of its file.
        path: that was given; of a committee, its first member's.
        classes: names, in output order.
        logits: glyphs `uint8 (N, 28, 28)` to `float32 (N, classes)`.
        temperature: of its confidences.
        facts: what is known of it: recipe, seed, parameters, data, hashes.
        run: its run folder, if it lies in one.
        history: the run's epochs.
        members: of a committee; none otherwise.
    """

    name: str
    path: Path
    classes: tuple[str, ...]
    logits: Answers
    temperature: float
    facts: dict[str, Any]
    run: Path | None
    history: tuple[Epoch, ...]
    members: tuple[Candidate, ...] = ()


@dataclass(frozen=True)
class Evaluation:
    """A candidate judged on data.

    Attributes:
        candidate: who.
        data: name of the data.
        metrics: the figures.
        folder: where the report lies.
        cautions: why the figures may flatter, a sentence each.
        members: the figures of each member of a committee, alone.
    """

    candidate: Candidate
    data: str
    metrics: Metrics
    folder: Path
    cautions: tuple[str, ...]
    members: tuple[tuple[Candidate, Metrics], ...] = ()

    def to_dict(self) -> dict[str, Any]:
        """The answer of `inkdigits evaluate --json`: the figures of `metrics.json` and where it lies.

        Of a committee, `weights` is the list of its members' and `members` has the figures of each.
        """
        alone = [
            {
                "weights": str(member.path),
                "accuracy": metrics.accuracy,
                "errors": metrics.errors,
                "loss": metrics.loss,
                "ece": metrics.ece,
            }
            for member, metrics in self.members
        ]
        return {
            "weights": [one["weights"] for one in alone] if alone else str(self.candidate.path),
            **({"members": alone} if alone else {}),
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
    known = Recogniser.load(path, device)
    file = file_of(path)
    run = _run_of(file)
    return Candidate(
        name=_name(file, run),
        path=path,
        classes=known.classes,
        logits=known.logits,
        temperature=known.temperature,
        facts=known.facts | _trained_in(run),
        run=run,
        history=tuple(runs.read_history(run)) if run else (),
    )


def open_committee(paths: Sequence[Path], device: str = "auto") -> Candidate:
    """Several recognisers that answer together, with the mean of their log-probabilities; one stays itself.

    Raises:
        InvalidData: their classes differ.
        InvalidWeights, UsageError: as `open_candidate` says.
    """
    members = tuple(open_candidate(path, device) for path in paths)
    if len(members) == 1:
        return members[0]
    return Candidate(
        name=f"committee of {len(members)}",
        path=members[0].path,
        classes=check_classes([(member.name, member.classes) for member in members]),
        logits=lambda images: _together(members, [member.logits(images) for member in members]),
        temperature=1.0,
        facts=_shared_facts(members),
        run=None,
        history=(),
        members=members,
    )


def evaluate_weights(
    paths: Path | Sequence[Path],
    data: Dataset,
    folder: Path | None = None,
    *,
    device: str = "auto",
) -> Evaluation:
    """Judges weights on data, several as a committee, and writes the report.

    Args:
        paths: a run folder, a .safetensors or an .onnx file; several are judged together.
        data: with labels; its classes must be among those of the weights.
        folder: of the report; when None, `RUN/evaluate/DATA`, or `runs/evaluate/NAME` for weights in no run
            and for committees.
        device: auto, cpu, cuda, mps.

    Raises:
        InvalidData: no labels, classes that the weights don't know, or members whose classes differ.
        InvalidWeights: see `open_candidate`.
        OutputError: the report can't be written.
    """
    candidate = open_committee([paths] if isinstance(paths, Path) else paths, device)
    fitting = with_classes(data, candidate.classes, candidate.name)
    if candidate.members:  # each is asked once, for itself and for the committee
        answers = [member.logits(fitting.images) for member in candidate.members]
        logits = _together(candidate.members, answers)
    else:
        answers, logits = [], candidate.logits(fitting.images)
    alone = tuple(
        (member, judge(answer, fitting.labels, fitting.classes, member.temperature))
        for member, answer in zip(candidate.members, answers, strict=True)
    )
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
        members=[(member.name, figures) for member, figures in alone],
    )
    return Evaluation(candidate, data.name, metrics, place, tuple(cautions(candidate, data)), alone)


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
    if candidate.members:
        return list(dict.fromkeys(said for member in candidate.members for said in cautions(member, data)))
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


def _together(members: Sequence[Candidate], answers: Sequence[NDArray[np.float32]]) -> NDArray[np.float32]:
    return together(answers, [member.temperature for member in members])


def _shared_facts(members: Sequence[Candidate]) -> dict[str, Any]:
    """What is known of a committee: what all its members have in common, and each member's facts."""
    counts = [member.facts.get("parameters") for member in members]
    data = {member.facts.get("data") for member in members}
    return {
        "members": len(members),
        "averaged": "calibrated log-probabilities",
        "parameters": None if None in counts else sum(counts),
        "data": data.pop() if len(data) == 1 else None,
        **{
            f"member {number}, {member.name}": {"path": str(member.path), **member.facts}
            for number, member in enumerate(members, start=1)
        },
    }


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
