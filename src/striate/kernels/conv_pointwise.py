"""CONV with 1x1 filters as a matrix product over the pixels of the whole batch."""

from __future__ import annotations

from dataclasses import dataclass

from striate.kernels.conv_data_gradient import FillZeros, pack_flipped, whole_filters
from striate.kernels.conv_direct import seconds
from striate.kernels.conv_filter_gradient import sum_slices
from striate.kernels.conv_fold import fold_norm
from striate.kernels.conv_pack import blocks_of, pack_forward
from striate.kernels.isa import Isa
from striate.kernels.pointwise import Lattice, PointwiseConvolution
from striate.kernels.pointwise_gradient import PointwiseGradient
from striate.kernels.rounding import multiple, quotient
from striate.layers import Conv, Shape
from striate.plan import Launch, Lowering, Task

BLOCK = 96
SLICE = 256
GRADIENT_BLOCK = 128
SHARED = 4
CHUNKS = 16
FRACTION = 0.85
"""Of the peak that the matrix product reaches; direct convolution reaches less."""


def unfit(conv: Conv) -> str | None:
    """Why a CONV cannot be done this way, or None."""
    if conv.window.size != (1, 1):
        return "the filters are not 1x1"
    if conv.groups != 1:
        return "there are groups"
    return None if conv.window.sides == (0, 0, 0, 0) else "there is padding"


def lattices(conv: Conv, x: Shape, y: Shape) -> tuple[Lattice, Lattice]:
    """Where the pixels that the filters see lie in x and in y."""
    size = (y.height, y.width)
    return Lattice(size, conv.window.stride, (x.height, x.width)), Lattice(size, (1, 1), size)


def product(
    isa: Isa,
    depths: tuple[int, int],
    where: tuple[Lattice, Lattice],
    pixels: int,
    roles: tuple[str | int, ...],
    bias: bool = False,
    relu: bool = False,
) -> Launch:
    """The launch from a volume of one depth to one of another.

    Args:
        isa: the target.
        depths: of the input and of the output.
        where: the pixels lie in them.
        pixels: how many, over the whole batch.
        roles: the kernel's first five arguments; a mask that is given is applied.
        bias: whether there is one.
        relu: whether max(0, .) follows.
    """
    channels, filters = depths
    pieces = quotient(pixels, BLOCK)
    block = multiple(quotient(pixels, pieces), isa.tile_rows)
    width = multiple(quotient(channels, quotient(channels, SLICE)), isa.lanes)
    slices = quotient(channels, width)
    parts = max(1, min(quotient(CHUNKS, pieces), blocks_of(filters, isa.tile_columns) // 2))
    kernel = PointwiseConvolution(
        *(filters % isa.tile_columns, isa.tile_columns, (where[0].skips, where[1].skips)),
        bias=bias,
        relu=relu,
        masked=roles[4] != 0,
    )
    numbers = (pixels, block, channels, filters, slices, width, parts)
    arguments = (*roles, *numbers, *where[0].arguments, *where[1].arguments)
    room = kernel.scratch(block, width)
    return Launch(kernel, quotient(pixels, block) * parts, arguments, room=room)


@dataclass(frozen=True)
class PointwiseForward:
    """CONV forward with 1x1 filters."""

    isa: Isa
    name: str = "pointwise"

    def refuses(self, task: Task) -> str | None:
        return unfit(task.what)

    def cost(self, task: Task) -> float:
        return seconds(self.isa, task.batch * task.what.macs(*task.inputs), FRACTION)

    def lower(self, task: Task) -> Lowering:
        return fold_norm(task, self._lower)

    def _lower(self, task: Task) -> Lowering:
        conv, (x,), y = task.what, task.inputs, task.output
        pack, size = pack_forward(conv, x, self.isa.tile_columns)
        bias = "w.b" if conv.bias else 0
        main = product(
            *(self.isa, (x.channels, y.channels), lattices(conv, x, y), task.batch * y.pixels),
            roles=("x0", "scratch.packed", bias, "y", 0),
            bias=conv.bias,
            relu=task.detail.get("relu", False),
        )
        return Lowering((pack, main), scratch={"packed": size})


@dataclass(frozen=True)
class PointwiseBackward:
    """CONV backward with 1x1 filters: two matrix products, by the data and by the filters."""

    isa: Isa
    name: str = "pointwise"

    def refuses(self, task: Task) -> str | None:
        return unfit(task.what)

    def cost(self, task: Task) -> float:
        passes = 1 + ("dx0" in task.roles)
        return passes * seconds(self.isa, task.batch * task.what.macs(*task.inputs), FRACTION)

    def lower(self, task: Task) -> Lowering:
        launches, scratch = self._by_filters(task)
        if "dx0" in task.roles:
            first, flipped = self._by_data(task)
            launches, scratch = (*first, *launches), {**scratch, **flipped}
        return Lowering(launches, scratch=scratch)

    def _by_data(self, task: Task) -> tuple[tuple[Launch, ...], dict[str, int]]:
        conv, (x,), y = task.what, task.inputs, task.output
        values = blocks_of(x.channels, self.isa.tile_columns) * self.isa.tile_columns * y.channels
        mask = "x0" if task.detail.get("mask") else 0
        source, target = lattices(conv, x, y)
        first: list[Launch] = []
        if x.pixels > y.pixels:
            chunks = min(64, x.height * task.batch)
            first.append(Launch(FillZeros(), chunks, ("dx0", task.batch * x.values, chunks)))
        main = product(
            *(self.isa, (y.channels, x.channels), (target, source), task.batch * y.pixels),
            ("dy", "scratch.flipped", 0, "dx0", mask),
        )
        pack = pack_flipped(self.isa, conv, x, *whole_filters(conv), 0)
        return (*first, pack, main), {"flipped": 4 * values}

    def _by_filters(self, task: Task) -> tuple[tuple[Launch, ...], dict[str, int]]:
        conv, (x,), y, columns = task.what, task.inputs, task.output, self.isa.tile_columns
        pixels = task.batch * y.pixels
        shares = quotient(blocks_of(y.channels, columns), SHARED)
        parts = max(1, min(quotient(pixels, GRADIENT_BLOCK), CHUNKS // shares))
        rows, source = self.isa.tile_rows, lattices(conv, x, y)[0]
        width = multiple(quotient(x.channels, quotient(x.channels, SLICE)), rows)
        slices = quotient(x.channels, width)
        kernel = PointwiseGradient(
            *(x.channels % rows, source.skips, GRADIENT_BLOCK, SHARED, columns)
        )
        numbers = (pixels, parts, x.channels, y.channels, slices, width, *source.arguments)
        roles: tuple[str | int, ...] = ("x0", "dy", "scratch.partial")
        main = Launch(kernel, parts * shares, roles + numbers, room=kernel.scratch(width))
        total, size = sum_slices(conv, x.channels, columns, parts)
        return (main, total), {"partial": size}
