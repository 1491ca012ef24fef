"""l2: the squared distance between scores and targets."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from striate.errors import InputError
from striate.layers.loss import Loss, check_labels, check_scores, register
from striate.layers.shape import Array


@register("l2")
@dataclass(frozen=True)
class L2Loss(Loss):
    """Σ_k (s_k - t_k)², mean over the batch; t are targets [N, K], or one-hot labels [N]."""

    def forward(self, scores: Array, labels: Array) -> float:
        """The mean loss; ``labels`` are targets [N, K] or labels [N]."""
        return float(np.square(_difference(scores, labels)).sum() / len(scores))

    def backward(self, scores: Array, labels: Array) -> Array:
        """The gradient [N, K]; ``labels`` are targets [N, K] or labels [N]."""
        return 2 * _difference(scores, labels) / len(scores)


def _difference(scores: Array, labels: Array) -> Array:
    check_scores(scores)
    if labels.ndim == 1:
        check_labels(scores, labels)
        targets = np.zeros(scores.shape)
        targets[np.arange(len(labels)), labels] = 1
        return scores - targets
    if labels.shape != scores.shape:
        raise InputError(
            f"targets: expected shape {list(scores.shape)} like the scores, "
            f"or one label for each image, got shape {list(labels.shape)}"
        )
    return scores - labels
