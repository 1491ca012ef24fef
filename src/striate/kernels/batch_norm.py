"""BATCHNORM: statistics of the batch or the running ones, and its gradient."""

from __future__ import annotations

from dataclasses import dataclass

from striate.kernels.base import NativeKernel
from striate.kernels.emitter import Emitter
from striate.kernels.isa import Isa
from striate.kernels.norm_apply import (
    gradient_sums,
    standardise,
    standardise_gradient,
    sum_gradients,
)
from striate.kernels.norm_slices import Cut, Slices
from striate.plan.records import Launch, Lowering, Task


@dataclass(frozen=True)
class BatchStatistics(NativeKernel):
    """partial, mean, inverse, running mean, running variance, `Cut`. One chunk is one vector.

    Attributes:
        tail: channels modulo the lanes of a vector.
        epsilon: added to the variance.
        momentum: weight of this batch in the running statistics.
    """

    tail: int
    epsilon: float
    momentum: float

    def emit(self, e: Emitter) -> None:
        partial, mean, inverse, running_mean, running_variance = (e.pointer(i) for i in range(5))
        cut = Cut(e, 5)
        channel = e.chunk * e.lanes
        centre, squares = cut.merged(partial, channel)
        mean.store_vector(centre, channel)
        variance = squares * (1.0 / e.to_float(cut.pixels))
        inverse.store_vector(1.0 / e.call("llvm.sqrt", variance + self.epsilon), channel)
        unbiased = squares * (1.0 / e.to_float(e.integer_maximum(cut.pixels - 1, 1)))
        for running, batch in ((running_mean, centre), (running_variance, unbiased)):
            moved = running.vector(channel) * (1 - self.momentum) + batch * self.momentum
            cut.store(running, moved, channel, self.tail)


@dataclass(frozen=True)
class InverseDeviation(NativeKernel):
    """variance, inverse. One chunk is one vector: inverse = 1/sqrt(variance + epsilon)."""

    epsilon: float

    def emit(self, e: Emitter) -> None:
        variance, inverse = e.pointer(0), e.pointer(1)
        channel = e.chunk * e.lanes
        root = e.call("llvm.sqrt", variance.vector(channel) + self.epsilon)
        inverse.store_vector(1.0 / root, channel)


def lower_batch_norm(isa: Isa, task: Task) -> Lowering:
    """BATCHNORM forward. Training hands the batch's mean and 1/deviation to backward."""
    cut, norm = _slices(isa, task), task.what
    if not task.training:
        inverse = Launch(
            InverseDeviation(norm.epsilon),
            cut.vectors,
            ("w.variance", "scratch.inverse"),
            prepare=True,
        )
        main = standardise(cut, task, "w.mean", "scratch.inverse")
        return Lowering((inverse, main), scratch={"inverse": cut.row_bytes})
    rows = ("saved.mean", "saved.inverse")
    merge = Launch(
        BatchStatistics(cut.tail, norm.epsilon, norm.momentum),
        cut.vectors,
        ("scratch.partial", *rows, "w.mean", "w.variance", *cut.arguments),
    )
    return Lowering(
        (cut.moments, merge, standardise(cut, task, *rows)),
        scratch={"partial": cut.partial_bytes},
        saved={"mean": cut.row_bytes, "inverse": cut.row_bytes},
    )


def lower_batch_norm_again(isa: Isa, task: Task) -> Lowering:
    """BATCHNORM forward a second time, with the mean and 1/deviation that the first has saved."""
    return Lowering((standardise(_slices(isa, task), task, "saved.mean", "saved.inverse"),))


def lower_batch_norm_backward(isa: Isa, task: Task) -> Lowering:
    """BATCHNORM backward from the mean and 1/deviation that forward has saved."""
    cut = _slices(isa, task)
    scratch = {"partial": cut.partial_bytes}
    if "dx0" not in task.roles:
        return Lowering((gradient_sums(cut), sum_gradients(cut)), scratch=scratch)
    scratch |= {"plain": cut.row_bytes, "along": cut.row_bytes}
    launches = (gradient_sums(cut), sum_gradients(cut, means=True), standardise_gradient(cut))
    return Lowering(launches, scratch=scratch)


def _slices(isa: Isa, task: Task) -> Slices:
    """The whole batch has one mean per channel."""
    (x,) = task.inputs
    return Slices(1, task.batch * x.pixels, x.channels, isa.lanes)
