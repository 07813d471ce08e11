"""Learning from teachers: what trained networks answer on the very glyphs a student sees. Knows PyTorch.

Knowledge distillation (Hinton, Vinyals and Dean 2015, arXiv:1503.02531). A teacher's answer says more than
the label: how much this 7 looks like a 1. Teachers see the student's batch, distortions included, so they
are asked anew for every glyph (a consistent teacher; Beyer et al. 2022, arXiv:2106.05237).
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn import functional as F

from inkdigits.errors import UsageError
from inkdigits.training.checkpoint import Weights
from inkdigits.training.devices import Compute


class Teachers:
    """One trained network or several, asked together.

    Attributes:
        sha256: of their weight files, in order.

    Args:
        weights: of the teachers, at least one.
        classes: of the student, which the teachers must share.
        compute: where, and in which precision.
        temperature: divides the logits: above 1, what is unlikely counts for more.

    Raises:
        UsageError: a teacher with other classes.
    """

    def __init__(
        self, weights: Sequence[Weights], classes: tuple[str, ...], compute: Compute, temperature: float
    ) -> None:
        for one in weights:
            if one.classes != classes:
                theirs, ours = ", ".join(one.classes), ", ".join(classes)
                raise UsageError(f"--teacher: recipe {one.recipe.name} answers {theirs}; the data has {ours}")
        self.sha256 = [one.sha256 for one in weights]
        self._networks = [one.network.to(compute.device).eval() for one in weights]
        self._compute, self._temperature = compute, temperature

    def probabilities(self, glyphs: Tensor) -> Tensor:
        """The mean of their softened probabilities, `float (N, classes)`, for glyphs `(N, 28, 28)`."""
        with torch.no_grad(), self._compute.autocast():
            answers = [
                F.softmax(network(glyphs).float() / self._temperature, 1) for network in self._networks
            ]
        return torch.stack(answers).mean(0)
