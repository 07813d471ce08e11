"""Why a recogniser sees a class in a glyph: Grad-CAM and occlusion, as maps over its pixels.

Occlusion asks the recogniser alone, so it works on ONNX files without PyTorch; Grad-CAM needs the network.
Knows nothing of pictures and how maps are drawn.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from inkdigits.errors import UsageError
from inkdigits.glyph import SIDE
from inkdigits.model import softmax
from inkdigits.training.recogniser import Answers, Recogniser

Method = Literal["grad-cam", "occlusion"]
Glyph = NDArray[np.uint8]
Map = NDArray[np.float32]

PATCH = 5  # px of 28: about a stroke and its edges
STRIDE = 1  # px


@dataclass(frozen=True)
class Explained:
    """Why one class.

    Attributes:
        name: of the class.
        probability: that the recogniser gives it, calibrated.
        maps: method to `float32 (28, 28)`. Grad-CAM: 0 and up, in the units of the network's activations.
            Occlusion: by how much the log-odds of the class fall when the place is blanked; below 0, rise.
    """

    name: str
    probability: float
    maps: dict[Method, Map]


@dataclass(frozen=True)
class Explanation:
    """Why a recogniser reads a glyph as it does.

    Attributes:
        glyph: `uint8 (28, 28)`, what the recogniser saw.
        classes: the names of its classes.
        probabilities: one for each class, calibrated.
        explained: the classes asked for, in that order.
        patch: side of the square that occlusion blanked, pixels.
    """

    glyph: Glyph
    classes: tuple[str, ...]
    probabilities: tuple[float, ...]
    explained: tuple[Explained, ...]
    patch: int = PATCH

    @property
    def best(self) -> int:
        """Index of the predicted class."""
        return int(np.argmax(self.probabilities))

    def to_dict(self) -> dict[str, Any]:
        """The JSON object; maps are lists of 28 rows, rounded to four places."""
        return {
            "digit": self.classes[self.best],
            "confidence": round(self.probabilities[self.best], 6),
            "explained": [
                {
                    "class": one.name,
                    "probability": round(one.probability, 6),
                    "maps": {method: np.round(heat, 4).tolist() for method, heat in one.maps.items()},
                }
                for one in self.explained
            ],
        }


def explain(
    recogniser: Recogniser,
    glyph: Glyph,
    methods: Sequence[Method],
    *,
    classes: Sequence[str] = (),
    patch: int = PATCH,
    stride: int = STRIDE,
) -> Explanation:
    """Why the predicted class, and why each of `classes`.

    Args:
        recogniser: who is asked.
        glyph: `uint8 (28, 28)`.
        methods: which maps to make.
        classes: names of further classes.
        patch: side of the square that occlusion blanks, pixels.
        stride: how far it moves each time, pixels.

    Raises:
        UsageError: a class that isn't there, a patch that doesn't fit, Grad-CAM without a network.
    """
    unknown = [name for name in classes if name not in recogniser.classes]
    if unknown:
        raise UsageError(f"class {unknown[0]!r} is unknown; there are {', '.join(recogniser.classes)}")
    probabilities = softmax(recogniser.logits(glyph[None]), recogniser.temperature)[0]
    names = dict.fromkeys([recogniser.classes[int(probabilities.argmax())], *classes])
    chosen = [recogniser.classes.index(name) for name in names]
    maps = {method: _maps(recogniser, method, glyph, chosen, patch, stride) for method in methods}
    explained = tuple(
        Explained(name, float(probabilities[c]), {method: maps[method][i] for method in methods})
        for i, (name, c) in enumerate(zip(names, chosen, strict=True))
    )
    return Explanation(glyph, recogniser.classes, tuple(probabilities.tolist()), explained, patch)


def _maps(
    recogniser: Recogniser, method: Method, glyph: Glyph, chosen: list[int], patch: int, stride: int
) -> list[Map]:
    if method == "occlusion":

        def score(glyphs: Glyph) -> Map:
            return log_odds(recogniser.logits(glyphs) / np.float32(recogniser.temperature))

        return list(occlude(score, glyph, patch, stride)[chosen])
    if recogniser.network is None:
        raise UsageError(
            "Grad-CAM needs a trained network, which an ONNX file doesn't hold: "
            "train one with 'inkdigits train', then name its run folder with --weights"
        )
    from inkdigits.training.gradcam import grad_cam

    return [grad_cam(recogniser.network, glyph, c) for c in chosen]


def occlude(score: Answers, glyph: Glyph, patch: int = PATCH, stride: int = STRIDE) -> Map:
    """By how much each class's score falls when a patch of the glyph is blanked (Zeiler & Fergus 2014).

    The patch, filled with the background's 0, moves over the glyph. A pixel's value is the mean over the
    patches that cover it.

    Args:
        score: glyphs `uint8 (N, 28, 28)` to scores `float32 (N, C)`.
        glyph: `uint8 (28, 28)`.
        patch: its side, pixels.
        stride: how far it moves each time, pixels, at most `patch`.

    Returns:
        `float32 (C, 28, 28)`.

    Raises:
        UsageError: the patch doesn't fit into the glyph, or its steps leave gaps.
    """
    if not 1 <= stride <= patch <= SIDE:
        raise UsageError(f"patch {patch}, stride {stride}: expected 1 ≤ stride ≤ patch ≤ {SIDE}")
    steps = -(-(SIDE - patch) // stride) + 1  # the last patch may reach beyond the edge
    along = np.arange(SIDE)
    covers = np.stack([(along >= start) & (along < start + patch) for start in stride * np.arange(steps)])
    masks = (covers[:, None, :, None] & covers[None, :, None, :]).reshape(-1, SIDE, SIDE)
    changed = masks[:, glyph > 0].any(axis=1)  # blanking blank paper changes nothing
    falls = np.zeros((len(masks), *score(glyph[None])[0].shape), np.float32)
    if changed.any():
        falls[changed] = score(glyph[None]) - score(np.where(masks[changed], np.uint8(0), glyph))
    total = np.einsum("pc,pyx->cyx", falls, masks.astype(np.float32))
    return np.asarray(total / masks.sum(axis=0), np.float32)


def log_odds(logits: NDArray[np.float32]) -> NDArray[np.float32]:
    """Each class against all others together, `float32 (N, C)`: unlike a probability, it has no ceiling."""
    others = np.stack([_log_sum(np.delete(logits, c, axis=1)) for c in range(logits.shape[1])], axis=1)
    return np.asarray(logits - others, np.float32)


def _log_sum(logits: NDArray[np.float32]) -> NDArray[np.float32]:
    highest = logits.max(axis=1)
    return np.asarray(highest + np.log(np.exp(logits - highest[:, None]).sum(axis=1)), np.float32)
