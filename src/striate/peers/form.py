"""A net as inference libraries take it: NCHW, batch norms folded, without what only training does.

The steps are in order; each reads the volumes of steps in front of it, by name.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from striate.api import Net
from striate.errors import InputError
from striate.graph import Graph, Node
from striate.layers import BatchNorm, Lrn, Pool
from striate.layers.shape import Array, Shape
from striate.layers.window import Window

IMAGES = "images"
KINDS = {"CONV", "POOL", "FC", "RELU", "LRN", "CONCAT", "SUM", "BATCHNORM"}
PASSED = {"DROPOUT", "FLATTEN"}
"""Layers that do nothing at inference, where volumes are flattened by those that want it."""


@dataclass(frozen=True)
class Step:
    """One operation.

    Attributes:
        kind: keyword of the layer: CONV, POOL, FC, RELU, LRN, CONCAT, SUM; SCALE multiplies each
            channel by ``w`` and adds ``b``.
        name: of its output.
        inputs: names of what it reads.
        layer: with the hyper-parameters.
        x: shape of its first input.
        weights: ``w`` [K, C/groups, Fh, Fw] of CONV, [K, C*H*W] of FC, [C] of SCALE; ``b`` [K].
    """

    kind: str
    name: str
    inputs: tuple[str, ...]
    layer: Any
    x: Shape
    weights: Mapping[str, Array] = field(default_factory=dict)

    @property
    def window(self) -> Window:
        """Of CONV and POOL."""
        found: Window = self.layer.view(self.x)
        return found

    @property
    def pads(self) -> tuple[int, int, int, int]:
        """Rows and columns around the input: top, left, bottom, right, ``fit=ceil`` included."""
        rows, columns = (self.window.extent(self.x, axis) for axis in (0, 1))
        return rows.before, columns.before, max(0, rows.after), max(0, columns.after)


def steps_of(net: Net) -> list[Step]:
    """The steps of a net with weights; the last one's output are the scores.

    Raises:
        InputError: the net has a layer that has no counterpart in the other libraries.
    """
    found: list[Step] = []
    meant: dict[str, str] = {}
    for node in net.graph.nodes:
        inputs = tuple(meant[name] for name in node.inputs)
        step = _step(net, node, inputs)
        if step is None:
            meant[node.name] = inputs[0] if inputs else IMAGES
            continue
        producer = found[-1] if found else None
        if _folds(net.graph, node, step, producer):
            assert producer is not None
            found[-1] = _folded(producer, step)
            meant[node.name] = producer.name
            continue
        found.append(step)
        meant[node.name] = step.name
    return found


def _folds(graph: Graph, node: Node, step: Step, producer: Step | None) -> bool:
    """Whether a batch norm is the only one that reads the CONV right in front of it."""
    if step.kind != "SCALE" or producer is None or producer.kind != "CONV" or not node.inputs:
        return False
    return step.inputs == (producer.name,) and len(graph.consumers(node.inputs[0])) == 1


def _folded(conv: Step, scale: Step) -> Step:
    """A CONV that scales and shifts its output by itself."""
    w, b = conv.weights["w"], conv.weights["b"]
    factor = scale.weights["w"]
    weights = {"w": w * factor[:, None, None, None], "b": b * factor + scale.weights["b"]}
    return replace(conv, weights=weights)


def _step(net: Net, node: Node, inputs: tuple[str, ...]) -> Step | None:
    """What a node does at inference; None if nothing."""
    layer, kind = node.layer, node.layer.keyword
    weights = net.weights.get(node.name, {})
    if kind == "INPUT":
        x = net.checked.shapes[node.name]
        mean, std = weights["mean"], weights["std"]
        if not mean.any() and (std == 1).all():
            return None
        scale = {"w": 1 / std, "b": -mean / std}
        return Step("SCALE", node.name, (IMAGES,), layer, x, scale)
    if kind in PASSED:
        return None
    if kind not in KINDS or not _known(layer):
        raise InputError(f"{node.name}: {kind} as it is here has no counterpart in this library")
    x = net.checked.shapes[node.inputs[0]]
    if isinstance(layer, BatchNorm):
        return Step("SCALE", node.name, inputs, layer, x, _scale(layer, weights))
    return Step(kind, node.name, inputs, layer, x, dict(_arrays(kind, weights)))


def _known(layer: Any) -> bool:
    """Whether the other libraries have this variant of the layer."""
    match layer:
        case Pool():
            return layer.kind in ("max", "avg") and layer.count == "inside"
        case Lrn():
            return not layer.blocked and layer.size % 2 == 1
    return True


def _scale(norm: BatchNorm, weights: Mapping[str, Array]) -> dict[str, Array]:
    factor = weights["scale"] / np.sqrt(weights["variance"] + norm.epsilon).astype(np.float32)
    return {"w": factor, "b": weights["shift"] - weights["mean"] * factor}


def _arrays(kind: str, weights: Mapping[str, Array]) -> Iterator[tuple[str, Array]]:
    """Filters and biases in NCHW."""
    if "w" not in weights:
        return
    w = np.ascontiguousarray(weights["w"].transpose(0, 3, 1, 2))
    yield "w", w.reshape(len(w), -1) if kind == "FC" else w
    yield "b", weights["b"] if "b" in weights else np.zeros(len(w), np.float32)
