"""Convolution as a matrix product: all positions of the batch x cells and channels x filters.

Positions are taken in blocks whatever image they lie in, cells one by one and channels in slices,
so that what a block sees of a slice stays in the second-level cache. It is copied to a panel whose
rows are a little longer than any slice: at a distance of a power of two they would fall on the same
cache sets. The notes' im2col, one slice at a time. While micro-tiles are summed up, what is read
next is asked for: filters, pixels, and what the next micro-tile finds where its sums go.
"""

from __future__ import annotations

from striate.kernels.base import NativeKernel
from striate.kernels.emitter import Emitter
from striate.kernels.lattice import NUMBERS, Lattice
from striate.kernels.memory_ops import fill
from striate.kernels.micro_tile import LINE
from striate.kernels.moments import Moments
from striate.kernels.past_caches import told
from striate.kernels.product_block import Block, Filters, Slice
from striate.kernels.values import Value

SKEW = 16
"""Floats by which a row of the panel is longer than its slice of channels."""

SIZES = 17
"""The slot from which on the numbers of the two lattices stand."""


class ProductConvolution(NativeKernel, frozen=True):
    """x, packed filters, bias, y, mask, positions, blocks that they are cut in, blocks in a chunk,
    positions in a block at most, channels, filters, slices of the channels, channels of a slice,
    parts that the blocks of filters are cut in, cells of a filter and of a row of it, values from
    one pixel of y to the next; then the `Lattice.arguments` of x, and of y and the mask; the
    `Moments` of y, whose slices are the blocks, and their row; whether y goes past the caches.

    One chunk is a few blocks of positions, which are whole micro-tiles, for one part of the
    filters.

    Attributes:
        left: filters behind the last whole block.
        columns: filters in a block.
        height: positions of a micro-tile.
        row: values from one row of the panel to the next, more than a slice has channels.
        every: whether the positions are the pixels of x, and of y; where they are not those of x,
            cells may lie in its padding.
        bias, relu, masked: as in `striate.kernels.conv_direct.DirectConvolution`.
        adds: whether the sums start from what y holds.
        plus: whether what is in the place of the mask is added to the sums.
        moments: whether those of y are wanted.
        past_caches: whether y may be written past them, if its sums begin and end with one slice.
    """

    left: int
    columns: int
    height: int
    row: int
    every: tuple[bool, bool]
    bias: bool
    relu: bool = False
    masked: bool = False
    adds: bool = False
    plus: bool = False
    moments: bool = False
    past_caches: bool = False

    def scratch(self, most: int) -> int:
        """Bytes of private memory for so many positions in a block."""
        return 4 * (self.columns + most * (6 + self.row) + LINE)

    def emit(self, e: Emitter) -> None:
        positions, blocks, run, parts = (e.argument(i) for i in (5, 6, 7, 13))
        rows = self.height
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
        if self.past_caches:
            e.order_stores()

    def _emit_block(self, e: Emitter, number: Value, positions: tuple[Value, Value, Value]) -> None:
        """A block of positions by its number; its first position, how many there are, and how many
        the next one of the chunk has."""
        x, packed, following = e.pointer(0), e.pointer(1), positions[2]
        channels, filters, slices, width, parts, cells, across = (
            e.argument(i) for i in range(9, SIZES - 1)
        )
        source, part = Lattice.read(e, SIZES), e.chunk % parts
        block = self._block(e, number, positions, part)
        whole, stride = filters // self.columns, cells * channels * self.columns
        size = (whole + bool(self.left) + (parts - 1)) // parts
        begin, panel = part * size, block.panel(e.argument(8))
        with e.loop(cells * slices) as turn:
            cell, start = turn // slices, turn % slices * width
            depth = e.integer_minimum(channels - start, width)
            block.pack(source, x + start, panel, depth, (cell // across, cell % across))
            weights = packed + (cell * channels + start) * self.columns
            ends = turn.equals(cells * slices - 1)
            sums = Slice(panel, depth, turn.equals(0), ends)
            after = e.select(ends, 0, turn + 1)
            cell, start = after // slices, after % slices * width
            shift = source.shift((cell // across, cell % across)) * channels + start
            soon = block.soon(source, sums, (x + shift, following, size))
            with e.loop(e.integer_minimum(begin + size, whole), start=begin) as i:
                factor = Filters(weights + i * stride, stride, self.columns, i - begin)
                block.sweep(sums, factor, i * self.columns, soon)
            if self.left:
                factor = Filters(weights + whole * stride, e.integer(0), self.left, whole - begin)
                with e.when(part.equals(whole // size)):
                    block.sweep(sums, factor, whole * self.columns, soon)

    def _block(
        self, e: Emitter, number: Value, positions: tuple[Value, Value, Value], part: Value
    ) -> Block:
        """The block with its tables written down."""
        first, count, following = positions
        source, target = (Lattice.read(e, slot) for slot in (SIZES, SIZES + NUMBERS))
        tables = e.room(self.columns, "i64"), e.room(self.columns + e.argument(8) * 2, "i64")
        moments = Moments(e.argument(SIZES + 2 * NUMBERS + 1), e.lanes)
        own = e.pointer(SIZES + 2 * NUMBERS) + number * moments.step
        past = told(e, self.past_caches, SIZES + 2 * NUMBERS + 2)
        block = Block(e, self, first, count, *tables, (own, moments), past)
        block.write_places(target, e.argument(SIZES - 1))
        if not self.every[0]:
            block.write_seen(source, following)
        if self.moments:
            with e.when(part.equals(0)):
                block.write_count()
        return block
