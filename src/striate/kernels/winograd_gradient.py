"""Backward-filter by Winograd: F(3x3, 4x4) and F(5x5, 2x2), the gradient of a filter as a tile.

The 6x6 patches of input are transformed as in the forward pass, the tiles of the output's
gradient as if they were filters; for each of 36 positions their product is summed over all tiles,
and only the sum is transformed back. Slices of the batch add up in a fixed order.
"""

from __future__ import annotations

from dataclasses import dataclass

from striate.kernels.base import NativeKernel
from striate.kernels.emitter import Emitter
from striate.kernels.memory_ops import fill
from striate.kernels.shuffles import transpose
from striate.kernels.values import Pointer, Value
from striate.kernels.winograd import POSITIONS, SKEW, TILE, transform_data
from striate.kernels.winograd_matrices import Minimal, minimal
from striate.kernels.winograd_tiles import Tiling
from striate.kernels.winograd_transform import transform


@dataclass(frozen=True)
class WinogradFilterGradient(NativeKernel):
    """x, dy, partial sums, number of tiles. One chunk is one slice of the tiles and one group of
    blocks of filters. A partial block is [36 · channels + 1][columns]; its last row is the bias's.

    Attributes:
        data: the patches of input.
        gradient: the tiles of the output's gradient.
        tiles: in a block that is transformed at once.
        slices: parts that the tiles are cut in.
        group: blocks of filters in a chunk.
        columns: filters in a block.
        lanes: of a vector.
    """

    data: Tiling
    gradient: Tiling
    tiles: int
    slices: int
    group: int
    columns: int
    lanes: int

    @property
    def _minimal(self) -> Minimal:
        return minimal(TILE + 1 - self.gradient.size, self.gradient.size)

    @property
    def _data_stride(self) -> int:
        return self.tiles * self.data.channels + SKEW

    @property
    def _gradient_stride(self) -> int:
        return self.tiles * self.columns + SKEW

    @property
    def private(self) -> int:
        values = POSITIONS * (self._data_stride + self._gradient_stride + self.lanes)
        return 4 * (values + self.data.patch_values + self.gradient.patch_values)

    @property
    def block_values(self) -> int:
        """Values of one partial block."""
        return (POSITIONS * self.data.channels + 1) * self.columns

    def emit(self, e: Emitter) -> None:
        x, dy, partial = (e.pointer(i) for i in range(3))
        tiles, blocks = e.argument(3), self.gradient.channels // self.columns
        groups = -(-blocks // self.group)
        part, first_block = e.chunk // groups, e.chunk % groups * self.group
        count = e.integer_minimum(blocks - first_block, self.group)
        sums = partial + (part * blocks + first_block) * self.block_values
        fill(e, sums, count * self.block_values)
        data = e.scratch
        gradients = data + POSITIONS * self._data_stride
        between = gradients + POSITIONS * self._gradient_stride
        patch = between + POSITIONS * e.lanes
        corner = patch + self.data.patch_values
        start, stop = part * tiles // self.slices, (part + 1) * tiles // self.slices
        with e.loop(stop, start=start, step=self.tiles) as first:
            here = e.integer_minimum(stop - first, self.tiles)
            with e.loop(here) as t:
                where, stride = self.data.patch(e, x, first + t, patch, self.data.channels)
                to = data + t * self.data.channels
                transform_data(e, self.data, where, stride, to, self._data_stride, between)
            with e.loop(count) as block:
                total = sums + block * self.block_values
                k = (first_block + block) * self.columns
                bias = total + POSITIONS * self.data.channels * self.columns
                with e.loop(here) as t:
                    where, stride = self.gradient.patch(e, dy + k, first + t, corner, self.columns)
                    to = gradients + t * self.columns
                    self._transform_gradient(e, where, stride, to, bias, between)
                self._multiply(e, data, gradients, total, here)

    def _transform_gradient(
        self,
        e: Emitter,
        source: Pointer,
        stride: Value,
        to: Pointer,
        bias: Pointer,
        between: Pointer,
    ) -> None:
        """G·dy·Gᵀ of one tile and block; the tile's values are added to the bias's sum."""
        depth = self.gradient.channels
        with e.loop(self.columns, step=e.lanes) as v:
            patch, target = source + v, to + v
            total = e.variable(bias.vector(v))

            def load(column: Value, i: int) -> Value:
                value = patch.vector(stride * i + column * depth)
                total.value = total.value + value
                return value

            def store(i: Value, j: int, value: Value) -> None:
                target.store_vector(value, (i * TILE + j) * self._gradient_stride)

            transform(e, self._minimal.filter, load, store, between)
            bias.store_vector(total.value, v)

    def _multiply(
        self, e: Emitter, data: Pointer, gradients: Pointer, sums: Pointer, count: Value
    ) -> None:
        """For each position: channels x tiles times tiles x one block, added to the sums."""
        depth, rows = self.data.channels, e.isa.tile_rows
        whole, left = divmod(depth, rows)
        with e.loop(POSITIONS) as p:
            x, dy = data + p * self._data_stride, gradients + p * self._gradient_stride
            to = sums + p * (depth * self.columns)
            if whole:
                with e.loop(whole) as i:
                    c = i * rows
                    self._tile(e, x + c, dy, to + c * self.columns, count, rows)
            if left:
                rest = whole * rows
                self._tile(e, x + rest, dy, to + rest * self.columns, count, left)

    def _tile(
        self, e: Emitter, x: Pointer, dy: Pointer, to: Pointer, count: Value, rows: int
    ) -> None:
        vectors = range(self.columns // e.lanes)
        sums = [
            [e.variable(to.vector(r * self.columns + v * e.lanes)) for v in vectors]
            for r in range(rows)
        ]
        with e.loop(count) as t:
            loaded = [dy.vector(t * self.columns + v * e.lanes) for v in vectors]
            for r in range(rows):
                value = x.broadcast(t * self.data.channels + r)
                for total, w in zip(sums[r], loaded, strict=True):
                    total.value = e.fma(value, w, total.value)
        for r in range(rows):
            for v, total in enumerate(sums[r]):
                to.store_vector(total.value, r * self.columns + v * e.lanes)


@dataclass(frozen=True)
class SumWinogradGradient(NativeKernel):
    """partial sums, dw, db (or 0), channels, slices, blocks. One chunk is one block of filters.

    Slices are added in order; every channel's 36 positions are transformed to the filter's cells.
    """

    size: int
    columns: int
    lanes: int
    bias: bool

    @property
    def private(self) -> int:
        return 4 * self.lanes * (POSITIONS + self.size**2 * self.lanes)

    def emit(self, e: Emitter) -> None:
        partial, dw, db = (e.pointer(i) for i in range(3))
        channels, slices, blocks = (e.argument(i) for i in range(3, 6))
        size = (channels * POSITIONS + 1) * self.columns
        between, cells = e.scratch, e.scratch + POSITIONS * e.lanes
        block = partial + e.chunk * size

        def summed(where: Value) -> Value:
            total = e.variable(e.splat(0.0))
            with e.loop(slices) as s:
                total.value = total.value + block.vector(s * blocks * size + where)
            return total.value

        square = e.lanes * e.lanes
        with e.loop(self.columns, step=e.lanes) as v, e.loop(channels, step=e.lanes) as c:
            with e.loop(e.lanes) as lane:

                def load(column: Value, i: int) -> Value:
                    place = (column + i * TILE) * channels + c + lane
                    return summed(place * self.columns + v)

                def store(i: Value, j: int, value: Value) -> None:
                    cells.store_vector(value, (i * self.size + j) * square + lane * e.lanes)

                transform(e, minimal(self.size, TILE + 1 - self.size).output, load, store, between)
            k = e.chunk * self.columns + v
            with e.loop(self.size**2) as cell:
                rows = [cells.vector(cell * square + i * e.lanes) for i in range(e.lanes)]
                for lane_number, row in enumerate(transpose(e, rows)):
                    filter_cell = (k + lane_number) * self.size**2 + cell
                    dw.store_vector(row, filter_cell * channels + c)
        if self.bias:
            with e.loop(self.columns, step=e.lanes) as v:
                total = summed(channels * (POSITIONS * self.columns) + v)
                db.store_vector(total, e.chunk * self.columns + v)
