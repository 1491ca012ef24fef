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
from striate.kernels.winograd_matrices import minimal
from striate.kernels.winograd_tiles import NUMBERS, Tiling
from striate.kernels.winograd_transform import transform
from striate.kernels.winograd_volumes import (
    POSITIONS,
    TILE,
    position_stride,
    transform_data,
    transform_gradient,
)

SIZES = 7
"""The slot from which on the numbers of the two tilings stand."""


@dataclass(frozen=True)
class WinogradFilterGradient(NativeKernel):
    """x, dy, the bias's sums, partial sums, number of tiles, slices that they are cut in, blocks of
    filters in a chunk, `Tiling.arguments` of the patches of input and of the tiles of the output's
    gradient.

    One chunk is one slice of the tiles and one group of blocks of filters. A partial block is
    [cells · channels + 1][columns]; its last row is the bias's. Where x and dy are given
    transformed, they are what `TransformData` and `TransformGradients` leave, and there is one
    slice; else the bias's sums are made here.

    Attributes:
        step: rows (and columns) of a tile of the gradient.
        tiles: in a block that is transformed at once.
        columns: filters in a block.
        lanes: of a vector.
        left: channels behind the last whole micro-tile.
        given: whether x and dy are transformed already.
    """

    step: int
    tiles: int
    columns: int
    lanes: int
    left: int
    given: bool = False

    def scratch(self, channels: int, filters: int, group: int) -> int:
        """Bytes of private memory for an input and a gradient of these depths, and so many blocks
        of filters in a chunk."""
        sums = POSITIONS * (group * channels * self.columns + self.lanes)
        if self.given:
            return 4 * sums
        data: int = position_stride(channels, self.tiles) + position_stride(
            self.columns, self.tiles
        )
        patches = TILE * TILE * channels + self.step**2 * filters
        return 4 * (sums + POSITIONS * data + patches + group * self.columns)

    @property
    def _size(self) -> int:
        """Rows (and columns) of a filter."""
        return TILE + 1 - self.step

    def emit(self, e: Emitter) -> None:
        tiles, slices, group = (e.argument(i) for i in range(4, SIZES))
        inputs = Tiling.read(e, SIZES, self.step, TILE)
        outputs = Tiling.read(e, SIZES + NUMBERS, self.step, self.step)
        blocks = outputs.channels // self.columns
        groups = (blocks + (group - 1)) // group
        part, first_block = e.chunk // groups, e.chunk % groups * group
        count = e.integer_minimum(blocks - first_block, group)
        of_filters = _Group(self, inputs, outputs, (first_block, count), e)
        fill(e, of_filters.sums, of_filters.each * count)
        if not self.given:
            fill(e, of_filters.biases, count * self.columns)
        start, stop = part * tiles // slices, (part + 1) * tiles // slices
        with e.loop(stop, start=start, step=self.tiles) as first:
            of_filters.add(first, e.integer_minimum(stop - first, self.tiles))
        with e.loop(count) as block:
            size = (inputs.channels * self._size**2 + 1) * self.columns
            to = e.pointer(3) + (part * blocks + first_block + block) * size
            sums = of_filters.sums + block * of_filters.each
            self._transform_back(e, sums, to, inputs.channels, e.scratch)
            bias = of_filters.biases + block * self.columns
            copy(e, to + (size - self.columns), bias, self.columns)

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


class _Group:
    """The blocks of filters of a chunk, and their sums.

    Attributes:
        sums: [blocks][36][channels][columns].
        each: sums of one block.
        biases: [blocks][columns].
    """

    def __init__(
        self,
        kernel: WinogradFilterGradient,
        inputs: Tiling,
        outputs: Tiling,
        blocks: tuple[Value, Value],
        e: Emitter,
    ) -> None:
        self.kernel, self.inputs, self.outputs, self.e = kernel, inputs, outputs, e
        self.first_block, self.count = blocks
        self.each = inputs.channels * (POSITIONS * kernel.columns)
        self.sums = e.scratch + POSITIONS * e.lanes
        room = self.sums + self.each * self.count
        own = self.first_block * kernel.columns
        self.biases = e.pointer(2) + own if kernel.given else room
        self.room = room + self.count * kernel.columns

    @property
    def _distances(self) -> tuple[Operand, Operand]:
        """From one position to the next, of the patches and of the gradient's tiles."""
        kernel = self.kernel
        return (
            position_stride(self.inputs.channels, kernel.tiles),
            position_stride(kernel.columns, kernel.tiles),
        )

    def add(self, first: Value, here: Value) -> None:
        """Add up a block of tiles: the first of them, and how many there are."""
        if self.kernel.given:
            self._add_given(first // self.kernel.tiles, here)
        else:
            self._add_own(first, here)

    def _add_given(self, number: Value, here: Value) -> None:
        e, (distance, gradient_distance) = self.e, self._distances
        blocks = self.outputs.channels // self.kernel.columns
        data = e.pointer(0) + number * (distance * POSITIONS)
        size = gradient_distance * POSITIONS
        gradients = e.pointer(1) + (number * blocks + self.first_block) * size
        with e.loop(self.count) as block:
            self._multiply(data, gradients + block * size, block, here)

    def _add_own(self, first: Value, here: Value) -> None:
        e, (distance, gradient_distance), between = self.e, self._distances, self.e.scratch
        inputs, outputs, columns = self.inputs, self.outputs, self.kernel.columns
        gradients = self.room
        data = gradients + gradient_distance * POSITIONS
        patch = data + distance * POSITIONS
        corner = patch + inputs.patch_values
        with inputs.walk(e, first, here) as (t, tile):
            where = inputs.patch(e, e.pointer(0), tile, patch, inputs.channels)
            to = data + t * inputs.channels
            transform_data(e, inputs, where, to, distance, between)
        with e.loop(self.count) as block:
            dy = e.pointer(1) + (self.first_block + block) * columns
            bias = self.biases + block * columns
            with outputs.walk(e, first, here) as (t, tile):
                where = outputs.patch(e, dy, tile, corner, columns)
                target = gradients + t * columns, bias
                sizes = gradient_distance, columns
                transform_gradient(e, outputs, where, target, sizes, between)
            self._multiply(data, gradients, block, here)

    def _multiply(self, data: Pointer, gradients: Pointer, block: Value, here: Value) -> None:
        """For each position: channels x tiles times tiles x one block, added to the sums."""
        e, (distance, gradient_distance), depth = self.e, self._distances, self.inputs.channels
        rows, columns, left = e.isa.tile_rows, self.kernel.columns, self.kernel.left
        sums, terms, whole = self.sums + block * self.each, (here, depth), depth - left
        with e.loop(POSITIONS) as p:
            x, dy = data + p * distance, gradients + p * gradient_distance
            to = sums + p * (depth * columns)
            with e.loop(whole, step=rows) as c:
                add_products(e, (x + c, dy), to + c * columns, terms, (rows, columns))
            if left:
                last = to + whole * columns
                add_products(e, (x + whole, dy), last, terms, (left, columns))
