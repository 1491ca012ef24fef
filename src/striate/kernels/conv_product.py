"""CONV as a matrix product over the positions of the whole batch."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial

from striate.kernels.conv_data_gradient import (
    FillZeros,
    data_gradient,
    data_seconds,
    pack_flipped,
    whole_filters,
)
from striate.kernels.conv_fold import fold_norm
from striate.kernels.conv_pack import blocks_of, pack_forward
from striate.kernels.estimates import filled, seconds
from striate.kernels.filter_slices import sum_slices
from striate.kernels.isa import Isa
from striate.kernels.lattice import Lattice
from striate.kernels.outputs import output_of
from striate.kernels.product import SKEW, ProductConvolution
from striate.kernels.product_gradient import ProductGradient
from striate.kernels.rounding import multiple, quotient
from striate.layers import Conv, Shape, Window
from striate.plan import At, Launch, Lowering, Task

BLOCK = 100
"""Positions in a block, about: a slice of them takes half of a second-level cache of 512 KB."""
SLICE = 512
"""Channels in a slice at most. Sums go through memory between slices: few of them are best."""
EVEN = 4
"""Chunks are a multiple of this, so that threads get equally many."""
MOST_CHUNKS = 32
"""From there on chunks take more blocks: what the next block of a chunk sees comes in time."""
LEAST_CHANNELS = 32
"""Channels with which larger filters than 1x1 are worth a try."""
GRADIENT_SLICE = 256
GRADIENT_BLOCK = 64
"""Positions summed in registers: what a micro-tile sees of them stays in the first-level cache."""
GRADIENT_PART = 400
"""Positions in a part at least: fewer, and adding up the parts is too large a share."""
MOST_SHARED = 256
"""Filters in a chunk at most, so that their sums stay in the second-level cache."""
LEAST_SHARED = 4
"""Blocks of filters in a chunk at least, if there are as many: they share the panel."""
CHUNKS = 16
FRACTION, FRACTION_OF_WINDOWS, FRACTION_OF_GRADIENTS = 0.92, 0.85, 0.84
"""Of the peak that the matrix product reaches with 1x1 filters, with larger ones, which take what
they see cell by cell, and by the filters, where sums go through memory."""
COPIES = 4.0
"""Filters whose multiply-adds take as long as copying the channels that they see."""
FORWARD_COPIES, FRACTION_OF_FORWARD = 8.0, 0.975
"""The same for 1x1 filters forward, whose pixels direct convolution reads where they lie, and the
part of the peak that the product reaches beside the copies."""


def is_pointwise(conv: Conv) -> bool:
    """Whether the filters see single pixels, without padding."""
    return conv.window.size == (1, 1) and conv.window.sides == (0, 0, 0, 0)


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


@dataclass(frozen=True)
class Product:
    """One matrix product.

    Attributes:
        isa: the target.
        depths: of the input and of the output.
        source: what the filters see of the input.
        target: where their sums go.
        positions: how many, over the whole batch.
        window: rows and columns of a filter.
        pixel: values from one pixel of the output to the next; 0 stands for its depth.
    """

    isa: Isa
    depths: tuple[int, int]
    source: Lattice
    target: Lattice
    positions: int
    window: tuple[int, int] = (1, 1)
    pixel: int = 0

    def launch(
        self,
        roles: tuple[str | At | int, ...],
        bias: bool = False,
        relu: bool = False,
        adds: bool = False,
        plus: bool = False,
    ) -> Launch:
        """The launch.

        Args:
            roles: the kernel's first five arguments; a mask that is given is applied, or added.
            bias: whether there is one.
            relu: whether max(0, .) follows.
            adds: whether the sums are added to what is there.
            plus: whether what is given for the mask is added instead.
        """
        (channels, filters), columns = self.depths, self.isa.tile_columns
        rows, across = self.window
        blocks, run, most = self._blocks()
        width = multiple(quotient(channels, quotient(channels, SLICE)), self.isa.lanes)
        slices = quotient(channels, width)
        parts = max(1, min(quotient(CHUNKS, blocks), blocks_of(filters, columns) // 2))
        every = (self.source.is_every, self.target.is_every)
        kernel = ProductConvolution(
            *(filters % columns, columns, SLICE + SKEW, every, self.source.is_bounded(self.window)),
            bias=bias,
            relu=relu,
            masked=roles[4] != 0 and not plus,
            adds=adds,
            plus=plus,
        )
        cut = (slices, width, parts, rows * across, across, self.pixel or filters)
        numbers = (self.positions, blocks, run, most, channels, filters, *cut)
        arguments = (*roles, *numbers, *self.source.arguments, *self.target.arguments)
        return Launch(kernel, quotient(blocks, run) * parts, arguments, room=kernel.scratch(most))

    def _blocks(self) -> tuple[int, int, int]:
        """Blocks that the positions are cut in, those in a chunk, and positions in one at most."""
        tiles = quotient(self.positions, self.isa.tile_rows)
        run = quotient(self.positions, BLOCK * MOST_CHUNKS)
        chunks = quotient(self.positions, BLOCK * run)
        blocks = min(tiles, run * (multiple(chunks, EVEN) if chunks > EVEN else chunks))
        return blocks, run, quotient(tiles, blocks) * self.isa.tile_rows


def whole(shape: Shape) -> Lattice:
    """All pixels of a volume."""
    return Lattice.of(Window((1, 1), (1, 1), (0, 0, 0, 0)), shape)


def estimate(isa: Isa, conv: Conv, x: Shape, batch: int, by_filters: bool = False) -> float:
    """Seconds of one of the passes."""
    copies = 1 + COPIES / conv.filters
    fraction = FRACTION if is_pointwise(conv) else FRACTION_OF_WINDOWS
    fraction = FRACTION_OF_GRADIENTS if by_filters else fraction
    return seconds(isa, batch * conv.macs(x), fraction) * copies


@dataclass(frozen=True)
class ProductForward:
    """CONV forward as a matrix product."""

    isa: Isa
    name: str = "matrix product"

    def refuses(self, task: Task) -> str | None:
        if task.detail.get("plus") and "part" in task.detail:
            return "what is added does not lie as the output does"
        return unfit(task.what, *task.inputs)

    def cost(self, task: Task) -> float:
        (x,), conv = task.inputs, task.what
        if not is_pointwise(conv):
            return estimate(self.isa, conv, x, task.batch)
        used = filled(conv.filters, self.isa.lanes)
        copies: float = 1 + FORWARD_COPIES / conv.filters
        work = seconds(self.isa, task.batch * conv.macs(x), FRACTION_OF_FORWARD * used)
        return work * copies

    def lower(self, task: Task) -> Lowering:
        return fold_norm(task, self._lower)

    def _lower(self, task: Task) -> Lowering:
        conv, (x,), y = task.what, task.inputs, task.output
        pack, size = pack_forward(conv, x, self.isa.tile_columns)
        to, pixel = output_of(task)
        product = Product(
            *(self.isa, (x.channels, y.channels), Lattice.of(conv.window, x), whole(y)),
            *(task.batch * y.pixels, conv.window.size, pixel),
        )
        relu, plus = (task.detail.get(name, False) for name in ("relu", "plus"))
        roles = ("x0", "scratch.packed", "w.b" if conv.bias else 0, to, "x1" if plus else 0)
        main = product.launch(roles, bias=conv.bias, relu=relu, plus=plus)
        return Lowering((pack, main), scratch={"packed": size})


@dataclass(frozen=True)
class ProductBackward:
    """CONV backward by the filters as a matrix product; by the data, too, where they are 1x1."""

    isa: Isa
    name: str = "matrix product"

    def refuses(self, task: Task) -> str | None:
        return unfit(task.what, *task.inputs)

    def cost(self, task: Task) -> float:
        (x,), conv = task.inputs, task.what
        by_filters = estimate(self.isa, conv, x, task.batch, by_filters=True)
        if "dx0" in task.roles and is_pointwise(conv):
            return by_filters + estimate(self.isa, conv, x, task.batch)
        return by_filters + data_seconds(self.isa, task)

    def lower(self, task: Task) -> Lowering:
        launches, scratch = self._by_filters(task)
        if "dx0" in task.roles:
            by_data = self._by_data if is_pointwise(task.what) else partial(data_gradient, self.isa)
            first, flipped = by_data(task)
            launches, scratch = (*first, *launches), {**scratch, **flipped}
        return Lowering(launches, scratch=scratch)

    def _by_data(self, task: Task) -> tuple[tuple[Launch, ...], dict[str, int]]:
        conv, (x,), y = task.what, task.inputs, task.output
        values = blocks_of(x.channels, self.isa.tile_columns) * self.isa.tile_columns * y.channels
        mask = "x0" if task.detail.get("mask") else 0
        first: list[Launch] = []
        if x.pixels > y.pixels:
            chunks = min(64, x.height * task.batch)
            first.append(Launch(FillZeros(), chunks, ("dx0", task.batch * x.values, chunks)))
        product = Product(
            *(self.isa, (y.channels, x.channels), whole(y), Lattice.of(conv.window, x)),
            task.batch * y.pixels,
        )
        roles = ("dy", "scratch.flipped", 0, "dx0", mask)
        main = product.launch(roles, adds=task.detail.get("adds", False))
        pack = pack_flipped(self.isa, conv, x, *whole_filters(conv), 0)
        return (*first, pack, main), {"flipped": 4 * values}

    def _by_filters(self, task: Task) -> tuple[tuple[Launch, ...], dict[str, int]]:
        conv, (x,), y, columns = task.what, task.inputs, task.output, self.isa.tile_columns
        positions, blocks = task.batch * y.pixels, blocks_of(y.channels, columns)
        parts = max(1, min(positions // GRADIENT_PART, CHUNKS))
        shared = quotient(blocks, quotient(CHUNKS, parts))
        shared = min(blocks, max(LEAST_SHARED, min(MOST_SHARED // columns, shared)))
        rows, source = self.isa.tile_rows, Lattice.of(conv.window, x)
        width = multiple(quotient(x.channels, quotient(x.channels, GRADIENT_SLICE)), rows)
        bounded = source.is_bounded(conv.window.size)
        kernel = ProductGradient(
            *(x.channels % rows, source.is_every, bounded, GRADIENT_BLOCK, columns)
        )
        cut = (quotient(x.channels, width), width, shared, conv.window.cells, conv.window.size[1])
        numbers = (positions, parts, x.channels, y.channels, *cut, *source.arguments)
        roles: tuple[str | int, ...] = ("x0", "dy", "scratch.partial")
        main = Launch(
            kernel,
            parts * quotient(blocks, shared),
            roles + numbers,
            room=kernel.scratch(width, shared),
        )
        total, size = sum_slices(conv, x.channels * conv.window.cells, columns, parts)
        return (main, total), {"partial": size}
