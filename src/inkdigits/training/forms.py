"""Ways of writing a character as arrays, ready to be jittered and drawn. Knows no pens and no lines."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray

from inkdigits.training.pens import Points
from inkdigits.training.strokes import Skeletons, joined


class Form(NamedTuple):
    """One way of writing a character.

    Attributes:
        controls: `float (C, 2)`, x and y of control points, 0 to 1, y down.
        blend: `float (P, C)`: points along the strokes from control points.
        drawn: `bool (P - 1,)`: where the pen is down.
    """

    controls: Points
    blend: NDArray[np.float64]
    drawn: NDArray[np.bool_]


def form_of(strokes: Sequence[Points]) -> Form:
    """Strokes of control points, `(C, 2)` each, at least two points in each."""
    controls, blend, drawn = joined([torch.from_numpy(np.ascontiguousarray(stroke)) for stroke in strokes])
    return Form(controls.numpy(), blend.double().numpy(), drawn.numpy())


@dataclass(frozen=True)
class Forms:
    """Stroke skeletons of one part of skeletons.json, as arrays.

    Attributes:
        names: of the class that each allograph is a form of.
        labels: `int (A,)`, the digit, or −1.
        controls: `float (A, C, 2)`.
        blend: `float (A, P, C)`: points along the strokes from control points.
        drawn: `bool (A, P - 1)`: where the pen is down.
    """

    names: tuple[str, ...]
    labels: NDArray[np.int64]
    controls: Points
    blend: NDArray[np.float64]
    drawn: NDArray[np.bool_]

    def form(self, index: int) -> Form:
        """One of them."""
        return Form(self.controls[index], self.blend[index], self.drawn[index])

    @classmethod
    def of(cls, skeletons: Skeletons) -> Forms:
        """The tensors of `strokes.py` as arrays."""
        return cls(
            skeletons.names,
            skeletons.labels.numpy(),
            skeletons.controls.double().numpy(),
            skeletons.blend.double().numpy(),
            skeletons.drawn.numpy(),
        )
