"""Convolution of deep rows by few filters: vectors run over the cells of a filter.

Where filters are few, they fill vectors badly. Here every lane sums up its own part of a dot
product, over what lies in one run in the panel: a row of a filter and its channels. The lanes are
added at the end, a square of pixels x filters at a time, which fills one vector with results.
"""

from __future__ import annotations

from msgspec import Struct

from striate.kernels.base import NativeKernel
from striate.kernels.conv_sizes import ConvSizes
from striate.kernels.emitter import Emitter
from striate.kernels.estimates import filled, seconds
from striate.kernels.isa import Isa
from striate.kernels.memory_ops import fill
from striate.kernels.rounding import multiple, quotient
from striate.kernels.shuffles import join_lanes, lane_sums, store_lanes
from striate.kernels.values import Pointer, Value
from striate.plan.records import At, Launch

SIZES = 7
"""The slot from which on the sizes stand."""
FRACTION = 0.92
"""Of the peak that multiply-adds of whole vectors reach."""
MOST_VECTORS = 24
"""Of a row of a filter: each of them is written out."""
SUMMING = 6
"""Vectors of a row whose multiply-adds take as long as adding up the lanes."""


def square_of(lanes: int) -> tuple[int, int]:
    """Pixels and filters of a micro-tile: as many sums as a vector has lanes."""
    filters = 1 << (lanes.bit_length() - 1) // 2
    return lanes // filters, filters


class Source(Struct, frozen=True):
    """How filters lie in memory, by steps in values.

    Attributes:
        start: of the first value of the first filter.
        filter, row, column, channel: from one to the next.
    """

    start: int
    filter: int
    row: int
    column: int
    channel: int


class PackRows(NativeKernel, frozen=True):
    """w, packed, filters, rows, columns, channels, vectors of a row, then the `Source`.

    Filters become [groups][rows][vectors][filters of a group][lanes], filled up with zeros. One
    chunk is one group.
    """

    def emit(self, e: Emitter) -> None:
        w, packed = e.pointer(0), e.pointer(1)
        filters, rows, columns, depth, vectors = (e.argument(i) for i in range(2, 7))
        start, each, down, across, deep = (e.argument(i) for i in range(7, 12))
        together, lanes = square_of(e.lanes)[1], e.lanes
        size = rows * vectors * (together * lanes)
        to = packed + e.chunk * size
        fill(e, to, size)
        first = e.chunk * together
        with e.loop(e.integer_minimum(filters - first, together)) as f:
            source = w + (start + (first + f) * each)
            with e.loop(rows) as i, e.loop(columns) as j, e.loop(depth) as c:
                value, place = source.load(i * down + j * across + c * deep), j * depth + c
                vector = (i * vectors + place // lanes) * together + f
                to.store(value, vector * lanes + place % lanes)


class DotConvolution(NativeKernel, frozen=True):
    """x, packed filters, bias, y, mask, values from one pixel of y to the next, the panel's size,
    `ConvSizes.arguments`.

    One chunk is one band of output rows of one image. Private memory holds the panel, and a table
    of where each pixel's window starts, in which the last pixel fills up the last micro-tile.

    Attributes:
        left: filters behind the last whole group.
        vectors: of a row of a filter.
        bias: whether the sums get a bias.
        relu: whether max(0, .) follows.
        masked: whether only what lies where the mask, shaped like y, is positive is kept.
    """

    left: int
    vectors: int
    bias: bool
    relu: bool = False
    masked: bool = False

    def emit(self, e: Emitter) -> None:
        x, packed, bias, y, mask = (e.pointer(i) for i in range(5))
        pixel, room = e.argument(5), e.argument(6)
        sizes = ConvSizes.read(e, SIZES)
        panel = sizes.panel
        image, first = e.chunk // sizes.bands, e.chunk % sizes.bands * panel.rows
        rows = e.integer_minimum(sizes.output_rows - first, panel.rows)
        volume = x + image * (panel.height * panel.width * panel.channels)
        panel.emit(e, volume, first, rows, e.scratch)
        fill(e, e.scratch + panel.values, e.lanes)
        places, pixels = e.room(room, "i64"), rows * panel.columns
        self._write_places(e, sizes, rows, places)
        start = (image * sizes.output_rows + first) * panel.columns * pixel
        together = square_of(e.lanes)[1]
        group = sizes.size[0] * (self.vectors * together * e.lanes)
        whole = sizes.filters // together
        band = _Band(e, self, sizes, places, pixels, pixel)
        with e.loop(whole) as number:
            k = number * together
            to = (bias + k, y + (start + k), mask + (start + k))
            band.sweep(packed + number * group, to, together)
        if self.left:
            k = whole * together
            to = (bias + k, y + (start + k), mask + (start + k))
            band.sweep(packed + whole * group, to, self.left)

    def _write_places(self, e: Emitter, sizes: ConvSizes, rows: Value, places: Pointer) -> None:
        panel = sizes.panel
        down, across = panel.stride[0] * panel.row_length, panel.stride[1] * panel.channels
        with e.loop(rows) as row, e.loop(panel.columns) as column:
            places.store(row * down + column * across, row * panel.columns + column)
        last = rows * panel.columns
        with e.loop(square_of(e.lanes)[0]) as i:
            places.store(places.load(last - 1), last + i)


class _Band(Struct, frozen=True):
    """One band in the making.

    Attributes:
        e: the emitter.
        kernel: what is emitted.
        sizes: of the convolution.
        places: where each pixel's window starts.
        pixels: of output.
        pixel: values from one of them to the next.
    """

    e: Emitter
    kernel: DotConvolution
    sizes: ConvSizes
    places: Pointer
    pixels: Value
    pixel: Value

    def sweep(self, weights: Pointer, to: tuple[Pointer, Pointer, Pointer], count: int) -> None:
        """All pixels of the band for one group of filters."""
        e, kernel, (bias, y, mask) = self.e, self.kernel, to
        rows, filters = square_of(e.lanes)
        offset = join_lanes(e, [bias] * rows, count, filters) if kernel.bias else None
        with e.loop(self.pixels, step=rows) as tile:
            inputs = [e.scratch + self.places.load(tile + r) for r in range(rows)]
            last = self.pixels - 1
            outputs = [e.integer_minimum(tile + r, last) * self.pixel for r in range(rows)]
            total = self._tile(inputs, weights, (rows, filters))
            total = total if offset is None else total + offset
            total = e.maximum(total, 0.0) if kernel.relu else total
            if kernel.masked:
                kept = join_lanes(e, [mask + place for place in outputs], count, filters)
                total = e.select(kept > 0.0, total, 0.0)
            for r, place in enumerate(outputs):
                store_lanes(e, y + place, total, r * filters, count)

    def _tile(self, inputs: list[Pointer], weights: Pointer, shape: tuple[int, int]) -> Value:
        """The dot products of one micro-tile, pixel by pixel."""
        e, (rows, filters) = self.e, shape
        sums = [[e.variable(e.splat(0.0)) for _ in range(filters)] for _ in range(rows)]
        down = self.sizes.dilation[0] * self.sizes.panel.row_length
        row_size = self.kernel.vectors * filters * e.lanes
        with e.loop(self.sizes.size[0]) as i:
            # Written out: most rows are so few vectors that a loop over them would show.
            for v in range(self.kernel.vectors):
                place = weights + (i * row_size + v * filters * e.lanes)
                loaded = [place.vector(f * e.lanes) for f in range(filters)]
                start = i * down + v * e.lanes
                for pointer, line in zip(inputs, sums, strict=True):
                    value = pointer.vector(start)
                    for total, w in zip(line, loaded, strict=True):
                        total.value = e.fma(value, w, total.value)
        return lane_sums(e, [total.value for row in sums for total in row])[0]


def dot_seconds(isa: Isa, sizes: ConvSizes, macs: int) -> float:
    """Time of so many multiply-adds this way; infinite where it is not to be tried."""
    run = sizes.size[1] * sizes.channels
    grouped = sizes.groups != 1 or sizes.dilation[1] != 1 or sizes.panel.spread != (1, 1)
    if grouped or run > MOST_VECTORS * isa.lanes or sizes.filters % isa.tile_columns == 0:
        # Whole blocks of filters share one kernel for all sizes.
        return float("inf")
    steps = sizes.size[0] * quotient(run, isa.lanes)
    used = filled(run, isa.lanes) * filled(sizes.filters, square_of(isa.lanes)[1])
    return seconds(isa, macs, FRACTION * used * steps / (steps + SUMMING))


def forward_source(sizes: ConvSizes) -> Source:
    """Filters as they are, [filters][rows][columns][channels]."""
    row = sizes.size[1] * sizes.channels
    return Source(0, sizes.size[0] * row, row, sizes.channels, 1)


def flipped_source(sizes: ConvSizes) -> Source:
    """Filters rotated by 180 degrees, with channels and filters exchanged, where `sizes` are those
    of backward-data."""
    cell = sizes.filters
    row = sizes.size[1] * cell
    size = sizes.size[0] * row
    return Source(size - cell, 1, -row, -cell, size)


def dots(
    isa: Isa,
    batch: int,
    sizes: ConvSizes,
    source: Source,
    roles: tuple[str | At | int, ...],
    relu: bool = False,
    pixel: int = 0,
    prepare: bool = False,
) -> tuple[tuple[Launch, ...], int]:
    """The launches of a convolution this way, and the bytes of its packed filters.

    Args:
        isa: the target.
        batch: number of images.
        sizes: what it goes over.
        source: where the filters lie in ``w.w``.
        roles: input, packed filters, bias, output and mask; bias and mask may be 0.
        relu: whether max(0, .) follows.
        pixel: values from one pixel of the output to the next; 0 stands for its depth.
        prepare: whether the filters are packed once at inference.
    """
    sizes = sizes.shared(batch)
    (pixels, together), panel = square_of(isa.lanes), sizes.panel
    vectors = quotient(sizes.size[1] * sizes.channels, isa.lanes)
    groups = quotient(sizes.filters, together)
    lies = (source.start, source.filter, source.row, source.column, source.channel)
    numbers = (sizes.filters, *sizes.size, sizes.channels, vectors, *lies)
    pack = Launch(PackRows(), groups, ("w.w", roles[1], *numbers), prepare=prepare)
    kernel = DotConvolution(sizes.filters % together, vectors, roles[2] != 0, relu, roles[4] != 0)
    room = multiple(int(panel.values) + isa.lanes, isa.lanes)
    main = Launch(
        *(kernel, batch * int(sizes.bands)),
        (*roles, pixel or sizes.filters, room, *sizes.arguments),
        room=4 * room + 8 * (panel.rows * panel.columns + pixels),
    )
    return (pack, main), 4 * groups * together * sizes.size[0] * vectors * isa.lanes
