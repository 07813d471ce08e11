"""Training glyphs on the device, and what each batch is made of. Knows data, not networks."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import torch
from torch import Generator, Tensor

from inkdigits.errors import InvalidData, UsageError
from inkdigits.training.datasets import Dataset, split_validation
from inkdigits.training.negatives import draw_others
from inkdigits.training.pendigits import draw_pen_digits
from inkdigits.training.recipes import Recipe
from inkdigits.training.strokes import draw_digits

DRAWN = 40_000  # glyphs in each pool of drawn ones; augmentation makes each use of one different


class Batches:
    """A data set, whole on the device, with its validation part set aside.

    Attributes:
        validation: the samples that are held out, or None.
        steps: batches in an epoch.

    Args:
        recipe: batch size, steps, shares of drawn glyphs, size of the validation part.
        data: labelled glyphs.
        seed: of the drawn glyphs.
        device: where batches are made.

    Raises:
        InvalidData: no labels, or too few samples to hold some out.
        UsageError: shares that don't fit.
    """

    def __init__(self, recipe: Recipe, data: Dataset, seed: int, device: torch.device) -> None:
        self._images, self._labels, self.validation = _placed(recipe, data, device)
        how = recipe.augment
        makers = {"synthetic": draw_digits, "pens": draw_pen_digits, "negatives": draw_others}
        shares = {name: getattr(how, name) for name in makers}
        if (drawn := sum(shares.values())) > 0.9:
            raise UsageError(
                f"augment.{' and augment.'.join(makers)} leave under a tenth of a batch for data"
            )
        for name in ("synthetic", "pens"):
            if shares[name] and data.classes != tuple("0123456789"):
                raise UsageError(f"augment.{name} draws digits, not {', '.join(data.classes)}: set it to 0")
        self._real = max(1, round(recipe.batch_size * (1 - drawn)))
        self._most = recipe.steps or len(self._images)
        self.steps = len(self._slices())
        self._pools = [
            (shares[name] * recipe.batch_size / self._real, *make(DRAWN, seed, device))
            for name, make in makers.items()
            if shares[name]
        ]

    def __len__(self) -> int:
        """Samples of the data set in an epoch."""
        return self._slices()[-1][1]

    def _slices(self) -> list[tuple[int, int]]:
        """Where each batch begins and ends. A last single glyph joins the batch before: norms need two."""
        count = len(self._images)
        begins = list(range(0, count, self._real))
        if len(begins) > 1 and count - begins[-1] == 1:
            begins.pop()
        return list(zip(begins, [*begins[1:], count], strict=True))[: self._most]

    def shuffled(self, generator: Generator) -> Iterator[tuple[Tensor, Tensor, int]]:
        """An epoch's batches.

        Yields:
            Glyphs `uint8 (B, 28, 28)`, labels `int64 (B,)`, and how many of them, the first ones, are of the
            data; the others are drawn digits and drawn non-digits (label −1).
        """
        device = self._images.device
        order = torch.randperm(len(self._images), generator=generator, device=device)
        for chosen in (order[first:last] for first, last in self._slices()):
            glyphs, labels = [self._images[chosen]], [self._labels[chosen]]
            for share, pool, pool_labels in self._pools:
                count = round(len(chosen) * share)
                drawn = torch.randint(len(pool), (count,), generator=generator, device=device)
                glyphs.append(pool[drawn])
                labels.append(pool_labels[drawn])
            yield torch.cat(glyphs), torch.cat(labels), len(chosen)


def _placed(recipe: Recipe, data: Dataset, device: torch.device) -> tuple[Tensor, Tensor, Dataset | None]:
    """Training glyphs and labels on the device, and what is held out."""
    if data.labels is None:
        raise InvalidData(f"{data.name}: has no labels, so nothing can be learned from it")
    training, validation = data, None
    if recipe.validation:
        if len(data) < 2 * recipe.validation:
            raise InvalidData(
                f"{data.name}: {len(data)} samples, but {recipe.validation} would be held out; "
                f"hold out fewer with --set validation={max(1, len(data) // 6)}"
            )
        training, validation = split_validation(data, recipe.validation)
    assert training.labels is not None
    glyphs = torch.from_numpy(np.ascontiguousarray(training.images)).to(device)
    return glyphs, torch.from_numpy(np.ascontiguousarray(training.labels)).to(device), validation
