"""What files about pages are called: a name of its own for each, inside its folder. Knows names only."""

from __future__ import annotations

import os
import re
import unicodedata
from collections.abc import Sequence
from pathlib import Path

from inkdigits.errors import OutputError, UsageError

LONGEST = 180  # bytes; file systems allow 255, and a number and an ending follow
_REFUSED = re.compile(r'[\x00-\x1f\x7f<>:"/\\|?*\ud800-\udfff]')  # by some file system or terminal


def stems(sources: Sequence[str]) -> dict[str, str]:
    """What the names of each source's files begin with, none like another.

    It is the source's name without its ending, numbered where several have the same one, also where a file
    system takes upper for lower case. The same sources in the same order give the same names in every run.

    Args:
        sources: paths, or `-`.
    """
    names: dict[str, str] = {}
    taken: set[str] = set()
    next_number: dict[str, int] = {}
    for source in sources:
        if source not in names:
            names[source] = _free(_plain(source), taken, next_number)
    return names


def path_of(folder: Path, stem: str, page: int, suffix: str) -> Path:
    """`FOLDER/STEM.png` for the first page, `FOLDER/STEM-2.png` for the second, and so on.

    No name is another's: where a stem ends as if it had a page, its first page says so: `scan-2-1.png`.
    """
    plain = page == 1 and not re.search(r"-\d+$", stem)
    return folder / (f"{stem}{suffix}" if plain else f"{stem}-{page}{suffix}")


def make_folder(folder: Path, option: str) -> None:
    """Makes a folder for files.

    Raises:
        OutputError: it can't be made.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as e:
        raise OutputError(f"{folder}: can't be made ({e.strerror}); name another with {option}") from None


def refuse_sources_in(folder: Path, sources: Sequence[str]) -> None:
    """Pictures that are made mustn't replace those that are read, nor be read by the next call.

    Raises:
        UsageError: a source lies in that folder.
    """
    here = os.path.realpath(folder)
    for source in sources:
        if source != "-" and os.path.dirname(os.path.realpath(source)) == here:  # noqa: PTH120 (many, quickly)
            raise UsageError(f"--overlay {folder}: {source} is read from there; name another folder")


def _plain(source: str) -> str:
    """The source's stem as every file system takes it."""
    stem = "stdin" if source == "-" else _REFUSED.sub("_", Path(source).stem).strip(" .")
    while len(stem.encode()) > LONGEST:
        stem = stem[:-1]
    return stem or "page"


def _free(name: str, taken: set[str], next_number: dict[str, int]) -> str:
    """The name, with a number if need be: `a`, `a~2` …"""
    free, key = name, _key(name)
    number = next_number.get(key, 2)
    while _key(free) in taken:
        free, number = f"{name}~{number}", number + 1
    next_number[key] = number  # so that a million of one name don't count from 2 each time
    taken.add(_key(free))
    return free


def _key(name: str) -> str:
    return unicodedata.normalize("NFC", unicodedata.normalize("NFC", name).casefold())
