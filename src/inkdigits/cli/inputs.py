"""What a person names to what is there: a file, a folder, a pattern or `-` become single inputs, in order."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from glob import glob, has_magic
from pathlib import Path

from inkdigits.errors import InputError

STDIN = "-"
DATA_SET_ENDINGS = (".csv", ".npz", ".idx", ".idx.gz", "-ubyte", "-ubyte.gz")


@dataclass(frozen=True)
class Input:
    """One thing to read.

    Attributes:
        name: a path, or `-` for standard input.
        problem: why there is nothing to read, for example a pattern that matches no file; else None.
    """

    name: str
    problem: InputError | None = None

    @property
    def is_data_set(self) -> bool:
        """Whether the name is one of a data set (IDX, CSV, npz) rather than of a picture."""
        return self.name.lower().endswith(DATA_SET_ENDINGS)

    def read(self) -> Path | bytes:
        """A path as it is, also of a missing file: who opens it says so. `-`: the bytes of standard input.

        Raises:
            InputError: the input's problem.
        """
        if self.problem is not None:
            raise self.problem
        return sys.stdin.buffer.read() if self.name == STDIN else Path(self.name)


def expand(given: Sequence[str]) -> list[Input]:
    """All inputs of a call, in order: `files_of` for each, where a failing one stays in its place."""
    inputs: list[Input] = []
    for one in given:
        try:
            inputs += [Input(name) for name in files_of(one)]
        except InputError as e:
            inputs.append(Input(one, problem=e))
    return inputs


def files_of(given: str) -> list[str]:
    """What one argument stands for: a folder for the pictures in it and below, a pattern for what it matches.

    Anything else stands for itself. Names within a folder and matches of a pattern are sorted.

    Raises:
        InputError: a folder without pictures, or a pattern that nothing matches.
    """
    if given == STDIN:
        return [STDIN]
    if Path(given).is_dir():
        return _pictures_below(Path(given))
    if has_magic(given) and not Path(given).exists():
        found = sorted(glob(given, recursive=True))  # noqa: PTH207 (Path.glob takes no absolute pattern)
        matches = [name for name in found if not Path(name).is_dir()]
        if not matches:
            raise InputError(f"{given}: no file matches this pattern")
        return matches
    return [given]


def _pictures_below(folder: Path) -> list[str]:
    from inkdigits.images import SUFFIXES

    pictures = sorted(
        str(path)
        for path in folder.rglob("*")
        if path.suffix.lower() in SUFFIXES and not _is_hidden(path.relative_to(folder)) and path.is_file()
    )
    if not pictures:
        raise InputError(f"{folder}: a folder without pictures ({' '.join(SUFFIXES)})")
    return pictures


def _is_hidden(path: Path) -> bool:
    return any(part.startswith(".") for part in path.parts)
