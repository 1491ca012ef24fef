"""Volumes that are cheaper to compute a second time than to keep until backward needs them.

What a BATCHNORM gives follows from its input, which backward keeps anyway, in one pass: its own
memory is free once the next layers have read it.
"""

from __future__ import annotations

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
    found = list(tasks)
    for task in tasks:
        if task.kind != "forward" or "x1" in task.roles:
            continue
        if not list(candidates(replace(task, kind="again"))):
            continue
        kept = task.roles["y"]
        readers = [i for i, other in enumerate(found) if _needs(other, kept)]
        if not readers or _is_overwritten(work, task, tasks):
            continue
        fresh = f"{kept} again"
        work.buffers[fresh] = Buffer(fresh, work.buffers[kept].bytes, "arena")
        for i in readers:
            found[i] = _with(found[i], kept, fresh)
        again = _with(replace(task, kind="again"), kept, fresh)
        found.insert(readers[0], replace(again, detail={**task.detail, "note": NOTE}))
    return found


def _is_overwritten(work: Work, task: Task, tasks: Iterable[Task]) -> bool:
    """Whether something else than backward wants what a task gives: a layer that works in place on
    it, or the caller."""
    y = task.roles["y"]
    others = (other for other in tasks if other.kind == "forward" and other is not task)
    return work.buffers[y].region != "arena" or any(other.roles["y"] == y for other in others)


def _needs(task: Task, volume: str) -> bool:
    """Whether backward reads a volume in this task."""
    return task.kind == "backward" and volume in task.roles.values()


def _with(task: Task, old: str, new: str) -> Task:
    roles = {role: new if name == old else name for role, name in task.roles.items()}
    return replace(task, roles=roles)
