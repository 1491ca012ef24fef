"""CONV by Winograd's minimal filtering, where it applies: 3x3 and 5x5 filters at stride 1."""

from __future__ import annotations

from dataclasses import dataclass

from striate.kernels.conv_filter_gradient import sum_slices
from striate.kernels.conv_fold import fold_norm
from striate.kernels.estimates import seconds
from striate.kernels.isa import Isa
from striate.kernels.rounding import multiple, quotient
from striate.kernels.winograd import POSITIONS, TILE, WinogradConvolution
from striate.kernels.winograd_filters import TransformFilters, TransformFlipped
from striate.kernels.winograd_gradient import WinogradFilterGradient
from striate.kernels.winograd_tiles import Tiling
from striate.layers import Conv, Shape
from striate.plan import Launch, Lowering, Task

SIZES = ((3, 3), (5, 5))
BLOCK = 48
"""Tiles in a block: its transformed data stay in the second- or third-level cache."""
GROUP = 4
"""Blocks of filters that must share transformed data, so that the transform is a small part."""
TRANSFORM = 400
"""Multiply-adds that take as long as the transforms of one channel of one patch."""
CHUNKS = 16
"""Wanted chunks: blocks or slices of the tiles times parts of the filters."""


def unfit(conv: Conv) -> str | None:
    """Why a CONV cannot be done this way, or None."""
    if conv.window.size not in SIZES or conv.window.dilation != (1, 1):
        return "the filters are not 3x3 or 5x5"
    if conv.window.stride != (1, 1):
        return "the stride is not 1"
    if conv.groups != 1:
        return "there are groups"
    most = conv.window.size[0] - 1
    return None if max(conv.window.sides) <= most else f"the padding is larger than {most}"


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
    roles: tuple[str | int, ...],
    relu: bool = False,
) -> Launch:
    """The launch from a tiling of the input to a volume of shape y.

    The tiles are cut evenly in blocks; where that gives too few chunks to share between threads,
    the filters are cut too, at the price of transforming the data once for each part.

    Args:
        isa: the target.
        batch: number of images.
        cut: the tiling.
        y: shape of the output.
        roles: input, transformed filters, bias, output and mask; bias and mask may be 0.
        relu: whether max(0, .) follows.
    """
    tiles = batch * cut.per_image
    pieces = quotient(tiles, BLOCK)
    block = multiple(quotient(tiles, pieces), isa.tile_rows)
    blocks = quotient(y.channels, isa.tile_columns)
    part = quotient(blocks, max(1, min(quotient(CHUNKS, pieces), blocks // GROUP)))
    parts = quotient(blocks, part)
    kernel = WinogradConvolution(
        *(cut.step, multiple(BLOCK, isa.tile_rows), isa.tile_columns, isa.lanes),
        bias=roles[2] != 0,
        relu=relu,
        masked=roles[4] != 0,
    )
    sizes = tiles, block, y.channels, part, parts, y.height, y.width, *cut.arguments
    chunks = quotient(tiles, block) * parts
    return Launch(kernel, chunks, (*roles, *sizes), room=kernel.scratch(cut.channels))


def _fraction(isa: Isa, conv: Conv, x: Shape, y: Shape) -> float:
    """Time by that of direct convolution: products, transforms of both sides, cut-off tiles."""
    size = conv.window.size[0]
    out = TILE + 1 - size
    covered = quotient(y.height, out) * quotient(y.width, out) * out * out / y.pixels
    padded = quotient(y.channels, isa.tile_columns) * isa.tile_columns / y.channels
    transforms = TRANSFORM / x.channels + TRANSFORM / y.channels
    return covered * (POSITIONS * padded + transforms) / (out * size) ** 2


@dataclass(frozen=True)
class WinogradForward:
    """CONV forward by F(4x4, 3x3) or F(2x2, 5x5)."""

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
        return seconds(self.isa, work) * _fraction(self.isa, task.what, x, task.output)

    def lower(self, task: Task) -> Lowering:
        return fold_norm(task, self._lower)

    def _lower(self, task: Task) -> Lowering:
        conv, (x,), columns = task.what, task.inputs, self.isa.tile_columns
        blocks = quotient(conv.filters, columns)
        arguments = ("w.w", "scratch.packed", conv.filters, x.channels)
        size, sides = conv.window.size[0], conv.window.sides
        pack = Launch(TransformFilters(size, self.isa.lanes), blocks, arguments, prepare=True)
        cut = tiling(x, task.output, (sides[0], sides[2]), size)
        relu = task.detail.get("relu", False)
        roles = ("x0", "scratch.packed", "w.b" if conv.bias else 0, "y", 0)
        main = convolution(self.isa, task.batch, cut, task.output, roles, relu)
        packed = blocks * POSITIONS * x.channels * columns * 4
        return Lowering((pack, main), scratch={"packed": packed})


@dataclass(frozen=True)
class WinogradBackward:
    """CONV backward: by the data as forward, by the filters with F(3x3, 4x4) or F(5x5, 2x2)."""

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
        by_data = _fraction(self.isa, task.what, task.output, x) if "dx0" in task.roles else 0
        by_filters = 1.1 * _fraction(self.isa, task.what, x, task.output)
        return seconds(self.isa, work) * (by_data + by_filters)

    def lower(self, task: Task) -> Lowering:
        launches, scratch = self._by_data(task) if "dx0" in task.roles else ((), {})
        more, partial = self._by_filters(task)
        return Lowering((*launches, *more), scratch={**scratch, **partial})

    def _by_data(self, task: Task) -> tuple[tuple[Launch, ...], dict[str, int]]:
        conv, (x,), columns = task.what, task.inputs, self.isa.tile_columns
        blocks = x.channels // columns
        arguments = ("w.w", "scratch.packed", conv.filters, x.channels)
        size, sides = conv.window.size[0], conv.window.sides
        pack = Launch(TransformFlipped(size), blocks, arguments)
        before = (size - 1 - sides[0], size - 1 - sides[2])
        cut = tiling(task.output, x, before, size)
        mask = "x0" if task.detail.get("mask") else 0
        roles = ("dy", "scratch.packed", 0, "dx0", mask)
        main = convolution(self.isa, task.batch, cut, x, roles)
        return (pack, main), {"packed": blocks * POSITIONS * conv.filters * columns * 4}

    def _by_filters(self, task: Task) -> tuple[tuple[Launch, ...], dict[str, int]]:
        conv, (x,), isa = task.what, task.inputs, self.isa
        size, sides, y = conv.window.size[0], conv.window.sides, task.output
        data = tiling(x, y, (sides[0], sides[2]), size)
        tiles = task.batch * data.per_image
        blocks = y.channels // isa.tile_columns
        groups = quotient(blocks, GROUP)
        slices = max(1, min(quotient(tiles, BLOCK), CHUNKS // groups))
        left = x.channels % isa.tile_rows
        kernel = WinogradFilterGradient(
            *(data.step, BLOCK, GROUP, isa.tile_columns, isa.lanes, left)
        )
        outputs = (y.height, y.width, y.channels, 0, 0, data.rows, data.columns)
        sizes = (tiles, slices, *data.arguments, *outputs)
        main = Launch(
            *(kernel, slices * groups, ("x0", "dy", "scratch.partial", *sizes)),
            room=kernel.scratch(x.channels, y.channels),
        )
        total, partial = sum_slices(conv, size**2 * x.channels, isa.tile_columns, slices)
        return (main, total), {"partial": partial}
