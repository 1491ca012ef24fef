"""Matrix products out of registers, for FC and LOCAL: dot products and sums of outer products.

Dot products take rows of both factors as they lie in memory. Sums of outer products take the rows
of one factor, value by value, and a packed panel of two vectors of columns of the other.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from striate.kernels.emitter import Emitter
from striate.kernels.isa import Isa
from striate.kernels.lane_sums import lane_sums
from striate.kernels.memory_ops import clamped, copy
from striate.kernels.values import Operand, Pointer, Value
from striate.kernels.vector_loop import lanes_below

DEPTH = 1024
"""Values of a row that dot products take at a time: a tile then fits the first-level cache."""
PANEL_VALUES = 4096
"""Values in a panel: a quarter or half of the first-level cache."""
STASH_VALUES = 384
"""Private memory for one micro-tile; more than any target's."""


@dataclass(frozen=True)
class Matrix:
    """Rows in memory.

    Attributes:
        start: the first value of the first row.
        step: distance between rows, in elements.
    """

    start: Pointer
    step: Operand

    def row(self, i: Operand) -> Pointer:
        """The first value of row i."""
        offset: Value = i * self.step
        return self.start + offset


@dataclass(frozen=True)
class Range:
    """From ``first`` up to but not including ``stop``."""

    first: Value
    stop: Value


@dataclass(frozen=True)
class DotTile:
    """A micro-tile of dot products: each of ``images`` rows with each of ``neurons`` rows."""

    images: int
    neurons: int

    @classmethod
    def of(cls, isa: Isa, images: int) -> DotTile:
        """The tile for so many images: at most 4, and as many neurons as registers allow."""
        rows = -(-images // -(-images // 4))
        return cls(rows, isa.tile_rows * isa.tile_vectors // max(rows, 2))

    def sweep(
        self,
        e: Emitter,
        factors: tuple[Matrix, Matrix],
        depth: Value,
        to: Matrix,
        ranges: tuple[Range, Range],
        bias: Pointer | None,
        stash: Pointer,
    ) -> None:
        """to[n, k] = bias[k] + Σ_d x[n, d]·w[k, d] for all n and k of the ranges."""
        images, neurons = ranges
        with e.loop(depth, step=DEPTH) as d:
            length = e.integer_minimum(depth - d, DEPTH)
            with (
                e.loop(images.stop, start=images.first, step=self.images) as n,
                e.loop(neurons.stop, start=neurons.first, step=self.neurons) as k,
            ):
                left = [
                    factors[0].row(clamped(e, n + i, images.stop - 1)) + d
                    for i in range(self.images)
                ]
                right = [
                    factors[1].row(clamped(e, k + i, neurons.stop - 1)) + d
                    for i in range(self.neurons)
                ]
                for i, sums in enumerate(lane_sums(e, dots(e, left, right, length))):
                    stash.store_vector(sums, i * e.lanes)
                rows = e.integer_minimum(images.stop - n, self.images)
                columns = e.integer_minimum(neurons.stop - k, self.neurons)
                with e.loop(rows) as r, e.loop(columns) as c:
                    place = to.row(n + r) + (k + c)
                    start = bias.load(k + c) if bias else e.number(0.0)
                    before = e.select(d.equals(0), start, place.load())
                    place.store(before + stash.load(r * self.neurons + c))


def dots(e: Emitter, left: list[Pointer], right: list[Pointer], length: Value) -> list[Value]:
    """Σ_d left[i][d]·right[j][d], not yet summed over lanes, in the order i, then j."""
    sums = [[e.variable(e.splat(0.0)) for _ in right] for _ in left]

    def step(d: Operand, mask: Callable[[Value], Value]) -> None:
        values = [mask(pointer.vector(d)) for pointer in right]
        for pointer, totals in zip(left, sums, strict=True):
            x = mask(pointer.vector(d))
            for value, total in zip(values, totals, strict=True):
                total.value = e.fma(x, value, total.value)

    whole = length & -e.lanes
    with e.loop(whole, step=e.lanes) as d:
        step(d, lambda vector: vector)
    with e.when(whole < length):
        inside = lanes_below(e, length - whole)
        step(whole, lambda vector: e.select(inside, vector, 0.0))
    return [total.value for totals in sums for total in totals]


def pack_panel(e: Emitter, to: Pointer, source: Matrix, depth: Value) -> None:
    """A panel of ``depth`` rows from a micro-tile's columns; may read past the end of a row."""
    columns = e.isa.tile_columns
    with e.loop(depth) as i:
        for v in range(0, columns, e.lanes):
            to.store_vector(source.row(i).vector(v), i * columns + v)


def pack_columns(
    e: Emitter, to: Pointer, source: Matrix, rows: Value, first: Value, columns: Value
) -> None:
    """A micro-tile's columns from ``first`` on, row after row; 0 behind the last of ``columns``."""
    height = e.isa.tile_rows
    for c in range(height):
        inside = first + c < columns
        column = clamped(e, first + c, columns - 1)
        with e.loop(rows) as i:
            value = source.row(i).load(column)
            to.store(e.select(inside, value, 0.0), i * height + c)


def add_outer_products(
    e: Emitter,
    left: Callable[[Value], list[Pointer]],
    step: int,
    panel: Pointer,
    depth: Value,
    to: Matrix,
    size: tuple[Value, Value],
    fresh: Value,
    stash: Pointer,
) -> None:
    """to[r, c] (+)= Σ_i left[r][i·step]·panel[i][c] for all rows of one panel of columns.

    Args:
        e: the emitter.
        left: the rows of a micro-tile that starts at a given row.
        step: distance of a row's values.
        panel: see `pack_panel`.
        depth: number of terms.
        to: where the sums go, at the panel's first column.
        size: rows, and columns of this panel.
        fresh: whether the sums start at 0 instead of what is there.
        stash: private memory for a micro-tile.
    """
    rows, columns = size
    offsets = range(0, e.isa.tile_columns, e.lanes)
    with e.loop(rows, step=e.isa.tile_rows) as r:
        targets = [to.row(clamped(e, r + i, rows - 1)) for i in range(e.isa.tile_rows)]
        sums = [
            [e.variable(e.select(fresh, e.splat(0.0), target.vector(c))) for c in offsets]
            for target in targets
        ]
        pointers = left(r)
        with e.loop(depth) as i:
            values = [panel.vector(i * e.isa.tile_columns + c) for c in offsets]
            for pointer, totals in zip(pointers, sums, strict=True):
                factor = pointer.broadcast(i * step)
                for value, total in zip(values, totals, strict=True):
                    total.value = e.fma(factor, value, total.value)
        results = [[total.value for total in totals] for totals in sums]
        _store_tile(e, to, r, results, (rows, columns), stash)


def _store_tile(
    e: Emitter,
    to: Matrix,
    r: Value,
    results: list[list[Value]],
    size: tuple[Value, Value],
    stash: Pointer,
) -> None:
    """Store the part of a micro-tile that lies within ``size`` rows and columns."""
    rows, columns = size
    whole = (rows - r >= e.isa.tile_rows) & (columns >= e.isa.tile_columns)
    with e.when(whole):
        for i, vectors in enumerate(results):
            for v, vector in enumerate(vectors):
                to.row(r + i).store_vector(vector, v * e.lanes)
    with e.when(whole ^ True):
        for i, vectors in enumerate(results):
            for v, vector in enumerate(vectors):
                stash.store_vector(vector, i * e.isa.tile_columns + v * e.lanes)
                width = e.integer_minimum(columns, e.isa.tile_columns)
        with e.loop(e.integer_minimum(rows - r, e.isa.tile_rows)) as row:
            copy(e, to.row(r + row), stash + row * e.isa.tile_columns, width)
