"""The statistics of a BATCHNORM, given by the CONV in front of it.

In training a BATCHNORM reads its input twice: for the mean and variance of the batch, and to apply
them. Who computes that input may take the statistics while it has it at hand.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace

from striate.layers import BatchNorm, Conv
from striate.plan.records import Candidate, Task

NOTE = "gives the statistics of {}"
ROWS = ("mean", "inverse")
"""What forward saves of them."""


def with_statistics(
    tasks: Iterable[Task], candidates: Callable[[Task], Iterable[Candidate]]
) -> list[Task]:
    """The tasks of a training step in which CONVs give the statistics of the BATCHNORMs behind
    them, where candidates can do both."""
    found = list(tasks)
    changed: dict[int, Task] = {}
    saved: dict[str, dict[str, str]] = {}
    writers = _writers(found)
    for norm in [t for t in found if t.kind == "forward" and isinstance(t.what, BatchNorm)]:
        conv = writers.get(norm.roles["x0"])
        if conv is None or id(conv) in changed:
            continue
        own = {f"n.{name}": norm.roles[f"w.{name}"] for name in ("mean", "variance")}
        facts = {"norm": norm.what, "note": NOTE.format(norm.node)}
        given = replace(conv, roles={**conv.roles, **own}, detail={**conv.detail, **facts})
        if all(any(c.refuses(t) is None for c in candidates(t)) for t in (given, norm)):
            changed[id(conv)] = given
            saved[norm.node] = {f"saved.{name}": f"{conv.node}/{name}" for name in ROWS}
    return [_with(changed.get(id(task), task), saved.get(task.node)) for task in found]


def _writers(tasks: Iterable[Task]) -> dict[str, Task]:
    """The CONV that makes a volume, for those that one task alone writes."""
    found: dict[str, list[Task]] = {}
    for task in tasks:
        if task.kind == "forward":
            found.setdefault(task.roles["y"], []).append(task)
    single = {volume: tasks[0] for volume, tasks in found.items() if len(tasks) == 1}
    return {volume: task for volume, task in single.items() if isinstance(task.what, Conv)}


def _with(task: Task, rows: dict[str, str] | None) -> Task:
    """A norm's task with the statistics that a CONV has saved, if one has; any other as it is."""
    if rows is None or task.kind not in ("forward", "backward"):
        return task
    return replace(task, roles={**task.roles, **rows})
