"""Winograd's transforms of tiles: a small constant matrix on both sides of a square of vectors."""

from __future__ import annotations

from collections.abc import Callable

from striate.kernels.emitter import Emitter
from striate.kernels.values import Pointer, Value
from striate.kernels.winograd_matrices import Matrix

Load = Callable[[Value, int], Value]
Store = Callable[[Value, int, Value], None]


def combine(e: Emitter, row: tuple[float, ...], values: list[Value]) -> Value:
    """The sum of row[i]·values[i], without the multiplications by 0, 1 and -1."""
    total: Value | None = None
    for factor, value in sorted(zip(row, values, strict=True), key=lambda pair: -pair[0]):
        if factor == 0:
            continue
        if total is None:
            total = value if factor == 1 else value * factor
        elif factor == 1:
            total = total + value
        elif factor == -1:
            total = total - value
        else:
            total = e.fma(value, factor, total)
    assert total is not None
    return total


def transform(e: Emitter, matrix: Matrix, load: Load, store: Store, between: Pointer) -> None:
    """matrix · tile · matrixᵀ for one vector of channels.

    Args:
        e: the emitter.
        matrix: [out, in]; the tile is in x in.
        load: gives the tile's vector at (row, column): the column is a loop's index.
        store: takes the result at (row, column): the row is a loop's index.
        between: room for out x in vectors.
    """
    many, few = len(matrix[0]), len(matrix)
    with e.loop(many) as column:
        values = [load(column, i) for i in range(many)]
        for i, row in enumerate(matrix):
            between.store_vector(combine(e, row, values), (column + i * many) * e.lanes)
    with e.loop(few) as out:
        values = [between.vector((out * many + j) * e.lanes) for j in range(many)]
        for j, row in enumerate(matrix):
            store(out, j, combine(e, row, values))
