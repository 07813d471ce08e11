"""Overlays: legible, beside the ink and beside one another; doubt shows without colours, too."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from inkdigits.overlay import DIGIT_PX, LONGEST, PIXELS, draw_overlay
from inkdigits.overlay.labels import BLUE, MUTED, VERMILLION, Label, around, frame, measure, place_labels
from inkdigits.results import Alternative, Box, Digit, Line, Reading

Grey = NDArray[np.uint8]


def number(text: str, left: float, top: float, height: float = 40, sure: Sequence[float] = ()) -> Line:
    """A number with digits 0.6 as wide as high, and as sure as said, or quite."""
    digits = []
    for place, character in enumerate(text):
        x = left + place * 0.75 * height
        confidence = sure[place] if sure else 0.99
        other = Alternative("1", (1 - confidence) / 2)
        digits.append(Digit(character, confidence, (x, top, x + 0.6 * height, top + height), (other,)))
    box = around(digit.box for digit in digits)
    accepted = not sure or min(sure) > 0.9
    return Line(
        text, text, min(sure, default=0.97), accepted, None if accepted else "unsure", box, tuple(digits)
    )


def paper(width: int, height: int, lines: Sequence[Line]) -> Grey:
    """A light page on which each digit's ink is an ellipse that fills its box."""
    page = Image.new("L", (width, height), 235)
    for line in lines:
        for digit in line.digits:
            ImageDraw.Draw(page).ellipse(
                digit.box, outline=40, width=max(1, round((digit.box[3] - digit.box[1]) / 9))
            )
    return np.array(page)


def drawn(width: int, height: int, *lines: Line) -> Image.Image:
    return draw_overlay(paper(width, height, lines), Reading(lines, width, height))


def colours_of(image: Image.Image) -> set[str]:
    """Which of the colours that have a meaning there are."""
    red, green, blue = np.moveaxis(np.asarray(image).astype(np.uint32), -1, 0)
    pixels = (red << 16) | (green << 8) | blue
    return {name for name in (BLUE, VERMILLION, MUTED) if (pixels == int(name[1:], 16)).any()}


def overlap(box: Box, other: Box) -> float:
    """Pixels in both."""
    across = min(box[2], other[2]) - max(box[0], other[0])
    down = min(box[3], other[3]) - max(box[1], other[1])
    return max(0.0, across) * max(0.0, down)


def text_of(label: Label) -> str:
    return " ".join(text.text for text in label)


# ---- what is drawn


def test_a_small_cut_out_is_enlarged_until_its_digits_can_be_compared() -> None:
    image = drawn(120, 50, number("925", 8, 8, 34))
    assert image.width >= 2 * 120
    assert image.height >= 2 * 50
    assert image.mode == "RGB"


def test_a_large_page_keeps_its_size() -> None:
    lines = tuple(number("1234", 300, 300 + 400 * row, 180) for row in range(5))
    page = np.full((3000, 4000), 230, np.uint8)
    assert draw_overlay(page, Reading(lines, 4000, 3000)).size == (4000, 3000)


def test_the_page_shows_under_what_is_drawn() -> None:
    line = number("3", 300, 300, DIGIT_PX)
    page = paper(800, 600, [line])
    page = np.maximum(page - np.uint8(60) * (np.indices(page.shape)[1] > 700).astype(np.uint8), 0)
    image = np.asarray(draw_overlay(page, Reading((line,), 800, 600)).convert("L"))
    assert image.shape == page.shape
    assert image[5, 750] < image[5, 5]


def test_sure_doubtful_and_no_numbers_differ_in_colour() -> None:
    sure, doubtful = number("55", 200, 200), number("42", 200, 400, sure=(0.99, 0.5))
    word = Line("", "", 0.0, False, "not_a_digit", (400, 200, 500, 240))
    assert colours_of(drawn(700, 600, sure)) == {BLUE}
    assert colours_of(drawn(700, 600, doubtful)) == {BLUE, VERMILLION}
    assert colours_of(drawn(700, 600, word)) == {MUTED}


def edge(image: Image.Image, line: Line) -> NDArray[np.bool_]:
    """Where the frame's lower line is dark, along the middle of its stroke, without any colour."""
    x0, _, x1, y1 = frame(line)
    row = np.asarray(image.convert("L"), float)[int(y1) - 2, round(x0) + 2 : round(x1) - 2]
    return np.asarray(row < 170)


def test_doubt_shows_in_black_and_white() -> None:
    size = DIGIT_PX  # large enough that nothing is enlarged
    lines = [number("777", 300, 300, size), number("777", 300, 300, size, (0.99, 0.5, 0.99))]
    word = replace(lines[0], text="", raw="", accepted=False, reason="not_a_digit", digits=())
    sure, doubtful, none = (edge(drawn(1500, 900, line), line) for line in (*lines, word))
    assert sure.all()
    dashes, dots = (np.count_nonzero(np.diff(row.astype(int))) // 2 for row in (doubtful, none))
    assert 5 < dashes < dots / 2


@pytest.mark.parametrize("ground", [0, 90, 255])
def test_labels_are_legible_on_any_ground(ground: int) -> None:
    line = number("8", 500, 400, DIGIT_PX)
    page = np.full((900, 1200), ground, np.uint8)
    image = draw_overlay(page, Reading((line,), 1200, 900))
    (label,) = place_labels([line], page)
    x0, y0, x1, y1 = (round(side) for side in label[0].box)
    around_digit = np.asarray(image.convert("L"))[y0 - 4 : y1 + 4, x0 - 4 : x1 + 4]
    assert around_digit.max() > 240
    assert around_digit.min() < 120


def test_colour_pictures_are_taken_and_stay_as_they_are() -> None:
    line = number("12", 50, 60)
    picture = Image.fromarray(paper(200, 150, [line])).convert("RGB")
    before = picture.tobytes()
    image = draw_overlay(picture, Reading((line,), 200, 150))
    assert picture.tobytes() == before
    assert image.tobytes() == drawn(200, 150, line).tobytes(), "the same every time, too"


def test_a_picture_of_another_size_is_refused() -> None:
    with pytest.raises(ValueError, match="100, 50"):
        draw_overlay(np.zeros((50, 101), np.uint8), Reading((), 100, 50))


# ---- where labels stand


def test_digits_stand_above_their_own_ink() -> None:
    line = number("4071", 300, 300)
    (label,) = place_labels([line], paper(800, 600, [line]))
    assert text_of(label) == "4 0 7 1"
    for text, digit in zip(label, line.digits, strict=True):
        x0, _, x1, bottom = text.box
        assert abs((x0 + x1) / 2 - (digit.box[0] + digit.box[2]) / 2) < 2
        assert bottom < frame(line)[1]


def test_digits_written_closely_get_labels_that_can_be_told_apart() -> None:
    line = number("11111", 300, 300)
    squeezed = tuple(replace(d, box=(300 + 4 * i, 300, 320 + 4 * i, 340)) for i, d in enumerate(line.digits))
    line = replace(line, digits=squeezed, box=around(d.box for d in squeezed))
    (label,) = place_labels([line], paper(800, 600, [line]))
    for text, following in pairwise(label):
        assert text.box[2] < following.box[0]


def test_only_what_is_doubtful_is_underlined_and_has_another_reading() -> None:
    line = number("123", 300, 300, sure=(0.99, 0.6, 0.98))
    (label,) = place_labels([line], paper(800, 600, [line]))
    assert [text.text for text in label if text.underlined] == ["2"]
    assert text_of(label) == "1 2 3 1? ? 60%"
    small, digit = label[3], label[1]
    assert small.size < digit.size
    assert overlap(small.box, digit.box) == 0


def test_a_number_that_is_not_accepted_has_something_to_look_at() -> None:
    line = replace(number("123", 300, 300, sure=(0.99, 0.97, 0.98)), accepted=False, reason="unsure")
    (label,) = place_labels([line], paper(800, 600, [line]))
    assert [text.text for text in label if text.underlined] == ["2"]


def test_labels_of_a_form_cover_no_ink_and_no_label() -> None:
    rows = [number("90210", 120 + 300 * (i % 3), 100 + 90 * (i // 3), 44) for i in range(18)]
    rows[4] = replace(rows[4], accepted=False, reason="unsure")
    labels = place_labels(rows, paper(1100, 700, rows))
    boxes = [around(text.box for text in label) for label in labels]
    for own, box in enumerate(boxes):
        assert all(overlap(box, frame(line)) == 0 for line in rows), f"{own} covers a number"
        assert all(overlap(box, other) == 0 for number, other in enumerate(boxes) if number != own)


def test_labels_of_a_grid_all_stand_at_the_same_place() -> None:
    cells = [number(str(1 + i % 9), 60 + 70 * (i % 9), 60 + 70 * (i // 9), 44) for i in range(81)]
    page = paper(760, 760, cells)
    page[34::70] = 60  # rulings
    page[:, 38::70] = 60
    labels = place_labels(cells, page)
    offsets = {
        (round(t[0].x - c.box[2]), round(t[0].y - c.box[1])) for t, c in zip(labels, cells, strict=True)
    }
    assert len(offsets) <= 9, "one for each digit's width"
    for label in labels:
        assert sum(overlap(label[0].box, cell.digits[0].box) for cell in cells) == 0


def test_labels_never_stand_across_the_page_s_edge() -> None:
    line = number("55", 30, 4, 40)
    page = paper(160, 48, [line])
    (label,) = place_labels([line], page)
    assert all(text.box[3] < 0 for text in label)
    image = draw_overlay(page, Reading((line,), 160, 48))
    assert np.asarray(image)[:6].min() == 255, "room was made for it"


def test_few_words_say_why_there_is_no_number() -> None:
    for reason, said in (("blank", "blank"), ("not_a_digit", "not a digit")):
        line = Line("", "", 0.0, False, reason, (100, 100, 200, 140))  # type: ignore[arg-type]
        assert text_of(place_labels([line], paper(400, 300, []))[0]) == said
    word = replace(number("7", 100, 100), accepted=False, reason="not_a_digit", digits=())
    assert text_of(place_labels([word], paper(400, 300, []))[0]) == "not a digit"


def test_a_number_without_places_is_written_whole() -> None:
    line = replace(number("123", 100, 100), digits=())
    assert text_of(place_labels([line], paper(400, 300, []))[0]) == "123"


def test_digits_are_measured_from_baseline_to_top() -> None:
    width, height = measure("0", 100)
    assert 40 < width < 80
    assert 60 < height < 80


# ---- anything at all


@pytest.mark.parametrize(("width", "height"), [(1, 1), (3000, 2), (2, 3000), (5, 7), (120, 50)])
@pytest.mark.parametrize("read", [True, False])
def test_pictures_of_any_size_are_drawn_within_bounds(width: int, height: int, read: bool) -> None:
    line = Line("1", "1", 0.2, False, "unsure", (0, 0, 1, 1), (Digit("1", 0.2, (0, 0, 1, 1)),))
    page = np.zeros((height, width), np.uint8)
    image = draw_overlay(page, Reading((line,) if read else (), width, height))
    assert image.width >= width
    assert image.height >= height
    assert max(image.size) <= LONGEST + 600
    assert image.width * image.height <= 2 * PIXELS


def test_boxes_off_the_page_and_without_area_are_drawn() -> None:
    lines = [replace(number("1", 0, 0), box=(50, 50, 50, 50)), number("42", -90, -70), number("7", 500, 20)]
    image = drawn(200, 100, *lines)
    assert image.width > 400


def test_many_numbers_are_drawn() -> None:
    lines = tuple(number("3", 8 + 25 * (i % 40), 8 + 30 * (i // 40), 14) for i in range(500))
    assert BLUE in colours_of(drawn(1020, 780, *lines))
