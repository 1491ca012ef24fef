"""The grammar: what each way of writing means."""

from __future__ import annotations

import pytest

from striate.layers import Concat, Conv, Dropout, Fc, Input, Layer, Pool, PoolWindow, Relu, Sum
from striate.layers.shape import Shape
from striate.layers.window import Window
from striate.notation import Branches, Description, Element, Item, Place, parse, walk


def layers(text: str, **variables: int | str | bool) -> list[Layer]:
    return [element.layer for element in walk(parse(text, **variables).elements)]


def last(text: str) -> Layer:
    return layers(f"INPUT 32x32x4 -> {text}")[-1]


@pytest.mark.parametrize(
    ("text", "layer"),
    [
        ("CONV3-64", Conv(64, Window(3))),
        ("CONV K=64 F=3 S=1 P=1", Conv(64, Window(3, 1, 1))),
        ("CONV1x7-64", Conv(64, Window((7, 1)))),
        ("CONV5x3-7 P=1,0,2,2 S=2x1", Conv(7, Window((3, 5), (1, 2), (1, 0, 2, 2)))),
        ("CONV3-8 groups=4 bias=no fit=ceil", Conv(8, Window(3, fit="ceil"), 4, False)),
        ("POOL2", Pool(PoolWindow(2))),
        ("POOL3 S=2 avg", Pool(PoolWindow(3, 2), "avg")),
        ("POOL global avg", Pool(kind="avg", whole=True)),
        ("POOL kind=l2 F=2 global=no", Pool(PoolWindow(2), "l2")),
        ("FC 4096", Fc(4096)),
        ("FC K=10 bias=no", Fc(10, False)),
        ("DROPOUT 0.25", Dropout(0.25)),
        ("DROPOUT rate=1e-2", Dropout(0.01)),
        ("RELU", Relu()),
    ],
)
def test_a_layer(text: str, layer: Layer) -> None:
    assert last(text) == layer


def test_relu6_is_a_layer_of_its_own() -> None:
    assert last("RELU6").keyword == "RELU6"


def test_volumes_are_width_first() -> None:
    assert layers("INPUT 640x480x3") == [Input(Shape(height=480, width=640, channels=3))]


@pytest.mark.parametrize(
    "text",
    [
        "INPUT 8x8x3 -> RELU -> FC 10 -> RELU -> FC 10",
        "INPUT 8x8x3->RELU->FC 10->RELU->FC 10",
        "INPUT 8x8x3\n  -> [RELU -> FC 10]*2  # twice",
        "# a net\r\nINPUT 8x8x3 ->\r\n[RELU\n\n-> FC 10 ]\n * 2",
        "[INPUT 8x8x3] -> [[RELU -> FC 10]*1]*2 -> [TANH]*0 -> FC?",
        "INPUT 8x8x3 -> [RELU -> FC 10]*twice",
        "INPUT 8x8x3 -> [RELU -> FC ten]*2",
    ],
)
def test_the_same_net_in_other_words(text: str) -> None:
    if text.startswith("["):
        text = text.removesuffix(" -> FC?")
    found = layers(text, twice=2, ten=10)
    assert found == [Input(Shape(8, 8, 3)), Relu(), Fc(10), Relu(), Fc(10)]


def test_numbers_behind_a_keyword_may_be_variables() -> None:
    assert layers("INPUT 8x8x3 -> CONV3-K", K=7)[-1] == Conv(7, Window(3))


def test_branches() -> None:
    found = parse("INPUT 8x8x3 -> s: SUM{ CONV3-3 -> RELU | SKIP } -> CONCAT{SKIP|RELU|TANH}")
    source, total, stack = found.elements
    assert isinstance(source, Item)
    assert total == Branches(Sum(), ((Item(Conv(3, Window(3))), Item(Relu())), ()), "s")
    assert isinstance(stack, Branches)
    assert stack.layer == Concat()
    assert [len(branch) for branch in stack.branches] == [0, 1, 1]


def test_branches_nest() -> None:
    found = parse("INPUT 8x8x3 -> SUM{ SUM{ RELU | SKIP } -> TANH | [CONV3-3]*2 }")
    outer = found.elements[1]
    assert isinstance(outer, Branches)
    inner = outer.branches[0][0]
    assert isinstance(inner, Branches)
    assert [len(branch) for branch in outer.branches] == [2, 2]


def test_names() -> None:
    names = [e.name for e in parse("INPUT 8x8x3 -> first: CONV3-8 -> RELU -> _b2:FC 10").elements]
    assert names == [None, "first", None, "_b2"]


def test_an_optional_layer_asks_its_variable() -> None:
    text = "INPUT 8x8x3 -> POOL2? -> DROPOUT? -> FC 10"
    assert [layer.keyword for layer in layers(text)] == ["INPUT", "POOL", "DROPOUT", "FC"]
    found = layers(text, pool=False, dropout="no")
    assert [layer.keyword for layer in found] == ["INPUT", "FC"]


def test_places_are_of_the_text() -> None:
    text = "INPUT 8x8x3\n-> [CONV3-8 S=2\n    P=1 -> RELU]*2"
    places = [element.place for element in parse(text, "a.net").elements]
    lines = text.split("\n")
    conv = Place("a.net", 2, 5, 11, lines[1])
    relu = Place("a.net", 3, 12, 4, lines[2])
    assert places == [Place("a.net", 1, 1, 11, lines[0]), conv, relu, conv, relu]


def test_equality_ignores_places() -> None:
    assert parse("INPUT 8x8x3 -> RELU", "a") == parse("\nINPUT 8x8x3->RELU", "b")


def test_walk_gives_branches_before_what_joins_them() -> None:
    elements = parse("INPUT 8x8x3 -> SUM{ CONV3-3 -> RELU | TANH } -> FC 10").elements
    assert [e.layer.keyword for e in walk(elements)] == [
        "INPUT", "CONV", "RELU", "TANH", "SUM", "FC",
    ]  # fmt: skip


def test_groups_without_layers_cost_nothing() -> None:
    text = "INPUT 8x8x3 -> [[POOL?]*999999999]*999999999 -> FC 10"
    elements: tuple[Element, ...] = parse(text, pool=False).elements
    assert Description(elements) == parse("INPUT 8x8x3 -> FC 10")
