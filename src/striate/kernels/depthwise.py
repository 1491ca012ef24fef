"""Depthwise convolution: one filter for each channel, a vector of channels at a time.

Forward, and backward-data as a forward over the flipped filters. Each input value takes part in a
few products only, so that the work is bound by memory: the input is read where it lies, without a
panel, and the padding is left out of the sums instead of being copied.
"""

from __future__ import annotations

from collections.abc import Callable

from msgspec import Struct

from striate.kernels.base import NativeKernel
from striate.kernels.emitter import Emitter
from striate.kernels.sweeps import band, cells_inside
from striate.kernels.values import Pointer, Value, Variable
from striate.layers.options import Pair

SUMS = 8
"""Vectors of sums in a tile: more, and they do not stay in registers on every target."""
VECTORS = 4
"""Neighbouring vectors of channels. Where pixels lie a power of two apart, a cache line of which
only a part has been used may be gone before the rest is wanted."""
WIDE = 3
"""Columns of a filter above which a tile is half as deep, but has twice as many pixels, which share
what they see."""

Lanes = int | None
"""How many lanes of a vector are stored; None for all."""


class DepthwiseConvolution(NativeKernel, frozen=True):
    """x, packed filters [cells][channels], bias, y, mask, rows and columns of x and of the outputs,
    channels, rows and columns of padding in front, the first output column whose window lies in a
    row of x and the first behind those, values from one output column, row and image to the next,
    rows of all outputs, chunks.

    One chunk is a band of output rows.

    Attributes:
        size: rows and columns of a filter.
        stride: of the window.
        dilation: distance between its cells.
        left: channels modulo those of `VECTORS` vectors.
        bias, relu, masked: as in `striate.kernels.conv_direct.DirectConvolution`.
    """

    size: Pair
    stride: Pair
    dilation: Pair
    left: int
    bias: bool
    relu: bool = False
    masked: bool = False

    @property
    def vectors(self) -> int:
        """Of channels in a tile."""
        return VECTORS // 2 if self.size[1] > WIDE else VECTORS

    @property
    def pixels(self) -> int:
        """Neighbouring outputs in a tile."""
        return SUMS // self.vectors

    def emit(self, e: Emitter) -> None:
        x, packed, bias, y, mask = (e.pointer(i) for i in range(5))
        height, width, rows, columns, channels, above, beside, inner, outer = (
            e.argument(i) for i in range(5, 14)
        )
        right, down, each = (e.argument(i) for i in range(14, 17))
        first, last = band(e, e.argument(17), e.argument(18))
        with e.loop(last, start=first) as line:
            image, row = line // rows, line % rows
            top = row * self.stride[0] - above
            inside = cells_inside(e, top, self.size[0], self.dilation[0], height)
            source = x + (image * height + top) * (width * channels)
            start = image * each + row * down
            here = _Line(e, self, source, packed, bias, y + start, mask + start, inside)
            here.sweep((width, columns, channels), (beside, right), (inner, outer))


class _Line(Struct, frozen=True):
    """One row of outputs in the making.

    Attributes:
        e: the emitter.
        kernel: what is emitted.
        source: the row of the input that the windows' first cells see.
        packed, bias: of the kernel.
        y, mask: where the row's first output goes, and its mask.
        inside: the rows of cells that lie in the input: the first, and the end.
    """

    e: Emitter
    kernel: DepthwiseConvolution
    source: Pointer
    packed: Pointer
    bias: Pointer
    y: Pointer
    mask: Pointer
    inside: tuple[Value, Value]

    def sweep(
        self,
        sizes: tuple[Value, Value, Value],
        steps: tuple[Value, Value],
        whole: tuple[Value, Value],
    ) -> None:
        """All outputs of the row.

        Args:
            sizes: columns of the input and of the output, channels.
            steps: columns of padding in front, values from one output to the next.
            whole: the outputs whose windows see no padding in a row: the first, and the end.
        """
        e, (_, columns, _), (first, end) = self.e, sizes, whole
        pixels = self.kernel.pixels
        room = end - first >= pixels
        # The last tile may do again what the one in front has done.
        with e.when(room), e.loop(end, start=first, step=pixels) as column:
            self._tile(e.integer_minimum(column, end - pixels), sizes, steps)
        left, right = e.select(room, first, columns), e.select(room, end, columns)
        with e.loop(left) as column:
            self._pixel(column, sizes, steps)
        with e.loop(columns, start=right) as column:
            self._pixel(column, sizes, steps)

    def _tile(
        self, column: Value, sizes: tuple[Value, Value, Value], steps: tuple[Value, Value]
    ) -> None:
        """Neighbouring outputs whose windows see no padding in a row."""
        e, kernel, (width, _, channels) = self.e, self.kernel, sizes
        (stride, dilation), pixels = (kernel.stride[1], kernel.dilation[1]), range(kernel.pixels)
        source = self.source + (column * stride - steps[0]) * channels
        line = width * channels

        def body(channel: Value, vectors: list[Lanes]) -> None:
            sums = [self._start(channel, vectors) for _ in pixels]
            with e.loop(self.inside[1], start=self.inside[0]) as i:
                x = source + (i * kernel.dilation[0] * line + channel)
                w = self.packed + (i * kernel.size[1] * channels + channel)
                for j in range(kernel.size[1]):
                    for v in range(len(vectors)):
                        factor = w.vector(channels * j + v * e.lanes)
                        for r, totals in enumerate(sums):
                            seen = channels * (r * stride + j * dilation) + v * e.lanes
                            totals[v].value = e.fma(x.vector(seen), factor, totals[v].value)
            for r, totals in enumerate(sums):
                self._store(totals, (column + r) * steps[1] + channel, vectors)

        self._over_channels(channels, kernel.vectors, body)

    def _pixel(
        self, column: Value, sizes: tuple[Value, Value, Value], steps: tuple[Value, Value]
    ) -> None:
        """One output, of whose window a part may lie in the padding."""
        e, kernel, (width, _, channels) = self.e, self.kernel, sizes
        left = column * kernel.stride[1] - steps[0]
        across = cells_inside(e, left, kernel.size[1], kernel.dilation[1], width)

        def body(channel: Value, vectors: list[Lanes]) -> None:
            totals = self._start(channel, vectors)
            with (
                e.loop(self.inside[1], start=self.inside[0]) as i,
                e.loop(across[1], start=across[0]) as j,
            ):
                row, seen = i * kernel.dilation[0], left + j * kernel.dilation[1]
                x = self.source + ((row * width + seen) * channels + channel)
                w = self.packed + ((i * kernel.size[1] + j) * channels + channel)
                for v, total in enumerate(totals):
                    total.value = e.fma(x.vector(v * e.lanes), w.vector(v * e.lanes), total.value)
            self._store(totals, column * steps[1] + channel, vectors)

        self._over_channels(channels, VECTORS, body)

    def _over_channels(
        self, channels: Value, most: int, body: Callable[[Value, list[Lanes]], None]
    ) -> None:
        """Write ``body(channel, lanes)`` for so many vectors at a time and for what is left."""
        e = self.e
        step = most * e.lanes
        left = self.kernel.left % step
        with e.loop(channels - left, step=step) as channel:
            body(channel, [None] * most)
        if left:
            lanes: list[Lanes] = [min(e.lanes, left - v) for v in range(0, left, e.lanes)]
            body(channels - left, lanes)

    def _start(self, channel: Value, vectors: list[Lanes]) -> list[Variable]:
        e = self.e
        if not self.kernel.bias:
            return [e.variable(e.splat(0.0)) for _ in vectors]
        return [e.variable(self.bias.vector(channel + v * e.lanes)) for v in range(len(vectors))]

    def _store(self, totals: list[Variable], place: Value, vectors: list[Lanes]) -> None:
        e, kernel = self.e, self.kernel
        for v, (total, lanes) in enumerate(zip(totals, vectors, strict=True)):
            where = place + v * e.lanes
            value = e.maximum(total.value, 0.0) if kernel.relu else total.value
            if kernel.masked:
                value = e.select(self.mask.vector(where) > 0.0, value, 0.0)
            self.y.store_vector(value, where, lanes)


class PackDepthwise(NativeKernel, frozen=True):
    """w, packed, channels; then, for the rows and for the columns of the filters, their number, the
    first one, the step and the count to take.

    packed[row][column][channel] = w[channel][first + row·step][first + column·step]. One chunk is
    one cell.
    """

    def emit(self, e: Emitter) -> None:
        w, packed, channels = e.pointer(0), e.pointer(1), e.argument(2)
        height, top, down, _ = (e.argument(i) for i in range(3, 7))
        width, left, across, columns = (e.argument(i) for i in range(7, 11))
        row, column = top + e.chunk // columns * down, left + e.chunk % columns * across
        source, to = w + (row * width + column), packed + e.chunk * channels
        with e.loop(channels) as channel:
            to.store(source.load(channel * (height * width)), channel)
