"""Micro-tiles: a few rows x one block of columns of a matrix product, summed in registers."""

from __future__ import annotations

from striate.kernels.emitter import Emitter
from striate.kernels.values import Operand, Pointer, Value

LINE = 16
"""Floats in a cache line of 64 bytes."""


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


def dot_panels(
    e: Emitter, factors: tuple[Pointer, Pointer], terms: tuple[Value, Value], ahead: Pointer
) -> list[list[Value]]:
    """Σ_i x[r, i]·w[i, k] of a whole micro-tile, where x lies in panels as wide as the tile.

    Args:
        e: the emitter.
        factors: x, from the tile's first row on, and w, [terms][columns].
        terms: how many there are, and the distance between two panels of x.
        ahead: memory that is wanted soon: a cache line of it is asked for with every term.
    """
    (x, w), (count, distance), columns = factors, terms, e.isa.tile_columns
    vectors, rows = range(e.isa.tile_vectors), range(e.isa.tile_rows)
    sums = [[e.variable(e.splat(0.0)) for _ in vectors] for _ in rows]
    with e.loop(count, step=columns) as start:
        panel, weights = x + start // columns * distance, w + start * columns
        lines = ahead + start * LINE
        with e.loop(e.integer_minimum(count - start, columns)) as i:
            e.prefetch(lines + i * LINE)
            loaded = [weights.vector(i * columns + v * e.lanes) for v in vectors]
            for r, row in enumerate(sums):
                value = panel.broadcast(i + r * columns)
                for total, one in zip(row, loaded, strict=True):
                    total.value = e.fma(value, one, total.value)
    return [[total.value for total in row] for row in sums]


def sum_products(
    e: Emitter,
    factors: tuple[Pointer, Pointer],
    terms: tuple[Value, Operand],
    starts: list[list[Value]],
    columns: int,
) -> list[list[Value]]:
    """starts[r, k] + Σ_i x[i, r]·w[i, k], by rows and vectors of columns.

    Args:
        e: the emitter.
        factors: x, from the tile's first column on, and w, [terms][columns].
        terms: how many there are, and the distance between two rows of x.
        starts: by rows and vectors of columns.
        columns: of w.
    """
    (x, w), (count, step) = factors, terms
    sums = [[e.variable(value) for value in row] for row in starts]
    with e.loop(count) as i:
        loaded = [w.vector(i * columns + v * e.lanes) for v in range(len(starts[0]))]
        for r, row in enumerate(sums):
            value = x.broadcast(i * step + r)
            for total, weights in zip(row, loaded, strict=True):
                total.value = e.fma(value, weights, total.value)
    return [[total.value for total in row] for row in sums]
