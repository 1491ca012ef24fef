"""LRN: every activation by a power of the energy in the maps around it, a pixel at a time.

A depth column is squared into private memory between margins of zeros, so that the sums over
neighbouring maps are vectors read a few places to the left and to the right.
"""

from __future__ import annotations

from collections.abc import Callable

from striate.kernels.base import NativeKernel
from striate.kernels.elementary import power
from striate.kernels.emitter import Emitter
from striate.kernels.isa import Isa
from striate.kernels.memory_ops import fill
from striate.kernels.sweeps import band, bands, over_channels
from striate.kernels.values import Operand, Pointer, Value
from striate.layers.lrn import Lrn
from striate.plan.records import Launch, Lowering, Task

MOST_LANES = 16
Body = Callable[[Operand, int | None], None]


class Response(NativeKernel, frozen=True):
    """The divisor that LRN's forward and backward share.

    Attributes:
        channels: number of maps.
        size: maps that one sum runs over.
        blocked: whether they are a block of their own, not those around each map.
        k: added to the sum.
        weight: of the sum.
        beta: exponent of the divisor.
    """

    channels: int
    size: int
    blocked: bool
    k: float
    weight: float
    beta: float

    @property
    def private(self) -> int:
        return 4 * (2 * self.channels + 2 * self.size + 2 * MOST_LANES)

    def areas(self, e: Emitter) -> tuple[Pointer, Pointer]:
        """Private memory: the terms of the sums, with margins of zeros, and the sums."""
        fill(e, e.scratch, self.channels + 2 * self.size)
        terms = e.scratch + self.size
        return terms, terms + (self.channels + self.size + MOST_LANES)

    def divisor(self, sums: Pointer, channel: Operand) -> Value:
        """k + weight·sum for a vector of maps."""
        return sums.vector(channel) * self.weight + self.k

    def add_squares(self, e: Emitter, u: Pointer, terms: Pointer, sums: Pointer) -> None:
        """The sums of squares of one depth column."""

        def body(channel: Operand, lanes: int | None) -> None:
            value = u.vector(channel)
            terms.store_vector(value * value, channel, lanes)

        self.each(e, body)
        self.add_up(e, terms, sums, self.size // 2)

    def add_up(self, e: Emitter, terms: Pointer, sums: Pointer, before: int) -> None:
        """The sums over ``size`` terms of which ``before`` lie in front of each map."""
        if not self.blocked:
            with e.loop(self.channels, step=e.lanes) as channel:
                total = e.variable(e.splat(0.0))
                with e.loop(self.size) as i:
                    total.value = total.value + terms.vector(channel + i - before)
                sums.store_vector(total.value, channel)
            return
        with e.loop(self.channels, step=self.size) as start:
            end = e.integer_minimum(start + self.size, self.channels)
            whole = e.variable(0.0)
            with e.loop(end, start=start) as channel:
                whole.value = whole.value + terms.load(channel)
            with e.loop(end, start=start) as channel:
                sums.store(whole.value, channel)

    def each(self, e: Emitter, body: Body) -> None:
        """Write ``body(channel, lanes)`` for the vectors of a depth column."""
        over_channels(e, self.channels, self.channels % e.lanes, body)


class ResponseForward(Response, frozen=True):
    """x, y, pixels, chunks. One chunk is a band of pixels."""

    def emit(self, e: Emitter) -> None:
        x, y = e.pointer(0), e.pointer(1)
        first, last = band(e, e.argument(2), e.argument(3))
        terms, sums = self.areas(e)
        with e.loop(last, start=first) as pixel:
            u, target = x + pixel * self.channels, y + pixel * self.channels
            self.add_squares(e, u, terms, sums)

            def body(channel: Operand, lanes: int | None) -> None:
                factor = power(e, self.divisor(sums, channel), -self.beta)
                target.store_vector(u.vector(channel) * factor, channel, lanes)

            self.each(e, body)


class ResponseBackward(Response, frozen=True):
    """x, dy, dx, pixels, chunks. One chunk is a band of pixels."""

    def emit(self, e: Emitter) -> None:
        x, dy, dx = (e.pointer(i) for i in range(3))
        first, last = band(e, e.argument(3), e.argument(4))
        terms, sums = self.areas(e)
        with e.loop(last, start=first) as pixel:
            start = pixel * self.channels
            self._pixel(e, (x + start, dy + start, dx + start), (terms, sums))

    def _pixel(
        self, e: Emitter, columns: tuple[Pointer, Pointer, Pointer], areas: tuple[Pointer, Pointer]
    ) -> None:
        """One depth column: the direct part first, then what comes through the sums."""
        (u, gradient, target), (terms, sums) = columns, areas
        self.add_squares(e, u, terms, sums)

        def direct(channel: Operand, lanes: int | None) -> None:
            divisor = self.divisor(sums, channel)
            own = gradient.vector(channel) * power(e, divisor, -self.beta)
            target.store_vector(own, channel, lanes)
            terms.store_vector(own * u.vector(channel) / divisor, channel, lanes)

        def through_sums(channel: Operand, lanes: int | None) -> None:
            factor = u.vector(channel) * (-2 * self.beta * self.weight)
            value = e.fma(factor, sums.vector(channel), target.vector(channel))
            target.store_vector(value, channel, lanes)

        self.each(e, direct)
        self.add_up(e, terms, sums, self.size - 1 - self.size // 2)
        self.each(e, through_sums)


def lower_lrn(isa: Isa, task: Task) -> Lowering:  # noqa: ARG001
    """LRN forward."""
    pixels = task.batch * task.output.pixels
    kernel = ResponseForward(*_fields(task.what, task))
    return Lowering((Launch(kernel, bands(pixels), ("x0", "y", pixels, bands(pixels))),))


def lower_lrn_backward(isa: Isa, task: Task) -> Lowering:  # noqa: ARG001
    """LRN backward; it computes the sums again."""
    if "dx0" not in task.roles:
        return Lowering(())
    pixels = task.batch * task.output.pixels
    kernel = ResponseBackward(*_fields(task.what, task))
    arguments = ("x0", "dy", "dx0", pixels, bands(pixels))
    return Lowering((Launch(kernel, bands(pixels), arguments),))


def _fields(norm: Lrn, task: Task) -> tuple[int, int, bool, float, float, float]:
    return task.output.channels, norm.size, norm.blocked, norm.k, norm.weight(), norm.beta
