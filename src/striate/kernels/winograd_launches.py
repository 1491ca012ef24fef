"""The launches of Winograd's minimal filtering: how tiles and filters are cut in chunks."""

from __future__ import annotations

from dataclasses import dataclass

from striate.kernels.isa import Isa
from striate.kernels.rounding import multiple, quotient
from striate.kernels.winograd import WinogradConvolution
from striate.kernels.winograd_output import TransformOutputs
from striate.kernels.winograd_pool import TilePool
from striate.kernels.winograd_positions import MultiplyPositions
from striate.kernels.winograd_tiles import Tiling
from striate.kernels.winograd_volumes import POSITIONS, TILE, Panels, TransformTiles
from striate.layers import Shape
from striate.plan import At, Launch

BLOCK = 24
"""Tiles in a block whose chunk transforms them: they stay in the second-level cache."""
POSITION_BYTES = 448 * 2**10
"""Bytes of a position's tiles that stay in the second-level cache while its filters pass by."""
MOST_FILTERS = 12 * 2**20
"""Bytes of transformed filters that are read again for every block of tiles: a third-level cache
may hold them."""
CHUNKS = 16
"""Wanted chunks: blocks of the tiles times parts of the filters."""

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
    """From a tiling of the input to a volume of shape y.

    Block by block of tiles, or position by position: see `_Sizes.by_position`.

    Args:
        isa: the target.
        batch: number of images.
        cut: the tiling.
        y: shape of the output.
        roles: input, transformed filters, bias, output and mask; bias and mask may be 0.
        relu: whether max(0, .) follows.
        pixel: values from one pixel of the output to the next; None if it is as deep as y.
        pool: what is left of the output, if not all; the mask are then its switches.
    """
    sizes = _Sizes(isa, batch * int(cut.per_image), int(cut.channels), y.channels)
    ending = (roles[2] != 0, relu, roles[4] != 0 and pool is None, pool)
    volume = (y.channels, y.height, y.width, pixel or y.channels)
    if sizes.by_position:
        return _by_position(sizes, cut, roles, ending, volume)
    kernel = WinogradConvolution(cut.step, sizes.room, isa.tile_columns, isa.lanes, *ending)
    arguments = (*roles, *sizes.blocks, *volume, *cut.arguments)
    return (Launch(kernel, sizes.chunks, arguments, room=kernel.scratch(sizes.channels)),), {}


def _by_position(
    sizes: _Sizes,
    cut: Tiling,
    roles: tuple[str | At | int, ...],
    ending: tuple[bool, bool, bool, TilePool | None],
    volume: tuple[int, ...],
) -> Launches:
    """Transforms, products, and transforms back, each over everything."""
    isa, columns, room = sizes.isa, sizes.isa.tile_columns, sizes.micro_tiles * sizes.isa.tile_rows
    x, filters, bias, y, mask = roles
    pieces = min(sizes.micro_tiles, quotient(4 * room * sizes.channels, POSITION_BYTES))
    share = quotient(sizes.tiles, CHUNKS)
    factors = ("scratch.transformed", filters, "scratch.products")
    numbers = (sizes.micro_tiles, pieces, sizes.channels, sizes.filter_blocks)
    back = TransformOutputs(cut.step, columns, isa.lanes, *ending)
    to = ("scratch.products", bias, y, mask)
    launches = (
        transform(isa, cut, x, "scratch.transformed", sizes.tiles, room),
        Launch(MultiplyPositions(columns), POSITIONS * pieces, (*factors, *numbers)),
        Launch(
            *(back, quotient(sizes.tiles, share)),
            (*to, sizes.tiles, share, room, *volume, *cut.arguments),
        ),
    )
    panels = Panels(room, columns)
    volumes = {"transformed": sizes.channels, "products": sizes.filters}
    return launches, {name: 4 * int(panels.size(depth)) for name, depth in volumes.items()}


@dataclass(frozen=True)
class _Sizes:
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
    def by_position(self) -> bool:
        """Whether no cache holds the filters, or tiles make so few blocks that filters would have
        to be cut in many parts, too."""
        filters = POSITIONS * 4 * self.channels * self.filter_blocks * self.isa.tile_columns
        return filters > MOST_FILTERS or self.blocks[4] > 2

    @property
    def room(self) -> int:
        """The most tiles in a block of any net."""
        return multiple(BLOCK, self.isa.tile_rows)

    @property
    def blocks(self) -> tuple[int, ...]:
        """As `WinogradConvolution` takes them: tiles, micro-tiles, blocks that these are cut in,
        blocks of filters in a part, and parts of them, as even as can be."""
        pieces = quotient(self.micro_tiles, self.room // self.isa.tile_rows)
        part = quotient(self.filter_blocks, min(quotient(CHUNKS, pieces), self.filter_blocks))
        parts = quotient(self.filter_blocks, part)
        return self.tiles, self.micro_tiles, pieces, part, parts

    @property
    def chunks(self) -> int:
        """Blocks of tiles times parts of the filters."""
        return self.blocks[2] * self.blocks[4]


def transform(
    isa: Isa, cut: Tiling, volume: str | At | int, to: str, tiles: int, room: int
) -> Launch:
    """The transforms of all tiles of a volume, into `Panels` with so much room."""
    kernel = TransformTiles(cut.step, cut.size, isa.tile_columns, isa.lanes)
    share = quotient(tiles, CHUNKS)
    arguments = (volume, to, tiles, share, room, *cut.arguments)
    return Launch(kernel, quotient(tiles, share), arguments, room=kernel.scratch(cut.channels))
