"""Characters and words of real fonts: Matplotlib's, and the downloaded ones where there are any."""

from __future__ import annotations

from pathlib import Path

import matplotlib
import numpy as np
import pytest
from PIL import Image

from inkdigits.errors import DataUnavailable
from inkdigits.training.fonts import CHARACTERS, HEIGHT, SHAPES, SIGNS, SINGLES, WORDS, Hands, random_word

SHIPPED = Path(matplotlib.get_data_path()) / "fonts" / "ttf"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two fonts that take the handwriting's part, and a file that is no font."""
    folder = tmp_path_factory.mktemp("fonts")
    for name in ("DejaVuSans-Oblique.ttf", "STIXGeneralItalic.ttf"):
        (folder / name).write_bytes((SHIPPED / name).read_bytes())
    (folder / "LICENSE").write_text("of the fonts")
    return folder


@pytest.fixture(scope="module")
def hands(folder: Path) -> Hands:
    """Fonts with a small pool of words."""
    return Hands(folder, words=120)


def test_handwriting_comes_first_and_nothing_is_lost(hands: Hands) -> None:
    assert list(hands.handwritten) == [0, 1]
    assert [*hands.handwritten, *hands.printed] == list(range(len(hands)))
    assert hands.name(1) == "STIXGeneralItalic"


def test_eights_are_64_px_high_and_stand_on_the_baseline(hands: Hands) -> None:
    for font in hands.printed:
        glyph = hands.digit(np.random.default_rng(0), int(font), "8")
        assert abs(glyph.ink.shape[0] - HEIGHT) <= 2
        assert abs(glyph.top + HEIGHT) <= 3


def test_marks_keep_their_size_and_place(hands: Hands) -> None:
    rng = np.random.default_rng(0)
    dot, comma, dash, slash = (hands.digit(rng, int(hands.printed[0]), mark) for mark in ".,-/")
    assert dot.ink.shape[0] < 20
    assert -20 < dot.top < 0
    assert comma.top + comma.ink.shape[0] > 4  # hangs below the line
    assert -50 < dash.top < -10
    assert slash.ink.shape[0] > HEIGHT
    assert all(glyph.advance > 0 for glyph in (dot, comma, dash, slash))


def test_each_character_is_ink_cut_to_its_edges(hands: Hands) -> None:
    rng = np.random.default_rng(0)
    for font in range(len(hands)):
        for char in CHARACTERS:
            ink = hands.digit(rng, font, char).ink
            assert ink.dtype == np.float32
            assert ink.min() >= 0
            assert 0.5 < ink.max() <= 1
            assert all(edge.max() > 0.1 for edge in (ink[0], ink[-1], ink[:, 0], ink[:, -1]))


def test_handwriting_varies_and_print_does_not(hands: Hands) -> None:
    rng = np.random.default_rng(0)
    written = {hands.digit(rng, 0, "5").ink.tobytes() for _ in range(100)}
    printed = {hands.digit(rng, int(hands.printed[0]), "5").ink.tobytes() for _ in range(100)}
    assert (len(written), len(printed)) == (SHAPES, 1)


def test_a_changed_shape_is_still_the_character(hands: Hands) -> None:
    rng = np.random.default_rng(0)
    plain = {}
    for char in "0123456789":
        sizes = [hands.digit(rng, 0, char).ink for _ in range(40)]
        plain[char] = [np.asarray(Image.fromarray(ink).resize((24, 32)), float) for ink in sizes]
    means = {char: np.mean(inks, axis=0) for char, inks in plain.items()}
    for char, inks in plain.items():
        for ink in inks:
            assert min(means, key=lambda other: float(((means[other] - ink) ** 2).sum())) == char


def test_same_seed_same_ink_whatever_was_asked_before(folder: Path, hands: Hands) -> None:
    fresh = Hands(folder, words=120)
    fresh.digit(np.random.default_rng(9), 0, "3")
    for char in "73":
        one, two = (of.digit(np.random.default_rng(5), 0, char) for of in (hands, fresh))
        assert np.array_equal(one.ink, two.ink)
        assert (one.left, one.top, one.advance) == (two.left, two.top, two.advance)
    assert np.array_equal(hands.word(np.random.default_rng(5)), fresh.word(np.random.default_rng(5)))


def test_words_are_ink_of_the_size_of_letters(hands: Hands) -> None:
    rng = np.random.default_rng(0)
    words = [hands.word(rng) for _ in range(200)]
    assert all(word.dtype == np.float32 and 0.5 < word.max() <= 1 for word in words)
    assert 35 <= np.median([word.shape[0] for word in words]) <= 70
    assert len({word.tobytes() for word in words}) > 60


def test_no_word_could_be_a_number() -> None:
    rng = np.random.default_rng(0)
    texts = {random_word(rng) for _ in range(4000)}
    like_digits = set("0123456789OoDQIlisSBZzbqgGTJLCcyd|!")
    assert not [text for text in texts if set(text.rstrip(".")) <= like_digits]
    assert not [text for text in texts if any(char.isdigit() for char in text)]
    assert {text for text in texts if len(text) == 1} <= {*SINGLES, *SIGNS}
    assert len(set(WORDS)) > 200


def test_word_with_a_character_the_font_lacks_is_not_drawn(folder: Path) -> None:
    hands = Hands(folder, words=1)
    computer_modern = next(int(font) for font in hands.printed if hands.name(int(font)) == "cmr10")
    lettering = hands._lettering(computer_modern)
    assert lettering.has("Total")
    assert not lettering.has("5 €")


def test_folder_without_fonts_is_one_clear_line(tmp_path: Path) -> None:
    with pytest.raises(DataUnavailable, match="holds no fonts"):
        Hands(tmp_path)
    with pytest.raises(DataUnavailable, match="can't be listed"):
        Hands(tmp_path / "none")


def test_downloaded_fonts_have_all_characters() -> None:
    try:
        hands = Hands(words=1)
    except DataUnavailable as reason:
        pytest.skip(str(reason))
    rng = np.random.default_rng(0)
    for font in map(int, hands.handwritten):
        assert hands._lettering(font).has(CHARACTERS), hands.name(font)
        assert 45 <= hands.digit(rng, font, "8").ink.shape[0] <= 85, hands.name(font)
