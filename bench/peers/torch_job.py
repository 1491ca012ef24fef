"""PyTorch's side of a job: the same net, from the same notation."""

from __future__ import annotations

import sys

from timing import job, report

import striate

try:
    import torch
except ImportError:
    sys.exit(3)

from torch import nn
from torch_net import TorchNet


def main() -> None:
    """Build the net, then time inferences or training steps."""
    wanted = job()
    torch.set_num_threads(wanted["threads"])
    last = "channels-last" in wanted["library"]
    layout = torch.channels_last if last else torch.contiguous_format
    net = striate.net(wanted["net"])
    model = TorchNet(net).to(memory_format=layout)
    shape = net.checked.shapes[net.graph.nodes[0].name]
    images = torch.randn(wanted["batch"], shape.channels, shape.height, shape.width).contiguous(
        memory_format=layout
    )
    labels = torch.randint(0, net.checked.shapes[net.graph.output].channels, (wanted["batch"],))
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
