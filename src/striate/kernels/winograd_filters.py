"""Transformed filters G·w·Gᵀ, packed by position: [blocks][36][channels][columns]."""

from __future__ import annotations

from msgspec import Struct

from striate.kernels.base import NativeKernel
from striate.kernels.emitter import Emitter
from striate.kernels.isa import Isa
from striate.kernels.rounding import quotient
from striate.kernels.shuffles import transpose
from striate.kernels.values import Pointer, Value
from striate.kernels.winograd_matrices import minimal
from striate.kernels.winograd_tiles import TILE
from striate.kernels.winograd_transform import multiply
from striate.plan import Launch

AHEAD = 4
"""Filters by which memory is asked for before it is read or written."""


class FilterTransform(Struct, frozen=True):
    """G·w·Gᵀ, or one row of it.

    Attributes:
        e: the emitter.
        size: rows (and columns) of a filter.
        row: the number of the row that is wanted; None if all are.
    """

    e: Emitter
    size: int
    row: Value | None = None

    @property
    def places(self) -> int:
        """Positions that come of it."""
        return TILE * TILE if self.row is None else TILE

    def apply(self, taps: list[list[Value]]) -> list[Value]:
        """The positions of a square of vectors, row by row."""
        matrix = minimal(TILE + 1 - self.size, self.size).filter
        by_columns = list(zip(*taps, strict=True))
        if self.row is None:
            halves = [multiply(self.e, matrix, column) for column in by_columns]
        else:
            halves = [[self._one_row(self.row, column)] for column in by_columns]
        rows = zip(*halves, strict=True)
        return [position for row in rows for position in multiply(self.e, matrix, row)]

    def _one_row(self, row: Value, column: tuple[Value, ...]) -> Value:
        """One row of G times a column."""
        e, matrix = self.e, minimal(TILE + 1 - self.size, self.size).filter
        total = e.splat(0.0)
        for taps, value in zip(zip(*matrix, strict=True), column, strict=True):
            total = e.fma(value, e.splat(e.one_of(taps, row)), total)
        return total


def transform_block(
    e: Emitter,
    filters: tuple[Pointer, Value, Value],
    block: Value,
    to: Pointer,
    room: Pointer,
    transform: FilterTransform,
) -> None:
    """The filters of a block, for the forward pass: [positions][channels][columns].

    Args:
        e: the emitter.
        filters: w [K, size, size, C], K and C, whole vectors; the last block is filled up with
            zeros.
        block: its number.
        to: where they go.
        room: for a vector of channels of as many filters, at all positions.
        transform: what is made of them.
    """
    (w, count, channels), columns, square = filters, e.isa.tile_columns, e.lanes * e.lanes
    size, places = transform.size, transform.places
    with e.loop(channels, step=e.lanes) as c, e.loop(columns, step=e.lanes) as v:
        with e.loop(e.lanes) as lane:
            k, place = block * columns + v + lane, room + lane * e.lanes
            with e.when(k < count):
                source = w + (k * (size**2 * channels) + c)
                cells = [[(i * size + j) * channels for j in range(size)] for i in range(size)]
                taps = [[source.vector(cell) for cell in row] for row in cells]
                for number, vector in enumerate(transform.apply(taps)):
                    place.store_vector(vector, number * square)
            with e.when(k >= count), e.loop(places) as p:
                place.store_vector(e.splat(0.0), p * square)
        with e.loop(places) as p:
            rows = [room.vector(p * square + i * e.lanes) for i in range(e.lanes)]
            target = to + (p * (channels * columns) + c * columns + v)
            for i, row in enumerate(transpose(e, rows)):
                e.prefetch(target + (i + e.lanes) * columns)
                target.store_vector(row, i * columns)


def transform_flipped(
    e: Emitter,
    filters: tuple[Pointer, Value, Value],
    block: Value,
    to: Pointer,
    transform: FilterTransform,
) -> None:
    """A block of channels for backward-data: the filters rotated by 180 degrees, channels and
    filters exchanged: [positions][K][columns]. Nobody wants what is behind the last channel.

    Args:
        e: the emitter.
        filters: w [K, size, size, C], K and C, whole vectors.
        block: its number.
        to: where they go.
        transform: what is made of them.
    """
    (w, count, channels), columns, size = filters, e.isa.tile_columns, transform.size
    last, wanted = size**2 - 1, e.integer_minimum(channels - block * columns, columns)
    with e.loop(count) as k, e.loop(wanted, step=e.lanes) as v:
        source = w + (k * (size**2) * channels + block * columns + v)
        cells = [[(last - i * size - j) * channels for j in range(size)] for i in range(size)]
        for cell in (cell for row in cells for cell in row):
            e.prefetch(source + (cell + channels * (size**2 * AHEAD)))
        taps = [[source.vector(cell) for cell in row] for row in cells]
        target = to + (k * columns + v)
        for p, vector in enumerate(transform.apply(taps)):
            place = count * columns * p
            e.prefetch(target + (place + AHEAD * columns))
            target.store_vector(vector, place)


class Filters(Struct, frozen=True):
    """A CONV's filters ``w.w``, [count, size, size, channels], as Winograd's products take them.

    Attributes:
        isa: the target.
        size: rows (and columns) of a filter.
        count, channels: how many filters there are, and how deep they are.
        flipped: for backward-data.
        prepared: whether they are transformed once for all calls of an inference.
    """

    isa: Isa
    size: int
    count: int
    channels: int
    flipped: bool
    prepared: bool

    @property
    def blocks(self) -> int:
        """Blocks of filters, or of channels where these are the output."""
        return quotient(self.channels if self.flipped else self.count, self.isa.tile_columns)

    @property
    def transformed(self) -> int:
        """Bytes of them, transformed."""
        depth = self.count if self.flipped else self.channels
        return 4 * TILE * TILE * depth * self.blocks * self.isa.tile_columns

    def launch(self) -> Launch:
        """Their transform, to ``scratch.packed``."""
        forward, flipped = TransformFilters(self.size, self.isa.lanes), TransformFlipped(self.size)
        kernel = flipped if self.flipped else forward
        arguments = ("w.w", "scratch.packed", self.count, self.channels)
        return Launch(kernel, self.blocks, arguments, prepare=self.prepared)


class TransformFilters(NativeKernel, frozen=True):
    """w [K, size, size, C], packed, filters, channels. One chunk is one block of filters, for the
    forward pass; see `transform_block`."""

    size: int
    lanes: int

    @property
    def private(self) -> int:
        return 4 * TILE * TILE * self.lanes * self.lanes

    def emit(self, e: Emitter) -> None:
        filters = e.pointer(0), e.argument(2), e.argument(3)
        to = e.pointer(1) + e.chunk * (TILE * TILE * e.isa.tile_columns) * filters[2]
        transform = FilterTransform(e, self.size)
        transform_block(e, filters, e.chunk, to, e.scratch, transform)


class TransformFlipped(NativeKernel, frozen=True):
    """w [K, size, size, C], packed, filters, channels. One chunk is one block of channels, for
    backward-data; see `transform_flipped`."""

    size: int

    def emit(self, e: Emitter) -> None:
        filters = e.pointer(0), e.argument(2), e.argument(3)
        to = e.pointer(1) + e.chunk * (TILE * TILE * e.isa.tile_columns) * filters[1]
        transform_flipped(e, filters, e.chunk, to, FilterTransform(e, self.size))
