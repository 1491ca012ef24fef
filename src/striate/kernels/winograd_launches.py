"""The launches of Winograd's minimal filtering: how tiles and filters are cut in chunks."""

from __future__ import annotations

from dataclasses import dataclass

from striate.kernels.conv_filter_gradient import sum_slices
from striate.kernels.isa import Isa
from striate.kernels.rounding import multiple, quotient
from striate.kernels.winograd import WinogradConvolution
from striate.kernels.winograd_gradient import WinogradFilterGradient
from striate.kernels.winograd_tiles import Tiling
from striate.kernels.winograd_volumes import (
    TILE,
    TransformData,
    TransformGradients,
    position_stride,
    volume_size,
)
from striate.layers import Shape
from striate.plan import At, Launch, Task

BLOCK = 48
"""Tiles in a block: its transformed data stay in the second- or third-level cache."""
GIVEN_BLOCK = 96
"""Tiles in a block of a volume that was transformed before: they are summed up in registers."""
GROUP = 4
"""Blocks of filters that share the patches which their chunk transforms."""
CHUNKS = 16
"""Wanted chunks: blocks or slices of the tiles times parts of the filters."""
MOST_GIVEN = 32 * 2**20
"""Bytes of transformed volumes that stay in the third-level cache until they are read."""

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
) -> Launches:
    """From a tiling of the input to a volume of shape y.

    The tiles are cut in blocks and, where these are too few to share between threads, the filters
    in parts; where there are many parts, the patches are transformed before, once for all of them.

    Args:
        isa: the target.
        batch: number of images.
        cut: the tiling.
        y: shape of the output.
        roles: input, transformed filters, bias, output and mask; bias and mask may be 0.
        relu: whether max(0, .) follows.
        pixel: values from one pixel of the output to the next; None if it is as deep as y.
    """
    blocks = _Blocks.of(isa, batch * int(cut.per_image), y.channels)
    before, scratch = list[Launch](), {}
    if blocks.transforms_before:
        before.append(_transform_volume(isa, cut, blocks, roles[0], "scratch.transformed"))
        roles = ("scratch.transformed", *roles[1:])
        scratch["transformed"] = volume_size(cut.channels, blocks.count, blocks.room)
    kernel = WinogradConvolution(
        *(cut.step, blocks.room, isa.tile_columns, isa.lanes),
        bias=roles[2] != 0,
        given=blocks.transforms_before,
        relu=relu,
        masked=roles[4] != 0,
    )
    volume = (y.height, y.width, pixel or y.channels)
    arguments = (*roles, *blocks.sizes(y.channels), *volume, *cut.arguments)
    main = Launch(kernel, blocks.chunks, arguments, room=kernel.scratch(cut.channels))
    return (*before, main), scratch


@dataclass(frozen=True)
class _Blocks:
    """How tiles are cut in blocks, which are whole micro-tiles, and blocks of filters in parts.

    Attributes:
        tiles: how many there are.
        size: tiles in a block.
        room: the most tiles in any net's block.
        part: blocks of filters in a part.
        parts: of the filters.
    """

    tiles: int
    size: int
    room: int
    part: int = 1
    parts: int = 1

    @classmethod
    def of(cls, isa: Isa, tiles: int, filters: int) -> _Blocks:
        """As even as can be, in as many chunks as are wanted."""
        pieces = quotient(tiles, BLOCK)
        size = multiple(quotient(tiles, pieces), isa.tile_rows)
        blocks = quotient(filters, isa.tile_columns)
        part = quotient(blocks, min(quotient(CHUNKS, quotient(tiles, size)), blocks))
        return cls(tiles, size, multiple(BLOCK, isa.tile_rows), part, quotient(blocks, part))

    @property
    def count(self) -> int:
        """Blocks of tiles."""
        return quotient(self.tiles, self.size)

    @property
    def transforms_before(self) -> bool:
        """Whether so many chunks need a block that it is cheaper to transform it once, although it
        then goes through memory."""
        return self.parts > 2

    @property
    def chunks(self) -> int:
        """Blocks of tiles times parts of the filters."""
        return self.count * self.parts

    def sizes(self, filters: int) -> tuple[int, ...]:
        """As `WinogradConvolution` takes them."""
        return self.tiles, self.size, filters, self.part, self.parts


def _transform_volume(isa: Isa, cut: Tiling, blocks: _Blocks, x: str | At | int, to: str) -> Launch:
    """All patches of a volume."""
    kernel, share = TransformData(cut.step, isa.lanes), quotient(blocks.tiles, CHUNKS)
    distance = position_stride(cut.channels, blocks.room)
    arguments = (x, to, blocks.tiles, blocks.size, share, distance, *cut.arguments)
    chunks = quotient(blocks.tiles, share)
    return Launch(kernel, chunks, arguments, room=kernel.scratch(cut.channels))


@dataclass(frozen=True)
class _FilterGradient:
    """A backward-filter pass in the making: the task, and both volumes in tiles."""

    isa: Isa
    task: Task
    data: Tiling
    gradients: Tiling

    @property
    def tiles(self) -> int:
        return self.task.batch * int(self.data.per_image)

    @property
    def blocks(self) -> int:
        """Blocks of filters."""
        return self.task.output.channels // self.isa.tile_columns

    @property
    def scratch(self) -> dict[str, int]:
        """Of the volumes, where they are transformed before."""
        pieces, columns = quotient(self.tiles, GIVEN_BLOCK), self.isa.tile_columns
        return {
            "patches": volume_size(self.task.inputs[0].channels, pieces, GIVEN_BLOCK),
            "gradients": self.blocks * volume_size(columns, pieces, GIVEN_BLOCK),
            "biases": 4 * self.task.output.channels,
        }

    def transforms(self) -> tuple[Launch, ...]:
        """Both volumes."""
        isa, blocks = self.isa, _Blocks(self.tiles, GIVEN_BLOCK, GIVEN_BLOCK)
        kernel = TransformGradients(self.data.step, GIVEN_BLOCK, isa.tile_columns, isa.lanes)
        roles = ("dy", "scratch.gradients", "scratch.biases")
        return (
            _transform_volume(isa, self.data, blocks, "x0", "scratch.patches"),
            Launch(kernel, self.blocks, (*roles, self.tiles, *self.gradients.arguments)),
        )

    def products(
        self, roles: tuple[str | int, ...], room: int, group: int, slices: int, given: bool
    ) -> Launch:
        """The sums of so many slices, for blocks of filters in groups."""
        isa, (x,), y = self.isa, self.task.inputs, self.task.output
        kernel = WinogradFilterGradient(
            *(self.data.step, room, isa.tile_columns, isa.lanes),
            left=x.channels % isa.tile_rows,
            given=given,
        )
        sizes = (self.tiles, slices, group, *self.data.arguments, *self.gradients.arguments)
        return Launch(
            *(kernel, slices * quotient(self.blocks, group)),
            (*roles, "scratch.partial", *sizes),
            room=kernel.scratch(x.channels, y.channels, group),
        )


def filter_gradient(isa: Isa, task: Task) -> Launches:
    """The gradient of a CONV's filters and bias.

    Where filters make many groups, each of which would transform all patches for itself, and the
    transformed volumes stay in the cache, these are transformed before.
    """
    conv, (x,), y = task.what, task.inputs, task.output
    size, sides = conv.window.size[0], conv.window.sides
    data = tiling(x, y, (sides[0], sides[2]), size)
    outputs = (y.height, y.width, y.channels, (0, 0), data.rows, data.columns)
    pass_ = _FilterGradient(isa, task, data, Tiling(*outputs, data.step, data.step))
    groups = quotient(pass_.blocks, GROUP)
    before: tuple[Launch, ...] = ()
    scratch: dict[str, int] = {}
    if groups > 2 and sum(pass_.scratch.values()) <= MOST_GIVEN:
        before, scratch, slices = pass_.transforms(), pass_.scratch, 1
        roles = ("scratch.patches", "scratch.gradients", "scratch.biases")
        group = max(1, pass_.blocks // CHUNKS)
        main = pass_.products(roles, GIVEN_BLOCK, group, slices, given=True)
    else:
        slices = max(1, min(quotient(pass_.tiles, BLOCK), CHUNKS // groups))
        main = pass_.products(("x0", "dy", 0), BLOCK, GROUP, slices, given=False)
    total, partial = sum_slices(conv, size**2 * x.channels, isa.tile_columns, slices)
    return (*before, main, total), {"partial": partial, **scratch}
