"""Launches on buffers of their own, outside of any net: to time kernels alone."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from striate.kernels import Library, host
from striate.layers.shape import Array, Shape
from striate.plan import At, Buffer, Choice, Launch, Lowering, Plan, Task
from striate.run.call import Caller
from striate.run.memory import Memory
from striate.run.table import Stretch, Table


class Launches:
    """The launches of some choices, compiled and with memory.

    Args:
        choices: native ones; each has the scratch that its lowering asks for.
        sizes: bytes of every buffer that their tasks' roles name.
        threads: that work on a launch.
    """

    def __init__(self, choices: Sequence[Choice], sizes: Mapping[str, int], threads: int) -> None:
        buffers = {name: Buffer(name, size, name) for name, size in sizes.items()}
        bindings = []
        for index, choice in enumerate(choices):
            binding = dict(choice.task.roles)
            for prefix, extra in _extras(choice.lowering).items():
                for name, size in extra.items():
                    buffer = f"{index}.{prefix}.{name}"
                    buffers[buffer] = Buffer(buffer, size, buffer)
                    binding[f"{prefix}.{name}"] = buffer
            bindings.append(binding)
        regions = {name: buffer.bytes for name, buffer in buffers.items()}
        offsets = dict.fromkeys(buffers, 0)
        plan = Plan(tuple(choices), buffers, offsets, regions, tuple(bindings), 1, True, {})
        self._choices, self._memory = choices, Memory(plan)
        kernels = [launch.kernel for choice in choices for launch in choice.lowering.launches]
        library = Library(kernels, host())
        self._table = Table(plan, library, self._memory)
        self._caller = Caller(self._table, library, threads)

    def view(self, name: str, shape: tuple[int, ...]) -> Array:
        """A buffer as float32."""
        return self._memory.view(name, shape)

    def call(self, index: int, towards: str | None = None) -> Callable[[], None]:
        """A function that does a choice's launches, or those that the role ``towards`` needs."""
        launches, first = self._choices[index].lowering.launches, self._table.tasks[index].first
        needed = range(len(launches)) if towards is None else needed_for(launches, towards)
        stretches = [Stretch(first + i, first + i + 1) for i in needed]

        def run() -> None:
            for stretch in stretches:
                self._caller.run(stretch)

        return run


def _extras(lowering: Lowering) -> dict[str, Mapping[str, int]]:
    return {"scratch": lowering.scratch, "saved": lowering.saved}


def needed_for(launches: Sequence[Launch], role: str) -> list[int]:
    """The launches that touch a role, and those that share scratch memory with them."""
    roles = [_roles(launch) for launch in launches]
    wanted = {role}
    while True:
        found = [i for i, own in enumerate(roles) if own & wanted]
        shared = {r for i in found for r in roles[i] if r.startswith("scratch.")}
        if shared <= wanted:
            return found
        wanted |= shared


def _roles(launch: Launch) -> set[str]:
    named = [argument for argument in launch.arguments if not isinstance(argument, int)]
    return {argument.role if isinstance(argument, At) else argument for argument in named}


def alone(name: str, lowering: Lowering, roles: Mapping[str, str]) -> Choice:
    """A choice for launches that belong to no layer."""
    task = Task("forward", name, None, 1, (), Shape(1, 1, 1), True, roles)
    return Choice(task, name, "the only one", lowering)
