"""From a checked net to the list of tasks of one call: forward, loss, backward, update.

Which gradients are needed, where a volume fans out, and which layers work in place is decided here;
nothing about how a task is done.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from striate.check import Checked, in_place
from striate.graph import Graph, Node
from striate.plan.records import Buffer, Task

FLOAT = 4


@dataclass
class Work:
    """Tasks under construction, with every buffer that they name.

    Attributes:
        checked: the net with its shapes and parameters.
        batch: number of images in one call.
        training: whether the call is a training step.
        keys: word of each node's random key in the control block.
        buffers: by name.
        tasks: in the order of execution.
        alias: the buffer that a volume really lives in, where that is not its own.
    """

    checked: Checked
    batch: int
    training: bool
    keys: Mapping[str, int]
    buffers: dict[str, Buffer] = field(default_factory=dict)
    tasks: list[Task] = field(default_factory=list)
    alias: dict[str, str] = field(default_factory=dict)

    def add_buffer(self, name: str, values: int, region: str = "arena", size: int = FLOAT) -> str:
        """Declare a buffer of so many values."""
        self.buffers[name] = Buffer(name, values * size, region)
        return name

    def owner(self, name: str) -> str:
        """The buffer that holds a volume after all aliases."""
        while name in self.alias:
            name = self.alias[name]
        return name

    def weight_roles(self, node: Node, prefix: str = "") -> dict[str, str]:
        """Role ``w.NAME`` of every parameter, or ``dw.NAME`` with prefix ``d``."""
        parameters = self.checked.parameters[node.name]
        if prefix:
            return {
                f"dw.{name}": f"d:{node.name}.{name}"
                for name, parameter in parameters.items()
                if parameter.trainable
            }
        return {f"w.{name}": f"{node.name}.{name}" for name in parameters}

    def task(self, kind: str, node: Node, roles: Mapping[str, str], **detail: Any) -> None:
        """Append a task of one node."""
        if node.inputs:
            detail["behind"] = self.checked.graph.node(node.inputs[0]).layer
        self.tasks.append(
            Task(
                kind,
                node.name,
                node.layer,
                self.batch,
                self.checked.inputs(node.name),
                self.checked.shapes[node.name],
                self.training,
                {role: self.owner(name) for role, name in roles.items()},
                detail,
            )
        )


def forward_tasks(work: Work) -> None:
    """Every node once, in the order of the graph."""
    graph = work.checked.graph
    shared = in_place(graph, work.training)
    for node in graph.nodes:
        shape = work.checked.shapes[node.name]
        sources = node.inputs or ("images",)
        if not node.inputs:
            work.add_buffer("images", work.batch * shape.values, "batch")
        # A training step brings all its images, so that they may be centred where they lie.
        given = work.training and not node.inputs and node.name != graph.output
        if given or node.name in shared:
            work.alias[node.name] = sources[0]
        else:
            region = "batch" if node.name == graph.output else "arena"
            work.add_buffer(node.name, work.batch * shape.values, region)
        roles = {f"x{i}": name for i, name in enumerate(sources)}
        roles |= {"y": node.name, "key": "control", **work.weight_roles(node)}
        work.task("forward", node, roles, key=work.keys[node.name])


def trained_nodes(checked: Checked) -> set[str]:
    """The nodes whose output depends on a trainable parameter: those that need a gradient."""
    found: set[str] = set()
    for node in checked.graph.nodes:
        own = any(p.trainable for p in checked.parameters[node.name].values())
        if own or any(name in found for name in node.inputs):
            found.add(node.name)
    return found


def loss_task(work: Work, loss: object) -> None:
    """The loss of the scores and its gradient."""
    output = work.checked.graph.node(work.checked.graph.output)
    scores = work.checked.shapes[output.name]
    work.add_buffer("labels", work.batch, "batch", 8)
    work.add_buffer("loss", 1, "batch")
    gradient = work.add_buffer(f"d:{output.name}", work.batch * scores.values)
    roles = {"x": output.name, "labels": "labels", "loss": "loss", "dx": gradient}
    work.tasks.append(
        Task("loss", "loss", loss, work.batch, (scores,), scores, work.training, roles)
    )


def backward_tasks(work: Work) -> None:
    """Every node that needs a gradient, last to first; gradients of a fanned-out volume add up."""
    needed = trained_nodes(work.checked)
    started = {work.checked.graph.output}
    for node in _backward_order(work.checked.graph):
        if node.name not in needed:
            continue
        roles = {"dy": f"d:{node.name}", "key": "control"}
        roles |= {**work.weight_roles(node), **work.weight_roles(node, "d")}
        if "inputs" in node.layer.saves:
            roles |= {f"x{i}": name for i, name in enumerate(node.inputs)}
        if "output" in node.layer.saves:
            roles["y"] = node.name
        sums = []
        for i, name in enumerate(node.inputs):
            if name in needed:
                roles[f"dx{i}"], added = _input_gradient(work, node, i, started)
                sums += added
        work.task("backward", node, roles, key=work.keys[node.name])
        for total, part in sums:
            count = work.buffers[part].bytes // FLOAT
            work.task("add", node, {"x": part, "y": total}, count=count)


def _backward_order(graph: Graph) -> list[Node]:
    """Last to first; but what works in place on the gradient that one layer gives comes right
    behind that layer, so that both may be done together. Where gradients are shared, as those of a
    SUM are, the order stays."""
    order: list[Node] = []
    moved: set[str] = set()
    for node in reversed(graph.nodes):
        if node.name in moved:
            continue
        order.append(node)
        for source in map(graph.node, reversed(node.inputs)):
            alone = graph.consumers(source.name) == (node.name,)
            if source.layer.in_place and alone and not node.layer.in_place:
                order.append(source)
                moved.add(source.name)
    return order


def _input_gradient(
    work: Work, node: Node, i: int, started: set[str]
) -> tuple[str, list[tuple[str, str]]]:
    """Where the gradient of input i goes, and the addition that must follow, if any."""
    source = node.inputs[i]
    total = f"d:{source}"
    values = work.batch * work.checked.shapes[source].values
    if source in started:
        part = work.add_buffer(f"{total}@{node.name}.{i}", values)
        return part, [(total, part)]
    started.add(source)
    if node.layer.in_place and (i == 0 or _may_share(work, node)):
        work.alias[total] = f"d:{node.name}"
    else:
        work.add_buffer(total, values)
    return total, []


def _may_share(work: Work, node: Node) -> bool:
    """Whether the gradients of all inputs of a SUM, equal as they are, may live in one buffer.

    Backward goes from the last node to the first. One of the inputs at most may change its gradient
    later, in place or because other gradients add up in it, and only when the others have been
    read.
    """
    graph = work.checked.graph
    order = {other.name: number for number, other in enumerate(graph.nodes)}
    changed: dict[str, int] = {}
    for name in node.inputs:
        writers = [c for c in graph.consumers(name) if order[c] < order[node.name]]
        writers += [name] if graph.node(name).layer.in_place else []
        if writers:
            changed[name] = max(order[writer] for writer in writers)
    if len(changed) > 1 or len(set(node.inputs)) < len(node.inputs):
        return False
    return all(
        order[other] > first
        for name, first in changed.items()
        for other in node.inputs
        if other != name
    )
