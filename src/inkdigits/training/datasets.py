"""Labelled glyphs: MNIST, and other people's IDX, CSV, folders and npz. Knows no PyTorch."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from inkdigits.errors import UsageError
from inkdigits.training import published, sources

DIGITS = tuple("0123456789")


@dataclass(frozen=True)
class Dataset:
    """Glyphs with their labels, whole in memory.

    Attributes:
        name: for titles and records, for example `mnist-train`.
        images: `uint8 (N, 28, 28)`, ink bright on 0.
        labels: `int64 (N,)`, indices into `classes`; None where they aren't known.
        classes: names of the classes in output order.
    """

    name: str
    images: NDArray[np.uint8]
    labels: NDArray[np.int64] | None
    classes: tuple[str, ...]

    def __len__(self) -> int:
        return len(self.images)

    @cached_property
    def sha256(self) -> str:
        """Of the images' bytes, then the labels'."""
        digest = hashlib.sha256(np.ascontiguousarray(self.images).data)
        if self.labels is not None:
            digest.update(np.ascontiguousarray(self.labels).data)
        return digest.hexdigest()

    def part(self, name: str, start: int, stop: int) -> Dataset:
        """Samples `start` to `stop` (not included), in order."""
        labels = None if self.labels is None else self.labels[start:stop]
        return Dataset(name, self.images[start:stop], labels, self.classes)


def load_mnist(
    split: Literal["train", "test"], *, folder: Path | None = None, offline: bool = False
) -> Dataset:
    """MNIST (LeCun, Cortes and Burges 1998): 60,000 samples for training or 10,000 for testing.

    Args:
        split: which.
        folder: where to look for its files first (see `sources.mnist_files` for the whole chain).
        offline: never touch the network.

    Raises:
        DataUnavailable: no source had the published files.
    """
    wanted = {
        "train": (published.TRAIN_IMAGES, published.TRAIN_LABELS),
        "test": (published.TEST_IMAGES, published.TEST_LABELS),
    }[split]
    images, labels = sources.mnist_files(wanted, folder=folder, offline=offline)
    # the published hash holds, so the headers (16 and 8 bytes) need no reading
    return Dataset(f"mnist-{split}", images[16:].reshape(-1, 28, 28), labels[8:].astype(np.int64), DIGITS)


def split_validation(data: Dataset, count: int) -> tuple[Dataset, Dataset]:
    """Training and validation samples: the last `count` validate, in order.

    Raises:
        UsageError: `count` leaves nothing on one side.
    """
    if not 0 < count < len(data):
        raise UsageError(f"{data.name}: can't hold out {count} of {len(data)} samples for validation")
    kept = len(data) - count
    return data.part(data.name, 0, kept), data.part(f"{data.name}-validation", kept, len(data))
