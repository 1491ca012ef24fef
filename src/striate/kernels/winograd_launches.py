"""The launches of Winograd's minimal filtering: how tiles and filters are cut in chunks."""

from __future__ import annotations

from msgspec import Struct

from striate.kernels.isa import Isa
from striate.kernels.rounding import multiple, quotient
from striate.kernels.winograd import WinogradConvolution
from striate.kernels.winograd_output import TransformOutputs
from striate.kernels.winograd_pool import TilePool
from striate.kernels.winograd_positions import MultiplyPositions
from striate.kernels.winograd_tiles import TILE, Tiling
from striate.kernels.winograd_volumes import POSITIONS, Panels, TransformTiles
from striate.layers import Shape
from striate.plan import At, Launch

BLOCK = 24
"""Tiles in a block whose chunk transforms them: they stay in the second-level cache."""
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

SWITCHES = "saved.pooled"
"""The switches of a max POOL that the CONV in front of it does."""
TRANSFORMED = "scratch.transformed"
"""Where a transformed volume goes."""

Launches = tuple[tuple[Launch, ...], dict[str, int]]
"""Launches, and the bytes of their scratch buffers."""


def tiling(x: Shape, y: Shape, before: tuple[int, int], size: int) -> Tiling:
    """The 6x6 patches of x from which tiles of y follow, for filters of this size."""
    out = TILE + 1 - size
    rows, columns = quotient(y.height, out), quotient(y.width, out)
    return Tiling(x.height, x.width, x.channels, before, rows, columns, out, TILE)


def convolution(
    isa: Isa,
    batch: int,
    cut: Tiling,
    y: Shape,
    roles: tuple[str | At | int, ...],
    relu: bool = False,
    pixel: int | None = None,
    pool: TilePool | None = None,
) -> Launches:
    """From a tiling of the input to a volume of shape y: block by block of tiles, which are
    transformed by their chunks or before, or position by position; see `_Sizes`.

    Args:
        isa: the target.
        batch: number of images.
        cut: the tiling.
        y: shape of the output.
        roles: input, transformed filters, bias, output, mask, and the switches of an input that is
            a pooled gradient; bias, mask and switches may be 0.
        relu: whether max(0, .) follows.
        pixel: values from one pixel of the output to the next; None if it is as deep as y.
        pool: what is left of the output, if not all; the mask are then its switches.
    """
    sizes = _Sizes(isa, batch * int(cut.per_image), int(cut.channels), y.channels)
    ending = (roles[2] != 0, relu, roles[4] != 0 and pool is None, pool)
    volume = (y.channels, y.height, y.width, pixel or y.channels)
    if sizes.by_position:
        return _by_position(sizes, cut, roles, ending, volume)
    before, scratch, (*main_roles, switches) = list[Launch](), dict[str, int](), roles
    if sizes.given:
        room = sizes.all_room
        before.append(transform(isa, cut, roles[0], TRANSFORMED, sizes.tiles, room, switches))
        main_roles[0], switches = TRANSFORMED, 0
        scratch = {"transformed": sizes.transformed}
    own = cut.step, sizes.room, isa.tile_columns, isa.lanes, *ending
    kernel = WinogradConvolution(*own, sizes.given, switches != 0)
    arguments = (*main_roles, *sizes.blocks, *volume, *cut.arguments, switches)
    main = Launch(kernel, sizes.chunks, arguments, room=kernel.scratch(sizes.channels))
    return (*before, main), scratch


def _by_position(
    sizes: _Sizes,
    cut: Tiling,
    roles: tuple[str | At | int, ...],
    ending: tuple[bool, bool, bool, TilePool | None],
    volume: tuple[int, ...],
) -> Launches:
    """Transforms, products, and transforms back, each over everything."""
    isa, columns, room = sizes.isa, sizes.isa.tile_columns, sizes.all_room
    x, filters, bias, y, mask, switches = roles
    pieces = min(sizes.micro_tiles, quotient(4 * room * sizes.channels, POSITION_BYTES))
    share = quotient(sizes.tiles, CHUNKS)
    factors = (TRANSFORMED, filters, "scratch.products")
    numbers = (sizes.micro_tiles, pieces, sizes.channels, sizes.filter_blocks)
    back = TransformOutputs(cut.step, columns, isa.lanes, *ending)
    to = ("scratch.products", bias, y, mask)
    launches = (
        transform(isa, cut, x, TRANSFORMED, sizes.tiles, room, switches),
        Launch(MultiplyPositions(columns), POSITIONS * pieces, (*factors, *numbers)),
        Launch(
            *(back, quotient(sizes.tiles, share)),
            (*to, sizes.tiles, share, room, *volume, *cut.arguments),
        ),
    )
    products = 4 * int(Panels(room, columns).size(sizes.filters))
    return launches, {"transformed": sizes.transformed, "products": products}


class _Sizes(Struct, frozen=True):
    """How many tiles, channels and filters there are, and how they are cut in chunks.

    Attributes:
        isa: the target.
        tiles, channels, filters: how many there are.
    """

    isa: Isa
    tiles: int
    channels: int
    filters: int

    @property
    def micro_tiles(self) -> int:
        """Micro-tiles that hold the tiles."""
        return quotient(self.tiles, self.isa.tile_rows)

    @property
    def filter_blocks(self) -> int:
        """Blocks of filters."""
        return quotient(self.filters, self.isa.tile_columns)

    @property
    def all_room(self) -> int:
        """Tiles that the micro-tiles have room for."""
        return self.micro_tiles * self.isa.tile_rows

    @property
    def transformed(self) -> int:
        """Bytes of all tiles, transformed."""
        return 4 * int(Panels(self.all_room, self.isa.tile_columns).size(self.channels))

    @property
    def by_position(self) -> bool:
        """Whether no cache holds the filters, or tiles are too few to share, and yet no cache holds
        them transformed, for every part of the filters."""
        filters = POSITIONS * 4 * self.channels * self.filter_blocks * self.isa.tile_columns
        return filters > MOST_FILTERS or (self._are_few and self.transformed > MOST_GIVEN)

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
        """The most tiles in a block of any net."""
        return multiple(GIVEN_BLOCK if self.given else BLOCK, self.isa.tile_rows)

    @property
    def blocks(self) -> tuple[int, ...]:
        """As `WinogradConvolution` takes them: tiles, micro-tiles, blocks that these are cut in,
        blocks of filters in a part, and parts of them, as even as can be."""
        return self.tiles, self.micro_tiles, *self._cut(self.room)

    def _cut(self, room: int) -> tuple[int, int, int]:
        """Blocks with so much room, blocks of filters in a part, parts."""
        pieces = quotient(
            self.micro_tiles, multiple(room, self.isa.tile_rows) // self.isa.tile_rows
        )
        part = quotient(self.filter_blocks, min(quotient(CHUNKS, pieces), self.filter_blocks))
        return pieces, part, quotient(self.filter_blocks, part)

    @property
    def chunks(self) -> int:
        """Blocks of tiles times parts of the filters."""
        pieces, _, parts = self._cut(self.room)
        return pieces * parts


def transform(
    isa: Isa,
    cut: Tiling,
    volume: str | At | int,
    to: str,
    tiles: int,
    room: int,
    switches: str | At | int = 0,
) -> Launch:
    """The transforms of all tiles of a volume, into `Panels` with so much room; with switches, the
    volume is a pooled gradient."""
    kernel = TransformTiles(cut.step, cut.size, isa.tile_columns, isa.lanes, switches != 0)
    share = quotient(tiles, CHUNKS)
    arguments = (volume, to, tiles, share, room, *cut.arguments, switches)
    return Launch(kernel, quotient(tiles, share), arguments, room=kernel.scratch(cut.channels))
