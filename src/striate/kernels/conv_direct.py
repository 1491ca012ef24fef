"""Direct convolution: forward, and backward-data as a forward over the flipped filters.

A micro-tile holds R pixels x two vectors of filters in registers; the inner loop broadcasts one
input value to each pixel's row and multiplies it with a packed vector of filters. In NHWC a row of
filter cells and channels is contiguous, so that three channels cost no more than their share.
"""

from __future__ import annotations

from msgspec import Struct

from striate.kernels.base import NativeKernel
from striate.kernels.conv_pack import blocks_of
from striate.kernels.conv_sizes import WANTED_CHUNKS, ConvSizes
from striate.kernels.emitter import Emitter
from striate.kernels.isa import Isa
from striate.kernels.rounding import multiple
from striate.kernels.values import Operand, Pointer, Value
from striate.plan.records import At, Launch

SIZES = 13
"""The slot from which on the sizes stand."""


class Target(Struct, frozen=True):
    """Where one block of filters finds its bias, and puts its first output."""

    bias: Pointer
    y: Pointer
    mask: Pointer

    def at(self, k: Operand) -> Target:
        """The same for the filters from k on."""
        return Target(self.bias + k, self.y + k, self.mask + k)


class DirectConvolution(NativeKernel, frozen=True):
    """x, packed filters, bias, y, mask, parts, whether the input itself serves as the panel of
    every band, rows and columns from one output to the next in memory, rows, columns and depth of
    the volume that y lies in, the panel's size, `ConvSizes.arguments`.

    One chunk is one band of output rows of one image, for one of the parts that the blocks of
    filters are cut in. Private memory holds a table of where each pixel's window starts and where
    its output goes, in which the last pixel fills up the last micro-tile; and the panel.

    Attributes:
        left: filters (of a group) behind the last whole block.
        run: what of a filter lies in one run in memory; see `ConvSizes.run`.
        spread: whether the panel has zeros between the input's pixels.
        bias: whether the sums start from a bias.
        relu: whether max(0, .) follows.
        masked: whether only what lies where the mask, shaped like y, is positive is kept, and the
            rest is zero: the backward pass of a RELU.
    """

    left: int
    run: str
    spread: bool
    bias: bool
    relu: bool = False
    masked: bool = False

    def emit(self, e: Emitter) -> None:
        x, packed, bias, y, mask = (e.pointer(i) for i in range(5))
        parts, reads_input, down, right, height, width, depth, room = (
            e.argument(i) for i in range(5, SIZES)
        )
        sizes = ConvSizes.read(e, SIZES, self.spread)
        panel = sizes.panel
        part, rest = e.chunk % parts, e.chunk // parts
        bands = sizes.bands
        image, first = rest // bands, rest % bands * panel.rows
        rows = e.integer_minimum(sizes.output_rows - first, panel.rows)
        volume = x + image * (panel.height * panel.width * panel.channels)
        direct = reads_input.equals(1)
        with e.when(direct ^ True):
            panel.emit(e, volume, first, rows, e.scratch)
        line = panel.width * panel.channels
        source = e.select_pointer(direct, volume + first * (panel.stride[0] * line), e.scratch)
        line = e.select(direct, line, panel.row_length)
        start = (image * height + first * down) * width * depth
        inputs = e.room(room, "i64")
        outputs = inputs + (panel.rows * panel.columns + e.isa.tile_rows)
        band = _Band(e, self, sizes, line, rows * panel.columns, inputs, outputs)
        band.write_places(rows, (down * width * depth, right * depth))
        with e.loop(sizes.groups) as group:
            k = group * sizes.filters
            to = Target(bias + k, y + start + k, mask + start + k)
            blocks = (sizes.filters + (e.isa.tile_columns - 1)) // e.isa.tile_columns
            weights = packed + group * (blocks * band.block)
            band.part(source + group * sizes.channels, weights, to, (part, parts))


class _Steps(Struct, frozen=True):
    """How a micro-tile goes over a filter, computed once and not for every tile.

    Attributes:
        cells: runs of memory in a row of the filter.
        run: values of each.
        down, across: from one row, and from one cell, to the next in the source.
        row, cell: the same in the packed filters.
    """

    cells: Operand
    run: Operand
    down: Value
    across: Value
    row: Value
    cell: Value


class _Band(Struct, frozen=True):
    """One band in the making.

    Attributes:
        e: the emitter.
        kernel: what is emitted.
        sizes: of the convolution.
        line: values from one row of the source to the next.
        pixels: of output.
        inputs, outputs: the table; see `DirectConvolution`.
    """

    e: Emitter
    kernel: DirectConvolution
    sizes: ConvSizes
    line: Value
    pixels: Value
    inputs: Pointer
    outputs: Pointer

    @property
    def block(self) -> Operand:
        """Values of one packed block of filters."""
        return self.sizes.cells * self.e.isa.tile_columns

    def write_places(self, rows: Value, steps: tuple[Value, Value]) -> None:
        """Write the table; a row and a column of outputs are so many values apart in y."""
        e, panel, (down, right) = self.e, self.sizes.panel, steps
        across = panel.stride[1] * panel.channels
        with e.loop(rows) as row, e.loop(panel.columns) as column:
            pixel = row * panel.columns + column
            self.inputs.store(row * (panel.stride[0] * self.line) + column * across, pixel)
            self.outputs.store(row * down + column * right, pixel)
        with e.loop(e.isa.tile_rows) as i:
            for table in (self.inputs, self.outputs):
                table.store(table.load(self.pixels - 1), self.pixels + i)

    def part(
        self, source: Pointer, weights: Pointer, to: Target, part: tuple[Value, Value]
    ) -> None:
        """A part's blocks of one group; the last block may have fewer filters."""
        e, left, columns = self.e, self.kernel.left, self.e.isa.tile_columns
        whole, (number, parts) = self.sizes.filters // columns, part
        share = (whole + bool(left) + (parts - 1)) // parts
        stop = e.integer_minimum((number + 1) * share, whole)
        with e.loop(stop, start=number * share) as block:
            here = weights + block * self.block
            self._sweep(source, here, to.at(block * columns), columns)
        if left:
            with e.when(number.equals(whole // share)):
                last = weights + whole * self.block
                self._sweep(source, last, to.at(whole * columns), left)

    def _sweep(self, source: Pointer, weights: Pointer, to: Target, count: int) -> None:
        """All pixels of the band for one block of filters, tile after tile."""
        e, kernel = self.e, self.kernel
        steps = self._steps()
        with e.loop(self.pixels, step=e.isa.tile_rows) as tile:
            rows = range(e.isa.tile_rows)
            inputs = [source + self.inputs.load(tile + r) for r in rows]
            outputs = [self.outputs.load(tile + r) for r in rows]
            sums = self._tile(inputs, weights, to.bias, count, steps)
            for place, vectors in zip(outputs, sums, strict=True):
                for v, total in enumerate(vectors):
                    lanes, where = _lanes(e, count, v), place + v * e.lanes
                    value = e.maximum(total, 0.0) if kernel.relu else total
                    if kernel.masked:
                        value = e.select(to.mask.vector(where, lanes) > 0.0, value, 0.0)
                    to.y.store_vector(value, where, lanes)

    def _steps(self) -> _Steps:
        sizes = self.sizes
        cells, run = sizes.runs(self.kernel.run)
        down, across = sizes.dilation[0] * self.line, sizes.dilation[1] * sizes.panel.channels
        block = self.e.integer(run * self.e.isa.tile_columns)
        return _Steps(cells, run, down, across, block * cells, block)

    def _tile(
        self, inputs: list[Pointer], weights: Pointer, bias: Pointer, count: int, steps: _Steps
    ) -> list[list[Value]]:
        """The dot products of one tile: pixels x vectors of filters."""
        e, columns = self.e, self.e.isa.tile_columns
        used = range(-(-count // e.lanes))
        start = [
            bias.vector(v * e.lanes, _lanes(e, count, v)) if self.kernel.bias else e.splat(0.0)
            for v in used
        ]
        sums = [[e.variable(value) for value in start] for _ in inputs]
        with e.loop(self.sizes.size[0]) as i, e.loop(steps.cells) as j:
            first = i * steps.down + j * steps.across
            packed = weights + (i * steps.row + j * steps.cell)
            with e.loop(steps.run) as c:
                filters = [packed.vector(c * columns + v * e.lanes) for v in used]
                for pointer, row in zip(inputs, sums, strict=True):
                    value = pointer.broadcast(first + c)
                    for total, w in zip(row, filters, strict=True):
                        total.value = e.fma(value, w, total.value)
        return [[total.value for total in row] for row in sums]


def _lanes(e: Emitter, count: int, vector: int) -> int:
    """How many lanes of the v-th vector hold one of ``count`` filters."""
    return min(e.lanes, count - vector * e.lanes)


def convolution(
    isa: Isa,
    batch: int,
    sizes: ConvSizes,
    roles: tuple[str | At | int, ...],
    relu: bool = False,
    spacing: tuple[int, int] = (1, 1),
    full: tuple[int, int, int] | None = None,
) -> Launch:
    """The launch of a direct convolution.

    Args:
        isa: the target.
        batch: number of images.
        sizes: what it goes over.
        roles: input, packed filters, bias, output and mask; bias and mask may be 0.
        relu: whether max(0, .) follows.
        spacing: rows and columns from one output to the next in memory.
        full: rows, columns and depth of the volume that they lie in; None if they are all of it.
    """
    sizes = sizes.shared(batch)
    panel, rows = sizes.panel, isa.tile_rows
    visited = (sizes.output_rows - 1) * panel.stride[0] + 1
    reads_input = panel.is_input_itself and visited <= panel.height
    bands = batch * sizes.bands
    parts = parts_of(isa, sizes.filters, bands)
    left, spread = sizes.filters % isa.tile_columns, panel.spread != (1, 1)
    kernel = DirectConvolution(*(left, sizes.run, spread, roles[2] != 0, relu, roles[4] != 0))
    volume = full or (sizes.output_rows, panel.columns, sizes.depth)
    room = 0 if reads_input else multiple(panel.values, isa.tile_columns)
    numbers = (parts, int(reads_input), *spacing, *volume, room, *sizes.arguments)
    table = 8 * 2 * (panel.rows * panel.columns + rows)
    return Launch(kernel, bands * parts, (*roles, *numbers), room=4 * room + table)


def parts_of(isa: Isa, filters: int, bands: int) -> int:
    """How many parts to cut the filters in, so that a few bands make enough chunks to share."""
    return max(1, min(-(-WANTED_CHUNKS // bands), blocks_of(filters, isa.tile_columns) // 2))
