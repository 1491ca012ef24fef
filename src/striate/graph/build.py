"""From a description to its graph: edges drawn and every layer named."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

from striate.graph.graph import Graph, Node
from striate.layers.base import Layer
from striate.notation.description import Branches, Description, Element, walk


def build(description: Description) -> Graph:
    """The graph of a description. Layers without a name get that of their keyword and a number.

    Every branch starts from the node in front of the fork; the layer that joins takes their ends.
    """
    elements = list(walk(description.elements))
    names = iter(names_of((element.layer, element.name) for element in elements))
    nodes: list[Node] = []

    def chain(parts: tuple[Element, ...], end: tuple[str, ...]) -> tuple[str, ...]:
        """Add the nodes of a chain behind the node ``end``; the name of its last one."""
        for part in parts:
            inputs = end
            if isinstance(part, Branches):
                inputs = tuple(name for branch in part.branches for name in chain(branch, end))
            nodes.append(Node(next(names), part.layer, inputs, part.place))
            end = (nodes[-1].name,)
        return end

    chain(description.elements, ())
    return Graph(tuple(nodes))


def names_of(layers: Iterable[tuple[Layer, str | None]]) -> list[str]:
    """A name for each layer of a net: the one it has, or the keyword and its number: ``conv2``.

    The number counts the layers of this keyword, named or not; a number whose name is taken is
    passed over. The layer that takes the images needs no number.
    """
    listed = list(layers)
    taken = {name for _, name in listed if name is not None}
    count: Counter[str] = Counter()
    found: list[str] = []
    for layer, name in listed:
        stem = layer.keyword.lower()
        count[stem] += 1
        if name is None:
            number = count[stem]
            name = stem if layer.arity == 0 else f"{stem}{number}"
            while name in taken:
                number += 1
                name = f"{stem}{number}"
            taken.add(name)
        found.append(name)
    return found
