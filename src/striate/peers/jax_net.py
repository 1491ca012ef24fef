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
from striate.layers import (
    BatchNorm,
    Concat,
    Conv,
    Dropout,
    Fc,
    Flatten,
    Layer,
    Lrn,
    Pool,
    Relu,
    Sum,
)
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
        match node.layer:
            case BatchNorm():
                found, statistics = _batch_norm(node.layer, own, given[0], key is not None)
                if statistics:
                    moved[node.name] = statistics
            case Dropout(rate=rate) if key is not None:
                key, mine = jax.random.split(key)
                kept = jax.random.bernoulli(mine, 1 - rate, given[0].shape)
                found = jnp.where(kept, given[0] / (1 - rate), 0)
            case _:
                found = _run(node.layer, own, given)
        volumes[node.name] = found
    return volumes[net.graph.output].reshape(len(images), -1), moved


def _run(layer: Layer, own: Mapping[str, Any], given: list[Any]) -> Any:
    """A layer that does in training what it does at inference."""
    x = given[0]
    match layer:
        case Conv():
            found = _conv(layer, own, x)
        case Fc():
            found = x.reshape(len(x), -1) @ own["w"]
            found = (found + own["b"] if layer.bias else found)[:, None, None, :]
        case Pool():
            found = _pool(layer, x)
        case Lrn(blocked=False):
            before = layer.size // 2
            pads = [(0, 0)] * 3 + [(before, layer.size - 1 - before)]
            sums = lax.reduce_window(x * x, 0.0, lax.add, (1, 1, 1, layer.size), (1,) * 4, pads)
            found = x * (layer.k + layer.weight() * sums) ** -layer.beta
        case Relu():
            found = jnp.maximum(x, 0)
        case Flatten():
            found = x.reshape(len(x), 1, 1, -1)
        case Dropout():
            found = x
        case Concat():
            found = jnp.concatenate(given, -1)
        case Sum():
            found = sum(given[1:], x)
        case _:
            raise InputError(f"{layer.keyword} as it is here has no counterpart in JAX")
    return found


def _conv(conv: Conv, own: Mapping[str, Any], x: Any) -> Any:
    found = lax.conv_general_dilated(
        x,
        own["w"],
        conv.window.stride,
        _pads(conv, x),
        rhs_dilation=conv.window.dilation,
        dimension_numbers=HWIO,
        feature_group_count=conv.groups,
    )
    return found + own["b"] if conv.bias else found


def _pads(layer: Conv | Pool, x: Any) -> list[tuple[int, int]]:
    shape = Shape(*x.shape[1:])
    extents = [layer.view(shape).extent(shape, axis) for axis in (0, 1)]
    return [(extent.before, max(0, extent.after)) for extent in extents]


def _pool(pool: Pool, x: Any) -> Any:
    shape = Shape(*x.shape[1:])
    window = pool.view(shape)
    if window.dilation != (1, 1) or pool.kind not in ("max", "avg"):
        raise InputError("this POOL has no counterpart in JAX")
    size, stride = (1, *window.size, 1), (1, *window.stride, 1)
    pads = [(0, 0), *_pads(pool, x), (0, 0)]
    if pool.kind == "max":
        return lax.reduce_window(x, -jnp.inf, lax.max, size, stride, pads)
    sums = lax.reduce_window(x, 0.0, lax.add, size, stride, pads)
    return sums / np.float32(pool.divisor(shape))


def _batch_norm(
    norm: BatchNorm, own: Mapping[str, Any], x: Any, training: bool
) -> tuple[Any, dict[str, Any]]:
    """The volume, and in training the new running mean and variance."""
    moved = {}
    mean, variance = own["mean"], own["variance"]
    if training:
        mean, variance = x.mean((0, 1, 2)), x.var((0, 1, 2))
        count, share = x.size // x.shape[-1], norm.momentum
        batch = {"mean": mean, "variance": variance * count / max(count - 1, 1)}
        moved = {name: (1 - share) * own[name] + share * batch[name] for name in RUNNING}
    factor = own["scale"] * lax.rsqrt(variance + norm.epsilon)
    return (x - mean) * factor + own["shift"], moved
