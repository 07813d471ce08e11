"""What is written about numbers, and where it covers least. Knows results and a page's ink; draws nothing.

All places are pixels of the picture that is drawn on.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cache
from statistics import median
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import ImageFont

from inkdigits.results import Box, Digit, Line

# Okabe & Ito 2008: told apart with every common kind of colour blindness
BLUE, VERMILLION, MUTED = "#0072b2", "#d55e00", "#5f6b7a"

SIZE = 0.55  # of a label's font to the height of the digits
SMALLEST, LARGEST = 15, 120  # px, of that font
SMALL = 0.6  # the font of alternatives and reasons to that of digits
DOUBTFUL = 0.9  # digits with less confidence are underlined
PLACES = (0, 0.04, 0.06, 0.3, 0.34)  # what it costs to stand above, below, at a corner, right, left
TIGHT = 0.75  # the font where there is little room to that elsewhere
ASIDE = 2  # what it costs besides that several digits don't stand by their ink
UNSAID = 0.2  # what it costs to leave a label out
FULL_INK = 64  # grey levels off the paper's that count as full ink

Grey = NDArray[np.uint8]
Boxes = NDArray[np.float64]


@dataclass(frozen=True)
class Text:
    """One text of a label, by the left top of its digits."""

    text: str
    x: float
    y: float
    size: int
    colour: str
    underlined: bool = False

    @property
    def baseline(self) -> float:
        """On which it stands."""
        return self.y + measure(self.text, self.size)[1]

    @property
    def box(self) -> Box:
        """From the top of the digits to the line below them."""
        width, height = measure(self.text, self.size)
        return self.x, self.y, self.x + width, self.y + height * (1.3 if self.underlined else 1)


Label = tuple[Text, ...]  # what is written about one number


def place_labels(lines: Sequence[Line], page: Grey) -> list[Label]:
    """Labels of all numbers where they cover least ink, no other label and no other number, if that can be.

    A place that suits most numbers of the page is preferred for all: labels are found where one looks.

    Args:
        lines: the numbers.
        page: `uint8 (H, W)`.
    """
    usual = _font_size(digit_height(lines))
    sizes = [min(usual, _font_size(1.5 * digit_height([line]))) for line in lines]
    choices = [list(_choices(*some, page.shape[0])) for some in zip(lines, sizes, strict=True)]
    costs = _costs(choices, [frame(line) for line in lines], _Ink(page))
    aside = np.outer([len(line.digits) > 1 for line in lines], np.arange(len(PLACES)) > 1)
    costs += 2 * costs.mean(axis=0) + np.tile(PLACES + ASIDE * aside, 2)
    labels: list[Label] = []
    taken = np.zeros((0, 4))
    for some, fixed in zip(choices, costs, strict=True):
        total = [
            8 * _shares(_box_of(label), taken).sum() + cost for label, cost in zip(some, fixed, strict=True)
        ]
        labels.append(some[int(np.argmin(total))])
        taken = np.concatenate([taken, np.array([text.box for text in labels[-1]]).reshape(-1, 4)])
    return labels


def _costs(choices: Sequence[Sequence[Label]], frames: Sequence[Box], ink: _Ink) -> Boxes:
    """Of each choice for each number: what it covers of ink and of other numbers, as shares of its area."""
    costs = np.full((len(choices), 2 * len(PLACES)), UNSAID)
    numbers = np.array(frames, float)
    for number, some in enumerate(choices):
        others = numbers.copy()
        others[number] = 0  # its own, which it may touch
        for place, label in enumerate(some):
            if label:
                box = _box_of(label)
                costs[number, place] = ink.share(box) + 2 * _shares(box, others).sum()
    return costs


def _choices(line: Line, size: int, page_height: int) -> Iterator[Label]:
    """Where a label may stand, best first: above, below, at a corner, beside; then in small and short."""
    left, top, right, bottom = frame(line)
    for short in (False, True):
        size = round(TIGHT * size) if short else size
        gap = 0.25 * size
        above, below = (_label(line, size, below=is_below, short=short) for is_below in (False, True))
        if not above:
            yield from ((),) * len(PLACES)
            continue
        x0, y0, x1, y1 = _box_of(above)
        # on the page or off it, but not across its edge
        yield moved(above, 0, min(top - gap, -gap if top - gap < y1 - y0 else top) - y1)
        y = bottom + gap if bottom + gap + y1 - y0 <= page_height else max(bottom, page_height) + gap
        yield moved(below, 0, y - _box_of(below)[1])
        yield moved(above, right - x0 - gap / 2, top - y1 + gap)
        middle = (top + bottom - y0 - y1) / 2
        yield moved(above, right + gap - x0, middle)
        yield moved(above, left - gap - x1, middle)


def _label(line: Line, size: int, *, below: bool, short: bool) -> Label:
    """What is written about a number: the tops of its digits at y = 0, each in the middle of its ink.

    Args:
        line: the number.
        size: of the digits' font.
        below: whether alternatives stand below the digits; else above.
        short: leaves out how sure a number is, and what is said of ink without digits.
    """
    if not line.is_number:
        reason = (line.reason or "no number").replace("_", " ")
        return () if short else (Text(reason, line.box[0], 0, max(SMALLEST, round(SMALL * size)), MUTED),)
    doubtful = doubtful_digits(line)
    texts: list[Text] = []
    for digit in line.digits:
        middle, width = (digit.box[0] + digit.box[2]) / 2, measure(digit.text, size)[0]
        free = texts[-1].box[2] + 0.12 * size if texts else -np.inf
        doubt = digit in doubtful
        texts.append(
            Text(digit.text, max(free, middle - width / 2), 0, size, VERMILLION if doubt else BLUE, doubt)
        )
    if not texts:  # a number whose digits have no places
        texts = [Text(line.text, line.box[0], 0, size, BLUE if line.accepted else VERMILLION)]
    return (*texts, *_alternatives(line, texts, below), *([] if short else _doubt(line, texts[-1])))


def _alternatives(line: Line, texts: Sequence[Text], below: bool) -> Iterator[Text]:
    """Of each underlined digit the next likeliest, small."""
    for text, digit in zip(texts, line.digits, strict=False):
        if text.underlined and digit.alternatives:
            other, size = f"{digit.alternatives[0].text}?", round(SMALL * text.size)
            width, height = measure(other, size)
            left, top, right, bottom = text.box
            y = bottom + 0.18 * text.size if below else top - height - 0.18 * text.size
            yield Text(other, (left + right - width) / 2, y, size, VERMILLION)


def _doubt(line: Line, last: Text) -> Iterator[Text]:
    """`? 61%` after the digits of a number that isn't accepted."""
    if not line.accepted:
        size = round(SMALL * last.size)
        drop = last.baseline - measure("0", size)[1]
        yield Text(f"? {int(100 * line.confidence)}%", last.box[2] + 0.3 * last.size, drop, size, VERMILLION)


def doubtful_digits(line: Line) -> list[Digit]:
    """The digits to look at: unsure ones, and at least one of a number that isn't accepted."""
    unsure = [digit for digit in line.digits if digit.confidence < DOUBTFUL]
    if not unsure and not line.accepted and line.digits:
        unsure = [min(line.digits, key=lambda digit: digit.confidence)]
    return unsure


class _Ink:
    """How much of it there is in a box."""

    def __init__(self, page: Grey) -> None:
        self.shrink = min(1.0, 900 / max(page.shape))
        size = [max(1, round(side * self.shrink)) for side in page.shape[::-1]]
        small = cv2.resize(page, size, interpolation=cv2.INTER_AREA)
        difference = cv2.absdiff(small, cv2.medianBlur(small, 31)).astype(np.float32)
        self.sums = cv2.integral(np.clip(difference / FULL_INK, 0, 1))  # of all above and to the left

    def share(self, box: Box) -> float:
        """Of the box's area, 0 to 1; none off the page."""
        height, width = (side - 1 for side in self.sums.shape)
        x0, x1 = (min(max(0, round(x * self.shrink)), width) for x in (box[0], box[2]))
        y0, y1 = (min(max(0, round(y * self.shrink)), height) for y in (box[1], box[3]))
        total = self.sums[y1, x1] - self.sums[y0, x1] - self.sums[y1, x0] + self.sums[y0, x0]
        return float(total / max(1.0, (box[2] - box[0]) * (box[3] - box[1]) * self.shrink**2))


def _shares(box: Box, others: Boxes) -> Boxes:
    """Of a box's area, what lies in each of the others."""
    across = np.minimum(box[2], others[:, 2]) - np.maximum(box[0], others[:, 0])
    down = np.minimum(box[3], others[:, 3]) - np.maximum(box[1], others[:, 1])
    covered = np.maximum(across, 0) * np.maximum(down, 0)
    return np.asarray(covered / max(1.0, (box[2] - box[0]) * (box[3] - box[1])))


def _box_of(label: Label) -> Box:
    return around(text.box for text in label) if label else (0, 0, 0, 0)


# ── sizes and places ──


def digit_height(lines: Sequence[Line]) -> float:
    """The usual height of digits, or of ink without any."""
    boxes = [digit.box for line in lines for digit in line.digits] or [line.box for line in lines]
    return max(1.0, median(y1 - y0 for _, y0, _, y1 in boxes))


def _font_size(height: float) -> int:
    return round(min(max(SIZE * height, SMALLEST), LARGEST))


def stroke_width(line: Line) -> int:
    """Of its box's line."""
    return max(2, round(digit_height([line]) / 40))


def frame(line: Line) -> Box:
    """The box that is drawn around a number: clear of its ink."""
    x0, y0, x1, y1 = around([line.box, *(digit.box for digit in line.digits)])
    gap = 2.0 + 1.5 * stroke_width(line)
    return x0 - gap, y0 - gap, x1 + gap, y1 + gap


def around(boxes: Iterable[Box]) -> Box:
    """The smallest box that holds all."""
    lefts, tops, rights, bottoms = zip(*boxes, strict=True)
    return min(lefts), min(tops), max(rights), max(bottoms)


def transformed(line: Line, scale: float, dx: float, dy: float) -> Line:
    """A number with its boxes enlarged, then moved."""

    def place(box: Box) -> Box:
        x0, y0, x1, y1 = (scale * side for side in box)
        return x0 + dx, y0 + dy, x1 + dx, y1 + dy

    digits = tuple(replace(digit, box=place(digit.box)) for digit in line.digits)
    return replace(line, box=place(line.box), digits=digits)


def moved(label: Label, dx: float, dy: float) -> Label:
    """A label elsewhere."""
    return tuple(replace(text, x=text.x + dx, y=text.y + dy) for text in label)


# ── letters ──


@cache
def font(size: int) -> Any:
    """Pillow's own font: the same picture on every machine."""
    return ImageFont.load_default(size)


@cache
def measure(text: str, size: int) -> tuple[float, float]:
    """How wide a text is, and how high its digits are."""
    return font(size).getlength(text), -font(size).getbbox("0", anchor="ls")[1]
