"""The choice among the candidates for a task, with its reason."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

from striate.plan.records import Candidate, Choice, Lowering, Task

Measure = Callable[[Task, Sequence[Candidate]], Sequence[float]]
"""Seconds that each of several candidates really takes for a task on this machine."""


def choose(task: Task, candidates: Iterable[Candidate], measure: Measure | None = None) -> Choice:
    """The cheapest candidate that can do the task; the reference if none can.

    Args:
        task: what is to be done.
        candidates: ways to do it.
        measure: times those that can where there are several; without it their own estimates
            decide.
    """
    refusals: list[str] = []
    able: list[Candidate] = []
    for candidate in candidates:
        refusal = candidate.refuses(task)
        if refusal is None:
            able.append(candidate)
        else:
            refusals.append(f"{candidate.name}: {refusal}")
    note = f"; {task.detail['note']}" if "note" in task.detail else ""
    if not able:
        why = "; ".join(refusals) if refusals else f"no kernel does a {task.kind} of it"
        return Choice(task, "reference", why + note, Lowering(()), native=False)
    if len(able) == 1:
        reason = "the only kernel" + (f" ({'; '.join(refusals)})" if refusals else "")
        best, seconds = able[0], able[0].cost(task)
    else:
        best, seconds, reason = _cheapest(task, able, measure)
    return Choice(task, best.name, reason + note, best.lower(task), seconds=seconds)


def _cheapest(
    task: Task, able: Sequence[Candidate], measure: Measure | None
) -> tuple[Candidate, float, str]:
    """The candidate that takes least time, its time, and the times of all in words."""
    seconds = measure(task, able) if measure else [candidate.cost(task) for candidate in able]
    times = sorted(zip(seconds, able, strict=True), key=lambda pair: pair[0])
    least, best = times[0]
    others = ", ".join(f"{c.name} {s * 1e3:.3g} ms" for s, c in times[1:])
    how = "measured" if measure else "estimated"
    return best, least, f"{how} {least * 1e3:.3g} ms against {others}"
