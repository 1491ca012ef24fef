"""Backward-filter of a 1x1 CONV: pixels are summed over, channels x filters are the result.

A block of pixels is taken in slices of channels, each copied to a panel, so that the sums of a
micro-tile run over many pixels whatever the size of a row of the image.
"""

from __future__ import annotations

from dataclasses import dataclass

from striate.kernels.base import NativeKernel
from striate.kernels.emitter import Emitter
from striate.kernels.memory_ops import copy, fill
from striate.kernels.pointwise import SKEW, Lattice
from striate.kernels.values import Pointer, Value


@dataclass(frozen=True)
class PointwiseGradient(NativeKernel):
    """x, dy, partial sums, pixels. One chunk is one part of the pixels and a few blocks of filters.

    A partial block is [channels + 1][columns]: the last row is the bias's gradient.

    Attributes:
        channels: the depth of x.
        filters: the depth of dy.
        source: where the pixels of dy lie in x.
        parts: of the pixels.
        block: pixels that are summed in registers.
        slice: channels of a panel; a multiple of the micro-tile's rows.
        shared: blocks of filters in a chunk.
        columns: filters in a block.
    """

    channels: int
    filters: int
    source: Lattice
    parts: int
    block: int
    slice: int
    shared: int
    columns: int

    @property
    def _row(self) -> int:
        return self.slice + SKEW

    @property
    def private(self) -> int:
        return 4 * self.block * (self._row + self.shared * self.columns)

    def emit(self, e: Emitter) -> None:
        x, dy, partial = (e.pointer(i) for i in range(3))
        pixels, blocks = e.argument(3), -(-self.filters // self.columns)
        shares = -(-blocks // self.shared)
        part, first_block = e.chunk // shares, e.chunk % shares * self.shared
        wanted = e.integer_minimum(blocks - first_block, self.shared)
        size = (self.channels + 1) * self.columns
        sums = partial + (part * blocks + first_block) * size
        fill(e, sums, wanted * size)
        start, stop = part * pixels // self.parts, (part + 1) * pixels // self.parts
        gradients = e.scratch + self.block * self._row
        with e.loop(stop, start=start, step=self.block) as first:
            count = e.integer_minimum(stop - first, self.block)
            with e.loop(wanted) as i:
                bias = sums + i * size + self.channels * self.columns
                k = (first_block + i) * self.columns
                to = gradients + i * (self.block * self.columns)
                self._pack_gradients(e, dy + first * self.filters + k, to, count, bias)
            with e.loop(self.channels, step=self.slice) as c:
                depth = e.integer_minimum(self.channels - c, self.slice)
                with e.loop(count) as i:
                    pixel = self.source.pixel(first + i)
                    copy(e, e.scratch + i * self._row, x + pixel * self.channels + c, depth)
                with e.loop(wanted) as i:
                    own = gradients + i * (self.block * self.columns)
                    self._sweep(e, own, sums + i * size + c * self.columns, count, depth)

    def _pack_gradients(
        self, e: Emitter, source: Pointer, to: Pointer, pixels: Value, bias: Pointer
    ) -> None:
        """The block's columns of dy, pixel after pixel, and their sum for the bias.

        Lanes behind the last filter hold what comes next in memory; nobody reads their sums.
        """
        vectors = range(self.columns // e.lanes)
        totals = [e.variable(bias.vector(v * e.lanes)) for v in vectors]
        with e.loop(pixels) as pixel:
            for v, total in enumerate(totals):
                value = source.vector(pixel * self.filters + v * e.lanes)
                to.store_vector(value, pixel * self.columns + v * e.lanes)
                total.value = total.value + value
        for v, total in enumerate(totals):
            bias.store_vector(total.value, v * e.lanes)

    def _sweep(
        self, e: Emitter, gradients: Pointer, to: Pointer, pixels: Value, depth: Value
    ) -> None:
        """All channels of the panel, a tile of neighbouring channels at a time."""
        rows, left = e.isa.tile_rows, self.channels % self.slice % e.isa.tile_rows
        whole = depth // rows
        with e.loop(whole) as i:
            c = i * rows
            self._tile(e, e.scratch + c, gradients, to + c * self.columns, pixels, rows)
        if left:
            with e.when(whole * rows < depth):
                c = whole * rows
                self._tile(e, e.scratch + c, gradients, to + c * self.columns, pixels, left)

    def _tile(
        self, e: Emitter, x: Pointer, dy: Pointer, to: Pointer, pixels: Value, rows: int
    ) -> None:
        vectors = range(self.columns // e.lanes)
        sums = [
            [e.variable(to.vector(r * self.columns + v * e.lanes)) for v in vectors]
            for r in range(rows)
        ]
        with e.loop(pixels) as pixel:
            loaded = [dy.vector(pixel * self.columns + v * e.lanes) for v in vectors]
            for r in range(rows):
                value = x.broadcast(pixel * self._row + r)
                for total, w in zip(sums[r], loaded, strict=True):
                    total.value = e.fma(value, w, total.value)
        for r in range(rows):
            for v, total in enumerate(sums[r]):
                to.store_vector(total.value, r * self.columns + v * e.lanes)
