"""CONV at a stride over few channels, as first layers are: its phases by Winograd's filtering."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from msgspec import Struct

from striate.kernels.conv_norm import pass_seconds, with_norm
from striate.kernels.conv_winograd import FILTERINGS, WinogradBackward, WinogradForward
from striate.kernels.isa import Isa
from striate.kernels.phases import Phases
from striate.kernels.rounding import quotient
from striate.layers import Conv, Window
from striate.plan import At, Launch, Lowering, Task

VOLUME, FILTERS, GRADIENT = "phases", "filter_phases", "gradient_phases"
"""Scratch buffers: x', w' and the gradient of w'; see `Phases`."""
BYTES_PER_SECOND = 5e9
"""That a core writes of x' and w', or reads of the gradient of w'."""
FORWARD, BACKWARD = 0.8, 0.7
"""Of the time that Winograd's estimate says, beside that of direct convolution, which at a stride
takes longer than it says."""


def unfit(task: Task) -> str | None:
    """Why the phases of a CONV cannot be done this way, or None."""
    conv, window = task.what, task.what.window
    stride, size = window.stride[0], window.size[0]
    if window.stride != (stride, stride) or stride == 1:
        return "the stride is 1, or not the same both ways"
    if window.size != (size, size) or window.dilation != (1, 1):
        return "the filters are not square"
    if conv.groups != 1:
        return "there are groups"
    if ((quotient(size, stride),) * 2, (1, 1)) not in FILTERINGS:
        return "the filters are not 3 to 5 strides long"
    if max(window.sides) >= size:
        return f"the padding is larger than {size - 1}"
    return "it pools its output" if "pool" in task.detail else None


def phases_of(isa: Isa, task: Task) -> Phases:
    """What a CONV's task goes over."""
    return Phases(task.what, task.inputs[0], isa.lanes)


def at_stride_one(isa: Isa, task: Task) -> Task:
    """The same task over phases."""
    phases, conv = phases_of(isa, task), task.what
    window = Window((phases.taps,) * 2, pad=(0,) * 4)
    what = Conv(conv.filters, window, bias=conv.bias)
    return replace(task, what=what, inputs=(phases.volume,))


def _over(launches: tuple[Launch, ...], buffers: Mapping[str, str]) -> list[Launch]:
    """Launches over scratch buffers in place of some roles that they name."""

    def found(argument: str | At | int) -> str | At | int:
        name = buffers.get(argument) if isinstance(argument, str) else None
        return argument if name is None else f"scratch.{name}"

    return [
        replace(launch, arguments=tuple(found(argument) for argument in launch.arguments))
        for launch in launches
    ]


class PhasesForward(Struct, frozen=True):
    """CONV forward by its phases."""

    isa: Isa
    name: str = "winograd by phases"

    def refuses(self, task: Task) -> str | None:
        return unfit(task)

    def cost(self, task: Task) -> float:
        phases, over = phases_of(self.isa, task), at_stride_one(self.isa, task)
        detail = {name: value for name, value in task.detail.items() if name != "norm"}
        winograd = WinogradForward(self.isa).cost(replace(over, detail=detail))
        filters = phases.filter_values if task.training else 0
        copies = _copy_seconds(phases, task.batch, filters)
        return FORWARD * winograd + copies + pass_seconds(task)

    def lower(self, task: Task) -> Lowering:
        return with_norm(self.isa, task, self._lower)

    def _lower(self, task: Task) -> Lowering:
        phases, prepare = phases_of(self.isa, task), not task.training
        inner = WinogradForward(self.isa).convolve(at_stride_one(self.isa, task))
        launches = (
            phases.of_filters("w.w", f"scratch.{FILTERS}", prepare),
            phases.of_volume(task.batch, "x0", f"scratch.{VOLUME}"),
            *_over(inner.launches, {"x0": VOLUME, "w.w": FILTERS}),
        )
        volume, filters = 4 * task.batch * phases.volume.values, 4 * phases.filter_values
        scratch = {**inner.scratch, VOLUME: volume, FILTERS: filters}
        return replace(inner, launches=launches, scratch=scratch)


class PhasesBackward(Struct, frozen=True):
    """CONV backward by its phases, by the filters alone: nobody wants the gradient of a net's
    input."""

    isa: Isa
    name: str = "winograd by phases"

    def refuses(self, task: Task) -> str | None:
        filters, lanes = task.output.channels, self.isa.lanes
        if "dx0" in task.roles:
            return "the gradient of the input is wanted"
        if filters % lanes:
            return f"{filters} filters are not whole vectors of {lanes}"
        return unfit(task)

    def cost(self, task: Task) -> float:
        phases = phases_of(self.isa, task)
        winograd = WinogradBackward(self.isa).cost(at_stride_one(self.isa, task))
        return BACKWARD * winograd + _copy_seconds(phases, task.batch, phases.filter_values)

    def lower(self, task: Task) -> Lowering:
        phases = phases_of(self.isa, task)
        inner = WinogradBackward(self.isa).lower(at_stride_one(self.isa, task))
        launches = (
            phases.of_volume(task.batch, "x0", f"scratch.{VOLUME}"),
            *_over(inner.launches, {"x0": VOLUME, "dw.w": GRADIENT}),
            phases.of_gradient(f"scratch.{GRADIENT}", "dw.w"),
        )
        volume, gradient = 4 * task.batch * phases.volume.values, 4 * phases.filter_values
        scratch = {**inner.scratch, VOLUME: volume, GRADIENT: gradient}
        return Lowering(launches, scratch=scratch)


def _copy_seconds(phases: Phases, batch: int, filters: int) -> float:
    """What it takes to copy x' of a batch, and so many values of filters."""
    return 4 * (batch * phases.volume.values + filters) / BYTES_PER_SECOND
