"""A net as an ONNX model, for the libraries that read one."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import onnx
from onnx import TensorProto, helper, numpy_helper

from striate.layers.shape import Array
from striate.peers.case import Case
from striate.peers.form import IMAGES, Step, steps_of

OPSET, IR = 17, 9
"""Versions that all libraries here read."""
SCORES = "scores"


def onnx_file(case: Case) -> Path:
    """The model of a case with a fixed batch, written if it is not there yet."""
    path = case.folder / f"net-{len(case.images)}.onnx"
    if not path.exists():
        onnx.save(onnx_model(steps_of(case.net), case), path)
    return path


def onnx_model(steps: list[Step], case: Case) -> Any:
    """The model, from ``images`` [N, C, H, W] to ``scores`` [N, K]."""
    batch, x = len(case.images), case.input
    constants: list[Any] = []
    nodes = [node for step in steps for node in _nodes(step, constants)]
    nodes.append(helper.make_node("Flatten", [steps[-1].name], [SCORES], axis=1))
    classes = case.scores.shape[1]
    floats = TensorProto.FLOAT
    graph = helper.make_graph(
        nodes,
        "net",
        [helper.make_tensor_value_info(IMAGES, floats, [batch, x.channels, x.height, x.width])],
        [helper.make_tensor_value_info(SCORES, floats, [batch, classes])],
        constants,
    )
    opset = helper.make_opsetid("", OPSET)
    model = helper.make_model(graph, opset_imports=[opset], ir_version=IR)
    onnx.checker.check_model(model)
    return model


def _nodes(step: Step, constants: list[Any]) -> list[Any]:
    """The nodes of one step; its weights are added to the constants."""

    def constant(name: str, array: Array) -> str:
        constants.append(numpy_helper.from_array(array, f"{step.name}.{name}"))
        return f"{step.name}.{name}"

    return NODES[step.kind](step, constant)


Constant = Callable[[str, Array], str]


def _conv(step: Step, constant: Constant) -> list[Any]:
    window = step.window
    names = [*step.inputs, constant("w", step.weights["w"]), constant("b", step.weights["b"])]
    settings = {
        "kernel_shape": window.size,
        "strides": window.stride,
        "pads": step.pads,
        "dilations": window.dilation,
        "group": step.layer.groups,
    }
    return [helper.make_node("Conv", names, [step.name], **settings)]


def _pool(step: Step, _: Constant) -> list[Any]:
    window = step.window
    if step.layer.whole:
        kind = "GlobalMaxPool" if step.layer.kind == "max" else "GlobalAveragePool"
        return [helper.make_node(kind, step.inputs, [step.name])]
    settings = {"kernel_shape": window.size, "strides": window.stride, "pads": step.pads}
    kind = "MaxPool" if step.layer.kind == "max" else "AveragePool"
    return [helper.make_node(kind, step.inputs, [step.name], **settings)]


def _fc(step: Step, constant: Constant) -> list[Any]:
    names = [constant("w", step.weights["w"]), constant("b", step.weights["b"])]
    flat = f"{step.name}.flat"
    return [
        helper.make_node("Flatten", step.inputs, [flat], axis=1),
        helper.make_node("Gemm", [flat, *names], [step.name], transB=1),
    ]


def _lrn(step: Step, _: Constant) -> list[Any]:
    layer = step.layer
    settings = {
        "size": layer.size,
        "alpha": layer.weight() * layer.size,
        "beta": layer.beta,
        "bias": layer.k,
    }
    return [helper.make_node("LRN", step.inputs, [step.name], **settings)]


def _scale(step: Step, constant: Constant) -> list[Any]:
    shape = (1, -1, 1, 1)
    scaled = f"{step.name}.scaled"
    w = constant("w", step.weights["w"].reshape(shape))
    b = constant("b", step.weights["b"].reshape(shape))
    return [
        helper.make_node("Mul", [*step.inputs, w], [scaled]),
        helper.make_node("Add", [scaled, b], [step.name]),
    ]


def _simple(kind: str, **settings: Any) -> Callable[[Step, Constant], list[Any]]:
    def node(step: Step, _: Constant) -> list[Any]:
        return [helper.make_node(kind, step.inputs, [step.name], **settings)]

    return node


NODES: dict[str, Callable[[Step, Constant], list[Any]]] = {
    "CONV": _conv,
    "POOL": _pool,
    "FC": _fc,
    "LRN": _lrn,
    "SCALE": _scale,
    "RELU": _simple("Relu"),
    "CONCAT": _simple("Concat", axis=1),
    "SUM": _simple("Sum"),
}
