"""CONV backward-data: forward convolutions of the output's gradient with the flipped filters.

At stride 1 it is one of them. At a larger stride each residue of the input's rows and columns
modulo the stride sees only every S-th row and column of a filter: S x S convolutions with parts of
the filters, which together do each multiplication once. Where stride and dilation meet, the
gradient is spread with zeros instead.

These go over the whole input, padding included, and fill vectors with its channels. Where that is
much more than the output, or they are few, columns take less (`column_gradient.py`); where channels
and filters are many, products (`product_data.py`).
"""

from __future__ import annotations

from collections.abc import Iterator

from msgspec import Struct

from striate.kernels.base import NativeKernel
from striate.kernels.column_gradient import by_columns, columns_seconds
from striate.kernels.conv_direct import convolution
from striate.kernels.conv_dots import dot_seconds, dots, flipped_source
from striate.kernels.conv_pack import PackFlipped, blocks_of
from striate.kernels.conv_sizes import ConvSizes, band_rows
from striate.kernels.emitter import Emitter
from striate.kernels.estimates import DIRECT, filled, seconds
from striate.kernels.isa import Isa
from striate.kernels.memory_ops import fill
from striate.kernels.panel import Panel
from striate.layers import Conv, Shape
from striate.plan import At, Launch, Task


class Taps(Struct, frozen=True):
    """The rows (or columns) of a filter that one residue of the input's rows sees.

    Attributes:
        residue: of the input's row modulo the stride.
        first: the first of the filter's rows.
        step: from one of them to the next.
        count: how many there are.
        shift: input row residue + stride·i sees gradient rows i + shift downwards.
        length: how many input rows have this residue.
    """

    residue: int
    first: int
    step: int
    count: int
    shift: int
    length: int


def taps_of(size: int, stride: int, before: int, length: int) -> list[Taps]:
    """The taps of every residue that the input has."""
    found = []
    for residue in range(min(stride, length)):
        first, shift = (residue + before) % stride, (residue + before) // stride
        count = max(0, -(-(size - first) // stride))
        rows = -(-(length - residue) // stride)
        found.append(Taps(residue, first, stride, count, shift, rows))
    return found


def data_gradient(isa: Isa, task: Task) -> tuple[tuple[Launch, ...], dict[str, int]]:
    """The launches of backward-data and their scratch; none if nobody wants the gradient."""
    if "dx0" not in task.roles:
        return (), {}
    ways = columns_seconds(isa, task), _dot_seconds(isa, task), _direct_seconds(isa, task)
    if ways[0] == min(ways):
        return by_columns(isa, task)
    if ways[1] == min(ways):
        return dots_back(isa, task)
    conv, (x,) = task.what, task.inputs
    window, depth = conv.window, x.channels // conv.groups
    values = conv.groups * blocks_of(depth, isa.tile_columns) * isa.tile_columns
    size = 4 * values * window.cells * (conv.filters // conv.groups)
    if window.dilation != (1, 1) or window.stride == (1, 1):
        parts: list[Launch] = list(_spread(isa, task))
    else:
        parts = list(_by_residues(isa, task))
    return tuple(parts), {"flipped": size}


def data_seconds(isa: Isa, task: Task) -> float:
    """Time of backward-data; none if nobody wants the gradient."""
    if "dx0" not in task.roles:
        return 0.0
    return min(way(isa, task) for way in (columns_seconds, _dot_seconds, _direct_seconds))


def _direct_seconds(isa: Isa, task: Task) -> float:
    """Time of the convolutions over every pixel of the input, whose own stride is 1."""
    conv, (x,), window = task.what, task.inputs, task.what.window
    visited = x.pixels / task.output.pixels
    if window.dilation == (1, 1):
        visited /= window.stride[0] * window.stride[1]
    used = filled(x.channels // conv.groups, isa.lanes)
    return seconds(isa, task.batch * conv.macs(x), DIRECT * used) * visited


def _dot_seconds(isa: Isa, task: Task) -> float:
    """Time of one convolution with vectors over the cells."""
    conv, (x,) = task.what, task.inputs
    visited = task.batch * conv.macs(x) * x.pixels // task.output.pixels
    return dot_seconds(isa, _spread_sizes(task), visited)


def dots_back(isa: Isa, task: Task) -> tuple[tuple[Launch, ...], dict[str, int]]:
    """The launches of one convolution with vectors over the cells, and their scratch."""
    sizes, mask = _spread_sizes(task), "x0" if task.detail.get("mask") else 0
    roles = ("dy", "scratch.flipped", 0, "dx0", mask)
    launches, size = dots(isa, task.batch, sizes, flipped_source(sizes), roles)
    return launches, {"flipped": size}


def _spread(isa: Isa, task: Task) -> Iterator[Launch]:
    """One convolution over the gradient, spread with zeros by the stride."""
    conv, (x,), mask = task.what, task.inputs, "x0" if task.detail.get("mask") else 0
    yield pack_flipped(isa, conv, x, *whole_filters(conv), 0)
    roles = ("dy", "scratch.flipped", 0, "dx0", mask)
    yield convolution(isa, task.batch, _spread_sizes(task), roles)


def _spread_sizes(task: Task) -> ConvSizes:
    conv, (x,), y, window = task.what, task.inputs, task.output, task.what.window
    before = (window.reach[0] - 1 - window.sides[0], window.reach[1] - 1 - window.sides[2])
    rows = band_rows(x.height, 4 * y.channels * (x.width - 1 + window.reach[1]), 1, window.reach[0])
    panel = Panel(
        *(y.height, y.width, y.channels, rows, x.width),
        *(window.reach, (1, 1), before, window.stride),
    )
    depths = (y.channels // conv.groups, x.channels // conv.groups)
    return ConvSizes(panel, x.height, conv.groups, *depths, window.size, window.dilation)


def _by_residues(isa: Isa, task: Task) -> Iterator[Launch]:
    """One convolution for every pair of residues; zeros where a residue sees no tap."""
    conv, (x,), batch = task.what, task.inputs, task.batch
    window, masked = conv.window, task.detail.get("mask", False)
    down = taps_of(window.size[0], window.stride[0], window.sides[0], x.height)
    across = taps_of(window.size[1], window.stride[1], window.sides[2], x.width)
    if any(taps.count == 0 for taps in down + across):
        chunks = min(64, x.height * batch)
        yield Launch(FillZeros(), chunks, ("dx0", batch * x.values, chunks))
    offset, depth = 0, x.channels // conv.groups
    filters = conv.filters // conv.groups
    blocks = conv.groups * blocks_of(depth, isa.tile_columns)
    for rows in down:
        for columns in across:
            if not rows.count * columns.count:
                continue
            yield pack_flipped(isa, conv, x, rows, columns, offset)
            sizes = _residue_sizes(task, rows, columns)
            start = 4 * (rows.residue * x.width + columns.residue) * x.channels
            packed = At("scratch.flipped", offset)
            roles = ("dy", packed, 0, At("dx0", start), At("x0", start) if masked else 0)
            full = (x.height, x.width, x.channels)
            yield convolution(isa, batch, sizes, roles, spacing=window.stride, full=full)
            offset += 4 * blocks * isa.tile_columns * rows.count * columns.count * filters


def _residue_sizes(task: Task, rows: Taps, columns: Taps) -> ConvSizes:
    conv, (x,), y = task.what, task.inputs, task.output
    size = (rows.count, columns.count)
    before = (rows.count - 1 - rows.shift, columns.count - 1 - columns.shift)
    row_bytes = 4 * y.channels * (columns.length - 1 + columns.count)
    band = band_rows(rows.length, row_bytes, 1, rows.count)
    panel = Panel(y.height, y.width, y.channels, band, columns.length, size, (1, 1), before)
    depths = (y.channels // conv.groups, x.channels // conv.groups)
    return ConvSizes(panel, rows.length, conv.groups, *depths, size, (1, 1))


def whole_filters(conv: Conv) -> tuple[Taps, Taps]:
    """All rows and all columns of the filters."""
    rows, columns = conv.window.size
    return Taps(0, 0, 1, rows, 0, 0), Taps(0, 0, 1, columns, 0, 0)


def pack_flipped(isa: Isa, conv: Conv, x: Shape, rows: Taps, columns: Taps, offset: int) -> Launch:
    """The launch that packs these rows and columns of the flipped filters, at an offset."""
    filters, depth = conv.filters // conv.groups, x.channels // conv.groups
    blocks = blocks_of(depth, isa.tile_columns)
    taken = (
        *(conv.window.size[0], rows.first, rows.step, rows.count),
        *(conv.window.size[1], columns.first, columns.step, columns.count),
    )
    arguments = ("w.w", At("scratch.flipped", offset), filters, depth, blocks, *taken)
    return Launch(PackFlipped(), conv.groups * blocks, arguments)


class FillZeros(NativeKernel, frozen=True):
    """y, values, chunks: set to zero."""

    def emit(self, e: Emitter) -> None:
        count, chunks = e.argument(1), e.argument(2)
        start, stop = e.chunk * count // chunks, (e.chunk + 1) * count // chunks
        fill(e, e.pointer(0) + start, stop - start)
