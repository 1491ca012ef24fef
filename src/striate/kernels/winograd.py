"""Winograd convolution, over patches of 6x6 to 8x8, or of 9x9 at a stride of 2.

A quarter of the multiplications of a 3x3 CONV by F(4x4, 3x3), 49 of 225 by F(5x5, 3x3), 64 of 324
by F(6x6, 3x3); of a 5x5 one 16 of 100 by F(4x4, 5x5). Three stages on a block of tiles that stays
in the cache: every patch of input is transformed; small matrix products, one for each position,
multiply it with the transformed filters; every tile of output is transformed back. Backward-data is
the same over the flipped filters.
"""

from __future__ import annotations

from striate.kernels.base import NativeKernel
from striate.kernels.emitter import Emitter
from striate.kernels.micro_tile import LINE, Stream
from striate.kernels.past_caches import told
from striate.kernels.rounding import quotient
from striate.kernels.values import Pointer, Value
from striate.kernels.winograd_matrices import Filtering
from striate.kernels.winograd_micro_tile import multiply_tile
from striate.kernels.winograd_output import Output, OutputTransform
from striate.kernels.winograd_pool import TilePool
from striate.kernels.winograd_signs import Signs
from striate.kernels.winograd_tiles import NUMBERS, Source, Tiling
from striate.kernels.winograd_volumes import Panels, transform_tiles

SIZES = 14
"""The slot from which on a tiling's numbers stand."""


class WinogradConvolution(NativeKernel, frozen=True):
    """x, transformed filters, bias, y, signs or switches, tiles, micro-tiles that hold them, blocks
    that these are cut in, blocks of filters in a part, parts, filters, rows and columns of the
    output, values from one of its pixels to the next, `Tiling.arguments`, the switches of a
    `Source` that is pooled, and whether y goes past the caches.

    One chunk is one block of tiles, which is whole micro-tiles, and one part of the filters.
    Where x is given transformed, it is what `TransformTiles` leaves.

    Attributes:
        height: rows of a micro-tile.
        lanes: of a vector.
        given: whether x is transformed already.
        pooled: whether x is a pooled gradient.
        filtering, columns, bias, relu, pool: as in `OutputTransform`.
        past_caches: whether y may be written past them.
        masked: whether there are signs of a mask.
    """

    filtering: Filtering
    height: int
    columns: int
    lanes: int
    bias: bool
    relu: bool = False
    pool: TilePool | None = None
    past_caches: bool = False
    masked: bool = False
    given: bool = False
    pooled: bool = False

    def scratch(self, channels: int, room: int) -> int:
        """Bytes of private memory for an input of this depth, and blocks of so many tiles."""
        filtering = self.filtering
        products: int = Panels(room, self.columns, filtering.positions).panel
        own = products + self._transform.room(self.lanes)
        if self.given:
            return 4 * own
        zeros = filtering.patch * channels
        data = quotient(channels, self.columns) * products
        return 4 * (own + filtering.positions * self.lanes + zeros + data)

    @property
    def _transform(self) -> OutputTransform:
        own = self.filtering, self.columns, self.bias, self.relu, self.pool
        return OutputTransform(*own, far=False)

    def emit(self, e: Emitter) -> None:
        x, filters, to = e.pointer(0), e.pointer(1), self._transform.target(e, (2, 3, 4))
        tiles, micro_tiles, pieces, part, parts, depth = (e.argument(i) for i in range(5, 11))
        height, width, pixel = (e.argument(i) for i in range(11, SIZES))
        tiling, positions = Tiling.read(e, SIZES, self.filtering), self.filtering.positions
        block, rows, channels = e.chunk // parts, self.height, tiling.channels
        first = block * micro_tiles // pieces * rows
        count = e.integer_minimum((block + 1) * micro_tiles // pieces * rows, tiles) - first
        own = Panels((micro_tiles + (pieces - 1)) // pieces * rows, self.columns, positions)
        between, some = e.scratch + own.panel, (first, count)
        if self.given:
            panels = Panels(micro_tiles * rows, self.columns, positions)
            data = x + first * self.columns
        else:
            panels, room = own, between + self._transform.room(e.lanes)
            data = room + (channels * self.filtering.patch + positions * e.lanes)
            volume = Source.read(e, 0, SIZES + NUMBERS if self.pooled else None)
            whole = e.integer(0), channels
            transform_tiles(e, tiling, (volume, data), some, whole, panels, room)
        past = told(e, self.past_caches, SIZES + NUMBERS + 1)
        signs = Signs.of(e, to.mask, (height, width, pixel)) if self.masked else None
        size, products = channels * (positions * self.columns), (e.scratch, own.position)
        first_block, blocks = e.chunk % parts * part, (depth + (self.columns - 1)) // self.columns
        last_block = e.integer_minimum(first_block + part, blocks)
        with e.loop(last_block, start=first_block) as number:
            factors = data, filters + number * size
            self._multiply(e, factors, (panels, own), (count, channels))
            k = number * self.columns
            wanted = e.integer_minimum(depth - k, self.columns)
            output = Output(height, width, pixel, k, wanted, past)
            self._transform.emit(e, tiling, some, products, to, output, between, signs)
        if self.past_caches:
            e.order_stores()

    def _multiply(
        self,
        e: Emitter,
        factors: tuple[Pointer, Pointer],
        panels: tuple[Panels, Panels],
        sizes: tuple[Value, Value],
    ) -> None:
        """For each position: tiles x channels times channels x a block of filters."""
        (data, filters), (count, depth), rows = factors, sizes, self.height
        tiles, products = panels
        with e.loop(self.filtering.positions) as p:
            weights = filters + p * depth * self.columns
            target = e.scratch + p * products.position
            # The next position's; behind the last one follow those of the next block.
            ahead = weights + depth * self.columns
            with e.loop(count, step=rows) as t:
                tile = data + (p * tiles.position + t * self.columns), weights
                fetched = Stream(ahead + t // rows * (depth * LINE), LINE)
                terms, place = (depth, tiles.panel), target + t * self.columns
                multiply_tile(e, self.filtering, tile, terms, rows, place, fetched)
