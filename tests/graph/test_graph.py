"""Nodes, edges and their consistency."""

from __future__ import annotations

import pytest

from striate.errors import InputError, NetError
from striate.graph import Graph, Meta, Network, Node, build
from striate.layers import Fc, Input, Relu, Shape, Sum
from striate.notation import Place, parse

SOURCE = Node("input", Input(Shape(8, 8, 3)), ())


def test_a_graph_answers_about_its_nodes() -> None:
    graph = build(parse("INPUT 8x8x3 -> a: RELU -> s: SUM{ TANH | SKIP | SKIP } -> FC 10"))
    assert graph.output == "fc1"
    assert graph.node("s").inputs == ("tanh1", "a", "a")
    assert graph.consumers("a") == ("tanh1", "s", "s")
    assert graph.consumers("fc1") == ()


def test_an_unknown_node() -> None:
    graph = build(parse("INPUT 8x8x3 -> RELU -> FC 10"))
    with pytest.raises(InputError) as caught:
        graph.node("conv1")
    assert str(caught.value) == "the net has no layer 'conv1'; its layers are input, relu1, fc1"


def test_equality_ignores_places() -> None:
    place = Place("<net>", 1, 1, 4, "RELU")
    assert Node("a", Relu(), ("b",), place) == Node("a", Relu(), ("b",))


@pytest.mark.parametrize(
    ("nodes", "problems"),
    [
        ((), ("the net has no layers",)),
        (
            (SOURCE, Node("a", Relu(), ("input",)), Node("a", Fc(1), ("a",))),
            ("a: the name is not unique",),
        ),
        (
            (SOURCE, Node("a", Relu(), ("input",)), Node("b", Sum(), ("a", "c"))),
            ("b: its input c is not in the net",),
        ),
        (
            (SOURCE, Node("a", Sum(), ("input", "b")), Node("b", Relu(), ("a",))),
            ("a: its input b comes behind it",),
        ),
        (
            (SOURCE, Node("a", Relu(), ("input", "input")), Node("s", Sum(), ("a",))),
            (
                "a: RELU takes 1 input, got 2",
                "s: SUM takes at least 2 inputs, got 1",
            ),
        ),
        (
            (SOURCE, Node("a", Relu(), ("input",)), Node("b", Relu(), ("input",))),
            ("a: no layer takes its output",),
        ),
        (
            (Node("a", Relu(), ()), Node("b", Input(Shape(1, 1, 1)), ("a",))),
            (
                "a: the first layer takes the images, but this is RELU",
                "a: RELU takes 1 input, got 0",
                "b: only the first layer takes the images, but this is INPUT",
                "b: INPUT takes no input, got 1",
            ),
        ),
    ],
)
def test_verify_tells_every_problem(nodes: tuple[Node, ...], problems: tuple[str, ...]) -> None:
    with pytest.raises(NetError) as caught:
        Graph(nodes).verify()
    assert caught.value.problems == problems


def test_a_network_starts_without_weights() -> None:
    network = Network(build(parse("INPUT 8x8x3 -> FC 10")))
    assert network.weights == {}
    assert network.meta == Meta(classes=(), licence="", preprocessing={})
