"""From a graph back to a description: chains and forks are found again from the edges."""

from __future__ import annotations

from dataclasses import replace

from striate.errors import NetError
from striate.graph.build import names_of
from striate.graph.graph import Graph, Node
from striate.notation.description import Branches, Description, Element, Item, walk


def describe(graph: Graph) -> Description:
    """The description whose `build` gives this graph, up to the order of parallel nodes.

    Names are left out where `build` would give the same.

    Raises:
        NetError: the graph is not made of chains and forks, so that the notation cannot say it, or
            is no net at all.
    """
    graph.verify()
    elements = _Reader(graph).chain(graph.output, None)
    found = list(walk(elements))
    names = [element.name for element in found]
    automatic = names_of((element.layer, None) for element in found)
    kept = set(names) - {name for name, auto in zip(names, automatic, strict=True) if name == auto}
    return Description(_with_names(elements, kept))


class _Reader:
    """Walks a graph from its output to its input."""

    def __init__(self, graph: Graph) -> None:
        self._graph = graph
        self._depth: dict[str, int] = {}
        self._fork: dict[str, str | None] = {}
        self._read: set[str] = set()
        for node in graph.nodes:
            fork = self._common_fork(node.inputs)
            self._fork[node.name] = fork
            self._depth[node.name] = 0 if fork is None else self._depth[fork] + 1

    def _common_fork(self, inputs: tuple[str, ...]) -> str | None:
        """The latest node through which every way to all of these inputs leads (a dominator)."""
        found: str | None = inputs[0] if inputs else None
        for name in inputs[1:]:
            other: str | None = name
            while found != other and found is not None and other is not None:
                if self._depth[found] >= self._depth[other]:
                    found = self._fork[found]
                else:
                    other = self._fork[other]
        return found

    def chain(self, end: str, start: str | None) -> tuple[Element, ...]:
        """The elements behind the node ``start`` up to the node ``end``."""
        found: list[Element] = []
        at: str | None = end
        while at is not None and at != start:
            if at in self._read:
                raise NetError((f"{at}: two branches share it, which the notation cannot write",))
            self._read.add(at)
            node = self._graph.node(at)
            at = self._fork[at]
            found.append(self._element(node, at))
        return tuple(reversed(found))

    def _element(self, node: Node, fork: str | None) -> Element:
        if node.layer.arity >= 0:
            return Item(node.layer, node.name, node.place)
        branches = tuple(self.chain(name, fork) for name in node.inputs)
        return Branches(node.layer, branches, node.name, node.place)


def _with_names(elements: tuple[Element, ...], kept: set[str | None]) -> tuple[Element, ...]:
    found: list[Element] = []
    for element in elements:
        name = element.name if element.name in kept else None
        if isinstance(element, Branches):
            branches = tuple(_with_names(branch, kept) for branch in element.branches)
            found.append(replace(element, name=name, branches=branches))
        else:
            found.append(replace(element, name=name))
    return tuple(found)
