"""FC's gradient by the data: dx[n, d] = Σ_k dy[n, k]·w[k, d].

Every range of neurons leaves partial sums, which are then added in the order of the ranges.
"""

from __future__ import annotations

from msgspec import Struct

from striate.kernels.base import NativeKernel
from striate.kernels.emitter import Emitter
from striate.kernels.fc_blocks import Block, Blocks
from striate.kernels.isa import Isa
from striate.kernels.matrix import Matrix, Range
from striate.kernels.memory_ops import copy, fill
from striate.kernels.outer_products import (
    TILE_VALUES,
    Panel,
    accumulate,
    loaded,
    pack_panels,
    put,
    tile_height,
)
from striate.kernels.values import Pointer, Value
from striate.kernels.vector_loop import STASH_BYTES, for_vectors
from striate.plan.records import Launch, Task

PADDING = 16
"""Values between rows of sums: a cache line, so that they share no cache set."""
ADDED_AT_A_TIME = 1024
"""Values of dx that a chunk adds up."""


class DataSums(Struct, frozen=True):
    """dx of a piece of the columns, summed up in private memory over a range of neurons.

    What the last micro-tile holds behind the last image is never stored.

    Attributes:
        dy: packed by micro-tiles of neurons, as `FcBackwardBias` leaves it.
        images: in the batch.
        w: the weights.
        memory: `DataTile.bytes` of it.
        step: distance between rows of the sums.
        tile: of images.
    """

    dy: Pointer
    images: Value
    w: Matrix
    memory: Pointer
    step: Value
    tile: DataTile

    @property
    def sums(self) -> Matrix:
        """A row for each image."""
        return Matrix(self.memory + TILE_VALUES, self.step)

    def begin(self, e: Emitter, count: Value) -> None:
        """Nothing is summed up, of so many columns."""
        with e.loop(self.images) as n:
            fill(e, self.sums.row(n), count)

    def add(self, e: Emitter, neurons: tuple[Value, Value], column: Value, c: Value) -> None:
        """The terms of some neurons for a micro-tile of columns.

        Args:
            e: the emitter.
            neurons: the first of a micro-tile, and how many there are.
            column: the first one, in w.
            c: the first one, in the piece.
        """
        first, terms = neurons
        rows, columns = e.isa.tile_rows, e.isa.tile_columns
        w = self.w.at(first, column)
        panel = Panel(w.start, w.step)
        if not self.tile.alone:
            # Rows some pages apart share a cache set, where they would drive each other out.
            pack_panels(e, self.memory, w, terms, columns, rows)
            panel = Panel(self.memory, columns)
        dy = self.dy + first * self.images
        with e.loop(self.images, step=self.tile.height) as n:
            own, left = self.sums.at(n, c), dy + n * rows
            sums = loaded(e, own, self.tile.height)
            pointers = [left + i * rows for i in range(self.tile.height)]
            accumulate(e, sums, pointers, 1, panel, terms)
            put(e, own, sums)

    def finish(self, e: Emitter, to: Matrix, count: Value) -> None:
        """Store so many columns."""
        with e.loop(self.images) as n:
            copy(e, to.row(n), self.sums.row(n), count)


class DataTile(Struct, frozen=True):
    """A micro-tile of dx.

    Attributes:
        height: its images.
        alone: whether these are all: each weight is then read once.
    """

    height: int
    alone: bool

    @classmethod
    def of(cls, isa: Isa, images: int) -> DataTile:
        """For so many images."""
        height = tile_height(isa, images)
        return cls(height, images <= height)

    def bytes(self, images: int, width: int) -> int:
        """Private memory for a panel of weights and the sums of a piece."""
        rows = self.height * -(-images // self.height)
        return 4 * (TILE_VALUES + rows * (width + PADDING))


class FcBackwardData(NativeKernel, frozen=True):
    """packed dy, w, partial sums, images, neurons, depth, then `Blocks.sizes`.

    Attributes:
        tile: of dx.
    """

    tile: DataTile

    def emit(self, e: Emitter) -> None:
        dy, w, partial = (e.pointer(i) for i in range(3))
        images, neurons, depth, *sizes = (e.argument(i) for i in range(3, 9))
        own = Block.own(e, neurons, depth, sizes)
        step, rows = own.width + PADDING, e.isa.tile_rows
        sums = DataSums(dy, images, Matrix(w, depth), e.scratch, step, self.tile)
        with own.pieces(e) as piece:
            count = piece.stop - piece.first
            sums.begin(e, count)
            with e.loop(own.neurons.stop, start=own.neurons.first, step=rows) as k:
                terms = e.integer_minimum(own.neurons.stop - k, rows)
                with e.loop(count, step=e.isa.tile_columns) as c:
                    column = piece.first + c
                    for r in range(rows):
                        e.prefetch(sums.w.row(k + (rows + r)) + column)
                    sums.add(e, (k, terms), column, c)
            to = own.partial_sums(partial, images, depth)
            sums.finish(e, to.at(0, piece.first), count)


class FcAddPartialSums(NativeKernel, frozen=True):
    """partial sums, dx, values of dx, ranges of neurons, x. One chunk is a part of dx.

    Attributes:
        mask: whether x comes from a RELU, which passes on the gradient where it is positive.
    """

    mask: bool

    @property
    def private(self) -> int:
        return STASH_BYTES

    def emit(self, e: Emitter) -> None:
        partial, dx = e.pointer(0), e.pointer(1)
        values, ranges = e.argument(2), e.argument(3)
        own = Range.part(e, e.chunk, e.integer(ADDED_AT_A_TIME), values)

        def total(i: Value) -> list[tuple[Pointer, Value]]:
            start = partial + own.first + i
            added = e.variable(start.vector())
            with e.loop(ranges, start=1) as r:
                added.value = added.value + start.vector(r * values)
            result = added.value
            if self.mask:
                x = (e.pointer(4) + own.first).vector(i)
                result = e.select(x > 0.0, result, 0.0)
            return [(dx + own.first + i, result)]

        for_vectors(e, own.stop - own.first, total, e.scratch)


def data_gradient(isa: Isa, task: Task, blocks: Blocks) -> Launch:
    """The launch that leaves the partial sums of a task's dx."""
    images, depth = task.batch, task.inputs[0].values
    tile = DataTile.of(isa, images)
    sizes = (images, task.what.filters, depth, *blocks.sizes)
    arguments = ("scratch.packed", "w.w", blocks.sums, *sizes)
    room = tile.bytes(images, blocks.width)
    return Launch(FcBackwardData(tile), blocks.chunks, arguments, room=room)


def partial_sums(task: Task, blocks: Blocks) -> list[Launch]:
    """The launch that adds them, if anything is left to be done."""
    mask = task.detail.get("mask", False)
    if blocks.ranges == 1 and not mask:
        return []
    values = task.batch * task.inputs[0].values
    arguments = (blocks.sums, "dx0", values, blocks.ranges, "x0" if mask else 0)
    return [Launch(FcAddPartialSums(mask), -(-values // ADDED_AT_A_TIME), arguments)]
