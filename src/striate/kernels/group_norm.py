"""GROUPNORM and LAYERNORM: statistics of each image's groups of channels, and the gradient."""

from __future__ import annotations

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
from striate.kernels.values import Pointer, Value
from striate.layers.group_norm import GroupNorm
from striate.plan.records import Launch, Lowering, Task


class GroupStatistics(NativeKernel, frozen=True):
    """`Moments`, mean, inverse, groups, `Cut`. One chunk is one image.

    First each channel's mean and squares, in the rows of the results; then each group's.
    """

    epsilon: float

    def emit(self, e: Emitter) -> None:
        moments, mean, inverse, groups = e.pointer(0), e.pointer(1), e.pointer(2), e.argument(3)
        cut = Cut(e, 4)
        own = moments + e.chunk * cut.slices * cut.moments().step
        mean, inverse = mean + e.chunk * cut.row, inverse + e.chunk * cut.row
        with e.loop(cut.row, step=e.lanes) as channel:
            counts = (cut.slices, cut.pixels)
            centre, squares = cut.moments().merged(e, own, channel, counts)
            mean.store_vector(centre, channel)
            inverse.store_vector(squares, channel)
        depth = cut.channels // groups
        with e.loop(groups) as group:
            self._group(e, mean + group * depth, inverse + group * depth, depth, cut.pixels)

    def _group(
        self, e: Emitter, means: Pointer, squares: Pointer, depth: Value, pixels: Value
    ) -> None:
        """Replace the moments of a group's channels by the group's mean and 1/deviation."""
        origin, length = means.load(), e.to_float(pixels)
        shift, total = e.variable(0.0), e.variable(0.0)
        with e.loop(depth) as channel:
            shift.value = shift.value + (means.load(channel) - origin)
        centre = origin + shift.value / e.to_float(depth)
        with e.loop(depth) as channel:
            distance = means.load(channel) - centre
            total.value = total.value + (squares.load(channel) + distance * distance * length)
        variance = total.value / e.to_float(pixels * depth)
        inverse = 1.0 / e.call("llvm.sqrt", variance + self.epsilon)
        with e.loop(depth) as channel:
            means.store(centre, channel)
            squares.store(inverse, channel)


class GroupGradientMeans(NativeKernel, frozen=True):
    """partial, scale, plain, along, groups, `Cut`. One chunk is one image.

    The means of dy·scale and of dy·scale·standardised over each group, for every channel of it.
    """

    def emit(self, e: Emitter) -> None:
        partial, scale, plain, along = (e.pointer(i) for i in range(4))
        groups, cut = e.argument(4), Cut(e, 5)
        own = partial + e.chunk * cut.slices * cut.row * 2
        plain, along = plain + e.chunk * cut.row, along + e.chunk * cut.row
        with e.loop(cut.row, step=e.lanes) as channel:
            sums = cut.summed(own, channel, cut.slices)
            for to, value in zip((plain, along), sums, strict=True):
                to.store_vector(value * scale.vector(channel), channel)
        depth = cut.channels // groups
        with e.loop(groups) as group:
            for row in (plain, along):
                self._group(e, row + group * depth, depth, cut.pixels)

    def _group(self, e: Emitter, row: Pointer, depth: Value, pixels: Value) -> None:
        """Replace the sums of a group's channels by the mean over the group."""
        total = e.variable(0.0)
        with e.loop(depth) as channel:
            total.value = total.value + row.load(channel)
        mean = total.value / e.to_float(pixels * depth)
        with e.loop(depth) as channel:
            row.store(mean, channel)


def lower_group_norm(isa: Isa, task: Task) -> Lowering:
    """GROUPNORM and LAYERNORM forward. Training hands mean and 1/deviation to backward."""
    cut = _slices(isa, task)
    where = "saved" if task.training else "scratch"
    rows = (f"{where}.mean", f"{where}.inverse")
    merge = Launch(
        GroupStatistics(task.what.epsilon),
        cut.images,
        ("scratch.moments", *rows, _groups(task), *cut.arguments),
    )
    launches = (cut.moments("x0", "scratch.moments"), merge, standardise(isa, cut, task, *rows))
    kept = {"mean": cut.row_bytes, "inverse": cut.row_bytes}
    scratch = {"moments": cut.moments_bytes}
    if task.training:
        return Lowering(launches, scratch=scratch, saved=kept)
    return Lowering(launches, scratch=scratch | kept)


def lower_group_norm_backward(isa: Isa, task: Task) -> Lowering:
    """Their backward from the mean and 1/deviation that forward has saved."""
    cut = _slices(isa, task)
    scratch = {"partial": cut.partial_bytes}
    sums = (gradient_sums(cut), sum_gradients(cut))
    if "dx0" not in task.roles:
        return Lowering(sums, scratch=scratch)
    scratch |= {"plain": cut.row_bytes, "along": cut.row_bytes}
    rows = ("scratch.partial", "w.scale", "scratch.plain", "scratch.along")
    means = Launch(GroupGradientMeans(), cut.images, (*rows, _groups(task), *cut.arguments))
    return Lowering((*sums, means, standardise_gradient(isa, cut, task)), scratch=scratch)


def _slices(isa: Isa, task: Task) -> Slices:
    """Every image has means of its own."""
    (x,) = task.inputs
    return Slices(task.batch, x.pixels, x.channels, isa.lanes)


def _groups(task: Task) -> int:
    """LAYERNORM is GROUPNORM with one group."""
    return task.what.groups if isinstance(task.what, GroupNorm) else 1
