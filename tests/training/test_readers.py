"""Files of every accepted format, whole and broken."""

from __future__ import annotations

import gzip
import io
import tracemalloc
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from inkdigits.errors import InvalidData
from inkdigits.training.datasets import Dataset, load_data
from inkdigits.training.downloads import encode_idx

Images = NDArray[np.uint8]


@pytest.fixture(scope="module")
def some(mnist_train: Dataset) -> Dataset:
    return mnist_train.part("some", 0, 40)


def labels_of(data: Dataset) -> NDArray[np.int64]:
    assert data.labels is not None
    return data.labels


def refusal(path: Path) -> str:
    with pytest.raises(InvalidData) as refused:
        load_data(str(path))
    return str(refused.value).removeprefix(str(path)).removeprefix(": ")


# ---- IDX


def write_idx(
    folder: Path, images: Images, labels: NDArray[Any] | None, pack: Callable[[bytes], bytes] = bytes
) -> Path:
    ending = ".gz" if pack is gzip.compress else ""
    path = folder / f"my-images-idx3-ubyte{ending}"
    path.write_bytes(pack(encode_idx(images).tobytes()))
    if labels is not None:
        beside = folder / f"my-labels-idx1-ubyte{ending}"
        beside.write_bytes(pack(encode_idx(labels.astype(np.uint8)).tobytes()))
    return path


@pytest.mark.parametrize("pack", [bytes, gzip.compress])
@pytest.mark.parametrize("by_folder", [False, True])
def test_idx_is_read_with_the_labels_beside_it(
    pack: Callable[[bytes], bytes], by_folder: bool, some: Dataset, tmp_path: Path
) -> None:
    path = write_idx(tmp_path, some.images, some.labels, pack)
    data = load_data(str(tmp_path if by_folder else path))
    assert data.sha256 == some.sha256
    assert data.images.flags.writeable, "PyTorch warns of arrays that it can't write to"


def test_idx_without_labels_is_unlabelled(some: Dataset, tmp_path: Path) -> None:
    assert load_data(str(write_idx(tmp_path, some.images, None))).labels is None


def test_idx_headers_that_lie_are_refused_without_believing_them(some: Dataset, tmp_path: Path) -> None:
    path = tmp_path / "lying"
    content = encode_idx(some.images).tobytes()
    path.write_bytes(content[:4] + (3_000_000_000).to_bytes(4, "big") + content[8:])
    packed = tmp_path / "lying.gz"
    packed.write_bytes(gzip.compress(content[:4] + (39).to_bytes(4, "big") + content[8:]))
    tracemalloc.start()
    assert "promises" in refusal(path)
    assert "more than 30576 follow" in refusal(packed)
    assert tracemalloc.get_traced_memory()[1] < 5e6
    tracemalloc.stop()


WHOLE = encode_idx(np.full((40, 28, 28), 9, np.uint8)).tobytes()


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (WHOLE[:-1], "31360 bytes of data and 31359 follow"),
        (WHOLE + b"x", "31360 bytes of data and more than 31360 follow"),
        (WHOLE[:9], "header is not whole"),
        (WHOLE[:2] + b"\x0d" + WHOLE[3:], "type 0x0d"),
        (WHOLE[:3] + b"\x09" + WHOLE[4:], "not an IDX file"),
        (gzip.compress(WHOLE, mtime=0)[:-20], "end-of-stream"),
        (gzip.compress(WHOLE, mtime=0)[:-8] + bytes(8), "CRC check failed"),
        (b"", "is empty"),
        (encode_idx(np.zeros((3, 32, 32), np.uint8)).tobytes(), "3×32×32, not N×28×28"),
        (encode_idx(np.zeros((0, 28, 28), np.uint8)).tobytes(), "holds no images"),
        (encode_idx(np.zeros(3, np.uint8)).tobytes(), "holds labels; name the images file"),
        (b"%PDF-1.7 and so on", "not data we can read"),
    ],
)
def test_a_broken_idx_is_refused(content: bytes, message: str, tmp_path: Path) -> None:
    path = tmp_path / "broken-idx3-ubyte"
    path.write_bytes(content)
    assert message in refusal(path)


def test_idx_labels_that_do_not_fit_name_their_file_and_row(some: Dataset, tmp_path: Path) -> None:
    labels = labels_of(some).copy()
    labels[6] = 10
    path = write_idx(tmp_path, some.images, labels)
    assert refusal(path).endswith("my-labels-idx1-ubyte: row 7 has label 10; only 0 to 9 are possible")
    write_idx(tmp_path, some.images, labels[:-1])
    assert "39 labels for the 40 images of my-images-idx3-ubyte" in refusal(path)


def test_a_folder_with_several_idx_files_asks_which(tmp_path: Path) -> None:
    for name in ("train-images-idx3-ubyte", "t10k-images-idx3-ubyte.gz"):
        (tmp_path / name).write_bytes(b"")
    assert "name one: t10k-images-idx3-ubyte, train-images-idx3-ubyte" in refusal(tmp_path)


# ---- npz


@pytest.mark.parametrize("flat", [True, False])
@pytest.mark.parametrize("kind", ["u1", "<i4", ">i8"])
def test_npz_of_any_whole_numbers(flat: bool, kind: str, some: Dataset, tmp_path: Path) -> None:
    images = some.images.reshape(len(some), -1) if flat else some.images
    np.savez(tmp_path / "digits.npz", images=images.astype(kind), labels=labels_of(some).astype(kind))
    assert load_data(str(tmp_path / "digits.npz")).sha256 == some.sha256


def test_npz_in_fortran_order(some: Dataset, tmp_path: Path) -> None:
    np.savez_compressed(tmp_path / "digits.npz", images=np.asfortranarray(some.images))
    assert np.array_equal(load_data(str(tmp_path / "digits.npz")).images, some.images)


def test_npz_brings_the_names_of_its_classes(some: Dataset, tmp_path: Path) -> None:
    labels = np.arange(40) % 3
    np.savez(tmp_path / "abc.npz", images=some.images, labels=labels, classes=np.array(["a", "b", "c"]))
    data = load_data(str(tmp_path / "abc.npz"))
    assert data.classes == ("a", "b", "c")
    assert labels_of(data).tolist() == labels.tolist()


@pytest.mark.parametrize(
    ("arrays", "message"),
    [
        ({"pictures": np.zeros((2, 28, 28), np.uint8)}, "has no array `images`"),
        ({"images": np.zeros((2, 28, 28))}, "a pixel is float64"),
        ({"images": np.zeros((2, 27, 28), np.uint8)}, "2×27×28, not N×28×28"),
        ({"images": np.uint8(3)}, "a single number"),
        ({"images": np.zeros((0, 784), np.uint8)}, "holds no images"),
        ({"images": np.eye(3, 784, dtype=np.int64) * 256}, "row 1 has a pixel 256; only 0 to 255"),
        ({"images": np.eye(3, 784, k=-1, dtype=np.int64) * -1}, "row 2 has a pixel -1"),
        ({"images": np.zeros((2, 784), np.uint8), "labels": np.zeros(3, int)}, "3 labels for the 2 images"),
        ({"images": np.zeros((2, 784), np.uint8), "labels": np.zeros((2, 10), int)}, "2-dimensional labels"),
        ({"images": np.zeros((2, 784), np.uint8), "labels": np.array([3, 10])}, "row 2 has label 10"),
        ({"images": np.zeros((2, 784), np.uint8), "labels": np.array([-1, 3])}, "row 1 has label -1"),
        ({"images": np.zeros((2, 784), np.uint8), "labels": np.array(["a", "b"])}, "label is <U1"),
        ({"images": np.array([{}, {}], object)}, "Python objects, which are never opened"),
        ({"images": np.zeros((2, 784), np.uint8), "classes": np.array(["a", "a"])}, "each another"),
    ],
)
def test_an_unfit_npz_is_refused(arrays: dict[str, Any], message: str, tmp_path: Path) -> None:
    np.savez(tmp_path / "unfit.npz", **arrays)
    assert message in refusal(tmp_path / "unfit.npz")


def test_npz_headers_that_lie_are_refused_without_believing_them(tmp_path: Path) -> None:
    header = io.BytesIO()
    lie = {"descr": "|u1", "fortran_order": False, "shape": (10**9, 28, 28)}
    np.lib.format.write_array_header_1_0(header, lie)
    path = tmp_path / "lying.npz"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("images.npy", header.getvalue() + bytes(1000))
    tracemalloc.start()
    assert "promises 784000000000 bytes" in refusal(path)
    assert tracemalloc.get_traced_memory()[1] < 5e6
    tracemalloc.stop()


# ---- image folders


def test_prepared_pictures_in_folders_stay_as_they_are(some: Dataset, tmp_path: Path) -> None:
    for number, (image, label) in enumerate(zip(some.images, labels_of(some), strict=True)):
        (tmp_path / str(label)).mkdir(exist_ok=True)
        Image.fromarray(image).save(tmp_path / str(label) / f"{number}.png")
    data = load_data(str(tmp_path))
    assert data.classes == some.classes
    assert sorted(zip(labels_of(data), map(bytes, data.images), strict=True)) == sorted(
        zip(labels_of(some), map(bytes, some.images), strict=True)
    )
    assert len(set(labels_of(data)[-10:].tolist())) > 3, "the last samples are of one class"
    assert load_data(str(tmp_path)).sha256 == data.sha256


def test_pictures_of_any_size_and_polarity_become_glyphs(some: Dataset, tmp_path: Path) -> None:
    for name, scale in (("alpha", 3), ("beta", 7)):
        (tmp_path / name).mkdir()
        for number in range(3):
            large = np.kron(255 - some.images[number], np.ones((scale, scale), np.uint8))
            Image.fromarray(np.pad(large, (5, 90), constant_values=255)).save(
                tmp_path / name / f"{number}.png"
            )
    data = load_data(str(tmp_path))
    assert data.classes == ("alpha", "beta")
    assert data.images.shape == (6, 28, 28)
    for glyph in data.images:
        nearest = min(np.abs(glyph.astype(int) - original).mean() for original in some.images[:3])
        # mean difference in grey levels; to another digit it is about 50
        assert nearest < 25, "a glyph isn't the digit that was drawn"


def test_numbered_folders_are_ordered_by_value(some: Dataset, tmp_path: Path) -> None:
    for name in ("10", "9", "2"):
        (tmp_path / name).mkdir()
        Image.fromarray(some.images[0]).save(tmp_path / name / "a.png")
    assert load_data(str(tmp_path)).classes == ("2", "9", "10")


def test_single_digits_keep_all_ten_classes(some: Dataset, tmp_path: Path) -> None:
    for name in ("3", "8"):
        (tmp_path / name).mkdir()
        Image.fromarray(some.images[0]).save(tmp_path / name / "a.png")
    data = load_data(str(tmp_path))
    assert data.classes == tuple("0123456789")
    assert sorted(labels_of(data).tolist()) == [3, 8]


def test_a_broken_folder_names_what_is_wrong(
    some: Dataset, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    assert "no subfolder a class" in refusal(tmp_path)
    (tmp_path / "5").mkdir()
    assert "5: holds no images; a class needs at least one" in refusal(tmp_path)
    Image.fromarray(some.images[0]).save(tmp_path / "5" / "good.png")
    (tmp_path / "5" / "notes.txt").write_text("not a picture")
    assert len(load_data(str(tmp_path))) == 1
    assert "1 entries are not images" in caplog.text
    Image.new("L", (40, 40), 255).save(tmp_path / "5" / "white.png")
    assert "white.png: is blank" in refusal(tmp_path)
    (tmp_path / "5" / "white.png").write_bytes((tmp_path / "5" / "good.png").read_bytes()[:80])
    assert "white.png" in refusal(tmp_path)


def test_a_dark_on_light_set_is_noticed(
    some: Dataset, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    np.savez(tmp_path / "inverted.npz", images=255 - some.images)
    load_data(str(tmp_path / "inverted.npz"))
    assert "looks dark on light" in caplog.text
