"""Descriptions from graphs."""

from __future__ import annotations

import pytest
from hypothesis import given

from descriptions import descriptions
from striate.errors import NetError
from striate.graph import Graph, Node, build, describe
from striate.layers import Input, Relu, Shape, Sum, Tanh
from striate.notation import Description, parse, walk

SOURCE = Node("input", Input(Shape(8, 8, 3)), ())


@given(descriptions())
def test_build_gives_what_was_described(description: Description) -> None:
    graph = build(description)
    graph.verify()
    assert build(describe(graph)) == graph


@pytest.mark.parametrize(
    "text",
    [
        "INPUT -> FC",
        "INPUT",
        "INPUT -> [CONV -> RELU]*3 -> SUM{ SUM{ TANH | SKIP | SKIP } -> RELU | TANH } -> FC",
        "INPUT -> a: SUM{ SKIP | SKIP } -> CONCAT{ b: CONV -> RELU | CONV } -> c: FC",
    ],
)
def test_names_are_left_out_where_they_would_be_given(text: str) -> None:
    assert describe(build(parse(text))) == parse(text)


def test_names_that_no_longer_fit_their_number_are_kept() -> None:
    nodes = (SOURCE, Node("relu3", Relu(), ("input",)), Node("relu2", Relu(), ("relu3",)))
    graph = Graph(nodes)
    names = [element.name for element in walk(describe(graph).elements)]
    assert names == [None, "relu3", None]
    assert build(describe(graph)) == graph


def test_a_node_in_two_branches_cannot_be_written() -> None:
    graph = Graph(
        (
            SOURCE,
            Node("a", Relu(), ("input",)),
            Node("b", Tanh(), ("a",)),
            Node("s", Sum(), ("a", "b")),
            Node("t", Sum(), ("s", "b")),
        )
    )
    with pytest.raises(NetError) as caught:
        describe(graph)
    assert caught.value.problems == ("b: two branches share it, which the notation cannot write",)


def test_a_ladder_of_shared_nodes_is_refused_quickly() -> None:
    nodes = [SOURCE, Node("a0", Relu(), ("input",)), Node("b0", Relu(), ("input",))]
    for i in range(60):
        both = (f"a{i}", f"b{i}")
        nodes += [Node(f"a{i + 1}", Sum(), both), Node(f"b{i + 1}", Sum(), both)]
    nodes.append(Node("end", Sum(), ("a60", "b60")))
    with pytest.raises(NetError, match="two branches share it"):
        describe(Graph(tuple(nodes)))


def test_a_graph_that_is_no_net() -> None:
    with pytest.raises(NetError, match="b: its input c is not in the net"):
        describe(Graph((SOURCE, Node("b", Relu(), ("c",)))))
