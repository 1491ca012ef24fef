"""CONV as a matrix product over the positions of the whole batch."""

from __future__ import annotations

from math import gcd

from msgspec import Struct

from striate.kernels.conv_norm import MOMENTS, gives_statistics, pass_seconds, with_norm
from striate.kernels.conv_pack import blocks_of, pack_forward
from striate.kernels.estimates import filled, seconds
from striate.kernels.filter_slices import sum_slices
from striate.kernels.isa import Isa
from striate.kernels.lattice import Lattice
from striate.kernels.outputs import output_of
from striate.kernels.product_data import quickest_data
from striate.kernels.product_gradient import ProductGradient
from striate.kernels.product_launch import (
    CHUNKS,
    COPIES,
    LEAST_CHANNELS,
    Product,
    is_pointwise,
    product_seconds,
    whole,
)
from striate.kernels.rounding import multiple, quotient
from striate.layers import Conv, Shape
from striate.plan import Launch, Lowering, Task

GRADIENT_SLICE = 256
GRADIENT_BLOCK = 64
"""Positions summed in registers: what a micro-tile sees of them stays in the first-level cache."""
FRACTION_OF_GRADIENTS = 0.84
"""Of the peak that products by the filters reach: sums go through memory."""
GRADIENT_PART, LEAST_PART = 1500, 400
"""Positions in a part: about, where filters and channels make chunks enough, and at least, where
they do not. The sums of each part go through memory and are added up."""
MOST_SHARED = 256
"""Filters in a chunk at most, so that their sums stay in the second-level cache."""
MOST_SUMS = 512 * 1024
"""Bytes of sums in a chunk, about: they are read and written for each block of positions."""
RIDING = 0.3
"""The time of summing up the moments of what is in registers, by that of a pass of its own."""
LEAST_SHARED = 8
"""Blocks of filters in a chunk at least, if there are as many: they share the panel."""
WIDE_CHUNKS = 8
"""That are enough where there are as many: more of them would pack the panels more often, or make
more sums. More threads than these find no work there."""
FORWARD_COPIES, FRACTION_OF_FORWARD = 8.0, 0.975
"""Filters whose multiply-adds take as long as copying the channels that 1x1 filters see, whose
pixels direct convolution reads where they lie; and the part of the peak that products reach beside
the copies."""


def can_add(conv: Conv) -> bool:
    """Whether backward-data can add to a gradient that is there, at every pixel: `adds`."""
    return is_pointwise(conv) and conv.window.stride == (1, 1) and conv.groups == 1


def unfit(conv: Conv, x: Shape) -> str | None:
    """Why a CONV cannot be done this way, or need not be tried; None if it can."""
    if conv.groups != 1:
        return "there are groups"
    if x.channels < LEAST_CHANNELS and not is_pointwise(conv):
        return f"{x.channels} channels are too few for a slice"
    return None


class ProductForward(Struct, frozen=True):
    """CONV forward as a matrix product."""

    isa: Isa
    name: str = "matrix product"

    def refuses(self, task: Task) -> str | None:
        if task.detail.get("plus") and "part" in task.detail:
            return "what is added does not lie as the output does"
        return unfit(task.what, *task.inputs)

    def cost(self, task: Task) -> float:
        (x,), conv = task.inputs, task.what
        macs, depths = task.batch * conv.macs(x), (x.channels, conv.filters)
        if not is_pointwise(conv):
            products = product_seconds(self.isa, macs, depths, pointwise=False)
        else:
            used = filled(conv.filters, self.isa.lanes)
            products = seconds(self.isa, macs, FRACTION_OF_FORWARD * used)
            products *= 1 + FORWARD_COPIES / conv.filters
        return products + RIDING * pass_seconds(task)

    def lower(self, task: Task) -> Lowering:
        return with_norm(self.isa, task, self._lower)

    def _lower(self, task: Task) -> Lowering:
        conv, (x,), y = task.what, task.inputs, task.output
        pack, size = pack_forward(conv, x, self.isa.tile_columns)
        to, pixel = output_of(task)
        product = Product(
            *(self.isa, (x.channels, y.channels), Lattice.of(conv.window, x), whole(y)),
            *(task.batch * y.pixels, conv.window.size, pixel, task.training),
        )
        relu, plus = (task.detail.get(name, False) for name in ("relu", "plus"))
        roles = ("x0", "scratch.packed", "w.b" if conv.bias else 0, to, "x1" if plus else 0)
        scratch, moments = {"packed": size}, f"scratch.{MOMENTS}" if gives_statistics(task) else 0
        if moments:
            scratch[MOMENTS] = product.moments_bytes
        main = product.launch(roles, bias=conv.bias, relu=relu, plus=plus, moments=moments)
        return Lowering((pack, main), scratch=scratch)


class ProductBackward(Struct, frozen=True):
    """CONV backward by the filters as a matrix product; by the data, too, where that is fastest."""

    isa: Isa
    name: str = "matrix product"

    def refuses(self, task: Task) -> str | None:
        return unfit(task.what, *task.inputs)

    def cost(self, task: Task) -> float:
        (x,), conv = task.inputs, task.what
        macs = task.batch * conv.macs(x)
        copies: float = 1 + COPIES / conv.filters
        by_filters = seconds(self.isa, macs, FRACTION_OF_GRADIENTS) * copies
        return by_filters + quickest_data(self.isa, task)[0]

    def lower(self, task: Task) -> Lowering:
        launches, scratch = self._by_filters(task)
        if "dx0" in task.roles:
            _, by_data = quickest_data(self.isa, task)
            first, flipped = by_data(self.isa, task)
            launches, scratch = (*first, *launches), {**scratch, **flipped}
        return Lowering(launches, scratch=scratch)

    def _by_filters(self, task: Task) -> tuple[tuple[Launch, ...], dict[str, int]]:
        conv, (x,), y, columns = task.what, task.inputs, task.output, self.isa.tile_columns
        positions, blocks = task.batch * y.pixels, blocks_of(y.channels, columns)
        wanted = CHUNKS if blocks < LEAST_SHARED else WIDE_CHUNKS
        parts = max(1, min(positions // GRADIENT_PART, CHUNKS))
        shared = quotient(blocks, quotient(wanted, parts))
        shared = min(blocks, max(LEAST_SHARED, min(MOST_SHARED // columns, shared)))
        rows, source = self.isa.tile_rows, Lattice.of(conv.window, x)
        width = multiple(quotient(x.channels, quotient(x.channels, GRADIENT_SLICE)), rows)
        slices = quotient(x.channels, width)
        taken = _slices_taken(conv, x, slices, shared * columns, parts * quotient(blocks, shared))
        chunks = quotient(blocks, shared) * conv.window.cells * slices // taken
        parts = max(1, min(positions // LEAST_PART, quotient(wanted, chunks)))
        every = source.is_every(conv.window.size)
        kernel = ProductGradient(_left(self.isa, x.channels), every, GRADIENT_BLOCK, columns)
        cut = (slices, width, shared, conv.window.cells, conv.window.size[1], taken)
        numbers = (positions, parts, x.channels, y.channels, *cut, *source.arguments)
        roles: tuple[str | int, ...] = ("x0", "dy", "scratch.partial")
        room = kernel.scratch(self.isa, width, shared)
        main = Launch(kernel, parts * chunks, roles + numbers, room=room)
        total, size = sum_slices(conv, x.channels * conv.window.cells, columns, parts)
        return (main, total), {"partial": size}


def _left(isa: Isa, channels: int) -> tuple[int, ...]:
    """Channels that there may be behind the last whole micro-tile: all kinds of layers with whole
    vectors of them share a kernel."""
    rows, unit = isa.tile_rows, gcd(isa.tile_rows, isa.lanes)
    if channels % unit == 0:
        return tuple(range(unit, rows, unit))
    return (channels % rows,)


def _slices_taken(conv: Conv, x: Shape, slices: int, filters: int, shares: int) -> int:
    """Slices of all cells that a chunk takes for so many filters, in equal numbers: as many as the
    cache holds sums of, and fewer where that makes few chunks. ``shares`` is how many chunks there
    would be if each took all slices."""
    every = conv.window.cells * slices
    least = quotient(4 * conv.window.cells * x.channels * filters, MOST_SUMS)
    least = min(max(least, quotient(CHUNKS, shares)), every)
    return every // min(n for n in range(least, every + 1) if every % n == 0)
