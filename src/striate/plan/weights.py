"""Where parameters, their gradients and the optimizer's state lie: flat blocks in one order.

The three regions have the same layout (parameters that decay, then those that do not, then those
that are not trained), so that one update runs over a whole block whatever the number of layers.
"""

from __future__ import annotations

from striate.check import Checked
from striate.optimizers import Optimizer
from striate.plan.records import ALIGNMENT, Buffer, Task
from striate.plan.tasks import FLOAT, Work

BLOCKS = ("decaying", "plain", "fixed")


def block_of(decays: bool, trainable: bool) -> str:
    """The block that a parameter belongs to."""
    if not trainable:
        return "fixed"
    return "decaying" if decays else "plain"


def lay_out_weights(work: Work, optimizer: Optimizer | None) -> dict[str, int]:
    """Declare the buffers of all parameters, gradients and states; returns their offsets."""
    offsets: dict[str, int] = {}
    states = optimizer.state() if optimizer else ()
    position = 0
    for block in BLOCKS:
        start = position
        for node, name, values in _parameters(work.checked, block):
            _declare(work, offsets, f"{node}.{name}", values * FLOAT, position, block, states)
            position += -(-values * FLOAT // ALIGNMENT) * ALIGNMENT
        if position > start:
            _declare(work, offsets, f"block.{block}", position - start, start, block, states)
    return offsets


def _parameters(checked: Checked, block: str) -> list[tuple[str, str, int]]:
    return [
        (node, name, parameter.size)
        for node, parameters in checked.parameters.items()
        for name, parameter in parameters.items()
        if block_of(parameter.decays, parameter.trainable) == block
    ]


def _declare(
    work: Work,
    offsets: dict[str, int],
    name: str,
    size: int,
    position: int,
    block: str,
    states: tuple[str, ...],
) -> None:
    named = [(name, "weights")]
    if work.training and block != "fixed":
        named += [(f"d:{name}", "gradients"), *((f"{name}.{s}", f"state.{s}") for s in states)]
    for buffer, region in named:
        work.buffers[buffer] = Buffer(buffer, size, region)
        offsets[buffer] = position


def update_tasks(work: Work, optimizer: Optimizer, clip: float | None) -> None:
    """Clip the gradients if asked, then update each block in one task."""
    blocks = [b for b in BLOCKS[:2] if f"block.{b}" in work.buffers]
    shape = work.checked.shapes[work.checked.graph.output]
    if clip is not None:
        roles = {f"dw{i}": f"d:block.{block}" for i, block in enumerate(blocks)}
        sizes = tuple(work.buffers[name].bytes // FLOAT for name in roles.values())
        detail = {"clip": clip, "sizes": sizes}
        roles["control"] = "control"
        work.tasks.append(
            Task("clip", "gradients", optimizer, work.batch, (), shape, True, roles, detail)
        )
    for block in blocks:
        name = f"block.{block}"
        roles = {"w": name, "dw": f"d:{name}", "control": "control"}
        roles |= {f"s.{state}": f"{name}.{state}" for state in optimizer.state()}
        rule = optimizer if block == "decaying" else optimizer.without_decay()
        detail = {"count": work.buffers[name].bytes // FLOAT}
        work.tasks.append(Task("update", block, rule, work.batch, (), shape, True, roles, detail))
