"""Files of labelled glyphs to arrays: IDX, npz, image folders; CSV is in `kaggle`. Trusts no file's own word.

What comes back is whole and checked: `uint8 (N, 28, 28)`, N at least 1, a label for each, or none at all.
Memory follows what a file holds, never what its header claims.
"""

from __future__ import annotations

import gzip
import logging
import math
import zipfile
import zlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from inkdigits.errors import InputError, InvalidData

log = logging.getLogger("inkdigits")

Stream = IO[bytes] | gzip.GzipFile

SIDE = 28
DIGITS = tuple("0123456789")
LIMIT = 4 << 30  # bytes of pixels, 5.5 million glyphs: more is a mistake or an attack
DEFLATE = 1032  # times that zlib packs at most: what a compressed file of a given size can hold
ACCEPTED = (
    "mnist-train, mnist-validation, mnist-test, an IDX images file or its folder, a Kaggle .csv, "
    "an .npz, or a folder with a subfolder of images a class"
)


class Samples(NamedTuple):
    """What a file holds, as in `Dataset`: images, labels or None, names of the classes."""

    images: NDArray[np.uint8]
    labels: NDArray[np.int64] | None
    classes: tuple[str, ...]


def read_samples(path: Path) -> Samples:
    """A file or folder of any accepted format.

    Raises:
        InvalidData: missing, unreadable, of no accepted format, or with something wrong in it; names the file
            and, where there is one, the row.
    """
    from inkdigits.training.kaggle import read_kaggle_csv

    with refusing(path):
        if path.is_dir():
            found = _idx_in_folder(path)
            return read_image_folder(path) if found is None else read_idx(found)
        if not path.exists():
            raise InvalidData(f"{path}: no such file or folder; give {ACCEPTED}")
        match _kind(path):
            case "csv":
                return read_kaggle_csv(path)
            case "npz":
                return read_npz(path)
            case "idx":
                return read_idx(path)
    raise InvalidData(f"{path}: not data we can read; give {ACCEPTED}")


@contextmanager
def refusing(path: Path) -> Iterator[None]:
    """Whatever the system says of a file becomes one clear error that names it."""
    try:
        yield
    except (OSError, EOFError, zlib.error) as e:
        raise InvalidData(f"{path}: can't be read ({getattr(e, 'strerror', None) or e})") from None


def _kind(path: Path) -> str | None:
    """By the name's ending for CSV, by the first bytes for the others."""
    if path.suffix.lower() == ".csv":
        return "csv"
    with _opened(path) as file:
        beginning = file.read(4)
    if not beginning:
        raise InvalidData(f"{path}: is empty")
    if beginning == b"PK\3\4":
        return "npz"
    return "idx" if beginning[:2] == b"\0\0" else None


# ---- IDX, as MNIST's own files


def read_idx(path: Path) -> Samples:
    """An IDX images file, compressed or not, and the labels file beside it, if there is one.

    The labels file has the images file's name with `labels` for `images` and `idx1` for `idx3`.

    Raises:
        InvalidData: another type or size of pixels, a file cut short or too long, labels that don't fit.
    """
    images = _idx_array(path)
    if images.ndim == 1:
        raise InvalidData(f"{path}: holds labels; name the images file, its labels are found beside it")
    labels_file = _labels_beside(path)
    labels = None if labels_file is None else _idx_array(labels_file)
    return checked_samples(path, images, labels, DIGITS, labels_file)


def _idx_array(path: Path) -> NDArray[np.uint8]:
    with refusing(path), _opened(path) as file:
        header = file.read(4)
        if len(header) < 4 or header[:2] != b"\0\0" or header[3] not in (1, 2, 3):
            raise InvalidData(f"{path}: not an IDX file of images or labels")
        if header[2] != 8:
            raise InvalidData(f"{path}: IDX of type 0x{header[2]:02x}; only unsigned bytes (0x08) are pixels")
        sizes = file.read(4 * header[3])
        if len(sizes) < 4 * header[3]:
            raise InvalidData(f"{path}: cut short, its header is not whole")
        shape = tuple(int(size) for size in np.frombuffer(sizes, ">u4"))
        return _exactly(file, math.prod(shape), path).reshape(shape)


def _exactly(file: Stream, size: int, path: Path) -> NDArray[np.uint8]:
    """The rest of a file, which must be `size` bytes; allocates no more than what is there."""
    content = bytearray()
    if 0 <= size <= min(LIMIT, DEFLATE * path.stat().st_size):
        while block := file.read(min(size + 1 - len(content), 1 << 20)):
            content += block
    if len(content) != size:
        found = f"more than {size}" if len(content) > size else f"{len(content)}" if content else "fewer"
        raise InvalidData(f"{path}: its header promises {size} bytes of data and {found} follow")
    return np.frombuffer(content, np.uint8)


def _labels_beside(path: Path) -> Path | None:
    name = path.name.removesuffix(".gz").replace("images", "labels").replace("idx3", "idx1")
    beside = (path.with_name(name), path.with_name(f"{name}.gz"))
    return next((file for file in beside if file.name != path.name and file.is_file()), None)


def _idx_in_folder(folder: Path) -> Path | None:
    """The one IDX images file of a folder; None when it has none.

    Raises:
        InvalidData: it has several.
    """
    found = sorted(file for file in folder.glob("*images*idx3*") if file.is_file())
    names = {file.name.removesuffix(".gz") for file in found}
    if len(names) > 1:
        raise InvalidData(
            f"{folder}: holds {len(names)} IDX images files; name one: {', '.join(sorted(names))}"
        )
    return found[0] if found else None


@contextmanager
def _opened(path: Path) -> Iterator[Stream]:
    """A file, through gzip if its first bytes say so."""
    with path.open("rb") as file:
        packed = file.read(2) == b"\x1f\x8b"
        file.seek(0)
        if packed:
            with gzip.GzipFile(fileobj=file) as stream:
                yield stream
        else:
            yield file


# ---- npz


def read_npz(path: Path) -> Samples:
    """A NumPy archive with `images`, and if known `labels` and `classes`; nothing in it is ever unpickled.

    `images` are integers 0 to 255, `(N, 28, 28)` or `(N, 784)`; `labels` integers `(N,)`, indices into
    `classes`, which are strings; without them the classes are the digits.

    Raises:
        InvalidData: no `images`, another shape or type, values out of range, not a whole archive.
    """
    try:
        with refusing(path), zipfile.ZipFile(path) as archive:
            arrays = {name: _npy_array(archive, name, path) for name in ("images", "labels", "classes")}
    except InputError:
        raise
    except Exception as e:  # zipfile and NumPy's header reader raise a dozen kinds of a broken file
        raise InvalidData(
            f"{path}: a broken .npz ({' '.join(str(e).split())[:80] or type(e).__name__})"
        ) from None
    images, labels, classes = arrays["images"], arrays["labels"], arrays["classes"]
    if images is None:
        raise InvalidData(f"{path}: has no array `images`")
    if images.shape[1:] == (SIDE * SIDE,):
        images = images.reshape(-1, SIDE, SIDE)
    return checked_samples(path, images, labels, _class_names(classes, path))


def _npy_array(archive: zipfile.ZipFile, name: str, path: Path) -> NDArray[Any] | None:
    if f"{name}.npy" not in archive.namelist():
        return None
    with archive.open(f"{name}.npy") as file:
        version = np.lib.format.read_magic(file)
        read_header = {
            (1, 0): np.lib.format.read_array_header_1_0,
            (2, 0): np.lib.format.read_array_header_2_0,
        }
        shape, by_column, dtype = read_header[version](file)
        if dtype.hasobject:
            raise InvalidData(f"{path}: `{name}` holds Python objects, which are never opened; save numbers")
        flat = _exactly(file, math.prod(shape) * dtype.itemsize, path).view(dtype)
    return flat.reshape(shape, order="F" if by_column else "C")


def _class_names(classes: NDArray[Any] | None, path: Path) -> tuple[str, ...]:
    if classes is None:
        return DIGITS
    if classes.dtype.kind != "U" or classes.ndim != 1 or len(set(classes.tolist())) != len(classes):
        raise InvalidData(f"{path}: `classes` must be a list of strings, each another")
    return tuple(classes.tolist())


# ---- image folders


def read_image_folder(folder: Path) -> Samples:
    """Images in a subfolder a class; each becomes a glyph, those that are 28×28 on black stay as they are.

    Classes are the subfolders' names in order, numbers by value; where all are single digits the classes are
    all ten, so that a label is its digit. The samples come in a fixed mixed order, so that the last of them
    can validate: in the files' order these would be the last class alone.

    Raises:
        InvalidData: no subfolder, an empty one, a picture that can't be read or shows nothing.
    """
    with refusing(folder):
        subfolders = [
            entry for entry in folder.iterdir() if entry.is_dir() and not entry.name.startswith(".")
        ]
    if not subfolders:
        raise InvalidData(f"{folder}: has no subfolder a class and no IDX files; give {ACCEPTED}")
    classes = _ordered_names([entry.name for entry in subfolders])
    files = {entry.name: _images_in(entry) for entry in subfolders}
    samples = [(file, classes.index(name)) for name in sorted(files) for file in files[name]]
    order = np.random.default_rng(0).permutation(len(samples))
    images = np.stack([_glyph(samples[i][0]) for i in order])
    return Samples(images, np.array([samples[i][1] for i in order], np.int64), classes)


def _ordered_names(names: Sequence[str]) -> tuple[str, ...]:
    if set(names) <= set(DIGITS):
        return DIGITS
    if all(name.isascii() and name.isdecimal() for name in names):
        return tuple(sorted(names, key=lambda name: (int(name), name)))
    return tuple(sorted(names))


def _images_in(folder: Path) -> list[Path]:
    from inkdigits.images import SUFFIXES

    with refusing(folder):
        entries = sorted(entry for entry in folder.iterdir() if not entry.name.startswith("."))
    files = [entry for entry in entries if entry.suffix.lower() in SUFFIXES and entry.is_file()]
    if not files:
        raise InvalidData(f"{folder}: holds no images; a class needs at least one ({', '.join(SUFFIXES)})")
    if len(files) < len(entries):
        log.warning("%s: %d entries are not images and left out", folder, len(entries) - len(files))
    return files


def _glyph(file: Path) -> NDArray[np.uint8]:
    from inkdigits.glyph import glyph_from_grey
    from inkdigits.images import load_grey

    try:
        grey = load_grey(file)
    except InputError as e:
        raise InvalidData(str(e)) from None
    if grey.shape == (SIDE, SIDE) and _edge_level(grey[None]) < 64:
        return grey  # prepared by somebody already: MNIST as pictures must stay MNIST
    glyph = glyph_from_grey(grey)
    if glyph is None:
        raise InvalidData(f"{file}: is blank, nothing is drawn in it; remove it")
    return glyph


# ---- checks that all formats share


def checked_samples(
    path: Path,
    images: NDArray[Any],
    labels: NDArray[Any] | None,
    classes: tuple[str, ...],
    labels_file: Path | None = None,
) -> Samples:
    """Arrays as they were read, as samples that keep the promise of this module.

    Raises:
        InvalidData: an unfit shape, type, value or number; rows count from 1.
    """
    if images.shape[1:] != (SIDE, SIDE):
        shape = "×".join(map(str, images.shape)) or "a single number"
        raise InvalidData(f"{path}: its images are {shape}, not N×28×28; save them as images in folders")
    if not len(images):
        raise InvalidData(f"{path}: is empty, it holds no images")
    pixels = _within(images, 255, path, "a pixel")
    if _edge_level(pixels) > 127:
        log.warning("%s: looks dark on light; ink is taken to be bright on 0, so invert its pixels", path)
    if labels is None:
        return Samples(pixels, None, classes)
    where = labels_file or path
    if labels.shape != (len(images),):
        count = len(labels) if labels.ndim == 1 else f"{labels.ndim}-dimensional"
        raise InvalidData(f"{where}: {count} labels for the {len(images)} images of {path.name}")
    return Samples(pixels, _within(labels, len(classes) - 1, where, "label").astype(np.int64), classes)


def _within(values: NDArray[Any], most: int, path: Path, what: str) -> NDArray[Any]:
    if values.dtype.kind not in "iu":
        raise InvalidData(f"{path}: {what} is {values.dtype}; only whole numbers from 0 to {most} are read")
    bad = (values < 0) | (values > most) if values.dtype != np.uint8 or most < 255 else np.empty(0, bool)
    if bad.any():
        row = int(np.argmax(bad.reshape(len(values), -1).any(1)))
        value = values[row][bad[row]].flat[0]
        raise InvalidData(f"{path}: row {row + 1} has {what} {value}; only 0 to {most} are possible")
    return values.astype(np.uint8, copy=False) if most <= 255 else values


def _edge_level(images: NDArray[np.uint8]) -> float:
    """The median of the outermost pixels: what lies around the ink."""
    sample = images[:: max(1, len(images) // 1000)]
    return float(np.median(np.concatenate([sample[:, [0, -1]].ravel(), sample[:, :, [0, -1]].ravel()])))
