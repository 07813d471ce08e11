"""Labelled glyphs: MNIST, and other people's IDX, CSV, folders and npz. Knows no PyTorch."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from inkdigits.errors import InvalidData, UsageError
from inkdigits.training import published, sources
from inkdigits.training.corruptions import corrupt
from inkdigits.training.readers import DIGITS, read_samples

MNIST = ("mnist-train", "mnist-validation", "mnist-test")
VALIDATION = 10_000  # MNIST's last training images

# of the test set as a Dataset (images, then labels), so that no other name lets it into a training
MNIST_TEST_SHA256 = "a0863a96c44e5666edbb30c4071ee79ca0514c621e6349c5967fc78e7305c891"


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


def load_data(source: str, *, folder: Path | None = None, offline: bool = False) -> Dataset:
    """What `--data` takes: a part of MNIST by name, or a path.

    Args:
        source: `mnist-train` (60,000), `mnist-validation` (the last 10,000 of them), `mnist-test` (10,000),
            one of them with a corruption, as in `mnist-test:fog` (see `corruptions`), or a path: an IDX
            images file or its folder, a Kaggle .csv, an .npz, a folder of image folders.
        folder: where to look for MNIST first.
        offline: never touch the network.

    Raises:
        UsageError: no such corruption.
        InvalidData: no such path, no accepted format, or something wrong in it, named with its row.
        DataUnavailable: MNIST isn't to be had.
    """
    part, _, corruption = source.partition(":")
    if corruption and part in MNIST:
        clean = load_data(part, folder=folder, offline=offline)
        return replace(clean, name=source, images=corrupt(clean.images, corruption))
    match source:
        case "mnist-train":
            return load_mnist("train", folder=folder, offline=offline)
        case "mnist-test":
            return load_mnist("test", folder=folder, offline=offline)
        case "mnist-validation":
            return split_validation(load_mnist("train", folder=folder, offline=offline), VALIDATION)[1]
    path = Path(source)
    images, labels, classes = read_samples(path)
    return Dataset(_name(path), images, labels, classes)


def load_training_data(source: str, *, folder: Path | None = None, offline: bool = False) -> Dataset:
    """As `load_data`, for training and searching: labelled, and never MNIST's test images, by whatever name.

    Raises:
        UsageError: the test images, which are opened once, to report; corrupted ones, which say nothing of a
            network that has learned from them.
        InvalidData: no labels, or as in `load_data`.
    """
    refused = UsageError(f"--data {source}: test images are kept for `inkdigits evaluate`; use mnist-train")
    part, _, corruption = source.partition(":")
    if part == "mnist-test":
        raise refused
    if corruption and part in MNIST:
        raise UsageError(f"--data {source}: corruptions are kept for `inkdigits evaluate`; use {part}")
    data = load_data(source, folder=folder, offline=offline)
    if data.labels is None:
        raise InvalidData(f"{source}: has no labels, so nothing can be learned from it")
    if data.sha256 == MNIST_TEST_SHA256:
        raise refused
    return data


def _name(path: Path) -> str:
    name = path.resolve().name
    for ending in (".gz", ".csv", ".npz"):
        name = name.removesuffix(ending)
    return name


def split_validation(data: Dataset, count: int) -> tuple[Dataset, Dataset]:
    """Training and validation samples: the last `count` validate, in order.

    Raises:
        UsageError: `count` leaves nothing on one side.
        InvalidData: classes among the last that the others lack, as when rows are sorted by class.
    """
    if not 0 < count < len(data):
        raise UsageError(f"{data.name}: can't hold out {count} of {len(data)} samples for validation")
    kept = len(data) - count
    training = data.part(data.name, 0, kept)
    validation = data.part(f"{data.name.removesuffix('-train')}-validation", kept, len(data))
    if training.labels is not None and validation.labels is not None:
        unseen = sorted(set(validation.labels.tolist()) - set(training.labels.tolist()))
        if unseen:
            names = ", ".join(data.classes[i] for i in unseen)
            raise InvalidData(
                f"{data.name}: the last {count} samples, which validate, hold classes that the others lack "
                f"({names}); shuffle its rows"
            )
    return training, validation
