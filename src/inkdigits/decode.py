"""The line network's answers to a number: text, boxes, alternatives, doubt. Knows no pictures, no pages.

    logits ─► probabilities ─► search (what the caller knows) ─► exact probabilities ─► alignment ─► Decoded

Where the network looked at a line several times, stretched differently, a reading's probability is the mean
of what it has in each view.

`text` is digits only. Its probability is the sum over all ways to write marks, letters and blanks around
them: in each frame these count as blank, which is exact (`ctc.merged`).

What the caller knows, the constraints, is believed, but not beyond reason. With probability `DOUBT` it
doesn't apply to this line (a wrong field, a cut through the number), and then says nothing of it. By Bayes'
rule a reading with probability p that satisfies them has, when all that do have S together,

    confidence = p / (S + DOUBT · (1 - S))

That is p / S while the satisfying readings are likely, and falls to nothing with S. When S is below `FLOOR`,
it is likelier that the constraints don't apply than that any reading which satisfies them is right: nothing
is read. (On a line so doubtful that no search can follow all its readings, S is judged by the likeliest.)
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from heapq import nlargest
from itertools import islice
from math import exp
from statistics import fmean
from typing import Any

import numpy as np
from numpy.typing import NDArray

from inkdigits import ctc
from inkdigits.alphabet import CLASSES, DIGITS, MARKS, OTHER
from inkdigits.constraints import Constraints, digits_of
from inkdigits.results import Alternative, Digit

DOUBT = 0.01  # share of lines to which what the caller says doesn't apply
FLOOR = DOUBT / (1 + DOUBT)  # where constraints that apply and constraints that don't are equally likely
WIDEST = 256  # texts a search for satisfying readings follows at most
WORK = 10_000  # steps times texts of such a search at most, some 30 ms
SPARE = 3e-3  # probability that the first search may drop for speed
CLOSE = 0.05  # of the satisfying readings' probability may be missing from the findings
EXACT = 6  # readings whose probabilities are computed exactly: the text and its alternatives
LEAST = 0.0005  # probability of an alternative that is worth saying
CERTAIN = 1 - 1e-7  # nothing is surer: a threshold of 1 accepts nothing
CONSIDERED = 50  # readings that speak on single digits

FREE = Constraints()
_ALL = DIGITS + MARKS

Floats = NDArray[np.float64]
View = tuple[NDArray[np.floating[Any]], NDArray[np.floating[Any]] | None]
"""What the network answered when it looked once: logits `(T, 16)`, boxes `(T, 4)` or None, see `decode`."""


@dataclass(frozen=True)
class Decoded:
    """One line, read. Boxes are in pixels of the strip.

    Attributes:
        text: the digits; empty when there are none, or none that satisfy the constraints.
        raw: with the marks.
        confidence: probability that `text` is right, 0 to 1; 0 where nothing satisfies the constraints.
        digits: one for each character of `text`; none without boxes.
        alternatives: up to 5 other texts, likeliest first, all of which satisfy the constraints.
        satisfied: False when constraints were given and no reading that satisfies them is likely enough.
        unconstrained: the likeliest text whatever the constraints.
        characters: how many characters of any kind are expected on the line.
        others: how many of them are expected to be neither digits nor marks (words count as one or a few).
    """

    text: str
    raw: str
    confidence: float
    digits: tuple[Digit, ...]
    alternatives: tuple[Alternative, ...]
    satisfied: bool
    unconstrained: Alternative
    characters: float
    others: float


def decode(
    logits: NDArray[np.floating[Any]],
    boxes: NDArray[np.floating[Any]] | None,
    temperature: float = 1.0,
    constraints: Constraints = FREE,
    *,
    beam: int = 16,
) -> Decoded:
    """Reads one line.

    Args:
        logits: `(T, 16)`, classes as in `alphabet.CLASSES`.
        boxes: `(T, 4)`, of the character that each frame belongs to: x0, y0, x1, y1 in strip pixels; None
            where only the text is asked for, without single digits.
        temperature: divides the logits.
        constraints: what is known of the number.
        beam: texts that the search follows at a time; with constraints it goes on with up to `WIDEST` until
            the likeliest reading that satisfies them is certain.
    """
    return decode_views([(logits, boxes)], temperature, constraints, beam=beam)


def decode_views(
    views: Sequence[View], temperature: float = 1.0, constraints: Constraints = FREE, *, beam: int = 16
) -> Decoded:
    """Reads one line that the network looked at several times; arguments as for `decode`.

    Args:
        views: at least one. The boxes of all are pixels of one and the same strip.
        temperature: divides the logits.
        constraints: what is known of the number.
        beam: texts that the search follows at a time.
    """
    chances = [ctc.probabilities(logits, temperature) for logits, _ in views]
    found = _found(chances, constraints, beam)
    texts = _by_text(found.readings)
    text = next(iter(texts)) if found.satisfied else ""
    clearest = _clearest(chances, text)
    raw, places = "", np.full(len(chances[clearest]), -1)
    if found.satisfied:
        raw, places = _aligned(chances[clearest], found.readings, text, constraints.on_raw)
    characters, others = np.mean([_expected(one) for one in chances], axis=0).tolist()
    boxes = views[clearest][1]
    return Decoded(
        text=text,
        raw=raw,
        confidence=min(texts[text], CERTAIN) if found.satisfied else 0.0,
        digits=() if boxes is None else _digits(chances[clearest], boxes, text, places, texts),
        alternatives=_alternatives((t, p) for t, p in texts.items() if t != text or not found.satisfied),
        satisfied=found.satisfied,
        unconstrained=found.unconstrained,
        characters=characters,
        others=others,
    )


def _clearest(chances: Sequence[Floats], text: str) -> int:
    """The view that shows a text best."""
    if len(chances) == 1:
        return 0
    frames = (ctc.merged(one, len(DIGITS)) for one in chances)
    return int(np.argmax([ctc.log_probabilities(one, DIGITS, [text])[0] for one in frames]))


@dataclass(frozen=True)
class _Found:
    """Readings that satisfy the constraints, with what `Decoded` calls confidence, likeliest first."""

    readings: dict[str, float]
    satisfied: bool
    unconstrained: Alternative


def _found(chances: Sequence[Floats], constraints: Constraints, beam: int) -> _Found:
    """Searches among digits alone, or among digits and marks where the constraints ask for marks."""
    symbols = _ALL if constraints.on_raw else DIGITS
    frames = [ctc.merged(one, len(symbols)) for one in chances]
    first = [ctc.search(one, symbols, width=beam, spare=SPARE) for one in frames]
    if constraints.free:
        readings = _exact(frames, symbols, [found.logs for found in first])
        text, chance = next(iter(readings.items()))
        return _Found(readings, True, Alternative(text, min(chance, CERTAIN)))
    both = zip(first, frames, strict=True)
    logs, lost = zip(*(_satisfying(*one, symbols, constraints, beam) for one in both), strict=True)
    readings = _exact(frames, symbols, logs)
    share = min(1.0, sum(readings.values()))
    most = min(1.0, share + fmean(lost))  # what wasn't followed may satisfy them, too: it counts against
    believed = {reading: chance / (most + DOUBT * (1 - most)) for reading, chance in readings.items()}
    # where too much is possible to follow, what was followed stands for the rest
    sample = fmean(
        sum(exp(value) for reading, value in found.logs.items() if constraints.satisfied_by(reading))
        for found in first
    )
    satisfied = share >= FLOOR or sample > FLOOR * (1 - fmean(found.lost for found in first))
    return _Found(believed, satisfied, _unconstrained(chances, first))


def _satisfying(
    found: ctc.Found, frames: Floats, symbols: str, constraints: Constraints, width: int
) -> tuple[dict[str, float], float]:
    """Searches wider until no better satisfying reading can be missing, or hardly any can be there.

    What a search lost is known, and bounds what it may have missed. It ends at `WIDEST` or `WORK` at the
    latest; what was lost then weighs against the findings.

    Args:
        found: of a search without constraints, of this width.
    """
    steps = int((frames[:, 0] < 1 - SPARE).sum()) + 1
    widest, spare = min(WIDEST, max(width, WORK // steps)), SPARE
    while True:
        logs = {text: value for text, value in found.logs.items() if constraints.satisfied_by(text)}
        chances = list(map(exp, logs.values()))
        share, best = sum(chances), max(chances, default=0.0)
        certain = best >= found.lost and found.lost <= CLOSE * share
        if certain or share + found.lost < FLOOR or width >= widest:
            return logs, found.lost
        width, spare = min(4 * width, widest), spare / 4
        found = ctc.search(frames, symbols, width=width, spare=spare, may_become=constraints.may_become)


def _exact(frames: Sequence[Floats], symbols: str, logs: Sequence[dict[str, float]]) -> dict[str, float]:
    """Probabilities of readings over all views, likeliest first, those of the likeliest exact."""
    chances = _mean(logs)
    likeliest = nlargest(EXACT, chances, key=lambda reading: chances[reading])
    chances.update(_exactly(frames, symbols, likeliest))
    return dict(sorted(chances.items(), key=lambda item: -item[1]))


def _exactly(frames: Sequence[Floats], symbols: str, readings: list[str]) -> dict[str, float]:
    """The probability of each reading, the mean over views."""
    logs = [ctc.log_probabilities(one, symbols, readings) for one in frames]
    return {reading: fmean(map(exp, each)) for reading, *each in zip(readings, *logs, strict=True)}


def _mean(logs: Sequence[dict[str, float]]) -> dict[str, float]:
    """The mean probability over views; a reading that wasn't found in one has none there."""
    chances: dict[str, float] = {}
    for found in logs:
        for reading, value in found.items():
            chances[reading] = chances.get(reading, 0.0) + exp(value) / len(logs)
    return chances


def _unconstrained(chances: Sequence[Floats], found: Sequence[ctc.Found]) -> Alternative:
    texts = _by_text(_mean([one.logs for one in found]))
    text = next(iter(texts))
    exact = _exactly([ctc.merged(one, len(DIGITS)) for one in chances], DIGITS, [text])
    return Alternative(text, min(exact[text], CERTAIN))


def _by_text(readings: dict[str, float]) -> dict[str, float]:
    """Probabilities of texts, likeliest first: readings that differ in marks count together."""
    texts: dict[str, float] = {}
    for reading, chance in readings.items():
        text = digits_of(reading)
        texts[text] = texts.get(text, 0.0) + chance
    return dict(sorted(texts.items(), key=lambda item: -item[1]))


def _alternatives(texts: Iterable[tuple[str, float]]) -> tuple[Alternative, ...]:
    likely = (Alternative(text, min(chance, CERTAIN)) for text, chance in texts if chance >= LEAST)
    return tuple(islice(likely, EXACT - 1))


def _aligned(
    chances: Floats, readings: dict[str, float], text: str, on_raw: bool
) -> tuple[str, NDArray[np.intp]]:
    """The likeliest path through all classes that leaves `text`: its marks, and which digit stands where.

    Returns:
        The text with its marks; `(T,)`, the place in `text` of the digit in each frame, or -1.
    """
    symbols = _ALL if on_raw else DIGITS
    reading = next((r for r in readings if digits_of(r) == text), text) if on_raw else text
    between = [0, *range(1 + len(symbols), len(CLASSES))]  # classes that may stand between the symbols
    others = chances.take(between, axis=1)
    frames = chances[:, : 1 + len(symbols)].copy()
    frames[:, 0] = others.max(axis=1)
    places = ctc.align(frames, symbols, reading)
    if on_raw:
        is_digit = np.array([s in DIGITS for s in reading] + [False])  # the last stands for -1
        return reading, np.where(is_digit[places], np.cumsum(is_digit)[places] - 1, -1)
    digits = np.array([1 + int(digit) for digit in text] + [0])  # the last stands for -1
    path = np.where(places >= 0, digits[places], np.array(between)[others.argmax(axis=1)])
    changes = path[np.flatnonzero(np.diff(path, prepend=0))].tolist()
    return "".join(CLASSES[c] for c in changes if CLASSES[c] != OTHER), places


def _digits(
    chances: Floats, boxes: NDArray[Any], text: str, places: NDArray[np.intp], texts: dict[str, float]
) -> tuple[Digit, ...]:
    """Each digit with its box and doubt.

    A digit's probability is that of all readings which have it in this place. What readings weren't found
    have is shared out as the digit's own frames say.
    """
    if not text:
        return ()
    votes, unknown = _votes(text, texts)
    where = places == np.arange(len(text))[:, None]  # (digits, T)
    said = chances[:, 1:11]
    own = where @ said
    own /= own.sum(axis=1, keepdims=True) + 1e-12
    # not nothing, even where a far-fetched reading is asked for
    weights = where * (said.T.take([int(digit) for digit in text], axis=0) + 1e-12)
    around = (weights @ boxes) / weights.sum(axis=1, keepdims=True)
    return tuple(map(_digit, text, votes, (unknown * own).tolist(), around.tolist()))


def _digit(digit: str, vote: dict[str, float], unknown: list[float], box: list[float]) -> Digit:
    """One digit, from what readings say of its place, and the rest of the probability shared out."""
    shares = [(vote.get(d, 0.0) + rest, d) for d, rest in zip(DIGITS, unknown, strict=True)]
    likeliest = sorted(((p, d) for p, d in shares if p >= LEAST and d != digit), key=lambda s: -s[0])
    others = tuple(Alternative(d, p) for p, d in likeliest[:3])
    x0, y0, x1, y1 = box
    return Digit(digit, min(shares[int(digit)][0], CERTAIN), (x0, y0, x1, y1), others)


def _votes(text: str, texts: dict[str, float]) -> tuple[list[dict[str, float]], float]:
    """For each place of `text` how likely which digit is there, by all texts found; and what they leave.

    Texts of another length are laid beside it from both ends, and say nothing of what differs between.
    """
    votes: list[dict[str, float]] = [{} for _ in text]
    considered = list(islice(texts.items(), CONSIDERED))
    for other, chance in considered:
        for place, digit in _beside(text, other):
            votes[place][digit] = votes[place].get(digit, 0.0) + chance
    return votes, max(0.0, 1 - sum(chance for _, chance in considered))


def _beside(text: str, other: str) -> Iterator[tuple[int, str]]:
    """Places of `text` and the digits that `other` has there."""
    if len(text) == len(other):
        yield from enumerate(other)
        return
    shorter = min(len(text), len(other))
    same = next((i for i in range(shorter) if text[i] != other[i]), shorter)
    yield from enumerate(other[:same])
    for back in range(1, shorter - same + 1):
        if text[-back] != other[-back]:
            return
        yield len(text) - back, other[-back]


def _expected(chances: Floats) -> tuple[float, float]:
    """How many characters are expected, and how many of them are neither digits nor marks.

    A character begins in a frame when it stands there and didn't in the frame before; CTC's frames are
    independent of each other, so the expected number of beginnings is a sum over products.
    """
    before = np.concatenate([np.zeros((1, chances.shape[1])), chances[:-1]])
    begins = (chances * (1 - before)).sum(axis=0)
    return float(begins[1:].sum()), float(begins[-1])
