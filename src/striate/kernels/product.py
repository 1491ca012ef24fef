"""Convolution as a matrix product: all positions of the batch x cells and channels x filters.

Positions are taken in blocks whatever image they lie in, cells one by one and channels in slices,
so that what a block sees of a slice stays in the second-level cache and a block of filters in the
first. It is copied to a panel whose rows are a little longer than the slice: at a distance of a
power of two they would fall on the same cache sets. The notes' im2col, one slice at a time.
"""

from __future__ import annotations

from contextlib import AbstractContextManager
from dataclasses import dataclass

from striate.kernels.base import NativeKernel
from striate.kernels.conv_direct import Target
from striate.kernels.emitter import Emitter
from striate.kernels.lattice import NUMBERS, Lattice, Seen
from striate.kernels.memory_ops import copy, fill
from striate.kernels.micro_tile import dot_products
from striate.kernels.values import Operand, Pointer, Value

SKEW = 16
"""Floats by which a row of the panel is longer than its slice of channels."""


SIZES = 15
"""The slot from which on the numbers of the two lattices stand."""


@dataclass(frozen=True)
class ProductConvolution(NativeKernel):
    """x, packed filters, bias, y, mask, positions, positions in a chunk, channels, filters, slices
    of the channels, channels of a slice, parts that the blocks of filters are cut in, cells of a
    filter and of a row of it, values from one pixel of y to the next; then the
    `Lattice.arguments` of x, and of y and the mask.

    One chunk is one block of positions, which is whole micro-tiles, for one part of the filters.

    Attributes:
        left: filters behind the last whole block.
        columns: filters in a block.
        every: whether the positions are the pixels of x, and of y.
        bounded: whether cells may lie in the padding of x.
        bias, relu, masked: as in `striate.kernels.conv_direct.DirectConvolution`.
        adds: whether the sums start from what y holds.
        plus: whether what is in the place of the mask is added to the sums.
    """

    left: int
    columns: int
    every: tuple[bool, bool]
    bounded: bool
    bias: bool
    relu: bool = False
    masked: bool = False
    adds: bool = False
    plus: bool = False

    def scratch(self, most: int, width: int) -> int:
        """Bytes of private memory for so many positions in a block and channels in a slice."""
        return 4 * (self.columns + most * 2 + most * (width + SKEW))

    def emit(self, e: Emitter) -> None:
        x, packed, bias, y, mask = (e.pointer(i) for i in range(5))
        positions, most, channels, filters, slices, width, parts, cells, across, pixel = (
            e.argument(i) for i in range(5, SIZES)
        )
        source, target = (Lattice.read(e, slot) for slot in (SIZES, SIZES + NUMBERS))
        part, first = e.chunk % parts, e.chunk // parts * most
        count = e.integer_minimum(positions - first, most)
        block = _Block(e, self, first, count, width + SKEW, e.room(self.columns, "i64"))
        fill(e, e.scratch, self.columns)
        block.write_places(target, pixel)
        whole, stride = filters // self.columns, cells * channels * self.columns
        size = (whole + bool(self.left) + (parts - 1)) // parts
        panel = block.panel(most)
        with e.loop(cells * slices) as number:
            cell, start = number // slices, number % slices * width
            depth = e.integer_minimum(channels - start, width)
            where = (cell // across, cell % across)
            block.pack(source, x + start, panel, (channels, depth), where)
            weights = packed + (cell * channels + start) * self.columns
            ends = number.equals(cells * slices - 1)
            sums = _Slice(panel, depth, number.equals(0), ends)
            with e.loop(e.integer_minimum((part + 1) * size, whole), start=part * size) as i:
                k = i * self.columns
                to = Target(bias + k if self.bias else e.scratch, y + k, mask + k)
                block.sweep(sums, weights + i * stride, to, self.columns)
            if self.left:
                rest = whole * self.columns
                to = Target(bias + rest if self.bias else e.scratch, y + rest, mask + rest)
                with e.when(part.equals(whole // size)):
                    block.sweep(sums, weights + whole * stride, to, self.left)


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
        first: of the positions.
        count: how many there are.
        row: values from one row of the panel to the next.
        places: where each position's outputs go, as an offset in y; the last one fills up the last
            micro-tile.
    """

    e: Emitter
    kernel: ProductConvolution
    first: Value
    count: Value
    row: Value
    places: Pointer

    def panel(self, most: Value) -> Pointer:
        """The panel: private memory behind as many places as there are at most."""
        return self.e.scratch + (self.kernel.columns + most * 2)

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
        depths: tuple[Value, Value],
        cell: tuple[Operand, Operand],
    ) -> None:
        """What one cell sees of the block; depths are those of x and of the slice."""
        e, (channels, depth), kernel = self.e, depths, self.kernel
        own = (self.first, self.count)
        with source.walk(e, own, cell, kernel.every[0], kernel.bounded) as seen:
            copy_seen(e, panel + seen.index * self.row, x, seen, (channels, depth))
        with self._rest() as i:
            copy(e, panel + i * self.row, panel + (self.count - 1) * self.row, depth)

    def _rest(self) -> AbstractContextManager[Value]:
        """A loop over what fills up the last micro-tile."""
        rows = self.e.isa.tile_rows
        return self.e.loop((self.count + (rows - 1)) // rows * rows, start=self.count)

    def sweep(self, sums: _Slice, weights: Pointer, to: Target, wanted: int) -> None:
        """All tiles of the block for one block of filters, of which so many are wanted."""
        e, kernel = self.e, self.kernel
        shape = e.isa.tile_rows, -(-wanted // e.lanes)
        floor = e.select(sums.ends, 0.0, e.number(float("-inf")))
        with e.loop(self.count, step=e.isa.tile_rows) as tile:
            stores = []
            factors = sums.panel + tile * self.row, weights
            tiles = dot_products(e, factors, (sums.depth, self.row), shape, kernel.columns)
            for r, totals in enumerate(tiles):
                place = self.places.load(tile + r)
                before = to.y + place
                if not kernel.adds:
                    before = e.select_pointer(sums.begins, to.bias, before)
                addend = e.select_pointer(sums.begins, to.mask + place, e.scratch)
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
            # The last position may come several times: all of them must read what was there before.
            for stored in stores:
                to.y.store_vector(*stored)


def copy_seen(e: Emitter, to: Pointer, x: Pointer, seen: Seen, depths: tuple[Value, Value]) -> None:
    """Copy a slice of the pixel that a cell sees; zeros in the padding.

    Args:
        e: the emitter.
        to: where to.
        x: the volume, from the first channel of the slice on.
        seen: by the cell.
        depths: channels of the volume and of the slice.
    """
    depth, source = depths[1], x + seen.pixel * depths[0]
    if seen.inside is None:
        copy(e, to, source, depth)
        return
    with e.when(seen.inside):
        copy(e, to, source, depth)
    with e.when(seen.inside ^ True):
        fill(e, to, depth)
