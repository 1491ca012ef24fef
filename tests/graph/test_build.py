"""Edges and names from a description."""

from __future__ import annotations

import pytest

from striate.graph import build
from striate.notation import parse


def names(text: str) -> list[str]:
    return [node.name for node in build(parse(text)).nodes]


def test_layers_are_named_by_keyword_and_number() -> None:
    assert names("INPUT -> [CONV -> RELU]*2 -> POOL -> SUM{ RELU6 | SKIP } -> FC -> FC") == [
        "input", "conv1", "relu1", "conv2", "relu2", "pool1", "relu61", "sum1", "fc1", "fc2",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("INPUT -> first: RELU -> RELU", ["input", "first", "relu2"]),
        ("INPUT -> relu2: RELU -> RELU -> RELU", ["input", "relu2", "relu3", "relu4"]),
        ("INPUT -> RELU -> relu1: RELU -> RELU", ["input", "relu2", "relu1", "relu3"]),
        ("INPUT -> input: RELU", ["input2", "input"]),
        ("INPUT -> relu61: RELU -> RELU6", ["input", "relu61", "relu62"]),
    ],
)
def test_given_names_are_kept_and_passed_over(text: str, found: list[str]) -> None:
    assert names(text) == found


def test_branches_start_from_the_same_node_and_end_in_the_joint() -> None:
    text = "INPUT -> RELU -> s: SUM{ a: TANH -> b: TANH | SKIP | CONCAT{ c: TANH | SKIP } } -> FC"
    graph = build(parse(text))
    assert {node.name: node.inputs for node in graph.nodes} == {
        "input": (),
        "relu1": ("input",),
        "a": ("relu1",),
        "b": ("a",),
        "c": ("relu1",),
        "concat1": ("c", "relu1"),
        "s": ("b", "relu1", "concat1"),
        "fc1": ("s",),
    }
    graph.verify()


def test_nodes_keep_their_places() -> None:
    place = build(parse("INPUT 8x8x3 ->\n  FC 10", "a.net")).node("fc1").place
    assert place is not None
    assert (place.source, place.line, place.column, place.length) == ("a.net", 2, 3, 5)
