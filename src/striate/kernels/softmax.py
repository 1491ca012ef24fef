"""SOFTMAX: probabilities over the channels of each pixel."""

from __future__ import annotations

from striate.kernels.base import NativeKernel
from striate.kernels.emitter import Emitter
from striate.kernels.isa import Isa
from striate.kernels.rows import exponentials, for_rows, rows_in_chunk, sum_row
from striate.kernels.values import Value
from striate.kernels.vector_loop import STASH_BYTES, for_vectors
from striate.plan.records import Launch, Lowering, Task


class SoftmaxForward(NativeKernel, frozen=True):
    """x, y, pixels, channels, pixels in a chunk."""

    @property
    def private(self) -> int:
        return STASH_BYTES

    def emit(self, e: Emitter) -> None:
        pixels, channels, block = (e.argument(i) for i in range(2, 5))

        def pixel(p: Value) -> None:
            x, y = e.pointer(0) + p * channels, e.pointer(1) + p * channels
            _, total = exponentials(e, y, x, channels)
            for_vectors(e, channels, lambda i: [(y + i, y.vector(i) / total)], e.scratch)

        for_rows(e, pixels, block, pixel)


class SoftmaxBackward(NativeKernel, frozen=True):
    """dy, y, dx, pixels, channels, pixels in a chunk: dx = y·(dy - Σ dy·y)."""

    @property
    def private(self) -> int:
        return STASH_BYTES

    def emit(self, e: Emitter) -> None:
        pixels, channels, block = (e.argument(i) for i in range(3, 6))

        def pixel(p: Value) -> None:
            dy, y, dx = (e.pointer(i) + p * channels for i in range(3))
            along = sum_row(e, channels, lambda i: dy.vector(i) * y.vector(i))
            for_vectors(
                e, channels, lambda i: [(dx + i, y.vector(i) * (dy.vector(i) - along))], e.scratch
            )

        for_rows(e, pixels, block, pixel)


def softmax_forward(isa: Isa, task: Task) -> Lowering:  # noqa: ARG001
    """Pixel by pixel."""
    return _over_pixels(task, SoftmaxForward(), ("x0", "y"))


def softmax_backward(isa: Isa, task: Task) -> Lowering:  # noqa: ARG001
    """Pixel by pixel."""
    return _over_pixels(task, SoftmaxBackward(), ("dy", "y", "dx0"))


def _over_pixels(task: Task, kernel: NativeKernel, roles: tuple[str, ...]) -> Lowering:
    pixels, channels = task.batch * task.output.pixels, task.output.channels
    block = rows_in_chunk(channels)
    return Lowering((Launch(kernel, -(-pixels // block), (*roles, pixels, channels, block)),))
