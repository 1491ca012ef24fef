"""RNORM and CNORM: every activation by a power of the energy in the pixels around it.

All passes sum over an N x N window, clipped at the border, a vector of maps at a time. A chunk
writes only the pixels of its own band of rows, so that bands do not depend on each other.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from msgspec import Struct

from striate.kernels.base import NativeKernel
from striate.kernels.elementary import power
from striate.kernels.emitter import Emitter
from striate.kernels.isa import Isa
from striate.kernels.sweeps import band, bands, over_channels
from striate.kernels.values import Operand, Pointer, Value
from striate.layers.cnorm import CNorm
from striate.plan.records import Launch, Lowering, Task

Body = Callable[[Operand, int | None], None]


class _Pixel(Struct, frozen=True):
    """One pixel: the sums around it.

    Attributes:
        e: of the kernel.
        start: of its depth column in the batch.
        image: start of its image.
        position: row and column.
        shape: height, width and channels.
        size: of the window.
    """

    e: Emitter
    start: Value
    image: Value
    position: tuple[Value, Value]
    shape: tuple[Value, Value, Value]
    size: int

    @property
    def before(self) -> int:
        """Rows and columns of the window in front of the pixel."""
        return self.size // 2

    def around(self, axis: int, before: int) -> tuple[Value, Value]:
        """The window's part inside the map along one axis: the first position, and the end."""
        first = self.position[axis] - before
        end = self.e.integer_minimum(first + self.size, self.shape[axis])
        return self.e.integer_maximum(first, 0), end

    def inside(self) -> Value:
        """How many cells of the window lie inside the map, as a float."""
        (top, bottom), (left, right) = (self.around(axis, self.before) for axis in (0, 1))
        return self.e.to_float((bottom - top) * (right - left))

    def total(
        self, source: Pointer, channel: Operand, adjoint: bool = False, square: bool = False
    ) -> Value:
        """The sum over the window of a vector of maps, or over the windows that hold the pixel."""
        e = self.e
        before = self.size - 1 - self.before if adjoint else self.before
        (top, bottom), (left, right) = (self.around(axis, before) for axis in (0, 1))
        _, width, depth = self.shape
        total = e.variable(e.splat(0.0))
        with e.loop(bottom, start=top) as row, e.loop(right, start=left) as column:
            value = source.vector(self.image + (row * width + column) * depth + channel)
            total.value = e.fma(value, value, total.value) if square else total.value + value
        return total.value


class SpatialPass(NativeKernel, frozen=True):
    """The base of the passes; the last five arguments are height, width, channels, rows, chunks.

    Attributes:
        size: N.
        tail: channels modulo the lanes of a vector.
    """

    size: int
    tail: int

    @contextmanager
    def pixels(self, e: Emitter, slot: int) -> Iterator[_Pixel]:
        """Every pixel of this chunk's band of rows."""
        height, width, channels = (e.argument(slot + i) for i in range(3))
        first, last = band(e, e.argument(slot + 3), e.argument(slot + 4))
        with e.loop(last, start=first) as line, e.loop(width) as column:
            image, row = line // height, line % height
            start, origin = (line * width + column) * channels, image * height * width * channels
            shape = height, width, channels
            yield _Pixel(e, start, origin, (row, column), shape, self.size)

    def each(self, e: Emitter, pixel: _Pixel, body: Body) -> None:
        """Write ``body(channel, lanes)`` for the vectors of a depth column."""
        over_channels(e, pixel.shape[2], self.tail, body)


class Centre(SpatialPass, frozen=True):
    """u, v: v is u less the mean over the window."""

    def emit(self, e: Emitter) -> None:
        u, v = e.pointer(0), e.pointer(1)
        with self.pixels(e, 2) as pixel:
            scale = 1.0 / pixel.inside()

            def body(channel: Operand, lanes: int | None) -> None:
                mean = pixel.total(u, channel) * scale
                value = (u + pixel.start).vector(channel) - mean
                (v + pixel.start).store_vector(value, channel, lanes)

            self.each(e, pixel, body)


class Divide(SpatialPass, frozen=True):
    """u, v, y: y = u/(k + weight·Σ v²)^beta."""

    k: float
    weight: float
    beta: float

    def divisor(self, pixel: _Pixel, v: Pointer, channel: Operand) -> Value:
        """k + weight·Σ v² for a vector of maps."""
        return pixel.total(v, channel, square=True) * self.weight + self.k

    def emit(self, e: Emitter) -> None:
        u, v, y = (e.pointer(i) for i in range(3))
        with self.pixels(e, 3) as pixel:

            def body(channel: Operand, lanes: int | None) -> None:
                factor = power(e, self.divisor(pixel, v, channel), -self.beta)
                value = (u + pixel.start).vector(channel) * factor
                (y + pixel.start).store_vector(value, channel, lanes)

            self.each(e, pixel, body)


class DivideGradient(Divide, frozen=True):
    """u, v, dy, t, dx: dx = dy/divisor^beta, the direct part; t = dx·u/divisor, for the sums."""

    def emit(self, e: Emitter) -> None:
        u, v, dy, t, dx = (e.pointer(i) for i in range(5))
        with self.pixels(e, 5) as pixel:

            def body(channel: Operand, lanes: int | None) -> None:
                divisor = self.divisor(pixel, v, channel)
                here = pixel.start + channel
                direct = dy.vector(here) * power(e, divisor, -self.beta)
                dx.store_vector(direct, here, lanes)
                t.store_vector(direct * u.vector(here) / divisor, here, lanes)

            self.each(e, pixel, body)


class SumGradient(SpatialPass, frozen=True):
    """v, t, dx, m: adds to dx what comes through the sums, the part by v.

    Attributes:
        factor: 2·weight·(-beta).
        centred: whether m is wanted: that part by the number of cells in the window.
    """

    factor: float
    centred: bool

    def emit(self, e: Emitter) -> None:
        v, t, dx, m = (e.pointer(i) for i in range(4))
        with self.pixels(e, 4) as pixel:
            scale = 1.0 / pixel.inside()

            def body(channel: Operand, lanes: int | None) -> None:
                here = pixel.start + channel
                part = pixel.total(t, channel, adjoint=True) * v.vector(here) * self.factor
                dx.store_vector(dx.vector(here) + part, here, lanes)
                if self.centred:
                    m.store_vector(part * scale, here, lanes)

            self.each(e, pixel, body)


class CentreGradient(SpatialPass, frozen=True):
    """m, dx: subtracts from dx what comes through the means."""

    def emit(self, e: Emitter) -> None:
        m, dx = e.pointer(0), e.pointer(1)
        with self.pixels(e, 2) as pixel:

            def body(channel: Operand, lanes: int | None) -> None:
                here = pixel.start + channel
                value = dx.vector(here) - pixel.total(m, channel, adjoint=True)
                dx.store_vector(value, here, lanes)

            self.each(e, pixel, body)


def lower_spatial_norm(isa: Isa, task: Task) -> Lowering:
    """RNORM and CNORM forward."""
    first, v, scratch = _centred(isa, task)
    norm = task.what
    fields = (norm.size, task.output.channels % isa.lanes)
    kernel = Divide(*fields, norm.k, norm.weight(), norm.beta)
    return Lowering((*first, _launch(kernel, task, ("x0", v, "y"))), scratch=scratch)


def lower_spatial_norm_backward(isa: Isa, task: Task) -> Lowering:
    """RNORM and CNORM backward; it computes the sums again."""
    if "dx0" not in task.roles:
        return Lowering(())
    first, v, scratch = _centred(isa, task)
    norm, centred = task.what, bool(first)
    fields = (norm.size, task.output.channels % isa.lanes)
    direct = DivideGradient(*fields, norm.k, norm.weight(), norm.beta)
    through_sums = SumGradient(*fields, -2 * norm.weight() * norm.beta, centred)
    means = "scratch.means" if centred else 0
    launches = [
        *first,
        _launch(direct, task, ("x0", v, "dy", "scratch.terms", "dx0")),
        _launch(through_sums, task, (v, "scratch.terms", "dx0", means)),
    ]
    size = task.batch * task.output.values * 4
    scratch |= {"terms": size}
    if centred:
        launches.append(_launch(CentreGradient(*fields), task, ("scratch.means", "dx0")))
        scratch |= {"means": size}
    return Lowering(tuple(launches), scratch=scratch)


def _centred(isa: Isa, task: Task) -> tuple[tuple[Launch, ...], str, dict[str, int]]:
    """What is squared: the launch that computes it, if any, its role, and its scratch memory."""
    if not isinstance(task.what, CNorm):
        return (), "x0", {}
    kernel = Centre(task.what.size, task.output.channels % isa.lanes)
    launch = _launch(kernel, task, ("x0", "scratch.centred"))
    return (launch,), "scratch.centred", {"centred": task.batch * task.output.values * 4}


def _launch(kernel: SpatialPass, task: Task, roles: tuple[str | int, ...]) -> Launch:
    """A launch over bands of rows."""
    shape, rows = task.output, task.batch * task.output.height
    sizes = (shape.height, shape.width, shape.channels, rows, bands(rows))
    return Launch(kernel, bands(rows), (*roles, *sizes))
