"""Where parameters, their gradients and the optimizer's state lie, and what updates them.

Small parameters lie in flat blocks (those that decay, then those that do not), in the same order in
all regions, so that one update runs over a whole block whatever the number of layers. A large one
is updated apart, right behind its backward task: its gradient then lives in the arena, and only for
so long. Clipping needs the norm of all gradients first: then every parameter lies in a block.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from striate.check import Checked
from striate.layers import Parameter
from striate.optimizers import Optimizer
from striate.plan.records import ALIGNMENT, Buffer, Task, Training
from striate.plan.tasks import FLOAT, Work

BLOCKS = ("decaying", "plain")
PLACES = (*BLOCKS, "apart", "fixed")
"""Where a parameter lies: in a block, apart, or among those that are not trained."""

APART = 32768
"""The least values of a parameter that is updated apart: a launch costs less than their memory."""
RIGHT_BEHIND = "its gradient is needed no longer than until here"
BEHIND_ALL = "behind the norm of all gradients"


def lay_out_weights(work: Work, training: Training | None) -> dict[str, int]:
    """Declare the buffers of all parameters, gradients and states; returns their offsets."""
    offsets: dict[str, int] = {}
    states = training.optimizer.state() if training else ()
    apart = training is not None and training.clip is None
    position = 0
    for place in PLACES:
        start = position
        for node, name, parameter in _parameters(work.checked):
            if _place(parameter, apart) == place:
                size = parameter.size * FLOAT
                _declare(work, offsets, f"{node}.{name}", size, position, place, states)
                position += -(-size // ALIGNMENT) * ALIGNMENT
        if position > start and place in BLOCKS:
            size = position - start
            _declare(work, offsets, f"block.{place}", size, start, place, states)
    return offsets


def _parameters(checked: Checked) -> list[tuple[str, str, Parameter]]:
    return [
        (node, name, parameter)
        for node, parameters in checked.parameters.items()
        for name, parameter in parameters.items()
    ]


def _place(parameter: Parameter, apart: bool) -> str:
    if not parameter.trainable:
        return "fixed"
    if apart and parameter.size >= APART:
        return "apart"
    return "decaying" if parameter.decays else "plain"


def _declare(
    work: Work,
    offsets: dict[str, int],
    name: str,
    size: int,
    position: int,
    place: str,
    states: tuple[str, ...],
) -> None:
    named = [(name, "weights")]
    if work.training and place != "fixed":
        named += [(f"{name}.{state}", f"state.{state}") for state in states]
        if place == "apart":
            work.buffers[f"d:{name}"] = Buffer(f"d:{name}", size, "arena")
        else:
            named.append((f"d:{name}", "gradients"))
    for buffer, region in named:
        work.buffers[buffer] = Buffer(buffer, size, region)
        offsets[buffer] = position


def with_updates(work: Work, tasks: Iterable[Task], training: Training) -> list[Task]:
    """The tasks with those that update the weights, and that clip the gradients if asked."""
    optimizer, clip = training.optimizer, training.clip
    found: list[Task] = []
    for task in tasks:
        found.append(task)
        if task.kind == "backward":
            found += _updates_apart(work, task, optimizer)
    blocks = [block for block in BLOCKS if f"block.{block}" in work.buffers]
    shape = work.checked.shapes[work.checked.graph.output]
    if clip is not None:
        roles = {f"dw{i}": f"d:block.{block}" for i, block in enumerate(blocks)}
        sizes = tuple(work.buffers[name].bytes // FLOAT for name in roles.values())
        roles["control"] = "control"
        facts = {"clip": clip, "sizes": sizes}
        found.append(
            Task("clip", "gradients", optimizer, work.batch, (), shape, True, roles, facts)
        )
    detail: dict[str, str] = {} if clip is None else {"note": BEHIND_ALL}
    model = Task("update", "", optimizer, work.batch, (), shape, True, {}, detail)
    for block in blocks:
        task = replace(model, node=block)
        found.append(_update(work, task, f"block.{block}", decays=block == "decaying"))
    return found


def _updates_apart(work: Work, backward: Task, optimizer: Optimizer) -> list[Task]:
    """The updates of the large parameters of the node whose backward task this is."""
    found = []
    for name, parameter in work.checked.parameters[backward.node].items():
        gradient = work.buffers.get(f"d:{backward.node}.{name}")
        if gradient is not None and gradient.region == "arena":
            task = replace(backward, kind="update", what=optimizer, detail={"note": RIGHT_BEHIND})
            found.append(_update(work, task, f"{backward.node}.{name}", parameter.decays))
    return found


def _update(work: Work, task: Task, name: str, decays: bool) -> Task:
    """The update of one buffer of parameters."""
    optimizer = task.what
    roles = {"w": name, "dw": f"d:{name}", "control": "control"}
    roles |= {f"s.{state}": f"{name}.{state}" for state in optimizer.state()}
    detail = {**task.detail, "count": work.buffers[name].bytes // FLOAT}
    rule = optimizer if decays else optimizer.without_decay()
    return replace(task, what=rule, roles=roles, detail=detail)
