"""MNIST's parts by name, validation splits, and data sets written and read again."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from inkdigits.errors import InvalidData, OutputError, UsageError
from inkdigits.training.datasets import Dataset, load_data, split_validation
from inkdigits.training.overview import overview, picture_of_samples
from inkdigits.training.writers import write_data


def labels_of(data: Dataset) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
    assert data.labels is not None
    return data.labels


# ---- MNIST


def test_mnist_is_the_published_one(mnist_train: Dataset, mnist_test: Dataset) -> None:
    assert mnist_train.images.shape == (60_000, 28, 28)
    assert mnist_test.images.shape == (10_000, 28, 28)
    pixels = hashlib.sha256(b"\0\0\x08\x03" + np.array([60_000, 28, 28], ">u4").tobytes())
    pixels.update(mnist_train.images.tobytes())
    assert pixels.hexdigest() == "ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db"
    assert np.bincount(labels_of(mnist_train)).tolist() == [
        *(5923, 6742, 5958, 6131, 5842, 5421, 5918, 6265, 5851, 5949)
    ]
    assert np.bincount(labels_of(mnist_test)).tolist() == [
        980,
        1135,
        1032,
        1010,
        982,
        892,
        958,
        1028,
        974,
        1009,
    ]


@pytest.mark.parametrize(("name", "count"), [("mnist-train", 60_000), ("mnist-validation", 10_000)])
def test_parts_of_mnist_have_names(name: str, count: int, mnist_train: Dataset) -> None:
    data = load_data(name)
    assert (data.name, len(data)) == (name, count)
    assert np.array_equal(data.images, mnist_train.images[-count:])
    assert np.array_equal(labels_of(data), labels_of(mnist_train)[-count:])


# ---- the validation split


def test_the_last_samples_validate(mnist_train: Dataset) -> None:
    training, validation = split_validation(mnist_train, 10_000)
    assert (training.name, len(training)) == ("mnist-train", 50_000)
    assert (validation.name, len(validation)) == ("mnist-validation", 10_000)
    assert validation.sha256 == load_data("mnist-validation").sha256
    assert np.array_equal(training.images[-1], mnist_train.images[49_999])
    assert np.array_equal(validation.images[0], mnist_train.images[50_000])


@pytest.mark.parametrize("count", [0, -1, 100, 1000])
def test_a_split_leaves_something_on_both_sides(count: int, mnist_train: Dataset) -> None:
    with pytest.raises(UsageError, match=f"can't hold out {count} of 100"):
        split_validation(mnist_train.part("few", 0, 100), count)


def test_rows_sorted_by_class_are_noticed(mnist_train: Dataset) -> None:
    order = np.argsort(labels_of(mnist_train)[:500], kind="stable")
    data = replace(mnist_train, images=mnist_train.images[order], labels=labels_of(mnist_train)[order])
    with pytest.raises(InvalidData, match=r"hold classes that the others lack \(9\); shuffle"):
        split_validation(data, int((labels_of(data) == 9).sum()))


# ---- writing


@pytest.fixture(scope="module")
def some(mnist_train: Dataset) -> Dataset:
    return mnist_train.part("some", 0, 200)


@pytest.mark.parametrize("name", ["some.csv", "some.npz"])
@pytest.mark.parametrize("labelled", [True, False])
def test_what_is_written_is_read_again(name: str, labelled: bool, some: Dataset, tmp_path: Path) -> None:
    data = some if labelled else replace(some, labels=None)
    write_data(data, tmp_path / name)
    again = load_data(str(tmp_path / name))
    assert again.sha256 == data.sha256
    assert again.name == "some"
    assert [path.name for path in tmp_path.iterdir()] == [name]


def test_a_folder_of_images_is_read_again(some: Dataset, tmp_path: Path) -> None:
    write_data(some, tmp_path / "some")
    again = load_data(str(tmp_path / "some"))
    assert sorted(map(bytes, again.images)) == sorted(map(bytes, some.images))
    assert np.array_equal(np.bincount(labels_of(again)), np.bincount(labels_of(some)))
    assert [path.name for path in tmp_path.iterdir()] == ["some"]


def test_classes_go_with_the_data(some: Dataset, tmp_path: Path) -> None:
    named = replace(some, classes=tuple(f"digit {name}" for name in some.classes))
    for name in ("named.npz", "named"):
        write_data(named, tmp_path / name)
        assert load_data(str(tmp_path / name)).classes == named.classes
    with pytest.raises(UsageError, match="holds digits only"):
        write_data(named, tmp_path / "named.csv")


def test_nothing_is_written_over(some: Dataset, tmp_path: Path) -> None:
    for name in ("a.csv", "a.npz", "a"):
        (tmp_path / name).write_text("precious")
        with pytest.raises(OutputError, match="exists already"):
            write_data(some, tmp_path / name)
        assert (tmp_path / name).read_text() == "precious"


@pytest.mark.parametrize("name", ["a.csv", "a.npz", "a"])
def test_a_missing_folder_is_an_error_of_output(name: str, some: Dataset, tmp_path: Path) -> None:
    with pytest.raises(OutputError, match="can't be written"):
        write_data(some, tmp_path / "missing" / name)


@pytest.mark.parametrize("class_name", ["../out", "", ".hidden", "a/b", "nul\0"])
def test_a_class_name_never_leads_out_of_the_folder(class_name: str, some: Dataset, tmp_path: Path) -> None:
    data = replace(some, classes=(class_name, *some.classes[1:]))
    with pytest.raises(UsageError, match="can't be a folder's name"):
        write_data(data, tmp_path / "folder")
    assert list(tmp_path.iterdir()) == []


def test_what_a_format_cannot_hold_is_said(some: Dataset, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="has no labels"):
        write_data(replace(some, labels=None), tmp_path / "folder")
    with pytest.raises(UsageError, match=r"\.csv, \.npz, or a folder"):
        write_data(some, tmp_path / "some.parquet")


# ---- figures and the picture


def test_an_overview_counts(some: Dataset) -> None:
    twice = replace(
        some,
        images=np.concatenate([some.images, some.images[:3]]),
        labels=np.concatenate([labels_of(some), labels_of(some)[:2], [(labels_of(some)[2] + 1) % 10]]),
    )
    found = overview(twice)
    assert (found.samples, found.repeated, found.contradicting) == (203, 3, 1)
    assert found.counts is not None
    assert list(found.counts.values()) == np.bincount(labels_of(twice), minlength=10).tolist()
    assert found.mean_grey == pytest.approx(twice.images.mean())
    assert found.sd_grey == pytest.approx(twice.images.std())
    assert overview(replace(some, labels=None)).counts is None


def test_the_greys_of_mnist_are_the_known_ones(mnist_train: Dataset) -> None:
    found = overview(mnist_train)
    assert found.mean_grey / 255 == pytest.approx(0.1307, abs=5e-5)
    assert found.sd_grey / 255 == pytest.approx(0.3081, abs=5e-5)


def test_each_class_has_its_row_of_samples(some: Dataset) -> None:
    full, fewer = picture_of_samples(some), picture_of_samples(some.part("few", 0, 5))
    assert full.height == fewer.height
    assert np.asarray(full).std() > np.asarray(fewer).std() > 0, "fewer samples, less ink"
    unlabelled = picture_of_samples(replace(some, labels=None))
    assert np.asarray(unlabelled).min() == 0
