"""A Striate graph as a torch module, for timing the same net."""

from __future__ import annotations

import sys
from typing import Any

import torch
from torch import nn


class TorchNet(nn.Module):
    """Runs the nodes of a graph in order; volumes are NCHW."""

    def __init__(self, net: Any) -> None:
        super().__init__()
        self.nodes = net.graph.nodes
        self.parts = nn.ModuleDict()
        for node in self.nodes[1:]:
            shapes = [net.checked.shapes[name] for name in node.inputs]
            part = module(node.layer, shapes[0])
            if part is not None:
                self.parts[node.name] = part

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        """Scores [N, K]."""
        volumes = {self.nodes[0].name: images}
        for node in self.nodes[1:]:
            given = [volumes[name] for name in node.inputs]
            if node.layer.keyword == "CONCAT":
                volumes[node.name] = torch.cat(given, 1)
            elif node.layer.keyword == "SUM":
                volumes[node.name] = sum(given[1:], given[0])
            else:
                volumes[node.name] = self.parts[node.name](given[0])
        return volumes[self.nodes[-1].name].flatten(1)


def module(layer: Any, x: Any) -> nn.Module | None:
    """The torch module of one layer over a volume of shape x; None where it has none."""
    kind = layer.keyword
    if kind == "CONV":
        window = layer.window
        pad = (window.sides[0], window.sides[2])
        settings = {"stride": window.stride, "padding": pad, "groups": layer.groups}
        return nn.Conv2d(x.channels, layer.filters, window.size, bias=layer.bias, **settings)
    if kind == "POOL":
        window = layer.view(x)
        pad = (window.sides[0], window.sides[2])
        ceil = window.fit == "ceil"
        if layer.kind == "max":
            return nn.MaxPool2d(window.size, window.stride, pad, ceil_mode=ceil)
        return nn.AvgPool2d(window.size, window.stride, pad, ceil, layer.count == "all")
    if kind == "FC":
        return nn.Sequential(
            nn.Flatten(), nn.Linear(x.values, layer.filters), nn.Unflatten(1, (-1, 1, 1))
        )
    simple = {
        "RELU": lambda: nn.ReLU(inplace=True),
        "BATCHNORM": lambda: nn.BatchNorm2d(x.channels),
        "DROPOUT": lambda: nn.Dropout(layer.rate),
        "LRN": lambda: nn.LocalResponseNorm(layer.size, layer.alpha, layer.beta, layer.k),
    }
    if kind in simple:
        return simple[kind]()
    if kind in ("CONCAT", "SUM"):
        return None
    sys.exit(f"no torch module for {kind}")
