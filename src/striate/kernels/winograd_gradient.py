"""Backward-filter by Winograd: F(3x3, 4x4), F(3x3, 5x5) and F(5x5, 4x4), a filter's gradient as a
tile.

The patches of input are transformed as in the forward pass, the tiles of the output's
gradient as if they were filters; for each position their product is summed over all tiles,
and only the sum is transformed back.
"""

from __future__ import annotations

from striate.kernels.base import NativeKernel
from striate.kernels.emitter import Emitter
from striate.kernels.memory_ops import fill
from striate.kernels.values import Pointer, Value
from striate.kernels.winograd_matrices import Filtering
from striate.kernels.winograd_signs import Signs
from striate.kernels.winograd_sums import (
    Products,
    Sums,
    columns_back,
    position_stride,
    row_back,
    transform_back,
)
from striate.kernels.winograd_tiles import NUMBERS, Source, Tiling
from striate.kernels.winograd_volumes import Panels, transform_tiles

SIZES = 8
"""The slot from which on the numbers of two tilings stand."""
SIGNS = SIZES + 2 * NUMBERS + 1
"""The slot of the input's signs."""


class WinogradProducts(NativeKernel, frozen=True):
    """x, dy, sums, sums for the bias, tiles, slices that they are cut in, filters in a part, parts,
    `Tiling.arguments` of the patches of input and of the tiles of the output's gradient, the
    switches of a gradient that is pooled, and `Signs` of the input, which are kept if they have a
    place.

    One chunk is one slice of the tiles and one part of the filters: a few tiles at a time are
    transformed to private memory, all or some positions at a time, and added to its sums. Sums are
    [slices][positions][filters][channels] and [slices][filters].

    Attributes:
        filtering: that both are cut for.
        room: tiles that are transformed at a time.
        columns: channels in a panel.
        left: filters behind the last whole micro-tile of a whole panel, and of the last one.
        narrow: vectors of channels in the last panel, where it is not whole; else 0.
        bias: whether there is one.
        lanes: of a vector.
        in_pairs: whether only two rows of positions are transformed and multiplied at a time, which
            takes less room, not all of them.
        pooled: whether dy is a pooled gradient.
    """

    filtering: Filtering
    room: int
    columns: int
    left: tuple[int, int]
    narrow: int
    bias: bool
    lanes: int
    in_pairs: bool
    pooled: bool = False

    @property
    def _groups(self) -> tuple[tuple[int, ...], ...]:
        """Rows of positions that are done at a time."""
        return self.filtering.pairs if self.in_pairs else (tuple(range(self.filtering.patch)),)

    @property
    def _panels(self) -> Panels:
        return Panels(self.room, self.columns, self.filtering.patch * len(self._groups[0]))

    @property
    def _switches(self) -> int | None:
        return SIZES + 2 * NUMBERS if self.pooled else None

    def scratch(self, channels: int, filters: int, part: int) -> int:
        """Bytes of private memory, for so many filters in a part."""
        panels, filtering = self._panels, self.filtering
        zeros = max(filtering.patch * channels, filtering.tile * filters)
        tiles: int = panels.size(channels) + panels.size(part)
        return 4 * (self.columns + filtering.positions * self.lanes + zeros + tiles)

    def emit(self, e: Emitter) -> None:
        tiles, slices, share, parts = (e.argument(i) for i in range(4, SIZES))
        inputs = Tiling.read(e, SIZES, self.filtering)
        outputs = Tiling.read(e, SIZES + NUMBERS, self.filtering, gradient=True)
        number, k = e.chunk // parts, e.chunk % parts * share
        depth, filters = inputs.channels, outputs.channels
        own = depth, e.integer_minimum(filters - k, share)
        stride = position_stride(filters, depth)
        slice_sums = e.pointer(2) + number * (stride * self.filtering.positions)
        sums = Sums(slice_sums, depth, stride).at(k, 0)
        zeros, room, panels = e.scratch, e.scratch + self.columns, self._panels
        fill(e, zeros, self.columns)
        padding = e.integer_maximum(depth * inputs.size, filters * outputs.size)
        patches = room + (padding + self.filtering.positions * e.lanes)
        gradients = patches + panels.size(depth)
        x, dy = (Source.read(e, *slots) for slots in ((0, None), (1, self._switches)))
        volumes = (inputs, (x, patches)), (outputs, (dy, gradients))
        parts_of = (e.integer(0), depth), (k, own[1])
        start, stop = number * tiles // slices, (number + 1) * tiles // slices
        kept = Signs.of_input(e, SIGNS, inputs), (e.argument(SIGNS) > 0) & k.equals(0)
        with e.loop(len(self._groups)) as group, e.loop(stop, start=start, step=self.room) as first:
            some = first, e.integer_minimum(stop - first, self.room)
            for n, rows in enumerate(self._groups):
                with e.when(group.equals(n)):
                    # Without a stride its positions need every row of a patch's middle.
                    signs_of = (None if n else kept, None)
                    for volume, part, seen in zip(volumes, parts_of, signs_of, strict=True):
                        where = *volume, some, part, panels, room, rows
                        transform_tiles(e, *where, kept=seen)
            of_tiles = panels, own, some[1], first.equals(start), zeros, self.left, self.narrow
            products = Products(e, patches, gradients, *of_tiles)
            self._add(e, products, group, sums, e.pointer(3) + (number * filters + k))

    def _add(
        self, e: Emitter, products: Products, group: Value, sums: Sums, biases: Pointer
    ) -> None:
        """Add up the products of a group of rows; the last group may have fewer rows."""
        groups, filtering = self._groups, self.filtering
        sizes = [len(rows) * filtering.patch for rows in groups]
        with e.loop(e.one_of(sizes, group)) as place:
            products.add(place, sums.of(self._position(e, group, place)))
        if self.bias:
            one = filtering.one
            number = next(n for n, rows in enumerate(groups) if one in rows)
            with e.when(group.equals(number)):
                products.add_biases(biases, filtering, groups[number].index(one))

    def _position(self, e: Emitter, group: Value, place: Value) -> Value:
        """Which of the positions stands at a place of a group's panels."""
        rows, patch = [row for rows in self._groups for row in rows], self.filtering.patch
        number = group * len(self._groups[0]) + place // patch
        return e.one_of(rows, number) * patch + place % patch


class WinogradGradientBack(NativeKernel, frozen=True):
    """Sums, sums for the bias, gradient of the filters, gradient of the bias, slices, channels,
    filters, filters in a chunk.

    Attributes:
        filtering: that the sums were made for.
        bias: whether there is one.
        lanes: of a vector.
    """

    filtering: Filtering
    bias: bool
    lanes: int

    @property
    def private(self) -> int:
        return 4 * self.filtering.positions * self.lanes

    def emit(self, e: Emitter) -> None:
        slices, channels, filters, share = (e.argument(i) for i in range(4, 8))
        first = e.chunk * share
        count = e.integer_minimum(filters - first, share)
        stride = position_stride(filters, channels)
        sums = Sums(e.pointer(0), channels, stride).at(first, 0)
        to = e.pointer(2) + first * (self.filtering.filter**2 * channels)
        of_slices = sums, slices, stride * self.filtering.positions
        transform_back(e, self.filtering, of_slices, to, (channels, count), channels, e.scratch)
        if self.bias:
            with e.when(e.chunk.equals(0)):
                self._add_biases(e, e.pointer(1), e.pointer(3), (slices, filters))

    def _add_biases(
        self, e: Emitter, sums: Pointer, to: Pointer, sizes: tuple[Value, Value]
    ) -> None:
        slices, filters = sizes
        with e.loop(filters, step=e.lanes) as k:
            total = e.variable(sums.vector(k))
            with e.loop(slices, start=1) as part:
                total.value = total.value + sums.vector(part * filters + k)
            to.store_vector(total.value, k)


class WinogradWholeGradient(NativeKernel, frozen=True):
    """Transformed patches, transformed gradients, gradient of the filters, gradient of the bias,
    tiles, for which the `Panels` have just room, slices that they are summed up in, channels,
    filters, parts of the channels, channels and filters of a part, which are whole panels.

    One chunk is one part of the channels and of the filters, with all tiles: its sums stay in
    private memory, a row of positions at a time, and are transformed back at once. While a slice of
    the tiles is summed up, the next one, or the next position's, is asked for.

    Attributes:
        filtering: that the volumes were transformed for.
        columns, left, narrow, bias, lanes: see `WinogradProducts`.
    """

    filtering: Filtering
    columns: int
    left: tuple[int, int]
    narrow: int
    bias: bool
    lanes: int

    def scratch(self, channels: int, filters: int) -> int:
        """Bytes of private memory, for so many channels and filters in a part."""
        patch, size = self.filtering.patch, self.filtering.filter
        sums: int = (patch + patch * size) * position_stride(filters, channels)
        return 4 * (self.columns + sums)

    def emit(self, e: Emitter) -> None:
        tiles, slices = e.argument(4), e.argument(5)
        channels, filters, across, width, height = (e.argument(i) for i in range(6, 11))
        c, k = e.chunk % across * width, e.chunk // across * height
        own = e.integer_minimum(channels - c, width), e.integer_minimum(filters - k, height)
        filtering, patch = self.filtering, self.filtering.patch
        panels = Panels(tiles, self.columns, filtering.positions)
        fill(e, e.scratch, self.columns)
        row_sums = Sums(e.scratch + self.columns, width, position_stride(height, width))
        halfway = row_sums.of(patch)
        products = Products(
            e,
            e.pointer(0) + c // self.columns * panels.panel,
            e.pointer(1) + k // self.columns * panels.panel,
            *(panels, own, tiles, e.integer(0).equals(0), e.scratch, self.left, self.narrow),
        )
        with e.loop(patch) as row:
            with e.loop(patch) as column, e.loop(slices) as number:
                first, stop = number * tiles // slices, (number + 1) * tiles // slices
                place = e.select(number + 1 < slices, stop * self.columns, panels.position)
                some = products.some(first, stop - first, place - first * self.columns)
                some.add(row * patch + column, row_sums.of(column))
            row_back(e, filtering, row_sums, halfway.of(row * filtering.filter), own)
        to = e.pointer(2) + (k * (filtering.filter**2 * channels) + c)
        columns_back(e, filtering, halfway, to, own, channels)
        if self.bias:
            with e.when(c.equals(0)):
                products.add_biases(e.pointer(3) + k, filtering, filtering.one)
