"""Both networks as models of the Open Inference Protocol: what they take and give. Knows no HTTP.

`digit` takes glyphs and `line` takes strips, as `inkdigits.glyph` and `inkdigits.strip` make them.
"""

from __future__ import annotations

import asyncio
from abc import ABC, abstractmethod
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
from numpy.typing import NDArray

from inkdigits.model import SIDE, LineModel, Model, softmax
from inkdigits.server.batching import Batcher
from inkdigits.server.overload import Overloaded
from inkdigits.server.tensors import BadRequest, Shape
from inkdigits.strip import HEIGHT, WIDEST

REQUESTS = 8  # for the line network, at work or waiting; each may have hundreds of strips
OUTPUT_NUMBERS = 4_000_000  # of an answer: 16 MB

Outputs = dict[str, NDArray[np.float32]]


class Served(ABC):
    """One network as a model.

    Attributes:
        name: in its path.
        version: the beginning of its weights' SHA-256, as in the rest of the API.
        takes: its input.
        gives: its outputs.
    """

    def __init__(self, name: str, card: dict[str, Any], takes: Shape, gives: tuple[Shape, ...]) -> None:
        """Takes the version from the card."""
        self.name, self.version = name, str(card["sha256"])[:12]
        self.takes, self.gives = takes, gives

    @abstractmethod
    async def answer(self, tensor: NDArray[np.uint8]) -> Outputs:
        """Its outputs for an input of the right shape, by name.

        Raises:
            BadRequest: it can't be answered all the same.
            Overloaded: too much waits.
        """

    def to_dict(self) -> dict[str, Any]:
        """The model's metadata."""
        return {
            "name": self.name,
            "versions": [self.version],
            "platform": "onnxruntime_onnx",
            "inputs": [self.takes.to_dict()],
            "outputs": [shape.to_dict() for shape in self.gives],
        }


class Digits(Served):
    """The network for single digits; glyphs are batched with those of all other requests."""

    def __init__(self, model: Model, batcher: Batcher) -> None:
        """Serves a model through its batcher."""
        classes = len(model.classes)
        gives = (Shape("logits", "FP32", (-1, classes)), Shape("probabilities", "FP32", (-1, classes)))
        super().__init__("digit", model.card, Shape("glyphs", "UINT8", (-1, SIDE, SIDE)), gives)
        self._model, self._batcher = model, batcher

    async def answer(self, tensor: NDArray[np.uint8]) -> Outputs:
        """Logits, and probabilities calibrated as in every other answer."""
        logits = await self._batcher.logits(tensor)
        probabilities = softmax(logits, self._model.temperature) if len(logits) else logits
        return {"logits": logits, "probabilities": probabilities.astype(np.float32)}


class Lines(Served):
    """The network for lines. Each strip runs by itself, in a thread: a wide one takes 20 ms."""

    def __init__(self, model: LineModel) -> None:
        """Serves a model."""
        classes = len(model.classes)
        gives = (Shape("logits", "FP32", (-1, -1, classes)), Shape("boxes", "FP32", (-1, -1, 4)))
        super().__init__("line", model.card, Shape("strips", "UINT8", (-1, HEIGHT, -1)), gives)
        self._model, self._classes, self._requests = model, classes, 0
        self._thread = ThreadPoolExecutor(1, "strips")

    async def answer(self, tensor: NDArray[np.uint8]) -> Outputs:
        """Logits `(N, T, classes)` and boxes `(N, T, 4)` along each strip."""
        count, _, width = tensor.shape
        if not 1 <= width <= WIDEST:
            raise BadRequest(f"input {self.takes.name}: {width} pixels wide; expected 1 to {WIDEST}")
        if count * width * (self._classes + 4) // 2 > OUTPUT_NUMBERS:
            raise BadRequest(f"input {self.takes.name}: {count} strips at once are too many; send fewer")
        if self._requests >= REQUESTS:
            raise Overloaded(f"{self._requests} requests for strips are at work; try again shortly")
        self._requests += 1
        try:
            rows = [await self._along(strip) for strip in tensor]
        finally:
            self._requests -= 1
        if not rows:
            return {name.name: np.zeros((0, 0, name.sizes[-1]), np.float32) for name in self.gives}
        logits, boxes = zip(*rows, strict=True)
        return {"logits": np.stack(logits), "boxes": np.stack(boxes)}

    async def _along(self, strip: NDArray[np.uint8]) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        loop = asyncio.get_running_loop()
        return (await loop.run_in_executor(self._thread, self._model.logits, [strip]))[0]
