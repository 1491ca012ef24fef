"""POOL: NaN, ties, padding and what the mean counts."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from examples import example
from striate.errors import InputError
from striate.layers import Mode, Pool, PoolWindow, Shape, Window
from striate.layers.shape import Array


def forward(text: str, x: Array) -> Array:
    layer, _ = example(f"{x.shape[1]}x{x.shape[0]}x1 -> {text}")
    return layer.forward((x[None, :, :, None],), {}, Mode())[0, :, :, 0]


def backward(text: str, x: Array) -> Array:
    """The gradient where the output's gradient is 1, 2, 3 … in row-major order."""
    layer, _ = example(f"{x.shape[1]}x{x.shape[0]}x1 -> {text}")
    x = x[None, :, :, None]
    y = layer.forward((x,), {}, Mode())
    gradient = np.arange(1.0, y.size + 1).reshape(y.shape)
    return layer.backward(gradient, (x,), y, {}, Mode())[0][0][0, :, :, 0]


def test_max_lets_nan_through_and_routes_its_gradient_to_the_first() -> None:
    x = np.array([[1.0, np.nan, 5, 6], [np.nan, 9, 7, 8]])
    np.testing.assert_array_equal(forward("POOL2", x), [[np.nan, 8]])
    np.testing.assert_array_equal(backward("POOL2", x), [[0, 1, 0, 0], [0, 0, 0, 2]])


def test_max_gives_the_gradient_of_a_tie_to_the_first_in_row_major_order() -> None:
    x = np.array([[1.0, 3, 2, 2], [3, 3, 2, 2]])
    np.testing.assert_array_equal(backward("POOL2", x), [[0, 1, 2, 0], [0, 0, 0, 0]])


def test_overlapping_windows_add_their_gradients() -> None:
    x = np.array([[0.0, 1, 9, 1, 0]] * 3)
    np.testing.assert_array_equal(backward("POOL3 S=2", x), [[0, 0, 3, 0, 0], [0] * 5, [0] * 5])


def test_padding_never_is_the_maximum() -> None:
    np.testing.assert_array_equal(forward("POOL2 S=2 P=1", np.full((2, 2), -5.0)), [[-5, -5]] * 2)


def test_what_the_mean_counts() -> None:
    x = np.full((3, 3), 12.0)
    options = "POOL2 S=2 P=1,0,1,0 avg fit=ceil"
    np.testing.assert_array_equal(forward(options, x), [[12, 12], [12, 12]])
    np.testing.assert_array_equal(forward(f"{options} count=all", x), [[3, 6], [6, 12]])


def test_what_ceil_adds_never_counts() -> None:
    x = np.full((3, 3), 12.0)
    for count in ("inside", "all"):
        text = f"POOL2 S=2 avg fit=ceil count={count}"
        np.testing.assert_array_equal(forward(text, x), [[12, 12], [12, 12]])


def test_l2_and_its_gradient_at_zero() -> None:
    x = np.array([[3.0, 0, 0, 0], [0, 4, 0, 0]])
    np.testing.assert_array_equal(forward("POOL2 l2", x), [[5, 0]])
    np.testing.assert_allclose(backward("POOL2 l2", x), [[0.6, 0, 0, 0], [0, 0.8, 0, 0]])


def test_defaults() -> None:
    assert Pool() == Pool(PoolWindow((2, 2), (2, 2), (0, 0, 0, 0)))
    assert Pool(PoolWindow((3, 2))).window.stride == (3, 2)
    assert Pool(PoolWindow((3, 3), (2, 2))).window.stride == (2, 2)


def test_global_sees_the_whole_input() -> None:
    pool = Pool(kind="avg", whole=True)
    assert pool.view(Shape(7, 5, 3)) == Window.whole(Shape(7, 5, 3))
    assert pool.shape(Shape(7, 5, 3)) == Shape(1, 1, 3)
    assert list(pool.rules(Shape(7, 5, 3)))
    assert all(rule.holds for rule in pool.rules(Shape(7, 5, 3)))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"kind": "min"}, "kind: expected one of max, avg, l2, got 'min'"),
        ({"kind": "avg", "count": "some"}, "count: expected one of inside, all, got 'some'"),
        ({"count": "all"}, "count=all: only avg counts cells, not max"),
        (
            {"window": PoolWindow((3, 3)), "whole": True},
            "global: the window is the whole input; leave out F, S, P, dilation and fit",
        ),
    ],
)
def test_errors(arguments: Any, message: str) -> None:
    with pytest.raises(InputError) as caught:
        Pool(**arguments)
    assert str(caught.value) == message
