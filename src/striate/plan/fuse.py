"""Neighbouring tasks that one kernel does together become one task."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from striate.plan.records import Task

Merge = Callable[[Task, Task, bool], Task | None]
"""Gives one task for two neighbours, or None. The last argument says whether the second is the only
one that reads what the first writes."""


def fuse(tasks: Iterable[Task], merge: Merge) -> list[Task]:
    """The tasks with every pair merged that can be, from the first on."""
    listed = list(tasks)
    last_reader = {name: i for i, task in enumerate(listed) for name in _read(task)}
    found: list[Task] = []
    for i, task in enumerate(listed):
        before = found[-1] if found else None
        merged = None
        if before is not None:
            written = before.roles.get("y", "")
            alone = task.roles.get("y") == written or last_reader.get(written) == i
            merged = merge(before, task, alone)
        if merged is None:
            found.append(task)
        else:
            found[-1] = merged
    return found


def _read(task: Task) -> set[str]:
    """The volumes that a task reads; those that backward reads among them."""
    reads = {name for role, name in task.roles.items() if role.startswith("x") or role == "dy"}
    if task.kind == "backward" and "y" in task.roles:
        reads.add(task.roles["y"])
    return reads
