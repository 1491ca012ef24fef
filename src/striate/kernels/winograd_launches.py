"""The launches of Winograd's minimal filtering: how tiles and filters are cut in chunks."""

from __future__ import annotations

from dataclasses import dataclass

from striate.kernels.isa import Isa
from striate.kernels.rounding import multiple, quotient
from striate.kernels.winograd import WinogradConvolution
from striate.kernels.winograd_pool import TilePool
from striate.kernels.winograd_tiles import Tiling
from striate.kernels.winograd_volumes import TILE, Panels, TransformTiles
from striate.layers import Shape
from striate.plan import At, Launch

BLOCK = 24
"""Tiles in a block whose chunk transforms them: they stay in the second-level cache."""
GIVEN_BLOCK = 96
"""Tiles in a block of a volume that was transformed before."""
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

    Where tiles make too few blocks, filters are cut in parts, too; see `_Blocks`.

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
    blocks = _Blocks.of(isa, batch * int(cut.per_image), y.channels)
    before, scratch = list[Launch](), dict[str, int]()
    if blocks.given:
        room = blocks.micro_tiles * isa.tile_rows
        before.append(transform(isa, cut, roles[0], "scratch.transformed", blocks.tiles, room))
        roles = ("scratch.transformed", *roles[1:])
        scratch["transformed"] = 4 * Panels(room, isa.tile_columns).size(cut.channels)
    kernel = WinogradConvolution(
        *(cut.step, blocks.room, isa.tile_columns, isa.lanes),
        *(roles[2] != 0, blocks.given, relu, roles[4] != 0 and pool is None),
        pool=pool,
    )
    volume = (y.height, y.width, pixel or y.channels)
    arguments = (*roles, *blocks.sizes, y.channels, *volume, *cut.arguments)
    main = Launch(kernel, blocks.chunks, arguments, room=kernel.scratch(cut.channels))
    return (*before, main), scratch


@dataclass(frozen=True)
class _Blocks:
    """How tiles are cut in blocks, which are whole micro-tiles, and blocks of filters in parts.

    Attributes:
        tiles: how many there are.
        micro_tiles: that hold them.
        count: blocks of tiles.
        room: the most tiles in any net's block.
        part: blocks of filters in a part.
        parts: of the filters.
        given: whether so many parts need a block that it is cheaper to transform it once, before,
            although it then goes through memory.
    """

    tiles: int
    micro_tiles: int
    count: int
    room: int
    part: int
    parts: int
    given: bool

    @classmethod
    def of(cls, isa: Isa, tiles: int, filters: int) -> _Blocks:
        """As even as can be, in as many chunks as are wanted."""
        blocks, micro_tiles = quotient(filters, isa.tile_columns), quotient(tiles, isa.tile_rows)
        for size, given in ((BLOCK, False), (GIVEN_BLOCK, True)):
            most = multiple(size, isa.tile_rows)
            count = quotient(micro_tiles, most // isa.tile_rows)
            part = quotient(blocks, min(quotient(CHUNKS, count), blocks))
            found = cls(tiles, micro_tiles, count, most, part, quotient(blocks, part), given)
            if found.parts <= 2:
                break
        return found

    @property
    def chunks(self) -> int:
        """Blocks of tiles times parts of the filters."""
        return self.count * self.parts

    @property
    def sizes(self) -> tuple[int, ...]:
        """As `WinogradConvolution` takes them."""
        return self.tiles, self.micro_tiles, self.count, self.part, self.parts


def transform(
    isa: Isa, cut: Tiling, volume: str | At | int, to: str, tiles: int, room: int
) -> Launch:
    """The transforms of all tiles of a volume, into `Panels` with so much room."""
    kernel = TransformTiles(cut.step, cut.size, isa.tile_columns, isa.lanes)
    share = quotient(tiles, CHUNKS)
    arguments = (volume, to, tiles, share, room, *cut.arguments)
    return Launch(kernel, quotient(tiles, share), arguments, room=kernel.scratch(cut.channels))
