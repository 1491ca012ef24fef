"""Updates: one pass over a flat block of weights, gradients and state; and clipping's norm."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from typing import Any

from msgspec import Struct

from striate.kernels.base import NativeKernel
from striate.kernels.emitter import Emitter
from striate.kernels.isa import Isa
from striate.kernels.rows import sum_row
from striate.kernels.values import Operand, Pointer, Value
from striate.kernels.vector_loop import STASH_BYTES, ask_ahead, chunks_of, for_vectors, part_of
from striate.optimizers import Adagrad, Adam, AdamW, Optimizer, RmsProp, Sgd
from striate.plan.records import At, Launch, Lowering, Task

RATE, SCALE, COEFFICIENTS = 0, 1, 3
"""Words of the control block; see `striate.plan.records.CONTROL_WORDS`."""


class Step(Struct, frozen=True):
    """What a rule computes one vector's new weights from.

    Attributes:
        rate: the learning rate.
        w: the weights.
        gradient: already scaled by clipping.
        state: by name.
        corrections: one over each of the optimizer's coefficients.
    """

    rate: Value
    w: Value
    gradient: Value
    state: Mapping[str, Value]
    corrections: tuple[Value, ...]


New = tuple[Value, dict[str, Value]]
"""The weights and the state after the step."""


def decayed(rule: Optimizer, step: Step) -> Value:
    """The gradient with weight decay as L2 regularisation."""
    if not rule.weight_decay:
        return step.gradient
    return step.w * rule.weight_decay + step.gradient


def sgd(e: Emitter, rule: Sgd, step: Step) -> New:
    """As `Sgd.update`."""
    gradient = decayed(rule, step)
    if not rule.momentum:
        return step.w - gradient * step.rate, {}
    velocity = e.fma(step.state["velocity"], rule.momentum, gradient)
    move = e.fma(velocity, rule.momentum, gradient) if rule.nesterov else velocity
    return step.w - move * step.rate, {"velocity": velocity}


def adagrad(e: Emitter, rule: Adagrad, step: Step) -> New:
    """As `Adagrad.update`."""
    gradient = decayed(rule, step)
    cache = e.fma(gradient, gradient, step.state["cache"])
    move = gradient / (e.call("llvm.sqrt", cache) + rule.epsilon)
    return step.w - move * step.rate, {"cache": cache}


def rmsprop(e: Emitter, rule: RmsProp, step: Step) -> New:
    """As `RmsProp.update`."""
    gradient = decayed(rule, step)
    fresh = gradient * gradient * (1 - rule.decay_rate)
    cache = e.fma(step.state["cache"], rule.decay_rate, fresh)
    move = gradient / (e.call("llvm.sqrt", cache) + rule.epsilon)
    if not rule.momentum:
        return step.w - move * step.rate, {"cache": cache}
    velocity = e.fma(step.state["velocity"], rule.momentum, move)
    return step.w - velocity * step.rate, {"cache": cache, "velocity": velocity}


def adam(e: Emitter, rule: Adam, step: Step) -> New:
    """As `Adam.update`; m and v are corrected by 1 - beta^step."""
    gradient = decayed(rule, step)
    return _adam_step(e, rule, step, step.w, gradient)


def adamw(e: Emitter, rule: AdamW, step: Step) -> New:
    """As `AdamW.update`: the weights shrink apart from the gradient."""
    shrunk = step.w * (1.0 - step.rate * rule.weight_decay) if rule.weight_decay else step.w
    return _adam_step(e, rule, step, shrunk, step.gradient)


def _adam_step(e: Emitter, rule: Adam, step: Step, w: Value, gradient: Value) -> New:
    of_m, of_v = step.corrections
    m = e.fma(step.state["m"], rule.beta1, gradient * (1 - rule.beta1))
    v = e.fma(step.state["v"], rule.beta2, gradient * gradient * (1 - rule.beta2))
    root = e.call("llvm.sqrt", v * of_v)
    move = m * (step.rate * of_m) / (root + rule.epsilon)
    return w - move, {"m": m, "v": v}


RULES: Mapping[type[Optimizer], Callable[[Emitter, Any, Step], New]] = {
    Sgd: sgd,
    Adagrad: adagrad,
    RmsProp: rmsprop,
    Adam: adam,
    AdamW: adamw,
}


class Arrays(Struct, frozen=True):
    """The arrays that an update works on, and the numbers of this step.

    Attributes:
        rule: the optimizer.
        w: the weights.
        state: the arrays of the optimizer's state, in the order in which it names them.
        rate: the learning rate.
        scale: of the gradient, by clipping.
        corrections: one over each of the optimizer's coefficients.
    """

    rule: Optimizer
    w: Pointer
    state: tuple[Pointer, ...]
    rate: Value
    scale: Value
    corrections: tuple[Value, ...]

    @classmethod
    def of(cls, rule: Optimizer, w: Pointer, state: Iterable[Pointer], control: Pointer) -> Arrays:
        """Read the numbers from the control block."""
        rate, scale = control.load(RATE), control.load(SCALE)
        words = range(COEFFICIENTS, COEFFICIENTS + len(rule.coefficients(1)))
        corrections = tuple(1.0 / control.load(word) for word in words)
        return cls(rule, w, tuple(state), rate, scale, corrections)

    def after(self, e: Emitter, i: Operand, gradient: Value) -> list[tuple[Pointer, Value]]:
        """What a vector of the gradient makes of the weights at i and their state, and where."""
        names = self.rule.state()
        before = {n: array.vector(i) for n, array in zip(names, self.state, strict=True)}
        scaled = gradient * self.scale
        step = Step(self.rate, self.w.vector(i), scaled, before, self.corrections)
        new, new_state = RULES[type(self.rule)](e, self.rule, step)
        changed = zip(names, self.state, strict=True)
        return [(self.w + i, new), *((array + i, new_state[name]) for name, array in changed)]


def ruled(rule: Optimizer) -> Optimizer:
    """The part of an optimizer that shapes code: its rate comes with every step."""
    return replace(rule, rate=1.0)


class Update(NativeKernel, frozen=True):
    """w, dw, control, count, then the arrays of the optimizer's state."""

    rule: Optimizer

    @property
    def private(self) -> int:
        return STASH_BYTES

    def emit(self, e: Emitter) -> None:
        first, count = part_of(e, e.argument(3))
        w, dw, control = e.pointer(0) + first, e.pointer(1) + first, e.pointer(2)
        state = [e.pointer(4 + i) + first for i in range(len(self.rule.state()))]
        arrays = Arrays.of(self.rule, w, state, control)

        def after(i: Value) -> list[tuple[Pointer, Value]]:
            ask_ahead(e, dw + i, w + i, *(array + i for array in state))
            return arrays.after(e, i, dw.vector(i))

        for_vectors(e, count, after, e.scratch)


class SumOfSquares(NativeKernel, frozen=True):
    """values, partial sums, count. One partial sum for each chunk."""

    def emit(self, e: Emitter) -> None:
        first, count = part_of(e, e.argument(2))
        values = e.pointer(0) + first
        total = sum_row(e, count, lambda i: values.vector(i) * values.vector(i))
        e.pointer(1).store(total, e.chunk)


class ClipScale(NativeKernel, frozen=True):
    """partial sums, control, count: the scale that brings the gradients' norm down to ``limit``."""

    limit: float

    def emit(self, e: Emitter) -> None:
        partial, control, count = e.pointer(0), e.pointer(1), e.argument(2)
        norm = e.call("llvm.sqrt", sum_row(e, count, partial.vector))
        scale = e.select(norm > float(self.limit), float(self.limit) / norm, 1.0)
        control.store(scale, SCALE)


def update(isa: Isa, task: Task) -> Lowering:  # noqa: ARG001
    """One pass over the block."""
    rule, count = ruled(task.what), task.detail["count"]
    state = (f"s.{name}" for name in rule.state())
    arguments = ("w", "dw", "control", count, *state)
    return Lowering((Launch(Update(rule), chunks_of(count), arguments),))


def clip(isa: Isa, task: Task) -> Lowering:  # noqa: ARG001
    """Sums of squares of the chunks of every block, then the scale."""
    launches, done = [], 0
    for i, size in enumerate(task.detail["sizes"]):
        chunks = chunks_of(size)
        partial = At("scratch.partial", 4 * done)
        launches.append(Launch(SumOfSquares(), chunks, (f"dw{i}", partial, size)))
        done += chunks
    scale = Launch(ClipScale(task.detail["clip"]), 1, ("scratch.partial", "control", done))
    return Lowering((*launches, scale), {"partial": 4 * done})
