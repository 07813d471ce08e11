"""Trained networks to ONNX files that stand alone. Knows PyTorch, ONNX and the runtime it checks against.

The file takes `glyphs`, uint8 (N, 28, 28), ink bright on 0, for any N, and answers `logits`, float32
(N, classes). A network that ends in a global mean and one dense layer also answers `activation`, float32
(N, classes, h, w): how much each place speaks for each class, before the mean (class activation maps: Zhou et
al., CVPR 2016). Scaling is inside, batch norms are folded into their convolutions, and what a reader needs to
know (classes, temperature, thresholds, licence …) is in the file's own metadata. A JSON card beside it says
the same, with the file's SHA-256. Nothing is written unless ONNX Runtime answers as PyTorch does.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import logging
import tempfile
import warnings
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import onnx
import torch
from numpy.typing import NDArray
from onnxscript.ir.passes.common import ClearMetadataAndDocStringPass
from torch import Tensor, nn
from torch.nn import functional as F

from inkdigits.confidence import fit_rule, fit_temperature
from inkdigits.errors import DataUnavailable, InvalidData, ParityError, UsageError
from inkdigits.glyph import FIT, SIDE
from inkdigits.model import Model, softmax
from inkdigits.training.checkpoint import Weights
from inkdigits.training.datasets import Dataset, load_data
from inkdigits.training.files import write_whole
from inkdigits.training.loop import predict
from inkdigits.training.networks import GlobalMean, Network, Scaling, count_parameters

FORMAT = "inkdigits-onnx-1"
POLARITY = "ink bright on 0"
LICENCE = "MIT"
OPSET = 20  # the first with Gelu; ONNX Runtime reads it from 1.17 (2024) on
TOLERANCE = 1e-4  # of logits, absolute
CHECKED = 10_000  # images

Glyphs = NDArray[np.uint8]


def export_onnx(
    weights: Weights,
    path: Path,
    *,
    temperature: float | None = None,
    extra: Mapping[str, Any] | None = None,
    check_images: Glyphs | None = None,
) -> dict[str, Any]:
    """Writes `path` (ONNX) and its card (`.json` beside it), after comparing it with the trained network.

    Args:
        weights: the trained network and what is known of it.
        path: the ONNX file; an older one is replaced.
        temperature: that confidences are made with; the weights' own, or 1, when None.
        extra: further facts for metadata and card, such as thresholds; they replace known ones of one name.
        check_images: glyphs to compare on, `uint8 (N, 28, 28)`; MNIST's validation images when None.

    Returns:
        The card.

    Raises:
        ParityError: logits differ by more than 1e-4 or a prediction differs; nothing is written.
        OutputError: a file can't be written.
    """
    images, images_name = _check_images(check_images)
    facts = _facts(weights, temperature, extra or {})
    content = to_onnx(weights.network, facts, name=weights.recipe.name)
    card = _card(weights, facts, content)
    with tempfile.TemporaryDirectory() as folder:
        candidate = Path(folder) / "candidate.onnx"
        candidate.write_bytes(content)
        candidate.with_suffix(".json").write_text(json.dumps(card), encoding="utf-8")
        difference = check_parity(weights.network, Model.load(candidate), images)
    card["parity"] = {"images": images_name, "count": len(images), "largest_difference": difference}
    write_whole(path, content)
    write_whole(path.with_suffix(".json"), (json.dumps(card, indent=2, ensure_ascii=False) + "\n").encode())
    return card


def calibrate(weights: Weights, data: Dataset) -> tuple[float, dict[str, float]]:
    """Temperature, and the thresholds for `extra`, fitted on labelled data that trained nothing.

    Too few samples, or too many errors among the surest, support no threshold: then there are none.

    Raises:
        InvalidData: no labels, or other classes than the network's.
    """
    if data.labels is None or data.classes != weights.classes:
        raise InvalidData(
            f"{data.name}: to calibrate on, it must have labels, and the classes of the weights"
        )
    logits = predict(weights.network, data.images)
    temperature = fit_temperature(logits, data.labels)
    rule = fit_rule(softmax(logits, temperature), data.labels)
    if rule.accept_at == 1:
        return temperature, {}
    return temperature, {"accept_at": rule.accept_at, "digit_at": rule.digit_at}


def to_onnx(network: Network, facts: Mapping[str, Any], *, name: str = "inkdigits") -> bytes:
    """The ONNX file of a network on the CPU, in evaluation mode, with `facts` as its metadata.

    The same network and facts give the same bytes.
    """
    example = torch.zeros(2, SIDE, SIDE, dtype=torch.uint8)  # two: a size of 0 or 1 would be taken as fixed
    looking = Looking.at(network)
    with quiet_exporter():
        program = torch.onnx.export(
            network if looking is None else looking,
            (example,),
            input_names=["glyphs"],
            output_names=["logits"] if looking is None else ["logits", "activation"],
            dynamic_shapes=({0: torch.export.Dim("N")},),
            opset_version=OPSET,
            dynamo=True,  # also folds constants and batch norms
            verbose=False,
        )
    assert program is not None
    # the exporter notes in every node which source file of this machine it came from
    ClearMetadataAndDocStringPass()(program.model)
    program.model.graph.name = name
    program.model.doc_string = f"glyphs: uint8 (N, {SIDE}, {SIDE}), {POLARITY}; logits: float32 (N, classes)"
    known = {key: _text(value) for key, value in facts.items() if value is not None}
    program.model.metadata_props.update(known)
    proto = program.model_proto
    onnx.checker.check_model(proto, full_check=True)
    return bytes(proto.SerializeToString(deterministic=True))


class Looking(nn.Module):
    """A network that ends in `global`, `dense`, the dense layer before the mean: same logits, and maps."""

    def __init__(self, body: nn.Sequential, dense: nn.Linear) -> None:
        super().__init__()
        self.body, self.dense = body, dense

    @classmethod
    def at(cls, network: Network) -> Looking | None:
        """None when the network ends otherwise."""
        layers = [layer for layer in network.body if not isinstance(layer, nn.Dropout)]
        if len(layers) < 2 or not isinstance(layers[-2], GlobalMean) or not isinstance(layers[-1], nn.Linear):
            return None
        return cls(nn.Sequential(Scaling(), *layers[:-2]), layers[-1]).eval()

    def forward(self, glyphs: Tensor) -> tuple[Tensor, Tensor]:
        """Logits `(N, classes)` and activation `(N, classes, h, w)`, whose mean plus the bias they are."""
        features = self.body(glyphs)
        # the mean of `activation` would do for logits, but then they depend, in the last bit, on the batch
        logits = self.dense(features.mean(dim=(2, 3)))
        return logits, F.conv2d(features, self.dense.weight[:, :, None, None])


def check_parity(network: Network, model: Model, images: Glyphs) -> float:
    """The largest difference of logits between PyTorch and ONNX Runtime, for all images, one and seven.

    Raises:
        ParityError: it is above 1e-4, or a prediction differs.
    """
    expected = predict(network, images)
    largest = 0.0
    for count in (len(images), 1, 7):
        answered, wanted = model.logits(images[:count]), expected[:count]
        if answered.shape != wanted.shape:
            raise ParityError(
                f"ONNX answers {answered.shape} to {count} glyphs, PyTorch {wanted.shape}: not written"
            )
        difference = float(np.abs(answered - wanted).max())
        changed = int((answered.argmax(axis=1) != wanted.argmax(axis=1)).sum())
        if changed or not difference <= TOLERANCE:  # written so that a NaN is refused
            raise ParityError(
                f"ONNX and PyTorch differ on {count:,} glyphs, logits by {difference:.2g} (limit {TOLERANCE})"
                f" and {changed:,} predictions; nothing was written"
            )
        largest = max(largest, difference)
    return largest


def glyph_like(count: int, seed: int = 0) -> Glyphs:
    """Random strokes, `uint8 (count, 28, 28)`, with the size and greys of glyphs, for want of MNIST."""
    random = np.random.default_rng(seed)
    margin = (SIDE - FIT) // 2
    glyphs = np.zeros((count, SIDE, SIDE), dtype=np.uint8)
    for glyph, coarse in zip(glyphs, random.normal(size=(count, 6, 6)).astype(np.float32), strict=True):
        smooth = cv2.resize(coarse, (FIT, FIT), interpolation=cv2.INTER_CUBIC)
        # thin bands around the smooth picture's zero line look like strokes
        glyph[margin:-margin, margin:-margin] = np.clip(320 - 700 * np.abs(smooth), 0, 255).astype(np.uint8)
    return glyphs


def _check_images(given: Glyphs | None) -> tuple[Glyphs, str]:
    if given is not None:
        if given.dtype != np.uint8 or given.shape[1:] != (SIDE, SIDE) or not len(given):
            raise UsageError(
                f"glyphs to check on: expected uint8 (N, {SIDE}, {SIDE}), got {given.dtype} {given.shape}"
            )
        return given[:CHECKED], "given"
    try:
        return load_data("mnist-validation", offline=True).images, "mnist-validation"
    except DataUnavailable:
        return glyph_like(CHECKED), "random glyph-like pictures (MNIST wasn't at hand)"


def _facts(weights: Weights, temperature: float | None, extra: Mapping[str, Any]) -> dict[str, Any]:
    """The metadata of the file, which the card repeats."""
    known = weights.facts
    if temperature is None:
        temperature = known.get("temperature", 1.0)
    if not 0 < temperature < float("inf"):
        raise UsageError(f"temperature {temperature}: must be above 0")
    return {
        "format": FORMAT,
        "classes": list(weights.classes),
        "polarity": POLARITY,
        "temperature": float(temperature),
        "accuracy": known.get("validation_accuracy"),
        "accuracy_on": "validation" if known.get("validation_accuracy") is not None else None,
        "data_sha256": known.get("data_sha256"),
        "seed": known.get("seed"),
        "licence": LICENCE,
        "recipe": weights.recipe.to_dict(),
        **extra,
    }


def _card(weights: Weights, facts: Mapping[str, Any], content: bytes) -> dict[str, Any]:
    rest = {name: value for name, value in weights.facts.items() if name not in facts}
    return {
        **facts,
        "sha256": hashlib.sha256(content).hexdigest(),
        "size_bytes": len(content),
        "parameters": count_parameters(weights.network),
        "weights_sha256": weights.sha256,
        "facts": rest,
    }


def _text(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


@contextlib.contextmanager
def quiet_exporter() -> Iterator[None]:
    """Keeps the exporter's notes on packages we don't use, and its deprecations, off the screen."""
    logger = logging.getLogger("torch.onnx")
    before = logger.level
    logger.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logger.setLevel(before)
