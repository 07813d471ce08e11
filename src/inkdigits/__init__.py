"""Reads handwritten digits and says when it isn't sure. The public names, and nothing else.

    import inkdigits

    inkdigits.read("amount.png", max_length=8).text  # "7795"

    answer = inkdigits.classify("seven.png")
    answer.digit, answer.confidence, answer.accepted  # 7, 0.998, True

Names are imported when first used, so that `import inkdigits` costs next to nothing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from inkdigits.errors import (
        DataUnavailable,
        ImageTooLarge,
        InkdigitsError,
        InputError,
        InvalidData,
        InvalidWeights,
        MissingExtra,
        OutputError,
        ParityError,
        TooManyPages,
        TrainingDiverged,
        TrainingStopped,
        UnreadableImage,
        UsageError,
    )
    from inkdigits.reader import Reader, classify, read
    from inkdigits.results import Alternative, Classification, Digit, Line, Reading

__version__ = "0.1.0"

__all__ = [
    "Alternative",
    "Classification",
    "DataUnavailable",
    "Digit",
    "ImageTooLarge",
    "InkdigitsError",
    "InputError",
    "InvalidData",
    "InvalidWeights",
    "Line",
    "MissingExtra",
    "OutputError",
    "ParityError",
    "Reader",
    "Reading",
    "TooManyPages",
    "TrainingDiverged",
    "TrainingStopped",
    "UnreadableImage",
    "UsageError",
    "__version__",
    "classify",
    "read",
]

_HOMES = {
    **dict.fromkeys(("Reader", "classify", "read"), "reader"),
    **dict.fromkeys(("Alternative", "Classification", "Digit", "Line", "Reading"), "results"),
}


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module 'inkdigits' has no attribute {name!r}")
    from importlib import import_module

    value = getattr(import_module(f"inkdigits.{_HOMES.get(name, 'errors')}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(__all__)
