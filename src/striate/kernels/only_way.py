"""The candidate of a task that is done in one way, whatever its sizes."""

from __future__ import annotations

from collections.abc import Callable

from msgspec import Struct

from striate.kernels.isa import Isa
from striate.layers import Layer
from striate.plan.records import Candidate, Lowering, Task

BYTES_PER_SECOND = 10e9
MULTIPLY_ADDS_PER_SECOND_AND_LANE = 2e9


class OnlyWay(Struct, frozen=True):
    """A candidate that refuses nothing.

    Attributes:
        isa: the target.
        name: as the plan prints it.
        lowering: gives the launches of a task.
    """

    isa: Isa
    name: str
    lowering: Callable[[Isa, Task], Lowering]

    def refuses(self, task: Task) -> str | None:  # noqa: ARG002
        return None

    def cost(self, task: Task) -> float:
        """From the memory that the task passes over and its multiply-adds."""
        volumes = sum(shape.values for shape in task.inputs) + task.output.values
        values = task.detail.get("count", task.batch * volumes)
        macs = task.batch * task.what.macs(*task.inputs) if isinstance(task.what, Layer) else 0
        speed = MULTIPLY_ADDS_PER_SECOND_AND_LANE * self.isa.lanes
        return 4 * float(values) / BYTES_PER_SECOND + macs / speed

    def lower(self, task: Task) -> Lowering:
        return self.lowering(self.isa, task)


def only(name: str, lowering: Callable[[Isa, Task], Lowering]) -> Callable[[Isa], Candidate]:
    """What `striate.kernels.candidates` lists for such a task."""
    return lambda isa: OnlyWay(isa, name, lowering)
