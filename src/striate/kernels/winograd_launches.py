"""The launches of Winograd's minimal filtering: how tiles and filters are cut in chunks."""

from __future__ import annotations

from msgspec import Struct

from striate.kernels.isa import Isa
from striate.kernels.micro_tile_rows import micro_tile_rows
from striate.kernels.past_caches import goes_past, output_goes_past
from striate.kernels.rounding import multiple, quotient
from striate.kernels.winograd import WinogradConvolution
from striate.kernels.winograd_filters import Filters
from striate.kernels.winograd_matrices import Filtering
from striate.kernels.winograd_output import TransformOutputs
from striate.kernels.winograd_pool import TilePool
from striate.kernels.winograd_positions import MultiplyPositions, MultiplyRows
from striate.kernels.winograd_tiles import Tiling
from striate.kernels.winograd_volumes import Panels, TransformTiles
from striate.layers import Shape
from striate.plan import At, Launch

BLOCK = 24
"""Tiles in a block whose chunk transforms them: they stay in the second-level cache."""
MOST_BLOCK, MOST_HALVED = 512 * 2**10, 4 * 2**20
"""Bytes of a block's tiles and products, beyond which blocks are halved; and bytes of transformed
filters up to which they are, since each block reads all filters."""
POSITION_BYTES = 448 * 2**10
"""Bytes of a position's tiles that stay in the second-level cache while its filters pass by."""
GIVEN_BLOCK = 96
"""Tiles in a block of a volume that was transformed before."""
MOST_GIVEN = 4 * 2**20
"""Bytes of a transformed volume that every part of the filters reads."""
MOST_FILTERS = 12 * 2**20
"""Bytes of transformed filters that are read again for every block of tiles: a third-level cache
may hold them."""
CHUNKS = 16
"""Wanted chunks: blocks of the tiles times parts of the filters."""

FILTERS_WEIGH = 4
"""A byte of filters, which is read before anything can be multiplied, costs as much as so many
bytes of tiles, which are read while products are summed up."""
TRANSFORMED, PACKED, PRODUCTS = "transformed", "packed", "products"
"""Scratch buffers: a transformed volume, transformed filters, what both give."""

Launches = tuple[tuple[Launch, ...], dict[str, int]]
"""Launches, and the bytes of their scratch buffers."""


def tiling(x: Shape, y: Shape, before: tuple[int, int], filtering: Filtering) -> Tiling:
    """The patches of x from which tiles of y follow."""
    rows, columns = (quotient(extent, filtering.tile) for extent in (y.height, y.width))
    return Tiling(x.height, x.width, x.channels, before, rows, columns, filtering)


def convolution(
    sizes: Sizes,
    roles: tuple[str | At | int, ...],
    filters: Filters,
    relu: bool = False,
    pixel: int | None = None,
    pool: TilePool | None = None,
) -> Launches:
    """From a tiling of the input to an output: block by block of tiles, which are transformed by
    their chunks or before, or position by position; see `Sizes`.

    Args:
        sizes: of what is done.
        roles: input, bias, output, signs of a mask, and the switches of an input that is a pooled
            gradient; bias, signs and switches may be 0.
        filters: that it is multiplied with.
        relu: whether max(0, .) follows.
        pixel: values from one pixel of the output to the next; None if it is as deep as y.
        pool: what is left of the output, if not all; in place of signs then come its switches.
    """
    isa, cut, y = sizes.isa, sizes.cut, sizes.y
    apart, size = pixel or y.channels, 4 * sizes.batch * int(y.values)
    past = int(pool is None and output_goes_past(isa, size, roles[2], apart))
    ending = roles[1] != 0, relu, pool, isa.outputs_past and pool is None
    volume = (y.channels, y.height, y.width, apart, *cut.arguments)
    if sizes.by_position:
        return _by_position(sizes, roles, filters, ending, volume, past)
    x, *others, switches = roles
    before, scratch = [filters.launch()], {PACKED: filters.transformed}
    if sizes.given:
        before.append(transform(isa, cut, x, TRANSFORMED, sizes.tiles, sizes.all_room, switches))
        x, switches = f"scratch.{TRANSFORMED}", 0
        scratch[TRANSFORMED] = sizes.transformed
    own = cut.filtering, sizes.height, isa.tile_columns, isa.lanes, *ending
    masked = others[-1] != 0 and pool is None
    kernel = WinogradConvolution(*own, masked, sizes.given, switches != 0)
    arguments = (x, f"scratch.{PACKED}", *others, *sizes.blocks, *volume, switches, past)
    room = kernel.scratch(sizes.channels, sizes.room)
    main = Launch(kernel, sizes.chunks, arguments, room=room)
    return (*before, main), scratch


def _by_position(
    sizes: Sizes,
    roles: tuple[str | At | int, ...],
    filters: Filters,
    ending: tuple[bool, bool, TilePool | None, bool],
    volume: tuple[int, ...],
    past: int,
) -> Launches:
    """Transforms, products, and transforms back, each over everything."""
    isa, cut, room = sizes.isa, sizes.cut, sizes.all_room
    x, bias, y, mask, switches = roles
    share = quotient(sizes.tiles, CHUNKS)
    back = TransformOutputs(cut.filtering, isa.tile_columns, isa.lanes, *ending)
    to = (f"scratch.{PRODUCTS}", bias, y, mask)
    products = 4 * int(sizes.panels.size(sizes.y.channels))
    scratch = {TRANSFORMED: sizes.transformed, PRODUCTS: products}
    before, multiply = list[Launch](), _rows(sizes, filters)
    if filters.prepared:
        before, multiply = [filters.launch()], _positions(sizes)
        scratch[PACKED] = filters.transformed
    launches = (
        *before,
        transform(isa, cut, x, TRANSFORMED, sizes.tiles, room, switches),
        multiply,
        Launch(
            *(back, quotient(sizes.tiles, share)),
            (*to, sizes.tiles, share, room, *volume, past),
        ),
    )
    return launches, scratch


def _positions(sizes: Sizes) -> Launch:
    """The products with transformed filters."""
    pieces = quotient(4 * sizes.all_room * sizes.channels, POSITION_BYTES)
    pieces = min(sizes.micro_tiles, pieces)
    factors = (f"scratch.{name}" for name in (TRANSFORMED, PACKED, PRODUCTS))
    numbers = (sizes.micro_tiles, pieces, sizes.channels, sizes.filter_blocks)
    filtering = sizes.cut.filtering
    kernel = MultiplyPositions(filtering.alike, sizes.isa.tile_columns, sizes.height)
    return Launch(kernel, filtering.positions * pieces, (*factors, *numbers))


def _rows(sizes: Sizes, filters: Filters) -> Launch:
    """The products with filters that are transformed where they are multiplied."""
    isa, own, filtering = sizes.isa, (filters.count, filters.channels), filters.filtering
    read = 4 * filtering.filter**2 * filters.count * filters.channels * len(filtering.pairs)
    by_rows = sizes.transformed * filters.blocks > FILTERS_WEIGH * read
    kernel = MultiplyRows(filtering.alike, isa.tile_columns, sizes.height, by_rows)
    factors = (f"scratch.{TRANSFORMED}", "w.w", f"scratch.{PRODUCTS}")
    return Launch(
        *(kernel, len(filtering.pairs) * filters.blocks),
        (*factors, sizes.micro_tiles, filters.blocks, *own, int(filters.flipped)),
        room=kernel.scratch(isa.lanes, sizes.channels),
    )


class Sizes(Struct, frozen=True):
    """What a convolution goes over, and how it is cut in chunks.

    Attributes:
        isa: the target.
        batch: number of images.
        cut: the tiling of the input.
        y: shape of the output.
        training: whether it is part of a training step.
    """

    isa: Isa
    batch: int
    cut: Tiling
    y: Shape
    training: bool = True

    @property
    def tiles(self) -> int:
        """Tiles of all images."""
        return self.batch * int(self.cut.per_image)

    @property
    def channels(self) -> int:
        """Of the input."""
        return int(self.cut.channels)

    @property
    def height(self) -> int:
        """Rows of a micro-tile: where no cache holds the filters, as many in training as in
        inference, since few kernels multiply by rows of positions."""
        training = self.training and not self.filters_exceed_caches
        return micro_tile_rows(self.isa, self.tiles, training)

    @property
    def micro_tiles(self) -> int:
        """Micro-tiles that hold the tiles."""
        return quotient(self.tiles, self.height)

    @property
    def filter_blocks(self) -> int:
        """Blocks of filters."""
        return quotient(self.y.channels, self.isa.tile_columns)

    @property
    def all_room(self) -> int:
        """Tiles that the micro-tiles have room for."""
        return self.micro_tiles * self.height

    @property
    def transformed(self) -> int:
        """Bytes of all tiles, transformed."""
        return 4 * int(self.panels.size(self.channels))

    @property
    def panels(self) -> Panels:
        """Of all tiles."""
        return Panels(self.all_room, self.isa.tile_columns, self.cut.filtering.positions)

    @property
    def by_position(self) -> bool:
        """Whether no cache holds the filters, or tiles are too few to share, and yet no cache holds
        them transformed, for every part of the filters."""
        return self.filters_exceed_caches or (self._are_few and self.transformed > MOST_GIVEN)

    @property
    def filters_exceed_caches(self) -> bool:
        """Whether no cache holds the transformed filters."""
        return self.filter_bytes > MOST_FILTERS

    @property
    def filter_bytes(self) -> int:
        """Of the transformed filters, which fill whole blocks."""
        positions = self.cut.filtering.positions
        return positions * 4 * self.channels * self.filter_blocks * self.isa.tile_columns

    @property
    def given(self) -> bool:
        """Whether tiles are transformed before, because many parts of the filters need them."""
        return self._are_few and not self.by_position

    @property
    def _are_few(self) -> bool:
        """Whether tiles make so few blocks that filters have to be cut in many parts, too."""
        return self._cut(BLOCK)[-1] > 2

    @property
    def room(self) -> int:
        """Tiles in the largest block, unless it is done by position."""
        return quotient(self.micro_tiles, self._cut(self.block)[0]) * self.height

    @property
    def block(self) -> int:
        """The most tiles that a block may have."""
        if self.given:
            return multiple(GIVEN_BLOCK, self.height)
        whole = multiple(BLOCK, self.height)
        size = self.cut.filtering.positions * 4 * whole * (self.channels + self.isa.tile_columns)
        if size <= MOST_BLOCK or self.filter_bytes > MOST_HALVED:
            return whole
        return whole // self.height // 2 * self.height

    @property
    def blocks(self) -> tuple[int, ...]:
        """As `WinogradConvolution` takes them: tiles, micro-tiles, blocks that these are cut in,
        blocks of filters in a part, and parts of them, as even as can be."""
        return self.tiles, self.micro_tiles, *self._cut(self.block)

    def _cut(self, block: int) -> tuple[int, int, int]:
        """Blocks of so many tiles at most, blocks of filters in a part, parts."""
        pieces = quotient(self.micro_tiles, quotient(block, self.height))
        part = quotient(self.filter_blocks, min(quotient(CHUNKS, pieces), self.filter_blocks))
        return pieces, part, quotient(self.filter_blocks, part)

    @property
    def chunks(self) -> int:
        """Blocks of tiles times parts of the filters."""
        pieces, _, parts = self._cut(self.block)
        return pieces * parts


def transform(
    isa: Isa,
    cut: Tiling,
    volume: str | At | int,
    to: str,
    tiles: int,
    room: int,
    switches: str | At | int = 0,
    signs: str | int = 0,
) -> Launch:
    """The transforms of all tiles of a volume, to `Panels` with so much room in a scratch buffer;
    with switches, the volume is a pooled gradient; signs are where those of its patches go."""
    panels = Panels(room, isa.tile_columns, cut.filtering.positions)
    past = goes_past(isa, 4 * int(panels.size(cut.channels)))
    shape = isa.tile_columns, isa.lanes, switches != 0, past
    kernel = TransformTiles(cut.filtering, *shape)
    share = quotient(tiles, CHUNKS)
    told = *cut.arguments, switches, signs, int(cut.gradient)
    arguments = (volume, f"scratch.{to}", tiles, share, room, *told)
    return Launch(kernel, quotient(tiles, share), arguments, room=kernel.scratch(cut.channels))
