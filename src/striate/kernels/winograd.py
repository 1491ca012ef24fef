"""Winograd convolution over 6x6 patches: F(4x4, 3x3) and F(2x2, 5x5), at stride 1.

A quarter of the multiplications of a 3x3 CONV, and 36 of 100 of a 5x5 one. Three stages on a block
of tiles that stays in the cache: every patch of input is transformed; 36 small matrix products, one
for each position, multiply it with the transformed filters; every tile of output is transformed
back. Backward-data is the same over the flipped filters.
"""

from __future__ import annotations

from dataclasses import dataclass

from striate.kernels.base import NativeKernel
from striate.kernels.conv_direct import Target
from striate.kernels.emitter import Emitter
from striate.kernels.grid import Place
from striate.kernels.memory_ops import copy
from striate.kernels.micro_tile import dot_products
from striate.kernels.values import Pointer, Value
from striate.kernels.winograd_matrices import minimal
from striate.kernels.winograd_tiles import Tiling
from striate.kernels.winograd_transform import transform
from striate.kernels.winograd_volumes import (
    AHEAD,
    POSITIONS,
    TILE,
    position_stride,
    transform_data,
)

SIZES = 13
"""The slot from which on a tiling's numbers stand."""


@dataclass(frozen=True)
class WinogradConvolution(NativeKernel):
    """x, transformed filters, bias, y, mask, number of tiles, tiles in a block, filters, blocks of
    filters in a part, parts, rows and columns of the output, values from one of its pixels to the
    next, `Tiling.arguments`.

    One chunk is one block of tiles, which is whole micro-tiles, and one part of the filters.
    Where x is given transformed, it is what `TransformData` leaves.

    Attributes:
        step: rows (and columns) of a tile of output.
        room: the most tiles in a block.
        columns: filters in a block.
        lanes: of a vector.
        bias: whether the sums get a bias.
        given: whether x is transformed already.
        relu: whether max(0, .) follows.
        masked: whether only what lies where the mask, shaped like y, is positive is kept, and the
            rest is zero: the backward pass of a RELU.
    """

    step: int
    room: int
    columns: int
    lanes: int
    bias: bool
    given: bool = False
    relu: bool = False
    masked: bool = False

    @property
    def _product_stride(self) -> int:
        stride: int = position_stride(self.columns, self.room)
        return stride

    def scratch(self, channels: int) -> int:
        """Bytes of private memory for an input of this depth."""
        corner = 2 * self.step**2 * self.columns
        own = POSITIONS * (self._product_stride + self.lanes) + corner
        if self.given:
            return 4 * own
        data: int = POSITIONS * (position_stride(channels, self.room) + channels)
        return 4 * (own + data)

    def emit(self, e: Emitter) -> None:
        x, filters, bias, y, mask = (e.pointer(i) for i in range(5))
        tiles, most, depth, part, parts = (e.argument(i) for i in range(5, 10))
        height, width, pixel = (e.argument(i) for i in range(10, SIZES))
        tiling = Tiling.read(e, SIZES, self.step, TILE)
        first, first_block = e.chunk // parts * most, e.chunk % parts * part
        count = e.integer_minimum(tiles - first, most)
        products = e.scratch
        between = products + POSITIONS * self._product_stride
        corner = between + POSITIONS * e.lanes
        distance = position_stride(tiling.channels, self.room)
        if self.given:
            data = x + e.chunk // parts * (distance * POSITIONS)
        else:
            data = corner + 2 * self.step**2 * self.columns
            patch = data + distance * POSITIONS
            self._transform_data(e, tiling, (first, count), (x, patch, between), data)
        size = tiling.channels * (POSITIONS * self.columns)
        blocks = (depth + (self.columns - 1)) // self.columns
        last_block = e.integer_minimum(first_block + part, blocks)
        with e.loop(last_block, start=first_block) as block:
            factors = data, filters + block * size
            self._multiply(e, factors, products, (count, tiling.channels))
            k = block * self.columns
            to = Target(bias + k, y + k, mask + k)
            output = Output(height, width, pixel, e.integer_minimum(depth - k, self.columns))
            with tiling.walk(e, first, count) as (t, tile):
                source = products + t * self.columns
                self._transform_back(e, source, to, tile, output, (between, corner))

    def _transform_data(
        self,
        e: Emitter,
        tiling: Tiling,
        tiles: tuple[Value, Value],
        sources: tuple[Pointer, Pointer, Pointer],
        data: Pointer,
    ) -> None:
        """The patches of some tiles; sources are x and room for a patch and for vectors."""
        (x, patch, between), channels = sources, tiling.channels
        distance = position_stride(channels, self.room)
        with tiling.walk(e, *tiles) as (t, tile):
            seen = tiling.patch(e, x, tile, patch, channels)
            transform_data(e, tiling, seen, data + t * channels, distance, between)

    def _multiply(
        self,
        e: Emitter,
        factors: tuple[Pointer, Pointer],
        products: Pointer,
        sizes: tuple[Value, Value],
    ) -> None:
        """For each position: tiles x channels times channels x one block of filters."""
        (data, filters), (count, depth), rows = factors, sizes, e.isa.tile_rows
        distance = position_stride(depth, self.room)
        shape = rows, self.columns // e.lanes
        with e.loop(POSITIONS) as p, e.loop(count, step=rows) as t:
            tile = data + p * distance + t * depth, filters + p * (depth * self.columns)
            target = products + p * self._product_stride + t * self.columns
            totals = dot_products(e, tile, (depth, depth), shape, self.columns)
            for r, row in enumerate(totals):
                for v, total in enumerate(row):
                    target.store_vector(total, r * self.columns + v * e.lanes)

    def _transform_back(
        self,
        e: Emitter,
        source: Pointer,
        to: Target,
        tile: Place,
        output: Output,
        rooms: tuple[Pointer, Pointer],
    ) -> None:
        """AT·m·A of one tile and block; what the output's edge cuts off goes through a corner."""
        (between, corner), out = rooms, self.step
        start, whole, edge = self._place(e, tile, output)
        corner_mask = corner + out * out * self.columns
        if self.masked:
            with e.when(whole ^ True):
                self._copy_edge(e, to.mask + start, corner_mask, edge, back=False)
        y = e.select_pointer(whole, to.y + start, corner)
        mask = e.select_pointer(whole, to.mask + start, corner_mask)
        pixel = e.select(whole, output.pixel, self.columns)
        line = e.select(whole, output.width * output.pixel, out * self.columns)
        later = start + output.pixel * (out * AHEAD)
        with e.loop(self.columns, step=e.lanes) as v:
            offset = to.bias.vector(v) if self.bias else None

            def load(j: Value, i: int) -> Value:
                return source.vector((j + i * TILE) * self._product_stride + v)

            def store(i: Value, j: int, value: Value) -> None:
                place = i * line + pixel * j + v
                e.prefetch(to.y + (later + place))
                total = value if offset is None else value + offset
                total = e.maximum(total, 0.0) if self.relu else total
                if self.masked:
                    e.prefetch(to.mask + (later + place))
                    total = e.select(mask.vector(place) > 0.0, total, 0.0)
                y.store_vector(total, place)

            transform(e, minimal(out, TILE + 1 - out).output, load, store, between)
        with e.when(whole ^ True):
            self._copy_edge(e, to.y + start, corner, edge, back=True)

    def _place(self, e: Emitter, tile: Place, output: Output) -> tuple[Value, Value, Edge]:
        """A tile's first output, whether all of it lies in the output, and how much does."""
        height, width, out = output.height, output.width, self.step
        row, column = tile.row * out, tile.column * out
        start = ((tile.image * height + row) * width + column) * output.pixel
        whole = (row <= height - out) & (column <= width - out)
        whole = whole & output.wanted.equals(self.columns)
        rows = e.integer_minimum(height - row, out)
        columns = e.integer_minimum(width - column, out)
        return start, whole, Edge(rows, columns, output)

    def _copy_edge(
        self, e: Emitter, volume: Pointer, corner: Pointer, edge: Edge, back: bool
    ) -> None:
        """Between a volume and a tile of its own, as much as lies in the volume."""
        output = edge.output
        with e.loop(edge.rows) as i, e.loop(edge.columns) as j:
            place = volume + (i * output.width + j) * output.pixel
            tile = corner + (i * self.step + j) * self.columns
            copy(e, place if back else tile, tile if back else place, output.wanted)


@dataclass(frozen=True)
class Output:
    """The volume that tiles are put in, values from one of its pixels to the next, and how many
    filters of a block are wanted."""

    height: Value
    width: Value
    pixel: Value
    wanted: Value


@dataclass(frozen=True)
class Edge:
    """How much of a tile lies in the output."""

    rows: Value
    columns: Value
    output: Output
