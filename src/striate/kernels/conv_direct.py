"""Direct convolution: forward, and backward-data as a forward over the flipped filters.

A micro-tile holds R pixels x two vectors of filters in registers; the inner loop broadcasts one
input value to each pixel's row and multiplies it with a packed vector of filters. In NHWC a row of
filter cells and channels is contiguous, so that three channels cost no more than their share.
"""

from __future__ import annotations

from dataclasses import dataclass

from striate.kernels.base import NativeKernel
from striate.kernels.conv_fold import fold_norm
from striate.kernels.conv_pack import blocks_of, pack_forward
from striate.kernels.emitter import Emitter
from striate.kernels.isa import Isa
from striate.kernels.memory_ops import clamped
from striate.kernels.panel import Panel
from striate.kernels.values import Operand, Pointer, Value
from striate.layers import Shape
from striate.layers.conv import Conv
from striate.plan.records import Launch, Lowering, Task

PANEL_BYTES = 128 * 1024
"""A band's panel should stay in the second-level cache beside the filters."""
WANTED_CHUNKS = 16


@dataclass(frozen=True)
class Target:
    """Where one block of filters finds its bias, and puts its first output."""

    bias: Pointer
    y: Pointer
    mask: Pointer

    def at(self, k: Operand) -> Target:
        """The same for the filters from k on."""
        return Target(self.bias + k, self.y + k, self.mask + k)


@dataclass(frozen=True)
class DirectConvolution(NativeKernel):
    """x, packed filters, bias, y, mask. One chunk is one band of output rows of one image, for
    one part of the filters.

    Attributes:
        panel: the band's view of the input, with all groups' channels.
        output_rows: rows of the whole output; the last band may be shorter.
        groups: of channels and filters.
        filters: per group.
        size: rows and columns of a filter.
        dilation: distance between its cells.
        bias: whether the sums start from a bias.
        parts: how many parts the blocks of filters are cut in.
        relu: whether max(0, .) follows.
        masked: whether only what lies where the mask, shaped like y, is positive is kept, and the
            rest is zero: the backward pass of a RELU.
        spacing: rows and columns from one output to the next in memory; y then starts at the
            first of them.
        full: rows and columns of the volume that y is, where the spacing is not 1.
    """

    panel: Panel
    output_rows: int
    groups: int
    filters: int
    size: tuple[int, int]
    dilation: tuple[int, int]
    bias: bool
    parts: int = 1
    relu: bool = False
    masked: bool = False
    spacing: tuple[int, int] = (1, 1)
    full: tuple[int, int] = (0, 0)

    @property
    def private(self) -> int:
        return 0 if self._reads_input else self.panel.values * 4

    @property
    def _reads_input(self) -> bool:
        """Whether the input itself serves as the panel of every band."""
        visited = (self.output_rows - 1) * self.panel.stride[0] + 1
        return self.panel.is_input_itself and visited <= self.panel.height

    def emit(self, e: Emitter) -> None:
        x, packed, bias, y, mask = (e.pointer(i) for i in range(5))
        panel = self.panel
        bands = -(-self.output_rows // panel.rows)
        part, rest = e.chunk % self.parts, e.chunk // self.parts
        image, band = rest // bands, rest % bands
        first = band * panel.rows
        rows = e.integer_minimum(self.output_rows - first, panel.rows)
        volume = x + image * (panel.height * panel.width * panel.channels)
        if self._reads_input:
            source = volume + first * (panel.stride[0] * panel.width * panel.channels)
        else:
            source = e.scratch
            panel.emit(e, volume, first, rows, source)
        start = self._row(image, first) * (self.groups * self.filters)
        channels = panel.channels // self.groups
        blocks = blocks_of(self.filters, e.isa.tile_columns)
        values = self.size[0] * self.size[1] * channels * e.isa.tile_columns
        with e.loop(self.groups) as group:
            weights = packed + group * (blocks * values)
            k = group * self.filters
            to = Target(bias + k, y + start + k, mask + start + k)
            self._blocks(e, source + group * channels, weights, values, to, rows, part)

    def _blocks(
        self,
        e: Emitter,
        source: Pointer,
        weights: Pointer,
        values: int,
        to: Target,
        rows: Value,
        part: Value,
    ) -> None:
        """The part's blocks of one group; the last block may have fewer filters."""
        columns = e.isa.tile_columns
        whole, left = divmod(self.filters, columns)
        size = -(-blocks_of(self.filters, columns) // self.parts)
        if whole:
            stop = e.integer_minimum((part + 1) * size, whole)
            with e.loop(stop, start=part * size) as block:
                here = to.at(block * columns)
                self._sweep(e, source, weights + block * values, here, rows, columns)
        if left:
            here, last = to.at(whole * columns), weights + whole * values
            with e.when(part.equals(whole // size)):
                self._sweep(e, source, last, here, rows, left)

    def _sweep(
        self, e: Emitter, source: Pointer, weights: Pointer, to: Target, rows: Value, count: int
    ) -> None:
        """All pixels of the band for one block of filters, tile after tile."""
        pixels = rows * self.panel.columns
        depth = self.groups * self.filters
        with e.loop(pixels, step=e.isa.tile_rows) as tile:
            inputs, outputs = [], []
            for r in range(e.isa.tile_rows):
                pixel = clamped(e, tile + r, pixels - 1)
                inputs.append(source + self._offset(pixel))
                outputs.append(self._pixel(pixel) * depth)
            sums = self._tile(e, inputs, weights, to.bias, count)
            for place, vectors in zip(outputs, sums, strict=True):
                for v, total in enumerate(vectors):
                    lanes, where = _lanes(e, count, v), place + v * e.lanes
                    value = e.maximum(total, 0.0) if self.relu else total
                    if self.masked:
                        value = e.select(to.mask.vector(where, lanes) > 0.0, value, 0.0)
                    to.y.store_vector(value, where, lanes)

    def _row(self, image: Value, row: Value) -> Value:
        """The pixel of y at which an output row starts."""
        if self.spacing == (1, 1):
            return (image * self.output_rows + row) * self.panel.columns
        return (image * self.full[0] + row * self.spacing[0]) * self.full[1]

    def _pixel(self, pixel: Value) -> Value:
        """How far behind the band's first output pixel another lies."""
        if self.spacing == (1, 1):
            return pixel
        row, column = pixel // self.panel.columns, pixel % self.panel.columns
        return row * (self.spacing[0] * self.full[1]) + column * self.spacing[1]

    def _offset(self, pixel: Value) -> Value:
        """Where a pixel's window starts in the panel (or in the input itself)."""
        panel = self.panel
        length = panel.width * panel.channels if self._reads_input else panel.row_length
        down, across = panel.stride[0] * length, panel.stride[1] * panel.channels
        if down == panel.columns * across:
            return pixel * across
        row, column = pixel // panel.columns, pixel % panel.columns
        return row * down + column * across

    def _tile(
        self, e: Emitter, inputs: list[Pointer], weights: Pointer, bias: Pointer, count: int
    ) -> list[list[Value]]:
        """The dot products of one tile: pixels x vectors of filters."""
        panel, columns = self.panel, e.isa.tile_columns
        used = range(-(-count // e.lanes))
        channels = panel.channels // self.groups
        start = [
            bias.vector(v * e.lanes, _lanes(e, count, v)) if self.bias else e.splat(0.0)
            for v in used
        ]
        sums = [[e.variable(value) for value in start] for _ in inputs]
        fused = self.dilation[1] == 1 and self.groups == 1
        cells, run = (1, self.size[1] * channels) if fused else (self.size[1], channels)
        with e.loop(self.size[0]) as i, e.loop(cells) as j, e.loop(run) as c:
            cell = (i * cells + j) * run + c
            where = (
                i * (self.dilation[0] * panel.row_length)
                + j * (self.dilation[1] * panel.channels)
                + c
            )
            filters = [weights.vector(cell * columns + v * e.lanes) for v in used]
            for pointer, row in zip(inputs, sums, strict=True):
                value = pointer.broadcast(where)
                for total, w in zip(row, filters, strict=True):
                    total.value = e.fma(value, w, total.value)
        return [[total.value for total in row] for row in sums]


def _lanes(e: Emitter, count: int, vector: int) -> int:
    """How many lanes of the v-th vector hold one of ``count`` filters."""
    return min(e.lanes, count - vector * e.lanes)


def forward_kernel(isa: Isa, conv: Conv, x: Shape, batch: int, relu: bool) -> DirectConvolution:
    """The kernel of a CONV's forward pass over a batch of inputs of this shape."""
    window, y = conv.window, conv.shape(x)
    before = (window.sides[0], window.sides[2])
    row_bytes = 4 * x.channels * ((y.width - 1) * window.stride[1] + window.reach[1])
    rows = band_rows(y.height, row_bytes, window.stride[0], window.reach[0])
    panel = Panel(x.height, x.width, x.channels, rows, y.width, window.reach, window.stride, before)
    return DirectConvolution(
        *(panel, y.height, conv.groups, conv.filters // conv.groups),
        *(window.size, window.dilation, conv.bias),
        parts=parts_of(isa, conv.filters // conv.groups, batch * -(-y.height // rows)),
        relu=relu,
    )


def parts_of(isa: Isa, filters: int, bands: int) -> int:
    """How many parts to cut the filters in, so that a few bands make enough chunks to share."""
    return max(1, min(-(-WANTED_CHUNKS // bands), blocks_of(filters, isa.tile_columns) // 2))


def band_rows(rows: int, row_bytes: int, stride: int, reach: int) -> int:
    """Output rows of a band: as many as the panel's budget holds, evenly spread."""
    most = max(1, (PANEL_BYTES // row_bytes - reach) // stride + 1)
    return -(-rows // -(-rows // most))


def chunks_of(kernel: DirectConvolution, batch: int) -> int:
    """One chunk for each band of each image and each part of the filters."""
    return batch * -(-kernel.output_rows // kernel.panel.rows) * kernel.parts


@dataclass(frozen=True)
class DirectForward:
    """CONV forward by direct convolution."""

    isa: Isa
    name: str = "direct convolution"

    def refuses(self, task: Task) -> str | None:  # noqa: ARG002
        return None

    def cost(self, task: Task) -> float:
        return seconds(self.isa, task.batch * task.what.macs(*task.inputs))

    def lower(self, task: Task) -> Lowering:
        return fold_norm(task, self._lower)

    def _lower(self, task: Task) -> Lowering:
        conv, (x,) = task.what, task.inputs
        pack, size = pack_forward(conv, x, self.isa.tile_columns)
        kernel = forward_kernel(self.isa, conv, x, task.batch, task.detail.get("relu", False))
        bias = "w.b" if conv.bias else 0
        arguments = ("x0", "scratch.packed", bias, "y", 0)
        main = Launch(kernel, chunks_of(kernel, task.batch), arguments)
        return Lowering((pack, main), scratch={"packed": size})


def seconds(isa: Isa, macs: int, fraction: float = 0.75) -> float:
    """Time of so many multiply-adds on one core at a fraction of a nominal peak."""
    return macs / (isa.lanes * 2 * 3.2e9 * fraction)
