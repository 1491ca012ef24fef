"""Initial weights: random numbers whose scale keeps the activations' variance from layer to layer.

Every parameter draws from a generator of its own, so that a layer that is added or taken away
changes no other layer's start.
"""

from __future__ import annotations

import math
import zlib
from collections.abc import Callable, Mapping

import numpy as np
from numpy.typing import NDArray

from striate.errors import InputError
from striate.layers.base import Parameter
from striate.layers.named import unknown


def he(parameter: Parameter) -> float:
    """Standard deviation sqrt(2 / fan_in), for ReLU (He et al. 2015)."""
    return math.sqrt(2 / parameter.fan_in)


def xavier(parameter: Parameter) -> float:
    """Standard deviation sqrt(2 / (fan_in + fan_out)), for tanh and sigmoid (Glorot 2010)."""
    return math.sqrt(2 / (parameter.fan_in + parameter.fan_out))


METHODS: dict[str, Callable[[Parameter], float]] = {"he": he, "xavier": xavier}


def initialise(
    parameters: Mapping[str, Mapping[str, Parameter]], seed: int = 0, method: str = "he"
) -> dict[str, dict[str, NDArray[np.float32]]]:
    """New weights for a net: normal random numbers, and zeros and ones where a layer says so.

    Args:
        parameters: of every node (`striate.check.Checked.parameters`).
        seed: the same seed always gives the same weights.
        method: ``he`` or ``xavier``.

    Returns:
        float32 arrays by node and parameter, as in `striate.graph.Network.weights`.

    Raises:
        InputError: there is no such method, or the seed is negative.
    """
    if method not in METHODS:
        raise InputError(unknown("method", method, METHODS))
    if seed < 0:
        raise InputError(f"seed: expected a whole number of at least 0, got {seed}")
    return {
        node: {
            name: _start(parameter, METHODS[method], [seed, zlib.crc32(f"{node}/{name}".encode())])
            for name, parameter in of_node.items()
        }
        for node, of_node in parameters.items()
        if of_node
    }


def _start(
    parameter: Parameter, deviation: Callable[[Parameter], float], key: list[int]
) -> NDArray[np.float32]:
    if parameter.start == "zeros":
        return np.zeros(parameter.shape, np.float32)
    if parameter.start == "ones":
        return np.ones(parameter.shape, np.float32)
    numbers = np.random.default_rng(key).standard_normal(parameter.shape, np.float32)
    numbers *= np.float32(deviation(parameter))
    return numbers
