"""Winograd's products position by position, over all tiles: for filters that no cache holds.

Blocks of tiles would read all transformed filters once for each block. Here a position's tiles stay
in the second-level cache while its filters pass by, once; what is paid for it is that transformed
tiles and products go through memory.
"""

from __future__ import annotations

from striate.kernels.base import NativeKernel
from striate.kernels.emitter import Emitter
from striate.kernels.micro_tile import Stream, dot_panels
from striate.kernels.winograd_volumes import POSITIONS, Panels


class MultiplyPositions(NativeKernel, frozen=True):
    """Transformed tiles, transformed filters, products, micro-tiles, pieces that these are cut in,
    channels, blocks of filters.

    Tiles and products lie in `Panels` with room for the micro-tiles, filters
    [blocks][36][channels][columns]. One chunk is one position and one piece.

    Attributes:
        columns: filters in a block, and channels in a panel.
    """

    columns: int

    def emit(self, e: Emitter) -> None:
        data, filters, products = (e.pointer(i) for i in range(3))
        micro_tiles, pieces, depth, blocks = (e.argument(i) for i in range(3, 7))
        position, piece = e.chunk // pieces, e.chunk % pieces
        first, last = (number * micro_tiles // pieces for number in (piece, piece + 1))
        count, tile = last - first, e.isa.tile_rows * self.columns
        panels = Panels(micro_tiles * e.isa.tile_rows, self.columns)
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
                totals = dot_panels(e, (data + place, weights), (depth, panels.panel), ahead)
                target = products + (block * panels.panel + place)
                for r, line in enumerate(totals):
                    for v, total in enumerate(line):
                        target.store_vector(total, r * self.columns + v * e.lanes)
