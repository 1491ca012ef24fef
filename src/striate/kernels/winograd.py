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
from striate.kernels.memory_ops import copy
from striate.kernels.values import Pointer, Value
from striate.kernels.winograd_tiles import Tiling
from striate.kernels.winograd_transform import transform

TILE = 6
POSITIONS = TILE * TILE
SKEW = 16
"""Floats between positions, so that 36 of them do not fall on the same cache sets."""


@dataclass(frozen=True)
class WinogradConvolution(NativeKernel):
    """x, transformed filters, bias, y, number of tiles, mask. One chunk is one block of tiles
    and one part of the filters.

    Attributes:
        tiling: of the input into 6x6 patches; its step is the size of a tile of output.
        output: rows and columns of the output.
        filters: the depth of the output.
        tiles: in a block; a multiple of the micro-tile's rows.
        columns: filters in a block.
        part: blocks of filters in a chunk.
        lanes: of a vector.
        bias: whether the sums get a bias.
        relu: whether max(0, .) follows.
        masked: whether only what lies where the mask, shaped like y, is positive is kept, and the
            rest is zero: the backward pass of a RELU.
    """

    tiling: Tiling
    output: tuple[int, int]
    filters: int
    tiles: int
    columns: int
    part: int
    lanes: int
    bias: bool
    relu: bool = False
    masked: bool = False

    @property
    def _data_stride(self) -> int:
        return self.tiles * self.tiling.channels + SKEW

    @property
    def _product_stride(self) -> int:
        return self.tiles * self.columns + SKEW

    @property
    def private(self) -> int:
        values = POSITIONS * (self._data_stride + self._product_stride)
        values += (
            self.tiling.patch_values
            + POSITIONS * self.lanes
            + 2 * self.tiling.step**2 * self.columns
        )
        return 4 * values

    def emit(self, e: Emitter) -> None:
        x, filters, bias, y = (e.pointer(i) for i in range(4))
        mask = e.pointer(5)
        blocks = -(-self.filters // self.columns)
        parts = -(-blocks // self.part)
        first, first_block = e.chunk // parts * self.tiles, e.chunk % parts * self.part
        count = e.integer_minimum(e.argument(4) - first, self.tiles)
        data = e.scratch
        products = data + POSITIONS * self._data_stride
        patch = products + POSITIONS * self._product_stride
        between = patch + self.tiling.patch_values
        corner = between + POSITIONS * e.lanes
        with e.loop(count) as t:
            start, stride = self.tiling.patch(e, x, first + t, patch, self.tiling.channels)
            to = data + t * self.tiling.channels
            transform_data(e, self.tiling, start, stride, to, self._data_stride, between)
        size = POSITIONS * self.tiling.channels * self.columns
        last_block = e.integer_minimum(first_block + self.part, blocks)
        with e.loop(last_block, start=first_block) as block:
            self._multiply(e, data, filters + block * size, products, count)
            k = block * self.columns
            wanted = e.integer_minimum(self.filters - k, self.columns)
            out = Target(bias + k, y + k, mask + k)
            with e.loop(count) as t:
                tile = first + t
                source = products + t * self.columns
                self._transform_back(e, source, out, tile, wanted, between, corner)

    def _multiply(
        self, e: Emitter, data: Pointer, filters: Pointer, products: Pointer, count: Value
    ) -> None:
        """For each position: tiles x channels times channels x one block of filters."""
        depth, rows = self.tiling.channels, e.isa.tile_rows
        vectors = range(self.columns // e.lanes)
        with e.loop(POSITIONS) as p, e.loop(count, step=rows) as t:
            source = data + p * self._data_stride + t * depth
            weights = filters + p * (depth * self.columns)
            sums = [[e.variable(e.splat(0.0)) for _ in vectors] for _ in range(rows)]
            with e.loop(depth) as c:
                loaded = [weights.vector(c * self.columns + v * e.lanes) for v in vectors]
                for r in range(rows):
                    value = source.broadcast(c + r * depth)
                    for total, w in zip(sums[r], loaded, strict=True):
                        total.value = e.fma(value, w, total.value)
            target = products + p * self._product_stride + t * self.columns
            for r in range(rows):
                for v, total in enumerate(sums[r]):
                    target.store_vector(total.value, r * self.columns + v * e.lanes)

    def _transform_back(
        self,
        e: Emitter,
        source: Pointer,
        to: Target,
        tile: Value,
        wanted: Value,
        between: Pointer,
        corner: Pointer,
    ) -> None:
        """AT·m·A of one tile and block; what the output's edge cuts off goes through ``corner``."""
        width, out = self.output[1], self.tiling.step
        start, whole, edge = self._place(e, tile, wanted)
        corner_mask = corner + out * out * self.columns
        if self.masked:
            with e.when(whole ^ True):
                self._copy_edge(e, to.mask + start, corner_mask, edge, back=False)
        y = e.select_pointer(whole, to.y + start, corner)
        mask = e.select_pointer(whole, to.mask + start, corner_mask)
        pixel = e.select(whole, e.integer(self.filters), e.integer(self.columns))
        line = e.select(whole, e.integer(width * self.filters), e.integer(out * self.columns))
        with e.loop(self.columns, step=e.lanes) as v:
            offset = to.bias.vector(v) if self.bias else None

            def load(j: Value, i: int) -> Value:
                return source.vector((j + i * TILE) * self._product_stride + v)

            def store(i: Value, j: int, value: Value) -> None:
                place = i * line + pixel * j + v
                total = value + offset if offset is not None else value
                total = e.maximum(total, 0.0) if self.relu else total
                if self.masked:
                    total = e.select(mask.vector(place) > 0.0, total, 0.0)
                y.store_vector(total, place)

            transform(e, self.tiling.minimal.output, load, store, between)
        with e.when(whole ^ True):
            self._copy_edge(e, to.y + start, corner, edge, back=True)

    def _place(self, e: Emitter, tile: Value, wanted: Value) -> tuple[Value, Value, Edge]:
        """A tile's first output, whether all of it lies in the output, and how much does."""
        (height, width), out = self.output, self.tiling.step
        image, rest = tile // self.tiling.per_image, tile % self.tiling.per_image
        row, column = rest // self.tiling.columns * out, rest % self.tiling.columns * out
        start = ((image * height + row) * width + column) * self.filters
        whole = (row <= height - out) & (column <= width - out) & wanted.equals(self.columns)
        rows = e.integer_minimum(height - row, out)
        columns = e.integer_minimum(width - column, out)
        return start, whole, Edge(rows, columns, wanted)

    def _copy_edge(
        self, e: Emitter, volume: Pointer, corner: Pointer, edge: Edge, back: bool
    ) -> None:
        """Between a volume and a tile of its own, as much as lies in the volume."""
        width, out = self.output[1], self.tiling.step
        with e.loop(edge.rows) as i, e.loop(edge.columns) as j:
            place = volume + (i * width + j) * self.filters
            tile = corner + (i * out + j) * self.columns
            copy(e, place if back else tile, tile if back else place, edge.filters)


@dataclass(frozen=True)
class Edge:
    """How much of a tile lies in the output."""

    rows: Value
    columns: Value
    filters: Value


def transform_data(
    e: Emitter,
    tiling: Tiling,
    source: Pointer,
    stride: Value,
    to: Pointer,
    distance: int,
    between: Pointer,
) -> None:
    """BT·d·B of one patch, for all channels.

    Args:
        e: the emitter.
        tiling: of the input.
        source: the patch's first value.
        stride: distance of its rows.
        to: where position 0 goes.
        distance: from one position to the next.
        between: room for 36 vectors.
    """
    depth = tiling.channels
    with e.loop(depth, step=e.lanes) as c:
        patch, target = source + c, to + c

        def load(column: Value, i: int) -> Value:
            return patch.vector(stride * i + column * depth)

        def store(i: Value, j: int, value: Value) -> None:
            target.store_vector(value, (i * TILE + j) * distance)

        transform(e, tiling.minimal.data, load, store, between)
