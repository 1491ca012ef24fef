"""The micro-tile of backward-filter: a few channels x one block of filters, summed in registers."""

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
