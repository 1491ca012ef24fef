"""Bare layers: the notes' pattern is a net as it stands."""

from __future__ import annotations

import pytest

from striate.layers import Conv, Fc, Input
from striate.layers.shape import Shape
from striate.notation import parse, walk, write

PATTERN = "INPUT -> [[CONV -> RELU]*N -> POOL?]*M -> [FC -> RELU]*K -> FC"


def filters(text: str) -> list[int]:
    elements = walk(parse(text).elements)
    return [e.layer.filters for e in elements if isinstance(e.layer, Conv)]


def neurons(text: str, **variables: int | str) -> list[int]:
    elements = walk(parse(text, **variables).elements)
    return [e.layer.filters for e in elements if isinstance(e.layer, Fc)]


@pytest.mark.parametrize(
    ("variables", "text"),
    [
        (
            {},
            "INPUT 32x32x3 -> [CONV3-32 -> RELU]*2 -> POOL2 -> [CONV3-64 -> RELU]*2 -> POOL2 "
            "-> [CONV3-128 -> RELU]*2 -> POOL2 -> FC 256 -> RELU -> FC 10",
        ),
        ({"N": 0, "M": 0, "K": 0}, "INPUT 32x32x3 -> FC 10"),
        (
            {"N": 1, "M": 2, "K": 2, "pool": False, "classes": 7, "input": "28x28x1"},
            "INPUT 28x28x1 -> [CONV3-32 -> RELU]*2 -> [FC 256 -> RELU]*2 -> FC 7",
        ),
    ],
)
def test_the_pattern_of_the_notes(variables: dict[str, int | str], text: str) -> None:
    assert parse(PATTERN, **variables) == parse(text)


@pytest.mark.parametrize(
    "text",
    [
        "INPUT -> FC",
        "INPUT -> CONV -> RELU -> FC",
        "INPUT -> [CONV -> RELU -> POOL]*2 -> FC -> RELU -> FC",
        "INPUT -> [CONV -> RELU -> CONV -> RELU -> POOL]*3 -> [FC -> RELU]*2 -> FC",
    ],
)
def test_the_examples_of_the_notes_are_nets(text: str) -> None:
    assert parse(write(parse(text))) == parse(text)


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("INPUT -> CONV -> CONV", [32, 32]),
        ("INPUT -> POOL -> CONV", [32]),
        ("INPUT -> CONV -> POOL -> POOL -> CONV", [32, 128]),
        ("INPUT -> CONV3-20 -> CONV5 -> POOL -> CONV1 -> CONV K=7 -> CONV", [20, 20, 40, 7, 7]),
        ("INPUT -> CONV -> SUM{ POOL -> CONV | CONV3-64 S=2 P=1 } -> CONV", [32, 64, 64, 64]),
        ("INPUT -> CONV -> CONCAT{ SKIP | CONV3-99 } -> CONV", [32, 99, 32]),
    ],
)
def test_bare_conv_goes_on_from_the_one_before(text: str, found: list[int]) -> None:
    assert filters(text) == found


def test_only_the_last_fc_has_the_classes() -> None:
    assert neurons("INPUT -> FC -> FC -> FC", classes=3) == [256, 256, 3]
    assert neurons("INPUT -> FC -> FC 9", classes=3) == [256, 9]


def test_classes_may_stand_anywhere() -> None:
    assert filters("INPUT -> CONV1 K=classes -> POOL global") == [10]


def test_input_may_be_a_shape() -> None:
    found = parse("INPUT -> FC", input=Shape(height=4, width=5, channels=2)).elements[0].layer
    assert found == Input(Shape(4, 5, 2))


def test_filters_stop_doubling() -> None:
    assert filters("INPUT 9x9x1 -> CONV -> [POOL]*99 -> CONV") == [32, 65536]
