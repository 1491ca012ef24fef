"""Weights that are updated by the backward task that sums up their gradient.

The gradient then goes through no memory. Which of a CONV's candidates can do that is known only
when one is chosen: where the best one cannot, the update stays a task of its own.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace

from striate.layers import Conv
from striate.plan.choose import Measure, choose
from striate.plan.records import Candidate, Task

NEVER_STORED = "updates each weight as soon as its gradient is summed up, which is never stored"


def with_updated(
    tasks: Iterable[Task],
    candidates: Callable[[Task], Iterable[Candidate]],
    measure: Measure | None = None,
) -> list[Task]:
    """The tasks with every update of a CONV's weights merged into the backward task before it,
    where the candidate that does that best can do both."""
    found: list[Task] = []
    for task in tasks:
        both = None
        if found and task.kind == "update" and takes_update(found[-1], task, Conv):
            both = _both(found[-1], task, candidates, measure)
        if both is None:
            found.append(task)
        else:
            found[-1] = both
    return found


def takes_update(task: Task, update: Task, layer: type) -> bool:
    """Whether a task sums up the gradient that an update reads, for a layer of this type."""
    backward = task.kind == "backward" and isinstance(task.what, layer)
    return backward and update.roles["dw"] == task.roles.get("dw.w")


def updated(task: Task, update: Task, note: str = NEVER_STORED) -> Task:
    """One backward task that updates the weights, too, with a note beside what it says already."""
    roles = {role: name for role, name in task.roles.items() if role != "dw.w"}
    roles |= {role: n for role, n in update.roles.items() if role not in ("w", "dw")}
    note = "; ".join([task.detail["note"], note] if "note" in task.detail else [note])
    return replace(task, roles=roles, detail={**task.detail, "update": update.what, "note": note})


def _both(
    task: Task,
    update: Task,
    candidates: Callable[[Task], Iterable[Candidate]],
    measure: Measure | None,
) -> Task | None:
    """The merged task, if the candidate that does the backward task best can do it. Where others
    were compared that cannot, its note tells how they did."""
    best = choose(task, candidates(task), measure)
    both = updated(task, update)
    before, able = (_able(one, candidates(one)) for one in (task, both))
    if not best.native or best.candidate not in able:
        return None
    return both if before == able else updated(task, update, f"{NEVER_STORED} ({best.reason})")


def _able(task: Task, candidates: Iterable[Candidate]) -> set[str]:
    """The names of those that can do a task."""
    return {candidate.name for candidate in candidates if candidate.refuses(task) is None}
