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
from striate.kernels.values import Operand, Pointer, Value
from striate.kernels.winograd import POSITIONS, SKEW, TILE, transform_data
from striate.kernels.winograd_matrices import minimal
from striate.kernels.winograd_tiles import NUMBERS, Tiling
from striate.kernels.winograd_transform import transform


@dataclass(frozen=True)
class WinogradFilterGradient(NativeKernel):
    """x, dy, partial sums, number of tiles, slices that they are cut in, `Tiling.arguments` of the
    patches of input and of the tiles of the output's gradient.

    One chunk is one slice of the tiles and one group of blocks of filters. A partial block is
    [36 · channels + 1][columns]; its last row is the bias's.

    Attributes:
        step: rows (and columns) of a tile of the gradient.
        tiles: in a block that is transformed at once.
        group: blocks of filters in a chunk.
        columns: filters in a block.
        lanes: of a vector.
        left: channels behind the last whole micro-tile.
    """

    step: int
    tiles: int
    group: int
    columns: int
    lanes: int
    left: int

    @property
    def _gradient_stride(self) -> int:
        return self.tiles * self.columns + SKEW

    def _data_stride(self, channels: Operand) -> Operand:
        return channels * self.tiles + SKEW

    def scratch(self, channels: int, filters: int) -> int:
        """Bytes of private memory for an input and a gradient of these depths."""
        positions: int = self._data_stride(channels) + self._gradient_stride + self.lanes
        return 4 * (POSITIONS * positions + TILE * TILE * channels + self.step**2 * filters)

    def block_values(self, channels: Operand) -> Operand:
        """Values of one partial block."""
        return (channels * POSITIONS + 1) * self.columns

    def emit(self, e: Emitter) -> None:
        x, dy, partial = (e.pointer(i) for i in range(3))
        tiles, slices = e.argument(3), e.argument(4)
        inputs = Tiling.read(e, 5, self.step, TILE)
        outputs = Tiling.read(e, 5 + NUMBERS, self.step, self.step)
        size, distance = self.block_values(inputs.channels), self._data_stride(inputs.channels)
        blocks = outputs.channels // self.columns
        groups = (blocks + (self.group - 1)) // self.group
        part, first_block = e.chunk // groups, e.chunk % groups * self.group
        count = e.integer_minimum(blocks - first_block, self.group)
        sums = partial + (part * blocks + first_block) * size
        fill(e, sums, count * size)
        gradients = e.scratch
        between = gradients + POSITIONS * self._gradient_stride
        data = between + POSITIONS * e.lanes
        patch = data + distance * POSITIONS
        corner = patch + inputs.patch_values
        start, stop = part * tiles // slices, (part + 1) * tiles // slices
        with e.loop(stop, start=start, step=self.tiles) as first:
            here = e.integer_minimum(stop - first, self.tiles)
            with inputs.walk(e, first, here) as (t, tile):
                where, stride = inputs.patch(e, x, tile, patch, inputs.channels)
                to = data + t * inputs.channels
                transform_data(e, inputs, where, stride, to, distance, between)
            with e.loop(count) as block:
                total = sums + block * size
                k = (first_block + block) * self.columns
                bias = total + inputs.channels * (POSITIONS * self.columns)
                with outputs.walk(e, first, here) as (t, tile):
                    where, stride = outputs.patch(e, dy + k, tile, corner, self.columns)
                    to = gradients + t * self.columns
                    self._transform_gradient(e, (where, stride), outputs, to, bias, between)
                self._multiply(e, (data, gradients), total, (here, inputs.channels))

    def _transform_gradient(
        self,
        e: Emitter,
        patch_rows: tuple[Pointer, Value],
        outputs: Tiling,
        to: Pointer,
        bias: Pointer,
        between: Pointer,
    ) -> None:
        """G·dy·Gᵀ of one tile and block; the tile's values are added to the bias's sum."""
        source, stride = patch_rows
        rows = [stride * i for i in range(self.step)]
        matrix = minimal(TILE + 1 - self.step, self.step).filter
        with e.loop(self.columns, step=e.lanes) as v:
            patch, target = source + v, to + v
            total = e.variable(bias.vector(v))

            def load(column: Value, i: int) -> Value:
                value = patch.vector(rows[i] + column * outputs.channels)
                total.value = total.value + value
                return value

            def store(i: Value, j: int, value: Value) -> None:
                target.store_vector(value, (i * TILE + j) * self._gradient_stride)

            transform(e, matrix, load, store, between)
            bias.store_vector(total.value, v)

    def _multiply(
        self,
        e: Emitter,
        factors: tuple[Pointer, Pointer],
        sums: Pointer,
        sizes: tuple[Value, Value],
    ) -> None:
        """For each position: channels x tiles times tiles x one block, added to the sums."""
        (data, gradients), (_, depth), rows = factors, sizes, e.isa.tile_rows
        distance, whole = self._data_stride(depth), depth - self.left
        with e.loop(POSITIONS) as p:
            x, dy = data + p * distance, gradients + p * self._gradient_stride
            to = sums + p * (depth * self.columns)
            with e.loop(whole, step=rows) as c:
                self._tile(e, (x + c, dy), to + c * self.columns, sizes, rows)
            if self.left:
                self._tile(e, (x + whole, dy), to + whole * self.columns, sizes, self.left)

    def _tile(
        self,
        e: Emitter,
        factors: tuple[Pointer, Pointer],
        to: Pointer,
        sizes: tuple[Value, Value],
        rows: int,
    ) -> None:
        (x, dy), (count, depth) = factors, sizes
        vectors = range(self.columns // e.lanes)
        sums = [
            [e.variable(to.vector(r * self.columns + v * e.lanes)) for v in vectors]
            for r in range(rows)
        ]
        with e.loop(count) as t:
            loaded = [dy.vector(t * self.columns + v * e.lanes) for v in vectors]
            for r in range(rows):
                value = x.broadcast(t * depth + r)
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
