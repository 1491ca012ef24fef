"""PyTorch's side of a job: the same net from the same notation, layer by layer."""

from __future__ import annotations

import sys
from typing import Any

from timing import job, report

import striate

try:
    import torch
except ImportError:
    sys.exit(3)

from torch import nn


def module(net: Any) -> nn.Sequential:
    """The torch modules of a net that is a list of CONV, RELU, POOL, FC."""
    parts: list[nn.Module] = []
    shapes = net.shapes
    for node in net.graph.nodes[1:]:
        layer, (x,) = node.layer, [shapes[name] for name in node.inputs]
        kind = layer.keyword
        if kind == "CONV":
            top, _, left, _ = layer.window.sides
            parts.append(
                nn.Conv2d(
                    x.channels, layer.filters, layer.window.size, layer.window.strides, (top, left)
                )
            )
        elif kind == "POOL":
            window = layer.window_over(x)
            ceil = window.fit == "ceil"
            parts.append(nn.MaxPool2d(window.size, window.strides, ceil_mode=ceil))
        elif kind == "FC":
            parts += [nn.Flatten(), nn.Linear(x.values, layer.neurons)]
        elif kind == "RELU":
            parts.append(nn.ReLU())
        else:
            sys.exit(f"no torch module for {kind}")
    return nn.Sequential(*parts)


def main() -> None:
    """Build the net, then time inferences or training steps."""
    wanted = job()
    torch.set_num_threads(wanted["threads"])
    last = "channels-last" in wanted["library"]
    layout = torch.channels_last if last else torch.contiguous_format
    net = striate.net(wanted["net"])
    model = module(net).to(memory_format=layout)
    height, width, depth = net.input_shape.array(1)[1:]
    images = torch.randn(wanted["batch"], depth, height, width).contiguous(memory_format=layout)
    labels = torch.randint(0, 10, (wanted["batch"],))
    if wanted["mode"] == "infer":
        model.eval()
        with torch.inference_mode():
            report(lambda: model(images), wanted["steps"])
        return
    optimizer = torch.optim.SGD(model.parameters(), lr=0.01, momentum=0.9)

    def step() -> None:
        optimizer.zero_grad()
        nn.functional.cross_entropy(model(images), labels).backward()
        optimizer.step()

    report(step, wanted["steps"])


if __name__ == "__main__":
    main()
