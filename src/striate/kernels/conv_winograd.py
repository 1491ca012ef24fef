"""CONV by Winograd's minimal filtering, where it applies: 3x3 filters at stride 1."""

from __future__ import annotations

from dataclasses import dataclass

from striate.kernels.conv_direct import seconds
from striate.kernels.isa import Isa
from striate.kernels.winograd import OUT, POSITIONS, WinogradConvolution
from striate.kernels.winograd_filters import TransformFilters, TransformFlipped
from striate.kernels.winograd_gradient import SumWinogradGradient, WinogradFilterGradient
from striate.kernels.winograd_tiles import Tiling
from striate.layers import Conv, Shape
from striate.plan import Launch, Lowering, Task

BLOCK = 48
"""Tiles in a block: its transformed data stay in the second- or third-level cache."""
GROUP = 4
"""Blocks of filters that must share transformed data, so that the transform is a small part."""
CHUNKS = 16
"""Wanted chunks: blocks or slices of the tiles times parts of the filters."""


def _up(number: int, divisor: int) -> int:
    """The quotient rounded up."""
    return -(-number // divisor)


def unfit(conv: Conv) -> str | None:
    """Why a CONV cannot be done this way, or None."""
    if conv.window.size != (3, 3) or conv.window.dilation != (1, 1):
        return "the filters are not 3x3"
    if conv.window.stride != (1, 1):
        return "the stride is not 1"
    if conv.groups != 1:
        return "there are groups"
    return None if max(conv.window.sides) <= 2 else "the padding is larger than 2"


def tiling(x: Shape, y: Shape, before: tuple[int, int]) -> Tiling:
    """The patches of x from which tiles of 4x4 outputs of y follow."""
    rows, columns = _up(y.height, OUT), _up(y.width, OUT)
    return Tiling(x.height, x.width, x.channels, before, rows, columns, OUT, OUT + 2)


def convolution(
    isa: Isa, batch: int, x: Shape, y: Shape, before: tuple[int, int], bias: bool
) -> WinogradConvolution:
    """The kernel from a volume of shape x to one of shape y.

    The tiles are cut evenly in blocks; where that gives too few chunks to share between threads,
    the filters are cut too, at the price of transforming the data once for each part.
    """
    cut = tiling(x, y, before)
    tiles = batch * cut.per_image
    pieces = _up(tiles, BLOCK)
    block = _up(_up(tiles, pieces), isa.tile_rows) * isa.tile_rows
    blocks = _up(y.channels, isa.tile_columns)
    parts = max(1, min(_up(CHUNKS, pieces), blocks // GROUP))
    return WinogradConvolution(
        *(cut, (y.height, y.width), y.channels, block),
        columns=isa.tile_columns,
        part=_up(blocks, parts),
        lanes=isa.lanes,
        bias=bias,
    )


def _launch(kernel: WinogradConvolution, batch: int, roles: tuple[str | int, ...]) -> Launch:
    tiles = batch * kernel.tiling.per_image
    parts = _up(_up(kernel.filters, kernel.columns), kernel.part)
    return Launch(kernel, _up(tiles, kernel.tiles) * parts, (*roles, tiles))


def _fraction(isa: Isa, x: Shape, y: Shape) -> float:
    """Time by the multiplications of direct convolution: products, transforms, cut-off tiles."""
    covered = _up(y.height, OUT) * _up(y.width, OUT) * OUT * OUT / y.pixels
    padded = _up(y.channels, isa.tile_columns) * isa.tile_columns / y.channels
    return covered * (padded / 4 + 3.0 / x.channels + 3.0 / y.channels)


@dataclass(frozen=True)
class WinogradForward:
    """CONV forward by F(4x4, 3x3)."""

    isa: Isa
    name: str = "winograd"

    def refuses(self, task: Task) -> str | None:
        (x,) = task.inputs
        if x.channels % self.isa.lanes:
            return f"{x.channels} channels are not whole vectors of {self.isa.lanes}"
        return unfit(task.what)

    def cost(self, task: Task) -> float:
        (x,) = task.inputs
        work = task.batch * task.what.macs(x)
        return seconds(self.isa, work) * _fraction(self.isa, x, task.output)

    def lower(self, task: Task) -> Lowering:
        conv, (x,), columns = task.what, task.inputs, self.isa.tile_columns
        blocks = _up(conv.filters, columns)
        arguments = ("w.w", "scratch.packed", conv.filters, x.channels)
        pack = Launch(TransformFilters(), blocks, arguments, prepare=True)
        sides = conv.window.sides
        kernel = convolution(self.isa, task.batch, x, task.output, (sides[0], sides[2]), conv.bias)
        roles = ("x0", "scratch.packed", "w.b" if conv.bias else 0, "y")
        size = blocks * POSITIONS * x.channels * columns * 4
        return Lowering((pack, _launch(kernel, task.batch, roles)), scratch={"packed": size})


@dataclass(frozen=True)
class WinogradBackward:
    """CONV backward: by the data with F(4x4, 3x3), by the filters with F(3x3, 4x4)."""

    isa: Isa
    name: str = "winograd"

    def refuses(self, task: Task) -> str | None:
        (x,) = task.inputs
        columns = self.isa.tile_columns
        if x.channels % columns or task.output.channels % columns:
            return (
                f"{x.channels} channels and {task.output.channels} filters "
                f"are not whole blocks of {columns}"
            )
        return unfit(task.what)

    def cost(self, task: Task) -> float:
        (x,) = task.inputs
        work = task.batch * task.what.macs(x)
        by_data = _fraction(self.isa, task.output, x) if "dx0" in task.roles else 0
        by_filters = 1.1 * _fraction(self.isa, x, task.output)
        return seconds(self.isa, work) * (by_data + by_filters)

    def lower(self, task: Task) -> Lowering:
        launches, scratch = self._by_data(task) if "dx0" in task.roles else ((), {})
        more, partial = self._by_filters(task)
        return Lowering((*launches, *more), scratch={**scratch, **partial})

    def _by_data(self, task: Task) -> tuple[tuple[Launch, ...], dict[str, int]]:
        conv, (x,), columns = task.what, task.inputs, self.isa.tile_columns
        blocks = x.channels // columns
        arguments = ("w.w", "scratch.packed", conv.filters, x.channels)
        pack = Launch(TransformFlipped(), blocks, arguments, prepare=True)
        sides = conv.window.sides
        before = (2 - sides[0], 2 - sides[2])
        kernel = convolution(self.isa, task.batch, task.output, x, before, bias=False)
        main = _launch(kernel, task.batch, ("dy", "scratch.packed", 0, "dx0"))
        return (pack, main), {"packed": blocks * POSITIONS * conv.filters * columns * 4}

    def _by_filters(self, task: Task) -> tuple[tuple[Launch, ...], dict[str, int]]:
        conv, (x,), isa = task.what, task.inputs, self.isa
        sides, y = conv.window.sides, task.output
        data = tiling(x, y, (sides[0], sides[2]))
        tiles = task.batch * data.per_image
        blocks = y.channels // isa.tile_columns
        groups = _up(blocks, GROUP)
        slices = max(1, min(_up(tiles, BLOCK), CHUNKS // groups))
        kernel = WinogradFilterGradient(
            data,
            Tiling(y.height, y.width, y.channels, (0, 0), data.rows, data.columns, OUT, OUT),
            BLOCK,
            slices,
            GROUP,
            isa.tile_columns,
            isa.lanes,
        )
        main = Launch(kernel, slices * groups, ("x0", "dy", "scratch.partial", tiles))
        bias = "dw.b" if conv.bias else 0
        arguments = ("scratch.partial", "dw.w", bias, x.channels, slices, blocks)
        total = Launch(
            SumWinogradGradient(isa.tile_columns, isa.lanes, conv.bias), blocks, arguments
        )
        return (main, total), {"partial": slices * blocks * kernel.block_values * 4}
