"""A block of positions of a matrix product; what is read next is asked for while it multiplies."""

from __future__ import annotations

from contextlib import AbstractContextManager
from typing import TYPE_CHECKING

from msgspec import Struct

from striate.kernels.conv_direct import Target
from striate.kernels.emitter import Emitter
from striate.kernels.lattice import Lattice, copy_seen
from striate.kernels.memory_ops import copy
from striate.kernels.micro_tile import LINE, Stream, dot_products
from striate.kernels.moments import Moments, TileMoments
from striate.kernels.past_caches import either_way, unless, write
from striate.kernels.values import Operand, Pointer, Value

if TYPE_CHECKING:
    from striate.kernels.product import ProductConvolution

TURNS = 8
"""Micro-tiles of a block during which the next block of filters comes: fewer are rare."""


class Slice(Struct, frozen=True):
    """A slice of a cell's channels in the panel; whether it is the first and the last of all."""

    panel: Pointer
    depth: Value
    begins: Value
    ends: Value


class Filters(Struct, frozen=True):
    """A block of filters: where its slice starts, the distance to the next block's, how many are
    wanted, and its number in the chunk."""

    start: Pointer
    step: Value
    wanted: int
    number: Value


class _Soon(Struct, frozen=True):
    """The pixels that the next slice or block copies: the volume from where its first cell sees the
    first channel, the first position's index in the block's table and how many there are, how many
    are asked for at a time, and by how many values a term goes on to ask for them."""

    x: Pointer
    index: Value
    count: Value
    rows: Value
    step: Value


class Block(Struct, frozen=True):
    """One block of positions in the making.

    Attributes:
        e: the emitter.
        kernel: what is emitted.
        first: of the positions.
        count: how many there are.
        places: where each position's outputs go, as an offset in y; the last one fills up the last
            micro-tile.
        seen: what the first cell sees at each position of this block and the next one, as an offset
            in x.
        moments: where those of the block go, and how they lie.
        past: whether y goes past the caches; None where it never may.
    """

    e: Emitter
    kernel: ProductConvolution
    first: Value
    count: Value
    places: Pointer
    seen: Pointer
    moments: tuple[Pointer, Moments]
    past: Value | None

    def panel(self, most: Value) -> Pointer:
        """The panel: private memory behind the tables, from a cache line's start on."""
        tables = self.kernel.columns + most * 6
        return self.e.scratch + (tables + (LINE - 1)) // LINE * LINE

    def write_places(self, target: Lattice, pixel: Value) -> None:
        """Write down where each position's outputs go; a pixel takes so many values."""
        own = (self.first, self.count)
        with target.walk(self.e, own, every=self.kernel.every[1]) as seen:
            self.places.store(seen.pixel * pixel, seen.index)
        with self._rest() as i:
            self.places.store(self.places.load(self.count - 1), i)

    def write_seen(self, source: Lattice, following: Value) -> None:
        """Write down what the first cell sees, at the positions of the next block, too."""
        own, channels = (self.first, self.count + following), self.e.argument(9)
        with source.walk(self.e, own) as seen:
            self.seen.store(seen.pixel * channels, seen.index)

    def pack(
        self,
        source: Lattice,
        x: Pointer,
        panel: Pointer,
        depth: Value,
        cell: tuple[Operand, Operand],
    ) -> None:
        """What one cell sees of the block: a slice of so many channels."""
        e, kernel, channels = self.e, self.kernel, self.e.argument(9)
        own = (self.first, self.count)
        with source.walk(e, own, cell, kernel.every[0], bounded=True) as seen:
            copy_seen(e, panel + seen.index * kernel.row, x, seen, (channels, depth))
        with self._rest() as i:
            copy(e, panel + i * kernel.row, panel + (self.count - 1) * kernel.row, depth)

    def _rest(self) -> AbstractContextManager[Value]:
        """A loop over what fills up the last micro-tile."""
        rows = self.kernel.height
        return self.e.loop((self.count + (rows - 1)) // rows * rows, start=self.count)

    def soon(self, source: Lattice, sums: Slice, after: tuple[Pointer, Value, Value]) -> _Soon:
        """What is copied next.

        Pixels are asked for one after the other as they lie in a row, those between that other
        cells see, and other slices of them, with them.

        Args:
            source: what the filters see.
            sums: the slice that is there.
            after: the volume from where the next cell and slice begin, positions of the next block,
                and blocks of filters in the chunk.
        """
        e, (x, following, blocks) = self.e, after
        count = e.select(sums.ends, following, self.count)
        index = e.select(sums.ends, self.count, 0)
        turns = e.integer_maximum(blocks * (self._tiles() // 2), 1)
        rows = (count + (turns - 1)) // turns
        step = rows * (e.argument(9) * source.step[1]) // sums.depth
        return _Soon(x, index, count, rows, e.integer_minimum(step, LINE))

    def _tiles(self) -> Value:
        """Micro-tiles of the block."""
        rows = self.kernel.height
        return (self.count + (rows - 1)) // rows

    def write_count(self) -> None:
        """Write down how many pixels the block's moments are of."""
        own, moments = self.moments
        moments.write_count(self.e, own, self.count)

    def target(self, k: Value) -> Target:
        """Bias, outputs and mask of the filters from k on."""
        bias, y, mask = (self.e.pointer(i) for i in (2, 3, 4))
        return Target(bias + k if self.kernel.bias else self.e.scratch, y + k, mask + k)

    def sweep(self, sums: Slice, filters: Filters, k: Value, soon: _Soon) -> None:
        """All tiles of the block for the block of filters from k on."""
        e, kernel, wanted, to = self.e, self.kernel, filters.wanted, self.target(k)
        shape = kernel.height, -(-wanted // e.lanes)
        floor = e.select(sums.ends, 0.0, e.number(float("-inf")))
        with e.loop(self.count, step=kernel.height) as tile:
            stores, values = [], list[list[Value]]()
            factors = sums.panel + tile * kernel.row, filters.start
            self._fetch_outputs(to, tile)
            ahead = self._ahead(filters, sums.depth, soon, tile // kernel.height)
            terms = sums.depth, kernel.row
            tiles = dot_products(e, factors, terms, shape, kernel.columns, ahead)
            for r, totals in enumerate(tiles):
                place = self.places.load(tile + r)
                before = to.y + place
                if not kernel.adds:
                    before = e.select_pointer(sums.begins, to.bias, before)
                addend = e.select_pointer(sums.begins, to.mask + place, e.scratch)
                values.append([])
                for v, total in enumerate(totals):
                    lanes, where = min(e.lanes, wanted - v * e.lanes), place + v * e.lanes
                    value = total + before.vector(v * e.lanes, lanes)
                    if kernel.plus:
                        value = value + addend.vector(v * e.lanes, lanes)
                    if kernel.relu:
                        value = e.maximum(value, floor)
                    if kernel.masked:
                        value = e.select(to.mask.vector(where, lanes) > floor, value, 0.0)
                    stores.append((value, where, lanes))
                    values[-1].append(value)
            # The last position may come several times: all of them must read what was there before.
            self._store(to.y, stores)
            if kernel.moments:
                with e.when(sums.ends):
                    self._add_moments(values, to, k, tile)

    def _store(self, y: Pointer, stores: list[tuple[Value, Value, int]]) -> None:
        """Store vectors, or their first lanes, each at its place."""

        def store(past: bool) -> None:
            for value, where, lanes in stores:
                write(self.e, y + where, value, past, lanes)

        either_way(self.e, self.past, store)

    def _add_moments(self, values: list[list[Value]], to: Target, k: Value, tile: Value) -> None:
        """Add what a micro-tile has put to the moments of the block."""
        (own, moments), origin = self.moments, to.y + self.places.load()
        row = self.e.integer(moments.row)
        TileMoments(self.e, origin, own + k, row, self.e.scratch).add(values, tile, self.count)

    def _fetch_outputs(self, to: Target, tile: Value) -> None:
        """Ask for what the next micro-tile reads and writes of y and the mask; behind the last one
        that is the first one of the next block of filters. It comes to the second-level cache: so
        many lines at once would be too many for the first."""
        e, kernel = self.e, self.kernel
        wraps = tile + kernel.height >= self.count
        following = e.select(wraps, 0, tile + kernel.height)
        k = e.select(wraps, e.integer(kernel.columns), 0)
        rows = [self.places.load(following + r) + k for r in range(kernel.height)]
        lines = [place + v for place in rows for v in range(0, kernel.columns, LINE)]
        with unless(e, self.past):
            for line in lines:
                e.prefetch(to.y + line, level=2)
        if kernel.plus or kernel.masked:
            for line in lines:
                e.prefetch(to.mask + line, level=2)

    def _ahead(self, filters: Filters, depth: Value, soon: _Soon, tile: Value) -> Stream:
        """What comes while a micro-tile is summed up: the next block's filters, and, in every
        second one, the pixels that are copied next."""
        e, share = self.e, max(1, self.kernel.columns // TURNS)
        pair, odd = tile // 2, (tile & 1).equals(1)
        turn = filters.number * (self._tiles() // 2) + pair
        row = e.integer_minimum(turn * soon.rows, e.integer_maximum(soon.count - 1, 0))
        if self.kernel.every[0]:
            place = (self.first + soon.index + row) * e.argument(9)
        else:
            place = self.seen.load(soon.index + row)
        pixels = soon.x + place
        weights = filters.start + filters.step + pair * depth * (2 * share)
        return Stream(e.select_pointer(odd, pixels, weights), e.select(odd, soon.step, 2 * share))
