"""`inkdigits export`: a trained network as an ONNX file that needs no PyTorch."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from inkdigits.errors import UsageError

if TYPE_CHECKING:
    from inkdigits.training.checkpoint import Weights


def export(
    weights: Annotated[Path, typer.Argument(help="A run folder or a .safetensors file.", metavar="RUN|FILE")],
    out: Annotated[
        Path | None,
        typer.Option(help="The .onnx file to write; beside the weights unless said."),
    ] = None,
    temperature: Annotated[
        float | None,
        typer.Option(
            help="Divides the logits to calibrate confidence; fitted on validation data unless said."
        ),
    ] = None,
    data: Annotated[
        str | None,
        typer.Option(
            help="Labelled glyphs to calibrate on that trained nothing; MNIST's validation unless said."
        ),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Answer with the card, as JSON.")] = False,
) -> None:
    """Write weights as ONNX, with a card beside it, after comparing its answers with PyTorch's."""
    from inkdigits.cli.extras import require

    require("train")
    from inkdigits.training.checkpoint import load_weights
    from inkdigits.training.export import export_onnx
    from inkdigits.training.line_loop import is_line_weights

    path = out or _beside(weights)
    if path.suffix != ".onnx":
        raise UsageError(f"{path}: the file's name must end in .onnx; its card gets the same with .json")
    if is_line_weights(weights):
        if temperature is not None or data is not None:
            raise UsageError(
                "the line network is calibrated on lines of its own; give no --temperature or --data"
            )
        _export_line(weights, path, as_json=as_json)
        return
    known = load_weights(weights)
    extra: dict[str, Any] = {}
    if temperature is None:
        temperature, extra = _calibrate(known, data)
    card = export_onnx(known, path, temperature=temperature, extra=extra)
    if as_json:
        print(json.dumps({"path": str(path), **card}))
        return
    parity = card["parity"]
    print(f"{path}  {card['size_bytes'] / 1000:,.0f} kB, {card['parameters']:,} parameters")
    print(f"temperature {card['temperature']:.3f}, " + _thresholds(card))
    print(
        f"equal to PyTorch on {parity['count']:,} glyphs ({parity['images']}): "
        f"every prediction, logits within {parity['largest_difference']:.1e}"
    )


def _export_line(weights: Path, path: Path, *, as_json: bool) -> None:
    from inkdigits.training.line_export import export_line
    from inkdigits.training.line_session import calibration_lines

    print("inkdigits: composing lines to calibrate on, a minute or two", file=sys.stderr)
    card = export_line(weights, path, calibration_lines(weights))
    if as_json:
        print(json.dumps({"path": str(path), **card}))
        return
    calibration = card["calibration"]
    print(f"{path}  {card['size_bytes'] / 1000:,.0f} kB, {card['parameters']:,} parameters")
    print(f"temperature {card['temperature']:.3f}, on {calibration['lines']:,} composed lines:")
    print(f"{calibration['exact']:.2%} exact, calibration error {calibration['ece']:.4f}")


def _beside(weights: Path) -> Path:
    return weights / "weights" / "best.onnx" if weights.is_dir() else weights.with_suffix(".onnx")


def _calibrate(known: Weights, data: str | None) -> tuple[float | None, dict[str, Any]]:
    """Temperature and thresholds from data that trained nothing; says so on stderr where there is none."""
    from inkdigits.training.datasets import load_data, split_validation
    from inkdigits.training.export import calibrate

    mnist = known.facts.get("data") == "mnist-train"
    if data is None and (known.recipe.validation == 0 or not mnist):
        why = "all of its data trained it" if known.recipe.validation == 0 else "it wasn't trained on MNIST"
        print(f"inkdigits: not calibrated, since {why}; name labelled glyphs with --data", file=sys.stderr)
        return None, {}
    if data is not None:
        return calibrate(known, load_data(data))
    return calibrate(known, split_validation(load_data("mnist-train"), known.recipe.validation)[1])


def _thresholds(card: dict[str, Any]) -> str:
    if "accept_at" not in card:
        return "no thresholds fitted"
    return f"accepts from {card['accept_at']:.3f}, takes for a digit from {card['digit_at']:.3f}"
