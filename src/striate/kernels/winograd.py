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
from striate.kernels.micro_tile import LINE, dot_panels
from striate.kernels.values import Pointer, Value
from striate.kernels.winograd_matrices import minimal
from striate.kernels.winograd_pool import TilePool
from striate.kernels.winograd_tiles import Tiling
from striate.kernels.winograd_transform import transform
from striate.kernels.winograd_volumes import (
    AHEAD,
    POSITIONS,
    SKEW,
    TILE,
    Panels,
    transform_tiles,
)

SIZES = 14
"""The slot from which on a tiling's numbers stand."""
GROUP = 2
"""Blocks of filters that are multiplied with a position's patches while these are in the cache."""


@dataclass(frozen=True)
class WinogradConvolution(NativeKernel):
    """x, transformed filters, bias, y, mask, tiles, micro-tiles that hold them, blocks that these
    are cut in, blocks of filters in a part, parts, filters, rows and columns of the output, values
    from one of its pixels to the next, `Tiling.arguments`.

    One chunk is one block of tiles, which is whole micro-tiles, and one part of the filters.
    Where x is given transformed, it is what `TransformTiles` leaves.

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
        pool: what happens to the output, if anything; y is then what a 2x2 POOL leaves of it, and
            the mask are its switches, if they are wanted.
    """

    step: int
    room: int
    columns: int
    lanes: int
    bias: bool
    given: bool = False
    relu: bool = False
    masked: bool = False
    pool: TilePool | None = None

    @property
    def _product_stride(self) -> int:
        """Floats from one position's products to the next, for one block of filters."""
        return self.columns * self.room + SKEW

    def scratch(self, channels: int) -> int:
        """Bytes of private memory for an input of this depth."""
        corner = 2 * self.step**2 * self.columns
        own = POSITIONS * (GROUP * self._product_stride + self.lanes) + corner
        if self.given:
            return 4 * own
        patch = TILE * TILE * channels
        data: int = Panels(self.room, self.columns).size(channels)
        return 4 * (own + POSITIONS * self.lanes + patch + data)

    def emit(self, e: Emitter) -> None:
        x, filters, bias, y = (e.pointer(i) for i in range(4))
        mask = e.pointer(4, "u8" if self.pool else "f32")
        tiles, micro_tiles, pieces, part, parts, depth = (e.argument(i) for i in range(5, 11))
        height, width, pixel = (e.argument(i) for i in range(11, SIZES))
        tiling = Tiling.read(e, SIZES, self.step, TILE)
        block, rows, channels = e.chunk // parts, e.isa.tile_rows, tiling.channels
        first = block * micro_tiles // pieces * rows
        count = e.integer_minimum((block + 1) * micro_tiles // pieces * rows, tiles) - first
        between = e.scratch + GROUP * (POSITIONS * self._product_stride)
        corner = between + POSITIONS * e.lanes
        if self.given:
            panels = Panels(micro_tiles * rows, self.columns)
            data = x + first * self.columns
        else:
            panels, room = Panels(self.room, self.columns), corner + 2 * self.step**2 * self.columns
            data = room + (channels * (TILE * TILE) + POSITIONS * e.lanes)
            volumes, whole = (x, data), (e.integer(0), channels)
            transform_tiles(e, tiling, volumes, (first, count), whole, panels, room)
        size = channels * (POSITIONS * self.columns)
        first_block, blocks = e.chunk % parts * part, (depth + (self.columns - 1)) // self.columns
        last_block = e.integer_minimum(first_block + part, blocks)
        with e.loop(last_block, start=first_block, step=GROUP) as start:
            together = e.integer_minimum(last_block - start, GROUP)
            factors = data, filters + start * size
            self._multiply(e, factors, panels, (count, channels, together))
            with e.loop(together) as number:
                k = (start + number) * self.columns
                to = Target(bias + k, y + k, mask + k)
                wanted = e.integer_minimum(depth - k, self.columns)
                output = Output(height, width, pixel, wanted)
                products = e.scratch + number * (POSITIONS * self._product_stride)
                with tiling.walk(e, first, count) as (t, tile):
                    source = products + t * self.columns
                    back = self._pool_back if self.pool else self._transform_back
                    back(e, source, to, tile, output, (between, corner))

    def _multiply(
        self,
        e: Emitter,
        factors: tuple[Pointer, Pointer],
        panels: Panels,
        sizes: tuple[Value, Value, Value],
    ) -> None:
        """For each position: tiles x channels times channels x a group of blocks of filters."""
        (data, filters), (count, depth, together), rows = factors, sizes, e.isa.tile_rows
        of_position = depth * self.columns
        of_block = of_position * POSITIONS
        with e.loop(POSITIONS) as p, e.loop(together) as number:
            weights = filters + (number * of_block + p * of_position)
            target = e.scratch + (number * POSITIONS + p) * self._product_stride
            following = e.select(number + 1 < together, number + 1, 0) * of_block
            turns = e.select(number + 1 < together, p, p + 1)
            ahead = filters + (following + turns * of_position)
            with e.loop(count, step=rows) as t:
                tile = data + (p * panels.position + t * self.columns), weights
                fetched = ahead + t // rows * (depth * LINE)
                totals = dot_panels(e, tile, (depth, panels.panel), fetched)
                place = target + t * self.columns
                for r, line in enumerate(totals):
                    for v, total in enumerate(line):
                        place.store_vector(total, r * self.columns + v * e.lanes)

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

    def _pool_back(
        self,
        e: Emitter,
        source: Pointer,
        to: Target,
        tile: Place,
        output: Output,
        rooms: tuple[Pointer, Pointer],
    ) -> None:
        """AT·m·A of one tile and block, of which the maxima of whole windows are kept."""
        (between, room), out = rooms, self.step
        assert self.pool is not None
        windows = self.pool.windows(e, tile, (output.height, output.width), output.pixel)
        with e.loop(output.wanted, step=e.lanes) as v:

            def load(j: Value, i: int) -> Value:
                return source.vector((j + i * TILE) * self._product_stride + v)

            def store(i: Value, j: int, value: Value) -> None:
                total = value + to.bias.vector(v) if self.bias else value
                room.store_vector(total, (i * out + j) * e.lanes)

            transform(e, minimal(out, TILE + 1 - out).output, load, store, between)
            self.pool.emit(e, room, windows, (to.y + v, to.mask + v), self.relu)

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
