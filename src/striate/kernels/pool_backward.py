"""POOL backward: every input pixel gathers from the windows that see it.

Nothing is ever added to from two sides, so that bands of input rows are independent of each other
even where windows overlap; where they do not, a pixel has one window at most and is written once.
"""

from __future__ import annotations

from msgspec import Struct

from striate.kernels.base import NativeKernel
from striate.kernels.emitter import Emitter
from striate.kernels.memory_ops import fill
from striate.kernels.pool_forward import cells_counted
from striate.kernels.sweeps import band, over_channels, windows_over
from striate.kernels.values import Operand, Pointer, Value
from striate.layers.options import Pair, Sides


class PoolBackward(NativeKernel, frozen=True):
    """dy, dx, saved, x, rows and columns of x and of y, channels, rows of all inputs, chunks.

    One chunk is a band of input rows. Only l2 reads x. See `PoolForward` for the attributes.
    """

    kind: str
    size: Pair
    stride: Pair
    dilation: Pair
    pad: Sides
    count_padding: bool
    tail: int
    saved: str

    @property
    def reach(self) -> Pair:
        """Rows and columns from the window's first cell to its last."""
        (rows, columns), (down, right) = self.size, self.dilation
        return (rows - 1) * down + 1, (columns - 1) * right + 1

    @property
    def overlaps(self) -> bool:
        """Whether a pixel may be seen by several windows, or lie between a window's cells."""
        pairs = zip(self.reach, self.stride, self.dilation, strict=True)
        return any(reach > stride or dilation > 1 for reach, stride, dilation in pairs)

    def emit(self, e: Emitter) -> None:
        dy, dx, saved, x = (
            *map(e.pointer, (0, 1)),
            e.pointer(2, self.saved or "f32"),
            e.pointer(3),
        )
        height, width, out_height, out_width, channels = (e.argument(i) for i in range(4, 9))
        first, last = band(e, e.argument(9), e.argument(10))
        shape, steps = (height, width), (out_height, out_width)
        with e.loop(last, start=first) as line:
            image, row = line // height, line % height
            above = self._windows(e, row, 0, out_height)
            with e.loop(width) as column:
                beside = self._windows(e, column, 1, out_width)
                here = (line * width + column) * channels
                image_start = image * out_height * out_width
                gather = _Gather(e, self, dy, saved, x + here, dx + here, channels, image_start)
                gather.pixel((row, column), above, beside, shape, steps)

    def _windows(self, e: Emitter, position: Value, axis: int, steps: Value) -> tuple[Value, Value]:
        before, reach, stride = self.pad[2 * axis], self.reach[axis], self.stride[axis]
        return windows_over(e, position, before, reach, stride, steps)


class _Gather(Struct, frozen=True):
    """The gradient of one input pixel in the making."""

    e: Emitter
    kernel: PoolBackward
    dy: Pointer
    saved: Pointer
    x: Pointer
    dx: Pointer
    channels: Value
    image: Value

    def pixel(
        self,
        position: tuple[Value, Value],
        above: tuple[Value, Value],
        beside: tuple[Value, Value],
        shape: tuple[Value, Value],
        steps: tuple[Value, Value],
    ) -> None:
        """Sum over the windows in rows ``above`` and columns ``beside`` of the output."""
        e = self.e
        (top, bottom), (left, right) = above, beside
        if not self.kernel.overlaps:
            seen = (top < bottom) & (left < right)
            with e.when(seen):
                self._window(position, (top, left), shape, steps)
            with e.when(seen ^ True):
                fill(e, self.dx, self.channels)
            return
        fill(e, self.dx, self.channels)
        with e.loop(bottom, start=top) as i, e.loop(right, start=left) as j:
            down, across = self._distances(position, (i, j))
            (step_down, step_right) = self.kernel.dilation
            if (step_down, step_right) == (1, 1):
                self._window(position, (i, j), shape, steps)
            else:
                on_cell = (down % step_down).equals(0) & (across % step_right).equals(0)
                with e.when(on_cell):
                    self._window(position, (i, j), shape, steps)

    def _distances(
        self, position: tuple[Value, Value], window: tuple[Value, Value]
    ) -> tuple[Value, Value]:
        """Rows and columns from the window's first cell to the pixel."""
        pad, stride = self.kernel.pad, self.kernel.stride
        down = position[0] + pad[0] - window[0] * stride[0]
        return down, position[1] + pad[2] - window[1] * stride[1]

    def _window(
        self,
        position: tuple[Value, Value],
        window: tuple[Value, Value],
        shape: tuple[Value, Value],
        steps: tuple[Value, Value],
    ) -> None:
        """What one window gives to the pixel."""
        e, kernel = self.e, self.kernel
        down, across = self._distances(position, window)
        cell = down // kernel.dilation[0] * kernel.size[1] + across // kernel.dilation[1]
        there = (self.image + window[0] * steps[1] + window[1]) * self.channels
        weight = self._weight(window, shape) if kernel.kind == "avg" else e.number(1.0)

        def body(channel: Operand, lanes: int | None) -> None:
            value = self._share(self.dy.vector(there + channel), there + channel, cell, weight)
            if kernel.kind == "l2":
                value = value * self.x.vector(channel)
            if kernel.overlaps:
                value = value + self.dx.vector(channel)
            self.dx.store_vector(value, channel, lanes)

        over_channels(e, self.channels, kernel.tail, body)

    def _share(self, gradient: Value, there: Operand, cell: Value, weight: Value) -> Value:
        """The window's gradient as far as it goes to one of its cells."""
        e, kernel = self.e, self.kernel
        if kernel.kind == "avg":
            return gradient * weight
        saved = self.saved.vector(there)
        if kernel.kind == "l2":
            return gradient / saved
        wanted = e.splat(e.to_integer(cell, self.saved.element.width))
        return e.select(saved.equals(wanted), gradient, 0.0)

    def _weight(self, window: tuple[Value, Value], shape: tuple[Value, Value]) -> Value:
        """One part of a mean: 1 by the number of cells that it counts."""
        kernel = self.kernel
        start = (
            window[0] * kernel.stride[0] - kernel.pad[0],
            window[1] * kernel.stride[1] - kernel.pad[2],
        )
        counted = cells_counted(
            self.e, start, shape, kernel.size, kernel.dilation, kernel.pad, kernel.count_padding
        )
        return 1.0 / self.e.to_float(counted)
