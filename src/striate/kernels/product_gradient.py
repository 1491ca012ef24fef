"""Backward-filter as a matrix product: positions are summed over, cells and channels x filters are
the result.

A block of positions is taken in slices of a cell's channels, each copied to panels as wide as a
micro-tile, so that its sums run over many positions whatever the size of a row of the image, and
read one piece of memory.
"""

from __future__ import annotations

from msgspec import Struct

from striate.kernels.base import NativeKernel
from striate.kernels.emitter import Emitter
from striate.kernels.isa import Isa
from striate.kernels.lattice import Lattice
from striate.kernels.memory_ops import fill
from striate.kernels.micro_tile import LINE, Stream, add_products
from striate.kernels.product import SKEW
from striate.kernels.values import Operand, Pointer, Value

SIZES = 13
"""The slot from which on the numbers of the lattice stand."""


class Rows(Struct, frozen=True):
    """Rows in memory: the first one, values from one to the next, values of one."""

    start: Pointer
    step: Value
    length: Value


class ProductGradient(NativeKernel, frozen=True):
    """x, dy, partial sums, positions, parts that they are cut in, channels, filters, slices of the
    channels, channels of a slice, blocks of filters in a chunk, cells of a filter and of a row of
    it, slices of all cells in a chunk; then the `Lattice.arguments` of x.

    One chunk is one part of the positions, a few blocks of filters and a few slices. A partial
    block is [cells·channels + 1][columns]: the last row is the bias's gradient. A slice is whole
    micro-tiles.

    Attributes:
        left: how many channels there may be behind the last whole micro-tile.
        every: whether the positions are the pixels of x; otherwise cells may lie in its padding.
        block: positions that are summed in registers.
        columns: filters in a block.
    """

    left: tuple[int, ...]
    every: bool
    block: int
    columns: int

    def scratch(self, isa: Isa, width: int, shared: int) -> int:
        """Bytes of private memory for channels in a slice and blocks of filters in a chunk."""
        panels = width // isa.tile_rows * (self.block * isa.tile_rows + SKEW)
        return 4 * (self.block * (shared * self.columns + 4) + panels)

    def emit(self, e: Emitter) -> None:
        positions, parts, filters, shared = (e.argument(i) for i in (3, 4, 6, 9))
        blocks = (filters + (self.columns - 1)) // self.columns
        shares, groups = (blocks + (shared - 1)) // shared, self._groups(e)
        part, first_block = e.chunk // groups // shares, e.chunk // groups % shares * shared
        wanted = e.integer_minimum(blocks - first_block, shared)
        size = (e.argument(10) * e.argument(5) + 1) * self.columns
        sums = e.pointer(2) + (part * blocks + first_block) * size
        dy = Rows(e.pointer(1) + first_block * self.columns, filters, wanted * self.columns)
        self._clear(e, sums, dy.length)
        start, stop = part * positions // parts, (part + 1) * positions // parts
        with e.loop(stop, start=start, step=self.block) as first:
            count, following = (
                e.integer_maximum(e.integer_minimum(stop - begin, self.block), 0)
                for begin in (first, first + self.block)
            )
            self._sum_block(e, dy, sums, _Block(e, self, first, count, following))

    def _groups(self, e: Emitter) -> Value:
        """Groups of slices, one for each chunk."""
        slices, taken = e.argument(7) * e.argument(10), e.argument(12)
        return (slices + (taken - 1)) // taken

    def _slices(self, e: Emitter) -> tuple[Value, Value, Value]:
        """The chunk's slices, the first one and the one behind the last, and how many there are in
        all."""
        every, taken = e.argument(7) * e.argument(10), e.argument(12)
        begin = e.chunk % self._groups(e) * taken
        return begin, e.integer_minimum(begin + taken, every), every

    def _clear(self, e: Emitter, sums: Pointer, filters: Value) -> None:
        """Set the chunk's sums to zero; the bias's belong to the last slice."""
        channels, slices, width, cells = (e.argument(i) for i in (5, 7, 8, 10))
        begin, stop, every = self._slices(e)
        first, end = (n // slices * channels + n % slices * width for n in (begin, stop))
        rows = e.select(stop.equals(every), cells * channels + 1, end) - first
        with e.loop(filters, step=self.columns) as k:
            to = sums + (k * (cells * channels + 1) + first * self.columns)
            fill(e, to, rows * self.columns)

    def _sum_block(self, e: Emitter, dy: Rows, sums: Pointer, block: _Block) -> None:
        """Add up a block of positions."""
        channels, slices, width, cells, across = (e.argument(i) for i in (5, 7, 8, 10, 11))
        source, number_of_sums = Lattice.read(e, SIZES), cells * channels
        begin, stop, every = self._slices(e)
        if not self.every:
            block.write_seen(source)
        with e.loop(dy.length, step=self.columns) as k:
            bias = sums + (k * (number_of_sums + 1) + number_of_sums * self.columns)
            # Panels are free yet: what other chunks sum up for the bias goes there.
            bias = e.select_pointer(stop.equals(every), bias, block.panel(e.integer(0)))
            of_block = dy.start + block.first * dy.step + k, dy.step
            self._pack_gradients(e, of_block, e.scratch + k * self.block, block.count, bias)
        with e.loop(stop, start=begin) as number:
            cell, c = number // slices, number % slices * width
            depth = e.integer_minimum(channels - c, width)
            block.pack(source, e.pointer(0) + c, depth, (cell // across, cell % across))
            last = (number + 1).equals(stop)
            after = e.select(last, begin, number + 1)
            cell_after = (after // slices // across, after // slices % across)
            shift = source.shift(cell_after) * channels + after % slices * width
            turns = _turns(block, dy, e.pointer(0) + shift, last, source.step[1])
            with e.loop(dy.length, step=self.columns) as k:
                to = sums + (k * (number_of_sums + 1) + (cell * channels + c) * self.columns)
                turn = k // self.columns * (width // e.isa.tile_rows)
                self._sweep(block, e.scratch + k * self.block, to, depth, (turns, turn))

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
        self, block: _Block, dy: Pointer, to: Pointer, depth: Value, turns: tuple[_Turns, Value]
    ) -> None:
        """All channels of a slice, a tile of neighbouring channels at a time; the turns in which
        memory is asked for, and the number of the first one."""
        e, rows, (ahead, turn) = block.e, block.e.isa.tile_rows, turns
        terms = block.count, rows
        whole = depth // rows * rows
        with e.loop(whole, step=rows) as c:
            factors, shape = (block.panel(c // rows), dy), (rows, self.columns)
            stream = ahead.stream(turn + c // rows)
            add_products(e, factors, to + c * self.columns, terms, shape, stream)
        for left in self.left:
            with e.when((depth - whole).equals(left)):
                factors, shape = (block.panel(whole // rows), dy), (left, self.columns)
                stream = ahead.stream(turn + whole // rows)
                add_products(e, factors, to + whole * self.columns, terms, shape, stream)


class _Block(Struct, frozen=True):
    """A block of positions that is summed up: its first, how many, and how many the next has."""

    e: Emitter
    kernel: ProductGradient
    first: Value
    count: Value
    following: Value

    @property
    def _table(self) -> Value:
        """Where the table stands in private memory: behind the gradients."""
        return self.e.argument(9) * (self.kernel.block * self.kernel.columns)

    @property
    def _size(self) -> int:
        """Values from one panel to the next, which fall on different cache sets."""
        return self.kernel.block * self.e.isa.tile_rows + SKEW

    def write_seen(self, source: Lattice) -> None:
        """Write down what the first cell sees at each position of this block and the next one, as
        an offset in x."""
        e, table = self.e, self.e.room(self._table, "i64")
        with source.walk(e, (self.first, self.count + self.following)) as seen:
            table.store(seen.pixel * e.argument(5), seen.index)

    def seen(self, index: Value) -> Value:
        """What the first cell sees at a position of this block or the next one."""
        if self.kernel.every:
            return (self.first + index) * self.e.argument(5)
        return self.e.room(self._table, "i64").load(index)

    def panel(self, tile: Value) -> Pointer:
        """The panel of a micro-tile's channels, [positions][channels]."""
        return self.e.scratch + (self._table + 4 * self.kernel.block + tile * self._size)

    def pack(self, source: Lattice, x: Pointer, depth: Value, cell: tuple[Value, Value]) -> None:
        """Copy what a cell sees of a slice of so many channels, which x starts with, to the panels;
        zeros in the padding.

        Whole vectors are copied, whose last lanes the next position overwrites.
        """
        e, kernel, rows = self.e, self.kernel, self.e.isa.tile_rows
        own, tiles = (self.first, self.count), (depth + (rows - 1)) // rows
        with source.walk(e, own, cell, kernel.every, bounded=True) as seen:
            start, to = x + seen.pixel * e.argument(5), self.panel(e.integer(0)) + seen.index * rows
            if seen.inside is None:
                self._copy(to, start, tiles)
            else:
                with e.when(seen.inside):
                    self._copy(to, start, tiles)
                with e.when(seen.inside ^ True):
                    self._copy(to, None, tiles)

    def _copy(self, to: Pointer, source: Pointer | None, tiles: Value) -> None:
        """A position's channels to its place in so many panels; zeros where they come from
        nowhere."""
        e, rows = self.e, self.e.isa.tile_rows
        with e.loop(tiles) as tile:
            for v in range(0, rows, e.lanes):
                value = e.splat(0.0) if source is None else source.vector(tile * rows + v)
                to.store_vector(value, tile * self._size + v)


class _Turns(Struct, frozen=True):
    """Micro-tiles in which memory is asked for, so that it has come when it is wanted: the pixels
    of the next slice or block, and, while the last slice is summed up, the next block's gradients
    in every second turn.

    Attributes:
        block: what is summed up.
        x: the volume from where the next cell and slice begin.
        dy: the next block's gradients.
        last: whether this is the last slice.
        each: positions that are asked for in a turn.
        index: in the block's table, of the first and the last position that is wanted.
        steps: values by which a term goes on, for pixels and for gradients.
    """

    block: _Block
    x: Pointer
    dy: Rows
    last: Value
    each: Value
    index: tuple[Value, Value]
    steps: tuple[Value, Value]

    def stream(self, turn: Value) -> Stream:
        """This turn's share."""
        e, (first, end), (along, down) = self.block.e, self.index, self.steps
        row = e.select(self.last, turn // 2, turn) * self.each
        seen = self.block.seen(e.integer_minimum(first + row, end))
        odd = self.last & (turn & 1).equals(1)
        start = e.select_pointer(odd, self.dy.start + row * self.dy.step, self.x + seen)
        return Stream(start, e.select(odd, down, along))


def _turns(block: _Block, dy: Rows, x: Pointer, last: Value, across: Operand) -> _Turns:
    """The turns of a slice: the gradients, the volume from where the next cell and slice begin,
    whether the slice is the last one, and the pixels from one position to the next."""
    e, size = block.e, block.kernel.block
    channels, width = e.argument(5), e.argument(8)
    turns = dy.length // block.kernel.columns * (width // e.isa.tile_rows)
    turns = e.integer_maximum(e.select(last, turns // 2, turns), 1)
    each = (size + (turns - 1)) // turns
    first = e.select(last, block.count, 0)
    end = first + e.select(last, block.following, block.count) - 1
    # Where a turn asks for several positions, what lies between their slices comes, too.
    span = e.select(each.equals(1), width, each * channels * across)
    along, down = (
        e.integer_minimum((values + (size - 1)) // size, LINE)
        for values in (span, each * dy.length)
    )
    following = Rows(dy.start + (block.first + size) * dy.step, dy.step, dy.length)
    ends = first, e.integer_maximum(end, 0)
    return _Turns(block, x, following, last, each, ends, (along, down))
