"""Backward-filter as a matrix product: positions are summed over, cells and channels x filters are
the result.

A block of positions is taken in slices of a cell's channels, each copied to a panel, so that the
sums of a micro-tile run over many positions whatever the size of a row of the image.
"""

from __future__ import annotations

from dataclasses import dataclass

from striate.kernels.base import NativeKernel
from striate.kernels.emitter import Emitter
from striate.kernels.lattice import Lattice, copy_seen
from striate.kernels.memory_ops import fill
from striate.kernels.micro_tile import LINE, add_products
from striate.kernels.product import SKEW
from striate.kernels.values import Pointer, Value

SIZES = 12
"""The slot from which on the numbers of the lattice stand."""


@dataclass(frozen=True)
class Rows:
    """Rows in memory that are wanted soon: the first one, values from one to the next, values of
    one."""

    start: Pointer
    step: Value
    length: Value


@dataclass(frozen=True)
class ProductGradient(NativeKernel):
    """x, dy, partial sums, positions, parts that they are cut in, channels, filters, slices of the
    channels, channels of a slice, blocks of filters in a chunk, cells of a filter and of a row of
    it; then the `Lattice.arguments` of x.

    One chunk is one part of the positions and a few blocks of filters. A partial block is
    [cells·channels + 1][columns]: the last row is the bias's gradient. A slice is whole
    micro-tiles.

    Attributes:
        left: channels behind the last whole micro-tile.
        every: whether the positions are the pixels of x.
        bounded: whether cells may lie in the padding of x.
        block: positions that are summed in registers.
        columns: filters in a block.
    """

    left: int
    every: bool
    bounded: bool
    block: int
    columns: int

    def scratch(self, width: int, shared: int) -> int:
        """Bytes of private memory for channels in a slice and blocks of filters in a chunk."""
        return 4 * self.block * (width + SKEW + shared * self.columns)

    def emit(self, e: Emitter) -> None:
        positions, parts, filters, shared = (e.argument(i) for i in (3, 4, 6, 9))
        blocks = (filters + (self.columns - 1)) // self.columns
        shares = (blocks + (shared - 1)) // shared
        part, first_block = e.chunk // shares, e.chunk % shares * shared
        wanted = e.integer_minimum(blocks - first_block, shared)
        size = (e.argument(10) * e.argument(5) + 1) * self.columns
        sums = e.pointer(2) + (part * blocks + first_block) * size
        fill(e, sums, wanted * size)
        dy = Rows(e.pointer(1) + first_block * self.columns, filters, wanted * self.columns)
        start, stop = part * positions // parts, (part + 1) * positions // parts
        with e.loop(stop, start=start, step=self.block) as first:
            count = e.integer_minimum(stop - first, self.block)
            ahead = e.integer_maximum(stop - (first + self.block), 0)
            self._sum_block(e, dy, sums, (first, count, e.integer_minimum(ahead, self.block)))

    def _sum_block(
        self, e: Emitter, dy: Rows, sums: Pointer, positions: tuple[Value, Value, Value]
    ) -> None:
        """Add up a block of positions: its first, how many, and how many the next one has."""
        channels, slices, width, shared, cells, across = (
            e.argument(i) for i in (5, 7, 8, 9, 10, 11)
        )
        first, count, following = positions
        x, source, number_of_sums = e.pointer(0), Lattice.read(e, SIZES), cells * channels
        panel, row = e.scratch + shared * (self.block * self.columns), width + SKEW
        with e.loop(dy.length, step=self.columns) as k:
            bias = sums + (k * (number_of_sums + 1) + number_of_sums * self.columns)
            of_block = dy.start + first * dy.step + k, dy.step
            self._pack_gradients(e, of_block, e.scratch + k * self.block, count, bias)
        with e.loop(cells * slices) as number:
            cell, c = number // slices, number % slices * width
            depth = e.integer_minimum(channels - c, width)
            own, at = (first, count), (cell // across, cell % across)
            with source.walk(e, own, at, self.every, self.bounded) as seen:
                copy_seen(e, panel + seen.index * row, x + c, seen, (channels, depth))
            last = number.equals(cells * slices - 1)
            ahead = self._ahead(e, dy, first, (c + width, last))
            rows = e.select(last, following, count)
            with e.loop(dy.length, step=self.columns) as k:
                to = sums + (k * (number_of_sums + 1) + (cell * channels + c) * self.columns)
                factors = panel, e.scratch + k * self.block
                turn = k // self.columns * (width // e.isa.tile_rows)
                turns = dy.length // self.columns * (width // e.isa.tile_rows)
                fetch = _Fetch(e, ahead, rows, turn, turns)
                self._sweep(e, factors, to, (count, depth, row), fetch)

    def _ahead(
        self, e: Emitter, dy: Rows, first: Value, after: tuple[Value, Value]
    ) -> tuple[Rows, Rows]:
        """What the next panel is made of: the next slice, or the next block's first and its dy.

        Where a window skips pixels, neighbouring cells see much the same ones: those are not asked
        for.
        """
        (c, last), channels, width = after, e.argument(5), e.argument(8)
        begin = e.select(last, first + self.block, first)
        start = begin * channels + e.select(last, 0, c)
        x = Rows(e.pointer(0) + start, channels, width if self.every else e.integer(0))
        length = e.select(last, dy.length, 0)
        return x, Rows(dy.start + begin * dy.step, dy.step, length)

    def _pack_gradients(
        self,
        e: Emitter,
        columns: tuple[Pointer, Value],
        to: Pointer,
        pixels: Value,
        bias: Pointer,
    ) -> None:
        """The block's columns of dy, pixel after pixel, and their sum for the bias.

        Lanes behind the last filter hold what comes next in memory; nobody reads their sums.
        """
        (source, filters), vectors = columns, range(self.columns // e.lanes)
        totals = [e.variable(bias.vector(v * e.lanes)) for v in vectors]
        with e.loop(pixels) as pixel:
            for v, total in enumerate(totals):
                value = source.vector(pixel * filters + v * e.lanes)
                to.store_vector(value, pixel * self.columns + v * e.lanes)
                total.value = total.value + value
        for v, total in enumerate(totals):
            bias.store_vector(total.value, v * e.lanes)

    def _sweep(
        self,
        e: Emitter,
        factors: tuple[Pointer, Pointer],
        to: Pointer,
        sizes: tuple[Value, Value, Value],
        fetch: _Fetch,
    ) -> None:
        """All channels of the panel, a tile of neighbouring channels at a time."""
        (panel, dy), (count, depth, row), rows = factors, sizes, e.isa.tile_rows
        terms = count, row
        whole = depth // rows * rows
        with e.loop(whole, step=rows) as c:
            fetch.share(c // rows)
            add_products(e, (panel + c, dy), to + c * self.columns, terms, (rows, self.columns))
        if self.left:
            with e.when(whole < depth):
                add_products(
                    e,
                    (panel + whole, dy),
                    to + whole * self.columns,
                    terms,
                    (self.left, self.columns),
                )


@dataclass(frozen=True)
class _Fetch:
    """Asks for rows of memory in turns, a few between two micro-tiles, so that they have come when
    they are wanted and nothing waits for them.

    Attributes:
        e: the emitter.
        rows: what is wanted.
        count: how many rows of each.
        turn: number of the first turn here.
        turns: among how many turns the rows are shared.
    """

    e: Emitter
    rows: tuple[Rows, Rows]
    count: Value
    turn: Value
    turns: Value

    def share(self, number: Value) -> None:
        """This turn's rows."""
        e, turn = self.e, self.turn + number
        start, stop = turn * self.count // self.turns, (turn + 1) * self.count // self.turns
        with e.loop(stop, start=start) as i:
            for rows in self.rows:
                with e.loop(rows.length, step=LINE) as value:
                    e.prefetch(rows.start + (i * rows.step + value))
