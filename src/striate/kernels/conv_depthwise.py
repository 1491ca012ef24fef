"""CONV with as many groups as channels and filters: candidates for the depthwise kernels."""

from __future__ import annotations

from collections.abc import Iterator

from msgspec import Struct

from striate.kernels.conv_data_gradient import (
    FillZeros,
    Taps,
    data_gradient,
    taps_of,
    whole_filters,
)
from striate.kernels.conv_norm import pass_seconds, with_norm
from striate.kernels.depthwise import VECTORS, DepthwiseConvolution, PackDepthwise
from striate.kernels.depthwise_gradient import BLOCK, DepthwiseGradient, SumDepthwise, vectors_of
from striate.kernels.estimates import filled
from striate.kernels.isa import Isa
from striate.kernels.outputs import output_of
from striate.kernels.rounding import multiple, quotient
from striate.kernels.sweeps import bands
from striate.layers import Conv, Shape
from striate.layers.options import Pair
from striate.plan import At, Launch, Lowering, Task

CHUNKS = 16
"""Wanted chunks of backward-filter: slices of the rows times blocks of channels."""
BYTES_PER_SECOND = 20e9
MULTIPLY_ADDS_PER_SECOND_AND_LANE = 3e9


def unfit(conv: Conv, x: Shape) -> str | None:
    """Why a CONV cannot be done this way, or None."""
    if conv.groups == 1:
        return "there are no groups"
    if conv.groups == x.channels == conv.filters:
        return None
    return "not every channel has one filter of its own"


def estimate(isa: Isa, conv: Conv, x: Shape, batch: int) -> float:
    """Seconds of one of the passes."""
    values = x.values + conv.shape(x).values
    lanes = isa.lanes * filled(x.channels, isa.lanes)
    work = conv.macs(x) / (MULTIPLY_ADDS_PER_SECOND_AND_LANE * lanes)
    return batch * (4 * values / BYTES_PER_SECOND + work)


def whole_columns(
    before: int, size: int, dilation: int, stride: int, length: int, count: int
) -> Pair:
    """Of so many outputs in a row, those whose windows see no padding: the first, and the end."""
    first = max(0, -(-before // stride))
    end = (length + before - ((size - 1) * dilation + 1)) // stride + 1
    return min(first, count), max(min(first, count), min(end, count))


class Pass(Struct, frozen=True):
    """One launch of the kernel.

    Attributes:
        source: the volume that is read.
        rows, columns: outputs of an image.
        size, stride, dilation: of the filters.
        before: rows and columns of padding in front.
        steps: values from one output column, row and image to the next.
    """

    source: Shape
    rows: int
    columns: int
    size: Pair
    stride: Pair
    dilation: Pair
    before: Pair
    steps: tuple[int, int, int]

    def launch(
        self, isa: Isa, batch: int, roles: tuple[str | At | int, ...], relu: bool = False
    ) -> Launch:
        """The launch; roles are the kernel's first five arguments, and a mask given is applied."""
        x, lines = self.source, batch * self.rows
        kernel = DepthwiseConvolution(
            *(self.size, self.stride, self.dilation, x.channels % (VECTORS * isa.lanes)),
            bias=roles[2] != 0,
            relu=relu,
            masked=roles[4] != 0,
        )
        axis = (self.before[1], self.size[1], self.dilation[1], self.stride[1])
        whole = whole_columns(*axis, x.width, self.columns)
        sizes = (x.height, x.width, self.rows, self.columns, x.channels, *self.before, *whole)
        return Launch(kernel, bands(lines), (*roles, *sizes, *self.steps, lines, bands(lines)))


def pack(conv: Conv, x: Shape, rows: Taps, columns: Taps, offset: int, flip: bool) -> Launch:
    """The launch that packs these rows and columns of the filters, at an offset in bytes."""
    taken: tuple[int, ...] = ()
    for length, taps in zip(conv.window.size, (rows, columns), strict=True):
        last = taps.first + (taps.count - 1) * taps.step
        way = (last, -taps.step) if flip else (taps.first, taps.step)
        taken += (length, *way, taps.count)
    to = At("scratch.packed", offset)
    chunks = rows.count * columns.count
    return Launch(PackDepthwise(), chunks, ("w.w", to, x.channels, *taken), prepare=not flip)


class DepthwiseForward(Struct, frozen=True):
    """Depthwise CONV forward."""

    isa: Isa
    name: str = "depthwise"

    def refuses(self, task: Task) -> str | None:
        return unfit(task.what, *task.inputs)

    def cost(self, task: Task) -> float:
        (x,) = task.inputs
        return estimate(self.isa, task.what, x, task.batch) + pass_seconds(task)

    def lower(self, task: Task) -> Lowering:
        return with_norm(self.isa, task, self._lower)

    def _lower(self, task: Task) -> Lowering:
        conv, (x,), y = task.what, task.inputs, task.output
        window, (to, pixel) = conv.window, output_of(task)
        done = Pass(
            *(x, y.height, y.width, window.size, window.stride, window.dilation),
            before=(window.sides[0], window.sides[2]),
            steps=(pixel, y.width * pixel, y.pixels * pixel),
        )
        roles = ("x0", "scratch.packed", "w.b" if conv.bias else 0, to, 0)
        main = done.launch(self.isa, task.batch, roles, task.detail.get("relu", False))
        packed = pack(conv, x, *whole_filters(conv), 0, flip=False)
        return Lowering((packed, main), scratch={"packed": 4 * window.cells * x.channels})


class DepthwiseBackward(Struct, frozen=True):
    """Depthwise CONV backward: by the data as forward, one pass for each residue of the input's
    rows and columns modulo the stride; by the filters as sums over positions."""

    isa: Isa
    name: str = "depthwise"

    def refuses(self, task: Task) -> str | None:
        return unfit(task.what, *task.inputs)

    def cost(self, task: Task) -> float:
        (x,), passes = task.inputs, 2 if "dx0" in task.roles else 1
        return passes * estimate(self.isa, task.what, x, task.batch)

    def lower(self, task: Task) -> Lowering:
        launches, scratch = self._by_data(task)
        more, partial = self._by_filters(task)
        return Lowering((*launches, *more), scratch={**scratch, **partial})

    def _by_data(self, task: Task) -> tuple[tuple[Launch, ...], dict[str, int]]:
        conv, (x,) = task.what, task.inputs
        window = conv.window
        plain = window.stride == (1, 1)
        if "dx0" not in task.roles or not (plain or window.dilation == (1, 1)):
            # A stride together with a dilation: the gradient is spread with zeros.
            return data_gradient(self.isa, task)
        size = {"packed": 4 * window.cells * x.channels}
        return tuple(self._whole(task) if plain else self._by_residues(task)), size

    def _whole(self, task: Task) -> Iterator[Launch]:
        """At stride 1 every input sees the whole filter."""
        conv, (x,), y = task.what, task.inputs, task.output
        window = conv.window
        before = (window.reach[0] - 1 - window.sides[0], window.reach[1] - 1 - window.sides[2])
        steps = (x.channels, x.width * x.channels, x.values)
        done = Pass(y, x.height, x.width, window.size, (1, 1), window.dilation, before, steps)
        yield pack(conv, x, *whole_filters(conv), 0, flip=True)
        mask = "x0" if task.detail.get("mask") else 0
        yield done.launch(self.isa, task.batch, ("dy", "scratch.packed", 0, "dx0", mask))

    def _by_residues(self, task: Task) -> Iterator[Launch]:
        """At a larger stride the inputs of one residue see every S-th row and column of it."""
        conv, (x,), y, batch = task.what, task.inputs, task.output, task.batch
        window, masked, offset = conv.window, task.detail.get("mask", False), 0
        down = taps_of(window.size[0], window.stride[0], window.sides[0], x.height)
        across = taps_of(window.size[1], window.stride[1], window.sides[2], x.width)
        if any(taps.count == 0 for taps in down + across):
            chunks = min(64, x.height * batch)
            yield Launch(FillZeros(), chunks, ("dx0", batch * x.values, chunks))
        right, below = window.stride[1] * x.channels, window.stride[0] * x.width * x.channels
        for rows, columns in ((i, j) for i in down for j in across if i.count * j.count):
            yield pack(conv, x, rows, columns, offset, flip=True)
            size = (rows.count, columns.count)
            before = (rows.count - 1 - rows.shift, columns.count - 1 - columns.shift)
            start = 4 * (rows.residue * x.width + columns.residue) * x.channels
            mask = At("x0", start) if masked else 0
            roles = ("dy", At("scratch.packed", offset), 0, At("dx0", start), mask)
            steps = (right, below, x.values)
            done = Pass(y, rows.length, columns.length, size, (1, 1), (1, 1), before, steps)
            yield done.launch(self.isa, batch, roles)
            offset += 4 * rows.count * columns.count * x.channels

    def _by_filters(self, task: Task) -> tuple[tuple[Launch, ...], dict[str, int]]:
        conv, (x,), y = task.what, task.inputs, task.output
        window, lines = conv.window, task.batch * y.height
        blocks = quotient(x.channels, BLOCK)
        block = multiple(quotient(x.channels, blocks), vectors_of(window.size) * self.isa.lanes)
        blocks, slices = quotient(x.channels, block), min(lines, quotient(CHUNKS, blocks))
        before = (window.sides[0], window.sides[2])
        axis = (before[1], window.size[1], window.dilation[1], window.stride[1])
        whole = whole_columns(*axis, x.width, y.width)
        kernel = DepthwiseGradient(window.size, window.stride, window.dilation)
        sizes = (x.height, x.width, y.height, y.width, x.channels, *before, *whole)
        roles = ("x0", "dy", "scratch.partial")
        main = Launch(kernel, blocks * slices, (*roles, *sizes, lines, slices, block))
        arguments = ("scratch.partial", "dw.w", "dw.b" if conv.bias else 0)
        add = SumDepthwise(window.cells, conv.bias)
        total = Launch(add, blocks, (*arguments, x.channels, slices, block))
        size = blocks * slices * (window.cells + 1) * block
        return (main, total), {"partial": 4 * size}
