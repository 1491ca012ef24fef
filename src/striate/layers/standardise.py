"""What the batch, group and layer norms share: zero mean and unit variance over some axes."""

from __future__ import annotations

import numpy as np

from striate.layers.base import Parameter
from striate.layers.options import Number
from striate.layers.shape import Array

EPSILON = Number(0, open_low=True)


def standardise(x: Array, axes: tuple[int, ...], epsilon: float) -> tuple[Array, Array]:
    """(x - mean)/sqrt(variance + epsilon) over the axes, and the inverse of that root.

    The variance is the biased one: the mean of the squared differences.
    """
    centred = x - x.mean(axis=axes, keepdims=True)
    inverse = 1 / np.sqrt(np.square(centred).mean(axis=axes, keepdims=True) + epsilon)
    return centred * inverse, inverse


def standardise_backward(
    gradient: Array, standard: Array, inverse: Array, axes: tuple[int, ...]
) -> Array:
    """The gradient by x, given that by ``standard``; both results of `standardise` are needed."""
    mean = gradient.mean(axis=axes, keepdims=True)
    along = (gradient * standard).mean(axis=axes, keepdims=True)
    result: Array = inverse * (gradient - mean - standard * along)
    return result


def scale_and_shift(channels: int) -> dict[str, Parameter]:
    """One learned scale (1 at the start) and shift (0) per channel, without weight decay."""
    return {
        "scale": Parameter((channels,), "ones", decays=False),
        "shift": Parameter((channels,), "zeros", decays=False),
    }
