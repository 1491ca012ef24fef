"""Candidates for POOL."""

from __future__ import annotations

from dataclasses import dataclass

from striate.kernels.isa import Isa
from striate.kernels.pool_backward import PoolBackward
from striate.kernels.pool_forward import PoolForward
from striate.kernels.sweeps import bands
from striate.layers import Shape
from striate.layers.pool import Pool
from striate.plan.records import Launch, Lowering, Task

BYTE_CELLS = 256
"""A window of more cells than this needs a switch of four bytes."""

BYTES_PER_SECOND = 10e9
ELEMENT_BYTES = {"": 0, "u8": 1, "u32": 4, "f32": 4}


@dataclass(frozen=True)
class PoolingForward:
    """POOL forward. Hands switches (max) or norms (l2) to backward."""

    isa: Isa
    name: str = "pooling"

    def refuses(self, task: Task) -> str | None:  # noqa: ARG002
        return None

    def cost(self, task: Task) -> float:
        return seconds(task)

    def lower(self, task: Task) -> Lowering:
        pool, (x,), y = task.what, task.inputs, task.output
        saved = _saved(pool, x) if task.training else ""
        window = pool.view(x)
        kernel = PoolForward(
            pool.kind,
            window.size,
            window.stride,
            window.dilation,
            window.sides,
            pool.count == "all",
            any(window.extent(x, axis).before > 0 for axis in (0, 1))
            or any(window.extent(x, axis).after > 0 for axis in (0, 1)),
            x.channels % self.isa.lanes,
            saved,
        )
        rows = task.batch * y.height
        role = "saved.pooled" if saved else 0
        arguments = ("x0", "y", role, *_sizes(x, y), rows, bands(rows))
        kept = {"pooled": task.batch * y.values * ELEMENT_BYTES[saved]} if saved else {}
        return Lowering((Launch(kernel, bands(rows), arguments),), saved=kept)


@dataclass(frozen=True)
class PoolingBackward:
    """POOL backward from the switches or norms that forward has saved."""

    isa: Isa
    name: str = "pooling"

    def refuses(self, task: Task) -> str | None:  # noqa: ARG002
        return None

    def cost(self, task: Task) -> float:
        return seconds(task)

    def lower(self, task: Task) -> Lowering:
        if "dx0" not in task.roles:
            return Lowering(())
        pool, (x,), y = task.what, task.inputs, task.output
        saved = _saved(pool, x)
        window = pool.view(x)
        kernel = PoolBackward(
            pool.kind,
            window.size,
            window.stride,
            window.dilation,
            window.sides,
            pool.count == "all",
            x.channels % self.isa.lanes,
            saved,
        )
        rows = task.batch * x.height
        role = "saved.pooled" if saved else 0
        source = "x0" if pool.kind == "l2" else 0
        arguments = ("dy", "dx0", role, source, *_sizes(x, y), rows, bands(rows))
        return Lowering((Launch(kernel, bands(rows), arguments),))


def seconds(task: Task) -> float:
    """Time to read the input and write the output once, or the other way round."""
    values = sum(shape.values for shape in task.inputs) + task.output.values
    return task.batch * values * 4 / BYTES_PER_SECOND


def _saved(pool: Pool, x: Shape) -> str:
    """Element type of what forward saves for backward."""
    if pool.kind == "max":
        return "u8" if pool.view(x).cells <= BYTE_CELLS else "u32"
    return "f32" if pool.kind == "l2" else ""


def _sizes(x: Shape, y: Shape) -> tuple[int, ...]:
    return x.height, x.width, y.height, y.width, x.channels
