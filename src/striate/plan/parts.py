"""The volumes that a CONCAT stacks, written where it wants them.

A volume is NHWC: each input of a CONCAT is a range of the channels of each of its output's pixels.
Who computes such an input may put it there right away, if nobody but the CONCAT reads it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
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
        users = _users(found)
        kept = sum((t.kind, role) == ("forward", "y") for t, role in users[concat.roles["y"]]) == 1
        starts = accumulate((x.channels for x in concat.inputs), initial=0)
        parts: dict[int, Task] = {}
        placed: list[int] = []
        for i, first in zip(range(len(concat.inputs)), starts, strict=False):
            writer = _writer(users, concat, i, kept)
            if writer is None:
                continue
            part = _part(writer, concat, first)
            if any(candidate.refuses(part) is None for candidate in candidates(part)):
                parts[id(writer)] = part
                placed.append(i)
        found = [parts[id(t)] if id(t) in parts else _with(t, concat, placed) for t in found]
    return found


def _users(tasks: Iterable[Task]) -> dict[str, list[tuple[Task, str]]]:
    """Every task that names a volume, with its role there, in order."""
    found: dict[str, list[tuple[Task, str]]] = {}
    for task in tasks:
        for role, name in task.roles.items():
            found.setdefault(name, []).append((task, role))
    return found


def _writer(
    users: Mapping[str, Sequence[tuple[Task, str]]], concat: Task, i: int, kept: bool
) -> Task | None:
    """The task that computes input i if nobody names the volume but the CONCAT, once in each pass;
    ``kept`` says whether the CONCAT's output still is what it was in the backward pass."""
    role = f"x{i}"
    (writer, given), *rest = users[concat.roles[role]]
    readers = [(t.kind, t.node, r) for t, r in rest]
    passes = [(kind, concat.node, role) for kind in ("forward", "backward")]
    single = (writer.kind, given) == ("forward", "y")
    return writer if single and (readers == passes[:1] or (kept and readers == passes)) else None


def _part(writer: Task, concat: Task, first: int) -> Task:
    """A task that writes into the CONCAT's output, from this channel on."""
    facts = {"part": (concat.output.channels, first), "note": NOTE.format(concat.node)}
    roles = {**writer.roles, "y": concat.roles["y"]}
    return replace(writer, roles=roles, detail={**writer.detail, **facts})


def _with(task: Task, concat: Task, placed: Iterable[int]) -> Task:
    """A task, if it is the CONCAT's, with these inputs in the CONCAT's output."""
    own = [i for i in placed if task.node == concat.node and f"x{i}" in task.roles]
    if not own:
        return task
    roles = {**task.roles, **{f"x{i}": concat.roles["y"] for i in own}}
    return replace(task, roles=roles, detail={**task.detail, "placed": tuple(own)})
