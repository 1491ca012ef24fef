"""The three sources of memory: activations, parameters, and the images of a batch.

CS231n notes, "Computational Considerations". Every value is a float32 of 4 bytes.
"""

from __future__ import annotations

from dataclasses import dataclass

from striate.check.check import Checked
from striate.graph.graph import Graph

BYTES = 4
"""Of one float32."""


@dataclass(frozen=True)
class Memory:
    """Bytes that a net needs for one batch.

    Attributes:
        batch: number of images.
        training: whether gradients and optimizer state are counted, and all activations are kept.
        activations: in training all volumes, otherwise the most that are needed at the same time.
        activation_gradients: one for each activation.
        parameters: those that are not trained among them.
        parameter_gradients: one for each trainable parameter.
        optimizer_state: the arrays that the optimizer keeps for each trainable parameter.
        images: the batch of images itself.
    """

    batch: int
    training: bool
    activations: int
    activation_gradients: int
    parameters: int
    parameter_gradients: int
    optimizer_state: int
    images: int

    @property
    def total(self) -> int:
        """All of it."""
        return sum(
            (
                self.activations,
                self.activation_gradients,
                self.parameters,
                self.parameter_gradients,
                self.optimizer_state,
                self.images,
            )
        )


def estimate(checked: Checked, batch: int = 1, training: bool = False, states: int = 0) -> Memory:
    """The memory for a batch.

    Args:
        checked: the net.
        batch: number of images.
        training: whether it is trained.
        states: how many arrays the optimizer keeps for each parameter: 1 for momentum, 2 for Adam.
    """
    volumes = own_volumes(checked, training)
    per_image = sum(volumes.values()) if training else _most_at_once(checked, volumes)
    every = [p for found in checked.parameters.values() for p in found.values()]
    trained = sum(p.size for p in every if p.trainable) if training else 0
    activations = batch * per_image * BYTES
    return Memory(
        batch,
        training,
        activations,
        activations if training else 0,
        sum(p.size for p in every) * BYTES,
        trained * BYTES,
        trained * states * BYTES,
        batch * checked.shapes[checked.graph.nodes[0].name].values * BYTES,
    )


def own_volumes(checked: Checked, training: bool) -> dict[str, int]:
    """Number of values of each node's volume for one image, without nodes that run in place."""
    shared = in_place(checked.graph, training)
    return {n: shape.values for n, shape in checked.shapes.items() if n not in shared}


def in_place(graph: Graph, training: bool) -> dict[str, str]:
    """The nodes that overwrite their input, each with the node whose volume it is in the end.

    A layer may do so if it can, if no other layer reads its input, and if in training no backward
    pass needs what it overwrites. The output has a volume of its own, which outlives the call.
    """
    owner: dict[str, str] = {}
    saved_outputs: dict[str, bool] = {}
    for node in graph.nodes:
        saves_output = "output" in node.layer.saves
        source = node.inputs[0] if node.inputs else ""
        lost = "inputs" in node.layer.saves or saved_outputs.get(source, False)
        single = node.name != graph.output and len(graph.consumers(source)) == 1
        possible = node.layer.in_place and single
        if possible and not (training and lost):
            owner[node.name] = owner.get(source, source)
            saves_output = saves_output or saved_outputs[source]
        saved_outputs[node.name] = saves_output
    return owner


def _most_at_once(checked: Checked, volumes: dict[str, int]) -> int:
    """The most values that a forward pass holds at the same time, for one image."""
    graph = checked.graph
    owner = in_place(graph, training=False)
    order = {node.name: number for number, node in enumerate(graph.nodes)}
    last_use = {owner.get(graph.output, graph.output): len(order)}
    for node in graph.nodes:
        for name in node.inputs:
            held = owner.get(name, name)
            last_use[held] = max(last_use.get(held, 0), order[node.name])
    freed: dict[int, list[str]] = {}
    for name in volumes:
        freed.setdefault(last_use[name], []).append(name)
    most = now = 0
    for node in graph.nodes:
        now += volumes.get(node.name, 0)
        most = max(most, now)
        now -= sum(volumes[name] for name in freed.get(order[node.name], ()))
    return most
