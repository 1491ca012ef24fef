"""The least time that a job can take on a machine: its FLOPs, and the bytes that it must move."""

from __future__ import annotations

from dataclasses import dataclass

from striate.check import Checked
from striate.peers.machine import FLOPS_OF_FMA, Speed

FLOAT = 4
WEIGHT_PASSES = {False: 1, True: 5}
"""How often each weight must cross the bus: read in an inference; in a training step read forward,
read and written backward, and its velocity read and written."""


@dataclass(frozen=True)
class Floor:
    """The work of a job.

    Attributes:
        flops: of its convolutions and full connections, done directly. Winograd's convolution
            takes fewer, so that a time below this floor is no mistake.
        bytes: weights and images.
    """

    flops: float
    bytes: float

    def seconds(self, speed: Speed) -> float:
        """The larger of the two times."""
        return max(self.flops / speed.flops, self.bytes / speed.bytes)


def floor_of(checked: Checked, batch: int, training: bool) -> Floor:
    """The floor of an inference or a training step of so many images."""
    flops, weights = 0.0, 0
    learned: dict[str, bool] = {}
    for node in checked.graph.nodes:
        shapes = [checked.shapes[name] for name in node.inputs]
        before = any(learned[name] for name in node.inputs)
        own = checked.parameters.get(node.name, {})
        trainable = any(parameter.trainable for parameter in own.values())
        learned[node.name] = before or trainable
        weights += sum(parameter.size for parameter in own.values())
        if node.inputs:
            passes = 1 + training * (trainable + before)
            flops += passes * FLOPS_OF_FMA * batch * node.layer.macs(*shapes)
    images = batch * checked.shapes[checked.graph.nodes[0].name].values
    return Floor(flops, FLOAT * (images + WEIGHT_PASSES[training] * weights))
