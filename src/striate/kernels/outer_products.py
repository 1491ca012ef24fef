"""Matrix products as sums of outer products: rows value by value, columns from packed panels.

A block of columns is packed as panels, each a micro-tile's columns wide and PANEL_DEPTH deep; then
every micro-tile of rows passes over the panels, broadcasting one value of each row at a time.
"""

from __future__ import annotations

from collections.abc import Callable

from msgspec import Struct

from striate.kernels.emitter import Emitter
from striate.kernels.isa import Isa
from striate.kernels.matrix import Matrix, Range
from striate.kernels.memory_ops import clamped, copy
from striate.kernels.shuffles import transpose
from striate.kernels.values import Operand, Pointer, Value, Variable

PANEL_DEPTH = 128
BLOCK = 128
"""Columns packed at a time: neighbours in memory, so that rows are read line after line."""
TILE_VALUES = 384
"""Values of the largest micro-tile of any target."""
PRIVATE_BYTES = 4 * (TILE_VALUES + PANEL_DEPTH * BLOCK)
"""Private memory for the panels and one micro-tile, at the start of the scratch memory."""


Sums = list[list[Variable]]
"""Of a micro-tile: for each row its vectors of columns."""


class Rows(Struct, frozen=True):
    """The factor that is read value by value.

    Attributes:
        count: how many rows there are.
        tile: addresses of a micro-tile's rows: from a first row and a depth on.
        step: distance between a row's values.
        height: rows of a micro-tile.
    """

    count: Value
    tile: Callable[[Value, Value], list[Pointer]]
    step: int
    height: int


def tile_height(isa: Isa, rows: int) -> int:
    """The rows of a micro-tile that waste least on so many rows; two thirds of the largest keep the
    multipliers as busy, fewer where there are no more."""
    heights = range(isa.tile_rows, min(rows, isa.tile_rows * 2 // 3) - 1, -1)
    return min(heights, key=lambda height: -(-rows // height) * (height + 0.5))


def rows_of(e: Emitter, matrix: Matrix, within: Range, height: int) -> Rows:
    """A range of a matrix's rows; the last stands in for those behind it."""
    last = within.stop - 1

    def tile(first: Value, depth: Value) -> list[Pointer]:
        start = within.first + first
        return [matrix.row(clamped(e, start + i, last)) + depth for i in range(height)]

    return Rows(within.stop - within.first, tile, 1, height)


def packed_rows(e: Emitter, packed: Pointer, count: Value, depth: Value) -> Rows:
    """Rows packed by `pack_columns`, micro-tile after micro-tile."""
    height = e.isa.tile_rows

    def tile(first: Value, start: Value) -> list[Pointer]:
        return [packed + (first * depth + start * height + i) for i in range(height)]

    return Rows(count, tile, height, height)


def pack_columns(
    e: Emitter, to: Pointer, source: Matrix, rows: Value, first: Value, columns: Value
) -> None:
    """A micro-tile's columns from ``first`` on, row after row; 0 behind the last of ``columns``."""
    height = e.isa.tile_rows
    for c in range(height):
        column = clamped(e, first + c, columns - 1)
        with e.loop(rows) as i:
            value = e.select(first + c < columns, source.row(i).load(column), 0.0)
            to.store(value, i * height + c)


class Product(Struct, frozen=True):
    """to[r, c] = start[c] + Σ_i rows[r][i]·columns[i][c], or columns[c][i] if transposed.

    Attributes:
        rows: the left factor.
        columns: the right factor.
        transposed: whether a row of ``columns`` holds the values of one column of the product.
        depth: number of terms.
        to: where the product goes.
        start: of the sums, a value for each column; else they start at 0.
        finish: changes the sums of a micro-tile when they are complete; it takes them, and the
            first row and column of the tile.
    """

    rows: Rows
    columns: Matrix
    transposed: bool
    depth: Value
    to: Matrix
    start: Pointer | None = None
    finish: Callable[[Sums, Value, Value], None] | None = None

    def emit(self, e: Emitter, within: Range) -> None:
        """All rows, and a range of columns."""
        with (
            e.loop(within.stop, start=within.first, step=BLOCK) as c,
            e.loop(self.depth, step=PANEL_DEPTH) as i,
        ):
            width = e.integer_minimum(within.stop - c, BLOCK)
            count = e.integer_minimum(self.depth - i, PANEL_DEPTH)
            panels = self._panels(e, i, c, count, width)
            to, start = self.to.at(0, c), self.start + c if self.start else None
            with e.loop(self.rows.count, step=self.rows.height) as r:
                pointers = self.rows.tile(r, i)
                with e.loop(width, step=e.isa.tile_columns) as t:
                    tile = _Tile(to.at(r, t), self.rows.count - r, width - t)
                    first = start + t if start else None
                    sums = tile.begin(e, i.equals(0), first, self.rows.height)
                    accumulate(e, sums, pointers, self.rows.step, panels(t), count)
                    if self.finish:
                        with e.when(i + count >= self.depth):
                            self.finish(sums, r, c + t)
                    tile.store(e, sums)

    def _panels(
        self, e: Emitter, i: Value, c: Value, depth: Value, width: Value
    ) -> Callable[[Value], Panel]:
        """The panels from term i and column c on, by their first column."""
        columns = e.isa.tile_columns
        panels = e.scratch + TILE_VALUES
        if self.transposed:
            _pack_transposed(e, self.columns.at(c, i), depth, width, PANEL_DEPTH)
        else:
            pack_panels(e, panels, self.columns.at(i, c), depth, width, PANEL_DEPTH)
        return lambda t: Panel(panels + t * PANEL_DEPTH, columns)


class Panel(Struct, frozen=True):
    """A micro-tile's columns.

    Attributes:
        start: the first term's values.
        step: distance between terms.
    """

    start: Pointer
    step: Operand

    def values(self, e: Emitter, i: Value) -> list[Value]:
        """The values of term i, as vectors."""
        line = self.start + i * self.step
        return [line.vector(c) for c in range(0, e.isa.tile_columns, e.lanes)]


def pack_panels(
    e: Emitter, to: Pointer, source: Matrix, depth: Value, width: Operand, room: Operand
) -> None:
    """Panels from rows of memory; what a panel holds behind the last column is never stored.

    Args:
        e: the emitter.
        to: the first panel.
        source: starts at the first row and column.
        depth: number of rows.
        width: number of columns.
        room: rows that a panel has room for.
    """
    columns = e.isa.tile_columns
    with e.loop(depth) as i:
        line, lines = source.row(i), to + i * columns
        with e.loop(width, step=columns) as t:
            for v in range(0, columns, e.lanes):
                lines.store_vector(line.vector(t + v), t * room + v)


def _pack_transposed(e: Emitter, source: Matrix, depth: Value, width: Value, room: int) -> None:
    """Panels from columns that lie in memory as rows, a square of lanes at a time."""
    columns = e.isa.tile_columns
    with e.loop(width, step=e.lanes) as t:
        lines = [source.row(clamped(e, t + lane, width - 1)) for lane in range(e.lanes)]
        # Vectors of one panel alternate: t = panel·columns + vector·lanes.
        first = t // columns * columns
        to = e.scratch + TILE_VALUES + (first * room + (t - first))
        with e.loop(depth, step=e.lanes) as i:
            square = transpose(e, [line.vector(i) for line in lines])
            for lane, vector in enumerate(square):
                to.store_vector(vector, (i + lane) * columns)


def accumulate(
    e: Emitter, sums: Sums, pointers: list[Pointer], step: int, panel: Panel, depth: Value
) -> None:
    """Add the outer products of one panel to a micro-tile."""
    with e.loop(depth) as i:
        values = panel.values(e, i)
        for pointer, totals in zip(pointers, sums, strict=True):
            factor = pointer.broadcast(i * step)
            for value, total in zip(values, totals, strict=True):
                total.value = e.fma(factor, value, total.value)


def zeros(e: Emitter) -> Sums:
    """The sums of a micro-tile at their start."""
    vectors = range(e.isa.tile_vectors)
    return [[e.variable(e.splat(0.0)) for _ in vectors] for _ in range(e.isa.tile_rows)]


def loaded(e: Emitter, matrix: Matrix, height: int) -> Sums:
    """The sums of a whole micro-tile so far."""
    vectors = range(e.isa.tile_vectors)
    lines = [matrix.row(r) for r in range(height)]
    return [[e.variable(line.vector(v * e.lanes)) for v in vectors] for line in lines]


def put(e: Emitter, to: Matrix, sums: Sums) -> None:
    """Store a whole micro-tile."""
    for r, totals in enumerate(sums):
        for v, total in enumerate(totals):
            to.row(r).store_vector(total.value, v * e.lanes)


class _Tile(Struct, frozen=True):
    """A micro-tile of the product.

    Attributes:
        to: where it lies.
        rows: how many rows there are from its first on, perhaps more than its own.
        columns: likewise.
    """

    to: Matrix
    rows: Value
    columns: Value

    def begin(self, e: Emitter, fresh: Value, start: Pointer | None, height: int) -> Sums:
        """What the sums start from: what is there, or the start if it is fresh."""
        offsets = range(0, e.isa.tile_columns, e.lanes)
        first = [start.vector(c) if start else e.splat(0.0) for c in offsets]
        sums = []
        for i in range(height):
            line = self.to.row(clamped(e, e.integer(i), self.rows - 1))
            before = [line.vector(c) for c in offsets]
            sums.append(
                [e.variable(e.select(fresh, a, b)) for a, b in zip(first, before, strict=True)]
            )
        return sums

    def store(self, e: Emitter, sums: Sums) -> None:
        """Store what lies within the product."""
        height, width = len(sums), e.isa.tile_columns
        whole = (self.rows >= height) & (self.columns >= width)
        with e.when(whole):
            put(e, self.to, sums)
        with e.when(whole ^ True):
            aside = Matrix(e.scratch, width)
            put(e, aside, sums)
            count = e.integer_minimum(self.columns, width)
            with e.loop(e.integer_minimum(self.rows, height)) as r:
                copy(e, self.to.row(r), aside.row(r), count)
