"""Max POOLs done by the CONV in front of them, whose own output is then never stored.

Backward finds the winners in the switches, and what a RELU in between has left above zero, too; the
CONV may read them itself, so that the gradient of its output is never stored either.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace
from functools import partial

from striate.layers import Conv, Pool
from striate.plan.choose import Measure, choose
from striate.plan.records import SWITCHES, Candidate, Task

NOTE = "pools what it computes, which is never stored ({})"
NOTE_BACKWARD = "reads the pooled gradient and its switches ({})"


def with_pools(
    tasks: Iterable[Task],
    candidates: Callable[[Task], Iterable[Candidate]],
    measure: Measure | None = None,
) -> list[Task]:
    """The tasks with every max POOL merged into a CONV's, where the candidate that does the CONV
    best can do both, and in no more time; in the backward pass, too."""
    found = list(tasks)
    for pool in [t for t in found if t.kind == "forward" and isinstance(t.what, Pool)]:
        conv = _writer(found, pool)
        if conv is None:
            continue
        both = _able(conv, pool, partial(_both, pool=pool), candidates, measure)
        if both is not None:
            rest = (t for t in found if t is not pool)
            found = [both if t is conv else _backward(t, pool, conv) for t in rest]
            found = _with_gradient(
                found, pool, partial(_able, candidates=candidates, measure=measure)
            )
    return found


def _able(
    task: Task,
    pool: Task,
    merged: Callable[[Task, str], Task],
    candidates: Callable[[Task], Iterable[Candidate]],
    measure: Measure | None,
) -> Task | None:
    """A CONV's task merged with a POOL's, if the candidate that does the CONV best can do both, and
    in no more time than one after the other: with a POOL it may not have its best tiles."""
    best, alone = (choose(one, candidates(one), measure) for one in (task, pool))
    both = merged(task, best.reason)
    able = [c for c in candidates(both) if c.name == best.candidate and c.refuses(both) is None]
    if not best.native or not able:
        return None
    (seconds,) = measure(both, able) if measure else [able[0].cost(both)]
    return both if seconds <= best.seconds + alone.seconds else None


def _with_gradient(
    tasks: list[Task],
    pool: Task,
    able: Callable[[Task, Task, Callable[[Task, str], Task]], Task | None],
) -> list[Task]:
    """The tasks with the POOL's backward pass merged into that of the CONV in front of it, which
    has done the POOL, where nobody else reads the gradient in between, and nobody may change the
    pooled one before the CONV reads it."""
    gradient = next((t for t in tasks if (t.kind, t.node) == ("backward", pool.node)), None)
    if gradient is None or "dx0" not in gradient.roles:
        return tasks
    volume, pooled = gradient.roles["dx0"], gradient.roles["dy"]
    users = [t for t in tasks if volume in t.roles.values()]
    if len(users) != 2 or users[1].roles.get("dy") != volume:
        return tasks
    between = tasks[tasks.index(gradient) + 1 : tasks.index(users[1])]
    if any(pooled in task.roles.values() for task in between):
        return tasks
    both = able(users[1], gradient, partial(_both_backward, gradient=gradient))
    return [both if t is users[1] else t for t in tasks if t is not gradient] if both else tasks


def _writer(tasks: Iterable[Task], pool: Task) -> Task | None:
    """The CONV that makes what is pooled, if nobody else needs that: of a maximum, backward reads
    the switches alone."""
    volume = pool.roles["x0"]
    writer, *users = [t for t in tasks if volume in t.roles.values()]
    alone = all(t.node == pool.node for t in users) and pool.what.kind == "max"
    made = writer.kind == "forward" and writer.roles["y"] == volume
    return writer if made and alone and isinstance(writer.what, Conv) else None


def _both(conv: Task, reason: str, pool: Task) -> Task:
    """One task for a CONV, whose candidate was chosen for a reason, and a POOL; its output is the
    CONV's, but y is the POOL's."""
    names = (*conv.detail.get("joined", ()), pool.node)
    facts = {"pool": pool.what, "joined": names, "note": NOTE.format(reason)}
    roles = {**conv.roles, "y": pool.roles["y"]}
    return replace(conv, roles=roles, detail={**conv.detail, **facts})


def _both_backward(conv: Task, reason: str, gradient: Task) -> Task:
    """One backward task for a CONV and the POOL behind it; its output is the CONV's, but dy is the
    POOL's."""
    names = (gradient.node, *gradient.detail.get("joined", ()), *conv.detail.get("joined", ()))
    facts = {"pool": gradient.what, "joined": names, "note": NOTE_BACKWARD.format(reason)}
    roles = {**conv.roles, "dy": gradient.roles["dy"], SWITCHES: gradient.roles[SWITCHES]}
    return replace(conv, roles=roles, detail={**conv.detail, **facts})


def _backward(task: Task, pool: Task, conv: Task) -> Task:
    """A task, if it is the POOL's, with the switches that the CONV has saved."""
    if task.node != pool.node or task.kind != "backward":
        return task
    roles = {role: name for role, name in task.roles.items() if role != "x0"}
    return replace(task, roles={**roles, SWITCHES: f"{conv.node}/pooled"})
