"""Runs a single task with one candidate on arrays, for tests of kernels apart from any net."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from guards import check_marks, mark, poison
from striate.kernels import Isa, Library
from striate.plan import Buffer, Candidate, Choice, Plan, Task
from striate.run.call import Caller
from striate.run.memory import Memory
from striate.run.table import Stretch, Table

Arrays = Mapping[str, NDArray[np.generic]]


def run_task(
    task: Task, candidate: Candidate, arrays: Arrays, isa: Isa, threads: int = 1
) -> dict[str, NDArray[np.generic]]:
    """Run the task on copies of the arrays (by role); returns all roles' arrays afterwards.

    Scratch and saved memory starts as NaN, and nothing may be written behind any buffer. A role
    without an array of its own shares the one that the task's roles name: in place.
    """
    lowering = candidate.lower(task)
    buffers = {role: Buffer(role, array.nbytes, role) for role, array in arrays.items()}
    binding = {role: role if role in arrays else name for role, name in task.roles.items()}
    binding |= {role: role for role in arrays}
    extra = [("scratch", lowering.scratch), ("saved", lowering.saved)]
    for prefix, sizes in extra:
        for name, size in sizes.items():
            role = f"{prefix}.{name}"
            if role not in buffers:
                buffers[role], binding[role] = Buffer(role, size, role), role
    choice = Choice(task, candidate.name, "test", lowering)
    offsets = dict.fromkeys(buffers, 0)
    regions = {name: buffer.bytes for name, buffer in buffers.items()}
    plan = Plan((choice,), buffers, offsets, regions, (binding,), task.batch, True, {})
    memory = Memory(plan)
    poison(
        memory, {role for role in regions if role.startswith(("scratch.", "saved."))} - set(arrays)
    )
    for role, array in arrays.items():
        memory.view(role, array.shape, array.dtype.name)[...] = array
    library = Library([launch.kernel for launch in lowering.launches], isa)
    table = Table(plan, library, memory)
    caller = Caller(table, library, threads)
    mark(memory, caller)
    for step in table.steps:
        assert isinstance(step, Stretch)
        caller.run(step)
    check_marks(memory, caller, table)
    found = {role: memory.view(role, a.shape, a.dtype.name).copy() for role, a in arrays.items()}
    for name, size in lowering.saved.items():
        found[f"saved.{name}"] = memory.view(f"saved.{name}", (size,), "uint8").copy()
    return found
