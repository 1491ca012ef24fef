"""1x1 convolution as a matrix product: all pixels of the batch x channels x filters.

Pixels are taken in blocks whatever image they lie in, and channels in slices, so that a block's
slice stays in the second-level cache and a block of filters in the first. A slice is copied to a
panel whose rows are a little longer than the slice: at a distance of a power of two they would
fall on the same cache sets.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass

from striate.kernels.base import NativeKernel
from striate.kernels.conv_direct import Target
from striate.kernels.emitter import Emitter
from striate.kernels.grid import walk
from striate.kernels.memory_ops import copy, fill
from striate.kernels.values import Operand, Pointer, Value

SKEW = 16
"""Floats by which a row of the panel is longer than its slice of channels."""


NUMBERS = 6
"""Numbers of a lattice that are arguments of a launch."""
SIZES = 12
"""The slot from which on the numbers of a convolution's two lattices stand."""


@dataclass(frozen=True)
class Lattice:
    """Every S-th pixel of every S-th row of a volume, numbered over the whole batch.

    A plan knows the sizes as numbers, a kernel reads them from the arguments of its launch.

    Attributes:
        size: rows and columns of the lattice.
        step: rows and columns from one of its pixels to the next in the volume.
        full: rows and columns of the volume.
    """

    size: tuple[Operand, Operand]
    step: tuple[Operand, Operand]
    full: tuple[Operand, Operand]

    @classmethod
    def read(cls, e: Emitter, slot: int) -> Lattice:
        """The lattice whose `arguments` stand from this slot on."""
        n = [e.argument(slot + i) for i in range(NUMBERS)]
        return cls((n[0], n[1]), (n[2], n[3]), (n[4], n[5]))

    @property
    def arguments(self) -> tuple[int, ...]:
        """The numbers that a launch hands to its kernel: `NUMBERS` of them."""
        return *self.size, *self.step, *self.full

    @property
    def skips(self) -> bool:
        """Whether the lattice leaves pixels of the volume out."""
        return not (self.step == (1, 1) and self.size == self.full)

    @contextmanager
    def walk(
        self, e: Emitter, first: Value, count: Value, skips: bool
    ) -> Iterator[tuple[Value, Value]]:
        """A loop over pixels of the lattice: its index from 0, and the pixel of the volume."""
        if not skips:
            with e.loop(count) as i:
                yield i, first + i
            return
        (height, width), (down, across) = self.full, self.step
        with walk(e, self.size, first, count) as (i, at):
            yield i, (at.image * height + at.row * down) * width + at.column * across


@dataclass(frozen=True)
class PointwiseConvolution(NativeKernel):
    """x, packed filters, bias, y, mask, pixels, pixels in a chunk, channels, filters, slices of
    the channels, channels of a slice, parts that the blocks of filters are cut in; then the
    `Lattice.arguments` of where the pixels lie in x, and in y and the mask.

    One chunk is one block of pixels, which is whole micro-tiles, for one part of the filters.

    Attributes:
        left: filters behind the last whole block.
        columns: filters in a block.
        skips: whether the lattices in x and in y leave pixels out.
        bias, relu, masked: as in `striate.kernels.conv_direct.DirectConvolution`.
    """

    left: int
    columns: int
    skips: tuple[bool, bool]
    bias: bool
    relu: bool = False
    masked: bool = False

    def scratch(self, most: int, width: int) -> int:
        """Bytes of private memory for so many pixels in a block and channels in a slice."""
        return 4 * (self.columns + most * 2 + most * (width + SKEW))

    def emit(self, e: Emitter) -> None:
        x, packed, bias, y, mask = (e.pointer(i) for i in range(5))
        pixels, most, channels, filters, slices, width, parts = (
            e.argument(i) for i in range(5, SIZES)
        )
        source, target = (Lattice.read(e, slot) for slot in (SIZES, SIZES + NUMBERS))
        part, first = e.chunk % parts, e.chunk // parts * most
        count = e.integer_minimum(pixels - first, most)
        block = _Block(e, self, first, count, width + SKEW, e.room(self.columns, "i64"))
        fill(e, e.scratch, self.columns)
        block.write_places(target, filters)
        whole, stride = filters // self.columns, channels * self.columns
        size = (whole + bool(self.left) + (parts - 1)) // parts
        with e.loop(slices) as number:
            start = number * width
            depth = e.integer_minimum(channels - start, width)
            panel = block.panel(most)
            block.pack(source, x + start, panel, (channels, depth))
            weights, ends = packed + start * self.columns, (start + depth).equals(channels)
            sums = _Slice(panel, depth, start.equals(0), ends)
            with e.loop(e.integer_minimum((part + 1) * size, whole), start=part * size) as i:
                k = i * self.columns
                to = Target(bias + k if self.bias else e.scratch, y + k, mask + k)
                block.sweep(sums, weights + i * stride, to, self.columns)
            if self.left:
                rest = whole * self.columns
                to = Target(bias + rest if self.bias else e.scratch, y + rest, mask + rest)
                with e.when(part.equals(whole // size)):
                    block.sweep(sums, weights + whole * stride, to, self.left)


@dataclass(frozen=True)
class _Slice:
    """A slice of channels in the panel, and whether it is the first and the last."""

    panel: Pointer
    depth: Value
    begins: Value
    ends: Value


@dataclass(frozen=True)
class _Block:
    """One block of pixels in the making.

    Attributes:
        e: the emitter.
        kernel: what is emitted.
        first: of the pixels.
        count: how many there are.
        row: values from one row of the panel to the next.
        places: where each pixel's outputs go, as an offset in y; the last pixel fills up the last
            micro-tile.
    """

    e: Emitter
    kernel: PointwiseConvolution
    first: Value
    count: Value
    row: Value
    places: Pointer

    def panel(self, most: Value) -> Pointer:
        """The panel: private memory behind as many places as there are at most."""
        return self.e.scratch + (self.kernel.columns + most * 2)

    def write_places(self, target: Lattice, filters: Value) -> None:
        """Write down where each pixel's outputs go."""
        with target.walk(self.e, self.first, self.count, self.kernel.skips[1]) as (i, pixel):
            self.places.store(pixel * filters, i)
        with self._rest() as i:
            self.places.store(self.places.load(self.count - 1), i)

    def pack(
        self, source: Lattice, x: Pointer, panel: Pointer, depths: tuple[Value, Value]
    ) -> None:
        """The block's slice of channels; depths are those of x and of the slice."""
        e, (channels, depth) = self.e, depths
        with source.walk(e, self.first, self.count, self.kernel.skips[0]) as (i, pixel):
            copy(e, panel + i * self.row, x + pixel * channels, depth)
        with self._rest() as i:
            copy(e, panel + i * self.row, panel + (self.count - 1) * self.row, depth)

    def _rest(self) -> AbstractContextManager[Value]:
        """A loop over what fills up the last micro-tile."""
        rows = self.e.isa.tile_rows
        return self.e.loop((self.count + (rows - 1)) // rows * rows, start=self.count)

    def sweep(self, sums: _Slice, weights: Pointer, to: Target, wanted: int) -> None:
        """All tiles of the block for one block of filters, of which so many are wanted."""
        e, kernel = self.e, self.kernel
        used = range(-(-wanted // e.lanes))
        floor = e.select(sums.ends, 0.0, e.number(float("-inf")))
        with e.loop(self.count, step=e.isa.tile_rows) as tile:
            stores = []
            for r, totals in enumerate(self._tile(sums, tile, weights, len(used))):
                place = self.places.load(tile + r)
                before = e.select_pointer(sums.begins, to.bias, to.y + place)
                for v, total in enumerate(totals):
                    lanes, where = min(e.lanes, wanted - v * e.lanes), place + v * e.lanes
                    value = total + before.vector(v * e.lanes, lanes)
                    if kernel.relu:
                        value = e.maximum(value, floor)
                    if kernel.masked:
                        value = e.select(to.mask.vector(where, lanes) > floor, value, 0.0)
                    stores.append((value, where, lanes))
            # The last pixel may come several times: all of them must read what was there before.
            for stored in stores:
                to.y.store_vector(*stored)

    def _tile(self, sums: _Slice, tile: Value, weights: Pointer, vectors: int) -> list[list[Value]]:
        """The dot products of a tile of pixels with one block of filters over the slice."""
        e, rows, columns = self.e, range(self.e.isa.tile_rows), self.kernel.columns
        source = sums.panel + tile * self.row
        totals = [[e.variable(e.splat(0.0)) for _ in range(vectors)] for _ in rows]
        with e.loop(sums.depth) as c:
            loaded = [weights.vector(c * columns + v * e.lanes) for v in range(vectors)]
            for r, row in enumerate(totals):
                value = source.broadcast(c + self.row * r)
                for total, w in zip(row, loaded, strict=True):
                    total.value = e.fma(value, w, total.value)
        return [[total.value for total in row] for row in totals]
