"""Micro-tiles: a few rows x one block of columns of a matrix product, summed in registers."""

from __future__ import annotations

from striate.kernels.emitter import Emitter
from striate.kernels.values import Pointer, Value


def add_products(
    e: Emitter,
    factors: tuple[Pointer, Pointer],
    to: Pointer,
    terms: tuple[Value, Value],
    shape: tuple[int, int],
) -> None:
    """to[r, k] += Σ_i x[i, r]·dy[i, k].

    Args:
        e: the emitter.
        factors: x, from the tile's first channel on, and dy, [terms][columns].
        to: the sums, [rows][columns].
        terms: how many there are, and the distance between two rows of x.
        shape: rows and columns of the tile; columns are whole vectors.
    """
    (x, dy), (count, step), (rows, columns) = factors, terms, shape
    vectors = range(columns // e.lanes)
    sums = [
        [e.variable(to.vector(r * columns + v * e.lanes)) for v in vectors] for r in range(rows)
    ]
    with e.loop(count) as i:
        loaded = [dy.vector(i * columns + v * e.lanes) for v in vectors]
        for r in range(rows):
            value = x.broadcast(i * step + r)
            for total, w in zip(sums[r], loaded, strict=True):
                total.value = e.fma(value, w, total.value)
    for r in range(rows):
        for v, total in enumerate(sums[r]):
            to.store_vector(total.value, r * columns + v * e.lanes)


def dot_products(
    e: Emitter,
    factors: tuple[Pointer, Pointer],
    terms: tuple[Value, Value],
    shape: tuple[int, int],
    columns: int,
) -> list[list[Value]]:
    """Σ_i x[r, i]·w[i, k], by rows and vectors of columns.

    Args:
        e: the emitter.
        factors: x, from the tile's first row on, and w, [terms][columns].
        terms: how many there are, and the distance between two rows of x.
        shape: rows, and vectors of columns that are wanted.
        columns: of w.
    """
    (x, w), (count, step), (rows, vectors) = factors, terms, shape
    sums = [[e.variable(e.splat(0.0)) for _ in range(vectors)] for _ in range(rows)]
    with e.loop(count) as i:
        loaded = [w.vector(i * columns + v * e.lanes) for v in range(vectors)]
        for r, row in enumerate(sums):
            value = x.broadcast(i + step * r)
            for total, weights in zip(row, loaded, strict=True):
                total.value = e.fma(value, weights, total.value)
    return [[total.value for total in row] for row in sums]
