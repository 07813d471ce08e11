"""Composed lines to batches: processes compose ahead, strips of one width go together. Knows no networks."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from dataclasses import dataclass, replace
from multiprocessing import get_context
from typing import Any

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from inkdigits.strip import HEIGHT, PAPER
from inkdigits.training.handwriting import Shapes
from inkdigits.training.line_network import FRAME, STRIDE
from inkdigits.training.line_recipe import LineRecipe, Source
from inkdigits.training.pendigits import Part, PenDigits
from inkdigits.training.strings import Composer, TrainingLine

VALIDATION_SEED = 1_000_003  # added to the training's: lines that no training sees
PIECE = 400  # lines a process composes at a time
ROOM = 16  # px, that a strip may be moved along in its batch


@dataclass(frozen=True)
class Digits:
    """What the composing processes need, sent to each once."""

    glyphs: NDArray[np.uint8]
    labels: NDArray[Any]
    part: Part
    fonts: bool


@dataclass(frozen=True)
class LineBatch:
    """Strips of one width.

    Attributes:
        strips: `uint8 (B, 32, W)`, W a multiple of 4.
        targets: `int64 (sum of lengths,)`, one line after the other.
        lengths: `int64 (B,)`.
        classes: `int64 (B, W/2)`: the character whose middle is at a frame; 0 none; −1 beside a middle.
        boxes: `float32 (B, W/2, 4)`, strip pixels, of the character that a frame belongs to.
        owned: `bool (B, W/2)`: whether a frame belongs to a character.
    """

    strips: Tensor
    targets: Tensor
    lengths: Tensor
    classes: Tensor
    boxes: Tensor
    owned: Tensor


_composer: Composer | None = None  # of a composing process


def _begin(shapes: Digits, shares: dict[Source, float], seed: int) -> None:
    global _composer
    cv2.setNumThreads(1)
    hands = None
    if shapes.fonts:
        from inkdigits.training.fonts import Hands

        hands = Hands()
    _composer = Composer(
        Shapes(shapes.glyphs, shapes.labels, hands, PenDigits.load(shapes.part)), shares, seed
    )


def _compose(first: int, count: int) -> list[TrainingLine]:
    assert _composer is not None
    return [_composer.line(index) for index in range(first, first + count)]


class Lines:
    """The lines of a training, in order, composed by other processes while the network learns.

    Args:
        recipe: shares and sizes.
        glyphs: `uint8 (N, 28, 28)`, digits to write with.
        labels: `(N,)`.
        seed: of all lines.
        workers: composing processes.
        part: of the pen ways.
    """

    def __init__(
        self,
        recipe: LineRecipe,
        glyphs: NDArray[np.uint8],
        labels: NDArray[Any],
        seed: int,
        workers: int,
        part: Part = "train",
    ) -> None:
        self.recipe = recipe
        start = (Digits(glyphs, labels, part, recipe.fonts > 0), recipe.shares, seed)
        self._ahead = recipe.chunk // PIECE + 2 * workers  # a chunk is composed while one is learned from
        self._pool = ProcessPoolExecutor(
            workers, mp_context=get_context("spawn"), initializer=_begin, initargs=start
        )

    def __enter__(self) -> Lines:
        return self

    def __exit__(self, *_: object) -> None:
        self._pool.shutdown(wait=False, cancel_futures=True)

    def pieces(self, first: int, count: int) -> Iterator[list[TrainingLine]]:
        """Lines `first` to `first + count`, a few hundred at a time, in order."""
        begins = iter(range(first, first + count, PIECE))
        waiting: deque[Future[list[TrainingLine]]] = deque()
        for begin in begins:
            waiting.append(self._pool.submit(_compose, begin, min(PIECE, first + count - begin)))
            if len(waiting) > self._ahead:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()

    def chunks(self, first: int) -> Iterator[list[TrainingLine]]:
        """The training's chunks from number `first` on; the next is composed while one is used."""
        size = self.recipe.chunk
        lines: list[TrainingLine] = []
        for piece in self.pieces(first * size, (self.recipe.chunks - first) * size):
            lines += piece
            while len(lines) >= size:
                yield lines[:size]
                lines = lines[size:]


def batches(lines: list[TrainingLine], size: int, rng: np.random.Generator) -> Iterator[LineBatch]:
    """Lines in random order but alike in width, `size` at a time; what doesn't fill a batch is left out."""
    widths = np.array([line.pixels.shape[1] for line in lines])
    order = np.argsort(widths * rng.uniform(0.9, 1.1, len(lines)))
    groups = order[: len(order) // size * size].reshape(-1, size)
    for group in rng.permutation(groups):
        yield collate([lines[i] for i in group], rng)


def collate(lines: list[TrainingLine], rng: np.random.Generator | None = None) -> LineBatch:
    """Lines as one batch; with `rng` each is stretched, moved and shaded a little."""
    if rng is not None:
        lines = [_stretched(line, rng) for line in lines]
    widest = max(line.pixels.shape[1] for line in lines) + (ROOM if rng is not None else 0)
    width = -(-widest // (2 * STRIDE)) * 2 * STRIDE
    strips = np.full((len(lines), HEIGHT, width), PAPER, np.uint8)
    frames = width // FRAME
    classes = np.zeros((len(lines), frames), np.int64)
    boxes = np.zeros((len(lines), frames, 4), np.float32)
    owned = np.zeros((len(lines), frames), bool)
    for row, line in enumerate(lines):
        w = line.pixels.shape[1]
        at = 0 if rng is None else int(rng.integers(0, min(width - w, 4 * ROOM) + 1))
        strips[row, :, at : at + w] = line.pixels if rng is None else _shaded(line.pixels, rng)
        _place(line, at, classes[row], boxes[row], owned[row])
    return LineBatch(
        torch.from_numpy(strips),
        torch.from_numpy(np.concatenate([line.targets for line in lines])),
        torch.tensor([len(line.targets) for line in lines]),
        torch.from_numpy(classes),
        torch.from_numpy(boxes),
        torch.from_numpy(owned),
    )


def _stretched(line: TrainingLine, rng: np.random.Generator) -> TrainingLine:
    """Wider or narrower, higher or lower, as another cut around the ink would give."""
    height, width = line.pixels.shape
    wide, tall = np.exp(rng.normal(0, 0.08)), min(np.exp(rng.normal(0, 0.06)), 1.12)
    down = (1 - tall) * height / 2 + rng.normal(0, 0.8)
    to_there = np.array([[wide, 0, 0], [0, tall, down]])
    size = (max(8, round(width * wide)), height)
    pixels = cv2.warpAffine(line.pixels, to_there, size, borderMode=cv2.BORDER_CONSTANT, borderValue=PAPER)
    boxes = line.boxes * np.array([wide, tall, wide, tall], np.float32) + np.array(
        [0, down, 0, down], np.float32
    )
    return replace(line, pixels=np.asarray(pixels, np.uint8), boxes=boxes)


def _shaded(pixels: NDArray[np.uint8], rng: np.random.Generator) -> NDArray[np.uint8]:
    """Contrast and brightness a little different, as another estimate of paper and ink would give."""
    gain, shift = np.exp(rng.normal(0, 0.1)), rng.normal(0, 5)
    table = np.clip((np.arange(256) - PAPER) * gain + PAPER + shift, 0, 255).astype(np.uint8)
    return np.asarray(cv2.LUT(pixels, table), np.uint8)


def _place(
    line: TrainingLine,
    at: int,
    classes: NDArray[np.int64],
    boxes: NDArray[np.float32],
    owned: NDArray[np.bool_],
) -> None:
    """Which character a frame belongs to: the one with the nearest middle, where the frame is in its box."""
    if not len(line.targets):
        return
    moved = line.boxes + np.array([at, 0, at, 0], np.float32)
    middles = (moved[:, 0] + moved[:, 2]) / 2
    columns = (np.arange(len(owned)) + 0.5) * FRAME
    nearest = np.abs(columns[:, None] - middles[None]).argmin(1)
    box = moved[nearest]
    half = np.maximum((box[:, 2] - box[:, 0]) * 0.4, FRAME)
    distance = np.abs(columns - middles[nearest])
    owned[:] = distance <= half
    boxes[:] = box
    classes[distance <= half * 0.7] = -1
    anchors = np.clip((middles / FRAME).astype(int), 0, len(owned) - 1)
    classes[anchors] = line.targets


def available_cores() -> int:
    """Cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
