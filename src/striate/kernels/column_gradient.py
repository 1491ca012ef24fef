"""Backward-data by columns: what every receptive field gets, as a matrix product, and then added up
where fields overlap. The notes' im2col, backwards.

Each multiplication is done once, whatever the padding, and the columns of a filter fill whole
vectors however few channels it has. A block of positions and a few rows of the filters are taken at
a time, so that the columns stay in the cache until they are added.
"""

from __future__ import annotations

from striate.kernels.base import NativeKernel
from striate.kernels.conv_pack import blocks_of
from striate.kernels.emitter import Emitter
from striate.kernels.estimates import filled, seconds
from striate.kernels.grid import Place, walk
from striate.kernels.isa import Isa
from striate.kernels.lattice import Lattice
from striate.kernels.memory_ops import add_into, copy, fill
from striate.kernels.micro_tile import dot_products
from striate.kernels.rounding import multiple, quotient
from striate.kernels.values import Pointer, Value
from striate.kernels.vector_loop import STASH_BYTES, for_vectors
from striate.layers import Conv, Shape
from striate.plan import Launch, Task

BLOCK = 48
"""Positions in a block."""
MOST_COLUMNS = 1024
"""Columns that are computed before they are added, if one row of the filters has no more."""
LEAST_IMAGES = 4
FRACTION = 0.76
"""Of the peak that the products reach."""
ADDING = 9
"""Filters whose multiply-adds take as long as adding up the columns."""
SKEW = 16
"""Floats by which rows in private memory are longer, so that they fall on different cache sets."""
SIZES = 9
"""The slot from which on the numbers of the lattice stand."""


class PackColumns(NativeKernel, frozen=True):
    """w, packed, filters, cells of a filter, cells of some rows of it, blocks of these.

    [K, Fh, Fw, C] becomes [rows][blocks][K][columns]; cells are single values here. One chunk is
    one block, filled up with zeros.
    """

    def emit(self, e: Emitter) -> None:
        w, packed = e.pointer(0), e.pointer(1)
        filters, cells, length, blocks = (e.argument(i) for i in range(2, 6))
        columns, rows = e.isa.tile_columns, e.chunk // blocks
        start = e.chunk % blocks * columns
        left = e.integer_minimum(cells - rows * length, length) - start
        count = e.integer_maximum(e.integer_minimum(left, columns), 0)
        source, to = w + (rows * length + start), packed + e.chunk * (filters * columns)
        with e.loop(filters) as k:
            copy(e, to + k * columns, source + k * cells, count)
            fill(e, to + (k * columns + count), columns - count)


class ColumnGradient(NativeKernel, frozen=True):
    """dy, packed filters, dx, mask, filters, channels, rows and columns of a filter, rows of it
    that are taken at a time; then the `Lattice.arguments` of x.

    One chunk is one image.

    Attributes:
        joined: whether neighbouring cells of a row see neighbouring pixels.
        masked: whether only what lies where the mask, shaped like dx, is positive is kept.
    """

    joined: bool
    masked: bool

    def scratch(self, isa: Isa, filters: int, columns: int) -> int:
        """Bytes of private memory for so many filters and columns at a time."""
        room = multiple(BLOCK, isa.tile_rows)
        own = multiple(columns, isa.tile_columns) + SKEW
        return STASH_BYTES + 4 * room * (filters + SKEW + own)

    def emit(self, e: Emitter) -> None:
        field = _Fields(e, self.joined)
        (height, width), (rows, columns) = field.lattice.full, field.lattice.size
        values, positions = height * width * field.channels, rows * columns
        dx, dy = e.pointer(2) + e.chunk * values, e.pointer(0) + e.chunk * positions * field.filters
        fill(e, dx, values)
        with e.loop(positions, step=BLOCK) as first:
            count = e.integer_minimum(positions - first, BLOCK)
            field.read(dy + first * field.filters, count)
            with e.loop((field.height + (field.taken - 1)) // field.taken) as part:
                field.compute(part, count)
                field.add(dx, part, (first, count))
        if self.masked:
            mask = e.pointer(3) + e.chunk * values

            def kept(i: Value) -> list[tuple[Pointer, Value]]:
                return [(dx + i, e.select(mask.vector(i) > 0.0, dx.vector(i), 0.0))]

            for_vectors(e, values, kept, e.scratch)


class _Fields:
    """The receptive fields of a block of positions in the making.

    Attributes:
        filters, channels: depths of the gradient and of the input.
        height, width: of a filter.
        taken: rows of a filter at a time.
        lattice: what the filters see of the input.
    """

    def __init__(self, e: Emitter, joined: bool) -> None:
        self.e, self.joined = e, joined
        self.filters, self.channels, self.height, self.width, self.taken = (
            e.argument(i) for i in range(4, SIZES)
        )
        self.lattice = Lattice.read(e, SIZES)
        self._line = self.width * self.channels
        self._row = self.filters + SKEW
        self._panel = e.scratch + STASH_BYTES // 4
        self._columns = self._panel + multiple(BLOCK, e.isa.tile_rows) * self._row

    @property
    def _blocks(self) -> Value:
        """Blocks of columns at a time."""
        return (self.taken * self._line + (self.e.isa.tile_columns - 1)) // self.e.isa.tile_columns

    @property
    def _stride(self) -> Value:
        """From the columns of one position to those of the next."""
        return self._blocks * self.e.isa.tile_columns + SKEW

    def read(self, dy: Pointer, count: Value) -> None:
        """Copy the block's gradients; the last one fills up the last micro-tile."""
        e, rows = self.e, self.e.isa.tile_rows
        with e.loop((count + (rows - 1)) // rows * rows) as i:
            source = dy + e.integer_minimum(i, count - 1) * self.filters
            copy(e, self._panel + i * self._row, source, self.filters)

    def compute(self, part: Value, count: Value) -> None:
        """The columns of some rows of the filters."""
        e, (rows, columns) = self.e, (self.e.isa.tile_rows, self.e.isa.tile_columns)
        size = self.filters * columns
        packed = e.pointer(1) + part * self._blocks * size
        with e.loop(self._blocks) as block, e.loop(count, step=rows) as t:
            factors = self._panel + t * self._row, packed + block * size
            shape = (rows, columns // e.lanes)
            totals = dot_products(e, factors, (self.filters, self._row), shape, columns)
            for r, row in enumerate(totals):
                to = self._columns + (t + r) * self._stride + block * columns
                for v, total in enumerate(row):
                    to.store_vector(total, v * e.lanes)

    def add(self, dx: Pointer, part: Value, positions: tuple[Value, Value]) -> None:
        """Add the columns to the pixels that they belong to, without those in the padding."""
        e, (height, _), (down, _) = self.e, self.lattice.full, self.lattice.step
        top = part * self.taken
        wanted = e.integer_minimum(self.height - top, self.taken)
        with walk(e, self.lattice.size, *positions) as (t, at), e.loop(wanted) as i:
            row = at.row * down + self.lattice.start[0] + (top + i) * self.lattice.spread[0]
            source = self._columns + t * self._stride + i * self._line
            with e.when((row >= 0) & (row < height)):
                self._add_row(dx, row, at, source)

    def _add_row(self, dx: Pointer, row: Value, at: Place, source: Pointer) -> None:
        e, depth, width = self.e, self.channels, self.lattice.full[1]
        left = at.column * self.lattice.step[1] + self.lattice.start[1]
        line = dx + row * width * depth
        if self.joined:
            first = e.integer_maximum(left * -1, 0)
            stop = e.integer_maximum(e.integer_minimum(width - left, self.width), first)
            to = line + (left + first) * depth
            add_into(e, to, source + first * depth, (stop - first) * depth)
            return
        with e.loop(self.width) as j:
            column = left + j * self.lattice.spread[1]
            with e.when((column >= 0) & (column < width)):
                add_into(e, line + column * depth, source + j * depth, depth)


def columns_seconds(isa: Isa, task: Task) -> float:
    """Time of backward-data by columns; infinite where there are groups, or too few images to share
    between threads."""
    conv, (x,) = task.what, task.inputs
    if conv.groups != 1 or task.batch < LEAST_IMAGES:
        return float("inf")
    used = filled(_rows_taken(conv, x) * conv.window.size[1] * x.channels, isa.tile_columns)
    used *= conv.filters / (conv.filters + ADDING)
    return seconds(isa, task.batch * conv.macs(x), FRACTION * used)


def _rows_taken(conv: Conv, x: Shape) -> int:
    """Rows of the filters that are taken at a time."""
    return max(1, min(conv.window.size[0], MOST_COLUMNS // (conv.window.size[1] * x.channels)))


def by_columns(isa: Isa, task: Task) -> tuple[tuple[Launch, ...], dict[str, int]]:
    """The launches of backward-data and their scratch, for a CONV without groups."""
    conv, (x,), window = task.what, task.inputs, task.what.window
    line = window.size[1] * x.channels
    taken = _rows_taken(conv, x)
    blocks = blocks_of(taken * line, isa.tile_columns)
    parts = quotient(window.size[0], taken)
    cells = window.cells * x.channels
    arguments = ("w.w", "scratch.flipped", conv.filters, cells, taken * line, blocks)
    pack = Launch(PackColumns(), parts * blocks, arguments)
    mask = "x0" if task.detail.get("mask") else 0
    kernel = ColumnGradient(window.dilation[1] == 1, mask != 0)
    sizes = (conv.filters, x.channels, *window.size, taken)
    main = Launch(
        *(kernel, task.batch),
        ("dy", "scratch.flipped", "dx0", mask, *sizes, *Lattice.of(window, x).arguments),
        room=kernel.scratch(isa, conv.filters, taken * line),
    )
    return (pack, main), {"flipped": 4 * parts * blocks * isa.tile_columns * conv.filters}
