"""Adding up what the slices of a batch give for the gradient of filters, in a fixed order."""

from __future__ import annotations

from striate.kernels.base import NativeKernel
from striate.kernels.conv_pack import blocks_of
from striate.kernels.emitter import Emitter
from striate.kernels.shuffles import transpose
from striate.kernels.values import Value
from striate.layers.conv import Conv
from striate.plan.records import Launch


class SumFilterGradient(NativeKernel, frozen=True):
    """partial sums, dw, db (or 0), cells, filters per group, blocks per group, slices, chunks per
    slice. One chunk is one block: slices are added in order and unpacked to [K, Fh, Fw, C].
    """

    columns: int
    bias: bool

    @property
    def private(self) -> int:
        return 4 * self.columns

    def emit(self, e: Emitter) -> None:
        partial, dw, db = (e.pointer(i) for i in range(3))
        cells, filters, blocks, slices, stride = (e.argument(i) for i in range(3, 8))
        size = (cells + 1) * self.columns
        group, block = e.chunk // blocks, e.chunk % blocks
        first = block * self.columns
        count = e.integer_minimum(filters - first, self.columns)
        k = group * filters + first

        def summed(where: Value) -> Value:
            total = e.variable(e.splat(0.0))
            with e.loop(slices) as s:
                total.value = total.value + partial.vector((s * stride + e.chunk) * size + where)
            return total.value

        whole = cells // e.lanes * e.lanes
        for v in range(0, self.columns, e.lanes):
            with e.loop(whole, step=e.lanes) as cell:
                rows = [summed((cell + i) * self.columns + v) for i in range(e.lanes)]
                for i, row in enumerate(transpose(e, rows)):
                    with e.when(count > v + i):
                        dw.store_vector(row, (k + v + i) * cells + cell)
            with e.loop(cells + 1, start=whole) as cell:
                e.scratch.store_vector(summed(cell * self.columns + v))
                with e.loop(e.integer_minimum(count - v, e.lanes)) as lane:
                    value = e.scratch.load(lane)
                    with e.when(cell < cells):
                        dw.store(value, (k + v + lane) * cells + cell)
                    if self.bias:
                        with e.when(cell.equals(cells)):
                            db.store(value, k + v + lane)


def sum_slices(conv: Conv, cells: int, columns: int, slices: int) -> tuple[Launch, int]:
    """The launch that adds up the partial sums of all slices, and the bytes that they take."""
    filters = conv.filters // conv.groups
    blocks = blocks_of(filters, columns)
    together = conv.groups * blocks
    bias = "dw.b" if conv.bias else 0
    arguments = ("scratch.partial", "dw.w", bias, cells, filters, blocks, slices, together)
    launch = Launch(SumFilterGradient(columns, conv.bias), together, arguments)
    return launch, 4 * slices * together * (cells + 1) * columns
