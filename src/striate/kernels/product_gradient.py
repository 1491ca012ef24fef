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
from striate.kernels.micro_tile import Stream, add_products
from striate.kernels.product import SKEW
from striate.kernels.values import Pointer, Value

SIZES = 12
"""The slot from which on the numbers of the lattice stand."""


@dataclass(frozen=True)
class Rows:
    """Rows in memory: the first one, values from one to the next, values of one."""

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
            self._sum_block(e, dy, sums, (first, count))

    def _sum_block(
        self, e: Emitter, dy: Rows, sums: Pointer, positions: tuple[Value, Value]
    ) -> None:
        """Add up a block of positions: its first, and how many."""
        channels, slices, width, shared, cells, across = (
            e.argument(i) for i in (5, 7, 8, 9, 10, 11)
        )
        first, count = positions
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
            with e.loop(dy.length, step=self.columns) as k:
                to = sums + (k * (number_of_sums + 1) + (cell * channels + c) * self.columns)
                factors = panel, e.scratch + k * self.block
                turn = k // self.columns * (width // e.isa.tile_rows)
                self._sweep(e, factors, to, (count, depth, row), _Turns(e, ahead, turn))

    def _ahead(
        self, e: Emitter, dy: Rows, first: Value, after: tuple[Value, Value]
    ) -> tuple[_Wanted, _Wanted] | None:
        """What the next panels are made of: the next slice, or the next block's first, and the next
        block's dy.

        Where a window skips pixels, neighbouring cells see much the same ones: nothing is asked
        for, which pays for the room that it takes between the multiply-adds.
        """
        if not self.every:
            return None
        (c, last), channels, width = after, e.argument(5), e.argument(8)
        begin = first + self.block
        pairs = dy.length // self.columns * (width // e.isa.tile_rows) // 2
        pairs = e.integer_maximum(pairs, 1)
        each = (self.block + (pairs - 1)) // pairs
        x = e.pointer(0) + (e.select(last, begin, first) * channels + e.select(last, 0, c))
        gradients, pixels = (
            Rows(dy.start + begin * dy.step, dy.step, dy.length),
            Rows(x, channels, width),
        )
        return (
            _Wanted(gradients, each, (dy.length + (self.block - 1)) // self.block * each),
            _Wanted(pixels, each, (width + (self.block - 1)) // self.block * each),
        )

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
        turns: _Turns,
    ) -> None:
        """All channels of the panel, a tile of neighbouring channels at a time."""
        (panel, dy), (count, depth, row), rows = factors, sizes, e.isa.tile_rows
        terms = count, row
        whole = depth // rows * rows
        with e.loop(whole, step=rows) as c:
            to_tile, shape = to + c * self.columns, (rows, self.columns)
            ahead = turns.stream(c // rows, self.block)
            add_products(e, (panel + c, dy), to_tile, terms, shape, ahead)
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
class _Wanted:
    """Rows of memory that are wanted soon: how many of them are asked for in a turn, and by how
    many values a step of it goes on."""

    rows: Rows
    each: Value
    step: Value


@dataclass(frozen=True)
class _Turns:
    """Micro-tiles in which memory is asked for, one kind of rows and the other in turns, so that it
    has come when it is wanted and nothing waits for it.

    Attributes:
        e: the emitter.
        wanted: what is wanted, if anything is.
        first: number of the first turn here.
    """

    e: Emitter
    wanted: tuple[_Wanted, _Wanted] | None
    first: Value

    def stream(self, number: Value, count: int) -> Stream | None:
        """This turn's share of so many rows."""
        if self.wanted is None:
            return None
        e, turn = self.e, self.first + number

        def share(wanted: _Wanted) -> Stream:
            row = e.integer_minimum(turn // 2 * wanted.each, count - 1)
            return Stream(wanted.rows.start + row * wanted.rows.step, wanted.step)

        even, odd = (share(wanted) for wanted in self.wanted)
        is_odd = (turn & 1).equals(1)
        start = e.select_pointer(is_odd, odd.start, even.start)
        return Stream(start, e.select(is_odd, odd.step, even.step))
