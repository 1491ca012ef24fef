"""Moments of slices of pixels, from which the statistics of a norm follow.

A slice's moments are every channel's mean, then its sum of squared differences from that mean, then
one vector with the number of pixels in every lane: [slices][row + row + lanes]. Rows are filled up
to whole vectors.
"""

from __future__ import annotations

from msgspec import Struct

from striate.kernels.emitter import Emitter
from striate.kernels.rounding import multiple
from striate.kernels.values import Operand, Pointer, Value, is_number

CHAINS = 3
"""Sums of squares that are formed side by side: a term of one waits for the term before it."""


class Moments(Struct, frozen=True):
    """Where the moments of slices lie. A plan knows the numbers, a kernel reads the row.

    Attributes:
        row: values in a row of one value per channel.
        lanes: of a vector.
    """

    row: Operand
    lanes: int

    @classmethod
    def of(cls, channels: int, lanes: int) -> Moments:
        """For so many channels."""
        return cls(multiple(channels, lanes), lanes)

    @property
    def step(self) -> Operand:
        """Values from one slice to the next."""
        return self.row * 2 + self.lanes

    def bytes(self, slices: int) -> int:
        """Bytes of so many slices."""
        return int(4 * slices * self.step)

    def slices(self, size: int) -> int:
        """How many slices so many bytes hold."""
        return int(size // (4 * self.step))

    def write_count(self, e: Emitter, to: Pointer, count: Value) -> None:
        """Write down the number of pixels of the slice whose moments start here."""
        to.store_vector(e.splat(e.to_float(count)), self.row * 2)

    def merged(
        self, e: Emitter, moments: Pointer, channel: Operand, counts: tuple[Value, Value]
    ) -> tuple[Value, Value]:
        """Mean and sum of squared differences of so many slices, and so many pixels, together.

        Chan, Golub & LeVeque 1979. The means are taken relative to the first slice's, so that a
        large common part of them costs no accuracy.
        """
        slices, pixels = counts
        origin = moments.vector(channel)
        shift, squares = e.variable(e.splat(0.0)), e.variable(e.splat(0.0))
        with e.loop(slices) as part:
            own = moments + part * self.step
            length = own.vector(self.row * 2)
            shift.value = e.fma(own.vector(channel) - origin, length, shift.value)
        centre = origin + shift.value * (1.0 / e.to_float(pixels))
        with e.loop(slices) as part:
            own = moments + part * self.step
            distance = own.vector(channel) - centre
            between = distance * distance * own.vector(self.row * 2)
            squares.value = squares.value + (own.vector(self.row + channel) + between)
        return centre, squares.value


class TileMoments(Struct, frozen=True):
    """Adds micro-tile after micro-tile to the moments of a slice, while its values are there.

    Until the last tile, means are kept relative to the slice's first pixel, so that a large common
    part of them costs no accuracy. A tile's own sums are relative to its first row. From there,
    squared differences add up to at most as many times those from the tile's mean as it has rows,
    so that one follows from the other with a digit less than the values have.

    Attributes:
        e: the emitter.
        origin: the slice's first pixel.
        to: the slice's moments.
        row: values from the means to the squares.
        zeros: as many zeros as a tile has columns.
    """

    e: Emitter
    origin: Pointer
    to: Pointer
    row: Value
    zeros: Pointer

    def add(self, tile: list[list[Value]], known: Value, total: Value) -> None:
        """Add the pixels of a tile, by rows and vectors of columns.

        Args:
            tile: the values. Rows behind the slice's last pixel do not count.
            known: pixels of the slice in front of the tile.
            total: pixels of the slice.
        """
        e, rows = self.e, len(tile)
        whole = total - known >= rows
        with e.when(whole):
            self._add(tile, known, rows, total)
        with e.when(whole ^ True):
            self._add(tile, known, total - known, total)

    def _add(self, tile: list[list[Value]], known: Value, count: Operand, total: Value) -> None:
        e = self.e
        before, own = e.to_float(known), e.to_float(e.integer(count))
        share = own / (before + own)
        begins, ends = known.equals(0), (known + count).equals(total)
        means = e.select_pointer(begins, self.zeros, self.to)
        squares = e.select_pointer(begins, self.zeros, self.to + self.row)
        for v, column in enumerate(zip(*tile, strict=True)):
            at = v * e.lanes
            origin, apart = self.origin.vector(at), self._apart(column, count)
            total_apart = _sum(apart)
            shift = total_apart * (1.0 / own)
            distance = (column[0] - origin) + shift - means.vector(at)
            mean = e.fma(distance, share, means.vector(at))
            between = distance * distance * (before * share)
            within = e.maximum(e.fma(-total_apart, shift, self._squares(apart)), 0.0)
            inside = squares.vector(at) + within
            self.to.store_vector(mean + e.select(ends, origin, 0.0), at)
            self.to.store_vector(inside + between, self.row + at)

    def _apart(self, column: tuple[Value, ...], count: Operand) -> list[Value]:
        """Differences of the other rows from the first; zeros behind the last row that counts."""
        apart = [value - column[0] for value in column[1:]]
        if is_number(count):
            return apart
        return [self.e.select(count > r, value, 0.0) for r, value in enumerate(apart, 1)]

    def _squares(self, values: list[Value]) -> Value:
        """The sum of the squares."""
        sums = [value * value for value in values[:CHAINS]]
        for i, value in enumerate(values[CHAINS:]):
            sums[i % CHAINS] = self.e.fma(value, value, sums[i % CHAINS])
        return _sum(sums)


def _sum(values: list[Value]) -> Value:
    """The sum, by halves."""
    while len(values) > 1:
        pairs = [a + b for a, b in zip(values[::2], values[1::2], strict=False)]
        values = pairs + values[len(pairs) * 2 :]
    return values[0]
