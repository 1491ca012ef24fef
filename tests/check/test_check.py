"""Shapes, and every problem of a net at once."""

from __future__ import annotations

import pytest

from striate.check import Checked, check
from striate.errors import NetError
from striate.graph import Graph, build
from striate.layers import Shape
from striate.notation import parse


def checked(text: str) -> Checked:
    return check(build(parse(text, "net.txt")))


def problems(text: str) -> tuple[str, ...]:
    with pytest.raises(NetError) as caught:
        checked(text)
    return caught.value.problems


def test_shapes_and_parameters_of_every_node() -> None:
    net = checked("INPUT 32x30x3 -> CONV5-6 P=0 -> RELU -> POOL2 -> FC 10 bias=no")
    assert net.shapes == {
        "input": Shape(30, 32, 3),
        "conv1": Shape(26, 28, 6),
        "relu1": Shape(26, 28, 6),
        "pool1": Shape(13, 14, 6),
        "fc1": Shape(1, 1, 10),
    }
    assert {n: {k: p.shape for k, p in ps.items()} for n, ps in net.parameters.items()} == {
        "input": {"mean": (3,), "std": (3,)},
        "conv1": {"w": (6, 5, 5, 3), "b": (6,)},
        "relu1": {},
        "pool1": {},
        "fc1": {"w": (10, 13, 14, 6)},
    }
    assert net.inputs("pool1") == (Shape(26, 28, 6),)
    assert net.inputs("input") == ()


def test_inputs_of_a_joint_are_in_order() -> None:
    net = checked("INPUT 8x8x3 -> CONCAT{ CONV3-5 | SKIP | CONV1-2 }")
    assert net.inputs("concat1") == (Shape(8, 8, 5), Shape(8, 8, 3), Shape(8, 8, 2))
    assert net.shapes["concat1"] == Shape(8, 8, 10)


def test_a_window_that_does_not_fit() -> None:
    text = "INPUT 7x7x3\n-> CONV3-8\n-> RELU   -> POOL2 -> FC 10"
    assert problems(text) == (
        "pool1 (net.txt line 3, column 14: POOL2): the window does not fit: "
        "(7 - 2 + 2*0)/2 + 1 = 3.5 is not whole. These fit: S=1; F=1 or F=3; input 6x6 or 8x8; "
        "or accept it with fit=floor (3, crops) or fit=ceil (4, pads)",
    )


def test_the_example_of_the_notes() -> None:
    (problem,) = problems("INPUT 10x10x3 -> CONV3-8 P=0 S=2 -> FC 10")
    assert problem.startswith(
        "conv1 (net.txt line 1, column 18: CONV3-8 S=2 P=0): the window does not fit: "
        "(10 - 3 + 2*0)/2 + 1 = 4.5 is not whole. These fit: "
    )


def test_all_problems_are_told_and_their_consequences_are_not() -> None:
    text = """INPUT 9x9x4 -> CONCAT{
      CONV3-6 groups=3 -> CONV3-9
    | POOL2 -> POOL4
    | POOL3
    } -> FC 10"""
    names = [problem.partition(" (")[0] for problem in problems(text)]
    assert names == ["conv1", "pool1"]


def test_branches_that_do_not_match() -> None:
    assert problems("INPUT 8x8x3 -> SUM{ CONV3-5 | SKIP }") == (
        "sum1 (net.txt line 1, column 16: SUM): the inputs must have the same shape, "
        "got 8x8x5, 8x8x3",
    )


def test_the_text_of_the_error() -> None:
    with pytest.raises(NetError) as caught:
        checked("INPUT 8x8x3 -> CONV3-8 groups=2")
    assert str(caught.value) == (
        "the net does not work: 1 problem\n"
        "conv1 (net.txt line 1, column 16: CONV3-8 groups=2): "
        "groups=2 does not divide the 3 input channels; groups may be 1, 3"
    )


def test_a_layer_without_a_place() -> None:
    graph = build(parse("INPUT 8x8x3 -> CONV3-8 groups=2"))
    nodes = tuple(type(n)(n.name, n.layer, n.inputs) for n in graph.nodes)
    with pytest.raises(NetError, match=r"^the net does not work: 1 problem\nconv1 \(CONV3-8 gr"):
        check(Graph(nodes))


def test_a_graph_that_is_no_net() -> None:
    with pytest.raises(NetError, match="the net has no layers"):
        check(Graph(()))


def test_absurd_sizes_are_answered_quickly() -> None:
    big = 10**9 - 1
    assert checked(f"INPUT {big}x{big}x{big} -> [CONV3-{big}]*2").shapes["conv2"].channels == big
    assert len(problems(f"INPUT 9x9x1 -> CONCAT{{ CONV3-3 S={big} | POOL2 S={big} P=1 }}")) == 2
