"""Max POOLs done by the CONV in front of them, whose own output is then never stored.

Backward finds the winners in the switches, and what a RELU in between has left above zero, too.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace

from striate.layers import Conv, Pool
from striate.plan.choose import Measure, choose
from striate.plan.records import Candidate, Task

NOTE = "pools what it computes, which is never stored ({})"
SWITCHES = "saved.pooled"


def with_pools(
    tasks: Iterable[Task],
    candidates: Callable[[Task], Iterable[Candidate]],
    measure: Measure | None = None,
) -> list[Task]:
    """The tasks with every max POOL merged into a CONV's, where the candidate that does the CONV
    best can do both."""
    found = list(tasks)
    for pool in [t for t in found if t.kind == "forward" and isinstance(t.what, Pool)]:
        conv = _writer(found, pool)
        if conv is None:
            continue
        best = choose(conv, candidates(conv), measure)
        both = _both(conv, pool, best.reason)
        able = [c.name for c in candidates(both) if c.refuses(both) is None]
        if best.native and best.candidate in able:
            rest = (t for t in found if t is not pool)
            found = [both if t is conv else _backward(t, pool, conv) for t in rest]
    return found


def _writer(tasks: Iterable[Task], pool: Task) -> Task | None:
    """The CONV that makes what is pooled, if nobody else needs that: of a maximum, backward reads
    the switches alone."""
    volume = pool.roles["x0"]
    writer, *users = [t for t in tasks if volume in t.roles.values()]
    alone = all(t.node == pool.node for t in users) and pool.what.kind == "max"
    made = writer.kind == "forward" and writer.roles["y"] == volume
    return writer if made and alone and isinstance(writer.what, Conv) else None


def _both(conv: Task, pool: Task, reason: str) -> Task:
    """One task for a CONV, whose candidate was chosen for a reason, and a POOL; its output is the
    CONV's, but y is the POOL's."""
    names = (*conv.detail.get("joined", ()), pool.node)
    facts = {"pool": pool.what, "joined": names, "note": NOTE.format(reason)}
    roles = {**conv.roles, "y": pool.roles["y"]}
    return replace(conv, roles=roles, detail={**conv.detail, **facts})


def _backward(task: Task, pool: Task, conv: Task) -> Task:
    """A task, if it is the POOL's, with the switches that the CONV has saved."""
    if task.node != pool.node or task.kind != "backward":
        return task
    roles = {role: name for role, name in task.roles.items() if role != "x0"}
    return replace(task, roles={**roles, SWITCHES: f"{conv.node}/pooled"})
