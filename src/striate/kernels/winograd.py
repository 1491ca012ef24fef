"""Winograd convolution over 6x6 patches: F(4x4, 3x3) and F(2x2, 5x5), at stride 1.

A quarter of the multiplications of a 3x3 CONV, and 36 of 100 of a 5x5 one. Three stages on a block
of tiles that stays in the cache: every patch of input is transformed; 36 small matrix products, one
for each position, multiply it with the transformed filters; every tile of output is transformed
back. Backward-data is the same over the flipped filters.
"""

from __future__ import annotations

from striate.kernels.base import NativeKernel
from striate.kernels.emitter import Emitter
from striate.kernels.micro_tile import LINE, Stream, dot_panels
from striate.kernels.values import Pointer, Value
from striate.kernels.winograd_output import Output, OutputTransform
from striate.kernels.winograd_pool import TilePool
from striate.kernels.winograd_tiles import NUMBERS, TILE, Source, Tiling
from striate.kernels.winograd_volumes import POSITIONS, SKEW, Panels, transform_tiles

SIZES = 14
"""The slot from which on a tiling's numbers stand."""
GROUP = 2
"""Blocks of filters that are multiplied with a position's patches while these are in the cache."""


class WinogradConvolution(NativeKernel, frozen=True):
    """x, transformed filters, bias, y, mask, tiles, micro-tiles that hold them, blocks that these
    are cut in, blocks of filters in a part, parts, filters, rows and columns of the output, values
    from one of its pixels to the next, `Tiling.arguments`, and the switches of a `Source` that is
    pooled.

    One chunk is one block of tiles, which is whole micro-tiles, and one part of the filters.
    Where x is given transformed, it is what `TransformTiles` leaves.

    Attributes:
        room: the most tiles in a block.
        height: rows of a micro-tile.
        lanes: of a vector.
        given: whether x is transformed already.
        pooled: whether x is a pooled gradient.
        step, columns, bias, relu, masked, pool: as in `OutputTransform`.
    """

    step: int
    room: int
    height: int
    columns: int
    lanes: int
    bias: bool
    relu: bool = False
    masked: bool = False
    pool: TilePool | None = None
    given: bool = False
    pooled: bool = False

    @property
    def _product_stride(self) -> int:
        """Floats from one position's products to the next, for one block of filters."""
        return self.columns * self.room + SKEW

    def scratch(self, channels: int) -> int:
        """Bytes of private memory for an input of this depth."""
        own = POSITIONS * GROUP * self._product_stride + self._transform.room(self.lanes)
        if self.given:
            return 4 * own
        zeros = TILE * channels
        data: int = Panels(self.room, self.columns).size(channels)
        return 4 * (own + POSITIONS * self.lanes + zeros + data)

    @property
    def _transform(self) -> OutputTransform:
        own = self.step, self.columns, self.bias, self.relu, self.masked
        return OutputTransform(*own, far=False, pool=self.pool)

    def emit(self, e: Emitter) -> None:
        x, filters, to = e.pointer(0), e.pointer(1), self._transform.target(e, (2, 3, 4))
        tiles, micro_tiles, pieces, part, parts, depth = (e.argument(i) for i in range(5, 11))
        height, width, pixel = (e.argument(i) for i in range(11, SIZES))
        tiling = Tiling.read(e, SIZES, self.step, TILE)
        block, rows, channels = e.chunk // parts, self.height, tiling.channels
        first = block * micro_tiles // pieces * rows
        count = e.integer_minimum((block + 1) * micro_tiles // pieces * rows, tiles) - first
        between = e.scratch + GROUP * (POSITIONS * self._product_stride)
        some = first, count
        if self.given:
            panels, data = Panels(micro_tiles * rows, self.columns), x + first * self.columns
        else:
            panels, room = Panels(self.room, self.columns), between + self._transform.room(e.lanes)
            data = room + (channels * TILE + POSITIONS * e.lanes)
            volume = Source.read(e, 0, SIZES + NUMBERS if self.pooled else None)
            whole = e.integer(0), channels
            transform_tiles(e, tiling, (volume, data), some, whole, panels, room)
        size = channels * (POSITIONS * self.columns)
        first_block, blocks = e.chunk % parts * part, (depth + (self.columns - 1)) // self.columns
        last_block = e.integer_minimum(first_block + part, blocks)
        with e.loop(last_block, start=first_block, step=GROUP) as start:
            together = e.integer_minimum(last_block - start, GROUP)
            factors = data, filters + start * size
            self._multiply(e, factors, panels, (count, channels, together))
            with e.loop(together) as number:
                k = (start + number) * self.columns
                wanted = e.integer_minimum(depth - k, self.columns)
                output = Output(height, width, pixel, k, wanted)
                source = e.scratch + number * (POSITIONS * self._product_stride)
                products = source, self._product_stride
                self._transform.emit(e, tiling, some, products, to, output, between)

    def _multiply(
        self,
        e: Emitter,
        factors: tuple[Pointer, Pointer],
        panels: Panels,
        sizes: tuple[Value, Value, Value],
    ) -> None:
        """For each position: tiles x channels times channels x a group of blocks of filters."""
        (data, filters), (count, depth, together), rows = factors, sizes, self.height
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
                fetched = Stream(ahead + t // rows * (depth * LINE), LINE)
                totals = dot_panels(e, tile, (depth, panels.panel), rows, fetched)
                place = target + t * self.columns
                for r, line in enumerate(totals):
                    for v, total in enumerate(line):
                        place.store_vector(total, r * self.columns + v * e.lanes)
