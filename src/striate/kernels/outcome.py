"""What sums of a CONV's gradient by the filters are for: they are stored, or update the filters."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from msgspec import Struct

from striate.kernels.emitter import Emitter
from striate.kernels.updates import Arrays, ruled
from striate.kernels.values import Pointer, Value
from striate.optimizers import Optimizer
from striate.plan.records import Task


class Taker(Struct, frozen=True):
    """What becomes of a vector of the gradient.

    Attributes:
        arrays: what is written.
        after: gives, for a place in these arrays and a vector, what is stored, and where.
    """

    arrays: tuple[Pointer, ...]
    after: Callable[[Value, Value], list[tuple[Pointer, Value]]]


class Outcome(Struct, frozen=True):
    """Whether a gradient goes to memory, or moves the weights and the optimizer's state at once.

    Attributes:
        rule: the optimizer in the second case.
    """

    rule: Optimizer | None

    @classmethod
    def of(cls, task: Task) -> Outcome:
        """For a backward task, which may have taken in the update."""
        return cls(ruled(task.detail["update"]) if "update" in task.detail else None)

    @property
    def roles(self) -> tuple[str, ...]:
        """The last arguments of a launch."""
        if self.rule is None:
            return ("dw.w",)
        return "w.w", "control", *(f"s.{name}" for name in self.rule.state())

    def read(self, e: Emitter, slot: int) -> Taker:
        """From the arguments from this slot on."""
        to = e.pointer(slot)
        if self.rule is None:
            return Taker((to,), lambda place, gradient: [(to + place, gradient)])
        state = tuple(e.pointer(slot + 2 + i) for i in range(len(self.rule.state())))
        arrays = Arrays.of(self.rule, to, state, e.pointer(slot + 1))
        return Taker((to, *state), partial(arrays.after, e))
