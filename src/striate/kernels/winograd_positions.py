"""Winograd's products position by position, over all tiles: for filters that no cache holds.

Blocks of tiles would read all transformed filters once for each block. Where these are prepared, a
position's tiles stay in the second-level cache while its filters pass by, once
(`MultiplyPositions`). Filters that change with every step are transformed where they are
multiplied, a row of positions at a time (`MultiplyRows`): transformed, 3x3 filters are four times
as large, and that never goes through memory. What is paid for both is that transformed tiles and
products do.
"""

from __future__ import annotations

from striate.kernels.base import NativeKernel
from striate.kernels.emitter import Emitter
from striate.kernels.micro_tile import Stream, dot_panels
from striate.kernels.values import Pointer, Value
from striate.kernels.winograd_filters import FilterTransform, transform_block, transform_flipped
from striate.kernels.winograd_tiles import TILE
from striate.kernels.winograd_volumes import POSITIONS, Panels


class MultiplyPositions(NativeKernel, frozen=True):
    """Transformed tiles, transformed filters, products, micro-tiles, pieces that these are cut in,
    channels, blocks of filters.

    Tiles and products lie in `Panels` with room for the micro-tiles, filters
    [blocks][36][channels][columns]. One chunk is one position and one piece.

    Attributes:
        columns: filters in a block, and channels in a panel.
        height: rows of a micro-tile.
    """

    columns: int
    height: int

    def emit(self, e: Emitter) -> None:
        data, filters, products = (e.pointer(i) for i in range(3))
        micro_tiles, pieces, depth, blocks = (e.argument(i) for i in range(3, 7))
        position, piece = e.chunk // pieces, e.chunk % pieces
        first, last = (number * micro_tiles // pieces for number in (piece, piece + 1))
        count, tile = last - first, self.height * self.columns
        panels = Panels(micro_tiles * self.height, self.columns)
        here = position * panels.position + first * tile
        size = depth * self.columns
        # What a micro-tile asks for with each of its terms: together, the next block's filters.
        share = (count + (self.columns - 1)) // count
        with e.loop(blocks) as block:
            weights = filters + (block * POSITIONS + position) * size
            following = weights + e.select(block + 1 < blocks, size * POSITIONS, 0)
            with e.loop(count) as t:
                place = here + t * tile
                ahead = Stream(following + t * depth * share, share)
                factors = data + place, weights
                totals = dot_panels(e, factors, (depth, panels.panel), self.height, ahead)
                store_tile(e, totals, products + (block * panels.panel + place))


class MultiplyRows(NativeKernel, frozen=True):
    """Transformed tiles, w [K, size, size, C], products, micro-tiles, blocks of filters, K, C.

    Tiles and products lie as in `MultiplyPositions`. One chunk is one row of positions and one
    block of filters, or of channels where these are the output.

    Attributes:
        columns: filters in a block, and channels in a panel.
        height: rows of a micro-tile.
        size: rows (and columns) of a filter.
        flipped: whether it is for backward-data: K is then what tiles are deep.
        by_rows: whether chunks of one row of positions follow each other, which share its tiles;
            else those of one block, which share its filters.
    """

    columns: int
    height: int
    size: int
    flipped: bool
    by_rows: bool

    def scratch(self, lanes: int, depth: int) -> int:
        """Bytes of private memory, for tiles of this depth."""
        return 4 * TILE * (depth * self.columns + lanes * lanes)

    def emit(self, e: Emitter) -> None:
        data, w, products = (e.pointer(i) for i in range(3))
        micro_tiles, blocks, filters, channels = (e.argument(i) for i in range(3, 7))
        row, block = e.chunk % TILE, e.chunk // TILE
        if self.by_rows:
            row, block = e.chunk // blocks, e.chunk % blocks
        transform, depth = FilterTransform(e, self.size, row), channels
        given, room = (w, filters, channels), e.scratch
        weights = room + TILE * e.lanes * e.lanes
        if self.flipped:
            depth = filters
            transform_flipped(e, given, block, weights, transform)
        else:
            transform_block(e, given, block, weights, room, transform)
        tile = self.height * self.columns
        panels = Panels(micro_tiles * self.height, self.columns)
        with e.loop(TILE) as p, e.loop(micro_tiles) as t:
            place = (row * TILE + p) * panels.position + t * tile
            factors = data + place, weights + p * depth * self.columns
            totals = dot_panels(e, factors, (depth, panels.panel), self.height)
            store_tile(e, totals, products + (block * panels.panel + place))


def store_tile(e: Emitter, totals: list[list[Value]], target: Pointer) -> None:
    """Write a micro-tile's sums, one row after the other."""
    for r, line in enumerate(totals):
        for v, total in enumerate(line):
            target.store_vector(total, r * e.isa.tile_columns + v * e.lanes)
