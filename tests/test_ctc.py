"""CTC against all paths written out: probabilities, what a search lost, the best path."""

from __future__ import annotations

from itertools import groupby, product
from math import exp, inf, log

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from inkdigits import ctc

quickly = settings(deadline=None, max_examples=60)  # no deadline: machines are busy at times
SYMBOLS = "ab"
Floats = NDArray[np.float64]


def frames_of(seed: int, count: int, sharpness: float, classes: int = 3) -> Floats:
    """Random probabilities, `(count, classes)`."""
    return ctc.probabilities(np.random.default_rng(seed).normal(scale=sharpness, size=(count, classes)))


def text_of(path: tuple[int, ...], symbols: str = SYMBOLS) -> str:
    return "".join(symbols[c - 1] for c, _ in groupby(path) if c)


def written_out(frames: Floats) -> tuple[dict[str, float], dict[str, tuple[float, tuple[int, ...]]]]:
    """Each text's probability, and its best path, by writing out all paths."""
    sums: dict[str, float] = {}
    best: dict[str, tuple[float, tuple[int, ...]]] = {}
    for path in product(range(frames.shape[1]), repeat=len(frames)):
        chance = float(np.prod(frames[np.arange(len(frames)), list(path)]))
        text = text_of(path)
        sums[text] = sums.get(text, 0.0) + chance
        best[text] = max(best.get(text, (-1.0, ())), (chance, path))
    return sums, best


random_frames = st.builds(
    frames_of, st.integers(0, 10_000), st.integers(1, 6), st.sampled_from([0.3, 1.0, 3.0, 8.0])
)


@quickly
@given(random_frames)
def test_probabilities_are_the_sums_over_all_paths(frames: Floats) -> None:
    sums, _ = written_out(frames)
    logs = ctc.log_probabilities(frames, SYMBOLS, list(sums))
    assert np.allclose(np.exp(logs), list(sums.values()), rtol=1e-9, atol=1e-300)


@quickly
@given(random_frames)
def test_a_search_without_limits_finds_all_texts(frames: Floats) -> None:
    sums, _ = written_out(frames)
    found = ctc.search(frames, SYMBOLS, width=10_000, spare=0.0)
    assert found.lost == pytest.approx(0, abs=1e-12)
    assert found.logs.keys() == sums.keys()
    assert all(exp(found.logs[text]) == pytest.approx(chance) for text, chance in sums.items())


@quickly
@given(random_frames, st.integers(1, 6), st.sampled_from([0.0, 0.01, 0.2]))
def test_no_text_that_wasn_t_found_is_likelier_than_what_was_lost(
    frames: Floats, width: int, spare: float
) -> None:
    sums, _ = written_out(frames)
    found = ctc.search(frames, SYMBOLS, width=width, spare=spare)
    assert len(found.logs) <= width
    for text, chance in sums.items():
        kept = exp(found.logs[text]) if text in found.logs else 0.0
        assert kept <= chance + 1e-12
        assert chance - kept <= found.lost + 1e-12


@quickly
@given(random_frames)
def test_unwanted_texts_aren_t_followed_and_aren_t_lost(frames: Floats) -> None:
    sums, _ = written_out(frames)
    found = ctc.search(
        frames, SYMBOLS, width=10_000, spare=0.0, may_become=lambda text: not text.startswith("b")
    )
    assert found.logs.keys() == {text for text in sums if not text.startswith("b")}
    assert found.lost == pytest.approx(0, abs=1e-12)
    assert all(exp(value) == pytest.approx(sums[text]) for text, value in found.logs.items())


@quickly
@given(random_frames)
def test_alignment_is_the_best_path_of_a_text(frames: Floats) -> None:
    _, best = written_out(frames)
    for text, (chance, _) in best.items():
        places = ctc.align(frames, SYMBOLS, text)
        path = [0 if place < 0 else SYMBOLS.index(text[place]) + 1 for place in places]
        assert text_of(tuple(path)) == text
        assert sorted(set(places.tolist()) - {-1}) == list(range(len(text)))
        assert np.prod(frames[np.arange(len(frames)), path]) == pytest.approx(chance, rel=1e-9)


@quickly
@given(st.integers(0, 10_000), st.integers(1, 5))
def test_merged_classes_leave_sums_over_what_else_stands_there(seed: int, count: int) -> None:
    frames = frames_of(seed, count, 2.0, classes=4)
    expected: dict[str, float] = {}
    for path in product(range(4), repeat=count):
        text = text_of(path, "abx").replace("x", "")
        expected[text] = expected.get(text, 0) + float(np.prod(frames[np.arange(count), list(path)]))
    merged = ctc.merged(frames, 2)
    assert np.allclose(merged.sum(axis=1), 1)
    texts = list(expected)
    assert np.allclose(np.exp(ctc.log_probabilities(merged, "ab", texts)), list(expected.values()))


def test_texts_that_can_t_be_and_no_frames_at_all() -> None:
    frames = frames_of(0, 2, 1.0)
    assert ctc.log_probabilities(frames, SYMBOLS, ["aa", "aba", "abab", ""])[:3] == [-inf] * 3
    assert ctc.log_probabilities(frames, SYMBOLS, []) == []
    nothing = np.zeros((0, 3))
    assert ctc.search(nothing, SYMBOLS, width=3, spare=0.1).logs == {"": 0.0}
    assert ctc.log_probabilities(nothing, SYMBOLS, ["", "a"]) == [0.0, -inf]
    assert ctc.align(nothing, SYMBOLS, "").shape == (0,)


def test_long_lines_of_noise_keep_their_logarithms() -> None:
    frames = frames_of(1, 1500, 0.2, classes=11)
    found = ctc.search(frames, "0123456789", width=5, spare=1e-3)
    assert len(found.logs) == 5
    assert found.lost == pytest.approx(1)
    exact = ctc.log_probabilities(frames, "0123456789", list(found.logs))
    assert all(-8000 < value <= 0 for value in exact)
    assert all(kept <= value + 1e-6 for kept, value in zip(found.logs.values(), exact, strict=True))


def test_extreme_logits_and_temperatures() -> None:
    sure = ctc.probabilities(np.array([[1e4, 0.0, -1e4]]))
    assert np.allclose(sure, [[1, 0, 0]])
    assert ctc.search(sure, SYMBOLS, width=2, spare=1e-3).logs[""] == pytest.approx(0)
    soft = ctc.probabilities(np.array([[4.0, 0.0, 0.0]]), 2.0)
    assert log(soft[0, 0] / soft[0, 1]) == pytest.approx(2)
