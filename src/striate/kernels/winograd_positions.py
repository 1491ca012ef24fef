"""Winograd's products position by position, over all tiles: for filters that no cache holds.

Blocks of tiles would read all transformed filters once for each block. Where these are prepared, a
position's tiles stay in the second-level cache while its filters pass by, once
(`MultiplyPositions`). Filters that change with every step are transformed where they are
multiplied, two rows of positions at a time (`MultiplyRows`): transformed, 3x3 filters are four
times as large or more, and that never goes through memory. What is paid for both is that
transformed tiles and products do.
"""

from __future__ import annotations

from striate.kernels.base import NativeKernel
from striate.kernels.emitter import Emitter
from striate.kernels.micro_tile import Stream
from striate.kernels.winograd_filters import (
    FilterTransform,
    ends,
    lanes_room,
    transform_block,
    transform_flipped,
)
from striate.kernels.winograd_matrices import Filtering
from striate.kernels.winograd_micro_tile import multiply_tile
from striate.kernels.winograd_volumes import Panels


class MultiplyPositions(NativeKernel, frozen=True):
    """Transformed tiles, transformed filters, products, micro-tiles, pieces that these are cut in,
    channels, blocks of filters.

    Tiles and products lie in `Panels` with room for the micro-tiles, filters
    [blocks][positions][channels][columns]. One chunk is one position and one piece.

    Attributes:
        filtering: that they were transformed for.
        columns: filters in a block, and channels in a panel.
        height: rows of a micro-tile.
    """

    filtering: Filtering
    columns: int
    height: int

    def emit(self, e: Emitter) -> None:
        data, filters, products = (e.pointer(i) for i in range(3))
        micro_tiles, pieces, depth, blocks = (e.argument(i) for i in range(3, 7))
        position, piece = e.chunk // pieces, e.chunk % pieces
        first, last = (number * micro_tiles // pieces for number in (piece, piece + 1))
        count, tile = last - first, self.height * self.columns
        positions = self.filtering.positions
        panels = Panels(micro_tiles * self.height, self.columns, positions)
        here = position * panels.position + first * tile
        size = depth * self.columns
        # What a micro-tile asks for with each of its terms: together, the next block's filters.
        share = (count + (self.columns - 1)) // count
        with e.loop(blocks) as block:
            weights = filters + (block * positions + position) * size
            following = weights + e.select(block + 1 < blocks, size * positions, 0)
            with e.loop(count) as t:
                place = here + t * tile
                ahead = Stream(following + t * depth * share, share)
                factors, to = (data + place, weights), products + (block * panels.panel + place)
                terms = depth, panels.panel
                multiply_tile(e, self.filtering, factors, terms, self.height, to, ahead)


class MultiplyRows(NativeKernel, frozen=True):
    """Transformed tiles, w [K, size, size, C], products, micro-tiles, blocks of filters, K, C, and
    whether it is for backward-data: K is then what tiles are deep.

    Tiles and products lie as in `MultiplyPositions`. One chunk is one pair of rows of positions and
    one block of filters, or of channels where these are the output.

    Attributes:
        filtering: that filters are transformed for.
        columns: filters in a block, and channels in a panel.
        height: rows of a micro-tile.
        by_rows: whether chunks of the same rows of positions follow each other, which share tiles;
            else those of one block, which share its filters.
    """

    filtering: Filtering
    columns: int
    height: int
    by_rows: bool

    def scratch(self, lanes: int, depth: int) -> int:
        """Bytes of private memory, for tiles of this depth."""
        room = lanes_room(2 * self.filtering.patch, lanes)
        return 4 * (room + 2 * self.filtering.patch * depth * self.columns)

    def emit(self, e: Emitter) -> None:
        data, w, products = (e.pointer(i) for i in range(3))
        micro_tiles, blocks, filters, channels = (e.argument(i) for i in range(3, 7))
        rows, patch = ends(self.filtering), self.filtering.patch
        pair, block = e.chunk % len(rows), e.chunk // len(rows)
        if self.by_rows:
            pair, block = e.chunk // blocks, e.chunk % blocks
        transform, given = FilterTransform(e, self.filtering, pair), (w, filters, channels)
        flipped, weights = e.argument(7) > 0, e.scratch + lanes_room(2 * patch, e.lanes)
        depth = e.select(flipped, filters, channels)
        with e.when(flipped):
            transform_flipped(e, given, block, weights, transform)
        with e.when(flipped ^ True):
            transform_block(e, given, block, weights, e.scratch, transform)
        tile = self.height * self.columns
        panels = Panels(micro_tiles * self.height, self.columns, self.filtering.positions)
        first, last = (e.one_of(numbers, pair) for numbers in zip(*rows, strict=True))
        with (
            e.loop(e.select(first.equals(last), e.integer(patch), 2 * patch)) as p,
            e.loop(micro_tiles) as t,
        ):
            row = e.select(p < patch, first * patch, (last - 1) * patch)
            place = (row + p) * panels.position + t * tile
            factors = data + place, weights + p * depth * self.columns
            terms, to = (depth, panels.panel), products + (block * panels.panel + place)
            multiply_tile(e, self.filtering, factors, terms, self.height, to)
