"""A plan as text: one line a task, and what its memory comes to."""

from __future__ import annotations

from collections.abc import Mapping

from striate.plan.records import Choice, Plan

MEGABYTE = 1024 * 1024


def show_plan(plan: Plan) -> str:
    """The tasks in order with their candidate, its reason and launches, then the regions."""
    mode = "training step" if plan.training else "inference"
    rows: list[tuple[str, ...]] = [("task", "by", "launches", "chunks", "in place", "because")]
    rows += [_row(choice) for choice in plan.choices]
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]) - 1)]
    lines = [f"{mode}, batch {plan.batch}: {len(plan.choices)} tasks"]
    for row in rows:
        cells = [cell.ljust(width) for cell, width in zip(row, [*widths, 0], strict=True)]
        lines.append("  ".join(cells).rstrip())
    return "\n".join([*lines, "", *_memory(plan.regions)])


def _row(choice: Choice) -> tuple[str, ...]:
    launches = choice.lowering.launches
    roles = choice.task.roles
    pairs = (("x0", "y"), ("dx0", "dy"))
    in_place = any(a in roles and b in roles and roles[a] == roles[b] for a, b in pairs)
    return (
        choice.task.name,
        choice.candidate,
        str(len(launches)) if choice.native else "-",
        " + ".join(str(launch.chunks) for launch in launches) or "-",
        "yes" if in_place else "no",
        choice.reason,
    )


def _memory(regions: Mapping[str, int]) -> list[str]:
    width = max(len(region) for region in regions)
    lines = [f"{name:{width}}  {size / MEGABYTE:9.2f} MB" for name, size in regions.items()]
    return ["memory:", *lines, f"{'total':{width}}  {sum(regions.values()) / MEGABYTE:9.2f} MB"]
