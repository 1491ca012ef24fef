"""Transformed filters G·w·Gᵀ, packed by position: [blocks][positions][channels][columns]."""

from __future__ import annotations

from msgspec import Struct

from striate.kernels.base import NativeKernel
from striate.kernels.emitter import Emitter
from striate.kernels.isa import Isa
from striate.kernels.rounding import quotient
from striate.kernels.shuffles import transpose
from striate.kernels.values import Pointer, Value
from striate.kernels.winograd_matrices import Filtering
from striate.kernels.winograd_transform import multiply
from striate.plan import Launch

RUN = 4
"""Vectors of channels of a filter that are read one after the other before the next filter's."""
AHEAD = 4
"""Filters by which memory is asked for before it is read or written, for backward-data."""


class FilterTransform(Struct, frozen=True):
    """G·w·Gᵀ, or two rows of it.

    Attributes:
        e: the emitter.
        filtering: that filters are transformed for.
        pair: which of its pairs of rows is wanted; None if all are.
    """

    e: Emitter
    filtering: Filtering
    pair: Value | None = None

    @property
    def size(self) -> int:
        """Rows (and columns) of a filter."""
        return self.filtering.filter

    @property
    def places(self) -> int:
        """Positions that come of it."""
        return self.filtering.positions if self.pair is None else 2 * self.filtering.patch

    def apply(self, taps: list[list[Value]]) -> list[Value]:
        """The positions of a square of vectors, row by row."""
        matrix = self.filtering.matrices.filter
        by_columns = list(zip(*taps, strict=True))
        if self.pair is None:
            halves = [multiply(self.e, matrix, column) for column in by_columns]
        else:
            halves = [self._two_rows(self.pair, column) for column in by_columns]
        rows = zip(*halves, strict=True)
        return [position for row in rows for position in multiply(self.e, matrix, row)]

    def _two_rows(self, pair: Value, column: tuple[Value, ...]) -> list[Value]:
        """Two rows of G times a column."""
        e, matrix = self.e, self.filtering.matrices.filter
        found = []
        for rows in zip(*ends(self.filtering), strict=True):
            total = e.splat(0.0)
            for tap, value in enumerate(column):
                factor = e.one_of([matrix[row][tap] for row in rows], pair)
                total = e.fma(value, e.splat(factor), total)
            found.append(total)
        return found


def lanes_room(places: int, lanes: int) -> int:
    """Floats of private memory that `transform_block` needs, for so many positions."""
    return RUN * places * lanes * lanes


def ends(filtering: Filtering) -> list[tuple[int, int]]:
    """The first and the last row of every pair: the same where a row is alone."""
    return [(rows[0], rows[-1]) for rows in filtering.pairs]


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
        room: as much as `lanes_room` says.
        transform: what is made of them.
    """
    (_, _, channels), run = filters, RUN * e.lanes
    with e.loop(channels, step=run) as first, e.loop(e.isa.tile_columns, step=e.lanes) as v:
        some = first, e.integer_minimum(channels - first, run)
        _apply_to_lanes(e, filters, block * e.isa.tile_columns + v, some, room, transform)
        _put_transposed(e, to + v, channels, some, room, transform.places)


def _apply_to_lanes(
    e: Emitter,
    filters: tuple[Pointer, Value, Value],
    first: Value,
    some: tuple[Value, Value],
    room: Pointer,
    transform: FilterTransform,
) -> None:
    """Some channels of as many filters as a vector has lanes, from the first one on, to
    [vectors of channels][positions][filters][lanes]; while one is read, the next is asked for."""
    (w, count, channels), (channel, own) = filters, some
    size, places, square = transform.size, transform.places, e.lanes * e.lanes
    cells = [[(i * size + j) * channels for j in range(size)] for i in range(size)]
    with e.loop(e.lanes) as lane:
        k, place = first + lane, room + lane * e.lanes
        with e.when(k < count), e.loop(own, step=e.lanes) as c:
            source = w + (k * (size**2 * channels) + (channel + c))
            for cell in (cell for row in cells for cell in row):
                e.prefetch(source + (cell + channels * size**2))
            taps = [[source.vector(cell) for cell in row] for row in cells]
            for number, vector in enumerate(transform.apply(taps)):
                place.store_vector(vector, c * (places * e.lanes) + number * square)
        with e.when(k >= count), e.loop(RUN * places) as p:
            place.store_vector(e.splat(0.0), p * square)


def _put_transposed(
    e: Emitter,
    to: Pointer,
    channels: Value,
    some: tuple[Value, Value],
    room: Pointer,
    places: int,
) -> None:
    """What `_apply_to_lanes` has left, to [positions][channels][columns]."""
    (channel, own), columns, square = some, e.isa.tile_columns, e.lanes * e.lanes
    with e.loop(own, step=e.lanes) as c, e.loop(places) as p:
        source = room + (c * (places * e.lanes) + p * square)
        target = to + (p * channels + (channel + c)) * columns
        rows = [source.vector(i * e.lanes) for i in range(e.lanes)]
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
        filtering: that they are transformed for.
        count, channels: how many filters there are, and how deep they are.
        flipped: for backward-data.
        prepared: whether they are transformed once for all calls of an inference.
    """

    isa: Isa
    filtering: Filtering
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
        positions = self.filtering.positions
        return 4 * positions * depth * self.blocks * self.isa.tile_columns

    def launch(self) -> Launch:
        """Their transform, to ``scratch.packed``."""
        filtering = self.filtering.alike
        forward = TransformFilters(filtering, self.isa.lanes)
        kernel = TransformFlipped(filtering) if self.flipped else forward
        arguments = ("w.w", "scratch.packed", self.count, self.channels)
        return Launch(kernel, self.blocks, arguments, prepare=self.prepared)


class TransformFilters(NativeKernel, frozen=True):
    """w [K, size, size, C], packed, filters, channels. One chunk is one block of filters, for the
    forward pass; see `transform_block`."""

    filtering: Filtering
    lanes: int

    @property
    def private(self) -> int:
        return 4 * lanes_room(self.filtering.positions, self.lanes)

    def emit(self, e: Emitter) -> None:
        filters = e.pointer(0), e.argument(2), e.argument(3)
        size = self.filtering.positions * e.isa.tile_columns
        to, transform = (
            e.pointer(1) + e.chunk * size * filters[2],
            FilterTransform(e, self.filtering),
        )
        transform_block(e, filters, e.chunk, to, e.scratch, transform)


class TransformFlipped(NativeKernel, frozen=True):
    """w [K, size, size, C], packed, filters, channels. One chunk is one block of channels, for
    backward-data; see `transform_flipped`."""

    filtering: Filtering

    def emit(self, e: Emitter) -> None:
        filters = e.pointer(0), e.argument(2), e.argument(3)
        size = self.filtering.positions * e.isa.tile_columns
        to, transform = (
            e.pointer(1) + e.chunk * size * filters[1],
            FilterTransform(e, self.filtering),
        )
        transform_flipped(e, filters, e.chunk, to, transform)
