"""`inkdigits doctor`: what is here, what it would compute with, whether hashes hold, what is missing."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any

import typer

from inkdigits.cli.extras import EXTRAS, is_installed

CORE = ("numpy", "PIL", "cv2", "onnxruntime", "typer", "rich", "platformdirs")
DISTRIBUTIONS = {
    "PIL": "pillow",
    "cv2": "opencv-python-headless",
    "sklearn": "scikit-learn",
    "pillow_heif": "pillow-heif",
}
PURPOSES = {
    "train": "training, tuning, evaluating, exporting, and Grad-CAM",
    "tensorboard": "`train --tensorboard`",
    "documents": "reading PDF and HEIC",
}


def doctor(
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object with everything.")] = False,
) -> None:
    """Say what is installed, which device and threads training would use, and what is missing for what.

    Weights and MNIST are checked against their hashes. Exit code 1 says that one of them doesn't hold.
    """
    findings = examine()
    print(json.dumps(findings, indent=2) if as_json else "\n".join(_lines(findings)))
    if findings["weights"]["status"] != "ok" or "changed" in findings["data"]["files"].values():
        raise typer.Exit(1)


def examine() -> dict[str, Any]:
    """Everything that the command says, as one JSON object."""
    import os
    import platform
    import sys

    from inkdigits import __version__

    modules = (*CORE, *(module for extra in EXTRAS.values() for module in extra))
    return {
        "inkdigits": __version__,
        "folder": str(Path(__file__).parents[1]),
        "python": platform.python_version(),
        "executable": sys.executable,
        "platform": platform.platform(),
        "cores": len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count(),
        "packages": {DISTRIBUTIONS.get(module, module): _version(module) for module in modules},
        "training": _training(),
        "weights": _weights(),
        "data": _data(),
        "missing": _missing(),
    }


def _version(module: str) -> str | None:
    """Of an installed package; None when it can't be imported."""
    from importlib.metadata import PackageNotFoundError, version

    if not is_installed(module):
        return None
    try:
        return version(DISTRIBUTIONS.get(module, module))
    except PackageNotFoundError:
        return "unknown"


def _training() -> dict[str, Any] | None:
    """The device, precision and threads that `train` would choose; None without PyTorch."""
    if not is_installed("torch"):
        return None
    from inkdigits.training.devices import choose, probe_threads

    threads = probe_threads()
    compute = choose(threads=threads)
    return {"device": str(compute.device), "precision": compute.precision, "threads": threads}


def _weights() -> dict[str, Any]:
    """The shipped network, opened as the recogniser opens it: against its card's hash."""
    from inkdigits.errors import InvalidWeights
    from inkdigits.model import SHIPPED, Model

    found: dict[str, Any] = {"path": str(SHIPPED), "status": "ok", "accuracy": None, "sha256": None}
    try:
        card = Model.load(SHIPPED).card
    except InvalidWeights as e:
        return {**found, "status": "changed" if SHIPPED.exists() else "missing", "detail": str(e)}
    return {**found, "accuracy": card.get("accuracy"), "sha256": card["sha256"]}


def _data() -> dict[str, Any]:
    """MNIST's files in the cache: `ok`, `missing`, or `changed` where the published hash doesn't hold."""
    from inkdigits.training.published import FILES, AlteredError, SourceError
    from inkdigits.training.sources import cache_folder, from_folder

    files: dict[str, str] = {}
    for file in FILES:
        try:
            from_folder(cache_folder(), [file])
            files[file.name] = "ok"
        except AlteredError:
            files[file.name] = "changed"
        except SourceError:
            files[file.name] = "missing"
    return {"folder": str(cache_folder()), "files": files}


def _missing() -> list[dict[str, Any]]:
    """What can't be done here, for want of which modules, and the line that changes it."""
    gaps = {extra: [m for m in modules if not is_installed(m)] for extra, modules in EXTRAS.items()}
    return [
        {"for": PURPOSES[extra], "modules": modules, "install": f"pip install 'inkdigits[{extra}]'"}
        for extra, modules in gaps.items()
        if modules
    ]


def _lines(found: dict[str, Any]) -> list[str]:
    rows = [
        ("inkdigits", f"{found['inkdigits']} in {found['folder']}"),
        ("Python", f"{found['python']}, {found['executable']}"),
        ("machine", f"{found['platform']}, {found['cores']} cores"),
        ("training", _training_text(found["training"])),
        ("weights", _weights_text(found["weights"])),
        ("MNIST", _data_text(found["data"])),
    ]
    installed = [f"{name} {version}" for name, version in found["packages"].items() if version]
    lines = [f"{name:<10} {text}" for name, text in rows]
    lines += _wrapped("packages", installed)
    for gap in found["missing"]:
        lines.append(f"{'missing':<10} {', '.join(gap['modules'])}; for {gap['for']}: {gap['install']}")
    return lines


def _wrapped(name: str, words: list[str], width: int = 88) -> list[str]:
    """`name`, then words separated by commas, in lines of about `width` that line up."""
    lines = [""]
    for word in words:
        if len(lines[-1]) + len(word) > width:
            lines.append("")
        lines[-1] += f"{word}, "
    lines[-1] = lines[-1].removesuffix(", ")
    return [f"{'' if i else name:<10} {line.rstrip()}" for i, line in enumerate(lines)]


def _training_text(training: dict[str, Any] | None) -> str:
    if training is None:
        return "not possible without PyTorch; pictures can be read all the same"
    count = training["threads"]
    threads = f"{count} thread{'s' if count > 1 else ''}, by a short probe"
    return f"on {training['device']} in {training['precision']}, {threads}"


def _weights_text(weights: dict[str, Any]) -> str:
    if weights["status"] != "ok":
        return f"{weights['status'].upper()}: {weights['detail']}"
    accuracy = weights["accuracy"]
    return f"{weights['path']}, SHA-256 holds" + (f", accuracy {accuracy:.2%}" if accuracy else "")


def _data_text(data: dict[str, Any]) -> str:
    """One line for the four files; those that differ are named."""
    states = data["files"]
    if set(states.values()) == {"ok"}:
        return f"{data['folder']}, 4 files, SHA-256 holds"
    if set(states.values()) == {"missing"}:
        return f"not in {data['folder']} yet; fetched when first needed"
    odd = ", ".join(f"{name} {state.upper()}" for name, state in states.items() if state != "ok")
    return f"{data['folder']}: {odd}; fetched again when needed"
