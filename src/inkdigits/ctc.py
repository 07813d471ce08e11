"""Probabilities along a line to texts: CTC's search, exact probabilities, alignment. Knows no meanings.

The network says for each frame which symbol stands there, or none, the blank. A path takes one of them in
each frame; its text is what is left when repeated symbols are one and blanks are dropped (Graves et al., ICML
2006). A text's probability is the sum over all its paths. All probabilities of all texts add up to 1, so what
a search dropped is known: it is what its findings lack.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import exp, log
from operator import itemgetter
from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

# the probability of a text's paths so far; the text; of those that end in a blank; of the others
_Beam = tuple[float, str, float, float]

_RESCALE = 16  # frames after which numbers are brought back near 1: 16 factors can't leave float64
_NEVER = 1e-300  # stands for a probability of 0 where a logarithm is taken


@dataclass(frozen=True)
class Found:
    """What a search found.

    Attributes:
        logs: for each text the logarithm of its probability, as far as its paths were followed.
        lost: probability of all paths that were dropped, 0 to 1. No text that isn't in `logs` has more.
    """

    logs: dict[str, float]
    lost: float


def probabilities(logits: NDArray[np.floating[Any]], temperature: float = 1.0) -> Floats:
    """Softmax of `(T, classes)` over a temperature; `float64`, rows add up to 1."""
    scaled = np.asarray(logits, np.float64) / temperature
    powers = np.exp(scaled - scaled.max(axis=1, keepdims=True))
    return np.asarray(powers / powers.sum(axis=1, keepdims=True))


def merged(chances: Floats, kept: int) -> Floats:
    """The first `kept` symbols as they are, all later classes counted as blank.

    A path that passes a symbol which isn't kept passes a blank instead, and both leave the same text of kept
    symbols: the sum over what else stands on the line is exact.

    Args:
        chances: `(T, classes)`, the blank first.
        kept: symbols after the blank.

    Returns:
        `(T, 1 + kept)`.
    """
    frames = chances[:, : 1 + kept].copy()
    frames[:, 0] += chances[:, 1 + kept :].sum(axis=1)
    return frames


def search(
    frames: Floats,
    symbols: str,
    *,
    width: int,
    spare: float,
    may_become: Callable[[str], bool] | None = None,
) -> Found:
    """The likeliest texts: prefix beam search (Hannun et al., arXiv 1408.2873).

    Args:
        frames: `(T, 1 + symbols)`, rows add up to 1, the blank first.
        symbols: one character for each column after the blank.
        width: texts that are followed at a time.
        spare: probability that may be dropped for speed, before any is dropped for `width`.
        may_become: whether what begins so can become a text that is wanted; others aren't followed, and
            don't count as lost. Asked once for each beginning.
    """
    beams: list[_Beam] = [(1.0, "", 1.0, 0.0)]
    scale, unwanted = 0.0, 0.0  # the logarithm of what beams were divided by; a probability
    verdicts: dict[str, bool] = {}
    for blank, here in _steps(frames, symbols, spare):
        if not here:
            beams = [(mass * blank, text, mass * blank, 0.0) for mass, text, _, _ in beams]
            continue
        beams = _extended(beams, blank, here, width, spare / 1000)
        if may_become is not None:
            for beam in beams:
                if beam[1] not in verdicts:
                    verdicts[beam[1]] = may_become(beam[1])
            unwanted += exp(scale) * sum(beam[0] for beam in beams if not verdicts[beam[1]])
            beams = [beam for beam in beams if verdicts[beam[1]]]
        beams = beams[:width]
        if beams and beams[0][0] < 1e-100:
            scale += log(top := beams[0][0])
            beams = [(mass / top, text, ends / top, ended / top) for mass, text, ends, ended in beams]
    logs = {text: log(mass) + scale for mass, text, _, _ in beams if mass > 0}
    return Found(logs, min(1.0, max(0.0, 1.0 - sum(map(exp, logs.values())) - unwanted)))


def _steps(frames: Floats, symbols: str, spare: float) -> list[tuple[float, list[tuple[str, float]]]]:
    """The blank's probability and those of symbols that may stand there, frame by frame.

    The smallest probabilities of symbols, `spare` in all, are left out. Frames where none is left are most of
    a line; neighbours are one step.
    """
    symbol_part = frames[:, 1:]
    rising = np.sort(symbol_part, axis=None)
    dropped = int(np.searchsorted(np.cumsum(rising), spare))
    least = rising[dropped] if dropped < len(rising) else np.inf
    rows, columns = np.nonzero(symbol_part >= least)
    heres: dict[int, list[tuple[str, float]]] = {}
    values = symbol_part[rows, columns].tolist()
    for row, column, value in zip(rows.tolist(), columns.tolist(), values, strict=True):
        heres.setdefault(row, []).append((symbols[column], value))
    steps: list[tuple[float, list[tuple[str, float]]]] = []
    for row, blank in enumerate(frames[:, 0].tolist()):
        here = heres.get(row, [])
        if here or not steps or steps[-1][1]:
            here.sort(key=itemgetter(1), reverse=True)
            steps.append((blank, here))
        else:
            steps[-1] = (steps[-1][0] * blank, here)
    return steps


def _extended(
    beams: list[_Beam], blank: float, here: list[tuple[str, float]], width: int, least: float
) -> list[_Beam]:
    """All texts one step later, likeliest first, but no dust, and no new ones that `width` surpass already.

    Args:
        beams: the likeliest first.
        here: symbols that may stand there, the likeliest first.
    """
    later = {text: [mass * blank, 0.0] for mass, text, _, _ in beams}
    least = blank * (beams[width - 1][0] if len(beams) >= width else least * beams[0][0]) if beams else 0.0
    chances, top = dict(here), here[0][1]
    for mass, text, after_blank, after_end in beams:
        end = text[-1:]
        if end in chances:
            later[text][1] += after_end * chances[end]  # goes on
        if mass * top < least:
            continue
        for symbol, chance in here:
            gain = (after_blank if symbol == end else mass) * chance  # after its like, only past a blank
            longer = text + symbol
            if longer in later:
                later[longer][1] += gain
            elif gain >= least:
                later[longer] = [0.0, gain]
    ordered = [(ends[0] + ends[1], text, ends[0], ends[1]) for text, ends in later.items()]
    ordered.sort(reverse=True)
    return ordered


def log_probabilities(frames: Floats, symbols: str, texts: Sequence[str]) -> list[float]:
    """Exact: the logarithm of the sum over all paths of each text (the forward algorithm of Graves et al.).

    Args:
        frames: `(T, 1 + symbols)`, the blank first.
        symbols: one character for each column after the blank.
        texts: of these symbols.

    Returns:
        One for each text; -inf where a text can't be.
    """
    if not texts:
        return []
    labels, skips, ends = _states([[symbols.index(s) + 1 for s in text] for text in texts])
    shape = (len(texts), labels.shape[1] + 2)
    # two states of nothing before each text: every state has two neighbours before it, and all texts lie in
    # one row, where a step from frame to frame costs half of what it does along one of two axes
    alpha, columns, may_skip = np.zeros(shape), np.full(shape, frames.shape[1]), np.zeros(shape)
    columns[:, 2:], may_skip[:, 2:] = labels, skips
    chances = np.zeros((len(frames), frames.shape[1] + 1))  # the last column stands for nothing
    chances[:, :-1] = frames
    alpha[:, 2:4] = chances[0].take(labels[:, :2]) if len(frames) else 1 - labels[:, :2]
    scales = _forward(chances.take(columns.ravel()[2:], axis=1), alpha, may_skip.ravel()[2:])
    rows = np.arange(len(texts))
    last = alpha[rows, ends + 2] + alpha[rows, ends + 1]  # of an empty text, the latter is nothing
    with np.errstate(divide="ignore"):
        return list((np.log(last) + scales).tolist())


def _forward(chances: Floats, alpha: Floats, skips: Floats) -> Floats:
    """All frames after the first; `alpha` becomes what it is after the last.

    Args:
        chances: `(T, K * (S + 2) - 2)`, of each state in each frame, text after text.
        alpha: `(K, S + 2)`, for each text two states of nothing, then its own, in the first frame.
        skips: `(K * (S + 2) - 2,)`, 1 where the blank before a state may be left out.

    Returns:
        `(K,)`, the logarithm of what each text was divided by on the way.
    """
    row, tops = alpha.reshape(-1), [np.ones(len(alpha))]
    stay, before, two_before, step = row[2:], row[1:-1], row[:-2], np.empty(len(row) - 2)
    multiply, add = np.multiply, np.add
    for first in range(1, len(chances), _RESCALE):
        for chance in chances[first : first + _RESCALE]:
            multiply(skips, two_before, step)
            add(step, before, step)
            add(step, stay, step)
            multiply(step, chance, stay)
        top = np.maximum(np.maximum.reduce(alpha, axis=1), _NEVER)
        alpha /= top[:, None]
        tops.append(top)
    return np.asarray(np.log(tops).sum(axis=0))


def _states(texts: list[list[int]]) -> tuple[NDArray[np.intp], Floats, NDArray[np.intp]]:
    """Each text with blanks around its symbols: columns `(K, S)`, where the blank before may be left out
    `(K, S)`, and each text's last state `(K,)`."""
    longest = max(map(len, texts))
    labels = np.zeros((len(texts), 2 * longest + 1), np.intp)
    for row, text in enumerate(texts):
        labels[row, 1 : 2 * len(text) : 2] = text
    skips = np.zeros(labels.shape)
    skips[:, 3::2] = labels[:, 3::2] != labels[:, 1:-2:2]
    return labels, skips, np.array([2 * len(text) for text in texts], np.intp)


def align(frames: Floats, symbols: str, text: str) -> NDArray[np.intp]:
    """The likeliest path of a text: which of its characters stands in each frame.

    Args:
        frames: `(T, 1 + symbols)`, the blank first; rows needn't add up to 1.
        symbols: one character for each column after the blank.
        text: of these symbols, short enough for the frames.

    Returns:
        `(T,)`, the place of the character in `text`, or -1 between characters.
    """
    labels = np.array([symbols.index(s) + 1 for s in text], np.intp)
    path = frames.argmax(axis=1)
    begins = (path > 0) & (path != np.concatenate([[0], path[:-1]]))
    if np.array_equal(path[begins], labels):  # the best path of all is the text's best
        return np.where(path > 0, np.cumsum(begins) - 1, -1)
    states = _viterbi(frames, labels)
    return np.where(states % 2 == 1, states // 2, -1)


def _viterbi(frames: Floats, labels: NDArray[np.intp]) -> NDArray[np.intp]:
    """The states of the best path, odd ones for symbols, even ones for the blanks around them."""
    (columns,), (skips,), (end,) = _states([labels.tolist()])
    logs = np.log(np.maximum(frames, _NEVER))[:, columns]
    skip = np.where(skips > 0, 0.0, -np.inf)
    ways = np.full((3, len(columns)), -np.inf)  # stay, one on, two on
    best = np.full(len(columns), -np.inf)
    best[:2] = logs[0, :2]
    came = np.zeros((len(frames), len(columns)), np.intp)
    for t in range(1, len(frames)):
        ways[0] = best
        ways[1, 1:] = best[:-1]
        ways[2, 2:] = best[:-2] + skip[2:]
        came[t] = ways.argmax(axis=0)
        best = ways.max(axis=0) + logs[t]
    state = int(end if end == 0 or best[end] >= best[end - 1] else end - 1)
    states = np.empty(len(frames), np.intp)
    for t in range(len(frames) - 1, -1, -1):
        states[t] = state
        state -= int(came[t, state])
    return states
