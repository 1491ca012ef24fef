"""What the kernels of the batch, group and layer norms share: slices of pixels, and their moments.

The pixels that are normalised together are cut in slices that stay in the second-level cache. Every
slice gives its moments, or, in backward, partial rows, [slices][2][row]; rows are filled up to
whole vectors, so that only what leaves for the net has a tail.
"""

from __future__ import annotations

from collections.abc import Callable

from msgspec import Struct

from striate.kernels.base import NativeKernel
from striate.kernels.emitter import Emitter
from striate.kernels.memory_ops import fill
from striate.kernels.moments import Moments
from striate.kernels.values import Operand, Pointer, Value
from striate.plan.records import Launch

SLICE_VALUES = 32768
"""128 KiB of float32: read twice, once from memory and once from the cache."""
LEAST_VALUES = 2048
MOST_PIXELS = 1024
"""Longer sums in float32 would lose accuracy."""
WANTED_SLICES = 32


class Slices(Struct, frozen=True):
    """How the pixels of a batch are cut.

    Attributes:
        images: what has statistics of its own: the images, or 1 for the whole batch.
        pixels: in each of them.
        channels: of a pixel.
        lanes: of a vector.
    """

    images: int
    pixels: int
    channels: int
    lanes: int

    @property
    def length(self) -> int:
        """Pixels in a whole slice."""
        most = max(1, min(MOST_PIXELS, SLICE_VALUES // self.channels))
        even = -(-self.images * self.pixels // WANTED_SLICES)
        least = max(1, LEAST_VALUES // self.channels)
        return min(most, self.pixels, max(least, even))

    @property
    def per_image(self) -> int:
        """Slices of one image."""
        return -(-self.pixels // self.length)

    @property
    def count(self) -> int:
        """Slices in all: the chunks of a launch over slices."""
        return self.images * self.per_image

    @property
    def vectors(self) -> int:
        """Vectors of channels: the chunks of a launch over channels."""
        return -(-self.channels // self.lanes)

    @property
    def tail(self) -> int:
        """Channels behind the last whole vector."""
        return self.channels % self.lanes

    @property
    def row(self) -> int:
        """Values in a row of one value per channel, filled up to whole vectors."""
        return self.vectors * self.lanes

    @property
    def row_bytes(self) -> int:
        """Bytes of one row for each image."""
        return 4 * self.images * self.row

    @property
    def partial_bytes(self) -> int:
        """Bytes of two rows for each slice."""
        return 8 * self.count * self.row

    @property
    def moments_bytes(self) -> int:
        """Bytes of the moments of every slice."""
        return Moments(self.row, self.lanes).bytes(self.count)

    def moments(self, volume: str, to: str) -> Launch:
        """The moments of every slice of a volume; both are roles."""
        return Launch(SliceMoments(), self.count, (volume, to, *self.arguments))

    @property
    def arguments(self) -> tuple[int, ...]:
        """The five argument slots that `Cut` reads."""
        return self.pixels, self.length, self.per_image, self.channels, self.row


class Cut:
    """The sizes of `Slices` in a kernel, from five argument slots.

    Attributes:
        pixels, length, slices, channels, row: see `Slices`.
    """

    def __init__(self, e: Emitter, slot: int) -> None:
        self.e = e
        sizes = (e.argument(slot + i) for i in range(5))
        self.pixels, self.length, self.slices, self.channels, self.row = sizes

    def slice(self) -> tuple[Value, Value, Value]:
        """Of the slice that is this chunk: its image, its first pixel of all, and its length."""
        image, part = self.e.chunk // self.slices, self.e.chunk % self.slices
        first = part * self.length
        count = self.e.integer_minimum(self.pixels - first, self.length)
        return image, image * self.pixels + first, count

    def moments(self) -> Moments:
        """Where the moments of slices lie."""
        return Moments(self.row, self.e.lanes)

    def summed(self, partial: Pointer, channel: Operand, slices: Value) -> tuple[Value, Value]:
        """Sums over slices of both rows."""
        e = self.e
        first, second = e.variable(e.splat(0.0)), e.variable(e.splat(0.0))
        with e.loop(slices) as part:
            own = partial + (part * self.row * 2 + channel)
            first.value = first.value + own.vector()
            second.value = second.value + own.vector(self.row)
        return first.value, second.value

    def store(self, to: Pointer, value: Value, channel: Value, tail: int) -> None:
        """Store a vector of channels where there is no room behind the last one."""
        store_channels(self.e, to, value, (channel, self.channels), tail)


def store_channels(
    e: Emitter, to: Pointer, value: Value, place: tuple[Value, Value], tail: int
) -> None:
    """Store a vector from one of so many channels on; behind the last one there is no room."""
    channel, channels = place
    whole = channel + e.lanes <= channels
    with e.when(whole):
        to.store_vector(value, channel)
    if tail:
        with e.when(whole ^ True):
            to.store_vector(value, channel, tail)


class SliceMoments(NativeKernel, frozen=True):
    """x, `Moments`, `Cut`. One chunk is one slice.

    Its first pixel is the origin of the sums, so that a large mean costs no accuracy.
    """

    def emit(self, e: Emitter) -> None:
        x, moments, cut = e.pointer(0), e.pointer(1), Cut(e, 2)
        _, first, count = cut.slice()
        source = x + first * cut.channels
        means = moments + e.chunk * cut.moments().step
        squares = means + cut.row
        cut.moments().write_count(e, means, count)
        fill(e, means, cut.row * 2)

        def add(value: Value, channel: Value) -> None:
            total = means.vector(channel) + (value - source.vector(channel))
            means.store_vector(total, channel)

        def add_square(value: Value, channel: Value) -> None:
            distance = value - means.vector(channel)
            squares.store_vector(e.fma(distance, distance, squares.vector(channel)), channel)

        _each(e, cut, source, count, add)
        scale = 1.0 / e.to_float(count)
        with e.loop(cut.row, step=e.lanes) as channel:
            mean = source.vector(channel) + means.vector(channel) * scale
            means.store_vector(mean, channel)
        _each(e, cut, source, count, add_square)


def _each(
    e: Emitter, cut: Cut, source: Pointer, count: Value, body: Callable[[Value, Value], None]
) -> None:
    """Call ``body(values, channel)`` for every vector of every pixel of a slice."""
    with e.loop(count) as pixel:
        here = source + pixel * cut.channels
        with e.loop(cut.channels, step=e.lanes) as channel:
            body(here.vector(channel), channel)
