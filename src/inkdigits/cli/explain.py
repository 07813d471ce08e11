"""`inkdigits explain`: why a recogniser reads a picture as it does, drawn over the digit."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from inkdigits.errors import InputError, OutputError

if TYPE_CHECKING:
    from collections.abc import Callable

    import numpy as np
    from numpy.typing import NDArray

    from inkdigits.cli.inputs import Input
    from inkdigits.training.explain import Explanation, Method

    Ask = Callable[[NDArray[np.uint8]], Explanation]


def explain(
    images: Annotated[
        list[str],
        typer.Argument(
            help="Pictures of one digit: files, folders, patterns, or - for standard input.", metavar="IMAGE"
        ),
    ],
    weights: Annotated[
        Path | None,
        typer.Option(help="A run folder, .safetensors or .onnx file, instead of the one that came along."),
    ] = None,
    classes: Annotated[
        list[str] | None,
        typer.Option("--class", help="A class to explain beside the predicted one; may be repeated."),
    ] = None,
    method: Annotated[
        Literal["grad-cam", "occlusion", "both"] | None,
        typer.Option(help="Which maps; unless said, all that the weights allow (.onnx: occlusion)."),
    ] = None,
    out: Annotated[Path, typer.Option(help="The folder for the pictures.")] = Path("runs/explain"),
    patch: Annotated[int, typer.Option(min=1, max=28, help="Pixels a side that occlusion blanks.")] = 5,
    stride: Annotated[int, typer.Option(min=1, max=28, help="Pixels the blank patch moves each time.")] = 1,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object a line, in input order.")] = False,
) -> None:
    """Show what in a picture speaks for a digit, by Grad-CAM and occlusion.

    Writes one PNG a picture: the picture, what the network sees of it, and for each class a map of what
    speaks for and against it. An input that can't be read doesn't stop the others; the exit code is then 1.
    """
    from inkdigits.cli.extras import require
    from inkdigits.cli.inputs import expand
    from inkdigits.training.explain import explain as why
    from inkdigits.training.recogniser import Recogniser, needs_torch

    if weights is not None and needs_torch(weights):
        require("train")
    recogniser = Recogniser.load(weights)
    methods = _methods(method, recogniser.network is not None)

    def ask(glyph: NDArray[np.uint8]) -> Explanation:
        return why(recogniser, glyph, methods, classes=classes or (), patch=patch, stride=stride)

    if not _explain_all(expand(images), ask, out, as_json):
        raise typer.Exit(1)


def _methods(asked: str | None, has_network: bool) -> tuple[Method, ...]:
    if asked == "grad-cam":
        return ("grad-cam",)
    if asked == "occlusion" or (asked is None and not has_network):
        return ("occlusion",)
    return ("grad-cam", "occlusion")


def _explain_all(inputs: list[Input], ask: Ask, out: Path, as_json: bool) -> bool:
    """Answers each input in turn; whether all could be read."""
    done, taken = True, set[Path]()
    for item in inputs:
        try:
            answer = _explain_one(item.read(), item.name, ask, out, taken)
            print(json.dumps(answer) if as_json else _line(answer), flush=True)
        except InputError as e:
            done = False
            _print_failure(item.name, e, as_json)
    return done


def _explain_one(picture: Path | bytes, name: str, ask: Ask, out: Path, taken: set[Path]) -> dict[str, Any]:
    """Picture ─► grey ─► glyph ─► explanation ─► PNG; the answer as its JSON object."""
    from inkdigits.glyph import glyph_from_grey
    from inkdigits.images import load_grey
    from inkdigits.training.files import write_whole
    from inkdigits.training.heatmaps import draw

    grey = load_grey(picture, name=name)
    glyph = glyph_from_grey(grey)
    if glyph is None:
        return {"source": name, "picture": None, "digit": None, "confidence": 0.0, "reason": "blank"}
    explanation = ask(glyph)
    path = _path_for(name, out, taken)
    write_whole(path, draw(explanation, grey, name))
    return {"source": name, "picture": str(path), **explanation.to_dict()}


def _path_for(name: str, out: Path, taken: set[Path]) -> Path:
    """`OUT/STEM-explained.png`; numbered where inputs of one call have the same stem."""
    try:
        out.mkdir(parents=True, exist_ok=True)
    except OSError as e:
        raise OutputError(f"{out}: can't be made ({e.strerror}); name another folder with --out") from None
    stem = "stdin" if name == "-" else Path(name).stem
    path, number = out / f"{stem}-explained.png", 2
    while path in taken:
        path, number = out / f"{stem}-explained-{number}.png", number + 1
    taken.add(path)
    return path


def _line(answer: dict[str, Any]) -> str:
    if answer["picture"] is None:
        return f"{answer['source']}  blank, nothing to explain"
    return f"{answer['source']}  {answer['digit']}  {answer['confidence']:.1%}  {answer['picture']}"


def _print_failure(name: str, error: InputError, as_json: bool) -> None:
    if as_json:
        print(json.dumps({"source": name, "error": error.to_dict()}), flush=True)
    else:
        print(f"inkdigits: {error}", file=sys.stderr, flush=True)
