"""How long each task of a program takes, alone, against the whole call."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from statistics import median
from time import perf_counter

from striate.plan import Choice
from striate.run.program import Program


@dataclass(frozen=True)
class TaskTime:
    """The time of one task.

    Attributes:
        choice: the task and what does it.
        seconds: median over the repetitions.
    """

    choice: Choice
    seconds: float


@dataclass(frozen=True)
class Timing:
    """The times of a program.

    Attributes:
        tasks: each run alone, in order; a little more than in the whole call, because the threads
            meet at the end of each.
        whole: median seconds of a whole call.
    """

    tasks: tuple[TaskTime, ...]
    whole: float

    @property
    def total(self) -> float:
        """The sum over the tasks."""
        return sum(task.seconds for task in self.tasks)


def time_tasks(program: Program, call: Callable[[], object], repetitions: int = 5) -> Timing:
    """Time a program.

    Args:
        program: what is timed.
        call: a whole call of it; it leaves behind the volumes that the tasks then work on. A
            training step should have the rate 0, so that repeating tasks moves no weights.
        repetitions: how often each is run; once more before, to warm up.
    """
    whole = median([_seconds(call) for _ in range(repetitions + 1)][1:])
    count = len(program.plan.choices)
    rounds = [
        [_seconds(partial(program.run_task, index)) for index in range(count)]
        for _ in range(repetitions)
    ]
    tasks = tuple(
        TaskTime(choice, median(times))
        for choice, times in zip(program.plan.choices, zip(*rounds, strict=True), strict=True)
    )
    return Timing(tasks, whole)


def _seconds(work: Callable[[], object]) -> float:
    began = perf_counter()
    work()
    return perf_counter() - began
