"""The table of launches that the driver walks, cut into native stretches and reference steps."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from striate.kernels import MOST_CHUNKS, ROW_WORDS, Library
from striate.plan import At, Choice, Launch, Plan
from striate.run.memory import Memory

WORTH_WAKING = 200e-6
"""Seconds of work for which a sleeping thread is woken: it takes about 50 microseconds to come, and
about 20 of the one that wakes it."""


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
        rows: [launches, words] of 64-bit integers: the kernel's address, its slots, the number of
            chunks, and how many sleeping threads to wake for it.
        private: bytes of scratch that each thread needs.
        steps: what one call does, in order.
        tasks: the rows of each native task alone, by its index in the plan.
        prepare: what is done once after the weights change, in inference.
    """

    def __init__(self, plan: Plan, library: Library, memory: Memory) -> None:
        self._library, self._memory = library, memory
        self._rows: list[list[int]] = []
        self._seconds: list[float] = []
        self._slots: list[int] = []
        self.private = 64
        self.tasks: dict[int, Stretch] = {}
        self.steps = self._stretches(plan, lambda launch: plan.training or not launch.prepare)
        self.prepare = tuple(
            step
            for step in self._stretches(plan, lambda launch: launch.prepare and not plan.training)
            if isinstance(step, Stretch)
        )
        self._arguments = np.array(self._slots or [0], np.int64)
        self.rows = np.array(self._rows or [[0] * ROW_WORDS], np.int64)
        self.rows[:, 1] += self._arguments.ctypes.data

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
                steps += [*self._stretch_from(first), ReferenceStep(index)]
                first = len(self._rows)
        return (*steps, *self._stretch_from(first))

    def _stretch_from(self, first: int) -> list[Stretch]:
        """The rows added last as a stretch, if there are any; says which are worth waking for.

        That is not up to a row alone: a thread that it wakes stays for what follows.
        """
        ahead = 0.0
        for number in reversed(range(first, len(self._rows))):
            ahead += self._seconds[number]
            chunks = self._rows[number][2]
            assert chunks <= MOST_CHUNKS, f"row {number}: {chunks} chunks"
            self._rows[number][3] = chunks - 1 if ahead >= WORTH_WAKING else 0
        return [Stretch(first, len(self._rows))] if first < len(self._rows) else []

    def _add(
        self, choice: Choice, binding: Mapping[str, str], wanted: Callable[[Launch], bool]
    ) -> None:
        launches = [launch for launch in choice.lowering.launches if wanted(launch)]
        for launch in launches:
            address, slots = self._library.address(launch.kernel), 8 * len(self._slots)
            self._rows.append([address, slots, launch.chunks, 0])
            self._slots += self._resolve(launch.arguments, binding)
            self.private = max(self.private, launch.private)
            self._seconds.append(choice.seconds / len(launches))

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
        return found
