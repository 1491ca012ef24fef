"""PyTorch's side of a job: NCHW, channels-last, or compiled."""

from __future__ import annotations

import torch
from torch import nn

from striate.layers.shape import Array
from striate.peers.case import Case
from striate.peers.session import MOMENTUM, RATE, Session
from striate.peers.torch_net import TorchNet


def session(case: Case) -> Session:
    """The net in eval mode without gradients, or with its SGD."""
    torch.set_num_threads(case.job.threads)
    last = "channels-last" in case.job.library
    layout = torch.channels_last if last else torch.contiguous_format
    training = case.job.training
    model = TorchNet(case.net, folded=not training).to(memory_format=layout)
    images = torch.from_numpy(case.images_nchw).contiguous(memory_format=layout)
    run: nn.Module = model
    if "compile" in case.job.library:
        torch._inductor.config.freezing = not training
        run = torch.compile(model)

    def scores() -> Array:
        with torch.inference_mode() if not training else torch.no_grad():
            found: Array = (model.eval() if training else run)(images).numpy()
        model.train(training)
        return found

    if not training:
        return Session(torch.__version__, scores, scores)
    labels = torch.from_numpy(case.labels)
    optimizer = torch.optim.SGD(model.parameters(), lr=RATE, momentum=MOMENTUM, fused=True)

    def step() -> float:
        optimizer.zero_grad()
        loss = nn.functional.cross_entropy(run(images), labels)
        loss.backward()
        optimizer.step()
        return loss.item()

    return Session(torch.__version__, step, scores)
