"""Where a task puts its output, which may be a range of the channels of a CONCAT's volume."""

from __future__ import annotations

from striate.plan.records import At, Task


def output_of(task: Task) -> tuple[str | At, int]:
    """The output's first value, and how many values lie from one of its pixels to the next."""
    if "part" not in task.detail:
        return "y", task.output.channels
    depth, first = task.detail["part"]
    return At("y", 4 * first), depth
