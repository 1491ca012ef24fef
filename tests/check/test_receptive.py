"""Receptive fields."""

from __future__ import annotations

import numpy as np
import pytest

from striate.check import Receptive, check, receptive_fields
from striate.check.check import Checked
from striate.graph import build
from striate.layers import Mode
from striate.notation import parse


def last(text: str) -> Receptive:
    net = check(build(parse(text)))
    return receptive_fields(net)[net.graph.output]


def square(size: int, stride: int, centre: float) -> Receptive:
    return Receptive((size, size), (stride, stride), (centre, centre))


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("INPUT 32x32x3", square(1, 1, 0)),
        ("INPUT 32x32x3 -> CONV5-10", square(5, 1, 0)),
        ("INPUT 32x32x3 -> [CONV3-8 -> RELU]*3", square(7, 1, 0)),
        ("INPUT 32x32x3 -> CONV7-8", square(7, 1, 0)),
        ("INPUT 32x32x3 -> CONV3-8 P=0 -> CONV3-8 P=0", square(5, 1, 2)),
        ("INPUT 32x32x3 -> POOL2 -> POOL2", square(4, 4, 1.5)),
        ("INPUT 227x227x3 -> CONV11-96 S=4 P=0", square(11, 4, 5)),
        # Yu & Koltun 2015, figure 1: dilations 1, 2, 4 see 3, 7, 15.
        ("INPUT 32x32x3 -> CONV3-8 -> CONV3-8 dilation=2", square(7, 1, 0)),
        ("INPUT 32x32x3 -> CONV3-8 -> CONV3-8 dilation=2 -> CONV3-8 dilation=4", square(15, 1, 0)),
        ("INPUT 32x32x3 -> SUM{ CONV3-3 -> CONV5-3 | SKIP }", square(7, 1, 0)),
        ("INPUT 32x32x3 -> CONCAT{ CONV3-3 P=0 | CONV5-3 P=1 | POOL3 S=1 }", square(5, 1, 1)),
        ("INPUT 9x5x3 -> FC 10", Receptive((5, 9), (1, 1), (2, 4))),
        ("INPUT 9x5x3 -> POOL avg global", Receptive((5, 9), (1, 1), (2, 4))),
        (
            "INPUT 32x32x3 -> CONV5x3-8 P=0 S=1x2 fit=floor",
            Receptive((3, 5), (2, 1), (1, 2)),
        ),
        ("INPUT 9x9x3 -> CONV3-8 P=0,1,0,1 S=2 fit=floor", square(3, 2, 1)),
    ],
)
def test_what_an_activation_sees(text: str, found: Receptive) -> None:
    assert last(text) == found


def test_vgg16() -> None:
    text = """INPUT 224x224x3 -> [CONV3-2 -> RELU]*2 -> POOL2 -> [CONV3-2 -> RELU]*2 -> POOL2
        -> [[CONV3-2 -> RELU]*3 -> POOL2]*3 -> FC 9"""
    fields = receptive_fields(check(build(parse(text))))
    sizes = [fields[f"pool{i}"].size[0] for i in range(1, 6)]
    assert sizes == [6, 16, 44, 100, 212]
    assert fields["pool5"] == square(212, 32, 15.5)
    assert fields["fc1"].size == (404, 404)


def gradient_of_first(net: Checked, row: int, column: int) -> np.ndarray:
    """Where the image moves the activation at (row, column), by running the reference."""
    rng = np.random.default_rng(0)
    volume = net.shapes["input"]
    weights = {
        node: {name: np.abs(rng.normal(size=p.shape)) + 0.1 for name, p in found.items()}
        for node, found in net.parameters.items()
    }

    def run(image: np.ndarray) -> float:
        values = {"input": image}
        for node in net.graph.nodes[1:]:
            inputs = tuple(values[name] for name in node.inputs)
            values[node.name] = node.layer.forward(inputs, weights[node.name], Mode())
        return float(values[net.graph.output][0, row, column].sum())

    still = run(np.zeros(volume.array(1)))
    moved = np.zeros((volume.height, volume.width), bool)
    for y, x in np.ndindex(moved.shape):
        image = np.zeros(volume.array(1))
        image[0, y, x] = 1
        moved[y, x] = run(image) != still
    return moved


@pytest.mark.parametrize(
    "text",
    [
        "INPUT 21x19x1 -> CONV3-2 S=2 P=0 -> CONV3-2 P=0 -> POOL2 S=1 avg",
        "INPUT 25x25x1 -> CONV3-2 -> CONV3x1-2 dilation=2 P=0 -> POOL3 S=2 avg",
        "INPUT 23x23x1 -> SUM{ CONV3-2 -> CONV5-2 | CONV1-2 } -> CONV3-1 S=2",
    ],
)
def test_the_image_moves_exactly_what_sees_it(text: str) -> None:
    net = check(build(parse(text)))
    seen = last(text)
    moved = gradient_of_first(net, 2, 3)
    for axis, position in ((0, 2), (1, 3)):
        middle = seen.centre[axis] + position * seen.stride[axis]
        cells = np.flatnonzero(moved.any(axis=1 - axis))
        assert len(cells) == seen.size[axis]
        assert (cells[0] + cells[-1]) / 2 == middle
