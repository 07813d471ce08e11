"""A data set to a file or folder that `load_data` reads again; whole or not at all, and over nothing."""

from __future__ import annotations

import io
import shutil
import tempfile
from pathlib import Path

import numpy as np
from PIL import Image

from inkdigits.errors import OutputError, UsageError
from inkdigits.training.datasets import Dataset
from inkdigits.training.files import write_whole
from inkdigits.training.kaggle import encode_kaggle_csv
from inkdigits.training.readers import DIGITS


def write_data(data: Dataset, path: Path) -> None:
    """Writes a data set in the format that the path's ending names.

    Args:
        data: with or without labels.
        path: `.csv` (Kaggle's columns), `.npz`, or no ending: a folder with a subfolder of PNGs a class.

    Raises:
        UsageError: another ending, or a format that can't hold this data set.
        OutputError: the path exists or can't be written.
    """
    write = {".csv": write_kaggle_csv, ".npz": write_npz, "": write_image_folder}.get(path.suffix.lower())
    if write is None:
        raise UsageError(f"{path}: data is written as .csv, .npz, or a folder (a name without an ending)")
    if path.exists():
        raise OutputError(f"{path}: exists already; remove it or give another name")
    write(data, path)


def write_kaggle_csv(data: Dataset, path: Path) -> None:
    """Writes `label,pixel0 … pixel783`, or the pixels alone where there are no labels.

    Raises:
        UsageError: classes that aren't the digits 0 to 9.
        OutputError: the file can't be written.
    """
    if data.labels is not None and data.classes != DIGITS:
        raise UsageError(f"{path}: Kaggle's CSV holds digits only; write {data.name} as .npz or a folder")
    write_whole(path, encode_kaggle_csv(data.images, data.labels))


def write_npz(data: Dataset, path: Path) -> None:
    """Writes `images`, and with labels `labels` and `classes`, compressed.

    Raises:
        OutputError: the file can't be written.
    """
    buffer = io.BytesIO()
    if data.labels is None:
        np.savez_compressed(buffer, images=data.images)
    else:
        classes = np.array(data.classes, np.str_)
        np.savez_compressed(buffer, images=data.images, labels=data.labels, classes=classes)
    write_whole(path, buffer.getvalue())


def write_image_folder(data: Dataset, path: Path) -> None:
    """Writes a PNG a sample, in a subfolder a class, named by the sample's number from 1.

    Raises:
        UsageError: no labels, or class names that can't be folders.
        OutputError: the folder can't be written.
    """
    if data.labels is None:
        raise UsageError(f"{path}: {data.name} has no labels to make subfolders of; write it as .csv or .npz")
    for name in data.classes:
        if not name or name.startswith(".") or set(name) & set('/\\:*?"<>|\0'):
            raise UsageError(f"{path}: the class {name!r} can't be a folder's name; write .npz instead")
    try:
        with tempfile.TemporaryDirectory(dir=path.parent, prefix=f".{path.name}.") as temporary:
            whole = Path(temporary) / "data"
            _write_images(data, whole)
            shutil.move(whole, path)
    except OSError as e:
        raise OutputError(
            f"{path}: can't be written ({e.strerror}); free space or name another folder"
        ) from e


def _write_images(data: Dataset, folder: Path) -> None:
    assert data.labels is not None
    for label in set(data.labels.tolist()):
        (folder / data.classes[label]).mkdir(parents=True)
    digits = len(str(len(data)))
    for number, (image, label) in enumerate(zip(data.images, data.labels.tolist(), strict=True), start=1):
        Image.fromarray(image).save(folder / data.classes[label] / f"{number:0{digits}}.png")
