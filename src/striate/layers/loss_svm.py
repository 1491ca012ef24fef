"""svm: the multiclass hinge loss (Weston & Watkins 1999), as in the CS231n notes."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from striate.layers.loss import Loss, check_labels, register
from striate.layers.options import Number, option
from striate.layers.shape import Array


@register("svm")
@dataclass(frozen=True)
class SvmLoss(Loss):
    """Σ over j ≠ y of max(0, s_j - s_y + margin), mean over the batch.

    The gradient where a hinge is exactly at zero is zero.
    """

    margin: float = option(
        "margin", Number(0, open_low=True), "by how much the right class should lead", 1.0
    )

    def forward(self, scores: Array, labels: Array) -> float:
        return float(np.maximum(self._hinges(scores, labels), 0).sum() / len(scores))

    def backward(self, scores: Array, labels: Array) -> Array:
        over = (self._hinges(scores, labels) > 0).astype(np.float64)
        over[np.arange(len(labels)), labels] = -over.sum(axis=1)
        return over / len(scores)

    def _hinges(self, scores: Array, labels: Array) -> Array:
        """s_j - s_y + margin, and 0 for j = y: [N, K]."""
        check_labels(scores, labels)
        images = np.arange(len(labels))
        hinges: Array = scores - scores[images, labels][:, None] + self.margin
        hinges[images, labels] = 0
        return hinges
