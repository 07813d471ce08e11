"""Weights of either kind, ready to answer: ONNX without PyTorch, safetensors with it. Knows no pictures."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from inkdigits.errors import InvalidWeights
from inkdigits.model import SHIPPED, Model, read_card

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
        network: PyTorch's; None for an ONNX file.
    """

    classes: tuple[str, ...]
    logits: Answers
    temperature: float = 1.0
    network: Network | None = None

    @classmethod
    def load(cls, weights: Path | None = None) -> Recogniser:
        """From a run folder, a safetensors or an ONNX file; None takes the shipped weights.

        Raises:
            InvalidWeights: missing, cut short, changed, or of another kind.
        """
        if weights is None or not needs_torch(weights):
            model = Model.load(weights or SHIPPED)
            return cls(model.classes, model.logits, model.temperature)
        from inkdigits.training.checkpoint import load_weights
        from inkdigits.training.loop import predict

        known = load_weights(weights)
        network = known.network
        file = weights / "weights" / "best.safetensors" if weights.is_dir() else weights
        temperature = temperature_of(known, file)
        return cls(known.classes, lambda glyphs: predict(network, glyphs), temperature, network)


def needs_torch(weights: Path) -> bool:
    """Whether weights are anything but an ONNX file."""
    return weights.suffix.lower() != ".onnx"


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
