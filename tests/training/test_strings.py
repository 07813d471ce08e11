"""Composed lines: the same for a seed, true to their labels and boxes, of every kind."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from inkdigits.alphabet import CLASSES, DIGITS, MARKS, OTHER
from inkdigits.errors import OutputError
from inkdigits.strip import HEIGHT
from inkdigits.training.handwriting import LIKE_DIGITS, Shapes, random_style, write_digit
from inkdigits.training.line_samples import picture_of_lines, write_lines
from inkdigits.training.pens import Pen, lay
from inkdigits.training.strings import WIDEST, Composer
from inkdigits.training.strokes import draw_digits, load_skeletons
from inkdigits.training.texts import random_tokens, tokens_of


@pytest.fixture(scope="module")
def shapes() -> Shapes:
    """Drawn digits stand in for MNIST's: their shapes go the same way."""
    glyphs, labels = draw_digits(200, seed=5)
    return Shapes(glyphs.numpy(), labels.numpy())


@pytest.fixture(scope="module")
def composer(shapes: Shapes) -> Composer:
    return Composer(shapes, {"strokes": 0.6, "mnist": 0.4}, seed=3)


def test_a_line_is_decided_by_seed_and_index(composer: Composer) -> None:
    again = Composer(composer.shapes, composer.shares, seed=3)
    for index in (7, 2, 30):
        ours, theirs = composer.line(index), again.line(index)
        assert np.array_equal(ours.pixels, theirs.pixels)
        assert ours.label == theirs.label
        assert np.array_equal(ours.boxes, theirs.boxes)
    other = Composer(composer.shapes, composer.shares, seed=4)
    assert any(other.line(i).label != composer.line(i).label for i in range(5))


def test_lines_have_every_character_and_every_kind(composer: Composer) -> None:
    lines = [composer.line(index) for index in range(250)]
    assert set("".join(line.label for line in lines)) == set(CLASSES) - {""}
    assert any(not line.label for line in lines), "none with nothing on it"
    assert any(set(line.label) == {OTHER} for line in lines), "none with words alone"
    assert max(len(line.text) for line in lines) > 12
    for line in lines:
        assert line.pixels.shape[0] == HEIGHT
        assert line.pixels.shape[1] <= WIDEST
        assert len(line.boxes) == len(line.targets) == len(line.label)


def test_boxes_hold_the_ink_of_their_characters(shapes: Shapes) -> None:
    """Each box, laid alone on a canvas, is what the character's ink spans, to a canvas pixel or two."""
    rng = np.random.default_rng(1)
    for source in ("strokes", "mnist"):
        for digit in range(10):
            style = random_style(rng, shapes, {source: 1.0})  # type: ignore[dict-item]
            drawn = write_digit(rng, shapes, style, digit, 60)
            canvas = np.zeros((200, 240), np.uint8)
            lay(canvas, drawn, 80, 130, rng, Pen())
            rows, columns = np.flatnonzero(canvas.max(1) > 127), np.flatnonzero(canvas.max(0) > 127)
            found = (columns[0], rows[0], columns[-1] + 1, rows[-1] + 1)
            wanted = np.array(drawn.box) + np.array([80, 130, 80, 130])
            assert np.abs(np.array(found) - wanted).max() <= 4, (source, digit)


def test_boxes_go_from_left_to_right_within_the_strip(composer: Composer) -> None:
    for index in range(60):
        line = composer.written(index, "20.468,13")
        middles = (line.boxes[:, 0] + line.boxes[:, 2]) / 2
        assert (np.diff(middles) > 0).all()
        assert line.boxes.min() >= 0
        assert line.boxes[:, 2].max() <= line.pixels.shape[1]


def test_a_given_text_is_written(composer: Composer) -> None:
    line = composer.written(1, "12.345 67-8/9")
    assert line.label == "12.34567-8/9"
    assert line.text == "123456789"
    with pytest.raises(KeyError):
        composer.written(1, "12€")


def test_tokens_are_of_the_alphabet() -> None:
    rng = np.random.default_rng(0)
    for _ in range(500):
        for token in random_tokens(rng):
            if token.kind == "digit":
                assert token.text in DIGITS
            elif token.kind != "mark":
                assert token.text == OTHER
            else:
                assert token.text in MARKS + "=:#"
    assert [token.text for token in tokens_of("1 2-3")] == ["1", "2", "-", "3"]


def test_signs_that_look_like_digits_are_known() -> None:
    assert set(load_skeletons("others").names) >= LIKE_DIGITS


def test_a_picture_shows_the_lines(composer: Composer) -> None:
    sheet = picture_of_lines([composer.line(index) for index in range(7)])
    assert sheet.width > 1000
    assert np.asarray(sheet).std() > 10


def test_lines_are_written_with_their_labels(composer: Composer, tmp_path: Path) -> None:
    lines = [composer.line(index) for index in range(4)]
    write_lines(lines, tmp_path / "lines")
    rows = (tmp_path / "lines" / "labels.csv").read_text().splitlines()
    assert rows[0] == "file,text,raw"
    assert len(rows) == 5
    assert np.array_equal(np.asarray(Image.open(tmp_path / "lines" / "000002.png")), lines[2].picture)
    with pytest.raises(OutputError, match="isn't empty"):
        write_lines(lines, tmp_path / "lines")
