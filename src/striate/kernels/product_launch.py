"""How a matrix product is cut in blocks and chunks."""

from __future__ import annotations

from msgspec import Struct

from striate.kernels.conv_pack import blocks_of
from striate.kernels.estimates import seconds
from striate.kernels.isa import Isa
from striate.kernels.lattice import Lattice
from striate.kernels.micro_tile_rows import micro_tile_rows
from striate.kernels.moments import Moments
from striate.kernels.past_caches import output_goes_past
from striate.kernels.product import SKEW, ProductConvolution
from striate.kernels.rounding import multiple, quotient
from striate.layers import Conv, Shape, Window
from striate.plan import At, Launch

BLOCK = 100
"""Positions in a block, about: a slice of them takes half of a second-level cache of 512 KB."""
SLICE = 512
"""Channels in a slice at most. Sums go through memory between slices: few of them are best."""
EVEN = 4
"""Chunks are a multiple of this, so that threads get equally many."""
MOST_CHUNKS = 32
"""From there on chunks take more blocks: what the next block of a chunk sees comes in time."""
CHUNKS = 16
LEAST_CHANNELS = 32
"""Channels with which larger filters than 1x1 are worth a try."""
FRACTION = 0.92
"""Of the peak that products reach, but for what follows."""
COPIES = 4.0
"""Filters whose multiply-adds take as long as copying the channels that a 1x1 filter sees."""
CELL_COPIES, CELL_SUMS = 11.0, 5.0
"""The same for a cell of a larger filter, of which fewer pixels are new; and channels whose
multiply-adds take as long as the sums' way to memory and back between two cells."""


def is_pointwise(conv: Conv) -> bool:
    """Whether the filters see single pixels, without padding."""
    return conv.window.size == (1, 1) and conv.window.sides == (0, 0, 0, 0)


class Product(Struct, frozen=True):
    """One matrix product.

    Attributes:
        isa: the target.
        depths: of the input and of the output.
        source: what the filters see of the input.
        target: where their sums go.
        positions: how many, over the whole batch.
        window: rows and columns of a filter.
        pixel: values from one pixel of the output to the next; 0 stands for its depth.
        training: whether it is part of a training step.
    """

    isa: Isa
    depths: tuple[int, int]
    source: Lattice
    target: Lattice
    positions: int
    window: tuple[int, int] = (1, 1)
    pixel: int = 0
    training: bool = True

    def launch(
        self,
        roles: tuple[str | At | int, ...],
        bias: bool = False,
        relu: bool = False,
        adds: bool = False,
        plus: bool = False,
        moments: str | int = 0,
    ) -> Launch:
        """The launch.

        Args:
            roles: the kernel's first five arguments; a mask that is given is applied, or added.
            bias: whether there is one.
            relu: whether max(0, .) follows.
            adds: whether the sums are added to what is there.
            plus: whether what is given for the mask is added instead.
            moments: the role of those of the output; 0 if they are not wanted.
        """
        (channels, filters), columns = self.depths, self.isa.tile_columns
        (rows, across), (blocks, run, most) = self.window, self._blocks()
        (slices, width), (may, past) = self._slices(), self._past_caches(roles[3], adds)
        parts = max(1, min(quotient(CHUNKS, blocks), blocks_of(filters, columns) // 2))
        every = (self.source.is_every(self.window), self.target.is_every())
        kernel = ProductConvolution(
            *(filters % columns, columns, self.height, SLICE + SKEW),
            every,
            bias=bias,
            relu=relu,
            masked=roles[4] != 0 and not plus,
            adds=adds,
            plus=plus,
            moments=moments != 0,
            past_caches=may,
        )
        cut = (slices, width, parts, rows * across, across, self.pixel or filters)
        numbers = (self.positions, blocks, run, most, channels, filters, *cut)
        last = (*self.source.arguments, *self.target.arguments)
        arguments = (*roles, *numbers, *last, moments, multiple(filters, self.isa.lanes), past)
        return Launch(kernel, quotient(blocks, run) * parts, arguments, room=kernel.scratch(most))

    def _past_caches(self, y: str | At | int, adds: bool) -> tuple[bool, int]:
        """Whether the output, in whole vectors, may be written past the caches, and whether it is:
        not where cells or slices add to it one after the other."""
        filters, (slices, _) = self.depths[1], self._slices()
        size, pixel = 4 * self.positions * filters, self.pixel or filters
        whole = self.window == (1, 1) and filters % self.isa.lanes == 0
        may = self.isa.outputs_past and whole and not adds
        past = may and slices == 1 and output_goes_past(self.isa, size, y, pixel)
        return may, int(past)

    @property
    def height(self) -> int:
        """Positions of a micro-tile."""
        return micro_tile_rows(self.isa, self.positions, self.training)

    @property
    def moments_bytes(self) -> int:
        """Bytes of the moments of the output, whose slices are the blocks."""
        blocks, _, _ = self._blocks()
        return Moments.of(self.depths[1], self.isa.lanes).bytes(blocks)

    def _slices(self) -> tuple[int, int]:
        """Slices of the channels, and the channels of one."""
        channels = self.depths[0]
        width = multiple(quotient(channels, quotient(channels, SLICE)), self.isa.lanes)
        return quotient(channels, width), width

    def _blocks(self) -> tuple[int, int, int]:
        """Blocks that the positions are cut in, those in a chunk, and positions in one at most."""
        tiles = quotient(self.positions, self.height)
        run = quotient(self.positions, BLOCK * MOST_CHUNKS)
        chunks = quotient(self.positions, BLOCK * run)
        blocks = min(tiles, run * (multiple(chunks, EVEN) if chunks > EVEN else chunks))
        return blocks, run, quotient(tiles, blocks) * self.height


def whole(shape: Shape) -> Lattice:
    """All pixels of a volume."""
    return Lattice.of(Window((1, 1), (1, 1), (0, 0, 0, 0)), shape)


def product_seconds(isa: Isa, macs: float, depths: tuple[int, int], pointwise: bool) -> float:
    """Seconds of so many multiply-adds of filters, 1x1 or larger, with channels and filters."""
    channels, filters = depths
    more = COPIES / filters if pointwise else CELL_COPIES / filters + CELL_SUMS / channels
    return seconds(isa, macs, FRACTION) * (1 + more)
