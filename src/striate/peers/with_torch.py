"""PyTorch's side of a job: NCHW, channels-last, or compiled."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import torch
from torch import nn

from striate.layers.shape import Array
from striate.peers.case import Case
from striate.peers.job import Job
from striate.peers.layer_case import PASSES, LayerCase, Pass
from striate.peers.session import MOMENTUM, RATE, Session
from striate.peers.torch_net import TorchNet

VERSION = torch.__version__


def session(case: Case) -> Session:
    """The net in eval mode without gradients, or with its SGD."""
    torch.set_num_threads(case.job.threads)
    layout = _layout(case.job)
    training = case.job.training
    model = TorchNet(case.net, folded=not training).to(memory_format=layout)
    images = torch.from_numpy(case.images_nchw).contiguous(memory_format=layout)
    run: nn.Module = model
    if "compile" in case.job.library:
        os.environ["TORCHINDUCTOR_CACHE_DIR"] = str(case.folder / "inductor")
        torch._inductor.config.freezing = not training
        run = torch.compile(model)

    def scores() -> Array:
        with torch.inference_mode() if not training else torch.no_grad():
            found: Array = (model.eval() if training else run)(images).numpy()
        model.train(training)
        return found

    if not training:
        return Session(VERSION, scores, scores)
    labels = torch.from_numpy(case.labels)
    optimizer = torch.optim.SGD(model.parameters(), lr=RATE, momentum=MOMENTUM, fused=True)

    def step() -> float:
        optimizer.zero_grad()
        loss = nn.functional.cross_entropy(run(images), labels)
        loss.backward()
        optimizer.step()
        return loss.item()

    return Session(VERSION, step, scores)


def passes(case: LayerCase, job: Job) -> Mapping[str, Pass]:
    """A CONV's forward pass and each half of its backward pass alone."""
    torch.set_num_threads(job.threads)
    x, w, dy = (_nchw(array, _layout(job)) for array in case.arrays)
    back = torch.ops.aten.convolution_backward

    def half(number: int) -> Callable[[], torch.Tensor]:
        wanted = [number == 0, number == 1, False]
        stride, none = [1, 1], [0, 0]
        return lambda: back(dy, x, w, None, stride, none, stride, False, none, 1, wanted)[number]

    calls = (lambda: nn.functional.conv2d(x, w), half(0), half(1))
    return {name: Pass(call, _nhwc) for name, call in zip(PASSES, calls, strict=True)}


def _layout(job: Job) -> Any:
    last = "channels-last" in job.library
    return torch.channels_last if last else torch.contiguous_format


def _nchw(array: Array, layout: Any) -> torch.Tensor:
    tensor = torch.from_numpy(np.ascontiguousarray(array.transpose(0, 3, 1, 2)))
    return tensor.contiguous(memory_format=layout)


def _nhwc(tensor: torch.Tensor) -> Array:
    found: Array = tensor.permute(0, 2, 3, 1).numpy()
    return found
