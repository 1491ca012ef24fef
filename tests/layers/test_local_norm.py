"""LRN, RNORM and CNORM against their formulas, written out cell by cell."""

from __future__ import annotations

import numpy as np
import pytest

from examples import example
from striate.layers import CNorm, Lrn, Mode, RNorm
from striate.layers.shape import Array

ALPHA, BETA, K = 0.6, 0.8, 1.5


def image(height: int, width: int, channels: int) -> Array:
    return np.random.default_rng(0).standard_normal((height, width, channels))


def around(position: int, size: int, length: int) -> range:
    """The window of cuda-convnet: it starts size // 2 before, and is clipped."""
    start = position - size // 2
    return range(max(0, start), min(length, start + size))


@pytest.mark.parametrize("size", [1, 2, 3, 4, 5])
def test_rnorm(size: int) -> None:
    u = image(4, 5, 2)
    y = RNorm(size, K, ALPHA, BETA).forward((u[None],), {}, Mode())[0]
    for i, j, c in np.ndindex(u.shape):
        total = sum(u[a, b, c] ** 2 for a in around(i, size, 4) for b in around(j, size, 5))
        assert y[i, j, c] == pytest.approx(u[i, j, c] / (K + ALPHA / size**2 * total) ** BETA)


@pytest.mark.parametrize("size", [1, 2, 3, 4, 5])
def test_cnorm(size: int) -> None:
    u = image(4, 5, 2)
    mean = np.zeros_like(u)
    for i, j, c in np.ndindex(u.shape):
        cells = [u[a, b, c] for a in around(i, size, 4) for b in around(j, size, 5)]
        mean[i, j, c] = np.mean(cells)
    y = CNorm(size, K, ALPHA, BETA).forward((u[None],), {}, Mode())[0]
    for i, j, c in np.ndindex(u.shape):
        total = sum(
            (u[a, b, c] - mean[a, b, c]) ** 2
            for a in around(i, size, 4)
            for b in around(j, size, 5)
        )
        assert y[i, j, c] == pytest.approx(u[i, j, c] / (K + ALPHA / size**2 * total) ** BETA)


@pytest.mark.parametrize("convention", ["krizhevsky", "caffe"])
@pytest.mark.parametrize("blocked", [False, True])
@pytest.mark.parametrize("size", [1, 2, 3, 4, 9])
def test_lrn(size: int, blocked: bool, convention: str) -> None:
    u = image(2, 3, 7)
    layer = Lrn(size, K, ALPHA, BETA, convention, blocked)
    y = layer.forward((u[None],), {}, Mode())[0]
    a = ALPHA if convention == "krizhevsky" else ALPHA / size
    for i, j, c in np.ndindex(u.shape):
        block = c // size * size
        maps = range(block, min(7, block + size)) if blocked else around(c, size, 7)
        total = sum(u[i, j, m] ** 2 for m in maps)
        assert y[i, j, c] == pytest.approx(u[i, j, c] / (K + a * total) ** BETA)


def test_the_defaults_of_lrn_are_those_of_the_alexnet_paper() -> None:
    assert example("4x4x8 -> LRN")[0] == Lrn(5, 2.0, 1e-4, 0.75, "krizhevsky")
    assert example("4x4x8 -> LRN5 caffe blocked")[0] == Lrn(5, convention="caffe", blocked=True)
