"""The activations at their edges: NaN, huge values and kinks."""

from __future__ import annotations

import math

import numpy as np
import pytest

from striate.layers import LAYERS, Mode
from striate.layers.activation import Activation
from striate.layers.gelu import normal_cumulative
from striate.layers.shape import Array

KEYWORDS = [keyword for keyword, cls in LAYERS.items() if issubclass(cls, Activation)]


def run(keyword: str, *values: float) -> tuple[Array, Array]:
    """Output and gradient for inputs of these values."""
    layer = LAYERS[keyword]()
    x = np.array(values, float).reshape(1, 1, 1, -1)
    y = layer.forward((x,), {}, Mode())
    (dx,), _ = layer.backward(np.ones_like(y), (x,), y, {}, Mode())
    return y.ravel(), dx.ravel()


def test_all_are_there() -> None:
    found = " ".join(KEYWORDS)
    assert found == "ELU GELU HARDSWISH LEAKY RELU RELU6 SIGMOID SILU TANH"


@pytest.mark.parametrize("keyword", KEYWORDS)
def test_nan_stays_nan(keyword: str) -> None:
    assert math.isnan(run(keyword, math.nan)[0][0])


@pytest.mark.parametrize("keyword", KEYWORDS)
def test_huge_values_do_not_overflow(keyword: str) -> None:
    y, dx = run(keyword, -1e4, 1e4)
    assert np.isfinite(y).all()
    assert np.isfinite(dx).all()


@pytest.mark.parametrize(
    ("keyword", "x", "gradient"),
    [
        ("RELU", 0, 0),
        ("LEAKY", 0, 0.01),
        ("ELU", 0, 1),
        ("RELU6", 0, 0),
        ("RELU6", 6, 0),
        ("HARDSWISH", -3, 0),
        ("HARDSWISH", 3, 1),
    ],
)
def test_gradients_at_kinks(keyword: str, x: float, gradient: float) -> None:
    assert run(keyword, x)[1][0] == gradient


def test_the_normal_cumulative_function_to_the_last_digits() -> None:
    x = np.linspace(-6, 6, 25)
    right = [0.5 * math.erfc(-value / math.sqrt(2)) for value in x]
    np.testing.assert_allclose(normal_cumulative(x), right, atol=2e-16, rtol=0)
