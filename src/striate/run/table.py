"""The table of launches that the driver walks, cut into native stretches and reference steps."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from striate.kernels import DRIVER_ROW_WORDS, Library
from striate.plan import At, Choice, Launch, Plan
from striate.run.memory import Memory


@dataclass(frozen=True)
class Stretch:
    """Rows first … last - 1 of the table, done in one native call."""

    first: int
    last: int


@dataclass(frozen=True)
class ReferenceStep:
    """A task whose layer's NumPy definition runs between two native stretches."""

    index: int


class Table:
    """Launches as the driver reads them.

    Attributes:
        rows: [launches, words] of 64-bit integers.
        private: bytes of scratch that each thread needs.
        steps: what one call does, in order.
        tasks: the rows of each native task alone, by its index in the plan.
        prepare: what is done once after the weights change, in inference.
    """

    def __init__(self, plan: Plan, library: Library, memory: Memory) -> None:
        self._library, self._memory = library, memory
        self._rows: list[list[int]] = []
        self._slots: list[NDArray[np.int64]] = []
        self.private = 64
        self.tasks: dict[int, Stretch] = {}
        self.steps = self._stretches(plan, lambda launch: plan.training or not launch.prepare)
        self.prepare = tuple(
            step
            for step in self._stretches(plan, lambda launch: launch.prepare and not plan.training)
            if isinstance(step, Stretch)
        )
        self.rows = np.array(self._rows or [[0] * DRIVER_ROW_WORDS], np.int64)

    def _stretches(
        self, plan: Plan, wanted: Callable[[Launch], bool]
    ) -> tuple[Stretch | ReferenceStep, ...]:
        steps: list[Stretch | ReferenceStep] = []
        first = len(self._rows)
        for index, choice in enumerate(plan.choices):
            if choice.native:
                start = len(self._rows)
                self._add(choice, plan.bindings[index], wanted)
                own = Stretch(start, len(self._rows))
                self.tasks.setdefault(index, own)
            else:
                if len(self._rows) > first:
                    steps.append(Stretch(first, len(self._rows)))
                steps.append(ReferenceStep(index))
                first = len(self._rows)
        if len(self._rows) > first:
            steps.append(Stretch(first, len(self._rows)))
        return tuple(steps)

    def _add(
        self, choice: Choice, binding: Mapping[str, str], wanted: Callable[[Launch], bool]
    ) -> None:
        for launch in choice.lowering.launches:
            if wanted(launch):
                slots = np.array(self._resolve(launch.arguments, binding), np.int64)
                self._slots.append(slots)
                self.private = max(self.private, launch.private)
                address = self._library.address(launch.kernel)
                self._rows.append([address, slots.ctypes.data, launch.chunks, 0, 0])

    def _resolve(
        self, arguments: Sequence[str | At | int], binding: Mapping[str, str]
    ) -> list[int]:
        found = []
        for argument in arguments:
            if isinstance(argument, int):
                found.append(argument)
            else:
                at = At(argument) if isinstance(argument, str) else argument
                buffer = binding[at.role]
                found.append(self._memory.address(buffer, at.offset))
        return found or [0]
