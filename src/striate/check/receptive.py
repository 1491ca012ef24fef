"""Receptive fields: the part of the image that one activation sees.

CS231n notes, "Local Connectivity" and "Layer Patterns": three 3x3 CONV layers see 7x7.
"""

from __future__ import annotations

from dataclasses import dataclass

from striate.check.check import Checked
from striate.layers.shape import Shape
from striate.layers.window import Window

Along = tuple[int, int, float]
"""Size, stride and centre along one axis."""


@dataclass(frozen=True)
class Receptive:
    """What the activations of one layer see, in pixels of the image; pairs are (row, column).

    Attributes:
        size: rows and columns that one activation sees. Near the border a part of them is padding.
        stride: distance between the views of neighbouring activations.
        centre: middle of what the first activation sees; 0 is the middle of the first pixel.
    """

    size: tuple[int, int]
    stride: tuple[int, int]
    centre: tuple[float, float]


def receptive_fields(checked: Checked) -> dict[str, Receptive]:
    """The receptive field of every node by name.

    Where a node joins branches it is that of the branch that sees most, along each axis.
    """
    found: dict[str, Receptive] = {}
    for node in checked.graph.nodes:
        if not node.inputs:
            found[node.name] = Receptive((1, 1), (1, 1), (0.0, 0.0))
            continue
        sources = [found[name] for name in node.inputs]
        inputs = checked.inputs(node.name)
        window = node.layer.view(*inputs)
        rows, columns = (_along(sources, window, inputs[0], axis) for axis in (0, 1))
        found[node.name] = Receptive(
            (rows[0], columns[0]), (rows[1], columns[1]), (rows[2], columns[2])
        )
    return found


def _along(sources: list[Receptive], window: Window, shape: Shape, axis: int) -> Along:
    widest = max(sources, key=lambda source: source.size[axis])
    size, stride, centre = widest.size[axis], widest.stride[axis], widest.centre[axis]
    reach = window.reach[axis]
    before = window.extent(shape, axis).before
    return (
        size + (reach - 1) * stride,
        stride * window.stride[axis],
        centre + ((reach - 1) / 2 - before) * stride,
    )
