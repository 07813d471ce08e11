"""Where `--overlay` writes: a name of its own for each page, inside its folder. Knows names only."""

from __future__ import annotations

import os
import unicodedata
from collections.abc import Sequence
from pathlib import Path

from inkdigits.errors import OutputError, UsageError

LONGEST = 180  # bytes; file systems allow 255, and a number and an ending follow


def prefixes(sources: Sequence[str], folder: Path) -> list[str]:
    """What the names of each source's pictures begin with, none like another.

    A picture is called as its source is, and numbered where sources in several folders have the same name,
    also where a file system takes upper for lower case. The same sources give the same names in every run.

    Args:
        sources: paths, or `-`.
        folder: where pictures go.

    Raises:
        UsageError: sources lie in that folder: the next call would read its own pictures.
    """
    here = os.path.abspath(folder)  # noqa: PTH100 (Path.absolute keeps `..`)
    taken: set[str] = set()
    names: list[str] = []
    known: dict[str, str] = {}
    for source in sources:
        if os.path.dirname(os.path.abspath(source)) == here and source != "-":  # noqa: PTH100, PTH120
            raise UsageError(f"--overlay {folder}: {source} is read from there; name another folder")
        if source not in known:
            known[source] = _free(_cut("stdin" if source == "-" else Path(source).name or "page"), taken)
        names.append(known[source])
    return names


def path_of(folder: Path, prefix: str, page: int) -> Path:
    """`FOLDER/NAME-PAGE.png`; the page is always there, so that no name is another's with a page."""
    return folder / f"{prefix}-{page}.png"


def make_folder(folder: Path) -> None:
    """Makes the folder for pictures.

    Raises:
        OutputError: it can't be made.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as e:
        raise OutputError(f"{folder}: can't be made ({e.strerror}); name another with --overlay") from None


def _free(name: str, taken: set[str]) -> str:
    """The name, with a number if need be: `a.jpg`, `a.jpg~2` …"""
    free, number = name, 2
    while (key := unicodedata.normalize("NFC", free).casefold()) in taken:
        free, number = f"{name}~{number}", number + 1
    taken.add(key)
    return free


def _cut(name: str) -> str:
    """A name short enough for a file system; bytes that are no text stay as they are."""
    while len(os.fsencode(name)) > LONGEST:
        name = name[: -max(1, (len(os.fsencode(name)) - LONGEST) // 4)]
    return name
