"""Says which extra a command needs, before anything heavy is imported. Knows names of packages only."""

from __future__ import annotations

import os
from importlib.util import find_spec

from inkdigits.errors import MissingExtra

EXTRAS: dict[str, tuple[str, ...]] = {
    "train": ("torch", "safetensors", "sklearn", "matplotlib", "optuna", "onnx", "onnxscript"),
    "tensorboard": ("tensorboard",),
    "documents": ("pypdfium2", "pillow_heif"),
    "serve": (
        "starlette",
        "uvicorn",
        "httptools",
        "pydantic_settings",
        "prometheus_client",
        "python_multipart",
    ),
}


def is_installed(module: str) -> bool:
    """Whether `import module` would find something; imports nothing."""
    try:
        return find_spec(module) is not None
    except (ImportError, ValueError):  # a blocked or half-made module
        return False


def require(extra: str) -> None:
    """Makes sure that an extra's packages are there; call it first, before importing any of them.

    Raises:
        MissingExtra: with the line that installs them.
    """
    missing = [module for module in EXTRAS[extra] if not is_installed(module)]
    if missing:
        names = ", ".join(missing)
        raise MissingExtra(f"this needs {names}, not installed here: pip install 'inkdigits[{extra}]'")
    # Idle OpenMP threads that spin take the cores of whoever else works here; read when torch is imported.
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
