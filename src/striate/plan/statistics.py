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
    for norm in [t for t in found if t.kind == "forward" and isinstance(t.what, BatchNorm)]:
        conv = _writer(found, norm.roles["x0"])
        if conv is None:
            continue
        own = {f"n.{name}": norm.roles[f"w.{name}"] for name in ("mean", "variance")}
        facts = {"norm": norm.what, "note": NOTE.format(norm.node)}
        given = replace(conv, roles={**conv.roles, **own}, detail={**conv.detail, **facts})
        if all(any(c.refuses(t) is None for c in candidates(t)) for t in (given, norm)):
            rows = {f"saved.{name}": f"{conv.node}/{name}" for name in ROWS}
            found = [given if t is conv else _with(t, norm, rows) for t in found]
    return found


def _writer(tasks: Iterable[Task], volume: str) -> Task | None:
    """The CONV that makes a volume, if it is the only one that writes there, for one norm alone."""
    first, *others = [t for t in tasks if t.kind == "forward" and t.roles["y"] == volume]
    single = isinstance(first.what, Conv) and not others and "norm" not in first.detail
    return first if single else None


def _with(task: Task, norm: Task, rows: dict[str, str]) -> Task:
    """A task, if it is the norm's, with the statistics that another one has saved."""
    own = task.node == norm.node and task.kind in ("forward", "backward")
    return replace(task, roles={**task.roles, **rows}) if own else task
