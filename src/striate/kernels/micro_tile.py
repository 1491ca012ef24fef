"""Micro-tiles: a few rows x one block of columns of a matrix product, summed in registers.

What a term reads is asked for some terms before, or a panel before: it comes from the second-level
cache, and waiting for it there would cost a tenth of the time.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from msgspec import Struct

from striate.kernels.emitter import Emitter
from striate.kernels.values import Operand, Pointer, Value

LINE = 16
"""Floats in a cache line of 64 bytes; where lines are longer, some are asked for twice."""
TERMS_AHEAD = 8
"""Terms by which what a micro-tile multiplies is asked for."""


class Stream(Struct, frozen=True):
    """Memory that is wanted soon, asked for bit by bit while something else is computed.

    Attributes:
        start: the first value.
        step: values to go on by in every round of a loop.
    """

    start: Pointer
    step: Operand


def add_products(
    e: Emitter,
    factors: tuple[Pointer, Pointer],
    to: Pointer,
    terms: tuple[Value, Operand],
    shape: tuple[int, int],
    ahead: Stream | None = None,
) -> None:
    """to[r, k] += Σ_i x[i, r]·dy[i, k].

    Args:
        e: the emitter.
        factors: x, from the tile's first channel on, and dy, [terms][columns].
        to: the sums, [rows][columns].
        terms: how many there are, and the distance between two rows of x.
        shape: rows and columns of the tile; columns are whole vectors.
        ahead: what is brought into the second-level cache meanwhile.
    """
    rows, columns = shape
    vectors = range(0, columns, e.lanes)
    starts = [[to.vector(r * columns + v) for v in vectors] for r in range(rows)]
    for r, totals in enumerate(sum_products(e, factors, terms, starts, columns, ahead)):
        for v, total in zip(vectors, totals, strict=True):
            to.store_vector(total, r * columns + v)


def dot_products(
    e: Emitter,
    factors: tuple[Pointer, Pointer],
    terms: tuple[Value, Operand],
    shape: tuple[int, int],
    columns: int,
    ahead: Stream | None = None,
) -> list[list[Value]]:
    """Σ_i x[r, i]·w[i, k], by rows and vectors of columns.

    Args:
        e: the emitter.
        factors: x, from the tile's first row on, and w, [terms][columns].
        terms: how many there are, and the distance between two rows of x; where that is known when
            the kernel is written, the loop computes no addresses.
        shape: rows, and vectors of columns that are wanted.
        columns: of w.
        ahead: what is brought into the second-level cache meanwhile.
    """
    (x, w), (count, step), (rows, vectors) = factors, terms, shape
    sums = [[e.variable(e.splat(0.0)) for _ in range(vectors)] for _ in range(rows)]
    with _terms(e, count, ahead) as i:
        _fetch(e, w + i * columns, vectors * e.lanes, columns)
        loaded = [w.vector(i * columns + v * e.lanes) for v in range(vectors)]
        for r, row in enumerate(sums):
            value = x.broadcast(i + step * r)
            for total, weights in zip(row, loaded, strict=True):
                total.value = e.fma(value, weights, total.value)
    return [[total.value for total in row] for row in sums]


def dot_panels(
    e: Emitter,
    factors: tuple[Pointer, Pointer],
    terms: tuple[Value, Value],
    height: int,
    ahead: Stream | None = None,
) -> list[list[Value]]:
    """Σ_i x[r, i]·w[i, k] of a micro-tile, where x lies in panels as wide as the tile.

    While one panel is multiplied, the next one is asked for: nothing else foresees the jump.

    Args:
        e: the emitter.
        factors: x, from the tile's first row on, and w, [terms][columns].
        terms: how many there are, and the distance between two panels of x.
        height: rows of the tile.
        ahead: what is brought into the second-level cache meanwhile.
    """
    (x, w), (count, distance), columns = factors, terms, e.isa.tile_columns
    vectors, rows = range(e.isa.tile_vectors), range(height)
    sums = [[e.variable(e.splat(0.0)) for _ in vectors] for _ in rows]
    with e.loop(count, step=columns) as start:
        panel, weights = x + start // columns * distance, w + start * columns
        lines = None if ahead is None else ahead.start + start * ahead.step
        with e.loop(e.integer_minimum(count - start, columns)) as i:
            if ahead is not None and lines is not None:
                e.prefetch(lines + i * ahead.step, level=2)
            e.prefetch(panel + (distance + i * LINE))
            _fetch(e, weights + i * columns, columns, columns)
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
    ahead: Stream | None = None,
) -> list[list[Value]]:
    """starts[r, k] + Σ_i x[i, r]·w[i, k], by rows and vectors of columns.

    Args:
        e: the emitter.
        factors: x, from the tile's first column on, and w, [terms][columns].
        terms: how many there are, and the distance between two rows of x.
        starts: by rows and vectors of columns.
        columns: of w.
        ahead: what is brought into the second-level cache meanwhile.
    """
    (x, w), (count, step) = factors, terms
    sums = [[e.variable(value) for value in row] for row in starts]
    with _terms(e, count, ahead) as i:
        _fetch(e, x + i * step, 1, step)
        _fetch(e, w + i * columns, len(starts[0]) * e.lanes, columns)
        loaded = [w.vector(i * columns + v * e.lanes) for v in range(len(starts[0]))]
        for r, row in enumerate(sums):
            value = x.broadcast(i * step + r)
            for total, weights in zip(row, loaded, strict=True):
                total.value = e.fma(value, weights, total.value)
    return [[total.value for total in row] for row in sums]


def _fetch(e: Emitter, term: Pointer, count: int, step: Operand) -> None:
    """Ask for what a term reads, so many values, some terms later; a term goes on by a step."""
    for v in range(0, count, LINE):
        e.prefetch(term + (step * TERMS_AHEAD + v))


@contextmanager
def _terms(e: Emitter, count: Value, ahead: Stream | None) -> Iterator[Value]:
    """A loop over so many terms, which asks for memory ahead."""
    offset = e.variable(e.integer(0))
    with e.loop(count) as i:
        if ahead is not None:
            # One addition a term: there is little room between the multiply-adds.
            e.prefetch(ahead.start + offset.value, level=2)
            offset.value = offset.value + ahead.step
        yield i
