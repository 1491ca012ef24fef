"""CONV backward-filter: the gradient of every filter is a correlation of input and gradient.

A micro-tile holds a few cells x two vectors of filters in registers and sums over the pixels of a
band; bands and images of one slice of the batch add up in a partial block, and slices are summed in
a fixed order afterwards, so that the result does not depend on the number of threads.
"""

from __future__ import annotations

from msgspec import Struct
from msgspec.structs import replace

from striate.kernels.base import NativeKernel
from striate.kernels.conv_cell_gradient import cell_gradient, cell_seconds
from striate.kernels.conv_data_gradient import data_gradient, data_seconds
from striate.kernels.conv_pack import blocks_of
from striate.kernels.conv_sizes import ROW, VALUE, ConvSizes
from striate.kernels.emitter import Emitter
from striate.kernels.estimates import filled, group_seconds, seconds
from striate.kernels.filter_slices import sum_slices
from striate.kernels.isa import Isa
from striate.kernels.memory_ops import fill
from striate.kernels.panel import Panel
from striate.kernels.rounding import quotient
from striate.kernels.values import Pointer, Value
from striate.layers import Shape
from striate.layers.conv import Conv
from striate.plan.records import Launch, Lowering, Task

PANEL_BYTES = 48 * 1024
GRADIENT_PIXELS = 256
WANTED_CHUNKS = 16
GROUP_TILES = 5
"""Times as much as by the data that a group adds by the filters, where its columns of the gradient
fill a small part of a vector."""
FRACTION = 0.75
"""Of the peak that full blocks of filters reach."""
SHARED = 4
"""Blocks of filters that share a panel, so that packing it is a small part of the work."""


class FilterGradient(NativeKernel, frozen=True):
    """x, dy, partial sums, images, slices that they are cut in, channels of x,
    `ConvSizes.arguments` with a panel of one group's channels.

    One chunk is one slice of the batch and a few blocks of filters. A partial block is
    [cells + 1][columns]: the last row is the bias's gradient.

    Attributes:
        left: cells of a run behind the last whole micro-tile.
        run: what of a filter lies in one run in memory; see `ConvSizes.run`.
        columns: filters in a block.
        shared: blocks in a chunk, which share a panel of the input.
        narrow: whether the last block's filters fill no more than one vector.
        grouped: whether there are groups.
    """

    left: int
    run: str
    columns: int
    shared: int
    narrow: bool
    grouped: bool

    def emit(self, e: Emitter) -> None:
        x, dy, partial = (e.pointer(i) for i in range(3))
        images, slices, channels = (e.argument(i) for i in range(3, 6))
        sizes = ConvSizes.read(e, 6)
        panel, columns, depth, bands = sizes.panel, self.columns, sizes.depth, sizes.bands
        panel = replace(panel, pixel=channels) if self.grouped else panel
        blocks = (sizes.filters + (columns - 1)) // columns
        shares = (blocks + (self.shared - 1)) // self.shared
        together = sizes.groups * shares
        part, rest = e.chunk // together, e.chunk % together
        group, first_block = rest // shares, rest % shares * self.shared
        count = e.integer_minimum(blocks - first_block, self.shared)
        size = (sizes.cells + 1) * columns
        sums = partial + ((part * sizes.groups + group) * blocks + first_block) * size
        fill(e, sums, count * size)
        gradients = e.scratch
        band_input = e.scratch + panel.rows * panel.columns * columns
        first_image, last_image = part * images // slices, (part + 1) * images // slices
        with e.loop(last_image, start=first_image) as image, e.loop(bands) as band:
            first = band * panel.rows
            rows = e.integer_minimum(sizes.output_rows - first, panel.rows)
            volume = x + (image * (panel.height * panel.width * channels) + group * sizes.channels)
            panel.emit(e, volume, first, rows, band_input)
            pixel = (image * sizes.output_rows + first) * panel.columns
            source = dy + pixel * depth + group * sizes.filters
            with e.loop(count) as i:
                k = (first_block + i) * columns
                left = e.integer_minimum(sizes.filters - k, columns)
                total = sums + i * size
                bias = total + sizes.cells * columns
                pixels = rows * panel.columns
                self._pack_gradients(e, (source + k, depth), gradients, pixels, left, bias)
                following = pixels * depth + first_block * columns
                ahead = source + e.select((i + 1).equals(count), following, k + columns)
                factors = band_input, gradients, ahead
                if self.narrow:
                    with e.when(left <= e.lanes):
                        self._sweep(e, sizes, factors, rows, total, 1)
                with e.when(left > (e.lanes if self.narrow else 0)):
                    self._sweep(e, sizes, factors, rows, total, columns // e.lanes)

    def _pack_gradients(
        self,
        e: Emitter,
        columns: tuple[Pointer, Value],
        to: Pointer,
        pixels: Value,
        left: Value,
        bias: Pointer,
    ) -> None:
        """The block's columns of dy, pixel after pixel, and their sum for the bias."""
        source, depth = columns
        vectors = range(self.columns // e.lanes)
        totals = [e.variable(bias.vector(v * e.lanes)) for v in vectors]
        with e.when(left < self.columns), e.loop(pixels) as pixel:
            fill(e, to + pixel * self.columns, self.columns)
            with e.loop(left) as k:
                to.store(source.load(pixel * depth + k), pixel * self.columns + k)
            for v, total in enumerate(totals):
                total.value = total.value + to.vector(pixel * self.columns + v * e.lanes)
        with e.when(left.equals(self.columns)), e.loop(pixels) as pixel:
            for v, total in enumerate(totals):
                value = source.vector(pixel * depth + v * e.lanes)
                to.store_vector(value, pixel * self.columns + v * e.lanes)
                total.value = total.value + value
        for v, total in enumerate(totals):
            bias.store_vector(total.value, v * e.lanes)

    def _sweep(
        self,
        e: Emitter,
        sizes: ConvSizes,
        factors: tuple[Pointer, Pointer, Pointer],
        rows: Value,
        sums: Pointer,
        vectors: int,
    ) -> None:
        """All cells of so many vectors of filters, a tile of neighbouring cells at a time.

        The third factor is what `_pack_gradients` reads next: while a run is summed up, one vector
        of each pixel is asked for, with the next run the other.
        """
        panel, (source, dy, following), tile = sizes.panel, factors, e.isa.tile_rows
        cells, run = sizes.runs(self.run)
        whole = 0 if self.run == VALUE else run - self.left
        down, across = sizes.dilation[0] * panel.row_length, sizes.dilation[1] * panel.channels
        with e.loop(sizes.size[0]) as i, e.loop(cells) as j:
            x = source + (i * down + j * across)
            to = sums + (i * cells + j) * (run * self.columns)
            vector = (i * cells + j) % vectors
            ahead = following + vector * e.lanes, sizes.depth
            if self.run != VALUE:
                with e.loop(whole, step=tile) as c:
                    self._tile(
                        e, panel, (x + c, dy, ahead), rows, to + c * self.columns, (tile, vectors)
                    )
            if self.left:
                end = to + whole * self.columns
                self._tile(e, panel, (x + whole, dy, ahead), rows, end, (self.left, vectors))

    def _tile(
        self,
        e: Emitter,
        panel: Panel,
        factors: tuple[Pointer, Pointer, tuple[Pointer, Value]],
        rows: Value,
        to: Pointer,
        shape: tuple[int, int],
    ) -> None:
        """Sum over the band's pixels for so many neighbouring cells and vectors of filters."""
        (x, dy, (following, depth)), count, vectors = factors, shape[0], range(shape[1])
        sums = [[e.variable(e.splat(0.0)) for _ in vectors] for _ in range(count)]
        down, across = panel.stride[0] * panel.row_length, panel.stride[1] * panel.channels
        with e.loop(rows) as row:
            offset = e.variable(row * down)
            line = dy + row * panel.columns * self.columns
            ahead = following + row * panel.columns * depth
            with e.loop(panel.columns) as column:
                e.prefetch(ahead + column * depth, level=2)
                values = [line.vector(column * self.columns + v * e.lanes) for v in vectors]
                where = x + offset.value
                for c in range(count):
                    value = where.broadcast(c)
                    for total, gradient in zip(sums[c], values, strict=True):
                        total.value = e.fma(value, gradient, total.value)
                offset.value = offset.value + across
        for c in range(count):
            for v, total in enumerate(sums[c]):
                place = c * self.columns + v * e.lanes
                to.store_vector(to.vector(place) + total.value, place)


def filter_gradient_sizes(conv: Conv, x: Shape) -> ConvSizes:
    """What backward-filter of a CONV goes over, in bands that suit the cache; the panel is that of
    one group."""
    window, y, depth = conv.window, conv.shape(x), x.channels // conv.groups
    width = (y.width - 1) * window.stride[1] + window.reach[1]
    most = min(
        max(1, (PANEL_BYTES // (4 * depth * width) - window.reach[0]) // window.stride[0] + 1),
        max(1, GRADIENT_PIXELS // y.width),
    )
    sizes = ConvSizes.of(conv, x, quotient(y.height, quotient(y.height, most)))
    return replace(sizes, panel=replace(sizes.panel, channels=depth))


def filter_gradient(isa: Isa, task: Task) -> tuple[tuple[Launch, ...], dict[str, int]]:
    """The launches of backward-filter, bias included, and their scratch."""
    conv, (x,), columns = task.what, task.inputs, isa.tile_columns
    if cell_seconds(isa, conv, x, task.batch) < _filter_seconds(isa, conv, x, task.batch):
        return cell_gradient(isa, task)
    sizes = filter_gradient_sizes(conv, x)
    shares = conv.groups * quotient(blocks_of(sizes.filters, columns), SHARED)
    slices = max(1, min(task.batch, WANTED_CHUNKS // shares))
    run = ROW if conv.window.dilation[1] == 1 else sizes.run
    left = sizes.runs(run)[1] % isa.tile_rows
    narrow = 0 < sizes.filters % columns <= isa.lanes
    kernel = FilterGradient(left, run, columns, SHARED, narrow, conv.groups > 1)
    pixels = sizes.panel.rows * sizes.panel.columns
    main = Launch(
        *(kernel, slices * shares),
        ("x0", "dy", "scratch.partial", task.batch, slices, x.channels, *sizes.arguments),
        room=4 * (pixels * columns + sizes.panel.values),
    )
    total, size = sum_slices(conv, sizes.cells, columns, slices)
    return (main, total), {"partial": size}


def _filter_seconds(isa: Isa, conv: Conv, x: Shape, batch: int) -> float:
    """Time of backward-filter with vectors over the filters: one vector of a block takes as long as
    the whole block."""
    used = filled(conv.filters // conv.groups, isa.tile_columns)
    return seconds(isa, batch * conv.macs(x), FRACTION * used)


class DirectBackward(Struct, frozen=True):
    """CONV backward by direct convolution: by the data, then by the filters and biases."""

    isa: Isa
    name: str = "direct convolution"

    def refuses(self, task: Task) -> str | None:
        return "the gradient is added to another one" if task.detail.get("adds") else None

    def cost(self, task: Task) -> float:
        conv, (x,), batch = task.what, task.inputs, task.batch
        groups = group_seconds(self.isa, conv, x, batch) * (1 + GROUP_TILES)
        sizes = self.isa, conv, x, batch
        by_filters = min(cell_seconds(*sizes), _filter_seconds(*sizes))
        return by_filters + data_seconds(self.isa, task) + groups

    def lower(self, task: Task) -> Lowering:
        launches, scratch = data_gradient(self.isa, task)
        more, partial = filter_gradient(self.isa, task)
        return Lowering((*launches, *more), scratch={**scratch, **partial})
