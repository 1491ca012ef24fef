"""FC's gradient by the weights and their update in one: the gradient is never stored.

A micro-tile of dw[k, d] = Σ_n dy[n, k]·x[n, d] is summed up in registers over the whole batch and
moves the weights and the optimizer's state at once, so that each of them passes through the
processor once. The gradient by the data is summed up on the way, from the weights as they were.
"""

from __future__ import annotations

from msgspec import Struct

from striate.kernels.base import NativeKernel
from striate.kernels.emitter import Emitter
from striate.kernels.fc_blocks import PIECE_VALUES, Block, Blocks
from striate.kernels.fc_data_gradient import PADDING, DataSums, DataTile
from striate.kernels.isa import Isa
from striate.kernels.matrix import Matrix, Range
from striate.kernels.outer_products import (
    Panel,
    Rows,
    accumulate,
    pack_panels,
    packed_rows,
    put,
    zeros,
)
from striate.kernels.updates import Arrays, ruled
from striate.kernels.values import Pointer, Value
from striate.kernels.vector_loop import STASH_LANES, for_vectors
from striate.optimizers import Optimizer
from striate.plan.records import Launch, Task

AHEAD = 128
"""The most columns by which weights and state are asked for before they are moved. After the last
columns of a piece come the first ones of the next neurons."""
MOST_ROWS, MOST_COLUMNS = 16, 32
"""Of a micro-tile of any target."""
PRIVATE_VALUES = STASH_LANES + MOST_ROWS * MOST_COLUMNS + PIECE_VALUES
"""For a vector, the gradient of a micro-tile, and packed x."""


class FcUpdate(NativeKernel, frozen=True):
    """packed dy, x, w, control, partial sums of dx, images, neurons, depth, then `Blocks.sizes`,
    then the arrays of the optimizer's state.

    Packed dy is as `FcBackwardBias` leaves it.

    Attributes:
        rule: the optimizer.
        data: the micro-tile of dx, if that is summed up on the way.
    """

    rule: Optimizer
    data: DataTile | None

    @property
    def private(self) -> int:
        return 4 * PRIVATE_VALUES

    def emit(self, e: Emitter) -> None:
        dy, x, w, control, partial = (e.pointer(i) for i in range(5))
        images, neurons, depth, *sizes = (e.argument(i) for i in range(5, 11))
        state = [e.pointer(11 + i) for i in range(len(self.rule.state()))]
        own = Block.own(e, neurons, depth, sizes)
        data = None
        if self.data:
            memory, step = e.scratch + PRIVATE_VALUES, own.width + PADDING
            data = DataSums(dy, images, Matrix(w, depth), memory, step, self.data)
        tiles = _Tiles(
            Arrays.of(self.rule, w, state, control),
            packed_rows(e, dy, neurons, images),
            Matrix(x, depth),
            images,
            data,
        )
        to = own.partial_sums(partial, images, depth)
        with own.pieces(e) as piece:
            tiles.emit(e, own.neurons, piece)
            if data:
                data.finish(e, to.at(0, piece.first), piece.stop - piece.first)


class _Tiles(Struct, frozen=True):
    """The weights of some neurons and columns, a micro-tile of neurons at a time.

    Attributes:
        arrays: what is updated.
        dy: the left factor of the gradient.
        x: the right one, as it lies in memory.
        images: number of terms.
        data: the gradient by the data, if it is wanted.
    """

    arrays: Arrays
    dy: Rows
    x: Matrix
    images: Value
    data: DataSums | None

    def emit(self, e: Emitter, neurons: Range, columns: Range) -> None:
        """Sum up and update one micro-tile, of neurons and columns, after the other."""
        height, width = e.isa.tile_rows, e.isa.tile_columns
        count, step = columns.stop - columns.first, self.x.step
        distance = e.integer_minimum(count, AHEAD)
        gradient = Matrix(e.scratch + STASH_LANES, e.integer(width))
        panels = gradient.start + MOST_ROWS * MOST_COLUMNS
        pack_panels(e, panels, self.x.at(0, columns.first), self.images, count, self.images)
        if self.data:
            self.data.begin(e, count)
        with e.loop(neurons.stop, start=neurons.first, step=height) as k:
            rows = e.integer_minimum(neurons.stop - k, height)
            own = k * step + columns.first
            with e.loop(count, step=width) as c:
                panel = Panel(panels + c * self.images, width)
                self._sum_up(e, gradient, panel, k)
                if self.data:
                    self.data.add(e, (k, rows), columns.first + c, c)
                wanted, later = e.integer_minimum(count - c, width), c + distance
                following = own + (height * step + later - count)
                coming = e.select(later < count, own + later, following)
                with e.loop(rows) as r:
                    here = own + (r * step + c)
                    self._move(e, here, gradient.row(r), wanted, coming + r * step)

    def _sum_up(self, e: Emitter, gradient: Matrix, panel: Panel, k: Value) -> None:
        """A micro-tile of the gradient."""
        sums = zeros(e)
        accumulate(e, sums, self.dy.tile(k, e.integer(0)), self.dy.step, panel, self.images)
        put(e, gradient, sums)

    def _move(
        self, e: Emitter, place: Value, gradient: Pointer, count: Value, coming: Value
    ) -> None:
        """Update so many weights from a place on, and ask for those that come."""

        def after(i: Value) -> list[tuple[Pointer, Value]]:
            for array in (self.arrays.w, *self.arrays.state):
                e.prefetch(array + (coming + i))
            return self.arrays.after(e, place + i, gradient.vector(i))

        for_vectors(e, count, after, e.scratch)


def fits(task: Task) -> bool:
    """Whether the images of a task are few enough to be summed up at once."""
    return task.batch * MOST_COLUMNS <= PIECE_VALUES


def update_launch(isa: Isa, task: Task, blocks: Blocks) -> Launch:
    """The launch for a merged task; it leaves partial sums of dx where that is wanted."""
    fc, images, depth = task.what, task.batch, task.inputs[0].values
    rule = ruled(task.detail["update"])
    tile = DataTile.of(isa, images) if "dx0" in task.roles else None
    kernel = FcUpdate(rule, tile)
    room = kernel.private + (tile.bytes(images, blocks.width) if tile else 0)
    state = (f"s.{name}" for name in rule.state())
    arrays = ("scratch.packed", "x0", "w.w", "control", blocks.sums if tile else 0)
    arguments = (*arrays, images, fc.filters, depth, *blocks.sizes, *state)
    return Launch(kernel, blocks.chunks, arguments, room=room)
