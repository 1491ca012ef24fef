"""Every size of a net, found by asking its layers in order; all problems are told at once."""

from __future__ import annotations

from dataclasses import dataclass

from striate.errors import NetError
from striate.graph.graph import Graph, Node
from striate.layers.base import Parameter
from striate.layers.shape import Shape
from striate.notation.layer_text import write_layer


@dataclass(frozen=True)
class Checked:
    """A graph whose layers fit together.

    Attributes:
        graph: as it was given.
        shapes: of the output of every node, by name.
        parameters: of every node by name, then by the parameter's name; empty where it has none.
    """

    graph: Graph
    shapes: dict[str, Shape]
    parameters: dict[str, dict[str, Parameter]]

    def inputs(self, name: str) -> tuple[Shape, ...]:
        """The shapes of the volumes that a node takes, in order."""
        return tuple(self.shapes[source] for source in self.graph.node(name).inputs)


def check(graph: Graph) -> Checked:
    """Find the shape and the parameters of every node.

    A node that breaks a rule has no shape; nodes that depend on it are passed over, and what does
    not depend on it is still checked.

    Raises:
        NetError: with every problem: the layer, its place in the text, the arithmetic, and what
            would work.
    """
    graph.verify()
    shapes: dict[str, Shape] = {}
    parameters: dict[str, dict[str, Parameter]] = {}
    problems: list[str] = []
    for node in graph.nodes:
        if any(name not in shapes for name in node.inputs):
            continue
        inputs = tuple(shapes[name] for name in node.inputs)
        broken = [rule.message for rule in node.layer.rules(*inputs) if not rule.holds]
        problems += [f"{_titled(node)}: {message}" for message in broken]
        if not broken:
            shapes[node.name] = node.layer.shape(*inputs)
            parameters[node.name] = node.layer.parameters(*inputs)
    if problems:
        raise NetError(tuple(problems))
    return Checked(graph, shapes, parameters)


def _titled(node: Node) -> str:
    """``pool1 (net.txt line 3, column 14: POOL2)``."""
    written = write_layer(node.layer)
    if node.place is None:
        return f"{node.name} ({written})"
    place = node.place
    return f"{node.name} ({place.source} line {place.line}, column {place.column}: {written})"
