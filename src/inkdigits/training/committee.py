"""Several recognisers as one: the mean of what they answer. Knows numbers only, no networks.

The mean is taken of calibrated log-probabilities (a logarithmic pool), not of probabilities. Both find the
same digits, but the mean of probabilities is too unsure wherever calibrated members disagree (Ranjan and
Gneiting 2010), so its confidences no longer hold; those of the logarithms do (records/tried.md). The price: a
member that is sure that something can't be weighs more than its share, so each is calibrated first.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from inkdigits.errors import InvalidData

Logits = NDArray[np.floating[Any]]


def together(logits: Sequence[Logits], temperatures: Sequence[float]) -> NDArray[np.float32]:
    """What a committee answers, as logits whose temperature is 1.

    Logits divided by their temperature are log-probabilities but for a constant a row, which softmax takes
    out again: so their mean is all there is to do.

    Args:
        logits: of each member, at least one, `float (N, classes)`, all of one shape.
        temperatures: of each member.

    Returns:
        `float32 (N, classes)`.
    """
    scaled = [np.asarray(one, np.float64) / t for one, t in zip(logits, temperatures, strict=True)]
    return np.asarray(np.mean(scaled, axis=0), np.float32)


def check_classes(members: Sequence[tuple[str, tuple[str, ...]]]) -> tuple[str, ...]:
    """The classes that all members share, in their order.

    Args:
        members: name and classes of each.

    Raises:
        InvalidData: two answer other classes, or the same in another order.
    """
    (first, classes), *others = members
    for name, theirs in others:
        if theirs != classes:
            said = f"{first} answers {', '.join(classes)}, but {name} {', '.join(theirs)}"
            raise InvalidData(f"{said}: they can't be a committee")
    return classes
