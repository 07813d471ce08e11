"""Weights of either kind, ready to answer: ONNX without PyTorch, safetensors with it. Knows no pictures."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from inkdigits.model import SHIPPED, Model

if TYPE_CHECKING:
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
        temperature = float(known.facts.get("temperature", 1.0))
        return cls(known.classes, lambda glyphs: predict(network, glyphs), temperature, network)


def needs_torch(weights: Path) -> bool:
    """Whether weights are anything but an ONNX file."""
    return weights.suffix.lower() != ".onnx"
