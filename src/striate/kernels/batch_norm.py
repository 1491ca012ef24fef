"""BATCHNORM: statistics of the batch or the running ones, and its gradient."""

from __future__ import annotations

from striate.kernels.base import NativeKernel
from striate.kernels.emitter import Emitter
from striate.kernels.isa import Isa
from striate.kernels.moments import Moments
from striate.kernels.norm_apply import (
    gradient_sums,
    standardise,
    standardise_gradient,
    sum_gradients,
)
from striate.kernels.norm_slices import Slices, store_channels
from striate.layers import BatchNorm, Shape
from striate.plan.records import Launch, Lowering, Task


class BatchStatistics(NativeKernel, frozen=True):
    """`Moments`, mean, inverse, running mean, running variance, slices, pixels, channels, row.

    One chunk is one vector.

    Attributes:
        tail: channels modulo the lanes of a vector.
        epsilon: added to the variance.
        momentum: weight of this batch in the running statistics.
    """

    tail: int
    epsilon: float
    momentum: float

    def emit(self, e: Emitter) -> None:
        moments, mean, inverse, running_mean, running_variance = (e.pointer(i) for i in range(5))
        slices, pixels, channels, row = (e.argument(i) for i in range(5, 9))
        channel = e.chunk * e.lanes
        centre, squares = Moments(row, e.lanes).merged(e, moments, channel, (slices, pixels))
        mean.store_vector(centre, channel)
        variance = squares * (1.0 / e.to_float(pixels))
        inverse.store_vector(1.0 / e.call("llvm.sqrt", variance + self.epsilon), channel)
        unbiased = squares * (1.0 / e.to_float(e.integer_maximum(pixels - 1, 1)))
        for running, batch in ((running_mean, centre), (running_variance, unbiased)):
            moved = running.vector(channel) * (1 - self.momentum) + batch * self.momentum
            store_channels(e, running, moved, (channel, channels), self.tail)


class InverseDeviation(NativeKernel, frozen=True):
    """variance, inverse. One chunk is one vector: inverse = 1/sqrt(variance + epsilon)."""

    epsilon: float

    def emit(self, e: Emitter) -> None:
        variance, inverse = e.pointer(0), e.pointer(1)
        channel = e.chunk * e.lanes
        root = e.call("llvm.sqrt", variance.vector(channel) + self.epsilon)
        inverse.store_vector(1.0 / root, channel)


def lower_batch_norm(isa: Isa, task: Task) -> Lowering:
    """BATCHNORM forward. Training hands the batch's mean and 1/deviation to backward; where the
    CONV in front has given them, that is all that is left to do."""
    (x,), norm = task.inputs, task.what
    cut = slices_of(isa, x, task.batch)
    if not task.training:
        inverse = Launch(
            InverseDeviation(norm.epsilon),
            cut.vectors,
            ("w.variance", "scratch.inverse"),
            prepare=True,
        )
        main = standardise(isa, cut, task, "w.mean", "scratch.inverse")
        return Lowering((inverse, main), scratch={"inverse": cut.row_bytes})
    if "saved.mean" in task.roles:
        return lower_batch_norm_again(isa, task)
    moments = cut.moments("x0", "scratch.moments")
    merge = statistics(cut, norm, cut.count, "w")
    main = standardise(isa, cut, task, "saved.mean", "saved.inverse")
    return Lowering(
        (moments, merge, main), scratch={"moments": cut.moments_bytes}, saved=saved_rows(cut)
    )


def statistics(cut: Slices, norm: BatchNorm, slices: int, kind: str) -> Launch:
    """The launch that makes the batch's statistics of the moments of so many slices, and moves the
    running ones, whose roles are of this kind."""
    rows = ("saved.mean", "saved.inverse", f"{kind}.mean", f"{kind}.variance")
    return Launch(
        BatchStatistics(cut.tail, norm.epsilon, norm.momentum),
        cut.vectors,
        ("scratch.moments", *rows, slices, cut.pixels, cut.channels, cut.row),
    )


def saved_rows(cut: Slices) -> dict[str, int]:
    """Bytes of what is saved of the batch's statistics."""
    return {"mean": cut.row_bytes, "inverse": cut.row_bytes}


def lower_batch_norm_again(isa: Isa, task: Task) -> Lowering:
    """BATCHNORM forward a second time, with the mean and 1/deviation that the first has saved."""
    (x,) = task.inputs
    cut = slices_of(isa, x, task.batch)
    return Lowering((standardise(isa, cut, task, "saved.mean", "saved.inverse"),))


def lower_batch_norm_backward(isa: Isa, task: Task) -> Lowering:
    """BATCHNORM backward from the mean and 1/deviation that forward has saved."""
    (x,) = task.inputs
    cut = slices_of(isa, x, task.batch)
    scratch = {"partial": cut.partial_bytes}
    if "dx0" not in task.roles:
        return Lowering((gradient_sums(cut), sum_gradients(cut)), scratch=scratch)
    scratch |= {"plain": cut.row_bytes, "along": cut.row_bytes}
    launches = (
        gradient_sums(cut),
        sum_gradients(cut, means=True),
        standardise_gradient(isa, cut, task),
    )
    return Lowering(launches, scratch=scratch)


def slices_of(isa: Isa, x: Shape, batch: int) -> Slices:
    """The whole batch has one mean per channel."""
    return Slices(1, batch * x.pixels, x.channels, isa.lanes)
