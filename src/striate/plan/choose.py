"""The choice among the candidates for a task, with its reason."""

from __future__ import annotations

from collections.abc import Iterable

from striate.plan.records import Candidate, Choice, Lowering, Task


def choose(task: Task, candidates: Iterable[Candidate]) -> Choice:
    """The cheapest candidate that can do the task; the reference if none can."""
    refusals: list[str] = []
    able: list[tuple[float, Candidate]] = []
    for candidate in candidates:
        refusal = candidate.refuses(task)
        if refusal is None:
            able.append((candidate.cost(task), candidate))
        else:
            refusals.append(f"{candidate.name}: {refusal}")
    note = f"; {task.detail['note']}" if "note" in task.detail else ""
    if not able:
        why = "; ".join(refusals) if refusals else f"no kernel does a {task.kind} of it"
        return Choice(task, "reference", why + note, Lowering(()), native=False)
    able.sort(key=lambda pair: pair[0])
    cost, best = able[0]
    if len(able) == 1:
        reason = "the only kernel" + (f" ({'; '.join(refusals)})" if refusals else "")
    else:
        others = ", ".join(f"{c.name} {s * 1e3:.3g} ms" for s, c in able[1:])
        reason = f"estimated {cost * 1e3:.3g} ms against {others}"
    return Choice(task, best.name, reason + note, best.lower(task), seconds=cost)
