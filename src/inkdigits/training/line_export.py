"""The trained line network to an ONNX file that stands alone. Knows PyTorch, ONNX and the runtime.

The file takes `strips`, uint8 (N, 32, W), and answers `logits`, float32 (N, W/2, 16), and `boxes`, float32
(N, W/2, 4), for any N and any W that is a multiple of 8. It is compared with PyTorch in full precision, then
made smaller and faster in eight bits; what that changes is measured and stands in the card. Temperature and
accept table are those of the file that is written.
"""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from onnxscript.ir.passes.common import ClearMetadataAndDocStringPass

from inkdigits.alphabet import CLASSES
from inkdigits.confidence import expected_calibration_error, fit_line_table, fit_line_temperature
from inkdigits.constraints import Constraints
from inkdigits.errors import ParityError
from inkdigits.looks import read_strip
from inkdigits.model import LINE_FORMAT, LineModel, open_session
from inkdigits.strip import HEIGHT, PAPER
from inkdigits.training.export import LICENCE, OPSET, quiet_exporter
from inkdigits.training.files import write_whole
from inkdigits.training.line_loop import load_line_weights, predict_lines
from inkdigits.training.line_network import LineNetwork
from inkdigits.training.networks import count_parameters
from inkdigits.training.quantization import quantised
from inkdigits.training.strings import TrainingLine

TOLERANCE = 1e-4  # of logits
CHECKED = 300  # lines, which also say how far numbers range
FOR_TEMPERATURE = 2_000  # lines

Strips = list[NDArray[np.uint8]]


def export_line(weights: Path, path: Path, lines: list[TrainingLine]) -> dict[str, Any]:
    """Writes `path` (ONNX) and its card beside it, calibrated on lines that trained nothing.

    Args:
        weights: the safetensors file that `inkdigits train line` wrote.
        path: the ONNX file; an older one is replaced.
        lines: held out, composed as the training's were.

    Returns:
        The card.

    Raises:
        ParityError: ONNX Runtime answers otherwise than PyTorch; nothing is written.
        InvalidWeights, OutputError: as their files say.
    """
    network, facts, sha256 = load_line_weights(weights)
    whole = to_onnx(network, {})
    strips, others = [line.pixels for line in lines[:CHECKED]], lines[CHECKED:]
    difference = check_line_parity(network, whole, strips)
    small = eight_bits(whole, strips)
    rounded = _difference(_answers(whole, strips), _answers(small, strips))
    temperature, calibration = calibrate_line(small, others)
    known = {
        "format": LINE_FORMAT,
        "classes": list(CLASSES),
        "temperature": temperature,
        "licence": LICENCE,
        "seed": facts["seed"],
        "recipe": facts["recipe"],
    }
    content = eight_bits(to_onnx(network, known), strips)
    card = {
        **known,
        "sha256": hashlib.sha256(content).hexdigest(),
        "size_bytes": len(content),
        "parameters": count_parameters(network),
        "weights_sha256": sha256,
        "history": facts["history"],
        "seconds": round(facts["seconds"], 1),
        "parity": {"lines": len(strips), "largest_difference": difference, "eight_bits_change": rounded},
        **calibration,
    }
    write_whole(path, content)
    write_whole(path.with_suffix(".json"), (json.dumps(card, indent=2, ensure_ascii=False) + "\n").encode())
    return card


def eight_bits(content: bytes, strips: Strips) -> bytes:
    """The network in eight bits, its ranges those of these strips."""
    return quantised(content, ({"strips": _padded(strip)[None]} for strip in strips))


def calibrate_line(content: bytes, lines: list[TrainingLine]) -> tuple[float, dict[str, Any]]:
    """The temperature of a network, and what the card keeps: the table that `max_error` is looked up in.

    The first lines fit the temperature; the others, which it hasn't seen, make the table, read as users' are.
    """
    truths = ["".join(c for c in line.label if c.isdigit()) for line in lines]
    first = min(FOR_TEMPERATURE, len(lines) // 2)
    answers = _answers(content, [line.pixels for line in lines[:first]])
    temperature = fit_line_temperature(answers, truths[:first])
    session = open_session(content, Path("the exported network"), threads=1)
    model = LineModel({}, CLASSES, temperature, session)
    read = [read_strip(line.pixels, model, Constraints()) for line in lines[first:]]
    confidences = np.array([one.confidence for one in read])
    right = np.array([one.text == truth for one, truth in zip(read, truths[first:], strict=True)])
    inked = np.array([bool(truth) or bool(one.text) for one, truth in zip(read, truths[first:], strict=True)])
    confidences, right = confidences[inked], right[inked]
    return temperature, {
        "calibration": {
            "lines": len(right),
            "exact": float(right.mean()),
            "ece": expected_calibration_error(confidences, right),
        },
        "accept_table": fit_line_table(confidences, right),
    }


def to_onnx(network: LineNetwork, facts: dict[str, Any]) -> bytes:
    """The ONNX file of a network on the CPU, with `facts` as its metadata."""
    example = torch.full((2, HEIGHT, 64), PAPER, dtype=torch.uint8)
    with quiet_exporter():
        program = torch.onnx.export(
            network.eval(),
            (example,),
            input_names=["strips"],
            output_names=["logits", "boxes"],
            dynamic_shapes=({0: torch.export.Dim.AUTO, 2: torch.export.Dim.AUTO},),
            opset_version=OPSET,
            dynamo=True,
            verbose=False,
        )
    assert program is not None
    ClearMetadataAndDocStringPass()(program.model)
    program.model.graph.name = "line"
    program.model.doc_string = (
        f"strips: uint8 (N, {HEIGHT}, W); logits: float32 (N, W/2, 16); boxes: (N, W/2, 4)"
    )
    program.model.metadata_props.update(
        {k: v if isinstance(v, str) else json.dumps(v, ensure_ascii=False) for k, v in facts.items()}
    )
    return bytes(program.model_proto.SerializeToString(deterministic=True))


def check_line_parity(network: LineNetwork, content: bytes, strips: Strips) -> float:
    """The largest difference of logits between PyTorch and ONNX Runtime.

    Raises:
        ParityError: it is above the tolerance, or a frame's answer differs.
    """
    expected = predict_lines(network, [_padded(strip) for strip in strips], batch_size=1)
    answered = _answers(content, strips)
    found = _difference([logits for logits, _ in expected], answered)
    if found["changed_frames"] or not found["logits"] <= TOLERANCE:
        raise ParityError(
            f"ONNX and PyTorch differ by {found['logits']:.2g} (limit {TOLERANCE}) and in "
            f"{found['changed_frames']} frames; nothing was written"
        )
    return float(found["logits"])


def _answers(content: bytes, strips: Strips) -> list[NDArray[np.float32]]:
    session = open_session(content, Path("the exported network"), threads=1)
    return [np.asarray(session.run(["logits"], {"strips": _padded(s)[None]})[0][0]) for s in strips]


def _padded(strip: NDArray[np.uint8]) -> NDArray[np.uint8]:
    return np.pad(strip, ((0, 0), (0, -strip.shape[1] % 8)), constant_values=PAPER)


def _difference(expected: list[NDArray[np.float32]], answered: list[NDArray[np.float32]]) -> dict[str, Any]:
    """The largest difference, and how many frames change their answer where it isn't a tie."""
    largest, changed, frames = 0.0, 0, 0
    for wanted, got in zip(expected, answered, strict=True):
        largest = max(largest, float(np.abs(wanted - got).max()))
        best = np.sort(wanted, axis=1)
        clear = best[:, -1] - best[:, -2] > 2 * TOLERANCE
        changed += int(((wanted.argmax(1) != got.argmax(1)) & clear).sum())
        frames += len(wanted)
    return {"logits": largest, "changed_frames": changed, "frames": frames}
