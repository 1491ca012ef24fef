"""Nodes and edges of a net, and a net with its weights."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from striate.errors import InputError, NetError
from striate.layers.base import Layer
from striate.notation.description import Place

NetWeights = dict[str, dict[str, NDArray[np.float32]]]


@dataclass(frozen=True)
class Node:
    """One layer of a net under its name.

    Attributes:
        name: unique in the graph.
        layer: what it computes.
        inputs: names of the nodes whose outputs it takes, in order.
        place: where the text of the net says so; equality ignores it.
    """

    name: str
    layer: Layer
    inputs: tuple[str, ...]
    place: Place | None = field(default=None, compare=False)


@dataclass(frozen=True)
class Graph:
    """The nodes of a net, each behind those that it takes its inputs from.

    The first node takes the images; the last one's output is the net's.
    """

    nodes: tuple[Node, ...]

    @property
    def output(self) -> str:
        """Name of the last node."""
        return self.nodes[-1].name

    def node(self, name: str) -> Node:
        """The node of this name.

        Raises:
            InputError: there is none.
        """
        if name not in self._by_name:
            raise InputError(
                f"the net has no layer {name!r}; its layers are {', '.join(self._by_name)}"
            )
        return self._by_name[name]

    def consumers(self, name: str) -> tuple[str, ...]:
        """Names of the nodes that take this one's output, in order; one may come twice."""
        return self._consumers.get(name, ())

    @cached_property
    def _by_name(self) -> dict[str, Node]:
        return {node.name: node for node in self.nodes}

    @cached_property
    def _consumers(self) -> dict[str, tuple[str, ...]]:
        found: dict[str, list[str]] = {}
        for node in self.nodes:
            for name in node.inputs:
                found.setdefault(name, []).append(node.name)
        return {name: tuple(names) for name, names in found.items()}

    def verify(self) -> None:
        """Check that this is a net at all; layers and shapes are the business of `striate.check`.

        Raises:
            NetError: with every name that is not unique, edge that leads nowhere or backwards,
                wrong number of inputs, and output that nobody takes.
        """
        problems = tuple(self._problems())
        if problems:
            raise NetError(problems)

    def _problems(self) -> Iterator[str]:
        if not self.nodes:
            yield "the net has no layers"
        seen: set[str] = set()
        for number, node in enumerate(self.nodes):
            if node.name in seen:
                yield f"{node.name}: the name is not unique"
            for name in node.inputs:
                if name not in self._by_name:
                    yield f"{node.name}: its input {name} is not in the net"
                elif name not in seen:
                    yield f"{node.name}: its input {name} comes behind it"
            seen.add(node.name)
            yield from self._problems_of_inputs(node, is_first=number == 0)
            if node.name != self.output and not self.consumers(node.name):
                yield f"{node.name}: no layer takes its output"

    def _problems_of_inputs(self, node: Node, is_first: bool) -> Iterator[str]:
        arity, count = node.layer.arity, len(node.inputs)
        keyword = node.layer.keyword
        if (arity == 0) != is_first:
            where = "the first layer" if is_first else "only the first layer"
            yield f"{node.name}: {where} takes the images, but this is {keyword}"
        if arity >= 0 and count != arity:
            yield f"{node.name}: {keyword} takes {_inputs(arity)}, got {count}"
        elif arity < 0 and count < 2:
            yield f"{node.name}: {keyword} takes at least 2 inputs, got {count}"


@dataclass(frozen=True)
class Meta:
    """What a net should carry along besides its weights.

    Attributes:
        classes: names of the classes, in the order of the scores.
        licence: of the weights.
        preprocessing: what was done to the images before they came in, by name, e.g.
            ``{"resize": "32x32"}``. Mean and standard deviation are INPUT's parameters instead.
    """

    classes: tuple[str, ...] = ()
    licence: str = ""
    preprocessing: dict[str, str] = field(default_factory=dict)


@dataclass
class Network:
    """A graph with weights.

    Attributes:
        graph: the layers.
        weights: float32 arrays by name of the node, then of the parameter.
        meta: classes, licence and preprocessing.
    """

    graph: Graph
    weights: NetWeights = field(default_factory=dict)
    meta: Meta = field(default_factory=Meta)


def _inputs(count: int) -> str:
    return {0: "no input", 1: "1 input"}.get(count, f"{count} inputs")
