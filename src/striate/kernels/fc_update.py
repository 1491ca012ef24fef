"""FC's gradient by the weights and their update in one: the gradient is never stored.

A micro-tile of dw[k, d] = Σ_n dy[n, k]·x[n, d] is summed up in registers over the whole batch and
moves the weights and the optimizer's state at once, so that each of them passes through the
processor once.
"""

from __future__ import annotations

from dataclasses import dataclass

from striate.kernels.base import NativeKernel
from striate.kernels.emitter import Emitter
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

PANEL_VALUES = 32768
"""Values of x that are packed at a time: they stay in a second-level cache for all neurons."""
WIDTH = 1024
"""The most columns at a time: the gradient of a micro-tile of neurons stays in the caches, too."""
STEP = WIDTH + 16
"""Distance between rows of that gradient, a cache line more, so that they share no cache set."""
NEURONS = 96
"""In a chunk, about."""
MOST_ROWS, MOST_COLUMNS = 16, 32
"""Of a micro-tile of any target."""


@dataclass(frozen=True)
class FcUpdate(NativeKernel):
    """packed dy, x, w, control, images, neurons, depth, neurons in a chunk, columns in a chunk,
    columns at a time, then the arrays of the optimizer's state.

    Packed dy is as `FcBackwardBias` leaves it. One chunk is a block of neurons and columns.

    Attributes:
        rule: the optimizer.
    """

    rule: Optimizer

    @property
    def private(self) -> int:
        return 4 * (STASH_LANES + MOST_ROWS * STEP + PANEL_VALUES)

    def emit(self, e: Emitter) -> None:
        dy, x, w, control = (e.pointer(i) for i in range(4))
        images, neurons, depth, block, part, width = (e.argument(i) for i in range(4, 10))
        state = [e.pointer(10 + i) for i in range(len(self.rule.state()))]
        tiles = _Tiles(
            Arrays.of(self.rule, w, state, control),
            packed_rows(e, dy, neurons, images),
            Matrix(x, depth),
            images,
        )
        parts = (depth + part - 1) // part
        own = Range.part(e, e.chunk // parts, block, neurons)
        columns = Range.part(e, e.chunk % parts, part, depth)
        with e.loop((columns.stop - columns.first + width - 1) // width) as i:
            first = columns.first + i * width
            stop = e.integer_minimum(first + width, columns.stop)
            tiles.emit(e, own, Range(first, stop))


@dataclass(frozen=True)
class _Tiles:
    """The weights of some neurons and columns, a micro-tile of neurons at a time.

    Attributes:
        arrays: what is updated.
        dy: the left factor of the gradient.
        x: the right one, as it lies in memory.
        images: number of terms.
    """

    arrays: Arrays
    dy: Rows
    x: Matrix
    images: Value

    def emit(self, e: Emitter, neurons: Range, columns: Range) -> None:
        """Sum up and update, while the weights and state of the next micro-tile are on their way:
        memory then has work in both halves."""
        height, count = e.isa.tile_rows, columns.stop - columns.first
        gradient = Matrix(e.scratch + STASH_LANES, STEP)
        panels = gradient.row(MOST_ROWS)
        pack_panels(e, panels, self.x.at(0, columns.first), self.images, count, self.images)
        with e.loop(neurons.stop, start=neurons.first, step=height) as k:
            own = k * self.x.step + columns.first
            behind = neurons.first * self.x.step + columns.stop
            ahead = e.select(k + height < neurons.stop, own + height * self.x.step, behind)
            self._sum_up(e, gradient, panels, k, count, ahead)
            with e.loop(e.integer_minimum(neurons.stop - k, height)) as r:
                here, coming = own + r * self.x.step, ahead + r * self.x.step
                self._move(e, here, gradient.row(r), count, coming)

    def _sum_up(
        self, e: Emitter, gradient: Matrix, panels: Pointer, k: Value, count: Value, ahead: Value
    ) -> None:
        """The gradient of a micro-tile of neurons."""
        pointers = self.dy.tile(k, e.integer(0))
        with e.loop(count, step=e.isa.tile_columns) as c:
            for r in range(e.isa.tile_rows):
                e.prefetch(self.arrays.w + (ahead + r * self.x.step + c))
            sums = zeros(e)
            panel = Panel(panels + c * self.images, e.isa.tile_columns)
            accumulate(e, sums, pointers, self.dy.step, panel, self.images)
            put(e, gradient.at(0, c), sums)

    def _move(
        self, e: Emitter, place: Value, gradient: Pointer, count: Value, ahead: Value
    ) -> None:
        """Update so many weights from a place on."""

        def after(i: Value) -> list[tuple[Pointer, Value]]:
            for array in self.arrays.state:
                e.prefetch(array + (ahead + i))
            return self.arrays.after(e, place + i, gradient.vector(i))

        for_vectors(e, count, after, e.scratch)


def fits(task: Task) -> bool:
    """Whether the images of a task are few enough to be summed up at once."""
    return task.batch * MOST_COLUMNS <= PANEL_VALUES


def update_launch(isa: Isa, task: Task, wanted: int) -> Launch:
    """The launch for a merged task, in about ``wanted`` chunks at least."""
    fc, images, depth = task.what, task.batch, task.inputs[0].values
    rule = ruled(task.detail["update"])
    block = NEURONS // isa.tile_rows * isa.tile_rows
    blocks = -(-fc.filters // block)
    tiles = -(-depth // isa.tile_columns)
    part = isa.tile_columns * -(-tiles // max(1, min(tiles, -(-wanted // blocks))))
    width = min(WIDTH, PANEL_VALUES // images) // isa.tile_columns * isa.tile_columns
    sizes = (images, fc.filters, depth, block, part, width)
    state = (f"s.{name}" for name in rule.state())
    arguments = ("scratch.packed", "x0", "w.w", "control", *sizes, *state)
    return Launch(FcUpdate(rule), blocks * -(-depth // part), arguments)
