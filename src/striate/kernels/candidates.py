"""All candidates, by the kind of task and the layer, loss or optimizer that it is for."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from striate.kernels.conv_direct import DirectForward
from striate.kernels.conv_filter_gradient import DirectBackward
from striate.kernels.isa import Isa
from striate.kernels.pool import PoolingBackward, PoolingForward
from striate.layers import Conv, Pool
from striate.plan import Candidate, Task

CANDIDATES: dict[tuple[str, type | None], tuple[Callable[[Isa], Candidate], ...]] = {
    ("forward", Conv): (DirectForward,),
    ("backward", Conv): (DirectBackward,),
    ("forward", Pool): (PoolingForward,),
    ("backward", Pool): (PoolingBackward,),
}
"""Constructors that take the instruction set. ``add`` and ``clip`` do not depend on what they are
for: their key is (kind, None)."""


def candidates_for(isa: Isa) -> Callable[[Task], Iterable[Candidate]]:
    """The candidates for a task on one instruction set."""

    def of(task: Task) -> Iterable[Candidate]:
        key = (task.kind, None) if task.kind in ("add", "clip") else (task.kind, type(task.what))
        return [make(isa) for make in CANDIDATES.get(key, ())]

    return of
