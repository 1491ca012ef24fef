"""What Winograd's next tiles read, asked for while the present ones are multiplied: memory and
multipliers are then busy at the same time."""

from __future__ import annotations

from dataclasses import dataclass

from striate.kernels.emitter import Emitter
from striate.kernels.micro_tile import Stream
from striate.kernels.values import Operand, Pointer, Value
from striate.kernels.winograd_tiles import Tiling


@dataclass(frozen=True)
class Coming:
    """The next tiles of a volume.

    Only the rows that no earlier row of tiles has seen are asked for, and as many columns: the
    rest has been read lately, or is a neighbour's.

    Attributes:
        e: the emitter.
        tiling: of the volume.
        volume: the volume.
        places: room for one integer a tile.
        count: how many tiles; 0 if none are known to follow.
    """

    e: Emitter
    tiling: Tiling
    volume: Pointer
    places: Pointer
    count: Value

    def find(self, first: Value) -> None:
        """Write down where the new rows of the tiles start, from this tile on."""
        tiling = self.tiling
        skipped = tiling.size - tiling.step
        with tiling.walk(self.e, first, self.count) as (t, tile):
            row = tile.image * tiling.height + tile.row * tiling.step
            row = row + (skipped - tiling.before[0])
            column = tile.column * tiling.step - tiling.before[1]
            self.places.store((row * tiling.width + column) * tiling.channels, t)

    def stream(self, turn: Value, terms: Operand) -> Stream:
        """One row of one tile, asked for in a loop over so many terms."""
        e, tiling, step = self.e, self.tiling, self.tiling.step
        tile = e.integer_minimum(turn // step, e.integer_maximum(self.count - 1, 0))
        place = e.select(self.count > 0, self.places.load(tile), 0)
        row = turn % step * (tiling.width * tiling.channels)
        each = (tiling.channels * step + (terms - 1)) // terms
        return Stream(self.volume + (place + row), each)
