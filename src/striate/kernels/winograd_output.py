"""Winograd's last stage: AT·m·A, from the products of all positions to tiles of the output."""

from __future__ import annotations

from msgspec import Struct
from msgspec.structs import replace

from striate.kernels.base import NativeKernel
from striate.kernels.conv_direct import Target
from striate.kernels.emitter import Emitter
from striate.kernels.grid import Place
from striate.kernels.memory_ops import copy
from striate.kernels.past_caches import either_way, told, write
from striate.kernels.values import Operand, Pointer, Value
from striate.kernels.winograd_matrices import Filtering
from striate.kernels.winograd_pool import TilePool
from striate.kernels.winograd_signs import SPARE, Signs
from striate.kernels.winograd_tiles import AHEAD, NUMBERS, Tiling
from striate.kernels.winograd_transform import Load, transform
from striate.kernels.winograd_volumes import Panels

SIZES = 11
"""The slot from which on a tiling's numbers stand in the arguments of `TransformOutputs`."""


class Output(Struct, frozen=True):
    """The volume that tiles are put in, values from one of its pixels to the next, a block's first
    filter, and how many of it are wanted; whether the volume goes past the caches, or None where it
    never may."""

    height: Value
    width: Value
    pixel: Value
    first: Value
    wanted: Value
    past: Value | None


class Destination(Struct, frozen=True):
    """Where a tile goes, what is asked for meanwhile, values from one line and from one pixel to
    the next, and whether it goes past the caches."""

    start: Pointer
    ahead: Pointer
    line: Value
    pixel: Value
    past: bool = False


class Edge(Struct, frozen=True):
    """How much of a tile lies in the output."""

    rows: Value
    columns: Value
    output: Output


class OutputTransform(Struct, frozen=True):
    """How tiles of products become tiles of the output.

    Attributes:
        filtering: that tiles are made by.
        columns: filters in a block.
        bias: whether the sums get a bias.
        relu: whether max(0, .) follows.
        far: whether products come from memory, which is asked for ahead, not from a cache.
        pool: what happens to the output, if anything; it is then what a 2x2 POOL leaves of it, and
            in place of the mask come its switches, if they are wanted.
    """

    filtering: Filtering
    columns: int
    bias: bool
    relu: bool
    pool: TilePool | None
    far: bool

    def room(self, lanes: int) -> int:
        """Floats of private memory."""
        return self.filtering.positions * lanes + self.filtering.tile**2 * self.columns

    def target(self, e: Emitter, slots: tuple[int, int, int]) -> Target:
        """Where a launch finds bias, output, and the mask's signs or the POOL's switches."""
        bias, y, mask = slots
        kind = "u8" if self.pool else "u16"
        return Target(e.pointer(bias), e.pointer(y), e.pointer(mask, kind))

    def emit(
        self,
        e: Emitter,
        tiling: Tiling,
        tiles: tuple[Value, Value],
        products: tuple[Pointer, Operand],
        to: Target,
        output: Output,
        room: Pointer,
        signs: Signs | None = None,
    ) -> None:
        """Some tiles of one block of filters.

        Args:
            e: the emitter.
            tiling: of the input.
            tiles: the first, and how many.
            products: of the first tile, and the floats from one position's to the next.
            to: as `target` finds it.
            output: the volume, and the block's first filter.
            room: private memory.
            signs: of a mask: only what lies where they are positive is kept, and the rest is zero,
                as in the backward pass of a RELU.
        """
        source, stride = products
        first = output.first
        own = to.at(first) if self.pool else None
        with tiling.walk(e, *tiles) as (t, tile):
            found = source + t * self.columns, stride
            if own:
                self._pool(e, found, own, tile, output, room)
            else:
                at = signs and signs.at(self.filtering.tile, tile).of_channel(e, first)
                self._tile(e, found, (to.bias + first, to.y + first, at), tile, output, room)

    def _pool(
        self,
        e: Emitter,
        products: tuple[Pointer, Operand],
        to: Target,
        tile: Place,
        output: Output,
        between: Pointer,
    ) -> None:
        """One tile, of which the maxima of whole windows are kept."""
        assert self.pool is not None
        room, out = between + self.filtering.positions * e.lanes, self.filtering.tile
        windows = self.pool.windows(e, tile, (output.height, output.width), output.pixel)
        with e.loop(output.wanted, step=e.lanes) as v:

            def store(i: Value, j: int, value: Value) -> None:
                total = value + to.bias.vector(v) if self.bias else value
                room.store_vector(total, (i * out + j) * e.lanes)

            matrix = self.filtering.matrices.output
            transform(e, matrix, self._load(e, products, v), store, between)
            self.pool.emit(e, room, windows, (to.y + v, to.mask + v), self.relu)

    def _load(self, e: Emitter, products: tuple[Pointer, Operand], v: Value) -> Load:
        """What gives a vector of a tile's products, by row and column."""
        source, stride = products

        def load(j: Value, i: int) -> Value:
            place: Pointer = source + ((j + i * self.filtering.patch) * stride + v)
            if self.far:
                e.prefetch(place + AHEAD * self.columns)
            return place.vector()

        return load

    def _tile(
        self,
        e: Emitter,
        products: tuple[Pointer, Operand],
        to: tuple[Pointer, Pointer, Signs | None],
        tile: Place,
        output: Output,
        between: Pointer,
    ) -> None:
        """One tile; what the output's edge cuts off goes through a corner."""
        corner, out = between + self.filtering.positions * e.lanes, self.filtering.tile
        (bias, y, signs), (start, whole, edge) = to, self._place(e, tile, output)
        own = Destination(
            e.select_pointer(whole, y + start, corner),
            y + (start + output.pixel * (out * AHEAD)),
            e.select(whole, output.width * output.pixel, out * self.columns),
            e.select(whole, output.pixel, self.columns),
        )

        def emit(past: bool) -> None:
            self._transform(e, products, (bias, signs), replace(own, past=past), between)

        either_way(e, output.past, emit)
        with e.when(whole ^ True):
            self._copy_edge(e, y + start, corner, edge)

    def _transform(
        self,
        e: Emitter,
        products: tuple[Pointer, Operand],
        given: tuple[Pointer, Signs | None],
        to: Destination,
        between: Pointer,
    ) -> None:
        """All columns of a tile."""
        with e.loop(self.columns, step=e.lanes) as v:
            offset = given[0].vector(v) if self.bias else None
            signs = given[1] and given[1].of_channel(e, v)

            def store(i: Value, j: int, value: Value) -> None:
                place = i * to.line + to.pixel * j + v
                if not to.past:
                    e.prefetch(to.ahead + place)
                total = value if offset is None else value + offset
                total = e.maximum(total, 0.0) if self.relu else total
                if signs is not None:
                    kept = signs.positive(e, self.filtering, i, j)
                    total = e.select(kept, total, 0.0)
                write(e, to.start + place, total, to.past)

            matrix = self.filtering.matrices.output
            transform(e, matrix, self._load(e, products, v), store, between)

    def _place(self, e: Emitter, tile: Place, output: Output) -> tuple[Value, Value, Edge]:
        """A tile's first output, whether all of it lies in the output, and how much does."""
        height, width, out = output.height, output.width, self.filtering.tile
        row, column = tile.row * out, tile.column * out
        start = ((tile.image * height + row) * width + column) * output.pixel
        whole = (row <= height - out) & (column <= width - out)
        whole = whole & output.wanted.equals(self.columns)
        rows = e.integer_minimum(height - row, out)
        columns = e.integer_minimum(width - column, out)
        return start, whole, Edge(rows, columns, output)

    def _copy_edge(self, e: Emitter, volume: Pointer, corner: Pointer, edge: Edge) -> None:
        """From a tile of its own to a volume, as much as lies in there."""
        output = edge.output
        with e.loop(edge.rows) as i, e.loop(edge.columns) as j:
            place = volume + (i * output.width + j) * output.pixel
            copy(e, place, corner + (i * self.filtering.tile + j) * self.columns, output.wanted)


class TransformOutputs(NativeKernel, frozen=True):
    """Products in `Panels`, bias, y, signs or switches, tiles, tiles in a chunk, room of the
    panels, filters, rows and columns of the output, values from one of its pixels to the next,
    `Tiling.arguments`, whether y goes past the caches. It is the same kernel with signs and
    without.

    Attributes:
        filtering, columns, bias, relu, pool: as in `OutputTransform`.
        lanes: of a vector.
        past_caches: whether y may be written past them.
    """

    filtering: Filtering
    columns: int
    lanes: int
    bias: bool
    relu: bool = False
    pool: TilePool | None = None
    past_caches: bool = False

    @property
    def _transform(self) -> OutputTransform:
        own = self.filtering, self.columns, self.bias, self.relu, self.pool
        return OutputTransform(*own, far=True)

    @property
    def private(self) -> int:
        return 4 * (self._transform.room(self.lanes) + SPARE)

    def emit(self, e: Emitter) -> None:
        products, to = e.pointer(0), self._transform.target(e, (1, 2, 3))
        tiles, share, room, filters = (e.argument(i) for i in range(4, 8))
        height, width, pixel = (e.argument(i) for i in range(8, SIZES))
        tiling = Tiling.read(e, SIZES, self.filtering)
        panels, first = Panels(room, self.columns, self.filtering.positions), e.chunk * share
        some = first, e.integer_minimum(tiles - first, share)
        signs, past = None, told(e, self.past_caches, SIZES + NUMBERS)
        if self.pool is None:
            ones = e.room(self._transform.room(e.lanes), "u16")
            mask = e.argument(3) > 0, to.mask
            signs = Signs.if_any(e, mask, ones, (height, width, pixel))
        with e.loop(filters, step=self.columns) as k:
            source = products + (k // self.columns * panels.panel + first * self.columns)
            wanted = e.integer_minimum(filters - k, self.columns)
            output = Output(height, width, pixel, k, wanted, past)
            place = source, panels.position
            self._transform.emit(e, tiling, some, place, to, output, e.scratch, signs)
        if self.past_caches:
            e.order_stores()
