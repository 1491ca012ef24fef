"""What a loss is: how wrong a batch of class scores is, as one number, and its gradient."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, ClassVar, TypeVar

import numpy as np

from striate.errors import InputError
from striate.layers import named
from striate.layers.options import check_values
from striate.layers.shape import Array


@dataclass(frozen=True)
class Loss:
    """The base of the losses. All are means over the images of a batch.

    Raises:
        InputError: a setting is of the wrong kind or range.
    """

    name: ClassVar[str] = ""

    def __post_init__(self) -> None:
        check_values(self)

    def forward(self, scores: Array, labels: Array) -> float:
        """The mean loss.

        Args:
            scores: [N, K].
            labels: [N] whole numbers from 0 to K-1.

        Raises:
            InputError: scores or labels are of the wrong shape, kind or range.
        """
        raise NotImplementedError

    def backward(self, scores: Array, labels: Array) -> Array:
        """The gradient of the mean loss by the scores: [N, K]; arguments as for `forward`."""
        raise NotImplementedError


LOSSES: dict[str, type[Loss]] = {}
LossClass = TypeVar("LossClass", bound=type[Loss])


def register(name: str) -> Callable[[LossClass], LossClass]:
    """Register a loss under its name."""

    def decorate(cls: LossClass) -> LossClass:
        cls.name = name
        LOSSES[name] = cls
        return cls

    return decorate


def loss(name: str, **settings: Any) -> Loss:
    """The loss of this name: ``loss("softmax", label_smoothing=0.1)``.

    Raises:
        InputError: there is no such loss or setting, or a setting is out of range.
    """
    return named.make("loss", LOSSES, name, settings)


def check_scores(scores: Array) -> None:
    """Raise InputError unless scores are [N, K] with at least one image and one class."""
    if scores.ndim != 2 or 0 in scores.shape:
        raise InputError(
            f"scores: expected an array [images, classes], got one of shape {list(scores.shape)}"
        )


def check_labels(scores: Array, labels: Array) -> None:
    """Raise InputError unless there is one label from 0 to K-1 for each row of scores."""
    check_scores(scores)
    count, classes = scores.shape
    if labels.shape != (count,) or not np.issubdtype(labels.dtype, np.integer):
        raise InputError(
            f"labels: expected {count} whole numbers, one for each image, "
            f"got {labels.dtype} of shape {list(labels.shape)}"
        )
    wrong = np.flatnonzero((labels < 0) | (labels >= classes))
    if wrong.size:
        first = int(wrong[0])
        more = f" (and {wrong.size - 1} more)" if wrong.size > 1 else ""
        raise InputError(
            f"label {int(labels[first])} of image {first}{more}: "
            f"expected 0 to {classes - 1}, for {classes} classes"
        )
