"""1x1 convolution as a matrix product: all pixels of the batch x channels x filters.

Pixels are taken in blocks whatever image they lie in, and channels in slices, so that a block's
slice stays in the second-level cache and a block of filters in the first. A slice is copied to a
panel whose rows are a little longer than the slice: at a distance of a power of two they would
fall on the same cache sets.
"""

from __future__ import annotations

from dataclasses import dataclass

from striate.kernels.base import NativeKernel
from striate.kernels.conv_direct import Target
from striate.kernels.emitter import Emitter
from striate.kernels.memory_ops import clamped, copy, fill
from striate.kernels.values import Pointer, Value

SKEW = 16
"""Floats by which a row of the panel is longer than its slice of channels."""


@dataclass(frozen=True)
class Lattice:
    """Every S-th pixel of every S-th row of a volume, numbered over the whole batch.

    Attributes:
        size: rows and columns of the lattice.
        step: rows and columns from one of its pixels to the next in the volume.
        full: rows and columns of the volume.
    """

    size: tuple[int, int]
    step: tuple[int, int]
    full: tuple[int, int]

    def pixel(self, number: Value) -> Value:
        """The pixel of the volume at which a pixel of the lattice lies."""
        if self.step == (1, 1) and self.size == self.full:
            return number
        rows, columns = self.size
        image, rest = number // (rows * columns), number % (rows * columns)
        row, column = rest // columns, rest % columns
        return (image * self.full[0] + row * self.step[0]) * self.full[1] + column * self.step[1]


@dataclass(frozen=True)
class PointwiseConvolution(NativeKernel):
    """x, packed filters, bias, y, mask, pixels. One chunk is one block of pixels, for one part of
    the filters.

    Attributes:
        channels: the depth of x.
        filters: the depth of y.
        source: where the pixels lie in x.
        target: where they lie in y, and in the mask.
        block: pixels in a chunk; a multiple of the micro-tile's rows.
        slice: channels that are summed at once.
        parts: how many parts the blocks of filters are cut in.
        columns: filters in a block.
        bias, relu, masked: as in `striate.kernels.conv_direct.DirectConvolution`.
    """

    channels: int
    filters: int
    source: Lattice
    target: Lattice
    block: int
    slice: int
    parts: int
    columns: int
    bias: bool
    relu: bool = False
    masked: bool = False

    @property
    def _row(self) -> int:
        return self.slice + SKEW

    @property
    def private(self) -> int:
        return 4 * (self.block * self._row + self.columns)

    def emit(self, e: Emitter) -> None:
        x, packed, bias, y, mask = (e.pointer(i) for i in range(5))
        first = e.chunk // self.parts * self.block
        part = e.chunk % self.parts
        count = e.integer_minimum(e.argument(5) - first, self.block)
        zeros = e.scratch + self.block * self._row
        fill(e, zeros, self.columns)
        whole, left = divmod(self.filters, self.columns)
        size = -(-(whole + bool(left)) // self.parts)
        with e.loop(self.channels, step=self.slice) as start:
            depth = e.integer_minimum(self.channels - start, self.slice)
            self._pack(e, x + start, first, count, depth)
            weights = packed + start * self.columns
            stride = self.channels * self.columns
            with e.loop(e.integer_minimum((part + 1) * size, whole), start=part * size) as block:
                k = block * self.columns
                to = Target(bias + k if self.bias else zeros, y + k, mask + k)
                self._sweep(e, weights + block * stride, to, (first, count), (start, depth))
            if left:
                rest = whole * self.columns
                to = Target(bias + rest if self.bias else zeros, y + rest, mask + rest)
                last = weights + whole * stride
                with e.when(part.equals(whole // size)):
                    self._sweep(e, last, to, (first, count), (start, depth), left)

    def _pack(self, e: Emitter, x: Pointer, first: Value, count: Value, depth: Value) -> None:
        """The block's slice of channels; the last tile repeats the last pixel."""
        rows = e.isa.tile_rows
        with e.loop((count + (rows - 1)) // rows * rows) as i:
            pixel = self.source.pixel(first + clamped(e, i, count - 1))
            copy(e, e.scratch + i * self._row, x + pixel * self.channels, depth)

    def _sweep(
        self,
        e: Emitter,
        weights: Pointer,
        to: Target,
        pixels: tuple[Value, Value],
        channels: tuple[Value, Value],
        filters: int | None = None,
    ) -> None:
        """All tiles of the block for one block of filters: pixels and channels are first, count."""
        (first, count), (start, depth) = pixels, channels
        wanted = self.columns if filters is None else filters
        used = range(-(-wanted // e.lanes))
        begins, ends = start.equals(0), (start + depth).equals(self.channels)
        floor = e.select(ends, 0.0, e.number(float("-inf")))
        with e.loop(count, step=e.isa.tile_rows) as tile:
            sums = self._tile(e, e.scratch + tile * self._row, weights, depth, len(used))
            stores = []
            for r, totals in enumerate(sums):
                pixel = self.target.pixel(first + clamped(e, tile + r, count - 1))
                place = pixel * self.filters
                before = e.select_pointer(begins, to.bias, to.y + place)
                for v, total in enumerate(totals):
                    lanes, where = min(e.lanes, wanted - v * e.lanes), place + v * e.lanes
                    value = total + before.vector(v * e.lanes, lanes)
                    if self.relu:
                        value = e.maximum(value, floor)
                    if self.masked:
                        value = e.select(to.mask.vector(where, lanes) > floor, value, 0.0)
                    stores.append((value, where, lanes))
            # The last pixel may come several times: all of them must read what was there before.
            for stored in stores:
                to.y.store_vector(*stored)

    def _tile(
        self, e: Emitter, source: Pointer, weights: Pointer, depth: Value, vectors: int
    ) -> list[list[Value]]:
        """The dot products of a tile of pixels with one block of filters over the slice."""
        sums = [[e.variable(e.splat(0.0)) for _ in range(vectors)] for _ in range(e.isa.tile_rows)]
        with e.loop(depth) as c:
            loaded = [weights.vector(c * self.columns + v * e.lanes) for v in range(vectors)]
            for r, totals in enumerate(sums):
                value = source.broadcast(c + r * self._row)
                for total, w in zip(totals, loaded, strict=True):
                    total.value = e.fma(value, w, total.value)
        return [[total.value for total in totals] for totals in sums]
