"""FC: forward as dot products over weights as they lie in memory; backward as outer products.

y[n, k] = b[k] + Σ_d x[n, d]·w[k, d];  dx[n, d] = Σ_k dy[n, k]·w[k, d];
dw[k, d] = Σ_n dy[n, k]·x[n, d];  db[k] = Σ_n dy[n, k].
"""

from __future__ import annotations

from dataclasses import dataclass

from striate.kernels.base import NativeKernel
from striate.kernels.emitter import Emitter
from striate.kernels.isa import Isa
from striate.kernels.memory_ops import clamped
from striate.kernels.products import (
    PANEL_VALUES,
    STASH_VALUES,
    DotTile,
    Matrix,
    Range,
    add_outer_products,
    pack_columns,
    pack_panel,
)
from striate.kernels.values import Pointer, Value
from striate.plan.records import Launch, Lowering, Task

WANTED_CHUNKS = 16
NEURON_TILES = 16
"""Micro-tiles of neurons in a chunk of forward, at most: their weights stay in a second-level cache
for all images."""
BLOCK_VECTORS = 16
"""Vectors of columns in a chunk of backward, at most."""


@dataclass(frozen=True)
class FcForward(NativeKernel):
    """x, w, b, y, images, neurons, depth, images in a chunk, neurons in a chunk.

    Attributes:
        tile: the micro-tile.
        bias: whether the sums start from a bias.
    """

    tile: DotTile
    bias: bool

    @property
    def private(self) -> int:
        return 4 * STASH_VALUES

    def emit(self, e: Emitter) -> None:
        x, w, b, y = (e.pointer(i) for i in range(4))
        images, neurons, depth, image_block, neuron_block = (e.argument(i) for i in range(4, 9))
        parts = (images + image_block - 1) // image_block
        n = _part(e, e.chunk % parts, image_block, images)
        k = _part(e, e.chunk // parts, neuron_block, neurons)
        bias = b if self.bias else None
        factors = Matrix(x, depth), Matrix(w, depth)
        self.tile.sweep(e, factors, depth, Matrix(y, neurons), (n, k), bias, e.scratch)


def _part(e: Emitter, index: Value, block: Value, count: Value) -> Range:
    first = index * block
    return Range(first, e.integer_minimum(first + block, count))


@dataclass(frozen=True)
class FcBackwardData(NativeKernel):
    """dy, w, dx, images, neurons, depth, columns in a chunk. One chunk is a block of columns."""

    @property
    def private(self) -> int:
        return 4 * (STASH_VALUES + PANEL_VALUES)

    def emit(self, e: Emitter) -> None:
        dy, w, dx = (e.pointer(i) for i in range(3))
        images, neurons, depth, block = (e.argument(i) for i in range(3, 7))
        columns = _part(e, e.chunk, block, depth)
        backward_data(
            e, Matrix(dy, neurons), Matrix(w, depth), Matrix(dx, depth), images, neurons, columns
        )


def backward_data(
    e: Emitter,
    dy: Matrix,
    w: Matrix,
    dx: Matrix,
    images: Value,
    neurons: Value,
    columns: Range,
) -> None:
    """dx[n, d] for all images and a range of columns; takes private memory for tile and panel."""
    panel, most = e.scratch + STASH_VALUES, PANEL_VALUES // e.isa.tile_columns
    with (
        e.loop(neurons, step=most) as k,
        e.loop(columns.stop, start=columns.first, step=e.isa.tile_columns) as d,
    ):
        count = e.integer_minimum(neurons - k, most)
        pack_panel(e, panel, Matrix(w.row(k) + d, w.step), count)

        def rows(n: Value, k: Value = k) -> list[Pointer]:
            return [dy.row(clamped(e, n + i, images - 1)) + k for i in range(e.isa.tile_rows)]

        size = images, columns.stop - d
        to = Matrix(dx.start + d, dx.step)
        add_outer_products(e, rows, 1, panel, count, to, size, k.equals(0), e.scratch)


@dataclass(frozen=True)
class FcBackwardBias(NativeKernel):
    """dy, packed dy, db, images, neurons. One chunk is a micro-tile of neurons.

    Packed dy is [neurons/rows][images][rows], filled up with zeros.
    """

    bias: bool

    def emit(self, e: Emitter) -> None:
        dy, packed, db = (e.pointer(i) for i in range(3))
        images, neurons = e.argument(3), e.argument(4)
        height = e.isa.tile_rows
        first = e.chunk * height
        to = packed + first * images
        pack_columns(e, to, Matrix(dy, neurons), images, first, neurons)
        if self.bias:
            add_bias_gradient(e, to, images, db + first, neurons - first)


def add_bias_gradient(
    e: Emitter, packed: Pointer, images: Value, db: Pointer, neurons: Value
) -> None:
    """Sums over the images of a micro-tile of packed dy."""
    height = e.isa.tile_rows
    with e.loop(e.integer_minimum(neurons, height)) as c:
        total = e.variable(0.0)
        with e.loop(images) as n:
            total.value = total.value + packed.load(n * height + c)
        db.store(total.value, c)


@dataclass(frozen=True)
class FcBackwardFilter(NativeKernel):
    """packed dy, x, dw, images, neurons, depth, columns in a chunk, which is a block of columns."""

    @property
    def private(self) -> int:
        return 4 * (STASH_VALUES + PANEL_VALUES)

    def emit(self, e: Emitter) -> None:
        packed, x, dw = (e.pointer(i) for i in range(3))
        images, neurons, depth, block = (e.argument(i) for i in range(3, 7))
        columns = _part(e, e.chunk, block, depth)
        backward_filter(e, packed, Matrix(x, depth), Matrix(dw, depth), images, neurons, columns)


def backward_filter(
    e: Emitter,
    packed: Pointer,
    x: Matrix,
    dw: Matrix,
    images: Value,
    neurons: Value,
    columns: Range,
) -> None:
    """dw[k, d] for all neurons and a range of columns; takes private memory as `backward_data`."""
    panel, most = e.scratch + STASH_VALUES, PANEL_VALUES // e.isa.tile_columns
    height = e.isa.tile_rows
    with (
        e.loop(images, step=most) as n,
        e.loop(columns.stop, start=columns.first, step=e.isa.tile_columns) as d,
    ):
        count = e.integer_minimum(images - n, most)
        pack_panel(e, panel, Matrix(x.row(n) + d, x.step), count)

        def rows(k: Value, n: Value = n) -> list[Pointer]:
            return [packed + (k * images + n * height + i) for i in range(height)]

        size = neurons, columns.stop - d
        to = Matrix(dw.start + d, dw.step)
        add_outer_products(e, rows, height, panel, count, to, size, n.equals(0), e.scratch)


def fc_forward(isa: Isa, task: Task) -> Lowering:
    """Blocks of neurons, and of images where there are few neurons."""
    fc, images, depth = task.what, task.batch, task.inputs[0].values
    tile = DotTile.of(isa, images)
    tiles = -(-fc.filters // tile.neurons)
    neurons = tile.neurons * max(1, min(NEURON_TILES, tiles // WANTED_CHUNKS))
    blocks = -(-fc.filters // neurons)
    parts = max(1, min(-(-images // tile.images), WANTED_CHUNKS // blocks))
    block = tile.images * -(-images // (tile.images * parts))
    chunks = blocks * -(-images // block)
    bias = "w.b" if fc.bias else 0
    arguments = ("x0", "w.w", bias, "y", images, fc.filters, depth, block, neurons)
    return Lowering((Launch(FcForward(tile, fc.bias), chunks, arguments),))


def fc_backward(isa: Isa, task: Task) -> Lowering:
    """By the data, where it is wanted, and by the weights."""
    fc, images, depth = task.what, task.batch, task.inputs[0].values
    block = column_block(isa, depth)
    chunks = -(-depth // block)
    sizes = (images, fc.filters, depth, block)
    launches = []
    if "dx0" in task.roles:
        launches.append(Launch(FcBackwardData(), chunks, ("dy", "w.w", "dx0", *sizes)))
    tiles = -(-fc.filters // isa.tile_rows)
    bias = "dw.b" if fc.bias else 0
    pack = ("dy", "scratch.packed", bias, images, fc.filters)
    launches.append(Launch(FcBackwardBias(fc.bias), tiles, pack))
    arguments = ("scratch.packed", "x0", "dw.w", *sizes)
    launches.append(Launch(FcBackwardFilter(), chunks, arguments))
    return Lowering(tuple(launches), {"packed": 4 * tiles * isa.tile_rows * images})


def column_block(isa: Isa, depth: int) -> int:
    """Columns in a chunk of backward: whole micro-tiles, and enough chunks."""
    tiles = -(-depth // isa.tile_columns)
    most = BLOCK_VECTORS // isa.tile_vectors
    return isa.tile_columns * max(1, min(most, tiles // WANTED_CHUNKS))
