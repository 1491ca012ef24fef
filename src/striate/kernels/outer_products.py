"""Matrix products as sums of outer products: rows value by value, columns from packed panels.

A block of up to BLOCK columns is packed as panels of a micro-tile's columns, PANEL_DEPTH rows deep;
then every micro-tile of rows passes over the panels, broadcasting one value of each row at a time.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from striate.kernels.emitter import Emitter
from striate.kernels.matrix import Matrix, Range
from striate.kernels.memory_ops import clamped, copy
from striate.kernels.transpose import transpose
from striate.kernels.values import Operand, Pointer, Value

PANEL_DEPTH = 128
BLOCK = 128
"""Columns packed at a time: neighbours in memory, so that a row is read line after line."""
TILE_VALUES = 384
"""Values of the largest micro-tile of any target."""
PRIVATE_BYTES = 4 * (TILE_VALUES + PANEL_DEPTH * BLOCK)
"""Private memory of a sum of outer products, at the start of the scratch memory."""


@dataclass(frozen=True)
class Rows:
    """The factor that is read value by value.

    Attributes:
        count: how many rows there are.
        tile: addresses of a micro-tile's rows that start at a given row, from a given depth on.
        step: distance between a row's values.
    """

    count: Value
    tile: Callable[[Value, Value], list[Pointer]]
    step: int


def rows_of(e: Emitter, matrix: Matrix, count: Value) -> Rows:
    """The rows of a matrix as they lie in memory; the last one stands in for those behind it."""

    def tile(first: Value, depth: Value) -> list[Pointer]:
        return [
            matrix.row(clamped(e, first + i, count - 1)) + depth for i in range(e.isa.tile_rows)
        ]

    return Rows(count, tile, 1)


def packed_rows(e: Emitter, packed: Pointer, count: Value, depth: Value) -> Rows:
    """Rows packed by `pack_columns`, micro-tile after micro-tile."""
    height = e.isa.tile_rows

    def tile(first: Value, start: Value) -> list[Pointer]:
        return [packed + (first * depth + start * height + i) for i in range(height)]

    return Rows(count, tile, height)


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


def multiply(
    e: Emitter, rows: Rows, columns: Matrix, depth: Value, to: Matrix, within: Range
) -> None:
    """to[r, c] = Σ_i rows[r][i]·columns[i][c] for all rows and a range of columns."""
    _multiply(e, rows, depth, to, within, None, lambda c, i, count, width: _pack(
        e, Matrix(columns.row(i) + c, columns.step), count, width
    ))


def multiply_transposed(
    e: Emitter,
    rows: Rows,
    columns: Matrix,
    depth: Value,
    to: Matrix,
    within: Range,
    start: Pointer | None,
) -> None:
    """to[r, c] = start[c] + Σ_i rows[r][i]·columns[c][i] for all rows and a range of columns."""
    last = within.stop - 1
    _multiply(e, rows, depth, to, within, start, lambda c, i, count, width: _pack_transposed(
        e, columns, (c, last), i, count, width
    ))


def _multiply(
    e: Emitter,
    rows: Rows,
    depth: Value,
    to: Matrix,
    within: Range,
    start: Pointer | None,
    pack: Callable[[Value, Value, Value, Value], None],
) -> None:
    with (
        e.loop(within.stop, start=within.first, step=BLOCK) as c,
        e.loop(depth, step=PANEL_DEPTH) as i,
    ):
        width = e.integer_minimum(within.stop - c, BLOCK)
        count = e.integer_minimum(depth - i, PANEL_DEPTH)
        pack(c, i, count, width)
        target = Matrix(to.start + c, to.step)
        begin = start + c if start else None
        with e.loop(rows.count, step=e.isa.tile_rows) as r:
            pointers = rows.tile(r, i)
            with e.loop(width, step=e.isa.tile_columns) as t:
                tile = _Tile(e, target, rows.count, r, width, t)
                panel = e.scratch + TILE_VALUES + t * PANEL_DEPTH
                sums = tile.begin(begin, i.equals(0))
                _accumulate(e, pointers, rows.step, panel, count, sums)
                tile.store(sums)
