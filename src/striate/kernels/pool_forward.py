"""POOL forward: the maximum, mean or L2 norm of each window, a vector of channels at a time.

A maximum leaves a switch behind: the index of the winning cell in its window, one byte (four where
a window has more than 255 cells), so that backward need not see the input again. Behind a RELU, the
switch of a window without a positive value names no cell: backward is then that of RELU, too.
"""

from __future__ import annotations

from msgspec import Struct

from striate.kernels.base import NativeKernel
from striate.kernels.emitter import Emitter
from striate.kernels.sweeps import band, cells_inside, over_channels
from striate.kernels.values import Operand, Pointer, Value
from striate.layers.options import Pair, Sides

NO_CELL = 0xFFFFFFFF
"""The switch of a window that nobody wins; all ones in a byte, too."""
UNROLLED_CELLS = 16
"""Windows of at most so many cells are written out; larger ones are loops."""


class PoolForward(NativeKernel, frozen=True):
    """x, y, saved, rows and columns of x and of y, channels, rows of all outputs, chunks.

    One chunk is a band of output rows. What is saved is a max's switches or an l2's norms.

    Attributes:
        kind: ``max``, ``avg`` or ``l2``.
        size: rows and columns of the window.
        stride: of the window.
        dilation: distance between its cells.
        pad: top, bottom, left and right.
        count_padding: whether a mean counts the padding.
        tail: channels modulo the lanes of a vector.
        saved: element type of what is saved for backward; empty if nothing is.
        overhangs: whether some windows reach beyond the input.
        rectified: whether a maximum has a winner only if it is positive.
    """

    kind: str
    size: Pair
    stride: Pair
    dilation: Pair
    pad: Sides
    count_padding: bool
    tail: int
    saved: str
    overhangs: bool
    rectified: bool

    def emit(self, e: Emitter) -> None:
        x, y, saved = e.pointer(0), e.pointer(1), e.pointer(2, self.saved or "f32")
        height, width, out_height, out_width, channels = (e.argument(i) for i in range(3, 8))
        first, last = band(e, e.argument(8), e.argument(9))
        with e.loop(last, start=first) as line:
            image, row = line // out_height, line % out_height
            volume = x + image * height * width * channels
            with e.loop(out_width) as column:
                here = (line * out_width + column) * channels
                top = row * self.stride[0] - self.pad[0]
                left = column * self.stride[1] - self.pad[2]
                spot = _Spot(e, volume, (height, width), channels, (top, left))
                self._pool(e, spot, y + here, saved + here)

    def _pool(self, e: Emitter, spot: _Spot, y: Pointer, saved: Pointer) -> None:
        """One output pixel."""
        if self.size[0] * self.size[1] > UNROLLED_CELLS:
            self._looped(e, spot, y, saved)
        elif not self.overhangs:
            self._unrolled(e, spot, y, saved)
        else:
            rows, columns = ((f - 1) * d + 1 for f, d in zip(self.size, self.dilation, strict=True))
            (top, left), (height, width) = spot.start, spot.shape
            inside = (top >= 0) & (top + rows <= height) & (left >= 0) & (left + columns <= width)
            with e.when(inside):
                self._unrolled(e, spot, y, saved)
            with e.when(inside ^ True):
                self._looped(e, spot, y, saved)

    def _unrolled(self, e: Emitter, spot: _Spot, y: Pointer, saved: Pointer) -> None:
        """A window that lies inside the input, its cells one after the other."""
        scale = e.number(1 / (self.size[0] * self.size[1]))

        def body(channel: Operand, lanes: int | None) -> None:
            total = Total(e, self.kind)
            for i in range(self.size[0]):
                for j in range(self.size[1]):
                    value = spot.cell(i * self.dilation[0], j * self.dilation[1]).vector(channel)
                    total.add(value, e.integer(i * self.size[1] + j))
            self._store(e, total, scale, y + channel, saved + channel, lanes)

        over_channels(e, spot.channels, self.tail, body)

    def _looped(self, e: Emitter, spot: _Spot, y: Pointer, saved: Pointer) -> None:
        """A window of any size of which only a part may lie inside the input."""
        axes = list(zip(spot.start, self.size, self.dilation, spot.shape, strict=True))
        (top, bottom), (left, right) = (cells_inside(e, *axis) for axis in axes)
        scale = 1.0 / e.to_float(self._counted(e, spot))

        def body(channel: Operand, lanes: int | None) -> None:
            total = Total(e, self.kind)
            with e.loop(bottom, start=top) as i, e.loop(right, start=left) as j:
                value = spot.cell(i * self.dilation[0], j * self.dilation[1]).vector(channel)
                total.add(value, i * self.size[1] + j)
            self._store(e, total, scale, y + channel, saved + channel, lanes)

        over_channels(e, spot.channels, self.tail, body)

    def _counted(self, e: Emitter, spot: _Spot) -> Value:
        """How many cells a mean at this spot counts."""
        return cells_counted(
            e, spot.start, spot.shape, self.size, self.dilation, self.pad, self.count_padding
        )

    def _store(
        self,
        e: Emitter,
        total: Total,
        scale: Value,
        y: Pointer,
        saved: Pointer,
        lanes: int | None,
    ) -> None:
        result = total.value.value
        if self.kind == "avg":
            result = result * scale
        elif self.kind == "l2":
            result = e.call("llvm.sqrt", result)
        y.store_vector(result, 0, lanes)
        if self.kind == "max" and self.saved:
            total.store_cell(saved, self.rectified, lanes)
        elif self.saved:
            saved.store_vector(e.select(result.equals(0.0), 1.0, result), 0, lanes)


class _Spot(Struct, frozen=True):
    """One position of the window: the image, its rows and columns, and where the window starts."""

    e: Emitter
    volume: Pointer
    shape: tuple[Value, Value]
    channels: Value
    start: tuple[Value, Value]

    def cell(self, down: Operand, right: Operand) -> Pointer:
        """The depth column so many pixels below and to the right of the window's start."""
        (top, left), (_, width) = self.start, self.shape
        pixel: Value = (top + down) * width + (left + right)
        return self.volume + pixel * self.channels


class Total:
    """What is known of a window after some of its cells.

    The maximum starts as that of the padding, minus infinity in cell 0. A later cell wins if it is
    larger, or the first that is not a number.
    """

    def __init__(self, e: Emitter, kind: str) -> None:
        self.e, self.kind = e, kind
        self.value = e.variable(e.splat(float("-inf") if kind == "max" else 0.0))
        self.cell = e.variable(e.like(0, e.lane_numbers()))

    def add(self, value: Value, cell: Value) -> None:
        """One more cell, whose index in the window is ``cell``."""
        e, before = self.e, self.value.value
        if self.kind == "avg":
            self.value.value = before + value
        elif self.kind == "l2":
            self.value.value = e.fma(value, value, before)
        else:
            wins = ((value <= before) ^ True) & before.equals(before)
            self.value.value = e.select(wins, value, before)
            self.cell.value = e.select(wins, e.to_integer(cell, 32), self.cell.value)

    def store_cell(self, to: Pointer, rectified: bool, lanes: int | None = None) -> None:
        """Write the switches of a maximum; see `PoolForward.rectified`."""
        e, cell = self.e, self.cell.value
        if rectified:
            cell = e.select(self.value.value > 0.0, cell, NO_CELL)
        to.store_vector(e.to_integer(cell, to.element.width), 0, lanes)


def cells_counted(
    e: Emitter,
    start: tuple[Value, Value],
    shape: tuple[Value, Value],
    size: Pair,
    dilation: Pair,
    pad: Sides,
    padding: bool,
) -> Value:
    """How many cells of a window a mean counts: those inside, and perhaps the padding's."""
    numbers = []
    for axis in (0, 1):
        if padding:
            before, after = pad[2 * axis], pad[2 * axis + 1]
            origin, length = start[axis] + before, shape[axis] + (before + after)
        else:
            origin, length = start[axis], shape[axis]
        first, end = cells_inside(e, origin, size[axis], dilation[axis], length)
        numbers.append(end - first)
    return numbers[0] * numbers[1]
