"""Backward-filter of a depthwise convolution: each cell sums x·dy over all positions.

A chunk is a slice of the batch's rows for a block of channels, whose sums stay in the first-level
cache: they start in registers for a row and add up in a partial block. Slices are added in a fixed
order afterwards.
"""

from __future__ import annotations

from msgspec import Struct

from striate.kernels.base import NativeKernel
from striate.kernels.emitter import Emitter
from striate.kernels.memory_ops import fill
from striate.kernels.sweeps import cells_inside
from striate.kernels.values import Pointer, Value
from striate.kernels.vector_loop import STASH_BYTES
from striate.layers.options import Pair

BLOCK = 128
"""Channels in a block at most."""
SUMS = 12
"""Vectors of sums that are in registers at a time."""
VECTORS = 4
"""Neighbouring vectors of channels, of 12 sums in all; fewer where a row of the filter has more
than three cells."""


def vectors_of(size: Pair) -> int:
    """How many neighbouring vectors of channels are summed at a time for filters of this size."""
    return VECTORS // 2 if size[1] * VECTORS > SUMS else VECTORS


class DepthwiseGradient(NativeKernel, frozen=True):
    """x, dy, partial sums, rows and columns of x and of dy, channels, rows and columns of padding
    in front, the first column of dy whose window lies in a row of x and the first behind those,
    rows of all dy, slices, channels in a block.

    A partial block is [cells + 1][channels]: the last row is the bias's gradient. Blocks are whole
    vectors; lanes behind the last channel hold what comes next in memory, and nobody reads them.

    Attributes:
        size, stride, dilation: as in `striate.kernels.depthwise.DepthwiseConvolution`.
    """

    size: Pair
    stride: Pair
    dilation: Pair

    def emit(self, e: Emitter) -> None:
        x, dy, partial = (e.pointer(i) for i in range(3))
        height, width, rows, columns, channels, above, beside, inner, outer = (
            e.argument(i) for i in range(3, 12)
        )
        lines, slices, block = (e.argument(i) for i in range(12, 15))
        part, start = e.chunk % slices, e.chunk // slices * block
        first, last = part * lines // slices, (part + 1) * lines // slices
        depth, step = e.integer_minimum(channels - start, block), vectors_of(self.size) * e.lanes
        cells = self.size[0] * self.size[1]
        size = block * (cells + 1)
        sums = partial + e.chunk * size
        fill(e, sums, size)
        with e.loop(last, start=first) as line:
            image, row = line // rows, line % rows
            top = row * self.stride[0] - above
            inside = cells_inside(e, top, self.size[0], self.dilation[0], height)
            source = x + (image * height + top) * (width * channels)
            gradient = dy + line * columns * channels
            here = _Line(e, self, source, gradient, (width, columns, channels), beside)
            with e.loop(depth, step=step) as c:
                to = sums + c
                here.bias(start + c, to + block * cells)
                with e.loop(inside[1], start=inside[0]) as i:
                    of_row = to + i * (block * self.size[1])
                    here.cells(start + c, i, of_row, block, (inner, outer))


class _Line(Struct, frozen=True):
    """What one row of the gradient adds.

    Attributes:
        e: the emitter.
        kernel: what is emitted.
        source: the row of x that the windows' first cells see.
        gradient: the row.
        sizes: columns of x and of dy, channels.
        beside: columns of padding in front.
    """

    e: Emitter
    kernel: DepthwiseGradient
    source: Pointer
    gradient: Pointer
    sizes: tuple[Value, Value, Value]
    beside: Value

    @property
    def offsets(self) -> range:
        """Of the vectors of channels that are summed at a time."""
        lanes = self.e.lanes
        return range(0, vectors_of(self.kernel.size) * lanes, lanes)

    def bias(self, channel: Value, to: Pointer) -> None:
        """Σ dy."""
        e, (_, columns, channels) = self.e, self.sizes
        totals = [(v, e.variable(to.vector(v))) for v in self.offsets]
        with e.loop(columns) as column:
            here = self.gradient + (column * channels + channel)
            for v, total in totals:
                total.value = total.value + here.vector(v)
        for v, total in totals:
            to.store_vector(total.value, v)

    def cells(
        self, channel: Value, i: Value, to: Pointer, step: Value, whole: tuple[Value, Value]
    ) -> None:
        """Σ x·dy for the cells of row i of the filter, whose sums are so many values apart.

        Args:
            channel: the first one.
            i: the row.
            to: the sums of its first cell.
            step: from one cell's sums to the next.
            whole: the columns whose windows see no padding in a row: the first, and the end.
        """
        e, kernel, (width, columns, channels) = self.e, self.kernel, self.sizes
        (first, end), across = whole, kernel.size[1]
        x = self.source + (i * kernel.dilation[0] * (width * channels) + channel)
        most = SUMS // len(self.offsets)
        for start in range(0, across, most):
            self._inner(channel, x, to, step, whole, range(start, min(start + most, across)))
        with e.loop(first) as column:
            self._border(channel, x, to, step, column)
        with e.loop(columns, start=end) as column:
            self._border(channel, x, to, step, column)

    def _inner(
        self,
        channel: Value,
        x: Pointer,
        to: Pointer,
        step: Value,
        whole: tuple[Value, Value],
        cells: range,
    ) -> None:
        """Some cells, over the columns whose windows see no padding."""
        e, kernel, channels = self.e, self.kernel, self.sizes[2]
        vectors = self.offsets
        sums = [[e.variable((to + step * j).vector(v)) for v in vectors] for j in cells]
        with e.loop(whole[1], start=whole[0]) as column:
            seen = x + (column * kernel.stride[1] - self.beside) * channels
            factors = [self.gradient.vector(column * channels + channel + v) for v in vectors]
            for j, totals in zip(cells, sums, strict=True):
                cell = seen + channels * (j * kernel.dilation[1])
                for v, total, factor in zip(vectors, totals, factors, strict=True):
                    total.value = e.fma(cell.vector(v), factor, total.value)
        for j, totals in zip(cells, sums, strict=True):
            for v, total in zip(vectors, totals, strict=True):
                (to + step * j).store_vector(total.value, v)

    def _border(self, channel: Value, x: Pointer, to: Pointer, step: Value, column: Value) -> None:
        """All cells at one column where some of them may lie in the padding."""
        e, kernel, (width, _, channels) = self.e, self.kernel, self.sizes
        left = column * kernel.stride[1] - self.beside
        inside = cells_inside(e, left, kernel.size[1], kernel.dilation[1], width)
        with e.loop(inside[1], start=inside[0]) as j:
            seen = x + (left + j * kernel.dilation[1]) * channels
            for v in self.offsets:
                factor = self.gradient.vector(column * channels + channel + v)
                sums = to + (step * j + v)
                sums.store_vector(e.fma(seen.vector(v), factor, sums.vector()))


class SumDepthwise(NativeKernel, frozen=True):
    """partial sums, dw, db (or 0), channels, slices, channels in a block.

    One chunk is one block. Slices are added in order.
    """

    cells: int
    bias: bool

    @property
    def private(self) -> int:
        return STASH_BYTES

    def emit(self, e: Emitter) -> None:
        partial, dw, db = (e.pointer(i) for i in range(3))
        channels, slices, block = (e.argument(i) for i in range(3, 6))
        size, first = block * (self.cells + 1), e.chunk * block
        own = partial + e.chunk * slices * size
        depth = e.integer_minimum(channels - first, block)
        with e.loop(self.cells + self.bias) as cell, e.loop(depth, step=e.lanes) as c:
            total = e.variable(e.splat(0.0))
            with e.loop(slices) as s:
                total.value = total.value + own.vector(s * size + cell * block + c)
            e.scratch.store_vector(total.value)
            with e.loop(e.integer_minimum(depth - c, e.lanes)) as lane:
                value, k = e.scratch.load(lane), first + c + lane
                with e.when(cell < self.cells):
                    dw.store(value, k * self.cells + cell)
                if self.bias:
                    with e.when(cell.equals(self.cells)):
                        db.store(value, k)
