"""softmax: the cross-entropy between the softmax of the scores and the labels."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from striate.layers.loss import Loss, check_labels, register
from striate.layers.options import Number, option
from striate.layers.shape import Array


@register("softmax")
@dataclass(frozen=True)
class SoftmaxLoss(Loss):
    """-Σ_k q_k·log softmax(s)_k, mean over the batch.

    q is 1 for the label and 0 elsewhere; label smoothing ε (Szegedy et al. 2016) moves a share of
    it to all K classes alike: q = (1 - ε)·onehot + ε/K.
    """

    label_smoothing: float = option(
        "label_smoothing", Number(0, 1), "share of the target spread over all classes", 0.0
    )

    def forward(self, scores: Array, labels: Array) -> float:
        check_labels(scores, labels)
        logs = _log_softmax(scores)
        return float(-(self._targets(scores, labels) * logs).sum() / len(scores))

    def backward(self, scores: Array, labels: Array) -> Array:
        check_labels(scores, labels)
        probabilities = np.exp(_log_softmax(scores))
        result: Array = (probabilities - self._targets(scores, labels)) / len(scores)
        return result

    def _targets(self, scores: Array, labels: Array) -> Array:
        classes = scores.shape[1]
        targets = np.full(scores.shape, self.label_smoothing / classes)
        targets[np.arange(len(labels)), labels] += 1 - self.label_smoothing
        return targets


def _log_softmax(scores: Array) -> Array:
    shifted = scores - scores.max(axis=1, keepdims=True)
    result: Array = shifted - np.log(np.exp(shifted).sum(axis=1, keepdims=True))
    return result
