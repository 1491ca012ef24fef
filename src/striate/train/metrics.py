"""Metrics over batches: accuracy, top-5 accuracy, confusion matrix, mean loss."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from striate.errors import InputError
from striate.layers.loss import Loss, check_labels
from striate.layers.shape import Array

TOP = 5
MOST_CONFUSED = 1000
"""Classes of a confusion matrix, at most: it has the square of them in entries."""


def ranks(scores: Array, labels: Array) -> NDArray[np.int64]:
    """How many classes are ranked before the label's: [N], 0 where the prediction is right.

    Of equal scores the lower class comes first. Scores that are no numbers rank the label last.

    Args:
        scores: [N, K].
        labels: [N] whole numbers from 0 to K-1.

    Raises:
        InputError: scores or labels are of the wrong shape, kind or range.
    """
    check_labels(scores, labels)
    own = scores[np.arange(len(labels)), labels][:, None]
    before = (scores > own) | ((scores == own) & (np.arange(scores.shape[1]) < labels[:, None]))
    before[np.isnan(scores).any(axis=1)] = True
    counts: NDArray[np.int64] = before.sum(axis=1)
    return counts


def accuracy(scores: Array, labels: Array) -> float:
    """The share of images whose label has the highest score."""
    return float((ranks(scores, labels) == 0).mean())


@dataclass(frozen=True)
class Evaluation:
    """How a net did on a data set.

    Attributes:
        images: how many were evaluated.
        loss: mean over the images, or None where no loss was given.
        accuracy: the share of images whose label has the highest score.
        top5: the share of images whose label is among the five highest scores.
        classes: how many scores the net gives, K.
        labels: of the images, [images].
        predicted: the class with the highest score of each image, [images].
    """

    images: int
    loss: float | None
    accuracy: float
    top5: float
    classes: int
    labels: NDArray[np.int64]
    predicted: NDArray[np.int64]

    @cached_property
    def confusion(self) -> NDArray[np.int64]:
        """Counts of images by label (row) and predicted class (column), [K, K].

        Raises:
            InputError: there are more than `MOST_CONFUSED` classes.
        """
        if self.classes > MOST_CONFUSED:
            raise InputError(
                f"confusion matrix: expected at most {MOST_CONFUSED:,} classes, "
                f"got {self.classes:,}"
            )
        matrix = np.zeros((self.classes, self.classes), np.int64)
        np.add.at(matrix, (self.labels, self.predicted), 1)
        return matrix

    def count(self, classes: NDArray[np.int64]) -> NDArray[np.int64]:
        """How often each class comes, [K]: of ``labels``, of ``predicted`` or of some of them."""
        return np.bincount(classes, minlength=self.classes)

    @property
    def recall(self) -> NDArray[np.float64]:
        """The accuracy on each class alone, [K]; NaN for a class without images."""
        right = self.count(self.labels[self.labels == self.predicted])
        with np.errstate(invalid="ignore"):
            shares: NDArray[np.float64] = right / self.count(self.labels)
        return shares


def named(classes: Sequence[str], count: int) -> tuple[str, ...]:
    """Names for so many scores: those of the classes, and ``class 12`` for a score without one."""
    return (*classes[:count], *(f"class {number}" for number in range(len(classes), count)))


class Tally:
    """Metrics that run over batches. The order of the batches is the order of the sums."""

    def __init__(self, loss: Loss | None = None) -> None:
        self._loss = loss
        self._loss_sum = 0.0
        self._images = self._right = self._among = 0
        self._classes = 0
        self._labels: list[NDArray[np.int64]] = []
        self._predicted: list[NDArray[np.int64]] = []

    def add(self, scores: Array, labels: Array) -> None:
        """Count a batch: scores [N, K] and labels [N].

        Raises:
            InputError: scores or labels are of the wrong shape, kind or range.
        """
        rank = ranks(scores, labels)
        self._classes = scores.shape[1]
        # Pairs, not a matrix: that has the square of the classes in entries.
        self._labels.append(labels.astype(np.int64))
        self._predicted.append(scores.argmax(axis=1))
        self._images += len(labels)
        self._right += int((rank == 0).sum())
        self._among += int((rank < TOP).sum())
        if self._loss is not None:
            # A loss that is not a number is for the caller to judge, not for NumPy to warn of.
            with np.errstate(invalid="ignore", over="ignore"):
                mean = self._loss.forward(scores.astype(np.float64), labels)
            self._loss_sum += mean * len(labels)

    def result(self) -> Evaluation:
        """The metrics of everything that was added.

        Raises:
            InputError: nothing was.
        """
        if not self._images:
            raise InputError("expected at least one image to evaluate, got none")
        return Evaluation(
            self._images,
            None if self._loss is None else self._loss_sum / self._images,
            self._right / self._images,
            self._among / self._images,
            self._classes,
            np.concatenate(self._labels),
            np.concatenate(self._predicted),
        )
