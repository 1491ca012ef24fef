"""Convolution as a matrix product: all positions of the batch x cells and channels x filters.

Positions are taken in blocks whatever image they lie in, cells one by one and channels in slices,
so that what a block sees of a slice stays in the second-level cache. It is copied to a panel whose
rows are a little longer than any slice: at a distance of a power of two they would fall on the same
cache sets. The notes' im2col, one slice at a time. While micro-tiles are summed up, what is read
next is asked for: filters, pixels, and what the next micro-tile finds where its sums go.
"""

from __future__ import annotations

from contextlib import AbstractContextManager
from dataclasses import dataclass

from striate.kernels.base import NativeKernel
from striate.kernels.conv_direct import Target
from striate.kernels.emitter import Emitter
from striate.kernels.lattice import NUMBERS, Lattice, copy_seen
from striate.kernels.memory_ops import copy, fill
from striate.kernels.micro_tile import LINE, dot_products
from striate.kernels.moments import Moments, TileMoments
from striate.kernels.product_ahead import Filters, Soon
from striate.kernels.values import Operand, Pointer, Value

SKEW = 16
"""Floats by which a row of the panel is longer than its slice of channels."""

SIZES = 17
"""The slot from which on the numbers of the two lattices stand."""


@dataclass(frozen=True)
class ProductConvolution(NativeKernel):
    """x, packed filters, bias, y, mask, positions, blocks that they are cut in, blocks in a chunk,
    positions in a block at most, channels, filters, slices of the channels, channels of a slice,
    parts that the blocks of filters are cut in, cells of a filter and of a row of it, values from
    one pixel of y to the next; then the `Lattice.arguments` of x, and of y and the mask; the
    `Moments` of y, whose slices are the blocks, and their row.

    One chunk is a few blocks of positions, which are whole micro-tiles, for one part of the
    filters.

    Attributes:
        left: filters behind the last whole block.
        columns: filters in a block.
        row: values from one row of the panel to the next, more than a slice has channels.
        every: whether the positions are the pixels of x, and of y.
        bounded: whether cells may lie in the padding of x.
        bias, relu, masked: as in `striate.kernels.conv_direct.DirectConvolution`.
        adds: whether the sums start from what y holds.
        plus: whether what is in the place of the mask is added to the sums.
        moments: whether those of y are wanted.
    """

    left: int
    columns: int
    row: int
    every: tuple[bool, bool]
    bounded: bool
    bias: bool
    relu: bool = False
    masked: bool = False
    adds: bool = False
    plus: bool = False
    moments: bool = False

    def scratch(self, most: int) -> int:
        """Bytes of private memory for so many positions in a block."""
        return 4 * (self.columns + most * (2 + self.row))

    def emit(self, e: Emitter) -> None:
        positions, blocks, run, parts = (e.argument(i) for i in (5, 6, 7, 13))
        rows = e.isa.tile_rows
        tiles = (positions + (rows - 1)) // rows
        fill(e, e.scratch, self.columns)
        begin = e.chunk // parts * run
        with e.loop(e.integer_minimum(begin + run, blocks), start=begin) as number:
            # Blocks differ by one micro-tile, so that no thread waits for the last one.
            first, after, end = (
                e.integer_minimum((number + i) * tiles // blocks * rows, positions)
                for i in range(3)
            )
            following = e.select(number + 1 < begin + run, end - after, 0)
            self._emit_block(e, number, (first, after - first, following))

    def _emit_block(self, e: Emitter, number: Value, positions: tuple[Value, Value, Value]) -> None:
        """A block of positions by its number; its first position, how many there are, and how many
        the next one of the chunk has."""
        x, packed, (first, count, following) = e.pointer(0), e.pointer(1), positions
        most, channels, filters, slices, width, parts, cells, across, pixel = (
            e.argument(i) for i in range(8, SIZES)
        )
        source, target = (Lattice.read(e, slot) for slot in (SIZES, SIZES + NUMBERS))
        block = _Block(e, self, number, first, count, e.room(self.columns, "i64"))
        block.write_places(target, pixel)
        part = e.chunk % parts
        if self.moments:
            with e.when(part.equals(0)):
                block.moments.write_count(e, block.own_moments(), count)
        whole, stride = filters // self.columns, cells * channels * self.columns
        size = (whole + bool(self.left) + (parts - 1)) // parts
        begin, panel = part * size, block.panel(most)
        with e.loop(cells * slices) as turn:
            cell, start = turn // slices, turn % slices * width
            depth = e.integer_minimum(channels - start, width)
            block.pack(source, x + start, panel, depth, (cell // across, cell % across))
            weights = packed + (cell * channels + start) * self.columns
            ends = turn.equals(cells * slices - 1)
            sums = _Slice(panel, depth, turn.equals(0), ends)
            soon = block.soon(x, sums, start + depth, (following, size))
            with e.loop(e.integer_minimum(begin + size, whole), start=begin) as i:
                factor = Filters(weights + i * stride, stride, self.columns, i - begin)
                block.sweep(sums, factor, i * self.columns, soon)
            if self.left:
                factor = Filters(weights + whole * stride, e.integer(0), self.left, whole - begin)
                with e.when(part.equals(whole // size)):
                    block.sweep(sums, factor, whole * self.columns, soon)


@dataclass(frozen=True)
class _Slice:
    """A slice of a cell's channels in the panel; whether it is the first and the last of all."""

    panel: Pointer
    depth: Value
    begins: Value
    ends: Value


@dataclass(frozen=True)
class _Block:
    """One block of positions in the making.

    Attributes:
        e: the emitter.
        kernel: what is emitted.
        number: of the block.
        first: of the positions.
        count: how many there are.
        places: where each position's outputs go, as an offset in y; the last one fills up the last
            micro-tile.
    """

    e: Emitter
    kernel: ProductConvolution
    number: Value
    first: Value
    count: Value
    places: Pointer

    def panel(self, most: Value) -> Pointer:
        """The panel: private memory behind as many places as there are at most."""
        return self.e.scratch + (self.kernel.columns + most * 2)

    def target(self, k: Value) -> Target:
        """Where the filters from k on find their bias, and put their first output."""
        bias, y, mask = (self.e.pointer(i) for i in (2, 3, 4))
        return Target(bias + k if self.kernel.bias else self.e.scratch, y + k, mask + k)

    @property
    def moments(self) -> Moments:
        """Where the moments of blocks lie."""
        return Moments(self.e.argument(SIZES + 2 * NUMBERS + 1), self.e.lanes)

    def own_moments(self) -> Pointer:
        """Those of this block."""
        step: Value = self.moments.step
        return self.e.pointer(SIZES + 2 * NUMBERS) + self.number * step

    def write_places(self, target: Lattice, pixel: Value) -> None:
        """Write down where each position's outputs go; a pixel takes so many values."""
        own = (self.first, self.count)
        with target.walk(self.e, own, every=self.kernel.every[1]) as seen:
            self.places.store(seen.pixel * pixel, seen.index)
        with self._rest() as i:
            self.places.store(self.places.load(self.count - 1), i)

    def pack(
        self,
        source: Lattice,
        x: Pointer,
        panel: Pointer,
        depth: Value,
        cell: tuple[Operand, Operand],
    ) -> None:
        """What one cell sees of the block: a slice of so many channels."""
        e, kernel, channels = self.e, self.kernel, self.e.argument(9)
        own = (self.first, self.count)
        with source.walk(e, own, cell, kernel.every[0], kernel.bounded) as seen:
            copy_seen(e, panel + seen.index * kernel.row, x, seen, (channels, depth))
        with self._rest() as i:
            copy(e, panel + i * kernel.row, panel + (self.count - 1) * kernel.row, depth)

    def _rest(self) -> AbstractContextManager[Value]:
        """A loop over what fills up the last micro-tile."""
        rows = self.e.isa.tile_rows
        return self.e.loop((self.count + (rows - 1)) // rows * rows, start=self.count)

    def soon(self, x: Pointer, sums: _Slice, c: Value, counts: tuple[Value, Value]) -> Soon | None:
        """What is copied next, if that is easily known: where cells skip no pixels.

        Args:
            x: the volume.
            sums: the slice that is there.
            c: the first channel behind it.
            counts: positions of the next block, and blocks of filters in the chunk.
        """
        e, (following, blocks) = self.e, counts
        if not self.kernel.every[0]:
            return None
        count = e.select(sums.ends, following, self.count)
        first = self.first + e.select(sums.ends, self.count, 0)
        turns = e.integer_maximum(blocks * (self._tiles() // 2), 1)
        channels = e.argument(9)
        start = x + first * channels + e.select(sums.ends, 0, c)
        return Soon(start, channels, count, (count + (turns - 1)) // turns)

    def _tiles(self) -> Value:
        """Micro-tiles of the block."""
        rows = self.e.isa.tile_rows
        return (self.count + (rows - 1)) // rows

    def sweep(self, sums: _Slice, filters: Filters, k: Value, soon: Soon | None) -> None:
        """All tiles of the block for the block of filters from k on."""
        e, kernel, wanted, to = self.e, self.kernel, filters.wanted, self.target(k)
        shape = e.isa.tile_rows, -(-wanted // e.lanes)
        floor = e.select(sums.ends, 0.0, e.number(float("-inf")))
        with e.loop(self.count, step=e.isa.tile_rows) as tile:
            stores, values = [], list[list[Value]]()
            factors = sums.panel + tile * kernel.row, filters.start
            self._fetch_outputs(to, tile)
            ahead = filters.ahead(e, sums.depth, soon, (tile // e.isa.tile_rows, self._tiles()))
            terms = sums.depth, kernel.row
            tiles = dot_products(e, factors, terms, shape, kernel.columns, ahead)
            for r, totals in enumerate(tiles):
                place = self.places.load(tile + r)
                before = to.y + place
                if not kernel.adds:
                    before = e.select_pointer(sums.begins, to.bias, before)
                addend = e.select_pointer(sums.begins, to.mask + place, e.scratch)
                values.append([])
                for v, total in enumerate(totals):
                    lanes, where = min(e.lanes, wanted - v * e.lanes), place + v * e.lanes
                    value = total + before.vector(v * e.lanes, lanes)
                    if kernel.plus:
                        value = value + addend.vector(v * e.lanes, lanes)
                    if kernel.relu:
                        value = e.maximum(value, floor)
                    if kernel.masked:
                        value = e.select(to.mask.vector(where, lanes) > floor, value, 0.0)
                    stores.append((value, where, lanes))
                    values[-1].append(value)
            # The last position may come several times: all of them must read what was there before.
            for stored in stores:
                to.y.store_vector(*stored)
            if kernel.moments:
                with e.when(sums.ends):
                    origin, own = to.y + self.places.load(), self.own_moments() + k
                    moments = TileMoments(e, origin, own, self.moments.row, e.scratch)
                    moments.add(values, tile, self.count)

    def _fetch_outputs(self, to: Target, tile: Value) -> None:
        """Ask for what the next micro-tile reads and writes of y and the mask; behind the last one
        that is the first one of the next block of filters."""
        e, kernel = self.e, self.kernel
        wraps = tile + e.isa.tile_rows >= self.count
        following = e.select(wraps, 0, tile + e.isa.tile_rows)
        k = e.select(wraps, e.integer(kernel.columns), 0)
        for r in range(e.isa.tile_rows):
            place = self.places.load(following + r) + k
            for v in range(0, kernel.columns, LINE):
                e.prefetch(to.y + (place + v))
                if kernel.plus or kernel.masked:
                    e.prefetch(to.mask + (place + v))
