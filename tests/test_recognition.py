"""Recognition: boxes land on the page, verdicts follow the rule, pages are turned until they can be read."""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from inkdigits.alphabet import CLASSES
from inkdigits.confidence import LineRule
from inkdigits.constraints import Constraints
from inkdigits.recognition import PageReader
from inkdigits.results import Line

Grey = NDArray[np.uint8]


@dataclass
class Tally:
    """A line network that reads bars: `1` for each slim one, `?` for each that is broad, surely or less so.

    Attributes:
        sure: logit of what it reads.
        broad: strip px, from which a bar is no digit.
        doubtful: which bar may as well be no digit.
        deaf: whether it finds nothing anywhere.
        asked: the strips it was shown.
    """

    sure: float = 12.0
    broad: float = 20.0
    doubtful: int | None = None
    deaf: bool = False
    temperature: float = 1.0
    classes: tuple[str, ...] = CLASSES
    card: dict[str, Any] = field(default_factory=dict)
    asked: list[Grey] = field(default_factory=list)

    def logits(self, strips: list[Grey]) -> list[tuple[NDArray[np.float32], NDArray[np.float32]]]:
        self.asked += strips
        return [self._one(strip) for strip in strips]

    def _one(self, strip: Grey) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        frames = strip.shape[1] // 2
        logits = np.zeros((frames, len(CLASSES)), np.float32)
        logits[:, 0] = self.sure
        boxes = np.zeros((frames, 4), np.float32)
        inked = np.concatenate([[False], (strip > 150).any(0), [False]])
        for bar, (x0, x1) in enumerate(np.flatnonzero(np.diff(inked)).reshape(-1, 2)):
            if self.deaf:
                break
            middle = min((x0 + x1) // 4, frames - 1)
            logits[middle, 0] = 0
            logits[middle, CLASSES.index("?" if x1 - x0 > self.broad else "1")] = self.sure
            if bar == self.doubtful:
                logits[middle, CLASSES.index("?")] = self.sure + 0.2
            boxes[middle] = (x0 - 2, 0, x1 + 2, 32)
        return logits, boxes


def page_reader(model: Tally | None = None, accept_at: float = 0.9, **known: Any) -> PageReader:
    """With a network that reads bars."""
    return PageReader(model or Tally(), Constraints(**known), LineRule(accept_at))  # type: ignore[arg-type]


def bars(count: int, *, width: int = 6, size: tuple[int, int] = (60, 200)) -> Grey:
    """Dark bars on paper, `width` wide, 40 high, 30 apart, from column 20 and row 10 on."""
    grey = np.full(size, 220, np.uint8)
    for x in range(20, 20 + 30 * count, 30):
        grey[10:50, x : x + width] = 30
    return grey


def only(read: tuple[Grey, tuple[Line, ...]]) -> Line:
    """The one line."""
    (line,) = read[1]
    return line


def test_a_cut_out_number_is_one_line() -> None:
    grey = bars(4)
    upright, (line,) = page_reader().read(grey, "line")
    assert upright is grey
    assert (line.text, line.raw, line.accepted, line.reason) == ("1111", "1111", True, None)
    assert line.confidence > 0.99
    assert [digit.text for digit in line.digits] == list("1111")


def test_boxes_are_on_the_ink_in_order_and_hold_the_line() -> None:
    line = only(page_reader().read(bars(4), "line"))
    for digit, x in zip(line.digits, range(20, 140, 30), strict=True):
        assert np.allclose(digit.box, (x, 10, x + 6, 50), atol=2)
    assert np.allclose(line.box, (20, 10, 116, 50), atol=2)
    assert all(a.box[2] <= b.box[0] for a, b in pairwise(line.digits))


def test_nothing_and_no_number_have_their_reasons() -> None:
    blank = only(page_reader().read(np.full((50, 90), 200, np.uint8), "line"))
    assert (blank.text, blank.reason, blank.accepted, blank.confidence) == ("", "blank", False, 0)
    assert blank.box == (0, 0, 90, 50)
    word = only(page_reader().read(bars(1, width=100), "line"))
    assert (word.text, word.raw, word.reason, word.accepted, word.digits) == (
        "",
        "",
        "not_a_digit",
        False,
        (),
    )
    assert word.confidence == 0


def test_a_number_among_words_is_no_number() -> None:
    grey = bars(1, size=(60, 400))
    for x in (80, 180, 280):
        grey[10:50, x : x + 70] = 30
    line = only(page_reader().read(grey, "line"))
    assert (line.reason, line.accepted) == ("not_a_digit", False)


def test_the_rule_decides() -> None:
    doubtful = Tally(sure=8)
    confidence = only(page_reader(doubtful).read(bars(2), "line")).confidence
    assert 0.3 < confidence < 0.99
    for accept_at, reason in ((confidence - 0.01, None), (confidence + 0.01, "unsure")):
        line = only(page_reader(doubtful, accept_at).read(bars(2), "line"))
        assert (line.text, line.accepted, line.reason) == ("11", reason is None, reason)


def test_what_is_known_decides_between_readings() -> None:
    model = Tally(doubtful=2)
    free = only(page_reader(model).read(bars(4), "line"))
    assert (free.text, free.reason, free.alternatives[0].text) == ("111", "unsure", "1111")
    known = only(page_reader(model, length=4).read(bars(4), "line"))
    assert (known.text, known.reason) == ("1111", None)
    assert known.confidence > 0.9 > free.confidence


def test_when_no_reading_fits_nothing_is_forced() -> None:
    line = only(page_reader(length=9).read(bars(3), "line"))
    assert (line.text, line.raw, line.reason, line.accepted) == ("", "", "unsure", False)
    assert line.alternatives[0].text == "111", "what the ink looks like is still told"
    assert line.digits == ()


def page_of_numbers(rows: int = 6, columns: int = 3) -> Grey:
    """A page of numbers of three bars each, longer at the top left, and a line of words."""
    grey = np.full((700, 1000), 225, np.uint8)
    for row in range(rows):
        for column in range(columns):
            x, y = 120 + 300 * column, 90 + 90 * row
            for bar in range(3):
                cv2.rectangle(grey, (x + 22 * bar, y), (x + 22 * bar + 4, y + 36), 40, -1)
    return grey


def test_numbers_on_a_page_keep_their_order_and_place() -> None:
    grey = page_of_numbers()
    upright, lines = page_reader().read(grey, "page")
    assert upright.shape == grey.shape
    assert [line.text for line in lines] == ["111"] * 18
    for number, line in enumerate(lines):
        row, column = divmod(number, 3)
        x, y = 120 + 300 * column, 90 + 90 * row
        assert np.allclose(line.box, (x, y, x + 49, y + 37), atol=4)
        assert np.allclose(line.digits[1].box, (x + 22, y, x + 27, y + 37), atol=4)


def test_a_page_leaves_out_what_is_no_number() -> None:
    grey = page_of_numbers()
    for x in range(120, 420, 50):
        cv2.rectangle(grey, (x, 630), (x + 40, 666), 40, -1)
    lines = page_reader(Tally(broad=14)).read(grey, "page")[1]
    assert {line.text for line in lines} == {"111"}
    assert page_reader().read(np.full((800, 800), 230, np.uint8), "page")[1] == ()


@dataclass
class WantsTop(Tally):
    """Reads bars that are notched at their top; others look like nothing it knows."""

    def _one(self, strip: Grey) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        logits, boxes = super()._one(strip)
        rows = np.flatnonzero((strip > 150).any(1))
        height = rows[-1] - rows[0] + 1
        top, bottom = (strip[s] for s in (rows[: height // 3], rows[-(height // 3) :]))
        if (top > 150).sum() < (bottom > 150).sum():
            logits[:, [CLASSES.index("1"), CLASSES.index("?")]] = logits[
                :, [CLASSES.index("?"), CLASSES.index("1")]
            ]
        return logits, boxes


@pytest.mark.parametrize("degrees", [0, 180])
@pytest.mark.parametrize("length", [None, 7])  # numbers of seven digits aren't there; the top is all the same
def test_a_page_upside_down_is_turned(degrees: int, length: int | None) -> None:
    grey = page_of_numbers()
    for row in range(6):
        for column in range(3):
            for bar in range(3):  # a head on each bar
                x, y = 120 + 300 * column + 22 * bar, 90 + 90 * row
                cv2.rectangle(grey, (x - 4, y), (x + 8, y + 10), 40, -1)
    turned = np.ascontiguousarray(np.rot90(grey, degrees // 90))
    upright, lines = page_reader(WantsTop(broad=30), length=length).read(turned, "page")
    assert np.array_equal(upright, grey)
    assert [line.text for line in lines] == ["111" if length is None else ""] * 18
    assert lines[0].box[:2] == pytest.approx((116, 90), abs=8)


def test_a_sure_page_is_read_once() -> None:
    model = Tally()
    page_reader(model).read(page_of_numbers(), "page")
    assert len(model.asked) == 18


def test_paper_that_looked_like_ink_is_blank() -> None:
    line = only(page_reader(Tally(deaf=True)).read(bars(2), "line"))
    assert (line.text, line.reason, line.accepted) == ("", "blank", False)


def test_what_is_left_out_is_said(caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("inkdigits.page.lines.MOST_LINES", 5)
    assert len(page_reader().read(page_of_numbers(), "page")[1]) == 5
    assert "the rest is left out" in caplog.text


@dataclass
class Dice(Tally):
    """Answers anything at all: logits as sharp as asked, in places beyond what exponentials hold."""

    seed: int = 0
    sharp: float = 1.0

    def _one(self, strip: Grey) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        random, frames = np.random.default_rng(self.seed), strip.shape[1] // 2
        logits = random.normal(scale=self.sharp, size=(frames, len(CLASSES))).astype(np.float32)
        logits[:, random.integers(0, len(CLASSES), 2)] += np.float32(self.sharp)
        corners = random.normal(16, 200, (frames, 2, 2))
        return logits, np.sort(corners, axis=1).reshape(frames, 4).astype(np.float32)


WAYS: list[dict[str, Any]] = [
    *({}, {"length": 4}, {"min_length": 12}, {"max_length": 2}, {"low": 7, "high": 900}, {"check": "luhn"}),
    *({"pattern": r"\d+"}, {"pattern": r"\d*[.,-]\d+"}, {"pattern": r"\d{2}(/\d\d)?"}),
]


@pytest.mark.filterwarnings("error")
@settings(max_examples=100, deadline=None, derandomize=True)
@given(st.integers(0, 10_000), st.sampled_from([0.1, 1.0, 3.0, 10.0, 60.0, 3000.0]), st.sampled_from(WAYS))
def test_every_digit_of_a_text_has_its_place_whatever_the_network_says(
    seed: int, sharp: float, known: dict[str, Any]
) -> None:
    model = Dice(seed=seed, sharp=sharp)
    grey = bars(1, width=4 + seed % 9, size=(60, 30 + seed % 40))
    line = only(page_reader(model, **known).read(grey, "line"))
    assert "".join(digit.text for digit in line.digits) == line.text
    assert "".join(character for character in line.raw if character.isdigit()) == line.text
    for box in (line.box, *(digit.box for digit in line.digits)):
        assert 0 <= box[0] < box[2] <= grey.shape[1]
        assert 0 <= box[1] < box[3] <= grey.shape[0]
    assert 0 <= line.confidence <= 1
