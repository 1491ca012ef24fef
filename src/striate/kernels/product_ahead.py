"""What a matrix product asks for while it multiplies: the next filters, and the next pixels."""

from __future__ import annotations

from dataclasses import dataclass

from striate.kernels.emitter import Emitter
from striate.kernels.micro_tile import Stream
from striate.kernels.values import Pointer, Value

TURNS = 8
"""Micro-tiles of a block during which the next block of filters comes: fewer are rare."""


@dataclass(frozen=True)
class Soon:
    """The pixels that the next slice or block copies: the first one, the distance to the next one,
    how many, and how many are asked for at a time."""

    start: Pointer
    step: Value
    count: Value
    rows: Value


@dataclass(frozen=True)
class Filters:
    """A block of filters: where its slice starts, the distance to the next block's, how many are
    wanted, and its number in the chunk."""

    start: Pointer
    step: Value
    wanted: int
    number: Value

    def ahead(
        self, e: Emitter, depth: Value, soon: Soon | None, tile: tuple[Value, Value]
    ) -> Stream:
        """What comes while a micro-tile is summed up: the next block's filters, and, in every
        second one, the pixels that are copied next.

        Args:
            e: the emitter.
            depth: channels of the slice.
            soon: the pixels, if they are known.
            tile: number of the micro-tile, and how many there are.
        """
        (number, tiles), share = tile, max(1, e.isa.tile_columns // TURNS)
        following = self.start + self.step
        if soon is None:
            return Stream(following + number * depth * share, share)
        pair, odd = number // 2, (number & 1).equals(1)
        turn = self.number * (tiles // 2) + pair
        row = e.integer_minimum(turn * soon.rows, soon.count - 1)
        pixels = soon.start + row * soon.step
        weights = following + pair * depth * (2 * share)
        return Stream(e.select_pointer(odd, pixels, weights), e.select(odd, soon.rows, 2 * share))
