"""A BATCHNORM behind a CONV at inference, folded into the filters and biases."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from striate.kernels.base import NativeKernel
from striate.kernels.emitter import Emitter
from striate.plan.records import At, Launch, Lowering, Task

FOLDED = {"w.w": "scratch.folded_filters", "w.b": "scratch.folded_bias"}


class FoldNorm(NativeKernel, frozen=True):
    """w, b (or 0), scale, shift, mean, variance, folded w, folded b, cells. One chunk: one filter.

    With f = scale / sqrt(variance + epsilon): w becomes w·f and b becomes (b - mean)·f + shift.
    """

    epsilon: float
    bias: bool

    def emit(self, e: Emitter) -> None:
        w, b, scale, shift, mean, variance, filters, bias = (e.pointer(i) for i in range(8))
        cells, k = e.argument(8), e.chunk
        factor = scale.load(k) / e.call("llvm.sqrt", variance.load(k) + self.epsilon)
        with e.loop(cells) as c:
            filters.store(w.load(k * cells + c) * factor, k * cells + c)
        start = b.load(k) - mean.load(k) if self.bias else -mean.load(k)
        bias.store(start * factor + shift.load(k), k)


def fold_norm(task: Task, lower: Callable[[Task], Lowering]) -> Lowering:
    """The lowering of a CONV's task, over folded filters if a BATCHNORM has been merged into it."""
    norm = task.detail.get("norm")
    if norm is None:
        return lower(task)
    conv, (x,) = task.what, task.inputs
    inner = lower(replace(task, what=replace(conv, bias=True)))
    cells = conv.window.cells * x.channels // conv.groups
    given = ("w.w", "w.b" if conv.bias else 0, "n.scale", "n.shift", "n.mean", "n.variance")
    arguments = (*given, *FOLDED.values(), cells)
    fold = Launch(FoldNorm(norm.epsilon, conv.bias), conv.filters, arguments, prepare=True)
    launches = [
        replace(launch, arguments=tuple(_folded(a) for a in launch.arguments))
        for launch in inner.launches
    ]
    scratch = {"folded_filters": 4 * conv.filters * cells, "folded_bias": 4 * conv.filters}
    return replace(inner, launches=(fold, *launches), scratch={**inner.scratch, **scratch})


def _folded(argument: str | At | int) -> str | At | int:
    return FOLDED.get(argument, argument) if isinstance(argument, str) else argument
