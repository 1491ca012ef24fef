"""Adding up what the slices of a batch give for the gradient of filters, in a fixed order."""

from __future__ import annotations

from striate.kernels.base import NativeKernel
from striate.kernels.conv_pack import blocks_of
from striate.kernels.emitter import Emitter
from striate.kernels.outcome import Outcome
from striate.kernels.rounding import multiple, quotient
from striate.kernels.shuffles import transpose
from striate.kernels.values import Pointer, Value
from striate.kernels.vector_loop import STASH_LANES, for_vectors, store_first
from striate.plan.records import Launch, Task

PIECE = 128
"""The most cells in a chunk: the gradients of a block of filters stay in a first-level cache."""
ROW = PIECE + STASH_LANES
"""Values from one filter's gradients to the next one's, which fall on different cache sets."""


class SumFilterGradient(NativeKernel, frozen=True):
    """partial sums, db (or 0), cells, filters per group, blocks per group, slices, blocks, cells of
    a piece; then the `Outcome.roles`.

    One chunk is one piece of a block's cells, whole vectors but for the last one: slices are added
    in order and turned to [filters][cells] in private memory, for [K, Fh, Fw, C]. What the filters
    then need is asked for meanwhile, and then what the next piece begins with.
    """

    columns: int
    bias: bool
    outcome: Outcome

    @property
    def private(self) -> int:
        return 4 * (STASH_LANES + self.columns * ROW)

    def emit(self, e: Emitter) -> None:
        db, cells, filters, piece = e.pointer(1), e.argument(2), e.argument(3), e.argument(7)
        taker, pieces = self.outcome.read(e, 8), (cells + (piece - 1)) // piece
        block, first = e.chunk // pieces, e.chunk % pieces * piece
        group, k = block // e.argument(4), block % e.argument(4) * self.columns
        count = e.integer_minimum(filters - k, self.columns)
        wide, k = e.integer_minimum(cells - first, piece), group * filters + k
        sums = e.pointer(0) + block * ((cells + 1) * self.columns)
        own, following = sums + first * self.columns, sums + (first + piece) * self.columns
        self._turn(e, own, wide, [array + (k * cells + first) for array in taker.arrays])
        with e.loop(count) as row:
            place, turned = (k + row) * cells + first, e.scratch + (row * ROW + STASH_LANES)

            def after(i: Value) -> list[tuple[Pointer, Value]]:
                e.prefetch(following + (row * piece + i), level=2)
                return taker.after(place + i, turned.vector(i))

            for_vectors(e, wide, after, e.scratch)
        if self.bias:
            with e.when((first + wide).equals(cells)):
                for v in range(0, self.columns, e.lanes):
                    (total,) = self._summed(e, sums + (cells * self.columns + v), 1)
                    store_first(e, db + (k + v), total, count - v, e.scratch)

    def _summed(self, e: Emitter, sums: Pointer, cells: int) -> list[Value]:
        """So many cells of one vector of filters, all slices together."""
        totals = [e.variable(e.splat(0.0)) for _ in range(cells)]
        step = (e.argument(2) + 1) * self.columns * e.argument(6)
        with e.loop(e.argument(5)) as s:
            for i, total in enumerate(totals):
                total.value = total.value + sums.vector(s * step + i * self.columns)
        return [total.value for total in totals]

    def _turn(self, e: Emitter, sums: Pointer, wide: Value, arrays: list[Pointer]) -> None:
        """Add up so many cells and turn them to rows of a filter each; the same rows of arrays
        [filters][cells] are asked for."""
        to, whole = e.scratch + STASH_LANES, wide // e.lanes * e.lanes
        vectors = range(0, self.columns, e.lanes)
        with e.loop(whole, step=e.lanes) as cell:
            for v in vectors:
                rows = self._summed(e, sums + (cell * self.columns + v), e.lanes)
                for i, row in enumerate(transpose(e, rows)):
                    to.store_vector(row, cell + (v + i) * ROW)
                    for array in arrays:
                        e.prefetch(array + (e.argument(2) * (v + i) + cell), level=2)
        with e.loop(wide, start=whole) as cell:
            for v in vectors:
                (total,) = self._summed(e, sums + (cell * self.columns + v), 1)
                e.scratch.store_vector(total)
                with e.loop(e.lanes) as lane:
                    to.store(e.scratch.load(lane), (lane + v) * ROW + cell)


def sum_slices(task: Task, cells: int, columns: int, slices: int) -> tuple[Launch, int]:
    """The launch that adds up the partial sums of all slices, and the bytes that they take."""
    conv, outcome = task.what, Outcome.of(task)
    filters = conv.filters // conv.groups
    blocks = blocks_of(filters, columns)
    together = conv.groups * blocks
    piece = multiple(quotient(cells, quotient(cells, PIECE)), STASH_LANES)
    roles = ("scratch.partial", "dw.b" if conv.bias else 0)
    numbers = (cells, filters, blocks, slices, together, piece)
    kernel = SumFilterGradient(columns, conv.bias, outcome)
    launch = Launch(kernel, together * quotient(cells, piece), (*roles, *numbers, *outcome.roles))
    return launch, 4 * slices * together * (cells + 1) * columns
