"""Weights of either kind, ready to answer: ONNX without PyTorch, safetensors with it. Knows no pictures."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from inkdigits.errors import InvalidWeights
from inkdigits.model import SHIPPED, Model, read_card
from inkdigits.training.committee import check_classes, together

if TYPE_CHECKING:
    from inkdigits.training.checkpoint import Weights
    from inkdigits.training.networks import Network

Answers = Callable[[NDArray[np.uint8]], NDArray[np.float32]]


@dataclass(frozen=True)
class Recogniser:
    """What turns glyphs into logits, wherever it came from.

    Attributes:
        classes: their names, in output order.
        logits: glyphs `uint8 (N, 28, 28)` to `float32 (N, classes)`.
        temperature: divides the logits, so that probabilities are calibrated.
        network: PyTorch's; None for an ONNX file and for a committee.
        facts: what is known of the weights: recipe, seed, parameters, data, hashes.
    """

    classes: tuple[str, ...]
    logits: Answers
    temperature: float = 1.0
    network: Network | None = None
    facts: dict[str, Any] = field(default_factory=dict)

    @classmethod
    def load(cls, weights: Path | None = None, device: str = "cpu") -> Recogniser:
        """From a run folder, a safetensors or an ONNX file; None takes the shipped weights.

        Args:
            weights: where from.
            device: for what needs PyTorch: auto, cpu, cuda, mps. ONNX runs on the CPU.

        Raises:
            InvalidWeights: missing, cut short, changed, or of another kind.
            UsageError: no such device.
        """
        if weights is None or not needs_torch(weights):
            model = Model.load(weights or SHIPPED)
            facts = dict(model.card)
            facts |= facts.pop("facts", {})
            return cls(model.classes, model.logits, model.temperature, facts=facts)
        from inkdigits.training.checkpoint import load_weights
        from inkdigits.training.devices import choose
        from inkdigits.training.loop import predict

        known, place = load_weights(weights), str(choose(device).device)
        facts = {**known.facts, "weights_sha256": known.sha256, "recipe": known.recipe.to_dict()}
        temperature = temperature_of(known, file_of(weights))
        network = known.network
        return cls(
            known.classes, lambda glyphs: predict(network, glyphs, device=place), temperature, network, facts
        )

    @classmethod
    def load_together(cls, weights: Sequence[Path], device: str = "cpu") -> Recogniser:
        """One or several, which answer as a committee: with the mean of their log-probabilities.

        Raises:
            InvalidData: their classes differ.
            InvalidWeights, UsageError: as `load` says.
        """
        members = [cls.load(path, device) for path in weights]
        if len(members) == 1:
            return members[0]
        classes = check_classes([(str(p), one.classes) for p, one in zip(weights, members, strict=True)])
        temperatures = [one.temperature for one in members]
        return cls(classes, lambda glyphs: together([one.logits(glyphs) for one in members], temperatures))


def needs_torch(weights: Path) -> bool:
    """Whether weights are anything but an ONNX file."""
    return weights.suffix.lower() != ".onnx"


def file_of(weights: Path) -> Path:
    """The file itself: a run folder stands for its best weights."""
    return weights / "weights" / "best.safetensors" if weights.is_dir() else weights


def temperature_of(weights: Weights, file: Path) -> float:
    """The weights' own, or the one that export fitted for these very weights, or 1.

    Args:
        weights: that were loaded.
        file: where from; an exported network lies beside it.
    """
    if "temperature" in weights.facts:
        return float(weights.facts["temperature"])
    try:
        card = read_card(file.with_suffix(".onnx"))
    except InvalidWeights:  # not exported
        return 1.0
    return float(card["temperature"]) if card.get("weights_sha256") == weights.sha256 else 1.0
