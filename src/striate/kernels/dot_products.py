"""Matrix products as dot products of rows that are read as they lie in memory.

Nothing is packed, so this is for few rows: each weight is read once, in the order of memory.
"""

from __future__ import annotations

from collections.abc import Callable

from msgspec import Struct

from striate.kernels.emitter import Emitter
from striate.kernels.isa import Isa
from striate.kernels.matrix import Matrix, Range
from striate.kernels.memory_ops import clamped
from striate.kernels.shuffles import lane_sums
from striate.kernels.values import Operand, Pointer, Value
from striate.kernels.vector_loop import lanes_below

TAKEN = 4096
"""Values of a micro-tile's images that are taken at a time: they stay in the first-level cache, and
sums of so many terms are added up. Where these are all the images, so that each weight is read
once, the next values of the same neurons follow: the longer runs are, the faster are weights read.
"""
AHEAD = 128
"""Weights by which a row of them is asked for, where each is read once."""
PRIVATE_BYTES = 4 * 64
"""Private memory for the sums of one micro-tile, at the start of the scratch memory."""


class DotTile(Struct, frozen=True):
    """A micro-tile of dot products: each of ``images`` rows with each of ``neurons`` rows.

    Attributes:
        images: rows of x.
        neurons: rows of w.
        alone: whether these are all the images: each weight is then read once, from memory.
    """

    images: int
    neurons: int
    alone: bool

    @classmethod
    def of(cls, isa: Isa, images: int) -> DotTile:
        """The tile for so many images: at most 4, and as many neurons as registers allow."""
        rows = -(-images // -(-images // 4))
        return cls(rows, isa.tile_rows * isa.tile_vectors // max(rows, 2), images <= rows)

    def multiply(
        self,
        e: Emitter,
        factors: tuple[Matrix, Matrix],
        depth: Value,
        to: Matrix,
        ranges: tuple[Range, Range],
        bias: Pointer | None,
        relu: bool = False,
    ) -> None:
        """to[n, k] = bias[k] + Σ_d x[n, d]·w[k, d] for all n and k of the ranges, or 0 if that is
        less and ``relu``."""
        (images, neurons), step = ranges, TAKEN // self.images & -e.lanes

        def tile(n: Value, k: Value, d: Value) -> None:
            length = e.integer_minimum(depth - d, step)
            left = _rows(e, factors[0], images, (n, self.images), d)
            right = _rows(e, factors[1], neurons, (k, self.neurons), d)
            for i, sums in enumerate(lane_sums(e, dots(e, left, right, length, self.alone))):
                e.scratch.store_vector(sums, i * e.lanes)
            rows = e.integer_minimum(images.stop - n, self.images)
            columns = e.integer_minimum(neurons.stop - k, self.neurons)
            with e.loop(rows) as r, e.loop(columns) as c:
                place = to.row(n + r) + (k + c)
                start = bias.load(k + c) if bias else e.number(0.0)
                before = e.select(d.equals(0), start, place.load())
                total = before + e.scratch.load(r * self.neurons + c)
                if relu:
                    total = e.select(d + length >= depth, e.maximum(total, 0.0), total)
                place.store(total)

        values = e.loop(depth, step=step)
        of_images = e.loop(images.stop, start=images.first, step=self.images)
        of_neurons = e.loop(neurons.stop, start=neurons.first, step=self.neurons)
        if self.alone:
            with of_images as n, of_neurons as k, values as d:
                tile(n, k, d)
        else:
            with values as d, of_images as n, of_neurons as k:
                tile(n, k, d)


def _rows(
    e: Emitter, matrix: Matrix, within: Range, tile: tuple[Value, int], column: Value
) -> list[Pointer]:
    """A micro-tile's rows; the last of the range stands in for those behind it."""
    first, count = tile
    last = within.stop - 1
    return [matrix.row(clamped(e, first + i, last)) + column for i in range(count)]


def dots(
    e: Emitter, left: list[Pointer], right: list[Pointer], length: Value, far: bool
) -> list[Value]:
    """Σ_d left[i][d]·right[j][d], not yet summed over lanes, in the order i, then j; where the
    right ones are far, that is in memory, they are asked for ahead."""
    sums = [[e.variable(e.splat(0.0)) for _ in right] for _ in left]

    def step(d: Operand, mask: Callable[[Value], Value]) -> None:
        for pointer in right if far else ():
            e.prefetch(pointer + (d + AHEAD))
        values = [mask(pointer.vector(d)) for pointer in right]
        for pointer, totals in zip(left, sums, strict=True):
            x = mask(pointer.vector(d))
            for value, total in zip(values, totals, strict=True):
                total.value = e.fma(x, value, total.value)

    whole = length & -e.lanes
    with e.loop(whole, step=e.lanes) as d:
        step(d, lambda vector: vector)
    with e.when(whole < length):
        inside = lanes_below(e, length - whole)
        step(whole, lambda vector: e.select(inside, vector, 0.0))
    return [total.value for totals in sums for total in totals]
