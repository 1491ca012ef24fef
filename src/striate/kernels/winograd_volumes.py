"""Winograd's transforms of what is multiplied: patches of input and tiles of a gradient.

Transformed tiles lie in panels of as many channels as a micro-tile has columns:
[panels][positions][tiles][columns], or as many positions as are done at a time, so that what a
matrix product reads of a position is one piece of memory. A chunk that has all filters transforms
what it needs by itself, in private memory. Where several chunks need the same tiles, these are
transformed once, by launches of their own.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from msgspec import Struct

from striate.kernels.base import NativeKernel
from striate.kernels.emitter import Emitter
from striate.kernels.grid import Place
from striate.kernels.memory_ops import fill
from striate.kernels.past_caches import store_past
from striate.kernels.values import Operand, Pointer, Value
from striate.kernels.winograd_matrices import Filtering
from striate.kernels.winograd_signs import Signs
from striate.kernels.winograd_tiles import AHEAD, NUMBERS, Patch, Source, Tiling
from striate.kernels.winograd_transform import Seen, transform

SIGNS, GRADIENT = 6 + NUMBERS, 7 + NUMBERS
"""The slots of `TransformTiles` that hold its signs and tell what its volume is."""
Write = Callable[[Pointer, Value], None]
"""Stores a vector somewhere."""
Kept = tuple[Signs, Value]
"""Signs, and whether they are wanted."""
SKEW = 16
"""Floats between positions, so that all of them do not fall on the same cache sets."""


class Panels(Struct, frozen=True):
    """Where transformed tiles lie. A plan knows the numbers, a kernel reads or is made for them.

    Attributes:
        room: tiles.
        columns: channels in a panel.
        positions: that a panel holds.
    """

    room: Operand
    columns: int
    positions: int

    @property
    def position(self) -> Operand:
        """Floats from one position to the next."""
        return self.room * self.columns + SKEW

    @property
    def panel(self) -> Operand:
        """Floats from one panel to the next."""
        return self.position * self.positions

    def size(self, channels: Operand) -> Operand:
        """Floats of all panels."""
        return (channels + (self.columns - 1)) // self.columns * self.panel


class TransformTiles(NativeKernel, frozen=True):
    """A volume, transformed, tiles, tiles in a chunk, room of the `Panels`, `Tiling.arguments`, the
    switches of a `Source` that is pooled, `Signs`, which are kept of patches if there are any, and
    whether the volume is an output's gradient, not an input.

    Attributes:
        filtering: that they are made for.
        columns: channels in a panel.
        lanes: of a vector.
        pooled: whether the volume is a pooled gradient.
        past_caches: whether what is written goes past them, as `goes_past` says.
    """

    filtering: Filtering
    columns: int
    lanes: int
    pooled: bool = False
    past_caches: bool = False

    def scratch(self, channels: int) -> int:
        """Bytes of private memory for a volume of this depth."""
        return 4 * (self.filtering.positions * self.lanes + self.filtering.patch * channels)

    def emit(self, e: Emitter) -> None:
        if self.filtering.spread > 1:
            # By the data alone: there are no tiles of a gradient.
            self._transform(e, gradient=False)
        else:
            of_gradient = e.argument(GRADIENT) > 0
            with e.when(of_gradient):
                self._transform(e, gradient=True)
            with e.when(of_gradient ^ True):
                self._transform(e, gradient=False)
        if self.past_caches:
            e.order_stores()

    def _transform(self, e: Emitter, gradient: bool) -> None:
        source, to = Source.read(e, 0, 5 + NUMBERS if self.pooled else None), e.pointer(1)
        tiles, share, room = (e.argument(i) for i in range(2, 5))
        tiling = Tiling.read(e, 5, self.filtering, gradient)
        first = e.chunk * share
        count = e.integer_minimum(tiles - first, share)
        panels = Panels(room, self.columns, self.filtering.positions)
        whole = e.integer(0), tiling.channels
        volumes, some = (source, to + first * self.columns), (first, count)
        kept = None
        if not gradient and not self.pooled:
            kept = Signs.of_input(e, SIGNS, tiling), e.argument(SIGNS) > 0

        def write(place: Pointer, value: Value) -> None:
            if self.past_caches:
                store_past(e, place, value)
                return
            e.prefetch(place + AHEAD * self.columns)
            place.store_vector(value)

        transform_tiles(e, tiling, volumes, some, whole, panels, e.scratch, write=write, kept=kept)


def transform_tiles(
    e: Emitter,
    tiling: Tiling,
    volumes: tuple[Source, Pointer],
    tiles: tuple[Value, Value],
    channels: tuple[Value, Value],
    panels: Panels,
    room: Pointer,
    rows: Sequence[int] | None = None,
    write: Write = Pointer.store_vector,
    kept: Kept | None = None,
) -> None:
    """BT·d·B of patches of input, or G·dy·Gᵀ of tiles of a gradient.

    Args:
        e: the emitter.
        tiling: of the volume.
        volumes: the source, and where the first tile goes.
        tiles: the first, and how many.
        channels: the first, and how many; whole vectors.
        panels: where tiles go.
        room: for a vector of each position and one row of a tile with all channels.
        rows: of the transformed tiles that are wanted; all by default.
        write: stores a vector of them; by default to a cache.
        kept: signs of the patches' middles, if they may be wanted, and whether they are; the rows
            of the result must then need every row of a middle, as others are not read.
    """
    (source, to), (first, count) = volumes, channels
    source, zeros = source.at(first), room + tiling.filtering.positions * e.lanes
    fill(e, zeros, tiling.channels * tiling.size)
    with tiling.walk(e, *tiles) as (t, tile):
        patch = tiling.patch(e, source, tile, zeros)
        target = to + t * panels.columns
        with e.loop(count, step=panels.columns) as c:
            place = target + c // panels.columns * panels.panel
            vectors = e.integer_minimum(count - c, panels.columns)
            with e.loop(vectors, step=e.lanes) as v:
                seen = None if kept is None else _keep(e, tiling, kept, tile, first + c + v)
                from_to = (patch, c + v), place + v
                _transform_vector(e, tiling, *from_to, panels, room, rows, write, seen)


def _transform_vector(
    e: Emitter,
    tiling: Tiling,
    source: tuple[Patch, Value],
    to: Pointer,
    panels: Panels,
    between: Pointer,
    rows: Sequence[int] | None,
    write: Write,
    seen: Seen | None,
) -> None:
    """One vector of a tile's channels, from this channel of its patch on."""
    patch, channel = source

    def load(column: Value, i: int) -> Value:
        return patch.load(i, column, channel)

    def store(i: Value, j: int, value: Value) -> None:
        write(to + (i * tiling.filtering.patch + j) * panels.position, value)

    transform(e, tiling.matrix, load, store, between, rows, seen)


def _keep(e: Emitter, tiling: Tiling, kept: Kept, tile: Place, channel: Value) -> Seen:
    """What stores the signs of a tile's vector, if they are wanted."""
    (signs, wanted), filtering = kept, tiling.filtering
    signs = signs.at(filtering.step, tile).of_channel(e, channel)

    def seen(column: Value, values: Sequence[Value]) -> None:
        with e.when(wanted):
            signs.keep(e, filtering, column, values)

    return seen
