"""Phases: at a stride S, a square of S x S pixels as one pixel of a volume at stride 1.

A CONV at a stride S sees S² volumes, each of every S-th row and column, at stride 1 ("space to
depth"). As channels of one volume these are x'[i, j, (a, b, c)] = x[S·i + a - top, S·j + b - left,
c], with zeros for the padding and up to whole vectors of channels; of a filter's F x F cells
T x T remain, T = F / S rounded up: w'[k, u, v, (a, b, c)] = w[k, S·u + a, S·v + b, c], which is the
same of a batch of filters without padding. A CONV of x' with w' at stride 1 gives the same output.
"""

from __future__ import annotations

from msgspec import Struct

from striate.kernels.base import NativeKernel
from striate.kernels.emitter import Emitter
from striate.kernels.memory_ops import copy, fill
from striate.kernels.rounding import multiple, quotient
from striate.kernels.values import Pointer, Value
from striate.layers import Conv, Shape
from striate.plan import Launch

CHUNKS = 16
"""Wanted chunks."""


class Phases(Struct, frozen=True):
    """A CONV at a stride, and the one that its phases are at stride 1.

    Attributes:
        conv: square filters at the same stride both ways, without groups or dilation.
        x: its input.
        lanes: of a vector.
    """

    conv: Conv
    x: Shape
    lanes: int

    @property
    def stride(self) -> int:
        """Rows (and columns) of a square that becomes a pixel."""
        return self.conv.window.stride[0]

    @property
    def size(self) -> int:
        """Rows (and columns) of a filter."""
        return self.conv.window.size[0]

    @property
    def taps(self) -> int:
        """Rows (and columns) of w'."""
        return quotient(self.size, self.stride)

    @property
    def volume(self) -> Shape:
        """x', as much of it as the filters see."""
        y, more = self.conv.shape(self.x), self.taps - 1
        depth = multiple(self.stride**2 * self.x.channels, self.lanes)
        return Shape(y.height + more, y.width + more, depth)

    @property
    def filter_values(self) -> int:
        """Of w'."""
        return self.conv.filters * self.taps**2 * self.volume.channels

    def of_volume(self, batch: int, x: str, to: str) -> Launch:
        """The launch that makes x' of a batch."""
        (top, _, left, _), goal = self.conv.window.sides, self.volume
        return self._launch(batch, (self.x, goal), (top, left), (x, to))

    def of_filters(self, w: str, to: str, prepare: bool) -> Launch:
        """The launch that makes w', once for all calls if it is prepared."""
        cells = Shape(self.size, self.size, self.x.channels)
        goal = Shape(self.taps, self.taps, self.volume.channels)
        return self._launch(self.conv.filters, (cells, goal), (0, 0), (w, to), prepare)

    def of_gradient(self, source: str, dw: str) -> Launch:
        """The launch that takes the gradient of w from that of w'."""
        rows = self.conv.filters * self.size
        share = quotient(rows, CHUNKS)
        sizes = self.size, self.stride, self.taps, self.x.channels, self.volume.channels
        return Launch(FromPhases(), quotient(rows, share), (source, dw, rows, share, *sizes))

    def _launch(
        self,
        count: int,
        shapes: tuple[Shape, Shape],
        before: tuple[int, int],
        roles: tuple[str, str],
        prepare: bool = False,
    ) -> Launch:
        """From so many volumes of one shape, with padding in front, to those of the other."""
        source, goal = shapes
        rows = count * goal.height
        share = quotient(rows, CHUNKS)
        sizes = (source.height, source.width, source.channels, *before)
        numbers = (rows, share, self.stride, *sizes, goal.height, goal.width, goal.channels)
        line = self.stride * goal.width * source.channels + self.lanes
        chunks, room = quotient(rows, share), 4 * self.stride * line
        return Launch(ToPhases(), chunks, (*roles, *numbers), prepare=prepare, room=room)


class ToPhases(NativeKernel, frozen=True):
    """x, x', rows of x' in all images, rows in a chunk, stride, rows, columns and channels of x,
    rows and columns of padding in front of it, rows, columns and channels of x'.

    One chunk is some rows of x'. The rows of x that each is made of are copied to private memory
    with their padding before, so that a pixel's part of them is one run.
    """

    def emit(self, e: Emitter) -> None:
        source = _Source(e, *(e.argument(i) for i in range(4, 10)))
        rows, columns, depth = (e.argument(i) for i in range(10, 13))
        first, stride = e.chunk * e.argument(3), source.stride
        stop = e.integer_minimum(first + e.argument(3), e.argument(2))
        run = stride * source.channels
        line = columns * run + e.lanes
        with e.loop(stop, start=first) as number:
            image, row = number // rows, number % rows
            with e.loop(stride) as a:
                place = e.scratch + a * line
                source.read(e.pointer(0), image, row * stride + a, place, columns * run)
            to, last = e.pointer(1) + number * columns * depth, columns - 1
            # Whole vectors reach into what is written next, but not behind the last pixel.
            with e.loop(last) as j:
                pixel = to + j * depth
                with e.loop(stride) as a, e.loop(run, step=e.lanes) as c:
                    values = (e.scratch + (a * line + j * run + c)).vector()
                    pixel.store_vector(values, a * run + c)
                with e.loop(depth, start=stride * run, step=e.lanes) as c:
                    pixel.store_vector(e.splat(0.0), c)
            pixel, behind = to + last * depth, stride * run
            with e.loop(stride) as a:
                copy(e, pixel + a * run, e.scratch + (a * line + last * run), run)
            fill(e, pixel + behind, depth - behind)


class _Source(Struct, frozen=True):
    """What phases are taken from: the stride, a volume's size, and the padding in front of it."""

    e: Emitter
    stride: Value
    height: Value
    width: Value
    channels: Value
    top: Value
    left: Value

    def read(self, x: Pointer, image: Value, row: Value, to: Pointer, count: Value) -> None:
        """So many values of a row, which is counted from the padding on: with the padding."""
        e, depth, row = self.e, self.channels, row - self.top
        fill(e, to, count)
        before = self.left * depth
        own = e.integer_minimum(count - before, self.width * depth)
        with e.when((row >= 0) & (row < self.height)):
            copy(e, to + before, x + (image * self.height + row) * self.width * depth, own)


class FromPhases(NativeKernel, frozen=True):
    """dw', dw, rows of all filters, rows in a chunk, rows of a filter, stride, rows of w', channels
    of x and of x'. One chunk is some rows of dw [K, F, F, C]."""

    def emit(self, e: Emitter) -> None:
        size, stride, taps, channels, depth = (e.argument(i) for i in range(4, 9))
        first, run = e.chunk * e.argument(3), stride * channels
        stop = e.integer_minimum(first + e.argument(3), e.argument(2))
        with e.loop(stop, start=first) as number:
            k, i = number // size, number % size
            source = e.pointer(0) + ((k * taps + i // stride) * taps * depth + i % stride * run)
            to, line = e.pointer(1) + number * size * channels, size * channels
            with e.loop(taps) as v:
                count = e.integer_minimum(line - v * run, run)
                copy(e, to + v * run, source + v * depth, count)
