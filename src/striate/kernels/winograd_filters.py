"""Transformed filters G·w·Gᵀ, packed by position: [blocks][36][channels][columns]."""

from __future__ import annotations

from striate.kernels.base import NativeKernel
from striate.kernels.emitter import Emitter
from striate.kernels.shuffles import transpose
from striate.kernels.values import Pointer, Value
from striate.kernels.winograd_matrices import minimal
from striate.kernels.winograd_transform import multiply

TILE = 6
AHEAD = 4
"""Filters by which memory is asked for before it is read or written."""


def _transformed(e: Emitter, taps: list[list[Value]]) -> list[list[Value]]:
    """G·w·Gᵀ of a square of vectors: 6 x 6 vectors."""
    size = len(taps)
    matrix = minimal(TILE + 1 - size, size).filter
    columns = [multiply(e, matrix, [taps[i][j] for i in range(size)]) for j in range(size)]
    return [multiply(e, matrix, half) for half in zip(*columns, strict=True)]


class TransformFilters(NativeKernel, frozen=True):
    """w [K, size, size, C], packed, filters, channels. One chunk is one block of filters.

    For the forward pass; the last block is filled up with zeros. C is whole vectors.
    """

    size: int
    lanes: int

    @property
    def private(self) -> int:
        return 4 * TILE * TILE * self.lanes * self.lanes

    def emit(self, e: Emitter) -> None:
        w, packed = e.pointer(0), e.pointer(1)
        filters, channels = e.argument(2), e.argument(3)
        columns, square = e.isa.tile_columns, e.lanes * e.lanes
        position = channels * columns
        to = packed + e.chunk * (TILE * TILE) * position
        with e.loop(channels, step=e.lanes) as c, e.loop(columns, step=e.lanes) as v:
            with e.loop(e.lanes) as lane:
                k = e.chunk * columns + v + lane
                room = e.scratch + lane * e.lanes
                with e.when(k < filters):
                    self._transform(e, w + k * self.size**2 * channels + c, channels, room)
                with e.when(k >= filters), e.loop(TILE * TILE) as p:
                    room.store_vector(e.splat(0.0), p * square)
            with e.loop(TILE * TILE) as p:
                rows = [e.scratch.vector(p * square + i * e.lanes) for i in range(e.lanes)]
                target = to + (p * position + c * columns + v)
                for i, row in enumerate(transpose(e, rows)):
                    e.prefetch(target + (i + e.lanes) * columns)
                    target.store_vector(row, i * columns)

    def _transform(self, e: Emitter, source: Pointer, channels: Value, room: Pointer) -> None:
        """All positions of one filter for one vector of channels."""
        taps = [
            [source.vector((i * self.size + j) * channels) for j in range(self.size)]
            for i in range(self.size)
        ]
        for i, row in enumerate(_transformed(e, taps)):
            for j, vector in enumerate(row):
                room.store_vector(vector, (i * TILE + j) * e.lanes * e.lanes)


class TransformFlipped(NativeKernel, frozen=True):
    """w [K, size, size, C], packed, filters, channels. One chunk is one block of channels.

    For backward-data: the filters rotated by 180 degrees, channels and filters exchanged. C is
    whole vectors; nobody wants what is behind the last one in its block.
    """

    size: int

    def emit(self, e: Emitter) -> None:
        w, packed = e.pointer(0), e.pointer(1)
        filters, channels = e.argument(2), e.argument(3)
        columns = e.isa.tile_columns
        position = filters * columns
        to = packed + e.chunk * (TILE * TILE) * position
        last = self.size**2 - 1
        wanted = e.integer_minimum(channels - e.chunk * columns, columns)
        with e.loop(filters) as k, e.loop(wanted, step=e.lanes) as v:
            source = w + k * (self.size**2) * channels + e.chunk * columns + v
            cells = [
                [(last - i * self.size - j) * channels for j in range(self.size)]
                for i in range(self.size)
            ]
            for place in (place for row in cells for place in row):
                e.prefetch(source + (place + channels * (self.size**2 * AHEAD)))
            taps = [[source.vector(place) for place in row] for row in cells]
            target = to + (k * columns + v)
            for i, row in enumerate(_transformed(e, taps)):
                for j, vector in enumerate(row):
                    place = (i * TILE + j) * position
                    e.prefetch(target + (place + AHEAD * columns))
                    target.store_vector(vector, place)
