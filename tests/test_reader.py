"""The reader: examples are read as what they are, answers keep order, the rule decides what is accepted."""

from __future__ import annotations

import json
import threading
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

import inkdigits
from inkdigits.confidence import Rule
from inkdigits.errors import InvalidData, InvalidWeights, UnreadableImage, UsageError
from inkdigits.model import BATCH, SHIPPED_LINE
from inkdigits.reader import Reader
from inkdigits.training.datasets import Dataset

EXAMPLES = Path(__file__).parent.parent / "examples" / "digits"
PICTURES = sorted(path for path in EXAMPLES.iterdir() if path.suffix not in (".py", ".md"))
DIGITS = [path for path in PICTURES if path.name[0].isdigit()]


@pytest.fixture(scope="module")
def reader() -> Reader:
    """With the weights that come with the package."""
    return Reader.load()


@dataclass
class Stub:
    """A network whose answers are given: each glyph gets the next row."""

    rows: list[list[float]]
    classes: tuple[str, ...] = tuple("0123456789")
    card: dict[str, Any] = field(default_factory=dict)

    def probabilities(self, glyphs: NDArray[np.uint8]) -> NDArray[np.float64]:
        taken, self.rows = self.rows[: len(glyphs)], self.rows[len(glyphs) :]
        return np.array(taken)


def sure_of(digit: int, probability: float) -> list[float]:
    """Probabilities with `probability` on one digit and the rest shared out."""
    return [probability if i == digit else (1 - probability) / 9 for i in range(10)]


@pytest.mark.parametrize("path", DIGITS, ids=lambda path: path.name)
def test_each_example_is_read_for_what_it_is(reader: Reader, path: Path) -> None:
    answer = reader.classify(path)
    assert answer.digit == int(path.name[0])
    assert answer.accepted
    assert answer.source == str(path)


@pytest.mark.parametrize("name", ["letter-k.png", "scribble.png"])
def test_what_is_no_digit_is_not_accepted(reader: Reader, name: str) -> None:
    answer = reader.classify(EXAMPLES / name)
    assert not answer.accepted
    assert answer.reason in ("not_a_digit", "unsure")


def test_a_blank_page_has_no_digit(reader: Reader) -> None:
    answer = reader.classify(EXAMPLES / "blank-page.jpg")
    assert (answer.digit, answer.reason, answer.accepted, answer.confidence) == (None, "blank", False, 0.0)
    assert answer.probabilities == (0.0,) * 10
    assert answer.label is None


def test_there_are_examples_of_every_digit_and_of_none() -> None:
    assert {path.name[0] for path in DIGITS} == set("0123456789")
    assert sum(path.stat().st_size for path in PICTURES) < 200_000


def test_many_are_answered_as_one_by_one_and_in_order(reader: Reader) -> None:
    together = reader.classify_many(iter(PICTURES))
    for path, answer in zip(PICTURES, together, strict=True):
        alone = reader.classify(path)
        assert (answer.source, answer.digit, answer.reason) == (str(path), alone.digit, alone.reason)
        assert np.allclose(answer.probabilities, alone.probabilities, atol=1e-5)
    assert reader.classify_many([]) == []


def test_blanks_between_digits_shift_nothing() -> None:
    picture = np.zeros((40, 40), np.uint8)
    inked = picture.copy()
    inked[10:30, 18:22] = 255
    pictures = [picture, inked, picture, picture, inked] * BATCH  # several batches
    reader = Reader(Stub([sure_of(i % 10, 0.95) for i in range(2 * BATCH)]), Rule())  # type: ignore[arg-type]
    digits = [answer.digit for answer in reader.classify_many(pictures)]
    expected = [None] * len(pictures)
    for i, place in enumerate(p for p in range(len(pictures)) if p % 5 in (1, 4)):
        expected[place] = i % 10  # type: ignore[call-overload]
    assert digits == expected


@pytest.mark.parametrize(
    ("top", "accepted", "reason"), [(0.95, True, None), (0.7, False, "unsure"), (0.3, False, "not_a_digit")]
)
def test_the_rule_decides(top: float, accepted: bool, reason: str | None) -> None:
    stub = Stub([sure_of(4, top)], card={"accept_at": 0.9, "digit_at": 0.5})
    answer = Reader(stub).classify(EXAMPLES / "4-pencil.png")  # type: ignore[arg-type]
    assert (answer.digit, answer.accepted, answer.reason) == (4, accepted, reason)
    assert answer.confidence == pytest.approx(top)
    assert "label" not in answer.to_dict()


def test_other_classes_answer_with_their_label() -> None:
    stub = Stub([[0.05, 0.95]], classes=("A", "B"))
    answer = Reader(stub).classify(EXAMPLES / "letter-k.png")  # type: ignore[arg-type]
    assert (answer.digit, answer.label, answer.accepted) == (None, "B", True)
    assert answer.to_dict()["label"] == "B"


def test_some_of_the_digits_keep_their_names() -> None:
    answer = Reader(Stub([[0.05, 0.95]], classes=("3", "7"))).classify(  # type: ignore[arg-type]
        EXAMPLES / "7-blue-pen.jpg"
    )
    assert (answer.digit, answer.label) == (7, "7")


def test_mnist_through_the_whole_pipeline_is_as_good_as_its_raw_glyphs(
    reader: Reader, mnist_test: Dataset
) -> None:
    some = mnist_test.part("some", 0, 1000)
    assert some.labels is not None
    raw = [answer.digit for answer in reader.classify_glyphs(some.images)]
    whole = [answer.digit for answer in reader.classify_many(list(some.images))]
    assert np.mean(np.array(whole) == some.labels) >= np.mean(np.array(raw) == some.labels) - 0.003
    inverted = [answer.digit for answer in reader.classify_many([255 - image for image in some.images[:200]])]
    assert np.mean(np.array(inverted) == some.labels[:200]) >= 0.98


def test_rows_of_a_data_set_are_numbered(reader: Reader, mnist_test: Dataset) -> None:
    glyphs = mnist_test.images[:3].copy()
    glyphs[1] = 0
    answers = reader.classify_glyphs(glyphs, name="file.csv")
    assert [answer.source for answer in answers] == ["file.csv#1", "file.csv#2", "file.csv#3"]
    assert [answer.digit for answer in answers] == [7, None, 1]
    assert answers[1].reason == "blank"
    assert reader.classify_glyphs(np.empty((0, 28, 28), np.uint8)) == []
    with pytest.raises(InvalidData):
        reader.classify_glyphs(glyphs.astype(np.float32))


def test_sources_and_names(reader: Reader) -> None:
    path = EXAMPLES / "2-tiny.png"
    assert reader.classify(str(path)).source == str(path)
    assert reader.classify(path.read_bytes()).source is None
    assert reader.classify(path.read_bytes(), name="-").source == "-"
    with Image.open(path) as image:
        assert reader.classify(image).source is None
    with pytest.raises(UnreadableImage, match=r"^field 3: "):
        reader.classify(b"", name="field 3")


def test_answers_are_json_and_consistent(reader: Reader) -> None:
    for path in PICTURES:
        answer = reader.classify(path)
        known = json.loads(json.dumps(answer.to_dict()))
        assert list(known) == ["source", "digit", "confidence", "accepted", "reason", "probabilities"]
        assert answer.accepted == (answer.reason is None)
        assert answer.confidence == max(answer.probabilities)


def test_threads_may_share_a_reader(reader: Reader) -> None:
    answers: dict[Path, Any] = {}

    def ask(path: Path) -> None:
        answers[path] = reader.classify(path).digit

    askers = [threading.Thread(target=ask, args=(path,)) for path in DIGITS]
    for asker in askers:
        asker.start()
    for asker in askers:
        asker.join()
    assert answers == {path: int(path.name[0]) for path in DIGITS}


def test_the_short_way() -> None:
    answer = inkdigits.classify(EXAMPLES / "7-blue-pen.jpg")
    assert isinstance(answer, inkdigits.Classification)
    assert answer.digit == 7


def test_weights_that_are_none() -> None:
    with pytest.raises(InvalidWeights):
        Reader.load(EXAMPLES / "2-tiny.png")


def number_of(digits: str, mnist_test: Dataset) -> NDArray[np.uint8]:
    """A number composed of MNIST's digits, dark on paper."""
    assert mnist_test.labels is not None
    places = [int(np.flatnonzero(mnist_test.labels == int(digit))[3]) for digit in digits]
    ink = np.concatenate([mnist_test.images[place] for place in places], axis=1)
    return np.asarray(225 - 0.75 * np.pad(ink, 8), np.uint8)


def test_a_number_is_read(reader: Reader, mnist_test: Dataset) -> None:
    picture = number_of("40392", mnist_test)
    reading = reader.read(picture, layout="line")
    assert (reading.text, reading.page, reading.source) == ("40392", 1, None)
    assert (reading.height, reading.width) == picture.shape
    (line,) = reading.lines
    lefts = [digit.box[0] for digit in line.digits]
    assert lefts == sorted(lefts)
    assert [round(left / 28 - 0.6) for left in lefts] == [0, 1, 2, 3, 4]
    assert json.loads(json.dumps(reading.to_dict()))["lines"][0]["text"] == "40392"


def test_what_is_known_of_a_number_counts(reader: Reader, mnist_test: Dataset) -> None:
    picture = number_of("40392", mnist_test)
    assert reader.read(picture, layout="line", length=5, low=40000, high=40999).text == "40392"
    assert reader.read(picture, layout="line", length=12).lines[0].text == ""
    with pytest.raises(UsageError):
        reader.read(picture, length=0)
    with pytest.raises(TypeError, match="lenght"):
        reader.read(picture, lenght=5)  # type: ignore[call-arg]


def test_documents_are_read_page_by_page(reader: Reader, mnist_test: Dataset, tmp_path: Path) -> None:
    pages = [Image.fromarray(number_of(digits, mnist_test)) for digits in ("31", "275", "6")]
    pages[0].save(tmp_path / "three.tif", save_all=True, append_images=pages[1:])
    readings = list(reader.read_pages(tmp_path / "three.tif", layout="line", name="mail"))
    assert [(reading.page, reading.text, reading.source) for reading in readings] == [
        (1, "31", "mail"),
        (2, "275", "mail"),
        (3, "6", "mail"),
    ]
    assert reader.read(tmp_path / "three.tif", layout="line").text == "31"


def test_numbers_from_many_threads_open_one_network(mnist_test: Dataset) -> None:
    reader = Reader.load()
    picture = number_of("275", mnist_test)
    read: list[tuple[str, int]] = []

    def ask() -> None:
        text = reader.read(picture, layout="line").text
        read.append((text, id(reader.numbers)))

    askers = [threading.Thread(target=ask) for _ in range(6)]
    for asker in askers:
        asker.start()
    for asker in askers:
        asker.join()
    assert {text for text, _ in read} == {"275"}
    assert len(set(read)) == 1


def test_numbers_the_short_way(mnist_test: Dataset) -> None:
    reading = inkdigits.read(number_of("275", mnist_test), layout="line", name="field 3")
    assert isinstance(reading, inkdigits.Reading)
    assert (reading.text, reading.source) == ("275", "field 3")


def test_weights_for_numbers_are_opened_at_once_when_named(tmp_path: Path) -> None:
    with pytest.raises(InvalidWeights):
        Reader.load(line_weights=tmp_path / "missing.onnx")
    assert Reader.load(line_weights=SHIPPED_LINE).numbers.model.classes[1] == "0"
