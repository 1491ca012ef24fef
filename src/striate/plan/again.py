"""Volumes that are cheaper to compute a second time than to keep until backward needs them.

What a BATCHNORM gives follows from its input, which backward keeps anyway, in one pass: its own
memory is free once the next layers have read it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import replace

from striate.plan.records import Buffer, Candidate, Task
from striate.plan.tasks import Work

NOTE = "computed a second time, not kept from forward to backward"


def with_again(
    work: Work, tasks: list[Task], candidates: Callable[[Task], Iterable[Candidate]]
) -> list[Task]:
    """The tasks of a training step with a task ``again`` in front of the first backward task that
    reads a volume, for every volume that a candidate can do again."""
    writers = Counter(task.roles["y"] for task in tasks if task.kind == "forward")
    again: dict[str, Task] = {}
    for task in tasks:
        # What follows from two volumes would keep both. What a layer works on in place, or what the
        # caller sees, is not for backward alone.
        volume = task.roles.get("y", "")
        if task.kind != "forward" or "x1" in task.roles or writers[volume] > 1:
            continue
        if work.buffers[volume].region != "arena":
            continue
        second = replace(task, kind="again", detail={**task.detail, "note": NOTE})
        if list(candidates(second)):
            again[volume] = _with(second, volume)
    found: list[Task] = []
    for task in tasks:
        reads = [name for name in task.roles.values() if name in again]
        for volume in reads if task.kind == "backward" else ():
            fresh = _fresh(volume)
            if fresh not in work.buffers:
                work.buffers[fresh] = Buffer(fresh, work.buffers[volume].bytes, "arena")
                found.append(again[volume])
            task = _with(task, volume)
        found.append(task)
    return found


def _fresh(volume: str) -> str:
    """The buffer of what is computed a second time."""
    return f"{volume} again"


def _with(task: Task, volume: str) -> Task:
    """The task with the second buffer in place of a volume's own."""
    roles = {role: _fresh(name) if name == volume else name for role, name in task.roles.items()}
    return replace(task, roles=roles)
