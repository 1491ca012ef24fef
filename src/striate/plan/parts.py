"""The volumes that a CONCAT stacks, written where it wants them.

A volume is NHWC: each input of a CONCAT is a range of the channels of each of its output's pixels.
Who computes such an input may put it there right away, if nobody but the CONCAT reads it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace
from itertools import accumulate

from striate.layers import Concat
from striate.plan.records import Candidate, Task

NOTE = "written into its part of {}"


def with_parts(
    tasks: Iterable[Task], candidates: Callable[[Task], Iterable[Candidate]]
) -> list[Task]:
    """The tasks with every input of a CONCAT in its output, where a candidate can write it there.

    Both roles of the CONCAT are then the same buffer. Its backward pass may read there what a RELU
    has left, unless a later layer works in place on it.
    """
    found = list(tasks)
    for concat in [t for t in found if t.kind == "forward" and isinstance(t.what, Concat)]:
        y = concat.roles["y"]
        writers = [t for t in found if t.kind == "forward" and t.roles["y"] == y]
        starts = accumulate((x.channels for x in concat.inputs), initial=0)
        for i, first in zip(range(len(concat.inputs)), starts, strict=False):
            writer = _writer(found, concat, i, kept=len(writers) == 1)
            if writer is None:
                continue
            facts = {"part": (concat.output.channels, first), "note": NOTE.format(concat.node)}
            part = replace(
                writer, roles={**writer.roles, "y": y}, detail={**writer.detail, **facts}
            )
            if any(candidate.refuses(part) is None for candidate in candidates(part)):
                found = [part if t is writer else _with(t, concat, i) for t in found]
    return found


def _writer(tasks: Iterable[Task], concat: Task, i: int, kept: bool) -> Task | None:
    """The task that computes input i if nobody names the volume but the CONCAT, once in each pass;
    ``kept`` says whether the CONCAT's output still is what it was in the backward pass."""
    role, name = f"x{i}", concat.roles[f"x{i}"]
    (writer, given), *rest = [(t, r) for t in tasks for r, n in t.roles.items() if n == name]
    readers = [(t.kind, t.node, r) for t, r in rest]
    passes = [(kind, concat.node, role) for kind in ("forward", "backward")]
    single = (writer.kind, given) == ("forward", "y")
    return writer if single and (readers == passes[:1] or (kept and readers == passes)) else None


def _with(task: Task, concat: Task, i: int) -> Task:
    """A task, if it is the CONCAT's, with input i in the CONCAT's output."""
    role = f"x{i}"
    if task.node != concat.node or role not in task.roles:
        return task
    placed = (*task.detail.get("placed", ()), i)
    roles = {**task.roles, role: concat.roles["y"]}
    return replace(task, roles=roles, detail={**task.detail, "placed": placed})
