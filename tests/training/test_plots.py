"""Pictures: PNGs that open, are neither blank nor large, and show what they are given."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from pathlib import Path

import matplotlib
import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from inkdigits.errors import OutputError
from inkdigits.training import galleries, plots
from inkdigits.training.datasets import Dataset
from inkdigits.training.drawing import DPI, STYLE, Tile, draw_sheet, drawing, shorten
from inkdigits.training.evaluate import Metrics, accuracy_of_surest, answer, judge
from inkdigits.training.runs import Epoch

Pixels = NDArray[np.uint8]
DIAGONAL, BLUE = (211, 229, 243), (0, 114, 178)


@pytest.fixture(autouse=True)
def _no_warnings() -> Iterator[None]:
    """A picture that matplotlib has to warn about isn't good."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        yield


def epoch(number: int, loss: float = 0.5, validation: float | None = 0.4, rate: float = 1e-3) -> Epoch:
    accuracy = None if validation is None else 0.93
    return Epoch(number, loss, 0.9, validation, accuracy, rate, 1000.0, 1.0)


def pixels(path: Path) -> Pixels:
    """The picture, once it is known to be a sound one."""
    assert path.stat().st_size <= 200_000
    with Image.open(path) as picture:
        assert picture.format == "PNG"
        assert picture.info["dpi"] == pytest.approx((DPI, DPI), abs=0.1)
        found = np.asarray(picture.convert("RGB"))
    assert (found < 128).any(axis=2).sum() > 500, "next to nothing is drawn"
    for name, edge in (
        ("upper", found[:3]),
        ("lower", found[-3:]),
        ("left", found[:, :3]),
        ("right", found[:, -3:]),
    ):
        assert (edge == 255).all(), f"something touches the {name} edge"
    return found


def count(found: Pixels, colour: tuple[int, int, int]) -> int:
    """How many pixels are nearly of a colour."""
    return int((np.abs(found.astype(int) - colour).max(axis=2) <= 3).sum())


def judged(labels: NDArray[np.int64], classes: int, strength: float = 3.0) -> tuple[Metrics, Pixels]:
    random = np.random.default_rng(1)
    logits = random.normal(size=(len(labels), classes)) + strength * np.eye(classes)[labels]
    return judge(logits, labels, tuple(map(str, range(classes)))), logits


@pytest.fixture(scope="module")
def metrics(mnist_test: Dataset) -> Metrics:
    assert mnist_test.labels is not None
    return judged(mnist_test.labels, 10)[0]


@pytest.mark.parametrize(
    "history",
    [
        [epoch(1)],
        [epoch(1, validation=None)],
        [epoch(n, loss=1 / n, validation=1 / n + 0.01) for n in range(1, 61)],
        [Epoch(1, 0.0, 1.0, 0.0, 1.0, 0.0, 1.0, 1.0)],
        [Epoch(1, 2.3, 0.0, 2.3, 0.0, 1e-8, 1.0, 1.0), epoch(2)],
    ],
    ids=["one-epoch", "no-validation", "sixty", "perfect", "hopeless-at-first"],
)
def test_curves_of_any_history(tmp_path: Path, history: list[Epoch]) -> None:
    plots.draw_curves(tmp_path / "curves.png", history, kept=1)
    pixels(tmp_path / "curves.png")


def test_curves_show_validation_only_where_there_is_any(tmp_path: Path) -> None:
    for name, validation in (("with", 0.4), ("without", None)):
        plots.draw_curves(tmp_path / name, [epoch(n, validation=validation) for n in (1, 2, 3)])
    vermillion = (213, 94, 0)
    assert count(pixels(tmp_path / "with"), vermillion) > 500
    assert count(pixels(tmp_path / "without"), vermillion) == 0


def test_the_epoch_kept_is_marked_where_it_is(tmp_path: Path) -> None:
    history = [epoch(n) for n in range(1, 6)]
    for kept in (2, 4):
        plots.draw_curves(tmp_path / f"{kept}.png", history, kept)
    second, fourth = (pixels(tmp_path / f"{kept}.png") for kept in (2, 4))
    changed = np.flatnonzero((second != fourth).any(axis=2).sum(axis=0) > 100)  # columns of the dashed lines
    groups = np.split(changed, np.flatnonzero(np.diff(changed) > 5) + 1)
    assert len(groups) == 6  # one line more and one less in each of three charts


@pytest.mark.parametrize("normalised", [False, True])
def test_confusion_colours_errors_apart_from_the_diagonal(tmp_path: Path, normalised: bool) -> None:
    labels = np.arange(1000) % 10
    perfect, _ = judged(labels, 10, strength=50)
    wrong, _ = judged(labels, 10, strength=2)
    for name, given in (("perfect", perfect), ("wrong", wrong)):
        plots.draw_confusion(tmp_path / name, given, normalised=normalised)
    clean, spotted = (pixels(tmp_path / name).astype(int) for name in ("perfect", "wrong"))
    assert count(clean, DIAGONAL) > 10 * 2000  # pixels
    orange = [int((p[..., 0] - p[..., 2] > 60).sum()) for p in (clean, spotted)]
    assert orange[0] == 0
    assert orange[1] > 20 * 2000


@pytest.mark.parametrize("classes", [2, 3, 47])
def test_charts_of_other_numbers_of_classes(tmp_path: Path, classes: int) -> None:
    labels = np.random.default_rng(0).integers(0, classes, 2000)
    found, _ = judged(labels, classes)
    plots.draw_confusion(tmp_path / "a.png", found, normalised=True)
    plots.draw_class_scores(tmp_path / "b.png", found)
    counts = {"one": np.bincount(labels, minlength=classes).tolist()}
    plots.draw_class_distribution(tmp_path / "c.png", counts, found.classes)
    for name in "abc":
        pixels(tmp_path / f"{name}.png")


def test_charts_of_one_sample_and_absent_classes(tmp_path: Path) -> None:
    labels = np.array([3])
    found, logits = judged(labels, 10, strength=-50)
    answers = answer(logits)
    plots.draw_confusion(tmp_path / "a.png", found, normalised=True)
    plots.draw_class_scores(tmp_path / "b.png", found)
    plots.draw_reliability(tmp_path / "c.png", found)
    curve = accuracy_of_surest(answers.confidence, answers.predicted == labels)
    plots.draw_rejection(tmp_path / "d.png", found, curve)
    for name in "abcd":
        pixels(tmp_path / f"{name}.png")


def test_class_distribution_of_several_sets_with_long_names(tmp_path: Path) -> None:
    sets = {f"the digits of a long-named survey {n}": [100 + n, 200, 300] for n in range(3)}
    plots.draw_class_distribution(tmp_path / "a.png", sets, ("a", "b", "c"))
    pixels(tmp_path / "a.png")


def test_class_distribution_draws_heights_as_shares(tmp_path: Path) -> None:
    plots.draw_class_distribution(tmp_path / "a.png", {"x": [10, 30]}, ("few", "many"))
    found = pixels(tmp_path / "a.png")
    blue = (np.abs(found.astype(int) - BLUE).max(axis=2) <= 3)[: int(found.shape[0] * 0.8)]
    middle = blue.shape[1] // 2 + 20
    left, right = (part.any(axis=1).sum() for part in (blue[:, :middle], blue[:, middle:]))
    assert right / left == pytest.approx(3, rel=0.05)


def test_long_names_leave_room_for_the_chart(tmp_path: Path) -> None:
    classes = tuple(f"a class with the long name {n}" for n in range(12))
    labels = np.random.default_rng(0).integers(0, 12, 500)
    logits = np.random.default_rng(1).normal(size=(500, 12))
    plots.draw_confusion(tmp_path / "a.png", judge(logits, labels, classes), normalised=False)
    assert count(pixels(tmp_path / "a.png"), DIAGONAL) > 2000
    assert shorten("a class with") == "a class w…"


def test_reliability_and_rejection_on_mnist_labels(tmp_path: Path, metrics: Metrics) -> None:
    plots.draw_reliability(tmp_path / "a.png", metrics)
    plots.draw_rejection(tmp_path / "b.png", metrics, np.linspace(1, metrics.accuracy, metrics.n))
    for name in "ab":
        assert count(pixels(tmp_path / f"{name}.png"), BLUE) > 300


def test_sheets_show_the_digits_themselves(tmp_path: Path) -> None:
    ink = np.full((28, 28), 255, np.uint8)
    draw_sheet(tmp_path / "a.png", "Title", "detail", [Tile(ink), None, Tile(ink)], columns=2)
    found = pixels(tmp_path / "a.png")
    black = (found < 10).all(axis=2)
    side = 28 * 0.0235 * DPI
    assert black.sum() == pytest.approx(2 * side**2, rel=0.25)  # the layout rounds to fit the title
    half = black.shape[1] // 2
    assert black[:, half:].sum() < 0.1 * black.sum()  # the gap stays a gap


def test_galleries_of_mnist(tmp_path: Path, mnist_test: Dataset) -> None:
    data = mnist_test.part("part", 0, 1500)
    assert data.labels is not None
    _, logits = judged(data.labels, 10, strength=2)
    answers = answer(logits)
    galleries.draw_samples(tmp_path / "samples.png", data, data.labels)
    galleries.draw_predictions(tmp_path / "predictions.png", data, data.labels, answers)
    galleries.draw_misclassified(tmp_path / "wrong.png", data, data.labels, answers)
    sizes = {path.stem: pixels(path).shape for path in tmp_path.glob("*.png")}
    assert sizes["wrong"][0] > sizes["predictions"][0]  # ten rows, five rows


def test_nothing_misclassified_is_a_picture_that_says_so(tmp_path: Path, mnist_test: Dataset) -> None:
    data = mnist_test.part("part", 0, 50)
    assert data.labels is not None
    answers = answer(9 * np.eye(10)[data.labels])
    galleries.draw_misclassified(tmp_path / "none.png", data, data.labels, answers)
    assert pixels(tmp_path / "none.png").shape[0] < 200


def test_worst_mistakes_come_first(monkeypatch: pytest.MonkeyPatch, mnist_test: Dataset) -> None:
    data = mnist_test.part("part", 0, 3)
    drawn: list[Tile] = []
    monkeypatch.setattr(galleries, "draw_sheet", lambda _p, _t, _d, tiles, **_k: drawn.extend(tiles))
    logits = np.array([[0, 1.0, 0, 0, 0, 0, 0, 0, 0, 0], [9.0] + [0] * 9, [0, 0, 0, 8.0] + [0] * 6])
    truth = np.array([7, 0, 1])
    galleries.draw_misclassified(Path("unused"), data, truth, answer(logits))
    assert [tile.lines[0][0] for tile in drawn] == ["1 → 3", "7 → 1"]
    assert np.array_equal(drawn[0].image, data.images[2])


def test_disputed_labels_are_marked_among_the_errors(
    monkeypatch: pytest.MonkeyPatch, mnist_test: Dataset, tmp_path: Path
) -> None:
    data = mnist_test.part("part", 0, 3)
    truth, found = np.array([7, 0, 1]), answer(np.array([9, 2, 5])[:, None] * np.eye(10)[[1, 0, 3]])
    galleries.draw_disputed(tmp_path / "errors.png", data, truth, found, {1, 2}, "it")
    pixels(tmp_path / "errors.png")
    drawn: list[Tile] = []
    said: list[str] = []

    def draw(_path: Path, title: str, detail: str, tiles: list[Tile], **_: int) -> None:
        drawn.extend(tiles)
        said.extend((title, detail))

    monkeypatch.setattr(galleries, "draw_sheet", draw)
    galleries.draw_disputed(Path("unused"), data, truth, found, {1, 2}, "it")
    assert said[0] == "All that it gets wrong: 2 of 3"
    assert said[1].endswith("people dispute the label of 1")
    surest, other = drawn
    assert [text for text, _ in surest.lines] == ["7 → 1", "99.9%", "no. 0", ""]
    assert other.lines[2:] == (("no. 2", "quiet"), ("disputed", "alarming"))


@pytest.mark.parametrize(
    ("share", "text"), [(1.0, "100.0%"), (0.99999, "> 99.9%"), (0.9994, "99.9%"), (0.5, "50.0%")]
)
def test_confidence_is_never_rounded_up_to_certainty(share: float, text: str) -> None:
    assert galleries.percent(share) == text


def test_spread_keeps_first_and_last() -> None:
    assert galleries.spread(np.arange(100), 4).tolist() == [0, 33, 66, 99]
    assert galleries.spread(np.arange(3), 4).tolist() == [0, 1, 2]


def test_a_dark_picture_has_dark_paper_and_light_words(tmp_path: Path) -> None:
    with drawing(tmp_path / "dark.png", 3, 2, dark=True) as figure:
        figure.add_subplot().set_title("Light")
    with Image.open(tmp_path / "dark.png") as picture:
        found = np.asarray(picture.convert("RGB"))
    assert np.median(found) < 40
    assert found.max() > 200


def test_drawing_leaves_matplotlib_as_it_was_and_fails_clearly(tmp_path: Path) -> None:
    before = {name: matplotlib.rcParams[name] for name in STYLE}
    with pytest.raises(OutputError, match="can't be written"), drawing(tmp_path / "no" / "a.png", 2, 2):
        pass
    assert {name: matplotlib.rcParams[name] for name in STYLE} == before
