"""Backward-filter by Winograd: F(3x3, 4x4) and F(5x5, 2x2), the gradient of a filter as a tile.

The 6x6 patches of input are transformed as in the forward pass, the tiles of the output's
gradient as if they were filters; for each of 36 positions their product is summed over all tiles
of a slice of the batch, and only the sum is transformed back. Slices are added up afterwards, in a
fixed order, as those of direct convolution are.
"""

from __future__ import annotations

from dataclasses import dataclass

from striate.kernels.base import NativeKernel
from striate.kernels.emitter import Emitter
from striate.kernels.memory_ops import copy, fill
from striate.kernels.micro_tile import add_products
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
    [cells · channels + 1][columns]; its last row is the bias's.

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
        positions += self.group * channels * self.columns
        patches = TILE * TILE * channels + self.step**2 * filters
        return 4 * (POSITIONS * positions + patches + self.group * self.columns)

    @property
    def _positions(self) -> int:
        """Sums of one channel for one block of filters."""
        return POSITIONS * self.columns

    @property
    def _size(self) -> int:
        """Rows (and columns) of a filter."""
        return TILE + 1 - self.step

    def emit(self, e: Emitter) -> None:
        x, dy, partial = (e.pointer(i) for i in range(3))
        tiles, slices = e.argument(3), e.argument(4)
        inputs = Tiling.read(e, 5, self.step, TILE)
        outputs = Tiling.read(e, 5 + NUMBERS, self.step, self.step)
        channels, distance = inputs.channels, self._data_stride(inputs.channels)
        blocks = outputs.channels // self.columns
        groups = (blocks + (self.group - 1)) // self.group
        part, first_block = e.chunk // groups, e.chunk % groups * self.group
        count = e.integer_minimum(blocks - first_block, self.group)
        gradients = e.scratch
        between = gradients + POSITIONS * self._gradient_stride
        data = between + POSITIONS * e.lanes
        patch = data + distance * POSITIONS
        corner = patch + inputs.patch_values
        sums, each = corner + outputs.channels * self.step**2, channels * self._positions
        biases = sums + each * self.group
        fill(e, sums, each * self.group + self.group * self.columns)
        start, stop = part * tiles // slices, (part + 1) * tiles // slices
        with e.loop(stop, start=start, step=self.tiles) as first:
            here = e.integer_minimum(stop - first, self.tiles)
            with inputs.walk(e, first, here) as (t, tile):
                where, stride = inputs.patch(e, x, tile, patch, channels)
                to = data + t * channels
                transform_data(e, inputs, where, stride, to, distance, between)
            with e.loop(count) as block:
                k, bias = (first_block + block) * self.columns, biases + block * self.columns
                with outputs.walk(e, first, here) as (t, tile):
                    where, stride = outputs.patch(e, dy + k, tile, corner, self.columns)
                    to = gradients + t * self.columns
                    self._transform_gradient(e, (where, stride), outputs, to, bias, between)
                self._multiply(e, (data, gradients), sums + block * each, (here, channels))
        with e.loop(count) as block:
            size = (channels * self._size**2 + 1) * self.columns
            to = partial + (part * blocks + first_block + block) * size
            self._transform_back(e, sums + block * each, to, channels, between)
            copy(e, to + (size - self.columns), biases + block * self.columns, self.columns)

    def _transform_back(
        self, e: Emitter, sums: Pointer, to: Pointer, channels: Value, between: Pointer
    ) -> None:
        """From 36 positions of every channel to the filters' cells, for one block."""
        matrix = minimal(self._size, self.step).output
        with e.loop(channels) as c, e.loop(self.columns, step=e.lanes) as v:

            def load(column: Value, i: int) -> Value:
                return sums.vector(((column + i * TILE) * channels + c) * self.columns + v)

            def store(i: Value, j: int, value: Value) -> None:
                place = ((i * self._size + j) * channels + c) * self.columns + v
                to.store_vector(value, place)

            transform(e, matrix, load, store, between)

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
        matrix = minimal(self._size, self.step).filter
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
                add_products(e, (x + c, dy), to + c * self.columns, sizes, (rows, self.columns))
            if self.left:
                add_products(
                    e, (x + whole, dy), to + whole * self.columns, sizes, (self.left, self.columns)
                )
