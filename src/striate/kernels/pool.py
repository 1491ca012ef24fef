"""Candidates for POOL."""

from __future__ import annotations

from striate.kernels.isa import Isa
from striate.kernels.pool_backward import PoolBackward
from striate.kernels.pool_forward import PoolForward
from striate.kernels.sweeps import bands
from striate.layers import Relu, Shape
from striate.layers.options import Pair, Sides
from striate.layers.pool import Pool
from striate.plan.records import SWITCHES, Launch, Lowering, Task

BYTE_CELLS = 255
"""A window of more cells than this needs a switch of four bytes."""

ELEMENT_BYTES = {"": 0, "u8": 1, "u32": 4, "f32": 4}


def lower_pool(isa: Isa, task: Task) -> Lowering:
    """POOL forward. Hands switches (max) or norms (l2) to backward."""
    pool, (x,), y = task.what, task.inputs, task.output
    saved = _saved(pool, x) if task.training else ""
    extents = [pool.view(x).extent(x, axis) for axis in (0, 1)]
    kernel = PoolForward(
        *_fields(pool, x),
        tail=x.channels % isa.lanes,
        saved=saved,
        overhangs=any(extent.before > 0 or extent.after > 0 for extent in extents),
        rectified=bool(saved) and wins_only_above_zero(task),
    )
    rows = task.batch * y.height
    role = SWITCHES if saved else 0
    arguments = ("x0", "y", role, *_sizes(x, y), rows, bands(rows))
    kept = {"pooled": task.batch * y.values * ELEMENT_BYTES[saved]} if saved else {}
    return Lowering((Launch(kernel, bands(rows), arguments),), saved=kept)


def lower_pool_backward(isa: Isa, task: Task) -> Lowering:
    """POOL backward from the switches or norms that forward has saved."""
    if "dx0" not in task.roles:
        return Lowering(())
    pool, (x,), y = task.what, task.inputs, task.output
    saved = _saved(pool, x)
    kernel = PoolBackward(*_fields(pool, x), tail=x.channels % isa.lanes, saved=saved)
    rows = task.batch * x.height
    role = SWITCHES if saved else 0
    source = "x0" if pool.kind == "l2" else 0
    arguments = ("dy", "dx0", role, source, *_sizes(x, y), rows, bands(rows))
    return Lowering((Launch(kernel, bands(rows), arguments),))


def wins_only_above_zero(task: Task) -> bool:
    """Whether a POOL takes the maxima of what a RELU has left."""
    return task.what.kind == "max" and isinstance(task.detail.get("behind"), Relu)


def _saved(pool: Pool, x: Shape) -> str:
    """Element type of what forward saves for backward."""
    if pool.kind == "max":
        return "u8" if pool.view(x).cells <= BYTE_CELLS else "u32"
    return "f32" if pool.kind == "l2" else ""


def _fields(pool: Pool, x: Shape) -> tuple[str, Pair, Pair, Pair, Sides, bool]:
    """The fields that both kernels have in front."""
    window = pool.view(x)
    place = window.size, window.stride, window.dilation, window.sides
    return pool.kind, *place, pool.count == "all"


def _sizes(x: Shape, y: Shape) -> tuple[int, ...]:
    return x.height, x.width, y.height, y.width, x.channels
