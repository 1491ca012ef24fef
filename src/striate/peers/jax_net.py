"""A Striate net as a JAX function; volumes are NHWC, which XLA's convolution on CPUs wants."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

from striate.api import Net
from striate.errors import InputError
from striate.graph import Node
from striate.layers.shape import Shape

Tree = dict[str, dict[str, Any]]
HWIO = ("NHWC", "HWIO", "NHWC")
RUNNING = ("mean", "variance")


def parameters_of(net: Net) -> Tree:
    """The weights: filters of CONV as [Fh, Fw, C, K], of FC as [H*W*C, K]."""
    found: Tree = {}
    for node in net.graph.nodes[1:]:
        own = dict(net.weights.get(node.name, {}))
        if node.layer.keyword == "CONV":
            own["w"] = own["w"].transpose(1, 2, 3, 0)
        elif node.layer.keyword == "FC":
            own["w"] = own["w"].reshape(len(own["w"]), -1).T
        if own:
            found[node.name] = {k: jnp.asarray(np.ascontiguousarray(v)) for k, v in own.items()}
    return found


def forward(net: Net, parameters: Tree, images: Any, key: Any = None) -> tuple[Any, Tree]:
    """Scores [N, K], and with a ``key`` (training) the new running statistics of batch norms."""
    volumes = {net.graph.nodes[0].name: images}
    moved: Tree = {}
    for node in net.graph.nodes[1:]:
        given = [volumes[name] for name in node.inputs]
        own = parameters.get(node.name, {})
        if node.layer.keyword == "BATCHNORM":
            volumes[node.name], statistics = _batch_norm(node, own, given[0], key is not None)
            if statistics:
                moved[node.name] = statistics
        elif node.layer.keyword == "DROPOUT":
            if key is not None:
                key, mine = jax.random.split(key)
                kept = jax.random.bernoulli(mine, 1 - node.layer.rate, given[0].shape)
                given[0] = jnp.where(kept, given[0] / (1 - node.layer.rate), 0)
            volumes[node.name] = given[0]
        else:
            volumes[node.name] = _run(node, own, given)
    return volumes[net.graph.output].reshape(len(images), -1), moved


def _run(node: Node, own: Mapping[str, Any], given: list[Any]) -> Any:
    layer, x = node.layer, given[0]
    kind = layer.keyword
    if kind == "CONV":
        found = lax.conv_general_dilated(
            x,
            own["w"],
            layer.window.stride,
            _pads(node, x),
            rhs_dilation=layer.window.dilation,
            dimension_numbers=HWIO,
            feature_group_count=layer.groups,
        )
        return found + own["b"] if layer.bias else found
    if kind == "FC":
        found = x.reshape(len(x), -1) @ own["w"]
        return (found + own["b"] if layer.bias else found)[:, None, None, :]
    if kind == "POOL":
        return _pool(node, x)
    if kind == "LRN" and not layer.blocked:
        before = layer.size // 2
        pads = [(0, 0)] * 3 + [(before, layer.size - 1 - before)]
        sums = lax.reduce_window(x * x, 0.0, lax.add, (1, 1, 1, layer.size), (1,) * 4, pads)
        return x * (layer.k + layer.weight() * sums) ** -layer.beta
    simple = {"RELU": lambda: jnp.maximum(x, 0), "FLATTEN": lambda: x.reshape(len(x), 1, 1, -1)}
    simple |= {"CONCAT": lambda: jnp.concatenate(given, -1), "SUM": lambda: sum(given[1:], x)}
    if kind not in simple:
        raise InputError(f"{kind} as it is here has no counterpart in JAX")
    return simple[kind]()


def _pads(node: Node, x: Any) -> list[tuple[int, int]]:
    shape = Shape(*x.shape[1:])
    extents = [node.layer.view(shape).extent(shape, axis) for axis in (0, 1)]
    return [(extent.before, max(0, extent.after)) for extent in extents]


def _pool(node: Node, x: Any) -> Any:
    layer, shape = node.layer, Shape(*x.shape[1:])
    window = layer.view(shape)
    if window.dilation != (1, 1) or layer.kind not in ("max", "avg"):
        raise InputError("this POOL has no counterpart in JAX")
    size, stride = (1, *window.size, 1), (1, *window.stride, 1)
    pads = [(0, 0), *_pads(node, x), (0, 0)]
    if layer.kind == "max":
        return lax.reduce_window(x, -jnp.inf, lax.max, size, stride, pads)
    sums = lax.reduce_window(x, 0.0, lax.add, size, stride, pads)
    return sums / np.float32(layer.divisor(shape))


def _batch_norm(
    node: Node, own: Mapping[str, Any], x: Any, training: bool
) -> tuple[Any, dict[str, Any]]:
    """The volume, and in training the new running mean and variance."""
    moved = {}
    mean, variance = own["mean"], own["variance"]
    if training:
        mean, variance = x.mean((0, 1, 2)), x.var((0, 1, 2))
        count, share = x.size // x.shape[-1], node.layer.momentum
        batch = {"mean": mean, "variance": variance * count / (count - 1)}
        moved = {name: (1 - share) * own[name] + share * batch[name] for name in RUNNING}
    factor = own["scale"] * lax.rsqrt(variance + node.layer.epsilon)
    return (x - mean) * factor + own["shift"], moved
