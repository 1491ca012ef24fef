"""Activations: one expression each for the function and its derivative, as in `striate.layers`."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any

from striate.kernels.base import NativeKernel
from striate.kernels.elementary import erf, exp, exp_minus_one, sigmoid, tanh
from striate.kernels.emitter import Emitter
from striate.kernels.isa import Isa
from striate.kernels.values import Value
from striate.kernels.vector_loop import STASH_BYTES, ask_ahead, chunks_of, for_vectors, part_of
from striate.layers import (
    Elu,
    Gelu,
    HardSwish,
    Layer,
    Leaky,
    Relu,
    Relu6,
    Sigmoid,
    Silu,
    Tanh,
)
from striate.plan.records import Launch, Lowering, Task

Expression = Callable[[Emitter, Any, Value], Value]
"""Of the emitter, the layer, and its input (or its output, in derivatives that are taken from it).
"""


def normal_cumulative(e: Emitter, x: Value) -> Value:
    """The normal distribution's cumulative function."""
    return erf(e, x * math.sqrt(0.5)) * 0.5 + 0.5


def _gelu_derivative(e: Emitter, layer: Gelu, x: Value) -> Value:  # noqa: ARG001
    density = exp(e, x * x * -0.5) * (1 / math.sqrt(2 * math.pi))
    return e.fma(x, density, normal_cumulative(e, x))


def _silu_derivative(e: Emitter, layer: Silu, x: Value) -> Value:  # noqa: ARG001
    gate = sigmoid(e, x)
    return gate * (x * (1.0 - gate) + 1.0)


def _hardswish_derivative(e: Emitter, layer: HardSwish, x: Value) -> Value:  # noqa: ARG001
    inner = x * (1 / 3) + 0.5
    return e.select(x <= -3.0, 0.0, e.select(x >= 3.0, 1.0, inner))


def _within(e: Emitter, x: Value, low: float, high: float) -> Value:
    """x bounded by two numbers; NaN stays NaN."""
    return e.minimum(e.maximum(x, low), high)


FUNCTIONS: Mapping[type[Layer], Expression] = {
    Relu: lambda e, _, x: e.maximum(x, 0.0),
    Leaky: lambda e, layer, x: e.select(x > 0.0, x, x * layer.slope),
    Elu: lambda e, layer, x: e.select(
        x > 0.0, x, exp_minus_one(e, e.minimum(x, 0.0)) * layer.alpha
    ),
    Gelu: lambda e, _, x: x * normal_cumulative(e, x),
    Silu: lambda e, _, x: x * sigmoid(e, x),
    HardSwish: lambda e, _, x: x * _within(e, x + 3.0, 0.0, 6.0) * (1 / 6),
    Relu6: lambda e, _, x: _within(e, x, 0.0, 6.0),
    Sigmoid: lambda e, _, x: sigmoid(e, x),
    Tanh: lambda e, _, x: tanh(e, x),
}
DERIVATIVES: Mapping[type[Layer], Expression] = {
    Relu: lambda e, _, y: e.select(y > 0.0, e.like(1.0, y), 0.0),
    Leaky: lambda e, layer, y: e.select(y > 0.0, e.like(1.0, y), layer.slope),
    Elu: lambda e, layer, y: e.select(y > 0.0, 1.0, y + layer.alpha),
    Gelu: _gelu_derivative,
    Silu: _silu_derivative,
    HardSwish: _hardswish_derivative,
    Relu6: lambda e, _, y: e.select((y > 0.0) & (y < 6.0), e.like(1.0, y), 0.0),
    Sigmoid: lambda _e, _, y: y * (1.0 - y),
    Tanh: lambda _e, _, y: 1.0 - y * y,
}


class ActivationForward(NativeKernel, frozen=True):
    """x, y (perhaps the same), count."""

    layer: Layer

    @property
    def private(self) -> int:
        return STASH_BYTES

    def emit(self, e: Emitter) -> None:
        first, count = part_of(e, e.argument(2))
        x, y = e.pointer(0) + first, e.pointer(1) + first
        function = FUNCTIONS[type(self.layer)]

        def value(i: Value) -> Value:
            ask_ahead(e, x + i, y + i)
            return function(e, self.layer, x.vector(i))

        for_vectors(e, count, lambda i: [(y + i, value(i))], e.scratch)


class ActivationBackward(NativeKernel, frozen=True):
    """dy, the input or output that the layer saves, dx (perhaps the same as dy), count."""

    layer: Layer

    @property
    def private(self) -> int:
        return STASH_BYTES

    def emit(self, e: Emitter) -> None:
        first, count = part_of(e, e.argument(3))
        dy, saved, dx = (e.pointer(i) + first for i in range(3))
        derivative = DERIVATIVES[type(self.layer)]

        def value(i: Value) -> Value:
            ask_ahead(e, dy + i, saved + i, dx + i)
            return dy.vector(i) * derivative(e, self.layer, saved.vector(i))

        for_vectors(e, count, lambda i: [(dx + i, value(i))], e.scratch)


def activation_forward(isa: Isa, task: Task) -> Lowering:  # noqa: ARG001
    """y = f(x)."""
    count = task.batch * task.output.values
    kernel = ActivationForward(task.what)
    return Lowering((Launch(kernel, chunks_of(count), ("x0", "y", count)),))


def activation_backward(isa: Isa, task: Task) -> Lowering:  # noqa: ARG001
    """dx = dy·f'."""
    count = task.batch * task.output.values
    kernel = ActivationBackward(task.what)
    saved = "y" if "output" in task.what.saves else "x0"
    return Lowering((Launch(kernel, chunks_of(count), ("dy", saved, "dx0", count)),))


def rectified(task: Task) -> Launch:
    """The backward pass of the RELU before a task, on the gradient that the task has left: what it
    would do as a task of its own, which multiplies by 0 or 1."""
    count = task.batch * task.inputs[0].values
    return Launch(ActivationBackward(Relu()), chunks_of(count), ("dx0", "x0", "dx0", count))
