"""Measures candidates on this machine, and remembers what came out."""

from __future__ import annotations

import contextlib
import json
import os
import tempfile
from collections.abc import Callable, Iterable, Sequence
from functools import partial
from pathlib import Path
from time import perf_counter

import numpy as np

from striate.kernels import Isa, Library, cache_folder, source_digest
from striate.layers import Layer
from striate.plan import SWITCHES, Buffer, Candidate, Choice, Plan, Task
from striate.plan.memory import sequence
from striate.run.call import Caller
from striate.run.memory import Memory
from striate.run.table import ReferenceStep, Stretch, Table

REPETITIONS, LEAST_SECONDS = 6, 0.02
"""At least so many rounds, and so long."""
FILE = "timings.json"


class Tuner:
    """Times candidates once for each kind of task; later runs read the times from a file.

    Args:
        isa: what the candidates are for.
        threads: that work on a call.
    """

    def __init__(self, isa: Isa, threads: int) -> None:
        self._isa, self._threads = isa, threads
        folder = cache_folder()
        self._path = folder / FILE if folder else None
        self._known = _read(self._path)

    def __call__(self, task: Task, candidates: Sequence[Candidate]) -> list[float]:
        """Seconds of each candidate for the task: the fastest of a few runs on random volumes.

        They take turns, so that a machine that slows down slows all of them.
        """
        keys = [self._key(task, candidate) for candidate in candidates]
        if not all(key in self._known for key in keys):
            calls = [self._call(task, candidate) for candidate in candidates]
            self._known |= zip(keys, _fastest(calls), strict=True)
            _write(self._path, {**_read(self._path), **self._known})
        return [self._known[key] for key in keys]

    def _key(self, task: Task, candidate: Candidate) -> str:
        """All that the time depends on: the work, not its place in a net."""
        owners = list(dict.fromkeys(task.roles.values()))
        roles = {role: owners.index(name) for role, name in task.roles.items()}
        facts = {name: fact for name, fact in task.detail.items() if name not in LABELS}
        sizes = (task.batch, task.inputs, task.output, task.training)
        work = (task.kind, task.what, sizes, sorted(roles.items()), sorted(facts.items(), key=str))
        where = (self._isa.name, self._isa.cpu, self._threads, source_digest()[:16])
        return " ".join(map(str, (candidate.name, *work, *where)))

    def _call(self, task: Task, candidate: Candidate) -> Callable[[], float]:
        """Does the task and returns how long it took; ready to run, warm."""
        plan = _alone(task, candidate)
        memory = Memory(plan)
        _fill(memory, plan)
        library = Library(
            [launch.kernel for launch in plan.choices[0].lowering.launches], self._isa
        )
        table = Table(plan, library, memory)
        caller = Caller(table, library, self._threads)
        _run(caller, (*table.prepare, *table.steps))
        return partial(_run, caller, table.steps)


EVERYTHING = "everything"
"""The buffer that covers all others."""
LABELS = ("joined", "note", "key", "behind")
"""Details of a task that change nothing about the work."""


def _alone(task: Task, candidate: Candidate) -> Plan:
    """A plan of one task; every buffer has a place of its own."""
    lowering = candidate.lower(task)
    sizes: dict[str, int] = {}
    for role, name in task.roles.items():
        sizes[name] = max(sizes.get(name, 0), _bytes(task, role))
    binding = dict(task.roles)
    for kind, extra in (("scratch", lowering.scratch), ("saved", lowering.saved)):
        for name, size in extra.items():
            binding[f"{kind}.{name}"] = f"{kind}.{name}"
            sizes[f"{kind}.{name}"] = size
    buffers = {name: Buffer(name, size, "arena") for name, size in sizes.items()}
    offsets, total = sequence(buffers.values())
    buffers[EVERYTHING], offsets[EVERYTHING] = Buffer(EVERYTHING, total, "arena"), 0
    choice, regions = Choice(task, candidate.name, "", lowering), {"arena": total}
    return Plan((choice,), buffers, offsets, regions, (binding,), task.batch, task.training, {})


def _bytes(task: Task, role: str) -> int:
    """The size of what a role of a layer's task names."""
    kind, _, name = role.partition(".")
    if role == SWITCHES:
        return task.batch * task.output.values
    if name:
        layer: Layer = task.what if kind != "n" else task.detail["norm"]
        shapes = task.inputs if kind != "n" else (task.output,)
        parameters = layer.parameters(*shapes)
        return 4 * (parameters[name] if name in parameters else parameters["w"]).size
    if role == "y" and "part" in task.detail:
        depth: int = task.detail["part"][0]
        return 4 * task.batch * task.output.pixels * depth
    if role in ("y", "dy"):
        return 4 * task.batch * task.output.values
    if role in ("key", "control"):
        return 4096
    return 4 * task.batch * task.inputs[int(role.lstrip("dx"))].values


def _fill(memory: Memory, plan: Plan) -> None:
    """Small positive numbers everywhere: nothing becomes large, zero or denormal."""
    values = memory.view(EVERYTHING, (plan.regions["arena"] // 4,))
    values[...] = np.random.default_rng(0).random(len(values), np.float32) * 0.1 + 0.01


def _fastest(calls: Sequence[Callable[[], float]]) -> list[float]:
    """The shortest time that each call returns, round by round."""
    rounds: list[list[float]] = []
    while len(rounds) < REPETITIONS or sum(map(sum, rounds)) < LEAST_SECONDS:
        rounds.append([call() for call in calls])
    return [min(times) for times in zip(*rounds, strict=True)]


def _run(caller: Caller, steps: Iterable[Stretch | ReferenceStep]) -> float:
    began = perf_counter()
    for step in steps:
        assert isinstance(step, Stretch), "a candidate is native"
        caller.run(step)
    return perf_counter() - began


def _read(path: Path | None) -> dict[str, float]:
    """What the file holds; nothing if it is not there or damaged."""
    if path is None:
        return {}
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    if not isinstance(found, dict):
        return {}
    return {str(key): float(t) for key, t in found.items() if isinstance(t, int | float)}


def _write(path: Path | None, known: dict[str, float]) -> None:
    """Replace the file; a disk that is full or not writable is no error."""
    if path is None:
        return
    with contextlib.suppress(OSError):
        handle, temporary = tempfile.mkstemp(dir=path.parent)
        try:
            with os.fdopen(handle, "w", encoding="utf-8") as file:
                json.dump(known, file, indent=0)
            os.replace(temporary, path)
        finally:
            Path(temporary).unlink(missing_ok=True)
