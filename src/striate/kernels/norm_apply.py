"""The passes of the norms over whole volumes: forward, the sums of backward, and its gradient."""

from __future__ import annotations

from collections.abc import Callable

from striate.kernels.base import NativeKernel
from striate.kernels.emitter import Emitter
from striate.kernels.isa import Isa
from striate.kernels.memory_ops import fill
from striate.kernels.norm_slices import Cut, Slices
from striate.kernels.past_caches import either_way, output_goes_past, told, write
from striate.kernels.sweeps import over_channels
from striate.kernels.values import Operand, Value
from striate.kernels.vector_loop import ask_ahead
from striate.plan.records import Launch, Task


class Standardise(NativeKernel, frozen=True):
    """x, mean, inverse, scale, shift, y, addend, `Cut`, whether y goes past the caches. One chunk
    is one slice.

    y = (x - mean)·inverse·scale + shift; mean and inverse have a row for each image.

    Attributes:
        tail: channels modulo the lanes of a vector.
        relu: whether max(0, .) follows.
        plus: whether the addend, which has the shape of y, is added before.
        past_caches: whether y may be written past them.
    """

    tail: int
    relu: bool = False
    plus: bool = False
    past_caches: bool = False

    def emit(self, e: Emitter) -> None:
        x, mean, inverse, scale, shift, y, addend = (e.pointer(i) for i in range(7))
        cut = Cut(e, 7)
        image, first, count = cut.slice()
        mean, inverse = mean + image * cut.row, inverse + image * cut.row

        def pixel(number: Value, past: bool) -> None:
            start = (first + number) * cut.channels
            source, target = x + start, y + start

            def body(c: Operand, lanes: int | None) -> None:
                more = () if past else (target + c,)
                more = (*more, addend + (start + c)) if self.plus else more
                ask_ahead(e, source + c, *more)
                standard = (source.vector(c) - mean.vector(c)) * inverse.vector(c)
                value = e.fma(standard, scale.vector(c), shift.vector(c))
                value = value + addend.vector(start + c) if self.plus else value
                value = e.maximum(value, 0.0) if self.relu else value
                write(e, target + c, value, past, lanes)

            over_channels(e, cut.channels, self.tail, body)

        _over_pixels(e, count, told(e, self.past_caches, 12), pixel)


class GradientSums(NativeKernel, frozen=True):
    """x, dy, mean, inverse, partial, `Cut`. One chunk is one slice.

    Every channel's sum of dy, and of dy times the standardised input.
    """

    def emit(self, e: Emitter) -> None:
        x, dy, mean, inverse, partial = (e.pointer(i) for i in range(5))
        cut = Cut(e, 5)
        image, first, count = cut.slice()
        mean, inverse = mean + image * cut.row, inverse + image * cut.row
        plain = partial + e.chunk * cut.row * 2
        along = plain + cut.row
        fill(e, plain, cut.row * 2)
        with e.loop(count) as pixel:
            start = (first + pixel) * cut.channels
            with e.loop(cut.channels, step=e.lanes) as c:
                ask_ahead(e, x + (start + c), dy + (start + c))
                gradient = dy.vector(start + c)
                standard = (x.vector(start + c) - mean.vector(c)) * inverse.vector(c)
                plain.store_vector(plain.vector(c) + gradient, c)
                along.store_vector(e.fma(gradient, standard, along.vector(c)), c)


class StandardiseGradient(NativeKernel, frozen=True):
    """x, dy, mean, inverse, scale, plain, along, dx, `Cut`, whether dx goes past the caches. One
    chunk is one slice.

    dx = inverse·(dy·scale - plain - standardised·along), where plain and along are the means of
    dy·scale and of dy·scale·standardised, with a row for each image.

    Attributes:
        tail: channels modulo the lanes of a vector.
        past_caches: whether dx may be written past them.
    """

    tail: int
    past_caches: bool = False

    def emit(self, e: Emitter) -> None:
        x, dy, mean, inverse, scale, plain, along, dx = (e.pointer(i) for i in range(8))
        cut = Cut(e, 8)
        image, first, count = cut.slice()
        mean, inverse = mean + image * cut.row, inverse + image * cut.row
        plain, along = plain + image * cut.row, along + image * cut.row

        def pixel(number: Value, past: bool) -> None:
            start = (first + number) * cut.channels
            source, gradient, target = x + start, dy + start, dx + start

            def body(c: Operand, lanes: int | None) -> None:
                ask_ahead(e, source + c, gradient + c)
                if not past:
                    ask_ahead(e, target + c)
                factor = inverse.vector(c)
                standard = (source.vector(c) - mean.vector(c)) * factor
                own = gradient.vector(c) * scale.vector(c) - plain.vector(c)
                value = factor * (own - standard * along.vector(c))
                write(e, target + c, value, past, lanes)

            over_channels(e, cut.channels, self.tail, body)

        _over_pixels(e, count, told(e, self.past_caches, 13), pixel)


def _over_pixels(
    e: Emitter, count: Value, past: Value | None, pixel: Callable[[Value, bool], None]
) -> None:
    """Write ``pixel(number, past)`` for so many pixels, and a second time for those of volumes that
    go past the caches, if some may."""

    def pixels(past: bool) -> None:
        with e.loop(count) as number:
            pixel(number, past)

    either_way(e, past, pixels)
    if past is not None:
        e.order_stores()


class SumGradients(NativeKernel, frozen=True):
    """partial, dscale, dshift, scale, plain, along, number of slices, `Cut`.

    One chunk is one vector of channels, over all slices.

    Attributes:
        tail: channels modulo the lanes of a vector.
        means: whether ``plain`` and ``along`` of `StandardiseGradient` are wanted, over all pixels.
    """

    tail: int
    means: bool

    def emit(self, e: Emitter) -> None:
        partial, dscale, dshift, scale, plain, along = (e.pointer(i) for i in range(6))
        cut = Cut(e, 7)
        channel = e.chunk * e.lanes
        shift_sum, scale_sum = cut.summed(partial, channel, e.argument(6))
        cut.store(dshift, shift_sum, channel, self.tail)
        cut.store(dscale, scale_sum, channel, self.tail)
        if self.means:
            factor = scale.vector(channel) * (1.0 / e.to_float(cut.pixels))
            plain.store_vector(shift_sum * factor, channel)
            along.store_vector(scale_sum * factor, channel)


def standardise(isa: Isa, cut: Slices, task: Task, mean: str, inverse: str) -> Launch:
    """The last launch of a forward pass; mean and inverse are roles."""
    may, past = _past_caches(isa, cut, task, ("x0", "y"))
    relu, plus = (task.detail.get(name, False) for name in ("relu", "plus"))
    roles = ("x0", mean, inverse, "w.scale", "w.shift", "y", "x1" if plus else 0)
    kernel = Standardise(cut.tail, relu, plus, may)
    return Launch(kernel, cut.count, (*roles, *cut.arguments, past))


def gradient_sums(cut: Slices) -> Launch:
    """The first launch of a backward pass."""
    roles = ("x0", "dy", "saved.mean", "saved.inverse", "scratch.partial")
    return Launch(GradientSums(), cut.count, (*roles, *cut.arguments))


def sum_gradients(cut: Slices, means: bool = False) -> Launch:
    """The launch that gives the gradients of scale and shift."""
    plain, along = ("scratch.plain", "scratch.along") if means else (0, 0)
    roles = ("scratch.partial", "dw.scale", "dw.shift", "w.scale", plain, along)
    return Launch(SumGradients(cut.tail, means), cut.vectors, (*roles, cut.count, *cut.arguments))


def standardise_gradient(isa: Isa, cut: Slices, task: Task) -> Launch:
    """The last launch of a backward pass."""
    rows = ("saved.mean", "saved.inverse", "w.scale", "scratch.plain", "scratch.along")
    may, past = _past_caches(isa, cut, task, ("dy", "dx0"))
    kernel = StandardiseGradient(cut.tail, may)
    return Launch(kernel, cut.count, ("x0", "dy", *rows, "dx0", *cut.arguments, past))


def _past_caches(isa: Isa, cut: Slices, task: Task, roles: tuple[str, str]) -> tuple[bool, int]:
    """Whether what the second role names may be written past the caches, and whether it is: not
    where it is the first, whose lines are there."""
    size = 4 * cut.images * cut.pixels * cut.channels
    past = not task.same(*roles) and output_goes_past(isa, size, roles[1], cut.channels)
    return isa.outputs_past and cut.tail == 0, int(past)
