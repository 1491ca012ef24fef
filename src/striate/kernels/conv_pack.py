"""Packed filters: blocks of as many filters as a micro-tile has columns, cell by cell.

[K, Fh, Fw, C] becomes [blocks][Fh·Fw·C][columns], so that the inner loop of a convolution reads
its filters as one contiguous stream. The last block of a group is filled up with zeros.
"""

from __future__ import annotations

from striate.kernels.base import NativeKernel
from striate.kernels.emitter import Emitter
from striate.kernels.memory_ops import clamped, copy, fill
from striate.kernels.micro_tile import LINE
from striate.kernels.shuffles import transpose
from striate.layers import Shape
from striate.layers.conv import Conv
from striate.plan.records import Launch

AHEAD = 8
"""Filters ahead of the one that is copied, for which memory is asked: they lie far apart."""


class PackFilters(NativeKernel, frozen=True):
    """w, packed, filters per group, cells, blocks per group. One chunk is one block."""

    def emit(self, e: Emitter) -> None:
        w, packed = e.pointer(0), e.pointer(1)
        filters, cells, blocks = e.argument(2), e.argument(3), e.argument(4)
        columns = e.isa.tile_columns
        group, block = e.chunk // blocks, e.chunk % blocks
        first = block * columns
        count = e.integer_minimum(filters - first, columns)
        source = w + (group * filters + first) * cells
        to = packed + e.chunk * cells * columns
        whole = cells & -e.lanes
        for v in range(0, columns, e.lanes):
            # A cell at a time would come back to the same lines of all filters, which may share
            # few places of a cache.
            own = [clamped(e, e.integer(v + i), count - 1) for i in range(e.lanes)]
            rows = [source + index * cells for index in own]
            with e.loop(whole, step=e.lanes) as cell:
                square = [e.select(count > v + i, r.vector(cell), 0.0) for i, r in enumerate(rows)]
                for i, filters_of_cell in enumerate(transpose(e, square)):
                    to.store_vector(filters_of_cell, (cell + i) * columns + v)
        with e.loop(cells, start=whole) as cell:
            with e.loop(count) as k:
                to.store(source.load(k * cells + cell), cell * columns + k)
            with e.loop(columns, start=count) as k:
                to.store(0.0, cell * columns + k)


class PackFlipped(NativeKernel, frozen=True):
    """w, packed, filters per group, channels per group, blocks per group; then, for the rows and
    for the columns of the filters, their number, the first one, the step and the count to take.

    The filters of backward-data: rotated by 180 degrees, with channels and filters exchanged (the
    notes: "also a convolution, but with spatially-flipped filters"):
    packed[block][row][column][k][columns] = w[k][last row - row][last column - column][channel].
    One chunk is one block.
    """

    def emit(self, e: Emitter) -> None:
        w, packed = e.pointer(0), e.pointer(1)
        filters, depth, blocks = (e.argument(i) for i in range(2, 5))
        _, top, down, rows = (e.argument(i) for i in range(5, 9))
        width, left, across, columns = (e.argument(i) for i in range(9, 13))
        cells = e.argument(5) * width
        lanes = e.isa.tile_columns
        group, block = e.chunk // blocks, e.chunk % blocks
        first = block * lanes
        count = e.integer_minimum(depth - first, lanes)
        to = packed + e.chunk * rows * columns * filters * lanes
        with e.loop(rows) as i, e.loop(columns) as j, e.loop(filters) as k:
            row = top + (rows - 1 - i) * down
            column = left + (columns - 1 - j) * across
            cell = row * width + column
            source = w + ((group * filters + k) * cells + cell) * depth + first
            target = to + ((i * columns + j) * filters + k) * lanes
            for line in range(0, lanes, LINE):
                e.prefetch(source + (line + AHEAD * cells * depth))
            copy(e, target, source, count)
            fill(e, target + count, lanes - count)


def blocks_of(count: int, columns: int) -> int:
    """How many blocks of so many columns hold ``count`` filters."""
    return -(-count // columns)


def pack_forward(conv: Conv, x: Shape, columns: int) -> tuple[Launch, int]:
    """The launch that packs filters for the forward pass, and the bytes it fills."""
    filters = conv.filters // conv.groups
    cells = conv.window.cells * x.channels // conv.groups
    blocks = blocks_of(filters, columns)
    arguments = ("w.w", "scratch.packed", filters, cells, blocks)
    launch = Launch(PackFilters(), conv.groups * blocks, arguments, prepare=True)
    return launch, conv.groups * blocks * cells * columns * 4
