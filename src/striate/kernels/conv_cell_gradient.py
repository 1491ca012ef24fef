"""CONV backward-filter for few filters: vectors run over the cells of a filter.

The gradient of a filter's row of cells and channels is a sum over pixels of what the row sees,
which lies in one run in the panel, times the output's gradient at one filter, a number for all
lanes. So any number of filters fills the vectors, and their gradients are read where they lie; runs
a little longer than whole vectors do not.
"""

from __future__ import annotations

from collections.abc import Iterator

from msgspec import Struct

from striate.kernels.base import NativeKernel
from striate.kernels.conv_sizes import WANTED_CHUNKS, ConvSizes
from striate.kernels.emitter import Emitter
from striate.kernels.estimates import filled, seconds
from striate.kernels.isa import Isa
from striate.kernels.memory_ops import fill
from striate.kernels.rounding import multiple, quotient
from striate.kernels.values import Pointer, Value
from striate.kernels.vector_loop import STASH_BYTES, for_vectors
from striate.layers import Shape
from striate.layers.conv import Conv
from striate.plan.records import Launch, Task

BAND_BYTES = 20 * 1024
"""Of a band's panel and its gradients, which every micro-tile goes over."""
MOST_FILTERS = 64
"""With more of them, the filters' own vectors are full enough."""
FRACTION = 0.76
"""Of the peak that full vectors reach."""
TOGETHER = 4
"""Pixels whose gradients are added up side by side for the bias."""
LEAST_ROWS = 4
"""Rows of output in a band, if the image has as many: sums go through memory after each."""


class Cut(Struct, frozen=True):
    """So many things in pieces of a size; the last piece may be smaller."""

    count: int
    size: int

    @classmethod
    def even(cls, count: int, most: int) -> Cut:
        """In pieces of at most a size that differ little."""
        return cls(count, quotient(count, quotient(count, most)))

    @property
    def pieces(self) -> int:
        """How many pieces there are."""
        return quotient(self.count, self.size)

    def loop(self, e: Emitter) -> Iterator[tuple[Value, int]]:
        """The first thing of every piece, and how many it has: whole pieces in one loop."""
        whole = self.count // self.size * self.size
        with e.loop(whole, step=self.size) as first:
            yield first, self.size
        if self.count > whole:
            yield e.integer(whole), self.count - whole


class CellGradient(NativeKernel, frozen=True):
    """x, dy, partial sums, images, slices that they are cut in, `ConvSizes.arguments`.

    One chunk is one slice of the batch. Its partial sums are [filters][rows][vectors of a row],
    and behind them the gradient of the bias.

    Attributes:
        filters: how they are cut in micro-tiles.
        rows: of a filter, how they are cut.
        vectors: of cells and channels in a row, how they are cut.
    """

    filters: Cut
    rows: Cut
    vectors: Cut

    def values(self, lanes: int) -> int:
        """Of the partial sums of one slice."""
        depth = self.filters.count
        return depth * self.rows.count * self.vectors.count * lanes + multiple(depth, lanes)

    def emit(self, e: Emitter) -> None:
        x, dy, partial = (e.pointer(i) for i in range(3))
        images, slices = e.argument(3), e.argument(4)
        sizes, depth = ConvSizes.read(e, 5), self.filters.count
        panel, apart = sizes.panel, sizes.dilation[0] * sizes.panel.row_length
        sums = partial + e.chunk * self.values(e.lanes)
        bias = sums + depth * self.rows.count * self.vectors.count * e.lanes
        fill(e, sums, self.values(e.lanes))
        first_image, last_image = e.chunk * images // slices, (e.chunk + 1) * images // slices
        with e.loop(last_image, start=first_image) as image, e.loop(sizes.bands) as band:
            first = band * panel.rows
            rows = e.integer_minimum(sizes.output_rows - first, panel.rows)
            volume = x + image * (panel.height * panel.width * panel.channels)
            panel.emit(e, volume, first, rows, e.scratch)
            pixel = (image * sizes.output_rows + first) * panel.columns
            gradients = dy + pixel * depth
            self._add_bias(e, gradients, rows * panel.columns, bias)
            for k, filters in self.filters.loop(e):
                for i, tall in self.rows.loop(e):
                    for v, wide in self.vectors.loop(e):
                        source = e.scratch + (i * apart + v * e.lanes)
                        cell = ((k * self.rows.count + i) * self.vectors.count + v) * e.lanes
                        shape = (filters, tall, wide)
                        factors = source, gradients + k
                        self._tile(e, sizes, factors, rows, sums + cell, shape)

    def _add_bias(self, e: Emitter, dy: Pointer, pixels: Value, bias: Pointer) -> None:
        """Add up the gradients of a band; lanes beyond the filters hold other pixels' values."""
        depth = self.filters.count
        beyond = multiple(depth, e.lanes) - depth
        whole = e.integer_maximum(pixels - quotient(beyond, depth), 0) // TOGETHER * TOGETHER
        starts = range(0, depth, e.lanes)
        totals = [[e.variable(e.splat(0.0)) for _ in starts] for _ in range(TOGETHER)]
        with e.loop(whole, step=TOGETHER) as pixel:
            for i, row in enumerate(totals):
                for v, total in zip(starts, row, strict=True):
                    total.value = total.value + dy.vector((pixel + i) * depth + v)
        for v, column in zip(starts, zip(*totals, strict=True), strict=True):
            bias.store_vector(sum((total.value for total in column), bias.vector(v)), v)
        with e.loop(pixels, start=whole) as pixel, e.loop(depth) as k:
            bias.store(bias.load(k) + dy.load(pixel * depth + k), k)

    def _tile(
        self,
        e: Emitter,
        sizes: ConvSizes,
        factors: tuple[Pointer, Pointer],
        rows: Value,
        to: Pointer,
        shape: tuple[int, int, int],
    ) -> None:
        """Sum over the band's pixels for so many filters, rows of them, and vectors of a row."""
        (x, dy), (filters, tall, wide), depth = factors, shape, self.filters.count
        panel = sizes.panel
        apart = sizes.dilation[0] * panel.row_length
        places = [(i, v) for i in range(tall) for v in range(wide)]
        sources = [x + (apart * i + v * e.lanes) for i, v in places]
        sums = [[e.variable(e.splat(0.0)) for _ in places] for _ in range(filters)]
        down, across = panel.stride[0] * panel.row_length, panel.stride[1] * panel.channels
        with e.loop(rows) as row:
            offset = e.variable(row * down)
            line = dy + row * panel.columns * depth
            with e.loop(panel.columns) as column:
                values = [source.vector(offset.value) for source in sources]
                where = line + column * depth
                for k, totals in enumerate(sums):
                    gradient = where.broadcast(k)
                    for total, value in zip(totals, values, strict=True):
                        total.value = e.fma(gradient, value, total.value)
                offset.value = offset.value + across
        for k, totals in enumerate(sums):
            for (i, v), total in zip(places, totals, strict=True):
                place = ((k * self.rows.count + i) * self.vectors.count + v) * e.lanes
                to.store_vector(to.vector(place) + total.value, place)


class SumCellGradient(NativeKernel, frozen=True):
    """partial sums, dw, db, slices, values of a slice, filters, rows of a filter, cells of a row,
    and the room that they take in the partial sums.

    One chunk is one filter: slices are added in order.

    Attributes:
        bias: whether there is one.
    """

    bias: bool

    @property
    def private(self) -> int:
        return STASH_BYTES

    def emit(self, e: Emitter) -> None:
        partial, dw, db = (e.pointer(i) for i in range(3))
        slices, size, filters, rows, cells, room = (e.argument(i) for i in range(3, 9))
        with e.loop(rows) as i:
            line = e.chunk * rows + i

            def summed(cell: Value, line: Value = line) -> list[tuple[Pointer, Value]]:
                total = e.variable(e.splat(0.0))
                with e.loop(slices) as s:
                    total.value = total.value + partial.vector(s * size + line * room + cell)
                return [(dw + (line * cells + cell), total.value)]

            for_vectors(e, cells, summed, e.scratch)
        if self.bias:
            total = e.variable(0.0)
            with e.loop(slices) as s:
                place = s * size + filters * rows * room + e.chunk
                total.value = total.value + partial.load(place)
            db.store(total.value, e.chunk)


def cell_seconds(isa: Isa, conv: Conv, x: Shape, batch: int) -> float:
    """Time of backward-filter this way; infinite where it is not to be tried."""
    if conv.groups != 1 or conv.window.dilation[1] != 1 or conv.filters > MOST_FILTERS:
        return float("inf")
    if conv.window.cells == 1 or conv.filters % isa.tile_columns == 0:
        # Panels of single pixels are copies that nothing uses twice, and whole blocks of filters
        # share one kernel for all sizes.
        return float("inf")
    used = filled(conv.window.size[1] * x.channels, isa.lanes)
    return seconds(isa, batch * conv.macs(x), FRACTION * used)


def cell_gradient(isa: Isa, task: Task) -> tuple[tuple[Launch, ...], dict[str, int]]:
    """The launches of backward-filter, bias included, and their scratch."""
    conv, (x,) = task.what, task.inputs
    sizes, cells = _sizes(conv, x), conv.window.size[1] * x.channels
    kernel = _kernel(isa, conv, quotient(cells, isa.lanes))
    slices, size = min(task.batch, WANTED_CHUNKS), kernel.values(isa.lanes)
    main = Launch(
        *(kernel, slices),
        ("x0", "dy", "scratch.partial", task.batch, slices, *sizes.arguments),
        room=4 * (int(sizes.panel.values) + isa.lanes),
    )
    rows, room = conv.window.size[0], kernel.vectors.count * isa.lanes
    numbers = (slices, size, conv.filters, rows, cells, room)
    roles = ("scratch.partial", "dw.w", "dw.b" if conv.bias else 0)
    total = Launch(SumCellGradient(conv.bias), conv.filters, (*roles, *numbers))
    return (main, total), {"partial": 4 * slices * size}


def _sizes(conv: Conv, x: Shape) -> ConvSizes:
    """What it goes over, in bands that stay in the first-level cache where a few rows do."""
    window, y = conv.window, conv.shape(x)
    width = (y.width - 1) * window.stride[1] + window.reach[1]
    row = 4 * (x.channels * width * window.stride[0] + y.width * y.channels)
    most = max(LEAST_ROWS, BAND_BYTES // row)
    return ConvSizes.of(conv, x, quotient(y.height, quotient(y.height, most)))


def _kernel(isa: Isa, conv: Conv, vectors: int) -> CellGradient:
    """The kernel whose micro-tiles load the least."""
    most, rows = isa.tile_rows * isa.tile_vectors + 1, conv.window.size[0]
    found = []
    for wide in range(1, most):
        filters = most // wide
        if wide <= filters:
            tall = Cut.even(rows, wide) if vectors == 1 else Cut(rows, 1)
            cuts = Cut.even(conv.filters, filters), tall, Cut.even(vectors, wide)
            loads = cuts[0].pieces * rows * vectors + conv.filters * cuts[1].pieces * cuts[2].pieces
            found.append((loads, cuts))
    return CellGradient(*min(found, key=lambda pair: pair[0])[1])
