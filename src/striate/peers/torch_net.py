"""A Striate net as a torch module, with its weights."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import torch
from torch import nn

from striate.api import Net
from striate.errors import InputError
from striate.graph import Node
from striate.layers import BatchNorm, Conv, Dropout, Fc, Flatten, Layer, Lrn, Pool, Relu
from striate.layers.shape import Array, Shape

NAMES = {"w": "weight", "b": "bias", "scale": "weight", "shift": "bias"}
NAMES |= {"mean": "running_mean", "variance": "running_var"}
JOINED = ("CONCAT", "SUM")


class TorchNet(nn.Module):
    """Runs the nodes of a graph in order; volumes are NCHW. ``folded``: batch norms into CONVs."""

    def __init__(self, net: Net, folded: bool = False) -> None:
        super().__init__()
        self.nodes = net.graph.nodes
        self.parts = nn.ModuleDict()
        for node in self.nodes[1:]:
            if node.layer.keyword not in JOINED:
                x = net.checked.shapes[node.inputs[0]]
                part = _module(node.layer, x)
                _load(part, net.weights.get(node.name, {}))
                self.parts[node.name] = part
        if folded:
            self.eval()
            self._fold(net)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        """Scores [N, K]."""
        volumes = {self.nodes[0].name: images}
        for node in self.nodes[1:]:
            volumes[node.name] = self._run(node, [volumes[name] for name in node.inputs])
        return volumes[self.nodes[-1].name].flatten(1)

    def _run(self, node: Node, given: list[torch.Tensor]) -> torch.Tensor:
        if node.layer.keyword == "CONCAT":
            return torch.cat(given, 1)
        if node.layer.keyword == "SUM":
            return sum(given[1:], given[0])
        found: torch.Tensor = self.parts[node.name](given[0])
        return found

    def _fold(self, net: Net) -> None:
        """Put each batch norm behind a CONV that nothing else reads into it."""
        for node in self.nodes[1:]:
            before = net.graph.node(node.inputs[0])
            pair = isinstance(before.layer, Conv) and isinstance(node.layer, BatchNorm)
            if pair and len(net.graph.consumers(before.name)) == 1:
                conv, norm = self.parts[before.name], self.parts[node.name]
                self.parts[before.name] = nn.utils.fusion.fuse_conv_bn_eval(conv, norm)
                self.parts[node.name] = nn.Identity()


def _load(part: nn.Module, weights: Mapping[str, Array]) -> None:
    """Copy a node's weights in, from [K, H, W, C] to [K, C, H, W] or [K, C*H*W]."""
    target = part[1] if isinstance(part, nn.Sequential) else part
    for name, array in weights.items():
        tensor = getattr(target, NAMES[name])
        moved = array.transpose(0, 3, 1, 2) if array.ndim == 4 else array
        with torch.no_grad():
            tensor.copy_(torch.from_numpy(np.ascontiguousarray(moved).reshape(tensor.shape)))


def _module(layer: Layer, x: Shape) -> nn.Module:
    """The torch module of one layer over a volume of shape x."""
    found: nn.Module
    match layer:
        case Conv():
            found = _conv(layer, x)
        case Pool():
            found = _pool(layer, x)
        case Fc():
            linear = nn.Linear(x.values, layer.filters, bias=layer.bias)
            found = nn.Sequential(nn.Flatten(), linear, nn.Unflatten(1, (-1, 1, 1)))
        case Lrn(blocked=False):
            alpha = layer.weight() * layer.size
            found = nn.LocalResponseNorm(layer.size, alpha, layer.beta, layer.k)
        case Relu():
            found = nn.ReLU(inplace=True)
        case BatchNorm():
            found = nn.BatchNorm2d(x.channels, layer.epsilon, layer.momentum)
        case Dropout():
            found = nn.Dropout(layer.rate)
        case Flatten():
            found = nn.Sequential(nn.Flatten(), nn.Unflatten(1, (-1, 1, 1)))
        case _:
            raise InputError(f"{layer.keyword} as it is here has no torch module")
    return found


def _conv(conv: Conv, x: Shape) -> nn.Module:
    window = conv.window
    settings = {"stride": window.stride, "dilation": window.dilation, "groups": conv.groups}
    pad = _padding(conv, window.sides)
    return nn.Conv2d(x.channels, conv.filters, window.size, padding=pad, bias=conv.bias, **settings)


def _pool(pool: Pool, x: Shape) -> nn.Module:
    window = pool.view(x)
    pad, ceil = _padding(pool, window.sides), window.fit == "ceil"
    if pool.kind == "max":
        return nn.MaxPool2d(window.size, window.stride, pad, window.dilation, ceil_mode=ceil)
    if pool.kind != "avg":
        raise InputError(f"POOL {pool.kind} has no torch module")
    return nn.AvgPool2d(window.size, window.stride, pad, ceil, pool.count == "all")


def _padding(layer: Layer, sides: tuple[int, int, int, int]) -> tuple[int, int]:
    if sides[0] != sides[1] or sides[2] != sides[3]:
        raise InputError(f"{layer.keyword}: a torch module pads evenly, not by {sides}")
    return sides[0], sides[2]
