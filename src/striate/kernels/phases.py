"""Phases: at a stride S, a square of S x S pixels as one pixel of a volume at stride 1.

A CONV at a stride S sees S² volumes, each of every S-th row and column, at stride 1 ("space to
depth"). As channels of one volume these are x'[i, j, (a, b, c)] = x[S·i + a - top, S·j + b - left,
c], with zeros for the padding and up to whole vectors of channels; of a filter's F x F cells
T x T remain, T = F / S rounded up: w'[k, u, v, (a, b, c)] = w[k, S·u + a, S·v + b, c], which is the
same of a batch of filters without padding. A CONV of x' with w' at stride 1 gives the same output.
"""

from __future__ import annotations

from msgspec import Struct
from msgspec.structs import astuple

from striate.kernels.base import NativeKernel
from striate.kernels.emitter import Emitter
from striate.kernels.memory_ops import copy, fill
from striate.kernels.rounding import multiple, quotient
from striate.kernels.values import Operand, Pointer, Value
from striate.layers import Conv, Shape
from striate.plan import Launch

CHUNKS = 16
"""Wanted chunks."""


class Runs(Struct, frozen=True):
    """How the rows of a target follow from those of a source, run by run.

    A row of the target has a pixel for each of its columns, and that has a run of each of some
    lines, which are rows of the source, one after the other, and then zeros. A plan knows the
    numbers, a kernel reads them from its launch.

    Attributes:
        rows, row: of an image of the target, and values in one.
        height, width: rows of an image of the source, and values in one.
        top, left: rows, and values, of padding in front of the source.
        lines: that a row is made of.
        step: rows of the source from these to the next lines.
        shared: rows that are made of the same lines.
        skip: values of a line that each of them starts behind the one before.
        columns: pixels of a row.
        run: values of a line that a pixel has.
        apart: values from one run to the next in a line.
        depth: values from one pixel to the next in the target.
    """

    rows: Operand
    row: Operand
    height: Operand
    width: Operand
    top: Operand
    left: Operand
    lines: Operand
    step: Operand
    shared: Operand
    skip: Operand
    columns: Operand
    run: Operand
    apart: Operand
    depth: Operand

    @classmethod
    def read(cls, e: Emitter, slot: int) -> Runs:
        """Those whose numbers stand from this slot on."""
        return cls(*(e.argument(slot + i) for i in range(len(cls.__struct_fields__))))

    def room(self, lanes: int) -> Operand:
        """Floats of private memory for a row and its lines."""
        return self.lines * self.line(lanes) + self.columns * self.depth + lanes

    def line(self, lanes: int) -> Operand:
        """Floats of private memory for a line."""
        return self.columns * self.apart + lanes

    def launch(self, images: int, roles: tuple[str, str], lanes: int, prepare: bool) -> Launch:
        """From the source to the target, of so many images."""
        rows = images * self.rows
        share = quotient(rows, CHUNKS)
        arguments = (*roles, rows, share, *astuple(self))
        chunks, room = quotient(rows, share), 4 * self.room(lanes)
        return Launch(CopyRuns(), chunks, arguments, prepare=prepare, room=room)


class CopyRuns(NativeKernel, frozen=True):
    """Source, target, rows of the target in all images, rows in a chunk, the numbers of `Runs`.

    One chunk is some rows. Each is put together in private memory, where whole vectors may reach
    into what is written next.
    """

    def emit(self, e: Emitter) -> None:
        runs = Runs.read(e, 4)
        first, line = e.chunk * e.argument(3), runs.line(e.lanes)
        stop = e.integer_minimum(first + e.argument(3), e.argument(2))
        together = e.scratch + runs.lines * line
        with e.loop(stop, start=first) as number:
            with e.loop(runs.lines) as i:
                self._read(e, runs, number, i, e.scratch + i * line)
            with e.loop(runs.columns) as j:
                pixel = together + j * runs.depth
                with e.loop(runs.lines) as i, e.loop(runs.run, step=e.lanes) as c:
                    source = e.scratch + (i * line + j * runs.apart + c)
                    pixel.store_vector(source.vector(), i * runs.run + c)
                with e.loop(runs.depth, start=runs.lines * runs.run, step=e.lanes) as c:
                    pixel.store_vector(e.splat(0.0), c)
            copy(e, e.pointer(1) + number * runs.row, together, runs.row)

    def _read(self, e: Emitter, runs: Runs, number: Value, line: Value, to: Pointer) -> None:
        """A line of a row, with its padding, as long as the row needs it."""
        image, own = number // runs.rows, number % runs.rows
        row, skipped = (
            own // runs.shared * runs.step + line - runs.top,
            own % runs.shared * runs.skip,
        )
        length = runs.columns * runs.apart
        fill(e, to, length)
        count = e.integer_minimum(length - runs.left, runs.width - skipped)
        with e.when((row >= 0) & (row < runs.height)):
            source = (image * runs.height + row) * runs.width + skipped
            copy(e, to + runs.left, e.pointer(0) + source, count)


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
    def run(self) -> int:
        """Values of a row of a square."""
        return self.stride * self.x.channels

    @property
    def volume(self) -> Shape:
        """x', as much of it as the filters see."""
        y, more = self.conv.shape(self.x), self.taps - 1
        depth = multiple(self.stride * self.run, self.lanes)
        return Shape(y.height + more, y.width + more, depth)

    @property
    def filter_values(self) -> int:
        """Of w'."""
        return self.conv.filters * self.taps**2 * self.volume.channels

    def of_volume(self, batch: int, x: str, to: str) -> Launch:
        """The launch that makes x' of a batch."""
        top, _, left, _ = self.conv.window.sides
        runs = self._to_phases(self.x, self.volume, (top, left))
        return runs.launch(batch, (x, to), self.lanes, prepare=False)

    def of_filters(self, w: str, to: str, prepare: bool) -> Launch:
        """The launch that makes w', once for all calls if it is prepared."""
        cells = Shape(self.size, self.size, self.x.channels)
        goal = Shape(self.taps, self.taps, self.volume.channels)
        runs = self._to_phases(cells, goal, (0, 0))
        return runs.launch(self.conv.filters, (w, to), self.lanes, prepare)

    def of_gradient(self, source: str, dw: str) -> Launch:
        """The launch that takes the gradient of w from that of w'."""
        taps, depth = self.taps, self.volume.channels
        runs = Runs(
            *(self.size, self.size * self.x.channels, taps, taps * depth, 0, 0),
            *(1, 1, self.stride, self.run),
            *(taps, self.run, depth, self.run),
        )
        return runs.launch(self.conv.filters, (source, dw), self.lanes, prepare=False)

    def _to_phases(self, source: Shape, goal: Shape, before: tuple[int, int]) -> Runs:
        """From volumes of one shape, with padding in front, to their phases."""
        width, (top, left) = source.width * source.channels, before
        padding = top, left * source.channels
        return Runs(
            *(goal.height, goal.width * goal.channels, source.height, width, *padding),
            *(self.stride, self.stride, 1, 0),
            *(goal.width, self.run, self.run, goal.channels),
        )
