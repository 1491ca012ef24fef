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
    """x, dy, partial sums, pixels, parts that they are cut in, channels, filters, slices of the
    channels, channels of a slice, `Lattice.arguments` of where the pixels of dy lie in x.

    One chunk is one part of the pixels and a few blocks of filters. A partial block is
    [channels + 1][columns]: the last row is the bias's gradient. A slice is whole micro-tiles.

    Attributes:
        left: channels behind the last whole micro-tile.
        skips: whether the lattice leaves pixels out.
        block: pixels that are summed in registers.
        shared: blocks of filters in a chunk.
        columns: filters in a block.
    """

    left: int
    skips: bool
    block: int
    shared: int
    columns: int

    def scratch(self, width: int) -> int:
        """Bytes of private memory for slices of so many channels."""
        return 4 * self.block * (width + SKEW + self.shared * self.columns)

    def emit(self, e: Emitter) -> None:
        x, dy, partial = (e.pointer(i) for i in range(3))
        pixels, parts, channels, filters, slices, width = (e.argument(i) for i in range(3, 9))
        source, blocks = Lattice.read(e, 9), (filters + (self.columns - 1)) // self.columns
        shares = (blocks + (self.shared - 1)) // self.shared
        part, first_block = e.chunk // shares, e.chunk % shares * self.shared
        wanted = e.integer_minimum(blocks - first_block, self.shared)
        size = (channels + 1) * self.columns
        sums = partial + (part * blocks + first_block) * size
        fill(e, sums, wanted * size)
        start, stop = part * pixels // parts, (part + 1) * pixels // parts
        gradients, row = e.scratch, width + SKEW
        panel = e.scratch + self.block * self.shared * self.columns
        with e.loop(stop, start=start, step=self.block) as first:
            count = e.integer_minimum(stop - first, self.block)
            with e.loop(wanted) as i:
                bias = sums + i * size + channels * self.columns
                k = (first_block + i) * self.columns
                to = gradients + i * (self.block * self.columns)
                self._pack_gradients(e, (dy + first * filters + k, filters), to, count, bias)
            with e.loop(slices) as number:
                c = number * width
                depth = e.integer_minimum(channels - c, width)
                with source.walk(e, first, count, self.skips) as (i, pixel):
                    copy(e, panel + i * row, x + pixel * channels + c, depth)
                with e.loop(wanted) as i:
                    factors = panel, gradients + i * (self.block * self.columns)
                    self._sweep(e, factors, sums + i * size + c * self.columns, (count, depth, row))

    def _pack_gradients(
        self,
        e: Emitter,
        columns: tuple[Pointer, Value],
        to: Pointer,
        pixels: Value,
        bias: Pointer,
    ) -> None:
        """The block's columns of dy, pixel after pixel, and their sum for the bias.

        Lanes behind the last filter hold what comes next in memory; nobody reads their sums.
        """
        (source, filters), vectors = columns, range(self.columns // e.lanes)
        totals = [e.variable(bias.vector(v * e.lanes)) for v in vectors]
        with e.loop(pixels) as pixel:
            for v, total in enumerate(totals):
                value = source.vector(pixel * filters + v * e.lanes)
                to.store_vector(value, pixel * self.columns + v * e.lanes)
                total.value = total.value + value
        for v, total in enumerate(totals):
            bias.store_vector(total.value, v * e.lanes)

    def _sweep(
        self,
        e: Emitter,
        factors: tuple[Pointer, Pointer],
        to: Pointer,
        sizes: tuple[Value, Value, Value],
    ) -> None:
        """All channels of the panel, a tile of neighbouring channels at a time."""
        (panel, dy), (_, depth, _), rows = factors, sizes, e.isa.tile_rows
        whole = depth // rows * rows
        with e.loop(whole, step=rows) as c:
            self._tile(e, (panel + c, dy), to + c * self.columns, sizes, rows)
        if self.left:
            with e.when(whole < depth):
                self._tile(e, (panel + whole, dy), to + whole * self.columns, sizes, self.left)

    def _tile(
        self,
        e: Emitter,
        factors: tuple[Pointer, Pointer],
        to: Pointer,
        sizes: tuple[Value, Value, Value],
        rows: int,
    ) -> None:
        """Sums over pixels for ``rows`` channels; sizes: pixels, channels, the panel's row."""
        (x, dy), (pixels, _, row), vectors = factors, sizes, range(self.columns // e.lanes)
        sums = [
            [e.variable(to.vector(r * self.columns + v * e.lanes)) for v in vectors]
            for r in range(rows)
        ]
        with e.loop(pixels) as pixel:
            loaded = [dy.vector(pixel * self.columns + v * e.lanes) for v in vectors]
            for r in range(rows):
                value = x.broadcast(pixel * row + r)
                for total, w in zip(sums[r], loaded, strict=True):
                    total.value = e.fma(value, w, total.value)
        for r in range(rows):
            for v, total in enumerate(sums[r]):
                to.store_vector(total.value, r * self.columns + v * e.lanes)
