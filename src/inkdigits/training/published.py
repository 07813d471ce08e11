"""MNIST's four files as they were published: names, sizes, hashes. Knows no source, and trusts none."""

from __future__ import annotations

import gzip
import hashlib
import io
import zlib
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

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


# LeCun, Cortes and Burges 1998, yann.lecun.com/exdb/mnist
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


class SourceError(Exception):
    """A source hasn't got the files."""


class AlteredError(SourceError):
    """A source has files that aren't the published ones."""


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
