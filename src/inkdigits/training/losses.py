"""What a glyph's answer costs, one number a glyph. Knows PyTorch's functions; no networks, no data."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F


def glyph_losses(logits: Tensor, labels: Tensor, smoothing: float = 0.0, *, others: bool = True) -> Tensor:
    """Cross-entropy, `float (N,)`; glyphs labelled −1 are no digits and pull the answer towards "all alike".

    The second part is outlier exposure (Hendrycks et al. 2019), with half a digit's weight. Without `others`
    there are none such, and the same is had with a quarter of the kernels.
    """
    if not others:
        return F.cross_entropy(logits, labels, label_smoothing=smoothing, reduction="none")
    digits = labels >= 0
    entropy = F.cross_entropy(logits, labels.clamp(min=0), label_smoothing=smoothing, reduction="none")
    uniform = -F.log_softmax(logits, dim=1).mean(1)
    return torch.where(digits, entropy, 0.5 * uniform)


def distillation_loss(logits: Tensor, probabilities: Tensor, temperature: float) -> Tensor:
    """Kullback-Leibler divergence of the student's softened answers from the teachers', one a glyph.

    Times the squared temperature, so that gradients keep their size when it changes (Hinton et al. 2015).

    Args:
        logits: of the student, `(N, classes)`.
        probabilities: of the teachers, `(N, classes)`, softened by the same temperature.
        temperature: of both.

    Returns:
        `float (N,)`.
    """
    students = F.log_softmax(logits / temperature, dim=1)
    return temperature**2 * F.kl_div(students, probabilities, reduction="none").sum(1)
